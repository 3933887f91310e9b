"""One of everything, and somebody in each role: what the tests of this folder attack."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from bson import ObjectId
from flask import json
from mongoengine.connection import get_db
from pymongo import monitoring
from pymongo.monitoring import CommandListener
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from werkzeug.routing import Rule

from tests.cases import P, PluginTestCase, Producer, sysadmin
from tests.consultations.consulting import ANSWERS, QUESTIONS, team_member
from tests.moderation.people import moderator
from tests.people.without_account import SETTINGS
from udata_culture_feedback.consultations.models import responses
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.email_confirmation import confirmation
from udata_culture_feedback.feedback import reassessment
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail import unsubscribe
from udata_culture_feedback.moderation import appeals
from udata_culture_feedback.moderation.models import journal
from udata_culture_feedback.my_data import access_link
from udata_culture_feedback.people import contacts, tokens
from udata_culture_feedback.people.access_modes import Action
from udata_culture_feedback.people.viewer import TOKEN_HEADER
from udata_culture_feedback.portal.collections import now

UNLIMITED = {
    name: None
    for name in (
        "CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR",
        "CULTURE_FEEDBACK_LIMIT_MANAGER",
        "CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS",
        "CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE",
    )
}

#: Everybody that the table of permissions has a column for.
ROLES = (
    "anonymous",
    "confirmed",
    "citizen",
    "author",
    "admin",
    "editor",
    "assigned",
    "partial",
    "other",
    "limited",
    "moderator",
    "team",
    "sysadmin",
)

#: States of what a route is about: fields of its dataset, visibility of the contribution.
STATES: dict[str, tuple[dict[str, Any], str]] = {
    "public": ({}, "public"),
    "pending": ({}, "pending"),
    "hidden": ({}, "hidden"),
    "private": ({"private": True}, "public"),
    "deleted": ({"deleted": datetime(2026, 1, 1)}, "public"),
}

WORDS = "Il manque les musées d’outre-mer."


class Written(CommandListener):
    """The collections that this process has written to."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def taken(self) -> set[str]:
        """Those since it was last asked."""
        names, self.names = self.names, set()
        return names

    def started(self, event: Any) -> None:
        if event.command_name in ("insert", "update", "delete", "findAndModify"):
            self.names.add(event.command[event.command_name])

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


WRITTEN = Written()
monitoring.register(WRITTEN)


class AbuseCase(PluginTestCase):
    """A portal that takes contributions without an account, and counts nobody's writes."""

    def scene(self) -> Scene:
        self.app.config.update(SETTINGS | UNLIMITED)
        return Scene(self)

    def rules(self) -> list[tuple[str, str, Rule]]:
        """Every route of ours, as the application has it: verb, address after the prefix, rule."""
        return sorted(
            (
                (verb, str(rule.rule).removeprefix(f"{P}/").replace("string:", ""), rule)
                for rule in self.app.url_map.iter_rules()
                if str(rule.rule).startswith(f"{P}/")
                for verb in (rule.methods or set()) - {"HEAD", "OPTIONS"}
            ),
            key=lambda route: route[:2],
        )


