"""A dashboard as its templates show it: everything is computed here, in words too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup
from udata.i18n import gettext as _
from udata.i18n import ngettext

from ..feedback.attention import BEFORE, LOW
from ..feedback.models import Treatment
from ..feedback.presentation import Comment, Share
from ..portal.collections import now
from ..vocabulary import Axis, vocabularies
from ..web.charts import (
    LEAST_FOR_PERCENT,
    Bar,
    Chart,
    answers,
    percent,
    share_of,
    small,
    steps,
)
from ..web.moments import in_words as day_in_words
from ..web.untyped import Shown
from . import scores
from .indicators import Indicator
from .queries import DatasetRow, FoundFeedback
from .scores import Answers, Totals

#: The middle step of a criterion, to which the others are compared.
MIDDLE = 3


# --- Criteria -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AxisView:
    """One criterion, for the datasets of a dashboard beside the whole portal."""

    axis: Axis
    count: int
    median: str | None
    portal_median: str | None
    low: str
    portal_low: str
    standing: str
    chart: Chart

    @classmethod
    def of(cls, axis: Axis, name: str, totals: Totals, portal: Totals) -> AxisView:
        ours, all_of_them = (scores.distribution(t, axis.id) for t in (totals, portal))
        labels = [str(step) for step in axis.steps]
        ours_is, theirs_is = scores.median_step(ours), scores.median_step(all_of_them)
        return cls(
            axis=axis,
            count=sum(ours),
            median=labels[ours_is - 1] if ours_is else None,
            portal_median=labels[theirs_is - 1] if theirs_is else None,
            low=_below_middle(ours),
            portal_low=_below_middle(all_of_them),
            standing=_standing(ours_is, theirs_is),
            chart=steps(
                f"cf-axis-{axis.id}",
                str(axis.label),
                labels[::-1],
                [Bar(name, ours[::-1]), Bar(_("Whole portal"), all_of_them[::-1])],
            ),
        )


def axes(name: str, totals: Totals, portal: Totals) -> list[AxisView]:
    """Make the view of every criterion. `name`: label of the datasets in charts."""
    return [AxisView.of(axis, name, totals, portal) for axis in vocabularies()["axes"]]


def _below_middle(counts: Sequence[int]) -> str:
    return share_of(sum(counts[: MIDDLE - 1]), sum(counts)) if sum(counts) else "–"


def _standing(ours: int | None, theirs: int | None) -> str:
    if ours is None or theirs is None:
        return ""
    if ours < theirs:
        return _("below the portal’s median")
    return _("above the portal’s median") if ours > theirs else _("at the portal’s median")


def fitness_chart(shares: list[Share], title: str) -> Chart:
    """Draw the answers to « do these data meet your need? »; `title`: names the datasets."""
    names = [str(share.term.label) for share in shares]
    return answers("cf-chart-fitness", title, names, [share.count for share in shares])


def fitness(totals: Totals) -> list[Share]:
    of = totals.get("total", 0)
    terms = vocabularies()["fitness"]
    return [Share(term, totals.get(f"fitness:{term.id}", 0), of) for term in terms]


# --- Answers --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AnswersView:
    """The answer figures of a producer, in words; None where there is nothing to show."""

    figures: Answers

    @property
    def rate(self) -> str | None:
        return percent(self.figures.rate) if self.figures.awaited else None

    @property
    def median(self) -> str | None:
        return days_in_words(self.figures.median)

    @property
    def of_awaited(self) -> str:
        """How many of those that wait for an answer have one."""
        return share_of(self.figures.answered, self.figures.awaited)

    @property
    def ninetieth(self) -> str | None:
        return days_in_words(self.figures.ninetieth)


def days_in_words(days: int | None) -> str | None:
    """Word a number of days to an answer; None where there is none."""
    if days is None:
        return None
    if days == 0:
        return _("the same day")
    if days > 365:
        return _("a year or more")
    return ngettext("%(num)d day", "%(num)d days", days)


# --- Datasets -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AxisOpinion:
    """The opinion of users on one dataset for one criterion."""

    axis: Axis
    counts: list[int]

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def low(self) -> int:
        return sum(self.counts[step - 1] for step in LOW)

    @property
    def bar(self) -> Markup:
        """A bar of the steps, best first."""
        return small(self.counts[::-1])

    @property
    def words(self) -> str:
        if not self.count:
            return _("Nobody has rated it")
        step = self.axis.steps[MIDDLE - 1]
        if not self.low:
            return _("None of %(count)d says worse than “%(step)s”", count=self.count, step=step)
        return ngettext(
            "%(num)d person of %(count)d says worse than “%(step)s”",
            "%(num)d people of %(count)d say worse than “%(step)s”",
            self.low,
            count=self.count,
            step=step,
        )

    @property
    def commonest(self) -> str | None:
        """The step that most people chose, the lower one of equals, and their number."""
        if not self.count:
            return None
        most = max(self.counts)
        step = self.axis.steps[self.counts.index(most)]
        return _("“%(label)s”: %(count)d of %(total)d", label=step, count=most, total=self.count)


@dataclass(frozen=True)
class DatasetView:
    """One dataset of a table."""

    row: DatasetRow

    @property
    def facts(self) -> Any:
        return self.row.facts

    @property
    def score(self) -> int:
        return round(self.row.attention.get("score", 0))

    @property
    def total(self) -> int:
        return self.row.totals.get("total", 0)

    @property
    def waiting(self) -> int:
        return self.row.totals.get("waiting", 0)

    def opinion(self, axis: Axis) -> AxisOpinion:
        return AxisOpinion(axis, scores.distribution(self.row.totals, axis.id))

    def indicators(self, axis: Axis) -> list[Indicator]:
        return self.row.metadata.on(axis.id)

    @property
    def sentence(self) -> str:
        """The reason for its attention in one sentence, which rests on at least five people; empty
        where nothing does."""
        worst = self._worst()
        before = self.row.totals.get(f"{BEFORE}total", 0)
        found = [
            self._unmet() if self.total >= LEAST_FOR_PERCENT else "",
            _("%(axis)s: %(opinion)s", axis=worst.axis.label, opinion=worst.words)
            if worst and worst.count >= LEAST_FOR_PERCENT
            else "",
            texts_that_wait(self.waiting) if self.waiting >= LEAST_FOR_PERCENT else "",
            aged_answers(before) if before >= LEAST_FOR_PERCENT else "",
        ]
        return next(filter(None, found), "")

    @property
    def met(self) -> Markup:
        """A bar of the answers, « Yes » first."""
        return small([share.count for share in fitness(self.row.totals)])

    @property
    def share_met(self) -> str:
        return share_of(self.row.totals.get("fitness:yes", 0), self.total)

    def _unmet(self) -> str:
        totals = self.row.totals
        unmet = totals.get("fitness:partly", 0) + totals.get("fitness:no", 0)
        if not unmet:
            return ""
        return ngettext(
            "%(unmet)d person of %(num)d says that it meets their need in part or not at all",
            "%(unmet)d people of %(num)d say that it meets their need in part or not at all",
            self.total,
            unmet=unmet,
        )

    def _worst(self) -> AxisOpinion | None:
        bounds: Mapping[str, float] = self.row.attention.get("axes") or {}
        known = [axis for axis in vocabularies()["axes"] if bounds.get(axis.id)]
        if not known:
            return None
        return self.opinion(max(known, key=lambda axis: bounds[axis.id]))

    @property
    def frequency(self) -> str | None:
        """The declared frequency, in words; None where none is declared."""
        frequency = self.facts.frequency
        return None if frequency == "unknown" else str(frequency.label)

    @property
    def age(self) -> str:
        return ago(self.facts.last_update)


def texts_that_wait(number: int) -> str:
    return ngettext("%(num)d text wants an answer", "%(num)d texts want an answer", number)


def aged_answers(number: int) -> str:
    return ngettext(
        "%(num)d answer was given before the data changed, and counts half",
        "%(num)d answers were given before the data changed, and count half",
        number,
    )


def ago(moment: datetime) -> str:
    """Word how long ago a moment is, in days, months or years."""
    days = max(0, (now() - moment).days)
    if days == 0:
        return _("today")
    if days < 60:
        return ngettext("%(num)d day ago", "%(num)d days ago", days)
    if days < 730:
        return ngettext("%(num)d month ago", "%(num)d months ago", round(days / 30.44))
    return ngettext("%(num)d year ago", "%(num)d years ago", days // 365)


# --- Feedback -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FeedbackRow:
    """A line of the list of feedback."""

    comment: Comment
    dataset: Shown
    fitness: str
    profile: str | None
    waiting: bool
    assignee: str | None

    @property
    def words(self) -> str:
        """The label that tells it from the other lines."""
        who = self.comment.name or self.comment.unnamed
        return f"{who}, {self.dataset['title']}, {day_in_words(self.comment.created_at)}"

    @classmethod
    def of(cls, feedback: Shown, assignee: str | None) -> FeedbackRow:
        comment = Comment.of(feedback)
        profile = feedback["profile"]
        return cls(
            comment=comment,
            dataset=feedback["dataset"],
            fitness=feedback["fitness"],
            profile=vocabularies().label("profiles", profile) if profile else None,
            waiting=bool(
                feedback["comment"]
                and feedback["wants_answer"]
                and feedback["treatment"]["status"] == Treatment.NEW
                and not feedback["treatment"].get("closed_by_author")
            ),
            assignee=assignee,
        )


def feedback_rows(found: FoundFeedback, names: Mapping[Any, str | None]) -> list[FeedbackRow]:
    """Make the lines of a page of the list. `names`: account → its name."""
    return [FeedbackRow.of(one, names.get(found.assignees.get(one["id"]))) for one in found.shown]
