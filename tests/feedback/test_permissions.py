"""Who may do what: one table, role × action × state of the dataset."""

from __future__ import annotations

from contextvars import Context
from datetime import datetime
from typing import Any

import pytest
from flask_principal import Identity, identity_loaded
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.dataset.permissions import OwnablePermission, OwnableReadPermission
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.portal import catalogue

from ..cases import PluginTestCase, Producer, sysadmin

STATES: dict[str, dict[str, Any]] = {
    "public": {},
    "archived": {"archived": datetime(2026, 1, 1)},
    "private": {"private": True},
    "deleted": {"deleted": datetime(2026, 1, 1)},
    "private and deleted": {"private": True, "deleted": datetime(2026, 1, 1)},
}

#: Reads what is neither private nor deleted only.
OUTSIDERS = ("anonymous", "citizen", "author", "member elsewhere")
#: Reads everything of the organization; produces it or not.
PRODUCERS = ("admin", "editor", "assigned partial editor")
INSIDERS = (*PRODUCERS, "unassigned partial editor", "sysadmin")

#: What each role is answered. "seen": whoever may read the dataset, others are told 404.
#: "unknown" is for who is not identified.
EXPECTED = {
    # action: (seen, unknown)
    "list": (200, 200),
    "get": (200, 200),
    "summary": (200, 200),
    "page": (200, 200),
    "submit": (201, 401),
    "edit": (403, 401),
    "delete": (403, 401),
}
AUTHOR = {"submit": 409, "edit": 200, "delete": 204}

unlimited = pytest.mark.options(
    CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None, CULTURE_FEEDBACK_LIMIT_MANAGER=None
)


class Scene:
    """A dataset of an organization, a feedback about it, and somebody in each role."""

    def __init__(self, test: PluginTestCase):
        producer = Producer()
        self.dataset: Dataset = producer.dataset
        author = UserFactory()
        self.feedback = test.give(author, self.dataset)
        elsewhere = UserFactory()
        OrganizationFactory(admins=[elsewhere], editors=[UserFactory()])
        self.roles: dict[str, User | None] = {
            "anonymous": None,
            "citizen": UserFactory(),
            "author": author,
            "member elsewhere": elsewhere,
            "admin": producer.admin,
            "editor": producer.editor,
            "assigned partial editor": producer.assigned,
            "unassigned partial editor": producer.partial_editor,
            "sysadmin": sysadmin(),
        }
        self.document = feedbacks().find_one({})

    def turn(self, state: dict[str, Any]) -> None:
        """Puts the dataset in a state, without what usually follows."""
        blank = {"private": False, "deleted": None, "archived": None}
        Dataset._get_collection().update_one({"_id": self.dataset.id}, {"$set": blank | state})

    def forget(self) -> None:
        """Back to the one feedback, whatever was just done."""
        feedbacks().replace_one({"_id": self.document["_id"]}, self.document, upsert=True)
        feedbacks().delete_many({"_id": {"$ne": self.document["_id"]}})


def status(test: PluginTestCase, scene: Scene, action: str, user: User | None) -> int:
    dataset, id = scene.dataset.id, scene.feedback["id"]
    verb, path, body = {
        "list": ("GET", f"/feedback/?dataset={dataset}", None),
        "get": ("GET", f"/feedback/{id}/", None),
        "summary": ("GET", f"/datasets/{dataset}/summary/", None),
        "page": ("GET", f"/pages/datasets/{dataset}/?as=fragment", None),
        "submit": ("POST", "/feedback/", {"dataset": str(dataset), "fitness": "yes"}),
        "edit": ("PUT", f"/feedback/{id}/", {"profile": "other"}),
        "delete": ("DELETE", f"/feedback/{id}/", None),
    }[action]
    return test.ask(verb, path, body, user).status_code


