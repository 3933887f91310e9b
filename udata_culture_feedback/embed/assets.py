"""The static parts of the widget and of the pages, each under an address that changes with its
content, so that it may be kept for ever."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files

from flask import url_for

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@lru_cache(maxsize=32)
def content(name: str) -> bytes | None:
    """The bytes of a static part, None when there is no such part."""
    if "/" in name or name.startswith(".") or not name.endswith(tuple(TYPES)):
        return None
    path = files("udata_culture_feedback") / "static" / name
    return path.read_bytes() if path.is_file() else None


def version(name: str) -> str:
    """Sixteen hexadecimal digits of the content."""
    return hashlib.sha256(content(name) or b"").hexdigest()[:16]


def address(name: str, *, external: bool = False) -> str:
    """The immutable address of a static part."""
    return url_for(
        "culture-feedback.static_part", version=version(name), name=name, _external=external
    )
