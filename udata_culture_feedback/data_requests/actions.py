"""The use cases of requests: ask, edit, delete, support, move, transfer, answer."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import slugify
from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from .. import catalogue, refusals
from ..contributors.limits import spend_write
from ..contributors.models import gone_key
from ..contributors.viewer import Viewer, must_be_known
from ..feedback.models import Visibility, now
from ..search import terms
from ..summaries import becomes_due, settle
from . import permissions, supports
from .clock import Clock
from .figures import REQUESTS, above, ensure
from .forms import read_message, read_move, read_request
from .models import RESERVED_SLUGS, live_totals, requests
from .signals import on_request_changed, on_request_moved
from .workflow import ANSWERS, DECISIONS, OPEN, Role, Status, allowed, moves

Request = dict[str, Any]

#: Days after the deadline of a clarification from which the desk may close a request.
UNANSWERED_DAYS = 60

#: Fields of a request that its moves and edits leave alone: those of the settle protocol and of the
#: discussion.
KEPT_BY_OTHERS = frozenset(
    ["_id", "v", "version", "due", "counted", "totals", "last", "discussion", "messages", "discussed", "announced"]
)


def ask(
    viewer: Viewer, payload: dict[str, Any], *, at: datetime | None = None
) -> tuple[Request, bool]:
    """Records a request. Answers it as stored, and whether it is new (False: a retry).

    `payload`: the fields of `forms.read_request`. Raises Unauthenticated, ReadOnly, TooMany;
    Invalid or TooLong naming the field.
    """
    must_be_known(viewer)
    if at is None:
        spend_write(viewer)
    asked = read_request(payload)
    if asked.get("submission_id"):
        earlier = _submitted(viewer, asked["submission_id"])
        if earlier:
            return earlier, False
    request = _new_request(viewer, asked, at or now())
    while True:
        try:
            requests().insert_one(request)
            break
        except DuplicateKeyError:
            submission = asked.get("submission_id")
            earlier = _submitted(viewer, submission) if submission else None
            if earlier:
                return earlier, False
            request["slug"] = free_slug(request["title"], taken=True)
    _count(request)
    on_request_changed.send(request["_id"])
    return request, True


def edit(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> Request:
    """Changes the fields that the payload has; the history says that it was edited. Raises
    Unauthenticated, NotFound, Forbidden, Invalid, TooLong, Conflict when it is decided already."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    spend_write(viewer)
    _must(permissions.may_edit(viewer, request), _("Only its requester may change this request."))
    asked = read_request(payload, partial=True)
    while True:
        changed = request | {"last_modified": now()}
        _put_fields(viewer, changed, asked, editing=True)
        changed["history"] = [
            *request["history"],
            _entry(viewer, request, request["status"], Role.REQUESTER, edited=True),
        ]
        if replace(request, changed):
            on_request_changed.send(request["_id"])
            return fresh(request["_id"])
        request = fresh(request["_id"])


def delete(viewer: Viewer, reference: Any) -> bool:
    """Deletes one's own request; what others carry stays, without its author. True when it is
    gone, False when only its author was detached. Raises NotFound, Forbidden."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    spend_write(viewer)
    _must(permissions.may_delete(viewer, request), _("Only its requester may delete this request."))
    if is_carried(request):
        detach(request)
        return False
    remove(request)
    return True


def move(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> Request:
    """Moves a request to another status. Answers it as stored.

    `payload`: the fields of `forms.read_move`. Raises Unauthenticated, NotFound; Conflict with
    `status` and `allowed_transitions` for a move that the table does not have, or when the request
    is no longer where the person saw it (`from`); Forbidden for somebody else's move; Invalid for
    what a move lacks (a reason, a message, data, a target).
    """
    must_be_known(viewer)
    request = readable(viewer, reference)
    asked = read_move(payload)
    to = Status(asked["to"])
    spend_write(viewer, manages=Role.PRODUCER in permissions.roles(viewer, request))
    if asked["from"] and asked["from"] != request["status"]:
        raise _elsewhere(viewer, request)
    target = _merge_target(viewer, request, asked) if to is Status.DUPLICATE else None
    role = _role_for(viewer, request, to, target)
    if to is Status.WITHDRAWN and is_carried(request):
        return detach(request)
    changed = _moved(viewer, request, to, role, asked, target)
    if not replace(request, changed, version=True):
        raise _elsewhere(viewer, fresh(request["_id"]))
    if target:
        _merged(request, target)
    elif request["status"] == Status.DUPLICATE:
        supports.gather(request["_id"], request["duplicate_of"])
    _count(changed)
    on_request_moved.send(request["_id"], entry=changed["history"][-1])
    return fresh(request["_id"])


def transfer(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> Request:
    """Sends a request to the organization that holds the data. Its reception date is kept. Raises
    Invalid naming `organization` or `message`, Forbidden, NotFound, Conflict."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    spend_write(viewer, manages=True)
    _must(
        permissions.may_transfer(viewer, request),
        _("Only who deals with this request may send it elsewhere."),
    )
    message = read_message(payload)
    holder = _holder(payload.get("organization"), required=True)
    if holder == request.get("organization"):
        text = _("That organization has this request already.")
        raise refusals.Invalid(text, {"organization": text})
    entry = _entry(viewer, request, request["status"], Role.PRODUCER, message=message)
    entry["transferred_to"] = holder
    changed = request | {
        "organization": holder,
        "received_at": request.get("received_at") or now(),
        "history": [*request["history"], entry],
        "last_modified": now(),
    }
    if not replace(request, changed, version=True, also=above(request)):
        raise _elsewhere(viewer, fresh(request["_id"]))
    for one in {*above(request), *above(changed)}:
        settle(REQUESTS, one)
    on_request_moved.send(request["_id"], entry=entry)
    return fresh(request["_id"])


