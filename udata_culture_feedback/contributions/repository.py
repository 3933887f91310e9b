"""Write contributions: the one compare-and-set, with what is due and what is removed."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.collection import Collection

from ..figures.settle import becomes_due

Document = Mapping[str, Any]

#: Attempts at a change before giving up on a document that others keep changing.
ATTEMPTS = 20


def replace(
    collection: Collection[Any],
    before: Document,
    after: Document,
    *,
    kept_by_others: Names[str],
    due: Iterable[str] = (),
    counters: Names[str] = ("v",),
    unmoved: Names[str] = ("v",),
    still: Mapping[str, Any] | None = None,
) -> bool:
    """Write `after` over `before` in one update; return False where it was changed since it was
    read.

    `kept_by_others`: fields that are neither set nor removed, since other writes own them. `due`:
    what has to be told (see `figures.settle`). `counters`: fields to increase. `unmoved`: fields
    that must be as read; a missing one equals null in MongoDB, as in documents older than the
    field. `still`: further conditions at the time of writing.
    """
    update = becomes_due(due)
    update["$inc"] = dict.fromkeys(counters, 1)
    update["$set"] = {key: value for key, value in after.items() if key not in kept_by_others}
    gone = {key: "" for key in before if key not in after and key not in kept_by_others}
    if gone:
        update["$unset"] = gone
    same = {"_id": before["_id"]} | {name: before.get(name) for name in unmoved}
    return bool(collection.update_one(same | dict(still or {}), update).modified_count)
