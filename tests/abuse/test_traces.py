"""What people do leaves no trace where it should not: e-mail forms tell nobody who is known, logs
and addresses have nothing of anybody."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pymongo
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from tests.cases import CommandCounter
from udata_culture_feedback.app.maintenance import maintain
from udata_culture_feedback.mail import outbox

from .scene import AbuseCase, Scene
from .writes import FORMS, JSON

COMMANDS = CommandCounter()
pymongo.monitoring.register(COMMANDS)

KNOWN, UNKNOWN = "camille.martin@example.org", "personne.inconnue@example.org"
WORDS = "zanzibarien"
NAME = "Philibert"
ADDRESS = "philibert.secret@example.org"


class EnumerationTest(AbuseCase):
    """Every form and route that takes an address without an account."""

    def forms(self, scene: Scene) -> dict[str, Any]:
        dataset = str(scene.dataset.id)
        wish = {"title": "Les horaires des cinémas", "description": "Tous.", "kind": "new"}
        answers = {"answers": {"use": "no"}}
        responses = f"consultations/{scene.consultation}/responses/"
        return {
            "feedback": ("feedback/", {"dataset": dataset, "fitness": "no"}),
            "support": (f"requests/{scene.request}/support/", {}),
            "request": ("requests/", wish),
            "response": (responses, answers),
            "me": ("me/", {}),
        }

    def test_the_answer_is_the_same_whether_an_address_is_known_or_not(self):
        scene = self.scene()
        UserFactory(email=KNOWN)
        everybody = (KNOWN, UNKNOWN, scene.author.email, "somebody@example.org")
        for name, (path, body) in self.forms(scene).items():
            seen = {
                email: scene.call("anonymous", "POST", path, json_body=body | {"email": email})
                for email in everybody
            }
            answers = {(answer.status_code, answer.text) for answer in seen.values()}
            assert len(answers) == 1, name
            assert answers.pop()[0] == 202
            headers = {
                tuple(sorted(name for name, _value in answer.headers)) for answer in seen.values()
            }
            assert len(headers) == 1, name

    def test_it_costs_the_same_number_of_commands(self):
        """Time tells as well as words do."""
        scene = self.scene()
        UserFactory(email=KNOWN)
        for name, (path, body) in self.forms(scene).items():
            seen = {}
            for email in (UNKNOWN, KNOWN, UNKNOWN, scene.author.email, "somebody@example.org"):
                with COMMANDS.count() as commands:
                    scene.call("anonymous", "POST", path, json_body=body | {"email": email})
                seen[email] = list(commands)
            assert len({tuple(commands) for commands in seen.values()}) == 1, (name, seen)

    def test_pages_say_the_same(self):
        scene = self.scene()
        UserFactory(email=KNOWN)
        about = {"details": "1", "fitness": "no", "by_email": "1"}
        for path, form in (
            (f"pages/datasets/{scene.dataset.id}/?as=fragment", about),
            ("pages/me/?as=fragment", {}),
        ):
            texts = set()
            for email in (KNOWN, UNKNOWN, scene.author.email):
                answer = scene.call("anonymous", "POST", path, form=form | {"email": email})
                texts.add((answer.status_code, stable(answer.text.replace(email, ""))))
            assert len(texts) == 1, path


def stable(text: str) -> str:
    """Without what is drawn anew for each page."""
    return re.sub(r'[\w.-]{20,}|value="\d+"', "", text)


class TracesTest(AbuseCase):
    """What is personal: the names, addresses and words of these people."""

    PERSONAL = (WORDS, NAME, ADDRESS, "philibert.secret", "Secretissime")

    @contextmanager
    def everything_logged(self) -> Iterator[list[str]]:
        """All that any logger says, ours and udata's, at any level, with tracebacks."""
        lines: list[str] = []

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                lines.append(f"{record.name} {logging.Formatter().format(record)}")

        handler = Handler(level=logging.NOTSET)
        names = [None, *logging.root.manager.loggerDict]
        loggers = [logging.getLogger(name) for name in names]
        before = [(one, one.level, one.disabled, one.propagate) for one in loggers]
        for one in loggers:
            # What the drivers say of each command is theirs, at a level nobody turns on.
            loud = (one.name or "").startswith(("pymongo", "faker", "factory", "asyncio"))
            one.setLevel(logging.WARNING if loud else logging.DEBUG)
            one.disabled = False
            one.addHandler(handler)
        try:
            yield lines
        finally:
            for one, level, disabled, propagate in before:
                one.removeHandler(handler)
                one.level, one.disabled, one.propagate = level, disabled, propagate

    def test_nothing_personal_is_logged(self):
        # Where no mail leaves, on the machine of a developer, udata writes them into its log.
        self.app.config["SEND_MAIL"] = True
        with self.everything_logged() as lines, capture_mails():
            scene = self.scene()
            self.live(scene)
            maintain()
            outbox.deliver_due()
            logging.getLogger("udata_culture_feedback").warning("the handler hears")
        assert any("the handler hears" in line for line in lines)
        told = [line[:300] for line in lines if any(one in line for one in self.PERSONAL)]
        assert not told

    def test_nothing_personal_is_in_an_address(self):
        """An address is in logs, in histories and in the Referer: it has ids, slugs and tokens."""
        scene = self.scene()
        with capture_mails() as mails:
            addresses = self.live(scene)
            outbox.deliver_due()
        for mail in mails:
            addresses += re.findall(r"https?://[^\s<>\")]+", f"{mail.body} {mail.html}")
        assert addresses
        for address in addresses:
            # The title of a request is its slug: people are told that it is public.
            plain = unquote(address)
            assert not [one for one in self.PERSONAL if one in plain], address
            assert "@" not in plain.partition("?")[2], address

    def test_pages_with_a_key_in_their_address_tell_no_other_site(self):
        scene = self.scene()
        for path in (
            f"pages/confirm/?token={scene.confirm_token}",
            f"pages/me/open?token={scene.me_token}",
            f"pages/better/{scene.feedback}?token={scene.better_token}",
            f"pages/moderation/decisions/{scene.decision}/appeal?token={scene.appeal_token}",
            f"unsubscribe/?token={scene.unsubscribe_token}",
        ):
            answer = scene.call("anonymous", "GET", path)
            assert answer.status_code == 200, path
            assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin"), path
            assert answer.headers["Cache-Control"] == "no-store", path
            # Nothing of another origin is loaded, which would hear of it.
            assert not re.search(r'(?:src|action)="https?://(?!local\.test)', answer.text), path

    def live(self, scene: Scene) -> list[str]:
        """What people do in a day, refused or not; answers the addresses that were asked for or
        redirected to."""
        person = UserFactory(first_name=NAME, last_name="Secretissime", email=ADDRESS)
        scene.users["citizen"] = scene.users["author"] = person
        addresses = []
        for name, write in JSON.items():
            verb, _space, route = name.partition(" ")
            if not write.texts:
                continue
            body = write.body(scene)
            for text in write.texts:
                if text.split(".")[0] in body and isinstance(body[text.split(".")[0]], str):
                    body[text.split(".")[0]] = f"{WORDS} {NAME} {ADDRESS}"
            for role in ("citizen", write.role, "anonymous"):
                answer = scene.call(role, verb, scene.address(route, verb), json_body=body)
                addresses.append(answer.headers.get("Location", ""))
        for route, write in FORMS.items():
            for more in ({}, {"by_email": "1"}):
                body = write.body(scene) | more  # a file can be sent once
                for field in ("comment", "message", "text", "answer", "name", "email", "note"):
                    if field in body:
                        body[field] = ADDRESS if field == "email" else f"{WORDS} {NAME}"
                path = scene.address(route) + write.query(scene)
                answer = scene.call(write.role, "POST", path, form=body)
                addresses.append(answer.headers.get("Location", ""))
        for path, body in EnumerationTest.forms(self, scene).values():  # type: ignore[arg-type]
            scene.call("anonymous", "POST", path, json_body=body | {"email": ADDRESS})
        scene.call("anonymous", "POST", "confirm/", json_body={"token": f"{WORDS}.{ADDRESS}"})
        return addresses
