"""Read requests for the lists of the API and of the pages, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from flask import g
from flask import request as asked
from pymongo import ASCENDING, DESCENDING
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search.understanding import conditions
from ..web import listing, refusals
from ..web.listing import EPOCH, Page
from ..web.untyped import Query, Shown
from . import figures, messages, representation, supports
from .actions import readable
from .clock import overdue_bound
from .dataset_page import FULFILLED, OPENED_BY
from .dataset_page import PUBLIC as PUBLIC
from .models import Request, requests
from .workflow import OPEN, Status

SORTS = {
    "-created_at": [("created_at", DESCENDING), ("_id", DESCENDING)],
    # Browsers are cheap to multiply, addresses less so: verified supports come first.
    "-supports": [
        ("totals.supports_known", DESCENDING),
        ("totals.supports", DESCENDING),
        ("_id", DESCENDING),
    ],
    "due_at": [("clock.due_at", ASCENDING), ("_id", ASCENDING)],
}

#: Fields not read for a list: histories may be long.
LEFT_OUT = {"history": 0, "terms": 0, "last": 0, "counted": 0, "live": 0, "messages": 0}


def listed(viewer: Viewer, default_size: int = 20) -> Shown:
    """Return `GET P/requests/` with the filters and sort of the query. Raise Invalid naming an
    argument, NotFound for a dataset or organization that does not exist, or a page too far."""
    page = listing.asked_page(default_size)
    sort = asked.args.get("sort") or "-created_at"
    if sort not in SORTS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(SORTS))
        raise refusals.Invalid(message, {"sort": message})
    where, counter, key = _filters()
    if sort == "due_at":  # only requests that wait for an answer
        where = {"clock.due_at": {"$gte": EPOCH}} | where
        counter = None
    where = PUBLIC | where
    found = _page(where, page, sort)
    if not found and page.number > 1:
        raise refusals.NotFound(_("There is no such page."))
    if counter:
        total, capped = figures.read(counter).get(key, 0), False
    else:
        total, capped = listing.count(requests(), where)
    shown = representation.as_json(viewer, [r | {"history": []} for r in found[: page.size]])
    return listing.envelope(shown, found, page, total, capped)


def newest(limit: int) -> list[Request]:
    """Find the newest public requests, with the filters of the query. Raise as `listed` does."""
    where, _counter, _key = _filters()
    return list(requests().find(PUBLIC | where, LEFT_OUT, sort=SORTS["-created_at"]).limit(limit))


def most_supported(viewer: Viewer, limit: int) -> list[Shown]:
    """Find the open public requests that most people support, as the API shows them."""
    where = PUBLIC | {"status": {"$in": list(OPEN)}}
    found = requests().find(where, LEFT_OUT, sort=SORTS["-supports"]).limit(limit)
    return representation.as_json(viewer, [one | {"history": []} for one in found])


def fulfilled(viewer: Viewer, limit: int) -> list[Shown]:
    """Find the latest public requests whose data are published, as the API shows them."""
    where = PUBLIC | {"status": Status.PUBLISHED}
    found = requests().find(where, LEFT_OUT, sort=SORTS["-created_at"]).limit(limit)
    return representation.as_json(viewer, [one | {"history": []} for one in found])


def counted_by_status(counter: str = SITE) -> dict[str, int]:
    """Read how many public requests of each status the figures of a scope hold, whatever the
    query asks for."""
    totals = figures.read(counter)
    return {t.id: totals.get(f"status:{t.id}", 0) for t in vocabulary.REQUEST_STATUSES}


def status_counts() -> dict[str, int]:
    """Count public requests by status with the other filters of the query: from figures where
    possible, otherwise counted up to the bound of lists. Raise as `listed` does."""
    where, counter, _key = _filters(status=False)
    if counter:
        return counted_by_status(counter)
    bounded: list[Query] = [{"$match": PUBLIC | where}, {"$limit": listing.MAX_COUNT}]
    by_status: Query = {"$group": {"_id": "$status", "n": {"$sum": 1}}}
    found: Iterable[Any] = requests().aggregate([*bounded, {"$project": {"status": 1}}, by_status])
    counted = {one["_id"]: one["n"] for one in found}
    return {t.id: counted.get(t.id, 0) for t in vocabulary.REQUEST_STATUSES}


def conversation(viewer: Viewer, reference: Any) -> Shown:
    """Return `GET P/requests/<r>/messages/`, the oldest first. Raise NotFound."""
    request = readable(viewer, reference)
    page = listing.asked_page()
    if page.cursor:
        page = Page(1, page.size)  # this order has no cursor
    found, total, capped = messages.read(request, page)
    if not found and page.number > 1:
        raise refusals.NotFound(_("There is no such page."))
    shown = representation.messages_as_json(viewer, request, found[: page.size])
    return listing.envelope(shown, found, page, total, capped)


def opened_by(dataset_id: ObjectId) -> tuple[int, list[Request]]:
    """Return how many distinct people asked for a dataset (« Ouvert à la demande de N personnes »),
    and their requests, without history."""
    where = PUBLIC | FULFILLED | {"fulfilled_by.datasets": dataset_id}
    found = list(requests().find(where, LEFT_OUT, sort=SORTS["-created_at"]).limit(OPENED_BY))
    return people(found), found


def people(fulfilled: list[Request]) -> int:
    """Count the distinct verified people behind requests; one alone has its count stored."""
    if len(fulfilled) < 2:
        return sum(representation.people(request) for request in fulfilled)
    return supports.distinct_people(fulfilled)


def _page(where: Query, page: Page, sort: str) -> list[Request]:
    if sort == "-created_at":
        return listing.newest_first(requests(), where, page, LEFT_OUT)
    if page.offset + page.size > listing.MAX_OFFSET:
        message = _("Pages of this order end at %(offset)d.", offset=listing.MAX_OFFSET)
        raise refusals.Invalid(message, {"page": message})
    found = requests().find(where, LEFT_OUT, sort=SORTS[sort])
    return list(found.skip(page.offset).limit(page.size + 1))


def _filters(*, status: bool = True) -> tuple[Query, str | None, str]:
    """Return the query and, where figures hold its total, their id and counter. `status=False`:
    without the filter on the status."""
    where: Query = {}
    counters = [SITE]
    if "dataset" in asked.args:
        dataset = catalogue.find_dataset(asked.args["dataset"])
        if dataset is None or not catalogue.may_read(dataset):
            raise refusals.NotFound(_("There is no such dataset."))
        where["dataset"] = dataset.id
        counters.append(dataset_summary(dataset.id))
    if asked.args.get("organization"):
        organization = catalogue.find_organization(asked.args["organization"])
        if organization is None or organization.deleted:
            raise refusals.NotFound(_("There is no such organization."))
        where["organization"] = organization.id
        counters.append(organization_summary(organization.id))
    counter: str | None = counters[-1] if len(counters) <= 2 else None
    key = "total"
    statuses = [term.id for term in vocabulary.REQUEST_STATUSES]
    if status and (chosen := _choice("status", statuses)):
        where["status"] = chosen
        key = f"status:{chosen}"
    for argument, field, ids in (
        ("theme", "themes", vocabulary.vocabularies().ids("themes")),
        ("kind", "kind", [term.id for term in vocabulary.REQUEST_KINDS]),
    ):
        if value := _choice(argument, ids):
            where[field] = value
            counter = None
    if overdue := _choice("overdue", ("true", "false", "1", "0")):
        # Null (paused or answered) does not match: see the index.
        late = {"clock.due_at": {"$gte": EPOCH, "$lt": overdue_bound(now())}}
        where |= late if overdue in ("true", "1") else {"$nor": [late]}
        counter = None
    if words := _words():
        where["$and"] = words
        counter = None
    return where, counter, key


def _words() -> list[Query]:
    """Return the conditions of `q`, computed once for a page that also counts."""
    if "culture_feedback_words" not in g:
        g.culture_feedback_words = conditions(asked.args.get("q", "")[:200])
    words: list[Query] = g.culture_feedback_words
    return words


def _choice(argument: str, ids: Any) -> str | None:
    value = asked.args.get(argument)
    if not value:  # as a form says that anything will do
        return None
    if value not in ids:
        message = _("Choose one of: %(ids)s.", ids=", ".join(ids))
        raise refusals.Invalid(message, {argument: message})
    return value
