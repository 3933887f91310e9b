"""The way out of our mails: opening it changes nothing, one click is enough, nobody else's."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from itsdangerous import URLSafeSerializer
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails as mails

from tests.cases import P, PluginTestCase

# Its views: `pages` imports them.
from udata_culture_feedback.mail import outbox, unsubscribe, views  # noqa: F401
from udata_culture_feedback.mail.unsubscribe import Way

from . import senders

LYON = "town:Lyon"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def path(address: str) -> str:
    """An address of a mail, as a request of the test client."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def token_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["token"][0]


def with_token(token: str) -> str:
    return f"/api/1/culture-feedback/unsubscribe/?{urlencode({'token': token})}"


class UnsubscribeTest(PluginTestCase):
    def way_out(self, to: User, scope: str | None = LYON) -> str:
        return path(unsubscribe.address(to.id, scope))

    def refused(self, by: User) -> set[str]:
        return unsubscribe.refused_scopes(by.id)

    def press(self, page: Any, **wish: str) -> Any:
        """Sends the one form of a page as a browser would."""
        text = page.get_data(as_text=True)
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', text)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', text))
        return self.visit("POST", action.replace("&amp;", "&"), data=hidden | wish)

    def test_opening_the_link_changes_nothing(self):
        camille = UserFactory()
        for verb in "GET", "HEAD", "GET":
            assert self.visit(verb, self.way_out(camille)).status_code == 200
        assert self.refused(camille) == set()

    def test_one_click_of_a_mailbox_needs_no_session_and_no_form(self):
        camille = UserFactory()
        response = self.visit("POST", self.way_out(camille), data=ONE_CLICK)
        assert response.status_code == 200
        assert "Set-Cookie" not in response.headers
        assert self.refused(camille) == {LYON}
        assert self.visit("POST", self.way_out(camille), data=ONE_CLICK).status_code == 200
        assert self.refused(camille) == {LYON}

    def test_one_click_may_come_as_multipart(self):
        camille = UserFactory()
        response = self.visit(
            "POST",
            self.way_out(camille),
            data=ONE_CLICK,
            content_type="multipart/form-data",
        )
        assert response.status_code == 200
        assert self.refused(camille) == {LYON}

    def test_one_click_works_with_csrf_protection_on(self):
        self.app.config["WTF_CSRF_ENABLED"] = True
        camille = UserFactory()
        assert self.visit("POST", self.way_out(camille), data=ONE_CLICK).status_code == 200
        assert self.refused(camille) == {LYON}

    def test_the_address_of_a_mail_is_the_one_that_works(self):
        camille = UserFactory()
        with mails() as sent:
            outbox.post("weather:1", camille.id, "test-weather", {"town": "Lyon"}, LYON)
            header = sent[0].extra_headers["List-Unsubscribe"]
            assert header == f"<{unsubscribe.address(camille.id, LYON)}>"
            self.visit("POST", path(header.strip("<>")), data=ONE_CLICK)
            outbox.post("weather:2", camille.id, "test-weather", {"town": "Lyon"}, LYON)
            assert len(sent) == 1
            outbox.post("weather:3", camille.id, "test-weather", {"town": "Nice"}, "town:Nice")
        assert len(sent) == 2

    def test_a_person_stops_a_subject_then_takes_it_back(self):
        camille = UserFactory()
        done = self.press(self.visit("GET", self.way_out(camille)), wish="stop")
        assert done.status_code == 303
        assert self.refused(camille) == {LYON}
        page = self.visit("GET", done.location)
        assert 'role="status"' in page.get_data(as_text=True)
        self.press(page)  # the only button now
        assert self.refused(camille) == set()

    def test_a_person_stops_everything_then_takes_it_back(self):
        camille = UserFactory()
        unsubscribe.stop(Way(camille.id, "town:Nice"))
        done = self.press(self.visit("GET", self.way_out(camille)), wish="stop-all")
        assert self.refused(camille) == {"town:Nice", "*"}
        self.press(self.visit("GET", done.location))
        assert self.refused(camille) == {"town:Nice"}

    def test_the_way_out_of_a_digest_is_out_of_everything(self):
        camille = UserFactory()
        self.press(self.visit("GET", self.way_out(camille, scope=None)))
        assert self.refused(camille) == {"*"}
        assert list(unsubscribe.subscribed([camille.id], LYON)) == []

    def test_a_token_is_good_for_one_person_and_one_subject(self):
        camille, other = UserFactory(), UserFactory()
        ours = token_of(unsubscribe.address(camille.id, LYON))
        theirs = token_of(unsubscribe.address(other.id, "town:Nice"))
        payload, signature = ours.split(".")
        forged = [
            f"{theirs.split('.')[0]}.{signature}",  # re-targeted
            f"{payload}.{theirs.split('.')[1]}",
            f"{payload}.{'A' * len(signature)}",
            payload,
            ours[:-1],
            ours + "x",
            "",
            "é.é",
            unsubscribe.signer("confirm").dumps([str(other.id), LYON]),  # another purpose
            URLSafeSerializer(self.app.secret_key).dumps([str(other.id), LYON]),
            unsubscribe.signer("unsubscribe").dumps("not what we write"),
        ]
        for token in forged:
            for verb, data in (("GET", None), ("POST", ONE_CLICK), ("POST", {"wish": "stop-all"})):
                response = self.visit(verb, with_token(token), data=data)
                assert response.status_code == 400, token
                assert "<h1>" in response.get_data(as_text=True)
        assert self.visit("POST", "/api/1/culture-feedback/unsubscribe/").status_code == 400
        assert self.refused(camille) == self.refused(other) == set()

    def test_a_key_of_ones_own_makes_other_tokens(self):
        camille = UserFactory()
        before = self.way_out(camille)
        self.app.config["CULTURE_FEEDBACK_TOKEN_KEY"] = "another key"
        assert self.visit("GET", before).status_code == 400
        assert self.visit("GET", self.way_out(camille)).status_code == 200

    def test_an_address_names_nobody(self):
        camille = UserFactory()
        name, domain = camille.email.split("@")
        address = unsubscribe.address(camille.id, LYON)
        payload = unsubscribe.signer("unsubscribe").loads(token_of(address))
        assert payload == [str(camille.id), LYON]
        assert name not in address
        assert domain not in address

    def test_who_has_left_is_told_that_the_link_leads_nowhere(self):
        camille = UserFactory()
        address = self.way_out(camille)
        User._get_collection().update_one({"_id": camille.id}, {"$set": {"deleted": "2030"}})
        assert self.visit("POST", address, data=ONE_CLICK).status_code == 400
        User._get_collection().delete_one({"_id": camille.id})
        assert self.visit("GET", address).status_code == 400

    def test_a_wish_that_is_none_is_refused(self):
        camille = UserFactory()
        for data in ({}, {"wish": "x"}, {"List-Unsubscribe": "x"}):
            response = self.visit("POST", self.way_out(camille), data=data)
            assert response.status_code == 400
            assert 'class="cf-errors"' in response.get_data(as_text=True)
        assert self.refused(camille) == set()

    def test_a_body_that_is_too_long_is_refused(self):
        camille = UserFactory()
        response = self.visit("POST", self.way_out(camille), data=ONE_CLICK | {"x": "x" * 70_000})
        assert response.status_code == 413
        assert self.refused(camille) == set()

    @pytest.mark.parametrize(
        ("language", "asked", "spoken"),
        [("en", "", "en"), ("fr", "", "fr"), ("fr", "&lang=en", "en")],
    )
    def test_the_page_speaks_the_language_of_its_reader(self, language, asked, spoken):
        camille = UserFactory(prefered_language=language)
        text = self.visit("GET", self.way_out(camille) + asked).get_data(as_text=True)
        assert f'<html lang="{spoken}"' in text
        done = self.press(self.visit("GET", self.way_out(camille) + asked), wish="stop")
        assert f'<html lang="{spoken}"' in self.visit("GET", done.location).get_data(as_text=True)

    def test_the_page_can_be_used_by_everybody(self):
        camille = UserFactory(prefered_language="en")
        for address in (self.way_out(camille), self.way_out(camille, None), with_token("x")):
            text = self.visit("GET", address).get_data(as_text=True)
            assert text.count("<h1>") == 1
            scripts = re.findall(r"<script[^>]*>", text)
            assert all(f'src="{P}/static/' in script for script in scripts)  # ours alone
            assert "style=" not in text
            assert text.count("<button") == (0 if address == with_token("x") else 1)
        text = self.visit("GET", self.way_out(camille)).get_data(as_text=True)
        assert "<legend>What would you like to stop?</legend>" in text
        assert "Lyon &lt;the town&gt;" in text
        labels = re.findall(r'<label class="cf-choice"><input type="radio" name="wish"', text)
        assert len(labels) == 2

    def test_a_subject_that_may_not_be_named_is_not(self):
        camille = UserFactory(prefered_language="en")
        for scope in f"town:{senders.SECRET}", "city:Lyon":
            text = self.visit("GET", self.way_out(camille, scope)).get_data(as_text=True)
            assert "You receive messages about this subject." in text
            assert senders.SECRET not in text.replace(self.way_out(camille, scope), "")

    def test_nobody_keeps_the_page(self):
        camille = UserFactory()
        for response in (
            self.visit("GET", self.way_out(camille)),
            self.visit("POST", self.way_out(camille), data=ONE_CLICK),
            self.visit("POST", self.way_out(camille), data={"wish": "stop"}),
            self.visit("GET", with_token("x")),
        ):
            assert response.headers["Cache-Control"] == "no-store"
            assert "ETag" not in response.headers
            assert response.headers["X-Robots-Tag"] == "noindex"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert "Set-Cookie" not in response.headers
