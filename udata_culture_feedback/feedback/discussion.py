"""The words of a feedback as a native udata Discussion on its dataset, exactly once.

`tell` compares what a feedback says with what its discussion says and closes the gap: it may run
twice, late or in any order. The ids of the discussion and of each message are allocated in our
document before they exist there, so a second run finds them taken; a run that was overtaken by an
edit, or by another run, looks again. The truth about the link is ours; `extras` of a discussion can
be written by its author and is only a back-pointer.

Messages after the first are written by their id, never by their position: udata removes messages
and adds replies meanwhile.
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
from udata.core.reports.constants import REASON_AUTO_SPAM
from udata.core.reports.models import Report
from udata.core.user.models import User
from udata.i18n import gettext as _

from .. import catalogue, vocabulary
from ..catalogue import DatasetFacts
from ..contributors.models import Kind, account_key
from ..contributors.voice import acting_as, service_account
from ..languages import speaking
from ..storage import now
from ..summaries import heard
from ..text import excerpt
from . import actions
from .models import DISCUSSION, Visibility, feedbacks

log = logging.getLogger(__name__)

Feedback = dict[str, Any]

#: How much of the words a title shows: it is all that producers see in the bell.
TITLE_WORDS = 60


#: Looks before leaving the rest to the next run: it stays due.
ATTEMPTS = 10


def tell(feedback_id: ObjectId) -> None:
    """Brings the discussion of a feedback in line with it."""
    for _attempt in range(ATTEMPTS):
        feedback = feedbacks().find_one({"_id": feedback_id})
        if feedback is None:
            return
        dataset = catalogue.find_dataset(feedback["dataset"])
        if _speaks(feedback) and not (dataset and dataset.listed):
            return  # its reader could not see the dataset: it stays due until it is public
        if _bring_in_line(feedback, dataset) and _heard(feedback):
            break
    actions.bury(feedback_id)  # if it was a tombstone that waited for this only


def _bring_in_line(feedback: Feedback, dataset: DatasetFacts | None) -> bool:
    """One look. False when somebody else changed something meanwhile, so that another is needed."""
    if _speaks(feedback) and dataset:
        if feedback.get("discussed"):
            return _update(feedback, dataset)
        return _create(feedback, dataset)
    return _retract(feedback) if feedback.get("discussion") else True


def _heard(feedback: Feedback) -> bool:
    """Ends a look. False when the feedback has changed since: what was just written may be old."""
    heard(feedbacks(), feedback, DISCUSSION)
    unmoved = {"_id": feedback["_id"], "v": feedback["v"]}
    return feedbacks().find_one(unmoved, {"_id": 1}) is not None


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


def _create(feedback: Feedback, dataset: DatasetFacts) -> bool:
    """Creates the discussion under the id allocated for it, and announces it. Raises DoesNotExist
    when the dataset has just been purged."""
    allocated = _allocate(feedback)
    if allocated is None:
        return False
    feedback = allocated
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
        existed = False
        try:
            discussion.save(force_insert=True)
        except NotUniqueError:  # an earlier run created it, and perhaps did not get further
            existed = True
            discussion = Discussion.objects(id=feedback["discussion"]).first()
            if discussion is None:
                return False
            discussion._spam_report = _pending_report(discussion)
        linked = {"_id": feedback["_id"], "discussion": feedback["discussion"]}
        if not feedbacks().update_one(linked, {"$set": {"discussed": True}}).matched_count:
            # Taken back while it was being created: nobody would find it any more.
            _delete(discussion)
            return False
        if _claim_announcement(feedback):
            discussion.signal_new()
    return _update(feedback, dataset) if existed else True


def _pending_report(discussion: Discussion) -> Report | None:
    """What udata's detection of spam says of a discussion: it holds the announcement until somebody
    has looked."""
    reports = Report.objects(subject=discussion, reason=REASON_AUTO_SPAM, subject_embed_id=None)
    return reports.unhandled().first()


def _allocate(feedback: Feedback) -> Feedback | None:
    """The feedback with the ids of its discussion and first message, allocated once. None when it
    has changed meanwhile."""
    if not feedback.get("discussion"):
        message = {"id": str(uuid4()), "words": fingerprint(feedback["comment"])}
        feedbacks().update_one(
            {"_id": feedback["_id"], "v": feedback["v"], "discussion": {"$exists": False}},
            {"$set": {"discussion": ObjectId(), "messages": [message]}},
        )
        ids = feedbacks().find_one({"_id": feedback["_id"]}, {"discussion": 1, "messages": 1})
        if not ids or not ids.get("discussion"):
            return None
        feedback = feedback | ids
    return feedback


def _claim_announcement(feedback: Feedback) -> bool:
    """Only one run announces a discussion: bell, mails and activity are sent once."""
    claimed = feedbacks().update_one(
        {"_id": feedback["_id"], "announced": {"$exists": False}}, {"$set": {"announced": now()}}
    )
    return bool(claimed.modified_count)


def _update(feedback: Feedback, dataset: DatasetFacts) -> bool:
    """Carries an edit over: our latest message says the new words, or, once the producer has
    answered it, a complement follows. False when somebody else changed the feedback meanwhile."""
    discussion = Discussion.objects(id=feedback["discussion"]).first()
    if discussion is None:
        return True  # removed there: `lifecycle` hides the words here
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
            return False
    author, organization = _voice(feedback)
    with speaking(_portal_language()), acting_as(author):
        if feedback["contributor"]["key"] == account_key(feedback["contributor"].get("user")):
            # Not for who has left: udata finds what they said by its author.
            _sign(discussion, {m["id"] for m in ours}, author, organization)
        message = next((m for m in discussion.discussion if str(m.id) == latest["id"]), None)
        if message is None:
            _add_complement(feedback, discussion, latest["id"], author, organization)
        elif getattr(message.posted_by, "deleted", None):
            pass  # the account has left: what became of its words there is for udata to say
        elif message is discussion.discussion[0]:
            _rewrite_first(feedback, discussion, message)
        else:
            _rewrite_complement(feedback, discussion, message)
    return True


def _sign(
    discussion: Discussion, ours: set[str], author: User, organization: Organization | None
) -> None:
    """Puts the signature that the author has chosen since under our messages: the name would stay
    otherwise under those of who now prefers « Sans mon nom »."""
    signed = (discussion.user, discussion.organization)
    if signed == (author, organization):
        return
    organization_id = organization.id if organization else None
    Discussion._get_collection().update_one(
        {"_id": discussion.id},
        {
            "$set": {
                "user": author.id,
                "organization": organization_id,
                "discussion.$[ours].posted_by": author.id,
                "discussion.$[ours].posted_by_organization": organization_id,
            }
        },
        array_filters=[{"ours.id": {"$in": sorted(ours)}}],
    )
    discussion.reload()


def _add_complement(
    feedback: Feedback,
    discussion: Discussion,
    message_id: str,
    author: User,
    organization: Organization | None,
) -> None:
    """Adds our latest words below the producer's answer, once, beside whatever replies come."""
    date = format_date(feedback["last_modified"], "long")
    message = Message(
        id=UUID(message_id),
        content=_("Added on %(date)s:", date=date) + "\n\n" + feedback["comment"],
        posted_by=author,
        posted_by_organization=organization,
    )
    absent = {"_id": discussion.id, "discussion.id": {"$ne": message_id}}
    push = {"$push": {"discussion": message.to_mongo()}}
    if not Discussion._get_collection().update_one(absent, push).modified_count:
        return
    discussion.reload()
    discussion.save()  # nothing of ours is left to write: udata looks for spam and indexes
    position = [str(m.id) for m in discussion.discussion].index(message_id)
    discussion.signal_comment(message=position)


