"""A request asked from a dataset as a native discussion on it (see `threads`).

Besides the words of the request, the discussion has what was decided and why, and what people
wrote on the page of the request. Whatever of this is absent is added, whoever looks, once: the ids
of messages are known before they are there. That of a move follows from its place in the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from bson import ObjectId
from pymongo.collection import Collection
from udata.core.discussions.models import Discussion, Message
from udata.core.discussions.notifications import NewDiscussionComment
from udata.core.organization.models import Organization
from udata.core.user.models import User
from udata.features.notifications.models import Notification
from udata.i18n import gettext as _
from udata.mail import MailMessage

from .. import vocabulary
from ..contributions import discussions
from ..contributions.discussions import Answering, Thread, Voice, own_ids
from ..contributions.review_rules import Visibility
from ..people.models import Contributor, Kind
from ..people.service_account import acting_as, service_account
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web.languages import speaking
from ..web.moments import in_words
from ..web.text_cleaning import excerpt
from ..web.urls import pages_url
from . import deadlines_shown
from .models import Entry, Query, Request, messages, requests
from .models import Message as Stored
from .permissions import desk
from .workflow import Role, Status

#: Makes the ids of the messages that tell moves.
NAMESPACE = UUID("0b1f8a4e-8f0f-4c0e-9d53-6a1f4e5f3c11")

STATUS_LABELS = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}


class RequestThread(Thread):
    """The description speaks, under the title of the request."""

    back_pointer = "request"
    title_follows = True

    def collection(self) -> Collection[Any]:
        return requests()

    def words(self, one: Request) -> str:
        facts = (*sorted(one.get("usages") or ()), one.get("evidence_url") or "")
        return "\n".join((one["description"], *facts))

    def text(self, one: Request) -> str:
        """What is needed, what for, what shows that it exists; and where to answer."""
        facts = []
        if one.get("usages"):
            label = vocabulary.vocabularies().label
            usages = ", ".join(label("usages", usage) for usage in one["usages"])
            facts.append(_("Planned use: %(usages)s", usages=usages))
        if one.get("evidence_url"):
            facts.append(_("These data exist: %(url)s", url=one["evidence_url"]))
        page = pages_url(f"requests/{one['slug']}/")
        facts.append(_("Follow this request, support it or decide on it: %(url)s", url=page))
        return one["description"] + "\n\n" + "\n".join(facts)

    def title(self, one: Request) -> str:
        """« [Demande] La fréquentation des musées par mois »."""
        words = excerpt(one["title"], discussions.TITLE_WORDS)
        return str(_("[Request] %(words)s", words=words))

    def speaks(self, one: Request) -> bool:
        """What was asked elsewhere, and imported, was discussed there."""
        return bool(
            one.get("dataset")
            and one["visibility"] == Visibility.PUBLIC
            and one["status"] != Status.WITHDRAWN
            and not one.get("removed")
            and not one.get("external_id")
        )

    def is_hidden(self, one: Request) -> bool:
        return one["visibility"] == Visibility.HIDDEN and not one.get("removed")

    def signs_anew(self, one: Request) -> bool:
        """Who left a request to those who carry it is not named there any longer."""
        return bool(one.get("detached")) or super().signs_anew(one)

    def speak_for_data(self, one: Request, dataset: DatasetFacts) -> Answering:
        cast = Cast.of(one)
        holder = Answering([cast.holder] if cast.holder else [], cast.people)
        return holder | Answering.for_dataset(dataset)

    def signed_messages(self, one: Request) -> set[str]:
        moves = {move.id for move in told_moves(one) if move.by_requester}
        return own_ids(one) | moves | _written(one, {"role": Role.REQUESTER})

    def retracted_messages(self, one: Request) -> set[str]:
        """With what its author wrote on its page under another signature."""
        theirs = {"contributor.key": one["contributor"]["key"]}
        return self.signed_messages(one) | _written(one, theirs)

    def add_others(self, one: Request) -> bool:
        request = requests().find_one({"_id": one["_id"], "discussed": True})
        if request:
            silenced = set(request.get("silenced") or ())
            _add_moves(request, silenced)
            _add_written(request, silenced)
        return True


THREAD = RequestThread()

#: Brings the discussion of a request in line with it.
tell = THREAD.tell


# --- Who speaks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast:
    """The parts that people have in the discussion of a request. `people`: who may act for the
    holder (of an unknown one: the desk, or where there is none who administers the portal)."""

    holder: ObjectId | None
    people: frozenset[ObjectId]
    contributor: Contributor

    @classmethod
    def of(cls, request: Request) -> Cast:
        holder = request.get("organization") or desk()
        people = (
            discussions.members_of(holder, "admin", "editor") if holder else catalogue.sysadmins()
        )
        return cls(holder, frozenset(people), request["contributor"])

    def role_of(self, user: ObjectId | None, organization: ObjectId | None) -> Role:
        """In what capacity a native message was written. Who asks without name is not recognised
        under their own: it would name them."""
        asks = self.contributor
        if asks["kind"] == Kind.ORGANIZATION:
            if organization and organization == asks.get("organization"):
                return Role.REQUESTER
        elif asks.get("name") and user and user == asks.get("user") and not organization:
            return Role.REQUESTER
        if user in self.people or (organization and organization == self.holder):
            return Role.PRODUCER
        return Role.ANYBODY


def natively_told(request: Request) -> set[ObjectId]:
    """Whom udata tells of a message in the discussion of a request: who took part in it, and the
    admins (or the owner) of the dataset."""
    raw = Discussion._get_collection().find_one(
        {"_id": request.get("discussion")}, {"discussion.posted_by": 1}
    )
    dataset = catalogue.find_dataset(request.get("dataset"))
    if raw is None or dataset is None:
        return set()
    told = {id_of(message.get("posted_by")) for message in raw["discussion"]}
    told |= (
        set(catalogue.admins_of(dataset.organization)) if dataset.organization else {dataset.owner}
    )
    return {user for user in told if user}


# --- What was decided -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """An entry of a history that the discussion tells. `number`: its place, from 1."""

    id: str
    number: int
    entry: Entry

    @property
    def by_requester(self) -> bool:
        return self.entry["by"]["role"] == Role.REQUESTER


def told_moves(request: Request) -> list[Move]:
    """The moves with something to read in them, by the holder's side in the name of its
    organization, or by who asks; since the request was last asked."""
    moves: list[Move] = []
    for number, entry in enumerate(request["history"], 1):
        if entry["to"] == Status.WITHDRAWN != entry["from"]:
            moves = []
        elif _has_words(entry) and _has_voice(entry):
            moves.append(Move(move_id(request["_id"], number), number, entry))
    return moves


def move_id(request_id: ObjectId, number: int) -> str:
    """The id of the message that tells the n-th entry of a history."""
    return str(uuid5(NAMESPACE, f"{request_id}:{number}"))


def withdraw_moves(request: Request) -> None:
    """Who asked has left: what they said with their moves is not said any longer."""
    if request.get("discussion"):
        for move in told_moves(request):
            if move.by_requester:
                discussions.rewrite_message(request["discussion"], move.id, discussions.withdrawn())


def rewrite_move(request: Request, number: int) -> None:
    """Make the message that tells a move say what the history says now."""
    if not request.get("discussion"):
        return
    with speaking(discussions.portal_language()):
        text = _words_of_move(request["history"][number - 1])
    discussions.rewrite_message(request["discussion"], move_id(request["_id"], number), text)


def ring(request: Request, number: int, mailed: Callable[[ObjectId], bool]) -> None:
    """Tell of a move, once, those who take part in the discussion: in the bell, and by mail except
    who is `mailed` already."""
    untold = {"_id": request["_id"], "discussed": True, "rung": {"$ne": number}}
    discussion = Discussion.objects(id=request.get("discussion")).first()
    wanted = move_id(request["_id"], number)
    said = discussion.discussion if discussion else ()
    message = next((message for message in said if str(message.id) == wanted), None)
    if message is None or discussions.pending_report(discussion, message.id):
        return
    if not requests().update_one(untold, {"$addToSet": {"rung": number}}).modified_count:
        return
    with acting_as(message.posted_by):
        # As udata does for who answers: what waited for them is done.
        pending = Notification.objects.filter(
            user=message.posted_by, details__discussion=discussion
        )
        pending.mark_handled()
        _MoveTold(discussion, message, mailed).dispatch()


class _MoveTold(NewDiscussionComment):
    """A comment that tells a move: one event, one mail."""

    def __init__(
        self, discussion: Discussion, message: Message, mailed: Callable[[ObjectId], bool]
    ) -> None:
        super().__init__(discussion, message)
        self.mailed = mailed

    def via_mail(self, recipient: User) -> MailMessage | None:
        return None if self.mailed(recipient.id) else super().via_mail(recipient)


def _has_words(entry: Entry) -> bool:
    return bool(
        entry.get("message")
        or entry.get("reason")
        or (entry["to"] == Status.PUBLISHED != entry["from"])
    )


def _has_voice(entry: Entry) -> bool:
    """What a moderator decides, who acts for no organization, is told by the history alone: it does
    not name them."""
    return entry["by"]["role"] == Role.REQUESTER or bool(entry["by"].get("organization"))


def _add_moves(request: Request, silenced: set[str]) -> None:
    moves = [move for move in told_moves(request) if move.id not in silenced]
    for move in _absent(request, moves):
        author, organization = _voice_of_move(request, move)
        with speaking(discussions.portal_language()), acting_as(author):
            text = _words_of_move(move.entry)
        discussions.add_message(
            request["discussion"],
            move.id,
            text,
            author,
            organization,
            posted_on=move.entry["at"],
            quietly=True,
        )


def _absent(request: Request, moves: list[Move]) -> Iterator[Move]:
    """Those that are not in the discussion: a history may be long, and is mostly there."""
    if moves:
        raw = Discussion._get_collection().find_one(
            {"_id": request["discussion"]}, {"discussion.id": 1}
        )
        there = {message["id"] for message in (raw or {}).get("discussion", ())}
        yield from (move for move in moves if move.id not in there)


def _voice_of_move(request: Request, move: Move) -> Voice:
    if move.by_requester:
        return discussions.voice_of(request["contributor"])
    by = move.entry["by"]
    author = User.objects(id=by.get("user"), deleted=None).first() or service_account()
    return author, Organization.objects(id=by["organization"], deleted=None).first()


def _words_of_move(entry: Entry) -> str:
    """What happened, why, what was said of it, and where the data are."""
    if entry.get("transferred_to"):
        holder = catalogue.find_organization(entry["transferred_to"])
        told = [_("Sent to %(organization)s", organization=holder.name if holder else "?")]
    elif entry.get("extended"):
        told = [_("The time to answer has been extended.")]
    elif entry.get("expected_on") and entry["from"] == entry["to"]:
        told = []
    else:
        label = STATUS_LABELS[entry["to"]]
        told = [_("Status of the request: %(status)s", status=str(label))]
    if day := entry.get("expected_on"):
        date_in_words = in_words(date.fromisoformat(day))
        told.append(_("These data are expected on %(date)s.", date=date_in_words))
    if entry.get("partial"):
        told.append(_("Published in part"))
    if entry.get("reason"):
        ground = deadlines_shown.ground_in_words(entry["reason"])
        told.append(_("Reason: %(reason)s", reason=str(ground)))
    words = ["\n".join(told)]
    if entry.get("message"):
        words.append(entry["message"])
    found = catalogue.datasets_by_id(entry.get("datasets") or ())
    links = [f"{d.title}: {d.page}" for d in found.values() if d.listed]
    links += entry.get("urls") or ()
    if links:
        words.append("\n".join(links))
    return "\n\n".join(words)


# --- What was written on the page of the request --------------------------------------------------


def signed_as(row: Stored, request: Request) -> Contributor:
    """The contributor who signs a message. Who asks signs as they ask, also when that has changed
    since: what they wrote would name who prefers « Sans mon nom », or has left, otherwise."""
    return request["contributor"] if row["role"] == Role.REQUESTER else row["contributor"]


def _written(request: Request, which: Query) -> set[str]:
    found = messages().find({"request": request["_id"]} | which, {"message_id": 1})
    return {row["message_id"] for row in found}


def _add_written(request: Request, silenced: set[str]) -> None:
    """Add the messages that are not in this discussion, the oldest first. In a closed one they
    stay where they are: on the page of the request."""
    elsewhere = {
        "request": request["_id"],
        "visibility": Visibility.PUBLIC,
        "discussion": {"$ne": request["discussion"]},
    }
    for row in messages().find(elsewhere, sort=[("created_at", 1), ("_id", 1)]):
        if row["message_id"] in silenced:
            continue
        author, organization = discussions.voice_of(signed_as(row, request))
        if not discussions.add_message(
            request["discussion"],
            row["message_id"],
            row["text"],
            author,
            organization,
            posted_on=row["created_at"],
            quietly=True,
        ):
            break
        added = messages().find_one_and_update(
            {"_id": row["_id"]}, {"$set": {"discussion": request["discussion"]}}
        )
        if added is None:  # deleted at this moment
            discussions.rewrite_message(
                request["discussion"], row["message_id"], discussions.withdrawn()
            )
        elif added["visibility"] != Visibility.PUBLIC:  # hidden at this moment
            with speaking(discussions.portal_language()):
                text = _("[Hidden by moderation]")
            discussions.rewrite_message(request["discussion"], row["message_id"], text)


def id_of(reference: Any) -> ObjectId | None:
    """References are stored as ids, or as DBRefs by old versions of udata."""
    found: ObjectId | None = getattr(reference, "id", reference)
    return found
