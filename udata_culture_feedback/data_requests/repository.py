"""Reading one request, and the one way of writing it."""

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

#: Fields of a request that its moves and edits leave alone: those of the settle protocol, of the
#: discussion and of the announcements.
KEPT_BY_OTHERS = frozenset(
    {"_id", "v", "version", "due", "counted", "totals", "last", "told"}
    | {"discussion", "messages", "discussed", "announced", "silenced", "rung", "interest"}
)


def find(reference: Any) -> Request | None:
    """A request by id or slug (plain text: anything else finds nothing)."""
    if isinstance(reference, ObjectId):
        return requests().find_one({"_id": reference, "removed": {"$exists": False}})
    if not isinstance(reference, str) or not is_storable(reference):
        return None
    key = {"_id": ObjectId(reference)} if ObjectId.is_valid(reference) else {"slug": reference}
    return requests().find_one(key | {"removed": {"$exists": False}})


def fresh(request_id: ObjectId) -> Request:
    """A request as it is now. Raise NotFound when it is gone."""
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
    """Write `changed` over a request that has not moved since it was read, in one update: status,
    history and clock together. False when it has. `due`: what else is due with it; `also`: figures
    that it leaves."""
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
    """Apply `how` to a request, again when somebody else changed it meanwhile. `how` answers None
    where there is nothing to do (any longer): so does this. Return the request as it was written,
    and lets others hear of it."""
    for _attempt in range(ATTEMPTS):
        changed = how(request) if request else None
        if request is None or changed is None:
            return None
        if replace(request, changed, due=due, also=above(request)):
            return written(requests().find_one({"_id": request["_id"]}) or changed)
        request = requests().find_one({"_id": request["_id"]})
    return None


def written(request: Request) -> Request:
    """After a write: counts, and lets the rest happen behind (figures above, announcements,
    searches)."""
    settle_dataset(request)
    on_request_changed.send(request["_id"])
    return request


def is_carried(request: Request) -> bool:
    """Whether others than its requester are behind a request."""
    return request.get("totals", {}).get("supports", 0) > 0


def fulfilment(request: Request) -> Fulfilment:
    """The data that satisfy a request: none while nothing is published."""
    return request.get("fulfilled_by") or {"datasets": [], "urls": []}


def system_entry(request: Request, to: str, role: Role, **flags: Any) -> Entry:
    """An entry of the history for what nobody decided in person."""
    entry = {"from": request["status"], "to": to, "by": {"role": role}, "at": now(), **flags}
    return cast(Entry, entry)


def without(request: Request, *fields: str) -> Request:
    """Copy a request without some of its fields."""
    return cast(Request, {name: value for name, value in request.items() if name not in fields})


def without_requester(history: list[Entry], *, instead: str | None = None) -> list[Entry]:
    """A history that does not say which account asked; nor, with a sentence `instead`, what they
    said with their moves."""

    def kept(entry: Entry) -> Entry:
        if entry["by"]["role"] != Role.REQUESTER:
            return entry
        by: Any = {name: value for name, value in entry["by"].items() if name != "user"}
        told: Entry = entry | {"by": by}
        return told | {"message": instead} if instead and entry.get("message") else told

    return [kept(entry) for entry in history]


def free_slug(title: str, *, taken: bool = False) -> str:
    """A short address for a title, see `addresses.free_slug`."""
    return urls.free_slug(title, instead="request", reserved=RESERVED_SLUGS, taken=taken)
