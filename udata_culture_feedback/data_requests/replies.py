"""What an answer does to a request, wherever it was written.

Nothing is remembered of which answers were heard: where a request stands, since when, and who wrote
what after that say it all. So it may be looked at twice, late and in any order.
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

#: Where an answer moves a request.
WAITING = frozenset((Status.SUBMITTED, Status.NEEDS_CLARIFICATION))


def take_up(
    request_id: ObjectId, viewer: Viewer, role: Role, at: datetime, message: str | None = None
) -> bool:
    """Somebody wrote (`at`: naive UTC) about a request. What its holder writes about a new one says
    that it was seen; where a question is open, what anybody else writes answers it. True when the
    request moved. `message`: the id of what was written, for the history."""
    nothing = {"message": None, "partial": False}

    def taken(request: Request) -> Request | None:
        if not _moves(request, role, at):
            return None
        changed = moved(viewer, request, Status.ACKNOWLEDGED, role, nothing, None)
        entry = changed["history"][-1] | ({"reply": message} if message else {})
        return changed | {"history": [*request["history"], entry]}

    return change(requests().find_one({"_id": request_id}), taken, due=[TOLD]) is not None


def follow(request_id: ObjectId) -> bool:
    """Look at the native discussion of a request: whoever wrote in it since the request waits, and
    whoever of the holder has closed it, has read it. True when the request moved. Closing decides
    nothing: a decision has a reason, or the data."""
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
            continue  # who moderates decides on the page, and answers for nobody
        with acting_as(user):
            if take_up(request_id, viewer, role, said.at, said.message):
                return True
    return False


def announce(request_id: ObjectId, message_id: str) -> None:
    """A native message: those hear of it whom udata has not told. May run twice."""
    request = requests().find_one({"_id": request_id, "discussed": True})
    if request is None or request["visibility"] != Visibility.PUBLIC:
        return
    message = messages.native_message(request, message_id)
    if message and not _is_held(request["discussion"], message_id):
        told = natively_told(request)
        on_request_message.send(request_id, message=message | {"native": True}, told=told)


def waits_since(request: Request) -> datetime:
    """Since when a request stands where it stands, with who has it now (naive UTC)."""
    entered = [
        entry["at"]
        for entry in request["history"]
        if entry.get("transferred_to") or entry["from"] != entry["to"]
    ]
    return entered[-1] if entered else request["created_at"]


@dataclass(frozen=True)
class Said:
    """Who wrote in a discussion, when (naive UTC), in whose name. `message` None: closed it."""

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
    """The oldest first; not what is ours."""
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
    """Whether udata takes a message for spam, and nobody has looked yet."""
    if message_id is None:
        return False
    return discussions.pending_report(Discussion(id=discussion_id), UUID(message_id)) is not None
