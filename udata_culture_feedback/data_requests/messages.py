"""The messages about a request: one conversation, wherever each was written.

Messages written on the page of a request are stored in our collection, with their author, role and
retries. A request asked from a dataset has a native discussion, where each is added under an id
allocated here (`discussion`), and where people answer natively. `read` returns both as one. No
other module reads or writes them. What a message does to the request is in `replies`.
"""

from __future__ import annotations

from uuid import uuid4

from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from udata.core.discussions.models import Discussion
from udata.i18n import lazy_gettext as _

from ..contributions import discussions, review_rules
from ..contributions.repository import replace
from ..contributions.review_rules import REMOVED, Visibility
from ..people.models import Contributor, Kind, account_key, gone_key
from ..portal import catalogue
from ..portal.collections import confirmed, now
from ..web import listing, refusals
from ..web.languages import speaking
from ..web.listing import Page
from ..web.untyped import Document, Query
from . import discussion
from .discussion import Cast, id_of, natively_told
from .models import Message, Request, messages, requests
from .signals import on_request_changed, on_request_message

#: A message of a discussion, as udata stores it.
Native = Document

#: The text that udata leaves of messages deleted with their account.
ERASED = "DELETED"
#: Most messages read that are ours but not in the discussion.
ASIDE = 1000


def write(
    request: Request,
    contributor: Contributor,
    role: str,
    text: str,
    submission: str | None = None,
    why: list[str] | None = None,
) -> tuple[Message, bool]:
    """Store a message. Return it, and whether it is new (False: a retry). `why`: the reasons to
    wait for a moderator, if any. A task calls `announce` later."""
    message: Message = {
        "_id": ObjectId(),
        "request": request["_id"],
        "message_id": str(uuid4()),
        "contributor": contributor,
        "role": role,
        "text": text,
        "visibility": Visibility.PUBLIC,
        "created_at": now(),
        "untold": True,
    }
    review_rules.await_moderation(message, why or [])
    if why:
        message["review"]["organization"] = request.get("organization")
    if submission:
        message["submission_id"] = submission
    try:
        messages().insert_one(message)
    except DuplicateKeyError:
        earlier = messages().find_one(
            {"contributor.key": contributor["key"], "submission_id": submission}
        )
        if earlier is None:
            raise
        return confirmed(messages(), earlier) or earlier, False
    return message, True


def announce(request_id: ObjectId) -> int:
    """Notify of new messages: udata its own recipients, we the others. Return how many there were.
    Idempotent: udata is asked once, the outbox knows its mails."""
    waiting = {"request": request_id, "untold": True, "visibility": Visibility.PUBLIC}
    untold = list(messages().find(waiting, sort=[("_id", 1)]))
    if not untold:
        return 0
    discussion.tell(request_id)
    request = requests().find_one({"_id": request_id})
    for row in untold:
        told: set[ObjectId] = set()
        row = messages().find_one({"_id": row["_id"]}) or row
        if row["visibility"] != Visibility.PUBLIC:
            continue
        if request and request.get("discussed") and row.get("discussion") == request["discussion"]:
            told = natively_told(request)
            claim = {"_id": row["_id"], "announced": {"$exists": False}}
            if messages().update_one(claim, {"$set": {"announced": now()}}).modified_count:
                discussions.announce_message(row["discussion"], row["message_id"])
        on_request_message.send(request_id, message=row, told=told)
        messages().update_one({"_id": row["_id"]}, {"$unset": {"untold": ""}})
    return len(untold)


#: Messages to show: public ones, and stubs of those that were hidden later. Spam leaves none.
_SHOWN: Query = {
    "$or": [
        {"visibility": Visibility.PUBLIC},
        {
            "visibility": Visibility.HIDDEN,
            "hidden_at": {"$exists": True},
            "hidden_reason": {"$nin": ["spam", REMOVED]},
        },
    ]
}


def read(request: Request, page: Page) -> tuple[list[Message], int, bool]:
    """Read a page of public messages, with stubs of hidden ones, the oldest first. Return the page
    (with one more where there is one), the total, and whether the total is capped. Raise Invalid
    for a page beyond the last offset.

    The words of the request and of its moves are not included: they are shown elsewhere. Of a
    discussion on a dataset that the reader may not see (any longer), only what was written here is
    shown.
    """
    if page.offset + page.size > listing.MAX_OFFSET:
        message = _("Pages of this order end at %(offset)d.", offset=listing.MAX_OFFSET)
        raise refusals.Invalid(message, {"page": message})
    found = _read_discussion(request, page) if _may_read_discussion(request) else None
    if found:
        return *found, False
    where = {"request": request["_id"]} | _SHOWN
    rows = messages().find(where, sort=[("created_at", 1), ("_id", 1)])
    return (
        [_signed(row, request) for row in rows.skip(page.offset).limit(page.size + 1)],
        *listing.count(messages(), where),
    )


