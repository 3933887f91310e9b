"""Tasks after a request: counting further up, discussions, following udata's objects."""

from __future__ import annotations

from datetime import datetime

from bson import ObjectId
from udata.tasks import task

from ..figures import metrics
from ..figures.settle import DISCUSSION, settle
from ..figures.summary_ids import dataset_summary
from ..mail import outbox
from ..portal import catalogue
from . import (
    discussion,
    discussion_sync,
    lifecycle,
    notifications,
    pending_answers,
    reassessment,
    summaries,
)
from .models import feedbacks
from .models import summaries as stored_summaries
from .signals import on_feedback_followed


@task(name="culture-feedback-count-above", route="low.culture-feedback")
def count_above(dataset_id: str) -> None:
    """Count a dataset in its organization and the site, and write the metrics that udata's own API
    shows."""
    summary_id = dataset_summary(dataset_id)
    summary = stored_summaries().find_one({"_id": summary_id}, {"organization": 1})
    if summary:
        _settle_and_publish([summary_id, *summaries.above(summary)])


@task(name="culture-feedback-tell-discussion", route="low.culture-feedback")
def tell_discussion(feedback_id: str) -> None:
    """Carry out what follows from words given or changed: the figures further up, the discussion,
    and the other listeners. A feedback deleted meanwhile has already been counted."""
    id = ObjectId(feedback_id)
    feedback = feedbacks().find_one({"_id": id}, {"dataset": 1})
    try:
        discussion.tell(id)
    finally:
        if feedback:
            count_above(str(feedback["dataset"]))
            on_feedback_followed.send(id)


def tell_discussions() -> int:
    """Carry out what was due to discussions and was lost while the broker was down."""
    where = {"due": DISCUSSION} | outbox.lost()
    waiting = feedbacks().find(where, {"_id": 1}).limit(outbox.AT_ONCE)
    ids = [feedback["_id"] for feedback in waiting]
    for id in ids:
        tell_discussion(str(id))
    return len(ids)


outbox.CAUGHT_UP["feedback_followed"] = tell_discussions


@task(name="culture-feedback-follow-thread", route="low.culture-feedback")
def follow_thread(discussion_id: str) -> None:
    """Follow what the producing side said or did in a discussion."""
    discussion_sync.follow_thread(ObjectId(discussion_id))


@task(name="culture-feedback-comment-removed", route="low.culture-feedback")
def comment_removed(discussion_id: str, message_id: str, at: str) -> None:
    """Follow the deletion of a message in a discussion, perhaps our answer. `at`: ISO 8601, naive
    UTC."""
    discussion_sync.comment_removed(ObjectId(discussion_id), message_id, datetime.fromisoformat(at))
    discussion_sync.follow_thread(ObjectId(discussion_id))


@task(name="culture-feedback-tell-author", route="low.culture-feedback")
def tell_author(feedback_id: str) -> None:
    notifications.tell_author(ObjectId(feedback_id))


@task(name="culture-feedback-give-answers", route="low.culture-feedback")
def give_answers() -> None:
    """Give the answers to many comments that have waited long enough."""
    pending_answers.apply_due()


@task(name="culture-feedback-follow-dataset", route="low.culture-feedback")
def follow_dataset(dataset_id: str) -> None:
    """Bring our copies in line with a dataset that has changed."""
    dataset = catalogue.find_dataset(ObjectId(dataset_id))
    if dataset is None:
        purge_dataset(dataset_id)
        return
    _settle_and_publish([dataset_summary(dataset_id), *summaries.follow_dataset(dataset)])
    reassessment.ask_authors(dataset)
    if dataset.listed:
        waiting = {"dataset": dataset.id, "due": DISCUSSION}
        for feedback in feedbacks().find(waiting, {"_id": 1}):
            discussion.tell(feedback["_id"])


@task(name="culture-feedback-purge-dataset", route="low.culture-feedback")
def purge_dataset(dataset_id: str) -> None:
    _settle_and_publish(lifecycle.purge_dataset(ObjectId(dataset_id)))


@task(name="culture-feedback-purge-organization", route="low.culture-feedback")
def purge_organization(organization_id: str) -> None:
    lifecycle.purge_organization(ObjectId(organization_id))


def _settle_and_publish(summary_ids: list[str]) -> None:
    """Settle summaries, and write their figures as metrics of the objects they are about."""
    for summary_id in summary_ids:
        if not summary_id.startswith("dataset:"):
            settle(summaries.INTO_ALL, summary_id)
    metrics.publish("feedback", stored_summaries(), summary_ids)
