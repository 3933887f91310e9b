"""Serve the static parts of the widget and of the pages, under addresses that change with their
content, so that they may be cached for ever; without comments, compressed once per process."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache, lru_cache
from importlib.resources import files

import brotli
import rcssmin
import rjsmin
from flask import Response, request, url_for
from markupsafe import Markup

from ..urls import own_url

STATIC = files("udata_culture_feedback") / "web" / "static"

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@lru_cache(maxsize=32)
def content(name: str) -> bytes | None:
    """Return the bytes of a static part; None when there is no such part."""
    if "/" in name or name.startswith(".") or not name.endswith(tuple(TYPES)):
        return None
    part = STATIC / name
    if not part.is_file():
        return None
    return _minified(part.read_text(encoding="utf-8"), name[name.rindex(".") :]).encode()


def style(sheet: str) -> Markup:
    """Return a stylesheet for a page that carries it along: with nothing that ends the element."""
    return Markup((content(f"{sheet}.css") or b"").decode().replace("</", "<\\/"))


def _minified(source: str, suffix: str) -> str:
    """Return a script or stylesheet without its comments and needless spaces; `/*!` stays."""
    if suffix == ".css":
        return rcssmin.cssmin(source)
    return rjsmin.jsmin(source, keep_bang_comments=True)


#: The stylesheets of whole pages, in their order.
SHEETS = ("tokens", "core", "widget", "forms", "parts", "page")

#: The encodings of a compressed response, best first.
CODINGS = ("br", "gzip")


@lru_cache(maxsize=64)
def compressed(body: bytes, coding: str) -> bytes:
    """Compress a body that is requested often: as small as possible, once."""
    return brotli.compress(body) if coding == "br" else gzip.compress(body, mtime=0)


def compress(response: Response, *, often: bool = True) -> Response:
    """Compress a response as its client accepts it; `often`: cache the result for the next one. Its
    ETag becomes weak, since the bytes change and the meaning does not."""
    response.vary.add("Accept-Encoding")
    coding = next((one for one in CODINGS if request.accept_encodings[one] > 0), None)
    if coding is None or response.status_code != 200 or response.content_encoding:
        return response
    body = response.get_data()
    if often:
        body = compressed(body, coding)
    else:
        body = brotli.compress(body, quality=5) if coding == "br" else gzip.compress(body, 5)
    response.set_data(body)
    response.content_encoding = coding
    etag, _weak = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)
    return response


@cache
def version() -> str:
    """Return sixteen hexadecimal digits for all parts together, so that parts find each other under
    one version."""
    digest = hashlib.sha256()
    for part in sorted(part.name for part in STATIC.iterdir()):
        digest.update(content(part) or b"")
    return digest.hexdigest()[:16]


def address(name: str, *, external: bool = False) -> str:
    """Return the immutable address of a static part."""
    build = own_url if external else url_for
    return build("culture-feedback.static_part", version=version(), name=name)
