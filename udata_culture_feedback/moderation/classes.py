"""The classes of contributions that are moderated: where each keeps its words, how it is changed,
and who hears of it. One class here says all that the moderation needs to know of one of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.collection import Collection
from udata.core.discussions.models import Discussion
from udata.i18n import lazy_gettext as _

from ..contributions import discussions as threads
from ..contributions.review_rules import Visibility, with_name
from ..data_requests import discussion as request_discussion
from ..data_requests import models as request_models
from ..data_requests import replies, repository
from ..data_requests.clock import Clock
from ..data_requests.models import TOLD
from ..data_requests.signals import on_request_changed
from ..data_requests.workflow import Role
from ..feedback import actions as feedback_actions
from ..feedback import discussion as feedback_discussion
from ..feedback import models as feedback_models
from ..feedback import summaries
from ..feedback.signals import on_feedback_changed
from ..people.viewer import Viewer
from ..portal.collections import now
from ..search.terms import terms
from ..web import refusals
from ..web.languages import speaking
from ..web.moments import portal_zone
from ..web.urls import pages_url

#: A contribution, as MongoDB gives it.
#: A contribution of any class: each domain has the type of its own.
Item = Any
How = Callable[[Item], Item | None]

#: Tries before giving up on a contribution that others keep changing.
ATTEMPTS = 20


class Moderated(ABC):
    """One class of contributions."""

    #: Its id, in the API and in the journal.
    kind: str
    label: Any
    #: The field that has the organization it is about.
    organization_field = "organization"
    #: What `restore` brings back besides the visibility and what goes with it.
    restored: tuple[str, ...] = ()
    #: Fields that are not read for a list.
    left_out: tuple[str, ...] = ()

    @abstractmethod
    def collection(self) -> Collection: ...

    @abstractmethod
    def texts(self, item: Item) -> dict[str, str]:
        """Its words, by field."""

    @abstractmethod
    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        """The same with these words, and with what follows from them."""

    @abstractmethod
    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        """Applies `how`, again when somebody else changed it meanwhile, and answers it before and
        after; None where it is gone, or `how` answers None. Nobody hears of it yet."""

    @abstractmethod
    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        """Lets everything hear of what was written: figures, discussions, searches, mails."""

    @abstractmethod
    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        """The id of the contribution that stands in a native discussion (or in one message of
        it)."""

    def where(self) -> dict[str, Any]:
        """What is there at all."""
        return {}

    def organization(self, item: Item) -> ObjectId | None:
        return item.get("organization")

    def published(self, item: Item) -> Item:
        """It becomes public for the first time."""
        return item

    @abstractmethod
    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        """Blacks words out of what was said in native discussions, in titles too."""

    def find(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Item]:
        found = self.collection().find({"_id": {"$in": list(ids)}} | self.where())
        return {item["_id"]: item for item in self.loaded(list(found))}

    def loaded(self, items: list[Item]) -> list[Item]:
        """Contributions as they were read, with what is elsewhere of them, in as many queries
        whatever their number."""
        return items

    def page(self, item: Item) -> str | None:
        """The address of its page."""
        return None


class FeedbackClass(Moderated):
    kind = "feedback"
    label = _("Comment")
    left_out = ("terms", "counted", "live")

    def collection(self) -> Collection:
        return feedback_models.feedbacks()

    def where(self) -> dict[str, Any]:
        return {"deleted": {"$exists": False}}

    def texts(self, item: Item) -> dict[str, str]:
        return with_name(item, {"comment": item.get("comment")})

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = _named(item, texts)
        if "comment" in texts and changed.get("comment") is not None:
            changed["comment"] = texts["comment"]
            changed["terms"] = terms(texts["comment"])
        return changed

    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        def write(item: Item, changed: Item) -> bool:
            changed["live"] = feedback_models.live_totals(changed)
            return feedback_actions.replace(item, changed)

        return write_again(self, id, how, write)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for dataset_id in {after["dataset"] for _before, after in changes}:
            summaries.settle_dataset(dataset_id)
        for _before, after in changes:
            on_feedback_changed.send(after["_id"], dataset=after["dataset"])

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        found = self.collection().find_one(
            {"discussion": discussion_id} | self.where(), {"messages": 1}
        )
        if found is None:
            return None
        if message_id and message_id not in threads.own_ids(found):
            return None  # somebody else's message in the discussion
        return found["_id"]

    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        _black_out(feedback_discussion.THREAD, item, strings, placeholder)

    def page(self, item: Item) -> str | None:
        return pages_url(f"datasets/{item['dataset']}/#feedback-{item['_id']}")


class RequestClass(Moderated):
    kind = "request"
    label = _("Request for data")
    restored = ("received_at", "clock", "slug")
    left_out = ("terms", "counted", "live", "last", "history")

    def collection(self) -> Collection:
        return request_models.requests()

    def where(self) -> dict[str, Any]:
        return {"removed": {"$exists": False}}

    def texts(self, item: Item) -> dict[str, str]:
        fields = {field: item.get(field) for field in ("title", "description", "spatial")}
        return with_name(item, fields)

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = _named(item, texts)
        for field in ("title", "description", "spatial"):
            if field in texts and changed.get(field) is not None:
                changed[field] = texts[field]
        changed["terms"] = terms(f"{changed['title']} {changed['description']}")
        if changed["title"] != item["title"]:
            # The address is made of the words of the title.
            changed["slug"] = repository.free_slug(changed["title"], taken=True)
        return changed

    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        def write(item: Item, changed: Item) -> bool:
            public = changed["visibility"] == Visibility.PUBLIC
            return repository.replace(item, changed, due=[TOLD] if public else [])

        return write_again(self, id, how, write)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for _before, after in changes:
            repository.written(after)

    def published(self, item: Item) -> Item:
        """Its holder has it from now on: the clock starts."""
        delivered = item.get("received_at") or not item.get("organization")
        if item.get("told") is not None and delivered:
            return item
        months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
        moment = now()
        changed = item | {"clock": Clock.start(moment, months, portal_zone()).to_mongo()}
        return changed | ({"received_at": moment} if item.get("organization") else {})

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        found = self.collection().find_one(
            {"discussion": discussion_id} | self.where(), {"messages": 1}
        )
        if found is None or (message_id and message_id not in threads.own_ids(found)):
            return None
        return found["_id"]

    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        _black_out(request_discussion.THREAD, item, strings, placeholder)

    def page(self, item: Item) -> str | None:
        return pages_url(f"requests/{item['slug']}/")


class MessageClass(Moderated):
    kind = "message"
    label = _("Message about a request")
    organization_field = "review.organization"

    def collection(self) -> Collection:
        return request_models.messages()

    def texts(self, item: Item) -> dict[str, str]:
        return with_name(item, {"text": item.get("text")})

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = _named(item, texts)
        return changed | ({"text": texts["text"]} if "text" in texts else {})

    def organization(self, item: Item) -> ObjectId | None:
        request = item.get("of") or self._request(item)
        return request.get("organization") if request else None

    def find(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Item]:
        """With their requests (`of`), in two queries."""
        found = super().find(ids)
        wanted = {item["request"] for item in found.values()}
        requests = {
            one["_id"]: one
            for one in request_models.requests().find(
                {"_id": {"$in": list(wanted)}}, {"organization": 1, "dataset": 1}
            )
        }
        return {
            id: item | {"of": requests[item["request"]]}
            for id, item in found.items()
            if item["request"] in requests
        }

    def change(self, id: ObjectId, how: How) -> tuple[Item, Item] | None:
        def write(item: Item, changed: Item) -> bool:
            if changed.get("review"):
                changed["review"] = changed["review"] | {"organization": self.organization(changed)}
            kept = {key: value for key, value in changed.items() if key not in _OF_OTHERS}
            gone = {key: "" for key in item if key not in changed and key not in _OF_OTHERS}
            update = {"$set": kept, "$inc": {"v": 1}} | ({"$unset": gone} if gone else {})
            # Those written before they were moderated have no `v`.
            unmoved = {"_id": id, "v": item.get("v")}
            return bool(self.collection().update_one(unmoved, update).modified_count)

        return write_again(self, id, how, write)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for before, after in changes:
            say_natively(after)
            if before["visibility"] != after["visibility"] == Visibility.PUBLIC:
                self._take_up(after)
            on_request_changed.send(after["request"])

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        if message_id is None:
            return None
        found = self.collection().find_one({"message_id": message_id}, {"_id": 1})
        return found["_id"] if found else None

    def black_out_natively(self, item: Item, strings: list[str], placeholder: str) -> None:
        """`announce` says there what it says here."""

    def page(self, item: Item) -> str | None:
        slug = item.get("slug")
        if not slug:
            request = self._request(item)
            slug = request["slug"] if request else None
        return pages_url(f"requests/{slug}/#cf-messages") if slug else None

    def _take_up(self, message: Item) -> None:
        """What an answer does to a request, it does once it is public."""
        contributor = message["contributor"]
        author = Viewer(key=contributor["key"], user_id=contributor.get("user"))
        replies.take_up(
            message["request"],
            author,
            Role(message["role"]),
            message["created_at"],
            str(message["_id"]),
        )

    def _request(self, item: Item) -> Item | None:
        return request_models.requests().find_one(
            {"_id": item["request"]}, {"slug": 1, "organization": 1}
        )


#: Fields of a message that others write.
_OF_OTHERS = frozenset(("_id", "v", "of", "discussion", "untold", "announced", "left"))

CLASSES: dict[str, Moderated] = {
    one.kind: one for one in (FeedbackClass(), RequestClass(), MessageClass())
}


def register(moderated: Moderated) -> None:
    """Adds a class (see `elsewhere`)."""
    CLASSES[moderated.kind] = moderated


def find(ids: Iterable[ObjectId]) -> dict[ObjectId, tuple[Moderated, Item]]:
    """The contributions of any class that have these ids, in as many queries as there are
    classes."""
    ids = list(ids)
    return {
        id: (moderated, item)
        for moderated in CLASSES.values()
        for id, item in moderated.find(ids).items()
    }


def discussed(discussion_id: ObjectId, message_id: str | None) -> tuple[Moderated, ObjectId] | None:
    """What of ours is said in a native discussion, or in one message of it."""
    for moderated in CLASSES.values():
        found = moderated.discussed(discussion_id, message_id)
        if found:
            return moderated, found
    return None


def say_natively(message: Item) -> None:
    """Makes a message say in the native discussion what it says here: the same words, or that it
    is hidden. Nothing happens where it never was there."""
    if not message.get("discussion"):
        return
    with speaking(threads.portal_language()):
        text = message["text"]
        if message["visibility"] != Visibility.PUBLIC:
            text = str(_("[Hidden by moderation]"))
        threads.rewrite_message(message["discussion"], message["message_id"], text)


def write_again(
    moderated: Moderated, id: ObjectId, how: How, write: Callable[[Item, Item], bool]
) -> tuple[Item, Item] | None:
    """What `Moderated.change` is, for a class that knows how to `write` over what nobody has
    changed since it was read."""
    for _attempt in range(ATTEMPTS):
        item = moderated.find([id]).get(id)
        changed = how(item) if item else None
        if item is None or changed is None:
            return None
        if write(item, changed):
            return item, changed
    raise refusals.Conflict(_("Others keep changing this: try again."))


def _named(item: Item, texts: dict[str, str]) -> Item:
    if "name" not in texts or not item["contributor"].get("name"):
        return dict(item)
    return item | {"contributor": item["contributor"] | {"name": texts["name"]}}


def _black_out(thread: threads.Thread, item: Item, strings: list[str], placeholder: str) -> None:
    """Rewrites our messages in a native discussion instead of adding a complement to them, which is
    what an author's edit does once somebody has answered."""
    one = thread.collection().find_one({"_id": item["_id"]})
    if not one or not one.get("discussed") or not one.get("messages"):
        return
    last = len(one["messages"]) - 1
    thread.collection().update_one(
        {"_id": one["_id"], "messages": one["messages"]},
        {"$set": {f"messages.{last}.words": threads.fingerprint(thread.words(one))}},
    )
    discussions = Discussion._get_collection()
    with speaking(threads.portal_language()):
        title = thread.title(one)
    discussions.update_one({"_id": one["discussion"]}, {"$set": {"title": title}})
    raw = discussions.find_one({"_id": one["discussion"]}) or {}
    ours = threads.own_ids(one)
    for message in raw.get("discussion", ()):
        if message["id"] in ours:
            said = black_out(message["content"], strings, placeholder)
            threads.rewrite_message(one["discussion"], message["id"], said)


def black_out(text: str, strings: list[str], placeholder: str) -> str:
    """A text without these strings, the longest first: one may be part of another."""
    for string in sorted(strings, key=len, reverse=True):
        text = text.replace(string, placeholder)
    return text
