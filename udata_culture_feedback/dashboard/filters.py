"""The filters of the list of feedback: they combine, live in the address, and mean the same to the
page and to the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.review_rules import Visibility
from ..feedback.attention import BEFORE, LOW
from ..feedback.models import STANDING, Treatment, summaries
from ..feedback.queries import MAX_AGED
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..search import terms
from ..vocabulary import vocabularies
from ..web import refusals
from ..web.listing import EPOCH
from ..web.moments import midnight, portal_zone
from ..web.untyped import Query
from .permissions import Scope

#: Every filter, as named in the address.
NAMES = (
    *("dataset", "words", "waiting", "fitness", "low", "treatment", "outdated", "profile"),
    *("from", "to", "older", "assignee", "answered", "q"),
)

#: Filters that the form folds away while none of them is set.
FOLDED = frozenset(("fitness", "low", "profile", "outdated", "assignee", "from", "to"))

#: Filters that name something of the portal, which may be gone since an address was kept.
NAMING = {
    "dataset": _("Dataset"),
    "fitness": _("Meets their need"),
    "low": _("Criterion judged poor"),
    "treatment": _("Producer response"),
    "profile": _("Profile"),
}

#: Orders of the list: the latest first, or the oldest, which have waited longest.
SORTS = {"-created_at": -1, "created_at": 1}

#: Maximum number of days for which feedback can be required to have waited.
MOST_DAYS = 3650

#: Longest search text, in characters.
Q_LENGTH = 200

#: Selects feedback with words that everybody can read.
WORDED: Query = {"comment": {"$exists": True}, "visibility": Visibility.PUBLIC}

Arguments = Mapping[str, str]


@dataclass(frozen=True)
class Filters:
    """The filters of the list. `chosen`: those that are set, as the form shows them; `where`: the
    query; `dataset`: the chosen one."""

    chosen: dict[str, str]
    where: Query
    sort: str
    dataset: DatasetFacts | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """The filters as arguments of an address."""
        return self.chosen | ({} if self.sort == "-created_at" else {"sort": self.sort})

    @property
    def order(self) -> list[tuple[str, int]]:
        return [("created_at", SORTS[self.sort]), ("_id", SORTS[self.sort])]


def read(arguments: Arguments, viewer: Viewer, scope: Scope) -> Filters:
    """Read the filters of an address. Raise Invalid with an error for each that makes no sense."""
    reading = _Reading(arguments, viewer, scope)
    where = STANDING | {"agent": {"$ne": True}} | scope.of_feedback()
    for name in NAMES:
        if arguments.get(name, "").strip():
            reading.read(name)
    if reading.errors:
        raise refusals.Invalid(_("Some filters are not valid."), reading.errors)
    # What waits is listed from the oldest on: those have waited longest.
    usual = "created_at" if "waiting" in reading.chosen else "-created_at"
    sort = arguments.get("sort", usual)
    conditions = reading.conditions
    return Filters(
        chosen=reading.chosen,
        where=where | ({"$and": conditions} if conditions else {}),
        sort=sort if sort in SORTS else usual,
        dataset=reading.dataset,
    )


class _Reading:
    """The reader of filters: each method reads one, and adds its condition or an error."""

    def __init__(self, arguments: Arguments, viewer: Viewer, scope: Scope):
        self.arguments = arguments
        self.viewer = viewer
        self.scope = scope
        self.chosen: dict[str, str] = {}
        self.conditions: list[Query] = []
        self.errors: dict[str, Any] = {}
        self.dataset: DatasetFacts | None = None

    def read(self, name: str) -> None:
        value = self.arguments[name].strip()
        try:
            condition = getattr(self, f"_{name}")(value)
        except _Senseless as senseless:
            self.errors[name] = senseless.message
            return
        self.chosen[name] = value
        self.conditions += [condition] if condition else []

    def _dataset(self, value: str) -> Query:
        dataset = catalogue.find_dataset(value)
        if dataset is None or not catalogue.may_read(dataset):
            raise _Senseless(_("There is no such dataset."))
        self.dataset = dataset
        return {"dataset": dataset.id}

    def _fitness(self, value: str) -> Query:
        # Both answers call for the same attention.
        if value == "unmet":
            return {"fitness": {"$in": ["partly", "no"]}}
        return {"fitness": _one_of(vocabularies().ids("fitness"), value)}

    def _low(self, value: str) -> Query:
        axis = _one_of(vocabularies().ids("axes"), value)
        return {f"ratings.{axis}": {"$in": list(LOW)}}

    def _treatment(self, value: str) -> Query:
        return {"treatment.status": _one_of([t.id for t in vocabulary.TREATMENT_STATUSES], value)}

    def _words(self, value: str) -> Query:
        """Read `words`. 1: comments; 0: also opinions without words, where comments are the
        default."""
        return dict(WORDED) if _one_of(("0", "1"), value) == "1" else {}

    def _answered(self, value: str) -> Query:
        _one_of(("1",), value)
        return {"treatment.answered_at": {"$gt": EPOCH}}

    def _older(self, value: str) -> Query:
        """Read `older`: given more than this number of days ago."""
        days = int(value[:9]) if value.isascii() and value.isdigit() else 0
        if not 0 < days <= MOST_DAYS:
            raise _Senseless(_("A number of days."))
        return {"created_at": {"$lt": now() - timedelta(days)}}

    def _waiting(self, value: str) -> Query:
        _one_of(("1",), value)
        return waiting()

    def _profile(self, value: str) -> Query:
        return {"profile": _one_of(vocabularies().ids("profiles"), value)}

    def _from(self, value: str) -> Query:
        return {"created_at": {"$gte": _midnight(_day(value))}}

    def _to(self, value: str) -> Query:
        day = _day(value)
        return {"created_at": {"$lt": _midnight(day + timedelta(1))}} if day < date.max else {}

    def _assignee(self, value: str) -> Query:
        if value == "me":
            return {"treatment.assignee": self.viewer.user_id}
        if value == "nobody":
            return {"treatment.assignee": None}
        if not ObjectId.is_valid(value):
            raise _Senseless(_("Not an identifier."))
        return {"treatment.assignee": ObjectId(value)}

    def _q(self, value: str) -> Query:
        asked = terms.query_terms(value[:Q_LENGTH])
        if not asked:
            return {}
        return WORDED | {"$and": [{"terms": {"$in": list(stems)}} for stems in asked]}

    def _outdated(self, value: str) -> Query:
        """Read `outdated`: given before (1) or since (0) the last change of the data, by comparison
        with the summary of each dataset that has outdated feedback."""
        _one_of(("0", "1"), value)
        aged = self.scope.of_summaries() | {f"totals.{BEFORE}total": {"$gt": 0}}
        if self.dataset:
            aged["dataset"] = self.dataset.id
        found = list(
            summaries().find(aged, {"dataset": 1, "data_updated_at": 1}).limit(MAX_AGED + 1)
        )
        if len(found) > MAX_AGED:
            raise _Senseless(_("That concerns too many datasets: choose one."))
        older = [
            {"dataset": summary["dataset"], "judged": {"$lt": summary["data_updated_at"]}}
            for summary in found
            if summary.get("data_updated_at")
        ]
        if value == "1":
            return {"$or": older} if older else {"_id": None}
        return {"$nor": older} if older else {}


class _Senseless(Exception):
    """The error of a filter that makes no sense."""

    def __init__(self, message: Any):
        self.message = message


def waiting() -> Query:
    """Return the query for words whose author still wants an answer and which the producing side
    has not dealt with: what summaries count as `waiting`."""
    return WORDED | {
        "wants_answer": True,
        "treatment.status": Treatment.NEW,
        "treatment.closed_by_author": None,
    }


def _one_of(ids: Iterable[str], value: str) -> str:
    if value not in ids:
        raise _Senseless(_("Choose one of: %(ids)s.", ids=", ".join(ids)))
    return value


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _Senseless(_("A date as 2026-01-31.")) from None


def _midnight(day: date) -> datetime:
    """Return the beginning of a day in the portal's zone, as naive UTC."""
    try:
        return midnight(day, portal_zone())
    except OverflowError:
        raise _Senseless(_("A date as 2026-01-31.")) from None
