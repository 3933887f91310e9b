"""Mirror what people write here in native udata Discussions on datasets, exactly once.

A domain declares in a `Thread` what of its contributions is said, under which title, by whom.
`tell` compares a contribution with its discussion and brings the discussion in line: it is
idempotent, and may run late or in any order. The ids of the discussion and of each message are
allocated in our document before they exist there, so a second run finds them taken; a run overtaken
by an edit, or by another run, retries. Our document is the truth about the link; `extras` of a
discussion can be written by its author and are only a back-pointer.

Messages after the first are addressed by id, never by position: udata removes messages and adds
replies meanwhile.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from bson import ObjectId
from flask import current_app
from mongoengine.errors import NotUniqueError
from pymongo.collection import Collection
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion, Message
from udata.core.organization.models import Organization
from udata.core.reports.constants import REASON_AUTO_SPAM
from udata.core.reports.models import Report
from udata.core.user.models import User
from udata.i18n import gettext as _

from ..figures.settle import DISCUSSION, heard
from ..people.models import Kind, account_key
from ..people.service_account import acting_as, service_account
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web.languages import speaking
from ..web.moments import in_words as day_in_words
from ..web.untyped import Document, Query

log = logging.getLogger(__name__)

#: A document that is discussed: a feedback, a request, in the type of its domain.
Contribution = Any
Voice = tuple[User, Organization | None]

#: How many characters of the words a title shows: producers see nothing else in the bell.
TITLE_WORDS = 60

#: Attempts before leaving the rest to the next run: it stays due.
ATTEMPTS = 10


class Thread:
    """How one kind of contribution is discussed; subclasses override what differs.

    A contribution has `dataset`, `contributor`, `created_at`, `last_modified`, `v` and `due` (see
    `figures.settle`). Stored in it: `discussion` and `messages` (allocated: {`id`, `words`: their
    fingerprint, `added`: a complement that exists}), `discussed` (it exists), `announced` (when
    udata told people of it), `silenced` (ids of messages that were deleted there and do not come
    back).
    """

    #: How the contribution is named in the `extras` of its discussion.
    back_pointer = "id"
    #: Whether the title follows an edit even where the first message no longer does.
    title_follows = False

    def collection(self) -> Collection[Any]:
        raise NotImplementedError

    def words(self, one: Contribution) -> str:
        """Return the words of a contribution; the discussion follows when they change."""
        raise NotImplementedError

    def text(self, one: Contribution) -> str:
        """Return the words as written in the discussion."""
        return self.words(one)

    def title(self, one: Contribution) -> str:
        """Return what producers see first, in the portal's language."""
        raise NotImplementedError

    def speaks(self, one: Contribution) -> bool:
        """Return whether the contribution has anything to say."""
        raise NotImplementedError

    def is_hidden(self, one: Contribution) -> bool:
        """Return whether its words were hidden by moderation, rather than withdrawn by their
        author."""
        raise NotImplementedError

    def voice(self, one: Contribution) -> Voice:
        """Return the account, and perhaps the organization, that speaks."""
        return voice_of(one["contributor"])

    def signs_anew(self, one: Contribution) -> bool:
        """Return whether messages take the current signature of the contribution. Not once its
        author has left: udata finds what they said by its author."""
        contributor = one["contributor"]
        found: bool = contributor["key"] == account_key(contributor.get("user"))
        return found

    def speak_for_data(self, one: Contribution, dataset: DatasetFacts) -> Answering:
        """Return the producing side, whose messages are its answers."""
        return Answering.for_dataset(dataset)

    def signed_messages(self, one: Contribution) -> set[str]:
        """Return the ids of the messages that carry the signature of the contribution."""
        return own_ids(one)

    def retracted_messages(self, one: Contribution) -> set[str]:
        """Return the ids of the messages to take back when it is withdrawn: what its author said
        here."""
        return self.signed_messages(one)

    def add_others(self, one: Contribution) -> bool:
        """Write what else belongs in the discussion, once it exists. Return False to retry."""
        return True

    def told(self, id: ObjectId) -> None:
        """Do what follows a run; nothing by default."""

    # --- Bringing in line -------------------------------------------------------------------------

    def tell(self, id: ObjectId) -> None:
        """Bring the discussion of a contribution in line with it."""
        for _attempt in range(ATTEMPTS):
            one = self.collection().find_one({"_id": id})
            if one is None:
                return
            dataset = catalogue.find_dataset(one.get("dataset"))
            if self.speaks(one) and not (dataset and dataset.listed):
                return  # its reader could not see the dataset: it stays due until it is public
            if self._bring_in_line(one, dataset) and self._heard(one):
                break
        self.told(id)

    def take_back_silently(self, discussion: Discussion) -> None:
        """Delete a thread of ours, marked so that our receivers ignore the deletion."""
        discussion.taken_back = True
        discussion.delete()

    def silence(self, discussion_id: ObjectId, message_id: str) -> Contribution | None:
        """Remember that a message was deleted there, and must not come back. Return the
        contribution of that discussion, as it was before."""
        return self.collection().find_one_and_update(
            {"discussion": discussion_id}, {"$addToSet": {"silenced": message_id}}
        )

    def _bring_in_line(self, one: Contribution, dataset: DatasetFacts | None) -> bool:
        """Do one attempt. Return False when a concurrent change requires another."""
        if self.speaks(one) and dataset:
            if one.get("discussed"):
                return self._update(one, dataset) and self.add_others(one)
            return self._create(one, dataset) and self.add_others(one)
        return self._retract(one) if one.get("discussion") else True

    def _heard(self, one: Contribution) -> bool:
        """End an attempt. Return False when the contribution has changed since: what was just
        written may be stale."""
        heard(self.collection(), one, DISCUSSION)
        unmoved = {"_id": one["_id"], "v": one["v"]}
        return self.collection().find_one(unmoved, {"_id": 1}) is not None

    def _create(self, one: Contribution, dataset: DatasetFacts) -> bool:
        """Create the discussion under the id allocated for it, and announce it. Raise DoesNotExist
        when the dataset has just been purged."""
        allocated = self._allocate(one)
        if allocated is None:
            return False
        one = allocated
        author, organization = self.voice(one)
        with speaking(portal_language()), acting_as(author):
            discussion = Discussion(
                id=one["discussion"],
                user=author,
                organization=organization,
                subject=Dataset.objects.get(id=one["dataset"]),
                title=self.title(one),
                discussion=[
                    Message(
                        id=UUID(one["messages"][0]["id"]),
                        content=self.text(one),
                        posted_by=author,
                        posted_by_organization=organization,
                        posted_on=one["created_at"],
                    )
                ],
                created=one["created_at"],
                extras={"culture-feedback": {self.back_pointer: str(one["_id"])}},
            )
            existed = False
            try:
                discussion.save(force_insert=True)
            except NotUniqueError:  # an earlier run created it, and perhaps died then
                existed = True
                discussion = Discussion.objects(id=one["discussion"]).first()
                if discussion is None:
                    return False
                discussion._spam_report = pending_report(discussion)
            linked = {"_id": one["_id"], "discussion": one["discussion"]}
            if (
                not self.collection()
                .update_one(linked, {"$set": {"discussed": True}})
                .matched_count
            ):
                # Taken back while it was being created: nobody would find it again.
                self.take_back_silently(discussion)
                return False
            if self._claim_announcement(one):
                discussion.signal_new()
        return self._update(one, dataset) if existed else True

    def _allocate(self, one: Contribution) -> Contribution | None:
        """Return the contribution with the ids of its discussion and first message, allocated once;
        None when it has changed meanwhile."""
        if not one.get("discussion"):
            message = {"id": str(uuid4()), "words": fingerprint(self.words(one))}
            self.collection().update_one(
                {"_id": one["_id"], "v": one["v"], "discussion": {"$exists": False}},
                {"$set": {"discussion": ObjectId(), "messages": [message]}},
            )
            ids = self.collection().find_one({"_id": one["_id"]}, {"discussion": 1, "messages": 1})
            if not ids or not ids.get("discussion"):
                return None
            one = one | ids
        return one

    def _claim_announcement(self, one: Contribution) -> bool:
        """Claim the announcement of a discussion, so that bell, mails and activity are sent
        once."""
        claimed = self.collection().update_one(
            {"_id": one["_id"], "announced": {"$exists": False}}, {"$set": {"announced": now()}}
        )
        return bool(claimed.modified_count)

    def _update(self, one: Contribution, dataset: DatasetFacts) -> bool:
        """Carry an edit over: our latest message gets the new words, or, once the producer has
        answered it, a complement follows. Return False when the contribution was changed
        concurrently."""
        discussion = Discussion.objects(id=one["discussion"]).first()
        if discussion is None:
            return True  # removed there: a receiver hides the words here
        ours = one["messages"]
        words = fingerprint(self.words(one))
        position = {str(message.id): i for i, message in enumerate(discussion.discussion)}
        latest = ours[-1]
        if latest["words"] != words:
            answering = self.speak_for_data(one, dataset)
            since = discussion.discussion[position.get(latest["id"], 0) + 1 :]
            if any(map(answering.wrote, since)):
                latest = {"id": str(uuid4()), "words": words}
                change: Query = {"$push": {"messages": latest}}
            else:
                change = {"$set": {f"messages.{len(ours) - 1}.words": words}}
            unmoved = {"_id": one["_id"], "v": one["v"], "messages": ours}
            if not self.collection().update_one(unmoved, change).modified_count:
                return False
        author, organization = self.voice(one)
        with speaking(portal_language()), acting_as(author):
            if self.signs_anew(one):
                _sign(discussion, self.signed_messages(one), author, organization)
            message = _message(discussion, latest["id"])
            if message is None:
                if latest["id"] not in one.get("silenced", ()):
                    self._add_complement(one, latest, author, organization)
            elif getattr(message.posted_by, "deleted", None):
                pass  # the account was deleted: its words there are udata's business
            elif message is discussion.discussion[0]:
                self._rewrite_first(one, discussion, message)
            else:
                self._rewrite_complement(one, discussion, message)
        return True

    def _add_complement(
        self,
        one: Contribution,
        latest: Document,
        author: User,
        organization: Organization | None,
    ) -> None:
        """Add our latest words below the producer's answer, once, beside whatever replies come,
        even to a closed thread: what is said here is said there. Unannounced where it had been
        there before."""
        date = day_in_words(one["last_modified"])
        content = _("Added on %(date)s:", date=date) + "\n\n" + self.text(one)
        add_message(
            one["discussion"],
            latest["id"],
            content,
            author,
            organization,
            posted_on=one["last_modified"],
            quietly=bool(latest.get("added")),
            into_closed=True,
        )
        self.collection().update_one(
            {"_id": one["_id"], "messages.id": latest["id"]}, {"$set": {"messages.$.added": True}}
        )

    def _rewrite_first(self, one: Contribution, discussion: Discussion, message: Message) -> None:
        title, text = self.title(one), self.text(one)
        if (discussion.title, message.content) == (title, text):
            return
        discussion.title = title
        if message.content != text:
            message.content = text
            message.last_modified_at = datetime.now(UTC)
        discussion.save()

    def _rewrite_complement(
        self, one: Contribution, discussion: Discussion, message: Message
    ) -> None:
        if self.title_follows and discussion.title != self.title(one):
            discussion.title = self.title(one)
            discussion.save()
        heading, _blank, _said = message.content.partition("\n\n")
        rewrite_message(discussion.id, str(message.id), f"{heading}\n\n{self.text(one)}")

    # --- Taking back ------------------------------------------------------------------------------

    def _retract(self, one: Contribution) -> bool:
        """Take our words back: delete the whole thread when nobody else wrote in it, otherwise
        replace our messages by a notice and close the thread. Others' words are never deleted.
        Return False when the discussion was created meanwhile."""
        discussion = Discussion.objects(id=one["discussion"]).first()
        linked = {"_id": one["_id"], "discussion": one["discussion"]}
        if discussion is None:
            linked["discussed"] = one.get("discussed")  # another run may be creating it right now
        else:
            ours = self.retracted_messages(one)
            if all(str(message.id) in ours for message in discussion.discussion):
                with acting_as(service_account()):
                    self.take_back_silently(discussion)
                forget_reports(discussion)
            else:
                self._withdraw(one, discussion, ours)
                forget_reports(discussion, ours)
        unlink: Query = {"$unset": {"discussed": "", "announced": "", "discussion": ""}}
        unlink["$set"] = {"messages": []}
        return bool(self.collection().update_one(linked, unlink).matched_count)

    def _withdraw(self, one: Contribution, discussion: Discussion, ours: set[str]) -> None:
        with speaking(portal_language()), acting_as(service_account()):
            sentence = withdrawn()
            if self.is_hidden(one):
                sentence = _("[Hidden by moderation]")
            closed = {"closed": datetime.now(UTC), "closed_by": service_account().id}
            Discussion._get_collection().update_one(
                {"_id": discussion.id},
                {
                    "$set": {
                        "title": sentence,
                        "discussion.$[ours].content": sentence,
                        "discussion.$[ours].last_modified_at": datetime.now(UTC),
                        **({} if discussion.closed else closed),
                    }
                },
                array_filters=[{"ours.id": {"$in": sorted(ours)}}],
            )
            discussion.reload()
            discussion.save()  # nothing of ours is left to write: udata indexes


