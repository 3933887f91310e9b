"""Bring requests in line after a merge, an unmerge, a withdrawal or a deletion, whatever happened
at the same moment, and after a crash anywhere.

Each of these writes the request itself in one update, with `people` among what is due;
`reconcile_merge` does the rest. It compares and closes gaps, so it is idempotent, and anybody may
call it: the user who moves, one who supports meanwhile, and maintenance.
"""

from __future__ import annotations

from typing import cast

from bson import ObjectId

from ..contributions import discussions, review_rules
from ..contributions.repository import ATTEMPTS
from ..figures.settle import heard
from ..people.models import gone_key
from ..portal.collections import now
from ..web.moments import portal_zone
from . import discussion, supports
from .clock import Clock
from .figures import settle_supports
from .models import PEOPLE, Request, requests
from .repository import change, is_carried, system_entry, without, without_requester
from .workflow import Role, Status


def reconcile_merge(request_id: ObjectId) -> None:
    """Bring in line: the target of a merged request (no cycle, no chain), the requests merged into
    it, who is behind which, and requests withdrawn or deleted although others support them."""
    for _attempt in range(ATTEMPTS):
        request = requests().find_one({"_id": request_id})
        if request is None:
            supports.bring_in_line(cast(Request, {"_id": request_id}), None)
            return
        target = None
        if request["status"] == Status.DUPLICATE and not request.get("removed"):
            target = requests().find_one({"_id": request["duplicate_of"]})
            if _repointed(request, target):
                continue
        _take_along(request, target)
        supports.bring_in_line(request, target)
        supports.mark_own(request_id)
        settle_supports(request_id)
        for one in (request_id, *([target["_id"]] if target else [])):
            _revive(one)
        if _heard(request):
            return


def detach(request: Request) -> Request | None:
    """Detach the requester from a request that others support: it stays, without an author."""
    changed = change(
        request, lambda one: None if one.get("detached") else _detached(one), due=[PEOPLE]
    )
    discussion.withdraw_moves(request)
    reconcile_merge(request["_id"])
    return changed


def _repointed(request: Request, target: Request | None) -> bool:
    """End an impossible merge: into nothing, into itself through others, or into a merged request.
    Return whether anything changed."""
    path = {request["_id"]: request}
    while target and target.get("duplicate_of") and target["_id"] not in path:
        path[target["_id"]] = target
        target = requests().find_one({"_id": target["duplicate_of"]})
    merged = list(path)
    if target is None or target.get("removed"):
        wrong: ObjectId | None = merged[-1]
    elif target["_id"] in path:
        # A cycle of concurrent merges: every process undoes the same one of them.
        wrong = max(merged[merged.index(target["_id"]) :])
    else:
        wrong = None
    if wrong:
        _unmerge(path[wrong])
        if wrong != request["_id"]:
            reconcile_merge(wrong)
    elif target and target["_id"] != request["duplicate_of"]:
        _point(request, target["_id"])
    else:
        return False
    return True


def _unmerge(request: Request) -> None:
    """Undo an impossible merge, unless it was undone or changed meanwhile."""

    def unmerged(one: Request) -> Request | None:
        if one.get("duplicate_of") != request["duplicate_of"]:
            return None
        return _unmerged(one)

    change(request, unmerged, due=[PEOPLE])


def _point(request: Request, to: ObjectId) -> None:
    def pointed(one: Request) -> Request | None:
        if one.get("duplicate_of") != request["duplicate_of"]:
            return None
        return one | {"duplicate_of": to}

    change(request, pointed, due=[PEOPLE])


def _take_along(request: Request, target: Request | None) -> None:
    """Move the requests merged into a merged request along with it."""
    for chained in list(requests().find({"duplicate_of": request["_id"]})):
        if target and chained["_id"] != target["_id"]:
            _point(chained, target["_id"])
        if target or request.get("removed"):
            reconcile_merge(chained["_id"])


def _revive(request_id: ObjectId) -> None:
    """Restore a request, without its author, that was withdrawn or deleted while somebody supported
    it."""
    request = requests().find_one({"_id": request_id})
    if request and _is_left(request) and is_carried(request):
        revived = change(
            request,
            lambda r: _revived(r) if _is_left(r) and is_carried(r) else None,
            due=[PEOPLE],
        )
        if revived:
            supports.mark_own(request_id)
            settle_supports(request_id)


def _is_left(request: Request) -> bool:
    return request["status"] == Status.WITHDRAWN or bool(request.get("removed"))


def _unmerged(request: Request) -> Request | None:
    """Return the request in the status it had before the merge; None where it is not merged."""
    if request["status"] != Status.DUPLICATE:
        return None
    former = request.get("merged_from") or Status.SUBMITTED
    clock = Clock.of(request["clock"]).unmerge(now(), portal_zone())
    entry = system_entry(request, former, Role.MODERATOR, undone=True)
    changed = request | {
        "status": former,
        "clock": clock.to_mongo(),
        "history": [*request["history"], entry],
        "last_modified": now(),
    }
    return without(changed, "duplicate_of", "merged_from")


def _detached(request: Request, to: str | None = None) -> Request:
    entry = system_entry(request, to or request["status"], Role.REQUESTER, detached=True)
    changed = without(request, "submission_id", "contact") | {
        "contributor": {"kind": request["contributor"]["kind"], "key": gone_key()},
        "detached": now(),
        "history": [*without_requester(request["history"], instead=discussions.withdrawn()), entry],
        "last_modified": now(),
    }
    review_rules.forget_original(changed)
    return changed


def _revived(request: Request) -> Request:
    standing = without(request, "removed")
    if removed := request.get("removed"):
        standing["visibility"] = removed["visibility"]
    former = request["status"]
    if former == Status.WITHDRAWN:
        former = next(
            (e["from"] for e in reversed(request["history"]) if e["to"] == Status.WITHDRAWN),
            Status.SUBMITTED,
        )
        standing["clock"] = Clock.of(request["clock"]).unmerge(now(), portal_zone()).to_mongo()
    if not request.get("detached"):
        standing = _detached(standing, former)
    return standing | {"status": former}


def _heard(request: Request) -> bool:
    """Clear what this pass has done. Return False when the request changed meanwhile: another pass
    is needed."""
    heard(requests(), request, PEOPLE)
    return not requests().find_one({"_id": request["_id"], "due": PEOPLE}, {"_id": 1})
