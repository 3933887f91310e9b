"""Have requests follow a dataset that comes back under another id, and give them back: those asked
from its page, and those that it satisfied."""

from __future__ import annotations

from typing import Any, cast

from bson import ObjectId

from ..contributions.kinds import Following
from ..figures.settle import settle
from ..figures.summary_ids import dataset_summary
from ..portal.collections import Query
from . import lifecycle
from .figures import REQUESTS
from .models import Request, requests
from .repository import change, without

#: The fields that name datasets; `purged_…`: those that udata has purged.
NAMING = ("dataset", "purged_dataset", "fulfilled_by", "purged_answers")


def count(dataset_id: ObjectId, most: int | None = None) -> int:
    """Count the requests that name a dataset, up to `most`."""
    bound: Any = {"limit": most} if most else {}
    return requests().count_documents(_naming(dataset_id), **bound)


def carry(old: ObjectId, new: ObjectId, adoption: ObjectId) -> None:
    """Have the requests that name a dataset name another. Where its organization is another, those
    whose holder was derived from it go along."""
    for request in list(requests().find(_naming(old))):
        change(request, lambda one: _renamed(one, old, new, adoption))
    _settle(old, new)
    lifecycle.follow_dataset(new)


def give_back(old: ObjectId, new: ObjectId, adoption: ObjectId) -> None:
    """Undo what `carry` did, where nobody has changed it since."""
    for request in list(requests().find({"renamed.by": adoption})):
        change(request, lambda one: _named_before(one, adoption))
    _settle(old, new)
    lifecycle.follow_dataset(old)


def _naming(dataset_id: ObjectId) -> Query:
    fields = ("dataset", "purged_dataset", "purged_answers")
    answered = {"fulfilled_by": {"$exists": True}, "fulfilled_by.datasets": dataset_id}
    named = [*({name: dataset_id} for name in fields), answered]
    return {"removed": {"$exists": False}, "$or": named}


def _renamed(one: Request, old: ObjectId, new: ObjectId, adoption: ObjectId) -> Request | None:
    before = _names(one)
    after = dict(before)
    if old in (one.get("dataset"), one.get("purged_dataset")):
        after["dataset"] = new
        after.pop("purged_dataset", None)
    fulfilled = one.get("fulfilled_by") or {"datasets": [], "urls": []}
    purged = one.get("purged_answers") or []
    if old in fulfilled["datasets"] or old in purged:
        kept = [new if id == old else id for id in fulfilled["datasets"]]
        kept += [new] if old in purged else []
        after["fulfilled_by"] = {**fulfilled, "datasets": list(dict.fromkeys(kept))}
        after["purged_answers"] = [id for id in purged if id != old]
    if after == before:
        return None
    left: Any = {"by": adoption, "before": before, "after": after}
    return cast(Request, without(one, *NAMING) | after | {"renamed": left})


def _named_before(one: Request, adoption: ObjectId) -> Request | None:
    left: Any = one.get("renamed") or {}
    if left.get("by") != adoption:
        return None
    now, before, after = _names(one), left["before"], left["after"]
    back = {
        name: (before if now.get(name) == after.get(name) else now).get(name) for name in NAMING
    }
    named = {name: value for name, value in back.items() if value is not None}
    return cast(Request, without(one, *NAMING, "renamed") | named)


def _names(one: Request) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name in NAMING and value is not None}


def _settle(*datasets: ObjectId) -> None:
    for dataset_id in datasets:
        settle(REQUESTS, dataset_summary(dataset_id))


FOLLOWING = Following(count, carry, give_back)
