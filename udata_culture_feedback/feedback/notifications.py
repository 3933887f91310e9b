"""Notify authors of what producers answer: once for each change, and only where udata has not done
so. A comment in a discussion under the author's name is mailed by udata; a change of status, or an
answer to an author who gave no name or no words, by us."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.discussions import voice_of
from ..contributions.review_rules import Visibility
from ..figures.settle import heard
from ..mail import outbox, unsubscribe
from ..mail.mailing import Reader
from ..people.service_account import SERVICE_EMAIL
from ..portal import catalogue
from . import actions
from .models import AUTHOR, Feedback, Treatment, feedbacks
from .treatment_history import Step, is_ours


def tell_author(feedback_id: ObjectId) -> bool:
    """Notify the author of a feedback of what has changed since the last notification, if anything.
    Idempotent; it stays due until done. Return True when a mail was posted."""
    feedback = feedbacks().find_one({"_id": feedback_id})
    if feedback is None or AUTHOR not in feedback.get("due", ()):
        return False
    told = False
    author = reader_of(feedback)
    if not feedback.get("deleted"):
        treatment = feedback["treatment"]
        if author and is_news(feedback):
            event = f"feedback:{feedback_id}:treatment:{treatment.get('v', 0)}"
            about = {"feedback": str(feedback_id)}
            told = outbox.post(event, author, "feedback-treated", about, scope_of(feedback))
        known = {"status": treatment["status"], "answered_at": treatment.get("answered_at")}
        feedbacks().update_one({"_id": feedback_id}, {"$set": {"told": known}})
    heard(feedbacks(), feedback, AUTHOR)
    actions.bury(feedback_id)
    return told


def tell_authors() -> int:
    """Notify the authors who should have been notified and were not: for maintenance. Return how
    many mails were posted."""
    waiting = feedbacks().find({"due": AUTHOR}, {"_id": 1})
    return sum(tell_author(feedback["_id"]) for feedback in waiting)


def is_news(feedback: Feedback) -> bool:
    """Return whether something has changed that the author neither did themselves nor learnt from
    udata."""
    treatment, told = feedback["treatment"], feedback.get("told") or {}
    history: list[Step] = treatment.get("history") or []
    moved = treatment["status"] != told.get("status", Treatment.NEW)
    answered_at = treatment.get("answered_at")
    answered = answered_at is not None and answered_at != told.get("answered_at")
    answer = next((s for s in history if s.get("answer") and s["at"] == answered_at), {})
    move = next((s for s in reversed(history) if s["from"] != s["to"]), {})
    user = feedback["contributor"].get("user")
    by_author = {id(step) for step in history if user and step["by"] == user}
    # A rewritten comment is no event: udata does not mail it either.
    rewritten = is_ours(answer) and any(is_ours(s) and s["at"] < answer["at"] for s in history)
    mailed = mailed_by_udata(feedback)

    def is_known(step: Step) -> bool:
        if id(step) in by_author:
            return True
        native = "discussion" in step
        return mailed and (native or ("message" in step and step is answer and not rewritten))

    return (moved and not is_known(move)) or (answered and not rewritten and not is_known(answer))


def mailed_by_udata(feedback: Feedback) -> bool:
    """Return whether udata mails the discussion of a feedback to its author: it stands under their
    own account."""
    if not feedback.get("comment") or feedback["visibility"] != Visibility.PUBLIC:
        return False
    speaker, _organization = voice_of(feedback["contributor"])
    found: bool = speaker.email != SERVICE_EMAIL
    return found


def scope_of(feedback: Feedback) -> str:
    """Return the unsubscribe scope of the mails that the author of a feedback receives."""
    return f"feedback:{feedback['_id']}"


@unsubscribe.names("feedback")
def name_of_feedback(id: str) -> str | None:
    feedback = feedbacks().find_one({"_id": ObjectId(id)}, {"dataset": 1})
    return _name_of(feedback["dataset"], _("My opinion on “%(title)s”")) if feedback else None


@unsubscribe.names("feedback-work")
def name_of_work(id: str) -> str | None:
    return _name_of(ObjectId(id), _("Comments on “%(title)s” that are mine to answer"))


def _name_of(dataset_id: ObjectId, sentence: Any) -> str | None:
    dataset = catalogue.find_dataset(dataset_id)
    return str(sentence) % {"title": dataset.title} if dataset and dataset.listed else None


def reader_of(feedback: Feedback) -> ObjectId | None:
    """Return who is notified about a feedback: the account that gave it, or the contact kept for
    somebody without one who asked to be notified."""
    return feedback["contributor"].get("user") or feedback.get("contact")


def is_author(reader: Reader, feedback: Feedback) -> bool:
    return reader_of(feedback) == reader.id
