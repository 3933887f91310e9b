"""Notifications of producers, besides the native discussions that udata mails: requests, for
subscribers; comments and requests, for the contact point of a dataset where its organization
wishes; a weekly digest; what has waited too long, pointed out once to the administrators and once
to the desk.

Everything here is idempotent. What was pointed out is stored in the feedback itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.contact_point.models import ContactPoint
from udata.core.dataset.models import Dataset

from ..contributions.organization_settings import settings_of
from ..contributions.review_rules import Visibility
from ..data_requests.clock import overdue_bound
from ..data_requests.models import Request, requests
from ..data_requests.queries import PUBLIC
from ..data_requests.recipients import admins_dealing_with, requester_of
from ..feedback.models import STANDING, feedbacks, summaries
from ..mail import outbox
from ..portal import catalogue
from ..portal.collections import now
from ..web.listing import EPOCH
from ..web.moments import local_day, midnight, portal_zone
from ..web.untyped import Document
from .filters import waiting
from .permissions import owned_by
from .subscriptions import subscribers

Feedback = dict[str, Any]
#: Counts by name: `opinions`, `comments`, `waiting`; for organizations also `requests` and
#: `overdue`.
Figures = dict[str, int]

ADMINS, DESK = "admins", "desk"

#: Age beyond which a comment is no news to a contact point: the setting may just have been changed.
NEWS = timedelta(days=7)

#: The role of contact points that can be written to.
CONTACT = "contact"


# --- As it happens --------------------------------------------------------------------------------


def is_news(feedback_id: ObjectId) -> bool:
    """Return whether a contact point may have to be notified of a feedback: few organizations wish
    it, and two index lookups cost less than a task."""
    fresh = {"comment": {"$exists": True}, "contact_told": {"$exists": False}, "listed": True}
    found = feedbacks().find_one({"_id": feedback_id, **fresh}, {"organization": 1})
    return found is not None and settings_of(found["organization"])["notify_contact_point"]


def tell_contact_point(feedback_id: ObjectId) -> int:
    """Notify the contact point of a dataset of a comment on it, once, where its organization
    wishes. Return the number of addresses written to."""
    feedback = feedbacks().find_one({"_id": feedback_id, "contact_told": {"$exists": False}})
    if (
        feedback is None
        or not feedback.get("comment")
        or feedback["visibility"] != Visibility.PUBLIC
        or feedback.get("deleted")
        or feedback.get("agent")
        or not feedback["listed"]
        or now() - feedback["created_at"] > NEWS
    ):
        return 0
    told = 0
    if settings_of(feedback["organization"])["notify_contact_point"]:
        event = f"feedback:{feedback_id}:contact-point"
        about = {"feedback": str(feedback_id)}
        told = _tell(event, contact_points(feedback["dataset"]), "contact-point-feedback", about)
    feedbacks().update_one({"_id": feedback_id}, {"$set": {"contact_told": now()}})
    return told


def request_arrived(request: Request, event: str) -> None:
    """Notify subscribers, and the contact point of the dataset, of a request that its holder has
    just received. `event`: that of the mail to the administrators, so that nobody receives both."""
    holder, dataset = request.get("organization"), request.get("dataset")
    if holder is None:
        return
    about = {"request": str(request["_id"])}
    if not _discussed_natively(request):
        targets = [f"organization:{holder}", *([f"dataset:{dataset}"] if dataset else [])]
        people = (user for user in subscribers(*targets) if user != requester_of(request))
        outbox.post_to_each(event, people, "subscribed-request", about, f"requests-of:{holder}")
    if dataset and settings_of(holder)["notify_contact_point"]:
        found = catalogue.find_dataset(dataset)
        if found and found.organization == holder:
            _tell(event, contact_points(dataset), "contact-point-request", about)


def contact_points(dataset: ObjectId) -> list[ObjectId]:
    """List the contact points of a dataset that have an address."""
    raw = Dataset._get_collection().find_one({"_id": dataset}, {"contact_points": 1}) or {}
    ids = [getattr(one, "id", one) for one in raw.get("contact_points") or ()]
    where = {"_id": {"$in": ids}, "role": CONTACT, "email": {"$nin": [None, ""]}}
    return [one["_id"] for one in ContactPoint._get_collection().find(where, {"_id": 1})]


def _tell(event: str, points: Iterable[ObjectId], builder: str, about: Document) -> int:
    return sum(outbox.post(event, one, builder, about, f"contact-point:{one}") for one in points)


def _discussed_natively(request: Request) -> bool:
    """Return whether udata notifies the followers of the dataset or the holder of the request's
    discussion."""
    if not request.get("announced"):
        return False
    dataset = catalogue.find_dataset(request.get("dataset"))
    return dataset is not None and dataset.organization == request.get("organization")


# --- Every week -----------------------------------------------------------------------------------


def week_before(moment: datetime) -> tuple[datetime, datetime]:
    """Return the last whole week (from Monday, in the portal's zone) before a moment. Naive UTC."""
    today = local_day(moment, portal_zone())
    monday = today - timedelta(days=today.weekday())
    return midnight(monday - timedelta(7), portal_zone()), midnight(monday, portal_zone())


def tell_weekly() -> int:
    """Post the digest of the last week to the administrators and subscribers of each organization
    where something is new or overdue. Idempotent within a week. Return the number of mails."""
    start, end = week_before(now())
    told = 0
    for organization in sorted(_busy(start)):
        if not settings_of(organization)["weekly_digest"]:
            continue
        people = dict.fromkeys(
            [*catalogue.admins_of(organization), *subscribers(f"organization:{organization}")]
        )
        about = {
            "organization": str(organization),
            "since": start.isoformat(),
            "until": end.isoformat(),
        }
        event = f"producer-digest:{organization}:{start:%Y-%m-%d}"
        told += outbox.post_to_each(
            event, people, "producer-digest", about, f"digest-of:{organization}"
        )
    return told + _tell_owners(start, end)


def _tell_owners(start: datetime, end: datetime) -> int:
    """Post the digest of the last week to people whose datasets belong to no organization."""
    about = {"since": start.isoformat(), "until": end.isoformat()}
    return sum(
        outbox.post_to_each(
            f"owner-digest:{start:%Y-%m-%d}", [owner], "owner-digest", about, f"own-digest:{owner}"
        )
        for owner in sorted(_busy_owners(start))
    )


def organization_figures(organization: ObjectId, since: datetime, until: datetime) -> Figures:
    """Compute the figures in the digest of an organization: what came in that week, what waits
    now."""
    mine = PUBLIC | {"organization": organization}
    week = {"created_at": {"$gte": since, "$lt": until}}
    late = {"clock.due_at": {"$gte": EPOCH, "$lt": overdue_bound(now())}}
    return _feedback_figures({"organization": organization}, since, until) | {
        "requests": requests().count_documents(mine | week),
        "overdue": requests().count_documents(mine | late),
    }


def owner_figures(owner: ObjectId, since: datetime, until: datetime) -> Figures:
    """Compute the figures in the digest of an owner of datasets. Requests are addressed to
    organizations only."""
    return _feedback_figures({"dataset": {"$in": list(owned_by(owner))}}, since, until)


def _feedback_figures(where: dict[str, Any], since: datetime, until: datetime) -> Figures:
    where = STANDING | where | {"listed": True, "agent": {"$ne": True}}
    week = {"created_at": {"$gte": since, "$lt": until}}
    worded = {"comment": {"$exists": True}, "visibility": Visibility.PUBLIC}
    return {
        "opinions": feedbacks().count_documents(where | week),
        "comments": feedbacks().count_documents(where | week | worded),
        "waiting": feedbacks().count_documents(where | waiting()),
    }


def _busy(since: datetime) -> set[ObjectId]:
    """Find the organizations where something came in since, or waits."""
    found = summaries().find(
        {"_id": {"$regex": "^organization:"}} | _busy_summary(since), {"organization": 1}
    )
    organizations = {summary["organization"] for summary in found}
    late = {"clock.due_at": {"$gte": EPOCH, "$lt": overdue_bound(now())}}
    for where in (late, {"created_at": {"$gte": since}}):
        organizations |= set(requests().distinct("organization", PUBLIC | where))
    return organizations - {None}


def _busy_owners(since: datetime) -> set[ObjectId]:
    """Find the owners of datasets without organization where something came in since, or waits."""
    own = {"organization": None, "listed": True, "dataset": {"$exists": True}}
    datasets = {
        one["dataset"] for one in summaries().find(own | _busy_summary(since), {"dataset": 1})
    }
    found = Dataset._get_collection().find(
        {"_id": {"$in": list(datasets)}, "organization": None, "deleted": None}, {"owner": 1}
    )
    return {dataset["owner"] for dataset in found if dataset.get("owner")}


def _busy_summary(since: datetime) -> Document:
    return {"$or": [{"totals.waiting": {"$gt": 0}}, {"last_feedback_at": {"$gte": since}}]}


# --- When it has waited too long ------------------------------------------------------------------


def escalate() -> int:
    """Point out what has waited too long: to the administrators of its organization, then to the
    desk. Each text once for each, in one mail a day. Return the number of texts."""
    pointed_out = 0
    organizations = [
        summary["organization"]
        for summary in summaries().find(
            {"_id": {"$regex": "^organization:"}, "totals.waiting": {"$gt": 0}},
            {"organization": 1},
        )
    ]
    for organization in organizations:
        for step, days in (
            (ADMINS, settings_of(organization)["escalate_after_days"]),
            (DESK, current_app.config["CULTURE_FEEDBACK_ESCALATE_DESK_DAYS"]),
        ):
            if days:
                pointed_out += _claim(organization, step, days)
            _post(organization, step)
    return pointed_out


def escalated_in(batch: str, step: str) -> Iterator[Feedback]:
    """Find the texts of one mail that still wait, the oldest first."""
    organization = ObjectId(batch.partition(":")[0])
    where = _late(organization) | {f"escalated.{step}.batch": batch}
    return feedbacks().find(where).sort([("created_at", 1), ("_id", 1)])


def _claim(organization: ObjectId, step: str, days: int) -> int:
    """Mark what is to be pointed out today, so that a concurrent run leaves it alone. Return the
    number of texts."""
    late = _late(organization) | {
        "created_at": {"$lt": now() - timedelta(days=days)},
        f"escalated.{step}": {"$exists": False},
    }
    batch = f"{organization}:{step}:{now():%Y-%m-%d}"
    mark = {f"escalated.{step}": {"at": now(), "batch": batch}}
    return feedbacks().update_many(late, {"$set": mark}).modified_count


def _post(organization: ObjectId, step: str) -> None:
    """Post the mail of each day that has none yet: also those that a crash left unposted."""
    untold = _late(organization) | {
        f"escalated.{step}": {"$exists": True},
        f"escalated.{step}.told": {"$exists": False},
    }
    people = catalogue.admins_of(organization) if step == ADMINS else admins_dealing_with(None)
    for batch in feedbacks().distinct(f"escalated.{step}.batch", untold):
        about = {"step": step, "batch": batch}
        scope = f"answers-of:{organization}"
        outbox.post_to_each(f"escalation:{batch}", people, "producer-escalation", about, scope)
        marked = {f"escalated.{step}.batch": batch, "organization": organization}
        feedbacks().update_many(marked, {"$set": {f"escalated.{step}.told": now()}})


def _late(organization: ObjectId) -> Document:
    # Worded as in the index of what waits, so that it applies.
    mine = {"organization": organization, "listed": True, "agent": {"$ne": True}}
    return STANDING | waiting() | mine
