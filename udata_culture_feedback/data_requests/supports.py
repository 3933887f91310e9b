"""Supports of requests, and what merging and unmerging do to them.

Supports never move. A row says that one person is behind one request: `direct`, because they
supported it, or `via` requests merged into it that they asked for or support. A row counts once
whatever its reasons, and goes with the last of them: so the count is the number of distinct persons
whatever the order of supports, withdrawals, merges and unmerges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..figures.settle import becomes_due
from ..mail.models import DUPLICATE_KEY
from ..people.models import Kind
from ..people.viewer import Viewer
from ..portal.collections import confirmed, now
from ..web.untyped import Query
from .figures import is_behind, known_as, settle_supports
from .models import Request, Support, requests, supports

#: Rows written at once during a merge.
BATCH = 500
#: Passes before leaving the rest to the next run.
ATTEMPTS = 10


def support(viewer: Viewer, target: Request) -> Request | None:
    """Put this person behind a request. Idempotent; one's own request is not counted. Return the
    request as read afterwards, for the caller to see a concurrent merge and to settle; None where
    it is gone.

    No query asks first whether they support it: the update does not match such a row, and the
    unique index (one row for each person and request) refuses the insert it then tries.
    """
    own = _requester(target) == viewer.key
    where = {"key": viewer.key, "target": target["_id"]}
    update = becomes_due([target["_id"]])
    update["$set"] = {"own": own, "direct": True}
    update["$setOnInsert"] = {"created_at": now(), "via": [], "kind": viewer.kind}
    if viewer.user_id:
        update["$setOnInsert"]["user"] = viewer.user_id
    for _attempt in range(ATTEMPTS):
        try:
            supports().update_one(where | {"direct": {"$ne": True}}, update, upsert=True)
            break
        except DuplicateKeyError:
            known = supports().find_one(where | {"direct": True}, {"_id": 1})
            if confirmed(supports(), known):
                break
            # Inserted meanwhile by a merge in another process: try again.
    again = requests().find_one({"_id": target["_id"]})
    if again and (_requester(again) == viewer.key) != own:
        mark_own(target["_id"])
    return again


def withdraw(viewer: Viewer, target: Request) -> None:
    """Withdraw this person's support of a request and of those merged into it. The requester of one
    of those remains its requester."""
    merged = list(requests().find({"duplicate_of": target["_id"]}, _REQUESTER))
    for one in (*merged, target):
        where = {"key": viewer.key, "target": one["_id"], "direct": True}
        update = becomes_due([one["_id"]])
        update["$set"] = {"direct": False}
        if supports().update_one(where, update).modified_count:
            _settle_and_sweep([one["_id"]], viewer.key)
    for one in merged:
        bring_in_line(one, target, only=viewer.key)


def supported(viewer: Viewer, request_ids: Iterable[ObjectId]) -> set[ObjectId]:
    """Return which of these requests this person supports, directly or through a merge."""
    if not viewer.known:
        return set()
    rows = supports().find({"key": viewer.key, "target": {"$in": list(request_ids)}})
    return {row["target"] for row in rows if row.get("direct") or row.get("via")}


def bring_in_line(merged: Request, into: Request | None, only: str | None = None) -> None:
    """Put the people behind a merged request behind `into`, `via` it, and nowhere else; `into`
    None: it is no longer merged. Idempotent, also when run concurrently: it reads again after
    writing. `only`: the key of the one person concerned."""
    for _attempt in range(ATTEMPTS):
        expected = _behind(merged, only) if into else {}
        strays, present = [], set()
        for row in supports().find({"via": merged["_id"]} | _of(only), {"key": 1, "target": 1}):
            if into and row["target"] == into["_id"] and row["key"] in expected:
                present.add(row["key"])
            else:
                strays.append(row)
        missing = {key: who for key, who in expected.items() if key not in present}
        if not strays and not missing:
            break
        _remove_via(merged["_id"], strays)
        if into:
            _add_via(merged["_id"], into, missing)
        touched = {row["target"] for row in strays} | ({into["_id"]} if into else set())
        for target in touched:
            mark_own(target)
        _settle_and_sweep(touched, only)


def mark_own(request_id: ObjectId) -> None:
    """Mark the row of the requester as not counting in their request; the row of a former requester
    counts again."""
    request = requests().find_one({"_id": request_id}, _REQUESTER)
    if request is None:
        return
    requester = _requester(request)
    for where, own in (
        ({"own": True, "key": {"$ne": requester}}, False),
        ({"own": False, "key": requester}, True),
    ):
        update = becomes_due([request_id])
        update["$set"] = {"own": own}
        supports().update_many({"target": request_id} | where, update)


def strays() -> set[ObjectId]:
    """Return the requests named in `via` by rows of a request they are not merged into."""
    found = set()
    for row in supports().find({"via": {"$gte": _FIRST_ID}}, {"via": 1, "target": 1}):
        for via in row["via"]:
            merged = {"_id": via, "duplicate_of": row["target"]}
            if via not in found and not requests().find_one(merged, {"_id": 1}):
                found.add(via)
    return found


def rename(key: str, other: str) -> int:
    """Give the rows of a person an anonymous key, and remove their account. Where both keys have a
    row (an earlier run was interrupted), they become one."""
    renamed = 0
    anonymous = {"$set": {"key": other}, "$unset": {"user": "", "next": ""}}
    for row in list(supports().find({"key": key})):
        try:
            renamed += supports().update_one({"_id": row["_id"]}, anonymous).modified_count
        except DuplicateKeyError:
            update = becomes_due([row["target"]])
            update["$addToSet"]["via"] = {"$each": row["via"]}
            if row["direct"]:
                update["$set"] = {"direct": True}
            supports().update_one({"key": other, "target": row["target"]}, update)
            emptied = becomes_due([row["target"]])
            emptied["$set"] = {"direct": False, "via": []}
            supports().update_one({"_id": row["_id"]}, emptied)
            _settle_and_sweep([row["target"]], key)
            renamed += 1
    return renamed


def sweep() -> int:
    """Delete the rows without a reason that a crash left: nobody should stay behind a request that
    they left. They count nothing."""
    return supports().delete_many(_SPENT).deleted_count


def people_behind(request_id: ObjectId) -> Iterator[Support]:
    """Yield the supports of a request that count."""
    for row in supports().find({"target": request_id}, sort=[("_id", 1)]):
        if is_behind(row):
            yield row


def distinct_people(found: Iterable[Request]) -> int:
    """Count the verified people behind some requests, each once."""
    found = list(found)
    keys = {_requester(request) for request in found if is_verified(request)}
    rows = supports().find({"target": {"$in": [request["_id"] for request in found]}})
    return len(
        keys
        | {row["key"] for row in rows if is_behind(row) and known_as(row) is not Kind.UNVERIFIED}
    )


def is_verified(request: Request) -> bool:
    """Return whether a request has a requester who is known by more than a browser."""
    return not request.get("detached") and request["contributor"]["kind"] != Kind.UNVERIFIED


def remove_one(viewer: Viewer, request_id: ObjectId) -> None:
    """Delete a person's row of a request that is gone."""
    supports().delete_one({"key": viewer.key, "target": request_id})


