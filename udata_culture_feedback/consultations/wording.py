"""Texts in several languages: reading them, and choosing the one to show."""

from __future__ import annotations

from collections.abc import Mapping

from flask import current_app
from udata.i18n import get_locale
from udata.i18n import lazy_gettext as _

from ..web.payload import Payload
from ..web.refusals import Errors
from ..web.text_cleaning import clean

#: `{language: text}`.
Texts = dict[str, str]

#: The languages of the team's forms.
FORM_LANGUAGES = ("fr", "en")


class Words(str):
    """A text that knows its language, for pages to declare it."""

    lang: str | None

    def __new__(cls, text: str, lang: str | None = None) -> Words:
        words = super().__new__(cls, text)
        words.lang = lang
        return words


def texts_of(form: Mapping[str, str], name: str) -> Texts:
    """Read the fields `<name>.<language>` of a form."""
    found = {language: form.get(f"{name}.{language}") for language in FORM_LANGUAGES}
    return {language: text for language, text in found.items() if text}


def said(texts: Texts | None) -> Words:
    """Return a text in the requested language; otherwise in the portal's; otherwise in any."""
    texts = texts or {}
    for language in (get_locale(), current_app.config["DEFAULT_LANGUAGE"], *FORM_LANGUAGES):
        if texts.get(language):
            return Words(texts[language], language)
    return next((Words(text, language) for language, text in texts.items() if text), Words(""))


def read_texts(
    payload: Payload,
    field: str,
    longest: int,
    errors: Errors,
    *,
    required: bool = False,
    one_line: bool = True,
    name: str | None = None,
) -> Texts:
    """Read a text per language: `{"fr": "…", "en": "…"}`, or a plain one in the portal's language.
    Empty ones are left out; errors are named `name` (or the field)."""
    value = payload.get(field)
    name = name or field
    if isinstance(value, str):
        value = {current_app.config["DEFAULT_LANGUAGE"]: value}
    if value is None:
        value = {}
    known = current_app.config["LANGUAGES"]
    if not isinstance(value, dict) or not all(
        language in known and (text is None or isinstance(text, str))
        for language, text in value.items()
    ):
        errors[name] = _("A text, or an object: language to text.")
        return {}
    texts = {language: clean(text or "") for language, text in value.items()}
    if one_line:
        texts = {language: " ".join(text.split()) for language, text in texts.items()}
    texts = {language: text for language, text in texts.items() if text}
    if any(len(text) > longest for text in texts.values()):
        length = max(map(len, texts.values()))
        errors[name] = _(
            "%(length)d characters: %(longest)d at most.", length=length, longest=longest
        )
    elif required and not texts:
        errors[name] = _("This cannot be empty.")
    return texts