class PermissionTest(PluginTestCase):
    @unlimited
    @pytest.mark.parametrize("state", STATES)
    def test_each_role_is_answered_what_the_table_says(self, state):
        scene = Scene(self)
        scene.turn(STATES[state])
        hidden = "private" in state or "deleted" in state
        wrong = []
        for role, user in scene.roles.items():
            for action, (seen, unknown) in EXPECTED.items():
                expected = unknown if role == "anonymous" else seen
                if role == "author":
                    expected = AUTHOR.get(action, expected)
                if hidden and role in OUTSIDERS and expected != 401:
                    expected = 404
                elif "deleted" in state and action == "submit" and expected != 401:
                    expected = 400
                scene.forget()
                found = status(self, scene, action, user)
                if found != expected:
                    wrong.append(f"{role} {action}: {found}, not {expected}")
        assert not wrong

    @unlimited
    def test_the_owner_of_a_dataset_of_nobody_else(self):
        owner, citizen = UserFactory(), UserFactory()
        dataset = DatasetFactory(owner=owner, organization=None)
        self.give(citizen, dataset)
        for fields in STATES.values():
            blank = {"private": False, "deleted": None, "archived": None}
            Dataset._get_collection().update_one({"_id": dataset.id}, {"$set": blank | fields})
            hidden = "private" in fields or "deleted" in fields
            for user, expected in ((owner, 200), (citizen, 404 if hidden else 200)):
                path = f"/feedback/?dataset={dataset.id}"
                assert self.ask("GET", path, user=user).status_code == expected

    def test_what_each_role_is_told_it_may_do(self):
        scene = Scene(self)
        for role, user in scene.roles.items():
            shown = self.ask("GET", f"/feedback/{scene.feedback['id']}/", user=user).json
            assert shown["permissions"] == {
                "edit": role == "author",
                "delete": role == "author",
                "treat": role in (*PRODUCERS, "sysadmin"),
                "moderate": role == "sysadmin",
            }, role

    def test_private_datasets_are_in_no_list_and_no_figure_of_others(self):
        scene = Scene(self)
        organization = scene.dataset.organization
        scene.dataset.private = True
        scene.dataset.save()
        for role, user in scene.roles.items():
            for path in ("/feedback/", f"/feedback/?organization={organization.id}"):
                assert self.ask("GET", path, user=user).json["data"] == [], role
        for of in (organization, None):
            assert self.summary(of)["total"] == 0

    @pytest.mark.parametrize("state", STATES)
    def test_reading_and_editing_follow_udatas_own_rules(self, state):
        scene = Scene(self)
        owner = UserFactory()
        owned = DatasetFactory(owner=owner, organization=None, **STATES[state])
        orphan = DatasetFactory(owner=None, organization=None, **STATES[state])
        scene.turn(STATES[state])
        roles = scene.roles | {"owner": owner}
        for dataset in (scene.dataset, owned, orphan):
            facts = catalogue.find_dataset(dataset.id)
            assert facts
            dataset = Dataset.objects.get(id=dataset.id)
            for role, user in roles.items():
                ours, udatas = Context().run(self.decide, user, facts, dataset)
                assert ours == udatas, (role, state)
        facts = catalogue.find_dataset(scene.dataset.id)
        can_read = {role for role, user in roles.items() if self.reads(user, facts)}
        if "private" in state or "deleted" in state:
            assert can_read == set(INSIDERS)
        else:
            assert can_read == set(roles)

    def decide(self, user: User | None, facts: Any, dataset: Dataset) -> Any:
        with self.app.test_request_context("/"):
            self.identify(user)
            return (
                (catalogue.may_read(facts), catalogue.may_edit(facts)),
                (OwnableReadPermission(dataset).can(), OwnablePermission(dataset).can()),
            )

    def reads(self, user: User | None, facts: Any) -> bool:
        def ask() -> bool:
            with self.app.test_request_context("/"):
                self.identify(user)
                return catalogue.may_read(facts)

        return Context().run(ask)

    def identify(self, user: User | None) -> None:
        """As udata does for a request of that user."""
        from flask import g
        from flask_login import AnonymousUserMixin

        g._login_user = user or AnonymousUserMixin()
        g.identity = Identity(user.fs_uniquifier if user else None)
        identity_loaded.send(self.app, identity=g.identity)
