"""Answers to many comments that wait half a minute before anything is told: until then their author
may take them back, and nobody else sees anything of them.

Whoever comes first applies what is due: the task, the job `culture-feedback-deliver`, or the inbox
of their author. Applying twice changes nothing more.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NotRequired, TypedDict

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.collection import Collection
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _

from ..mail import outbox
from ..people.limits import spend_write
from ..people.service_account import acting_as
from ..people.viewer import Viewer, viewer_of
from ..portal.collections import Indexed, acknowledged, now
from ..web import refusals
from ..web.payload import Payload
from ..web.untyped import Query, Shown
from . import treatment

#: How long answers wait, and how long where their author asks for more time.
DELAY, LONGER = timedelta(seconds=30), timedelta(minutes=2)
#: How long a process may take to apply them before another one tries.
LEASE = timedelta(minutes=5)
#: How long they are kept, so that their author learns what was refused.
KEPT = timedelta(days=1)
#: Batches that one run applies.
AT_ONCE = 20


class Pending(TypedDict):
    """Answers by one account to some comments (`ids`), due at a moment. `payload`: see
    `treatment.treat`; `claimed_at`: since when a process applies them; `done_at`: when they were
    applied; `refused`: what was refused then, by the id of the comment."""

    _id: ObjectId
    by: ObjectId | None
    ids: list[str]
    payload: Shown
    due_at: datetime
    claimed_at: NotRequired[datetime]
    done_at: NotRequired[datetime]
    refused: NotRequired[dict[str, str]]
    expires_at: datetime


class CultureFeedbackPendingAnswers(Indexed):
    """The indexes of `Pending`."""

    meta = {
        "indexes": [
            ["by", "due_at"],
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
            ["done_at", "due_at"],
        ],
    }


def pending() -> Collection[Pending]:
    return acknowledged(CultureFeedbackPendingAnswers)


def schedule(viewer: Viewer, ids: list[str], payload: Payload) -> Pending:
    """Store answers to some comments, to be given after `DELAY`. Raise Invalid for a payload that
    is wrong for all of them, Forbidden where none of them is the viewer's to answer."""
    ids = treatment.read_ids(ids)
    treatment.read_wanted(payload)
    if not treatment.treatable_among(viewer, ids):
        raise treatment.not_yours()
    spend_write(viewer, manages=True)
    moment = now()
    stored: Pending = {
        "_id": ObjectId(),
        "by": viewer.user_id,
        "ids": ids,
        "payload": payload,
        "due_at": moment + DELAY,
        "expires_at": moment + KEPT,
    }
    pending().insert_one(stored)
    return stored


def undo(viewer: Viewer, id: str) -> Pending:
    """Take back answers that are not given yet, and return them. Raise Conflict once they are."""
    found = pending().find_one_and_delete(_waiting(viewer, id))
    if found is None:
        raise _gone()
    return found


def prolong(viewer: Viewer, id: str) -> None:
    """Let answers wait `LONGER` from now. Raise Conflict once they are given."""
    update = {"$set": {"due_at": now() + LONGER}}
    if not pending().update_one(_waiting(viewer, id), update).matched_count:
        raise _gone()


def of_viewer(viewer: Viewer) -> list[Pending]:
    """List the answers of an account that wait, and those that were refused in part."""
    shown: Query = {"$or": [{"done_at": None}, {"refused": {"$gt": {}}}]}
    found = pending().find({"by": viewer.user_id} | shown, sort=[("due_at", -1)])
    return list(found.limit(AT_ONCE))


def forget(viewer: Viewer, id: str) -> None:
    """Forget what was refused, once its author has seen it."""
    if ObjectId.is_valid(id):
        pending().delete_one(
            {"_id": ObjectId(id), "by": viewer.user_id, "done_at": {"$gt": now() - KEPT}}
        )


def apply_due(by: ObjectId | None = None) -> int:
    """Give the answers that are due (of one account). Return in how many batches."""
    applied = 0
    while applied < AT_ONCE and (one := _claimed(by)):
        refused = _apply(one)
        outcome: Query = {"done_at": now(), "refused": refused}
        pending().update_one({"_id": one["_id"]}, {"$set": outcome})
        applied += 1
    return applied


outbox.CAUGHT_UP["pending_answers"] = apply_due


def _claimed(by: ObjectId | None) -> Pending | None:
    moment = now()
    where: Query = {
        "done_at": None,
        "due_at": {"$lte": moment},
        "$or": [{"claimed_at": None}, {"claimed_at": {"$lt": moment - LEASE}}],
    }
    return pending().find_one_and_update(
        where | ({"by": by} if by else {}),
        {"$set": {"claimed_at": moment}},
        return_document=ReturnDocument.AFTER,
    )


def _apply(one: Pending) -> dict[str, str]:
    """Give answers as their author, who may have left or lost their rights meanwhile. Return what
    was refused."""
    user = User.objects(id=one["by"], deleted=None).first()
    if user is None:
        return {}
    with acting_as(user):
        try:
            results = treatment.treat_many(
                viewer_of(user), one["ids"], one["payload"], filled_in=True
            )
        except refusals.Refusal as refusal:
            return dict.fromkeys(one["ids"], str(refusal.message))
    return {id: str(r.message) for id, r in results.items() if isinstance(r, refusals.Refusal)}


def _waiting(viewer: Viewer, id: str) -> Query:
    wanted = ObjectId(id) if ObjectId.is_valid(id) else None
    return {"_id": wanted, "by": viewer.user_id, "done_at": None, "claimed_at": None}


def _gone() -> refusals.Conflict:
    return refusals.Conflict(_("These answers have left already."))
