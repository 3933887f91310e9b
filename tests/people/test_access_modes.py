"""What the portal asks of people without an account, and that nothing of it starts without keys."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory

from tests.cases import P, PluginTestCase
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.people import access_modes, keys
from udata_culture_feedback.people.access_modes import Action, Mode

from .without_account import SETTINGS, WithoutAccountTestCase

SETTING = "CULTURE_FEEDBACK_WITHOUT_ACCOUNT"


class WithoutKeysTest(PluginTestCase):
    """A portal as it is installed."""

    def test_nothing_starts_and_nothing_breaks(self):
        dataset = DatasetFactory()
        challenge = self.ask("GET", f"/proof/?action=feedback&target={dataset.id}")
        assert challenge.status_code == 403
        body = {"dataset": str(dataset.id), "fitness": "yes"}
        for more in ({}, {"email": "a@example.org"}, {"proof": "x", "contributor_token": "y"}):
            refused = self.ask("POST", "/feedback/", body | more)
            assert refused.status_code == 401
            assert "ways" not in refused.json
        assert self.ask("POST", "/confirm/", {"token": "x"}).status_code == 400
        page = self.visit("GET", f"{P}/pages/datasets/{dataset.id}/").get_data(as_text=True)
        assert "data-proof" not in page
        assert "data-login" in page
        assert feedbacks().count_documents({}) == 0

    def test_the_operator_is_told_what_is_missing(self):
        said = self.cli("feedback info").output
        for name in (keys.TOKENS, keys.EMAIL_HASH, keys.EMAIL_ENCRYPTION):
            assert f"Nobody takes part without an account: {name} is empty" in said

    @pytest.mark.parametrize(
        ("setting", "value", "wrong"),
        [
            (keys.TOKENS, "a key", "too short"),
            (keys.EMAIL_HASH, "a key", "too short"),
            (keys.EMAIL_ENCRYPTION, ["no key"], "number 1 is no Fernet key"),
            (keys.EMAIL_ENCRYPTION, [], "is empty"),
            (keys.EMAIL_HASH, SETTINGS[keys.TOKENS], "One key stands for two"),
        ],
    )
    def test_a_key_has_to_be_one(self, app: Any, setting: str, value: Any, wrong: str):
        app.config.update(SETTINGS | {setting: value})
        assert any(wrong in problem for problem in access_modes.problems())
        assert not any(str(value) in p for p in access_modes.problems() if value)  # no key is said
        assert {access_modes.mode_of(action) for action in Action} == {Mode.OFF}
        assert "Nobody takes part without an account" in self.cli("feedback info").output

    def test_an_operator_who_wants_none_is_not_told_of_keys(self, app: Any):
        app.config[SETTING] = {action.value: "off" for action in Action}
        assert access_modes.problems() == []


class ModesTest(WithoutAccountTestCase):
    def test_with_keys_everybody_takes_part(self):
        assert [access_modes.mode_of(action) for action in Action] == [
            Mode.PROOF,
            Mode.PROOF,
            Mode.EMAIL,
            Mode.PROOF,
            Mode.EMAIL,
        ]
        assert access_modes.problems() == []

    def test_requests_never_ask_for_a_proof_only(self, app: Any):
        app.config[SETTING] = {"request": "proof"}
        assert access_modes.mode_of(Action.REQUEST) is Mode.EMAIL
        assert any("requests need" in problem for problem in access_modes.problems())

    def test_what_is_no_mode_is_off_and_said_so(self, app: Any):
        app.config[SETTING] = {"feedback": "captcha", "suport": "off"}
        assert access_modes.mode_of(Action.FEEDBACK) is Mode.OFF
        assert len(access_modes.problems()) == 2

    def test_one_action_may_be_off(self, app: Any):
        app.config[SETTING] = {"feedback": "off"}
        browser, dataset = self.browser(), DatasetFactory()
        response = self.ask("GET", f"/proof/?action=feedback&target={dataset.id}")
        assert response.status_code == 403
        body = {"dataset": str(dataset.id), "fitness": "yes", "email": "a@example.org"}
        assert self.ask("POST", "/feedback/", body).status_code == 401
        assert browser.token is None

    def test_one_action_may_ask_for_an_address(self, app: Any):
        dataset, browser = DatasetFactory(), self.browser()
        proof = browser.proof(dataset.id)
        app.config[SETTING] = {"feedback": "email"}
        refused = browser.tries(dataset, proof=proof)
        assert (refused.status_code, refused.json["ways"]) == (401, ["account", "email"])
        assert self.by_email(dataset).status_code == 202
        page = self.visit("GET", f"{P}/pages/datasets/{dataset.id}/").get_data(as_text=True)
        assert "data-proof" not in page
        assert 'name="fitness"' in page

    def test_who_took_part_may_leave_once_it_is_off(self, app: Any):
        dataset, browser = DatasetFactory(), self.browser()
        given = browser.gives(dataset)
        app.config[SETTING] = {"feedback": "off"}
        path, header = f"/feedback/{given['id']}/", {"X-Culture-Feedback-Token": browser.token}
        assert browser.send("PUT", path, fitness="no").status_code == 401
        assert self.ask("DELETE", path, headers=header).status_code == 204

    def test_a_read_only_portal_takes_nothing(self, app: Any):
        dataset, browser = DatasetFactory(), self.browser()
        proof = browser.proof(dataset.id)
        app.config["READ_ONLY_MODE"] = True
        try:
            assert browser.tries(dataset, proof=proof).status_code == 423
        finally:
            app.config["READ_ONLY_MODE"] = False


class CaptchEtat(BaseHTTPRequestHandler):
    """The service, as PISTE offers it: a token, then whether an answer is right."""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        sent = self.rfile.read(length).decode()
        service: Any = self.server
        service.asked.append((self.path, self.headers.get("Authorization"), sent))
        if service.fault:
            self.send_error(500)
            return
        if self.path == "/api/oauth/token":
            self._answer("application/json", '{"access_token": "t", "expires_in": 60}')
        else:
            right = json.loads(sent) == {"uuid": "u-1", "code": "abc"}
            self._answer("text/plain", "true" if right else "false")

    def _answer(self, kind: str, body: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Nothing on the console."""


