"""Nightly upkeep of consultations, which also repairs what crashes and lost tasks left. Each step
returns how much it did, and may run at any time, twice at once, and again after a crash."""

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

#: How long after the closing changes of the data are followed.
SINCE_FOR = timedelta(days=3 * 366)


def settle_dues() -> int:
    """Settle what a crash or a lost task left due."""
    settled = 0
    for flow, contributions in ((figures.RESPONSES, responses()), (figures.COLLECTED, collected())):
        waiting = contributions.distinct("due", {"due": {"$exists": True}})
        settled += sum(settle(flow, one) for one in waiting)
    return settled


def collect() -> int:
    """Collect closed consultations whose stamped feedback is not all copied yet."""
    where = {"published": {"$ne": None}, "closes_at": {"$lte": now()}, "collected": None}
    return sum(results_collection.collect(one) for one in list(consultations().find(where)))


def refresh_since() -> int:
    """Refresh the ratings given since the closing: the axes « after »."""
    recent = {"collected": {"$ne": None}, "closes_at": {"$gte": now() - SINCE_FOR}}
    found = list(consultations().find(recent, {"_id": 1}))
    for one in found:
        results_collection.refresh_since(one["_id"])
    return len(found)


def remind() -> int:
    """Send the reminders due before consultations close."""
    where = {"published": {"$ne": None}, "closes_at": {"$gt": now()}}
    return sum(notifications.remind(one) for one in list(consultations().find(where)))


def tell_syntheses() -> int:
    """Announce recent syntheses again, to those whom a lost task left out."""
    recent = {"synthesis.published_at": {"$gte": now() - timedelta(days=7)}}
    return sum(notifications.synthesis(one["_id"]) for one in list(consultations().find(recent)))


def erase_drafts() -> int:
    """Erase drafts that were never sent, some time after the closing."""
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
    """Delete the tombstones of withdrawn answers that nothing waits for."""
    deleted = responses().find(
        {"deleted": {"$exists": True}, "sent_at": {"$exists": False}}, {"_id": 1}
    )
    return sum(bury(one["_id"]) for one in deleted)


def forget_followers() -> int:
    """Delete the followers of consultations whose synthesis was published some days ago."""
    days = timedelta(days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS"])
    out = {"synthesis.published_at": {"$lt": now() - days}}
    done = consultations().distinct("_id", out)
    return followers().delete_many({"consultation": {"$in": done}}).deleted_count if done else 0


def destroy_peppers() -> int:
    """Destroy the peppers of old consultations, so that nobody can tell whose address answered."""
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
    """Do what should not wait for the night: collect at closing, send reminders."""
    with recorded("culture-feedback-consultations") as run:
        run["done"] = {"collected": collect(), "reminded": remind()}
    done: dict[str, int] = run["done"]
    return done