def support(viewer: Viewer, reference: Any) -> Request:
    """Supports a request; again changes nothing. Raises Unauthenticated, NotFound, TooMany,
    Conflict for one that is withdrawn, declined or published."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    spend_write(viewer)
    if Status(request["status"]) not in OPEN | {Status.DUPLICATE}:
        raise refusals.Conflict(_("This request is no longer open."), status=request["status"])
    supports.support(viewer, request)
    on_request_changed.send(request["_id"])
    return fresh(request["_id"])


def withdraw_support(viewer: Viewer, reference: Any) -> Request:
    """Takes one's support back; again changes nothing."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    spend_write(viewer)
    supports.withdraw(viewer, request)
    on_request_changed.send(request["_id"])
    return fresh(request["_id"])


def allowed_moves(viewer: Viewer, request: Request) -> list[Status]:
    """The statuses this person may move the request to now."""
    status, merged_from = Status(request["status"]), _merged_from(request)
    found = allowed(status, permissions.roles(viewer, request) - {Role.ANYBODY}, merged_from)
    return [to for to in found if _may_still(viewer, request, to)]


def readable(viewer: Viewer, reference: Any) -> Request:
    """A request by id or slug that this person may see. Raises NotFound, whatever the reason."""
    request = find(reference)
    if request is None or not permissions.may_read(viewer, request):
        raise refusals.NotFound(_("There is no such request."))
    return request


def find(reference: Any) -> Request | None:
    if isinstance(reference, str) and "\0" in reference:
        return None
    if ObjectId.is_valid(reference):
        return requests().find_one({"_id": ObjectId(reference)})
    return requests().find_one({"slug": reference}) if isinstance(reference, str) else None


def fresh(request_id: ObjectId) -> Request:
    request = requests().find_one({"_id": request_id})
    if request is None:
        raise refusals.NotFound(_("There is no such request."))
    return request


def is_carried(request: Request) -> bool:
    """Whether others than its requester are behind a request."""
    return (request.get("totals") or {}).get("supports", 0) > 0


def detach(request: Request) -> Request:
    """One person cannot undo what many carry: the request stays, without its author."""
    key = request["contributor"]["key"]
    changed = request | {
        "contributor": {"kind": request["contributor"]["kind"], "key": gone_key()},
        "history": [
            *request["history"],
            {
                "from": request["status"],
                "to": request["status"],
                "by": {"role": Role.REQUESTER},
                "at": now(),
                "detached": True,
            },
        ],
        "last_modified": now(),
    }
    changed.pop("submission_id", None)
    if not replace(request, changed, version=True):
        return detach(fresh(request["_id"]))
    supports.detach_requester(request["_id"], key)
    on_request_changed.send(request["_id"])
    return fresh(request["_id"])


def remove(request: Request) -> None:
    """Removes a request that nobody else carries, from every figure first."""
    emptied = request | {"visibility": Visibility.HIDDEN, "live": {}}
    if not replace(request, emptied, version=True):
        return remove(fresh(request["_id"]))
    for one in above(request):
        settle(REQUESTS, one)
    on_request_changed.send(request["_id"], removed=True)
    if request.get("duplicate_of"):
        supports.gather(request["_id"], request["duplicate_of"])
    supports.remove_all(request["_id"])
    requests().delete_one({"_id": request["_id"]})


