"""Describe requests, their supports, messages and the words of their moves to the registry of
kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.collection import Collection
from udata.i18n import gettext
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import embedded_texts, owned
from ..contributions.embedded_texts import EmbeddedText, Hidden
from ..contributions.kinds import Flagged, Kind
from ..contributions.moderated import Item, Moderated, named
from ..contributions.owned import Contested, Entry, Owned, Person, Row, Shown, Way
from ..contributions.review_rules import Visibility, with_name
from ..people.access_modes import Action
from ..people.viewer import Viewer
from ..portal.collections import now
from ..search.terms import terms
from ..web import refusals
from ..web.moments import iso, portal_zone
from ..web.pages import page_address
from ..web.untyped import Payload, Query
from ..web.urls import api_url, pages_url
from . import (
    actions,
    adoption,
    discussion,
    following,
    lifecycle,
    move_messages,
    replies,
    repository,
    upkeep,
)
from . import messages as conversation
from . import supports as supports_of_requests
from .by_email import FollowByEmail, RequestByEmail, SupportByEmail
from .clock import Clock
from .forms import TITLE_LENGTH
from .import_form import ImportOfPlan
from .models import TOLD, follows, messages, requests, supports
from .signals import on_request_changed
from .workflow import OPEN, Role, Status

#: Prefix of the reference of a move, where a reader reports it.
MOVE = "move-"

STATUSES = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}


class ModeratedRequest(Moderated):
    kind = "request"
    label = _("Request for data")
    restored = ("received_at", "clock", "slug")
    left_out = ("terms", "counted", "live", "last", "history")
    thread = discussion.THREAD

    def collection(self) -> Collection[Item]:
        return requests()

    def where(self) -> Query:
        return {"removed": {"$exists": False}}

    def texts(self, item: Item) -> dict[str, str]:
        fields = {field: item.get(field) for field in ("title", "description", "spatial")}
        return with_name(item, fields)

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = named(item, texts)
        for field in ("title", "description", "spatial"):
            if field in texts and changed.get(field) is not None:
                changed[field] = texts[field]
        changed["terms"] = terms(f"{changed['title']} {changed['description']}")
        if changed["title"] != item["title"]:
            # The address is made of the words of the title.
            changed["slug"] = repository.free_slug(changed["title"], taken=True)
        return changed

    def write(self, item: Item, changed: Item) -> bool:
        public = changed["visibility"] == Visibility.PUBLIC
        return repository.replace(item, changed, due=[TOLD] if public else [])

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for _before, after in changes:
            repository.written(after)

    def published(self, item: Item) -> Item:
        """Start the clock of a published request: its holder has it from now on."""
        delivered = item.get("received_at") or not item.get("organization")
        if item.get("told") is not None and delivered:
            return item
        months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
        moment = now()
        changed = item | {"clock": Clock.start(moment, months, portal_zone()).to_mongo()}
        return changed | ({"received_at": moment} if item.get("organization") else {})

    def page(self, item: Item) -> str | None:
        return pages_url(f"requests/{item['slug']}/")


class ModeratedMessage(Moderated):
    kind = "message"
    label = _("Message about a request")
    organization_field = "review.organization"
    in_message = True
    kept_by_others = conversation.KEPT_BY_OTHERS

    def collection(self) -> Collection[Item]:
        return messages()

    def texts(self, item: Item) -> dict[str, str]:
        return with_name(item, {"text": item.get("text")})

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        changed = named(item, texts)
        return changed | ({"text": texts["text"]} if "text" in texts else {})

    def organization(self, item: Item) -> ObjectId | None:
        request = item.get("of") or _about(item["request"])
        return request.get("organization") if request else None

    def loaded(self, items: list[Item]) -> list[Item]:
        return _with_requests(items)

    def find(self, ids: Iterable[ObjectId]) -> dict[ObjectId, Item]:
        """Find messages with their requests (`of`), in two queries; without those of removed
        requests."""
        return {id: item for id, item in super().find(ids).items() if item.get("of")}

    def write(self, item: Item, changed: Item) -> bool:
        if changed.get("review"):
            changed["review"] = changed["review"] | {"organization": self.organization(changed)}
        return super().write(item, changed)

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        for before, after in changes:
            conversation.say_natively(after)
            if before["visibility"] != after["visibility"] == Visibility.PUBLIC:
                self._take_up(after)
            on_request_changed.send(after["request"])

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        if message_id is None:
            return None
        found = messages().find_one({"message_id": message_id}, {"_id": 1})
        return found["_id"] if found else None

    def page(self, item: Item) -> str | None:
        request = item.get("of") or _about(item["request"])
        return pages_url(f"requests/{request['slug']}/#cf-messages") if request else None

    def _take_up(self, message: Item) -> None:
        """Apply a message that has just become public to its request (see `replies`)."""
        contributor = message["contributor"]
        author = Viewer(key=contributor["key"], user_id=contributor.get("user"))
        replies.take_up(
            message["request"],
            author,
            Role(message["role"]),
            message["created_at"],
            str(message["_id"]),
        )


class Moves(EmbeddedText):
    """The words of a move of a request: a refusal, a question."""

    kind = "move"
    label = _("Message with a step of a request")
    in_message = True

    def said(self, items: list[Item]) -> dict[ObjectId, str]:
        ids = [item["parent"] for item in items]
        standing = {"_id": {"$in": ids}, "removed": {"$exists": False}}
        found = {one["_id"]: one for one in requests().find(standing, {"history": 1})}
        said = {
            item["_id"]: move_messages.said_with(found[item["parent"]], int(item["part"]))
            for item in items
            if item["parent"] in found
        }
        return {id: message for id, message in said.items() if message}

    def loaded(self, items: list[Item]) -> list[Item]:
        return _with_requests(super().loaded(items))

    def show(self, item: Item, text: str, hidden: Hidden | None) -> bool:
        return move_messages.moderate(item["parent"], int(item["part"]), text, hidden)

    def discussed(self, discussion_id: ObjectId, message_id: str | None) -> ObjectId | None:
        request = requests().find_one({"discussion": discussion_id}) if message_id else None
        if request is None:
            return None
        for move in discussion.told_moves(request):
            if move.id == message_id and move.entry.get("message"):
                return self.of(request, move.number, message_id)
        return None

    def of(self, request: Item, number: int, message_id: str | None = None) -> ObjectId:
        """Return the id of the words of an entry of the history, from 1."""
        entry = request["history"][number - 1]
        by = entry["by"]
        contributor = (
            request["contributor"]
            if by["role"] == Role.REQUESTER
            else embedded_texts.account(by.get("user"), by.get("organization"))
        )
        return self.open(
            request["_id"],
            str(number),
            request=request["_id"],
            dataset=request.get("dataset"),
            organization=request.get("organization"),
            contributor=contributor,
            created_at=entry["at"],
            discussion=request.get("discussion") if message_id else None,
            message_id=message_id,
        )

    def page(self, item: Item) -> str | None:
        request = item.get("of") or _about(item["parent"])
        return pages_url(f"requests/{request['slug']}/#cf-history") if request else None

    def look_at(self, request: Item, number: int) -> None:
        """Put the holder's words of a move in the moderation queue, where the checks find
        something. (A requester's words were checked before they were sent.)"""
        message = move_messages.said_with(request, number)
        entry = request["history"][number - 1] if message else {}
        if not message or entry.get("hidden"):
            return
        if why := embedded_texts.reasons_to_look(message):
            self.look(self.of(request, number), why)

    def follow(self, request_id: ObjectId) -> None:
        """Have moves follow their request to another organization; forget them with it, and those
        of a requester who has left it."""
        if not embedded_texts.has_parts(request_id):
            return
        fields = {"organization": 1, "removed": 1, "detached": 1, "history.by.role": 1}
        request = requests().find_one({"_id": request_id}, fields)
        if request is None or request.get("removed"):
            embedded_texts.forget(request_id)
            return
        if request.get("detached"):
            history = enumerate(request["history"], 1)
            asked = [str(n) for n, entry in history if entry["by"]["role"] == Role.REQUESTER]
            embedded_texts.forget(request_id, asked)
        embedded_texts.move_to(request_id, request.get("organization"))


class OwnRequest(Owned):
    kind = "request"
    section = "requests"
    label = _("Request for data")
    many = _("Requests for data")
    lengths = {"title": TITLE_LENGTH}

    def collection(self) -> Collection[Row]:
        return requests()

    def where(self, person: Person) -> Query:
        return super().where(person) | {"removed": {"$exists": False}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = owned.datasets(row["dataset"] for row in rows if row.get("dataset"))
        signatures, contested = owned.organizations(rows), Contested.of(person, rows)
        fields = ("themes", "usages", "profile", "evidence_url", "formats", "frequency", "spatial")
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "title": row["title"],
                "description": row["description"],
                "request_kind": row["kind"],
                "dataset": about.get(row.get("dataset")),
                **{name: row.get(name) for name in fields},
                "signature": owned.signature(person, row, signatures),
                "status": row["status"],
                "open_data": bool(row.get("open_data")),
                "supports": (row.get("totals") or {}).get("supports", 0),
                "moves": _own_moves(row),
                **owned.moderation(row, contested),
                **owned.dates(row),
                "self_api_url": api_url(f"requests/{row['_id']}/"),
                "self_web_url": pages_url(f"requests/{row['slug']}/"),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        return [self._entry(item) for item in items]

    def _entry(self, item: Shown) -> Entry:
        status = str(STATUSES[item["status"]])
        moves = [(gettext("With a move"), m["message"]) for m in item["moves"] if m["message"]]
        here = Way(page_address(f"me/requests/{item['id']}"))
        return owned.entry(
            item,
            title=item["title"],
            page=owned.local(item["self_web_url"]),
            facts=[(gettext("Status"), status), *owned.published_under(item)],
            words=[("", item["description"]), *moves],
            correct=here if Status(item["status"]) in OPEN else None,
            carried=item["supports"],
        )

    def erase(self, person: Person, row: Row) -> None:
        actions.take_back(person.author_of(row), row)

    def is_left(self, row: Row) -> bool:
        standing = {"_id": row["_id"], "removed": {"$exists": False}}
        return requests().find_one(standing, {"_id": 1}) is not None

    def correct(self, person: Person, row: Row, payload: Payload) -> None:
        actions.edit(person.author_of(row), str(row["_id"]), payload)


class OwnSupport(Owned):
    kind = "support"
    section = "supports"
    label = _("Support for a request")
    many = _("Supports for requests")

    def collection(self) -> Collection[Row]:
        return supports()

    def where(self, person: Person) -> Query:
        return {"key": {"$in": person.keys}, "direct": True}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = titles(row["target"] for row in rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "request": about.get(row["target"]),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        return [_entry_about(item) for item in items]

    def rename(self, former: str, key: str) -> None:
        supports_of_requests.rename(former, key)

    def erase(self, person: Person, row: Row) -> None:
        actions.take_support_back(person.viewers[row["key"]], row["target"])


class OwnFollow(Owned):
    kind = "follow"
    section = "follows"
    label = _("Followed request")
    many = _("Followed requests")

    def collection(self) -> Collection[Row]:
        return follows()

    def where(self, person: Person) -> Query:
        return {"key": {"$in": person.keys}}

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = titles(row["request"] for row in rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "request": about.get(row["request"]),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        return [_entry_about(item) for item in items]

    def rename(self, former: str, key: str) -> None:
        following.rename(former, key)

    def erase(self, person: Person, row: Row) -> None:
        following.take_back(row["key"], row["request"])


class OwnMessage(Owned):
    kind = "message"
    section = "messages"
    label = _("Message about a request")
    many = _("Messages about requests")

    def collection(self) -> Collection[Row]:
        return messages()

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        about = titles(row["request"] for row in rows)
        contested = Contested.of(person, rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "request": about.get(row["request"]),
                "text": None if person.by_token else row["text"],
                **owned.moderation(row, contested),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        return [
            _entry_about(item, words=[("", item["text"])] if item["text"] else []) for item in items
        ]

    def erase(self, person: Person, row: Row) -> None:
        conversation.erase(row)


MOVES = Moves()


def flagged(viewer: Viewer, reference: str, about: Any) -> Flagged:
    """Find what a reader reports: a request or, with `about`, a message about it, by its id or as
    "move-2" for the second entry of its history. Raise NotFound for what this user may not see."""
    request = actions.readable(viewer, reference)
    kind, item = "request", request
    words = f"{request['title']} — {request['description']}"
    if about is not None:
        kind, item = _said_about(request, about)
        words = item["words"] if kind == MOVES.kind else item["text"]
    return Flagged(
        kind=kind,
        item=item,
        words=words,
        where=request["title"],
        back=page_address(f"requests/{request['slug']}/"),
        action=Action.SUPPORT,
        target=request["_id"],
    )


def titles(ids: Iterable[ObjectId]) -> dict[ObjectId, Shown]:
    """Return the titles of public requests, by id."""
    public = {"_id": {"$in": list(set(ids))}, "visibility": "public"}
    return {
        one["_id"]: {
            "id": str(one["_id"]),
            "title": one["title"],
            "page": pages_url(f"requests/{one['slug']}/"),
        }
        for one in requests().find(public, {"title": 1, "slug": 1})
    }


def messages_follow(request_id: ObjectId) -> None:
    """Move the messages of a request that wait for a moderator to its new holder."""
    waiting = {"request": request_id, "review.since": {"$exists": True}}
    if not messages().find_one(waiting, {"_id": 1}):
        return
    request = requests().find_one({"_id": request_id}, {"organization": 1})
    if request:
        holder = request.get("organization")
        behind = waiting | {"review.organization": {"$ne": holder}}
        messages().update_many(behind, {"$set": {"review.organization": holder}})


def _said_about(request: Item, about: Any) -> tuple[str, Item]:
    """Find a message about a request, or the words of a move. Raise NotFound."""
    if isinstance(about, str) and about.startswith(MOVE):
        number = about.removeprefix(MOVE)
        known = number.isascii() and number.isdigit() and len(number) < 5
        if known and move_messages.said_with(request, int(number)):
            id = MOVES.of(request, int(number))
            if found := MOVES.find([id]).get(id):
                return MOVES.kind, found
    elif isinstance(about, str) and ObjectId.is_valid(about):
        message = messages().find_one({"_id": ObjectId(about), "request": request["_id"]})
        if message and message["visibility"] == Visibility.PUBLIC:
            return "message", message
    raise refusals.NotFound(_("There is no such message."))


def _with_requests(items: list[Item]) -> list[Item]:
    """Add to messages and moves the requests they are about (`of`), in one query."""
    if not items:
        return []
    wanted = {"_id": {"$in": list({item["request"] for item in items})}}
    found = {one["_id"]: one for one in requests().find(wanted, _OF_REQUESTS)}
    return [
        item | {"of": found[item["request"]]} if item["request"] in found else item
        for item in items
    ]


def _about(request_id: ObjectId) -> Item | None:
    return requests().find_one({"_id": request_id}, _OF_REQUESTS)


#: What moderators see of the request that something is about.
_OF_REQUESTS = {"title": 1, "slug": 1, "organization": 1, "dataset": 1}


def _entry_about(item: Shown, **more: Any) -> Entry:
    about = item["request"]
    title = about["title"] if about else gettext("A request that is no longer public")
    page = owned.local(about["page"]) if about else None
    return owned.entry(item, title=title, page=page, **more)


def _own_moves(row: Row) -> list[Shown]:
    return [
        {
            "from": str(entry["from"]),
            "to": str(entry["to"]),
            "at": iso(entry["at"]),
            "message": entry.get("message"),
        }
        for entry in row["history"]
        if entry["by"]["role"] == Role.REQUESTER
    ]


REQUEST = Kind(
    "request",
    moderated=ModeratedRequest(),
    owned=OwnRequest(),
    by_email=RequestByEmail(),
    flagged=flagged,
    titles=titles,
    forget_account=lifecycle.forget_account,
    following=adoption.FOLLOWING,
    imports=ImportOfPlan(),
    upkeep=upkeep.STEPS,
)
SUPPORT = Kind("support", owned=OwnSupport(), by_email=SupportByEmail())
FOLLOW = Kind("follow", owned=OwnFollow(), by_email=FollowByEmail())
MESSAGE = Kind("message", moderated=ModeratedMessage(), owned=OwnMessage())
MOVE_OF_REQUEST = Kind("move", moderated=MOVES)
