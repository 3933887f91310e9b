"""Choose the language: of a request, of a reader, of the portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app, g, request
from flask_babel import refresh
from udata.auth import current_user
from udata.i18n import get_locale

from ..vocabulary import LANGUAGES, Texts

#: The cookie with the language chosen in the frame of a whole page.
COOKIE = "culture-feedback-lang"


def choose_for_request(*, alone: bool) -> None:
    """Set the language of a page: `?lang=` where it is one of the portal's; then, for a page that
    stands `alone`, the user's choice (a cookie), the language of their account, the one of ours
    that their browser prefers; otherwise that of the account or the portal. udata does this for its
    API only, and any other value would be a 500."""
    asked = _known(request.args.get("lang"))
    if asked is None and alone:
        asked = (
            _known(request.cookies.get(COOKIE))
            or _known(getattr(current_user, "prefered_language", None))
            or request.accept_languages.best_match(_offered())
        )
    g.lang_code = asked or get_locale()
    refresh()


def _known(language: str | None) -> str | None:
    """Return the code of a language that the portal has; None for any other."""
    code = (language or "").replace("_", "-").split("-")[0].lower()
    return code if code in current_app.config["LANGUAGES"] else None


def _offered() -> list[str]:
    """Return those of our languages that the portal has, its default first: it wins where the
    browser accepts anything."""
    default = current_app.config["DEFAULT_LANGUAGE"]
    offered = [code for code in LANGUAGES if code in current_app.config["LANGUAGES"]]
    return sorted(offered, key=lambda code: code != default)


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Translate into `lang` inside the block. udata's own `language` does not restore the language
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
