"""Three trends of a dashboard or of one dataset, each with the sentence that says what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from flask_babel import format_date
from udata.i18n import gettext as _

from ..contributions.neighbours import TrendEvent
from ..feedback.trend import LEAST_FOR_MEDIAN, Month, months
from ..portal.collections import now
from ..vocabulary import vocabularies
from ..web.charts import LEAST_FOR_PERCENT, Chart, Event, Line, lines, percent
from ..web.moments import in_words, local_day, portal_zone
from . import scores
from .presentation import days_in_words

#: Number of months in charts.
MONTHS = 12
#: Events named below a chart, the latest.
EVENTS = 3


@dataclass(frozen=True)
class Trend:
    """A chart, and what it shows in a sentence."""

    sentence: str
    chart: Chart


def three(totals: Mapping[str, int], events: Sequence[TrendEvent]) -> list[Trend]:
    """Make the trends of the last twelve months: the need that is met, comments and answers, and
    the time to answer. `events` explain the first one."""
    shown = _year(totals)
    names = [_named(month["month"]) for month in shown]
    return [_met(shown, names, events), _answered(shown, names), _delay(shown, names, totals)]


def axis_lines(totals: Mapping[str, int]) -> list[Chart]:
    """Draw, for each criterion that was rated in the last twelve months, the share of ratings below
    the middle step."""
    wanted = [month["month"] for month in _year(totals)]
    names = [_named(month) for month in wanted]
    drawn = []
    for axis in vocabularies()["axes"]:
        shares = scores.low_shares(totals, axis.id, wanted)
        if any(share is not None for share in shares):
            step = axis.steps[len(axis.steps) // 2]
            title = _("%(axis)s: share of ratings below “%(step)s”", axis=axis.label, step=step)
            drawn.append(lines(f"cf-months-{axis.id}", title, names, [Line(title, shares)]))
    return drawn


def _year(totals: Mapping[str, int]) -> list[Month]:
    today = local_day(now(), portal_zone())
    known = {month["month"]: month for month in months(totals)}
    return [
        known.get(name) or _empty(name) for name in scores.months((today.year, today.month), MONTHS)
    ]


def _empty(name: str) -> Month:
    return {
        "month": name,
        "fitness": {},
        "axes": {},
        "commented": 0,
        "answered": 0,
        "median_days": None,
    }


def _met(shown: Sequence[Month], names: Sequence[str], events: Sequence[TrendEvent]) -> Trend:
    yes = sum(month["fitness"].get("yes", 0) for month in shown)
    of = sum(sum(month["fitness"].values()) for month in shown)
    if of >= LEAST_FOR_PERCENT:
        sentence = _("%(share)s find what they need, over twelve months.", share=percent(yes / of))
    else:
        sentence = _("Too few answers to say how many find what they need.")
    values = [_share_met(month) for month in shown]
    title = _("Share of those who find what they need")
    marked = _marked([month["month"] for month in shown], events)
    return Trend(sentence, lines("cf-trend-met", title, names, [Line(title, values)], marked))


def _share_met(month: Month) -> float | None:
    of = sum(month["fitness"].values())
    return month["fitness"].get("yes", 0) / of if of >= LEAST_FOR_PERCENT else None


def _marked(wanted: Sequence[str], events: Sequence[TrendEvent]) -> list[Event]:
    recent = [event for event in sorted(events) if f"{event.at:%Y-%m}" in wanted][-EVENTS:]
    return [
        Event(wanted.index(f"{event.at:%Y-%m}"), f"{event.label}, {_day(event.at)}")
        for event in recent
    ]


def _day(moment: datetime) -> str:
    return in_words(local_day(moment, portal_zone()))


def _answered(shown: Sequence[Month], names: Sequence[str]) -> Trend:
    series = [
        Line(_("answered"), [month["answered"] for month in shown]),
        Line(_("received"), [month["commented"] for month in shown]),
    ]
    sentence = _(
        "Over twelve months, %(received)d comments received and %(answered)d answered.",
        received=sum(month["commented"] for month in shown),
        answered=sum(month["answered"] for month in shown),
    )
    most = max(1, *(n for month in shown for n in (month["commented"], month["answered"])))
    title = _("Comments received and answered")
    return Trend(
        sentence, lines("cf-trend-answered", title, names, series, most=most, write=_whole)
    )


def _delay(shown: Sequence[Month], names: Sequence[str], totals: Mapping[str, int]) -> Trend:
    figures = scores.Answers.of(totals)
    words = days_in_words(figures.median) if figures.answered >= LEAST_FOR_MEDIAN else None
    if words:
        sentence = _("Half of the answers come within: %(days)s.", days=words)
    else:
        sentence = _("Too few answers to say how long they take.")
    medians = [month["median_days"] for month in shown]
    most = max(10, *(days or 0 for days in medians))
    title = _("Days until half of the answers of a month")
    chart = lines("cf-trend-delay", title, names, [Line(title, medians)], most=most, write=_whole)
    return Trend(sentence, chart)


def _whole(value: float) -> str:
    return str(round(value))


def _named(month: str) -> str:
    year, number = map(int, month.split("-"))
    return str(format_date(date(year, number, 1), "MMM yyyy"))