def replace(
    request: Request, changed: Request, *, version: bool = False, also: list[str] | None = None
) -> bool:
    """Writes `changed` over a request that has not moved since it was read, in one update: status,
    history and clock together. False when it has."""
    changed["live"] = live_totals(changed) if changed["visibility"] == Visibility.PUBLIC else {}
    concerned = sorted({*above(changed), *(also or [])})
    ensure(concerned)
    update = becomes_due(concerned)
    update["$inc"]["version"] = 1
    update["$set"] = {key: value for key, value in changed.items() if key not in KEPT_BY_OTHERS}
    gone = {key: "" for key in request if key not in changed and key not in KEPT_BY_OTHERS}
    if gone:
        update["$unset"] = gone
    unmoved = {"_id": request["_id"], "status": request["status"], "version": request["version"]}
    return bool(requests().update_one(unmoved, update).modified_count)


def zone() -> ZoneInfo:
    """The portal's zone, in which dates are computed and told."""
    return ZoneInfo(current_app.config["CULTURE_FEEDBACK_TIMEZONE"])


def free_slug(title: str, *, taken: bool = False) -> str:
    """An address for a title: never a route of ours, never like an id, with a few random letters
    where it is taken."""
    slug = slugify.slugify(title, max_length=80, to_lower=True) or "request"
    if slug in RESERVED_SLUGS or ObjectId.is_valid(slug):
        taken = True
    return f"{slug}-{secrets.token_hex(3)}" if taken else slug


def _new_request(viewer: Viewer, asked: dict[str, Any], moment: datetime) -> Request:
    request: Request = {
        "_id": ObjectId(),
        "contributor": viewer.signature(asked.get("signature")),
        "themes": [],
        "usages": [],
        "formats": [],
        "visibility": Visibility.PUBLIC,
        "status": Status.SUBMITTED,
        "version": 1,
        "history": [],
        "totals": {},
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
    }
    _put_fields(viewer, request, asked)
    request["slug"] = free_slug(request["title"])
    if request.get("organization"):
        request["received_at"] = moment
    months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
    request["clock"] = Clock.start(moment, months, zone()).to_mongo()
    if asked.get("submission_id"):
        request["submission_id"] = asked["submission_id"]
    request["live"] = live_totals(request)
    request["due"] = above(request)
    ensure(request["due"])
    return request


def _put_fields(
    viewer: Viewer, request: Request, asked: dict[str, Any], *, editing: bool = False
) -> None:
    for field in (
        "title",
        "description",
        "kind",
        "themes",
        "usages",
        "profile",
        "evidence_url",
        "formats",
        "frequency",
        "spatial",
    ):
        if field in asked:
            request.pop(field, None)
            if asked[field] is not None:
                request[field] = asked[field]
    if editing:
        if (
            "signature" in asked
            and asked["signature"]
            and permissions.is_requester(viewer, request)
        ):
            request["contributor"] = viewer.signature(asked["signature"])
    else:
        _put_context(request, asked)
    request["terms"] = terms(f"{request['title']} {request['description']}")


def _put_context(request: Request, asked: dict[str, Any]) -> None:
    """The dataset it is asked from, which says who holds the data unless something else is said."""
    if asked.get("dataset"):
        dataset = catalogue.find_dataset(asked["dataset"])
        if dataset is None or not catalogue.may_read(dataset):
            message = _("There is no such dataset.")
            raise refusals.Invalid(message, {"dataset": message})
        request["dataset"] = dataset.id
        if "organization" not in asked and dataset.organization:
            request["organization"] = dataset.organization
    holder = _holder(asked.get("organization"))
    if holder:
        request["organization"] = holder


def _holder(reference: Any, *, required: bool = False) -> ObjectId | None:
    if isinstance(reference, dict):
        reference = reference.get("id")
    if not reference and not required:
        return None
    found = catalogue.find_organization(reference) if isinstance(reference, str) else None
    if found is None or found.deleted:
        message = _("There is no such organization.")
        raise refusals.Invalid(message, {"organization": message})
    return found.id


