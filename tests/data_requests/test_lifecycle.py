"""What time, and the end of accounts, datasets and organizations, do to requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.data_requests import actions, lifecycle, signals, upkeep
from udata_culture_feedback.data_requests.models import figures, messages, requests, supports
from udata_culture_feedback.people.viewer import viewer_of

from ..cases import PluginTestCase, Producer
from .asking import (
    UNLIMITED,
    WISH,
    assert_exact,
    assert_figures,
    merge,
    moderator,
    move,
    shown_supports,
    somebody,
    stored,
    wish,
)


@contextmanager
def heard(*names: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What is announced meanwhile: the name of the signal, and what it says."""
    said: list[tuple[str, dict[str, Any]]] = []
    listeners = []
    for name in names:

        def listen(sender: Any, name: str = name, **more: Any) -> None:
            said.append((name, more | {"id": sender}))

        getattr(signals, f"on_{name}").connect(listen)
        listeners.append(listen)  # blinker only keeps a weak reference
    yield said


@pytest.mark.options(**UNLIMITED)
class AccountTest(PluginTestCase):
    def leaves(self, user: User) -> None:
        """As `udata` deletes an account: the task comes later."""
        user.mark_as_deleted(notify=False)

    def test_who_leaves_is_recognised_nowhere_and_still_counts_once(self):
        user, other, chief = UserFactory(), UserFactory(), moderator()
        mine = viewer_of(user)
        one = wish(mine, title="Demande", signature="name", submission_id="abcdefgh")
        into = wish(viewer_of(other), title="La même")
        actions.support(mine, into)
        merge(chief, one, into)
        actions.answer(mine, into, {"message": "Bonjour."})
        assert shown_supports(into) == 1
        self.leaves(user)
        assert shown_supports(into) == 1
        shown = self.ask("GET", f"/requests/{one}/").json
        assert (shown["contributor"]["name"], shown["people"]) == (None, 1)
        [message] = self.ask("GET", f"/requests/{into}/messages/").json["data"]
        assert (message["contributor"]["name"], message["text"]) == (None, "Bonjour.")
        assert stored(one)["contributor"]["key"].startswith("gone:")
        for collection in (requests(), supports(), messages()):
            for field in ("key", "user"):
                for place in (field, f"contributor.{field}"):
                    whose = user.id if field == "user" else mine.key
                    assert not collection.find_one({place: whose})
        assert_exact()
        move(chief, one, "submitted")
        assert shown_supports(into) == 1  # the support of their own
        assert lifecycle.forget_account(user.id) == 0

    def test_an_interrupted_forgetting_goes_on_with_the_same_key(self):
        user = UserFactory()
        mine = viewer_of(user)
        one, into = wish(mine), wish(somebody(), title="La même")
        actions.support(mine, into)
        merge(moderator(), one, into)
        gone = lifecycle._chosen_key(user.id, mine.key)
        supports().update_many({"key": mine.key}, {"$set": {"key": gone}})  # and then it died
        User._get_collection().update_one({"_id": user.id}, {"$set": {"deleted": datetime.now()}})
        assert maintenance.maintain()["accounts_forgotten"] > 0
        assert stored(one)["contributor"]["key"] == gone
        assert shown_supports(into) == 1
        assert_exact()

    def test_nobody_is_forgotten_who_is_there(self):
        user = UserFactory()
        wish(viewer_of(user))
        assert lifecycle.forget_account(user.id) == 0


@pytest.mark.options(**UNLIMITED)
class PurgeTest(PluginTestCase):
    def asked(self, producer: Producer) -> ObjectId:
        body = WISH | {"dataset": str(producer.dataset.id)}
        signed = body | {"signature": str(producer.organization.id)}
        return ObjectId(self.ask("POST", "/requests/", signed, producer.admin).json["id"])

    def test_a_purged_dataset_leaves_its_requests_without_context(self):
        producer = Producer()
        request = self.asked(producer)
        move(moderator(), request, "published", datasets=[str(producer.dataset.id)])
        producer.dataset.delete()
        shown = self.ask("GET", f"/requests/{request}/").json
        assert (shown["dataset"], shown["status"]) == (None, "published")
        assert shown["fulfilled_by"]["datasets"] == []
        assert shown["organization"]["id"] == str(producer.organization.id)
        assert figures().find_one({"_id": f"dataset:{producer.dataset.id}"}) is None
        assert_figures()

    def test_a_purged_organization_leaves_its_requests_to_the_desk(self):
        producer = Producer()
        request = self.asked(producer)
        producer.organization.delete()
        shown = self.ask("GET", f"/requests/{request}/").json
        assert (shown["organization"], shown["contributor"]["name"]) == (None, None)
        assert figures().find_one({"_id": f"organization:{producer.organization.id}"}) is None
        assert_figures()

    def test_maintenance_catches_up_on_a_purge_nobody_heard_of(self):
        producer = Producer()
        request = self.asked(producer)
        Dataset._get_collection().delete_one({"_id": producer.dataset.id})
        Organization._get_collection().delete_one({"_id": producer.organization.id})
        assert maintenance.maintain()["requests_freed"] == 2
        assert not {"dataset", "organization"} & stored(request).keys()
        assert_figures()


