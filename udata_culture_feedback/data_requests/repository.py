"""Read one request, and write it in the one place that does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.repository import ATTEMPTS
from ..contributions.repository import replace as overwrite
from ..figures.settle import DISCUSSION
from ..portal.collections import now
from ..web import refusals, urls
from ..web.text_cleaning import is_storable
from .figures import above, ensure, settle_dataset
from .models import RESERVED_SLUGS, Entry, Fulfilment, Request, live_totals, requests
from .signals import on_request_changed
from .workflow import Role

#: Fields of a request that moves and edits never write: those of the settle protocol, of the
#: discussion, of the announcements, and who looks after it.
KEPT_BY_OTHERS = frozenset(
    {"_id", "v", "version", "due", "counted", "totals", "last", "told"}
    | {
        "discussion",
        "messages",
        "discussed",
        "announced",
        "silenced",
        "rung",
        "interest",
        "appeal_told",
        "assignee",
    }
)


def find(reference: Any) -> Request | None:
    """Find a request by id or slug (plain text: anything else finds nothing)."""
    if isinstance(reference, ObjectId):
        return requests().find_one({"_id": reference, "removed": {"$exists": False}})
    if not isinstance(reference, str) or not is_storable(reference):
        return None
    key = {"_id": ObjectId(reference)} if ObjectId.is_valid(reference) else {"slug": reference}
    return requests().find_one(key | {"removed": {"$exists": False}})


def fresh(request_id: ObjectId) -> Request:
    """Read a request again by its id. Raise NotFound when it is gone."""
    request = find(request_id)
    if request is None:
        raise no_such_request()
    return request


def no_such_request() -> refusals.NotFound:
    return refusals.NotFound(_("There is no such request."))


def replace(
    request: Request,
    changed: Request,
    *,
    due: Iterable[str] = (),
    also: Iterable[str] = (),
) -> bool:
    """Write `changed` over a request in one compare-and-set (status, history and clock together).
    Return False when its status or version changed since it was read. `due`: what else is due with
    it; `also`: figures that it leaves."""
    changed["live"] = live_totals(changed)
    concerned = {*above(changed), *also}
    ensure(concerned)
    if changed.get("dataset") or changed.get("discussion"):
        concerned.add(DISCUSSION)
    return overwrite(
        requests(),
        request,
        changed,
        kept_by_others=KEPT_BY_OTHERS,
        due=sorted({*concerned, *due}),
        counters=("v", "version"),
        unmoved=("status", "version"),
    )


def change(
    request: Request | None,
    how: Callable[[Request], Request | None],
    *,
    due: Iterable[str] = (),
) -> Request | None:
    """Apply `how` to a request, again after a concurrent change. Return the request as written;
    None where `how` returns None, as it does where there is nothing to do. Others are notified."""
    for _attempt in range(ATTEMPTS):
        changed = how(request) if request else None
        if request is None or changed is None:
            return None
        if replace(request, changed, due=due, also=above(request)):
            return written(requests().find_one({"_id": request["_id"]}) or changed)
        request = requests().find_one({"_id": request["_id"]})
    return None


def written(request: Request) -> Request:
    """Follow up a write: count it at once, and leave the rest to tasks (figures above,
    announcements, searches). Return the request."""
    settle_dataset(request)
    on_request_changed.send(request["_id"])
    return request


def is_carried(request: Request) -> bool:
    """Return whether people other than its requester are behind a request."""
    return request.get("totals", {}).get("supports", 0) > 0


def fulfilment(request: Request) -> Fulfilment:
    """Return the data that satisfy a request: none while nothing is published."""
    return request.get("fulfilled_by") or {"datasets": [], "urls": []}


def system_entry(request: Request, to: str, role: Role, **flags: Any) -> Entry:
    """Return a history entry for a change that nobody made in person."""
    entry = {"from": request["status"], "to": to, "by": {"role": role}, "at": now(), **flags}
    return cast(Entry, entry)


def without(request: Request, *fields: str) -> Request:
    """Copy a request without some of its fields."""
    return cast(Request, {name: value for name, value in request.items() if name not in fields})


def without_requester(history: list[Entry], *, instead: str | None = None) -> list[Entry]:
    """Copy a history without the requester's account and, where `instead` is given, with that
    sentence in place of the messages of their moves."""

    def kept(entry: Entry) -> Entry:
        if entry["by"]["role"] != Role.REQUESTER:
            return entry
        by: Any = {name: value for name, value in entry["by"].items() if name != "user"}
        told: Entry = entry | {"by": by}
        return told | {"message": instead} if instead and entry.get("message") else told

    return [kept(entry) for entry in history]


def free_slug(title: str, *, taken: bool = False) -> str:
    """Return a free slug for a title, see `web.urls.free_slug`."""
    return urls.free_slug(title, instead="request", reserved=RESERVED_SLUGS, taken=taken)
