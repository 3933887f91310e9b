"""Reading the journal of decisions: who decided what, when and why, and what was undone. It holds
no words: those of a line are looked up in the contribution, as they are now, for readers who may
see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, TypedDict

from bson import ObjectId
from flask import request
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import kinds
from ..contributions.moderated import Decision
from ..opendata.tables import Column, Table, terms
from ..people.viewer import Viewer
from ..portal import catalogue
from ..search.terms import fold
from ..web import listing, refusals
from ..web.listing import Page
from ..web.moments import iso, portal_zone
from ..web.text_cleaning import excerpt
from ..web.untyped import Query
from ..web.untyped import Shown as Object
from . import actions, permissions
from .models import Line, journal


class Person(TypedDict):
    """A moderator. `name`: None where their account is gone."""

    id: str
    name: str | None


class Undone(TypedDict):
    """By whom and when a decision was taken back."""

    at: str | None
    by: Person | None


#: A line as the API shows it. `words`, `dataset`, `self_web_url`: for readers who moderate what the
#: line is about; `stands`: nothing was decided about it since.
Shown = TypedDict(
    "Shown",
    {
        "id": str,
        "batch": str,
        "at": str,
        "by": Person | None,
        "role": str | None,
        "decision": str,
        "reason": str,
        "before": str | None,
        "class": str,
        "item": str,
        "words": str | None,
        "dataset": Object | None,
        "organization": Object | None,
        "self_web_url": str | None,
        "undone": Undone | None,
        "stands": bool,
        "undo_until": str,
    },
)


@dataclass(frozen=True)
class Together:
    """Decisions of one gesture. `count`: how many; `lines`: the latest of them, as shown."""

    count: int
    lines: list[Shown]


#: Filters: their argument, and the field of a line that it is compared with.
CHOICES = {"class": "kind", "decision": "decision", "reason": "reason"}
#: Most lines that a search for words reads, the latest first.
SEARCHED = 2000
#: Most lines that a page of gestures reads, and most of one gesture that it shows.
GATHERED, TOGETHER = 2000, 20
#: Lines looked up at once.
BATCH = 200
#: Longest excerpt of the words in a line, in characters.
SHOWN_WORDS = 200


def table() -> Table:
    """Describe the file. No words are in it."""
    named: tuple[tuple[str, Any, tuple[tuple[str, str], ...]], ...] = (
        ("id", _("Decision"), ()),
        ("at", _("Date"), ()),
        ("by", _("Moderator"), ()),
        ("role", _("Role"), ()),
        ("decision", _("What was decided"), terms(vocabulary.MODERATION_DECISIONS)),
        ("reason", _("Reason"), terms(vocabulary.MODERATION_REASONS)),
        ("class", _("Kind"), tuple((id, str(k.label)) for id, k in kinds.moderated().items())),
        ("item", _("Contribution"), ()),
        ("organization", _("Organization"), ()),
        ("batch", _("Decided together"), ()),
        ("undone_at", _("Undone on"), ()),
    )
    columns = (
        Column(name, title, itemgetter(at), values=labels)
        for at, (name, title, labels) in enumerate(named)
    )
    return Table.plain("moderation", *columns)


@dataclass
class Filters:
    """Filters of the journal. `where`: a query of its lines; `words`: looked for in what the lines
    are about; `asked`: the arguments as the address has them."""

    where: Query = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)


def asked() -> Filters:
    """Read the filters of the query. Raise Invalid naming the argument, NotFound for an unknown
    organization."""
    names = (*CHOICES, "by", "organization", "since", "until", "q")
    given = {name: request.args[name] for name in names if request.args.get(name)}
    where: Query = {}
    for name, ids in _choices().items():
        if name in given:
            where[CHOICES[name]] = _one_of(name, given[name], ids)
    if "by" in given:
        where["by"] = _id("by", given["by"])
    if "organization" in given:
        found = catalogue.find_organization(given["organization"])
        if found is None:
            raise refusals.NotFound(_("There is no such organization."))
        where["organization"] = found.id
    days = {"$gte": _day(given, "since"), "$lt": _day(given, "until", after=1)}
    if at := {operator: day for operator, day in days.items() if day}:
        where["at"] = at
    return Filters(where, fold(given.get("q", "")[:200]).split(), given)


def read(viewer: Viewer, filters: Filters, page: Page) -> list[Shown]:
    """Read one page of the lines within a moderator's remit, the latest first, and one line more
    where there is a next page. Raise Unauthenticated, Forbidden."""
    permissions.must_moderate(viewer)
    where = _from(viewer, filters, page)
    if not filters.words:
        return shown(viewer, list(_latest(where, page.size + 1)))
    return _searched(viewer, where, filters.words, page.size + 1)


def by_gesture(viewer: Viewer, filters: Filters, page: Page) -> tuple[list[Together], str | None]:
    """Read one page of the gestures within a moderator's remit, the latest first, and the cursor of
    the next page. A search finds single decisions. Raise what `read` raises."""
    if filters.words:
        lines = read(viewer, filters, page)
        more = cursor(lines[page.size - 1]) if len(lines) > page.size else None
        return [Together(1, [one]) for one in lines[: page.size]], more
    permissions.must_moderate(viewer)
    gathered, more = _gathered(_from(viewer, filters, page), page.size)
    latest = [line for lines in gathered for line in lines[:TOGETHER]]
    found = {one["id"]: one for one in shown(viewer, latest)}
    return [
        Together(len(lines), [found[str(line["_id"])] for line in lines[:TOGETHER]])
        for lines in gathered
    ], more


def _gathered(where: Query, size: int) -> tuple[list[list[Line]], str | None]:
    """Gather the latest lines by gesture, until `size` gestures or the most lines are read; and the
    cursor of what is left."""
    gathered: dict[ObjectId, list[Line]] = {}
    more = None
    for number, line in enumerate(_latest(where, GATHERED + 1)):
        one_more = line["batch"] not in gathered and len(gathered) == size
        if one_more or number == GATHERED:
            return list(gathered.values()), more
        gathered.setdefault(line["batch"], []).append(line)
        more = listing.write_cursor(line["at"], line["_id"])
    return list(gathered.values()), None


def _from(viewer: Viewer, filters: Filters, page: Page) -> Query:
    """Return the query of the lines from a page on."""
    where = _within_remit(viewer, filters.where)
    if not page.cursor:
        return where
    at, id = page.cursor
    older = {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": id}}]}
    return {"$and": [where, older]}


def cursor(line: Shown) -> str:
    """Return the cursor at which the list continues after a line."""
    at = datetime.fromisoformat(line["at"]).replace(tzinfo=None)
    return listing.write_cursor(at, ObjectId(line["id"]))


def count(viewer: Viewer, filters: Filters) -> tuple[int, bool] | None:
    """Count the lines, up to a bound; None for a search, which does not read all of them."""
    if filters.words:
        return None
    return listing.count(journal(), _within_remit(viewer, filters.where))


def rows(viewer: Viewer, filters: Filters) -> Iterator[list[Any]]:
    """Yield all lines for a file: without words, and ignoring the search for words."""
    permissions.must_moderate(viewer)
    where = _within_remit(viewer, filters.where)
    batch: list[Line] = []
    for line in _latest(where):
        batch.append(line)
        if len(batch) == BATCH:
            yield from _rows(batch)
            batch = []
    yield from _rows(batch)


def shown(viewer: Viewer, lines: list[Line]) -> list[Shown]:
    """Show lines of the journal, in a constant number of queries."""
    items = kinds.find(line["item"] for line in lines)
    undone = _undone(lines)
    about = {id: actions.dataset_of(item) for id, (_kind, item) in items.items()}
    datasets = catalogue.datasets_by_id(id for id in about.values() if id)
    organizations = catalogue.organizations_by_id(
        line["organization"] for line in lines if line.get("organization")
    )
    people = catalogue.users_by_id(one["by"] for one in (*lines, *undone.values()) if one.get("by"))

    def person(id: ObjectId | None) -> Person | None:
        return {"id": str(id), "name": people[id].name if id in people else None} if id else None

    def one(line: Line) -> Shown:
        moderated, item = items.get(line["item"], (None, None))
        seen = bool(moderated and viewer.moderates(moderated.organization(item)))
        organization = organizations.get(line.get("organization"))  # type: ignore[arg-type]
        dataset = datasets.get(about.get(line["item"]))  # type: ignore[arg-type]
        latest = (item or {}).get("moderated") or {}
        back = undone.get(line["_id"])
        words = " — ".join(moderated.texts(item).values()) if moderated and seen else ""
        return {
            "id": str(line["_id"]),
            "batch": str(line["batch"]),
            "at": iso(line["at"]),
            "by": person(line.get("by")),
            "role": line.get("role"),
            "decision": line["decision"],
            "reason": line["reason"],
            "before": (line.get("before") or {}).get("visibility"),
            "class": line["kind"],
            "item": str(line["item"]),
            "words": excerpt(words, SHOWN_WORDS) or None,
            "dataset": dataset.as_json() if dataset and seen else None,
            "organization": organization.as_json() if organization else None,
            "self_web_url": moderated.page(item) if moderated and seen else None,
            "undone": {"at": iso(back["at"]), "by": person(back.get("by"))} if back else None,
            "stands": latest.get("id") == line["_id"],
            "undo_until": iso(permissions.undo_ends(line["at"])),
        }

    return [one(line) for line in lines]


def latest_about(viewer: Viewer, ids: Iterable[ObjectId]) -> list[Shown]:
    """Show the latest decision about each of these contributions, within a moderator's remit."""
    where = _within_remit(viewer, {"item": {"$in": list(ids)}})
    latest: dict[ObjectId, Line] = {}
    for line in _latest(where, SEARCHED):
        latest.setdefault(line["item"], line)
    return shown(viewer, list(latest.values()))


