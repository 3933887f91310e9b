"""Declare how people control their own contributions: how they see, correct and erase those of one
kind. Each domain does so for its own kinds, and keeps its rules: what changes something here calls
one of its actions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.i18n import gettext
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer
from ..portal import catalogue
from ..web import refusals
from ..web.moments import iso
from ..web.pages import page_address
from ..web.untyped import Payload, Query
from .moderated import AGAINST

#: A contribution of any kind, as MongoDB returns it, in the type of its domain.
Row = Any
Shown = dict[str, Any]

#: The state of words that are not public.
STANDINGS = {
    "pending": _("waits for a moderator"),
    "hidden": _("hidden"),
}
#: The label of a reason that is no moderator's.
REMOVED = _("deleted in the discussions")
REASONS = {term.id: term.label for term in vocabulary.MODERATION_REASONS}


@dataclass(frozen=True)
class Person:
    """A person, as far as they have identified themselves. `viewers`: by the keys under which they
    have contributed; `user_id`: their account; `mailbox`: the fingerprint of their address among
    contacts."""

    viewers: dict[str, Viewer] = field(default_factory=dict)
    user_id: ObjectId | None = None
    mailbox: str | None = None

    @property
    def known(self) -> bool:
        return bool(self.viewers)

    @property
    def keys(self) -> list[str]:
        return sorted(self.viewers)

    @property
    def by_token(self) -> bool:
        """Whether only a browser is recognised: words are never shown to it again."""
        return any(viewer.by_token for viewer in self.viewers.values())

    @property
    def viewer(self) -> Viewer:
        """One of their viewers, where it does not matter which."""
        return self.viewers[self.keys[0]] if self.viewers else Viewer(key=None)

    def author_of(self, row: Row) -> Viewer:
        """Return the viewer under which they made a contribution."""
        return self.viewers[row["contributor"]["key"]]


@dataclass(frozen=True)
class Way:
    """Where something is corrected: an address, reached by a link, or by a form with these hidden
    fields for a person without a session there."""

    address: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One contribution, as the page shows it. `facts`: pairs of a label and a value; `words`: pairs
    of a label (perhaps empty) and a text; `tags`: its states."""

    kind: str
    id: str
    title: str
    at: datetime
    page: str | None = None
    tags: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    words: list[tuple[str, str]] = field(default_factory=list)
    decisions: list[Shown] = field(default_factory=list)
    correct: Way | None = None
    carried: int = 0
    hint: str | None = None

    @property
    def erase(self) -> str:
        return page_address("me/erase", kind=self.kind, id=self.id)


class Owned(ABC):
    """How authors control their contributions of one kind. `kind`: its id in the API; `section`:
    the name of their list in the API."""

    kind: str
    section: str
    label: Any
    #: The label of several of them.
    many: Any
    #: Maximum lengths of its texts, by field, where a page of "my data" corrects them.
    lengths: dict[str, int] = {}

    @abstractmethod
    def collection(self) -> Collection[Row]: ...

    def where(self, person: Person) -> Query:
        """Select the contributions of a person."""
        return {"contributor.key": {"$in": person.keys}}

    @abstractmethod
    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        """Return contributions as their author sees them, in a constant number of queries: nobody
        else's data, no key."""

    @abstractmethod
    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        """Return the entries of the page for what `shown` returned."""

    def rename(self, former: str, key: str) -> None:
        """Replace a person's former key by their current one; where they have contributed under
        both, nothing changes."""
        for row in list(self.collection().find({"contributor.key": former}, {"_id": 1})):
            with suppress(DuplicateKeyError):
                self.collection().update_one(row, {"$set": {"contributor.key": key}})

    @abstractmethod
    def erase(self, person: Person, row: Row) -> None:
        """Erase one. Raise what the action of the domain raises."""

    def is_left(self, row: Row) -> bool:
        """Return whether what was just erased stays, without its author: others carry it."""
        return False

    def correct(self, person: Person, row: Row, payload: Payload) -> None:
        """Change the fields in the payload. Raise Conflict for what can only be erased, and what
        the action of the domain raises."""
        raise refusals.Conflict(_("This cannot be corrected. You can erase it."))

    def read(
        self, person: Person, *, skip: int = 0, limit: int = 0, ids: Iterable[ObjectId] = ()
    ) -> list[Row]:
        """Return what this person has contributed, latest first; only `ids` if there are any."""
        where = self.where(person)
        if ids := list(ids):
            where = {"$and": [where, {"_id": {"$in": ids}}]}
        order = [("created_at", -1), ("_id", -1)]
        return list(self.collection().find(where, sort=order, skip=skip, limit=limit))


