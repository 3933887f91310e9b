"""Keep a request asked from a dataset in line with its native discussion there (see
`contributions.discussions`).

Besides the words of the request, the discussion holds the moves with their reasons, and the
messages written on the page of the request. A retry adds only what is missing: the id of each
message is known before it is written; that of a move follows from its place in the history.
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
from ..web.untyped import Query
from ..web.urls import pages_url
from . import deadlines_shown
from .models import Entry, Request, messages, requests
from .models import Message as Stored
from .permissions import desk
from .workflow import Role, Status

#: UUID namespace of the ids of the messages that tell moves.
NAMESPACE = UUID("0b1f8a4e-8f0f-4c0e-9d53-6a1f4e5f3c11")

STATUS_LABELS = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}


class RequestThread(Thread):
    """The native discussion of a request: its first message is the description, its title that of
    the request."""

    back_pointer = "request"
    title_follows = True

    def collection(self) -> Collection[Any]:
        return requests()

    def words(self, one: Request) -> str:
        facts = (*sorted(one.get("usages") or ()), one.get("evidence_url") or "")
        return "\n".join((one["description"], *facts))

    def text(self, one: Request) -> str:
        """Return what is needed, what for, evidence that the data exist, and where to answer."""
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
        """Return the title: « [Demande] La fréquentation des musées par mois »."""
        words = excerpt(one["title"], discussions.TITLE_WORDS)
        return str(_("[Request] %(words)s", words=words))

    def speaks(self, one: Request) -> bool:
        """Return whether the request is discussed here: public, asked from a dataset, neither
        withdrawn nor deleted, and not imported (it was discussed where it was asked)."""
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
        """Return whether messages take the current signature of the request: also once its
        requester has left it to its supporters, and is no longer named."""
        return bool(one.get("detached")) or super().signs_anew(one)

    def speak_for_data(self, one: Request, dataset: DatasetFacts) -> Answering:
        cast = Cast.of(one)
        holder = Answering([cast.holder] if cast.holder else [], cast.people)
        return holder | Answering.for_dataset(dataset)

    def signed_messages(self, one: Request) -> set[str]:
        moves = {move.id for move in told_moves(one) if move.by_requester}
        return own_ids(one) | moves | _written(one, {"role": Role.REQUESTER})

    def retracted_messages(self, one: Request) -> set[str]:
        """Return the signed messages, and those that the author wrote on the page under another
        signature."""
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

#: Bring the discussion of a request in line with it.
tell = THREAD.tell


# --- Who speaks -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast:
    """The people in the discussion of a request. `people`: the users who may act for the holder;
    where it is unknown, for the desk; without a desk, the administrators of the portal."""

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
        """Return the role in which a native message was written. A requester without a name is not
        recognised by their account: it would name them."""
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
    """Return the users whom udata tells of a message in the discussion of a request: those who took
    part in it, and the admins (or the owner) of the dataset."""
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
    """An entry of a history that the discussion tells. `number`: its place in the history, from
    1."""

    id: str
    number: int
    entry: Entry

    @property
    def by_requester(self) -> bool:
        return self.entry["by"]["role"] == Role.REQUESTER


def told_moves(request: Request) -> list[Move]:
    """Return the moves that have words, made for the holder's organization or by the requester,
    since the request was last asked."""
    moves: list[Move] = []
    for number, entry in enumerate(request["history"], 1):
        if entry["to"] == Status.WITHDRAWN != entry["from"]:
            moves = []
        elif _has_words(entry) and _has_voice(entry):
            moves.append(Move(move_id(request["_id"], number), number, entry))
    return moves


def move_id(request_id: ObjectId, number: int) -> str:
    """Return the id of the message that tells the n-th entry of a history."""
    return str(uuid5(NAMESPACE, f"{request_id}:{number}"))


def withdraw_moves(request: Request) -> None:
    """Replace the words of a requester who has left in the messages that tell their moves."""
    if request.get("discussion"):
        for move in told_moves(request):
            if move.by_requester:
                discussions.rewrite_message(request["discussion"], move.id, discussions.withdrawn())


def rewrite_move(request: Request, number: int) -> None:
    """Bring the message that tells a move (`number`, from 1) in line with the history."""
    if not request.get("discussion"):
        return
    with speaking(discussions.portal_language()):
        text = _words_of_move(request["history"][number - 1])
    discussions.rewrite_message(request["discussion"], move_id(request["_id"], number), text)


def ring(request: Request, number: int, mailed: Callable[[ObjectId], bool]) -> None:
    """Notify those who take part in the discussion of a move, once: in udata, and by mail unless
    `mailed` returns True for them."""
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
        # As udata does for an author of an answer: their pending notifications are handled.
        pending = Notification.objects.filter(
            user=message.posted_by, details__discussion=discussion
        )
        pending.mark_handled()
        _MoveTold(discussion, message, mailed).dispatch()


class _MoveTold(NewDiscussionComment):
    """The notification of a comment that tells a move; without udata's mail to users who have
    ours."""

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
    """Return whether the discussion can tell an entry. A moderator's move, made for no
    organization, is told by the history alone: a message would name them."""
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
    """Yield the moves that are not in the discussion yet: of a long history, most are."""
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
    """Return the words of a move: what happened, why, the message, and where the data are."""
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
    """Return the contributor who signs a message. A requester signs as the request is signed now:
    an older signature would name somebody who has since chosen « Sans mon nom », or left."""
    return request["contributor"] if row["role"] == Role.REQUESTER else row["contributor"]


def _written(request: Request, which: Query) -> set[str]:
    found = messages().find({"request": request["_id"]} | which, {"message_id": 1})
    return {row["message_id"] for row in found}


def _add_written(request: Request, silenced: set[str]) -> None:
    """Add the messages that are not in this discussion, the oldest first. In a closed discussion
    none is added: they stay on the page of the request alone."""
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
    """Return the id of a reference: stored as an id, or as a DBRef by old versions of udata."""
    found: ObjectId | None = getattr(reference, "id", reference)
    return found
