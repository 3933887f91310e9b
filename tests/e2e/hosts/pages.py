"""Puts the front-ends of this folder in the place of the portal's own, on its address: what is
under `/api` stays udata's."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Route

from ..visitor import COMMENTED, EMPTY, Visitor

HERE = Path(__file__).parent

#: Nothing but files of the portal: no inline script or style.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'"
)
EMBED = "/api/1/culture-feedback/embed.js"
KINDS = {".js": "text/javascript", ".css": "text/css"}


def settle_in(somebody: Visitor, flavour: str, script: str = "", at: str = EMBED) -> None:
    """From now on `somebody` sees that front-end; `script`: attributes of our script tag."""
    slugs = [somebody.portal.slugs[COMMENTED], somebody.portal.slugs[EMPTY]]
    tag = f'<script type="module" src="{at}" {script}></script>'
    page = (HERE / f"{flavour}.html").read_text("utf-8").replace("<!-- loader -->", tag)

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(somebody.portal.url).split("?")[0]
        if not route.request.url.startswith(somebody.portal.url) or path.startswith("/api/"):
            route.fallback()
        elif path.startswith("/hosts/"):
            name = Path(path).name
            body = (HERE / name).read_text("utf-8") if (HERE / name).exists() else "a,b\n"
            body = body.replace('["one", "two"]', json.dumps(slugs))
            kind = KINDS.get(Path(name).suffix, "text/csv")
            route.fulfill(body=body, content_type=kind)
        else:
            route.fulfill(
                body=page,
                content_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": POLICY},
            )

    somebody.context.route("**/*", answer)
