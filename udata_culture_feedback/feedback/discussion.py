"""The words of a feedback as a native udata Discussion on its dataset, exactly once.

`tell` compares what a feedback says with what its discussion says and closes the gap: it may run
twice, late or in any order. The ids of the discussion and of each message are allocated in our
document before they exist there, so a second run finds them taken. The truth about the link is
ours; `extras` of a discussion can be written by its author and is only a back-pointer.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from bson import ObjectId
from flask import current_app
from flask_babel import format_date
from mongoengine.errors import DoesNotExist, NotUniqueError
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.models import Organization
from udata.core.user.models import User
from udata.i18n import gettext as _

from .. import catalogue, vocabulary
from ..catalogue import DatasetFacts
from ..contributors.models import Kind
from ..contributors.voice import acting_as, service_account
from ..languages import speaking
from ..summaries import heard
from ..text import excerpt
from . import actions
from .models import DISCUSSION, Visibility, feedbacks, now

log = logging.getLogger(__name__)

Feedback = dict[str, Any]

#: How much of the words a title shows: it is all that producers see in the bell.
TITLE_WORDS = 60


def tell(feedback_id: ObjectId) -> None:
    """Brings the discussion of a feedback in line with it."""
    feedback = feedbacks().find_one({"_id": feedback_id})
    if feedback is None:
        return
    dataset = catalogue.find_dataset(feedback["dataset"])
    if _speaks(feedback):
        if dataset is None or not dataset.listed:
            return  # its reader could not see the dataset: it stays due until it is public
        if feedback.get("discussed"):
            _update(feedback, dataset)
        else:
            _create(feedback)
    elif feedback.get("discussion"):
        _retract(feedback)
    heard(feedbacks(), feedback, DISCUSSION)
    if feedback.get("deleted"):
        actions.bury(feedback_id)


def fingerprint(words: str) -> str:
    """Tells whether a message carries these words, without storing them twice."""
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def title(feedback: Feedback) -> str:
    """« [Retour] En partie · « il manque les musées d'outre-mer… » »: what producers see first, in
    the portal's language."""
    fitness = vocabulary.vocabularies().label("fitness", feedback["fitness"])
    words = excerpt(feedback["comment"], TITLE_WORDS)
    return _("[Feedback] %(fitness)s · “%(words)s”", fitness=fitness, words=words)


def _speaks(feedback: Feedback) -> bool:
    return (
        not feedback.get("deleted")
        and bool(feedback.get("comment"))
        and feedback["visibility"] == Visibility.PUBLIC
    )


def _create(feedback: Feedback) -> None:
    """Creates the discussion under the id allocated for it. Raises DoesNotExist when the dataset has
    just been purged."""
    feedback = _allocate(feedback)
    author, organization = _voice(feedback)
    with speaking(_portal_language()), acting_as(author):
        discussion = Discussion(
            id=feedback["discussion"],
            user=author,
            organization=organization,
            subject=Dataset.objects.get(id=feedback["dataset"]),
            title=title(feedback),
            discussion=[
                Message(
                    id=UUID(feedback["messages"][0]["id"]),
                    content=feedback["comment"],
                    posted_by=author,
                    posted_by_organization=organization,
                    posted_on=feedback["created_at"],
                )
            ],
            created=feedback["created_at"],
            extras={"culture-feedback": {"id": str(feedback["_id"])}},
        )
        try:
            discussion.save(force_insert=True)
        except NotUniqueError:  # an earlier run created it, and perhaps did not get further
            discussion = Discussion.objects.get(id=feedback["discussion"])
        feedbacks().update_one({"_id": feedback["_id"]}, {"$set": {"discussed": True}})
        if _claim_announcement(feedback):
            discussion.signal_new()


def _allocate(feedback: Feedback) -> Feedback:
    """The feedback with the ids of its discussion and first message, allocated once."""
    if not feedback.get("discussion"):
        message = {"id": str(uuid4()), "words": fingerprint(feedback["comment"])}
        feedbacks().update_one(
            {"_id": feedback["_id"], "discussion": {"$exists": False}},
            {"$set": {"discussion": ObjectId(), "messages": [message]}},
        )
        feedback |= (
            feedbacks().find_one({"_id": feedback["_id"]}, {"discussion": 1, "messages": 1}) or {}
        )
    return feedback


def _claim_announcement(feedback: Feedback) -> bool:
    """Only one run announces a discussion: bell, mails and activity are sent once."""
    claimed = feedbacks().update_one(
        {"_id": feedback["_id"], "announced": {"$exists": False}}, {"$set": {"announced": now()}}
    )
    return bool(claimed.modified_count)


