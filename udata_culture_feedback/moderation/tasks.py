"""Background tasks of moderation."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task


@task(name="culture-feedback-moderate-all", route="low.culture-feedback")
def decide_all(bulk_id: str) -> None:
    """Run a bulk: decide about everything a filter keeps, or undo such a decision."""
    from . import bulk  # `bulk` imports this module

    bulk.run(ObjectId(bulk_id))
