"""Giving an answer on the page of a dataset, changing it, taking it back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]

WORDS = "Il manque les communes nouvelles et l’heure d’ouverture."

#: A step of each criterion.
FULL = {
    "Fréquence de mise à jour": "souvent en retard",
    "Complétude": "lacunes importantes",
    "Contextualisation": "incompréhensibles",
    "Géoréférencement": "bonne",
}


def test_an_answer_is_given_with_two_clicks_of_a_mouse(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    before = somebody.total()
    somebody.answers("En partie")
    expect(somebody.status).to_contain_text("Merci, votre avis est compté : « En partie ».")
    assert somebody.total() == before + 1
    assert somebody.focused() == "h2 Votre avis sur ces données"

    somebody.rates("Complétude", "lacunes importantes")
    somebody.comments_that(WORDS)
    somebody.saves()
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    expect(somebody.comments.first).to_contain_text(WORDS)
    expect(somebody.comments.first).to_contain_text("Répond au besoin : En partie")
    expect(somebody.comments.first).to_contain_text("Complètes ? lacunes importantes")
    expect(somebody.widget).to_contain_text(re.compile(r"Votre avis du .*\s:\s+En partie"))
    assert somebody.total() == before + 1


@pytest.mark.parametrize("width", [1280, 390])
def test_a_full_opinion_takes_seven_clicks(visitor: Come, newcomer: str, width: int) -> None:
    """With four criteria and a comment, from the page of the dataset."""
    size = {"width": width, "height": 844}
    somebody = visitor(newcomer, viewport=size).goes_to(COMMENTED)
    somebody.page.evaluate(
        "window.clicks = 0; addEventListener('pointerdown', () => { clicks++ }, true)"
    )
    somebody.answers("En partie")
    for criterion, step in FULL.items():
        line = somebody.place.get_by_role("group", name=criterion, exact=True)
        line.get_by_text(step, exact=True).click()
    somebody.place.get_by_label("Que manque-t-il").click()
    words = f"Il manque les communes nouvelles, vues à {width} points."
    somebody.page.keyboard.type(words)
    somebody.saves()
    own = somebody.comments.first
    expect(own).to_contain_text(words)
    for short in ("À jour ? souvent en retard", "Complètes ? lacunes", "Localisées ? bien"):
        expect(own).to_contain_text(short)
    assert somebody.page.evaluate("clicks") <= 7


@pytest.mark.parametrize("width", [1280, 390])
def test_thanks_come_where_the_buttons_were(visitor: Come, newcomer: str, width: int) -> None:
    """Nobody has to look for them: the page stays where it is."""
    size = {"width": width, "height": 600}
    somebody = visitor(newcomer, viewport=size).goes_to(COMMENTED)
    button = somebody.place.get_by_role("button", name="En partie")
    button.evaluate("it => scrollTo(0, it.getBoundingClientRect().top + scrollY - 60)")
    before = somebody.page.evaluate("scrollY")
    somebody.answers("En partie")
    thanks = somebody.place.locator("#cf-done")
    expect(thanks).to_have_text("Merci, votre avis est compté : « En partie ».")
    expect(thanks).to_be_in_viewport(ratio=1)
    assert abs(somebody.page.evaluate("scrollY") - before) < 60
    somebody.comments_that(f"Des heures d’ouverture, dites sur {width} points.")
    somebody.saves()
    expect(thanks).to_contain_text("vos précisions sont enregistrées")
    expect(thanks).to_be_in_viewport(ratio=1)


def test_a_comment_is_needed_to_be_answered(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("400")
    somebody.answers("Non")
    waits = somebody.place.get_by_label("J’attends une réponse")
    expect(waits).not_to_be_visible()
    somebody.comments_that("Quand viendront celles de 2025 ?")
    waits.check()
    somebody.comments_that("")
    expect(waits).to_be_visible()  # as long as it is ticked
    somebody.saves()
    errors = somebody.place.locator("#cf-errors")
    expect(errors).to_contain_text("Réponse du producteur : Écrivez un commentaire")
    errors.get_by_role("link").click()
    expect(waits).to_be_focused()
    somebody.comments_that("Quand viendront celles de 2025 ?")
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("En attente d’une réponse")


def test_comments_are_sorted_and_filtered_in_their_place(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    newest = somebody.comments.first.inner_text()
    somebody.place.get_by_role("link", name="Les plus anciens d’abord").click()
    expect(somebody.comments.first).not_to_have_text(newest)
    somebody.place.get_by_role("link", name="Non", exact=True).click()
    expect(somebody.place.get_by_role("link", name="Non", exact=True)).to_have_attribute(
        "aria-current", "true"
    )
    for comment in somebody.comments.all():
        expect(comment).to_contain_text("Répond au besoin : Non")
    somebody.place.get_by_role("link", name="Tous", exact=True).click()
    somebody.place.get_by_role("link", name="Les plus récents d’abord").click()
    expect(somebody.comments.first).to_contain_text(newest.split("\n")[0])
    expect(somebody.place.get_by_role("button", name="Oui", exact=True)).to_be_visible()


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
    tab_to("summary Modifier mon avis")
    press("Enter")
    tab_to("input En partie")
    press("ArrowRight")
    assert somebody.focused() == "input Non"
    tab_to(
        "summary Fréquence de mise à jour Ces données sont-elles assez à jour pour votre besoin ?"
    )
    tab_to("input Sans avis ou sans objet")
    press("ArrowDown")
    assert somebody.focused() == "input inutilisables car trop anciennes"
    tab_to("summary Complétude Contiennent-elles tout ce qu’elles annoncent ?")
    tab_to("input Sans avis ou sans objet")  # the next line has opened
    press("Tab")
    press("Tab")
    tab_to("textarea Que manque-t-il, ou qu’est-ce qui vous aiderait ?")
    somebody.page.keyboard.type("Rien depuis 2019 dans ma commune.")
    tab_to("input J’attends une réponse du producteur")
    press("Space")
    tab_to("input J’accepte que mon texte soit diffusé en données ouvertes, sans mon nom")
    tab_to("select Publier sous")
    tab_to("summary Ce que je fais de ces données")
    press("Enter")
    tab_to("input M’informer")
    press("Space")
    while somebody.focused() != "select Mon profil":
        press("Tab")
    tab_to("button Envoyer mes précisions")
    press("Enter")
    expect(somebody.status).to_contain_text("vos précisions sont enregistrées")
    assert somebody.focused() == "h2 Votre avis sur ces données"
    own = somebody.comments.first
    expect(own).to_contain_text("Rien depuis 2019 dans ma commune.")
    expect(own).to_contain_text("Répond au besoin : Non")
    expect(own).to_contain_text("À jour ? non, trop anciennes")
    expect(own).to_contain_text("En attente d’une réponse")

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

    comments = somebody.comments.first
    expect(comments.get_by_role("link", name="Signaler")).to_have_count(0)
    comments.get_by_role("link", name="Modifier mon commentaire").click()
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
    somebody.place.get_by_role("link", name="J’ai terminé").click()
    expect(somebody.place.get_by_role("link", name="Modifier mon avis")).to_be_visible()
    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value("")


def test_without_my_name_hides_it_everywhere(visitor: Come) -> None:
    somebody = visitor("citoyen@demo.test").goes_to(COMMENTED)
    words = "Publié sans mon nom, s’il vous plaît."
    somebody.answers("En partie")
    signature = somebody.place.get_by_label("Publier sous")
    expect(signature).not_to_be_visible()  # there is nothing to sign yet
    somebody.comments_that(words)
    expect(signature).to_have_value("none")
    somebody.saves()
    expect(somebody.comments.first).to_contain_text(words)
    expect(somebody.comments.first).to_contain_text("Usager sans nom")

    reader = visitor().goes_to(COMMENTED)
    native = reader.page.locator(".card", has_text=words)
    expect(native).to_contain_text("Usager sans compte")
    expect(reader.comments.first).to_be_visible()
    assert "Malik" not in reader.page.locator("body").inner_text()
    assert words in reader.text
    assert "Malik" not in reader.text
    reader.goes_to_whole_page(COMMENTED)
    expect(reader.comments.first).to_contain_text(words)
    assert "Malik" not in reader.page.content()


def test_an_answer_is_signed_by_an_association(visitor: Come) -> None:
    somebody = visitor("association@demo.test").goes_to(COMMENTED)
    somebody.answers("Oui")
    somebody.comments_that("Nous en tirons notre lettre mensuelle.")
    signature = somebody.place.get_by_label("Publier sous")
    names = signature.locator("option").all_inner_texts()
    assert names[:2] == ["Sans mon nom", "Solène Le Gall"]
    signature.select_option(label=names[2])
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
    expect(somebody.status).to_contain_text("Thank you, your answer is counted: “Partly”.")
    somebody.rates("Completeness", "large gaps")
    somebody.place.get_by_label("What is missing").fill("The new towns.")
    somebody.place.get_by_role("button", name="Send these details").click()
    expect(somebody.comments.first).to_contain_text("Meets their need: Partly")
    expect(somebody.comments.first).to_contain_text("Complete? large gaps")
    own = somebody.widget.locator("#culture-feedback").inner_text()
    assert re.search(r"Your answer of \d+ \w+ \d{4}: Partly", own)
