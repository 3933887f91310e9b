"""List where a person can go in the product, and how much waits for them there, in one query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from udata.core.dataset.models import Dataset
from udata.i18n import gettext as _

from ..consultations.permissions import is_team
from ..dashboard.permissions import MAX_DATASETS, assigned, memberships
from ..data_requests.models import requests
from ..data_requests.permissions import desk
from ..data_requests.queries import PUBLIC
from ..feedback.models import summaries
from ..figures.summary_ids import dataset_summary, organization_summary
from ..moderation import queue
from ..people.viewer import Viewer
from ..web.frame import Place
from ..web.listing import EPOCH
from ..web.untyped import Query

#: Requests that wait are counted up to this.
MOST_COUNTED = 500


def places(viewer: Viewer) -> list[Place]:
    """Return the places open to everybody, then those where this person works."""
    found = [
        Place(_("Your voice"), ""),
        Place(_("Requests for data"), "requests/"),
        Place(_("Consultations"), "consultations/"),
        Place(_("My contributions"), "me/"),
    ]
    if not viewer.account:
        return found
    counted = _counted(viewer)
    if counted.get("edits"):
        waiting = counted.get("texts", 0) + counted.get("requests", 0)
        found.append(Place(_("Dashboard"), "dashboard/", waiting, work=True))
    if viewer.moderator:
        found.append(Place(_("Moderation"), "moderation/", counted.get("moderation", 0), work=True))
    if viewer.sysadmin:
        found.append(Place(_("Producers of the portal"), "dashboard/portal/", work=True))
    if is_team(viewer):
        found.append(Place(_("Consultation team"), "consultations/new", work=True))
    return found


def _counted(viewer: Viewer) -> Mapping[str, int]:
    """Count what waits for a person: kept totals of their organizations, requests up to a bound,
    the queue up to its own; `edits`: whether they look after any dataset."""
    roles = memberships()
    whole = [id for id, role in roles.items() if role != "partial_editor"]
    theirs = assigned()[:MAX_DATASETS]
    keys = [*map(organization_summary, whole), *map(dataset_summary, theirs)]
    looked_after = len(roles) + len(theirs)
    own = {"owner": viewer.user_id, "organization": None, "deleted": None}
    datasets = Dataset._get_collection()
    if not keys and not viewer.moderator:  # nothing can wait for most people
        return {"edits": looked_after or int(datasets.find_one(own, {"_id": 1}) is not None)}
    pipeline: list[Query] = [
        {"$match": {"_id": {"$in": keys}}},
        {"$group": {"_id": "texts", "n": {"$sum": "$totals.waiting"}}},
        _beside(requests().name, _requests(whole)),
        _beside(
            datasets.name,
            [
                {"$match": own},
                {"$limit": 1},
                {"$project": {"_id": "edits", "n": {"$literal": 1}}},
            ],
        ),
    ]
    if viewer.moderator:
        pipeline += [
            _beside(collection.name, [*stages, *_number("moderation")])
            for collection, stages in queue.bounded(viewer)
        ]
    counted: dict[str, int] = {"edits": looked_after}
    for one in summaries().aggregate(pipeline):
        counted[one["_id"]] = counted.get(one["_id"], 0) + one["n"]
    return counted


def _beside(collection: str, stages: list[Query]) -> Query:
    return {"$unionWith": {"coll": collection, "pipeline": stages}}


def _number(name: str) -> list[Query]:
    return [{"$count": "n"}, {"$addFields": {"_id": name}}]


def _requests(organizations: list[Any]) -> list[Query]:
    """Return the stages that count the requests waiting for an answer of these organizations: their
    service date is not null."""
    holders = [*organizations, *([None] if desk() in organizations else [])]
    where = PUBLIC | {"organization": {"$in": holders}, "clock.due_at": {"$gte": EPOCH}}
    return [
        {"$match": where},
        {"$limit": MOST_COUNTED},
        {"$project": {"_id": 1}},
        *_number("requests"),
    ]
