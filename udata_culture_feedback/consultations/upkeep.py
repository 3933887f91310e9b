"""What time brings to consultations, and what a bad day left: the steps of the nightly maintenance.
Each answers how many it did, and may run at any time, twice at once, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from bson import ObjectId
from flask import current_app

from ..figures.settle import settle
from ..people import contacts
from ..portal.collections import now
from ..portal.job_runs import recorded
from . import figures, notifications, results_collection
from .models import collected, consultations, followers, responses
from .response_repository import bury

#: How long after the closing it is followed what becomes of the data.
SINCE_FOR = timedelta(days=3 * 366)


def settle_dues() -> int:
    """Count what a crash or a lost task left behind."""
    settled = 0
    for flow, contributions in ((figures.RESPONSES, responses()), (figures.COLLECTED, collected())):
        waiting = contributions.distinct("due", {"due": {"$exists": True}})
        settled += sum(settle(flow, one) for one in waiting)
    return settled


def collect() -> int:
    """Collect consultations that have closed, and whose stamped answers are not all copied yet."""
    where = {"published": {"$ne": None}, "closes_at": {"$lte": now()}, "collected": None}
    return sum(results_collection.collect(one) for one in list(consultations().find(where)))


def refresh_since() -> int:
    """Refresh what is said since of data that were looked at: the axes « after »."""
    recent = {"collected": {"$ne": None}, "closes_at": {"$gte": now() - SINCE_FOR}}
    found = list(consultations().find(recent, {"_id": 1}))
    for one in found:
        results_collection.refresh_since(one["_id"])
    return len(found)


def remind() -> int:
    """Those who asked to be reminded before it closes."""
    where = {"published": {"$ne": None}, "closes_at": {"$gt": now()}}
    return sum(notifications.remind(one) for one in list(consultations().find(where)))


def tell_syntheses() -> int:
    """Tell of syntheses again that somebody may not have been told of: a lost task."""
    recent = {"synthesis.published_at": {"$gte": now() - timedelta(days=7)}}
    return sum(notifications.synthesis(one["_id"]) for one in list(consultations().find(recent)))


def erase_drafts() -> int:
    """Erase what was begun and never sent, a while after the closing."""
    days = timedelta(days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_DRAFT_DAYS"])
    closed = consultations().distinct("_id", {"closes_at": {"$lt": now() - days}})
    erased = 0
    for id in closed:
        begun = {"consultation": id, "draft.saved_at": {"$exists": True}}
        erased += (
            responses()
            .delete_many(begun | {"sent_at": {"$exists": False}, "deleted": {"$exists": False}})
            .deleted_count
        )
        erased += responses().update_many(begun, {"$unset": {"draft": ""}}).modified_count
    return erased


def bury_tombstones() -> int:
    """Remove answers that were taken back, and that nothing has to hear of."""
    deleted = responses().find(
        {"deleted": {"$exists": True}, "sent_at": {"$exists": False}}, {"_id": 1}
    )
    return sum(bury(one["_id"]) for one in deleted)


def forget_followers() -> int:
    """Forget who asked for a synthesis that is out since some days."""
    days = timedelta(days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS"])
    out = {"synthesis.published_at": {"$lt": now() - days}}
    done = consultations().distinct("_id", out)
    return followers().delete_many({"consultation": {"$in": done}}).deleted_count if done else 0


def destroy_peppers() -> int:
    """End the fingerprints of old consultations: nobody can tell whose address answered."""
    days = current_app.config["CULTURE_FEEDBACK_CONSULTATION_FINGERPRINT_DAYS"]
    ended = 0
    for scope in contacts.scopes_of("consultation:"):
        found = consultations().find_one({"_id": ObjectId(scope.partition(":")[2])})
        if found is None or found["closes_at"] < now() - timedelta(days=days):
            contacts.destroy_pepper(scope)
            ended += 1
    return ended


#: For the registry of kinds, in this order.
STEPS: dict[str, Callable[[], int]] = {
    "responses_settled": settle_dues,
    "consultations_collected": collect,
    "consultations_followed": refresh_since,
    "consultation_reminders": remind,
    "syntheses_told": tell_syntheses,
    "drafts_erased": erase_drafts,
    "follower_addresses_kept": notifications.keep_addresses,
    "followers_forgotten": forget_followers,
    "fingerprints_ended": destroy_peppers,
    "responses_buried": bury_tombstones,
}


def look_at_the_clock() -> dict[str, int]:
    """Do what should not wait for the night: results at closing, reminders."""
    with recorded("culture-feedback-consultations") as run:
        run["done"] = {"collected": collect(), "reminded": remind()}
    done: dict[str, int] = run["done"]
    return done