def remove_all(request_id: ObjectId) -> None:
    """Delete every row of a request that is gone."""
    supports().delete_many({"target": request_id})


_SPENT: Query = {"direct": False, "via": [], "due": {"$exists": False}}
_FIRST_ID = ObjectId("0" * 24)
_REQUESTER = {
    "contributor.key": 1,
    "contributor.kind": 1,
    "contributor.user": 1,
    "detached": 1,
    "removed": 1,
}


def _requester(request: Request) -> str | None:
    return None if request.get("detached") else request["contributor"]["key"]


class Person(NamedTuple):
    """What a row stores of a person besides their key."""

    kind: Kind
    user: ObjectId | None


def _behind(merged: Request, only: str | None) -> dict[str, Person]:
    """Return the people directly behind a request, its requester included, by key."""
    direct = {"target": merged["_id"], "direct": True}
    people = {
        row["key"]: Person(known_as(row), row.get("user"))
        for row in supports().find(direct | _of(only))
    }
    requester, contributor = _requester(merged), merged.get("contributor")
    if requester and contributor and only in (None, requester):
        people[requester] = Person(Kind(contributor["kind"]), contributor.get("user"))
    return people


def _of(key: str | None) -> Query:
    return {"key": key} if key else {}


def _add_via(merged: ObjectId, into: Request, people: dict[str, Person]) -> None:
    own, moment = _requester(into), now()
    operations = []
    for key, person in people.items():
        update = becomes_due([into["_id"]])
        update["$addToSet"]["via"] = merged
        update["$set"] = {"own": key == own}
        update["$setOnInsert"] = {"created_at": moment, "direct": False, "kind": person.kind}
        if person.user:
            update["$setOnInsert"]["user"] = person.user
        operations.append(UpdateOne({"key": key, "target": into["_id"]}, update, upsert=True))
    _write(operations)


def _remove_via(merged: ObjectId, rows: list[Support]) -> None:
    _write(
        [
            UpdateOne(
                {"_id": row["_id"]}, becomes_due([row["target"]]) | {"$pull": {"via": merged}}
            )
            for row in rows
        ]
    )


def _write(operations: list[UpdateOne]) -> None:
    for start in range(0, len(operations), BATCH):
        batch = operations[start : start + BATCH]
        for _attempt in range(ATTEMPTS):
            try:
                supports().bulk_write(batch)
                break
            except BulkWriteError as error:
                codes = {failed["code"] for failed in error.details["writeErrors"]}
                if codes != {DUPLICATE_KEY}:
                    raise
                # Inserted meanwhile by other processes: retry, the operations are idempotent.


def _settle_and_sweep(targets: Iterable[ObjectId], key: str | None = None) -> None:
    """Count what has changed, and delete the rows without a reason."""
    for target in targets:
        settle_supports(target)
        supports().delete_many({"target": target} | _SPENT | _of(key))
