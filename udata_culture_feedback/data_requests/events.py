"""Announce what happens to requests, by signals that mails and feeds listen to.

Delivery is at least once: what is not announced yet is due in the request itself, where a crash
leaves it. Listeners recognise a repeated announcement by the request and the number of the entry.
"""

from __future__ import annotations

from datetime import timedelta

from bson import ObjectId

from ..contributions.review_rules import Visibility
from ..figures.settle import heard
from ..portal.collections import now
from . import signals
from .models import TOLD, Entry, Request, requests
from .workflow import Status

#: Entries of a history that are not announced; of a claim, the publication is.
SILENT = frozenset(("edited", "detached", "undone", "claimed"))
#: How long a request that waits for moderation is told to its requester: the outbox forgets later
#: that it was.
JUST_NOW = timedelta(days=1)


def received(request: Request) -> None:
    """Announce that a request was received: the holder hears of it, the requester gets a
    receipt."""
    signals.on_request_received.send(request["_id"], request=request)


def moved(request: Request, entry: Entry) -> None:
    """Announce a public step to requester and supporters."""
    number = request["history"].index(entry) + 1
    signals.on_request_moved.send(request["_id"], request=request, entry=entry, number=number)


def overdue(request: Request) -> None:
    """Announce to requester and holder that the answer is late."""
    signals.on_request_overdue.send(request["_id"], request=request)


def clarification_reminder(request: Request) -> None:
    """Announce to the requester that the deadline of the question is near."""
    asked = [
        number
        for number, entry in enumerate(request["history"], 1)
        if entry["to"] == Status.NEEDS_CLARIFICATION != entry["from"]
    ]
    signals.on_clarification_reminder.send(
        request["_id"], request=request, number=asked[-1] if asked else 0
    )


def catch_up(request_id: ObjectId) -> int:
    """Announce what was not announced yet, and return how much. A request that waits for moderation
    stays due; of a hidden one nothing is announced."""
    request = requests().find_one({"_id": request_id})
    if request is None or TOLD not in request.get("due", []):
        return 0
    if request["visibility"] == Visibility.PENDING:
        if request.get("told") is None and now() - request["created_at"] < JUST_NOW:
            signals.on_request_waits.send(request["_id"], request=request)
        return 0
    told = request.get("told")
    if request["visibility"] == Visibility.HIDDEN and told is None:
        heard(requests(), request, TOLD)  # rejected; if published later, it is due again
        return 0
    announced = 0
    if request["visibility"] == Visibility.PUBLIC:
        if told is None:
            received(request)
            announced += 1
        history = request["history"]
        for number, entry in enumerate(history):
            if number < (told or 0) or SILENT & entry.keys():
                continue
            if number + 1 < len(history) and history[number + 1].get("undone"):
                continue  # the merge was undone at once
            moved(request, entry)
            announced += 1
    requests().update_one({"_id": request_id}, {"$max": {"told": len(request["history"])}})
    heard(requests(), request, TOLD)
    return announced
