"""Matching at publication: a dataset that has just appeared is proposed for the open requests that
resemble it, to those who may answer them.

A pair of request and dataset is proposed once: a dismissed match does not come back. Accepting one
is the ordinary move to published; where the holder was unknown, the producer of the dataset becomes
the holder in the same step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from mongoengine.fields import DateTimeField, FloatField, ObjectIdField, StringField
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..contributions.review_rules import Visibility
from ..mail import outbox
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import acknowledged, now
from ..search import similar
from ..web import refusals
from ..web.untyped import Shown
from . import actions, permissions, representation
from .forms import Values, read_move
from .models import TOLD, Request, requests
from .queries import LEFT_OUT
from .recipients import admins_dealing_with, scope_of_holder
from .repository import change, fulfilment
from .transitions import history_entry, moved
from .workflow import OPEN, Role, Status


class Match(TypedDict):
    """The fields of `CultureFeedbackMatch`."""

    _id: str
    request: ObjectId
    dataset: ObjectId
    organization: NotRequired[ObjectId | None]
    producer: NotRequired[ObjectId | None]
    score: NotRequired[float]
    state: str
    created_at: datetime
    decided_at: NotRequired[datetime]


#: Most proposals read for one producer or one request.
SHOWN = 100


class State(StrEnum):
    """What was decided about a match."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class CultureFeedbackMatch(Document):
    """A dataset that may answer a request. `id`: `<request>:<dataset>`, so that there is one.
    `organization`: the holder of the request, which `follow_request` copies; None: unknown, the
    desk's. `producer`: the organization of the dataset when it was proposed last."""

    id = StringField(primary_key=True)
    request = ObjectIdField(required=True)
    dataset = ObjectIdField(required=True)
    organization = ObjectIdField()
    producer = ObjectIdField()
    score = FloatField()
    state = StringField(choices=[state.value for state in State], default=State.PROPOSED)
    created_at = DateTimeField(required=True)
    decided_at = DateTimeField()

    meta = {
        "strict": False,
        "indexes": [
            ["organization", "state", "-created_at"],
            ["producer", "organization", "state", "-created_at"],
            ["request", "state"],
            ["dataset", "state"],
        ],
    }


def matches() -> Collection[Any]:
    return acknowledged(CultureFeedbackMatch)


def propose(raw: Mapping[str, Any]) -> int:
    """Propose a dataset (raw, with the fields of `search.index.DATASETS`) that has become public
    for the requests it resembles: those to its organization, and those without a known holder. Mail
    its producer and those who may answer, once for the dataset. Return the number of requests.
    Idempotent."""
    found = {one.id: one.score for one in similar.matching(raw)}
    holder = _organization(raw)
    where = {
        "_id": {"$in": list(found)},
        "visibility": Visibility.PUBLIC,
        "status": {"$in": sorted(OPEN)},
        "organization": {"$in": [holder, None]},
    }
    resembling = list(requests().find(where, {"organization": 1})) if found else []
    for request in resembling:
        first = {
            "request": request["_id"],
            "dataset": raw["_id"],
            "organization": request.get("organization"),
            "score": found[request["_id"]],
            "state": State.PROPOSED,
            "created_at": now(),
        }
        with suppress(DuplicateKeyError):  # proposed meanwhile by another process
            matches().update_one(
                {"_id": f"{request['_id']}:{raw['_id']}"},
                {"$setOnInsert": first, "$set": {"producer": holder}},
                upsert=True,
            )
    concerned = {request.get("organization") for request in resembling}
    for organization in concerned | ({holder} if holder and resembling else set()):
        outbox.post_to_each(
            f"match:{raw['_id']}",
            admins_dealing_with(organization),
            "request-matches",
            {"dataset": str(raw["_id"])},
            scope_of_holder(organization),
        )
    return len(resembling)


def proposals_for(viewer: Viewer, organization_ids: Iterable[ObjectId]) -> list[Shown]:
    """List what is proposed to some organizations, newest first, for their dashboard: `id`,
    `request` (as in lists), `dataset`, `score`. Requests without a known holder go to the desk, and
    to the producer of the dataset."""
    asked: list[ObjectId | None] = list(organization_ids)
    theirs = {"producer": {"$in": list(asked)}, "organization": None}
    if permissions.desk() in asked:
        asked.append(None)
    where = {"$or": [{"organization": {"$in": asked}}, theirs], "state": State.PROPOSED}
    found = matches().find(where, sort=[("created_at", -1)]).limit(SHOWN)
    return _shown(viewer, list(found))


def proposals_on(viewer: Viewer, request: Request) -> list[Shown]:
    """List what is proposed for one request, best first, to those who may accept it; empty for
    others."""
    if Status(request["status"]) not in OPEN or not viewer.known:
        return []
    where = {"request": request["_id"], "state": State.PROPOSED}
    if not permissions.deals_with(viewer, request):
        theirs = [one.id for one in catalogue.spoken_for()]
        if request.get("organization") or not theirs:
            return []
        where["producer"] = {"$in": theirs}
    return _shown(viewer, list(matches().find(where, sort=[("score", -1)]).limit(SHOWN)))


def proposed_requests(dataset_id: ObjectId) -> list[Request]:
    """List the open public requests that a dataset is proposed for, most supported first."""
    ids = [m["request"] for m in matches().find({"dataset": dataset_id, "state": State.PROPOSED})]
    where = {"_id": {"$in": ids}, "visibility": Visibility.PUBLIC, "status": {"$in": sorted(OPEN)}}
    return list(requests().find(where, LEFT_OUT, sort=[("totals.supports", -1), ("_id", 1)]))