def deciders(viewer: Viewer) -> list[tuple[str, str]]:
    """List the moderators whose decisions this one may see: id and name."""
    ids = journal().distinct("by", _within_remit(viewer, {}))
    found = catalogue.users_by_id(id for id in ids if id)
    return sorted(((str(id), one.name or "?") for id, one in found.items()), key=lambda one: one[1])


def _latest(where: Query, limit: int = 0) -> Iterator[Line]:
    return iter(journal().find(where, sort=[("at", -1), ("_id", -1)]).limit(limit))


def _searched(viewer: Viewer, where: Query, words: list[str], enough: int) -> list[Shown]:
    """Search the latest lines for those about a contribution that contains all of these words."""
    found: list[Shown] = []
    batch: list[Line] = []
    for number, line in enumerate(_latest(where, SEARCHED), 1):
        batch.append(line)
        if len(batch) == BATCH or number == SEARCHED:
            found += [one for one in shown(viewer, batch) if _has(one, words)]
            batch = []
        if len(found) >= enough:
            return found[:enough]
    return (found + [one for one in shown(viewer, batch) if _has(one, words)])[:enough]


def _has(one: Shown, words: list[str]) -> bool:
    said = (
        one["words"],
        (one["dataset"] or {}).get("title"),
        (one["organization"] or {}).get("name"),
        one["by"]["name"] if one["by"] else None,
    )
    text = fold(" ".join(part for part in said if part))
    return all(word in text for word in words)


