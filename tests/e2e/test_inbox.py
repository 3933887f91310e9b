"""How much a producer clicks and presses to answer, on our page and in the panel of the admin."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from .hosts.pages import settle_in
from .visitor import PAGES, Visitor

Come = Callable[..., Visitor]

ORGANIZATION = "ministere-de-la-culture"
INBOX = f"{PAGES}/dashboard/organizations/{ORGANIZATION}/inbox/"
WIDE = {"viewport": {"width": 1280, "height": 900}}


class Hand:
    """Somebody at work: counts clicks and keys, besides the typing of words."""

    def __init__(self, visitor: Visitor):
        self.page, self.done = visitor.page, 0

    def clicks(self, what: Locator) -> None:
        what.click()
        self.done += 1

    def presses(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.done += 1

    def chooses(self, what: Locator, value: str) -> None:
        what.select_option(value)
        self.done += 2  # a list is opened, then something chosen in it

    def types(self, text: str) -> None:
        self.page.keyboard.type(text)


def on_the_page(visitor: Visitor) -> Locator:
    visitor.page.goto(f"{visitor.portal.url}{INBOX}?words=1&lang=fr")
    return visitor.page.locator("main")


def in_the_panel(visitor: Visitor) -> Locator:
    """In the administration of stock cdata, as its stand-in has it."""
    settle_in(visitor, "cdata", "")
    visitor.page.goto(f"{visitor.portal.url}/admin/organizations/{ORGANIZATION}/discussions")
    panel = visitor.page.locator("culture-feedback-panel")
    panel.get_by_role("link", name="Commentaires", exact=False).first.click()
    views = panel.get_by_role("navigation", name="Vues enregistrées")
    views.get_by_role("link", name="Tous").click()
    expect(views.get_by_role("link", name="Tous")).to_have_attribute("aria-current", "page")
    return panel


@pytest.mark.parametrize("at", [on_the_page, in_the_panel])
def test_ten_single_answers_take_25_clicks_and_keys(
    visitor: Come, at: Callable[[Visitor], Locator]
) -> None:
    producer = visitor("editrice@demo.test", **WIDE)
    place = at(producer)
    pane = place.locator("#cf-reading")
    position = pane.get_by_role("navigation")
    expect(position).to_contain_text("1 /")
    hand = Hand(producer)
    hand.clicks(place.get_by_label("Raccourcis clavier", exact=False))
    hand.clicks(pane.get_by_label("Amélioration prévue"))
    for number in range(1, 11):
        expect(position).to_contain_text(f"{number} /")
        expect(place.get_by_label("Raccourcis clavier", exact=False)).to_be_checked()
        hand.presses("r")
        expect(pane.get_by_label("Réponse publique", exact=False)).to_be_focused()
        producer.page.keyboard.press("Control+a")
        hand.types(f"La correction numéro {number} est prévue en avril.")
        hand.presses("Control+Enter")
    expect(position).to_contain_text("11 /")
    assert hand.done <= 25, hand.done
    hand.presses("k")
    expect(position).to_contain_text("10 /")
    expect(place.locator(".cf-current")).to_have_count(1)
    expect(pane).to_contain_text("La correction numéro 10 est prévue en avril.")
    hand.clicks(place.get_by_label("Raccourcis clavier", exact=False))  # as it was


@pytest.mark.parametrize("at", [on_the_page, in_the_panel])
def test_ten_answers_at_once_take_8_and_are_taken_back(
    visitor: Come, at: Callable[[Visitor], Locator]
) -> None:
    producer = visitor("producteur@demo.test", **WIDE)
    place = at(producer)
    expect(place.locator("#cf-reading")).to_be_visible()
    several = place.locator("#cf-several")
    hand = Hand(producer)
    hand.clicks(place.get_by_label("Sélectionner les", exact=False))
    button = several.get_by_role("button", name="Répondre à")
    expect(button).to_contain_text("25")
    hand.clicks(several.get_by_label("Lu par le producteur"))
    hand.clicks(several.get_by_label("Réponse publique", exact=False))
    hand.types("Merci, {titre} : c’est lu.")
    hand.clicks(button)
    notice = place.locator(".cf-notice-box")
    expect(notice).to_contain_text("25 réponses partent dans")
    assert hand.done <= 8, hand.done
    notice.get_by_role("button", name="Annuler").click()
    expect(place.get_by_role("status").filter(has_text="Rien n’a été envoyé")).to_be_attached()
    expect(place.locator(".cf-notice-box")).to_have_count(0)


def test_nothing_ticked_is_said_by_the_button(visitor: Come) -> None:
    producer = visitor("producteur@demo.test", **WIDE)
    place = on_the_page(producer)
    place.locator("#cf-several > summary").click()
    button = place.get_by_role("button", name="Cochez des commentaires")
    expect(button).to_have_attribute("aria-disabled", "true")
    before = producer.page.url
    button.click(force=True)
    assert producer.page.url == before


def test_in_a_narrow_panel_one_of_list_and_comment_is_shown(visitor: Come) -> None:
    producer = visitor("producteur@demo.test", viewport={"width": 800, "height": 900})
    place = in_the_panel(producer)
    expect(place.locator("#cf-list")).to_be_visible()
    expect(place.locator("#cf-reading")).to_be_hidden()
    place.locator("[data-open]").first.click()
    expect(place.locator("#cf-reading")).to_be_visible()
    expect(place.locator("#cf-list")).to_be_hidden()
    place.locator(".cf-back").click()
    expect(place.locator("#cf-list")).to_be_visible()