def _role_for(viewer: Viewer, request: Request, to: Status, target: Request | None) -> Role:
    """The capacity in which this person makes a move. Raises Conflict, Forbidden."""
    status = Status(request["status"])
    who = moves(status, _merged_from(request)).get(to)
    if who is None:
        raise _elsewhere(viewer, request)
    mine = (permissions.roles(viewer, request, target) & who) - {Role.ANYBODY}
    if not mine:
        raise refusals.Forbidden(
            _("You may not make this move."), allowed_transitions=allowed_moves(viewer, request)
        )
    if not _may_still(viewer, request, to):
        raise refusals.Forbidden(_("You have reopened this once: a moderator may do it again."))
    order = (Role.PRODUCER, Role.BOTH_PRODUCER, Role.MODERATOR, Role.REQUESTER)
    if Role.REQUESTER in mine and not permissions.acts_for(request.get("organization")):
        return Role.REQUESTER
    return next(role for role in order if role in mine)


def _may_still(viewer: Viewer, request: Request, to: Status) -> bool:
    """A requester reopens each kind of decision once; then a moderator, or the holder, does."""
    status = Status(request["status"])
    if status not in DECISIONS or to is not Status.ACKNOWLEDGED:
        return True
    roles = permissions.roles(viewer, request)
    if Role.PRODUCER in roles:
        return True
    return (request.get("reopened") or {}).get(status, 0) == 0


def _moved(
    viewer: Viewer,
    request: Request,
    to: Status,
    role: Role,
    asked: dict[str, Any],
    target: Request | None,
) -> Request:
    """The request as the move leaves it. Raises Invalid for what the move lacks."""
    status = Status(request["status"])
    moment = now()
    extra: dict[str, Any] = {}
    changed = request | {"status": to, "last_modified": moment}
    if to is Status.DECLINED:
        extra = _refusal(viewer, request, asked)
    elif to is Status.PUBLISHED:
        changed["fulfilled_by"] = extra = _fulfilment(asked)
        changed["partial"] = asked["partial"]
        extra = extra | {"partial": asked["partial"]}
    elif to is Status.NEEDS_CLARIFICATION:
        _required(asked, "message", _("Say what you need to know."))
    elif to is Status.DUPLICATE and target:
        changed |= {"duplicate_of": target["_id"], "merged_from": status}
        extra = {"duplicate_of": target["_id"]}
    if status is Status.DUPLICATE:
        changed.pop("duplicate_of", None)
        changed.pop("merged_from", None)
    if status in DECISIONS and role is Role.REQUESTER:
        reopened = dict(request.get("reopened") or {})
        reopened[status] = reopened.get(status, 0) + 1
        changed["reopened"] = reopened
    changed["clock"] = _ticked(request, to, moment).to_mongo()
    entry = _entry(viewer, request, to, role, message=asked["message"], **extra)
    changed["history"] = [*request["history"], entry]
    return changed


def _ticked(request: Request, to: Status, moment: datetime) -> Clock:
    """The service clock after a move: answered, paused, stopped, or started again."""
    status, clock = Status(request["status"]), Clock.of(request["clock"])
    if status is Status.NEEDS_CLARIFICATION:
        clock = clock.resume(moment, zone())
    if status in DECISIONS or status is Status.WITHDRAWN:
        return clock.reopen(moment, zone())
    if status is Status.DUPLICATE:
        return clock.unmerge(moment, zone())
    if to in ANSWERS:
        return clock.answer(moment, zone())
    if to is Status.NEEDS_CLARIFICATION:
        return clock.pause(moment, current_app.config["CULTURE_FEEDBACK_CLARIFY_DAYS"], zone())
    if to in (Status.DUPLICATE, Status.WITHDRAWN):
        return clock.stop(moment)
    return clock


