"""The charts of the page of results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from flask_babel import format_date
from udata.i18n import gettext as _

from .. import vocabulary
from ..opendata.suppression import LEAST_FOR_MEANS
from ..vocabulary import Term
from ..web import charts
from ..web.charts import Bar, Chart, Criterion
from ..web.untyped import Shown
from .questions import Kind

#: Most parts that can be told apart in one bar.
MOST_PARTS = 5
#: Kinds of questions whose answers one bar can show.
STACKED = (Kind.SINGLE, Kind.SCALE)


def by_profile(found: Shown) -> dict[str, Chart]:
    """Draw a chart by profile for each question whose answers a bar can show."""
    plots = {}
    for question in found["questions"]:
        options = question.get("options") or []
        if question["kind"] not in STACKED or len(options) > MOST_PARTS:
            continue
        if question["profiles"]:
            bars = [
                _bar(_("All"), question),
                *(_bar(row["label"], row) for row in question["profiles"]),
            ]
            names = [str(option["label"]) for option in _best_first(question)]
            id, title = f"cf-plot-{question['id']}", str(question["text"])
            plots[question["id"]] = charts.steps(id, title, names, bars)
    return plots


def _bar(label: str, figures: Shown) -> Bar:
    return Bar(str(label), [option["count"] for option in _best_first(figures)])


def _best_first(figures: Shown) -> list[Shown]:
    """Return the options in the order in which they are drawn: of a scale, whose steps have
    numbers, the last is the best."""
    options: list[Shown] = figures["options"]
    return options[::-1] if isinstance(options[0]["id"], int) else options


def answers(found: Shown) -> dict[str, Chart]:
    """Draw a chart of the answers to each question that has shares which may be shown."""
    drawn = {}
    for question in found["questions"]:
        if question["answered"] < LEAST_FOR_MEANS:
            continue
        id, title = f"cf-answers-{question['id']}", str(question["text"])
        if question.get("options"):
            rows = [(str(one["label"]), one["count"]) for one in question["options"]]
            if question["kind"] == Kind.MULTIPLE:
                rows.sort(key=lambda row: -row[1])
            drawn[question["id"]] = charts.ranked(id, title, rows, question["answered"])
        elif question["kind"] == Kind.RANKING:
            rows = [(str(row["label"]), row["options"][0]["count"]) for row in question["rows"]]
            drawn[question["id"]] = charts.ranked(id, title, rows, question["answered"])
        elif question["kind"] == Kind.MATRIX and _is_drawn(question["rows"]):
            drawn[question["id"]] = charts.criteria(id, title, list(_criteria(question["rows"])))
    return drawn


def _is_drawn(rows: list[Shown]) -> bool:
    steps = len(rows[0]["options"])
    return steps <= MOST_PARTS and all(row["answered"] >= LEAST_FOR_MEANS for row in rows)


def _criteria(rows: list[Shown]) -> Iterator[Criterion]:
    for row in rows:
        options = row["options"][::-1]
        names = [str(one["label"]) for one in options]
        yield Criterion(str(row["label"]), names, [one["count"] for one in options])


def weeks(found: list[Shown]) -> Chart | None:
    """Draw how many answered, week by week; None where that is not shown."""
    if not found:
        return None
    columns = [str(format_date(date.fromisoformat(one["week"]), "d MMM")) for one in found]
    counts = [one["count"] for one in found]
    return charts.bars("cf-weeks", _("Answers by week"), columns, counts, _("Answers"))


def axes(feedback: Shown) -> list[tuple[Term, Chart]]:
    """Draw a chart of the ratings for each criterion, during the consultation and since, where
    enough people gave them for shares to be shown."""
    found = []
    for axis in vocabulary.vocabularies()["axes"]:
        figures = feedback["axes"][axis.id]
        if not _is_told(figures["during"]):
            continue
        during, since = (figures[when]["distribution"][::-1] for when in ("during", "since"))
        bars = [Bar(_("During the consultation"), during)]
        if _is_told(figures["since"]):
            bars.append(Bar(_("Since, on updated data"), since))
        steps = [axis.in_short(rating)[1] for rating in (5, 4, 3, 2, 1)]
        found.append((axis, charts.steps(f"cf-axis-{axis.id}", str(axis.label), steps, bars)))
    return found


def has_since(feedback: Shown) -> bool:
    """Check whether a chart of a criterion shows ratings given since."""
    return any(_is_told(axis["since"]) for axis in feedback["axes"].values())


def _is_told(axis: Shown) -> bool:
    """Check whether enough people have rated a criterion for shares to be shown."""
    return int(axis["count"]) >= LEAST_FOR_MEANS
