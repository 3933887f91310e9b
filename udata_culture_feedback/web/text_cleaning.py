"""Clean what people type before it is stored; escaping is done at output."""

from __future__ import annotations

import re
import unicodedata

#: What separates lines: vertical tab, form feed, next line, the separators of Unicode and of old
#: files. Taken away, two words would become one.
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
    if code not in (0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D)  # the end of a line, and what it lacks
}
#: Categories of what leaves no ink: controls, formats, spaces, marks without a letter; and the
#: letters and symbols that leave none (Hangul fillers, the empty pattern of Braille).
_NO_INK = frozenset(("Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs"))
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def clean(text: str) -> str:
    """Return a text as we store it: NFC, Unix newlines, no unwanted characters, no lone surrogates
    (which MongoDB refuses), trimmed; empty where nothing of it can be seen."""
    text = _LINE_ENDS.sub("\n", text).translate(_WINDOWS)
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _UNWANTED.sub("", unicodedata.normalize("NFC", text))
    text = _BLANK_LINES.sub("\n\n\n", text).strip()
    return text if _has_ink(text) else ""


def is_invisible(text: str) -> bool:
    """Tell whether somebody has typed what nobody can see. Controls and marks of direction alone
    are debris of a program: as good as no text."""
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
    """Tell whether MongoDB can be asked for a text: JSON may carry half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


#: What of a page is no text to be set: tags, and what is typed or run as it is.
_NOT_SET = re.compile(r"(<textarea\b.*?</textarea>|<script\b.*?</script>|<[^>]*>)", re.DOTALL)
_BEFORE = re.compile(r"(?<=\S) (?=[:;?!»](?:[\s.,)]|$))")
_AFTER = re.compile(r"« ")
_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}\b)|(?<=\d) (?=%)")


def french_spaces(text: str) -> str:
    """Return a French text with spaces that do not break where typography wants them: before the
    tall signs, inside quotation marks, in numbers."""
    text = _AFTER.sub("«\u00a0", _BEFORE.sub("\u00a0", text))
    return _THOUSANDS.sub("\u00a0", text)


def set_french_page(html: str) -> str:
    """Return a page with `french_spaces` in its texts: not in tags, nor in what is being typed."""
    parts = _NOT_SET.split(html)
    parts[::2] = [french_spaces(part) if " " in part else part for part in parts[::2]]
    return "".join(parts)
