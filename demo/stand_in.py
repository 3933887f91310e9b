"""Serves the stand-in front-end (``frontend/``): the part of cdata in the demo, not the product.

Pages are empty shells which an ES module fills from udata's public API.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import escape
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FRONTEND = Path(__file__).with_name("frontend")
LANGUAGES = ("fr", "en")
#: Cookie set by the header of the product, which is that of the portal here.
LANGUAGE_COOKIE = "culture-feedback-lang"
#: The product's pages, which need no JavaScript; those of a dataset and of an organization have the
#: same addresses as here.
PLAIN, NAMED = "/api/1/culture-feedback/pages/", ("dataset", "organization")

PAGES = Map(
    [
        Rule("/", endpoint="home"),
        Rule("/datasets", endpoint="datasets"),
        Rule("/datasets/<slug>", endpoint="dataset"),
        # The tab of cdata to which udata's mails and bell link; here it is a part of the page.
        Rule("/datasets/<slug>/discussions", endpoint="dataset"),
        Rule("/organizations/<slug>", endpoint="organization"),
        Rule("/login", endpoint="login"),
        Rule("/notifications", endpoint="notifications"),
        Rule("/demo/mails", endpoint="mails"),
        Rule("/demo/mails.json", endpoint="mails.json"),
        Rule("/assets/<path:name>", endpoint="asset"),
        Rule("/favicon.ico", endpoint="favicon"),
    ],
    strict_slashes=False,
)


class StandIn:
    """The front-end as a WSGI application.

    :param mails: the folder listed on ``/demo/mails``.
    :param is_logged_in: whether a request comes from somebody with an open session.
    """

    def __init__(self, mails: Path, is_logged_in: Callable[[Request], bool]) -> None:
        self.mails = mails
        self.is_logged_in = is_logged_in
        self.shell = (FRONTEND / "shell.html").read_text(encoding="utf-8")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response: Response | HTTPException = self._answer(request)
        except HTTPException as error:
            response = error
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        endpoint, values = PAGES.bind_to_environ(request.environ).match()
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(["GET", "HEAD"])
        match endpoint:
            case "asset":
                return _asset(values["name"])
            case "favicon":
                return redirect("/assets/icon.svg", 301)
            case "mails.json":
                return _json(
                    [_read_mail(mail) for mail in sorted(self.mails.glob("*.txt"), reverse=True)]
                )
            case page:
                return self._page(page, request, values.get("slug"))

    def _page(self, page: str, request: Request, slug: str | None) -> Response:
        wanted = request.args.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
        html = self.shell
        for name, value in {
            "page": page,
            "lang": wanted if wanted in LANGUAGES else LANGUAGES[0],
            "plain": f"{PLAIN}{page}s/{escape(slug)}/" if slug and page in NAMED else PLAIN,
            "session": "open" if self.is_logged_in(request) else "none",
        }.items():
            html = html.replace(f"{{{{ {name} }}}}", value)
        return Response(html, mimetype="text/html", headers={"Cache-Control": "no-store"})


def _asset(name: str) -> Response:
    path = (FRONTEND / name).resolve()
    if not path.is_relative_to(FRONTEND.resolve()) or not path.is_file():
        raise NotFound
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(path.read_bytes(), mimetype=kind, headers={"Cache-Control": "no-cache"})


def _json(content: object) -> Response:
    return Response(
        json.dumps(content, ensure_ascii=False),
        mimetype="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _read_mail(path: Path) -> dict[str, str]:
    """Read a mail written by the portal: its date, recipient, subject and text."""
    head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    return {
        "date": headers["Date"],
        "recipient": headers["To"],
        "subject": headers["Subject"],
        "text": text.strip(),
    }
