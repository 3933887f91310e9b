"""The steps of nightly maintenance of feedback: what ages with time, and what a crash left. Each is
idempotent, may run at any time and concurrently, and returns how many it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..figures.settle import DISCUSSION, settle
from ..figures.summary_ids import dataset_summary
from ..portal import catalogue
from . import (
    actions,
    discussion,
    discussion_sync,
    lifecycle,
    notifications,
    reassessment,
    summaries,
)
from .models import LISTENERS, feedbacks
from .models import summaries as stored_summaries
from .tasks import follow_dataset

#: Datasets looked up in one batch.
BATCH = 500


def settle_dues() -> int:
    """Settle the figures that a crash or a lost task left behind."""
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
    """Follow datasets that changed without a signal: bulk updates and migrations of udata fire
    none, and files may change without one."""
    followed = 0
    for batch in _batches(stored_summaries().find({"dataset": {"$exists": True}})):
        facts = catalogue.datasets_by_id(summary["dataset"] for summary in batch)
        for summary in batch:
            dataset = facts.get(summary["dataset"])
            if dataset is None and lifecycle.may_come_back(summary):
                continue
            if dataset is None or not summaries.is_in_line(summary, dataset):
                follow_dataset(str(summary["dataset"]))
                followed += 1
    return followed


def tell_discussions() -> int:
    """Post the words that no discussion has received."""
    told = 0
    for feedback in feedbacks().find({"due": DISCUSSION}, {"_id": 1}):
        discussion.tell(feedback["_id"])
        told += feedbacks().find_one({"_id": feedback["_id"], "due": DISCUSSION}) is None
    return told


def bury_tombstones() -> int:
    """Remove tombstones for which nothing is due any longer."""
    deleted = feedbacks().find({"deleted": {"$exists": True}}, {"_id": 1})
    return sum(actions.bury(feedback["_id"]) for feedback in deleted)


def remove_orphans() -> int:
    """Remove feedback on datasets without a summary: what an interrupted purge left."""
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


#: For the registry of kinds, in this order.
STEPS: dict[str, Callable[[], int]] = {
    "settled": settle_dues,
    "datasets_followed": follow_datasets,
    "discussions_told": tell_discussions,
    "orphans_removed": remove_orphans,
    "threads_mended": discussion_sync.check_threads,
    "authors_told": notifications.tell_authors,
    "authors_asked": reassessment.ask_everywhere,
    "tombstones_buried": bury_tombstones,
}


def _batches(documents: Any) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
