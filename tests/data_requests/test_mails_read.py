"""Every mail about requests, in both languages, as whoever receives it would read it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
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

from udata_culture_feedback.data_requests import actions, assignees, upkeep
from udata_culture_feedback.mail import mailing, outbox
from udata_culture_feedback.mail.models import outbox as stored_mails

from ..cases import PluginTestCase, sysadmin
from .asking import UNLIMITED, as_user, stored

TITLE = "Les entrées « gratuites » & l'été"
PAGES = "https://data.test/avis"
PORTAL = "https://data.test"

MONTHS = {
    "fr": "janvier|février|mars|avril|mai|juin|juillet|août",
    "en": "January|February|March|April|May|June|July|August",
}

#: Where the mails are written, for a person to read them over.
READ_THEM_IN = os.environ.get("CULTURE_FEEDBACK_TEST_MAILS")


def links(text: str) -> list[str]:
    return re.findall(r"https?://[^\s\"'<>]+", text)


@pytest.mark.options(
    CULTURE_FEEDBACK_PAGES_URL=PAGES,
    CDATA_BASE_URL=PORTAL,
    CULTURE_FEEDBACK_FORMAL_REQUESTS=True,
    **UNLIMITED,
)
class ReadingTest(PluginTestCase):
    """Camille asks the museum where Alix works; Sam supports. In a year to come: MongoDB removes
    what is long past from the outbox."""

    @pytest.fixture(autouse=True)
    def people(self, plugin: None) -> None:
        self.read: dict[str, Any] = {}

    def everybody_speaks(self, language: str) -> None:
        speaks = {"prefered_language": language}
        self.camille = UserFactory(first_name="Camille", **speaks)
        self.sam = UserFactory(first_name="Sam", **speaks)
        self.alix = UserFactory(first_name="Alix", **speaks)
        self.chief = sysadmin()
        self.chief.prefered_language = language
        self.chief.save()
        self.museum = OrganizationFactory(name="Musée de Bretagne", admins=[self.alix])
        self.museum.add_badge(PUBLIC_SERVICE)

    def does(self, who: User, what: Any) -> Any:
        done = as_user(self.app, who, what)
        if isinstance(done, Exception):
            raise done
        return done

    @contextmanager
    def on(self, day: str, **names: str) -> Iterator[None]:
        """What happens on a day, and the mails of it that people read: name → whose."""
        with freeze_time(f"{day} 10:00"), capture_mails() as sent:
            yield
        for name, person in names.items():
            reader = getattr(self, person)
            found = [mail for mail in sent if mail.recipients == [reader.email]]
            assert len(found) == 1, (name, [mail.subject for mail in sent])
            self.read[name] = found[0]

    def asks(self, title: str = TITLE, holder: bool = True) -> str:
        body = {"title": title, "description": "Pour étudier les saisons.", "kind": "new"}
        body |= {"organization": str(self.museum.id)} if holder else {}
        return str(self.does(self.camille, lambda v: actions.ask(v, body))[0]["_id"])

    def moves(self, request: str, to: str, who: User | None = None, **more: Any) -> None:
        payload = {"to": to} | more
        self.does(who or self.alix, lambda v: actions.move(v, request, payload))

    def everything_happens(self) -> None:
        with self.on("2030-01-31", receipt="camille", arrived="alix"):
            first = self.asks()
        self.does(self.sam, lambda v: actions.support(v, first))
        with self.on("2030-02-02", acknowledged="camille"):
            self.moves(first, "acknowledged", message="Nous regardons.")
        with self.on("2030-02-02", assigned="alix"):
            given = {"assignee": str(self.alix.id)}
            self.does(self.chief, lambda v: assignees.assign(v, first, given))
        with self.on("2030-02-03", question="camille"):
            self.moves(first, "needs_clarification", message="Depuis quelle année ?")
        with self.on("2030-02-14", reminder="camille"):
            upkeep.remind_clarifications()
        with self.on("2030-02-15", message="alix"):
            answer = {"message": "Depuis le début."}
            self.does(self.camille, lambda v: actions.answer(v, first, answer))
        with self.on("2030-02-16", extended="sam"):
            more = {"days": 10, "reason": "Fichiers sur papier"}
            self.does(self.alix, lambda v: actions.extend(v, first, more))
        late_on = (stored(first)["clock"]["due_at"] + timedelta(days=1)).date().isoformat()
        with self.on(late_on, overdue="camille", overdue_at_holder="alix"):
            upkeep.tell_overdue()
        with self.on("2030-03-30", receipt_that_waits="camille"):
            self.asks("Les plans, au 06 12 34 56 78")
        with self.on("2030-03-31", receipt_without_holder="camille", arrived_at_desk="chief"):
            lost = self.asks("Les kiosques à musique", holder=False)
        with self.on("2030-04-01", accepted="camille"):
            self.moves(first, "accepted")
        with self.on("2030-04-02", in_progress="sam"):
            self.moves(first, "in_progress")
        with self.on("2030-04-03", declined="camille", declined_to_supporter="sam"):
            why = {"reason": "unfinished", "review_at": "2030-08-30", "message": "Pas avant l'été."}
            self.moves(first, "declined", **why)
        with self.on("2030-04-04", reopened="sam", reopened_at_holder="alix"):
            self.moves(first, "acknowledged", self.camille, message="Un extrait suffirait.")
        with self.on("2030-04-05", merged="sam"):
            second = self.asks("Les entrées par saison")
            self.moves(first, "duplicate", duplicate_of=second)
        with self.on("2030-04-06", separated="sam"):
            self.moves(first, "acknowledged", self.chief)
        with self.on("2030-04-07", matches="alix"):
            data = DatasetFactory(title="Entrées gratuites l'été", organization=self.museum)
        with self.on("2030-04-08", published_in_part="camille"):
            self.moves(first, "published", partial=True, urls=["https://example.org/a?b=1&c=2"])
        self.moves(first, "acknowledged", self.alix)
        for _one in range(40):
            supporter = UserFactory(notifications_paused=True)
            self.does(supporter, lambda v: actions.support(v, first))
        with self.on("2030-04-09", published="camille", published_to_supporter="sam"):
            self.moves(first, "published", datasets=[data.slug], message="Bonne lecture.")
        archives = OrganizationFactory(name="Archives", admins=[self.sam])
        archives.add_badge(PUBLIC_SERVICE)
        with self.on("2030-04-10", transferred="camille", sent_to_holder="sam"):
            sent = {"organization": str(archives.id), "message": "Elles les tiennent."}
            self.does(self.chief, lambda v: actions.transfer(v, lost, sent))
        self.camille.mail_cadence = MailCadence.WEEKLY
        self.camille.save()
        with self.on("2030-04-11"):
            self.moves(lost, "acknowledged", self.sam)
            self.moves(second, "accepted")
        with self.on("2030-04-20", digest="camille"):
            outbox.deliver_due()

    @pytest.mark.parametrize("language", ["fr", "en"])
    def test_a_reader_notices_nothing_odd(self, language: str) -> None:
        self.everybody_speaks(language)
        self.everything_happens()
        if READ_THEM_IN:
            written = "\n\n".join(
                f"===== {name}\n{mail.subject}\n\n{mail.body}" for name, mail in self.read.items()
            )
            Path(READ_THEM_IN, f"{language}.txt").write_text(written, encoding="utf-8")
        told = {name for name in mailing._BUILDERS if name.startswith("request-")}
        told -= {"request-still-interested"}  # for who has no account: tests/people
        assert set(stored_mails().distinct("builder")) >= told
        odd = [
            f"{name}: {oddity}"
            for name, mail in self.read.items()
            for oddity in self.oddities(mail, language, name)
        ]
        assert odd == []

    def oddities(self, mail: Any, language: str, name: str) -> Iterator[str]:
        ways_out = [link for link in links(mail.body) if "unsubscribe" in link]
        text = mail.body
        for link in links(mail.body):
            text = text.replace(link, "")
        for of, words in (("subject", mail.subject), ("text", text)):
            for oddity in (r"%\(?\w", r"\{", r"&\w+;|&#", r"<\w", r"\bNone\b", r"[0-9a-f]{24}"):
                if found := re.search(oddity, words):
                    yield f"{found[0]} in its {of}"
            if found := re.search(r"\d{4}-\d\d|\w_\w|\bdue\b.at", words):
                yield f"{found[0]} in its {of} is for machines"
        if "\n" in mail.subject or not mail.subject.strip():
            yield "its subject is not one line"
        for link in (*links(mail.body), *links(mail.html)):
            if "/api/" in link and "/unsubscribe/" not in link:
                yield f"{link} leads to the API"
        if not [link for link in links(mail.body) if link.startswith(f"{PAGES}/requests/")]:
            yield "it leads to no request"
        required = name.startswith("receipt")
        if len(ways_out) != (0 if required else 1):
            yield f"{len(ways_out)} ways out"
        if ("List-Unsubscribe" in (mail.extra_headers or {})) == required:
            yield "the header of its way out"
        if re.search(r"20\d\d", text) and not re.search(rf"{MONTHS[language]}", text):
            yield "its date is not in words"
        if re.search(MONTHS["en" if language == "fr" else "fr"], text):
            yield "a date of the other language"
        thanks = {"fr": r"Vous recevez ce message", "en": r"You receive this message"}
        if name != "digest" and not re.search(thanks[language], " ".join(text.split())):
            yield "it does not say why it is received"
