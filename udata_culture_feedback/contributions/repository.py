"""The one write of contributions: compare-and-set, with what is due and what goes."""

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
    """Write `after` over `before` in one update, unless it was changed since it was read: False.

    `kept_by_others`: fields that are neither set nor removed, since other writes own them. `due`:
    who has to hear of it (see `figures.settle`). `counters`: what is increased. `unmoved`: fields
    that must be as they were read; one that is missing is null to MongoDB, as in documents of
    before it existed. `still`: what else must be so when it is written.
    """
    update = becomes_due(due)
    update["$inc"] = dict.fromkeys(counters, 1)
    update["$set"] = {key: value for key, value in after.items() if key not in kept_by_others}
    gone = {key: "" for key in before if key not in after and key not in kept_by_others}
    if gone:
        update["$unset"] = gone
    same = {"_id": before["_id"]} | {name: before.get(name) for name in unmoved}
    return bool(collection.update_one(same | dict(still or {}), update).modified_count)
