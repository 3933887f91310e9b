"""What moderators have done behind them."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task


@task(name="culture-feedback-moderate-all", route="low.culture-feedback")
def decide_all(bulk_id: str) -> None:
    """Decide about all of a filter, or undo that."""
    from . import bulk  # what decides starts this task

    bulk.run(ObjectId(bulk_id))
