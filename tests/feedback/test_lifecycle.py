"""Feedback follows what becomes of udata's own objects, and never stands in their way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from flask import json
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.dataset.tasks import purge_datasets
from udata.core.discussions.models import Discussion
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Organization
from udata.core.organization.tasks import purge_organizations
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.feedback import discussion as told
from udata_culture_feedback.feedback import lifecycle
from udata_culture_feedback.feedback.models import CultureFeedbackFeedback, feedbacks, summaries

from ..cases import P, PluginTestCase, Producer, everything_is_settled, sysadmin
from .background import broker_down, stopped_workers

WORDS = "Il manque les musées d'outre-mer."


class LifecycleTestCase(PluginTestCase):
    def native(self, verb: str, path: str, body: Any = None, user: User | None = None) -> Any:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        kwargs: dict[str, Any] = {"headers": headers}
        if body is not None:
            kwargs |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.visit(verb, f"/api/1{path}", **kwargs)

    def totals(self, *of: Any) -> list[int]:
        return [self.summary(one)["total"] for one in of]

    def metric(self, of: Any) -> int:
        return type(of).objects.get(id=of.id).metrics["feedback"]


class DatasetTest(LifecycleTestCase):
    def test_a_dataset_turned_private_takes_its_figures_along_and_back(self):
        producer = Producer()
        dataset, organization = producer.dataset, producer.organization
        self.give(UserFactory(), dataset, comment=WORDS)
        self.give(UserFactory(), DatasetFactory(organization=organization), comment="Clair.")
        assert self.totals(dataset, organization, None) == [1, 2, 2]
        for private, left in ((True, 1), (True, 1), (False, 2)):
            response = self.native(
                "PUT", f"/datasets/{dataset.id}/", {"private": private}, producer.editor
            )
            assert response.status_code == 200
            assert self.totals(organization, None) == [left, left]
            assert self.ask("GET", "/feedback/").json["total"] == left
            assert self.metric(organization) == left
            status = self.ask("GET", f"/feedback/?dataset={dataset.id}").status_code
            assert status == (404 if private else 200)
        assert everything_is_settled()

    def test_a_deleted_dataset_does_too_and_comes_back(self):
        producer = Producer()
        dataset, organization = producer.dataset, producer.organization
        self.give(UserFactory(), dataset, comment=WORDS)
        response = self.native("DELETE", f"/datasets/{dataset.id}/", user=producer.editor)
        assert response.status_code == 204
        assert self.totals(organization, None) == [0, 0]
        assert self.summary()["last_feedback_at"] is None
        assert self.ask("GET", "/feedback/").json["data"] == []
        dataset.reload()
        dataset.title = "Encore un changement"  # udata says again that it is deleted
        dataset.save()
        assert self.totals(organization, None) == [0, 0]
        response = self.native("PUT", f"/datasets/{dataset.id}/", {"deleted": None}, sysadmin())
        assert response.status_code == 200, response.json
        assert self.totals(dataset, organization, None) == [1, 1, 1]
        assert self.ask("GET", "/feedback/").json["total"] == 1

    def test_a_dataset_that_changes_hands_takes_its_figures_along(self):
        producer, other = Producer(), Producer()
        dataset = producer.dataset
        feedback = self.give(UserFactory(), dataset, comment=WORDS)
        asked = self.native(
            "POST",
            "/transfer/",
            {
                "subject": {"class": "Dataset", "id": str(dataset.id)},
                "recipient": {"class": "Organization", "id": str(other.organization.id)},
                "comment": "À vous",
            },
            producer.admin,
        )
        assert asked.status_code == 201, asked.json
        accepted = self.native(
            "POST", f"/transfer/{asked.json['id']}/", {"response": "accept"}, other.admin
        )
        assert accepted.status_code == 200, accepted.json
        assert self.totals(producer.organization, other.organization, None) == [0, 1, 1]
        assert self.metric(producer.organization) == 0
        assert self.metric(other.organization) == 1
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["organization"]["id"] == str(other.organization.id)
        listed = self.ask("GET", f"/feedback/?organization={other.organization.id}").json
        assert [f["id"] for f in listed["data"]] == [feedback["id"]]
        old = self.ask("GET", f"/feedback/?organization={producer.organization.id}").json
        assert (old["data"], old["total"]) == ([], 0)
        # To a person, and so to no organization.
        owner = UserFactory()
        dataset.reload()
        dataset.owner = owner
        dataset.save()
        assert self.totals(other.organization, None) == [0, 1]
        assert everything_is_settled()

    @pytest.mark.options(CULTURE_FEEDBACK_PURGED_DAYS=0)
    def test_a_purged_dataset_leaves_nothing(self):
        producer = Producer()
        dataset, organization = producer.dataset, producer.organization
        kept = DatasetFactory(organization=organization)
        for n in range(3):
            self.give(UserFactory(), dataset, comment=f"{WORDS} {n}")
        self.give(UserFactory(), kept)
        dataset.deleted = datetime(2026, 1, 1)
        dataset.save()
        purge_datasets()
        assert not Dataset.objects(id=dataset.id)
        assert feedbacks().count_documents({"dataset": dataset.id}) == 0
        assert summaries().count_documents({"dataset": dataset.id}) == 0
        assert Discussion.objects.count() == 0
        assert self.totals(kept, organization, None) == [1, 1, 1]
        assert self.metric(organization) == 1
        assert everything_is_settled()

    @pytest.mark.options(CULTURE_FEEDBACK_PURGED_DAYS=0)
    def test_a_dataset_purged_at_once_leaves_nothing_either(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        producer.dataset.delete()  # no soft deletion before
        assert feedbacks().count_documents({}) == 0
        assert self.totals(producer.organization, None) == [0, 0]
        lifecycle.purge_dataset(producer.dataset.id)  # again, late
        assert self.totals(producer.organization, None) == [0, 0]


class OrganizationTest(LifecycleTestCase):
    def test_a_purged_organization_leaves_its_datasets_figures_to_the_site(self):
        producer = Producer()
        dataset, organization = producer.dataset, producer.organization
        feedback = self.give(UserFactory(), dataset, comment=WORDS)
        signed = self.give(producer.admin, DatasetFactory(), signature=str(organization.id))
        response = self.native("DELETE", f"/organizations/{organization.id}/", user=producer.admin)
        assert response.status_code == 204
        gone = self.ask("GET", f"/organizations/{organization.id}/summary/")
        assert gone.status_code == 404
        shown = self.ask("GET", f"/feedback/{signed['id']}/").json
        assert shown["contributor"] == {"kind": "organization", "name": None}
        assert self.totals(dataset, None) == [1, 2]
        purge_organizations()
        assert not Organization.objects(id=organization.id)
        assert self.totals(dataset, None) == [1, 2]
        assert self.ask("GET", f"/feedback/{feedback['id']}/").json["organization"] is None
        shown = self.ask("GET", f"/feedback/{signed['id']}/").json
        assert shown["contributor"] == {"kind": "organization", "name": None}
        assert summaries().count_documents({"_id": f"organization:{organization.id}"}) == 0
        assert everything_is_settled()
        lifecycle.purge_organization(organization.id)  # again, late
        assert self.totals(dataset, None) == [1, 2]
        assert self.give(UserFactory(), dataset)["organization"] is None

    def test_words_signed_by_a_purged_organization_go_with_its_discussions(self):
        museum = OrganizationFactory(admins=[curator := UserFactory()])
        dataset = Producer().dataset
        feedback = self.give(curator, dataset, comment=WORDS, signature=str(museum.id))
        museum.deleted = datetime(2026, 1, 1)
        museum.save()
        purge_organizations()
        assert Discussion.objects.count() == 0
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["comment"] is None
        assert shown["fitness"] == "partly"
        assert self.totals(dataset, None) == [1, 1]


class AccountTest(LifecycleTestCase):
    def leave(self, user: User, *, delete_comments: bool) -> None:
        """As udata's API does; then what our delayed task does."""
        user.reload()
        user.mark_as_deleted(notify=False, delete_comments=delete_comments)
        lifecycle.forget_account(user.id)

    def test_nobody_is_recognised_in_the_feedback_of_an_account_that_has_left(self):
        producer = Producer()
        author = UserFactory(first_name="Camille", last_name="Martin-Introuvable")
        feedback = self.give(
            author, producer.dataset, comment=WORDS, submission_id="12345678", fitness="no"
        )
        self.leave(author, delete_comments=False)
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["contributor"] == {"kind": "user", "name": None}
        assert shown["comment"] == WORDS
        assert shown["fitness"] == "no"
        assert self.totals(producer.dataset, None) == [1, 1]
        stored = self.stored(feedback["id"])
        assert stored["contributor"]["key"].startswith("gone:")
        assert "submission_id" not in stored
        for collection in get_db().list_collection_names(filter={"name": {"$regex": "^culture"}}):
            for document in get_db()[collection].find({}):
                assert "Introuvable" not in str(document), collection
                assert f"user:{author.id}" not in str(document), collection
        discussion = Discussion.objects.get()
        assert discussion.discussion[0].content == WORDS
        lifecycle.forget_account(author.id)  # once more changes nothing
        assert self.stored(feedback["id"]) == stored

    def test_words_that_udata_deleted_with_the_account_are_erased_here_too(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        alone = self.give(author, producer.dataset, comment=WORDS)
        answered = self.give(author, DatasetFactory(), comment=WORDS)
        thread = self.stored(answered["id"])["discussion"]
        self.native("POST", f"/discussions/{thread}/", {"comment": "Moi aussi."}, other)
        self.leave(author, delete_comments=True)
        for feedback in (alone, answered):
            stored = self.stored(feedback["id"])
            assert "outre" not in str(stored)
            assert "comment" not in stored
            assert stored["fitness"] == "partly"
        assert self.totals(producer.dataset, None) == [1, 2]
        assert self.summary()["commented"] == 0
        discussion = Discussion.objects.get()
        assert [m.content for m in discussion.discussion][1:] == ["Moi aussi."]
        assert "outre-mer" not in str(discussion.to_mongo())

    def test_words_deleted_with_the_account_do_not_come_back_meanwhile(self):
        author, other = UserFactory(), UserFactory()
        feedback = self.give(author, Producer().dataset, comment=WORDS)
        thread = self.stored(feedback["id"])["discussion"]
        self.native("POST", f"/discussions/{thread}/", {"comment": "Moi aussi."}, other)
        with stopped_workers():
            author.reload()
            author.mark_as_deleted(notify=False, delete_comments=True)
        told.tell(ObjectId(feedback["id"]))  # before the delayed task
        assert Discussion.objects.get().discussion[0].content == "DELETED"
        lifecycle.forget_account(author.id)
        assert "comment" not in self.stored(feedback["id"])
        assert "outre-mer" not in str(Discussion.objects.get().to_mongo())

    def test_several_accounts_of_one_dataset_may_leave(self):
        producer = Producer()
        authors = [UserFactory() for _ in range(3)]
        for author, signature in zip(authors, ("none", "name", "name"), strict=True):
            self.give(author, producer.dataset, signature=signature)
        for author in authors:
            self.leave(author, delete_comments=author is authors[1])
        keys = feedbacks().distinct("contributor.key", {"dataset": producer.dataset.id})
        assert len(keys) == 3
        assert all(key.startswith("gone:") for key in keys)
        assert self.totals(producer.dataset, None) == [3, 3]

    def test_words_on_a_private_dataset_lose_their_name_too(self):
        producer = Producer(private=True)
        author = producer.partial_editor
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.leave(author, delete_comments=False)
        shown = self.ask("GET", f"/feedback/{feedback['id']}/", user=producer.admin).json
        assert shown["contributor"] == {"kind": "user", "name": None}
        producer.dataset.reload()
        producer.dataset.private = False
        producer.dataset.save()
        assert Discussion.objects.get().user.email.endswith(".invalid")

    def test_an_account_that_is_still_there_is_not_forgotten(self):
        author = UserFactory()
        feedback = self.give(author, Producer().dataset)
        before = self.stored(feedback["id"])
        lifecycle.forget_account(author.id)
        assert self.stored(feedback["id"]) == before


class HarmlessTest(LifecycleTestCase):
    """Whatever happens to us, udata answers as without us."""

    def use_udata(self, producer: Producer, feedback: dict[str, Any], author: User) -> None:
        """Everything of udata that we listen to."""
        dataset, editor = producer.dataset, producer.editor
        subject = {"class": "Dataset", "id": str(dataset.id)}
        put = {"title": "Un autre titre", "private": False}
        url = {"title": "Un fichier", "url": "https://example.org/a.csv", "filetype": "remote"}
        url |= {"type": "main", "format": "csv"}
        discussion = {"title": "Bonjour", "comment": "Une question", "subject": subject}
        statuses = [
            self.native("PUT", f"/datasets/{dataset.id}/", put, editor).status_code,
            self.native("POST", f"/datasets/{dataset.id}/resources/", url, editor).status_code,
        ]
        opened = self.native("POST", "/discussions/", discussion, author)
        statuses.append(opened.status_code)
        thread = self.stored_discussion
        for verb, path, body, user in (
            ("POST", f"/discussions/{thread}/", {"comment": "Réponse"}, editor),
            ("DELETE", f"/discussions/{opened.json['id']}/", None, author),
            ("DELETE", f"/discussions/{thread}/", None, author),
            ("DELETE", f"/users/{author.id}/?no_mail=true&delete_comments=true", None, sysadmin()),
            ("DELETE", f"/datasets/{dataset.id}/", None, editor),
            ("DELETE", f"/organizations/{producer.organization.id}/", None, producer.admin),
        ):
            statuses.append(self.native(verb, path, body, user).status_code)
        purge_datasets()
        purge_organizations()
        assert statuses == [200, 201, 201, 200, 204, 204, 204, 204, 204]
        assert not Dataset.objects(id=dataset.id)

    def prepared(self) -> tuple[Producer, dict[str, Any], User]:
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS)
        self.stored_discussion = self.stored(feedback["id"])["discussion"]
        return producer, feedback, author

    def test_with_everything_in_order(self):
        self.use_udata(*self.prepared())
        assert feedbacks().count_documents({"listed": True}) == 0

    def test_with_our_collections_out_of_order(self):
        prepared = self.prepared()
        with out_of_order("culture_feedback_feedback"), out_of_order("culture_feedback_summary"):
            with pytest.raises(Exception, match="divide"):
                summaries().find_one({})
            self.use_udata(*prepared)

    @pytest.mark.options(CULTURE_FEEDBACK_AGEING_DAYS="seven")
    def test_with_a_broken_setting(self):
        self.app.config["CULTURE_FEEDBACK_AGEING_DAYS_FREQUENT"] = "seven"
        prepared = self.prepared()
        self.use_udata(*prepared)

    def test_with_an_answer_that_breaks_the_indexes_correctness_needs(self):
        producer, feedback, author = self.prepared()
        broken = self.stored(feedback["id"]) | {"_id": ObjectId()}
        index = "contributor.key_1_dataset_1_resource_1"
        feedbacks().drop_index(index)
        try:
            feedbacks().insert_one(broken)
            self.use_udata(producer, feedback, author)
        finally:
            feedbacks().delete_many({})
            CultureFeedbackFeedback.ensure_indexes()
        assert index in feedbacks().index_information()

    def test_with_the_broker_down_an_answer_is_recorded_and_counted(self):
        producer = Producer()
        with broker_down():
            given = [self.give(UserFactory(), producer.dataset, comment=WORDS) for _ in range(2)]
            producer.dataset.reload()
            body = {"fitness": "yes"}
            author = User.objects.get(id=given[0]["contributor"]["user"]["id"])
            path = f"/feedback/{given[0]['id']}/"
            assert self.ask("PUT", path, body, author).status_code == 200
            page = self.visit("GET", f"{P}/pages/datasets/{producer.dataset.id}/")
            assert page.status_code == 200
            for of in (producer.dataset, producer.organization, None):
                assert self.summary(of)["fitness"] == {"yes": 1, "partly": 1, "no": 0}
        self.give(UserFactory(), producer.dataset)  # the next write catches up
        assert self.metric(producer.dataset) == 3
        assert everything_is_settled()


@contextmanager
def out_of_order(name: str) -> Iterator[None]:
    """A collection of ours that can be neither read nor written."""
    database = get_db()
    aside = f"{name}_aside"
    database[name].rename(aside)
    broken = [{"$project": {"broken": {"$divide": [1, 0]}}}]
    database.create_collection(name, viewOn=aside, pipeline=broken)
    try:
        yield
    finally:
        database[name].drop()
        database[aside].rename(name)
