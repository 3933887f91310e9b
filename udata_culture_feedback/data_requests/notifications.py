"""Choose who is notified of what happens to requests: from announcements to the outbox.

A person is told of an event once, whatever their roles: the first mail posted wins. Events are
named by the request and the number of the entry, so that a repeated announcement makes one mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

from bson import ObjectId

from ..contributions.review_rules import Visibility
from ..mail import outbox
from ..portal import catalogue
from . import discussion
from .clock import Clock
from .mails import Step, step_of
from .models import Entry, Message, Request, requests
from .recipients import (
    admins_dealing_with,
    followers,
    follows,
    requester_of,
    scope_of,
    scope_of_holder,
)
from .signals import (
    on_clarification_reminder,
    on_request_message,
    on_request_moved,
    on_request_overdue,
    on_request_received,
    on_request_waits,
)
from .workflow import Role

#: Steps with mails of their own, sent at once: a deadline runs.
AT_ONCE = {Step.ASKED: "request-question", Step.DECLINED: "request-declined"}


def received(_sender: Any, request: Request, **_kwargs: Any) -> None:
    """Send the requester a receipt, and the holder the request."""
    event = f"request:{request['_id']}:received"
    if requester := requester_of(request):
        outbox.post(event, requester, "request-receipt", _about(request), scope_of(request))
    if not _udata_tells(request):
        _tell_holder(event, request, "request-arrived")


def waits(_sender: Any, request: Request, **_kwargs: Any) -> None:
    """Tell the requester that the request is recorded, and waits for a moderator."""
    if requester := requester_of(request):
        event = f"request:{request['_id']}:waits"
        outbox.post(event, requester, "request-waits", _about(request), scope_of(request))


def moved(_sender: Any, request: Request, entry: Entry, number: int, **_: Any) -> None:
    """Notify of a public step: by our mails, and in udata those who take part in the discussion."""
    step = step_of(entry)
    event = f"request:{request['_id']}:{number}"
    actor = entry["by"].get("user")
    admins: set[ObjectId] = set()
    reopened = step is Step.REOPENED and entry["by"]["role"] == Role.REQUESTER
    if reopened or step in (Step.TRANSFERRED, Step.RESUBMITTED):
        to = request.copy()
        if sent_to := entry.get("transferred_to"):
            to["organization"] = sent_to
        if step is not Step.RESUBMITTED or not _udata_tells(request):
            admins = _tell_holder(event, to, "request-arrived", number=number, but=actor)
    hears = _hears(request, step)
    if step is not None and step is not Step.RESUBMITTED:
        left_out = {actor}
        if entry.get("reply"):
            # Those who are notified of the reply know by it that the request was seen.
            left_out |= {requester_of(request)} | discussion.natively_told(request)
        told: Iterable[ObjectId] = followers(request)
        if step is Step.ASKED:
            told = filter(None, [requester_of(request)])
        outbox.post_to_each(
            event,
            (user for user in told if user not in left_out),
            AT_ONCE.get(step, "request-step"),
            _about(request, number=number),
            scope_of(request),
        )
    discussion.ring(request, number, lambda user: user in admins or hears(user))


def _hears(request: Request, step: Step | None) -> Callable[[ObjectId], bool]:
    """Return a function that tells whether an account gets our mail about a step, as a follower."""
    if step is None or step is Step.RESUBMITTED:
        return lambda user: False
    if step is Step.ASKED:
        return lambda user: user == requester_of(request)
    return lambda user: follows(request, user)


def overdue(_sender: Any, request: Request, **_kwargs: Any) -> None:
    """Tell requester and holder, once for each clock: a reopened request has a new one."""
    started = Clock.of(request["clock"]).started_at
    event = f"request:{request['_id']}:overdue:{started:%Y%m%dT%H%M%S}"
    if requester := requester_of(request):
        outbox.post(event, requester, "request-overdue", _about(request), scope_of(request))
    _tell_holder(event, request, "request-overdue")


def clarification_reminder(_sender: Any, request: Request, number: int, **_kwargs: Any) -> None:
    if requester := requester_of(request):
        event = f"request:{request['_id']}:{number}:reminder"
        about = _about(request, number=number)
        outbox.post(event, requester, "request-reminder", about, scope_of(request))


def message(
    _sender: Any, message: Message, told: Set[ObjectId] = frozenset(), **_kwargs: Any
) -> None:
    """Tell requester and holder of a message by others, unless udata has `told` them."""
    request = requests().find_one({"_id": message["request"]})
    if request is None or request["visibility"] != Visibility.PUBLIC:
        return
    event, author = f"request-message:{message['_id']}", message["contributor"].get("user")
    params = {"message": str(message["_id"])}
    if message.get("native"):
        params["request"] = str(request["_id"])
    knows = told | {author}
    requester = requester_of(request)
    if requester and requester not in knows:
        outbox.post(event, requester, "request-message", params, scope_of(request))
    if message["role"] != Role.PRODUCER:
        holder = request.get("organization")
        admins = (user for user in admins_dealing_with(holder) if user not in knows)
        outbox.post_to_each(event, admins, "request-message", params, scope_of_holder(holder))


def connect() -> None:
    """Connect every listener. They may raise: what was not told stays due."""
    on_request_received.connect(received)
    on_request_waits.connect(waits)
    on_request_moved.connect(moved)
    on_request_overdue.connect(overdue)
    on_clarification_reminder.connect(clarification_reminder)
    on_request_message.connect(message)


def _tell_holder(
    event: str, request: Request, builder: str, *, number: int = 0, but: ObjectId | None = None
) -> set[ObjectId]:
    """Mail those who deal with a request, but not the author of the request or the move. Return
    them."""
    holder = request.get("organization")
    left_out = {but, requester_of(request)} if builder == "request-arrived" else {but}
    admins = {user for user in admins_dealing_with(holder) if user not in left_out}
    about = _about(request, **({"number": number} if number else {}))
    outbox.post_to_each(event, admins, builder, about, scope_of_holder(holder))
    return admins


def _udata_tells(request: Request) -> bool:
    """Return whether the native discussion has told the holder: it does on a dataset of theirs."""
    if not request.get("announced"):
        return False
    dataset = catalogue.find_dataset(request.get("dataset"))
    return dataset is not None and dataset.organization == request.get("organization")


def _about(request: Request, **more: int) -> dict[str, str | int]:
    return {"request": str(request["_id"]), **more}
