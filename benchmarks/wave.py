"""``python -m benchmarks.wave``: how long a moderator takes to clear a wave of 200 texts with a
mouse, in a browser on the demo, whose tasks run within the request: from the queue to the page that
says it is done. Exit 1 beyond the budget."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from demo.accounts import MODERATOR, PASSWORD
from demo.background import running_portal
from demo.mongod import EmbeddedMongod

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
#: Budget: seconds and clicks for one wave.
MOST_SECONDS, MOST_CLICKS = 20, 6
#: Texts of a wave.
TEXTS = 200
#: A text that two people have sent to a consultation of the demo: alike, but no spam.
LEGITIMATE = "dossier de subvention"


def clear(page: Page) -> tuple[float, int]:
    """Refuse all that is alike but what is legitimate. Return the seconds and clicks it took, and
    undo it."""
    clicks = (
        "a[href*='group=text']",
        "[data-all]",
        f".cf-groups li:has-text('{LEGITIMATE}') input[name=group]",
        "input[name=number]",
        "button[data-bulk=refuse]",
    )
    begun = time.perf_counter()
    for selector in clicks:
        page.locator(selector).first.click()
        if "number" in selector:
            page.keyboard.type(str(TEXTS))
    expect(page.locator(".cf-gestures li").first).to_contain_text(str(TEXTS), timeout=120_000)
    took = time.perf_counter() - begun
    page.locator("[data-undo]").click()
    expect(page.locator("#cf-done")).to_be_visible(timeout=120_000)
    return took, len(clicks)


def measure(url: str, rounds: int) -> list[tuple[float, int]]:
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(locale="fr-FR")
        page.goto(f"{url}/login/")
        page.fill("#email", MODERATOR.email)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_load_state("networkidle")
        found = []
        for _round in range(rounds):
            page.goto(f"{url}/api/1/culture-feedback/pages/moderation/")
            found.append(clear(page))
        browser.close()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wave")
    parser.add_argument("--rounds", type=int, default=3, help="how often (%(default)s)")
    parser.add_argument("--url", help="a demo that runs already, with a wave (--wave)")
    options = parser.parse_args()
    if options.url:
        found = measure(options.url, options.rounds)
    else:
        with tempfile.TemporaryDirectory() as state:
            found = _on_a_demo_of_its_own(Path(state), options.rounds)
    seconds, clicks = max(found)
    print(f"{TEXTS} texts in {seconds:.1f} s and {clicks} clicks (the slowest of {len(found)})")
    return seconds > MOST_SECONDS or clicks > MOST_CLICKS


def _on_a_demo_of_its_own(state: Path, rounds: int) -> list[tuple[float, int]]:
    from demo.wave import load

    with (
        EmbeddedMongod(state / "mongo") as mongod,
        running_portal(mongod.uri, "wave", state / "portal") as portal,
    ):
        load(mongod.uri, "wave", TEXTS)
        return measure(portal.url, rounds)


if __name__ == "__main__":
    sys.exit(main())
