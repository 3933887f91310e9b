"""What an answer does to a request, wherever it was written.

No record is kept of processed answers: the status, the time it was set, and who wrote what since
then determine the result. So processing is idempotent, may be late, and in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import ObjectId
from udata.core.discussions.models import Discussion
from udata.core.user.models import User

from ..contributions import discussions
from ..contributions.review_rules import Visibility
from ..people.service_account import SERVICE_EMAIL, acting_as
from ..people.viewer import Viewer, viewer_of
from . import messages, permissions
from .discussion import Cast, id_of, natively_told, told_moves
from .models import TOLD, Request, requests
from .models import messages as stored_messages
from .repository import change
from .signals import on_request_message
from .transitions import moved
from .workflow import Role, Status

#: Statuses that an answer changes.
WAITING = frozenset((Status.SUBMITTED, Status.NEEDS_CLARIFICATION))


def take_up(
    request_id: ObjectId, viewer: Viewer, role: Role, at: datetime, message: str | None = None
) -> bool:
    """Apply a message (`at`: naive UTC) to a request: one by the holder acknowledges a new request;
    while a question is open, one by anybody else answers it. Return whether the request moved.
    `message`: the id of the message, for the history."""
    nothing = {"message": None, "partial": False}

    def taken(request: Request) -> Request | None:
        if not _moves(request, role, at):
            return None
        changed = moved(viewer, request, Status.ACKNOWLEDGED, role, nothing, None)
        entry = changed["history"][-1] | ({"reply": message} if message else {})
        return changed | {"history": [*request["history"], entry]}

    return change(requests().find_one({"_id": request_id}), taken, due=[TOLD]) is not None


def follow(request_id: ObjectId) -> bool:
    """Apply the messages of the native discussion since the request waits; the holder's closing it
    counts as reading it. Return whether the request moved. Closing decides nothing: a decision
    needs a reason, or the data."""
    request = requests().find_one({"_id": request_id})
    if request is None or not _listens(request):
        return False
    raw = Discussion._get_collection().find_one({"_id": request["discussion"]})
    if raw is None:
        return False
    cast = Cast.of(request)
    for said in _said_natively(request, raw):
        role = cast.role_of(said.user, said.organization)
        if not _moves(request, role, said.at) or _is_held(raw["_id"], said.message):
            continue
        user = User.objects(id=said.user, deleted=None).first()
        if user is None or user.email == SERVICE_EMAIL:
            continue
        viewer = viewer_of(user)
        if role is Role.ANYBODY and (
            said.message is None or permissions.may_moderate(viewer, request)
        ):
            continue  # a moderator decides on the page, and answers for nobody
        with acting_as(user):
            if take_up(request_id, viewer, role, said.at, said.message):
                return True
    return False


def announce(request_id: ObjectId, message_id: str) -> None:
    """Notify of a native message those whom udata has not told. Idempotent."""
    request = requests().find_one({"_id": request_id, "discussed": True})
    if request is None or request["visibility"] != Visibility.PUBLIC:
        return
    message = messages.native_message(request, message_id)
    if message and not _is_held(request["discussion"], message_id):
        told = natively_told(request)
        on_request_message.send(request_id, message=message | {"native": True}, told=told)


def waits_since(request: Request) -> datetime:
    """Return since when a request has its status and its holder (naive UTC)."""
    entered = [
        entry["at"]
        for entry in request["history"]
        if entry.get("transferred_to") or entry["from"] != entry["to"]
    ]
    return entered[-1] if entered else request["created_at"]


@dataclass(frozen=True)
class Said:
    """A message of a discussion: author, time (naive UTC), organization. `message` None: it was
    closed."""

    message: str | None
    user: ObjectId | None
    organization: ObjectId | None
    at: datetime


def _listens(request: Request) -> bool:
    return (
        bool(request.get("discussed"))
        and request["visibility"] == Visibility.PUBLIC
        and not request.get("removed")
        and request["status"] in WAITING
    )


def _moves(request: Request, role: Role, at: datetime) -> bool:
    if request["visibility"] != Visibility.PUBLIC or at < waits_since(request):
        return False
    if request["status"] == Status.SUBMITTED:
        return role is Role.PRODUCER
    return request["status"] == Status.NEEDS_CLARIFICATION and role is not Role.PRODUCER


def _said_natively(request: Request, raw: Any) -> list[Said]:
    """Return the native messages, and the closing, the oldest first; without ours."""
    ids = [message["id"] for message in raw["discussion"]]
    written = stored_messages().find({"message_id": {"$in": ids}}, {"message_id": 1})
    ours = discussions.own_ids(request) | {move.id for move in told_moves(request)}
    ours |= {row["message_id"] for row in written}
    found = [
        Said(
            message["id"],
            id_of(message.get("posted_by")),
            id_of(message.get("posted_by_organization")),
            message["posted_on"],
        )
        for message in raw["discussion"]
        if message["id"] not in ours and message.get("content") != messages.ERASED
    ]
    if raw.get("closed"):
        organization = id_of(raw.get("closed_by_organization"))
        found.append(Said(None, id_of(raw.get("closed_by")), organization, raw["closed"]))
    return sorted(found, key=lambda said: said.at)


def _is_held(discussion_id: ObjectId, message_id: str | None) -> bool:
    """Return whether udata takes a message for spam, and nobody has reviewed it yet."""
    if message_id is None:
        return False
    return discussions.pending_report(Discussion(id=discussion_id), UUID(message_id)) is not None
