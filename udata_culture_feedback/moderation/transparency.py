"""What the public is told of moderation: how many decisions, month by month, of which kind and for
which reason; how many flags and appeals, and what became of these.

The journal only grows, so a month that is over is counted once and for all; the current one is
counted from an index that holds all it takes.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from .. import vocabulary
from ..portal.collections import now
from .models import Outcome, appeals, journal, past_months

#: How long after its end a month may still change: a decision that a crash kept from the journal.
SETTLED_AFTER = timedelta(days=2)
#: Months that are shown.
SHOWN = 24


def as_json(at: datetime | None = None) -> dict[str, Any]:
    """`GET P/transparency/`: `months`, the latest first, with the words of the vocabulary."""
    moment = at or now()
    shown = _months(moment)
    kept = {one["_id"]: one["decisions"] for one in past_months().find({"_id": {"$in": shown}})}
    contested = _appeals(shown)
    months = [
        _month(
            month,
            kept[month] if month in kept else _counted(month, moment),
            contested.get(month, Counter()),
        )
        for month in shown
    ]
    return {
        "months": [month for month in months if month["total"] or month["appeals"]["received"]],
        "decisions": [term.as_json() for term in vocabulary.MODERATION_DECISIONS],
        "reasons": [term.as_json() for term in vocabulary.MODERATION_REASONS],
    }


def _month(month: str, decisions: list[dict[str, Any]], contested: Counter[str]) -> dict[str, Any]:
    return {
        "month": month,
        "total": sum(one["count"] for one in decisions),
        "decisions": decisions,
        "appeals": {
            "received": contested.total(),
            "upheld": contested[Outcome.UPHELD],
            "dismissed": contested[Outcome.DISMISSED],
        },
    }


def _appeals(months: list[str]) -> dict[str, Counter[str]]:
    """How many appeals of each month had which outcome; they are few."""
    steps: list[dict[str, Any]] = [
        {"$match": {"month": {"$in": months}}},
        {"$group": {"_id": {"month": "$month", "outcome": "$outcome"}, "n": {"$sum": 1}}},
    ]
    found: dict[str, Counter[str]] = {}
    for one in appeals().aggregate(steps):
        key = one["_id"]
        found.setdefault(key["month"], Counter())[key["outcome"]] += one["n"]
    return found


def _counted(month: str, moment: datetime) -> list[dict[str, Any]]:
    """The decisions of a month that is not kept yet; kept once it can change no more."""
    by = {"decision": "$decision", "reason": "$reason"}
    steps: list[dict[str, Any]] = [
        {"$match": {"month": month}},
        {"$group": {"_id": by, "n": {"$sum": 1}}},
        {"$sort": {"_id.decision": 1, "_id.reason": 1}},
    ]
    counted = [
        {"decision": one["_id"]["decision"], "reason": one["_id"]["reason"], "count": one["n"]}
        for one in journal().aggregate(steps)
    ]
    if _end_of(month) + SETTLED_AFTER < moment:
        past_months().replace_one({"_id": month}, {"decisions": counted}, upsert=True)
    return counted


def _months(moment: datetime) -> list[str]:
    """The months that are shown, the latest first: since the first decision."""
    first = journal().find_one({}, {"month": 1}, sort=[("month", 1)])
    months: list[str] = []
    if first is None:
        return months
    year, month = moment.year, moment.month
    while len(months) < SHOWN and f"{year:04}-{month:02}" >= first["month"]:
        months.append(f"{year:04}-{month:02}")
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return months


def _end_of(month: str) -> datetime:
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1)
