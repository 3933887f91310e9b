"""The forms of the widget and of whole pages, for somebody without an account."""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset

from udata_culture_feedback.email_confirmation.confirmation import unconfirmed
from udata_culture_feedback.feedback.models import feedbacks

from ..people.without_account import Browser, Mailbox, P, WithoutAccountTestCase

EMAIL = "camille.martin@example.org"


class PagesTest(WithoutAccountTestCase):
    def page(self, dataset: Dataset, token: str | None = None, fragment: bool = True) -> Any:
        headers = {"X-Culture-Feedback-Token": token} if token else {}
        query = "?as=fragment" if fragment else ""
        return self.visit("GET", f"{P}/pages/datasets/{dataset.id}/{query}", headers=headers)

    def post(self, dataset: Dataset, fragment: bool = False, what: str = "", **form: Any) -> Any:
        query = "?as=fragment" if fragment else ""
        return self.visit("POST", f"{P}/pages/datasets/{dataset.id}/{what}{query}", data=form)

    def given(self, browser: Browser, dataset: Dataset, **form: Any) -> Any:
        proof = browser.proof(dataset.id)
        sent = {"fitness": "partly", "proof": proof, "contributor_token": browser.token} | form
        response = self.post(dataset, fragment=True, **sent)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response

    def test_somebody_unknown_sees_the_question_and_gets_no_cookie(self):
        response = self.page(DatasetFactory(), fragment=False)
        page = parsed(response)
        form = page.select_one("form[data-proof]")
        assert len(form.select("button[name=fitness]")) == 3
        assert re.fullmatch(r"proof/\?action=feedback&target=[0-9a-f]{24}", form["data-proof"])
        assert "Set-Cookie" not in response.headers
        assert response.headers["Cache-Control"] == "public, max-age=60"
        assert "X-Culture-Feedback-Token" in response.headers["Vary"]

    def test_a_click_under_a_proof_counts_and_opens_the_details(self):
        browser, dataset = self.browser(), DatasetFactory()
        page = parsed(self.given(browser, dataset))
        assert page.select_one("#cf-comment") is not None
        assert page.select_one("[name=contributor_token]")["value"] == browser.token
        assert page.select_one("#cf-signature") is None
        assert self.summary(dataset)["total"] == 1

    def test_a_browser_is_recognised_on_a_page_that_others_have_read(self):
        browser, elsewhere, dataset = self.browser(), DatasetFactory(), DatasetFactory()
        self.given(browser, elsewhere)
        for _again in range(2):
            unknown = parsed(self.page(dataset))
            assert unknown.select_one("[data-viewer]")["data-viewer"] == ""
            assert unknown.select_one("[name=contributor_token]") is None
            known = parsed(self.page(dataset, browser.token))
            assert known.select_one("[data-viewer]")["data-viewer"] != ""
            assert known.select_one("[name=contributor_token]")["value"] == browser.token

    def test_details_need_no_other_proof_and_words_are_not_shown_again(self):
        browser, dataset = self.browser(), DatasetFactory()
        self.given(browser, dataset)
        details = {"details": "1", "fitness": "no", "comment": "Rien d’à jour", "name": "Camille"}
        saved = self.post(dataset, True, contributor_token=browser.token, **details)
        assert "Rien d’à jour" not in saved.get_data(as_text=True)
        [stored] = feedbacks().find()
        assert (stored["comment"], stored["visibility"]) == ("Rien d’à jour", "pending")
        assert stored["contributor"]["name"] == "Camille"
        for response in (
            self.page(dataset, browser.token),
            self.post(dataset, True, contributor_token=browser.token, reopen="1"),
        ):
            assert response.status_code == 200
            text = response.get_data(as_text=True)
            assert "Rien d’à jour" not in text
            assert "Camille" not in text
            assert response.headers["Cache-Control"] in ("no-store", "private, no-cache")

    def test_an_empty_comment_keeps_the_one_that_was_sent_and_a_box_removes_it(self):
        browser, dataset = self.browser(), DatasetFactory()
        self.given(browser, dataset, details="1", comment="Bien", name="Camille")
        again = {"details": "1", "fitness": "no", "contributor_token": browser.token}
        self.post(dataset, True, words_kept="1", comment="", **again)
        [stored] = feedbacks().find()
        assert (stored["fitness"], stored["comment"]) == ("no", "Bien")
        assert stored["contributor"]["name"] == "Camille"
        self.post(dataset, True, words_kept="1", comment="", remove_words="1", **again)
        [stored] = feedbacks().find()
        assert "comment" not in stored
        assert "name" not in stored["contributor"]
        assert stored["visibility"] == "public"

    def test_one_deletes_it_with_the_token_and_not_without(self):
        browser, dataset = self.browser(), DatasetFactory()
        self.given(browser, dataset)
        assert self.post(dataset, True, what="erase").status_code == 401
        erased = self.post(dataset, True, what="erase", contributor_token=browser.token)
        assert erased.status_code == 200
        assert self.summary(dataset)["total"] == 0

    def test_a_whole_page_goes_on_without_a_redirection(self):
        """Nobody would be recognised after it: there is no session."""
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        sent = {"fitness": "yes", "proof": proof, "contributor_token": browser.token}
        response = self.post(dataset, **sent, submission_id="sent-by-a-form")
        assert response.status_code == 200
        again = self.post(dataset, **sent, submission_id="sent-by-a-form")  # reloaded
        assert again.status_code == 200
        assert self.summary(dataset)["total"] == 1

    def test_without_a_proof_the_next_step_asks_for_an_address(self):
        dataset = DatasetFactory()
        response = self.post(dataset, fitness="no")
        assert response.status_code == 200
        page = parsed(response)
        assert page.select_one("#cf-email").has_attr("required")
        assert page.select_one("[name=fitness][value=no]").has_attr("checked")
        assert page.select_one("form[data-proof]") is None
        assert page.select_one(".cf-errors") is None
        assert feedbacks().count_documents({}) == 0

    def test_a_bad_proof_leads_to_the_same_step_and_says_so(self):
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)
        sent = {"fitness": "no", "proof": "bad", "contributor_token": browser.token}
        response = self.post(dataset, True, **sent)
        assert response.status_code == 403
        page = parsed(response)
        assert page.select_one("#cf-email") is not None
        assert page.select_one(".cf-errors") is not None

    def test_the_address_leads_to_a_mail_and_nothing_else(self):
        dataset = DatasetFactory()
        form = {"details": "1", "by_email": "1", "fitness": "no", "email": EMAIL, "comment": "Non"}
        with Mailbox() as mailbox:
            response = self.post(dataset, **form)
        assert response.headers["Location"].endswith("?done=sent#cf-done")
        assert EMAIL not in response.headers["Location"]
        assert len(mailbox.messages) == 1
        assert feedbacks().count_documents({}) == 0

    def test_what_is_wrong_comes_back_with_what_was_typed(self):
        form = {"details": "1", "by_email": "1", "email": "camille@", "comment": "Non"}
        response = self.post(DatasetFactory(), **form)
        assert response.status_code == 400
        page = parsed(response)
        assert page.select_one("#cf-email")["value"] == "camille@"
        assert page.select_one("#cf-email")["aria-invalid"] == "true"
        assert page.select_one("#cf-comment").text.strip() == "Non"
        links = [link["href"] for link in page.select(".cf-errors li a")]
        assert set(links) == {"#cf-email", "#cf-fitness"}

    def test_who_fills_the_trap_sends_the_form_again(self):
        browser, dataset = self.browser(), DatasetFactory()
        proof = browser.proof(dataset.id)
        sent = {"fitness": "no", "proof": proof, "contributor_token": browser.token}
        caught = self.post(dataset, True, website="https://spam.test", **sent)
        assert caught.status_code == 403
        page = parsed(caught)
        assert page.select_one("#cf-email") is None  # the same form, not another way
        assert not page.select_one("[name=website]").get("value")
        assert self.post(dataset, True, **sent).status_code == 200
        assert self.summary(dataset)["total"] == 1

    def test_the_trap_is_hidden_from_everybody(self):
        page = parsed(self.page(DatasetFactory()))
        field = page.select_one("[name=website]")
        assert field["tabindex"] == "-1"
        assert field["autocomplete"] == "off"
        assert field.find_parent(attrs={"aria-hidden": "true"})

    def test_a_form_of_somebody_logged_in_whose_session_has_ended_is_not_an_anonymous_one(self):
        dataset = DatasetFactory()
        refused = self.post(dataset, True, signed_in="1", details="1", fitness="no", comment="Mon")
        assert refused.status_code == 401
        assert parsed(refused).select_one("#cf-comment").text.strip() == "Mon"
        assert unconfirmed().count_documents({}) == 0

    def test_a_session_needs_its_guard_whatever_token_is_sent(self):
        """Another site cannot use the session of a visitor by adding a token of its own."""
        from udata.core.user.factories import UserFactory

        browser, dataset, user = self.browser(), DatasetFactory(), UserFactory()
        proof = browser.proof(dataset.id)
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = user.fs_uniquifier
            session["_fresh"] = True
        form = {"fitness": "no", "proof": proof, "contributor_token": browser.token}
        path = f"{P}/pages/datasets/{dataset.id}/"
        refused = self.visit("POST", path, client, data=form)
        assert refused.status_code == 403
        assert feedbacks().count_documents({}) == 0


def parsed(response: Any) -> BeautifulSoup:
    return BeautifulSoup(response.get_data(as_text=True), "html.parser")
