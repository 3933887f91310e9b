"""Somebody without an account, in a browser: under a proof of work, and by e-mail."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect

from demo.portal import MAILS

from .visitor import COMMENTED, EMPTY, PAGES, Visitor

Come = Callable[..., Visitor]

TOKEN = "sessionStorage.getItem('culture-feedback:token')"
SECRET = "sessionStorage.length"


def link_of_latest_mail(state_dir: Path, to: str) -> str:
    """The confirmation that the demo wrote for this address."""
    for mail in sorted((state_dir / MAILS).glob("*.txt"), reverse=True):
        text = mail.read_text(encoding="utf-8")
        if f"To: {to}" in text:
            found = re.search(r"http\S+/confirm/\?token=\S+", text)
            assert found is not None
            return found[0]
    raise AssertionError(f"no mail to {to}")


def test_one_answers_and_changes_it_in_the_widget(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    before = somebody.total()
    somebody.answers("En partie")
    assert somebody.total() == before + 1

    somebody.comments_that("Il manque les petites communes.")
    somebody.saves()
    answered = somebody.widget.locator("section[aria-labelledby=cf-title]")
    expect(answered).to_contain_text("En partie")
    expect(somebody.widget.locator("[data-forget]")).to_be_visible()
    assert "petites communes" not in somebody.text  # it waits, and is not shown again

    answered.locator("[name=reopen] ~ p button").first.click()
    expect(somebody.widget.get_by_label("Que manque-t-il")).to_have_value("")
    somebody.widget.get_by_label("Non", exact=True).check()
    somebody.saves()
    expect(answered).to_contain_text("Non")
    assert somebody.total() == before + 1


def test_after_a_reload_the_same_tab_is_recognised_and_another_is_not(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    assert somebody.page.evaluate(TOKEN) is None  # nothing is written before something is sent
    somebody.answers("Oui")
    assert somebody.page.evaluate(TOKEN)
    somebody.goes_to(COMMENTED)
    expect(somebody.widget.locator("[data-forget]")).to_be_visible()

    other = somebody.new_tab()
    other.goto(somebody.portal.page(COMMENTED))
    expect(other.locator("culture-feedback").get_by_role("button", name="Oui")).to_be_visible()


def test_somebody_else_at_the_same_computer_answers_too(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    somebody.answers("Oui")
    before = somebody.total()
    somebody.goes_to(COMMENTED)
    somebody.widget.locator("[data-forget]").click()
    expect(somebody.widget.get_by_role("button", name="Non", exact=True)).to_be_visible()
    assert somebody.page.evaluate(SECRET) == 0
    somebody.answers("Non")
    assert somebody.total() == before + 1


def test_one_deletes_what_one_has_said(visitor: Come) -> None:
    somebody = visitor().goes_to(EMPTY)
    before = somebody.total()
    somebody.answers("Non")
    somebody.place.get_by_text("Supprimer mon avis", exact=True).click()
    somebody.place.get_by_role("button", name="Supprimer définitivement mon avis").click()
    expect(somebody.status).to_contain_text("Votre avis a été supprimé.")
    assert somebody.total() == before


def test_one_answers_in_a_whole_page(visitor: Come) -> None:
    somebody = visitor().goes_to_whole_page(COMMENTED)
    before = somebody.total()
    somebody.answers("En partie")
    assert somebody.total() == before + 1
    somebody.rates("Géoréférencement", "bonne")
    somebody.saves()
    expect(somebody.place.locator("[data-forget]")).to_be_visible()
    assert somebody.total() == before + 1


def test_who_comes_back_to_a_consultation_in_the_same_tab_finds_their_answer(
    visitor: Come,
) -> None:
    somebody = visitor()
    page = somebody.page
    page.goto(f"{somebody.portal.url}{PAGES}/consultations/")
    page.get_by_role("link", name="Données des musées").first.click()
    address = page.url

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    def goes_through(words: str = "") -> None:
        while page.get_by_role("button", name="Continuer", exact=True).count():
            press("Continuer")
            expect(page.locator("#cf-step")).to_contain_text("sur")
            text = page.locator("[name='answers.why']")
            if words and text.count():
                text.fill(words)

    page.get_by_label("Meilleures", exact=True).check()
    goes_through("Les horaires, surtout.")
    press("Envoyer ma réponse")
    expect(page.locator("#cf-done")).to_contain_text("pendant 24 heures au plus")

    page.goto(address)
    expect(page.locator("#cf-mine")).to_be_visible()
    page.get_by_text("Ce que vous avez répondu").click()
    expect(page.locator(".cf-recap")).to_contain_text("Meilleures")
    assert "Les horaires, surtout." not in page.content()
    page.get_by_role("link", name="Modifier ma réponse").click()
    expect(page.get_by_label("Meilleures", exact=True)).to_be_checked()
    page.get_by_label("Moins bonnes", exact=True).check()
    goes_through()
    press("Envoyer mes modifications")
    page.get_by_text("Ce que vous avez répondu").click()
    expect(page.locator(".cf-recap")).to_contain_text("Moins bonnes")
    expect(page.locator(".cf-recap")).to_contain_text("Votre texte n’est pas affiché ici")

    other = somebody.new_tab()
    other.goto(address)
    expect(other.get_by_role("button", name="Continuer", exact=True)).to_be_visible()


def test_without_a_proof_one_confirms_by_email(visitor: Come) -> None:
    """The challenge cannot be had: a filter of the network, perhaps."""
    somebody = visitor().goes_to(COMMENTED)
    somebody.expects("ERR_FAILED")
    somebody.page.route("**/proof/?*", lambda route: route.abort())
    somebody.place.get_by_role("button", name="Non", exact=True).click()
    email = somebody.widget.locator("#cf-email")
    expect(email).to_be_visible()
    expect(somebody.widget.get_by_label("Non", exact=True)).to_be_checked()
    email.fill("reseau.filtre@demo.test")
    somebody.widget.locator("form .cf-primary").click()
    expect(email).to_have_count(0)
    expect(somebody.status).to_contain_text("en route vers reseau.filtre@demo.test")
    somebody.widget.get_by_role("button", name="Corriger l’adresse").click()
    expect(email).to_have_value("reseau.filtre@demo.test")
    expect(somebody.widget.get_by_label("Non", exact=True)).to_be_checked()
    assert link_of_latest_mail(somebody.portal.state_dir, "reseau.filtre@demo.test")


def test_who_has_waited_long_may_confirm_by_email_instead(visitor: Come) -> None:
    somebody = visitor()
    somebody.page.clock.install()
    somebody.goes_to(COMMENTED)
    held: list[Route] = []
    somebody.page.route("**/proof/?*", lambda route: held.append(route))
    somebody.place.get_by_role("button", name="Oui", exact=True).click()
    checking = somebody.widget.locator("[data-checking]")
    expect(checking).to_be_empty()
    somebody.page.clock.run_for(1_100)
    expect(checking).not_to_be_empty()
    slow = somebody.widget.locator("[data-slow] button")
    expect(slow).to_be_hidden()
    somebody.page.clock.run_for(9_000)
    slow.click()
    expect(somebody.widget.locator("#cf-email")).to_be_visible()


def test_one_takes_part_by_email_without_javascript(visitor: Come) -> None:
    somebody = visitor(java_script_enabled=False).goes_to_whole_page(COMMENTED)
    before = somebody.total()
    somebody.place.get_by_role("button", name="Non", exact=True).click()
    email = somebody.place.locator("#cf-email")
    expect(email).to_be_visible()
    expect(somebody.place.get_by_label("Non", exact=True)).to_be_checked()

    email.fill("nobody@nowhere")
    somebody.comments_that("Je n’ai pas de compte.")
    somebody.expects("400")
    somebody.place.locator("form .cf-primary").first.click()
    expect(somebody.place.locator("#cf-errors")).to_be_focused()
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value("Je n’ai pas de compte.")

    email.fill("sans.script@demo.test")
    somebody.place.locator("form .cf-primary").first.click()
    expect(somebody.status).to_be_visible()
    assert somebody.page.url.endswith("?done=sent#cf-done")
    assert somebody.total() == before

    link = link_of_latest_mail(somebody.portal.state_dir, "sans.script@demo.test")
    somebody.page.goto(link)
    expect(somebody.page.get_by_text("Je n’ai pas de compte.")).to_be_visible()
    somebody.page.locator("form .cf-primary").click()
    assert f"{PAGES}/datasets/" in somebody.page.url
    assert somebody.total() == before + 1
    assert "Je n’ai pas de compte." not in somebody.text

    somebody.expects("410")
    somebody.page.goto(link)
    expect(somebody.page.locator("#cf-errors")).to_be_focused()


def test_one_supports_in_place_what_was_asked_already(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    address = somebody.page.url
    somebody.place.get_by_role("link", name="Demander des données").click()
    somebody.page.get_by_label("Titre de la demande").fill("Recensement des kiosques à musique")
    support = somebody.page.get_by_role("button", name="Soutenir cette demande : Recensement")
    support.click()
    part = somebody.widget.locator("#cf-ask")
    expect(part).to_contain_text("Merci, votre soutien est compté.")
    expect(part).to_contain_text("Recensement des kiosques à musique")
    assert somebody.page.url == address
    assert somebody.barriers() == []


def test_none_of_these_pages_has_a_barrier(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    found = {"question": somebody.barriers()}
    somebody.answers("En partie")
    found["details"] = somebody.barriers()
    somebody.saves()
    expect(somebody.widget.locator("[data-forget]")).to_be_visible()
    found["answered"] = somebody.barriers()

    other = visitor().goes_to(COMMENTED)
    other.expects("ERR_FAILED")
    other.page.route("**/proof/?*", lambda route: route.abort())
    other.place.get_by_role("button", name="Non", exact=True).click()
    expect(other.widget.locator("#cf-email")).to_be_visible()
    found["e-mail"] = other.barriers()
    other.widget.locator("#cf-email").fill("barrieres@demo.test")
    other.widget.locator("form .cf-primary").first.click()
    expect(other.widget.locator("#cf-email")).to_have_count(0)
    found["sent"] = other.barriers()
    other.page.goto(link_of_latest_mail(other.portal.state_dir, "barrieres@demo.test"))
    found["confirm"] = other.barriers()
    assert found == {page: [] for page in found}
