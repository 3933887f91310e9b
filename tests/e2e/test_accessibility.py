"""No barrier that a machine can find, in any state: axe-core with the RGAA and WCAG rules, and what
axe does not decide (reflow, text size, spacing, forced colours, focus)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .visitor import COMMENTED, EMPTY, OUTDATED, Visitor

Come = Callable[..., Visitor]

PHONE = {"viewport": {"width": 320, "height": 700}}

#: What WCAG 1.4.12 lets readers set, also in the shadow root.
SPACING = """
  const css = `* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
                   word-spacing: 0.16em !important } p { margin-bottom: 2em !important }`
  for (const root of [document, document.querySelector('culture-feedback').shadowRoot]) {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  }
"""

#: Elements of ours whose text goes beyond what is shown of them, or beyond the screen.
CLIPPED = """() => {
  const root = document.querySelector('culture-feedback').shadowRoot
  return [...root.querySelectorAll('*')].filter((element) => {
    if (element.closest('.cf-hidden, svg, textarea, select')) return false
    if (!element.checkVisibility()) return false
    const { left, right } = element.getBoundingClientRect()
    const cut = getComputedStyle(element).overflow !== 'visible' &&
      (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight)
    return cut || right > innerWidth + 1 || left < -1
  }).map((element) => element.outerHTML.slice(0, 200))
}"""

SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_nothing_bars_a_visitor(visitor: Come) -> None:
    somebody = visitor().goes_to(OUTDATED)
    assert somebody.barriers() == []
    somebody.place.get_by_text("Voir le tableau").last.click()
    somebody.place.get_by_role("link", name="Page suivante").click()
    expect(somebody.place.get_by_text("Page 2")).to_be_visible()
    assert somebody.barriers() == []
    somebody.goes_to(EMPTY)
    assert somebody.barriers() == []


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone"])
def test_nothing_bars_who_answers(visitor: Come, newcomer: str, screen: dict) -> None:
    somebody = visitor(newcomer, **screen).goes_to(COMMENTED)
    somebody.expects("413")
    assert somebody.barriers() == [], "the question"
    somebody.answers("Oui")
    assert somebody.barriers() == [], "answered, details folded"
    somebody.unfolds_everything()
    assert somebody.barriers() == [], "all unfolded"
    somebody.comments_that("x" * 15_001)
    somebody.saves()
    expect(somebody.place.locator("#cf-errors")).to_be_focused()
    assert somebody.barriers() == [], "an error"
    somebody.comments_that("Utile pour préparer nos visites.")
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    assert somebody.barriers() == [], "saved, one's own answer"


def test_nothing_bars_a_producer(visitor: Come) -> None:
    assert visitor("producteur@demo.test").goes_to(OUTDATED).barriers() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_who_reads_the_whole_page(visitor: Come, newcomer: str, scheme: str) -> None:
    somebody = visitor(newcomer, color_scheme=scheme).goes_to_whole_page(COMMENTED)
    somebody.expects("413")
    assert somebody.barriers() == [], "the question"
    somebody.answers("En partie")
    somebody.place.get_by_text("Ce que je fais de ces données").click()
    assert somebody.barriers() == [], "the details"
    somebody.comments_that("x" * 15_001)
    somebody.saves()
    expect(somebody.place.locator("#cf-errors")).to_be_visible()
    assert somebody.barriers() == [], "an error"


def test_nothing_bars_who_reads_in_the_dark(visitor: Come, newcomer: str) -> None:
    """On a host that has a dark scheme of its own, and no variable of the State's design."""
    somebody = visitor(newcomer, color_scheme="dark").goes_to(COMMENTED)
    somebody.page.evaluate(
        """() => {
          document.querySelector('link[rel=stylesheet]').remove()
          document.querySelector('header').remove() // the demo's own
          document.documentElement.style.colorScheme = 'light dark'
          document.body.style.background = 'light-dark(#fff, #161616)'
          document.querySelector('main').replaceChildren(document.querySelector('culture-feedback'))
          document.querySelector('main').prepend(
            Object.assign(document.createElement('h1'), {textContent: 'Un autre site'}))
        }"""
    )
    ground = somebody.widget.locator("select, button").first.evaluate(
        "element => getComputedStyle(element).backgroundColor"
    )
    assert ground == "rgb(22, 22, 22)"
    somebody.answers("En partie")
    assert [
        barrier for barrier in somebody.barriers() if "culture" in barrier or "cf-" in barrier
    ] == []


