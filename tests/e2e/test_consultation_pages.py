"""Every page of consultations, on those of the demo: no barrier that axe finds, light and dark;
nobody scrolls sideways at 320 pixels nor with letters twice as large; nothing needs a script;
results print."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from demo.background import RunningPortal

from .visitor import PAGES, Visitor

Come = Callable[..., Visitor]

TEAM = "consultation@demo.test"

#: What everybody sees: where, of the past one or of the open one.
PUBLIC = {
    "list": "",
    "one": "{open}/",
    "closed": "{past}/",
    "sealed": "{open}/results/",
    "results": "{past}/results/",
    "texts": "{past}/results/texts",
    "search": "{past}/results/texts?q=horaires",
    "resume": "{open}/resume",
}
#: And the team.
OF_TEAM = {
    "list": "",
    "new": "new",
    "edit": "{open}/edit",
    "preview": "{open}/preview",
    "entry": "{open}/entry",
    "results": "{past}/results/",
    "synthesis": "{past}/synthesis",
    "moderation": "{past}/results/texts?state=pending",
}

SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
#: Of texts in closed folds, the heights as they are printed.
PRINTED = """() => [...document.querySelectorAll('.cf-result details table')]
  .map((table) => table.getBoundingClientRect().height)"""


@pytest.fixture(scope="module")
def addresses(portal: RunningPortal, browser: object) -> dict[str, str]:
    """The slugs of both, from what everybody may ask."""
    with urllib.request.urlopen(f"{portal.url}/api/1/culture-feedback/consultations/") as answer:
        listed = json.load(answer)["data"]
    past = [one["slug"] for one in listed if one["state"] == "closed"]
    current = [
        one["slug"] for one in listed if one["state"] == "open" and "donnees-des-" in one["slug"]
    ]
    return {"past": past[0], "open": current[0]}


def each(somebody: Visitor, pages: dict[str, str], slugs: dict[str, str]) -> dict[str, str]:
    return {
        name: f"{somebody.portal.url}{PAGES}/consultations/{path.format(**slugs)}"
        for name, path in pages.items()
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("who", [None, TEAM], ids=["public", "team"])
def test_none_has_a_barrier(
    visitor: Come, addresses: dict[str, str], who: str | None, scheme: str
) -> None:
    somebody = visitor(who, color_scheme=scheme)
    somebody.expects("400")  # the link that goes on with an answer, without its token
    found = {}
    for name, address in each(somebody, OF_TEAM if who else PUBLIC, addresses).items():
        somebody.page.goto(address)
        unfold(somebody.page)
        found[name] = somebody.barriers()
    assert found == {name: [] for name in found}


@pytest.mark.parametrize("who", [None, TEAM], ids=["public", "team"])
def test_nobody_scrolls_sideways(visitor: Come, addresses: dict[str, str], who: str | None) -> None:
    somebody = visitor(who, viewport={"width": 320, "height": 640})
    somebody.expects("400")
    wide = []
    for name, address in each(somebody, OF_TEAM if who else PUBLIC, addresses).items():
        somebody.page.goto(address)
        unfold(somebody.page)
        if somebody.page.evaluate(SCROLLS_SIDEWAYS):
            wide.append(name)
        somebody.page.set_viewport_size({"width": 640, "height": 640})
        somebody.page.evaluate("document.documentElement.style.fontSize = '200%'")
        if somebody.page.evaluate(SCROLLS_SIDEWAYS):
            wide.append(f"{name}, large")
        somebody.page.set_viewport_size({"width": 320, "height": 640})
    assert wide == []


def test_nothing_needs_a_script(visitor: Come, addresses: dict[str, str]) -> None:
    somebody = visitor(TEAM, java_script_enabled=False)
    somebody.expects("400")
    for address in each(somebody, PUBLIC | OF_TEAM, addresses).values():
        somebody.page.goto(address)
        expect(somebody.page.get_by_role("heading", level=1)).to_be_visible()
    page = somebody.page
    page.goto(each(somebody, PUBLIC, addresses)["texts"])
    page.get_by_label("Chercher dans les textes").fill("horaires")
    page.get_by_role("button", name="Rechercher").click()
    found = page.locator(".cf-comments > li")
    expect(found.first).to_contain_text("oraires")
    assert all("oraires" in text for text in found.all_inner_texts())


def test_results_print_with_what_is_folded(visitor: Come, addresses: dict[str, str]) -> None:
    somebody = visitor()
    page = somebody.page
    page.goto(each(somebody, PUBLIC, addresses)["results"])
    page.emulate_media(media="print")
    assert page.evaluate(PRINTED)
    assert all(height > 20 for height in page.evaluate(PRINTED))
    expect(page.locator("#cf-synthesis")).to_be_visible()
    expect(page.locator("nav").first).to_be_hidden()


def unfold(page: Page) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
