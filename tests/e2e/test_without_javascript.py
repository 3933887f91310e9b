"""The whole page of a dataset, in a browser that runs no script."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]


def test_one_answers_edits_and_deletes_without_javascript(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer, java_script_enabled=False).goes_to_whole_page(COMMENTED)
    before = somebody.total()
    somebody.answers("En partie")
    expect(somebody.status).to_contain_text("Merci, votre avis est compté")
    assert somebody.page.url.endswith("?done=answered#cf-done")
    assert somebody.total() == before + 1

    somebody.rates("Géoréférencement", "bonne")
    somebody.comments_that("Sans script, tout marche aussi.")
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    expect(somebody.comments.first).to_contain_text("Sans script, tout marche aussi.")
    expect(somebody.comments.first).to_contain_text("Localisées ? bien")

    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    somebody.place.get_by_label("Oui", exact=True).check()
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Répond au besoin : Oui")

    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    somebody.place.get_by_text("Supprimer mon avis", exact=True).click()
    somebody.place.get_by_role("button", name="Supprimer définitivement mon avis").click()
    expect(somebody.status).to_contain_text("Votre avis a été supprimé.")
    assert somebody.total() == before


def test_an_error_is_shown_and_the_text_kept_without_javascript(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer, java_script_enabled=False).goes_to_whole_page(COMMENTED)
    somebody.expects("413")
    somebody.answers("Oui")
    somebody.comments_that("é" * 15_001)
    somebody.saves()
    expect(somebody.page).to_have_title("Erreur : Avis sur Journées européennes du patrimoine : "
        "programme — Culture ouverte (démonstration)")  # fmt: skip
    expect(somebody.place.locator("#cf-errors")).to_be_focused()
    comment = somebody.place.get_by_label("Que manque-t-il")
    expect(comment).to_have_value("é" * 15_001)
    comment.fill("é" * 15_000)
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")


def test_a_form_left_open_too_long_is_sent_at_the_second_time(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer, java_script_enabled=False).goes_to_whole_page(COMMENTED)
    somebody.expects("403")
    somebody.answers("Non")
    somebody.comments_that("Écrit avant la pause.")
    somebody.loses_the_session()
    somebody.has_logged_in(newcomer)  # in another tab: the token of the form is of no use any more
    somebody.saves()
    expect(somebody.place.locator("#cf-errors")).to_contain_text("Ce formulaire a expiré.")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value("Écrit avant la pause.")
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Écrit avant la pause.")


def test_a_visitor_logs_in_and_comes_back_to_the_whole_page(visitor: Come, newcomer: str) -> None:
    somebody = visitor().goes_to_whole_page(COMMENTED, "?lang=fr")
    somebody.place.locator("[data-login]").click()
    somebody.logs_in_on_the_form(newcomer)
    expect(somebody.place.locator("[data-login]")).to_have_count(0)
    expect(somebody.place.get_by_role("button", name="En partie")).to_be_visible()
    assert somebody.page.url.endswith("/?lang=fr#culture-feedback")


def test_one_turns_the_pages_of_comments_without_javascript(visitor: Come) -> None:
    somebody = visitor(java_script_enabled=False).goes_to_whole_page(COMMENTED)
    first = somebody.comments.first.inner_text()
    somebody.place.get_by_role("link", name="Page suivante").click()
    expect(somebody.comments.first).not_to_have_text(first)
    somebody.place.get_by_role("link", name="Page précédente").click()
    assert somebody.comments.first.inner_text() == first


def test_a_page_of_another_site_that_has_no_script_keeps_the_link(visitor: Come) -> None:
    """What the host wrote inside the element is what a browser without script shows."""
    somebody = visitor(java_script_enabled=False)
    address = f"{somebody.portal.url}/api/1/culture-feedback/"
    somebody.page.set_content(
        f'<culture-feedback><a href="{address}">Donner mon avis</a></culture-feedback>'
        f'<script type="module" src="{address}embed.js"></script>'
    )
    expect(somebody.page.get_by_role("link", name="Donner mon avis")).to_be_visible()
