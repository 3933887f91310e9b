"""A request from the question to the data, in the browsers of who asks and of who holds them; and
the appeal, on the screen and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from .visitor import COMMENTED, PAGES, Visitor

Come = Callable[..., Visitor]

CAMILLE, HOLDER = "citoyenne@demo.test", "producteur@demo.test"
LATE = "Coût des restaurations de monuments historiques"


def asks(citizen: Visitor, title: str) -> str:
    """Asks from the page of a dataset, and answers the address of the request."""
    page = citizen.goes_to(COMMENTED).page
    citizen.place.get_by_role("link", name="Demander des données").click()
    page.get_by_label("Titre de la demande").fill(title)
    page.get_by_label("De quoi avez-vous besoin").fill("Pour préparer une sortie en famille.")
    page.get_by_role("button", name="Envoyer ma demande").click()
    page.get_by_role("link", name="Voir la demande et la suivre").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    return re.sub(r"[?#].*", "", page.url)


def moves(holder: Visitor, to: str, message: str = "", **fields: str) -> None:
    """Unfolds a move on the page of a request, and makes it."""
    main = holder.page.locator("main")
    status = {
        "acknowledged": "Prise en compte",
        "accepted": "Acceptée",
        "in_progress": "En préparation",
        "published": "Données disponibles",
    }[to]
    move = main.locator("details", has=holder.page.locator(f"form input[value={to}]")).first
    move.locator("summary").first.click()
    form = move.locator("form", has=holder.page.locator(f"input[value={to}]")).first
    for name, value in fields.items():
        form.locator(f"[name={name}]").first.fill(value)
    if message:
        form.locator("textarea[name=message]").fill(message)
    form.get_by_role("button").last.click()
    expect(main.locator(".cf-card .cf-badge", has_text=status)).to_be_visible()


def test_a_citizen_follows_a_request_until_the_data_are_there(visitor: Come, newcomer: str) -> None:
    citizen = visitor(newcomer)
    address = asks(citizen, "Visites guidées en langue des signes")
    page = citizen.page

    holder = visitor(HOLDER)
    holder.page.goto(address)
    moves(holder, "acknowledged")
    moves(holder, "accepted", "Le champ existe, nous l'ajoutons.")
    moves(holder, "in_progress")
    slug = holder.portal.slugs[COMMENTED]
    moves(holder, "published", "Une colonne de plus.", urls=holder.portal.page(COMMENTED))
    assert holder.barriers() == []
    assert slug in holder.page.content()

    page.goto(address)
    expect(page.locator(".cf-card .cf-badge", has_text="Données disponibles")).to_be_visible()
    told = page.locator("section", has=page.locator("#cf-history")).inner_text()
    steps = ["Déposée", "Prise en compte", "Acceptée", "Le champ existe", "En préparation"]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
    page.get_by_role("button", name="Oui, merci").click()
    expect(page.get_by_text("Merci de votre confirmation.")).to_be_visible()
    expect(page.get_by_role("button", name="Oui, merci")).to_be_hidden()
    assert citizen.barriers() == []
    page.goto(f"{citizen.portal.url}{PAGES}/requests/?status=published")
    expect(page.get_by_role("link", name="Visites guidées en langue des signes")).to_be_visible()


def test_a_holder_takes_more_time_once(visitor: Come, newcomer: str) -> None:
    address = asks(visitor(newcomer), "Surface de chaque parking")
    holder = visitor(HOLDER)
    holder.expects("400")
    holder.page.goto(address)
    main = holder.page.locator("main")
    extension = main.locator("details", has=holder.page.locator("[name=days]"))
    extension.locator("summary").click()
    extension.locator("[name=days]").fill("90")
    extension.locator("[name=extension_reason]").fill("Fichiers à réunir")
    extension.get_by_role("button").click()
    expect(main.locator("#cf-errors")).to_be_visible()
    assert holder.barriers() == [], "an error"
    main.locator("#cf-errors a").click()
    assert holder.page.evaluate("document.activeElement.name") == "days"
    holder.page.keyboard.press("ControlOrMeta+a")
    holder.page.keyboard.type("15")
    extension.get_by_role("button").click()
    history = main.locator("section", has=holder.page.locator("#cf-history"))
    expect(history).to_contain_text(re.compile(r"Délai prolongé de 15\sjours"))
    expect(history.get_by_text("Fichiers à réunir")).to_be_visible()
    expect(extension).to_have_count(0)


def test_a_requester_prepares_an_appeal_and_prints_it(visitor: Come, tmp_path: Path) -> None:
    camille = visitor(CAMILLE)
    page = camille.page
    page.goto(f"{camille.portal.url}{PAGES}/requests/?overdue=true")
    page.get_by_role("link", name=LATE).click()
    link = page.locator('main a[href*="/appeal"]')
    assert camille.barriers() == [], "the request"
    link.click()
    expect(page.locator("#cf-name")).to_be_visible()
    assert camille.barriers() == [], "the appeal"
    before = len(camille.requests)
    page.locator("#cf-name").fill("Camille Martin")
    page.locator("#cf-address").fill("3 rue des Lices\n35000 Rennes")
    assert len(camille.requests) == before, "what is typed is not sent"

    page.emulate_media(media="print")
    for outside in ("header", "nav", "footer", "h1", "#culture-feedback"):
        expect(page.locator(outside).first).to_be_hidden()
    expect(page.locator("#cf-name")).to_have_value("Camille Martin")
    colours = page.locator("main .cf-sheet p").evaluate_all(
        "all => [...new Set(all.map(one => getComputedStyle(one).color))]"
    )
    assert colours == ["rgb(0, 0, 0)"]
    page.set_viewport_size({"width": 700, "height": 1000})
    shot = page.screenshot(path=tmp_path / "appeal.png", full_page=True)
    assert len(shot) > 10_000
    paper = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page[^s]", paper)) >= 2, "the letter has a sheet of its own"

    phone = visitor(CAMILLE, viewport={"width": 320, "height": 700})
    phone.page.goto(page.url)
    assert not phone.page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )


def test_nobody_else_opens_it(visitor: Come) -> None:
    camille = visitor(CAMILLE)
    camille.page.goto(f"{camille.portal.url}{PAGES}/requests/?overdue=true")
    camille.page.get_by_role("link", name=LATE).click()
    address = camille.page.locator('main a[href*="/appeal"]').evaluate("link => link.href")
    other = visitor("citoyen@demo.test")
    other.expects("404")
    other.page.goto(re.sub(r"/appeal.*", "/", address))
    expect(other.page.locator('main a[href*="/appeal"]')).to_have_count(0)
    answer = other.page.goto(address)
    assert answer is not None
    assert answer.status == 404
    stranger = visitor()
    stranger.page.goto(address)
    expect(stranger.page.locator("#password")).to_be_visible()
