"""Public figures of moderation: decisions month by month, by kind and reason; how long texts
waited, how many were decided about in bulk; appeals and their outcome.

The journal only grows, so a finished month is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, cast

from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.moderated import Decision
from ..opendata.tables import Column, Table, terms
from ..portal.collections import now
from .models import Month, Outcome, Waited, appeals, journal, past_months

#: How long after its end a month may still change, by a decision that a crash kept out of it.
SETTLED_AFTER = timedelta(days=2)
#: Months that are shown.
SHOWN = 24
#: Fewest texts for which a median delay is published.
FEWEST = 5


def as_json(at: datetime | None = None) -> dict[str, Any]:
    """Show `GET P/transparency/`: `months`, the latest first, with the vocabulary."""
    moment = at or now()
    shown = _months(moment)
    kept = {
        one["_id"]: one
        for one in past_months().find({"_id": {"$in": shown}, "in_bulk": {"$exists": True}})
    }
    contested = _appeals(shown)
    months = [
        _month(month, kept.get(month) or _counted(month, moment), contested.get(month, Counter()))
        for month in shown
    ]
    return {
        "months": [month for month in months if month["total"] or month["appeals"]["received"]],
        "decisions": [term.as_json() for term in vocabulary.MODERATION_DECISIONS],
        "reasons": [term.as_json() for term in vocabulary.MODERATION_REASONS],
    }


def table() -> Table:
    """Describe the file of decisions."""
    return Table.plain(
        "transparency",
        Column("month", _("Month"), itemgetter("month"), type="yearmonth"),
        Column(
            "decision",
            _("Decision"),
            itemgetter("decision"),
            values=terms(vocabulary.MODERATION_DECISIONS),
        ),
        Column(
            "reason", _("Reason"), itemgetter("reason"), values=terms(vocabulary.MODERATION_REASONS)
        ),
        Column("count", _("Number"), itemgetter("count"), type="integer"),
    )


def rows(months: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the months as lines of that file."""
    for month in months:
        for one in month["decisions"]:
            yield {"month": month["month"], **one}


def _month(month: str, figures: Month, contested: Counter[str]) -> dict[str, Any]:
    decisions = figures["decisions"]
    return {
        "month": month,
        "total": sum(one["count"] for one in decisions),
        "decisions": decisions,
        "undone": figures["undone"],
        "in_bulk": figures["in_bulk"],
        "median_hours": _median(figures["waited"]),
        "appeals": {
            "received": contested.total(),
            "upheld": contested[Outcome.UPHELD],
            "dismissed": contested[Outcome.DISMISSED],
        },
    }


def _median(waited: list[Waited]) -> int | None:
    """Compute the whole hours within which half of the texts were decided; None for too few
    texts."""
    number = sum(one["count"] for one in waited)
    if number < FEWEST:
        return None
    reached = 0
    for one in sorted(waited, key=lambda one: one["hours"]):
        reached += one["count"]
        if 2 * reached >= number:
            return int(one["hours"])
    return None


def _appeals(months: list[str]) -> dict[str, Counter[str]]:
    """Count the appeals of each month by outcome; they are few."""
    steps: list[dict[str, Any]] = [
        {"$match": {"month": {"$in": months}}},
        {"$group": {"_id": {"month": "$month", "outcome": "$outcome"}, "n": {"$sum": 1}}},
    ]
    found: dict[str, Counter[str]] = {}
    groups: Iterable[Any] = appeals().aggregate(steps)
    for one in groups:
        key = one["_id"]
        found.setdefault(key["month"], Counter())[key["outcome"]] += one["n"]
    return found


def _counted(month: str, moment: datetime) -> Month:
    """Count a month that is not stored yet; store it once it can no longer change. Undoings are
    counted apart from decisions."""
    made = {"$match": {"decision": {"$ne": Decision.RESTORE}}}
    one: dict[str, Any] = {"$sum": 1}
    facets: dict[str, list[dict[str, Any]]] = {
        "decisions": [
            made,
            {"$group": {"_id": {"decision": "$decision", "reason": "$reason"}, "count": one}},
            {"$sort": {"_id.decision": 1, "_id.reason": 1}},
        ],
        "undone": [{"$match": {"undoes": {"$exists": True}}}, {"$count": "n"}],
        "waited": [
            {"$match": {"waited": {"$exists": True}}},
            {"$group": {"_id": "$waited", "count": one}},
        ],
        "in_bulk": [
            made,
            {"$group": {"_id": "$batch", "n": one}},
            {"$match": {"n": {"$gt": 1}}},
            {"$group": {"_id": None, "n": {"$sum": "$n"}}},
        ],
    }
    stages: list[dict[str, Any]] = [{"$match": {"month": month}}, {"$facet": facets}]
    [found] = cast(Iterable[Any], journal().aggregate(stages))
    counted: Month = {
        "decisions": [group["_id"] | {"count": group["count"]} for group in found["decisions"]],
        "undone": found["undone"][0]["n"] if found["undone"] else 0,
        "waited": [{"hours": g["_id"], "count": g["count"]} for g in found["waited"]],
        "in_bulk": found["in_bulk"][0]["n"] if found["in_bulk"] else 0,
    }
    if _end_of(month) + SETTLED_AFTER < moment:
        past_months().replace_one({"_id": month}, counted, upsert=True)
    return counted


def _months(moment: datetime) -> list[str]:
    """List the months to show, the latest first, back to the first decision."""
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
