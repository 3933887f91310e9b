"""`P/health/` says what is wrong, and nothing about anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from mongoengine.connection import get_db
from pymongo import monitoring
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.feedback.models import CultureFeedbackFeedback, feedbacks
from udata_culture_feedback.figures.summary_ids import dataset_summary
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.mail.models import Outcome
from udata_culture_feedback.ops.health import JOBS_LATE
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.portal.job_runs import recorded, runs

from ..cases import CommandCounter, PluginTestCase, Producer

# Clients listen to what is registered when they are made, which is after tests are collected.
COUNTER = CommandCounter()
monitoring.register(COUNTER)


class HealthTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def jobs_have_run(self, plugin: None) -> None:
        for job in JOBS_LATE:
            with recorded(job):
                pass

    def wrong(self, query: str = "") -> list[tuple[str, str]]:
        response = self.ask("GET", f"/health/{query}")
        found = [(p["check"], p["message"]) for p in response.json["problems"]]
        assert response.status_code == (503 if found else 200)
        assert response.json["healthy"] is (not found)
        assert response.headers["Cache-Control"] == "no-store"
        return found

    def test_nothing_is_wrong_on_a_portal_where_people_write(self):
        self.give(UserFactory(), Producer().dataset, comment="Il manque les musées d’outre-mer.")
        assert self.wrong() == []

    def test_figures_that_have_not_heard_of_something_for_an_hour(self):
        given = self.give(UserFactory(), Producer().dataset)
        feedback = self.stored(given["id"])
        due = {"$addToSet": {"due": dataset_summary(feedback["dataset"])}}
        feedbacks().update_one({"_id": feedback["_id"]}, due)
        assert self.wrong() == []
        past = {"$set": {"last_modified": now() - timedelta(hours=2)}}
        feedbacks().update_one({"_id": feedback["_id"]}, past)
        [(check, message)] = self.wrong()
        assert check == "dues"
        assert "feedback" in message
        assert "udata feedback maintain" in message
        maintenance.maintain()
        assert self.wrong() == []

    def test_words_about_a_private_dataset_have_a_reason_to_wait(self):
        given = self.give(UserFactory(), Producer().dataset)
        changed = {
            "$addToSet": {"due": "discussion"},
            "$set": {"listed": False, "last_modified": now() - timedelta(days=9)},
        }
        where = {"_id": self.stored(given["id"])["_id"]}
        feedbacks().update_one(where, changed)
        assert self.wrong() == []
        feedbacks().update_one(where, {"$set": {"listed": True}})
        assert [check for check, _message in self.wrong()] == ["dues"]

    def test_mails_that_failed_and_mails_that_do_not_leave(self):
        entry = {"user": UserFactory().id, "builder": "b", "nonce": "n", "created_at": now()}
        outbox.outbox().insert_one(entry | {"_id": "1", "outcome": Outcome.FAILED})
        outbox.outbox().insert_one(entry | {"_id": "2", "due_at": now()})
        assert [message for _check, message in self.wrong()] == [
            "1 mails were refused for days; `udata feedback requeue` starts again."
        ]
        assert "1 mails will be tried again" in self.cli("feedback requeue").output
        long_ago = {"$set": {"due_at": now() - timedelta(hours=3)}}
        outbox.outbox().update_many({}, long_ago)
        assert self.wrong() == [("outbox", "2 mails should have left more than 60 min ago.")]

    def test_jobs_that_never_ran_or_stopped_running(self):
        runs().delete_many({})
        assert {check for check, _message in self.wrong()} == {"jobs"}
        assert any("culture-feedback-maintain has never run" in m for _c, m in self.wrong())
        maintenance.maintain()
        with recorded("culture-feedback-deliver"):
            pass
        assert self.wrong() == []
        yesterday = {"$set": {"ended_at": now() - timedelta(hours=31)}}
        runs().update_one({"_id": "culture-feedback-maintain"}, yesterday)
        [(_check, message)] = self.wrong()
        assert message == "culture-feedback-maintain has not run to its end for more than 30 h."

    def test_nothing_is_wrong_after_init_and_before_the_first_night(self):
        runs().delete_many({})
        assert self.cli("feedback init").exit_code == 0
        assert self.wrong() == []
        self.cli("feedback init")  # an upgrade gives no more time
        with freeze_time(datetime.now(UTC) + timedelta(hours=2), ignore=["pymongo"]):
            late = [message for check, message in self.wrong("?check=jobs")]
        assert [message.split(" ")[0] for message in late] == ["culture-feedback-deliver"]

    def test_the_log_says_it_once_however_often_a_monitor_asks(self):
        self.wrong()
        with self.caplog.at_level("INFO", logger="udata_culture_feedback"):
            runs().delete_many({})
            for _probe in range(3):
                self.wrong()
                self.wrong("?check=database")
            for job in JOBS_LATE:
                with recorded(job):
                    pass
            self.wrong()
        told = [one.message.split(" check=")[0] for one in self.caplog.records]
        assert [one for one in told if "healthy" in one] == ["unhealthy"] * 2 + ["healthy again"]

    @pytest.fixture(autouse=True)
    def log(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def test_a_run_that_dies_has_not_ended(self):
        runs().delete_many({})
        with pytest.raises(ZeroDivisionError), recorded("culture-feedback-maintain"):
            1 / 0  # noqa: B018
        assert any("maintain has never run" in message for _check, message in self.wrong())

    def test_a_unique_index_that_is_missing(self):
        self.give(UserFactory(), Producer().dataset)
        collection = get_db()[CultureFeedbackFeedback._get_collection_name()]
        try:
            collection.drop_index("contributor.key_1_dataset_1_resource_1")
            [(check, message)] = self.wrong("?check=indexes")
            assert check == "indexes"
            assert "contributor.key, dataset, resource" in message
            assert "udata feedback init" in message
        finally:
            self.cli("feedback init")
        assert self.wrong() == []

    def test_a_clock_that_is_wrong(self):
        with freeze_time(now() + timedelta(days=1)):
            assert [check for check, _message in self.wrong("?check=clock")] == ["clock"]
        assert self.wrong("?check=clock") == []

    def test_a_load_balancer_asks_for_the_database_alone(self):
        runs().delete_many({})
        assert self.wrong("?check=database") == []
        assert self.ask("GET", "/health/?check=weather").status_code == 400

    def test_what_it_costs_does_not_depend_on_how_much_there_is(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, comment="Il manque les musées.")
        self.wrong()
        with COUNTER.count() as few:
            self.wrong()
        for _n in range(5):
            self.give(UserFactory(), producer.dataset, comment="Il manque les musées.")
        with COUNTER.count() as many:
            self.wrong()
        assert len(many) == len(few)
        assert len(few) < 60
