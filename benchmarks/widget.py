"""``python -m benchmarks.widget``: what the widget costs a reader of somebody else's page until its
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Response, sync_playwright

from demo.background import RunningPortal, running_portal
from demo.catalogue import SHOWCASE
from demo.mongod import EmbeddedMongod, free_port
from udata_culture_feedback.web.embed.assets import compressed

#: In a virtual environment of its own (`make .isso/bin/isso`).
ISSO_COMMAND = Path(__file__).parents[1] / ".isso/bin/isso"

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
#: Lighthouse's « slow 4G »: 150 ms to and fro, 1.6 Mbit/s down, 750 kbit/s up.
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}
SLOWER = 4
#: Budget: compressed bytes fetched besides the page of the host, and number of requests;
#: milliseconds beyond the plain form.
MOST_BYTES, MOST_REQUESTS, MOST_MILLISECONDS = 10 * 1024, 3, 300

PAGE = """<!doctype html><html lang="fr"><head><meta charset="utf-8"><title>Jeu de données</title>
{head}</head><body><h1>Fréquentation des musées</h1>
{body}</body></html>"""
FORM = """<form><fieldset><legend>Ces données répondent-elles à votre besoin ?</legend>
<button name="fitness" value="yes">Oui</button>
<button name="fitness" value="partly">En partie</button>
<button name="fitness" value="no">Non</button></fieldset></form>"""
#: As in docs/embedding.md.
WIDGET_HEAD = """<script type="module" src="{url}/embed.js" data-manual></script>"""
WIDGET_HINT = """<link rel="preload" as="fetch" crossorigin
href="{url}/pages/datasets/{dataset}/?lang=fr&amp;as=fragment&amp;level=2">"""
WIDGET = """<culture-feedback dataset-id="{dataset}"></culture-feedback>"""
ISSO = """<script data-isso="{url}/" src="{url}/js/embed.min.js"></script>
<section id="isso-thread"></section>"""

PLAIN, HINTED, UNHINTED, THEIRS = "plain form", "widget", "widget without hint", "Isso"
#: Expression for the first field of each page: once it is there it can be used.
OF_WIDGET = "document.querySelector('culture-feedback').shadowRoot?.querySelector('form button')"
FOUND = {
    PLAIN: "document.querySelector('form button')",
    HINTED: OF_WIDGET,
    UNHINTED: OF_WIDGET,
    THEIRS: "document.querySelector('#isso-thread textarea, #isso-thread [contenteditable]')",
}


@dataclass
class Measured:
    """The measurements of one page, each taken until its first field was there."""

    bytes: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.widget", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="(%(default)s)")
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as name,
        EmbeddedMongod(Path(name, "mongo")) as mongod,
        running_portal(mongod.uri, "bench-widget", Path(name, "demo")) as portal,
        hosted() as (site, pages),
        isso(Path(name), site) as isso_url,
        sync_playwright() as playwright,
    ):
        pages.update(pages_with(portal, isso_url))
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        measured = {label: Measured() for label in pages}
        for label in pages:
            open_page(browser, site, label, Measured())  # warm up servers and their caches
        for _round in range(rounds):
            for label in pages:
                open_page(browser, site, label, measured[label])
        browser.close()
    sys.exit(report(measured))


def pages_with(portal: RunningPortal, isso_url: str | None) -> dict[str, str]:
    """Make the same page with each of the widgets: label → HTML."""
    known = {"url": f"{portal.url}/api/1/culture-feedback", "dataset": portal.ids[SHOWCASE]}
    script, hint, element = (one.format(**known) for one in (WIDGET_HEAD, WIDGET_HINT, WIDGET))
    pages = {
        PLAIN: PAGE.format(head="", body=FORM),
        HINTED: PAGE.format(head=script + hint, body=element),
        UNHINTED: PAGE.format(head=script, body=element),
    }
    if isso_url:
        pages[THEIRS] = PAGE.format(head="", body=ISSO.format(url=isso_url))
    else:
        print("Isso is not installed (make .isso/bin/isso): not measured")
    return pages


def open_page(browser: Browser, site: str, label: str, measured: Measured) -> None:
    """Open a page in a new browser, with an empty cache, until its first field is there."""
    context = browser.new_context(locale="fr-FR")
    tab = context.new_page()
    devtools = context.new_cdp_session(tab)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_4G)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    answers: list[Response] = []
    tab.on("response", lambda answer: answers.append(answer))
    tab.goto(f"{site}/{label.replace(' ', '-')}", wait_until="commit")
    # Since the navigation began, on the clock of the page.
    milliseconds = tab.wait_for_function(f"({FOUND[label]}) && performance.now()", polling="raf")
    fetched = [answer for answer in answers if not answer.url.startswith(site)]
    measured.milliseconds.append(milliseconds.json_value())
    measured.requests.append(len(fetched))
    measured.bytes.append(sum(one.request.sizes()["responseBodySize"] for one in fetched))
    context.close()


@contextmanager
def hosted() -> Iterator[tuple[str, dict[str, str]]]:
    """Serve a site of somebody else's. Yield its address and its pages (label → HTML, to be
    filled)."""
    pages: dict[str, str] = {}

    class Site(Quiet):
        def do_GET(self) -> None:
            html = pages.get(self.path.strip("/").replace("-", " "), "")
            self.answer(html.encode(), "text/html; charset=utf-8")

    with served(Site) as url:
        yield url, pages


@contextmanager
def isso(folder: Path, site: str) -> Iterator[str | None]:
    """Serve Isso's own server with its published client, where it is installed, compressed as by a
    server in front of it."""
    if not ISSO_COMMAND.exists():
        yield None
        return
    port = free_port()
    settings = folder / "isso.cfg"
    settings.write_text(
        f"[general]\ndbpath = {folder}/isso.db\nhost = {site}\n"
        f"[server]\nlisten = http://127.0.0.1:{port}\n"
    )
    process = subprocess.Popen(
        [ISSO_COMMAND, "-c", str(settings), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    class InFront(Quiet):
        def do_GET(self) -> None:
            asked = Request(
                f"http://127.0.0.1:{port}{self.path}",
                headers={"Origin": site},
                method=self.command,
            )
            try:
                answer = urlopen(asked)
            except HTTPError as error:  # 404: nobody has commented yet
                answer = error
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name.startswith(("Access-Control-", "Cache-", "Set-", "X-"))
            }
            body, headers["Content-Encoding"] = compressed(answer.read(), "br"), "br"
            kind = answer.headers["Content-Type"]
            self.answer(body, kind, status=answer.status, headers=headers)

        do_OPTIONS = do_GET

    try:
        for _attempt in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/js/embed.min.js").close()
                break
            except OSError:
                time.sleep(0.1)
        with served(InFront) as url:
            yield url
    finally:
        process.terminate()
        process.wait()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(
        self, body: bytes, kind: str, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # the page was closed before it had everything
            self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        pass


@contextmanager
def served(handler: type[Quiet]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def report(measured: dict[str, Measured]) -> int:
    """Print a table of medians. Return whether the widget is over its budget."""
    print("\n| until the first field | bytes | requests | ms | more ms |\n|---|---|---|---|---|")
    plain = median(measured[PLAIN].milliseconds)
    for label, one in measured.items():
        spent = median(one.milliseconds)
        print(
            f"| {label} | {median(one.bytes):,.0f} | {median(one.requests):.0f} "
            f"| {spent:.0f} | {spent - plain:.0f} |"
        )
    widget = measured[HINTED]
    more = median(widget.milliseconds) - plain
    over = [
        what
        for what, spent, most in (
            ("bytes", median(widget.bytes), MOST_BYTES),
            ("requests", median(widget.requests), MOST_REQUESTS),
            ("milliseconds more than a plain form", more, MOST_MILLISECONDS),
        )
        if spent > most
    ]
    print(f"\nOver budget: {', '.join(over)}" if over else "\nWithin budget")
    return bool(over)


if __name__ == "__main__":
    main()
