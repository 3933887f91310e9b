"""The static parts of the widget and of the pages, under addresses that change with their content,
so that they may be kept for ever; without their comments, and compressed once by each process."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache, lru_cache
from importlib.resources import files

import brotli
from flask import Response, request, url_for

STATIC = files("udata_culture_feedback") / "web" / "static"

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@lru_cache(maxsize=32)
def content(name: str) -> bytes | None:
    """The bytes of a static part, None when there is no such part."""
    if "/" in name or name.startswith(".") or not name.endswith(tuple(TYPES)):
        return None
    part = STATIC / name
    if not part.is_file():
        return None
    return _lean(part.read_text(encoding="utf-8"), name[name.rindex(".") :]).encode()


def _lean(source: str, suffix: str) -> str:
    """A script or stylesheet of ours without what only its readers need: comments and spaces. Texts
    of ours do not go over several lines, and comments at the end of a line quote nothing."""
    source = re.sub(r"^\s*/\*(?! settings).*?\*/\n", "", source, flags=re.MULTILINE | re.DOTALL)
    dense = _dense_style if suffix == ".css" else _dense_script
    lines = (re.sub(r"\s*// [^\"'`]*$|^//.*", "", line.strip()) for line in source.splitlines())
    lean = "\n".join(dense(line) for line in lines if line)
    # After these no statement could end, nor a line have a comment.
    return re.sub(r"(?<=[;{,])\n(?!//)", "", lean)


def _dense_style(line: str) -> str:
    return re.sub(r" ?([{};,]) ?|(:) ", r"\1\2", line)


def _dense_script(line: str) -> str:
    """But for what is quoted; and a line that may have a template or a pattern stays as it is."""
    if re.search(r"[`'/]", line):
        return line
    parts = re.split(r'("(?:[^"\\]|\\.)*")', line)
    parts[::2] = [re.sub(r" ?([=?:,;{}|&<>!]) ?", r"\1", part) for part in parts[::2]]
    return "".join(parts)


#: How an answer may be compressed, best first.
CODINGS = ("br", "gzip")


@lru_cache(maxsize=64)
def compressed(body: bytes, coding: str) -> bytes:
    """For what is asked for again and again: as small as can be, made once."""
    return brotli.compress(body) if coding == "br" else gzip.compress(body, mtime=0)


def compress(response: Response, *, often: bool = True) -> Response:
    """The same answer as small as its reader can take it; `often`: it is kept for the next one. Its
    ETag becomes a weak one, as the meaning stays and the bytes do not."""
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
    """Sixteen hexadecimal digits of all parts together, so that one finds another beside it."""
    digest = hashlib.sha256()
    for part in sorted(part.name for part in STATIC.iterdir()):
        digest.update(content(part) or b"")
    return digest.hexdigest()[:16]


def address(name: str, *, external: bool = False) -> str:
    """The immutable address of a static part."""
    return url_for("culture-feedback.static_part", version=version(), name=name, _external=external)
