"""The contract of placements once more, in Firefox: one element, mounted once, and not a word in
the console. Everything else is tried in Chromium only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from demo.accounts import PASSWORD
from demo.background import RunningPortal

from .firefox import FIREFOX, Tab, running_firefox
from .hosts.server import serving
from .visitor import COMMENTED, EMPTY

pytestmark = pytest.mark.skipif(
    not FIREFOX,
    reason="Firefox is not installed: apt-get install firefox-esr, or FIREFOX=/path/to/firefox",
)

FLAVOURS = ("cdata", "front-kit")
WIDGET = "document.querySelector('culture-feedback')"
INSIDE = f"{WIDGET}.shadowRoot"
TITLE = f"{INSIDE}.querySelector('#cf-title')"
HOW_MANY = "document.querySelectorAll('culture-feedback').length"
FRAGMENTS = "performance.getEntriesByType('resource').filter(it => it.name.includes('as=fragment'))"

Come = Callable[[str, str], Tab]


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with running_firefox(tmp_path_factory.mktemp("firefox")) as address:
        tab = Tab(address)
        yield tab
        tab.closes()


@pytest.fixture
def arrive(firefox: Tab, portal: RunningPortal) -> Iterator[Come]:
    """`arrive("cdata", "/datasets/…")`: on a page of such a front-end."""
    with ExitStack() as servers:

        def come(flavour: str, path: str) -> Tab:
            url = servers.enter_context(serving(flavour, portal))
            firefox.goes_to(url + path.format(**slugs(portal)))
            return firefox

        firefox.said.clear()
        firefox.forgets_cookies()
        yield come
        firefox.goes_to("about:blank")
    assert firefox.said == []


def slugs(portal: RunningPortal) -> dict[str, str]:
    return {"one": portal.slugs[COMMENTED], "two": portal.slugs[EMPTY]}


def go(tab: Tab, path: str) -> None:
    """By the links of the front-end itself."""
    tab.clicks(f"document.querySelector(`[data-go='{path}']`)")


def shown(tab: Tab) -> None:
    tab.waits_for(f"({WIDGET}.scrollIntoView(), {TITLE}.getBoundingClientRect().height > 0)")


def shows(tab: Tab, dataset: str) -> None:
    tab.waits_for(f"{WIDGET}.getAttribute('dataset-id') === '{dataset}' && !{WIDGET}.hidden")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_there_once_after_a_cold_load(arrive: Come, flavour: str) -> None:
    tab = arrive(flavour, "/datasets/{one}")
    shown(tab)
    assert tab.sees(HOW_MANY) == 1
    assert tab.sees(f"{FRAGMENTS}.length") == 1


def test_it_waits_for_a_late_hydration(arrive: Come) -> None:
    tab = arrive("cdata", "/datasets/{one}?wait")
    assert tab.sees(HOW_MANY) == 0
    tab.sees("window.hydrate()")
    shown(tab)
    assert tab.sees(HOW_MANY) == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_the_same_element_through_every_navigation(
    arrive: Come, portal: RunningPortal, flavour: str
) -> None:
    one, two = slugs(portal).values()
    tab = arrive(flavour, "/datasets/{one}")
    shown(tab)
    tab.sees(f"{WIDGET}.marked = true")
    go(tab, f"/datasets/{two}")
    shows(tab, two)
    shown(tab)
    tab.goes(-1)
    shows(tab, one)
    tab.goes(1)
    shows(tab, two)
    go(tab, "/datasets/search")
    tab.waits_for(f"{WIDGET}.hidden")
    go(tab, f"/datasets/{one}")
    shows(tab, one)
    shown(tab)
    assert tab.sees(HOW_MANY) == 1
    assert tab.sees(f"{WIDGET}.marked") is True


def test_it_comes_back_from_the_administration(arrive: Come, portal: RunningPortal) -> None:
    one = slugs(portal)["one"]
    tab = arrive("cdata", "/datasets/{one}")
    shown(tab)
    tab.sees(f"{WIDGET}.marked = true")
    go(tab, "/admin/me/datasets")
    tab.waits_for(f"{HOW_MANY} === 0")
    go(tab, f"/datasets/{one}")
    shown(tab)
    assert tab.sees(f"{WIDGET}.marked") is True


def test_turning_the_tabs_asks_for_nothing_again(arrive: Come) -> None:
    tab = arrive("cdata", "/datasets/{one}")
    shown(tab)
    link = "[...document.querySelectorAll('.bar a')].find(it => it.href.endsWith('/discussions'))"
    tab.clicks(link)
    tab.waits_for(f"{link}.getAttribute('aria-current') === 'page'")
    assert tab.sees(HOW_MANY) == 1
    assert tab.sees(f"{FRAGMENTS}.length") == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_answer_is_given_by_who_has_logged_in(arrive: Come, newcomer: str, flavour: str) -> None:
    tab = arrive(flavour, "/datasets/{one}")
    shown(tab)
    assert tab.sees(f"!!{INSIDE}.querySelector('[data-login]')")
    go(tab, "/login")
    tab.waits_for(f"{WIDGET}.hidden")
    account = json.dumps({"email": newcomer, "password": PASSWORD})
    assert tab.sees(
        f"""(async () => {{
          const {{ response: {{ csrf_token }} }} = await (await fetch('/get-csrf')).json()
          const answer = await fetch('/login/', {{
            method: 'POST',
            body: JSON.stringify({{ ...{account}, csrf_token }}),
            headers: {{
              'Content-Type': 'application/json', Accept: 'application/json',
              'X-CSRFToken': csrf_token,
            }},
          }})
          history.back()
          return answer.ok
        }})()"""
    )
    tab.waits_for(f"!{WIDGET}.hidden && !{INSIDE}.querySelector('[data-login]')")
    tab.clicks(f"{INSIDE}.querySelector('form button[value=yes]')")
    tab.waits_for(f"{INSIDE}.querySelector('textarea[name=comment]')")
    assert "Merci" in tab.sees(f"{INSIDE}.querySelector('[role=status]').textContent")
    assert tab.sees(HOW_MANY) == 1
