"""The moderators' queue: one list of all classes, the oldest first. Each class is read by an index
of its own, all in one command, and the pages are merged. Nothing that waits can be missing, since
the mark is in the contribution itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from flask import request
from pymongo.collection import Collection
from pymongo.command_cursor import CommandCursor
from rapidfuzz import fuzz
from udata.i18n import lazy_gettext as _

from ..contributions import kinds, picking
from ..contributions.moderated import Item, Moderated
from ..contributions.review_rules import REASONS, Visibility, normalised
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search.terms import fold
from ..web import listing, refusals
from ..web.listing import Page
from ..web.untyped import Query
from . import permissions
from .flags import hidden_key
from .models import claims

#: Values of the filter by claim.
CLAIMED = ("mine", "others", "nobody")
#: Ages in days that the page proposes as filters.
AGES = (1, 3, 7, 30)
#: The queue is counted up to this number; beyond it a moderator needs no exact count.
MOST_COUNTED = 500
#: Texts read at once, and at most, for filters that no index serves.
SCANNED, SEARCHED = 200, 2000
#: Similarity, out of 100, from which two texts count as nearly equal.
ALIKE = 90

Entry = tuple[Moderated, Item]


@dataclass
class Filters:
    """The filters of the queue, as its address has them."""

    kind: str | None = None
    why: list[str] = field(default_factory=list)
    organization: ObjectId | None = None
    older: int | None = None
    claimed: str | None = None
    visibility: str | None = None
    #: Looked for in the texts, without case and accents.
    words: list[str] = field(default_factory=list)
    #: The hidden keys of authors; the ids of texts that others say too, or nearly.
    authors: list[str] = field(default_factory=list)
    like: list[ObjectId] = field(default_factory=list)
    #: What came into the queue later is left out.
    until: datetime | None = None
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def looks_at_words(self) -> bool:
        """Whether texts have to be read one by one, since no index serves these filters."""
        return bool(self.words or self.authors or self.like)


#: The filters of the queue, as its address has them.
NAMES = (
    "class",
    "reason",
    "organization",
    "older",
    "claimed",
    "visibility",
    "q",
    "author",
    "like",
)


def asked() -> Filters:
    """Read the filters of the query, where an organization may also be given by its name. Raise
    what `filters_of` raises."""
    given = request.args.to_dict()
    if given.get("organization_q"):
        named = picking.read(request.args, "organization", picking.ORGANIZATION).value
        given |= {"organization": named} if named else {}
    return filters_of(given)


def filters_of(arguments: Mapping[str, str]) -> Filters:
    """Read filters from arguments; `reason`, `author` and `like` may be several, with commas
    between them. Raise Invalid naming the argument, NotFound for an unknown organization."""
    given = {name: arguments[name] for name in NAMES if arguments.get(name)}
    like = _several(given, "like")
    if not all(map(ObjectId.is_valid, like)):
        message = _("Not an identifier.")
        raise refusals.Invalid(message, {"like": message})
    return Filters(
        words=fold(given.get("q", "")[:200]).split(),
        authors=_several(given, "author"),
        like=[ObjectId(one) for one in like],
        kind=_choice(given, "class", kinds.moderated()),
        why=[
            why
            for one in _several(given, "reason")
            if (why := _choice({"reason": one}, "reason", REASONS))
        ],
        organization=_organization(given.get("organization")),
        older=_days(given.get("older")),
        claimed=_choice(given, "claimed", CLAIMED),
        visibility=_choice(given, "visibility", (Visibility.PENDING, Visibility.PUBLIC)),
        asked=given,
    )


def read(viewer: Viewer, filters: Filters, page: Page) -> list[Entry]:
    """Read one page of the queue within the viewer's remit, and one entry more where there is a
    next page."""
    permissions.must_moderate(viewer)
    if filters.looks_at_words:
        return list(islice(matching(viewer, filters, page.cursor), page.size + 1))
    return _read(viewer, filters, page)


def matching(
    viewer: Viewer, filters: Filters, cursor: tuple[datetime, ObjectId] | None = None
) -> Iterator[Entry]:
    """Yield the entries that all filters keep, the oldest first, among the first `SEARCHED` that
    indexes find after a cursor."""
    fits = _fits(filters)
    looked_at = 0
    while looked_at < SEARCHED:
        found = _read(viewer, filters, Page(1, SCANNED, cursor))
        yield from (entry for entry in found[:SCANNED] if fits(entry))
        if len(found) <= SCANNED:
            return
        looked_at += SCANNED
        cursor = _place(found[SCANNED - 1][1])


def all_of(viewer: Viewer, filters: Filters, most: int) -> list[Entry]:
    """Return the first entries of the queue that the filters keep, read in chunks."""
    return list(islice(matching(viewer, filters), most))


def _read(viewer: Viewer, filters: Filters, page: Page) -> list[Entry]:
    def first(moderated: Moderated, where: Query) -> list[Query]:
        """Build the stages that find as many as the merged page could need."""
        left_out = dict.fromkeys(moderated.left_out, 0)
        return [
            {"$match": _after(page, where)},
            {"$sort": {"review.since": 1, "_id": 1}},
            {"$limit": page.size + 1},
            *([{"$project": left_out}] if left_out else []),
            {"$replaceWith": {"class": moderated.kind, "item": "$$ROOT"}},
        ]

    of_class: dict[str, list[Item]] = {}
    for one in _of_all(viewer, filters, first):
        of_class.setdefault(one["class"], []).append(one["item"])
    known = kinds.moderated()
    found = [
        [(known[kind], item) for item in known[kind].loaded(items)]
        for kind, items in of_class.items()
    ]
    merged = heapq.merge(*found, key=lambda entry: _place(entry[1]))
    return list(merged)[: page.size + 1]


def bounded(viewer: Viewer) -> list[tuple[Collection[Item], list[Query]]]:
    """Return the collections of a moderator's queue, with the stages that find the ids of its
    entries."""
    return [
        (
            moderated.collection(),
            [
                {"$match": _where(viewer, moderated, Filters(), {})},
                {"$limit": MOST_COUNTED},
                {"$project": {"_id": 1}},
            ],
        )
        for moderated in kinds.moderated().values()
    ]


def count(viewer: Viewer, filters: Filters, most: int = MOST_COUNTED) -> tuple[int, bool]:
    """Count the entries of the queue up to `most`; return the number and whether there are more."""
    if filters.looks_at_words:
        n = sum(1 for _one in islice(matching(viewer, filters), most + 1))
        return min(n, most), n > most

    def bounded(_moderated: Moderated, where: Query) -> list[Query]:
        return [{"$match": where}, {"$limit": most + 1}, {"$project": {"_id": 1}}]

    counting: list[Query] = [{"$limit": most + 1}, {"$count": "n"}]
    n = next((one["n"] for one in _of_all(viewer, filters, bounded, counting)), 0)
    return min(n, most), n > most


def cursor(item: Item) -> str:
    """Return the cursor at which the queue continues after an entry."""
    return listing.write_cursor(item["review"]["since"], item["_id"])


def _of_all(
    viewer: Viewer,
    filters: Filters,
    stages: Callable[[Moderated, Query], list[Query]],
    then: Sequence[Query] = (),
) -> CommandCursor[Query]:
    """Run the `stages` of each class in one command, and `then` on what they yield together."""
    claimed = _claimed(viewer, filters)
    (collection, pipeline), *others = [
        (moderated.collection(), stages(moderated, _where(viewer, moderated, filters, claimed)))
        for moderated in kinds.moderated().values()
        if filters.kind in (None, moderated.kind)
    ]
    beside = [
        {"$unionWith": {"coll": other.name, "pipeline": its_own}} for other, its_own in others
    ]
    return collection.aggregate([*pipeline, *beside, *then])


def _after(page: Page, where: Query) -> Query:
    """Narrow `where` to what comes after the cursor of the page."""
    if not page.cursor:
        return where
    since, id = page.cursor
    later = {"$or": [{"review.since": {"$gt": since}}, {"_id": {"$gt": id}}]}
    return {"$and": [where, {"review.since": {"$gte": since}}, later]}


def _where(
    viewer: Viewer,
    moderated: Moderated,
    filters: Filters,
    claimed: Query,
) -> Query:
    where: Query = {"review.since": {"$exists": True}} | moderated.where() | claimed
    remit = None if viewer.moderates_everything or viewer.remit is None else viewer.remit
    organizations = None if remit is None else sorted(remit.organizations or ())
    if filters.organization:
        allowed = organizations is None or filters.organization in organizations
        organizations = [filters.organization] if allowed else []
    if organizations is not None:
        where[moderated.organization_field] = {"$in": organizations}
    if filters.why:
        where["review.why"] = {"$in": filters.why}
    if filters.visibility:
        where["visibility"] = filters.visibility
    latest = [filters.until] if filters.until else []
    if filters.older:
        latest.append(now() - timedelta(days=filters.older))
    if latest:
        where["review.since"] |= {"$lte": min(latest)}
    return where


def _claimed(viewer: Viewer, filters: Filters) -> Query:
    """Build the part of the query for the filter by claim. Few claims exist at any moment."""
    if not filters.claimed:
        return {}
    current: Query = {"until": {"$gt": now()}}
    if filters.claimed == "mine":
        current["by"] = viewer.user_id
    elif filters.claimed == "others":
        current["by"] = {"$ne": viewer.user_id}
    ids = [claim["_id"] for claim in claims().find(current, {"_id": 1})]
    return {"_id": {"$nin" if filters.claimed == "nobody" else "$in": ids}}


def author_of(entry: Entry) -> str | None:
    """Return a hidden key that groups the texts of an author without naming them; None where
    authors must not be told apart."""
    moderated, item = entry
    return None if moderated.nameless else hidden_key(item["contributor"]["key"])


def said(entry: Entry) -> str:
    """Return the words of a text, normalised for comparison with others."""
    moderated, item = entry
    return normalised(" ".join(moderated.texts(item).values()))


def _fits(filters: Filters) -> Callable[[Entry], bool]:
    """Build the check for the filters that no index serves."""
    known = [(one[0], said(one)) for one in kinds.find(filters.like).values()]

    def fits(entry: Entry) -> bool:
        moderated, item = entry
        if filters.authors and author_of(entry) not in filters.authors:
            return False
        if filters.words:
            text = fold(" ".join(moderated.texts(item).values()))
            if not all(word in text for word in filters.words):
                return False
        return not filters.like or any(_is_like(*one, entry) for one in known)

    return fits


def _is_like(kind: Moderated, text: str, entry: Entry) -> bool:
    """Check whether an entry says the same, or nearly where authors may be told apart."""
    other = said(entry)
    if kind.nameless or entry[0].nameless:
        return kind is entry[0] and text == other
    return bool(text) and fuzz.ratio(text, other, score_cutoff=ALIKE) > 0


def _place(item: Item) -> tuple[datetime, ObjectId]:
    return item["review"]["since"], item["_id"]


def _several(given: dict[str, str], name: str) -> list[str]:
    return [one for one in given.get(name, "").split(",") if one]


def _choice(given: dict[str, str], name: str, ids: Any) -> str | None:
    value = given.get(name)
    if value is not None and value not in ids:
        message = _("Choose one of: %(ids)s.", ids=", ".join(ids))
        raise refusals.Invalid(message, {name: message})
    return value


def _organization(reference: str | None) -> ObjectId | None:
    if reference is None:
        return None
    found = catalogue.find_organization(reference)
    if found is None:
        raise refusals.NotFound(_("There is no such organization."))
    return found.id


def _days(value: str | None) -> int | None:
    if value is None:
        return None
    if value.isascii() and value.isdigit() and 0 < int(value[:5]) <= 3650:
        return int(value[:5])
    message = _("A whole number of days.")
    raise refusals.Invalid(message, {"older": message})
