"""Move the treatment of a feedback by what its producer says and does in the native discussion.

`follow_thread` reads the whole discussion and trusts no event: it is idempotent, and may run late
or in any order. Messages of the author and our own are recognised and move nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from bson import ObjectId
from udata.core.discussions.models import Discussion

from ..contributions.discussions import withdrawn
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web.untyped import Document, Shown
from . import treatment
from .assignees import who_answers
from .discussion_answer import carry, take_back
from .models import Feedback, TreatmentStored, feedbacks
from .treatment_history import (
    Event,
    Said,
    Thread,
    caught_up,
    essence,
    has_said,
    withdrawn_messages,
    without_comment,
    written,
)

#: Content that udata leaves in the messages of an account that had them deleted.
ERASED = "DELETED"

#: Feedbacks checked in one batch.
BATCH = 500

READ = {"discussion": 1, "closed": 1, "closed_by": 1, "closed_by_organization": 1}


def follow_thread(discussion_id: ObjectId) -> bool:
    """Bring the treatment of a feedback in line with its discussion. Return True when it
    changed."""
    standing = {"discussion": discussion_id, "deleted": {"$exists": False}}
    while True:
        feedback = feedbacks().find_one(standing)
        dataset = feedback and catalogue.find_dataset(feedback["dataset"])
        raw = Discussion._get_collection().find_one({"_id": discussion_id}, READ)
        if not (feedback and dataset and raw):
            return False
        changed = caught_up(feedback["treatment"], read(raw, feedback, dataset))
        if essence(changed) == essence(feedback["treatment"]):
            return False
        if treatment.write(feedback, changed):
            return True


def check_threads() -> int:
    """Check every discussion in which somebody other than the author wrote, or should have: for
    maintenance. udata saves whole discussions, so that one of two concurrent messages may get lost;
    and a lost task leaves a treatment behind. Return how many had to be changed."""
    mended = 0
    discussed = {"discussion": {"$exists": True}, "deleted": {"$exists": False}}
    fields = {"discussion": 1, "treatment": 1, "silenced": 1}
    waiting = feedbacks().find(discussed, fields, batch_size=BATCH)
    while batch := list(islice(waiting, BATCH)):
        about = {feedback["discussion"]: feedback for feedback in batch}
        others = {"$or": [{"discussion.1": {"$exists": True}}, {"closed": {"$ne": None}}]}
        found = Discussion._get_collection().find(
            {"_id": {"$in": list(about)}, **others}, {"discussion.id": 1}
        )
        said = {raw["_id"]: {str(m["id"]) for m in raw["discussion"]} for raw in found}
        for discussion_id, feedback in about.items():
            mended += discussion_id in said and follow_thread(discussion_id)
            step = written(feedback["treatment"])
            mended += take_back(feedback)
            if step and step["message"] not in said.get(discussion_id, ()):
                mended += carry(feedback)
    return mended


def comment_removed(discussion_id: ObjectId, message_id: str, at: datetime) -> bool:
    """Record that a message was deleted in udata. Where it was our answer, the answer is removed
    here too: otherwise the comment would be posted again. Return True when it was."""
    ours = {"discussion": discussion_id, "treatment.message": message_id}
    while feedback := feedbacks().find_one(ours | {"deleted": {"$exists": False}}):
        changed = without_comment(feedback["treatment"], at)
        if essence(changed) == essence(feedback["treatment"]):
            return False
        if treatment.write(feedback, changed):
            return True
    return False


def read(raw: Document, feedback: Feedback, dataset: DatasetFacts) -> Thread:
    """Read what a stored discussion says of the treatment of a feedback."""
    stored = feedback["treatment"]
    producers = who_answers(dataset)
    remembered = set(stored.get("replies") or ())
    author = feedback["contributor"].get("user")
    ours = {message["id"] for message in feedback.get("messages") or ()}
    ours.update(withdrawn_messages(stored))
    unsaid = (ERASED, withdrawn(), "")
    replies, rewritten, erased = [], None, False
    for message in raw.get("discussion") or ():
        said = _said(message)
        if said.message == stored.get("message"):
            erased = said.text == ERASED
            if not erased and not has_said(stored, said.text):
                modified = message.get("last_modified_at") or said.at
                rewritten = replace(said, at=modified)
        elif said.message not in ours and said.text not in unsaid:
            signed = said.organization is not None and said.organization == dataset.organization
            if said.message in remembered or (
                said.by != author and (signed or said.by in producers)
            ):
                replies.append(said)
    return Thread(
        id=raw["_id"],
        replies=tuple(replies),
        rewritten=rewritten,
        erased=erased,
        **_closing(raw, stored, author, dataset.organization, producers),
    )


def _closing(
    raw: Document,
    stored: TreatmentStored,
    author: ObjectId | None,
    producer: ObjectId | None,
    producers: set[ObjectId],
) -> Shown:
    """Find who closed a discussion, where that means something: its author, or the producing
    side."""
    at, by = raw.get("closed"), _id(raw.get("closed_by"))
    if at is None:
        return {}
    if by is not None and by == author:
        return {"closed_by_author": at}
    known = any(
        step.get("event") == Event.CLOSED and step.get("discussion") == raw["_id"]
        for step in stored.get("history") or ()
    )
    signed = _id(raw.get("closed_by_organization"))
    if known or by in producers or (signed is not None and signed == producer):
        return {"closed": Said("", "", at, by)}
    return {}


def _said(message: Document) -> Said:
    return Said(
        message=str(message["id"]),
        text=message.get("content") or "",
        at=message["posted_on"],
        by=_id(message.get("posted_by")),
        organization=_id(message.get("posted_by_organization")),
    )


def _id(reference: Any) -> ObjectId | None:
    found: ObjectId | None = getattr(reference, "id", reference)
    return found
