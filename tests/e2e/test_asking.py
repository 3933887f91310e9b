"""Asking for data from the page of a dataset, or on a page of its own: in two minutes, with what
exists already in view, and nothing that was typed lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .test_accessibility import CLIPPED, PHONE, SCROLLS_SIDEWAYS
from .visitor import COMMENTED, EMPTY, PAGES, Visitor

Come = Callable[..., Visitor]

TITLE, NEED = "Titre de la demande", "De quoi avez-vous besoin"
NOTE = "Ce que vous aviez commencé à écrire est de retour."


def asks(somebody: Visitor) -> Visitor:
    """Opens the form in the widget."""
    somebody.place.get_by_role("link", name="Demander des données").click()
    expect(somebody.page.get_by_label(TITLE)).to_be_visible()
    return somebody


def goes_to_the_form(somebody: Visitor, remote_id: str | None = None) -> Visitor:
    """The form on a page of its own."""
    query = f"?dataset={somebody.portal.slugs[remote_id]}" if remote_id else ""
    somebody.page.goto(f"{somebody.portal.url}{PAGES}/requests/new{query}")
    return somebody


def search(page: Page) -> Locator:
    """Where one searches a holder: there once the script that helps is."""
    return page.get_by_role("combobox", name="Chercher")


def proposed(page: Page) -> Locator:
    """What a picker proposes; a <select> has options too."""
    return page.locator("[role=option]")


def sends(somebody: Visitor) -> None:
    somebody.page.get_by_role("button", name="Envoyer ma demande", exact=True).click()


def drafts(page: Page) -> dict[str, str]:
    stored: dict[str, str] = page.evaluate("({...sessionStorage})")
    return {name: text for name, text in stored.items() if name.startswith("culture-feedback:")}


def known_request(somebody: Visitor, title: str, newcomers: Iterator[str], come: Come) -> str:
    """A request of somebody else, by its address."""
    other = goes_to_the_form(come(next(newcomers)))
    other.page.get_by_label(TITLE).fill(title)
    other.page.get_by_label(NEED).fill("Pour une étude.")
    sends(other)
    expect(other.status).to_contain_text("Merci, votre demande est enregistrée.")
    return other.page.url.split("?")[0]


def test_data_are_asked_for_with_the_keyboard_only_from_the_page_of_a_dataset(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    page = somebody.page
    press, write = page.keyboard.press, page.keyboard.type

    def tab_to(name: str) -> None:
        press("Tab")
        assert somebody.focused() == name

    page.locator("#files").evaluate("title => { title.tabIndex = -1; title.focus() }")
    while somebody.focused() != "a Demander des données":
        press("Tab")
        assert "body" not in somebody.focused(), "the link is not reached"
    press("Enter")
    expect(page.get_by_label(TITLE)).to_be_visible()
    assert somebody.focused() == "h4 De quelles données avez-vous besoin ?"
    assert page.url == somebody.portal.page(COMMENTED)
    tab_to(f"input {TITLE}")
    write("Plans d’accès des lieux ouverts la nuit")
    tab_to("textarea De quoi avez-vous besoin, et pour quoi faire ?")
    write("Pour une application de promenades.")
    tab_to("input Compléter ce jeu de données")
    press("ArrowUp")
    assert somebody.focused() == "input Données non publiées"
    tab_to("input Ministère de la Culture")
    tab_to("input Chercher un autre organisme par son nom")
    write("monu")
    expect(page.get_by_role("option", name="Centre des monuments nationaux")).to_be_visible()
    press("ArrowDown")
    press("Enter")
    expect(page.get_by_label("Centre des monuments nationaux")).to_be_checked()
    assert somebody.focused() == "input Chercher un autre organisme par son nom"
    tab_to("summary Plus de précisions (facultatif)")
    tab_to(
        "input J’accepte que mon texte soit diffusé en données ouvertes, sans mon nom (facultatif)"
    )
    tab_to("select Publier sous (facultatif)")
    press("Tab")
    while somebody.focused().startswith("a "):  # what the portal says of data and of manners
        press("Tab")
    assert somebody.focused() == "button Envoyer ma demande"
    press("Enter")
    card = somebody.widget.locator("#cf-ask")
    expect(card).to_contain_text("Merci, votre demande est enregistrée.")
    assert somebody.focused() == "h4 Plans d’accès des lieux ouverts la nuit"
    expect(somebody.status).to_contain_text("Merci, votre demande est enregistrée.")
    expect(card).to_contain_text("Centre des monuments nationaux")
    expect(card).to_contain_text("Réponse attendue avant le")
    assert [request for request in somebody.requests if request.startswith("POST")] == [
        request for request in somebody.requests if "/requests/new" in request and "POST" in request
    ]
    assert page.url == somebody.portal.page(COMMENTED)
    tab_to("a Voir la demande et la suivre")
    press("Enter")
    expect(page.get_by_role("heading", name="Plans d’accès des lieux")).to_be_visible()
    expect(page.get_by_text("Demandée depuis")).to_be_visible()


def test_an_error_keeps_what_was_typed_and_takes_the_focus(visitor: Come, newcomer: str) -> None:
    somebody = asks(visitor(newcomer).goes_to(COMMENTED))
    somebody.expects("400")
    page = somebody.page
    page.get_by_label(TITLE).fill("Horaires des visites commentées")
    page.get_by_label(NEED).fill("Pour venir à l’heure.")
    page.get_by_text("Plus de précisions").click()
    page.get_by_label("Une page qui montre").fill("https://moi:secret@example.org/")
    page.get_by_label("Données non publiées").check()
    sends(somebody)
    summary = somebody.widget.locator("#cf-ask-errors")
    expect(summary).to_be_focused()
    assert somebody.barriers() == []
    expect(page.get_by_label(TITLE)).to_have_value("Horaires des visites commentées")
    expect(page.get_by_label("Données non publiées")).to_be_checked()
    expect(somebody.widget.get_by_text(NOTE)).not_to_be_visible()
    expect(somebody.widget.locator("#cf-title")).to_be_visible()  # the rest is as it was
    summary.get_by_role("link").click()
    field = page.get_by_label("Une page qui montre")
    expect(field).to_be_focused()
    field.fill("https://example.org/")
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")


def test_one_goes_back_without_sending(visitor: Come, newcomer: str) -> None:
    somebody = asks(visitor(newcomer).goes_to(COMMENTED))
    somebody.page.get_by_label(TITLE).fill("Finalement non")
    somebody.place.get_by_role("link", name="Revenir sans envoyer").click()
    expect(somebody.place.get_by_role("link", name="Demander des données")).to_be_visible()
    assert somebody.focused() == "h3 Il manque des données ?"
    assert drafts(somebody.page) == {}


def test_the_form_is_a_page_where_it_cannot_come_into_the_widget(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.expects("ERR_FAILED")
    somebody.page.route("**/requests/new?*as=fragment*", lambda route: route.abort())
    somebody.place.get_by_role("link", name="Demander des données").click()
    expect(somebody.page.get_by_role("heading", name="Demander des données")).to_be_visible()
    expect(somebody.page.get_by_text("Vous demandez depuis la page de")).to_be_visible()


# --- What exists already --------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["widget", "page"])
def test_an_existing_request_is_supported_instead_while_typing(
    visitor: Come, newcomers: Iterator[str], where: str
) -> None:
    title = {"widget": "Tarifs des ateliers pour enfants", "page": "Menus des cantines d’été"}
    address = known_request(visitor(), title[where], newcomers, visitor)
    somebody = visitor(next(newcomers))
    if where == "widget":
        asks(somebody.goes_to(COMMENTED))
    else:
        goes_to_the_form(somebody, COMMENTED)
    page = somebody.page
    typed = {"widget": "tarif des atelier", "page": "menus des restaurant"}
    page.get_by_label(TITLE).press_sequentially(typed[where])
    said = page.get_by_role("status").filter(has_text="Cela existe peut-être déjà : 1 demande")
    expect(said).to_be_visible()
    assert said.inner_text().count(title[where]) == 0  # how many, and not which
    assert somebody.barriers() == []
    expect(page.get_by_label(TITLE)).to_be_focused()
    page.get_by_role("button", name=f"Soutenir cette demande : {title[where]}").press("Enter")
    thanks = page.get_by_text("Merci, votre soutien est compté.")
    expect(thanks.last).to_be_visible()
    assert drafts(page) == {}
    if where == "widget":
        assert somebody.focused() == f"h4 {title[where]}"
        assert somebody.barriers() == []
    page.goto(address)
    expect(page.get_by_text("1 soutien", exact=True)).to_be_visible()


def test_who_has_seen_what_exists_sends_without_being_asked_again(
    visitor: Come, newcomers: Iterator[str]
) -> None:
    known_request(visitor(), "Girouettes sculptées des toits", newcomers, visitor)
    somebody = asks(visitor(next(newcomers)).goes_to(COMMENTED))
    page = somebody.page
    page.get_by_label(TITLE).fill("Girouettes sculptées des manoirs")
    expect(somebody.widget.locator("[data-found]")).to_be_visible()
    page.get_by_label(NEED).fill("Les manoirs, et non les toits.")
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")


def test_what_exists_is_shown_once_to_who_sends_before_it_was_seen(
    visitor: Come, newcomers: Iterator[str]
) -> None:
    known_request(visitor(), "Fontaines publiques potables", newcomers, visitor)
    somebody = asks(visitor(next(newcomers)).goes_to(COMMENTED))
    page = somebody.page
    page.route("**/requests/similar?*", lambda route: route.fulfill(status=204))
    page.get_by_label(TITLE).fill("Fontaine publique potable")
    page.get_by_label(NEED).fill("Pour boire.")
    sends(somebody)
    notice = somebody.widget.locator("#cf-ask-errors")
    expect(notice).to_be_focused()
    expect(notice).to_contain_text("Votre demande n’est pas encore envoyée.")
    expect(page.get_by_label(NEED)).to_have_value("Pour boire.")
    assert somebody.barriers() == []
    notice.get_by_role("button", name="Aucune ne correspond").click()
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")


def test_looking_for_it_waits_for_a_pause_and_for_three_letters(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer)
    page = somebody.page
    page.clock.install()
    asks(somebody.goes_to(COMMENTED))
    expect(search(page)).to_be_visible()  # the part that looks is there
    page.clock.pause_at(page.evaluate("Date.now()") + 10_000)
    title = page.get_by_label(TITLE)
    title.press_sequentially("mu")
    page.clock.run_for(5_000)
    assert not [request for request in somebody.requests if "similar" in request]
    title.press_sequentially("sées de France")
    page.clock.run_for(390)
    with page.expect_response("**/requests/similar?*"):
        page.clock.run_for(20)
    expect(somebody.widget.locator("[data-found]")).to_be_visible()
    asked = [request for request in somebody.requests if "similar" in request]
    assert len(asked) == 1
    title.fill("mu")
    expect(somebody.widget.locator("[data-found]")).to_have_count(0)


def test_an_older_search_is_given_up(visitor: Come, newcomer: str) -> None:
    somebody = asks(visitor(newcomer).goes_to(COMMENTED))
    somebody.expects("ERR_FAILED")
    page = somebody.page
    held: list[Any] = []
    page.route("**/requests/similar?*jardins*", lambda route: held.append(route))
    with page.expect_request("**/requests/similar?*jardins*") as first:
        page.get_by_label(TITLE).fill("jardins")
    with page.expect_event("requestfailed", lambda request: request == first.value):
        page.get_by_label(TITLE).fill("fréquentation des musées")
    found = somebody.widget.locator("[data-found]")
    expect(found).to_contain_text("Fréquentation des Musées de France")
    for route in held:
        route.abort()


# --- Drafts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["widget", "page"])
def test_a_draft_survives_a_reload_until_it_is_erased(
    visitor: Come, newcomer: str, where: str
) -> None:
    somebody = visitor(newcomer)
    page = somebody.page
    if where == "widget":
        asks(somebody.goes_to(COMMENTED))
    else:
        goes_to_the_form(somebody, COMMENTED)
    expect(search(page)).to_be_visible()
    assert drafts(page) == {}
    page.get_by_label(TITLE).fill("Cartes anciennes")
    page.get_by_label(NEED).fill("Pour un mémoire.")
    search(page).fill("cinéma")
    proposed(page).click()
    page.get_by_text("Plus de précisions").click()
    page.get_by_label("Cinéma", exact=False).first.or_(
        page.get_by_label("Territoire")
    ).first.focus()
    page.get_by_label("Territoire").fill("Bretagne")
    page.get_by_label("Publier sous").select_option(label="Sans mon nom")
    page.reload()
    expect(page.get_by_text(NOTE)).to_be_visible()
    expect(page.get_by_label(TITLE)).to_have_value("Cartes anciennes")
    expect(page.get_by_label(NEED)).to_have_value("Pour un mémoire.")
    expect(page.get_by_label("Centre national du cinéma")).to_be_checked()
    expect(page.get_by_label("Territoire")).to_have_value("Bretagne")
    expect(page.get_by_label("Territoire")).to_be_visible()
    expect(page.get_by_label("Publier sous")).to_have_value("none")
    assert somebody.barriers() == []
    [(name, text)] = drafts(page).items()
    assert name == f"culture-feedback:ask:{somebody.portal.ids[COMMENTED]}"
    saved = {field for field, *_value in json.loads(text.partition(" ")[2])}
    assert saved <= {
        *("title", "description", "kind", "organization", "themes", "usages", "profile"),
        *("formats", "frequency", "spatial", "evidence_url", "signature"),
    }

    page.get_by_role("button", name="Effacer le brouillon").click()
    assert somebody.focused() == f"input {TITLE}"
    expect(page.get_by_label(TITLE)).to_have_value("")
    expect(page.get_by_label("Ministère de la Culture", exact=True)).to_be_checked()
    expect(page.get_by_label("Publier sous")).to_have_value("name")
    expect(page.get_by_text(NOTE)).not_to_be_visible()
    assert drafts(page) == {}
    page.reload()
    if where == "widget":
        expect(page.get_by_role("link", name="Demander des données")).to_be_visible()


def test_a_draft_survives_a_login_and_is_gone_once_sent(visitor: Come, newcomer: str) -> None:
    somebody = asks(visitor().goes_to(COMMENTED))
    page = somebody.page
    page.get_by_label(TITLE).fill("Archives sonores des veillées")
    page.get_by_label(NEED).fill("Pour les écouter.")
    somebody.place.get_by_role("link", name="Se connecter pour demander des données").click()
    somebody.logs_in_on_the_form(newcomer)
    expect(page.get_by_text(NOTE)).to_be_visible()
    expect(page.get_by_label(TITLE)).to_have_value("Archives sonores des veillées")
    assert somebody.focused() == "h4 De quelles données avez-vous besoin ?"
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")
    assert drafts(page) == {}
    page.reload()
    expect(somebody.place.get_by_role("link", name="Demander des données")).to_be_visible()


def test_a_draft_survives_a_login_on_the_whole_page(visitor: Come, newcomer: str) -> None:
    somebody = goes_to_the_form(visitor(), COMMENTED)
    page = somebody.page
    expect(search(page)).to_be_visible()
    page.get_by_label(TITLE).fill("Archives filmées des carnavals")
    page.get_by_label(NEED).fill("Pour les voir.")
    page.get_by_role("link", name="Se connecter pour demander des données").click()
    somebody.logs_in_on_the_form(newcomer)
    expect(page.get_by_text(NOTE)).to_be_visible()
    expect(page.get_by_label(NEED)).to_have_value("Pour les voir.")
    sends(somebody)
    expect(somebody.status).to_contain_text("Merci, votre demande est enregistrée.")
    assert drafts(page) == {}


def test_a_session_that_ends_loses_nothing(visitor: Come, newcomer: str) -> None:
    somebody = asks(visitor(newcomer).goes_to(COMMENTED))
    somebody.expects("400")  # an address is missing, or
    somebody.expects("401")  # an account, as the portal wants
    page = somebody.page
    page.get_by_label(TITLE).fill("Cloches des églises rurales")
    page.get_by_label(NEED).fill("Pour un inventaire.")
    somebody.loses_the_session()
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask-errors")).to_be_focused()
    expect(page.get_by_label(NEED)).to_have_value("Pour un inventaire.")
    somebody.place.get_by_role("link", name="Se connecter pour demander des données").click()
    somebody.logs_in_on_the_form(newcomer)
    expect(page.get_by_text(NOTE)).to_be_visible()
    expect(page.get_by_label(NEED)).to_have_value("Pour un inventaire.")
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")


def test_what_somebody_wrote_is_not_shown_to_the_next(
    visitor: Come, newcomers: Iterator[str]
) -> None:
    """On the computer of a library, where the tab stays open."""
    somebody = asks(visitor(next(newcomers)).goes_to(COMMENTED))
    page = somebody.page
    page.get_by_label(TITLE).fill("Un projet que je garde pour moi")
    somebody.loses_the_session()
    page.reload()
    expect(somebody.place.get_by_role("link", name="Demander des données")).to_be_visible()
    somebody.has_logged_in(next(newcomers))
    page.reload()
    asks(somebody)
    expect(search(page)).to_be_visible()
    expect(page.get_by_label(TITLE)).to_have_value("")
    expect(page.get_by_text(NOTE)).not_to_be_visible()
    assert drafts(page) == {}


def test_the_details_of_an_opinion_have_a_draft_too(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    page = somebody.page
    somebody.answers("En partie")
    somebody.comments_that("Une phrase commencée hier.")
    page.reload()
    somebody.place.get_by_role("link", name="Modifier mon avis").click()
    expect(somebody.place.get_by_text(NOTE)).to_be_visible()
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(
        "Une phrase commencée hier."
    )
    assert somebody.barriers() == []
    somebody.saves()
    expect(somebody.comments.first).to_contain_text("Une phrase commencée hier.")
    assert drafts(page) == {}


def test_forms_work_where_nothing_may_be_kept(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer)
    somebody.page.add_init_script(
        """Object.defineProperty(window, 'sessionStorage', {
             get() { throw new DOMException('', 'SecurityError') } })"""
    )
    asks(somebody.goes_to(COMMENTED))
    somebody.page.get_by_label(TITLE).fill("Vitraux du seizième siècle")
    somebody.page.get_by_label(NEED).fill("Pour un livre.")
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Merci, votre demande")


# --- Pickers --------------------------------------------------------------------------------------


def test_a_producer_picks_datasets_with_the_keyboard(
    visitor: Come, newcomers: Iterator[str]
) -> None:
    asking = asks(visitor(next(newcomers)).goes_to(COMMENTED))
    asking.page.get_by_label(TITLE).fill("Programme traduit en breton")
    asking.page.get_by_label(NEED).fill("Pour ma famille.")
    sends(asking)
    asking.place.get_by_role("link", name="Voir la demande et la suivre").click()
    address = asking.page.url

    holder = visitor("producteur@demo.test")
    page = holder.page
    page.goto(address)
    press, write = page.keyboard.press, page.keyboard.type
    page.get_by_text("Annoncer la publication…").press("Enter")
    search = page.get_by_role("combobox", name="Chercher un jeu de données par son titre")
    search.focus()
    write("musees de fr")
    options = proposed(page)
    expect(options).to_have_count(2)
    expect(search).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("status").filter(has_text="2 résultats")).to_be_visible()
    press("ArrowUp")  # from the end
    expect(options.last).to_have_attribute("aria-selected", "true")
    assert search.get_attribute("aria-activedescendant") == options.last.get_attribute("id")
    assert holder.barriers() == []
    press("Escape")
    expect(options).to_have_count(0)
    expect(search).to_have_value("musees de fr")
    press("ArrowDown")
    expect(options).to_have_count(2)
    press("ArrowDown")
    chosen = options.first.locator("span").first.inner_text()
    press("Enter")
    expect(page.get_by_label(chosen)).to_be_checked()
    expect(search).to_have_value("")
    write("jardins rem")
    expect(options).to_have_count(1)
    press("Enter")  # the only one
    expect(page.get_by_label("Jardins remarquables")).to_be_checked()
    expect(page.get_by_label(chosen)).to_be_checked()
    assert holder.barriers() == []
    page.get_by_role("button", name="Annoncer la publication", exact=True).press("Enter")
    expect(page.get_by_role("status").filter(has_text="Publication annoncée.")).to_be_visible()
    for title in (chosen, "Jardins remarquables"):
        expect(page.get_by_role("link", name=title).first).to_be_visible()


def test_an_organization_is_picked_with_a_mouse_and_a_request_sent_there(
    visitor: Come, newcomers: Iterator[str]
) -> None:
    asking = asks(visitor(next(newcomers)).goes_to(COMMENTED))
    asking.page.get_by_label(TITLE).fill("Photographies des façades classées")
    asking.page.get_by_label(NEED).fill("Pour une exposition.")
    sends(asking)
    asking.place.get_by_role("link", name="Voir la demande et la suivre").click()

    holder = visitor("producteur@demo.test")
    page = holder.page
    page.goto(asking.page.url)
    page.get_by_text("Transmettre à l’organisme").first.click()
    page.get_by_role("combobox", name="Chercher un organisme").fill("mediatheque")
    page.get_by_role("option", name="Médiathèque du patrimoine").click()
    expect(page.get_by_label("Médiathèque du patrimoine")).to_be_checked()
    page.locator("#cf-transfer-message").fill("Elle conserve ces photographies.")
    page.get_by_role("button", name="Y transmettre la demande").click()
    history = page.locator("section", has=page.locator("#cf-history"))
    expect(history).to_contain_text("Médiathèque du patrimoine")


def test_words_that_name_nothing_yet_are_asked_about(visitor: Come, newcomer: str) -> None:
    """Typed and not chosen: the server says what they may mean."""
    somebody = asks(visitor(newcomer).goes_to(COMMENTED))
    somebody.expects("400")
    page = somebody.page
    page.get_by_label(TITLE).fill("Scénarios des films aidés")
    page.get_by_label(NEED).fill("Pour un cours.")
    search(page).fill("centre")
    page.get_by_label(NEED).focus()  # away without choosing
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask-errors")).to_be_focused()
    assert somebody.barriers() == []
    somebody.widget.locator("#cf-ask-errors").get_by_role("link").click()
    assert somebody.focused().startswith("input ")
    page.get_by_label("Centre national du cinéma").check()
    sends(somebody)
    expect(somebody.widget.locator("#cf-ask")).to_contain_text("Centre national du cinéma")


# --- Without a script, on a small screen, in the dark ---------------------------------------------


def test_all_of_it_works_without_javascript(visitor: Come, newcomers: Iterator[str]) -> None:
    address = known_request(visitor(), "Horaires des marées du Mont", newcomers, visitor)
    somebody = visitor(next(newcomers), java_script_enabled=False)
    somebody.expects("400")
    page = somebody.page
    somebody.goes_to_whole_page(EMPTY)
    page.get_by_role("link", name="Demander des données").click()
    page.get_by_label(TITLE).fill("Horaires des marées de la baie")
    page.get_by_label(NEED).fill("Pour traverser.")
    page.get_by_label("Chercher un autre organisme").fill("monuments")
    page.keyboard.press("Enter")  # sends the form, and nothing else
    expect(page.locator("#cf-ask-errors")).to_contain_text("Choisissez parmi")
    page.get_by_label("Centre des monuments nationaux").check()
    sends(somebody)
    notice = page.locator("#cf-ask-errors")
    expect(notice).to_contain_text("Votre demande n’est pas encore envoyée.")
    expect(page.get_by_label(NEED)).to_have_value("Pour traverser.")
    expect(page.get_by_label("Centre des monuments nationaux")).to_be_checked()
    notice.get_by_role("button", name="Aucune ne correspond").click()
    expect(somebody.status).to_contain_text("Merci, votre demande est enregistrée.")
    expect(page.get_by_role("link", name="Centre des monuments nationaux").first).to_be_visible()

    other = goes_to_the_form(visitor(next(newcomers), java_script_enabled=False))
    other.page.get_by_label(TITLE).fill("Horaires des marées du mont")
    other.page.get_by_label(NEED).fill("Pour traverser aussi.")
    sends(other)
    support = "Soutenir cette demande : Horaires des marées du Mont"
    other.page.get_by_role("button", name=support).click()
    expect(other.status).to_contain_text("Merci, votre soutien est compté.")
    assert other.page.url.startswith(address)


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone"])
def test_nothing_bars_who_asks_in_the_widget(visitor: Come, newcomer: str, screen: dict) -> None:
    somebody = asks(visitor(newcomer, **screen).goes_to(COMMENTED))
    page = somebody.page
    assert somebody.barriers() == [], "opened"
    page.get_by_label(TITLE).fill("Fréquentation des musées")
    expect(somebody.widget.locator("[data-found]")).to_be_visible()
    search(page).fill("centre")
    expect(proposed(page).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert somebody.barriers() == [], "similar things and options"
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    assert page.evaluate(CLIPPED) == []
    page.keyboard.press("Escape")
    somebody.unfolds_everything()
    assert somebody.barriers() == [], "all unfolded"
    assert not page.evaluate(SCROLLS_SIDEWAYS)
    sizes = "elements => elements.map((e) => [e.textContent, e.getBoundingClientRect().height])"
    for text, height in somebody.widget.locator("#cf-ask button").evaluate_all(sizes):
        assert height == 0 or height >= 44, text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_who_asks_on_the_whole_page(visitor: Come, newcomer: str, scheme: str) -> None:
    somebody = goes_to_the_form(visitor(newcomer, color_scheme=scheme, **PHONE), COMMENTED)
    page = somebody.page
    page.get_by_label(TITLE).fill("Fréquentation des musées")
    expect(page.locator("[data-found]")).to_be_visible()
    search(page).fill("centre")
    expect(proposed(page).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert somebody.barriers() == []
    assert not page.evaluate(SCROLLS_SIDEWAYS)


def test_somebody_unknown_may_look_before_logging_in(visitor: Come) -> None:
    somebody = asks(visitor().goes_to(COMMENTED))
    somebody.page.get_by_label(TITLE).fill("Fréquentation des musées")
    expect(somebody.widget.locator("[data-found]")).to_be_visible()
    # No account is needed to support what exists.
    expect(somebody.page.get_by_role("button", name="Soutenir").first).to_be_visible()
    assert somebody.barriers() == []


def test_the_part_for_forms_comes_when_there_is_one(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.page.wait_for_load_state("networkidle")
    assert not [request for request in somebody.requests if "forms.js" in request]
    with somebody.page.expect_request("**/forms.js"):
        asks(somebody)
    visitor().page.goto(f"{somebody.portal.url}{PAGES}/requests/")
