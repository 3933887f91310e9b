"""Moderate, one by one, words that are part of something else: an answer of a producer, the message
of a move, a text in a response to a consultation.

Their state in moderation is in `CultureFeedbackWords`. A decision is written there first, then
applied where the words were said (`apply`, idempotent): what a crash leaves between both, the
nightly maintenance does. Hidden words are kept here alone until they are erased: a notice replaces
them in what they were part of, and so in everything made of it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from mongoengine.fields import (
    BooleanField,
    DateTimeField,
    DictField,
    IntField,
    ObjectIdField,
    StringField,
)
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError
from udata.mongo.document import UDataDocument as Document

from ..mail.models import DUPLICATE_KEY
from ..people.models import Kind, account_key, gone_key
from ..portal.collections import acknowledged, now
from ..web.untyped import Query, Shown
from . import discussions, review_rules, text_checks
from .moderated import Item, Moderated
from .review_rules import Visibility, indexes
from .signals import on_words_gone

#: Checks not applied to what producers say: they give professional details on purpose.
PROFESSIONAL = frozenset(("email", "phone", "postal_address", "links"))

#: Fields of an item that are not stored with it.
LOADED = frozenset(("words", "page", "of"))

#: Texts put in the queue, or looked up, in one batch.
BATCH = 500


class CultureFeedbackWords(Document):
    """The moderation of words that are part of something else. What is public stands where it was
    said (`parent`, `part`); this is its state in moderation, which contributions of other kinds
    carry themselves (see `review_rules`).

    `held`: the words, while they are hidden there, or until the decision has been applied there
    (`unapplied`). Nothing else of them is kept here.
    """

    kind = StringField(required=True)
    parent = ObjectIdField(required=True)
    part = StringField(required=True)
    organization = ObjectIdField()
    dataset = ObjectIdField()
    request = ObjectIdField()
    discussion = ObjectIdField()
    message_id = StringField()
    contributor = DictField()
    visibility = StringField(required=True)
    hidden_reason = StringField()
    hidden_at = DateTimeField()
    words_until = DateTimeField()
    review = DictField()
    moderated = DictField()
    held = StringField()
    unapplied = BooleanField()
    created_at = DateTimeField(required=True)
    v = IntField(default=1)

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["kind", "parent", "part"], "unique": True},
            "parent",
            "contributor.user",
            {"fields": ["unapplied"], "partialFilterExpression": {"unapplied": True}},
            *indexes(),
        ],
    }


class Hidden(TypedDict):
    """The reason why a notice replaces words, and since when, where they were public before."""

    reason: str
    at: NotRequired[datetime]


class EmbeddedText(Moderated):
    """The moderation of one kind of words that are part of something else."""

    #: Whether a notice replaces hidden words where they were said.
    replaced = True
    kept_by_others = frozenset(("_id", "v")) | LOADED

    @abstractmethod
    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        """Return the words as they now stand where they were said, in a constant number of queries;
        leave out those that are gone."""

    @abstractmethod
    def show(self, item: Item, text: str, hidden: Hidden | None) -> bool:
        """Write `text` where the words were said; `hidden`: set where it replaces hidden words.
        Idempotent. Return False where they are gone."""

    def collection(self) -> Collection[Item]:
        return words()

    def where(self) -> Query:
        return {"kind": self.kind}

    def loaded(self, items: list[Item]) -> list[Item]:
        there = self.said(items) if items else {}
        return [item | {"words": there.get(item["_id"], "")} for item in items]

    def texts(self, item: Item) -> dict[str, str]:
        text = item.get("held") or item.get("words")
        return {"text": text} if text else {}

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        return item | {"held": texts["text"]} if "text" in texts else dict(item)

    def write(self, item: Item, changed: Item) -> bool:
        text = self.texts(changed).get("text")
        if text:
            changed["held"] = text
        changed["unapplied"] = True
        return super().write(item, changed)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for _before, after in changes:
            self.apply(after["_id"])

    def apply(self, id: ObjectId) -> bool:
        """Apply the decision where the words were said. Idempotent."""
        while True:
            item = self.find([id]).get(id)
            if item is None or not item.get("unapplied"):
                return False
            text = self.texts(item).get("text") or ""
            hidden = _hidden(item)
            instead = discussions.hidden_words() if hidden and self.replaced else text
            if instead and not self.show(item, instead, hidden):
                words().delete_one({"_id": id})
                return True
            held = {} if hidden and self.replaced else {"held": ""}
            unset = {"$unset": {"unapplied": "", **held}}
            if words().update_one({"_id": id, "v": item["v"]}, unset).modified_count:
                return True

    def open(self, parent: ObjectId, part: str, **fields: Any) -> ObjectId:
        """Return the id under which these words are moderated; create their record on first
        need."""
        where = {"kind": self.kind, "parent": parent, "part": part}
        known = words().find_one(where, {"_id": 1})
        if known is None:
            known = self.new(parent, part, **fields)
            try:
                words().insert_one(known)
            except DuplicateKeyError:  # another process has just created it
                return self.open(parent, part, **fields)
        found: ObjectId = known["_id"]
        return found

    def new(self, parent: ObjectId, part: str, **fields: Any) -> Item:
        """Return a new record of words about which nothing was decided yet. Fields that are None
        are left out."""
        made: Item = {
            "_id": ObjectId(),
            "kind": self.kind,
            "parent": parent,
            "part": part,
            "visibility": Visibility.PUBLIC.value,
            "created_at": now(),
            "v": 1,
        }
        return made | {key: value for key, value in fields.items() if value is not None}

    def look(self, id: ObjectId, why: list[str]) -> None:
        """Put words in the queue unless a moderator has looked at them, or they are in it."""

        def queued(item: Item) -> Item | None:
            if item.get("moderated") or item.get("review"):
                return None
            changed = dict(item)
            review_rules.put_in_queue(changed, why)
            return changed

        written = self.change(id, queued)
        if written:
            self.announce([written])

    # --- Upkeep -----------------------------------------------------------------------------------

    def apply_all(self) -> int:
        """Apply all decisions not yet applied where the words were said."""
        waiting = list(words().find({"unapplied": True, "kind": self.kind}, {"_id": 1}))
        return sum(self.apply(one["_id"]) for one in waiting)

    def forget_orphans(self) -> int:
        """Delete the records whose words are gone with what they were part of."""
        gone = 0
        items: list[Item] = []
        for item in words().find({"kind": self.kind}, {"parent": 1, "part": 1}):
            items.append(item)
            if len(items) == BATCH:
                gone, items = gone + self._forget(items), []
        return gone + self._forget(items)

    def _forget(self, items: list[Item]) -> int:
        there = self.said(items) if items else {}
        gone = [item["_id"] for item in items if item["_id"] not in there]
        return words().delete_many({"_id": {"$in": gone}}).deleted_count if gone else 0


def words() -> Collection[Item]:
    return acknowledged(CultureFeedbackWords)


def insert(items: list[Item]) -> int:
    """Insert records that are not there yet; return how many those were."""
    if not items:
        return 0
    try:
        return len(words().insert_many(items, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failed["code"] != DUPLICATE_KEY for failed in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])


def reasons_to_look(text: str) -> list[str]:
    """Return what the checks find in a text of a producer, professional details aside."""
    found = dict.fromkeys(finding.check for finding in text_checks.inspect(text))
    return [check for check in found if check not in PROFESSIONAL]


def account(user: ObjectId | None, organization: ObjectId | None) -> Shown:
    """Return the contributor of what an account says, under its organization or its own name."""
    signed: Document = {"kind": Kind.USER.value, "key": account_key(user)}
    if user:
        signed |= {"user": user, "name": str(user)}
    if organization:
        signed |= {"kind": Kind.ORGANIZATION.value, "organization": organization}
    found: Shown = signed
    return found


# --- What they are part of changes ----------------------------------------------------------------


def has_parts(parent: ObjectId) -> bool:
    """Return whether any part of a contribution is moderated separately: one look at an index."""
    return words().find_one({"parent": parent}, {"_id": 1}) is not None


def forget(parent: ObjectId, parts: Iterable[str] | None = None) -> None:
    """Delete the records of words with what they were part of, or of some `parts` of it."""
    gone: Query = {"parent": parent}
    if parts is not None:
        gone["part"] = {"$in": list(parts)}
    ids = [one["_id"] for one in words().find(gone, {"_id": 1})]
    if ids:
        on_words_gone.send(ids)
        words().delete_many({"_id": {"$in": ids}})


def forget_account(user_id: ObjectId) -> int:
    """Remove a deleted account from what is kept here of its words."""
    known = {"contributor.user": user_id}
    nobody = {
        "$set": {"contributor.key": gone_key()},
        "$unset": {"contributor.user": "", "contributor.name": ""},
    }
    return words().update_many(known, nobody).modified_count


def move_to(parent: ObjectId, organization: ObjectId | None) -> None:
    """Move the records of words to another organization, with what they are part of."""
    elsewhere = {"parent": parent, "organization": {"$ne": organization}}
    words().update_many(elsewhere, {"$set": {"organization": organization}})


def _hidden(item: Item) -> Hidden | None:
    if item["visibility"] != Visibility.HIDDEN:
        return None
    hidden = Hidden(reason=item.get("hidden_reason", ""))
    if item.get("hidden_at"):
        hidden["at"] = item["hidden_at"]
    return hidden
