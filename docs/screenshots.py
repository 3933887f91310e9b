"""Takes the screenshots of this documentation from a demo of its own, in French:
`python docs/screenshots.py`. Needs what the browser tests need."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from demo.accounts import CITIZEN, CONSULTER, PASSWORD, PRODUCER, Account
from demo.background import RunningPortal, running_portal
from demo.catalogue import SHOWCASE
from demo.mongod import EmbeddedMongod

IMAGES = Path(__file__).with_name("images")
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
WIDTH, MARGIN = 900, 16
PAGES = "/api/1/culture-feedback/pages/"
REQUESTS = f"{PAGES}requests/"
MINISTRY = "ministere-de-la-culture"
DASHBOARD = f"{PAGES}dashboard/organizations/{MINISTRY}/"
OPEN = "Données des musées, du patrimoine et des bibliothèques"
PAST = "Données culturelles ouvertes"
LATE = "Coût des restaurations de monuments historiques"
#: Datasets of which some people, and nobody, have said something.
COMMENTED, EMPTY = "journees-europeennes-du-patrimoine", "jardins-remarquables"


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod(Path(folder, "mongo")) as mongod:
        print("Starting a demo…", flush=True)
        with (
            running_portal(mongod.uri, "screenshots", Path(folder, "demo")) as portal,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            with visitor(browser, portal, PRODUCER) as page:
                take(page, "producer", until="table")
                for part in ("", "feedback", "datasets"):
                    page.goto(f"{portal.url}{DASHBOARD}{part and part + '/'}")
                    take_page(page, f"dashboard{part and '-' + part}", height=1400)
                for part in ("settings", "templates"):
                    page.goto(f"{portal.url}{DASHBOARD}{part}")
                    take_page(page, f"dashboard-{part}", height=1400)
                page.goto(f"{portal.url}{DASHBOARD}inbox/?waiting=1")
                page.get_by_role("link", name="Répondre").first.click()
                page.get_by_role("heading", level=1).wait_for()
                take_page(page, "treatment", height=1600)
                page.goto(f"{portal.url}{PAGES}organizations/{MINISTRY}/")
                take_page(page, "organization", height=1400)
            with visitor(browser, portal, CITIZEN) as page:
                take(page, "widget", until=".cf-comments > li")
                page.get_by_role("button", name="En partie").click()
                page.locator("textarea[name=comment]").fill("Il manque les communes nouvelles.")
                take(page, "details", until="[name=signature]")
                requests = portal.url + REQUESTS
                page.goto(f"{requests}new?dataset={portal.slugs[SHOWCASE]}")
                take_page(page, "asking", height=1250)
                page.goto(requests)
                take_page(page, "requests", height=1000)
                page.goto(f"{requests}?overdue=true&sort=-supports")
                page.get_by_role("link", name=LATE).click()
                page.get_by_role("heading", name=LATE).wait_for()
                take_page(page, "request", height=1250)
                page.get_by_role("link", name="Préparer ma saisine de la CADA").click()
                page.get_by_label("Prénom et nom").wait_for()
                take_page(page, "appeal", height=1500)
            with visitor(browser, portal, CITIZEN) as page:
                consultations = f"{portal.url}{PAGES}consultations/"
                page.goto(consultations)
                take_page(page, "consultations", height=900)
                page.get_by_role("link", name=OPEN).first.click()
                page.get_by_role("heading", name="Étape 1 sur 3").wait_for()
                take_page(page, "consultation", height=1100)
                page.goto(consultations)
                page.get_by_role("link", name=PAST).first.click()
                page.get_by_role("link", name="Voir les résultats").click()
                page.get_by_role("heading", name="Synthèse", exact=True).wait_for()
                take_page(page, "consultation-results", height=2300)
            with visitor(browser, portal, CONSULTER) as page:
                page.goto(consultations)
                page.get_by_role("link", name=OPEN).first.click()
                page.get_by_role("link", name="Modifier la consultation").click()
                take_page(page, "consultation-making", height=1300)
            widget_states(browser, portal)
            browser.close()


@contextmanager
def visitor(browser: Browser, portal: RunningPortal, account: Account) -> Iterator[Page]:
    """Somebody on the page of the showcase, logged in, the widget shown."""
    context = browser.new_context(
        locale="fr-FR", viewport={"width": WIDTH, "height": 1300}, reduced_motion="reduce"
    )
    page = context.new_page()
    path = f"/datasets/{portal.slugs[SHOWCASE]}"
    page.goto(f"{portal.url}/login?next={path}")
    page.fill("input[name=email]", account.email)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{portal.url}{path}")
    page.get_by_role("heading", name="Votre avis sur ces données").wait_for()
    yield page
    context.close()


# --- The widget in each of its states -------------------------------------------------------------


def widget_states(browser: Browser, portal: RunningPortal) -> None:
    """`widget-….png`, for docs/embedding.md: what somebody without an account sees."""
    with passer_by(browser, portal, EMPTY) as page:
        take(page, "widget-empty", until="section:last-of-type")
    with passer_by(browser, portal, SHOWCASE) as page:
        take(page, "widget-results", since="#cf-summary", until=".cf-fold")
        take(page, "widget-comments", since="#cf-comments", until=".cf-comments > li:nth-child(2)")
    with passer_by(browser, portal, COMMENTED) as page:
        page.get_by_role("button", name="En partie", exact=True).click()
        page.locator("textarea[name=comment]").wait_for()
        take(page, "widget-form", until="form")
        page.locator("textarea[name=comment]").fill("Il manque les horaires des visites guidées.")
        page.get_by_role("button", name="Envoyer mes précisions").click()
        page.locator("[data-forget]").wait_for()
        take(page, "widget-thanks", until="section:first-of-type")
    with passer_by(browser, portal, COMMENTED) as page:
        page.route("**/proof/?*", lambda route: route.abort())
        page.get_by_role("button", name="Non", exact=True).click()
        email = page.locator("#cf-email")
        email.wait_for()
        take(page, "widget-email", until="form")
        email.fill("camille@nulle-part")
        page.locator("culture-feedback form .cf-primary").first.click()
        page.locator("#cf-errors").wait_for()
        take(page, "widget-error", until="#cf-email")
    with passer_by(browser, portal, COMMENTED) as page:
        page.get_by_role("link", name="Demander des données").click()
        page.get_by_label("Titre de la demande").wait_for()
        take(page, "widget-ask", since="#cf-ask", until="#cf-ask-form")
    with passer_by(browser, portal, COMMENTED, color_scheme="dark") as page:
        # The colours of the demo's own pages are light ones.
        page.goto(f"{portal.url}{PAGES}datasets/{portal.slugs[COMMENTED]}/")
        take_page(page, "widget-dark", height=940)
    for name, options in STATES.items():
        with passer_by(browser, portal, COMMENTED, **options) as page:
            page.locator("culture-feedback").evaluate(AS_IF.get(name, "it => it"))
            take(page, f"widget-{name}", until=".cf-fold")


STATES: dict[str, dict[str, Any]] = {
    "forced-colours": {"forced_colors": "active", "color_scheme": "dark"},
    "rtl": {},
    "phone": {"viewport": {"width": 360, "height": 800}},
}
#: In a language that is written from right to left.
AS_IF = {
    "rtl": """it => {
      for (const one of it.shadowRoot.querySelectorAll('[dir]')) one.dir = 'rtl'
    }""",
}


@contextmanager
def passer_by(
    browser: Browser, portal: RunningPortal, dataset: str, **options: Any
) -> Iterator[Page]:
    """Somebody on the page of a dataset, without an account, the widget shown."""
    options = {"viewport": {"width": 720, "height": 900}, **options}
    context = browser.new_context(locale="fr-FR", reduced_motion="reduce", **options)
    page = context.new_page()
    page.goto(portal.page(dataset))
    page.locator("culture-feedback").evaluate("it => it.scrollIntoView()")
    page.locator("culture-feedback #cf-title").wait_for()
    yield page
    context.close()


def take_page(page: Page, name: str, height: int) -> None:
    """A whole page of ours, `height` pixels of it at most, without what surrounds it."""
    main = page.locator("main").bounding_box()
    assert main is not None
    clip = {
        "x": main["x"],
        "y": main["y"] - MARGIN,
        "width": main["width"],
        "height": min(main["height"], height) + MARGIN,
    }
    save(page, name, clip)


def take(page: Page, name: str, until: str, since: str | None = None) -> None:
    """The widget, from its top or its first element `since` to the end of its first element
    `until`, with a margin, as a small PNG (few colours are enough)."""
    widget = page.locator("culture-feedback")
    whole = widget.bounding_box()
    top = widget.locator(since).first.bounding_box() if since else whole
    last = widget.locator(until).first.bounding_box()
    assert whole is not None
    assert top is not None
    assert last is not None
    left = max(0, whole["x"] - MARGIN)
    clip = {
        "x": left,
        "y": top["y"] + page.evaluate("scrollY") - MARGIN,
        "width": whole["width"] + 2 * (whole["x"] - left),
        "height": last["y"] + last["height"] - top["y"] + 2 * MARGIN,
    }
    save(page, name, clip)


def save(page: Page, name: str, clip: Any) -> None:
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=True, clip=clip, animations="disabled")
    with Image.open(path) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
