"""Apply a move to a request, and check what it needs: reasons, messages, data, a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as with_changes
from datetime import date, datetime, timedelta
from typing import Any, cast

from flask import current_app
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.moments import end_of_day, local_day, portal_zone
from . import permissions
from .clock import Clock
from .forms import Values
from .models import Actor, Entry, Fulfilment, Request
from .repository import find, without
from .workflow import ANSWERS, DECISIONS, OPEN, PREPARING, Role, Status

Move = Mapping[str, Any]


def moved(
    viewer: Viewer, request: Request, to: Status, role: Role, asked: Move, target: Request | None
) -> Request:
    """Return the request after the move. Raise Invalid for what the move lacks."""
    status = Status(request["status"])
    moment = now()
    extra: Values = {}
    if to not in PREPARING and asked.get("expected_on"):
        message = _("Only when the request is accepted, or in preparation.")
        raise refusals.Invalid(message, {"expected_on": message})
    changed = request | {"status": to, "last_modified": moment}
    if to is Status.DECLINED:
        extra = _refusal(viewer, request, asked)
    elif to is Status.PUBLISHED:
        changed["fulfilled_by"] = _fulfilment(asked)
        changed["partial"] = asked["partial"]
        extra = {**changed["fulfilled_by"], "partial": asked["partial"]}
    elif to is Status.NEEDS_CLARIFICATION:
        required(asked, "message", _("Say what you need to know."))
    elif to is Status.DUPLICATE and target:
        changed |= {"duplicate_of": target["_id"], "merged_from": status}
        extra = {"duplicate_of": target["_id"]}
    if to in PREPARING and asked.get("expected_on"):
        extra = expectation(request, asked)
        changed["expected_on"] = asked["expected_on"]
    elif to in DECISIONS or to is Status.WITHDRAWN:
        changed = without(changed, "expected_on")
    if status is Status.DUPLICATE:
        changed = without(changed, "duplicate_of", "merged_from")
    if status in DECISIONS:
        # The history keeps what was published.
        changed = without(changed, "fulfilled_by", "partial", "confirmed_at")
        if role is Role.REQUESTER:
            reopened = dict(request.get("reopened") or {})
            reopened[status] = reopened.get(status, 0) + 1
            changed["reopened"] = reopened
    changed["clock"] = _ticked(request, to, moment).to_mongo()
    entry = history_entry(viewer, request, to, role, message=asked["message"], **extra)
    changed["history"] = [*request["history"], entry]
    return changed


def expectation(request: Request, asked: Move) -> Values:
    """Return the history fields of the day on which the holder expects to publish. Raise Invalid
    naming `expected_on` for a day that is past, `message` for a changed day without a reason."""
    _must_come(asked, "expected_on")
    if request.get("expected_on", asked["expected_on"]) != asked["expected_on"]:
        required(asked, "message", _("Say why the date changes."))
    return {"expected_on": asked["expected_on"]}


def merge_target(viewer: Viewer, request: Request, asked: Move) -> Request:
    """Find the request to merge into: another one, open or published, not itself merged. Raise
    Invalid naming `duplicate_of`."""
    required(asked, "duplicate_of", _("Name the request to merge into."))
    target = find(asked["duplicate_of"])
    message = None
    if target is None or not permissions.may_read(viewer, target):
        message = _("There is no such request.")
    elif target["_id"] == request["_id"]:
        message = _("A request cannot be merged into itself.")
    elif Status(target["status"]) not in OPEN | {Status.PUBLISHED}:
        message = _("That request is neither open nor published.")
    if message or target is None:
        raise refusals.Invalid(message, {"duplicate_of": message})
    return target


def history_entry(
    viewer: Viewer,
    request: Request,
    to: str,
    role: Role,
    message: str | None = None,
    **extra: Any,
) -> Entry:
    """Return an entry of the public history."""
    by: Actor = {"role": role, "user": viewer.user_id}
    if role in (Role.PRODUCER, Role.BOTH_PRODUCER, Role.DESK):
        holder = None if role is Role.DESK else request.get("organization")
        acting = holder or permissions.desk()
        if acting and catalogue.may_speak_for(acting):
            by["organization"] = acting
        elif permissions.may_moderate(viewer, request):
            by["role"] = Role.MODERATOR
    said = {"message": message} if message else {}
    entry = {"from": request["status"], "to": to, "by": by, "at": now(), **extra, **said}
    return cast(Entry, entry)


def required(asked: Move, field: str, message: Any) -> None:
    if not asked.get(field):
        raise refusals.Invalid(message, {field: message})


def _ticked(request: Request, to: Status, moment: datetime) -> Clock:
    """Return the service clock after a move: answered, paused, stopped, or started again."""
    status, clock = Status(request["status"]), Clock.of(request["clock"])
    config = current_app.config
    if status in DECISIONS or status is Status.WITHDRAWN:
        return clock.reopen(moment, portal_zone(), config["CULTURE_FEEDBACK_SERVICE_MONTHS"])
    if status is Status.DUPLICATE:
        return clock.unmerge(moment, portal_zone())
    if to in (Status.DUPLICATE, Status.WITHDRAWN):
        return clock.stop(moment)  # as it stands: a clarification may be awaited
    if status is Status.NEEDS_CLARIFICATION:
        clock = clock.resume(moment, portal_zone())
    if to in ANSWERS:
        return clock.answer(moment, portal_zone())
    if to is Status.NEEDS_CLARIFICATION:
        days = config["CULTURE_FEEDBACK_CLARIFY_DAYS"]
        if clock.answered_at is not None:
            # Nothing to pause, but the requester still has a deadline.
            deadline = end_of_day(local_day(moment, portal_zone()) + timedelta(days), portal_zone())
            return with_changes(clock, clarify_by=deadline, reminded=False)
        return clock.pause(moment, days, portal_zone())
    return clock


def _refusal(viewer: Viewer, request: Request, asked: Move) -> Values:
    reason = asked["reason"]
    required(asked, "reason", _("Choose a reason."))
    required(asked, "message", _("Explain why, in words the requester understands."))
    message = None
    if reason == "abusive" and not permissions.may_moderate(viewer, request):
        message = _("Only moderators give this reason.")
    elif reason == "not_planned" and request["kind"] == "new":
        message = _("The law knows no such reason for unpublished data.")
    if message:
        raise refusals.Invalid(message, {"reason": message})
    if reason == "already_public":
        required(asked, "urls", _("Give the address where the data are."))
    if reason in ("unfinished", "preparatory"):
        required(asked, "review_at", _("Say when this will be looked at again."))
        _must_come(asked, "review_at")
    return {key: asked[key] for key in ("reason", "urls", "review_at") if asked.get(key)}


def _must_come(asked: Move, field: str) -> None:
    if date.fromisoformat(asked[field]) < local_day(now(), portal_zone()):
        message = _("A date to come.")
        raise refusals.Invalid(message, {field: message})


def _fulfilment(asked: Move) -> Fulfilment:
    """Read the data that answer a request: at least one public dataset, or an address. Raise
    Invalid."""
    found = []
    for reference in asked["datasets"]:
        dataset = catalogue.find_dataset(reference)
        if dataset is None or not dataset.listed:
            message = _("There is no such public dataset.")
            raise refusals.Invalid(message, {"datasets": message})
        found.append(dataset.id)
    if not found:
        required(asked, "urls", _("Name a public dataset, or give an address."))
    return {"datasets": list(dict.fromkeys(found)), "urls": asked["urls"]}
