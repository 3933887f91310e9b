"""Normalise a text for the finders: one space, one hyphen, one apostrophe, ASCII digits, no
accents. Each character knows its position in what was typed."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_APOSTROPHES = "\u2018\u2019\u201b\u02bc\u2032\u00b4`"


@dataclass(frozen=True, order=True)
class Finding:
    """A finding of one check: the characters from `start` up to `end`. `soft`: an institution's own
    details, which hold nothing back."""

    start: int
    end: int
    check: str
    soft: bool = False

    def as_json(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {"check": self.check, "start": self.start, "end": self.end}
        return found | {"soft": True} if self.soft else found


@dataclass(frozen=True)
class Reading:
    """A normalised `text`; `positions`: of each of its characters in what was typed."""

    text: str
    positions: tuple[int, ...]

    @classmethod
    def of(cls, typed: str) -> Reading:
        """Normalise what was typed."""
        kept = [(read, at) for at, char in enumerate(typed) if (read := _read(char))]
        return cls("".join(read for read, _at in kept), tuple(at for _read, at in kept))

    def finding(self, check: str, start: int, end: int, *, soft: bool = False) -> Finding:
        """Return a finding in the normalised text, with its position in what was typed."""
        return Finding(self.positions[start], self.positions[end - 1] + 1, check, soft)


@lru_cache(maxsize=4096)
def _read(char: str) -> str:
    """Normalise a character: one character, or none where it is invisible."""
    if char.isascii():
        return " " if char in "\t\r" else char
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me"):
        return ""
    if category == "Zs":
        return " "
    if category == "Pd" or char in "\u2212\u2043":
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if char in _APOSTROPHES:
        return "'"
    decomposed = unicodedata.normalize("NFKD", char)
    return decomposed[0] if all(map(unicodedata.combining, decomposed[1:])) else char
