"""Check for what makes a text wait for a moderator, or its author think twice: exact rules, each of
which says where in the text it applies.

Here and not in `moderation`, which domains do not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from babel.lists import format_list
from flask import current_app
from flask_babel import get_locale
from langdetect import detect
from langdetect.lang_detect_exception import LangDetectException
from udata.core.spam.models import SpamMixin
from udata.i18n import lazy_gettext as _

from ..search.terms import fold
from . import personal_data as personal
from .personal_data.reading import Finding
from .regional_languages import is_regional

_LINK = re.compile(r"(?<!\w)(?:(?:https?|ftps?)://|www\.)[^\s<>\"«»]+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def links(text: str) -> Iterator[Finding]:
    """Yield each link, where there are more than the settings allow."""
    found = [Finding(*match.span(), "links") for match in _LINK.finditer(text)]
    if len(found) > current_app.config["CULTURE_FEEDBACK_MAX_LINKS"]:
        yield from found


def spam(text: str) -> Iterator[Finding]:
    """Yield the words of udata's `SPAM_WORDS` found in a text, as whole words and regardless of
    accents; without any, the whole text where its language is none of `SPAM_ALLOWED_LANGS`."""
    found = [finding for phrase in SpamMixin.spam_words() for finding in _said(phrase, text)]
    yield from found
    if not found and _is_foreign(text):
        yield Finding(0, len(text), "language")


def _said(phrase: str, text: str) -> Iterator[Finding]:
    """Yield each occurrence of a phrase in a text, word by word."""
    wanted = [fold(word) for word in _WORD.findall(phrase)]
    if not wanted:  # « $$$ »
        for match in re.finditer(re.escape(phrase), text) if phrase else ():
            yield Finding(*match.span(), "spam_words")
        return
    words = [(fold(match[0]), match.span()) for match in _WORD.finditer(text)]
    for at in range(len(words) - len(wanted) + 1):
        said = words[at : at + len(wanted)]
        if [word for word, _span in said] == wanted:
            yield Finding(said[0][1][0], said[-1][1][1], "spam_words")


def _is_foreign(text: str) -> bool:
    """Return whether a text is in a language that the portal does not speak, as udata does; the
    regional languages of France are allowed everywhere."""
    allowed = SpamMixin.allowed_langs()
    if not allowed or len(text) <= SpamMixin.minimum_string_length_for_lang_check():
        return False
    try:
        return detect(text.lower()) not in allowed and not is_regional(text)
    except LangDetectException:  # nothing but addresses, digits and punctuation
        return False


#: Checks of personal data: the author is warned before sending.
PERSONAL = personal.KINDS
_OTHERS: dict[str, Callable[[str], Iterator[Finding]]] = {"links": links, "spam_words": spam}

#: The labels of findings. `repeated` is found by `review_rules`, `language` by `spam`.
LABELS = {
    "email": _("an e-mail address"),
    "phone": _("a telephone number"),
    "nir": _("a social security number"),
    "iban": _("a bank account number"),
    "payment_card": _("a payment card number"),
    "postal_address": _("a postal address"),
    "links": _("many links"),
    "spam_words": _("words of spam"),
    "language": _("a language that this portal does not speak"),
    "repeated": _("the same text elsewhere"),
}


def personal_data(text: str) -> list[Finding]:
    """Return the possible personal data in a text, in its order; `soft` where it seems to be an
    institution's own."""
    return personal.find(text)


def findings(text: str) -> list[Finding]:
    """Return the findings of all checks that the settings enable, in the order of the text."""
    kept = current_app.config["CULTURE_FEEDBACK_CHECKS"]
    others = {one for id, check in _OTHERS.items() if id in kept for one in check(text)}
    return sorted(others | {one for one in personal_data(text) if one.check in kept})


def inspect(text: str) -> list[Finding]:
    """Return the findings that make a text wait: not an institution's own details."""
    return hard(findings(text))


def hard(findings: Iterable[Finding]) -> list[Finding]:
    """Leave out an institution's own details."""
    return [finding for finding in findings if not finding.soft]


def in_words(findings: Iterable[Finding]) -> str:
    """Name what was found, each kind once: "an e-mail address and a telephone number"."""
    kinds = dict.fromkeys(finding.check for finding in findings)
    return _listed(str(LABELS[kind]) for kind in kinds)


def quoted(text: str, findings: Iterable[Finding]) -> str:
    """Quote the words that were found, each once."""
    words = dict.fromkeys(text[finding.start : finding.end] for finding in findings)
    return _listed(str(_("“%(words)s”", words=one)) for one in words)


def _listed(parts: Iterable[str]) -> str:
    return format_list(list(parts), locale=get_locale() or "en")