def _update(feedback: Feedback, dataset: DatasetFacts) -> None:
    """Carries an edit over: our latest message says the new words, or, once the producer has
    answered it, a complement follows."""
    discussion = Discussion.objects(id=feedback["discussion"]).first()
    if discussion is None:
        return  # removed there: `lifecycle` hides the words here
    ours = feedback["messages"]
    words = fingerprint(feedback["comment"])
    position = {str(message.id): i for i, message in enumerate(discussion.discussion)}
    latest = ours[-1]
    if latest["words"] != words:
        if _answered_since(discussion, position.get(latest["id"], 0), dataset):
            latest = {"id": str(uuid4()), "words": words}
            change: dict[str, Any] = {"$push": {"messages": latest}}
        else:
            change = {"$set": {f"messages.{len(ours) - 1}.words": words}}
        unmoved = {"_id": feedback["_id"], "v": feedback["v"], "messages": ours}
        if not feedbacks().update_one(unmoved, change).modified_count:
            return
    with speaking(_portal_language()):
        _put_message(feedback, discussion, latest["id"])


def _put_message(feedback: Feedback, discussion: Discussion, message_id: str) -> None:
    """Writes our latest message where it is absent, or its words where they differ."""
    author, organization = _voice(feedback)
    found = next((m for m in discussion.discussion if str(m.id) == message_id), None)
    with acting_as(author):
        if found is None:
            date = format_date(feedback["last_modified"], "long")
            content = _("Added on %(date)s:", date=date) + "\n\n" + feedback["comment"]
            discussion.discussion.append(
                Message(
                    id=UUID(message_id),
                    content=content,
                    posted_by=author,
                    posted_by_organization=organization,
                )
            )
            discussion.save()
            discussion.signal_comment(message=len(discussion.discussion) - 1)
            return
        first = found is discussion.discussion[0]
        changed = first and (discussion.title, found.content) != (
            title(feedback),
            feedback["comment"],
        )
        if first and changed:
            discussion.title = title(feedback)
            found.content = feedback["comment"]
            found.last_modified_at = datetime.now(UTC)
        elif not first and not found.content.endswith(feedback["comment"]):
            heading = found.content.split("\n\n", 1)[0]
            found.content = f"{heading}\n\n{feedback['comment']}"
            found.last_modified_at = datetime.now(UTC)
        else:
            return
        discussion.save()


def _answered_since(discussion: Discussion, position: int, dataset: DatasetFacts) -> bool:
    """Whether somebody of the producing side wrote after our message."""
    members = _producers(dataset)
    return any(
        (
            message.posted_by_organization
            and message.posted_by_organization.id == dataset.organization
        )
        or (message.posted_by and message.posted_by.id in members)
        for message in discussion.discussion[position + 1 :]
    )


def _producers(dataset: DatasetFacts) -> set[ObjectId]:
    if dataset.organization is None:
        return {dataset.owner} if dataset.owner else set()
    raw = Organization._get_collection().find_one(
        {"_id": dataset.organization}, {"members.user": 1}
    )
    return {member["user"] for member in (raw or {}).get("members", [])}


def _retract(feedback: Feedback) -> None:
    """Takes our words back: the whole thread when nobody else wrote in it, otherwise our messages
    say that they were withdrawn and the thread is closed. Others' words are never deleted."""
    discussion = Discussion.objects(id=feedback["discussion"]).first()
    ours = {message["id"] for message in feedback.get("messages") or []}
    unlink: dict[str, Any] = {"$unset": {"discussed": "", "announced": "", "discussion": ""}}
    unlink["$set"] = {"messages": []}
    if discussion is None:
        feedbacks().update_one({"_id": feedback["_id"]}, unlink)
        return
    if all(str(message.id) in ours for message in discussion.discussion):
        # Unlinked first: what udata tells us of the deletion is then nobody's.
        feedbacks().update_one({"_id": feedback["_id"]}, unlink)
        with acting_as(service_account()):
            discussion.delete()
        return
    with speaking(_portal_language()), acting_as(service_account()):
        withdrawn = _("[Withdrawn by its author]")
        if feedback["visibility"] == Visibility.HIDDEN and not feedback.get("deleted"):
            withdrawn = _("[Hidden by moderation]")
        for message in discussion.discussion:
            if str(message.id) in ours:
                message.content = withdrawn
                message.last_modified_at = datetime.now(UTC)
        discussion.title = withdrawn
        discussion.closed = discussion.closed or datetime.now(UTC)
        discussion.closed_by = discussion.closed_by or service_account()
        discussion.save()
    feedbacks().update_one({"_id": feedback["_id"]}, unlink)


def _voice(feedback: Feedback) -> tuple[User, Organization | None]:
    """Who speaks in the discussion: the account, perhaps for an organization; the service account
    for who gives no name."""
    contributor = feedback["contributor"]
    if contributor["kind"] == Kind.ORGANIZATION:
        organization = Organization.objects(id=contributor["organization"]).first()
        author = User.objects(id=contributor["user"]).first()
        if author and organization:
            return author, organization
    elif contributor["kind"] == Kind.USER and contributor.get("name"):
        try:
            return User.objects.get(id=contributor["user"]), None
        except DoesNotExist:
            log.warning("The author of feedback %s is gone", feedback["_id"])
    return service_account(), None


def _portal_language() -> str:
    """What is written in a thread is read by everybody: in the portal's language."""
    return current_app.config["DEFAULT_LANGUAGE"]
