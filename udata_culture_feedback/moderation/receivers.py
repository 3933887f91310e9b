"""What the moderation listens to. A receiver never raises: that would break a request of udata's or
a decision that is made."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_save
from udata.core.reports.models import Report

from ..data_requests.models import messages, requests
from ..data_requests.signals import on_request_changed
from ..feedback.receivers import harmless
from . import mails, reports
from .classes import Item, Moderated
from .signals import on_appeal_answered, on_appealed, on_decided


@harmless
def report_saved(sender: Any, document: Any = None, **_: Any) -> None:
    reports.reported(document)


@harmless
def decided(batch: Any, changes: list[tuple[Moderated, Item, Item]], **_: Any) -> None:
    for moderated, before, after in changes:
        reports.decided(moderated, before, after)


@harmless
def tell_authors(batch: Any, changes: list[tuple[Moderated, Item, Item]], **_: Any) -> None:
    mails.post_decisions(changes)


@harmless
def appealed(decision_id: Any, **_: Any) -> None:
    mails.tell_administrators(decision_id)


@harmless
def appeal_answered(decision_id: Any, appeal: dict[str, Any], **_: Any) -> None:
    mails.tell_appellant(appeal)


@harmless
def request_changed(request_id: Any, **_: Any) -> None:
    """The messages that wait follow a request that was sent to another organization."""
    waiting = {"request": request_id, "review.since": {"$exists": True}}
    if not messages().find_one(waiting, {"_id": 1}):
        return
    request = requests().find_one({"_id": request_id}, {"organization": 1})
    if request:
        holder = request.get("organization")
        elsewhere = waiting | {"review.organization": {"$ne": holder}}
        messages().update_many(elsewhere, {"$set": {"review.organization": holder}})


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    post_save.connect(report_saved, sender=Report)
    on_decided.connect(decided)
    on_decided.connect(tell_authors)
    on_appealed.connect(appealed)
    on_appeal_answered.connect(appeal_answered)
    on_request_changed.connect(request_changed)
