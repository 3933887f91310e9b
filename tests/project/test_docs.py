"""What the documentation says is what there is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from udata.api import api
from udata.tasks import celery

from udata_culture_feedback import settings, tasks  # noqa: F401
from udata_culture_feedback.app.commands import cli

from ..cases import PluginTestCase

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
PAGES = sorted([CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *DOCS.rglob("*.md")])

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
FRENCH = "translations/fr/LC_MESSAGES/udata-culture-feedback.po"
QUOTED = re.compile(r"« ([^»\[]+) »")
#: The name of an account; what users said.
NOT_IN_CATALOGUE = {"Usager sans compte"}
SETTING = re.compile(r"\bCULTURE_FEEDBACK_[A-Z_]+\b")


def plain(words: str) -> str:
    """As one line, with the quotes of keyboards."""
    return " ".join(words.replace("’", "'").split())


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_operators_find_every_setting_with_its_default():
    written = runpy.run_path(str(DOCS / "settings.py"))
    assert text(DOCS / "operators.md") == written["page"](), "run: make docs"


def test_the_picture_of_the_rooms_is_that_of_the_contract():
    drawn = runpy.run_path(str(DOCS / "rooms.py"))
    assert text(DOCS / "images" / "rooms.svg") == drawn["picture"](), "run: make docs"


def test_developers_find_every_room():
    told = text(DOCS / "developers.md")
    rooms = [one.name for one in (CHECKOUT / "udata_culture_feedback").iterdir() if one.is_dir()]
    assert [room for room in rooms if room != "__pycache__" and f"`{room}/`" not in told] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_setting_that_does_not_exist(page):
    assert {name for name in SETTING.findall(text(page)) if not hasattr(settings, name)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    local = [link for link in LINK.findall(text(page)) if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_operators_find_every_command():
    told = text(DOCS / "operators.md")
    assert [name for name in cli.commands if f"udata feedback {name}" not in told] == []


def test_operators_find_every_task():
    names = {name for name in celery.tasks if name.startswith("culture-feedback-")}
    assert len(names) > 20
    told = text(DOCS / "operators.md")
    assert [name for name in sorted(names) if f"`{name}`" not in told] == []


def test_tables_are_tables():
    """A row after an empty line is none."""
    for page in PAGES:
        lines = text(page).splitlines()
        for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
            if line.startswith("|") and not before.startswith("|"):
                assert re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", after), f"{page.name}: {line}"


def test_words_quoted_to_people_are_those_they_see():
    catalogue = read_po((CHECKOUT / FRENCH).open("rb"))
    seen = {plain(text) for message in catalogue for text in forms(message.string)}
    for page in ("users.md", "producers.md"):
        quoted = {plain(words) for words in QUOTED.findall(text(DOCS / page))}
        assert quoted - seen - NOT_IN_CATALOGUE == set()


class ApiDocumentationTest(PluginTestCase):
    def test_the_table_of_routes_is_that_of_the_code(self):
        with self.app.test_request_context("/"):
            paths = api.__schema__["paths"]
        routes = {
            re.sub(r"\{\w+\}", "…", path.removeprefix("/culture-feedback/"))
            for path in paths
            if path.startswith("/culture-feedback/")
        }
        told = re.findall(r"^\| `P/([^`?]*)[^`]*` ", text(DOCS / "api.md"), re.MULTILINE)
        told = {re.sub(r"<\w+>", "…", path) for path in told}
        pages = {"embed.js", "pages/datasets/…/"}
        assert pages <= told
        told -= pages
        assert told == routes