class Scene:
    """A dataset of an organization with a feedback, a request and what follows from them; open and
    closed consultations; a decision and its appeal; somebody in each role."""

    def __init__(self, case: AbuseCase):
        self.case = case
        self.producer = Producer()
        self.dataset: Dataset = self.producer.dataset
        self.organization = self.producer.organization
        self.author = UserFactory(first_name="Camille", last_name="Martin")
        other = Producer()
        self.elsewhere = other.organization.id
        self.users: dict[str, User | None] = {
            "anonymous": None,
            "confirmed": None,
            "citizen": UserFactory(),
            "author": self.author,
            "admin": self.producer.admin,
            "editor": self.producer.editor,
            "assigned": self.producer.assigned,
            "partial": self.producer.partial_editor,
            "other": other.admin,
            "limited": moderator(self.organization),
            "moderator": moderator(),
            "team": team_member(),
            "sysadmin": sysadmin(),
        }
        key = contacts.fingerprint("somebody@example.org", "feedback")
        self.confirmed = tokens.for_confirmed(key, "feedback")
        self._say()
        self._ask()
        self._consult()
        self._moderate()
        self._sign()
        self._keep()

    # --- What there is ----------------------------------------------------------------------------

    def _say(self) -> None:
        given = {"comment": WORDS, "wants_answer": True}
        self.feedback = self.case.give(self.author, self.dataset, **given)["id"]
        self.template = self.made(
            "admin",
            "POST",
            f"organizations/{self.organization.id}/answer-templates/",
            {"name": "Merci", "text": "Merci pour {title}."},
        )["id"]

    def _ask(self) -> None:
        wish = {"title": "Les horaires", "description": "Par jour.", "kind": "access"}
        about = {"dataset": str(self.dataset.id)}
        self.request = self.made("author", "POST", "requests/", wish | about)["id"]
        other = {"title": "La fréquentation des musées", "organization": str(self.organization.id)}
        self.other_request = self.made("citizen", "POST", "requests/", wish | other)["id"]
        message = {"message": "Une précision utile."}
        written = self.made("author", "POST", f"requests/{self.request}/messages/", message)
        self.message = written["id"]

    def _consult(self) -> None:
        body = {
            "title": {"fr": "Ouvrir la culture", "en": "Opening culture"},
            "organization": str(self.organization.id),
            "opens_at": f"{now() - timedelta(days=30):%Y-%m-%dT%H:%M}",
            "closes_at": f"{now() + timedelta(days=30):%Y-%m-%dT%H:%M}",
            "controller": {"en": "Ministry of Culture"},
            "steps": [{"en": "You"}, {"en": "Your uses"}, {"en": "The data"}],
            "questions": QUESTIONS,
        }
        made = [
            self.made("team", "POST", "consultations/", body | {"publish": publish})["id"]
            for publish in (True, True, False)
        ]
        self.consultation, self.closed, self.draft = made
        for id in (self.consultation, self.closed):
            answered = {"answers": ANSWERS, "open_data": True}
            self.made("author", "POST", f"consultations/{id}/responses/", answered)
        past = {"closes_at": now() - timedelta(days=1)}
        get_db()["culture_feedback_consultation"].update_one(
            {"_id": ObjectId(self.closed)}, {"$set": past}
        )
        # Whoever looks first counts it; nothing of that is then left to be done.
        self.call("anonymous", "GET", f"consultations/{self.closed}/results/")
        self.theme = "hours"
        theme = {"id": self.theme, "label": {"en": "Theme"}, "definition": {}, "colour": "blue"}
        get_db()["culture_feedback_consultation"].update_one(
            {"_id": ObjectId(self.closed)}, {"$set": {"themes": [theme]}}
        )
        response = responses().find_one({"consultation": ObjectId(self.closed)})
        self.text = str(next(iter((response or {}).get("texts") or [{"id": ObjectId()}]))["id"])

        sent = {"file": (BytesIO(b"id;use\n1;yes\n"), "answers.csv")}
        path = f"pages/consultations/{self.consultation}/import"
        received = self.call("team", "POST", path, form=sent)
        self.import_id = received.location.rpartition("/")[2].partition("?")[0]

    def _moderate(self) -> None:
        self.decision, self.contested = self._hidden(), self._hidden()
        path = f"pages/moderation/decisions/{self.contested}/appeal"
        sent = self.call("author", "POST", path, form={"text": "Ce n’est pas juste."})
        assert sent.status_code == 303, sent.text

    def _hidden(self) -> str:
        """The decision by which a feedback was hidden."""
        dataset = DatasetFactory(organization=self.organization)
        item = self.case.give(self.author, dataset, comment="Rien à voir.")["id"]
        gesture = {"items": [item], "decision": "hide", "reason": "abuse"}
        self.batch = self.made("moderator", "POST", "moderation/", gesture)["batch"]
        [line] = journal().find({"item": ObjectId(item)})
        return str(line["_id"])

    def _sign(self) -> None:
        """Links as mails carry them."""
        with self.case.app.test_request_context("/"):
            self.unsubscribe_token = tokens.signer("unsubscribe").dumps(
                [str(self.author.id), unsubscribe.ALL]
            )
            self.appeal_token = appeals.address(ObjectId(self.decision)).rpartition("=")[2]
            stored = feedbacks().find_one({"_id": ObjectId(self.feedback)})
            assert stored
            self.better_token = reassessment.link(stored).rpartition("=")[2]
            body = {"dataset": str(self.dataset.id), "fitness": "no", "email": "new@example.org"}
            confirmation.ask(Action.FEEDBACK, body)
            [waiting] = confirmation.unconfirmed().find()
            self.confirm_token = confirmation.link_of(waiting["_id"])
            access_link.ask("somebody@example.org", None)
            [waiting] = access_link.visits().find()
            self.me_token = access_link.link_of(waiting["_id"])

    def made(self, role: str, verb: str, path: str, body: Any) -> Any:
        """The answer to a call that must be accepted."""
        response = self.call(role, verb, path, json_body=body)
        assert response.status_code in (200, 201), (path, response.get_data(as_text=True))
        return response.json

    # --- Asking -----------------------------------------------------------------------------------

    def call(
        self,
        role: str,
        verb: str,
        path: str,
        *,
        json_body: Any = None,
        form: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """A request as somebody, without a session: accounts by a key, who confirmed an address by
        a contributor token, and all of them from one of our pages."""
        headers = {"X-Culture-Feedback": "form"} | kwargs.pop("headers", {})
        user = self.users[role]
        if user:
            headers["X-API-KEY"] = self.case.key_of(user)
        elif role == "confirmed":
            headers[TOKEN_HEADER] = self.confirmed
        if json_body is not None:
            kwargs |= {"data": json.dumps(json_body), "content_type": "application/json"}
        if form is not None:
            kwargs["data"] = form
        return self.case.visit(verb, f"{P}/{path}", headers=headers, buffered=True, **kwargs)

    def address(self, route: str, verb: str = "GET") -> str:
        """An address of a route, with what is in this scene in the place of its variables."""
        about_request = "requests/" in route
        about_consultation = "consultations/" in route
        closed = "results" in route or "synthesis" in route
        unseen = route.endswith(("/delete", "/edit", "/publish", "/questions"))
        unseen |= route == "consultations/<id>/" and verb != "GET"
        consultation = self.closed if closed else self.draft if unseen else self.consultation
        for name, value in {
            "<id>": (
                self.request
                if about_request
                else consultation
                if about_consultation
                else self.template
                if "answer-templates" in route
                else self.decision
                if "decisions" in route
                else self.feedback
            ),
            "<reference>": self.request if about_request else consultation,
            "<import_id>": self.import_id,
            "<dataset>": self.dataset.id,
            "<organization>": self.organization.id,
            "<org>": self.organization.id,
            "<version>": "0",
            "<name>": "widget.css",
            "<extension>": "ttl",
        }.items():
            route = route.replace(name, str(value))
        return route

    # --- States -----------------------------------------------------------------------------------

    def turn(self, state: str) -> None:
        """Puts the dataset and the contributions about it in a state, without what usually
        follows; `restore` comes back to it."""
        dataset, visibility = STATES[state]
        fields = {"private": False, "deleted": None} | dataset
        Dataset._get_collection().update_one({"_id": self.dataset.id}, {"$set": fields})
        said = {"visibility": visibility}
        if visibility == "hidden":
            said |= {"hidden_reason": "abuse", "hidden_at": now()}  # type: ignore[dict-item]
        feedbacks().update_one({"_id": ObjectId(self.feedback)}, {"$set": said})
        requests().update_one({"_id": ObjectId(self.request)}, {"$set": said})
        self._keep()

    def restore(self) -> None:
        """Everything as it was, whatever was just done: the collections written to since."""
        for name in WRITTEN.taken() & {*self._names(), *self._kept}:
            get_db()[name].delete_many({})
            if documents := self._kept.get(name):
                get_db()[name].insert_many(documents)
        WRITTEN.taken()

    def _keep(self) -> None:
        self._kept = self.documents()
        WRITTEN.taken()

    def documents(self) -> dict[str, list[dict[str, Any]]]:
        """What our routes may change, by collection."""
        return {name: list(get_db()[name].find()) for name in self._names()}

    def _names(self) -> set[str]:
        ours = {"name": {"$regex": "^culture_feedback_(?!limits)"}}
        return {*get_db().list_collection_names(filter=ours), "discussion", "user", "dataset"}
