"""The parts of pages, shown in all their states at /demo/parts: no barrier in either scheme, on a
narrow screen, nor with text twice as large; a chart can be taken along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from .visitor import Visitor

Come = Callable[..., Visitor]

SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
NARROW = {"viewport": {"width": 320, "height": 700}}


def opens(somebody: Visitor) -> Visitor:
    somebody.page.goto(f"{somebody.portal.url}/demo/parts")
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Les pièces des pages")
    return somebody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, NARROW], ids=["desk", "320"])
def test_no_part_bars_anybody(visitor: Come, screen: dict[str, Any], scheme: str) -> None:
    somebody = opens(visitor(color_scheme=scheme, **screen))
    somebody.unfolds_everything()
    assert somebody.barriers() == []
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)


def test_text_twice_as_large_stays_on_the_screen(visitor: Come) -> None:
    somebody = opens(visitor())
    somebody.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert somebody.barriers() == []
    assert not somebody.page.evaluate(SCROLLS_SIDEWAYS)


def test_on_paper_no_bar_is_black(visitor: Come) -> None:
    somebody = opens(visitor(color_scheme="dark"))
    somebody.page.emulate_media(media="print")
    fills = somebody.page.locator(".cf-chart rect").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).fill)"
    )
    assert fills
    assert "rgb(0, 0, 0)" not in fills
    ground = somebody.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"


@pytest.mark.parametrize("kind", ["SVG", "PNG", "CSV"])
def test_a_chart_is_taken_along(visitor: Come, kind: str) -> None:
    somebody = opens(visitor())
    figure = somebody.page.locator(".cf-plot").first
    figure.get_by_text("Voir le tableau").click()
    with somebody.page.expect_download() as download:
        figure.get_by_role("button", name=f"Télécharger ({kind})").click()
    content = download.value.path().read_bytes()
    begins = {"SVG": b"<svg", "PNG": b"\x89PNG", "CSV": "\ufeffRéponse".encode()}
    assert content.startswith(begins[kind])
    assert download.value.suggested_filename == f"Réponse-au-besoin.{kind.lower()}"


def test_keyboard_and_phone_reach_every_place_without_javascript(visitor: Come) -> None:
    somebody = opens(visitor(java_script_enabled=False, **NARROW))
    page = somebody.page
    expect(page.get_by_role("navigation", name="Menu", exact=True)).to_be_hidden()
    page.get_by_text("Menu", exact=True).click()
    menu = page.get_by_role("navigation", name="Menu", exact=True)
    menu.get_by_role("link", name="Demandes de données").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Demandes de données")
