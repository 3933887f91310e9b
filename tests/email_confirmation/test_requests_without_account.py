"""Requests and people without an account: supporting under a proof of work or by e-mail, asking by
e-mail, and hearing what becomes of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from tests.cases import P
from udata_culture_feedback.data_requests import events, repository, upkeep
from udata_culture_feedback.data_requests import supports as supporting
from udata_culture_feedback.data_requests.figures import settle_supports
from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.people import contacts
from udata_culture_feedback.people.contacts import contacts as addresses
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.people.viewer import Viewer

from ..people.without_account import Mailbox, WithoutAccountTestCase

EMAIL = "camille.martin@example.org"


def later(delay: timedelta) -> Any:
    return freeze_time(datetime.now(UTC) + delay)


class RequestsTestCase(WithoutAccountTestCase):
    def asked(self, **request: Any) -> Any:
        """A request of an account."""
        body = {"title": "Horaires des musées", "description": "Par jour.", "kind": "new"}
        made = self.ask("POST", "/requests/", body | request, UserFactory())
        assert made.status_code == 201, made.get_data(as_text=True)
        return made.json

    def people(self, request: Any) -> int:
        """Who supports it, and who asked for it."""
        return self.ask("GET", f"/requests/{request['id']}/").json["supports"] + 1


class SupportingTest(RequestsTestCase):
    def test_a_browser_supports_under_a_proof_of_work(self):
        request, browser = self.asked(), self.browser()
        proof = browser.proof(request["slug"], "support")
        given = browser.send("POST", f"/requests/{request['id']}/support/", proof=proof)
        assert given.status_code == 200, given.get_data(as_text=True)
        assert given.json["supported"]
        assert self.people(request) == 2

    def test_again_needs_no_proof_and_changes_nothing(self):
        request, browser = self.asked(), self.browser()
        proof = browser.proof(request["id"], "support")
        for sent in (proof, proof, None):
            path = f"/requests/{request['id']}/support/"
            assert browser.send("POST", path, proof=sent).status_code == 200
        assert self.people(request) == 2

    def test_without_a_proof_nobody_supports(self):
        request, browser = self.asked(), self.browser()
        path = f"/requests/{request['id']}/support/"
        refused = self.ask("POST", path)
        assert refused.status_code == 401
        assert refused.json["ways"] == ["account", "proof", "email"]
        browser.proof(request["id"], "support")
        assert browser.send("POST", path).json["proof"] == "missing"
        assert supports().count_documents({}) == 0

    def test_a_proof_for_a_dataset_supports_nothing(self):
        request, other, browser = self.asked(), self.asked(title="Autre"), self.browser()
        path = f"/requests/{request['id']}/support/"
        refused = browser.send("POST", path, proof=browser.proof(other["id"], "support"))
        assert (refused.status_code, refused.json["proof"]) == (403, "elsewhere")

    def test_the_same_browser_takes_it_back(self):
        request, browser = self.asked(), self.browser()
        path = f"/requests/{request['id']}/support/"
        browser.send("POST", path, proof=browser.proof(request["id"], "support"))
        header = {"X-Culture-Feedback-Token": browser.token}
        assert self.ask("DELETE", path, headers=header).status_code == 200
        assert self.people(request) == 1

    def test_one_supports_by_email(self):
        request = self.asked()
        with Mailbox() as mailbox:
            path = f"/requests/{request['slug']}/support/"
            assert self.ask("POST", path, {"email": EMAIL}).status_code == 202
        assert self.people(request) == 1
        assert self.confirm(mailbox.token()).status_code == 200
        assert self.people(request) == 2
        assert addresses().count_documents({}) == 0

    def test_an_address_supports_once(self):
        request = self.asked()
        for _time in range(2):
            with Mailbox() as mailbox:
                self.ask("POST", f"/requests/{request['id']}/support/", {"email": EMAIL})
            self.confirm(mailbox.token())
        assert self.people(request) == 2

    @pytest.mark.parametrize("again", ["c.martin@gmail.com", "CMartin+x@googlemail.com"])
    def test_one_mailbox_of_gmail_supports_once_however_it_is_written(self, again: str):
        request = self.asked()
        for address in ("cmartin@gmail.com", again):
            with Mailbox() as mailbox:
                self.ask("POST", f"/requests/{request['id']}/support/", {"email": address})
            self.confirm(mailbox.token())
        assert self.people(request) == 2

    def test_who_was_known_by_the_former_fingerprint_is_no_newcomer(self):
        request, address = self.asked(), "c.martin@gmail.com"
        former = contacts.former_fingerprint(address, "requests")
        known = Viewer(key=former, kind=Kind.CONFIRMED)
        supporting.support(known, repository.fresh(ObjectId(request["id"])))
        settle_supports(ObjectId(request["id"]))
        with Mailbox() as mailbox:
            self.ask("POST", f"/requests/{request['id']}/support/", {"email": address})
        self.confirm(mailbox.token())
        assert self.people(request) == 2
        [row] = supports().find()
        assert row["key"] == contacts.fingerprint(address, "requests")

    def test_the_page_leads_to_a_confirmation_by_email(self):
        request = self.asked()
        page = f"{P}/pages/requests/{request['slug']}/support"
        asked = self.visit("POST", page, data={})
        assert asked.status_code == 200
        assert 'name="email"' in asked.get_data(as_text=True)
        wrong = self.visit("POST", page, data={"by_email": "1", "email": "x"})
        assert wrong.status_code == 400
        assert 'aria-invalid="true"' in wrong.get_data(as_text=True)
        with Mailbox() as mailbox:
            sent = self.visit("POST", page, data={"by_email": "1", "email": EMAIL})
        assert sent.headers["Location"].endswith("?done=sent#cf-done")
        done = self.visit("POST", f"{P}/pages/confirm/", data={"token": mailbox.token()})
        assert f"/pages/requests/{request['slug']}/?done=confirmed" in done.headers["Location"]
        assert self.people(request) == 2

    def test_similar_requests_lead_to_their_support_where_the_mode_allows_it(self, app: Any):
        request = self.asked()
        similar = f"{P}/pages/requests/similar?lang=en&q={request['title'].replace(' ', '+')}"
        link = f'href="{P}/pages/requests/{request["slug"]}/'
        page = self.visit("GET", similar).get_data(as_text=True)
        assert f"{request['slug']}/support" in page
        assert f"target={request['id']}" in page
        assert link in page
        app.config["CULTURE_FEEDBACK_WITHOUT_ACCOUNT"] = {"support": "off"}
        try:
            page = self.visit("GET", similar).get_data(as_text=True)
        finally:
            app.config["CULTURE_FEEDBACK_WITHOUT_ACCOUNT"] = {}
        assert link in page
        assert "/support" not in page

    def test_a_similar_request_is_supported_in_the_place_of_the_form(self):
        request, browser = self.asked(), self.browser()
        page = f"{P}/pages/requests/{request['slug']}/support?show=card&as=fragment&lang=en"
        form = {"proof": browser.proof(request["id"], "support"), "instead": "ask:"}
        form["contributor_token"] = browser.token
        supported = self.visit("POST", page, data=form).get_data(as_text=True)
        assert 'id="cf-ask"' in supported
        assert "your support is counted" in supported
        assert self.people(request) == 2
        asked = self.visit("POST", page, data={}).get_data(as_text=True)
        assert 'id="cf-ask"' in asked
        assert 'name="email"' in asked
        with Mailbox() as mailbox:
            sent = self.visit("POST", page, data={"by_email": "1", "email": EMAIL})
            assert 'id="cf-ask"' in sent.get_data(as_text=True)
        assert mailbox.token()

    def test_the_page_of_a_request_takes_a_proof_and_gives_the_support_back(self):
        request, browser = self.asked(), self.browser()
        page = f"{P}/pages/requests/{request['slug']}/"
        assert f"target={request['id']}" in self.visit("GET", page).get_data(as_text=True)
        proof = browser.proof(request["id"], "support")
        form = {"proof": proof, "contributor_token": browser.token}
        supported = self.visit("POST", f"{page}support", data=form)
        assert supported.status_code == 200
        text = supported.get_data(as_text=True)
        assert f'value="{browser.token}"' in text
        assert f'{page}unsupport"' in text.replace("#cf-errors", "")
        assert self.people(request) == 2
        taken = self.visit("POST", f"{page}unsupport", data={"contributor_token": browser.token})
        assert taken.status_code == 303
        assert self.people(request) == 1

    def test_who_fills_the_trap_supports_at_the_second_time(self):
        request, browser = self.asked(), self.browser()
        page = f"{P}/pages/requests/{request['slug']}/support"
        proof = browser.proof(request["id"], "support")
        form = {"proof": proof, "contributor_token": browser.token}
        assert self.visit("POST", page, data=form | {"website": "x"}).status_code == 403
        assert self.visit("POST", page, data=form).status_code == 200
        assert self.people(request) == 2


class AskingTest(RequestsTestCase):
    def by_confirmed(self, **request: Any) -> Any:
        """A request of somebody who confirms their address."""
        body = {"title": "Cartes anciennes", "description": "En ligne.", "kind": "new"}
        with Mailbox() as mailbox:
            asked = self.ask("POST", "/requests/", body | {"email": EMAIL} | request)
            assert asked.status_code == 202, asked.get_data(as_text=True)
        confirmed = self.confirm(mailbox.token())
        assert confirmed.status_code == 201, confirmed.get_data(as_text=True)
        return confirmed.json

    def test_a_request_needs_an_address_and_no_proof_is_enough(self):
        browser = self.browser()
        browser.proof(self.asked()["id"], "support")
        body = {"title": "Cartes", "description": "En ligne.", "kind": "new"}
        assert browser.send("POST", "/requests/", **body, proof="x").status_code == 401
        refused = self.ask("POST", "/requests/", body)
        assert refused.json["ways"] == ["account", "email"]

    def test_what_is_asked_by_email_waits_for_a_moderator(self):
        made = self.by_confirmed(name="Camille")["contribution"]
        assert made["visibility"] == "pending"
        assert made["contributor"]["kind"] == "confirmed"
        assert self.ask("GET", f"/requests/{made['id']}/").status_code == 404

    def test_the_address_is_kept_encrypted_as_long_as_it_is_needed(self, app: Any):
        made = self.by_confirmed()["contribution"]
        [kept] = addresses().find()
        assert EMAIL.encode() not in kept["address"]
        assert "camille.martin" not in self.everything_stored().lower()
        assert requests().find_one({"_id": ObjectId(made["id"])})["contact"] == kept["_id"]

        with later(timedelta(days=80)):
            assert upkeep.keep_addresses() == 1
        [renewed] = addresses().find()
        assert renewed["expires_at"] - kept["expires_at"] > timedelta(days=79)

        requests().update_one({"_id": ObjectId(made["id"])}, {"$set": {"status": "declined"}})
        with later(timedelta(days=80)):
            assert upkeep.keep_addresses() == 0
        with later(timedelta(days=171)):
            assert contacts.find(kept["_id"]) is None

    def test_its_requester_changes_and_deletes_it_and_the_address_goes_with_it(self):
        confirmed = self.by_confirmed()
        path = f"/requests/{confirmed['contribution']['id']}/"
        token = confirmed["contributor_token"]
        changed = self.ask("PUT", path, {"contributor_token": token, "title": "Plans anciens"})
        header = {"X-Culture-Feedback-Token": token}
        assert changed.status_code == 200
        assert self.ask("DELETE", path, headers=header).status_code == 204
        assert addresses().count_documents({}) == 0

    def test_the_form_asks_for_the_address_and_leads_to_a_mail(self):
        page = f"{P}/pages/requests/new"
        shown = self.visit("GET", page).get_data(as_text=True)
        assert 'name="email"' in shown
        assert 'name="name"' in shown
        form = {"title": "Cartes anciennes", "description": "En ligne.", "kind": "new"}
        wrong = self.visit("POST", page, data=form | {"email": "x", "checked": "1"})
        assert wrong.status_code == 400
        assert "En ligne." in wrong.get_data(as_text=True)
        with Mailbox() as mailbox:
            sent = self.visit("POST", page, data=form | {"email": EMAIL, "checked": "1"})
        assert sent.headers["Location"].endswith("/pages/requests/?done=sent#cf-done")
        assert requests().count_documents({}) == 0
        confirmed = self.visit("POST", f"{P}/pages/confirm/", data={"token": mailbox.token()})
        assert confirmed.status_code == 303
        assert requests().count_documents({"visibility": "pending"}) == 1
        path = confirmed.headers["Location"].removeprefix("http://local.test").partition("#")[0]
        page = self.visit("GET", f"{path}&lang=en")
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        shown = page.get_data(as_text=True)
        assert "Cartes anciennes" in shown
        assert "A moderator reads this request before it is published." in shown
        assert re.search(r'aria-current="step".*?<b>Moderation</b>', shown, re.S)
        published(str(requests().find_one()["_id"]))
        assert self.visit("GET", path).headers["Location"].endswith("/requests/cartes-anciennes/")
        assert self.visit("GET", f"{path[:-20]}").status_code in (400, 404)

    def test_a_request_that_waits_has_a_receipt_that_leads_to_it(self):
        with Mailbox() as mailbox:
            made = self.by_confirmed()["contribution"]
            for _again in range(2):
                events.catch_up(ObjectId(made["id"]))
        [receipt] = [m for m in mailbox.messages if "requests/recorded?token=" in m.body]
        assert receipt.recipients == [EMAIL]
        assert "Cartes anciennes" in receipt.subject
        link = re.search(r"http://local.test(\S+recorded\?token=\S+)", receipt.body)
        assert link is not None
        assert "Cartes anciennes" in self.visit("GET", link[1]).get_data(as_text=True)

    def test_they_hear_what_becomes_of_it_and_may_stop_hearing(self):
        editor = UserFactory()
        holder = OrganizationFactory(admins=[editor])
        made = self.by_confirmed(organization=str(holder.id))["contribution"]
        with Mailbox() as mailbox:
            published(made["id"])
            path = f"/requests/{made['id']}/transitions/"
            assert self.ask("POST", path, {"to": "accepted"}, editor).status_code == 200
        told = [message for message in mailbox.messages if message.recipients == [EMAIL]]
        assert any("Cartes anciennes" in message.subject for message in told)
        way_out = re.search(r"http\S+/unsubscribe/\?token=\S+", told[-1].body)
        assert way_out is not None
        page = way_out[0].removeprefix("http://local.test")
        done = self.visit("POST", page, data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
        with Mailbox() as mailbox:
            self.ask("POST", path, {"to": "in_progress"}, editor)
        assert [m for m in mailbox.messages if m.recipients == [EMAIL]] == []

    def test_a_question_is_answered_from_the_link_of_its_mail(self, app: Any):
        app.config["CULTURE_FEEDBACK_MODERATED"] = []
        editor = UserFactory()
        holder = OrganizationFactory(admins=[editor])
        made = self.by_confirmed(organization=str(holder.id))["contribution"]
        path = f"/requests/{made['id']}/"
        with Mailbox() as mailbox:
            asked = {"to": "needs_clarification", "message": "Quelles cartes ?"}
            assert self.ask("POST", f"{path}transitions/", asked, editor).status_code == 200
        [mail] = [message for message in mailbox.messages if message.recipients == [EMAIL]]
        found = re.search(r"http\S+/requests/answer\?token=\S+", mail.body)
        assert found is not None
        link = found[0].removeprefix("http://local.test")
        page = self.visit("GET", link).get_data(as_text=True)
        assert "Quelles cartes ?" in re.sub(r"\s", " ", page)  # its space does not break
        assert self.ask("GET", path).json["status"] == "needs_clarification"  # opening does nothing
        empty = self.visit("POST", link, data={"message": " "})
        assert empty.status_code == 400
        done = self.visit("POST", link, data={"message": "Celles de 1870."})
        assert done.status_code == 303
        shown = self.ask("GET", path).json
        assert (shown["status"], shown["clock"]["paused"]) == ("acknowledged", False)
        [said] = self.ask("GET", f"{path}messages/").json["data"]
        assert (said["text"], said["role"]) == ("Celles de 1870.", "requester")
        for again in (self.visit("GET", link), self.visit("POST", link, data={"message": "Oui"})):
            assert again.status_code == 410
        assert self.visit("GET", f"{link}x").status_code == 400


def published(id: str) -> None:
    """What a moderator does with a request that waits."""
    from udata_culture_feedback.data_requests.repository import change, find

    def public(request: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in request.items() if key != "review"} | {
            "visibility": "public"
        }

    change(find(id), public)
