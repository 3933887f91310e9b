"""Every link of ours leads somewhere, every form of filters can be sent as it stands, and no French
page has a sentence in English: the demo is walked through as each kind of person, without a
browser."""

from __future__ import annotations

import re
from collections import deque
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
import requests

from demo.accounts import ADMINISTRATOR, CITIZEN, CONSULTER, MODERATOR, PASSWORD, PRODUCER
from demo.background import RunningPortal

from ..languages import english_in
from .visitor import PAGES

#: Pages of one kind (a dataset, a request…) that are opened.
ALIKE = 4
#: Where each walk begins.
STARTS = ("requests/", "consultations/", "dashboard/", "moderation/", "me/", "privacy")

#: What tells one page of a kind from another: ids, slugs, numbers, and values of the query.
REFERENCE = re.compile(
    r"(?<=datasets/)[^/]+|(?<=requests/)(?!new|pick)[^/]+|(?<=organizations/)[^/]+"
    r"|(?<=consultations/)(?!new)[^/]+|[0-9a-f]{24}"
)


class Links(HTMLParser):
    """Where a page leads by a link, or by a form of filters that is sent as it stands."""

    def __init__(self, address: str, html: str):
        super().__init__()
        self.address, self.found = address, set[str]()
        self.form: tuple[str, list[tuple[str, str]]] | None = None
        self.select = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        at = {name: value or "" for name, value in attrs}
        if tag == "a" and at.get("href"):
            self.leads_to(at["href"])
        elif tag == "form" and at.get("method", "get").lower() == "get":
            self.form = at.get("action", ""), []
        elif not self.form:
            return
        elif tag == "select":
            self.select, self.first = at["name"], True
        elif tag == "option" and (self.first or "selected" in at):
            self.form[1][:] = [pair for pair in self.form[1] if pair[0] != self.select]
            self.form[1].append((self.select, at.get("value", "")))
            self.first = False
        elif tag == "input" and at.get("name") and sent(at):
            self.form[1].append((at["name"], at.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form" and self.form:
            action, pairs = self.form
            self.leads_to(f"{action.partition('?')[0]}?{urlencode(pairs)}")
            self.form = None

    def leads_to(self, reference: str) -> None:
        self.found.add(urljoin(self.address, reference).partition("#")[0])


def sent(at: dict[str, str]) -> bool:
    """Whether a browser sends this field of a form that nobody has touched."""
    kind = at.get("type", "text")
    return "checked" in at if kind in ("checkbox", "radio") else kind not in ("submit", "button")


def kind_of(address: str) -> str:
    """The same for pages of one kind."""
    parts = urlsplit(address)
    names = sorted({name for name, _value in parse_qsl(parts.query, keep_blank_values=True)})
    return f"{REFERENCE.sub('*', parts.path)}?{'&'.join(names)}"


def log_in(session: requests.Session, portal: RunningPortal, email: str) -> None:
    token = session.get(f"{portal.url}/get-csrf").json()["response"]["csrf_token"]
    answer = session.post(
        f"{portal.url}/login/",
        json={"email": email, "password": PASSWORD, "csrf_token": token},
        headers={"X-CSRFToken": token, "Accept": "application/json"},
    )
    assert answer.ok, answer.text


@pytest.mark.parametrize(
    "email",
    [
        None,
        *(one.email for one in (CITIZEN, PRODUCER, MODERATOR, CONSULTER, ADMINISTRATOR)),
    ],
)
def test_every_link_leads_somewhere(portal: RunningPortal, email: str | None):
    session = requests.Session()
    if email:
        log_in(session, portal, email)
    ours = f"{portal.url}{PAGES}/"
    waiting = deque(f"{ours}{start}" for start in STARTS)
    seen, opened, wrong = set(waiting), dict[str, int](), list[str]()
    came_from: dict[str, str] = {}
    while waiting:
        address = waiting.popleft()
        answer = session.get(address, timeout=60)
        refused = answer.status_code in (401, 403, 404) and address.removeprefix(ours) in STARTS
        if answer.status_code >= 400 and not refused:
            wrong.append(f"{answer.status_code} {address} from {came_from.get(address)}")
        if not answer.url.startswith(ours) or answer.headers["Content-Type"][:9] != "text/html":
            continue
        if '<html lang="fr"' in answer.text:
            wrong += [f"“{words}” on {address}" for words in english_in(answer.text)]
        for link in sorted(Links(answer.url, answer.text).found - seen):
            kind = kind_of(link)
            if link.startswith(portal.url) and opened.get(kind, 0) < ALIKE:
                opened[kind] = opened.get(kind, 0) + 1
                seen.add(link)
                came_from[link] = answer.url
                waiting.append(link)
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 40
