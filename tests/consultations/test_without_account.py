"""Answering a consultation without an account: under a proof of work, and by an e-mail address that
is confirmed before the closing, or a little late."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations import figures
from udata_culture_feedback.consultations.models import (
    consultations,
    of_responses,
    responses,
    results,
)
from udata_culture_feedback.email_confirmation.confirmation import unconfirmed
from udata_culture_feedback.figures.settle import recount
from udata_culture_feedback.people.contacts import contacts

from ..cases import P
from ..people.without_account import SETTINGS, Browser, Mailbox
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    everything,
    freeze_time,
    utc,
)

EMAIL = "camille@example.org"


class WithoutAccountCase(ConsultationCase):
    @pytest.fixture(autouse=True)
    def made_here(self, app: Any, plugin: Any, instance_path: Any) -> None:
        app.config.update(SETTINGS)
        with freeze_time(BEFORE):
            self.made = self.make()

    @property
    def path(self) -> str:
        return f"/consultations/{self.made['id']}/responses/"

    def by_email(self, email: str = EMAIL, **fields: Any) -> Any:
        body = {"answers": ANSWERS, "email": email} | fields
        return self.ask("POST", self.path, body)

    def confirm(self, mailbox: Mailbox) -> Any:
        return self.ask("POST", "/confirm/", {"token": mailbox.token()})

    def under_a_proof(self, browser: Browser, **fields: Any) -> Any:
        proof = browser.proof(self.made["id"], "response")
        return browser.send("POST", self.path, answers=ANSWERS, proof=proof, **fields)

    def exact(self) -> bool:
        return not recount(figures.RESPONSES, of_responses(stored_id(self.made)), check=True)


def hidden(page: str) -> dict[str, str]:
    """The fields of a form that nobody sees."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def stored_id(made: Any) -> Any:
    from bson import ObjectId

    return ObjectId(made["id"])


@pytest.mark.options(**UNLIMITED)
class ByEmailTest(WithoutAccountCase):
    def test_an_answer_counts_once_the_address_is_confirmed(self):
        with freeze_time(DURING), Mailbox() as mailbox:
            asked = self.by_email(profile="student")
            assert asked.status_code == 202
            assert responses().count_documents({}) == 0
            [message] = mailbox.messages
            assert "Parce que." not in message.body  # nothing that was typed
            confirmed = self.confirm(mailbox)
            assert confirmed.status_code == 201
        [stored] = responses().find()
        assert stored["contributor"]["kind"] == "confirmed"
        assert EMAIL not in str(everything())
        assert unconfirmed().count_documents({}) == 0
        with freeze_time(AFTER):
            shown = self.results_of(self.made)
        assert shown["responses"]["total"] == 1
        assert self.exact()

    def test_the_same_address_changes_that_answer_and_never_counts_twice(self):
        with freeze_time(DURING):
            for use in ("yes", "no"):
                with Mailbox() as mailbox:
                    self.by_email("Camille+avis@EXAMPLE.org", answers={"use": use})
                assert self.confirm(mailbox).status_code in (200, 201)
        with freeze_time(AFTER):
            shown = self.results_of(self.made)
        counts = {one["id"]: one["count"] for one in shown["questions"][0]["options"]}
        assert (shown["responses"]["total"], counts) == (1, {"yes": 0, "no": 1})
        assert self.exact()

    def test_what_is_wrong_is_named_before_any_mail_leaves(self):
        with freeze_time(DURING), Mailbox() as mailbox:
            refused = self.by_email("nobody", answers={"satisfied": 9})
        assert refused.status_code == 400
        assert {"answers.use", "answers.satisfied", "email"} <= set(refused.json["errors"])
        assert mailbox.messages == []

    def test_who_sent_in_time_may_confirm_within_the_grace_and_not_after(self):
        for sent, opened, status in (
            ("2023-02-06 22:59:00", "2023-02-06 23:14:00", 201),
            ("2023-02-06 22:58:00", "2023-02-06 23:15:00", 410),
        ):
            with freeze_time(sent), Mailbox() as mailbox:
                assert self.by_email(f"{status}@example.org").status_code == 202
            with freeze_time(opened):
                assert self.confirm(mailbox).status_code == status
        with freeze_time("2023-02-06 23:00:00"), Mailbox() as mailbox:
            assert self.by_email("late@example.org").status_code == 410
        assert mailbox.messages == []

    def test_an_unfinished_answer_is_saved_once_the_address_is_confirmed_and_resumed_by_its_link(
        self,
    ):
        page = f"/pages/consultations/{self.made['slug']}/"
        client = self.app.test_client()
        with freeze_time(DURING), Mailbox() as mailbox:
            first = self.visit("GET", f"{P}{page}?lang=en", client).text
            sent = hidden(first) | {"answers.use": "yes", "go": "keep"}
            wrong = self.visit("POST", f"{P}{page}?lang=en", client, data=sent | {"email": "x"})
            assert wrong.status_code == 400
            assert 'id="cf-email-error"' in wrong.text
            assert re.search(r'value="yes" required checked', wrong.text)
            asked = self.visit("POST", f"{P}{page}?lang=en", client, data=sent | {"email": EMAIL})
            assert "A message is on its way" in asked.text
            assert responses().count_documents({}) == 0
            done = self.visit(
                "POST", f"{P}/pages/confirm/", client, data={"token": mailbox.token()}
            )
            link = mailbox.messages[-1]
        [draft] = responses().find()
        assert (draft["draft"]["answers"], draft.get("sent_at")) == ({"use": "yes"}, None)
        [contact] = contacts().find()
        assert contact["expires_at"] == consultations().find_one()["closes_at"]
        assert EMAIL.encode() not in contact["address"]
        with freeze_time(DURING):
            behind = self.visit("GET", done.location, client)
            assert "Go on with this answer" in behind.text or "Continuer" in behind.text
            token = re.search(r'name="token" value="([^"]+)"', behind.text)[1]
            assert token in link.body
            opened = self.visit(
                "POST", f"{P}{page}resume", client, data={"token": html.unescape(token)}
            )
            form = self.visit("GET", f"{opened.location}?lang=en&step=2", client).text
            rest = {"answers.themes": "museums", "answers.satisfied": "3", "answers.why": "Car."}
            for answers in (rest | {"go": "next"}, {"go": "send"}):
                form = self.visit("POST", f"{P}{page}", client, data=hidden(form) | answers)
                assert form.status_code == 303, form.text
                form = self.visit("GET", form.location, client).text
        [stored] = responses().find()
        assert stored["answers"] == ANSWERS | {"why": "Car."}
        assert stored["contributor"]["kind"] == "confirmed"
        assert self.exact()

    def test_the_page_behind_the_link_says_what_it_is_about(self):
        with freeze_time(DURING), Mailbox() as mailbox:
            self.by_email()
            page = self.ask("GET", f"/pages/confirm/?token={mailbox.token()}&lang=en")
            assert "Opening culture" in page.get_data(as_text=True)
            done = self.ask("POST", "/pages/confirm/", data={"token": mailbox.token()})
            assert done.status_code == 303
            assert f"/consultations/{self.made['slug']}/" in done.headers["Location"]

    def test_a_draft_of_the_team_cannot_be_answered(self):
        with freeze_time(BEFORE):
            draft = self.make(publish=False)
        with freeze_time(DURING):
            body = {"answers": ANSWERS, "email": EMAIL}
            refused = self.ask("POST", f"/consultations/{draft['id']}/responses/", body)
        assert refused.status_code == 404


