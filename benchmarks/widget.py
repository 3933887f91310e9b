"""``python -m benchmarks.widget``: what the widget costs a reader of somebody else's page until the
first field can be used, beside a plain HTML form and Isso's client on the same page, in the same
browser and run: bytes, requests, time on slow 4G with a processor four times slower. Exit 1 when
the widget is over its budget."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

from udata_culture_feedback.demo.background import running_portal
from udata_culture_feedback.demo.catalogue import SHOWCASE
from udata_culture_feedback.demo.mongod import EmbeddedMongod

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
#: Lighthouse's « slow 4G »: 150 ms to and fro, 1.6 Mbit/s down, 750 kbit/s up.
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
SLOWER = 4
#: Budget: bytes on the wire and requests, besides the page of the host; milliseconds more than the
#: plain form.
MOST_BYTES, MOST_REQUESTS, MOST_MILLISECONDS = 10 * 1024, 3, 300

PAGE = """<!doctype html><html lang="fr"><meta charset="utf-8"><title>Jeu de données</title>
<h1>Fréquentation des musées</h1>{content}</html>"""
FORM = """<form><fieldset><legend>Ces données répondent-elles à votre besoin ?</legend>
<button name="fitness" value="yes">Oui</button>
<button name="fitness" value="partly">En partie</button>
<button name="fitness" value="no">Non</button></fieldset></form>"""
WIDGET = """<script type="module" src="{url}/api/1/culture-feedback/embed.js" data-manual></script>
<culture-feedback dataset-id="{dataset}"></culture-feedback>"""
ISSO = """<script data-isso="{url}/" src="{url}/js/embed.min.js"></script>
<section id="isso-thread"></section>"""

#: Where the first field is, in each page: the moment it is there is when it can be used.
FOUND = {
    "plain form": "document.querySelector('form button')",
    "widget": "document.querySelector('culture-feedback').shadowRoot?.querySelector('form button')",
    "Isso": "document.querySelector('#isso-thread textarea, #isso-thread [contenteditable]')",
}


@dataclass
class Page:
    label: str
    html: str
    bytes: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.widget", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="(%(default)s)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name, EmbeddedMongod(Path(name, "mongo")) as mongod:
        folder = Path(name)
        with (
            running_portal(mongod.uri, "bench-widget", folder / "demo") as portal,
            isso(folder) as isso_url,
            sync_playwright() as playwright,
        ):
            widget = WIDGET.format(url=portal.url, dataset=portal.ids[SHOWCASE])
            pages = [Page("plain form", FORM), Page("widget", widget)]
            if isso_url:
                pages.append(Page("Isso", ISSO.format(url=isso_url)))
            else:
                print("Isso is not installed (pip install isso): not measured")
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            with hosted(folder / "site", pages) as site:
                for page in pages:
                    open_page(browser, site, page)  # servers and caches of theirs are warm now
                    page.bytes, page.requests, page.milliseconds = [], [], []
                for _round in range(rounds):
                    for page in pages:
                        open_page(browser, site, page)
            browser.close()
    sys.exit(report(pages))


def open_page(browser: Browser, site: str, page: Page) -> None:
    """Opens a page in a new browser, with nothing in its cache, until its first field is there."""
    context = browser.new_context(locale="fr-FR")
    tab = context.new_page()
    devtools = context.new_cdp_session(tab)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_4G)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    asked: dict[str, str] = {}
    sizes: dict[str, int] = {}
    devtools.on(
        "Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: e["request"]["url"]})
    )
    devtools.on(
        "Network.loadingFinished",
        lambda e: sizes.update({e["requestId"]: int(e["encodedDataLength"])}),
    )
    tab.goto(f"{site}/{page.label.replace(' ', '-')}.html", wait_until="commit")
    # Since the navigation began, on the clock of the page.
    page.milliseconds.append(
        tab.wait_for_function(
            f"({FOUND[page.label]}) && performance.now()", polling="raf"
        ).json_value()
    )
    tab.wait_for_load_state("load")
    ours = [id for id, url in asked.items() if not url.startswith(site)]
    page.requests.append(len(ours))
    page.bytes.append(sum(sizes.get(id, 0) for id in ours))
    context.close()


@contextmanager
def hosted(folder: Path, pages: list[Page]) -> Iterator[str]:
    """A site of somebody else's with these pages."""
    folder.mkdir()
    for page in pages:
        html = PAGE.format(content=page.html)
        (folder / f"{page.label.replace(' ', '-')}.html").write_text(html, encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def isso(folder: Path) -> Iterator[str | None]:
    """Isso's own server with its published client, where it is installed."""
    if find_spec("isso") is None:
        yield None
        return
    port = 8765
    settings = folder / "isso.cfg"
    settings.write_text(
        f"[general]\ndbpath = {folder}/isso.db\nhost = http://127.0.0.1\n"
        f"[server]\nlisten = http://127.0.0.1:{port}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "isso", "-c", str(settings)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _attempt in range(100):
            try:
                urlopen(f"{url}/js/embed.min.js").close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def report(pages: list[Page]) -> int:
    print(f"\n{'until the first field':<24}{'bytes':>9}{'requests':>10}{'ms':>8}{'more ms':>9}")
    plain = median(pages[0].milliseconds)
    for page in pages:
        spent = median(page.milliseconds)
        print(
            f"{page.label:<24}{median(page.bytes):>9.0f}{median(page.requests):>10.0f}"
            f"{spent:>8.0f}{spent - plain:>9.0f}"
        )
    widget = pages[1]
    over = [
        what
        for what, spent, most in (
            ("bytes", median(widget.bytes), MOST_BYTES),
            ("requests", median(widget.requests), MOST_REQUESTS),
            (
                "milliseconds more than a plain form",
                median(widget.milliseconds) - plain,
                MOST_MILLISECONDS,
            ),
        )
        if spent > most
    ]
    print(f"Over budget: {', '.join(over)}" if over else "Within budget")
    return bool(over)


if __name__ == "__main__":
    main()
