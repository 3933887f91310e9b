"""Feedback month by month: counters of the settle protocol, and how the API shows them.

All of it is counted in the totals of summaries, below `trend:<yyyy-mm>:`. What is counted there is
not counted again behind `before:`: a month has its own data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import reduce
from operator import getitem, itemgetter
from typing import Any, TypedDict

from udata.i18n import lazy_gettext as _

from ..figures.settle import Totals
from ..opendata.tables import Column, Table
from ..portal.collections import now
from ..vocabulary import vocabularies

#: Prefix of the counters of a month.
TREND = "trend:"
#: Prefix of the counters of ratings of a criterion in a month: `rated:<yyyy-mm>:<axis>`.
RATED = "rated:"

#: Whole local days to a first answer are counted one by one up to here: this one is "or more".
MOST_DAYS = 366
#: Minimum number of answers for a median: with fewer it would tell about single people.
LEAST_FOR_MEDIAN = 5
#: Most months that are shown, the latest.
MOST_MONTHS = 60


class AxisMonth(TypedDict):
    """The number of ratings of a criterion in a month, and their sum (1..5 each)."""

    count: int
    sum: int


class Month(TypedDict):
    """One month (UTC). `commented`: comments given in it that are public; `answered`: first answers
    given in it; `median_days`: whole local days to these, None below five."""

    month: str
    fitness: dict[str, int]
    axes: dict[str, AxisMonth]
    commented: int
    answered: int
    median_days: int | None


def counters_of(
    month: str,
    fitness: str,
    ratings: Mapping[str, int],
    *,
    commented: bool,
    answered: tuple[str, int] | None,
) -> Totals:
    """Return what one feedback counts month by month.

    :param ratings: axis → 1..5.
    :param answered: the month of the first answer to its words, and after how many local days.
    """
    counted = {f"{TREND}{month}:fitness:{fitness}": 1}
    for axis, step in ratings.items():
        counted[f"{TREND}{month}:sum:{axis}"] = step
    if commented:
        counted[f"{TREND}{month}:commented"] = 1
    if answered:
        answered_in, days = answered
        counted[f"{TREND}{answered_in}:days:{min(days, MOST_DAYS)}"] = 1
    return counted


def months(totals: Mapping[str, int]) -> list[Month]:
    """Return every month from the first one in which something was said to the current one, the
    earliest first; none is left out, the latest 60 at most."""
    by_month: dict[str, dict[str, int]] = {}
    for key, n in totals.items():
        if n and key.startswith((TREND, RATED)):
            month, _colon, counter = key.partition(":")[2].partition(":")
            counter = counter if key.startswith(TREND) else f"count:{counter}"
            by_month.setdefault(month, {})[counter] = n
    if not by_month:
        return []
    latest = max(*by_month, f"{now():%Y-%m}")
    named = list(_months_between(min(by_month), latest))[-MOST_MONTHS:]
    return [_month(month, by_month.get(month, {})) for month in named]


def _month(month: str, counted: Mapping[str, int]) -> Month:
    lists = vocabularies()
    days = {
        int(counter.removeprefix("days:")): n
        for counter, n in counted.items()
        if counter.startswith("days:")
    }
    return {
        "month": month,
        "fitness": {id: counted.get(f"fitness:{id}", 0) for id in lists.ids("fitness")},
        "axes": {
            id: {"count": counted.get(f"count:{id}", 0), "sum": counted.get(f"sum:{id}", 0)}
            for id in lists.ids("axes")
        },
        "commented": counted.get("commented", 0),
        "answered": sum(days.values()),
        "median_days": median(days),
    }


def median(histogram: Mapping[int, int]) -> int | None:
    """Return the lower median of a histogram (value → how often), None below five values."""
    return quantile(histogram, 50) if sum(histogram.values()) >= LEAST_FOR_MEDIAN else None


def quantile(histogram: Mapping[int, int], percent: int) -> int | None:
    """Return the smallest value that at least that many per cent of the values do not exceed
    (nearest rank); None without values. `histogram`: value → number."""
    wanted = -(-percent * sum(histogram.values()) // 100)
    reached = 0
    for value in sorted(histogram):
        reached += histogram[value]
        if histogram[value] and reached >= wanted:
            return value
    return None


def _months_between(first: str, last: str) -> Iterator[str]:
    moment = date.fromisoformat(f"{first}-01")
    while f"{moment:%Y-%m}" <= last:
        yield f"{moment:%Y-%m}"
        moment = (
            date(moment.year + 1, 1, 1)
            if moment.month == 12
            else date(moment.year, moment.month + 1, 1)
        )


def table() -> Table:
    """Describe the file of months."""
    lists = vocabularies()
    return Table.plain(
        "trend",
        Column("month", _("Month"), itemgetter("month"), type="yearmonth"),
        *(
            Column(f"fitness.{term.id}", term.label, _in("fitness", term.id), type="integer")
            for term in lists["fitness"]
        ),
        *(
            Column(f"{name}.{axis.id}", f"{axis.label} — {told}", _in("axes", axis.id, name))
            for axis in lists["axes"]
            for name, told in (("count", _("number")), ("sum", _("sum")))
        ),
        Column("commented", _("Comments"), itemgetter("commented"), type="integer"),
        Column("answered", _("First answers"), itemgetter("answered"), type="integer"),
        Column("median_days", _("Median days to them"), itemgetter("median_days"), type="integer"),
    )


def _in(*path: str) -> Callable[[Any], Any]:
    return lambda month: reduce(getitem, path, month)
