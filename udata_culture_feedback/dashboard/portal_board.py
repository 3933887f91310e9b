"""The answer figures of all producers, for administrators of the portal: one row each, from
stored counters, a page at a time by an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import reduce
from operator import getitem
from typing import Any, TypedDict

from bson import ObjectId
from flask import Response, current_app
from pymongo import ASCENDING, DESCENDING
from udata.i18n import lazy_gettext as _

from ..contributions import adoption, picking
from ..data_requests import figures as request_figures
from ..data_requests.clock import overdue_bound
from ..data_requests.models import requests
from ..data_requests.queries import PUBLIC
from ..feedback import trend
from ..feedback.models import STANDING, Treatment, feedbacks, summaries
from ..figures.summary_ids import OF_ORGANIZATIONS, organization_summary
from ..opendata.tables import Column, Table
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search import unmet_searches
from ..web import listing, refusals
from ..web.api import never_stored
from ..web.listing import EPOCH, Page
from ..web.moments import iso
from ..web.untyped import Shown
from .scores import Answers

#: Sorts: field of a summary, the largest first. `name` is not one: names are udata's.
SORTS = {
    "-waiting": "totals.waiting",
    "-commented": "totals.commented",
    "-total": "totals.total",
    "-last_feedback_at": "last_feedback_at",
}
#: Bound up to which late comments and requests are counted, for a page of organizations.
MOST_LATE = 10_000
#: Number of months, the latest, in each row.
MONTHS = 6
#: Rows of a page.
ROWS = 25
#: Days after which a comment is late, where the portal has set none.
PATIENCE_DAYS = 30
#: Number of unmet searches shown.
UNMET = 20

#: Worded as in the indexes of the board (see `feedback.models`), so that they apply.
ORGANIZATIONS: dict[str, Any] = {"_id": OF_ORGANIZATIONS}


class Waiting(TypedDict):
    """Comments whose author wants an answer: how many wait, and how many wait too long."""

    waiting: int
    overdue: int


class Answered(TypedDict):
    """Both ways of counting: of those who want an answer, and of all with words."""

    awaited: int
    answered_of_awaited: int
    commented: int
    answered_of_commented: int
    median_days: int | None


class Asked(TypedDict):
    """Requests addressed to an organization."""

    open: int
    overdue: int
    published: int


class Activity(TypedDict):
    """The comments given and answered in a month (yyyy-mm)."""

    month: str
    commented: int
    answered: int


class Row(TypedDict):
    """One organization of the board."""

    organization: Shown
    total: int
    comments: Waiting
    answers: Answered
    requests: Asked
    trend: list[Activity]
    last_feedback_at: str | None


def must_be_administrator(viewer: Viewer) -> None:
    """Raise NotFound for anybody but an administrator of the portal."""
    if not viewer.sysadmin:
        raise refusals.NotFound(_("There is no such page."))


def asked_sort(value: str | None) -> str:
    """Return the sort of the request. Raise Invalid naming `sort`."""
    sort = value or "-waiting"
    if sort not in SORTS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(SORTS))
        raise refusals.Invalid(message, {"sort": message})
    return sort


def listed(sort: str, words: str | None, page: Page) -> tuple[list[Row], bool, int]:
    """Return a page of rows, whether there are more, and how many organizations there are.

    :param words: of the name of an organization; ten at most are then found.
    """
    where = dict(ORGANIZATIONS)
    if words:
        found = picking.find(picking.ORGANIZATION, words)
        where["organization"] = {"$in": [ObjectId(choice.value) for choice in found]}
    if page.offset + page.size > listing.MAX_OFFSET:
        message = _("Pages end there: use the filters to find what comes after.")
        raise refusals.Invalid(message, {"page": message})
    order = [(SORTS[sort], DESCENDING), ("_id", ASCENDING)]
    cursor = summaries().find(where, sort=order).skip(page.offset).limit(page.size + 1)
    stored = list(cursor)
    total, _capped = listing.count(summaries(), where)
    return _rows(stored[: page.size]), len(stored) > page.size, total


def every_row(sort: str) -> Iterator[Row]:
    """Yield all rows, read in batches, for the file."""
    order = [(SORTS[sort], DESCENDING), ("_id", ASCENDING)]
    batch: list[Mapping[str, Any]] = []
    for stored in summaries().find(ORGANIZATIONS, sort=order, batch_size=listing.MAX_PAGE_SIZE):
        batch.append(stored)
        if len(batch) == listing.MAX_PAGE_SIZE:
            yield from _rows(batch)
            batch = []
    yield from _rows(batch)


def table() -> Table:
    """Describe the file: names are those of the API."""
    named = (
        ("organization.id", _("Organization")),
        ("organization.name", _("Name of the organization")),
        ("total", _("Opinions")),
        ("comments.waiting", _("Comments that wait")),
        ("comments.overdue", _("Comments that wait for too long")),
        ("answers.awaited", _("Answers awaited")),
        ("answers.answered_of_awaited", _("Share answered of these")),
        ("answers.commented", _("Comments")),
        ("answers.answered_of_commented", _("Share answered of the comments")),
        ("answers.median_days", _("Median days to a first answer")),
        ("requests.open", _("Open requests")),
        ("requests.overdue", _("Overdue requests")),
        ("requests.published", _("Requests answered by data")),
        ("last_feedback_at", _("Last opinion")),
    )
    return Table.plain("producers", *(Column(name, title, _at(name)) for name, title in named))


def _at(name: str) -> Callable[[Any], Any]:
    return lambda row: reduce(getitem, name.split("."), row)


def file(sort: str) -> Response:
    """Return the board as CSV, with all organizations, never stored by anybody."""
    return never_stored(table().download(every_row(sort)))


def returned() -> list[Shown]:
    """List the datasets that seem to be deleted ones come back, for an administrator to decide."""
    return [
        {
            "old": str(gone["_id"]),
            "new": str(found.id),
            "title": found.title,
            "page": found.page,
            "deleted": gone["at"],
        }
        for found, gone in adoption.proposals()
    ]


def decide_return(viewer: Viewer, old: Any, new: Any, decision: Any) -> None:
    """Have a dataset adopt a deleted one, or note that it is another. Raise Invalid, and NotFound
    for what is not proposed."""
    must_be_administrator(viewer)
    if decision not in ("adopt", "refuse"):
        message = _("Choose one of: %(ids)s.", ids="adopt, refuse")
        raise refusals.Invalid(message, {"decision": message})
    proposed = [one for one in returned() if (one["old"], one["new"]) == (old, new)]
    if not proposed:
        raise refusals.NotFound(_("This is no longer proposed."))
    if decision == "adopt":
        adoption.adopt(ObjectId(old), ObjectId(new), viewer.user_id)
    else:
        adoption.refuse(ObjectId(old), ObjectId(new))


def lacking() -> Shown:
    """Return what the portal lacks: unmet searches, and requests whose holder is unknown."""
    nobodys = PUBLIC | {"organization": None, "clock.due_at": {"$gte": EPOCH}}
    return {
        "unmet_searches": [
            {"terms": one.terms, "seen": one.seen} for one in unmet_searches.shown(UNMET)
        ],
        "requests_without_holder": requests().count_documents(nobodys, limit=MOST_LATE),
    }


def _rows(stored: Iterable[Mapping[str, Any]]) -> list[Row]:
    found = list(stored)
    ids = [summary["organization"] for summary in found]
    known = catalogue.organizations_by_id(ids)
    asked = request_figures.read_many(map(organization_summary, ids))
    late = _late_comments(ids), _late_requests(ids)
    return [
        _row(summary, known[id], asked.get(organization_summary(id), {}), late[0][id], late[1][id])
        for summary, id in zip(found, ids, strict=True)
        if id in known and not known[id].deleted
    ]


def _row(
    summary: Mapping[str, Any],
    organization: catalogue.OrganizationFacts,
    asked: Mapping[str, int],
    late_comments: int,
    late_requests: int,
) -> Row:
    totals: Mapping[str, int] = summary.get("totals") or {}
    answers = Answers.of(totals)
    months = trend.months(totals)
    last = summary.get("last_feedback_at")
    return {
        "organization": organization.as_json(),
        "total": totals.get("total", 0),
        "comments": {"waiting": totals.get("waiting", 0), "overdue": late_comments},
        "answers": {
            "awaited": answers.awaited,
            "answered_of_awaited": answers.answered,
            "commented": totals.get("commented", 0),
            "answered_of_commented": sum(month["answered"] for month in months),
            "median_days": answers.median,
        },
        "requests": {
            "open": asked.get("open", 0),
            "overdue": late_requests,
            "published": asked.get("status:published", 0),
        },
        "trend": [
            {
                "month": month["month"],
                "commented": month["commented"],
                "answered": month["answered"],
            }
            for month in months[-MONTHS:]
        ],
        "last_feedback_at": iso(last),
    }


def _late_comments(organizations: list[ObjectId]) -> Counter[ObjectId]:
    """Count the comments that have waited longer than the portal's usual patience."""
    patience = current_app.config["CULTURE_FEEDBACK_ESCALATE_DAYS"] or PATIENCE_DAYS
    before = now() - timedelta(days=patience)
    where = STANDING | {
        "organization": {"$in": organizations},
        "listed": True,
        "wants_answer": True,
        "treatment.status": Treatment.NEW,
        "created_at": {"$lt": before},
    }
    found = feedbacks().find(where, {"organization": 1}).limit(MOST_LATE)
    return Counter(one["organization"] for one in found)


def _late_requests(organizations: list[ObjectId]) -> Counter[ObjectId]:
    """Count the requests whose service date has passed."""
    where = PUBLIC | {
        "organization": {"$in": organizations},
        "clock.due_at": {"$gte": EPOCH, "$lt": overdue_bound(now())},
    }
    found = requests().find(where, {"organization": 1}).limit(MOST_LATE)
    return Counter(one["organization"] for one in found)