# --- One message ----------------------------------------------------------------------------------


def add_message(
    discussion_id: ObjectId,
    message_id: str,
    content: str,
    author: User,
    organization: Organization | None = None,
    posted_on: datetime | None = None,
    close: bool = False,
    *,
    quietly: bool = False,
    into_closed: bool = False,
) -> bool:
    """Add a message to a discussion where no message has that id yet, and let udata announce it
    (bell, mails, activity). Idempotent, also under concurrency.

    `message_id`: a UUID as text, stored by the caller *before* calling. `posted_on`: naive UTC, now
    if None. `close`: closes the discussion with it, as a native closing message does. `quietly`:
    without announcement (they have been told already). `into_closed`: an exception to udata's rule
    that nobody writes in a closed discussion.

    Return whether the message is in the discussion now. False: the discussion is gone, or was
    closed before the message came. The caller checks whether it may be said there, and in whose
    name.
    """
    message = Message(
        id=UUID(message_id), content=content, posted_by=author, posted_by_organization=organization
    )
    if posted_on:
        message.posted_on = posted_on
    discussions = Discussion._get_collection()
    absent: Query = {"_id": discussion_id, "discussion.id": {"$ne": message_id}}
    if not into_closed:
        absent["closed"] = None
    change: Query = {"$push": {"discussion": message.to_mongo()}}
    if close:
        change["$set"] = {
            "closed": datetime.now(UTC),
            "closed_by": author.id,
            "closed_by_organization": organization.id if organization else None,
        }
    if not discussions.update_one(absent, change).modified_count:
        there = {"_id": discussion_id, "discussion.id": message_id}
        return discussions.find_one(there, {"_id": 1}) is not None
    with acting_as(author):
        discussion = Discussion.objects(id=discussion_id).first()
        if discussion is None:
            return False
        discussion.save()  # nothing of ours is left to write: udata looks for spam and indexes
        if not quietly:
            _announce(discussion, message_id, close)
    return True


