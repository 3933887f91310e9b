"""What somebody does with a browser on the demo portal, in their words."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from demo.accounts import PASSWORD
from demo.background import RunningPortal
from demo.catalogue import SHOWCASE

#: Two pages of comments, and few enough answers for many newcomers.
COMMENTED = "journees-europeennes-du-patrimoine"
#: Nobody has said anything of it.
EMPTY = "jardins-remarquables"
#: Many answers, some given before the last update of the data.
OUTDATED = SHOWCASE

PAGES = "/api/1/culture-feedback/pages"

AXE = Path(__file__).parents[2] / ".node/node_modules/axe-core/axe.min.js"
RULES = ["RGAAv4", "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Visitor:
    """Somebody with a browser of their own."""

    def __init__(self, context: BrowserContext, portal: RunningPortal):
        self.context = context
        self.portal = portal
        self.said: list[str] = []
        self.expected: list[str] = []
        self.requests: list[str] = []
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(f"{request.method} {request.url}"))
        return page

    def expects(self, network_error: str) -> None:
        """What a browser itself says of an answer like 413, or of no answer at all."""
        self.expected.append(network_error)

    @property
    def complaints(self) -> list[str]:
        """What the console has said besides that."""
        return [
            message
            for message in self.said
            if not any(
                message.startswith("error: Failed to load resource") and expected in message
                for expected in self.expected
            )
        ]

    # --- Coming and going ---------------------------------------------------------------------

    def has_logged_in(self, email: str) -> None:
        """Without the form, which has a test of its own."""
        asked = self.context.request.get(f"{self.portal.url}/get-csrf")
        token = asked.json()["response"]["csrf_token"]
        answer = self.context.request.post(
            f"{self.portal.url}/login/",
            data={"email": email, "password": PASSWORD, "csrf_token": token},
            headers={"X-CSRFToken": token, "Accept": "application/json"},
        )
        assert answer.ok, answer.text()

    def loses_the_session(self) -> None:
        self.context.clear_cookies()

    def goes_to(self, remote_id: str, query: str = "") -> Visitor:
        """The page of a dataset on the portal, where the widget is."""
        self.page.goto(self.portal.page(remote_id) + query)
        # Far from what is seen it fetches nothing.
        self.widget.evaluate("it => it.scrollIntoView()")
        expect(self.widget.locator("#cf-title")).to_be_visible()
        return self

    def goes_to_whole_page(self, remote_id: str, query: str = "") -> Visitor:
        address = f"{PAGES}/datasets/{self.portal.slugs[remote_id]}/{query}"
        self.page.goto(self.portal.url + address)
        return self

    def logs_in_on_the_form(self, email: str) -> None:
        self.page.fill("#email", email)
        self.page.fill("#password", PASSWORD)
        self.page.keyboard.press("Enter")

    # --- Seeing -------------------------------------------------------------------------------

    @property
    def widget(self) -> Locator:
        return self.page.locator("culture-feedback")

    @property
    def form(self) -> Locator:
        return self.place.locator("form").first

    @property
    def place(self) -> Locator:
        """The widget, or the whole page that stands for it."""
        return self.page.locator("main") if PAGES in self.page.url else self.widget

    @property
    def text(self) -> str:
        """All that the widget, or the whole page, says. The text of an element is not that of its
        shadow root."""
        return "\n".join(self.place.locator("section").all_inner_texts())

    @property
    def comments(self) -> Locator:
        return self.place.locator(".cf-comments > li")

    @property
    def status(self) -> Locator:
        return self.place.get_by_role("status").first

    def focused(self) -> str:
        """What has the focus: its text, its label, or its name, also in the shadow root."""
        return self.page.evaluate(
            """() => {
              let on = document.activeElement
              while (on.shadowRoot?.activeElement) on = on.shadowRoot.activeElement
              const text = on.labels?.[0] ?? on
              return `${on.localName} ${text.textContent}`.replace(/\\s+/g, ' ').trim()
            }"""
        )

    def total(self) -> int:
        """How many have answered, as the summary says in words."""
        summary = self.place.locator("section", has=self.page.locator("#cf-summary"))
        expect(summary).to_be_visible()  # hidden, it has no words: its style is on its way
        found = re.search(r"(\d+) avis(?! en cours)", summary.inner_text())
        return int(found[1]) if found else 0

    # --- Doing --------------------------------------------------------------------------------

    def answers(self, label: str) -> None:
        """One click, which asks the next question."""
        self.place.get_by_role("button", name=label, exact=True).click()
        expect(self.place.get_by_label("Que manque-t-il")).to_be_visible()

    def comments_that(self, words: str) -> None:
        self.place.get_by_label("Que manque-t-il").fill(words)

    def rates(self, criterion: str, step: str) -> None:
        """On the line of a criterion, which may be folded."""
        line = self.place.locator(".cf-criteria details", has_text=criterion)
        if line.get_attribute("open") is None:
            line.locator("summary").click()
        line.get_by_label(step, exact=True).check()

    def saves(self) -> None:
        send = re.compile("Envoyer mes précisions|Enregistrer mon avis")
        self.place.get_by_role("button", name=send).click()

    def unfolds_everything(self) -> None:
        folded = self.place.locator("details:not([open]) > summary")
        while folded.count():
            folded.first.click()

    # --- Measuring ----------------------------------------------------------------------------

    def barriers(self) -> list[str]:
        """What axe finds wrong with the page as it is: nothing, one hopes."""
        self.page.wait_for_load_state("load")  # its style sheets too
        self.page.evaluate(_axe())
        found: list[dict[str, Any]] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules}).then(found => found.violations)", RULES
        )
        return [
            f"{violation['id']}: {node['html'][:200]}"
            for violation in found
            for node in violation["nodes"]
        ]


@cache
def _axe() -> str:
    if not AXE.exists():
        raise FileNotFoundError(
            f"{AXE} is missing: `npm install --prefix .node axe-core@4.14.1` brings it."
        )
    return AXE.read_text(encoding="utf-8")
