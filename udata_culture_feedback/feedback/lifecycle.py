"""Follow-up in feedback when a dataset, an organization, an account or a discussion of udata goes
away. Everything here is idempotent and catches up on what an interrupted run left."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.discussions.models import Discussion
from udata.core.user.models import User

from ..contributions import review_rules
from ..contributions.receivers import FORGET_AFTER
from ..contributions.review_rules import REMOVED, Visibility
from ..figures.settle import DISCUSSION, becomes_due, settle
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..mail import account_deletion
from ..people.models import account_key, gone_key
from ..portal.collections import now
from . import actions, summaries
from .models import Feedback, feedbacks, live_totals
from .models import summaries as stored_summaries
from .signals import on_feedback_changed

log = logging.getLogger(__name__)

#: Feedbacks deleted in one batch when a dataset is purged.
BATCH = 500


def purge_dataset(dataset_id: ObjectId) -> list[str]:
    """Purge a dataset: take its figures out of the summaries above; delete its feedback once it has
    been gone for `CULTURE_FEEDBACK_PURGED_DAYS`, within which it may come back under another id
    (udata deletes the discussions of a purged dataset itself). Return the ids of the summaries
    above."""
    summary_id = dataset_summary(dataset_id)
    summary = stored_summaries().find_one({"_id": summary_id})
    above: list[str] = []
    if summary:
        above = summaries.above(summary)
        update = becomes_due(above)
        update["$set"] = {"listed": False, "purged": summary.get("purged") or now()}
        stored_summaries().update_one({"_id": summary_id}, update)
        for one in above:
            settle(summaries.INTO_ALL, one)
        feedbacks().update_many(
            {"dataset": dataset_id, "listed": True}, {"$set": {"listed": False}}
        )
        if may_come_back(update["$set"]):
            return above
    while ids := [
        f["_id"] for f in feedbacks().find({"dataset": dataset_id}, {"_id": 1}).limit(BATCH)
    ]:
        feedbacks().delete_many({"_id": {"$in": ids}})
    # Last, and only once nothing of it is counted above: an interrupted purge starts again.
    stored_summaries().delete_one({"_id": summary_id, "due": {"$exists": False}})
    return above


def may_come_back(summary: Mapping[str, Any]) -> bool:
    """Return whether the feedback of a purged dataset is still kept."""
    days = current_app.config["CULTURE_FEEDBACK_PURGED_DAYS"]
    purged = summary.get("purged")
    return purged is not None and now() < purged + timedelta(days=days)


def purge_organization(organization_id: ObjectId) -> None:
    """Purge an organization: remove it from signatures, and from its datasets."""
    feedbacks().update_many(
        {"contributor.organization": organization_id}, {"$unset": {"contributor.organization": ""}}
    )
    theirs = {"organization": organization_id, "dataset": {"$exists": True}}
    while summary := stored_summaries().find_one(theirs):
        update = becomes_due(summaries.above(summary))
        update["$unset"] = {"organization": ""}
        stored_summaries().update_one({"_id": summary["_id"], "v": summary["v"]}, update)
    settle(summaries.INTO_ALL, SITE)
    settle(summaries.INTO_ALL, organization_summary(organization_id))
    feedbacks().update_many({"organization": organization_id}, {"$set": {"organization": None}})
    left = {"due": organization_summary(organization_id)}
    if not stored_summaries().find_one(left, {"_id": 1}):
        stored_summaries().delete_one({"_id": organization_summary(organization_id)})


def forget_account(user_id: ObjectId) -> int:
    """Unlink a deleted account from its feedback. Return how many feedbacks changed.

    The words follow what the person chose in udata (`delete_comments`), which fires no signal and
    is applied late. So we look at what became of them in the discussion, and at the request to
    udata where we have seen it: words that wait, or that the service account posted, are not among
    those udata deletes.
    """
    raw = User._get_collection().find_one({"_id": user_id}, {"deleted": 1})
    if raw is not None and not raw.get("deleted"):
        return 0
    with_words = account_deletion.takes_words_along(user_id)
    # Until udata has applied that wish, the words of an account are found by its id.
    applied = raw is None or raw["deleted"] <= now() - timedelta(seconds=FORGET_AFTER[0])
    mine = feedbacks().find({"contributor.user": user_id})
    return sum(_forget_in(one, with_words, unlink=with_words or applied) for one in mine)


def discussion_deleted(discussion_id: ObjectId, *, with_dataset: bool = False) -> None:
    """Hide the words of a feedback whose native discussion a moderator (or its author) deleted; the
    ratings stay. Deleted by udata `with_dataset`, it takes nothing along: the words have a new
    discussion if the dataset comes back."""
    feedback = feedbacks().find_one({"discussion": discussion_id, "deleted": {"$exists": False}})
    if feedback and with_dataset:
        update = becomes_due([DISCUSSION])
        update |= {"$unset": {"discussion": "", "discussed": ""}, "$set": {"messages": []}}
        feedbacks().update_one({"_id": feedback["_id"], "discussion": discussion_id}, update)
        return
    if feedback and feedback.get("comment") and feedback["visibility"] != Visibility.HIDDEN:
        actions.withdraw_words(feedback, REMOVED)


def _forget_in(feedback: Feedback, with_words: bool, *, unlink: bool) -> bool:
    before = feedback["contributor"]
    contributor = before.copy()
    contributor.pop("name", None)
    if unlink:
        contributor.pop("user", None)
    if contributor["key"] == account_key(before.get("user")):
        contributor["key"] = gone_key()
    changed = feedback.copy()
    changed["contributor"] = contributor
    changed["last_modified"] = now()
    changed.pop("submission_id", None)
    erased = bool(feedback.get("comment")) and (with_words or _words_erased(feedback))
    if erased:
        changed.pop("comment", None)
        changed.pop("terms", None)
        if changed.get("hidden_reason") != REMOVED:
            review_rules.no_words_left(changed)
    if erased or contributor.get("name") != feedback["contributor"].get("name"):
        review_rules.forget_original(changed)
    if {**changed, "last_modified": None} == {**feedback, "last_modified": None}:
        return False
    changed["live"] = live_totals(changed)
    if not actions.replace(feedback, changed):
        return False
    summaries.settle_dataset(feedback["dataset"])
    on_feedback_changed.send(feedback["_id"], dataset=feedback["dataset"], erased=erased)
    return True


def _words_erased(feedback: Feedback) -> bool:
    """Return whether udata has deleted what the author said in the discussion of a feedback."""
    if feedback.get("hidden_reason") == REMOVED:
        return True
    if not feedback.get("discussed"):
        return False
    discussion = Discussion.objects(id=feedback["discussion"]).first()
    if discussion is None:
        return True
    ours = {message["id"] for message in feedback.get("messages", [])}
    said = [message for message in discussion.discussion if str(message.id) in ours]
    return not said or all(message.content == "DELETED" for message in said)
