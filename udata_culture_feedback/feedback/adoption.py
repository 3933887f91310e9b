"""Have feedback follow a dataset that comes back under another id, and give it back. Figures stay
exact: each feedback moves in one update, and is due to both datasets."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from ..contributions.kinds import Following
from ..contributions.repository import ATTEMPTS
from ..figures.settle import settle
from ..figures.summary_ids import dataset_summary
from ..portal import catalogue
from . import actions, summaries, tasks
from .models import Feedback, Summary, feedbacks

#: What stands for the file of an opinion that a later one of the same person replaces, with the id
#: of the adoption: it stays with the former dataset, for the undo.
SET_ASIDE = "set-aside:"


def count(dataset_id: ObjectId, most: int | None = None) -> int:
    """Count the feedback of a dataset, up to `most`."""
    bound: Any = {"limit": most} if most else {}
    where = {"dataset": dataset_id, "deleted": {"$exists": False}}
    return feedbacks().count_documents(where, **bound)


def carry(old: ObjectId, new: ObjectId, adoption: ObjectId) -> None:
    """Move the feedback of a dataset to another. Of a person who spoke on both the later opinion
    counts, and the other one stays with the former dataset."""
    target = catalogue.find_dataset(new)
    if target is None or not feedbacks().find_one({"dataset": old}, {"_id": 1}):
        return
    summaries.open_after(old, target)
    former = summaries.reopen(old)
    there = summaries.reopen(new)
    for one in list(feedbacks().find({"dataset": old, "deleted": {"$exists": False}}, {"_id": 1})):
        _carry(one["_id"], former, there, adoption)
    _settle(old, new)


def give_back(old: ObjectId, new: ObjectId, adoption: ObjectId) -> None:
    """Undo what `carry` did. Opinions given since stay where they were given."""
    former, there = summaries.reopen(old), summaries.reopen(new)
    moved = {"moves.by": adoption, "deleted": {"$exists": False}}
    for here, target in ((new, former), (old, there)):
        for one in list(feedbacks().find(moved | {"dataset": here}, {"_id": 1})):
            _return(one["_id"], here, target, adoption)
    _settle(old, new)


def _carry(id: ObjectId, former: Summary, target: Summary, adoption: ObjectId) -> None:
    for _attempt in range(ATTEMPTS):
        one = feedbacks().find_one({"_id": id, "dataset": former["dataset"]})
        if one is None or (one.get("resource") or "").startswith(SET_ASIDE):
            return
        same = {"contributor.key": one["contributor"]["key"], "resource": one.get("resource")}
        rival = feedbacks().find_one(same | {"dataset": target["dataset"]})
        if rival is None:
            if _move(one, target, adoption, one.get("resource")):
                return
        elif rival["last_modified"] >= one["last_modified"]:
            return
        else:
            _move(rival, former, adoption, f"{SET_ASIDE}{adoption}:{rival['_id']}")


def _return(id: ObjectId, here: ObjectId, target: Summary, adoption: ObjectId) -> None:
    for _attempt in range(ATTEMPTS):
        one = feedbacks().find_one({"_id": id, "dataset": here})
        move = one["moves"][-1] if one else {}
        if one is None or move.get("by") != adoption or move["from"] != target["dataset"]:
            return
        if (resource := one.get("resource") or "").startswith(SET_ASIDE):
            resource = move["resource"]
        if _move(one, target, None, resource or None):
            return


def _move(one: Feedback, to: Summary, adoption: ObjectId | None, resource: str | None) -> bool:
    """Move a feedback in one update. Return False where it has changed since it was read, or where
    its author has an opinion there."""
    moved = one.copy()
    moved["dataset"], moved["organization"] = to["dataset"], to.get("organization")
    moved["listed"], moved["resource"] = bool(to.get("listed")), resource
    left = {"from": one["dataset"], "by": adoption, "resource": one.get("resource")}
    moved["moves"] = [*one.get("moves", []), left]
    try:
        return actions.replace(one, moved, also=[dataset_summary(one["dataset"])])
    except DuplicateKeyError:
        return False


def _settle(*datasets: ObjectId) -> None:
    for dataset_id in datasets:
        while not settle(summaries.INTO_DATASET, dataset_summary(dataset_id)):
            continue
        tasks.count_above(str(dataset_id))


FOLLOWING = Following(count, carry, give_back)
