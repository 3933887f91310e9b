"""« Préparer ma saisine de la CADA »: who may open it, when, and what is printed; and taking more
time to answer, on the page of a request."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from freezegun import freeze_time
from udata.core.organization.constants import PUBLIC_SERVICE
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.data_requests import actions, upkeep
from udata_culture_feedback.data_requests.models import requests

from ..cases import P, PluginTestCase, sysadmin
from .asking import UNLIMITED, as_user, has_service, stored

TITLE = "Les entrées gratuites <par mois>"
NO = {"to": "declined", "reason": "personal_data", "message": "On reconnaîtrait des agents."}
FORM = "https://www.cada.fr/formulaire-de-saisine"


class Prepared(PluginTestCase):
    @pytest.fixture(autouse=True)
    def people(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED | {"CULTURE_FEEDBACK_FORMAL_REQUESTS": True})
        self.admin, self.camille = UserFactory(), UserFactory(prefered_language="en")
        self.museum = OrganizationFactory(name="Musée de Bretagne", admins=[self.admin])
        self.museum.add_badge(PUBLIC_SERVICE)
        has_service(self.museum)
        with freeze_time("2026-01-31 10:00"):
            self.request = self.ask_for(self.camille)

    def ask_for(self, who: User, **fields: Any) -> str:
        body = {
            "title": TITLE,
            "description": "Pour étudier les dimanches gratuits.",
            "kind": "new",
            "organization": str(self.museum.id),
            "formats": ["csv"],
        }
        made, _new = self.does(who, lambda viewer: actions.ask(viewer, body | fields))
        return str(made["_id"])

    def does(self, who: User, what: Any) -> Any:
        done = as_user(self.app, who, what)
        if isinstance(done, Exception):
            raise done
        return done

    def move(self, day: str, who: User, move: dict[str, Any]) -> list[Any]:
        with freeze_time(f"{day} 10:00"), capture_mails() as sent:
            self.does(who, lambda viewer: actions.move(viewer, self.request, move))
        return sent

    def open(self, day: str, who: User | None, request: str = "") -> Any:
        slug = stored(request or self.request)["slug"]
        with freeze_time(f"{day} 10:00"):
            return self.ask("GET", f"/pages/requests/{slug}/appeal?lang=en", user=who)

    def read(self, day: str, request: str = "") -> str:
        """What its requester reads, without markup."""
        answer = self.open(day, self.camille, request)
        assert answer.status_code == 200
        page = re.sub(r"<head>.*?</head>|<[^>]*>", " ", answer.get_data(as_text=True), flags=re.S)
        return " ".join(unescape(page).split())

    def page_of_request(self, day: str, who: User | None, query: str = "?lang=en") -> str:
        with freeze_time(f"{day} 10:00"):
            path = f"/pages/requests/{stored(self.request)['slug']}/{query}"
            answer = self.ask("GET", path, user=who)
        assert answer.status_code == 200
        return answer.get_data(as_text=True)


class LetterTest(Prepared):
    # --- Who, and when ------------------------------------------------------------------------

    def test_only_its_requester_opens_it_once_there_is_a_refusal(self):
        assert self.open("2026-02-28", self.camille).status_code == 404
        assert self.open("2026-03-01", self.camille).status_code == 200
        for other in (self.admin, UserFactory(), sysadmin()):
            assert self.open("2026-03-01", other).status_code == 404

    def test_who_comes_by_a_mail_logs_in_first(self):
        answer = self.open("2026-03-01", None)
        assert answer.status_code == 302
        assert "next=" in answer.location
        assert answer.location.endswith("appeal%3Flang%3Den")

    def test_there_is_none_where_the_law_gives_none(self):
        self.app.config["CULTURE_FEEDBACK_FORMAL_REQUESTS"] = False
        assert self.open("2026-03-01", self.camille).status_code == 404
        assert "/appeal" not in self.page_of_request("2026-03-01", self.camille)

    def test_what_nobody_may_see_does_not_exist(self):
        requests().update_one(
            {"_id": stored(self.request)["_id"]}, {"$set": {"visibility": "hidden"}}
        )
        assert self.open("2026-03-01", None).status_code == 404

    def test_the_page_of_the_request_leads_its_requester_there_while_it_is_time(self):
        link = f'href="{P}/pages/requests/{stored(self.request)["slug"]}/appeal?lang=en"'
        assert link in self.page_of_request("2026-03-01", self.camille)
        assert link in self.page_of_request("2026-04-27", self.camille)
        for day, who in (
            ("2026-02-28", self.camille),
            ("2026-04-28", self.camille),
            ("2026-03-01", self.admin),
            ("2026-03-01", None),
        ):
            assert link not in self.page_of_request(day, who)

    def test_who_had_asked_for_the_same_finds_it_on_the_request_theirs_was_merged_into(self):
        with freeze_time("2026-02-02 10:00"):
            other = self.ask_for(UserFactory(), title="Entrées mensuelles")
        merge = {"to": "duplicate", "duplicate_of": other}
        self.move("2026-02-03", sysadmin(), merge)
        mine, self.request = stored(self.request), other
        page = self.page_of_request("2026-03-01", self.camille)
        assert f"/pages/requests/{mine['slug']}/appeal" in page
        assert "Les entrées gratuites &lt;par mois&gt;" in page
        assert f"/pages/requests/{mine['slug']}/appeal" not in self.page_of_request(
            "2026-03-01", UserFactory()
        )

    # --- What is printed ----------------------------------------------------------------------

    def test_after_silence_the_letter_the_copy_and_the_history_are_there(self):
        self.move("2026-02-03", self.admin, {"to": "acknowledged", "message": "Nous cherchons."})
        with freeze_time("2026-02-20 10:00"):
            said = {"message": "Avez-vous avancé ?"}
            self.does(self.camille, lambda v: actions.answer(v, self.request, said))
        page = self.read("2026-03-02")
        for words in (
            "The CADA can safely be asked until 27 April 2026",
            "Commission on access to administrative documents (CADA) TSA 50730 75334 Paris",
            "On 31 January 2026 I asked for the following documents: “Les entrées gratuites <par "
            "mois>”",
            "They are held by: Musée de Bretagne. My request was received on 31 January 2026.",
            "By the end of 28 February 2026, one month after it was received",
            "Pour étudier les dimanches gratuits.",
            "Formats: csv",
            "Drawn up on 2 March 2026 at 11:00 (Europe/Paris)",
        ):
            assert words in page, words
        dated = [
            "31 January 2026 — Request submitted",
            "31 January 2026 — Request received by Musée de Bretagne",
            "3 February 2026 — Acknowledged, by Musée de Bretagne Nous cherchons.",
            f"20 February 2026 — Message from {self.camille.fullname} Avez-vous avancé ?",
            "28 February 2026 — Refusal by silence",
            "27 April 2026 — Last safe day to ask the CADA",
        ]
        history = page[page.index("Dated history") :]
        places = [history.index(words) for words in dated]
        assert places == sorted(places)

    def test_after_a_refusal_its_reason_and_its_words_are_there(self):
        self.move("2026-02-10", self.admin, NO)
        page = self.read("2026-02-11")
        assert "refused on 10 February 2026" in page
        ground = "Privacy, anonymisation impossible (CRPA L.311-6 1°, L.312-1-2)"
        assert f"on the following ground: {ground}" in page
        fact = f"10 February 2026 — Refusal by Musée de Bretagne {ground} On reconnaîtrait des"
        assert fact in page
        assert page.count("On reconnaîtrait des agents.") == 1

    def test_the_first_holder_is_who_received_it(self):
        archives = OrganizationFactory(name="Archives")
        archives.add_badge(PUBLIC_SERVICE)
        payload = {"organization": str(archives.id), "message": "C'est à eux."}
        with freeze_time("2026-02-05 10:00"):
            self.does(self.admin, lambda v: actions.transfer(v, self.request, payload))
        page = self.read("2026-03-02")
        assert "Request received by Musée de Bretagne" in page
        assert "Sent to Archives, by Musée de Bretagne C'est à eux." in page
        assert "They are held by: Archives." in page

    def test_nothing_that_is_typed_there_is_sent(self):
        page = self.open("2026-03-01", self.camille).get_data(as_text=True)
        assert "<form" not in page.partition("<main")[2]
        for field in ("name", "address", "reach", "place"):
            assert f'for="cf-{field}"' in page
            assert re.search(rf'<(input|textarea)[^>]* id="cf-{field}"', page)
        # Whose request it is, for the letter: who opens it is its requester.
        assert f'id="cf-name" autocomplete="name" value="{self.camille.fullname}"' in page
        assert f'href="{FORM}"' in page

    def test_once_it_is_too_late_only_the_proof_is_left(self):
        page = self.read("2026-04-29")
        assert "it has passed" in page
        assert "Dated history" in page
        assert "I therefore ask" not in page
        assert "Signature" not in page

    def test_the_letter_stays_where_no_mail_has_said_what_the_law_asks(self):
        requests().update_many({}, {"$unset": {"appeal_told": 1}})
        page = self.read("2026-09-29")
        assert "the delay may not run (CRPA, article L.112-6)" in page
        assert "I therefore ask" in page
        assert self.camille.fullname in page[page.index("Signature") :]

    def test_another_country_has_its_own_words(self):
        self.app.config["CULTURE_FEEDBACK_APPEAL_FORM_URL"] = None
        self.app.config["CULTURE_FEEDBACK_APPEAL_ADDRESS"] = None
        self.app.config["CULTURE_FEEDBACK_APPEAL_TEXTS"] = {
            "page_title": {"en": "Write to the ombudsman"}
        }
        page = self.read("2026-03-01")
        assert "Write to the ombudsman" in page
        assert "TSA 50730" not in page
        assert "by post" not in page

    # --- In mails -----------------------------------------------------------------------------

    def appeal_address(self) -> str:
        return f"/pages/requests/{stored(self.request)['slug']}/appeal"

    def test_the_mail_of_a_refusal_leads_the_requester_there(self):
        sam = UserFactory(prefered_language="en")
        self.does(sam, lambda viewer: actions.support(viewer, self.request))
        mails = {mail.recipients[0]: mail for mail in self.move("2026-02-10", self.admin, NO)}
        assert self.appeal_address() in mails[self.camille.email].body
        assert self.appeal_address() not in mails[sam.email].body

    def test_so_does_that_of_a_late_answer(self):
        with freeze_time("2026-03-01 10:00"), capture_mails() as sent:
            upkeep.tell_overdue()
        mails = {mail.recipients[0]: mail for mail in sent}
        assert self.appeal_address() in mails[self.camille.email].body
        assert self.appeal_address() not in mails[self.admin.email].body

    @pytest.mark.options(CULTURE_FEEDBACK_SERVICE_MONTHS=4)
    def test_but_not_once_it_is_too_late(self):
        with freeze_time("2026-06-01 10:00"), capture_mails() as sent:
            upkeep.tell_overdue()
        assert len(sent) == 2
        assert not [mail for mail in sent if self.appeal_address() in mail.body]


class ExtendingTest(Prepared):
    def extend(self, who: User, **form: Any) -> Any:
        slug = stored(self.request)["slug"]
        with freeze_time("2026-02-10 10:00"):
            return self.ask("POST", f"/pages/requests/{slug}/extend?lang=en", user=who, data=form)

    def test_who_deals_with_it_takes_more_time_for_a_reason_that_everybody_reads(self):
        assert "Take more time to answer" in self.page_of_request("2026-02-10", self.admin)
        with capture_mails() as sent:
            done = self.extend(self.admin, days="10", extension_reason="Fichiers à anonymiser")
        assert done.status_code == 303
        page = self.page_of_request("2026-02-10", None)
        assert "extended by 10 days (Fichiers à anonymiser): 10 March 2026" in page
        assert [mail.recipients for mail in sent] == [[self.camille.email]]
        assert "Take more time to answer" not in self.page_of_request("2026-02-10", self.admin)
        assert self.extend(self.admin, days="5", extension_reason="Encore").status_code == 409

    @pytest.mark.parametrize("days", ["", "0", "32", "ten", "1.5", "9" * 5000])
    def test_a_number_that_is_wrong_is_named_and_what_was_typed_is_kept(self, days: str):
        refused = self.extend(self.admin, days=days, extension_reason="Fichiers à anonymiser")
        page = refused.get_data(as_text=True)
        assert refused.status_code == 400
        assert '<a href="#cf-days">' in page
        assert 'value="Fichiers à anonymiser"' in page
        assert re.search(r"<details[^>]* open>\s*<summary>Take more time", page)

    def test_a_reason_is_needed(self):
        refused = self.extend(self.admin, days="10", extension_reason=" ")
        assert '<a href="#cf-extension_reason">' in refused.get_data(as_text=True)
        assert refused.status_code == 400

    def test_others_are_not_offered_it_and_may_not(self):
        for who in (self.camille, UserFactory()):
            assert "Take more time" not in self.page_of_request("2026-02-10", who)
            assert self.extend(who, days="10", extension_reason="Non").status_code == 403
        assert stored(self.request)["clock"]["extended_days"] == 0

    def test_an_answered_request_waits_for_nothing(self):
        self.move("2026-02-05", self.admin, {"to": "accepted"})
        assert "Take more time" not in self.page_of_request("2026-02-10", self.admin)
        assert self.extend(self.admin, days="1", extension_reason="Non").status_code == 409
