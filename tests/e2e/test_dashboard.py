"""What a producer does with their dashboard, in a browser: by keyboard, on a phone, on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from .visitor import PAGES, Visitor

Come = Callable[..., Visitor]

PRODUCER = "producteur@demo.test"
MINISTRY = "ministere-de-la-culture"
HOME = f"{PAGES}/dashboard/organizations/{MINISTRY}/"
PUBLIC = f"{PAGES}/organizations/{MINISTRY}/"
PARTS = {
    "list of dashboards": f"{PAGES}/dashboard/",
    "overview": HOME,
    "feedback": f"{HOME}inbox/",
    "a filter that makes no sense": f"{HOME}inbox/?from=yesterday",
    "datasets": f"{HOME}datasets/",
    "datasets, another criterion": f"{HOME}datasets/?axis=georeferencing&sort=age",
    "public page": PUBLIC,
    "own datasets": f"{PAGES}/dashboard/me/",
}

#: The worst judged of the sample datasets.
WORST = "Aides à la presse : titres aidés"

CLIPPED = """() => [...document.querySelectorAll('main *')].filter((element) => {
  if (element.closest('.cf-hidden, .cf-scroll, svg, textarea, select')) return false
  if (!element.checkVisibility()) return false
  const { left, right } = element.getBoundingClientRect()
  return right > innerWidth + 1 || left < -1
}).map((element) => element.outerHTML.slice(0, 200))"""

SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def opens(visitor: Visitor, path: str, lang: str = "en") -> Visitor:
    if "yesterday" in path:
        visitor.expects("400")
    address = visitor.portal.url + path
    visitor.page.goto(f"{address}{'&' if '?' in address else '?'}lang={lang}")
    return visitor


def tabs_to(visitor: Visitor, wanted: str) -> None:
    """Goes on with the keyboard until that has the focus."""
    for _key in range(120):
        visitor.page.keyboard.press("Tab")
        if wanted in visitor.focused():
            return
    raise AssertionError(f"{wanted} cannot be reached")


def chosen(visitor: Visitor) -> dict[str, list[str]]:
    """The filters in the address."""
    return parse_qs(urlsplit(visitor.page.url).query)


def test_a_newcomer_finds_the_dataset_that_needs_attention_and_its_oldest_text(
    visitor: Come,
) -> None:
    producer = opens(visitor(PRODUCER), f"{PAGES}/dashboard/")
    producer.page.get_by_role("link", name="Ministère de la Culture").last.click()
    waiting = producer.page.locator(".cf-tiles li").first
    expect(waiting).to_contain_text("comments to answer")
    assert waiting.bounding_box()["y"] < 700, "seen without scrolling"
    first = producer.page.locator(".cf-stacks tbody tr").first
    expect(first.get_by_role("link").first).to_have_text(WORST)
    expect(first).to_contain_text(re.compile(r"\d+ people of \d+ say"))
    first.get_by_role("cell").get_by_role("link", name=WORST).click()
    lines = producer.page.locator("#cf-list > ul > li")
    dates = lines.locator("time").evaluate_all("all => all.map((one) => one.dateTime)")
    assert dates == sorted(dates)
    expect(lines.first.get_by_text("Wants an answer")).to_be_visible()
    said = lines.first.locator("[dir=auto]").last.inner_text()
    lines.first.get_by_role("link", name=WORST).click()
    reading = producer.page.locator("#cf-reading")
    expect(reading.get_by_role("link", name=WORST)).to_be_visible()
    expect(reading).to_contain_text(said)
    expect(reading.get_by_label("Public answer")).to_be_visible()


def test_filters_combine_by_keyboard_and_live_in_the_address(visitor: Come) -> None:
    producer = opens(visitor(PRODUCER), f"{HOME}inbox/")
    keyboard = producer.page.keyboard
    producer.page.locator("main").focus()
    tabs_to(producer, "Words of the text")
    keyboard.type("colonne")
    tabs_to(producer, "summary Filters")
    keyboard.press("Enter")
    tabs_to(producer, "Meets their need")
    keyboard.type("Part")
    tabs_to(producer, "Criterion judged poor")
    keyboard.press("ArrowDown")
    tabs_to(producer, "Filter")
    keyboard.press("Enter")
    producer.page.wait_for_url(re.compile(r"[?&]q=colonne"))
    asked = chosen(producer)
    assert asked["q"] == ["colonne"]
    assert asked["fitness"] == ["partly"]
    assert asked["low"] == ["update_frequency"]
    lines = producer.page.locator("#cf-list > ul > li")
    for line in lines.all():
        expect(line).to_contain_text(re.compile("colonne", re.IGNORECASE))
    expect(producer.page.get_by_label("Words of the text")).to_have_value("colonne")
    expect(producer.page.locator("details[open] #cf-by-fitness")).to_have_value("partly")
    with producer.page.expect_download() as download:
        producer.page.get_by_role("link", name="Download these opinions").click()
    rows = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(rows) == lines.count() + 1
    producer.page.get_by_role("link", name="Remove all filters").press("Enter")
    expect(producer.page.locator("#cf-list > ul > li").nth(20)).to_be_visible()
    assert "q" not in chosen(producer)


def test_datasets_are_sorted_by_their_headers(visitor: Come) -> None:
    producer = opens(visitor(PRODUCER), f"{HOME}datasets/")
    table = producer.page.get_by_role("table")
    titles = table.locator("tbody th a")
    expect(titles.first).to_have_text(WORST)
    for header, order in (("Last update", "ascending"), ("Users’ view", "descending")):
        table.get_by_role("link", name=header).press("Enter")
        expect(table.get_by_role("columnheader", name=header)).to_have_attribute("aria-sort", order)
    expect(table.get_by_role("columnheader", name="Portal’s indicators (metadata)")).to_be_visible()
    expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(r"\d+ people of \d+ say"))


@pytest.mark.parametrize("screen", [{}, {"viewport": {"width": 320, "height": 700}}])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_a_producer(visitor: Come, screen: dict[str, Any], scheme: str) -> None:
    producer = visitor(PRODUCER, color_scheme=scheme, **screen)
    for name, path in PARTS.items():
        opens(producer, path)
        producer.unfolds_everything()
        assert producer.barriers() == [], name
        assert producer.page.evaluate(CLIPPED) == [], name
        assert not producer.page.evaluate(SCROLLS_SIDEWAYS), name


def test_nothing_bars_somebody_unknown(visitor: Come) -> None:
    somebody = visitor()
    somebody.expects("401")
    opens(somebody, HOME)
    expect(somebody.page.locator("main").get_by_role("link", name="Log in")).to_be_visible()
    assert somebody.barriers() == []
    opens(somebody, PUBLIC)
    assert somebody.barriers() == []


def test_text_twice_as_large_is_not_cut(visitor: Come) -> None:
    producer = visitor(PRODUCER)
    for name in ("overview", "feedback", "datasets", "public page"):
        opens(producer, PARTS[name])
        producer.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert producer.page.evaluate(CLIPPED) == [], name
        assert not producer.page.evaluate(SCROLLS_SIDEWAYS), name


def test_on_paper_the_figures_are_there_and_the_forms_are_not(visitor: Come) -> None:
    producer = opens(visitor(PRODUCER), HOME)
    page = producer.page
    figures = page.locator(".cf-plot details table")
    assert figures.count() == 3
    page.emulate_media(media="print")
    for table in figures.all():
        expect(table).to_be_visible()
    expect(page.locator(".cf-chart").first).to_be_visible()
    for hidden in (".cf-header nav", ".cf-footer", ".cf-parts", "summary"):
        expect(page.locator(hidden).first).to_be_hidden()
    opens(producer, f"{HOME}inbox/")
    page.emulate_media(media="print")
    expect(page.locator("#cf-list > ul > li").first).to_be_visible()
    for hidden in (".cf-filters", ".cf-treat", ".cf-choice"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_charts_stay_distinct_in_forced_colours(visitor: Come) -> None:
    producer = opens(visitor(PRODUCER, forced_colors="active"), PUBLIC)
    looks = producer.page.locator("#cf-axis-completeness rect").evaluate_all(
        """parts => parts.map((part) => {
          const { fill, fillOpacity, stroke } = getComputedStyle(part)
          return `${fill} ${fillOpacity} ${stroke}`
        })"""
    )
    assert len(set(looks)) == 5


def test_the_public_sees_what_was_handled_and_a_partial_editor_what_is_theirs(
    visitor: Come,
) -> None:
    partial = opens(visitor("redacteur@demo.test"), HOME)
    expect(partial.page.locator(".cf-stacks tbody tr")).to_have_count(1)
    expect(
        partial.page.get_by_text("You see the datasets that are assigned to you.")
    ).to_be_visible()
    expect(partial.page.locator("#cf-requests")).to_have_count(0)
    stranger = visitor("cnc@demo.test")
    stranger.expects("403")
    opens(stranger, HOME)
    expect(stranger.page.locator(".cf-tiles")).to_have_count(0)
    reader = opens(visitor(), PUBLIC)
    expect(reader.page.get_by_role("heading", name="What has changed thanks to")).to_be_visible()
    expect(reader.page.locator(".cf-plot .cf-chart")).to_have_count(5)
