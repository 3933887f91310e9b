"""The queue in groups: by author, by equal or nearly equal text, by the check that hit.

Groups are made of the first texts that the filters keep; each links to the queue filtered by it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.fuzz import ratio
from udata.i18n import lazy_gettext as _

from ..contributions.review_rules import REASONS
from ..people.viewer import Viewer
from ..web import refusals
from ..web.text_cleaning import excerpt
from . import queue
from .queue import Entry, Filters

BY = ("author", "text", "check")
#: The filters that groups are made of.
FILTERS = {"author", "like", "reason"}
#: Texts that are grouped, and groups shown, at most.
GROUPED, SHOWN = 1000, 20
#: How much of a text names its group.
SAMPLE = 120


@dataclass(frozen=True)
class Group:
    """Texts that go together. `filter`: the argument of the queue that keeps them, and its
    value."""

    label: str
    count: int
    filter: tuple[str, str]

    @property
    def value(self) -> str:
        """The value of the group in its form."""
        return ":".join(self.filter)


def chosen(values: list[str]) -> dict[str, str]:
    """Read groups from a form, as one filter that keeps the texts of all of them. Raise Invalid
    naming `items`."""
    groups = [value.partition(":") for value in values[:SHOWN]]
    names = {name for name, _colon, _value in groups}
    if len(names) != 1 or not names <= FILTERS:
        message = _("Choose one group at least.")
        raise refusals.Invalid(message, {"items": message})
    return {names.pop(): ",".join(value for _name, _colon, value in groups)}


def made(viewer: Viewer, filters: Filters, by: str) -> list[Group]:
    """Group the queue, the largest group first. One text alone makes a group only for a check."""
    entries = queue.all_of(viewer, filters, GROUPED)
    groups = {"author": _authors, "text": _texts, "check": _checks}[by](entries)
    return sorted(groups, key=lambda group: -group.count)[:SHOWN]


def _authors(entries: list[Entry]) -> list[Group]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if author := queue.author_of(entry):
            found.setdefault(author, []).append(entry)
    return [
        Group(_sample(some[0]), len(some), ("author", author))
        for author, some in found.items()
        if len(some) > 1
    ]


def _texts(entries: list[Entry]) -> list[Group]:
    """Group texts with the first one they are alike; equal texts are compared once."""
    firsts: dict[tuple[bool, str], Entry] = {}
    spoken: list[str] = []
    counts: Counter[tuple[bool, str]] = Counter()
    known: dict[tuple[bool, str], tuple[bool, str]] = {}
    for entry in entries:
        text, nameless = queue.said(entry), entry[0].nameless
        key = (nameless, text)
        if key not in known:
            # Where authors are not to be told apart, only equal texts go together.
            others = [] if nameless else spoken
            like = process.extractOne(text, others, scorer=ratio, score_cutoff=queue.ALIKE)
            known[key] = (nameless, like[0] if like else text)
            if not like:
                firsts[key] = entry
                others.append(text)
        counts[known[key]] += 1
    return [
        Group(_sample(firsts[key]), count, ("like", str(firsts[key][1]["_id"])))
        for key, count in counts.items()
        if count > 1
    ]


def _checks(entries: list[Entry]) -> list[Group]:
    why = Counter(
        one
        for moderated, item in entries
        for one in (item.get("review") or {}).get("why") or []
        if not moderated.nameless
    )
    return [
        Group(str(REASONS[one]), count, ("reason", one))
        for one, count in why.items()
        if one in REASONS
    ]


def _sample(entry: Entry) -> str:
    moderated, item = entry
    return excerpt(" — ".join(moderated.texts(item).values()), SAMPLE)
