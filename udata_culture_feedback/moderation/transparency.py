"""Public figures of moderation: decisions month by month, by kind and reason; how long texts
waited, how many were decided about in bulk; appeals and their outcome.

The journal only grows, so a finished month is counted once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, TypedDict, cast

from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.moderated import Decision
from ..opendata.tables import Column, Table, terms
from ..portal.collections import now
from ..web.untyped import Query
from .models import Counted, Month, Outcome, Waited, appeals, journal, past_months
from .permissions import OK

#: How long after its end a month may still change, by a decision that a crash kept out of it.
SETTLED_AFTER = timedelta(days=2)
#: Months that are shown.
SHOWN = 24
#: The reasons that the law gives. The others are the charter's: the DSA asks for both apart.
OF_THE_LAW = frozenset(("illegal_content", "personal_data"))
#: What decisions against words are based on.
GROUNDS = {
    "law": _("Against the law"),
    "charter": _("Against the charter"),
}
#: Fewest texts for which a median delay is published.
FEWEST = 5


class Appealed(TypedDict):
    """The number of appeals of a month, and how they ended so far."""

    received: int
    upheld: int
    dismissed: int


class Shown(TypedDict):
    """A month as it is published. `median_hours`, `ninetieth_hours`: whole hours within which half
    of the texts, and nine in ten, were decided; None for too few. `noticed`: the number of texts by
    how they came to moderators."""

    month: str
    total: int
    decisions: list[Counted]
    undone: int
    in_bulk: int
    median_hours: int | None
    ninetieth_hours: int | None
    noticed: dict[str, int]
    appeals: Appealed


class Published(TypedDict):
    months: list[Shown]
    decisions: list[dict[str, str]]
    reasons: list[dict[str, str | None]]


def as_json(at: datetime | None = None) -> Published:
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
        "reasons": [
            term.as_json() | {"ground": ground_of(term.id)}
            for term in vocabulary.MODERATION_REASONS
        ],
    }


def ground_of(reason: str) -> str | None:
    """Return what a decision is based on; None where nothing was wrong."""
    if reason == OK:
        return None
    return "law" if reason in OF_THE_LAW else "charter"


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
        Column("ground", _("Ground"), itemgetter("ground"), values=tuple(GROUNDS.items())),
        Column("count", _("Number"), itemgetter("count"), type="integer"),
    )


def rows(months: list[Shown]) -> Iterator[dict[str, str | int | None]]:
    """Yield the months as lines of that file."""
    for month in months:
        for one in month["decisions"]:
            yield {
                "month": month["month"],
                "decision": one["decision"],
                "reason": one["reason"],
                "ground": ground_of(one["reason"]),
                "count": one["count"],
            }


def _month(month: str, figures: Month, contested: Counter[str]) -> Shown:
    decisions = figures["decisions"]
    return {
        "month": month,
        "total": sum(one["count"] for one in decisions),
        "decisions": decisions,
        "undone": figures["undone"],
        "in_bulk": figures["in_bulk"],
        "median_hours": _within(figures["waited"], 50),
        "ninetieth_hours": _within(figures["waited"], 90),
        "noticed": figures.get("noticed", {}),
        "appeals": {
            "received": contested.total(),
            "upheld": contested[Outcome.UPHELD],
            "dismissed": contested[Outcome.DISMISSED],
        },
    }


def _within(waited: list[Waited], percent: int) -> int | None:
    """Compute the whole hours within which that share of the texts was decided; None for too few
    texts."""
    number = sum(one["count"] for one in waited)
    if number < FEWEST:
        return None
    reached = 0
    for one in sorted(waited, key=lambda one: one["hours"]):
        reached += one["count"]
        if 100 * reached >= percent * number:
            return int(one["hours"])
    return None


def _appeals(months: list[str]) -> dict[str, Counter[str]]:
    """Count the appeals of each month by outcome; they are few."""
    steps: list[Query] = [
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
    made: Query = {"$match": {"decision": {"$ne": Decision.RESTORE}}}
    one: Query = {"$sum": 1}
    facets: dict[str, list[Query]] = {
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
        "noticed": [
            made,
            {"$match": {"noticed": {"$exists": True}}},
            {"$group": {"_id": "$noticed", "count": one}},
        ],
        "in_bulk": [
            made,
            {"$group": {"_id": "$batch", "n": one}},
            {"$match": {"n": {"$gt": 1}}},
            {"$group": {"_id": None, "n": {"$sum": "$n"}}},
        ],
    }
    stages: list[Query] = [{"$match": {"month": month}}, {"$facet": facets}]
    [found] = cast(Iterable[Any], journal().aggregate(stages))
    counted: Month = {
        "decisions": [group["_id"] | {"count": group["count"]} for group in found["decisions"]],
        "undone": found["undone"][0]["n"] if found["undone"] else 0,
        "waited": [{"hours": g["_id"], "count": g["count"]} for g in found["waited"]],
        "in_bulk": found["in_bulk"][0]["n"] if found["in_bulk"] else 0,
        "noticed": {group["_id"]: group["count"] for group in found["noticed"]},
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
