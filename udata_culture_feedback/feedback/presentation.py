"""Figures and feedback as the templates show them: everything is computed here, in words too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from udata.i18n import lazy_gettext as _

from ..contributions.hidden_notice import stub
from ..contributions.review_rules import Visibility
from ..people.signature import standing, unnamed
from ..vocabulary import MODERATION_REASONS, Axis, Term, find, vocabularies
from ..web.api import Shown
from ..web.charts import Chart, Criterion, answers, criteria, share_of
from ..web.moments import in_words as day_in_words
from ..web.payload import Payload
from .attention import BEFORE
from .models import Summary, Treatment
from .summaries import as_json

#: Characters of a comment shown at once; the rest unfolds.
COMMENT_BEGINNING = 700
#: Ratings as charts show them.
BEST_FIRST = (5, 4, 3, 2, 1)
#: What it takes to compare two criteria in a headline: people who rated each, and how far apart
#: the shares of their two best steps are.
HEADLINE_PEOPLE, HEADLINE_GAP = 10, 0.15


@dataclass(frozen=True)
class Share:
    """The number of people, of all, who gave an answer."""

    term: Term
    count: int
    of: int

    @property
    def words(self) -> str:
        """The share in per cent, or as a number of people where they are few."""
        return share_of(self.count, self.of)


#: The replies of authors once the data have changed.
CONFIRMED = {
    "yes": _("Its author confirms: these data meet their need now."),
    "partly": _("Its author says: it is better, not there yet."),
    "no": _("Its author says: it is no better."),
}


@dataclass(frozen=True)
class Response:
    """The producer's response to a comment."""

    #: Its status in words, and the id of that status.
    status: str
    treatment: str
    answer: str | None
    answered_at: datetime | None = None
    organization: str | None = None
    confirmed: str | None = None
    hidden: str | None = None

    @classmethod
    def of(cls, feedback: Shown) -> Response | None:
        """Make the response to a feedback (as the API gives it); None where there is none."""
        treatment = feedback["treatment"]
        status, closed = treatment["status"], treatment.get("closed_by_author")
        if status == Treatment.NEW and not closed:
            return None
        answered_at = treatment["answered_at"]
        confirmed = CONFIRMED.get(treatment.get("confirmed", ""))
        return cls(
            status=str(_("Closed by its author"))
            if _is_over(status, closed)
            else treatment["label"],
            treatment="resolved" if _is_over(status, closed) else status,
            answer=treatment["answer"],
            answered_at=datetime.fromisoformat(answered_at) if answered_at else None,
            organization=(treatment.get("organization") or {}).get("name"),
            confirmed=str(confirmed) if confirmed else None,
            hidden=stub("answer", treatment),
        )


def _is_over(status: str, closed_by_author: bool | None) -> bool:
    """Return whether the author has closed the discussion and nothing planned is still to come."""
    return bool(closed_by_author) and status in (Treatment.NEW, Treatment.ACKNOWLEDGED)


@dataclass(frozen=True)
class Comment:
    """One person's comment on a dataset, ready to be shown. `name` is None for an author who gives
    none or has left, in whose place `unnamed` stands; `standing` is shown beside the name of an
    author without an account; `rest` unfolds after `beginning`; `opinions` are pairs of a criterion
    and the rating in words; `waits`: its author wants an answer and has none yet."""

    id: str
    name: str | None
    unnamed: str
    standing: str | None
    producer: bool
    created_at: datetime
    fitness: str
    opinions: list[tuple[str, str]]
    beginning: str
    rest: str
    outdated: bool
    response: Response | None
    discussion: str | None
    waits: bool = False
    treatable: bool = False
    hidden: str | None = None

    @classmethod
    def of(cls, feedback: Shown) -> Comment:
        """Make the comment of a feedback (as the API gives it)."""
        lists = vocabularies()
        beginning, rest = _fold(feedback["comment"] or "", COMMENT_BEGINNING)
        response = Response.of(feedback)
        return cls(
            id=feedback["id"],
            name=feedback["contributor"]["name"],
            unnamed=unnamed(feedback["contributor"]),
            standing=standing(feedback["contributor"]),
            producer=bool(feedback["contributor"].get("producer")),
            created_at=datetime.fromisoformat(feedback["created_at"]),
            fitness=lists.label("fitness", feedback["fitness"]),
            opinions=[
                axis.in_short(feedback["ratings"][axis.id])
                for axis in lists["axes"]
                if feedback["ratings"].get(axis.id)
            ],
            beginning=beginning,
            rest=rest,
            outdated=feedback["outdated"],
            response=response,
            waits=feedback["wants_answer"] and not response,
            treatable=feedback["permissions"]["treat"],
            discussion=feedback["discussion"],
            hidden=stub_of(feedback) if feedback["visibility"] == Visibility.HIDDEN else None,
        )


def stub_of(feedback: Shown) -> str:
    """Describe the notice in place of hidden words: since when, and why."""
    day = day_in_words(datetime.fromisoformat(feedback["hidden_at"]))
    if feedback["hidden_reason"] == "removed":
        return str(_("Comment removed from the discussions on %(date)s.", date=day))
    reason = find(MODERATION_REASONS, feedback["hidden_reason"]).label
    return str(_("Comment hidden by moderation on %(date)s: %(reason)s.", date=day, reason=reason))


