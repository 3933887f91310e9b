"""People without an account, as tests meet them: browsers that do proofs of work, people who open
their mail."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import altcha
import pytest
from cryptography.fernet import Fernet
from flask import json
from udata.core.dataset.models import Dataset
from udata.mail import mail_sent

from tests.cases import P, PluginTestCase
from udata_culture_feedback.email_confirmation import anonymous

#: Keys like those of an operator, and proofs that take no time.
SETTINGS: dict[str, Any] = {
    "CULTURE_FEEDBACK_TOKEN_KEY": "a key for tokens, of forty characters ...",
    "CULTURE_FEEDBACK_EMAIL_HASH_KEY": "a key for fingerprints, of forty chars ..",
    "CULTURE_FEEDBACK_EMAIL_KEYS": [Fernet.generate_key().decode()],
    "CULTURE_FEEDBACK_PROOF_COST": 1,
    "CULTURE_FEEDBACK_PROOF_ATTEMPTS": 4,
}


def solve(challenge: dict[str, Any]) -> str:
    """What a browser makes of a challenge."""
    asked = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(asked)
    assert solution is not None
    return altcha.Payload(asked, solution).to_base64()


@dataclass
class Browser:
    """A tab without an account: it keeps its contributor token for as long as it is open."""

    case: PluginTestCase
    token: str | None = None
    seen: list[str] = field(default_factory=list)

    def proof(self, target: Any, action: str = "feedback") -> str:
        """A solved challenge; the first one brings the token of this browser."""
        response = self.case.ask("GET", f"/proof/?action={action}&target={target}")
        assert response.status_code == 200, response.get_data(as_text=True)
        self.token = self.token or response.json["contributor_token"]
        return solve(response.json["challenge"])

    def send(self, verb: str, path: str, **body: Any) -> Any:
        """A call of the API that says who this is."""
        return self.case.ask(verb, path, {"contributor_token": self.token} | body)

    def tries(self, dataset: Dataset, **answer: Any) -> Any:
        """An answer about a dataset, under a proof of work."""
        body = {"dataset": str(dataset.id), "fitness": "partly"} | answer
        if "proof" not in body:
            body["proof"] = self.proof(dataset.id)
        return self.send("POST", "/feedback/", **body)

    def gives(self, dataset: Dataset, **answer: Any) -> Any:
        """The same, which must be accepted."""
        response = self.tries(dataset, **answer)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json


class Mailbox:
    """What arrives by mail while it is open."""

    def __enter__(self) -> Mailbox:
        self.messages: list[Any] = []
        mail_sent.connect(self._receive)
        return self

    def __exit__(self, *raised: Any) -> None:
        mail_sent.disconnect(self._receive)

    def _receive(self, message: Any, **_: Any) -> None:
        self.messages.append(message)

    def link(self) -> str:
        """The link of the latest confirmation."""
        return re.findall(r"http\S+/confirm/\?token=\S+", self.messages[-1].body)[-1]

    def token(self) -> str:
        [token] = parse_qs(urlsplit(self.link()).query)["token"]
        return token


class WithoutAccountTestCase(PluginTestCase):
    """A portal whose operator has set the keys."""

    @pytest.fixture(autouse=True)
    def keys(self, app: Any, plugin: None, monkeypatch: pytest.MonkeyPatch) -> None:
        app.config.update(SETTINGS)
        # Tests type faster than people do.
        monkeypatch.setattr(anonymous, "QUICK", 0)

    def browser(self) -> Browser:
        return Browser(self)

    def by_email(self, dataset: Dataset, email: str = "camille@example.org", **answer: Any) -> Any:
        body = {"dataset": str(dataset.id), "fitness": "partly", "email": email} | answer
        return self.ask("POST", "/feedback/", body)

    def confirm(self, token: str) -> Any:
        return self.ask("POST", "/confirm/", {"token": token})

    def everything_stored(self) -> str:
        """The whole database as text, to search it for what should not be there."""
        from mongoengine.connection import get_db

        database = get_db()
        return "\n".join(
            json.dumps(document, default=repr)
            for name in sorted(database.list_collection_names())
            for document in database[name].find()
        )


__all__ = ["Browser", "Mailbox", "P", "WithoutAccountTestCase", "solve"]