# --- What kinds show alike ------------------------------------------------------------------------

#: Shows, for decisions as stored in contributions, how their author contests each or has contested
#: it: `contest_url`, `appeal`, by the id of the decision. In a constant number of queries.
Appealable = Callable[[list[Row], bool], dict[ObjectId, Shown]]

_appealable: list[Appealable] = []


def contest_with(appealable: Appealable) -> None:
    """Register how decisions are contested. Idempotent."""
    _appealable[:] = [appealable]


@dataclass(frozen=True)
class Contested:
    """The decisions against some contributions, with how each can be or was contested."""

    appeals: dict[ObjectId, Shown]

    @classmethod
    def of(cls, person: Person, rows: list[Row]) -> Contested:
        made = [row["moderated"] for row in rows if row.get("moderated")]
        [appealable] = _appealable
        return cls(appealable(made, person.by_token) if made else {})

    def against(self, row: Row) -> Shown | None:
        """Return the latest decision about a contribution, where it took words away."""
        made = row.get("moderated")
        if not made or made["decision"] not in AGAINST:
            return None
        label = vocabulary.find(vocabulary.MODERATION_REASONS, made["reason"]).label
        return {
            "decision": str(made["decision"]),
            "reason": made["reason"],
            "label": str(label),
            "at": iso(made["at"]),
        } | self.appeals[made["id"]]


def moderation(row: Row, contested: Contested) -> Shown:
    """Return the visibility of the words of a contribution, and why."""
    shown: Shown = {"visibility": str(row["visibility"]), "hidden_reason": None, "decision": None}
    if row["visibility"] == "hidden":
        shown["hidden_reason"] = row.get("hidden_reason")
    shown["decision"] = contested.against(row)
    return shown


def signature(person: Person, row: Row, names: dict[Any, str]) -> Shown:
    """Return the signature of a contribution; a declared name counts as words, which a browser is
    not shown."""
    contributor = row["contributor"]
    name = None if person.by_token else contributor.get("name")
    if contributor["kind"] == ContributorKind.ORGANIZATION:
        name = names.get(contributor.get("organization"))
    return {"kind": str(contributor["kind"]), "name": name}


def organizations(rows: list[Row]) -> dict[Any, str]:
    """Return the names of the organizations that sign, by id."""
    ids = {
        row["contributor"]["organization"] for row in rows if row["contributor"].get("organization")
    }
    return {id: one.name for id, one in catalogue.organizations_by_id(ids).items()}


def datasets(ids: Iterable[ObjectId]) -> dict[Any, Shown]:
    """Return the datasets that the current user may read; nothing is said of the others, not even
    their title."""
    found = catalogue.datasets_by_id(set(ids))
    return {id: one.as_json() for id, one in found.items() if catalogue.may_read(one)}


def dates(row: Row) -> Shown:
    return {"created_at": iso(row["created_at"]), "last_modified": iso(row["last_modified"])}


def entry(item: Shown, *, tags: list[str] | None = None, **more: Any) -> Entry:
    """Return the entry of something that `Owned.shown` returned, with the state of its words."""
    standing = list(tags or [])
    visibility = item.get("visibility")
    if visibility in STANDINGS:
        reason = item.get("hidden_reason")
        word = str(STANDINGS[visibility])
        if visibility == "hidden" and reason:
            named = str(REASONS.get(reason, REMOVED))
            word = gettext("%(state)s: %(reason)s", state=word, reason=named)
        standing.append(word)
    given: Query = {"decisions": [item["decision"]] if item.get("decision") else []}
    return Entry(
        kind=item["kind"],
        id=item["id"],
        at=datetime.fromisoformat(item["created_at"]),
        tags=standing,
        **(given | more),
    )


def published_under(item: Shown) -> list[tuple[str, str]]:
    """Return the name a contribution is published under, as a fact of its entry."""
    name = item["signature"]["name"]
    return [(gettext("Published under"), name)] if name else []


def keys_of(collection: Collection[Row], items: list[Shown]) -> dict[str, str]:
    """Return the key under which each of these was contributed, in one query."""
    ids = [ObjectId(item["id"]) for item in items]
    found = collection.find({"_id": {"$in": ids}}, {"contributor.key": 1})
    return {str(one["_id"]): one["contributor"]["key"] for one in found}


def local(address: str) -> str:
    """Return the address of a page of ours for links of the current response."""
    _base, pages, path = address.partition("/pages/")
    return page_address(path) if pages else address
