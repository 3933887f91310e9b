"""Clean what people type before it is stored; escaping is done at output."""

from __future__ import annotations

import re
import unicodedata

#: Line separators: vertical tab, form feed, next line, the separators of Unicode and of old
#: files. Without them, two words would become one.
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
#: Control characters except tab and newline; bidirectional overrides and isolates, which can make a
#: text show something else than it says; invisible characters that only defeat filters. The
#: zero-width joiners stay: scripts and emoji need them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_DEBRIS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*")
_BLANK_LINES = re.compile(r"\n{4,}")
#: The C1 characters of a text in Windows-1252 that was read as Latin-1: « l\x92année ».
_WINDOWS = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code
    not in (0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D)  # a line end, and codes that it leaves undefined
}
#: Categories of invisible characters: controls, formats, spaces, marks without a letter; and the
#: invisible letters and symbols (Hangul fillers, the empty pattern of Braille).
_NO_INK = frozenset(("Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"))
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def clean(text: str) -> str:
    """Return a text as we store it: NFC, Unix newlines, no unwanted characters, no lone surrogates
    (which MongoDB refuses), trimmed; empty where nothing of it is visible."""
    text = _LINE_ENDS.sub("\n", text).translate(_WINDOWS)
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _UNWANTED.sub("", unicodedata.normalize("NFC", text))
    text = _BLANK_LINES.sub("\n\n\n", text).strip()
    return text if _has_ink(text) else ""


def is_invisible(text: str) -> bool:
    """Return whether a text was typed and nothing of it is visible. Controls and direction marks
    alone are debris of a program: as good as no text."""
    return not _has_ink(text) and not _DEBRIS.fullmatch(text)


def _has_ink(text: str) -> bool:
    return any(char not in _FILLERS and unicodedata.category(char) not in _NO_INK for char in text)


def excerpt(text: str, length: int) -> str:
    """Return the beginning of a text on one line, cut at a word where one ends near, with an
    ellipsis."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    space = line.rfind(" ", 0, length)
    return line[: space if space > length // 2 else length - 1].rstrip(" ,;:.") + "…"


def is_storable(text: str) -> bool:
    """Return whether MongoDB can be queried for a text: JSON may carry half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


#: The parts of a page to leave as they are: tags, form texts, scripts.
_NOT_SET = re.compile(r"(<textarea\b.*?</textarea>|<script\b.*?</script>|<[^>]*>)", re.DOTALL)
_BEFORE = re.compile(r"(?<=\S) (?=[:;?!»](?:[\s.,)]|$))")
_AFTER = re.compile(r"« ")
_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}\b)|(?<=\d) (?=%)")


def french_spaces(text: str) -> str:
    """Return a French text with non-breaking spaces where typography wants them: before tall
    punctuation, inside quotation marks, in numbers."""
    text = _AFTER.sub("«\u00a0", _BEFORE.sub("\u00a0", text))
    return _THOUSANDS.sub("\u00a0", text)


def set_french_page(html: str) -> str:
    """Return a page with `french_spaces` applied to its texts: not to tags, nor to what is being
    typed."""
    parts = _NOT_SET.split(html)
    parts[::2] = [french_spaces(part) if " " in part else part for part in parts[::2]]
    return "".join(parts)