@pytest.mark.parametrize("width", [320, 360])
def test_nobody_scrolls_sideways_on_a_phone(visitor: Come, newcomer: str, width: int) -> None:
    somebody = visitor(newcomer, viewport={"width": width, "height": 700}).goes_to(COMMENTED)
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)
    assert somebody.page.evaluate(CLIPPED) == []
    somebody.answers("En partie")
    somebody.unfolds_everything()
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)
    assert somebody.page.evaluate(CLIPPED) == []
    somebody.comments_that("Hôtel-Dieu" * 60)
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)
    assert somebody.page.evaluate(CLIPPED) == []


def test_text_twice_as_large_is_not_cut(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.page.evaluate("document.documentElement.style.fontSize = '200%'")
    somebody.answers("En partie")
    assert somebody.page.evaluate(CLIPPED) == []
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)


def test_text_with_wider_spacing_is_not_cut(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer, **PHONE).goes_to(COMMENTED)
    somebody.answers("En partie")
    somebody.page.evaluate(f"() => {{ {SPACING} }}")
    assert somebody.page.evaluate(CLIPPED) == []
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)


def test_bars_stay_distinct_in_forced_colours(visitor: Come) -> None:
    somebody = visitor(forced_colors="active").goes_to(OUTDATED)
    expect(somebody.comments.first).to_be_visible()
    looks = somebody.widget.locator("#cf-chart-axes rect").evaluate_all(
        """parts => parts.map((part) => {
          const { fill, fillOpacity, stroke } = getComputedStyle(part)
          return `${fill} ${fillOpacity} ${stroke}`
        })"""
    )
    assert len(set(looks)) == 5
    assert not any("none" in look for look in looks)
    assert somebody.barriers() == []


def test_focus_is_always_seen(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.answers("En partie")
    somebody.widget.locator("#cf-title").focus()
    seen = []
    while "Lire la discussion" not in (name := somebody.focused()):
        outline = somebody.page.evaluate(
            """() => {
              const on = document.activeElement.shadowRoot.activeElement
              const { outlineStyle, outlineWidth } = getComputedStyle(on)
              return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth)
            }"""
        )
        assert outline >= 2, name
        seen.append(name)
        somebody.page.keyboard.press("Tab")
    assert len(seen) > 10


def test_targets_are_large_enough(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer, **PHONE).goes_to(COMMENTED)
    sizes = "elements => elements.map((e) => [e.textContent, e.getBoundingClientRect().height])"
    for text, height in somebody.place.get_by_role("button").evaluate_all(sizes):
        assert height >= 44, text
    somebody.answers("En partie")
    for text, height in somebody.widget.locator("button, select").evaluate_all(sizes):
        assert height == 0 or height >= 44, text
    for text, height in somebody.widget.locator("summary, .cf-choice, .cf-link").evaluate_all(
        sizes
    ):
        assert height == 0 or height >= 24, text


def test_words_from_right_to_left_keep_their_place(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer, **PHONE).goes_to(COMMENTED)
    somebody.answers("En partie")
    somebody.comments_that("أين مواقيت المتاحف؟")
    somebody.saves()
    words = somebody.comments.first.locator(".cf-words")
    expect(words).to_have_text("أين مواقيت المتاحف؟")
    assert words.evaluate("words => getComputedStyle(words).direction") == "rtl"
    somebody.page.evaluate("document.documentElement.dir = 'rtl'")
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)
    title = somebody.widget.locator("#cf-title")
    assert title.evaluate("title => getComputedStyle(title).direction") == "ltr"
