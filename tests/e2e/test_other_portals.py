"""What `integrations/elsewhere` tells other portals to paste, on pages that stand for theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from playwright.sync_api import expect

from demo.catalogue import REMOTE_PORTAL

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]
Show = Callable[[Visitor, str], None]

FILES = Path(__file__).parents[2] / "integrations" / "elsewhere"
UDATA = "https://www.data.example"
HARVESTED = "data.culture.gouv.fr"
#: The one that the demo has harvested.
PORTAL = REMOTE_PORTAL.removeprefix("https://")

BEGINNING = (
    "<!doctype html><html lang=fr><meta charset=utf-8><title>Ailleurs</title>"
    "<link rel=icon href='data:,'>"
)
#: AngularJS compiles a page once it is loaded: `ng-attr-x` becomes `x`, with what is written in it.
ANGULAR = """
<script src="data:text/javascript,addEventListener('load', () => setTimeout(() => {
  for (const element of document.querySelectorAll('culture-feedback')) {
    const written = element.getAttribute('ng-attr-remote-id');
    element.removeAttribute('ng-attr-remote-id');
    element.setAttribute('remote-id', written.replace('{{ ctx.dataset.datasetid }}', '%s'));
  }
}, 200))"></script>
"""
#: What the template of CKAN extends.
BASE = """<main>{% block primary_content_inner %}<h1>{{ pkg.title }}</h1>{% endblock %}</main>
{% block scripts %}{% endblock %}"""


def ckan(remote_id: str, host: str) -> str:
    """The template as CKAN renders it: `ckan_extends` is its own word for the template beneath."""
    template = (FILES / "ckan.html").read_text("utf-8")
    assert "{% ckan_extends %}" in template
    environment = Environment(autoescape=True)
    base = environment.from_string(BASE)
    page = environment.from_string(template.replace("{% ckan_extends %}", "{% extends base %}"))

    class h:
        lang = staticmethod(lambda: "fr")

    class g:
        site_url = f"https://{host}"

    return page.render(base=base, pkg={"id": remote_id, "title": "Jeu"}, h=h, g=g)


def pasted(name: str, portal: str) -> str:
    return (FILES / name).read_text("utf-8").replace(UDATA, portal)


@pytest.fixture
def show() -> Iterator[Callable[[Visitor, str], None]]:
    """`show(somebody, body)`: the page of another site, over HTTP: Chromium lets only such a one
    ask a server of this machine."""
    bodies: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"{BEGINNING}{bodies[-1]}".encode())

        def log_message(self, *_args: Any) -> None:
            pass

    def come(somebody: Visitor, body: str) -> None:
        bodies.append(body)
        somebody.page.goto(f"http://127.0.0.1:{server.server_port}/jeu")
        somebody.widget.evaluate("it => it.scrollIntoView()")
        expect(somebody.widget.locator("#cf-title")).to_be_visible()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield come
    server.shutdown()
    server.server_close()


def test_opendatasoft_names_a_dataset_by_its_own_id(visitor: Come, show: Show) -> None:
    somebody = visitor()
    text = pasted("opendatasoft.html", somebody.portal.url)
    assert HARVESTED in text
    show(somebody, text.replace(HARVESTED, PORTAL) + ANGULAR % COMMENTED)
    asked = [one for one in somebody.requests if "pages/remote/" in one]
    assert len(asked) == 1  # never by what AngularJS has not written yet
    assert f"id={COMMENTED}&source={PORTAL}" in asked[0]


def test_ckan_too(visitor: Come, show: Show) -> None:
    somebody = visitor()
    page = ckan(COMMENTED, PORTAL).replace(UDATA, somebody.portal.url)
    show(somebody, page)
    assert any(f"id={COMMENTED}&source={PORTAL}" in one for one in somebody.requests)
    expect(somebody.page.locator("h1").first).to_have_text("Jeu")


def test_any_page_has_a_link_and_then_the_element(visitor: Come, show: Show) -> None:
    somebody = visitor()
    text = pasted("static.html", somebody.portal.url)
    known = "frequentation-des-musees-de-france"
    assert known in text
    show(somebody, text.replace(known, somebody.portal.slugs[COMMENTED]))
    expect(somebody.page.get_by_text("Avis sur ces données", exact=True)).to_be_hidden()
