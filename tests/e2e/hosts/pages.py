"""Puts the front-ends of this folder in the place of the portal's own, on its address: what is
under `/api` stays udata's."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Route

from demo.background import RunningPortal

from ..visitor import COMMENTED, EMPTY, Visitor

HERE = Path(__file__).parent

#: Nothing but files of the portal: no inline script or style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'"
)
EMBED = "/api/1/culture-feedback/embed.js"
KINDS = {".js": "text/javascript", ".css": "text/css"}


def page_of(flavour: str, script: str = "") -> str:
    """The one document of that front-end; `script`: attributes of our script tag."""
    tag = f'<script type="module" src="{EMBED}" {script}></script>'
    return (HERE / f"{flavour}.html").read_text("utf-8").replace("<!-- loader -->", tag)


def file_of(name: str, portal: RunningPortal) -> tuple[str, str]:
    """What is under `/hosts/`, and its type: its scripts know two datasets of the portal."""
    body = (HERE / name).read_text("utf-8") if (HERE / name).exists() else "a,b\n"
    slugs = [portal.slugs[COMMENTED], portal.slugs[EMPTY]]
    return body.replace('["one", "two"]', json.dumps(slugs)), KINDS.get(
        Path(name).suffix, "text/csv"
    )


def settle_in(somebody: Visitor, flavour: str, script: str = "", page: str = "") -> None:
    """From now on `somebody` sees that front-end, or that `page` of a site."""
    page = page or page_of(flavour, script)

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(somebody.portal.url).split("?")[0]
        if not route.request.url.startswith(somebody.portal.url) or path.startswith("/api/"):
            route.fallback()
        elif path.startswith("/hosts/"):
            body, kind = file_of(Path(path).name, somebody.portal)
            route.fulfill(body=body, content_type=kind)
        else:
            route.fulfill(
                body=page,
                content_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": POLICY},
            )

    somebody.context.route("**/*", answer)