@pytest.mark.options(**UNLIMITED)
class ByProofTest(WithoutAccountCase):
    def test_a_browser_answers_once_and_changes_its_answer(self):
        browser = Browser(self)
        with freeze_time(DURING):
            assert self.under_a_proof(browser).status_code == 201
            assert self.under_a_proof(browser).status_code == 409
            changed = browser.send("PUT", self.path, answers={"use": "no"})
            assert changed.status_code == 200
        [stored] = responses().find()
        assert stored["contributor"]["kind"] == "unverified"
        assert stored["answers"]["use"] == "no"
        assert self.exact()

    def test_without_a_proof_nothing_is_stored(self):
        browser = Browser(self)
        with freeze_time(BEFORE):
            other_one = self.make()
        with freeze_time(DURING):
            browser.proof(self.made["id"], "response")
            refused = browser.send("POST", self.path, answers=ANSWERS)
            elsewhere = browser.proof(other_one["id"], "response")
            other = browser.send("POST", self.path, answers=ANSWERS, proof=elsewhere)
        assert refused.status_code in (400, 403)
        assert other.status_code in (400, 403)
        assert responses().count_documents({}) == 0

    def test_a_proof_is_good_once(self):
        first, second = Browser(self), Browser(self)
        with freeze_time(DURING):
            proof = first.proof(self.made["id"], "response")
            second.proof(self.made["id"], "response")
            assert first.send("POST", self.path, answers=ANSWERS, proof=proof).status_code == 201
            again = second.send("POST", self.path, answers=ANSWERS, proof=proof)
            assert again.status_code in (400, 403)

    def test_its_words_are_not_shown_again_on_the_token_alone(self):
        browser = Browser(self)
        with freeze_time(DURING):
            self.under_a_proof(browser)
            headers = {"X-Culture-Feedback-Token": browser.token}
            mine = self.ask("GET", self.path, headers=headers)
        assert "Parce que." not in mine.get_data(as_text=True)

    def test_its_page_shows_what_was_chosen_and_changes_it_without_losing_the_words(self):
        """Somebody else may use this computer: words are not shown, and stay."""
        browser = Browser(self)
        page = f"/pages/consultations/{self.made['id']}/"
        with freeze_time(DURING):
            self.under_a_proof(browser)
            headers = {"X-Culture-Feedback-Token": browser.token}
            shown = self.ask("GET", f"{page}?lang=en", headers=headers).text
            edited = self.ask("GET", f"{page}?lang=en&step=2", headers=headers).text
            answers = {"answers.satisfied": "4", "answers.why": "", "answers.themes": "museums"}
            third = self.ask("POST", page, data=hidden(edited) | answers | {"go": "next"}).text
            done = self.ask("POST", f"{page}?lang=en", data=hidden(third) | {"go": "send"}).text
        assert "for 24 hours at most, as long as this tab stays open" in shown
        assert "Museums" in shown
        assert "Your text is not shown here" in shown
        assert 'value="3" checked' in edited
        assert all("Parce que." not in text for text in (shown, edited, third, done))
        assert "your answer is recorded" in done
        [stored] = responses().find()
        assert stored["answers"] == ANSWERS | {"satisfied": 4}

    def test_the_page_of_another_tab_is_that_of_somebody_unknown(self):
        with freeze_time(DURING):
            self.under_a_proof(Browser(self))
            shown = self.ask("GET", f"/pages/consultations/{self.made['id']}/?lang=en").text
        assert "data-unknown" in shown
        assert "Send my answer" in shown or "Go on" in shown

    def test_it_makes_no_request_for_data(self):
        browser = Browser(self)
        wish = {"title": "Les entrées par jour", "ask": True}
        with freeze_time(DURING):
            proof = browser.proof(self.made["id"], "response")
            body = {"answers": ANSWERS | {"lacking": wish}, "proof": proof}
            assert browser.send("POST", self.path, **body).status_code == 201
        [stored] = responses().find()
        assert not stored.get("requests")

    def test_an_account_and_a_browser_are_two_people_and_figures_say_which(self):
        with freeze_time(DURING):
            self.under_a_proof(Browser(self))
            self.answered(self.made, UserFactory())
        figures.settle_all(stored_id(self.made))
        totals = results().find_one({"_id": of_responses(stored_id(self.made))})["totals"]
        assert totals["total"] == 2
        assert utc(DURING) <= min(one["sent_at"] for one in responses().find())


