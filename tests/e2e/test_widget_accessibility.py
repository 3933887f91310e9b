"""What axe does not decide about the widget: the order and the return of the focus, what is
announced, and how it stands readers' own settings, on a front-end that means no well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from .hosts.pages import settle_in
from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]

#: Writes down whatever a live region of the widget says from now on, in order.
LISTEN = """() => {
  window.heard = []
  const root = document.querySelector('culture-feedback').shadowRoot
  const say = (node) => {
    const region = node.nodeType === 1 ? node.closest('[role=status], [role=alert]')
      : node.parentElement?.closest('[role=status], [role=alert]')
    const text = region?.checkVisibility() && region.textContent.trim()
    if (text && heard.at(-1) !== text) heard.push(text)
  }
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      say(target)
      for (const node of addedNodes) {
        if (node.nodeType !== 1) continue
        say(node)
        node.querySelectorAll('[role=alert]').forEach(say)
      }
    }
  }).observe(root, { childList: true, characterData: true, subtree: true })
}"""

WHERE = """() => {
  const on = document.activeElement
  const inner = on.shadowRoot?.activeElement
  return inner ? `${inner.localName}#${inner.id}` : on.localName
}"""

#: The readers' own style, where it weighs more than ours: on the host as on the widget's element.
LARGER = "document.documentElement.style.fontSize = '200%'"
SPACED = """() => {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
                         word-spacing: 0.16em !important }`)
  for (const root of [document, document.querySelector('culture-feedback').shadowRoot]) {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  }
}"""

SIDEWAYS = """() => {
  const root = document.querySelector('culture-feedback').shadowRoot
  return [...root.querySelectorAll('*')]
    .filter((it) => it.checkVisibility() && !it.closest('.cf-hidden, svg, select'))
    .filter((it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((it) => it.outerHTML.slice(0, 120))
}"""


@pytest.fixture
def reader(visitor: Come) -> Callable[..., Visitor]:
    """Somebody before the widget on a front-end like cdata."""

    def come(email: str | None = None, flavour: str = "cdata", **options: Any) -> Visitor:
        somebody = visitor(email, **options)
        settle_in(somebody, flavour)
        somebody.page.goto(f"{somebody.portal.url}/datasets/{somebody.portal.slugs[COMMENTED]}")
        somebody.widget.evaluate("it => it.scrollIntoView()")
        expect(somebody.widget.locator("#cf-title")).to_be_visible()
        return somebody

    return come


def heard(somebody: Visitor) -> list[str]:
    return somebody.page.evaluate("window.heard")


def ours(somebody: Visitor) -> list[str]:
    """What axe finds in what we have put there: the rest of the page is a toy."""
    marks = ("culture-feedback", "cf-")
    theirs = ("data-go", 'class="page"')
    found = [one for one in somebody.barriers() if any(mark in one for mark in marks)]
    return [one for one in found if not any(mark in one for mark in theirs)]


# --- Focus ----------------------------------------------------------------------------------------


def test_the_keyboard_goes_through_it_and_out_at_both_ends(reader: Come) -> None:
    """In the order of the page, each thing once: no trap."""
    somebody = reader()
    somebody.widget.locator("#cf-title").focus()
    visited: list[int] = []
    position = """() => {
      const on = document.activeElement.shadowRoot?.activeElement
      const all = [...document.querySelector('culture-feedback').shadowRoot.querySelectorAll('*')]
      return on ? all.indexOf(on) : -1
    }"""
    for _step in range(60):
        somebody.page.keyboard.press("Tab")
        place = somebody.page.evaluate(position)
        if place < 0:
            break
        visited.append(place)
    assert somebody.page.evaluate("document.activeElement.localName") != "culture-feedback"
    assert len(visited) > 4
    assert visited == sorted(set(visited)), "forwards, nothing twice"

    somebody.widget.locator("#cf-title").focus()
    somebody.page.keyboard.press("Shift+Tab")
    assert somebody.page.evaluate(position) == -1


def test_the_focus_goes_to_what_has_come_and_comes_back(reader: Come, newcomer: str) -> None:
    somebody = reader(newcomer)
    somebody.widget.get_by_role("button", name="En partie").focus()
    somebody.page.keyboard.press("Enter")
    expect(somebody.widget.get_by_label("Que manque-t-il")).to_be_visible()
    assert somebody.page.evaluate(WHERE) == "h2#cf-title", "its button is gone"

    asking = somebody.widget.get_by_role("link", name="Demander des données")
    asking.focus()
    somebody.page.keyboard.press("Enter")
    expect(somebody.widget.locator("#cf-ask-heading")).to_be_focused()


def test_nothing_takes_the_focus_by_itself(reader: Come) -> None:
    """Neither when it comes, nor when somebody is elsewhere on the page."""
    somebody = reader()
    assert somebody.page.evaluate(WHERE) == "body"
    link = somebody.page.get_by_role("link", name="Télécharger")
    link.focus()
    with somebody.page.expect_download():
        somebody.page.keyboard.press("Enter")
    expect(somebody.widget.locator("[data-downloaded]")).to_contain_text("musees-2026.csv")
    expect(link).to_be_focused()


# --- What is said ---------------------------------------------------------------------------------


def test_what_was_done_is_said_once(reader: Come, newcomer: str) -> None:
    somebody = reader(newcomer)
    somebody.page.evaluate(LISTEN)
    somebody.answers("Oui")
    expect(somebody.status).to_contain_text("votre avis est compté")
    said = [text for text in heard(somebody) if "compté" in text]
    assert len(said) == 1
    region = somebody.status.evaluate("it => [it.getAttribute('role'), it.isConnected]")
    assert region == ["status", True]


def test_an_error_is_said_and_leads_to_its_field(reader: Come, newcomer: str) -> None:
    somebody = reader(newcomer)
    somebody.expects("413")
    somebody.answers("Oui")
    somebody.page.evaluate(LISTEN)
    somebody.comments_that("x" * 15_001)
    somebody.saves()
    summary = somebody.widget.locator("#cf-errors")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Erreur")
    assert not any("rreur" in text for text in heard(somebody)), "the focus says it, once"
    somebody.page.keyboard.press("Tab")
    somebody.page.keyboard.press("Enter")
    comment = somebody.widget.get_by_label("Que manque-t-il")
    expect(comment).to_be_focused()
    expect(comment).to_have_attribute("aria-invalid", "true")
    described = (comment.get_attribute("aria-describedby") or "").split()
    words = [somebody.widget.locator(f"[id='{id}']").inner_text() for id in described]
    assert any("Erreur" in text for text in words), "in words, beside the field"


def test_a_network_that_fails_is_said_and_loses_nothing(reader: Come, newcomer: str) -> None:
    """Also when what sends forms has not come yet."""
    somebody = reader(newcomer)
    somebody.expects("ERR_INTERNET_DISCONNECTED")
    somebody.page.evaluate(LISTEN)
    somebody.context.set_offline(True)
    somebody.widget.get_by_role("button", name="Oui", exact=True).click()
    failed = somebody.widget.get_by_role("alert")
    expect(failed).to_be_focused()
    assert any(text.startswith("Erreur") for text in heard(somebody))
    somebody.context.set_offline(False)
    somebody.widget.get_by_role("button", name="Oui", exact=True).click()
    expect(somebody.widget.get_by_label("Que manque-t-il")).to_be_visible()


# --- Readers' own settings ------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [LARGER, SPACED], ids=["200 %", "spacing"])
@pytest.mark.parametrize("width", [320, 1100])
def test_nothing_goes_beyond_the_screen(
    reader: Come, newcomer: str, setting: str, width: int
) -> None:
    somebody = reader(newcomer, viewport={"width": width, "height": 700})
    somebody.answers("En partie")
    somebody.unfolds_everything()
    somebody.page.evaluate(setting)
    assert somebody.page.evaluate(SIDEWAYS) == []


def test_the_resets_of_a_host_stop_at_its_door(reader: Come, newcomer: str) -> None:
    """`* {…}` of the host reaches the element, and by inheritance what is in it."""
    somebody = reader(newcomer)
    somebody.answers("En partie")
    looks = somebody.widget.get_by_label("Que manque-t-il").evaluate(
        """field => {
          const { textTransform, textAlign, fontStyle, padding, borderBottomWidth } =
            getComputedStyle(field)
          return { textTransform, textAlign, fontStyle, padding, borderBottomWidth }
        }"""
    )
    assert looks["textTransform"] == "none"
    assert looks["textAlign"] == "start"
    assert looks["fontStyle"] == "normal"
    assert looks["padding"] != "0px"
    assert looks["borderBottomWidth"] == "1px"
    button = somebody.widget.get_by_role("button").first
    assert button.evaluate("it => getComputedStyle(it).borderTopWidth") == "1px"


def test_a_theme_is_a_few_properties(reader: Come) -> None:
    somebody = reader()
    somebody.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet()
          sheet.replaceSync(':root { --culture-feedback-title: rgb(1, 2, 3) }')
          document.adoptedStyleSheets = [sheet]
        }"""
    )
    colour = somebody.widget.locator("#cf-title").evaluate("it => getComputedStyle(it).color")
    assert colour == "rgb(1, 2, 3)"


def test_forced_colours_leave_every_control_an_outline(reader: Come, newcomer: str) -> None:
    somebody = reader(newcomer, forced_colors="active")
    somebody.answers("En partie")
    somebody.unfolds_everything()
    drawn = somebody.widget.locator("button, select, textarea").evaluate_all(
        """all => all.filter((it) => it.checkVisibility()).map((it) => {
          const { borderBottomStyle, borderBottomWidth } = getComputedStyle(it)
          return borderBottomStyle !== 'none' && parseFloat(borderBottomWidth) > 0
        })"""
    )
    assert drawn
    assert all(drawn)


def test_it_says_its_language_where_the_host_speaks_another(reader: Come) -> None:
    """And follows a host that changes its own."""
    somebody = reader()
    inner = somebody.widget.locator("div[lang]").first
    expect(inner).to_have_attribute("lang", "fr")
    somebody.widget.evaluate("it => it.setAttribute('lang', 'en')")
    expect(somebody.widget.locator("#cf-title")).to_have_text("Your feedback on these data")
    expect(inner).to_have_attribute("lang", "en")
    expect(inner).to_have_attribute("dir", "ltr")


@pytest.mark.parametrize("flavour", ["cdata", "front-kit"])
def test_what_is_ours_has_no_barrier_on_their_page(reader: Come, flavour: str) -> None:
    somebody = reader(flavour=flavour)
    assert ours(somebody) == []


@pytest.mark.parametrize(
    "path", ["/organizations/ministere-de-la-culture", "/datasets/search?q=rien"]
)
def test_a_panel_has_no_barrier(visitor: Come, path: str) -> None:
    somebody = visitor()
    settle_in(somebody, "cdata")
    somebody.page.goto(somebody.portal.url + path)
    panel = somebody.page.locator("culture-feedback-panel")
    panel.evaluate("it => it.scrollIntoView()")
    expect(panel.locator("#cf-title")).to_be_visible()
    assert ours(somebody) == []
    panel.get_by_role("link", name="Demander des données").click()
    expect(panel.locator("#cf-ask-form")).to_be_visible()
    assert ours(somebody) == []