def _fold(text: str, length: int) -> tuple[str, str]:
    """Split a text in two, the first part about `length` long and ending with a word. A text that
    is only a little longer stays whole: unfolding two words is of no use."""
    if len(text) <= length * 1.2:
        return text, ""
    cut = max(text.rfind(" ", 0, length), text.rfind("\n", 0, length))
    cut = cut if cut > length / 2 else length
    return text[:cut].rstrip(), text[cut:].lstrip()


class SummaryView:
    """The summary of a dataset, for its page."""

    def __init__(self, stored: Summary):
        figures = as_json(stored)
        lists = vocabularies()
        totals = stored.get("totals") or {}
        self.total: int = figures["total"]
        self.commented: int = figures["commented"]
        self.held: int = totals.get("held", 0)
        self.outdated: int = figures["outdated"]
        self.worded: int = totals.get("words", 0)
        self.waiting: int = totals.get("waiting", 0)
        self.data_updated_at = stored.get("data_updated_at")
        self.fitness = [
            Share(term, figures["fitness"][term.id], self.total) for term in lists["fitness"]
        ]
        self.axes = [
            Criterion(
                str(axis.label),
                [axis.in_short(rating)[1] for rating in BEST_FIRST],
                figures["axes"][axis.id]["distribution"][::-1],
                str(axis.short or ""),
            )
            for axis in lists["axes"]
            if figures["axes"][axis.id]["count"]
        ]
        self.headline = _headline(
            lists["axes"],
            {axis.id: figures["axes"][axis.id]["distribution"] for axis in lists["axes"]},
        )
        self.before = totals.get(f"{BEFORE}total", 0)
        self.comparison = _comparison(lists["fitness"], totals)

    @property
    def fitness_chart(self) -> Chart:
        names = [str(share.term.label) for share in self.fitness]
        title = str(_("Do these data meet the need of those who answered?"))
        return answers("cf-chart-fitness", title, names, [share.count for share in self.fitness])

    @property
    def axes_chart(self) -> Chart:
        return criteria("cf-chart-axes", str(_("Opinions by criterion")), self.axes)


def _headline(axes: Iterable[Axis], figures: Mapping[str, Sequence[int]]) -> str:
    """Name the criterion that disappoints and the one that convinces: said only of two that
    `HEADLINE_PEOPLE` rated each, whose shares of the two best steps differ by `HEADLINE_GAP`."""
    shares = {
        str(axis.subject): sum(figures[axis.id][3:]) / sum(figures[axis.id])
        for axis in axes
        if axis.subject and sum(figures[axis.id]) >= HEADLINE_PEOPLE
    }
    worst, best = (pick(shares, key=shares.__getitem__, default="") for pick in (min, max))
    if not shares or round(shares[best] - shares[worst], 4) < HEADLINE_GAP:
        return str(_("Opinions by criterion"))
    said = str(_("%(worst)s disappoints, %(best)s convinces", worst=worst, best=best))
    return said[:1].upper() + said[1:]


def _comparison(fitness: Any, totals: dict[str, int]) -> list[tuple[Share, Share]]:
    """Compare each answer before the last change of the data and since; empty unless there are
    both."""
    before = totals.get(f"{BEFORE}total", 0)
    since = totals.get("total", 0) - before
    if not (before and since):
        return []
    earlier = {term.id: totals.get(f"{BEFORE}fitness:{term.id}", 0) for term in fitness}
    return [
        (
            Share(term, earlier[term.id], before),
            Share(term, totals.get(f"fitness:{term.id}", 0) - earlier[term.id], since),
        )
        for term in fitness
    ]


def typed_answer(mine: Mapping[str, Any] | None, payload: Payload | None) -> Shown:
    """Return the values that the form shows: those just typed, else the viewer's stored feedback,
    else none."""
    answer: Payload = {
        "fitness": None,
        "ratings": {},
        "comment": "",
        "wants_answer": False,
        "open_data": False,
        "usages": [],
        "profile": None,
        "signature": "name",
        "name": "",
        "email": "",
        "tell_me": False,
    }
    if mine:
        contributor = mine["contributor"]
        signature = "name" if contributor.get("name") else "none"
        if contributor.get("organization"):
            signature = str(contributor["organization"])
        answer |= {key: mine[key] for key in answer if mine.get(key) is not None}
        answer["signature"] = signature
    if payload:
        answer |= {key: value for key, value in payload.items() if key in answer}
    return answer


def fields_of_form() -> set[str]:
    """List the fields of the form by the names errors give them: a summary of errors can link to
    these."""
    ratings = {f"ratings.{axis}" for axis in vocabularies().ids("axes")}
    others = ("comment", "wants_answer", "usages", "profile", "signature", "name", "email")
    return ratings | {"fitness", *others}


def unfolded(answer: Payload, errors: Shown) -> bool:
    """Return whether uses and profile are open: once one has a value or an error."""
    return bool(answer["usages"] or answer["profile"]) or not errors.keys().isdisjoint(
        ("usages", "profile")
    )