@pytest.mark.options(**UNLIMITED)
class UpkeepTest(PluginTestCase):
    def test_nothing_to_do_is_nothing_done(self):
        wish(somebody())
        done = maintenance.maintain()
        assert not any(done[name] for name in upkeep.STEPS), done

    def test_a_late_answer_is_told_once(self):
        with freeze_time("2026-01-10 12:00") as clock, heard("request_overdue") as said:
            request = wish(somebody())
            answered = wish(somebody(), title="Répondue")
            move(moderator(), answered, "accepted")
            hidden = wish(somebody(), title="Cachée")
            requests().update_one({"_id": hidden}, {"$set": {"visibility": "hidden"}})
            clock.move_to("2026-02-10 22:00")  # 23:00 in Paris: the last day lasts until its end
            assert maintenance.maintain()["overdue_told"] == 0
            clock.move_to("2026-02-10 23:30")
            assert maintenance.maintain()["overdue_told"] == 1
            assert maintenance.maintain()["overdue_told"] == 0
        assert [more["id"] for _name, more in said] == [request]
        assert stored(request)["clock"]["told_overdue"] is True

    def test_a_question_is_reminded_once_and_its_pause_ends_with_its_deadline(self):
        with freeze_time("2026-01-10 12:00") as clock, heard("clarification_reminder") as said:
            request = wish(somebody())
            clock.move_to("2026-01-12")
            move(moderator(), request, "needs_clarification", message="Quelles années ?")
            deadline = stored(request)["clock"]["clarify_by"]
            for moment, reminded, ended in (
                (deadline - timedelta(days=6), 0, 0),
                (deadline - timedelta(days=4), 1, 0),
                (deadline - timedelta(days=1), 0, 0),
                (deadline + timedelta(seconds=1), 0, 1),
                (deadline + timedelta(days=1), 0, 0),
            ):
                clock.move_to(moment)
                done = maintenance.maintain()
                told = (done["clarifications_reminded"], done["pauses_ended"])
                assert told == (reminded, ended), moment
            after = stored(request)
            assert after["status"] == "needs_clarification"
            assert after["clock"]["paused_days"] == 15
            assert after["clock"]["due_at"] == datetime(2026, 2, 25, 22, 59, 59)
        assert [(more["id"], more["number"]) for _name, more in said] == [(request, 1)]

    def test_a_changed_commitment_moves_open_dates_and_tells_nobody(self):
        with freeze_time("2026-01-10 12:00") as clock, heard("request_overdue") as said:
            request, answered = wish(somebody()), wish(somebody(), title="Répondue")
            move(moderator(), answered, "accepted")
            clock.move_to("2026-01-20")
            self.app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"] = 2
            assert maintenance.maintain()["clocks_recomputed"] == 1
            assert stored(request)["clock"]["due_at"] == datetime(2026, 3, 10, 22, 59, 59)
            assert stored(answered)["clock"]["months"] == 1
            clock.move_to("2026-03-01")
            self.app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"] = 1
            maintenance.maintain()
        assert stored(request)["clock"]["due_at"] == datetime(2026, 2, 10, 22, 59, 59)
        assert said == []

    def test_a_reopened_request_has_the_months_of_today(self):
        request = wish(somebody())
        move(moderator(), request, "declined")
        self.app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"] = 3
        move(moderator(), request, "acknowledged")
        assert stored(request)["clock"]["months"] == 3

    def test_each_step_is_announced_and_a_lost_task_is_made_up_for(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        asker = somebody()
        with heard("request_received", "request_moved") as said:
            request = wish(asker)
            actions.edit(asker, request, {"title": "Autre titre"})
            move(moderator(), request, "acknowledged")
            self.app.config["CELERY_TASK_ALWAYS_EAGER"] = False
            with monkeypatch.context() as broken:
                broken.setattr(
                    "udata_culture_feedback.data_requests.receivers.later", lambda *_: False
                )
                move(moderator(), request, "accepted")
            assert len(said) == 2
            assert maintenance.maintain()["moves_announced"] == 1
            assert maintenance.maintain()["moves_announced"] == 0
        told = [(name, more.get("number"), more.get("entry", {}).get("to")) for name, more in said]
        assert told == [
            ("request_received", None, None),
            ("request_moved", 2, "acknowledged"),
            ("request_moved", 3, "accepted"),
        ]

    def test_what_waits_for_moderation_is_announced_with_it(self):
        with heard("request_received") as said:
            request = wish(somebody())
            said.clear()
            requests().update_one(
                {"_id": request},
                {
                    "$set": {"visibility": "pending"},
                    "$unset": {"told": ""},
                    "$push": {"due": "told"},
                },
            )
            assert maintenance.maintain()["moves_announced"] == 0
            requests().update_one({"_id": request}, {"$set": {"visibility": "public"}})
            assert maintenance.maintain()["moves_announced"] == 1
        assert len(said) == 1

    def test_moments_are_naive_utc(self):
        request = stored(wish(somebody()))
        now = datetime.now(UTC).replace(tzinfo=None)
        assert abs(request["created_at"] - now) < timedelta(minutes=5)
