"""What we listen to. A receiver never raises: that would break a request of udata's."""

from __future__ import annotations

from typing import Any

from udata.core.user.models import User

from ..feedback.models import feedbacks
from ..feedback.receivers import harmless, once_deleted
from ..feedback.signals import on_feedback_changed
from ..portal.queueing import later
from . import consultation_link, tasks
from .signals import on_response_changed, on_synthesis_published


@harmless
def response_changed(consultation_id: Any, response: Any, **_: Any) -> None:
    later(tasks.count_response, str(consultation_id), str(response))


@harmless
def synthesis_published(consultation_id: Any, **_: Any) -> None:
    later(tasks.tell_synthesis, str(consultation_id))


@harmless
def feedback_changed(feedback_id: Any, new: dict[str, Any] | None = None, **_: Any) -> None:
    """Spam that was found after it was copied counts no more."""
    if new:
        return
    spam = feedbacks().find_one(
        {"_id": feedback_id, "hidden_reason": "spam", "consultation": {"$exists": True}},
        {"consultation": 1},
    )
    if spam:
        consultation_link.drop(spam)


account_changed = once_deleted(tasks.forget_account)


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    on_response_changed.connect(response_changed)
    on_synthesis_published.connect(synthesis_published)
    on_feedback_changed.connect(feedback_changed)
    User.on_update.connect(account_changed)
