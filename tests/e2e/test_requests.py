"""Asking for data from a dataset page, supporting, and moving a request, in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from playwright.sync_api import expect

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]


def test_somebody_asks_for_data_and_another_supports_it(
    visitor: Come, newcomers: Iterator[str], newcomer: str
) -> None:
    asking = visitor(newcomer).goes_to(COMMENTED)
    asking.place.get_by_role("link", name="Demander des données").click()
    page = asking.page
    expect(page.get_by_text("Vous demandez depuis la page de")).to_be_visible()
    assert asking.barriers() == [], "the form"
    page.get_by_label("Titre de la demande").fill("Gratuité des dimanches d’hiver")
    page.get_by_label("De quoi avez-vous besoin").fill("Pour étudier les dimanches gratuits.")
    page.get_by_role("button", name="Envoyer ma demande").click()
    page.get_by_role("link", name="Voir la demande et la suivre").click()
    expect(page.get_by_text("0 soutien", exact=True)).to_be_visible()
    assert asking.barriers() == [], "one's own request"

    other = visitor(next(newcomers))
    other.page.goto(page.url.split("?")[0])
    other.page.get_by_role("button", name="J’en ai besoin aussi").press("Enter")
    expect(other.page.get_by_text("1 soutien", exact=True)).to_be_visible()
    assert other.barriers() == [], "supported"
    other.page.get_by_role("link", name="Demandes de données").first.click()
    expect(other.page.get_by_role("link", name="Gratuité des dimanches")).to_be_visible()
    assert other.barriers() == [], "the list"


def test_the_holder_moves_a_request_and_everybody_sees_it(visitor: Come, newcomer: str) -> None:
    asking = visitor(newcomer).goes_to(COMMENTED)
    asking.place.get_by_role("link", name="Demander des données").click()
    page = asking.page
    page.get_by_label("Titre de la demande").fill("Jauges des salles polyvalentes")
    page.get_by_label("De quoi avez-vous besoin").fill("Pour choisir une salle.")
    page.get_by_role("button", name="Envoyer ma demande").click()
    page.get_by_role("link", name="Voir la demande et la suivre").click()
    expect(page.get_by_text("0 soutien", exact=True)).to_be_visible()
    address = page.url.split("?")[0]

    holder = visitor("producteur@demo.test")
    holder.page.goto(address)
    holder.page.get_by_text("Accepter…").click()
    holder.page.locator("#cf-message-accepted").fill("Nous les publierons cet été.")
    holder.page.get_by_role("button", name="Accepter la demande").click()
    expect(holder.page.get_by_role("status").filter(has_text="Demande acceptée.")).to_be_visible()
    assert holder.barriers() == [], "moved"
    page.goto(address)
    expect(page.get_by_text("Nous les publierons cet été.")).to_be_visible()
