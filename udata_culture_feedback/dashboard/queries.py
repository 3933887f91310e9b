"""The reads of a dashboard: summaries and lists, in a constant number of indexed commands whatever
the number of datasets and of feedback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import ExecutionTimeout
from udata.i18n import lazy_gettext as _

from ..data_requests import figures as request_figures
from ..data_requests.clock import overdue_bound
from ..data_requests.models import requests
from ..feedback import representation
from ..feedback import summaries as feedback_summaries
from ..feedback.models import STANDING, Feedback, Treatment, feedbacks, summaries
from ..feedback.page_query import SHOWN
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts, UserFacts
from ..portal.collections import now
from ..vocabulary import STEPS, vocabularies
from ..web import listing, refusals
from ..web.charts import LEAST_FOR_PERCENT
from ..web.listing import Page
from ..web.untyped import Document, Query, Shown
from . import indicators, request_inbox
from .filters import WORDED, Filters, waiting
from .permissions import MAX_DATASETS, Scope

#: Entries shown of each list at the top of the dashboard.
FIRST = 5
#: Rows on a page of datasets, and of feedback.
ROWS = 25
#: Datasets offered in the filters.
CHOICES = 100
#: Feedbacks read in one batch for the file.
BATCH = 200
#: Bound up to which filtered feedback is counted, and timeout of the count in milliseconds.
MOST_COUNTED, COUNT_MS = 1000, 250
#: Timeout of a list, in milliseconds.
FIND_MS = 5000
#: Days after which waiting comments have waited long.
LONG = 30

NEWEST = [("created_at", DESCENDING), ("_id", DESCENDING)]
OLDEST = [("created_at", ASCENDING), ("_id", ASCENDING)]


# --- Figures --------------------------------------------------------------------------------------


def totals_of(scope: Scope) -> Mapping[str, int]:
    """Return the figures of all the datasets of a dashboard: of one summary for a whole
    organization, otherwise added up from those of at most `MAX_DATASETS`."""
    if scope.whole and scope.organization:
        return totals_of_organization(scope.organization)
    found = summaries().find(scope.of_summaries(), {"totals": 1}).limit(MAX_DATASETS)
    totals: Counter[str] = Counter()
    for summary in found:
        totals.update(summary.get("totals") or {})
    return dict(totals)


def totals_of_organization(organization: OrganizationFacts) -> Mapping[str, int]:
    """Return the figures of the public datasets of an organization."""
    return feedback_summaries.read(organization_summary(organization.id)).get("totals", {})


def totals_of_portal() -> Mapping[str, int]:
    return feedback_summaries.read(SITE).get("totals", {})


# --- What waits -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """What waits for the viewer: `long`, comments that have waited for more than `LONG` days;
    `mine`, comments assigned to them; requests to decide, those of them that are late, and those
    due within a week. All are counted up to `MOST_COUNTED`."""

    long: int
    mine: int
    requests: Mapping[str, int]


def what_waits(viewer: Viewer, scope: Scope) -> Waiting:
    """Count what waits, in one command."""
    ours = STANDING | {"agent": {"$ne": True}} | scope.of_feedback()
    old = ours | waiting() | {"created_at": {"$lt": now() - timedelta(LONG)}}
    mine = ours | WORDED | {"treatment.assignee": viewer.user_id}
    pipeline = [*_due(request_inbox.of_scope(scope)), _counted("long", old), _counted("mine", mine)]
    counted: Any = requests().aggregate(pipeline)
    found = {one["_id"]: one for one in counted}
    return Waiting(
        long=found.get("long", {}).get("n", 0),
        mine=found.get("mine", {}).get("n", 0),
        requests=found.get("requests", {}),
    )


def _counted(name: str, where: Query) -> Query:
    """Count feedback in the same command, up to `MOST_COUNTED`."""
    number = [{"$count": "n"}, {"$addFields": {"_id": name}}]
    stages = [{"$match": where}, {"$limit": MOST_COUNTED}, {"$project": {"_id": 1}}, *number]
    return {"$unionWith": {"coll": feedbacks().name, "pipeline": stages}}


def _due(where: Query) -> list[Query]:
    """Count the requests that wait for an answer by their due date."""
    moment = now()

    def before(bound: datetime) -> Query:
        return {"$sum": {"$cond": [{"$lt": ["$clock.due_at", bound]}, 1, 0]}}

    counted = {
        "_id": "requests",
        "total": {"$sum": 1},
        "late": before(overdue_bound(moment)),
        "soon": before(moment + request_inbox.WEEK),
    }
    return [
        {"$match": where | request_inbox.AWAITED},
        {"$limit": MOST_COUNTED},
        {"$group": counted},
    ]


# --- Datasets -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DatasetRow:
    """One dataset of a table: what its users say, and what udata knows."""

    metadata: indicators.Metadata
    totals: Mapping[str, int]
    attention: Document
    updates: Sequence[datetime] = ()

    @property
    def facts(self) -> DatasetFacts:
        return self.metadata.facts


def first_datasets(scope: Scope) -> list[DatasetRow]:
    """Find the datasets that deserve attention first; those without complaints, or with so few
    opinions that nothing can be said of them, are left out."""
    where = scope.of_summaries() | {
        "attention.score": {"$gt": 0},
        "totals.total": {"$gte": LEAST_FOR_PERCENT},
    }
    fields = _row_fields() | {"updates": 1}
    found = summaries().find(where, fields, sort=_order("attention", "")).limit(FIRST)
    return _rows(list(found))


def datasets(scope: Scope, axis: str, sort: str, page: Page) -> tuple[list[DatasetRow], bool]:
    """Find a page of the datasets that have feedback. Return them, and whether there are more.
    `sort`: "attention", "view" (of users on that axis, the worst first), "age" (the oldest data
    first). Raise Invalid beyond the end of offsets."""
    where = scope.of_summaries() | {"totals.total": {"$gt": 0}}
    found = _page(summaries().find(where, _row_fields(), sort=_order(sort, axis)), page)
    return _rows(found[: page.size], axis), len(found) > page.size


def one_dataset(id: ObjectId) -> DatasetRow | None:
    """Find the row of one dataset, with what is counted month by month; None before any opinion."""
    fields = {"dataset": 1, "attention": 1, "totals": 1, "updates": 1}
    found = summaries().find({"_id": dataset_summary(id)}, fields)
    return next(iter(_rows(list(found))), None)


def open_requests_from(dataset: ObjectId) -> int:
    """Return how many open requests were asked from the page of a dataset."""
    return request_figures.read(dataset_summary(dataset)).get("open", 0)


def dataset_choices(scope: Scope) -> list[DatasetFacts]:
    """List the datasets to choose from: those that deserve attention first, sorted by title."""
    where = scope.of_summaries() | {"totals.total": {"$gt": 0}}
    order = _order("attention", "")
    found = summaries().find(where, {"dataset": 1}, sort=order).limit(CHOICES)
    facts = catalogue.datasets_by_id(summary["dataset"] for summary in found).values()
    return sorted(facts, key=lambda dataset: dataset.title.casefold())


def colleagues(scope: Scope) -> list[UserFacts]:
    """List the members of the organization, by name: those to whom feedback can be assigned."""
    if scope.organization is None:
        return []
    found = catalogue.users_by_id(catalogue.members_of(scope.organization.id)).values()
    return sorted((u for u in found if u.name), key=lambda user: (user.name or "").casefold())


def _order(sort: str, axis: str) -> list[tuple[str, int]]:
    first = {
        "attention": ("attention.score", DESCENDING),
        "view": (f"attention.axes.{axis}", DESCENDING),
        "age": ("updated_at", ASCENDING),
    }[sort]
    return [first, ("_id", ASCENDING)]


def _row_fields() -> dict[str, int]:
    """Return the fields of a summary that a row shows, without those of each month."""
    lists = vocabularies()
    counters = ["total", "waiting", "before:total"]
    counters += [f"fitness:{value}" for value in lists.ids("fitness")]
    counters += [f"axis:{axis}:{step}" for axis in lists.ids("axes") for step in STEPS]
    return {"dataset": 1, "attention": 1} | {f"totals.{counter}": 1 for counter in counters}


def _rows(found: list[Document], axis: str = "") -> list[DatasetRow]:
    ids = [summary["dataset"] for summary in found]
    known = indicators.read(ids, geographical=axis == "georeferencing")
    return [
        DatasetRow(
            known[summary["dataset"]],
            summary.get("totals") or {},
            summary.get("attention") or {},
            summary.get("updates") or (),
        )
        for summary in found
        if summary["dataset"] in known
    ]


# --- Feedback -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundFeedback:
    """A page of the list. `shown`: as the API shows it; `assignees`: feedback id → account it is
    assigned to; `total` stops at `MOST_COUNTED`, and is None where counting takes too long."""

    shown: list[Shown]
    assignees: dict[str, ObjectId]
    total: int | None
    more: bool

    @property
    def capped(self) -> bool:
        return self.total == MOST_COUNTED


def feedback(viewer: Viewer, scope: Scope, filters: Filters, page: Page) -> FoundFeedback:
    """Find a page of filtered feedback. Raise Invalid beyond the end of offsets, and where so few
    of so many match that they are not found in time."""
    fields = SHOWN | {"treatment.assignee": 1}
    cursor = feedbacks().find(filters.where, fields, sort=filters.order, max_time_ms=FIND_MS)
    try:
        found = _page(cursor, page)
    except ExecutionTimeout:
        raise refusals.Invalid(
            _("That takes too long to find: choose a dataset or a period as well.")
        ) from None
    return FoundFeedback(
        shown=representation.as_json(viewer, found[: page.size]),
        assignees={
            str(one["_id"]): one["treatment"]["assignee"]
            for one in found
            if one["treatment"].get("assignee")
        },
        total=_total(scope, filters),
        more=len(found) > page.size,
    )


@dataclass(frozen=True)
class Place:
    """The place of one feedback in a list, or the place it would have: its number from 1 (None
    where counting takes too long), and its neighbours."""

    number: int | None
    before: ObjectId | None
    after: ObjectId | None
    inside: bool


def place(filters: Filters, one: Feedback) -> Place:
    """Find the place of a feedback in a list."""
    ahead, behind = _beside(filters, one, -1), _beside(filters, one, 1)
    fields, order = {"_id": 1}, filters.order
    back = [(field, -way) for field, way in order]
    itself = {"$and": [filters.where, {"_id": one["_id"]}]}
    try:
        before = feedbacks().find_one(ahead, fields, sort=back, max_time_ms=FIND_MS)
        after = feedbacks().find_one(behind, fields, sort=order, max_time_ms=FIND_MS)
        number = feedbacks().count_documents(ahead, limit=MOST_COUNTED, maxTimeMS=COUNT_MS) + 1
    except ExecutionTimeout:
        return Place(None, None, None, False)
    return Place(
        number=number if number <= MOST_COUNTED else None,
        before=before["_id"] if before else None,
        after=after["_id"] if after else None,
        inside=feedbacks().find_one(itself, fields) is not None,
    )


def _beside(filters: Filters, one: Feedback, way: int) -> Query:
    """Return the query for what comes before (-1) or after (1) a feedback in the order of a
    list."""
    further = "$gt" if way * filters.order[0][1] > 0 else "$lt"
    moment, id = one["created_at"], one["_id"]
    return {
        "$and": [
            filters.where,
            # Redundant with the next line, but usable as the bound of an index.
            {"created_at": {f"{further}e": moment}},
            {"$or": [{"created_at": {further: moment}}, {"_id": {further: id}}]},
        ]
    }


def every_feedback(filters: Filters) -> Iterator[list[Feedback]]:
    """Yield the filtered feedback in batches of raw documents."""
    fields = SHOWN | {"treatment.assignee": 1}
    cursor = iter(feedbacks().find(filters.where, fields, sort=filters.order).batch_size(BATCH))
    while batch := list(islice(cursor, BATCH)):
        yield batch


#: Counter, in a summary, for no filter or for one filter alone.
COUNTERS = {"": "total", "words": "commented", "waiting": "waiting"}


def _total(scope: Scope, filters: Filters) -> int | None:
    """Return the total from the summary where it holds that figure, otherwise counted up to
    `MOST_COUNTED`; None after `COUNT_MS`."""
    names = "".join(
        name for name, value in filters.chosen.items() if (name, value) != ("words", "0")
    )
    if names in COUNTERS:
        return totals_of(scope).get(COUNTERS[names], 0)
    try:
        return feedbacks().count_documents(filters.where, limit=MOST_COUNTED, maxTimeMS=COUNT_MS)
    except ExecutionTimeout:
        return None


def _page(cursor: Any, page: Page) -> list[Any]:
    """Read one page of a cursor, and one document more where there is a next page."""
    if page.offset + page.size > listing.MAX_OFFSET:
        message = _("Pages end there: use the filters to find what comes after.")
        raise refusals.Invalid(message, {"page": message})
    return list(cursor.skip(page.offset).limit(page.size + 1))


# --- What the public sees -------------------------------------------------------------------------


def last_handled(
    viewer: Viewer, organization: OrganizationFacts | None = None, limit: int = FIRST
) -> list[Shown]:
    """Find the last texts on public datasets (of one organization) that their producer has handled
    and answered, as the API shows them; without those whose author says that it is no better."""
    where = (
        STANDING
        | WORDED
        | {
            "listed": True,
            "agent": {"$ne": True},
            "treatment.status": Treatment.RESOLVED,
            "treatment.answered_at": {"$ne": None},
            "confirmed.answer": {"$ne": "no"},
        }
        | ({"organization": organization.id} if organization else {})
    )
    order = [("treatment.answered_at", DESCENDING), ("_id", DESCENDING)]
    found = feedbacks().find(where, SHOWN, sort=order).limit(limit)
    return representation.as_json(viewer, found)


# --- Whose dashboards -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Dashboard:
    """One line of the list of the viewer's dashboards. `organization` is None for their own
    datasets."""

    organization: OrganizationFacts | None
    total: int
    waiting: int
    open_requests: int


def dashboards(
    roles: Mapping[ObjectId, str], assigned: list[ObjectId], own: list[ObjectId]
) -> list[Dashboard]:
    """List the organizations where the viewer holds a role, by name, then their own datasets. Three
    commands, whatever their number: figures are not settled first."""
    known = catalogue.organizations_by_id(roles)
    whole = {organization_summary(id) for id, role in roles.items() if role != "partial_editor"}
    ids = [*whole, *map(dataset_summary, (*assigned[:MAX_DATASETS], *own))]
    fields = {"organization": 1, "listed": 1, "totals.total": 1, "totals.waiting": 1}
    found = {one["_id"]: one for one in summaries().find({"_id": {"$in": ids}}, fields)}
    asked = request_figures.read_many(whole)

    def listed(datasets: Iterable[ObjectId]) -> list[Document]:
        theirs = (found.get(dataset_summary(id)) for id in datasets)
        return [one for one in theirs if one and one["listed"]]

    made = []
    for organization in sorted(known.values(), key=lambda one: one.name.casefold()):
        key = organization_summary(organization.id)
        if key in whole:
            counted = [found[key]] if key in found else []
        else:
            counted = [o for o in listed(assigned) if o.get("organization") == organization.id]
        if not organization.deleted:
            open_requests = asked.get(key, {}).get("open", 0)
            made.append(_dashboard(organization, counted, open_requests))
    return [*made, _dashboard(None, listed(own), 0)] if own else made


def _dashboard(
    organization: OrganizationFacts | None, counted: list[Document], open_requests: int
) -> Dashboard:
    totals: Counter[str] = Counter()
    for summary in counted:
        totals.update(summary.get("totals") or {})
    return Dashboard(organization, totals["total"], totals["waiting"], open_requests)