def accept(viewer: Viewer, id: Any) -> Request:
    """Publish the request with the dataset: the ordinary move with its checks or, where the holder
    was unknown, a claim. Return the request. Raise NotFound for a match that this user may not see,
    Conflict for a dismissed one; Forbidden, Conflict, Invalid as the move does."""
    match, request = _readable(viewer, id)
    if match["state"] == State.DISMISSED:
        raise refusals.Conflict(_("This proposal was dismissed."), state=match["state"])
    fulfilled = fulfilment(request)["datasets"]
    if request["status"] != Status.PUBLISHED or match["dataset"] not in fulfilled:
        payload = {
            "to": Status.PUBLISHED.value,
            "from": request["status"],
            "datasets": [str(match["dataset"])],
        }
        if _may_claim(viewer, match, request):
            request = _claim(viewer, match, request, payload)
        else:
            request = actions.move(viewer, str(request["_id"]), payload)
    _decide(match, State.ACCEPTED)
    return request


def dismiss(viewer: Viewer, id: Any) -> None:
    """Record that the dataset is not what was asked for. Idempotent. Raise NotFound, Forbidden,
    Conflict for an accepted match."""
    match, request = _readable(viewer, id)
    may = permissions.deals_with(viewer, request) or _may_claim(viewer, match, request)
    spend_write(viewer, manages=may)
    if not may:
        raise refusals.Forbidden(_("Only those who handle this request may decide that."))
    if match["state"] == State.ACCEPTED:
        raise refusals.Conflict(_("This proposal was accepted."), state=match["state"])
    _decide(match, State.DISMISSED)


def forget_dataset(dataset_id: ObjectId) -> None:
    """Delete the matches of a dataset that is gone for good."""
    matches().delete_many({"dataset": dataset_id})


def follow_request(request_id: ObjectId, raw: Mapping[str, Any] | None) -> None:
    """Copy the holder of a request (`raw`: its `organization`) to its matches; delete them where it
    is gone (None)."""
    if raw is None:
        matches().delete_many({"request": request_id})
        return
    holder = raw.get("organization")
    matches().update_many(
        {"request": request_id, "organization": {"$ne": holder}}, {"$set": {"organization": holder}}
    )


def _readable(viewer: Viewer, id: Any) -> tuple[Match, Request]:
    """Return a match and its request. Raise NotFound where there is none, or where this user may
    not see the request."""
    must_be_known(viewer)
    match = matches().find_one({"_id": id}) if isinstance(id, str) else None
    if match is None:
        raise refusals.NotFound(_("There is no such proposal."))
    return match, actions.readable(viewer, match["request"])


def _may_claim(viewer: Viewer, match: Match, request: Request) -> bool:
    """Return whether accepting this match gives the request to the producer of its dataset. The
    desk, which speaks for nobody else, publishes it as it is."""
    dataset = catalogue.find_dataset(match["dataset"])
    return dataset is not None and permissions.may_claim(viewer, request, dataset)


def _claim(viewer: Viewer, match: Match, request: Request, payload: Values) -> Request:
    """Give a request without a known holder to the producer of the dataset, and publish it: two
    history entries in one update, told to followers as one. Raise Conflict when it was taken
    meanwhile."""
    spend_write(viewer, manages=True)
    asked = read_move(payload)

    def claimed(request: Request) -> Request:
        dataset = catalogue.find_dataset(match["dataset"])
        if dataset is None or not permissions.may_claim(viewer, request, dataset):
            raise refusals.Conflict(
                _("Somebody else deals with this request now."), status=request["status"]
            )
        assert dataset.organization is not None  # see `may_claim`
        theirs = request | {"organization": dataset.organization}
        entry = history_entry(
            viewer,
            theirs,
            request["status"],
            Role.PRODUCER,
            transferred_to=dataset.organization,
            claimed=True,
        )
        theirs["received_at"] = request.get("received_at") or now()
        theirs["history"] = [*request["history"], entry]
        return moved(viewer, theirs, Status.PUBLISHED, Role.PRODUCER, asked, None)

    return change(request, claimed, due=[TOLD]) or actions.fresh(request["_id"])


def _decide(match: Match, state: State) -> None:
    """Store a decision, unless one was made meanwhile: the first one stands."""
    matches().update_one(
        {"_id": match["_id"], "state": State.PROPOSED},
        {"$set": {"state": state, "decided_at": now()}},
    )


def _shown(viewer: Viewer, found: list[Match]) -> list[Shown]:
    """Return the proposals that can still be accepted: the request is open, the dataset public."""
    where = {
        "_id": {"$in": [match["request"] for match in found]},
        "visibility": Visibility.PUBLIC,
        "status": {"$in": sorted(OPEN)},
    }
    open_ones = [one | {"history": []} for one in requests().find(where, LEFT_OUT)]
    asked = {one["id"]: one for one in representation.as_json(viewer, open_ones)}
    datasets = catalogue.datasets_by_id(match["dataset"] for match in found)
    return [
        {
            "id": match["_id"],
            "request": asked[str(match["request"])],
            "dataset": datasets[match["dataset"]].as_json(),
            "score": match["score"],
        }
        for match in found
        if str(match["request"]) in asked
        and (dataset := datasets.get(match["dataset"]))
        and dataset.listed
    ]


def _organization(raw: Mapping[str, Any]) -> ObjectId | None:
    organization = raw.get("organization")
    return getattr(organization, "id", organization)  # a DBRef, in old versions of udata