def _rows(lines: list[Line]) -> Iterator[list[Any]]:
    people = catalogue.users_by_id(line["by"] for line in lines if line.get("by"))
    organizations = catalogue.organizations_by_id(
        line["organization"] for line in lines if line.get("organization")
    )
    undone = _undone(lines)
    for line in lines:
        by, organization = people.get(line.get("by")), organizations.get(line.get("organization"))  # type: ignore[arg-type]
        back = undone.get(line["_id"])
        yield [
            str(line["_id"]),
            line["at"],
            by.name if by else None,
            line.get("role"),
            str(line["decision"]),
            line["reason"],
            line["kind"],
            str(line["item"]),
            organization.name if organization else None,
            str(line["batch"]),
            back["at"] if back else None,
        ]


def _undone(lines: list[Line]) -> dict[ObjectId, Line]:
    """Find the lines that undo these, by the id of the line undone."""
    ids = {"undoes": {"$in": [line["_id"] for line in lines]}}
    return {one["undoes"]: one for one in journal().find(ids, {"undoes": 1, "at": 1, "by": 1})}


def _within_remit(viewer: Viewer, where: Query) -> Query:
    if viewer.moderates_everything or viewer.remit is None:
        return where
    theirs = {"organization": {"$in": sorted(viewer.remit.organizations or ())}}
    return {"$and": [theirs, where]} if where else theirs


def _choices() -> dict[str, list[str]]:
    return {
        "class": list(kinds.moderated()),
        "decision": [str(one) for one in Decision],
        "reason": [term.id for term in vocabulary.MODERATION_REASONS],
    }


def _one_of(name: str, value: str, ids: list[str]) -> str:
    if value not in ids:
        message = _("Choose one of: %(ids)s.", ids=", ".join(ids))
        raise refusals.Invalid(message, {name: message})
    return value


def _id(name: str, value: str) -> ObjectId:
    if not ObjectId.is_valid(value):
        message = _("Not an identifier.")
        raise refusals.Invalid(message, {name: message})
    return ObjectId(value)


def _day(given: dict[str, str], name: str, after: int = 0) -> datetime | None:
    """Read a date as the beginning of that day in the portal's time zone, in UTC, or `after` so
    many days."""
    if name not in given:
        return None
    try:
        day = datetime.strptime(given[name], "%Y-%m-%d") + timedelta(days=after)
        return day.replace(tzinfo=portal_zone()).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        message = _("A date like 2026-11-30.")
        raise refusals.Invalid(message, {name: message}) from None
