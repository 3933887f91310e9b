"""Cleaning what people type before it is stored; escaping is done at output."""

from __future__ import annotations

import re
import unicodedata

#: Control characters except tab and newline; bidirectional overrides and isolates, which can make a
#: text show something else than it says; invisible characters that only defeat filters. The
#: zero-width joiners stay: scripts and emoji need them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_BLANK_LINES = re.compile(r"\n{4,}")


def clean(text: str) -> str:
    """A text as we store it: NFC, Unix newlines, no unwanted characters, no lone surrogates (which
    MongoDB refuses), trimmed."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _UNWANTED.sub("", unicodedata.normalize("NFC", text))
    return _BLANK_LINES.sub("\n\n\n", text).strip()


def excerpt(text: str, length: int) -> str:
    """The beginning of a text on one line, cut at a word where one ends near, with an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    space = line.rfind(" ", 0, length)
    return line[: space if space > length // 2 else length - 1].rstrip(" ,;:.") + "…"


def is_storable(text: str) -> bool:
    """Whether MongoDB can be asked for a text: JSON may carry half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