def announce_message(discussion_id: ObjectId, message_id: str) -> None:
    """Let udata announce a message that was added quietly. Not idempotent: the caller sees to
    that."""
    discussion = Discussion.objects(id=discussion_id).first()
    message = _message(discussion, message_id) if discussion else None
    if message is None:
        return
    with acting_as(message.posted_by):
        message._spam_report = pending_report(discussion, message.id)
        _announce(discussion, message_id)


def _announce(discussion: Discussion, message_id: str, close: bool = False) -> None:
    for position, message in enumerate(discussion.discussion):
        if str(message.id) == message_id:
            signal = discussion.signal_close if close else discussion.signal_comment
            signal(message=position)


def _message(discussion: Discussion, message_id: str) -> Message | None:
    return next((m for m in discussion.discussion if str(m.id) == message_id), None)


def rewrite_message(discussion_id: ObjectId, message_id: str, content: str) -> bool:
    """Change the content of a message of ours, whatever its position, with the date of the change.
    As in udata, nobody is told. Return False when it is not there, or has that content already."""
    other = {"$elemMatch": {"id": message_id, "content": {"$ne": content}}}
    changed = Discussion._get_collection().update_one(
        {"_id": discussion_id, "discussion": other},
        {
            "$set": {
                "discussion.$.content": content,
                "discussion.$.last_modified_at": datetime.now(UTC),
            }
        },
    )
    if not changed.modified_count:
        return False
    discussion = Discussion.objects(id=discussion_id).first()
    if discussion:
        discussion.save()  # nothing of ours is left to write: udata looks for spam and indexes
    return True


