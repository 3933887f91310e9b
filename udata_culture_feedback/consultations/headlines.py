"""What the answers to a question say, in one sentence: read before the chart."""

from __future__ import annotations

from flask_babel import format_decimal
from udata.i18n import lazy_gettext as _

from ..opendata.suppression import LEAST_FOR_CROSSES, LEAST_FOR_MEANS
from ..web.charts import percent
from ..web.untyped import Shown
from .questions import BINNED, Kind

#: Rows of a matrix are compared from this difference of the shares of the two best steps on.
TELLING = 0.15
#: The two best of so many steps, or more, are said together.
STEPS = 4


def of(question: Shown) -> str:
    """Return the sentence; empty where too few answered for one. `question`: as `results.read`
    shows it."""
    kind = Kind(question["kind"])
    if question["answered"] < LEAST_FOR_MEANS:
        return ""
    if kind is Kind.RANKING:
        return _first_ranked(question["rows"])
    if kind is Kind.MATRIX:
        return _extremes(question["rows"])
    if kind in BINNED:
        median = question.get("median")
        return (
            str(_("Half of the answers are reached at: %(range)s", range=median)) if median else ""
        )
    options = question.get("options")
    if not options:
        return ""
    if kind is Kind.SCALE and len(options) >= STEPS:
        return _two_best(options)
    return _commonest(options, several=kind is Kind.MULTIPLE)


def _commonest(options: list[Shown], *, several: bool) -> str:
    most = max(options, key=lambda one: int(one["count"]))
    if not most["count"]:
        return ""
    told = {"share": percent(most["share"]), "answer": most["label"]}
    if several:
        return str(_("“%(answer)s” comes first: %(share)s", **told))
    return str(_("%(share)s answer “%(answer)s”", **told))


def _two_best(options: list[Shown]) -> str:
    second, best = options[-2:]
    return str(
        _(
            "%(share)s choose “%(second)s” or “%(best)s”",
            share=percent(second["share"] + best["share"]),
            second=second["label"],
            best=best["label"],
        )
    )


def _first_ranked(rows: list[Shown]) -> str:
    first = rows[0]
    if first["mean"] is None:
        return ""
    place = str(format_decimal(first["mean"], "0.0"))
    return str(
        _(
            "“%(answer)s” comes first, at place %(place)s on average",
            answer=first["label"],
            place=place,
        )
    )


def _extremes(rows: list[Shown]) -> str:
    """Name the rows judged best and worst, where enough people judged both and they differ."""
    judged = [row for row in rows if row["answered"] >= LEAST_FOR_CROSSES]
    if len(judged) < 2:
        return ""
    worst, *_others, best = sorted(judged, key=_favour)
    if _favour(best) - _favour(worst) < TELLING:
        return ""
    return str(
        _(
            "“%(best)s” is judged best, “%(worst)s” least well",
            best=best["label"],
            worst=worst["label"],
        )
    )


def _favour(row: Shown) -> float:
    """Return the share of the two best steps of a row."""
    return float(sum(one["count"] for one in row["options"][-2:]) / row["answered"])
