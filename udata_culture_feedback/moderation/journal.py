"""The journal of decisions, append-only. A decision is first written in the contribution that it
changes, in the same update, then here: what a crash leaves unwritten, the next decision about that
contribution or the nightly maintenance records. Nothing here changes or removes a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from ..contributions import kinds
from ..contributions.moderated import Moderated
from ..mail.models import DUPLICATE_KEY
from ..web.untyped import Document
from .models import Line, Made, journal

#: Fields of a decision that its line copies.
WRITTEN = (
    "batch",
    "item",
    "kind",
    "organization",
    "by",
    "role",
    "at",
    "month",
    "decision",
    "reason",
    "undoes",
    "waited",
    "noticed",
)
#: Fields of the state before that a line copies: never words.
WRITTEN_BEFORE = ("visibility", "hidden_reason")


def record(made: Iterable[Made]) -> None:
    """Write decisions to the journal. Idempotent: those that are already there are skipped."""
    made = list(made)
    if not made:
        return
    try:
        journal().insert_many([_line(one) for one in made], ordered=False)
    except BulkWriteError as error:
        if any(failed["code"] != DUPLICATE_KEY for failed in error.details["writeErrors"]):
            raise
    for moderated in kinds.moderated().values():
        recorded = [
            UpdateOne(
                {"_id": one["item"], "moderated.id": one["id"]},
                {"$set": {"moderated.recorded": True}},
            )
            for one in made
            if one["kind"] == moderated.kind
        ]
        if recorded:
            moderated.collection().bulk_write(recorded, ordered=False)


def catch_up(moderated: Moderated) -> int:
    """Record the decisions that a crash left unwritten in one class; return how many."""
    waiting = moderated.collection().find({"moderated.recorded": False}, {"moderated": 1})
    made = [item["moderated"] for item in waiting]
    record(made)
    return len(made)


def of_batch(batch: ObjectId) -> list[Line]:
    """Return the lines of one gesture."""
    return list(journal().find({"batch": batch}))


def find(decision_id: ObjectId) -> Line | None:
    return journal().find_one({"_id": decision_id})


def _line(made: Made) -> Line:
    whole, before = cast(Document, made), made.get("before") or {}
    line = {field: whole[field] for field in WRITTEN if whole.get(field) is not None}
    line["before"] = {field: before[field] for field in WRITTEN_BEFORE if before.get(field)}
    return cast(Line, {"_id": made["id"]} | line)
