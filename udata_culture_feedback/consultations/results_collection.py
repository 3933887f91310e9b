"""What happens once a consultation has closed and the last answers begun in time are in: stamped
feedback is copied into its results, once, however often and by whichever process this runs.

A feedback that changes between the closing and its copy is copied first (`consultation_link.keep`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from bson import ObjectId

from .. import vocabulary
from ..contributions.neighbours import feedback_given
from ..portal.collections import now
from . import consultation_link, figures, receipts
from .models import (
    Consultation,
    Named,
    collected,
    consultations,
    of_feedback,
    of_responses,
    responses,
    results,
)
from .questions import Kind
from .signals import on_consultation_collected
from .window import Window

#: Most datasets that the results name, by how many answers name them.
NAMED = 50
#: Documents read at once.
BATCH = 500

STAMPED_FIELDS = (
    *("consultation", "dataset", "organization", "fitness", "ratings", "usages", "profile"),
    *("contributor.kind", "agent", "hidden_reason", "created_at"),
)


def collect(consultation: Consultation, limit: int | None = None) -> bool:
    """Copy the feedback stamped with a consultation into its results. Return True when all of it is
    there; False before its seal is broken, and when there is more than `limit`."""
    if consultation.get("collected"):
        return True
    if Window.of(consultation).sealed(now()):
        return False
    id = consultation["_id"]
    consultation_link.ensure(of_feedback(id), of_responses(id))
    for number, feedback in enumerate(feedback_given().stamped(id, STAMPED_FIELDS), 1):
        if limit is not None and number > limit:
            return False
        consultation_link.copy(feedback)
    figures.settle_all(id)
    name_datasets(consultation)
    refresh_since(id)
    receipts.fix(consultation)
    consultations().update_one({"_id": id, "collected": None}, {"$set": {"collected": now()}})
    on_consultation_collected.send(id)
    return True


def refresh_since(consultation_id: ObjectId) -> None:
    """Compute the ratings given since the closing to datasets whose data changed: the axes « after
    ». Read from the summaries of these datasets, and stored, so that nothing is summed up on
    reading."""
    totals: Counter[str] = Counter()
    datasets = collected().distinct("dataset", {"consultation": consultation_id})
    closes_at = consultations().find_one({"_id": consultation_id}, {"closes_at": 1})
    if closes_at is None:
        return
    changed = 0
    axes = frozenset(
        f"axis:{axis}:{n}"
        for axis in vocabulary.vocabularies().ids("axes")
        for n in vocabulary.STEPS
    )
    for batch in _batches(iter(datasets)):
        for counted in feedback_given().since_update(batch, closes_at["closes_at"], axes):
            changed += 1
            totals.update(counted)
    since = {"totals": {k: n for k, n in totals.items() if n > 0}, "datasets": changed}
    results().update_one({"_id": of_feedback(consultation_id)}, {"$set": {"since": since}})


def name_datasets(consultation: Consultation) -> None:
    """Find the datasets that answers name most often, by question: computed once, at closing."""
    named: dict[str, list[Named]] = {}
    for question in consultation["questions"]:
        if question["kind"] != Kind.DATASET:
            continue
        field = f"answers.{question['id']}"
        found: Iterable[Any] = responses().aggregate(
            [
                {
                    "$match": {
                        "consultation": consultation["_id"],
                        "sent_at": {"$exists": True},
                        field: {"$exists": True},
                    }
                },
                {"$group": {"_id": f"${field}", "n": {"$sum": 1}}},
                {"$sort": {"n": -1, "_id": 1}},
                {"$limit": NAMED},
            ],
            allowDiskUse=True,
        )
        named[question["id"]] = [{"dataset": one["_id"], "count": one["n"]} for one in found]
    results().update_one({"_id": of_responses(consultation["_id"])}, {"$set": {"named": named}})


def _batches(ids: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(ids, BATCH)):
        yield batch
