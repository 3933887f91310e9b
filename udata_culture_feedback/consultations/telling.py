"""Who is told of what: those who asked, once. The words are in `mails`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from .. import refusals
from ..contributors import outbox
from ..contributors.models import account_key
from ..contributors.viewer import Viewer, must_be_known
from ..storage import now
from .models import consultations, followers, responses
from .records import Consultation, find, readable
from .window import State, Window


def follow(viewer: Viewer, reference: Any, *, reminder: bool, synthesis: bool) -> None:
    """What somebody wants to be written to about: a reminder before it closes, the synthesis.
    Neither: nothing any more. Raises Unauthenticated without an account, NotFound."""
    must_be_known(viewer)
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to be written to."))
    consultation = readable(viewer, reference)
    id = f"{consultation['_id']}:{viewer.user_id}"
    if not (reminder or synthesis):
        followers().delete_one({"_id": id})
        return
    followers().update_one(
        {"_id": id},
        {
            "$set": {"reminder": reminder, "synthesis": synthesis},
            "$setOnInsert": {
                "consultation": consultation["_id"],
                "user": viewer.user_id,
                "created_at": now(),
            },
        },
        upsert=True,
    )


def followed(viewer: Viewer, consultation: Consultation) -> dict[str, bool]:
    """What somebody has asked for."""
    found = None
    if viewer.account:
        found = followers().find_one({"_id": f"{consultation['_id']}:{viewer.user_id}"})
    return {
        "reminder": bool(found and found.get("reminder")),
        "synthesis": bool(found and found.get("synthesis")),
    }


def remind(consultation: Consultation) -> int:
    """Before it closes, reminds those who asked for it and have not answered. Once for each closing
    date; again changes nothing."""
    window, moment = Window.of(consultation), now()
    days = timedelta(days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_REMINDER_DAYS"])
    if window.state(moment) is not State.OPEN or moment < window.closes_at - days:
        return 0
    id = consultation["_id"]
    told = outbox.post_to_each(
        f"consultation:{id}:reminder:{window.closes_at:%Y-%m-%dT%H:%M:%S}",
        _to_remind(id),
        "consultation-reminder",
        {"consultation": str(id)},
        f"consultation:{id}",
    )
    consultations().update_one({"_id": id}, {"$set": {"reminded": window.closes_at}})
    return told


def synthesis(consultation_id: ObjectId) -> int:
    """Tells those who asked that the synthesis is there. Again changes nothing."""
    found = find(consultation_id)
    if found is None or not (found.get("synthesis") or {}).get("published_at"):
        return 0
    asked = followers().find({"consultation": consultation_id, "synthesis": True}, {"user": 1})
    return outbox.post_to_each(
        f"consultation:{consultation_id}:synthesis",
        (one["user"] for one in asked),
        "consultation-synthesis",
        {"consultation": str(consultation_id)},
        f"consultation:{consultation_id}",
    )


def has_answered(user_id: ObjectId, consultation_id: ObjectId) -> bool:
    mine = {"contributor.key": account_key(user_id), "consultation": consultation_id}
    return responses().find_one(mine | {"sent_at": {"$exists": True}}, {"_id": 1}) is not None


def _to_remind(consultation_id: ObjectId) -> Iterator[ObjectId]:
    for one in followers().find({"consultation": consultation_id, "reminder": True}, {"user": 1}):
        if not has_answered(one["user"], consultation_id):
            yield one["user"]
