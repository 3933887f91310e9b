"""Figures and answers as the templates show them: everything computed here, in words too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import format_percent

from ..vocabulary import Axis, Term, vocabularies
from .summaries import BEFORE, as_json


@dataclass(frozen=True)
class Share:
    """One bar: how many of how many, in percent for its length."""

    term: Term
    count: int
    of: int

    @property
    def percent(self) -> float:
        return round(100 * self.count / self.of, 2) if self.of else 0

    @property
    def words(self) -> str:
        return format_percent(self.count / self.of) if self.of else format_percent(0)


@dataclass(frozen=True)
class Segment:
    """One step of an axis in its stacked bar, in percent."""

    step: int
    label: str
    count: int
    start: float
    width: float


@dataclass(frozen=True)
class AxisShares:
    """The answers on one axis."""

    axis: Axis
    count: int
    segments: list[Segment]

    @property
    def commonest(self) -> Segment:
        """The step most people chose; of several, the middle one, so that ties favour nobody."""
        most = max(segment.count for segment in self.segments)
        tied = [segment for segment in self.segments if segment.count == most]
        return tied[(len(tied) - 1) // 2]


class SummaryView:
    """A summary of a dataset for its page."""

    def __init__(self, stored: dict[str, Any]):
        figures = as_json(stored)
        lists = vocabularies()
        totals = stored.get("totals") or {}
        self.total: int = figures["total"]
        self.commented: int = figures["commented"]
        self.outdated: int = figures["outdated"]
        self.worded: int = totals.get("words", 0)
        self.waiting: int = totals.get("waiting", 0)
        self.data_updated_at = stored.get("data_updated_at")
        self.fitness = [
            Share(term, figures["fitness"][term.id], self.total) for term in lists["fitness"]
        ]
        self.axes = [
            _axis(axis, figures["axes"][axis.id]["distribution"])
            for axis in lists["axes"]
            if figures["axes"][axis.id]["count"]
        ]
        self.before = totals.get(f"{BEFORE}total", 0)


def _axis(axis: Axis, distribution: list[int]) -> AxisShares:
    count = sum(distribution)
    segments, start = [], 0.0
    for step, n in enumerate(distribution, start=1):
        width = 100 * n / count
        segments.append(
            Segment(step, str(axis.steps[step - 1]), n, round(start, 2), round(width, 2))
        )
        start += width
    return AxisShares(axis, count, segments)


def typed_answer(mine: dict[str, Any] | None, payload: dict[str, Any] | None) -> dict[str, Any]:
    """What the form shows: what was just typed, otherwise one's stored answer, otherwise nothing."""
    answer = {
        "fitness": None,
        "ratings": {},
        "comment": "",
        "wants_answer": False,
        "usages": [],
        "profile": None,
        "signature": "name",
    }
    if mine:
        contributor = mine["contributor"]
        signature = "name" if contributor.get("name") else "none"
        if contributor.get("organization"):
            signature = str(contributor["organization"])
        answer |= {key: mine[key] for key in answer if mine.get(key) is not None}
        answer["signature"] = signature
    if payload:
        answer |= {key: value for key, value in payload.items() if key in answer and value}
    return answer
