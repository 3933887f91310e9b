"""Read the requests for data that one dashboard deals with: views, counts that agree with them, and
the place of the open one. A constant number of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING
from udata.i18n import gettext as _
from udata.i18n import ngettext, pgettext

from ..data_requests import assignees, representation
from ..data_requests import permissions as request_permissions
from ..data_requests.clock import overdue_bound
from ..data_requests.models import Request, requests
from ..data_requests.queries import LEFT_OUT, PUBLIC, SORTS
from ..data_requests.workflow import OPEN, PREPARING, Status
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search.understanding import conditions
from ..web import listing, refusals
from ..web.listing import EPOCH
from ..web.moments import local_day, portal_zone
from ..web.untyped import Query, Shown
from .permissions import Scope

#: Requests on one page of the list.
ROWS = 30
#: Bound up to which the place of a request in a view is known.
MOST_PLACED = 1000
#: Longest search text, in characters.
Q_LENGTH = 200
#: Days within which an answer is due this week.
WEEK = timedelta(7)

#: A holder has to answer: null while something else is awaited, and once it is answered.
AWAITED: Query = {"clock.due_at": {"$gte": EPOCH}}

#: The view that is shown where the address names none.
FIRST = "decide"


@dataclass(frozen=True)
class View:
    """A view of the list: its label, its condition, and its order (a name in `SORTS`)."""

    label: str
    where: Query
    sort: str = "created_at"


ORDERS = SORTS | {"created_at": [("created_at", ASCENDING), ("_id", ASCENDING)]}


def views(viewer: Viewer) -> dict[str, View]:
    """Return the views of a list of requests, by the name that the address gives them."""
    late = {"clock.due_at": {"$gte": EPOCH, "$lt": overdue_bound(now())}}
    closed = [status for status in Status if status not in OPEN]
    asking = {"status": Status.NEEDS_CLARIFICATION, "clock.due_at": None}
    mine = {"assignee": viewer.user_id, "status": {"$in": sorted(OPEN)}}
    return {
        FIRST: View(_("To decide"), AWAITED, "due_at"),
        "late": View(_("Overdue"), late, "due_at"),
        "asked": View(_("Waiting for the requester"), asking),
        "preparing": View(_("In preparation"), {"status": {"$in": sorted(PREPARING)}}),
        "partial": View(
            _("Published in part"), {"status": Status.PUBLISHED, "partial": True}, "-created_at"
        ),
        "mine": View(pgettext("requests", "Assigned to me"), mine),
        "open": View(_("All that are open"), {"status": {"$in": sorted(OPEN)}}),
        "closed": View(pgettext("requests", "Closed"), {"status": {"$in": closed}}, "-created_at"),
    }


def of_scope(scope: Scope) -> Query:
    """Select the public requests of a dashboard: addressed to its organization (the desk also gets
    those whose holder is unknown); otherwise asked from the datasets it covers."""
    if scope.organization is None or not scope.whole:
        return PUBLIC | {"dataset": {"$in": list(scope.datasets or ())}}
    holder = scope.organization.id
    if request_permissions.desk() == holder:
        return PUBLIC | {"organization": {"$in": [holder, None]}}
    return PUBLIC | {"organization": holder}


@dataclass(frozen=True)
class Asked:
    """What the address asks for: a view, an order, words, the dataset that requests were asked
    from. `gone`: it names a view that does not exist."""

    view: str
    sort: str
    q: str
    gone: bool = False
    dataset: ObjectId | None = None

    @classmethod
    def of(cls, arguments: Mapping[str, str], known: Mapping[str, View]) -> Asked:
        """Read an address; what it names that does not exist falls back on the first view."""
        named = arguments.get("view") or FIRST
        view = named if named in known else FIRST
        sort, about = arguments.get("sort", ""), arguments.get("dataset", "")
        usual = known[view].sort
        possible = ORDERS if usual == "due_at" else ORDERS.keys() - {"due_at"}
        return cls(
            view,
            sort if sort in possible else usual,
            arguments.get("q", "").strip()[:Q_LENGTH],
            gone=named != view,
            dataset=ObjectId(about) if ObjectId.is_valid(about) else None,
        )

    def arguments(self, known: Mapping[str, View]) -> dict[str, str]:
        """Return the arguments of the address that asks for this."""
        sort = {} if self.sort == known[self.view].sort else {"sort": self.sort}
        return {"view": self.view} | sort | self.narrowing

    @property
    def narrowing(self) -> dict[str, str]:
        """The arguments that every view keeps: words, and a dataset."""
        words = {"q": self.q} if self.q else {}
        return words | ({"dataset": str(self.dataset)} if self.dataset else {})


@dataclass(frozen=True)
class Listed:
    """A view of the list: the ids in its order up to `MOST_PLACED`, and the number of each view
    with the same words."""

    ids: list[ObjectId]
    counts: Mapping[str, int]

    def neighbours(self, id: ObjectId) -> tuple[int | None, ObjectId | None, ObjectId | None]:
        """Return the number of a request in the view, from 1, and what comes before and after."""
        if id not in self.ids:
            return None, None, self.ids[0] if self.ids else None
        at = self.ids.index(id)
        before = self.ids[at - 1] if at else None
        return at + 1, before, self.ids[at + 1] if at + 1 < len(self.ids) else None


def listed(scope: Scope, asked: Asked, known: Mapping[str, View]) -> Listed:
    """Find the requests of a view, and count those of every view by the same conditions."""
    where = of_scope(scope)
    if asked.q:
        where = where | {"$and": conditions(asked.q)}
    if asked.dataset:
        where = {"$and": [where, {"dataset": asked.dataset}]}
    needed = {"status": 1, "partial": 1, "assignee": 1, "clock.due_at": 1}
    counted: Any = requests().aggregate(
        [
            {"$match": where},
            {"$limit": listing.MAX_COUNT},
            {"$project": needed},
            {"$facet": {name: [{"$match": v.where}, {"$count": "n"}] for name, v in known.items()}},
        ]
    )
    numbers = next(iter(counted))
    order = ORDERS[asked.sort]
    both = {"$and": [where, known[asked.view].where]}
    found = requests().find(both, {"_id": 1}, sort=order).limit(MOST_PLACED)
    return Listed(
        ids=[one["_id"] for one in found],
        counts={name: one[0]["n"] if one else 0 for name, one in numbers.items()},
    )


def within(scope: Scope, reference: str) -> Request:
    """Find a request of this dashboard. Raise NotFound."""
    id = ObjectId(reference) if ObjectId.is_valid(reference) else None
    found = requests().find_one({"$and": [of_scope(scope), {"_id": id}]}) if id else None
    if found is None or found.get("removed"):
        raise refusals.NotFound(_("There is no such request."))
    return found


@dataclass(frozen=True)
class Row:
    """A line of the list: a request as JSON shows it, its due day in words, and who looks after
    it. `group`: the heading under which it stands."""

    shown: Shown
    due: str
    group: str
    assignee: str | None


def rows(viewer: Viewer, ids: list[ObjectId], names: Mapping[ObjectId, str | None]) -> list[Row]:
    """Read the lines of a page. `names`: account → name, of the members who may look after one."""
    found = {one["_id"]: one for one in requests().find({"_id": {"$in": ids}}, LEFT_OUT)}
    there = [found[id] for id in ids if id in found]
    everything = representation.as_json(viewer, [one | {"history": []} for one in there])
    return [
        _row(one, shown, names.get(one["assignee"]) if one.get("assignee") else None)
        for one, shown in zip(there, everything, strict=True)
    ]


def _row(one: Request, shown: Shown, assignee: str | None) -> Row:
    due = one["clock"].get("due_at")
    if due is None:
        return Row(shown, "", "", assignee)
    today, day = local_day(now(), portal_zone()), local_day(due, portal_zone())
    return Row(shown, due_in_words(day, today), group_of(day, today), assignee)


def due_in_words(day: date, today: date) -> str:
    """Word how far off a due day is."""
    days = (day - today).days
    if days < 0:
        return ngettext("%(num)d day late", "%(num)d days late", -days)
    if days == 0:
        return pgettext("due", "today")
    return ngettext("in %(num)d day", "in %(num)d days", days)


def group_of(day: date, today: date) -> str:
    """Return the heading under which a due day stands."""
    if day < today:
        return _("Overdue")
    return _("This week") if day - today < WEEK else pgettext("due", "Later")


def members(scope: Scope, found: Request | None) -> dict[ObjectId, str | None]:
    """Return the people to whom a request of this dashboard may be given: account → name."""
    if found is not None:
        return {user.id: user.name for user in assignees.colleagues(found)}
    if scope.organization is None:
        return {}
    known = catalogue.users_by_id(catalogue.members_of(scope.organization.id))
    return {id: user.name for id, user in known.items()}