def find(message_id: str, request_id: str | None = None) -> Message | None:
    """Find a public message by its id; with `request_id`, a native one about that request."""
    if request_id is None:
        public = {"_id": ObjectId(message_id), "visibility": Visibility.PUBLIC}
        return messages().find_one(public)
    request = requests().find_one({"_id": ObjectId(request_id), "discussed": True})
    if request is None:
        return None
    return native_message(request, message_id)


def native_message(request: Request, message_id: str) -> Message | None:
    """Return a message written natively, as a message of the request; None where there is none, or
    where it is ours: the words of the request, a move, a message written on its page."""
    if message_id in _left_out(request) or messages().find_one({"message_id": message_id}):
        return None
    raw = Discussion._get_collection().find_one(
        {"_id": request["discussion"]}, {"discussion": {"$elemMatch": {"id": message_id}}}
    )
    for native in (raw or {}).get("discussion") or ():
        return _as_message(native, request, Cast.of(request))
    return None


def deleted_natively(message_id: str) -> None:
    """Hide a message that was deleted in udata."""
    messages().update_one(
        {"message_id": message_id},
        {
            "$set": {
                "visibility": Visibility.HIDDEN,
                "hidden_reason": REMOVED,
                "hidden_at": now(),
                "words_until": review_rules.erased_at(now()),
            },
            "$unset": {"untold": "", "review": ""},
            "$inc": {"v": 1},
        },
    )


#: Fields of a message that a change of its words never writes.
KEPT_BY_OTHERS = frozenset(("_id", "v", "of", "discussion", "untold", "announced", "left"))


def own(request_id: ObjectId, key: str | None, message_id: object) -> Message | None:
    """Find a message by id, about that request and by the person of that key."""
    if not isinstance(message_id, str) or not ObjectId.is_valid(message_id):
        return None
    mine = {"_id": ObjectId(message_id), "request": request_id, "contributor.key": key}
    return messages().find_one(mine | {"hidden_reason": {"$ne": REMOVED}})


def rewrite(row: Message, text: str, why: list[str], holder: ObjectId | None) -> Message | None:
    """Change the words of a message, here and in the native discussion. `why`: the reasons to wait
    for a moderator. Return it as stored; None where it changed meanwhile."""
    changed = row | {"text": text}
    review_rules.await_moderation(changed, why)
    if changed.get("review"):
        changed["review"]["organization"] = holder
    if not replace(messages(), row, changed, kept_by_others=KEPT_BY_OTHERS):
        return None
    say_natively(changed)
    on_request_changed.send(row["request"])
    return changed


def say_natively(message: Message) -> None:
    """Copy the words of a message to the native discussion, or that it is hidden. Do nothing where
    it is not there."""
    if not message.get("discussion"):
        return
    with speaking(discussions.portal_language()):
        text = message["text"]
        if message["visibility"] != Visibility.PUBLIC:
            text = str(_("[Hidden by moderation]"))
        discussions.rewrite_message(message["discussion"], message["message_id"], text)


def erase(row: Message) -> None:
    """Delete a message for its author. In a native discussion, where others may have answered it, a
    sentence takes its place. Idempotent."""
    if row.get("discussion"):
        said = {
            "visibility": Visibility.HIDDEN,
            "hidden_reason": REMOVED,
            "hidden_at": now(),
            "text": ERASED,
            "contributor": {"kind": row["contributor"]["kind"], "key": gone_key()},
        }
        gone = ("untold", "review", "moderated", "words_until", "submission_id", "left")
        messages().update_one(
            {"_id": row["_id"]},
            {"$set": said, "$unset": dict.fromkeys(gone, ""), "$inc": {"v": 1}},
        )
        discussions.rewrite_message(row["discussion"], row["message_id"], discussions.withdrawn())
    else:
        messages().delete_one({"_id": row["_id"]})
    on_request_changed.send(row["request"], erased=row["_id"])


