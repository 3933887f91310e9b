"""Declare how contributions of one kind are moderated: where their words are, how they change, who
is told. Each domain does so for its own kinds; moderation knows nothing else about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from udata.core.discussions.models import Discussion
from udata.i18n import lazy_gettext as _

from ..web import refusals
from ..web.languages import speaking
from ..web.untyped import Query
from . import discussions, repository

#: A contribution of any kind, as MongoDB returns it, in the type of its domain.
Item = Any
How = Callable[[Item], Item | None]


class Decision(StrEnum):
    """The decision of a moderator (labels in `vocabulary.MODERATION_DECISIONS`)."""

    PUBLISH = "publish"  # it becomes public, or stays so
    REJECT = "reject"  # it never becomes public
    HIDE = "hide"  # it was public
    REDACT = "redact"  # some words are blacked out, the others are public
    RESTORE = "restore"  # as it was before the latest decision


#: Decisions that take words away.
AGAINST = frozenset((Decision.REJECT, Decision.HIDE, Decision.REDACT))


class Moderated(ABC):
    """The moderation of one kind; subclasses override what differs."""

    #: Its id, in the API and in the journal.
    kind: str
    label: Any
    #: The field with the organization it is about.
    organization_field = "organization"
    #: Fields that `restore` brings back besides the visibility and what goes with it.
    restored: tuple[str, ...] = ()
    #: Fields that are not read for a list.
    left_out: tuple[str, ...] = ()
    #: Fields that a decision neither sets nor removes.
    kept_by_others: frozenset[str] = frozenset(("_id", "v"))
    #: How its words are mirrored in native discussions, if they are.
    thread: discussions.Thread | None = None
    #: Whether to hide from moderators who wrote it and when, and what else its author has said:
    #: answers to consultations stay sealed, and results name nobody.
    nameless = False
    #: Whether it is one message of a native discussion, not a whole one.
    in_message = False

    @abstractmethod
    def collection(self) -> Collection[Item]: ...

    @abstractmethod
    def texts(self, item: Item) -> dict[str, str]:
        """Return its words, by field."""

    @abstractmethod
    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        """Return the contribution with these words, and with what follows from them."""

    @abstractmethod
    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        """Tell everything that depends on what was written: figures, discussions, searches,
        mails."""

    def where(self) -> Query:
        """Select the existing contributions of this kind."""
        return {}

    def organization(self, item: Item) -> ObjectId | None:
        """Return the organization whose moderators decide about it."""
        found: ObjectId | None = item.get("organization")
        return found

    def published(self, item: Item) -> Item:
        """Return the contribution as it becomes public for the first time."""
        return item

    def page(self, item: Item) -> str | None:
        """Return the address of its page."""
        return None

    def loaded(self, items: list[Item]) -> list[Item]:
        """Add to contributions what is stored elsewhere, in a constant number of queries."""
        return items

    def find(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Item]:
        """Return the existing contributions with these ids."""
        found = self.collection().find({"_id": {"$in": list(ids)}} | self.where())
        return {item["_id"]: item for item in self.loaded(list(found))}

    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        """Apply `how` with compare-and-set, again after a concurrent change.

        Return the contribution before and after; None where it is gone, or `how` returns None.
        Nothing is announced yet. Raise Conflict where others keep changing it.
        """
        for _attempt in range(repository.ATTEMPTS):
            item = self.find([id]).get(id)
            changed = how(item) if item else None
            if item is None or changed is None:
                return None
            if self.write(item, changed):
                return item, changed
        raise refusals.Conflict(_("Others keep changing this: try again."))

    def write(self, item: Item, changed: Item) -> bool:
        """Write a contribution unless it has changed since it was read; return whether it was
        written."""
        return repository.replace(
            self.collection(), item, changed, kept_by_others=self.kept_by_others
        )

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        """Return the id of the contribution behind a native discussion, or behind one message of
        it."""
        if self.thread is None:
            return None
        here = {"discussion": discussion_id} | self.where()
        found = self.collection().find_one(here, {"messages": 1})
        if found is None or (message_id and message_id not in discussions.own_ids(found)):
            return None
        value: ObjectId | None = found["_id"]
        return value

    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        """Black words out of native discussions, titles included. An author's edit adds a
        complement once somebody has replied; this rewrites the messages instead."""
        if self.thread is None:
            return
        one = self.collection().find_one({"_id": item["_id"]})
        if not one or not one.get("discussed") or not one.get("messages"):
            return
        last = len(one["messages"]) - 1
        said = discussions.fingerprint(self.thread.words(one))
        self.collection().update_one(
            {"_id": one["_id"], "messages": one["messages"]},
            {"$set": {f"messages.{last}.words": said}},
        )
        with speaking(discussions.portal_language()):
            title = self.thread.title(one)
        native = Discussion._get_collection()
        native.update_one({"_id": one["discussion"]}, {"$set": {"title": title}})
        raw = native.find_one({"_id": one["discussion"]}) or {}
        ours = discussions.own_ids(one)
        for message in raw.get("discussion", ()):
            if message["id"] in ours:
                text = without(message["content"], strings, placeholder)
                discussions.rewrite_message(one["discussion"], message["id"], text)


def named(item: Item, texts: dict[str, str]) -> Item:
    """Return a copy of a contribution, under the name among `texts` if there is one."""
    if "name" not in texts or not item["contributor"].get("name"):
        return dict(item)
    return item | {"contributor": item["contributor"] | {"name": texts["name"]}}


def without(text: str, strings: list[str], placeholder: str) -> str:
    """Return a text with these strings replaced, the longest first: one may be part of another."""
    for string in sorted(strings, key=len, reverse=True):
        text = text.replace(string, placeholder)
    return text
