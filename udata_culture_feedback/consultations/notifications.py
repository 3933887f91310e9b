"""Who receives which mail about a consultation: those who asked, once. The texts are in `mails`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from ..mail import outbox
from ..people import contacts
from ..people.models import account_key
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import now
from ..web import refusals
from .models import Consultation, consultations, followers, responses
from .repository import find, readable
from .window import State, Window


def follow(viewer: Viewer, reference: Any, *, reminder: bool, synthesis: bool) -> None:
    """Record which mails an account wants: a reminder before the closing, the synthesis, or
    neither. Raise Unauthenticated without an account, NotFound."""
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


def follow_by_email(consultation: Consultation, contact: ObjectId) -> datetime:
    """Record that a person without an account wants the synthesis. Return until when their address
    is kept for now; `keep_addresses` prolongs that."""
    followers().insert_one(
        {
            "_id": f"{consultation['_id']}:{contact}",
            "consultation": consultation["_id"],
            "contact": contact,
            "reminder": False,
            "synthesis": True,
            "created_at": now(),
        }
    )
    return now() + _kept_for()


def keep_addresses() -> int:
    """Prolong keeping the addresses of followers: until some days after the synthesis, or until the
    fingerprints of the consultation end where none is published. Addresses expire on their own;
    only keeping them needs this step. Return how many were kept."""
    kept = 0
    for row in list(followers().find({"contact": {"$exists": True}})):
        consultation = find(row["consultation"])
        until = _needed_until(consultation) if consultation else None
        if until and until > now() and contacts.keep_until(row["contact"], until):
            kept += 1
            continue
        contacts.erase(row["contact"])
        followers().delete_one({"_id": row["_id"]})
    return kept


def _needed_until(consultation: Consultation) -> datetime:
    published = (consultation.get("synthesis") or {}).get("published_at")
    if published:
        return published + _kept_for()
    days = current_app.config["CULTURE_FEEDBACK_CONSULTATION_FINGERPRINT_DAYS"]
    return min(now() + _kept_for(), consultation["closes_at"] + timedelta(days=days))


def _kept_for() -> timedelta:
    return timedelta(days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS"])


def followed(viewer: Viewer, consultation: Consultation) -> dict[str, bool]:
    """Return the mails that an account has asked for."""
    found = None
    if viewer.account:
        found = followers().find_one({"_id": f"{consultation['_id']}:{viewer.user_id}"})
    return {
        "reminder": bool(found and found.get("reminder")),
        "synthesis": bool(found and found.get("synthesis")),
    }


def remind(consultation: Consultation) -> int:
    """Send the reminder to those who asked for it and have not answered, some days before the
    closing. Once for each closing date; idempotent."""
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
    if consultation.get("reminded") != window.closes_at:
        sent = {"$set": {"reminded": window.closes_at}, "$push": {"reminders": moment}}
        consultations().update_one({"_id": id}, sent)
    return told


def synthesis(consultation_id: ObjectId) -> int:
    """Announce the synthesis to those who asked for it. Idempotent."""
    found = find(consultation_id)
    if found is None or not (found.get("synthesis") or {}).get("published_at"):
        return 0
    which = {"consultation": consultation_id, "synthesis": True}
    asked = followers().find(which, {"user": 1, "contact": 1})
    return outbox.post_to_each(
        f"consultation:{consultation_id}:synthesis",
        (one.get("user") or one["contact"] for one in asked),
        "consultation-synthesis",
        {"consultation": str(consultation_id)},
        f"consultation:{consultation_id}",
    )


def has_answered(user_id: ObjectId, consultation_id: ObjectId) -> bool:
    mine = {"contributor.key": account_key(user_id), "consultation": consultation_id}
    return responses().find_one(mine | {"sent_at": {"$exists": True}}, {"_id": 1}) is not None


def _to_remind(consultation_id: ObjectId) -> Iterator[ObjectId]:
    for one in followers().find({"consultation": consultation_id, "reminder": True}, {"user": 1}):
        user = one.get("user")
        if user and not has_answered(user, consultation_id):
            yield user
