"""Mails about requests, read as their readers do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.constants import PUBLIC_SERVICE
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.constants import MailCadence
from udata.tests.helpers import capture_mails

from udata_culture_feedback.data_requests import actions, events, upkeep
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.mail import outbox, unsubscribe
from udata_culture_feedback.mail.models import outbox as stored_mails
from udata_culture_feedback.mail.unsubscribe import Way, name_of

from ..cases import PluginTestCase, sysadmin
from .asking import UNLIMITED, as_user, has_service, stored

TITLE = "La fréquentation des musées par mois"
REASON = "Ces chiffres comportent un secret. " * 20


def text(mail: Any) -> str:
    """A mail as one line, so that sentences are found whole."""
    return " ".join(mail.body.split())


class Cast(PluginTestCase):
    """A museum and its admins, somebody who asks, others who support."""

    @pytest.fixture(autouse=True)
    def people(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)
        self.admin, self.editor = person("Alix"), person("Eddy")
        self.museum = OrganizationFactory(
            name="Musée de Bretagne", admins=[self.admin], editors=[self.editor]
        )
        self.camille, self.sam = person("Camille"), person("Sam")

    def ask(self, who: User | None = None, **fields: Any) -> str:
        body = {
            "title": TITLE,
            "description": "Pour étudier les saisons.",
            "kind": "new",
            "organization": str(self.museum.id),
        }
        asked = self.does(who or self.camille, lambda v: actions.ask(v, body | fields))
        return str(asked[0]["_id"])

    def does(self, who: User, what: Any) -> Any:
        done = as_user(self.app, who, what)
        if isinstance(done, Exception):
            raise done
        return done

    def support(self, who: User, request: str) -> None:
        self.does(who, lambda viewer: actions.support(viewer, request))

    def move(self, to: str, request: str, who: User | None = None, **more: Any) -> list[Any]:
        """The mails of a move."""
        with capture_mails() as sent:
            self.does(
                who or self.admin, lambda viewer: actions.move(viewer, request, {"to": to} | more)
            )
        return sent

    def mail_to(self, who: User, sent: list[Any]) -> Any:
        [mail] = [mail for mail in sent if mail.recipients == [who.email]]
        return mail

    def readers(self, sent: list[Any]) -> list[str]:
        known = (self.admin, self.editor, self.camille, self.sam)
        names = {person.email: person.first_name for person in known}
        return sorted(names.get(mail.recipients[0], "?") for mail in sent)


def person(first_name: str, **facts: Any) -> User:
    return UserFactory(first_name=first_name, prefered_language="fr", **facts)


class ReceiptTest(Cast):
    def test_the_requester_has_a_receipt_and_the_admins_of_the_holder_a_request(self):
        with capture_mails() as sent, freeze_time("2026-01-31 10:00"):
            self.ask()
        assert self.readers(sent) == ["Alix", "Camille"]
        receipt = self.mail_to(self.camille, sent)
        assert TITLE in receipt.subject
        assert "31 janvier 2026" in text(receipt)
        assert "Musée de Bretagne" in text(receipt)
        assert "28 février 2026" in text(receipt)
        assert "CADA" not in text(receipt)
        assert "List-Unsubscribe" not in (receipt.extra_headers or {})
        arrived = self.mail_to(self.admin, sent)
        assert "Pour étudier les saisons." in text(arrived)
        assert "28 février 2026" in text(arrived)
        assert "/pages/requests/la-frequentation-des-musees-par-mois/" in arrived.body
        assert "List-Unsubscribe" in arrived.extra_headers

    def test_the_receipt_leaves_at_once_even_to_who_reads_weekly_or_has_paused_mails(self):
        self.camille.mail_cadence = MailCadence.WEEKLY
        self.camille.notifications_paused = True
        self.camille.save()
        with capture_mails() as sent:
            self.ask()
        assert "Camille" in self.readers(sent)

    @pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
    def test_to_a_public_service_it_says_when_silence_is_a_refusal_and_how_to_appeal(self):
        self.museum.add_badge(PUBLIC_SERVICE)
        has_service(self.museum)
        with capture_mails() as sent, freeze_time("2026-01-31 10:00"):
            self.ask()
        receipt = text(self.mail_to(self.camille, sent))
        assert "R.311-12" in receipt
        assert "28 février 2026" in receipt
        assert "CADA" in receipt
        assert "L.412-3" in receipt
        assert "TSA 50730, 75334 Paris Cedex 07" in receipt
        assert "Service des publics, 10 cours des Alliés, 35000 Rennes" in receipt
        assert "publics@musee.test, 02 99 00 00 00" in receipt
        assert "implicit" in requests().find_one()["appeal_told"]
        assert "27 avril 2026" in receipt

    def test_in_english_for_who_reads_english(self):
        self.camille.prefered_language = "en"
        self.camille.save()
        with capture_mails() as sent, freeze_time("2026-01-31 10:00"):
            self.ask()
        receipt = self.mail_to(self.camille, sent)
        assert receipt.subject == f"Your request “{TITLE}” is recorded"
        assert "Your request was received on 31 January 2026 by Musée de Bretagne." in text(receipt)
        assert "Depending on the status of this organization" in text(receipt)

    def test_where_the_holder_is_unknown_the_desk_hears_of_it(self):
        desk = OrganizationFactory(name="Guichet", admins=[self.sam])
        self.app.config["CULTURE_FEEDBACK_DESK"] = str(desk.id)
        with capture_mails() as sent:
            self.ask(organization=None)
        assert self.readers(sent) == ["Camille", "Sam"]

    def test_and_where_there_is_no_desk_who_administers_the_portal(self):
        chief = sysadmin()
        with capture_mails() as sent:
            self.ask(organization=None)
        assert {mail.recipients[0] for mail in sent} == {self.camille.email, chief.email}

    def test_an_admin_who_asks_their_own_organization_has_one_mail(self):
        with capture_mails() as sent:
            self.ask(self.admin)
        assert self.readers(sent) == ["Alix"]

    @pytest.mark.parametrize("visibility", ["pending", "hidden"])
    def test_what_is_not_public_tells_nobody_anything(self, visibility: str):
        id, chief = self.ask(), sysadmin()
        self.support(self.sam, id)
        requests().update_one({"_id": stored(id)["_id"]}, {"$set": {"visibility": visibility}})
        assert self.move("accepted", id, chief) == []
        other = OrganizationFactory(name="Archives", admins=[self.sam])
        payload = {"organization": str(other.id), "message": "C'est chez vous."}
        with capture_mails() as sent:
            self.does(chief, lambda viewer: actions.transfer(viewer, id, payload))
        assert sent == []

    def test_announced_twice_it_is_one_mail(self):
        id = self.ask()
        with capture_mails() as sent:
            for _twice in range(2):
                requests().update_one(
                    {"_id": stored(id)["_id"]}, {"$unset": {"told": ""}, "$set": {"due": ["told"]}}
                )
                events.catch_up(stored(id)["_id"])
        assert sent == []

    def test_no_mail_holds_the_address_or_the_name_of_somebody_else(self):
        with capture_mails() as sent:
            id = self.ask(signature="none")
            self.support(self.sam, id)
            self.move("accepted", id)
        for mail in sent:
            others = {self.admin, self.editor, self.camille, self.sam}
            for other in others:
                if mail.recipients != [other.email]:
                    assert other.email not in mail.body + mail.html
                    assert other.last_name not in mail.body


class StepTest(Cast):
    def test_each_public_step_is_told_to_who_asks_and_who_supports_but_not_to_who_makes_it(self):
        id = self.ask()
        self.support(self.sam, id)
        self.support(self.admin, id)
        for to in ("acknowledged", "accepted", "in_progress"):
            sent = self.move(to, id)
            assert self.readers(sent) == ["Camille", "Sam"], to
            assert all(TITLE in mail.subject for mail in sent)
            assert "List-Unsubscribe" in sent[0].extra_headers

    def test_a_message_is_there_in_full_with_the_name_of_the_organization(self):
        id = self.ask()
        [mail] = self.move("accepted", id, message="Dès que possible.\n" + REASON)
        assert "Musée de Bretagne" in text(mail)
        assert REASON.strip() in text(mail)

    def test_a_question_goes_to_the_requester_only_with_its_deadline(self):
        id = self.ask()
        self.support(self.sam, id)
        with freeze_time("2026-03-01 12:00"):
            sent = self.move("needs_clarification", id, message="Quels musées ?")
        assert self.readers(sent) == ["Camille"]
        assert "Quels musées ?" in text(sent[0])
        assert "16 mars 2026" in text(sent[0])

    def test_its_reminder_is_sent_once_and_not_to_who_has_answered(self):
        with freeze_time("2026-03-01 12:00"):
            first, second = self.ask(), self.ask(title="Les horaires des musées")
            for id in (first, second):
                self.move("needs_clarification", id, message="Quels musées ?")
            self.does(self.sam, lambda v: actions.answer(v, second, {"message": "Tous."}))
        with freeze_time("2026-03-12 12:00"), capture_mails() as sent:
            upkeep.remind_clarifications()
            upkeep.remind_clarifications()
        assert self.readers(sent) == ["Camille"]
        assert TITLE in sent[0].subject
        assert "Quels musées ?" in text(sent[0])

    def test_a_refusal_has_its_reason_its_article_its_message_in_full(self):
        id = self.ask()
        self.support(self.sam, id)
        sent = self.move("declined", id, reason="third_party_rights", message=REASON)
        assert self.readers(sent) == ["Camille", "Sam"]
        for mail in sent:
            assert "CRPA L.311-4" in text(mail)
            assert REASON.strip() in text(mail)
        assert "recours" in text(self.mail_to(self.camille, sent))
        assert "recours" not in text(self.mail_to(self.sam, sent))

    @pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
    def test_and_to_the_requester_the_way_to_appeal(self):
        self.museum.add_badge(PUBLIC_SERVICE)
        with freeze_time("2026-01-31 10:00"):
            id = self.ask()
        with freeze_time("2026-02-10 10:00"):
            [mail] = self.move("declined", id, reason="not_existing", message="Rien.")
        assert "10 février 2026" in text(mail)
        assert "9 avril 2026" in text(mail)
        assert "CADA" in text(mail)
        assert "avant tout recours devant le juge" in text(mail)
        assert "TSA 50730" in text(mail)
        told = requests().find_one()["appeal_told"]
        assert set(told) == {"explicit"}  # the receipt did not name its service

    def test_published_says_how_many_asked_and_where_the_data_are(self):
        id = self.ask()
        for _one in range(41):
            self.support(UserFactory(), id)
        dataset = DatasetFactory(title="Fréquentation <2026>", organization=self.museum)
        sent = self.move(
            "published", id, datasets=[dataset.slug], urls=["https://example.org/api?a=1&b=2"]
        )
        assert len(sent) == 42
        mail = self.mail_to(self.camille, sent)
        assert "42" in text(mail)
        assert "Fréquentation <2026>: http" in text(mail)
        assert "https://example.org/api?a=1&b=2" in mail.body
        assert "Fréquentation &lt;2026&gt;" in mail.html

    def test_a_title_is_never_markup(self):
        with capture_mails() as sent:
            self.ask(title="Les <b>musées</b> & %(title)s {{ 7 * 7 }}")
        for mail in sent:
            assert "Les <b>musées</b> & %(title)s {{ 7 * 7 }}" in mail.subject
            assert "<b>musées" not in mail.html

    def test_a_dataset_that_turned_private_meanwhile_is_not_named(self):
        self.camille.mail_cadence = MailCadence.DAILY
        self.camille.save()
        id = self.ask()
        self.support(self.sam, id)
        dataset = DatasetFactory(title="Chiffres secrets", organization=self.museum)
        self.move("published", id, datasets=[dataset.slug])
        dataset.private = True
        dataset.save()
        with freeze_time(stored(id)["last_modified"] + timedelta(days=2)), capture_mails() as sent:
            outbox.deliver_due()
        assert self.readers(sent) == ["Camille"]
        assert "Chiffres secrets" not in sent[0].body

    def test_a_merge_leads_followers_to_the_other_request(self):
        first, second = self.ask(), self.ask(self.sam, title="Fréquentation mensuelle")
        sent = self.move("duplicate", first, duplicate_of=second)
        assert self.readers(sent) == ["Camille"]
        assert "Fréquentation mensuelle" in text(sent[0])
        assert "/pages/requests/frequentation-mensuelle/" in sent[0].body
        sent = self.move("accepted", second)
        assert self.readers(sent) == ["Camille", "Sam"]

    def test_a_transfer_tells_followers_and_the_new_holder(self):
        other = OrganizationFactory(name="Archives", admins=[self.sam])
        id = self.ask()
        payload = {"organization": str(other.id), "message": "Ils les ont."}
        with capture_mails() as sent:
            self.does(self.admin, lambda viewer: actions.transfer(viewer, id, payload))
        assert self.readers(sent) == ["Camille", "Sam"]
        assert "Archives" in self.mail_to(self.camille, sent).subject
        assert "Pour étudier les saisons." in text(self.mail_to(self.sam, sent))

    def test_reopened_by_its_requester_it_is_told_to_supporters_and_to_the_holder(self):
        id = self.ask()
        self.support(self.sam, id)
        self.move("declined", id, reason="not_existing", message="Rien.")
        sent = self.move("acknowledged", id, self.camille, message="Si, au sous-sol.")
        assert self.readers(sent) == ["Alix", "Sam"]
        assert all("Si, au sous-sol." in text(mail) for mail in sent)

    def test_who_has_taken_their_support_back_hears_no_more(self):
        id = self.ask()
        self.support(self.sam, id)
        self.does(self.sam, lambda viewer: actions.withdraw_support(viewer, id))
        assert self.readers(self.move("accepted", id)) == ["Camille"]

    def test_who_has_left_their_request_hears_no_more(self):
        id = self.ask()
        self.support(self.sam, id)
        self.does(self.camille, lambda viewer: actions.delete(viewer, id))
        assert self.readers(self.move("accepted", id)) == ["Sam"]

    def test_an_edit_is_told_to_nobody(self):
        id = self.ask()
        self.support(self.sam, id)
        with capture_mails() as sent:
            self.does(self.camille, lambda v: actions.edit(v, id, {"title": "Les musées"}))
        assert sent == []

    def test_a_weekly_reader_has_one_mail_for_the_week_but_a_refusal_at_once(self):
        self.sam.mail_cadence = MailCadence.WEEKLY
        self.sam.save()
        id = self.ask()
        self.support(self.sam, id)
        assert self.readers(self.move("accepted", id)) == ["Camille"]
        assert self.readers(self.move("in_progress", id)) == ["Camille"]
        sent = self.move("declined", id, reason="not_existing", message="Rien.")
        assert self.readers(sent) == ["Camille", "Sam"]
        with freeze_time(stored(id)["last_modified"] + timedelta(days=8)), capture_mails() as sent:
            outbox.deliver_due()
        assert self.readers(sent) == ["Sam"]
        assert text(sent[0]).count(TITLE) >= 2

    def test_what_is_posted_holds_ids_and_no_words(self):
        id = self.ask()
        self.support(self.sam, id)
        self.sam.mail_cadence = MailCadence.DAILY
        self.sam.save()
        self.move("accepted", id, message="Bientôt.")
        waiting = stored_mails().find_one({"user": self.sam.id, "builder": "request-step"})
        assert waiting["params"] == {"request": id, "number": 1}
        assert waiting["_id"] == f"request:{id}:1:user:{self.sam.id}"


class OverdueTest(Cast):
    def test_a_late_answer_is_told_once_to_the_requester_and_the_holder(self):
        with freeze_time("2026-01-31 10:00"):
            id = self.ask()
            self.support(self.sam, id)
        with freeze_time("2026-03-01 10:00"), capture_mails() as sent:
            upkeep.tell_overdue()
            upkeep.tell_overdue()
        assert self.readers(sent) == ["Alix", "Camille"]
        assert all("28 février 2026" in text(mail) for mail in sent)

    def test_an_answer_given_meanwhile_is_not_called_late(self):
        with freeze_time("2026-01-31 10:00"):
            id = self.ask()
        with freeze_time("2026-03-01 10:00"):
            request = stored(id)
            self.move("accepted", id)
            with capture_mails() as sent:
                events.overdue(request)
        assert sent == []


class MessageTest(Cast):
    def test_the_requester_hears_the_holder_and_the_holder_the_others(self):
        id = self.ask()
        with capture_mails() as sent:
            self.does(self.admin, lambda v: actions.answer(v, id, {"message": "Nous cherchons."}))
        assert self.readers(sent) == ["Camille"]
        assert "Nous cherchons." in text(sent[0])
        with capture_mails() as sent:
            self.does(self.camille, lambda v: actions.answer(v, id, {"message": "Merci."}))
        assert self.readers(sent) == ["Alix"]
        with capture_mails() as sent:
            self.does(self.sam, lambda v: actions.answer(v, id, {"message": "Moi aussi."}))
        assert self.readers(sent) == ["Alix", "Camille"]


class WayOutTest(Cast):
    def address(self, mail: Any) -> str:
        found = re.search(r"<(.*)>", mail.extra_headers["List-Unsubscribe"])
        assert found
        return "/" + found[1].split("://")[1].partition("/")[2]

    def test_one_click_ends_the_mails_about_one_request(self):
        first, second = self.ask(), self.ask(title="Les horaires des musées")
        [mail] = self.move("acknowledged", first)
        left = self.visit("POST", self.address(mail), data={"List-Unsubscribe": "One-Click"})
        assert left.status_code == 200
        assert self.move("accepted", first) == []
        assert self.readers(self.move("accepted", second)) == ["Camille"]

    def test_its_page_names_the_request_while_everybody_may_see_it(self):
        id = self.ask()
        assert name_of(f"request:{id}") == TITLE
        requests().update_one({"_id": stored(id)["_id"]}, {"$set": {"visibility": "hidden"}})
        assert name_of(f"request:{id}") is None

    def test_an_admin_can_refuse_to_hear_of_new_requests_of_one_organization(self):
        scope = f"requests-of:{self.museum.id}"
        assert "Musée de Bretagne" in (name_of(scope) or "")
        assert name_of("requests-of:unknown")
        assert name_of("requests-of:nonsense") is None
        unsubscribe.stop(Way(self.admin.id, scope))
        with capture_mails() as sent:
            self.ask()
        assert self.readers(sent) == ["Camille"]
