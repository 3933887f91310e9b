"""What the moderation listens to. A receiver never raises: that would break a request of udata's or
a decision that is made."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_save
from udata.core.reports.models import Report
from udata.core.user.models import User

from ..consultations.models import responses
from ..consultations.signals import (
    on_consultation_collected,
    on_response_changed,
    on_text_moderated,
)
from ..contributions.signals import on_appeal_answered, on_appealed, on_decided
from ..data_requests.models import messages, requests
from ..data_requests.signals import on_request_changed, on_request_moved
from ..data_requests.workflow import Role
from ..feedback.models import feedbacks
from ..feedback.signals import on_feedback_changed, on_feedback_treated
from ..portal.receivers import harmless
from . import embedded_texts, flags, mails, reports
from .classes import Item, Moderated


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
def feedback_changed(feedback_id: Any, erased: bool = False, **_: Any) -> None:
    if erased:
        flags.forget(feedback_id)


@harmless
def request_changed(
    request_id: Any,
    removed: bool = False,
    erased: Any = None,
    carried: bool = False,
    **_: Any,
) -> None:
    """The messages that wait follow a request that was sent to another organization."""
    if carried:
        return
    if removed or erased:
        flags.forget(erased or request_id)
    waiting = {"request": request_id, "review.since": {"$exists": True}}
    if not messages().find_one(waiting, {"_id": 1}):
        return
    request = requests().find_one({"_id": request_id}, {"organization": 1})
    if request:
        holder = request.get("organization")
        behind = waiting | {"review.organization": {"$ne": holder}}
        messages().update_many(behind, {"$set": {"review.organization": holder}})


@harmless
def feedback_treated(feedback_id: Any, **_: Any) -> None:
    embedded_texts.look_at_answer(feedback_id)


@harmless
def answers_follow(feedback_id: Any, new: dict[str, Any] | None = None, **_: Any) -> None:
    """Answers to it follow it to another organization, and go with it."""
    if not new and embedded_texts.has_parts(feedback_id):
        fields = {"organization": 1, "deleted": 1}
        feedback = feedbacks().find_one({"_id": feedback_id}, fields)
        if feedback is None or feedback.get("deleted"):
            embedded_texts.forget(feedback_id)
        else:
            embedded_texts.move_to(feedback_id, feedback.get("organization"))


@harmless
def request_moved(request_id: Any, request: Item, entry: Item, number: int, **_: Any) -> None:
    """What a requester says with a move has no personal data in it: they had to change it."""
    if entry["by"]["role"] != Role.REQUESTER:
        embedded_texts.look_at_move(request, number)


@harmless
def moves_follow(request_id: Any, carried: bool = False, **_: Any) -> None:
    if not carried and embedded_texts.has_parts(request_id):
        fields = {"organization": 1, "removed": 1, "detached": 1, "history.by.role": 1}
        request = requests().find_one({"_id": request_id}, fields)
        if request is None or request.get("removed"):
            embedded_texts.forget(request_id)
            return
        if request.get("detached"):
            history = enumerate(request["history"], 1)
            asked = [str(n) for n, entry in history if entry["by"]["role"] == Role.REQUESTER]
            embedded_texts.forget(request_id, asked)
        embedded_texts.move_to(request_id, request.get("organization"))


@harmless
def account_changed(user: Any, **_: Any) -> None:
    if getattr(user, "deleted", None):
        embedded_texts.forget_account(user.pk)


@harmless
def consultation_collected(consultation_id: Any, **_: Any) -> None:
    embedded_texts.queue_texts(consultation_id)


@harmless
def text_moderated(consultation_id: Any, text: Any, **decided: Any) -> None:
    embedded_texts.text_moderated(text, **decided)


@harmless
def response_changed(consultation_id: Any, response: Any, **_: Any) -> None:
    if embedded_texts.has_parts(response):
        standing = {"_id": response, "deleted": {"$exists": False}}
        if not responses().find_one(standing, {"_id": 1}):
            embedded_texts.forget(response)


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    post_save.connect(report_saved, sender=Report)
    on_decided.connect(decided)
    on_decided.connect(tell_authors)
    on_appealed.connect(appealed)
    on_appeal_answered.connect(appeal_answered)
    on_request_changed.connect(request_changed)
    on_feedback_changed.connect(feedback_changed)
    on_request_changed.connect(moves_follow)
    on_request_moved.connect(request_moved)
    on_feedback_treated.connect(feedback_treated)
    on_feedback_changed.connect(answers_follow)
    on_consultation_collected.connect(consultation_collected)
    on_text_moderated.connect(text_moderated)
    on_response_changed.connect(response_changed)
    User.on_update.connect(account_changed)