def fingerprint(words: str) -> str:
    """Return a hash of words, to tell whether a message carries them without storing them twice."""
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def own_ids(one: Contribution) -> set[str]:
    """Return the ids of the messages with the words of a contribution."""
    return {message["id"] for message in one.get("messages") or []}


def hidden_words() -> str:
    """Return the notice in place of words hidden by moderation, in the portal's language."""
    with speaking(portal_language()):
        found: str = _("[Hidden by moderation]")
        return found


def withdrawn() -> str:
    """Return the notice in place of words withdrawn by their author, in the portal's language."""
    with speaking(portal_language()):
        found: str = _("[Withdrawn by its author]")
        return found


def forget_reports(discussion: Discussion, ours: Iterable[str] = ()) -> None:
    """Erase the words that udata's reports repeat, once these are taken back. `ours`: the ids of
    the messages taken back, perhaps the first one of the discussion among them; none: all."""
    found = Report.objects(subject=discussion)
    if messages := set(ours):
        first = str(discussion.discussion[0].id) if discussion.discussion else None
        found = found.filter(
            subject_embed_id__in=[
                *(UUID(id) for id in messages),
                *([None] if first in messages else []),
            ]
        )
    found.update(set__message=None, set__subject_label=None)


def pending_report(discussion: Discussion, message_id: UUID | None = None) -> Report | None:
    """Return the open report of udata's spam detection on a discussion, or on one of its messages:
    it holds the announcement back until it is handled."""
    reports = Report.objects(
        subject=discussion, reason=REASON_AUTO_SPAM, subject_embed_id=message_id
    )
    return reports.unhandled().first()