def remove_all(request_id: ObjectId) -> None:
    """Delete every message of a request that is gone."""
    messages().delete_many({"request": request_id})


def _may_read_discussion(request: Request) -> bool:
    if not request.get("discussed"):
        return False
    dataset = catalogue.find_dataset(request.get("dataset"))
    return dataset is not None and catalogue.may_read(dataset)


def _read_discussion(request: Request, page: Page) -> tuple[list[Message], int] | None:
    """Return a page of a discussion in its own order, then of the messages not in it, and the total
    of both. None where the discussion is gone."""
    elsewhere = {"discussion": {"$ne": request["discussion"]}}
    hidden = {"visibility": {"$ne": Visibility.PUBLIC}}
    aside = list(
        messages()
        .find({"request": request["_id"], "$or": [elsewhere, hidden]}, sort=[("created_at", 1)])
        .limit(ASIDE)
    )
    unseen = {row["message_id"] for row in aside if not _is_shown(row)}
    waiting = {row["message_id"] for row in aside} - unseen
    left_out = sorted(_left_out(request) | unseen)
    read = _slice(request["discussion"], left_out, sorted(waiting), page.offset, page.size + 1)
    if read is None:
        return None
    # A task may have added some to the discussion without having marked them yet.
    absent = waiting - set(read["there"])
    later = [_signed(row, request) for row in aside if row["message_id"] in absent]
    shown = _as_messages(read["page"], request) if read["page"] else []
    room = page.size + 1 - len(shown)
    start = max(0, page.offset - read["total"])
    return shown + later[start : start + room], read["total"] + len(later)


def _is_shown(row: Message) -> bool:
    """Return whether `_SHOWN` matches a message."""
    if row["visibility"] != Visibility.HIDDEN:
        return row["visibility"] == Visibility.PUBLIC
    return bool(row.get("hidden_at")) and row.get("hidden_reason") not in ("spam", REMOVED)


def _slice(
    discussion_id: ObjectId, left_out: list[str], waiting: list[str], offset: int, size: int
) -> Query | None:
    """Return a slice of the messages of a discussion: `page`, `total`, and which of `waiting` are
    `there`."""
    kept = {"$not": [{"$in": ["$$message.id", left_out]}]}
    pipeline: list[Query] = [
        {"$match": {"_id": discussion_id}},
        {
            "$project": {
                "said": {"$filter": {"input": "$discussion", "as": "message", "cond": kept}},
                "there": {"$setIntersection": ["$discussion.id", waiting]},
            }
        },
        {
            "$project": {
                "there": 1,
                "total": {"$size": "$said"},
                "page": {"$slice": ["$said", offset, size]},
            }
        },
    ]
    return next(iter(Discussion._get_collection().aggregate(pipeline)), None)


def _left_out(request: Request) -> set[str]:
    moves = {move.id for move in discussion.told_moves(request)}
    return discussions.own_ids(request) | moves


def _as_messages(natives: list[Native], request: Request) -> list[Message]:
    ids = [native["id"] for native in natives]
    rows = {row["message_id"]: row for row in messages().find({"message_id": {"$in": ids}})}
    cast = Cast.of(request)
    return [
        _as_message(native, request, cast)
        if native["id"] not in rows
        # With the words of the discussion: they may have been changed natively.
        else _signed(rows[native["id"]], request, _text(native))
        for native in natives
    ]


def _as_message(native: Native, request: Request, cast: Cast) -> Message:
    user = id_of(native.get("posted_by"))
    organization = id_of(native.get("posted_by_organization"))
    contributor: Contributor = {"kind": Kind.USER, "key": account_key(user)}
    if user:
        contributor["user"] = user
    if organization:
        contributor["kind"], contributor["organization"] = Kind.ORGANIZATION, organization
    else:
        contributor["name"] = str(user)  # signs with a name, looked up when shown
    return {
        "_id": native["id"],
        "request": request["_id"],
        "contributor": contributor,
        "role": cast.role_of(user, organization),
        "text": _text(native),
        "visibility": Visibility.PUBLIC,
        "created_at": native["posted_on"],
    }


def _signed(row: Message, request: Request, text: str | None = None) -> Message:
    """Return a stored message under its current signature; `text`: its words in the discussion."""
    signed = row | {"contributor": discussion.signed_as(row, request)}
    return signed if text is None else signed | {"text": text}


def _text(native: Native) -> str:
    text = native.get("content") or ""
    return str(_("[Deleted by its author]")) if text == ERASED else text
