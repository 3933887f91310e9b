"""After the data have changed: those who were not satisfied are asked once, and answer in one
gesture; everybody sees whether it is better."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.constants import UpdateFrequency
from udata.core.dataset.factories import DatasetFactory, ResourceFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.feedback import reassessment, tasks
from udata_culture_feedback.feedback.models import feedbacks, summaries

from ..cases import P, PluginTestCase, Producer, everything_is_settled, sysadmin

ADDRESS = re.compile(r"https?://\S+/pages/better/\S+")


def past(days: float) -> datetime:
    moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
    return moment.replace(microsecond=0)


class ConfirmingTestCase(PluginTestCase):
    def scene(self, *opinions: str) -> tuple[Producer, list[User], list[Any]]:
        """A dataset as old as two months, and opinions given one month ago."""
        producer = Producer(title="Musées", frequency=UpdateFrequency.MONTHLY)
        self.touch(producer.dataset, 60)
        authors = [UserFactory() for _ in opinions]
        given = [
            self.give(author, producer.dataset, fitness=opinion)
            for author, opinion in zip(authors, opinions, strict=True)
        ]
        return producer, authors, given

    def touch(self, dataset: Dataset, days_ago: float) -> None:
        Dataset._get_collection().update_one(
            {"_id": dataset.id}, {"$set": {"last_update": past(days_ago)}}
        )

    def change(self, dataset: Dataset, days_ago: float = 0) -> list[Any]:
        """The data have changed, and the worker hears of it. Answers the mails that leave."""
        self.touch(dataset, days_ago)
        with capture_mails() as mails:
            tasks.follow_dataset(str(dataset.id))
        return mails

    def confirmed(self, summary: dict[str, Any]) -> dict[str, int]:
        return {k: n for k, n in summary["totals"].items() if k.startswith("confirmed") and n}

    def link_of(self, feedback: Any, answer: str | None = None) -> str:
        with self.app.test_request_context("/"):
            return reassessment.link(self.stored(feedback["id"]), answer).split("/pages/")[1]

    def post(self, path: str, answer: str | None, **kwargs: Any) -> Any:
        data = {"answer": answer} if answer else {}
        return self.visit("POST", f"{P}/pages/{path}", data=data, **kwargs)


class AskingTest(ConfirmingTestCase):
    def test_those_who_were_not_satisfied_are_asked_and_nobody_else(self):
        producer, authors, given = self.scene("yes", "partly", "no")
        mails = self.change(producer.dataset)
        assert sorted(mail.recipients[0] for mail in mails) == sorted(
            author.email for author in authors[1:]
        )
        (mail,) = [mail for mail in mails if mail.recipients == [authors[1].email]]
        assert "Musées" in mail.subject
        links = [unescape(link) for link in ADDRESS.findall(mail.body)]
        assert [re.search(r"answer=(\w+)", link)[1] for link in links] == ["yes", "partly", "no"]
        assert all(f"/better/{given[1]['id']}?" in link for link in links)

    def test_nobody_is_asked_twice_whatever_runs_again(self):
        producer, _authors, _given = self.scene("no")
        assert len(self.change(producer.dataset)) == 1
        with capture_mails() as mails:
            tasks.follow_dataset(str(producer.dataset.id))
            maintenance.maintain()
            reassessment.asked().delete_many({})  # as a crash would leave it
            maintenance.maintain()
        assert not mails

    def test_between_two_questions_about_one_dataset_there_are_ninety_days(self):
        producer, _authors, _given = self.scene("no")
        self.change(producer.dataset, 3)
        for days, expected in ((89, 0), (91, 1)):
            feedbacks().update_many({}, {"$set": {"judged": past(50)}})
            reassessment.asked().update_many({}, {"$set": {"expires_at": past(days - 90)}})
            summaries().update_many(
                {"dataset": producer.dataset.id}, {"$set": {"data_updated_at": past(20)}}
            )
            assert len(self.change(producer.dataset, expected)) == expected

    def test_one_person_is_asked_once_for_all_the_files_of_a_dataset(self):
        producer = Producer(frequency=UpdateFrequency.MONTHLY)
        dataset = DatasetFactory(
            organization=producer.organization,
            frequency=UpdateFrequency.MONTHLY,
            resources=[ResourceFactory(), ResourceFactory()],
        )
        self.touch(dataset, 60)
        author = UserFactory()
        for resource in dataset.resources:
            self.give(author, dataset, fitness="no", resource=str(resource.id))
        assert len(self.change(dataset)) == 1

    def test_what_changed_long_ago_asks_nobody(self):
        producer, _authors, _given = self.scene("no")
        self.touch(producer.dataset, 40)
        feedbacks().update_many({}, {"$set": {"judged": past(60)}})
        with capture_mails() as mails:
            tasks.follow_dataset(str(producer.dataset.id))
            maintenance.maintain()
        assert not mails

    def test_nobody_is_asked_about_data_they_cannot_see(self):
        producer, _authors, _given = self.scene("no")
        Dataset._get_collection().update_one(
            {"_id": producer.dataset.id}, {"$set": {"private": True}}
        )
        assert self.change(producer.dataset) == []

    def test_who_has_judged_the_new_data_meanwhile_is_not_asked(self):
        producer, (author,), (feedback,) = self.scene("no")
        self.touch(producer.dataset, 0)
        body = {"fitness": "partly"}
        assert self.ask("PUT", f"/feedback/{feedback['id']}/", body, author).status_code == 200
        with capture_mails() as mails:
            tasks.follow_dataset(str(producer.dataset.id))
        assert not mails

    def test_a_lost_task_is_made_up_for_by_maintenance(self):
        producer, (author,), _given = self.scene("no")
        self.touch(producer.dataset, 0)
        with capture_mails() as mails:
            maintenance.maintain()
        assert [mail.recipients for mail in mails] == [[author.email]]


class AnsweringTest(ConfirmingTestCase):
    def test_opening_the_link_writes_nothing_and_shows_the_answer_chosen(self):
        producer, _authors, (feedback,) = self.scene("no")
        self.change(producer.dataset)
        before = self.stored(feedback["id"])
        for answer in ("yes", "partly", "no"):
            response = self.visit("GET", f"{P}/pages/{self.link_of(feedback, answer)}")
            text = unescape(response.get_data(as_text=True))
            assert response.status_code == 200
            assert re.search(rf'value="{answer}"[^>]* checked', text)
            assert text.count(" checked") == 1
            assert text.count("<button") == 1
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
        assert self.stored(feedback["id"]) == before

    @pytest.mark.parametrize(
        ("answer", "fitness"), [("yes", "yes"), ("partly", "partly"), ("no", "no")]
    )
    def test_one_gesture_changes_the_opinion_and_is_counted(self, answer, fitness):
        producer, _authors, (feedback,) = self.scene("no")
        self.change(producer.dataset)
        assert self.summary(producer.dataset)["outdated"] == 1
        response = self.post(self.link_of(feedback), answer)
        assert response.status_code == 303
        assert "done=1" in response.headers["Location"]
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert (shown["fitness"], shown["treatment"]["confirmed"]) == (fitness, answer)
        assert shown["outdated"] is False
        for of in (producer.dataset, producer.organization, None):
            assert self.summary(of)["outdated"] == 0
        for summary in summaries().find():
            assert self.confirmed(summary) == {f"confirmed:{answer}": 1}
        assert everything_is_settled()

    def test_before_and_since_stand_side_by_side(self):
        producer, _authors, given = self.scene(*["no"] * 9, "yes")
        self.change(producer.dataset)
        for feedback in given[:5]:
            self.post(self.link_of(feedback), "yes")
        text = self.visit("GET", f"{P}/pages/datasets/{producer.dataset.id}/?lang=en").get_data(
            as_text=True
        )
        assert "those who answer “Yes” went from 20% (5) to 100% (5)" in html.unescape(text)

    def test_before_and_since_of_fewer_than_five_are_not_compared(self):
        producer, _authors, given = self.scene("no", "no", "yes")
        self.change(producer.dataset)
        self.post(self.link_of(given[0]), "yes")
        page = self.visit("GET", f"{P}/pages/datasets/{producer.dataset.id}/?lang=en")
        assert "went from" not in page.text

    def test_the_same_page_works_by_ones_session_and_is_guarded(self):
        _producer, (author,), (feedback,) = self.scene("no")
        path = f"better/{feedback['id']}"
        key = {"X-API-KEY": self.key_of(author)}
        assert self.visit("GET", f"{P}/pages/{path}", headers=key).status_code == 200
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = author.fs_uniquifier
            session["_fresh"] = True
        assert self.post(path, "yes", client=client).status_code == 403
        assert "confirmed" not in self.stored(feedback["id"])
        assert self.post(path, "yes", headers=key).status_code == 303
        assert self.stored(feedback["id"])["confirmed"]["answer"] == "yes"

    def test_a_link_is_good_for_its_own_feedback_and_person_only(self):
        _producer, _authors, (feedback, another) = self.scene("no", "no")
        token = self.link_of(feedback).partition("token=")[2]
        assert self.post(f"better/{another['id']}?token={token}", "yes").status_code == 401
        for bad in ("", "x", token[:-2], token + "x", "A" * 2000, "%00"):
            assert self.post(f"better/{feedback['id']}?token={bad}", "yes").status_code == 401
        stranger = {"X-API-KEY": self.key_of(UserFactory())}
        assert self.post(f"better/{feedback['id']}", "yes", headers=stranger).status_code == 404
        assert self.post(f"better/{ObjectId()}", "yes", headers=stranger).status_code == 404
        assert feedbacks().count_documents({"confirmed": {"$exists": True}}) == 0
        feedbacks().update_one(
            {"_id": ObjectId(feedback["id"])}, {"$set": {"contributor.user": ObjectId()}}
        )
        assert self.post(f"better/{feedback['id']}?token={token}", "yes").status_code == 404

    def test_saying_nothing_is_refused_and_says_so(self):
        _producer, _authors, (feedback,) = self.scene("no")
        for answer in (None, "maybe"):
            response = self.post(self.link_of(feedback), answer)
            assert response.status_code == 400
            assert 'id="cf-errors"' in response.get_data(as_text=True)

    @pytest.mark.options(READ_ONLY_MODE=True)
    def test_nothing_is_answered_while_the_portal_is_read_only(self):
        producer, admin = Producer(), sysadmin()
        feedback = self.give(admin, producer.dataset, fitness="no")
        assert self.post(self.link_of(feedback), "yes").status_code == 423

    def test_an_opinion_that_changes_afterwards_confirms_nothing_any_more(self):
        producer, (author,), (feedback,) = self.scene("no")
        self.change(producer.dataset)
        self.post(self.link_of(feedback), "yes")
        path = f"/feedback/{feedback['id']}/"
        self.ask("PUT", path, {"comment": "Merci !", "fitness": "yes"}, author)
        assert self.ask("GET", path).json["treatment"]["confirmed"] == "yes"
        self.ask("PUT", path, {"fitness": "no"}, author)
        assert "confirmed" not in self.ask("GET", path).json["treatment"]
        assert not any(self.confirmed(summary) for summary in summaries().find())

    def test_who_hears_that_it_was_handled_can_say_whether_it_is_better(self):
        producer, (author,), (feedback,) = self.scene("no")
        path = f"/feedback/{feedback['id']}/treatment/"
        with capture_mails() as mails:
            self.ask("PUT", path, {"status": "resolved"}, producer.editor)
        (mail,) = [mail for mail in mails if mail.recipients == [author.email]]
        (link,) = ADDRESS.findall(mail.body)
        assert self.post(unescape(link).split("/pages/")[1], "yes").status_code == 303
        shown = self.ask("GET", f"/feedback/{feedback['id']}/").json
        assert shown["treatment"]["confirmed"] == "yes"
