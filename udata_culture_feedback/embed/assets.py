"""The static parts of the widget and of the pages, under addresses that change with their content,
so that they may be kept for ever."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files

from flask import url_for

STATIC = files("udata_culture_feedback") / "static"

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@lru_cache(maxsize=32)
def content(name: str) -> bytes | None:
    """The bytes of a static part, None when there is no such part."""
    if "/" in name or name.startswith(".") or not name.endswith(tuple(TYPES)):
        return None
    part = STATIC / name
    return part.read_bytes() if part.is_file() else None


@cache
def version() -> str:
    """Sixteen hexadecimal digits of all parts together, so that one finds another beside it."""
    digest = hashlib.sha256()
    for part in sorted(part.name for part in STATIC.iterdir()):
        digest.update(content(part) or b"")
    return digest.hexdigest()[:16]


def path(name: str) -> str:
    """Where a part is, from where the loader is."""
    return f"static/{version()}/{name}"


def address(name: str, *, external: bool = False) -> str:
    """The immutable address of a static part."""
    return url_for("culture-feedback.static_part", version=version(), name=name, _external=external)
