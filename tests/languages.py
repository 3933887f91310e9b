"""Find sentences of ours that stand in the other language on a page."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

FRENCH = Path(__file__).parents[1] / "translations/fr/LC_MESSAGES/udata-culture-feedback.po"

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
#: Letters of what is left of a sentence around what is filled in, to be recognised by it.
LEAST = 14


@cache
def catalogue() -> list[tuple[str, str]]:
    """Every message in English and French, singular and plural apart, that differs in both."""
    with FRENCH.open("rb") as file:
        messages = [message for message in read_po(file, locale="fr") if message.id]
    pairs = [
        pair
        for message in messages
        for pair in (
            [(message.id, message.string)]
            if isinstance(message.id, str)
            else zip(message.id, message.string, strict=True)
        )
    ]
    return [(english, french) for english, french in pairs if english != french]


@cache
def _sought(other: int) -> tuple[frozenset[str], list[str]]:
    """Return whole lines of the other language, and the longest parts of its sentences in which
    something is filled in; `other`: 0 for English, 1 for French."""
    own = {pair[1 - other] for pair in catalogue()}
    together = "\n".join(own)
    lines, parts = set[str](), list[str]()
    for pair in catalogue():
        part = max(PLACEHOLDER.split(pair[other]), key=len).strip()
        if "%(" not in pair[other]:
            lines.add(pair[other].strip())
        elif len(part) >= LEAST and part not in together:
            parts.append(part)
    return frozenset(line for line in lines - own if len(line) > 3), parts


def english_in(page: str) -> list[str]:
    """Return the sentences that a French page, given as HTML, has in English."""
    return _left(page, 0)


def french_in(page: str) -> list[str]:
    """Return the sentences that an English page, given as HTML, has in French."""
    return _left(page, 1)


def _left(page: str, other: int) -> list[str]:
    shown = re.sub(r"<textarea.*?</textarea>", "", page, flags=re.S)  # typed by people
    text = html.unescape(re.sub(r"<[^>]*>", "\n", shown)).replace("\u00a0", " ")
    lines, parts = _sought(other)
    whole = sorted(lines & {line.strip() for line in text.splitlines()})
    return whole + [part for part in parts if part in text]