class CaptchaTest(WithoutAccountTestCase):
    """CaptchEtat, where udata has it configured and the operator says so: a real server."""

    @pytest.fixture(autouse=True)
    def captchetat(self, app: Any, keys: None) -> Iterator[None]:
        self.service: Any = ThreadingHTTPServer(("127.0.0.1", 0), CaptchEtat)
        self.service.asked, self.service.fault = [], False
        thread = threading.Thread(target=self.service.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{self.service.server_port}"
        app.config.update(
            CULTURE_FEEDBACK_CAPTCHETAT=True,
            CAPTCHETAT_BASE_URL=address,
            CAPTCHETAT_OAUTH_BASE_URL=address,
            CAPTCHETAT_CLIENT_ID="id",
            CAPTCHETAT_CLIENT_SECRET="secret",
        )
        yield
        self.stop()

    def stop(self) -> None:
        if self.service:
            self.service.shutdown()
            self.service.server_close()
            self.service = None

    def answers(self, code: Any = "abc", **more: Any) -> Any:
        browser, dataset = self.browser(), DatasetFactory()
        browser.proof(dataset.id)  # for the token
        captcha = {"uuid": "u-1", "code": code}
        return browser.tries(dataset, proof=None, captcha=captcha, **more)

    def test_a_right_answer_stands_for_a_proof_once(self):
        assert self.answers().status_code == 201
        [token, check] = self.service.asked[:2]
        assert token[0] == "/api/oauth/token"
        assert "client_secret=secret" in token[2]
        assert check[:2] == ("/valider-captcha", "Bearer t")
        again = self.answers()
        assert (again.status_code, again.json["proof"]) == (403, "spent")

    def test_a_wrong_one_does_not(self):
        for code in ("xyz", "", None, 3, ["a"], "a" * 200):
            refused = self.answers(code)
            assert (refused.status_code, refused.json["proof"]) == (403, "invalid")

    @pytest.mark.parametrize("fault", ["500", "nobody listens"])
    def test_a_service_that_does_not_answer_lets_nobody_through(self, fault: str, caplog: Any):
        if fault == "500":
            self.service.fault = True
        else:
            self.stop()
        with caplog.at_level(logging.CRITICAL):
            refused = self.answers()
        assert (refused.status_code, refused.json["proof"]) == (403, "unavailable")

    def test_it_is_no_way_unless_the_operator_says_so(self, app: Any):
        app.config["CULTURE_FEEDBACK_CAPTCHETAT"] = False
        refused = self.answers()
        assert (refused.status_code, refused.json["proof"]) == (403, "missing")
        assert self.service.asked == []
