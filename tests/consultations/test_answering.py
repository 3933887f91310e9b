"""Answering: one answer per person, saved as one goes, changed until the closing, taken back."""

from __future__ import annotations

import threading
from collections import Counter
from contextvars import Context
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.consultations import answering, figures
from udata_culture_feedback.consultations.models import followers, of_responses, responses, results
from udata_culture_feedback.consultations.tasks import forget_account
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.figures.settle import recount
from udata_culture_feedback.people.models import COUNTED_AS, Kind, account_key
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import Viewer, viewer_of
from udata_culture_feedback.web.moments import to_local
from udata_culture_feedback.web.refusals import Conflict, Refusal, Unauthenticated

from .consulting import (
    ANSWERS,
    BEFORE,
    DURING,
    QUESTIONS,
    UNLIMITED,
    ConsultationCase,
    everything,
    freeze_time,
    team_member,
)

#: An answer, and the question at fault.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "use"),
    ({"use": ""}, "use"),
    ({"use": "perhaps"}, "use"),
    ({"use": ["yes"]}, "use"),
    ({"use": "yes", "themes": "museums"}, "themes"),
    ({"use": "yes", "themes": ["museums", "cars"]}, "themes"),
    ({"use": "yes", "themes": [{"a": 1}]}, "themes"),
    ({"use": "yes", "satisfied": 0}, "satisfied"),
    ({"use": "yes", "satisfied": 5}, "satisfied"),
    ({"use": "yes", "satisfied": "3"}, "satisfied"),
    ({"use": "yes", "satisfied": True}, "satisfied"),
    ({"use": "yes", "satisfied": float("nan")}, "satisfied"),
    ({"use": "yes", "why": 12}, "why"),
    ({"use": "yes", "best": "nothing-like-it"}, "best"),
    ({"use": "yes", "best": ["x"]}, "best"),
    ({"use": "yes", "best": "a\0b"}, "best"),
    ({"use": "yes", "lacking": {"description": "No title"}}, "lacking"),
    ({"use": "yes", "lacking": {"title": "x" * 151}}, "lacking"),
    ({"use": "yes", "lacking": ["x"]}, "lacking"),
]


def totals(consultation: Any) -> dict[str, int]:
    """What is counted, once all of it is."""
    figures.settle_all(consultation["id"])
    found = results().find_one({"_id": of_responses(consultation["id"])}) or {}
    return {key: n for key, n in (found.get("totals") or {}).items() if n}


def truth(consultation: Any) -> dict[str, int]:
    """The same by looking at every answer."""
    counted: Counter[str] = Counter()
    sent = {"consultation": ObjectId(consultation["id"]), "sent_at": {"$exists": True}}
    for response in responses().find(sent):
        profile = response.get("profile") or "-"
        counted.update(["total", f"channel:{response['channel']}", f"profile:{profile}"])
        online = response["channel"] == "web"
        way = COUNTED_AS[Kind(response["contributor"]["kind"])] if online else "entered"
        day = to_local(response["sent_at"], ZoneInfo("Europe/Paris")).date()
        counted.update([f"way:{way}", f"day:{day}"])
        group = "unverified" if way == "unverified" else "verified"
        for question in QUESTIONS:
            answer = response["answers"].get(question["id"])
            if answer is None:
                continue
            keys = [f"answered:{question['id']}"]
            if question["kind"] in ("single", "multiple", "scale"):
                given = answer if isinstance(answer, list) else [answer]
                keys += [f"option:{question['id']}:{one}" for one in given]
            counted.update(keys)
            counted.update(f"cross:{profile}:{key}" for key in keys)
            counted.update(f"by:{group}:{key}" for key in keys)
    return dict(counted)


class AnsweringCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def consultation(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(self.team)

    @property
    def path(self) -> str:
        return f"/consultations/{self.made['id']}/responses/"

    def mine(self, user: User) -> Any:
        return self.ask("GET", self.path, user=user).json

    def as_somebody(self, user: User, call: Any, *args: Any, **kwargs: Any) -> Any:
        """What an action answers to that person, or its refusal."""

        def run() -> Any:
            with self.app.test_request_context("/"), acting_as(user):
                return call(viewer_of(user), *args, **kwargs)

        try:
            return Context().run(run)
        except Refusal as refusal:
            return refusal

    def in_parallel(self, *calls: Any) -> list[Any]:
        start, done = threading.Barrier(len(calls)), []

        def run(call: Any) -> None:
            start.wait()
            done.append(call())

        threads = [threading.Thread(target=run, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done


@pytest.mark.options(**UNLIMITED)
class AnswerTest(AnsweringCase):
    def test_an_answer_is_one_persons_and_nobody_elses_to_see(self):
        camille, other = UserFactory(), UserFactory()
        dataset = DatasetFactory()
        answers = ANSWERS | {"best": dataset.slug, "lacking": {"title": "Les entrées par mois"}}
        with freeze_time(DURING):
            sent = self.answered(self.made, camille, answers=answers, profile="student")
            assert sent["sent"] is True
            assert sent["answers"] == answers | {"best": str(dataset.id)}
            assert self.mine(camille)["answers"] == sent["answers"]
            assert self.mine(camille)["profile"] == "student"
            assert self.mine(other) == {"sent": False, "opening": self.mine(other)["opening"]}
            assert self.mine(self.team)["sent"] is False
            assert self.ask("GET", self.path).json["sent"] is False
        assert totals(self.made) == truth(self.made)

    @pytest.mark.parametrize(("answers", "question"), WRONG, ids=str)
    def test_what_is_wrong_is_named(self, answers, question):
        with freeze_time(DURING):
            refused = self.answer(self.made, UserFactory(), answers=answers)
        assert refused.status_code == 400, refused.json
        assert list(refused.json["errors"]) == [f"answers.{question}"]
        assert responses().count_documents({}) == 0

    def test_other_fields_are_checked_too(self):
        with freeze_time(DURING):
            for field, value in (("answers", []), ("profile", "king"), ("open_data", "yes")):
                refused = self.answer(self.made, UserFactory(), **{field: value})
                assert refused.status_code == 400, field
                assert field in refused.json["errors"]
            assert self.answer(self.made, UserFactory(), submission_id="x").status_code == 400
            long = ANSWERS | {"why": "x" * 15_001}
            assert self.answer(self.made, UserFactory(), answers=long).status_code == 413

    def test_what_one_was_not_asked_is_not_kept(self):
        camille = UserFactory()
        with freeze_time(DURING):
            sent = self.answered(self.made, camille, answers={"use": "no", "themes": ["books"]})
        assert sent["answers"] == {"use": "no"}

    def test_a_private_dataset_cannot_be_named(self):
        hidden = DatasetFactory(private=True)
        with freeze_time(DURING):
            refused = self.answer(
                self.made, UserFactory(), answers={"use": "no", "best": str(hidden.id)}
            )
        assert "answers.best" in refused.json["errors"]

    def test_who_has_answered_changes_that_answer(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille, profile="student", open_data=True)
            again = self.answer(self.made, camille)
            assert again.status_code == 409
            assert again.json["self_api_url"].endswith(f"/consultations/{self.made['slug']}/")
            change = {"answers": {"satisfied": 1, "why": None}}
            changed = self.ask("PUT", self.path, change, camille)
        assert changed.status_code == 200
        assert changed.json["answers"] == {"use": "yes", "themes": ["museums"], "satisfied": 1}
        assert changed.json["profile"] == "student"
        assert changed.json["open_data"] is True
        assert totals(self.made) == truth(self.made)

    def test_an_edit_may_not_leave_out_what_is_required(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            refused = self.ask("PUT", self.path, {"answers": {"use": None}}, camille)
            assert refused.status_code == 400
            assert self.ask("PUT", self.path, {"answers": {}}, UserFactory()).status_code == 404
            assert self.mine(camille)["answers"]["use"] == "yes"

    def test_a_retry_is_stored_once(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille, submission_id="the-first")
            again = self.answer(self.made, camille, submission_id="the-first")
            assert again.status_code == 200
            assert self.answer(self.made, camille, submission_id="another-one").status_code == 409
            assert self.ask("DELETE", self.path, user=camille).status_code == 204
            assert self.answer(self.made, camille, submission_id="the-first").status_code == 410
            assert self.answer(self.made, camille, submission_id="another-one").status_code == 201
        assert responses().count_documents({"sent_at": {"$exists": True}}) == 1

    def test_an_answer_taken_back_leaves_nothing(self):
        camille = UserFactory()
        secret = "un secret dans mes mots"
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=ANSWERS | {"why": secret})
            self.answered(self.made)
            assert self.ask("DELETE", self.path, user=camille).status_code == 204
            assert self.ask("DELETE", self.path, user=camille).status_code == 404
            assert self.mine(camille)["sent"] is False
        figures.settle_all(self.made["id"])
        assert secret not in str(everything())
        assert str(camille.id) not in str(everything())
        assert totals(self.made)["total"] == 1
        assert totals(self.made) == truth(self.made)

    def test_somebody_who_is_nobody_is_told_how_to_take_part(self):
        with freeze_time(DURING):
            refused = self.answer(self.made, None)
        assert refused.status_code == 401

    def test_figures_are_those_of_a_recount_whatever_happens(self):
        people = [UserFactory() for _ in range(6)]
        with freeze_time(DURING):
            for number, user in enumerate(people):
                fields = {"profile": "student"} if number % 2 else {}
                self.answered(self.made, user, **fields)
            self.ask("PUT", self.path, {"answers": {"use": "no"}}, people[0])
            self.ask("PUT", self.path, {"profile": "researcher"}, people[1])
            self.ask("DELETE", self.path, user=people[2])
        assert totals(self.made) == truth(self.made)
        assert recount(figures.RESPONSES, of_responses(self.made["id"]), check=True) == {}


@pytest.mark.options(**UNLIMITED)
class RaceTest(AnsweringCase):
    def test_one_person_who_sends_many_times_at_once_has_one_answer(self):
        camille = UserFactory()
        with freeze_time(DURING):
            done = self.in_parallel(
                *(
                    lambda: self.as_somebody(
                        camille, answering.submit, self.made["id"], {"answers": ANSWERS}
                    )
                    for _ in range(6)
                )
            )
        accepted = [one for one in done if not isinstance(one, Refusal)]
        assert len(accepted) == 1
        assert {type(one) for one in done if isinstance(one, Refusal)} == {Conflict}
        assert totals(self.made)["total"] == 1

    def test_a_draft_and_an_answer_at_once_are_one_document(self):
        camille = UserFactory()
        with freeze_time(DURING):
            for _ in range(3):
                done = self.in_parallel(
                    lambda: self.as_somebody(
                        camille, answering.save, self.made["id"], {"answers": {"use": "no"}}
                    ),
                    lambda: self.as_somebody(
                        camille, answering.submit, self.made["id"], {"answers": ANSWERS}
                    ),
                )
                assert all(not isinstance(one, Refusal) or one.status == 409 for one in done)
        assert responses().count_documents({}) == 1
        assert totals(self.made) == truth(self.made)

    def test_edits_at_once_all_arrive(self):
        camille = UserFactory()
        changes = [{"answers": {"satisfied": n}} for n in (1, 2, 3, 4)]
        changes += [{"answers": {"why": "Autre chose"}}, {"profile": "student"}]
        with freeze_time(DURING):
            self.answered(self.made, camille)
            done = self.in_parallel(
                *(
                    lambda change=change: self.as_somebody(
                        camille, answering.edit, self.made["id"], change
                    )
                    for change in changes
                )
            )
            assert not any(isinstance(one, Refusal) for one in done)
            mine = self.mine(camille)
        assert mine["answers"]["why"] == "Autre chose"
        assert mine["profile"] == "student"
        assert totals(self.made) == truth(self.made)


@pytest.mark.options(**UNLIMITED)
class DraftTest(AnsweringCase):
    def save(self, user: User, **payload: Any) -> Any:
        return self.as_somebody(user, answering.save, self.made["id"], payload)

    def test_what_is_begun_is_kept_for_its_author_and_counts_nowhere(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.save(camille, answers={"use": "yes"})
            self.save(camille, answers={"themes": ["books"]}, profile="student")
            mine = self.mine(camille)
        assert mine["sent"] is False
        assert mine["draft"]["answers"] == {"use": "yes", "themes": ["books"]}
        assert mine["draft"]["profile"] == "student"
        assert totals(self.made) == {}
        assert results().count_documents({}) == 0

    def test_what_is_right_of_it_is_kept_and_what_is_wrong_is_named(self):
        camille = UserFactory()
        with freeze_time(DURING):
            refused = self.save(camille, answers={"use": "perhaps", "why": "Pour voir"})
            assert list(refused.errors) == ["answers.use"]
            assert self.mine(camille)["draft"]["answers"] == {"why": "Pour voir"}

    def test_sending_spends_what_was_saved(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.save(camille, answers={"use": "no"})
            self.answered(self.made, camille)
            mine = self.mine(camille)
        assert mine["draft"] is None
        assert mine["answers"] == ANSWERS

    def test_what_is_changed_counts_only_once_it_is_sent_again(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            self.save(camille, answers={"use": "no"})
            mine = self.mine(camille)
        assert mine["answers"] == ANSWERS
        assert mine["draft"]["answers"] == ANSWERS | {"use": "no"}
        assert totals(self.made) == truth(self.made)
        assert totals(self.made)["option:use:yes"] == 1

    def test_a_draft_can_be_given_up(self):
        camille, dominique = UserFactory(), UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille)
            for user in (camille, dominique):
                self.save(user, answers={"use": "no"})
                self.as_somebody(user, answering.forget_draft, self.made["id"])
            assert self.mine(camille)["draft"] is None
            assert self.mine(camille)["answers"] == ANSWERS
            assert self.mine(dominique)["sent"] is False
        assert responses().count_documents({}) == 1

    def test_a_browser_without_an_account_keeps_nothing_here(self):
        """On a computer that many use, the next person would go on with it."""
        nobody = Viewer(key="token:x", kind="unverified")  # type: ignore[arg-type]
        with freeze_time(DURING), pytest.raises(Unauthenticated):
            answering.save(nobody, self.made["id"], {"answers": {"use": "no"}})

    def test_who_begins_freezes_the_questions(self):
        with freeze_time(DURING):
            self.save(UserFactory(), answers={"use": "no"})
            assert self.change(self.made, self.team, questions=[]).status_code == 409


@pytest.mark.options(**UNLIMITED)
class PaperTest(AnsweringCase):
    def enter(self, user: User | None = None, **fields: Any) -> Any:
        letter = {"channel": "post", "reference": "Courrier 12"} | fields
        return self.answer(self.made, user or self.team, **letter)

    def test_the_team_enters_what_it_received(self):
        with freeze_time(DURING):
            assert self.enter().status_code == 201
            assert self.enter(channel="phone").status_code == 201
            assert self.enter(reference="Courrier 13").status_code == 201
            again = self.enter(reference="courrier 12")
            assert again.status_code == 409
            assert "reference" in again.json["errors"]
            corrected = self.enter(replace=True, answers={"use": "no"})
            assert corrected.status_code == 200
            assert corrected.json == {"entered": True}  # nothing of what was said before
            assert self.answer(self.made, self.team).status_code == 201  # their own
        found = totals(self.made)
        assert found == truth(self.made)
        assert (found["channel:post"], found["channel:phone"], found["channel:web"]) == (2, 1, 1)
        assert found["option:use:no"] == 1

    @pytest.mark.parametrize(
        "fields", [{"channel": "web"}, {"channel": "fax"}, {"reference": ""}, {"reference": 12}]
    )
    def test_what_is_wrong_is_named(self, fields):
        with freeze_time(DURING):
            refused = self.enter(**fields)
        assert refused.status_code == 400
        assert next(iter(fields)) in refused.json["errors"]

    def test_nobody_else_does(self):
        with freeze_time(DURING):
            assert self.enter(UserFactory()).status_code == 403


@pytest.mark.options(**UNLIMITED)
class WishTest(AnsweringCase):
    WISH = {"title": "Les entrées par mois", "description": "De 2010 à 2020", "ask": True}

    def wish(self, user: User, **wish: Any) -> Any:
        answers = ANSWERS | {"lacking": self.WISH | wish}
        return self.answer(self.made, user, answers=answers)

    def test_what_is_missing_is_asked_for_where_the_person_wishes(self):
        camille, dominique = UserFactory(), UserFactory()
        with freeze_time(DURING):
            assert self.wish(camille).status_code == 201
            assert self.wish(dominique, ask=False).status_code == 201
            [made] = list(requests().find())
            mine = self.mine(camille)
            shown = self.ask("GET", f"/requests/{made['_id']}/").json
        assert mine["requests"] == {"lacking": str(made["_id"])}
        assert made["contributor"]["key"] == account_key(camille.id)
        assert made["consultation"] == ObjectId(self.made["id"])
        assert (shown["title"], shown["description"]) == ("Les entrées par mois", "De 2010 à 2020")
        assert self.made["id"] not in str(shown)  # sealed

    def test_once_however_often_the_answer_is_changed(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.wish(camille, ask=False)
            for title in ("Les entrées par mois", "Les entrées par jour"):
                change = {"answers": {"lacking": self.WISH | {"title": title}}}
                assert self.ask("PUT", self.path, change, camille).status_code == 200
        assert [one["title"] for one in requests().find()] == ["Les entrées par mois"]

    def test_a_request_that_is_refused_leaves_the_answer(self):
        # MongoDB, which counts writes, has a clock of its own.
        self.made = self.make(self.team, closes_at="2199-01-01T00:00")
        self.app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "1 per hour"
        assert self.wish(UserFactory()).status_code == 201
        assert requests().count_documents({}) == 0
        assert totals(self.made)["total"] == 1


@pytest.mark.options(**UNLIMITED)
class LeavingTest(AnsweringCase):
    def test_an_account_that_is_deleted_is_recognised_nowhere(self):
        camille = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, camille, answers=ANSWERS | {"why": "Des mots"})
            self.as_somebody(camille, answering.save, self.made["id"], {"answers": {"use": "no"}})
            other = self.make(self.team, closes_at="2024-01-01T00:00")
            self.as_somebody(camille, answering.save, other["id"], {"answers": {"use": "no"}})
            followers().insert_one({"_id": "x", "user": camille.id})
        before = totals(self.made)
        forget_account(str(camille.id))
        assert str(camille.id) in str(everything())  # it is not deleted
        camille.mark_as_deleted(notify=False)
        for _twice in range(2):
            forget_account(str(camille.id))
        found = everything()
        assert str(camille.id) not in str([*found["culture_feedback_response"]])
        assert followers().count_documents({}) == 0
        assert responses().count_documents({}) == 1
        assert totals(self.made) == before == truth(self.made)