def _rewrite_first(feedback: Feedback, discussion: Discussion, message: Message) -> None:
    if (discussion.title, message.content) == (title(feedback), feedback["comment"]):
        return
    discussion.title = title(feedback)
    if message.content != feedback["comment"]:
        message.content = feedback["comment"]
        message.last_modified_at = datetime.now(UTC)
    discussion.save()


def _rewrite_complement(feedback: Feedback, discussion: Discussion, message: Message) -> None:
    heading, _blank, said = message.content.partition("\n\n")
    if said == feedback["comment"]:
        return
    Discussion._get_collection().update_one(
        {"_id": discussion.id, "discussion.id": str(message.id)},
        {
            "$set": {
                "discussion.$.content": f"{heading}\n\n{feedback['comment']}",
                "discussion.$.last_modified_at": datetime.now(UTC),
            }
        },
    )
    discussion.reload()
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


def _retract(feedback: Feedback) -> bool:
    """Takes our words back: the whole thread when nobody else wrote in it, otherwise our messages
    say that they were withdrawn and the thread is closed. Others' words are never deleted. False
    when the discussion came into being meanwhile."""
    discussion = Discussion.objects(id=feedback["discussion"]).first()
    ours = {message["id"] for message in feedback.get("messages") or []}
    linked = {"_id": feedback["_id"], "discussion": feedback["discussion"]}
    if discussion is None:
        linked["discussed"] = feedback.get("discussed")  # a run may be creating it at this moment
    elif all(str(message.id) in ours for message in discussion.discussion):
        with acting_as(service_account()):
            _delete(discussion)
    else:
        _withdraw(feedback, discussion, ours)
    unlink: dict[str, Any] = {"$unset": {"discussed": "", "announced": "", "discussion": ""}}
    unlink["$set"] = {"messages": []}
    return bool(feedbacks().update_one(linked, unlink).matched_count)


def _delete(discussion: Discussion) -> None:
    """Deletes a thread of ours. `lifecycle` hears of it like of any other, hence the mark."""
    discussion.taken_back = True
    discussion.delete()


def _withdraw(feedback: Feedback, discussion: Discussion, ours: set[str]) -> None:
    with speaking(_portal_language()), acting_as(service_account()):
        withdrawn = _("[Withdrawn by its author]")
        if feedback["visibility"] == Visibility.HIDDEN and not feedback.get("deleted"):
            withdrawn = _("[Hidden by moderation]")
        closed = {"closed": datetime.now(UTC), "closed_by": service_account().id}
        Discussion._get_collection().update_one(
            {"_id": discussion.id},
            {
                "$set": {
                    "title": withdrawn,
                    "discussion.$[ours].content": withdrawn,
                    "discussion.$[ours].last_modified_at": datetime.now(UTC),
                    **({} if discussion.closed else closed),
                }
            },
            array_filters=[{"ours.id": {"$in": sorted(ours)}}],
        )
        discussion.reload()
        discussion.save()  # nothing of ours is left to write: udata indexes


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
