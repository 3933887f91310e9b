"""The functions that feedback offers to the other domains, which find them through
`contributions.neighbours`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bson import ObjectId
from pymongo.cursor import Cursor

from ..figures.summary_ids import dataset_summary
from ..web.untyped import Shown
from .attention import BEFORE
from .models import feedbacks, summaries
from .summaries import ensure_above

__all__ = ["ensure_above", "since_update", "stamped"]

#: Documents read in one batch.
BATCH = 500


def stamped(consultation: ObjectId, fields: Iterable[str]) -> Cursor[Shown]:
    """Return a cursor over the feedback given during a consultation, tombstones left out."""
    where = {"consultation": consultation, "deleted": {"$exists": False}}
    return feedbacks().find(where, dict.fromkeys(fields, 1), batch_size=BATCH)


def since_update(
    datasets: Iterable[ObjectId], after: datetime, counters: frozenset[str]
) -> Iterable[dict[str, int]]:
    """Yield, for each of these datasets that is listed and whose data changed after a moment, what
    was counted since: counter → number, of `counters` only."""
    ids = [dataset_summary(id) for id in datasets]
    where = {"_id": {"$in": ids}, "data_updated_at": {"$gt": after}, "listed": True}
    for summary in summaries().find(where, {"totals": 1}):
        totals = summary.get("totals") or {}
        yield {key: totals[key] - totals.get(BEFORE + key, 0) for key in counters & totals.keys()}