def _refusal(viewer: Viewer, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    reason = asked["reason"]
    _required(asked, "reason", _("Choose a reason."))
    _required(asked, "message", _("Explain why, in words the requester understands."))
    message = None
    if reason == "abusive" and not permissions.may_moderate(viewer):
        message = _("Only moderators give this reason.")
    elif reason == "not_planned" and request["kind"] == "new":
        message = _("The law knows no such reason for unpublished data.")
    if message:
        raise refusals.Invalid(message, {"reason": message})
    if reason == "already_public" and not asked["urls"]:
        message = _("Give the address where the data are.")
        raise refusals.Invalid(message, {"urls": message})
    if reason in ("unfinished", "preparatory") and not asked["review_at"]:
        message = _("Say when this will be looked at again.")
        raise refusals.Invalid(message, {"review_at": message})
    return {key: asked[key] for key in ("reason", "urls", "review_at") if asked.get(key)}


def _fulfilment(asked: dict[str, Any]) -> dict[str, Any]:
    """The data that answer a request: at least one public dataset, or an address."""
    found = []
    for reference in asked["datasets"]:
        dataset = catalogue.find_dataset(reference)
        if dataset is None or not dataset.listed:
            message = _("There is no such public dataset.")
            raise refusals.Invalid(message, {"datasets": message})
        found.append(dataset.id)
    if not found and not asked["urls"]:
        message = _("Name a public dataset, or give an address.")
        raise refusals.Invalid(message, {"datasets": message})
    return {"datasets": list(dict.fromkeys(found)), "urls": asked["urls"]}


def _merge_target(viewer: Viewer, request: Request, asked: dict[str, Any]) -> Request:
    """The request to merge into: another one, open or published, not itself merged. Raises Invalid
    naming `duplicate_of`."""
    _required(asked, "duplicate_of", _("Name the request to merge into."))
    target = find(asked["duplicate_of"])
    message = None
    if target is None or not permissions.may_read(viewer, target):
        message = _("There is no such request.")
    elif target["_id"] == request["_id"]:
        message = _("A request cannot be merged into itself.")
    elif not _may_receive(target):
        message = _("That request is neither open nor published.")
    if message or target is None:
        raise refusals.Invalid(message, {"duplicate_of": message})
    return target


def _may_receive(target: Request) -> bool:
    return Status(target["status"]) in OPEN | {Status.PUBLISHED}


def _merged(request: Request, target: Request) -> None:
    """After a request became a duplicate: those merged into it are re-pointed, then everybody
    behind it is put behind the target. Raises Conflict, undoing the move, when the target was
    itself merged at the same moment."""
    again = fresh(target["_id"])
    if not _may_receive(again):
        merged = fresh(request["_id"])
        undone = merged | {"status": request["status"], "clock": request["clock"]}
        undone["history"] = request["history"]
        for field in ("duplicate_of", "merged_from"):
            undone.pop(field, None)
        replace(merged, undone)
        raise refusals.Conflict(
            _("That request was merged or closed meanwhile."), status=again["status"]
        )
    for chained in list(requests().find({"duplicate_of": request["_id"]}, {"_id": 1})):
        requests().update_one(
            {"_id": chained["_id"], "duplicate_of": request["_id"]},
            {"$set": {"duplicate_of": target["_id"]}, "$inc": {"v": 1, "version": 1}},
        )
        supports.gather(chained["_id"], request["_id"])
        supports.spread(chained["_id"], target["_id"])
    supports.spread(request["_id"], target["_id"])


def _entry(
    viewer: Viewer,
    request: Request,
    to: str,
    role: Role,
    message: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """One entry of the history, which is public."""
    by: dict[str, Any] = {"role": role, "user": viewer.user_id}
    if role in (Role.PRODUCER, Role.BOTH_PRODUCER):
        acting = request.get("organization") or permissions.desk()
        if acting and catalogue.may_speak_for(acting):
            by["organization"] = acting
        elif permissions.may_moderate(viewer):
            by["role"] = Role.MODERATOR
    entry = {"from": request["status"], "to": to, "by": by, "at": now(), **extra}
    return entry | ({"message": message} if message else {})


def _count(request: Request) -> None:
    for one in above(request):
        settle(REQUESTS, one, rounds=5)


def _merged_from(request: Request) -> Status | None:
    return Status(request["merged_from"]) if request.get("merged_from") else None


def _submitted(viewer: Viewer, submission: str) -> Request | None:
    return requests().find_one({"contributor.key": viewer.key, "submission_id": submission})


def _elsewhere(viewer: Viewer, request: Request) -> refusals.Conflict:
    return refusals.Conflict(
        _("This move is not possible from where the request stands now."),
        status=request["status"],
        allowed_transitions=[str(to) for to in allowed_moves(viewer, request)],
    )


def _required(asked: dict[str, Any], field: str, message: Any) -> None:
    if not asked.get(field):
        raise refusals.Invalid(message, {field: message})


def _must(may: bool, message: Any) -> None:
    if not may:
        raise refusals.Forbidden(message)


def desk_may_close(request: Request, at: datetime) -> bool:
    """A clarification left unanswered long after its deadline lets the desk close the request."""
    deadline = Clock.of(request["clock"]).clarify_by
    return bool(
        request["status"] == Status.NEEDS_CLARIFICATION
        and deadline
        and at > deadline + timedelta(days=UNANSWERED_DAYS)
    )
