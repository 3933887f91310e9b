"""The queue in groups: by author, by equal or nearly equal text, by the check that hit.

Groups are made of the first texts that the filters keep; each links to the queue filtered by it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.fuzz import ratio

from ..contributions.review_rules import REASONS
from ..people.viewer import Viewer
from ..web.text_cleaning import excerpt
from . import queue
from .queue import Entry, Filters

BY = ("author", "text", "check")
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
    firsts: dict[str, Entry] = {}
    counts: Counter[str] = Counter()
    known: dict[str, str] = {}
    for entry in entries:
        text = queue.said(entry)
        if text not in known:
            like = process.extractOne(text, firsts.keys(), scorer=ratio, score_cutoff=queue.ALIKE)
            known[text] = like[0] if like else text
            if not like:
                firsts[text] = entry
        counts[known[text]] += 1
    return [
        Group(_sample(firsts[text]), count, ("like", str(firsts[text][1]["_id"])))
        for text, count in counts.items()
        if count > 1
    ]


def _checks(entries: list[Entry]) -> list[Group]:
    why = Counter(
        one for _kind, item in entries for one in (item.get("review") or {}).get("why") or []
    )
    return [
        Group(str(REASONS[one]), count, ("reason", one))
        for one, count in why.items()
        if one in REASONS
    ]


def _sample(entry: Entry) -> str:
    moderated, item = entry
    return excerpt(" — ".join(moderated.texts(item).values()), SAMPLE)