IN_TIME = "2023-02-06 22:59:00"
LATE = "2023-02-06 23:05:00"


@pytest.mark.options(**UNLIMITED)
class LateTest(WithoutAccountCase):
    """What a form gave to nobody in particular is worth after the closing: one answer."""

    def opening(self) -> str:
        """What the form of an unknown visitor carries, opened just before the closing."""
        with freeze_time(IN_TIME):
            given: str = self.ask("GET", self.path).json["opening"]
        return given

    def test_one_browser_answers_late_and_no_other_with_the_same_token(self):
        opening, first = self.opening(), Browser(self)
        with freeze_time(LATE):
            assert self.under_a_proof(first, opening=opening).status_code == 201
            changed = first.send("PUT", self.path, answers={"use": "no"}, opening=opening)
            assert changed.status_code == 200
            for another in (Browser(self), Browser(self)):
                assert self.under_a_proof(another, opening=opening).status_code == 410
            assert self.answer(self.made, UserFactory(), opening=opening).status_code == 410
        assert responses().count_documents({}) == 1

    def test_what_is_refused_for_its_fields_may_be_sent_again(self):
        opening, browser = self.opening(), Browser(self)
        with freeze_time(LATE):
            wrong = self.under_a_proof(browser, opening=opening, profile="king")
            assert wrong.status_code == 400
            assert self.under_a_proof(browser, opening=opening).status_code == 201

    def test_one_address_is_confirmed_with_it_and_no_other(self):
        opening = self.opening()
        for email, status in (("one@example.org", 201), ("two@example.org", 410)):
            with freeze_time(LATE), Mailbox() as mailbox:
                assert self.by_email(email, opening=opening).status_code == 202
                assert self.confirm(mailbox).status_code == status
        assert responses().count_documents({}) == 1

    def test_a_draft_of_an_account_does_not_make_another_token_of_it(self):
        opening, savers = self.opening(), [UserFactory(), UserFactory()]
        page = f"/pages/consultations/{self.made['slug']}/"
        with freeze_time(LATE):
            statuses = [
                self.ask(
                    "POST",
                    page,
                    data={"go": "save", "step": "1", "answers.use": "yes", "opening": opening},
                    user=user,
                    headers={"X-Culture-Feedback": "1"},
                ).status_code
                for user in savers
            ]
        assert statuses == [303, 410]

    def test_two_visitors_of_the_same_moment_both_answer_late(self):
        openings = [self.opening(), self.opening()]
        with freeze_time(LATE):
            for opening in openings:
                assert self.under_a_proof(Browser(self), opening=opening).status_code == 201

    def test_no_cache_gives_two_visitors_the_same_form(self):
        page = f"/pages/consultations/{self.made['slug']}/"
        with freeze_time(IN_TIME):
            for address in (page, f"{page}?as=fragment"):
                shown = self.ask("GET", address)
                assert 'name="opening"' in shown.get_data(as_text=True)
                assert "public" not in shown.headers["Cache-Control"]
        with freeze_time(AFTER):
            assert "public" in self.ask("GET", page).headers["Cache-Control"]
