"""What is kept of people, and until when: time goes by, the nightly maintenance runs, and the whole
database is searched for what should be gone. (MongoDB removes by itself what has a date to expire,
by its own clock: here nothing is left to that.)"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory

from tests.cases import Producer, sysadmin
from tests.consultations.consulting import UNLIMITED, ConsultationCase
from udata_culture_feedback.app import retention
from udata_culture_feedback.consultations import notifications as consultation_telling
from udata_culture_feedback.consultations import upkeep as consultations
from udata_culture_feedback.consultations.models import consultations as stored_consultations
from udata_culture_feedback.consultations.models import followers
from udata_culture_feedback.data_requests import upkeep as requests_upkeep
from udata_culture_feedback.data_requests import yearly_check_in
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.email_confirmation.confirmation import unconfirmed
from udata_culture_feedback.feedback import reassessment
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.people import contacts
from udata_culture_feedback.people.viewer import TOKEN_HEADER

from ..people.without_account import Mailbox, P, WithoutAccountTestCase

ADDRESS = "camille.martin@example.org"
#: Far from now: MongoDB, whose clock nobody stops, removes nothing meanwhile.
START = datetime(2040, 3, 1, 10, 0)
DURING = "2040-12-20T12:00:00+00:00"


def at(days: float) -> Any:
    """That many days after the start, for the portal and not for the driver of the database."""
    return freeze_time(START + timedelta(days=days), ignore=["pymongo"])


def addresses() -> list[str]:
    """Every address that is still kept, in clear."""
    found = contacts.contacts().find({}, {"_id": 1, "address": 1})
    from udata_culture_feedback.people import keys

    return [keys.for_email_encryption().decrypt(one["address"]).decode() for one in found]


class UnconfirmedTest(WithoutAccountTestCase):
    def test_what_nobody_confirms_is_erased_after_a_day_with_its_address(self):
        with at(0):
            self.by_email(DatasetFactory(), ADDRESS, comment="Des mots à moi.")
            retention.erase_expired()
            assert addresses() == [ADDRESS]
            assert "Des mots" in self.everything_stored()
        with at(0.99):
            retention.erase_expired()
            assert unconfirmed().count_documents({}) == 1
        with at(1.01):
            assert retention.erase_expired() >= 2
            assert addresses() == []
            assert unconfirmed().count_documents({}) == 0
            assert "Des mots" not in self.everything_stored()


class ToldTest(WithoutAccountTestCase):
    """Who gives feedback by e-mail and asks to be told."""

    def give(self, dataset: Any, **answer: Any) -> dict[str, Any]:  # type: ignore[override]
        with Mailbox() as mailbox:
            self.by_email(dataset, ADDRESS, **({"fitness": "no"} | answer))
            outbox.deliver_all()
            confirmed = self.confirm(mailbox.token())
        assert confirmed.status_code == 201, confirmed.get_data(as_text=True)
        return self.stored(confirmed.json["contribution"]["id"])

    def treat(self, producer: Producer, feedback: dict[str, Any], answer: str) -> None:
        path = f"/feedback/{feedback['_id']}/treatment/"
        body = {"status": "planned", "answer": answer}
        assert self.ask("PUT", path, body, producer.admin).status_code == 200

    def mails(self) -> list[Any]:
        with Mailbox() as mailbox:
            outbox.deliver_all()
        return [mail for mail in mailbox.messages if ADDRESS in mail.recipients]

    def test_without_the_box_the_address_is_erased_at_once(self):
        producer = Producer()
        feedback = self.give(producer.dataset)
        assert "contact" not in feedback
        assert addresses() == []
        with Mailbox() as mailbox:
            self.treat(producer, feedback, "C’est prévu.")
            outbox.deliver_all()
        assert [mail for mail in mailbox.messages if ADDRESS in mail.recipients] == []

    def test_with_it_they_hear_what_the_producer_answers_once(self):
        producer = Producer()
        feedback = self.give(producer.dataset, tell_me=True)
        assert addresses() == [ADDRESS]
        with Mailbox() as mailbox:
            self.treat(producer, feedback, "C’est prévu pour juin.")
            outbox.deliver_all()
        [mail] = [mail for mail in mailbox.messages if ADDRESS in mail.recipients]
        assert "C’est prévu pour juin." in mail.body
        assert "List-Unsubscribe" in (mail.extra_headers or {})
        assert self.mails() == []

    def test_they_hear_what_a_moderator_decides(self):
        with at(0):
            feedback = self.give(DatasetFactory(), tell_me=True, comment="Il manque 2024.")
            assert feedback["visibility"] == "pending"
            body = {"items": [str(feedback["_id"])], "decision": "reject", "reason": "off_topic"}
            assert self.ask("POST", "/moderation/", body, sysadmin()).json["done"] == 1
        with at(0.1):
            [mail] = self.mails()
        assert "decisions/" in mail.body

    def test_once_the_data_have_changed_they_are_asked_and_their_answer_counts(self):
        producer = Producer()
        with at(0):
            feedback = self.give(producer.dataset, tell_me=True)
        with at(1):
            from udata_culture_feedback.feedback.models import summaries
            from udata_culture_feedback.figures.summary_ids import dataset_summary

            moment = START + timedelta(days=1)
            summaries().update_one(
                {"_id": dataset_summary(producer.dataset.id)},
                {"$set": {"data_updated_at": moment, "totals.before:total": 1}},
            )
            assert reassessment.ask_everywhere() == 1
            link = reassessment.link(feedback).partition("/pages/")[2]
            page = self.visit("GET", f"{P}/pages/{link}&lang=en")
            assert page.status_code == 200
            assert "Do these data meet your need now?" in page.text
            sent = self.visit("POST", f"{P}/pages/{link}", data={"answer": "yes"})
            assert sent.status_code == 303
            assert self.stored(feedback["_id"])["fitness"] == "yes"

    def test_the_address_goes_when_its_time_is_over(self):
        with at(0):
            feedback = self.give(DatasetFactory(), tell_me=True)
        with at(364):
            retention.erase_expired()
            assert addresses() == [ADDRESS]
        with at(366):
            retention.erase_expired()
            assert addresses() == []
            assert feedbacks().find_one({"_id": feedback["_id"]}) is not None

    def test_it_goes_with_the_feedback_and_when_they_answer_again_without_the_box(self):
        dataset = DatasetFactory()
        self.give(dataset, tell_me=True)
        with Mailbox() as mailbox:
            self.by_email(dataset, ADDRESS, fitness="yes")
            outbox.deliver_all()
            answer = self.confirm(mailbox.token())
        assert addresses() == []
        with Mailbox() as mailbox:
            self.by_email(dataset, ADDRESS, fitness="yes", tell_me=True)
            outbox.deliver_all()
            answer = self.confirm(mailbox.token())
        assert addresses() == [ADDRESS]
        headers = {TOKEN_HEADER: answer.json["contributor_token"]}
        path = f"/feedback/{answer.json['contribution']['id']}/"
        assert self.ask("DELETE", path, headers=headers).status_code == 204
        assert addresses() == []

    def test_the_box_is_beside_the_address_and_not_ticked(self):
        page = self.visit("POST", f"{P}/pages/datasets/{DatasetFactory().id}/?lang=en", data={
            "fitness": "no",
        }).text  # fmt: skip
        box = page.split('name="tell_me"')[1].split(">")[0]
        assert "checked" not in box
        assert "after 365 days" in page


class RequestTest(WithoutAccountTestCase):
    """Who asks for data without an account."""

    def asked(self) -> dict[str, Any]:
        body = {
            "title": "La fréquentation des musées",
            "description": "Par mois, depuis 2015.",
            "kind": "new",
            "email": ADDRESS,
        }
        with Mailbox() as mailbox:
            assert self.ask("POST", "/requests/", body).status_code == 202
            outbox.deliver_all()
            id = self.confirm(mailbox.token()).json["contribution"]["id"]
        publish = {"items": [id], "decision": "publish"}
        assert self.ask("POST", "/moderation/", publish, sysadmin()).json["done"] == 1
        return self.request(id)

    def request(self, id: Any) -> dict[str, Any]:
        found = requests().find_one({"_id": ObjectId(id)})
        assert found is not None
        return found

    def nights(self, first: int, last: int, step: int = 30) -> None:
        """The nightly maintenance, as far as addresses go, from one day to another."""
        for day in range(first, last, step):
            with at(day):
                yearly_check_in.ask_everybody()
                requests_upkeep.keep_addresses()
                retention.erase_expired()

    def test_the_address_is_kept_while_it_is_open_then_for_ninety_days(self):
        with at(0):
            request = self.asked()
        self.nights(0, 331)
        assert addresses() == [ADDRESS]
        requests().update_one({"_id": request["_id"]}, {"$set": {"status": "published"}})
        self.nights(331, 420)
        assert addresses() == [ADDRESS]
        with at(330 + 91):
            retention.erase_expired()
        assert addresses() == []

    def test_after_a_year_they_are_asked_and_who_is_silent_is_forgotten(self):
        with at(0):
            request = self.asked()
        self.nights(0, 360)
        with at(366), Mailbox() as mailbox:
            assert yearly_check_in.ask_everybody() == 1
            assert yearly_check_in.ask_everybody() == 0
            outbox.deliver_all()
        [mail] = [m for m in mailbox.messages if "interested?token=" in m.body]
        assert mail.recipients == [ADDRESS]
        self.nights(367, 420)
        assert addresses() == [ADDRESS]
        with at(366 + 61):
            requests_upkeep.keep_addresses()
        assert addresses() == []
        assert self.request(request["_id"])["status"] == "submitted"

    def test_a_crash_after_the_mail_was_posted_neither_loses_nor_repeats_it(self):
        with at(0):
            request = self.asked()
        self.nights(0, 360)
        with Mailbox() as mailbox:
            with at(366):
                yearly_check_in.ask_everybody()
            # As a process that died before it marked the request leaves it.
            requests().update_one({"_id": request["_id"]}, {"$unset": {"interest": 1}})
            for day in (367, 368):
                with at(day):
                    yearly_check_in.ask_everybody()
                    outbox.deliver_all()
        assert len([m for m in mailbox.messages if "interested?token=" in m.body]) == 1
        assert self.request(request["_id"])["interest"]["awaited"] is True

    def test_who_answers_is_written_to_for_another_year(self):
        with at(0):
            request = self.asked()
        self.nights(0, 360)
        with at(366):
            yearly_check_in.ask_everybody()
            token = yearly_check_in.link(self.request(request["_id"]))
            path = f"{P}/pages/requests/interested?token={token}"
            page = self.visit("GET", f"{path}&lang=en")
            assert "Yes, go on telling me" in page.text
            assert self.request(request["_id"])["interest"]["awaited"] is True
            assert self.visit("POST", path).status_code == 303
        self.nights(367, 366 + 364)
        assert addresses() == [ADDRESS]
        with at(366 + 366):
            assert yearly_check_in.ask_everybody() == 1

    def test_a_forged_or_an_old_link_does_nothing(self):
        with at(0):
            request = self.asked()
        with at(366):
            yearly_check_in.ask_everybody()
            link = yearly_check_in.link(self.request(request["_id"]))
            for token in ("", "x", link[:-2]):
                answer = self.visit("POST", f"{P}/pages/requests/interested?token={token}")
                assert answer.status_code == 410
        with at(366 + 61):
            answer = self.visit("POST", f"{P}/pages/requests/interested?token={link}")
            assert answer.status_code == 410


@pytest.mark.options(**UNLIMITED)
class ConsultationTest(ConsultationCase, WithoutAccountTestCase):
    """Who answers a consultation without an account."""

    def opened(self) -> Any:
        return self.make(opens_at="2040-12-06T00:00", closes_at="2041-02-07T00:00")

    def confirmed(self, consultation: Any, email: str = ADDRESS, **fields: Any) -> Any:
        body = {"answers": {"use": "yes"}, "email": email} | fields
        with Mailbox() as mailbox:
            path = f"/consultations/{consultation['id']}/responses/"
            assert self.ask("POST", path, body).status_code == 202
            outbox.deliver_all()
            answer = self.confirm(mailbox.token())
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.json

    def test_nobody_is_the_same_person_in_two_consultations(self):
        with freeze_time(DURING, ignore=["pymongo"]):
            first, second = self.opened(), self.opened()
            self.confirmed(first)
            self.confirmed(second)
        from udata_culture_feedback.consultations.models import responses

        assert len({one["contributor"]["key"] for one in responses().find()}) == 2

    def test_the_pepper_is_destroyed_a_year_after_the_closing(self):
        with freeze_time(DURING, ignore=["pymongo"]):
            made = self.opened()
            self.confirmed(made)
        scope = f"consultation:{made['id']}"
        before = contacts.fingerprint(ADDRESS, scope)
        with freeze_time("2042-02-05", ignore=["pymongo"]):
            assert consultations.destroy_peppers() == 0
        with freeze_time("2042-02-09", ignore=["pymongo"]):
            assert consultations.destroy_peppers() == 1
        assert contacts.peppers().find_one({"_id": scope}) is None
        assert contacts.fingerprint(ADDRESS, scope) != before

    def test_who_asks_for_the_synthesis_is_told_and_forgotten_a_month_later(self):
        with freeze_time(DURING, ignore=["pymongo"]):
            made = self.opened()
            self.confirmed(made, tell_me=True)
            self.confirmed(made, "other@example.org")
            assert addresses() == [ADDRESS]
        for day in ("2041-01-05", "2041-01-25", "2041-02-20", "2041-03-15"):
            with freeze_time(day, ignore=["pymongo"]):
                consultation_telling.keep_addresses()
                retention.erase_expired()
        assert addresses() == [ADDRESS]
        out = {"$set": {"synthesis": {"text": {"fr": "…"}, "published_at": datetime(2041, 4, 1)}}}
        stored_consultations().update_one({"_id": ObjectId(made["id"])}, out)
        with freeze_time("2041-04-01T10:00", ignore=["pymongo"]), Mailbox() as mailbox:
            consultations.tell_syntheses()
            outbox.deliver_all()
        assert [mail.recipients for mail in mailbox.messages] == [[ADDRESS]]
        for day in ("2041-04-10", "2041-04-28"):
            with freeze_time(day, ignore=["pymongo"]):
                consultation_telling.keep_addresses()
                retention.erase_expired()
                assert addresses() == [ADDRESS]
        with freeze_time("2041-04-28", ignore=["pymongo"]):
            consultation_telling.keep_addresses()
            retention.erase_expired()
            assert addresses() == [ADDRESS]
        with freeze_time("2041-05-03", ignore=["pymongo"]):
            consultation_telling.keep_addresses()
            retention.erase_expired()
        assert addresses() == []
        assert followers().count_documents({}) == 0

    def test_without_a_synthesis_the_address_is_not_kept_for_ever(self):
        with freeze_time(DURING, ignore=["pymongo"]):
            made = self.opened()
            self.confirmed(made, tell_me=True)
        row = followers().find_one({})
        assert row is not None
        contacts.keep_until(row["contact"], datetime(2060, 1, 1))
        with freeze_time("2042-02-09", ignore=["pymongo"]):
            consultation_telling.keep_addresses()
        assert addresses() == []
