"""Which language we speak: of the request, of a reader, of the portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app, g, request
from flask_babel import refresh
from udata.i18n import get_locale

from ..vocabulary import LANGUAGES, Texts


def choose_for_request() -> None:
    """Sets the language of a page: `?lang=` where it is one of the portal's, otherwise the user's
    or the portal's. udata does this for its API only, and any other value would be a 500."""
    asked = request.args.get("lang", "").replace("_", "-").split("-")[0].lower()
    if asked in current_app.config["LANGUAGES"]:
        g.lang_code = asked
        refresh()
    else:
        g.lang_code = get_locale()


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Translates into `lang` inside the block. udata's own `language` does not restore the language
    when the block raises, which in an eager task would change that of the request."""
    before = g.get("lang_code")
    g.lang_code = lang
    refresh()
    try:
        yield
    finally:
        g.lang_code = before
        refresh()


def in_languages(label: Any) -> dict[str | None, str]:
    """Return a label of a vocabulary by language; a plain text of the settings under None."""
    if isinstance(label, str):
        return {None: label}
    found: dict[str | None, str] = {}
    if isinstance(label, Texts):
        found.update(label.texts)
        return found
    for lang in LANGUAGES:
        with speaking(lang):
            found[lang] = str(label)
    return found
