"""Catching up on whatever a bad day left: run every night (`udata feedback maintain`, or the job
`culture-feedback-maintain`), safe to run at any time and twice at once.

Requests do their work within themselves or hand it to tasks; what a lost task would have done is
still marked as due in the database, and is done here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from udata.core.user.models import User

from ..consultations import upkeep as consultations
from ..dashboard import producer_alerts
from ..data_requests import upkeep as requests
from ..feedback import (
    actions,
    discussion,
    discussion_sync,
    lifecycle,
    notifications,
    reassessment,
    summaries,
)
from ..feedback.models import LISTENERS, feedbacks
from ..feedback.models import summaries as stored_summaries
from ..feedback.tasks import follow_dataset
from ..figures.settle import DISCUSSION, settle
from ..figures.summary_ids import dataset_summary
from ..mail import outbox
from ..moderation import upkeep as moderation
from ..portal import catalogue
from ..portal.collections import now
from ..portal.job_runs import each, recorded
from ..search import upkeep
from ..web.log_line import tell
from . import retention

log = logging.getLogger(__name__)

JOB = "culture-feedback-maintain"

#: Datasets looked up at once.
BATCH = 500
#: Accounts deleted since then are looked at again: udata may delete their comments late.
FORGOTTEN_WITHIN = timedelta(days=40)


def maintain() -> dict[str, int]:
    """Does all there is to catch up on, and answers how much of each there was. One thing that
    fails is logged and leaves the others alone: it is answered as `<name>_failed`."""
    with recorded(JOB) as run:
        each(STEPS, run)
    done: dict[str, int] = run["done"]
    tell(log, logging.INFO, "maintained", **{name: n for name, n in done.items() if n})
    return done | {f"{name}_failed": 1 for name in run["failed"]}


def settle_dues() -> int:
    """Figures that a crash or a lost task left behind."""
    settled = 0
    for flow in (summaries.INTO_DATASET, summaries.INTO_ALL):
        waiting = {
            summary_id
            for contribution in flow.contributions.find({"due": {"$exists": True}}, {"due": 1})
            for summary_id in contribution["due"]
            if summary_id not in LISTENERS
        }
        summaries.ensure_above(waiting)
        for summary_id in sorted(waiting):
            settled += settle(flow, summary_id)
    return settled


def follow_datasets() -> int:
    """Datasets that changed without our hearing of it: bulk updates and migrations of udata fire no
    signal, and files change without one."""
    followed = 0
    for batch in _batches(stored_summaries().find({"dataset": {"$exists": True}})):
        facts = catalogue.datasets_by_id(summary["dataset"] for summary in batch)
        for summary in batch:
            dataset = facts.get(summary["dataset"])
            if dataset is None or not summaries.is_in_line(summary, dataset):
                follow_dataset(str(summary["dataset"]))
                followed += 1
    return followed


def tell_discussions() -> int:
    """Words that no discussion has heard of."""
    told = 0
    for feedback in feedbacks().find({"due": DISCUSSION}, {"_id": 1}):
        discussion.tell(feedback["_id"])
        told += feedbacks().find_one({"_id": feedback["_id"], "due": DISCUSSION}) is None
    return told


def bury_tombstones() -> int:
    """Deleted feedback that nothing has to hear of any more."""
    deleted = feedbacks().find({"deleted": {"$exists": True}}, {"_id": 1})
    return sum(actions.bury(feedback["_id"]) for feedback in deleted)


def remove_orphans() -> int:
    """Feedback of a dataset without summary: what an interrupted purge left."""
    known = {s["dataset"] for s in stored_summaries().find({"dataset": {"$exists": True}})}
    orphans = [id for id in feedbacks().distinct("dataset") if id not in known]
    existing = catalogue.datasets_by_id(orphans)
    for dataset_id in orphans:
        if dataset_id in existing:
            summaries.open_summary(existing[dataset_id])
            settle(summaries.INTO_DATASET, dataset_summary(dataset_id))
        else:
            lifecycle.purge_dataset(dataset_id)
    return len(orphans)


def forget_accounts() -> int:
    """Accounts deleted lately whose feedback still says who they were."""
    since = now() - FORGOTTEN_WITHIN
    gone = User._get_collection().find({"deleted": {"$gte": since}}, {"_id": 1})
    return sum(lifecycle.forget_account(user["_id"]) for user in gone)


STEPS = {
    "settled": settle_dues,
    "datasets_followed": follow_datasets,
    "discussions_told": tell_discussions,
    "orphans_removed": remove_orphans,
    "threads_mended": discussion_sync.check_threads,
    "authors_told": notifications.tell_authors,
    "authors_asked": reassessment.ask_everywhere,
    "producers_told": producer_alerts.tell_weekly,
    "waits_pointed_out": producer_alerts.escalate,
    "accounts_forgotten": forget_accounts,
    "tombstones_buried": bury_tombstones,
    **requests.STEPS,
    **moderation.STEPS,
    **consultations.STEPS,
    **upkeep.STEPS,
    **retention.STEPS,
    "mails_delivered": outbox.deliver_all,
}


def _batches(documents: Any) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