# --- Who speaks -----------------------------------------------------------------------------------


class Answering:
    """The producing side: organizations and accounts whose messages are its answers."""

    def __init__(self, organizations: Iterable[ObjectId], users: Iterable[ObjectId]) -> None:
        self.organizations = frozenset(organizations)
        self.users = frozenset(users)

    @classmethod
    def for_dataset(cls, dataset: DatasetFacts) -> Answering:
        """Return the organization of a dataset with its members, or its owner."""
        if dataset.organization is None:
            return cls((), [dataset.owner] if dataset.owner else [])
        return cls([dataset.organization], members_of(dataset.organization))

    def __or__(self, other: Answering) -> Answering:
        return Answering(self.organizations | other.organizations, self.users | other.users)

    def wrote(self, message: Message) -> bool:
        """Return whether the producing side wrote a native message."""
        organization, author = message.posted_by_organization, message.posted_by
        return bool(
            (organization and organization.id in self.organizations)
            or (author and author.id in self.users)
        )


def members_of(organization: ObjectId, *roles: str) -> set[ObjectId]:
    """Return the accounts of an organization, with one of these roles or with any."""
    raw = Organization._get_collection().find_one({"_id": organization}, {"members": 1})
    members = (raw or {}).get("members") or []
    return {member["user"] for member in members if not roles or member.get("role") in roles}


def voice_of(contributor: Mapping[str, Any]) -> Voice:
    """Return who speaks in a discussion for a contributor: the account, perhaps for an
    organization; the service account for contributors without a name or who have left."""
    user = contributor.get("user")
    author = User.objects(id=user).first() if user else None
    if author is None:
        return service_account(), None
    if contributor["kind"] == Kind.ORGANIZATION:
        organization = Organization.objects(id=contributor.get("organization")).first()
        if organization and not organization.deleted:
            return author, organization
    elif contributor["kind"] == Kind.USER and contributor.get("name"):
        return author, None
    return service_account(), None


def _sign(
    discussion: Discussion, ours: set[str], author: User, organization: Organization | None
) -> None:
    """Put the author's current signature under our messages: otherwise the name would stay after an
    author has chosen « Sans mon nom »."""
    organization_id = organization.id if organization else None
    signed = {"_id": discussion.id, "user": author.id, "organization": organization_id}
    if Discussion._get_collection().find_one(signed, {"_id": 1}):
        return
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


def portal_language() -> str:
    """Return the language of what we write in threads, since everybody reads it: the portal's."""
    found: str = current_app.config["DEFAULT_LANGUAGE"]
    return found
