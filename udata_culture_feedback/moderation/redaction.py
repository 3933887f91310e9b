"""Blacking out: the chosen words are replaced by a fixed placeholder, and the rest stays as
written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import current_app
from udata.i18n import lazy_gettext as _

from ..contributions import text_checks
from ..web import refusals
from ..web.languages import speaking
from ..web.untyped import Payload

#: Shortest string that can be chosen: a single letter would be blacked out everywhere.
SHORTEST = 3


@dataclass(frozen=True)
class Choice:
    """What to black out: `strings` wherever they occur, `ranges` (field, start, end), and with
    `found` what the checks take for personal data, except an institution's own contact details."""

    strings: tuple[str, ...] = ()
    ranges: tuple[tuple[str, int, int], ...] = ()
    found: bool = False

    def __bool__(self) -> bool:
        return bool(self.strings or self.ranges or self.found)


@dataclass
class Redacted:
    """The result of blacking out: `texts` by field, and the `strings` that were removed."""

    texts: dict[str, str] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)


def black_out(texts: dict[str, str], choice: Choice) -> Redacted:
    """Replace the chosen words in each text. Raise Invalid where none of them occurs."""
    redacted = Redacted()
    for name, text in texts.items():
        spans = _merged(_spans(name, text, choice))
        redacted.strings += [text[start:end] for start, end in spans]
        for start, end in reversed(spans):
            text = text[:start] + placeholder() + text[end:]
        redacted.texts[name] = text
    if not redacted.strings:
        message = _("These words are not there. Choose what to black out.")
        raise refusals.Invalid(message, {"strings": message})
    return redacted


def placeholder() -> str:
    """Return « [donnée personnelle occultée] », in the portal's language whoever reads it."""
    with speaking(current_app.config["DEFAULT_LANGUAGE"]):
        return str(_("[personal data blacked out]"))


def read(payload: Payload) -> Choice:
    """Read the choice from a JSON body: `strings`, `ranges` ([{field, start, end}]), `found`. Raise
    Invalid naming the field."""
    strings, ranges = payload.get("strings") or [], payload.get("ranges") or []
    if not isinstance(strings, list) or not all(_is_choosable(one) for one in strings):
        message = _("A list of texts of %(n)d characters at least.", n=SHORTEST)
        raise refusals.Invalid(message, {"strings": message})
    if not isinstance(ranges, list) or not all(_is_range(one) for one in ranges):
        message = _("A list of objects: field, start, end.")
        raise refusals.Invalid(message, {"ranges": message})
    return Choice(
        tuple(dict.fromkeys(strings)),
        tuple((one["field"], one["start"], one["end"]) for one in ranges),
        payload.get("found") is True,
    )


def _is_choosable(value: Any) -> bool:
    return isinstance(value, str) and SHORTEST <= len(value.strip()) <= 1000


def _is_range(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("field"), str):
        return False
    start, end = value.get("start"), value.get("end")
    if isinstance(start, bool) or isinstance(end, bool):
        return False
    return isinstance(start, int) and isinstance(end, int) and 0 <= start <= end - SHORTEST


def _spans(name: str, text: str, choice: Choice) -> list[tuple[int, int]]:
    spans = [
        (start, min(end, len(text)))
        for where, start, end in choice.ranges
        if where == name and start < len(text)
    ]
    for string in choice.strings:
        start = text.find(string)
        while start >= 0:
            spans.append((start, start + len(string)))
            start = text.find(string, start + len(string))
    if choice.found:
        found = text_checks.personal_data(text)
        spans += [(finding.start, finding.end) for finding in found if not finding.soft]
    return spans


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge spans that overlap, in the order of the text."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
