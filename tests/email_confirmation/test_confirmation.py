"""Taking part by confirming an e-mail address: what happens before, at, and after the confirmation,
and where the address is never found."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet
from freezegun import freeze_time
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory, HiddenDatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.email_confirmation.confirmation import LIFETIME, unconfirmed
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail.models import outbox
from udata_culture_feedback.people import contacts, tokens
from udata_culture_feedback.people.contacts import peppers

from ..people.without_account import Mailbox, P, WithoutAccountTestCase, solve

EMAIL = "camille.martin@example.org"


def later(delay: timedelta) -> Any:
    return freeze_time(datetime.now(UTC) + delay)


def the_day_turns() -> None:
    """Windows go by the clock of the database, which nobody freezes."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    get_db()["culture_feedback_limits"].update_many({}, {"$set": {"expireAt": past}})


class ConfirmingTest(WithoutAccountTestCase):
    def test_nothing_is_counted_before_and_everything_after(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            assert self.by_email(dataset, EMAIL, comment="Très utile").status_code == 202
        assert feedbacks().count_documents({}) == 0
        assert self.summary(dataset)["total"] == 0
        [message] = mailbox.messages
        assert message.recipients == [EMAIL]
        confirmed = self.confirm(mailbox.token())
        assert confirmed.status_code == 201
        assert confirmed.json["contribution"]["contributor"] == {"kind": "confirmed", "name": None}
        assert confirmed.json["contribution"]["visibility"] == "pending"
        assert self.summary(dataset)["by_contributor"]["verified"] == 1

    def test_the_mail_says_what_it_is_about_and_nothing_that_was_typed(self):
        dataset = DatasetFactory(title="Musées de France")
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL, comment="Achetez mes montres", name="Montres SA")
        [message] = mailbox.messages
        for text in (message.body, message.html):
            assert "Musées de France" in unescape(text)
            assert "ontres" not in text
        assert "List-Unsubscribe" not in (message.extra_headers or {})

    def test_the_page_shows_all_of_it_and_opening_it_changes_nothing(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL, comment="<b>Très</b> utile", name="Camille")
        for _time in range(2):
            page = self.visit("GET", f"{P}/pages/confirm/?token={mailbox.token()}")
            assert page.status_code == 200
            text = page.get_data(as_text=True)
            assert "&lt;b&gt;Très&lt;/b&gt; utile" in text
            assert "Camille" in text
            assert EMAIL not in text
            assert page.headers["Cache-Control"] == "no-store"
            assert page.headers["Referrer-Policy"] == "no-referrer"
        assert feedbacks().count_documents({}) == 0

    def test_its_button_confirms_and_leads_to_the_dataset(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
        token = mailbox.token()
        done = self.visit("POST", f"{P}/pages/confirm/", data={"token": token})
        assert done.status_code == 303
        assert f"/pages/datasets/{dataset.slug}/?done=confirmed" in done.headers["Location"]
        assert token not in done.headers["Location"]
        assert self.summary(dataset)["total"] == 1

    def test_a_link_is_good_once(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
        assert self.confirm(mailbox.token()).status_code == 201
        assert self.confirm(mailbox.token()).status_code == 410
        page = self.visit("GET", f"{P}/pages/confirm/?token={mailbox.token()}")
        assert page.status_code == 410
        assert self.summary(dataset)["total"] == 1

    def test_a_confirmation_that_was_interrupted_may_be_repeated(self):
        """The process dies after it has recorded the answer, and before it has erased the link."""
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
        [waiting], [address] = list(unconfirmed().find()), list(contacts.contacts().find())
        assert self.confirm(mailbox.token()).status_code == 201
        contacts.contacts().insert_one(address)
        unconfirmed().insert_one(waiting)
        assert self.confirm(mailbox.token()).status_code == 200
        assert feedbacks().count_documents({}) == 1
        assert unconfirmed().count_documents({}) == 0

    def test_a_link_is_good_for_a_day(self):
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), EMAIL)
        with later(LIFETIME + timedelta(seconds=1)):
            assert self.confirm(mailbox.token()).status_code == 410

    @pytest.mark.parametrize("token", ["", "x", "é", None, 3, ["x"], {"$ne": ""}, "A" * 3000])
    def test_what_is_no_link_is_refused(self, token: Any):
        assert self.confirm(token).status_code == 400

    def test_a_changed_link_is_refused(self):
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), EMAIL)
        token = mailbox.token()
        for changed in (token[:-2], token + "A", "A" + token):
            assert self.confirm(changed).status_code == 400
        elsewhere = tokens.signer("unsubscribe").dumps(str(unconfirmed().find_one()["_id"]))
        assert self.confirm(elsewhere).status_code == 400

    def test_who_answers_again_by_the_same_address_changes_their_answer(self):
        dataset = DatasetFactory()
        for fitness in ("yes", "no"):
            with Mailbox() as mailbox:
                self.by_email(dataset, "Camille.Martin+avis@EXAMPLE.org", fitness=fitness)
            assert self.confirm(mailbox.token()).status_code in (200, 201)
        assert self.summary(dataset)["fitness"] == {"yes": 0, "partly": 0, "no": 1}

    def test_for_an_hour_one_changes_it_without_another_mail(self):
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), EMAIL, comment="Un avis")
        confirmed = self.confirm(mailbox.token()).json
        path = f"/feedback/{confirmed['contribution']['id']}/"
        body = {"contributor_token": confirmed["contributor_token"], "comment": "Un autre avis"}
        changed = self.ask("PUT", path, body)
        assert (changed.status_code, changed.json["comment"]) == (200, "Un autre avis")
        with later(timedelta(hours=1, seconds=5)):
            assert self.ask("PUT", path, body).status_code == 401

    def test_confirming_is_done_as_the_person_of_the_address(self):
        """Whoever is logged in in the browser that opens the link."""
        dataset, somebody = DatasetFactory(), UserFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
        confirmed = self.ask("POST", "/confirm/", {"token": mailbox.token()}, somebody)
        assert confirmed.json["contribution"]["contributor"]["kind"] == "confirmed"

    def test_what_it_is_about_may_be_gone_meanwhile(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
        dataset.private = True
        dataset.save()
        page = self.visit("GET", f"{P}/pages/confirm/?token={mailbox.token()}")
        assert page.status_code == 410
        assert self.confirm(mailbox.token()).status_code == 404

    def test_the_language_of_the_mail_is_the_one_that_was_spoken(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            for language in ("fr", "en"):
                body = {"dataset": str(dataset.id), "fitness": "yes", "email": EMAIL}
                self.ask("POST", f"/feedback/?lang={language}", body)
        french, english = mailbox.messages
        assert "Bonjour" in french.body
        assert "Hi " in english.body


class CheckingTest(WithoutAccountTestCase):
    @pytest.mark.parametrize(
        "email",
        ["x", "@", "a@b", "a b@example.org", "é@example.org", "a@example.org\nBcc: b@x.org", 3,
         ["a@example.org"], {"$gt": ""}, "a" * 300 + "@example.org", "a@example.org\0"],
    )  # fmt: skip
    def test_an_address_has_to_be_one(self, email: Any):
        refused = self.by_email(DatasetFactory(), email)
        assert refused.status_code == 400
        assert list(refused.json["errors"]) == ["email"]

    def test_all_that_is_wrong_is_said_at_once(self):
        refused = self.by_email(DatasetFactory(), "x", fitness="perhaps", ratings={"no": 1})
        assert set(refused.json["errors"]) == {"email", "fitness", "ratings"}
        assert outbox().count_documents({}) == 0

    def test_a_dataset_that_is_not_public_does_not_exist(self):
        assert self.by_email(HiddenDatasetFactory()).status_code == 404

    def test_a_read_only_portal_keeps_nothing(self, app: Any):
        app.config["READ_ONLY_MODE"] = True
        try:
            assert self.by_email(DatasetFactory()).status_code == 423
        finally:
            app.config["READ_ONLY_MODE"] = False
        assert unconfirmed().count_documents({}) == 0


class EnumerationTest(WithoutAccountTestCase):
    """Nobody learns from our answers who has an account here, or has written."""

    def test_the_answer_is_the_same_for_known_and_unknown_addresses(self):
        known, dataset = UserFactory(email="known@example.org"), DatasetFactory()
        self.give(known, dataset)
        with Mailbox() as mailbox:
            self.by_email(dataset, "wrote@example.org")
        self.confirm(mailbox.token())
        answers = [
            self.by_email(dataset, email)
            for email in ("known@example.org", "wrote@example.org", "nobody@example.org")
        ]
        assert {a.status_code for a in answers} == {202}
        assert len({a.get_data() for a in answers}) == 1

    def test_an_address_receives_three_mails_a_day_and_nobody_is_told(self):
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            answers = [
                self.by_email(dataset, email)
                for email in (EMAIL, EMAIL.upper(), EMAIL.replace("@", "+x@"), EMAIL, EMAIL)
            ]
            other = self.by_email(dataset, "somebody.else@example.org")
        assert {(a.status_code, a.get_data()) for a in answers} == {(202, other.get_data())}
        assert len(mailbox.messages) == 4
        assert unconfirmed().count_documents({}) == 4
        the_day_turns()
        with Mailbox() as tomorrow:
            self.by_email(dataset, EMAIL)
        assert len(tomorrow.messages) == 1

    def test_one_address_does_not_use_up_what_the_portal_sends(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE"] = "10 per hour"
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            for _n in range(12):
                assert self.by_email(dataset, EMAIL).status_code == 202
                assert self.ask("POST", "/me/", {"email": EMAIL}).status_code == 202
            assert self.by_email(dataset, "b@example.org").status_code == 202
        assert len(mailbox.messages) == 7  # three of each to one, and that of the other

    def test_confirmations_do_not_use_up_the_links_to_what_one_has_said(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE"] = "4 per hour"
        dataset = DatasetFactory()
        with Mailbox() as mailbox:
            self.by_email(dataset, EMAIL)
            self.confirm(mailbox.token())
            for _n in range(3):
                self.by_email(DatasetFactory(), EMAIL)
            assert self.ask("POST", "/me/", {"email": EMAIL}).status_code == 202
        assert "/pages/me/open?token=" in mailbox.messages[-1].body

    def test_while_many_mails_are_sent_each_costs_a_proof_of_work(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE"] = "4 per hour"
        dataset = DatasetFactory()
        for name in "ab":
            assert self.by_email(dataset, f"{name}@example.org").status_code == 202
        refused = self.by_email(dataset, "c@example.org")
        assert (refused.status_code, refused.json["proof"]) == (403, "missing")
        challenge = self.ask("GET", "/proof/?action=mail").json["challenge"]
        proof = solve(challenge)
        assert self.by_email(dataset, "c@example.org", proof=proof).status_code == 202
        assert self.by_email(dataset, "d@example.org", proof=proof).json["proof"] == "spent"
        page = self.visit("GET", f"{P}/pages/requests/new?lang=en").text
        assert 'data-proof="proof/?action=mail"' in page
        access = self.visit("GET", f"{P}/pages/me/?lang=en").text
        assert "data-proof" not in access  # counted apart

    def test_the_portal_sends_so_many(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE"] = "1 per hour"
        dataset = DatasetFactory()
        assert self.by_email(dataset, "a@example.org").status_code == 202
        proof = solve(self.ask("GET", "/proof/?action=mail").json["challenge"])
        refused = self.by_email(dataset, "b@example.org", proof=proof)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"]


class SecrecyTest(WithoutAccountTestCase):
    """The address is in one collection, encrypted, for as long as it is needed."""

    def test_the_clear_address_is_nowhere(self, caplog: Any):
        dataset = DatasetFactory()
        with caplog.at_level(logging.DEBUG), Mailbox() as mailbox:
            asked = self.by_email(dataset, EMAIL, comment="Un avis", name="Camille")
            waiting = self.everything_stored()
            confirmed = self.confirm(mailbox.token())
        paths = [
            "/feedback/",
            f"/feedback/{confirmed.json['contribution']['id']}/",
            f"/pages/datasets/{dataset.id}/",
            f"/datasets/{dataset.id}/summary/",
        ]
        said = [asked, confirmed, *(self.ask("GET", path) for path in paths)]
        texts = [waiting, self.everything_stored(), *(one.get_data(as_text=True) for one in said)]
        ours = [r.getMessage() for r in caplog.records if r.name.startswith("udata_culture")]
        for text in (*texts, *ours):
            assert "camille.martin" not in text.lower()

    def test_it_is_erased_with_the_confirmation(self):
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), EMAIL)
        assert contacts.contacts().count_documents({}) == 1
        self.confirm(mailbox.token())
        assert contacts.contacts().count_documents({}) == 0
        assert unconfirmed().count_documents({}) == 0

    def test_it_is_erased_with_what_nobody_confirms(self):
        self.by_email(DatasetFactory(), EMAIL, comment="Jamais confirmé")
        tomorrow = datetime.now(UTC).replace(tzinfo=None) + LIFETIME + timedelta(minutes=1)
        for collection in (contacts.contacts(), unconfirmed()):
            [kept] = collection.find()
            assert kept["expires_at"] < tomorrow
            indexes = collection.index_information().values()
            assert any(index.get("expireAfterSeconds") == 0 for index in indexes)

    def test_nothing_in_the_database_confirms(self):
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), EMAIL)
        assert mailbox.token() not in self.everything_stored()

    def test_an_address_says_nothing_of_itself_in_a_traceback(self):
        id = contacts.keep(EMAIL, "fr", datetime.now(UTC).replace(tzinfo=None) + LIFETIME)
        assert EMAIL not in repr(contacts.find(id))

    def test_a_mail_that_could_not_be_sent_is_not_once_the_address_is_erased(self):
        self.by_email(DatasetFactory(), EMAIL)
        [entry] = outbox().find()
        contacts.contacts().delete_many({})
        outbox().update_one(
            {"_id": entry["_id"]},
            {"$set": {"due_at": entry["created_at"]}, "$unset": {"outcome": ""}},
        )
        from udata_culture_feedback.mail.outbox import deliver_due

        with Mailbox() as mailbox:
            assert deliver_due()["skipped"] == 1
        assert mailbox.messages == []


class FingerprintTest(WithoutAccountTestCase):
    def test_it_is_that_of_one_person_in_one_scope(self):
        assert contacts.fingerprint(EMAIL, "feedback") == contacts.fingerprint(
            EMAIL.title(), "feedback"
        )
        assert contacts.fingerprint(EMAIL, "feedback") != contacts.fingerprint(EMAIL, "requests")
        assert contacts.fingerprint(EMAIL, "feedback") != contacts.fingerprint(
            "another@example.org", "feedback"
        )

    def test_it_depends_on_the_key(self, app: Any):
        before = contacts.fingerprint(EMAIL, "feedback")
        app.config["CULTURE_FEEDBACK_EMAIL_HASH_KEY"] = "another key of at least forty characters"
        assert contacts.fingerprint(EMAIL, "feedback") != before

    def test_without_its_pepper_it_is_nobodys(self):
        before = contacts.fingerprint(EMAIL, "consultation:1")
        contacts.destroy_pepper("consultation:1")
        assert peppers().count_documents({}) == 0
        assert contacts.fingerprint(EMAIL, "consultation:1") != before

    @pytest.mark.parametrize("left", [[], ["no key"]])
    def test_without_any_key_nothing_breaks(self, app: Any, left: list[str]):
        until = datetime.now(UTC).replace(tzinfo=None) + LIFETIME
        id = contacts.keep(EMAIL, None, until)
        app.config["CULTURE_FEEDBACK_EMAIL_KEYS"] = left
        assert contacts.find(id) is None
        assert not contacts.keep_until(id, until)

    def test_keys_are_rotated(self, app: Any):
        old = app.config["CULTURE_FEEDBACK_EMAIL_KEYS"]
        until = datetime.now(UTC).replace(tzinfo=None) + LIFETIME
        id = contacts.keep(EMAIL, None, until)
        new = Fernet.generate_key().decode()
        app.config["CULTURE_FEEDBACK_EMAIL_KEYS"] = [new, *old]
        assert contacts.find(id).address == EMAIL
        again = contacts.keep(EMAIL, None, until)
        app.config["CULTURE_FEEDBACK_EMAIL_KEYS"] = [new]
        assert contacts.find(again).address == EMAIL
        assert contacts.find(id) is None  # its key is gone
        stored = contacts.contacts().find_one({"_id": again})
        assert MultiFernet([Fernet(new)]).decrypt(stored["address"]).decode() == EMAIL
