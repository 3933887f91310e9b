"""Keeping requests straight after a merge, an unmerge, a withdrawal or a deletion, whoever else did
what at the same moment, and after a crash anywhere.

Each of these writes the request itself in one update, with `people` among what is due;
`reconcile_merge` then does the rest. It compares and closes gaps, so that anybody may call it, any
number of times: who made the move, who supports the request meanwhile, and maintenance.
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
    """Bring in line: where a merged request points (no cycle, no chain), those merged into it, who
    is behind which, and what was withdrawn or deleted though others carry it."""
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
    """One person cannot undo what many carry: the request stays, without its author."""
    changed = change(
        request, lambda one: None if one.get("detached") else _detached(one), due=[PEOPLE]
    )
    discussion.withdraw_moves(request)
    reconcile_merge(request["_id"])
    return changed


def _repointed(request: Request, target: Request | None) -> bool:
    """End what a merge must not be: into nothing, into itself by a detour, into a request that is
    itself merged. True when it had to do something."""
    path = {request["_id"]: request}
    while target and target.get("duplicate_of") and target["_id"] not in path:
        path[target["_id"]] = target
        target = requests().find_one({"_id": target["duplicate_of"]})
    merged = list(path)
    if target is None or target.get("removed"):
        wrong: ObjectId | None = merged[-1]
    elif target["_id"] in path:
        # Merged in a round at the same moment: whoever sees it undoes the same one of them.
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
    """Undo a merge that cannot be, unless it was done away with meanwhile."""

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
    """Those merged into a request that is merged itself go with it."""
    for chained in list(requests().find({"duplicate_of": request["_id"]})):
        if target and chained["_id"] != target["_id"]:
            _point(chained, target["_id"])
        if target or request.get("removed"):
            reconcile_merge(chained["_id"])


def _revive(request_id: ObjectId) -> None:
    """A request that was withdrawn or deleted while somebody came to support it stays, without its
    author."""
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
    """A merge that cannot be: back to where it was."""
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
    """End a look. False when the request has changed since, so that another is needed."""
    heard(requests(), request, PEOPLE)
    return not requests().find_one({"_id": request["_id"], "due": PEOPLE}, {"_id": 1})
