"""Giving an answer on the page of a dataset, changing it, taking it back."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]

WORDS = "Il manque les communes nouvelles et l’heure d’ouverture."


def test_an_answer_is_given_with_two_clicks_of_a_mouse(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    before = somebody.total()
    somebody.answers("En partie")
    expect(somebody.status).to_contain_text("Merci, votre avis est compté")
    assert somebody.total() == before + 1
    assert somebody.focused() == "h2 Votre avis sur ces données"

    somebody.place.get_by_role("combobox", name="Complétude").select_option(
        label="lacunes importantes"
    )
    somebody.comments_that(WORDS)
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    expect(somebody.comments.first).to_contain_text(WORDS)
    expect(somebody.comments.first).to_contain_text("Répond au besoin : En partie")
    expect(somebody.comments.first).to_contain_text("Complétude : lacunes importantes")
    expect(somebody.widget).to_contain_text(re.compile(r"Votre avis du .*\s:\s+En partie"))
    assert somebody.total() == before + 1


def test_an_answer_can_be_given_with_the_keyboard_only(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    press = somebody.page.keyboard.press

    def tab_to(name: str) -> None:
        press("Tab")
        assert somebody.focused() == name

    somebody.page.locator("#files").evaluate("title => { title.tabIndex = -1; title.focus() }")
    while not somebody.focused().startswith("button Oui"):
        press("Tab")
        assert "body" not in somebody.focused(), "the widget is not reached"
    tab_to("button En partie")
    press("Space")
    expect(somebody.status).to_contain_text("Merci, votre avis est compté")
    assert somebody.focused() == "h2 Votre avis sur ces données"

    press("Tab")
    assert somebody.focused().startswith("a "), "the consultation that is open"
    tab_to("input En partie")
    press("ArrowRight")
    assert somebody.focused() == "input Non"
    tab_to("summary Préciser mon avis par critère (facultatif)")
    tab_to("select Fréquence de mise à jour (facultatif)")
    press("ArrowDown")
    tab_to("select Complétude (facultatif)")
    tab_to("select Contextualisation (facultatif)")
    tab_to("select Géoréférencement (facultatif)")
    tab_to("textarea Que manque-t-il, ou qu’est-ce qui vous aiderait ? (facultatif)")
    somebody.page.keyboard.type("Rien depuis 2019 dans ma commune.")
    tab_to("input J’attends une réponse du producteur (facultatif)")
    press("Space")
    tab_to(
        "input J’accepte que mon texte soit diffusé en données ouvertes, sans mon nom (facultatif)"
    )
    tab_to("summary Ce que je fais de ces données (facultatif)")
    press("Enter")
    tab_to("input M’informer")
    press("Space")
    while somebody.focused() != "select Mon profil (facultatif)":
        press("Tab")
    tab_to("select Publier sous (facultatif)")
    tab_to("a Données personnelles : en savoir plus")
    tab_to("a Charte des contributions")
    tab_to("button Enregistrer mon avis")
    press("Enter")
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    assert somebody.focused() == "h2 Votre avis sur ces données"
    own = somebody.comments.first
    expect(own).to_contain_text("Rien depuis 2019 dans ma commune.")
    expect(own).to_contain_text("Répond au besoin : Non")
    expect(own).to_contain_text("Fréquence de mise à jour : inutilisables car trop anciennes")
    expect(own).to_contain_text("Réponse du producteur : En attente de réponse")

    press("Tab")
    assert somebody.focused().startswith("a "), "the consultation that is open"
    tab_to("a Modifier mon avis")
    press("Enter")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_be_visible()
    assert somebody.focused() == "h2 Votre avis sur ces données"
    press("Tab")
    tab_to("input Non")


def test_a_comment_that_is_too_long_is_kept_and_said_to_be(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("413")
    somebody.answers("Oui")
    too_long = "é" * 15_001
    somebody.comments_that(too_long)
    expect(somebody.place.get_by_text("1 caractères en trop")).to_be_visible()
    somebody.saves()
    summary = somebody.place.locator("#cf-errors")
    expect(summary).to_contain_text("Votre commentaire compte 15001 caractères : 15000 au plus.")
    assert "Votre commentaire compte" in somebody.focused()
    comment = somebody.place.get_by_label("Que manque-t-il")
    expect(comment).to_have_value(too_long)
    expect(comment).to_have_attribute("aria-invalid", "true")
    assert comment.get_attribute("aria-describedby") == "cf-comment-hint cf-comment-error"
    summary.get_by_role("link").click()
    expect(comment).to_be_focused()

    comment.fill(too_long[:-1])
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")


def test_a_text_of_a_whole_book_is_kept_too(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("413")
    somebody.answers("Oui")
    book = "ab " * 30_000
    somebody.comments_that(book)
    somebody.saves()
    expect(somebody.place.locator("#cf-errors")).to_contain_text("octets au plus")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(book)


def test_the_link_of_an_error_opens_the_part_that_hides_its_field(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("400")
    somebody.answers("Oui")
    somebody.comments_that(WORDS)
    # A value that the portal does not know any more, as after a change of its vocabulary.
    profile = somebody.place.get_by_label("Mon profil")
    profile.evaluate("select => select.add(new Option('Ancien', 'old', true, true))")
    somebody.saves()
    summary = somebody.place.locator("#cf-errors")
    expect(summary).to_contain_text("Certaines réponses sont à revoir.")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(WORDS)
    folded = somebody.place.locator("details", has=somebody.page.locator("#cf-profile"))
    folded.evaluate("details => { details.open = false }")
    summary.get_by_role("link").click()
    expect(profile).to_be_focused()
    expect(profile).to_be_visible()


def test_words_survive_a_network_that_fails(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("ERR_INTERNET_DISCONNECTED")
    somebody.answers("Non")
    somebody.comments_that(WORDS)
    somebody.context.set_offline(True)
    somebody.saves()
    expect(somebody.form.get_by_role("alert")).to_contain_text("Erreur : l’envoi a échoué.")
    assert "l’envoi a échoué" in somebody.focused()
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(WORDS)
    somebody.context.set_offline(False)
    somebody.saves()
    expect(somebody.comments.first).to_contain_text(WORDS)


def test_words_survive_a_session_that_has_ended(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("401")
    somebody.answers("Non")
    somebody.comments_that(WORDS)
    somebody.loses_the_session()
    somebody.saves()
    errors = somebody.place.locator("#cf-errors")
    expect(errors).to_be_focused()
    expect(errors).to_contain_text("Votre saisie est toujours là")
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(WORDS)

    with somebody.context.expect_page() as opened:
        errors.get_by_role("link", name="Se connecter (nouvel onglet)").click()
    expect(opened.value.locator("#email")).to_be_visible()
    opened.value.close()
    somebody.has_logged_in(newcomer)
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    expect(somebody.comments.first).to_contain_text(WORDS)


def test_a_double_click_sends_once(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    before = somebody.total()
    somebody.place.get_by_role("button", name="Oui", exact=True).dblclick()
    expect(somebody.status).to_contain_text("Merci, votre avis est compté")
    assert len([request for request in somebody.requests if request.startswith("POST")]) == 1
    assert somebody.total() == before + 1


def test_a_visitor_is_invited_logs_in_and_comes_back_to_the_widget(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor().goes_to(COMMENTED, "?discussion_id=none")
    expect(somebody.widget).to_contain_text("Ces données répondent-elles à votre besoin ?")
    somebody.place.locator("[data-login]").click()
    somebody.logs_in_on_the_form(newcomer)
    expect(somebody.page).to_have_url(
        f"{somebody.portal.page(COMMENTED)}?discussion_id=none#culture-feedback"
    )
    expect(somebody.widget.locator("#cf-title")).to_be_focused()
    expect(somebody.widget.locator("#cf-title")).to_be_in_viewport()
    somebody.answers("Oui")
    expect(somebody.status).to_contain_text("Merci, votre avis est compté")


def test_an_answer_is_changed_then_deleted(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    before = somebody.total()
    words = "Les horaires du dimanche sont ceux du samedi."
    somebody.answers("Non")
    somebody.comments_that(words)
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Répond au besoin : Non")

    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    comment = somebody.place.get_by_label("Que manque-t-il")
    expect(comment).to_have_value(words)
    assert somebody.focused() == "h2 Votre avis sur ces données"
    somebody.place.get_by_label("Oui", exact=True).check()
    somebody.comments_that("Tout y est maintenant, merci.")
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Répond au besoin : Oui")
    expect(somebody.comments.first).to_contain_text("Tout y est maintenant, merci.")
    expect(somebody.widget).not_to_contain_text(words)
    assert somebody.total() == before + 1

    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    somebody.place.get_by_text("Supprimer mon avis", exact=True).click()
    somebody.place.get_by_role("button", name="Supprimer définitivement mon avis").click()
    expect(somebody.status).to_contain_text("Votre avis a été supprimé.")
    expect(somebody.place.get_by_role("button", name="En partie")).to_be_visible()
    expect(somebody.widget).not_to_contain_text("Tout y est maintenant, merci.")
    assert somebody.total() == before


def test_going_back_without_saving_changes_nothing(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.answers("Non")
    somebody.comments_that(WORDS)
    somebody.place.get_by_role("link", name="Revenir sans enregistrer").click()
    expect(somebody.place.get_by_role("link", name="Modifier mon avis")).to_be_visible()
    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value("")


def test_without_my_name_hides_it_everywhere(visitor: Come) -> None:
    somebody = visitor("citoyen@demo.test").goes_to(COMMENTED)
    words = "Publié sans mon nom, s’il vous plaît."
    somebody.answers("En partie")
    somebody.place.get_by_label("Publier sous").select_option(label="Sans mon nom")
    somebody.comments_that(words)
    somebody.saves()
    expect(somebody.comments.first).to_contain_text(words)
    expect(somebody.comments.first).to_contain_text("Usager sans nom")

    reader = visitor().goes_to(COMMENTED)
    native = reader.page.locator(".card", has_text=words)
    expect(native).to_contain_text("Usager sans compte")
    assert "Malik" not in reader.page.locator("body").inner_text()
    assert words in reader.text
    assert "Malik" not in reader.text
    reader.goes_to_whole_page(COMMENTED)
    expect(reader.comments.first).to_contain_text(words)
    assert "Malik" not in reader.page.content()


def test_an_answer_is_signed_by_an_association(visitor: Come) -> None:
    somebody = visitor("association@demo.test").goes_to(COMMENTED)
    somebody.answers("Oui")
    signature = somebody.place.get_by_label("Publier sous")
    names = signature.locator("option").all_inner_texts()
    assert names[:2] == ["Solène Le Gall", "Sans mon nom"]
    signature.select_option(label=names[2])
    somebody.comments_that("Nous en tirons notre lettre mensuelle.")
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Nous en tirons notre lettre mensuelle.")
    expect(somebody.comments.first.locator("strong").first).to_have_text(names[2])

    reader = visitor().goes_to(COMMENTED)
    native = reader.page.locator(".card", has_text="Nous en tirons notre lettre mensuelle.")
    expect(native).to_contain_text(names[2])


def test_the_whole_of_it_speaks_english(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED, "?lang=en")
    expect(somebody.widget).to_contain_text("Do these data meet your need?")
    somebody.place.get_by_role("button", name="Partly").click()
    expect(somebody.status).to_contain_text("Thank you, your answer is counted.")
    somebody.place.get_by_role("combobox", name="Completeness").select_option(label="large gaps")
    somebody.place.get_by_label("What is missing").fill("The new towns.")
    somebody.place.get_by_role("button", name="Save my answer").click()
    expect(somebody.comments.first).to_contain_text("Meets their need: Partly")
    expect(somebody.comments.first).to_contain_text("Completeness: large gaps")
    own = somebody.widget.locator("#culture-feedback").inner_text()
    assert re.search(r"Your answer of \d+ \w+ \d{4}: Partly", own)
