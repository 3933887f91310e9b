"""`udata feedback maintain`: settles dues, removes orphans, sends what waits, re-checks
discussions, ages feedback, and reports what it did."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory, ResourceFactory
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.data_requests.models import figures, requests, supports
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.figures.summary_ids import SITE, dataset_summary, organization_summary
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.mail.models import insert, new_entry
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.portal.job_runs import runs

from ..cases import PluginTestCase, Producer, everything_is_settled
from ..mail import senders as _senders  # noqa: F401 (mails about the weather)

JOB = "culture-feedback-maintain"


class MaintenanceTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def producer(self, plugin: None) -> None:
        self.producer = Producer()
        self.dataset = self.producer.dataset

    def ask_for_data(self) -> ObjectId:
        wish = {"title": "Les entrées par mois", "description": "x", "kind": "new"}
        wish["dataset"] = str(self.dataset.id)
        answer = self.ask("POST", "/requests/", wish, UserFactory())
        assert answer.status_code == 201
        return ObjectId(answer.json["id"])

    def test_it_settles_dues_of_feedback_and_of_requests(self):
        feedback = self.stored(self.give(UserFactory(), self.dataset, fitness="yes")["id"])
        request = self.ask_for_data()
        feedbacks().update_one(
            {"_id": feedback["_id"]},
            {
                "$set": {"live": {"total": 1, "fitness:no": 1}},
                "$inc": {"v": 1},
                "$addToSet": {"due": dataset_summary(self.dataset.id)},
            },
        )
        requests().update_one(
            {"_id": request},
            {"$set": {"live.open": 0}, "$inc": {"v": 1}, "$addToSet": {"due": SITE}},
        )
        done = maintenance.maintain()
        assert done["settled"] > 0
        assert done["requests_settled"] > 0
        assert everything_is_settled()
        assert self.summary(self.dataset)["fitness"] == {"yes": 0, "partly": 0, "no": 1}
        assert figures().find_one({"_id": SITE})["totals"]["open"] == 0

    def test_it_makes_the_figures_that_something_is_due_to_and_that_are_not_there(self):
        self.give(UserFactory(), self.dataset, fitness="yes")
        self.ask_for_data()
        above = [SITE, organization_summary(self.producer.organization.id)]
        summaries().delete_many({"_id": {"$in": above}})
        figures().delete_many({"_id": {"$in": above}})
        due = {"$inc": {"v": 1}, "$set": {"due": above}, "$unset": {"counted": ""}}
        summaries().update_one({"_id": dataset_summary(self.dataset.id)}, due)
        requests().update_many({}, due)
        maintenance.maintain()
        assert everything_is_settled()
        for of in (self.producer.organization, None):
            assert self.summary(of)["total"] == 1
            assert self.summary(of)["requests"]["open"] == 1

    @pytest.mark.options(CULTURE_FEEDBACK_PURGED_DAYS=0)
    def test_it_removes_what_a_purge_that_nobody_heard_of_left(self):
        self.give(UserFactory(), self.dataset, fitness="yes")
        request = self.ask_for_data()
        Dataset._get_collection().delete_one({"_id": self.dataset.id})
        done = maintenance.maintain()
        assert done["requests_freed"] == 1
        assert feedbacks().count_documents({}) == 0
        assert summaries().find_one({"_id": dataset_summary(self.dataset.id)}) is None
        assert self.summary()["total"] == 0
        assert "dataset" not in requests().find_one({"_id": request})

    def test_it_sends_what_waits(self):
        reader = UserFactory()
        # As somebody who died before handing it to a task.
        insert([new_entry("weather:1", reader.id, "test-weather", {"town": "Lyon"}, "town:lyon")])
        with capture_mails() as mails:
            assert maintenance.maintain()["mails_delivered"] == 1
            assert maintenance.maintain()["mails_delivered"] == 0
        assert [mail.recipients for mail in mails] == [[reader.email]]

    def untold(self) -> Any:
        """A feedback whose task was lost: no discussion has heard of its words."""
        given = self.give(UserFactory(), self.dataset, comment="Il manque les musées d’outre-mer.")
        feedback = self.stored(given["id"])
        Discussion.objects(id=feedback["discussion"]).delete()
        feedbacks().update_one(
            {"_id": feedback["_id"]},
            {
                "$set": {"due": ["discussion"], "visibility": "public"},
                "$unset": {"discussed": "", "hidden_reason": "", "announced": ""},
                "$inc": {"v": 1},
            },
        )
        return given

    def test_words_whose_task_was_lost_are_told_within_minutes(self):
        asked = self.ask(
            "POST",
            "/requests/",
            {
                "title": "Fréquentation des musées",
                "description": "Les entrées de chaque musée, par an.",
                "kind": "new",
                "dataset": str(self.dataset.id),
            },
            UserFactory(),
        ).json
        request = {"_id": ObjectId(asked["id"])}
        # Without a signal: somebody deleting it would be moderation.
        told = {"_id": requests().find_one(request)["discussion"]}
        assert Discussion._get_collection().delete_one(told).deleted_count == 1
        lost = {
            "$set": {"due": ["discussion"]},
            "$unset": {"discussed": "", "announced": ""},
            "$inc": {"v": 1},
        }
        given = self.untold()
        requests().update_one(request, lost)
        # A task may still be about it.
        assert not any(outbox.deliver().values())
        earlier = {"$set": {"last_modified": now() - timedelta(minutes=6)}}
        feedbacks().update_one({"_id": ObjectId(given["id"])}, earlier)
        requests().update_one(request, earlier)
        done = outbox.deliver()
        assert (done["feedback_followed"], done["requests_followed"]) == (1, 1)
        titles = sorted(one.title for one in Discussion.objects)
        assert [title.split("]")[0] for title in titles] == ["[Demande", "[Retour"]
        assert not any(outbox.deliver().values())
        assert runs().find_one({"_id": "culture-feedback-deliver"})["failed"] == []

    def test_it_brings_words_to_their_discussion_and_hears_what_was_replied(self):
        given = self.untold()
        assert maintenance.maintain()["discussions_told"] == 1
        [discussion] = Discussion.objects
        assert discussion.discussion[0].content == "Il manque les musées d’outre-mer."
        reply = {
            "id": ObjectId(),
            "content": "Nous les ajouterons.",
            "posted_by": self.producer.admin.id,
            "posted_on": now(),
        }
        pushed = {"$push": {"discussion": reply}}  # as a task that was lost: no signal
        Discussion._get_collection().update_one({"_id": discussion.id}, pushed)
        assert maintenance.maintain()["threads_mended"] == 1
        assert self.stored(given["id"])["treatment"]["status"] == "acknowledged"
        assert maintenance.maintain()["threads_mended"] == 0

    def test_it_ages_feedback_whose_data_changed_without_a_signal(self):
        then = now() - timedelta(days=800)
        file = ResourceFactory(created_at_internal=then, last_modified_internal=then)
        dataset = DatasetFactory(organization=self.producer.organization, resources=[file])
        self.give(UserFactory(), dataset, fitness="no")
        # As a harvester does it.
        Dataset._get_collection().update_one({"_id": dataset.id}, {"$set": {"last_update": now()}})
        assert self.summary(dataset)["outdated"] == 0
        assert maintenance.maintain()["datasets_followed"] == 1
        assert self.summary(dataset)["outdated"] == 1

    def test_it_reports_what_it_did_and_remembers_it(self):
        said = self.cli("feedback maintain").output
        assert "settled: 0" in said
        assert "mails delivered: 0" in said
        run = runs().find_one({"_id": JOB})
        assert run["failed"] == []
        assert run["done"].keys() == maintenance.steps().keys()
        assert run["started_at"] <= run["ended_at"]

    def test_what_fails_is_named_and_leaves_the_others_alone(self, monkeypatch, caplog):
        def broken() -> int:
            raise RuntimeError("out of paper")

        steps = maintenance.steps() | {"orphans_removed": broken}
        monkeypatch.setattr(maintenance, "steps", lambda: steps)
        with caplog.at_level(logging.ERROR):
            ran = self.cli("feedback maintain", expect_error=True)
        assert ran.exit_code == 1
        assert "orphans removed failed: 1" in ran.output
        assert "mails delivered: 0" in ran.output
        assert "The step orphans_removed failed" in caplog.text
        assert runs().find_one({"_id": JOB})["failed"] == ["orphans_removed"]

    def test_the_second_time_there_is_nothing_left(self):
        self.give(UserFactory(), self.dataset, comment="Il manque les musées d’outre-mer.")
        request = self.ask_for_data()
        assert (
            self.ask("POST", f"/requests/{request}/support/", {}, UserFactory()).status_code < 300
        )
        maintenance.maintain()
        stored = [
            list(one().find().sort("_id", 1)) for one in (feedbacks, summaries, requests, supports)
        ]
        done = maintenance.maintain()
        assert {name for name, count in done.items() if count} <= {"addresses_kept"}
        again = [
            list(one().find().sort("_id", 1)) for one in (feedbacks, summaries, requests, supports)
        ]
        assert again == stored

    def test_figures_that_are_gone_come_back(self):
        self.give(UserFactory(), self.dataset, fitness="yes")
        self.ask_for_data()
        for collection in (summaries(), figures()):
            collection.delete_many({})
        self.cli("feedback maintain")
        self.cli("feedback recount")
        maintenance.maintain()
        assert self.cli("feedback recount --check").output == "Every figure is right\n"
        for of in (self.dataset, self.producer.organization, None):
            assert self.summary(of)["total"] == 1
            assert self.summary(of)["requests"]["open"] == 1
