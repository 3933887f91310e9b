"""Keep lists fast: bounded pages, totals from counters where there are any, offsets that end, and
cursors beyond."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bson import ObjectId
from flask import request
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from . import refusals
from .untyped import Query, Shown
from .urls import asked_url

#: Largest page size.
MAX_PAGE_SIZE = 100
#: Last offset: what comes after is reached with a cursor.
MAX_OFFSET = 10_000
#: Totals without a counter are counted up to this.
MAX_COUNT = 10_000

#: Newest first.
NEWEST = {"created_at": -1, "_id": -1}

EPOCH = datetime(1970, 1, 1)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Page:
    """A requested page of a list, newest first. `cursor` is the (date, id) after which to start."""

    number: int = 1
    size: int = 20
    cursor: tuple[datetime, ObjectId] | None = None

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def beyond(self) -> bool:
        """Whether it is after the last offset: only a cursor leads there."""
        return self.cursor is None and self.offset + self.size > MAX_OFFSET


def asked_page(default_size: int = 20) -> Page:
    """Return the page that the query asks for: `page`, `page_size` (capped), or `cursor`. Raise
    Invalid naming the argument."""
    size = min(_positive("page_size", default_size), MAX_PAGE_SIZE)
    cursor = request.args.get("cursor")
    if cursor:
        return Page(1, size, _read_cursor(cursor))
    return Page(_positive("page", 1), size)


def newest_first(
    collection: Collection, where: Query, page: Page, projection: dict[str, int] | None
) -> list[Any]:
    """Return one page of documents by `created_at`, plus one document where more follow. Raise
    Invalid with the cursor to go on with (`next`) beyond the last offset; return nothing there when
    the list ends before."""
    order = list(NEWEST.items())
    if page.beyond:
        # After the last whole page, so that paging goes on without a gap.
        whole = MAX_OFFSET // page.size * page.size
        last = list(collection.find(where, {"created_at": 1}, sort=order).skip(whole - 1).limit(1))
        if not last:
            return []
        message = _("Pages end at %(offset)d: go on with the cursor in `next`.", offset=MAX_OFFSET)
        follow = address(cursor=_write_cursor(last[0]), page=None)
        raise refusals.Invalid(message, {"page": message}, next=follow)
    found = collection.find(_after(where, page), projection, sort=order)
    return list(found.skip(0 if page.cursor else page.offset).limit(page.size + 1))


def newest_first_stages(
    where: Query, page: Page, projection: dict[str, int], *, oldest: bool = False
) -> list[Query]:
    """Return the pipeline stages of `newest_first`, for a page that is not `beyond`; with `oldest`,
    in the other order."""
    return [
        {"$match": _after(where, page)},
        {"$sort": {field: -order for field, order in NEWEST.items()} if oldest else NEWEST},
        *([{"$skip": page.offset}] if page.offset and not page.cursor else []),
        {"$limit": page.size + 1},
        {"$project": projection},
    ]


def _after(where: Query, page: Page) -> Query:
    """Narrow a query to what comes after the cursor of a page, if it has one."""
    if not page.cursor:
        return where
    moment, id = page.cursor
    older = {"$or": [{"created_at": {"$lt": moment}}, {"created_at": moment, "_id": {"$lt": id}}]}
    return {"$and": [where, {"created_at": {"$lte": moment}}, older]}


def count(collection: Collection, where: Query) -> tuple[int, bool]:
    """Count up to a bound; return the number, and whether the bound was hit."""
    n = collection.count_documents(where, limit=MAX_COUNT + 1)
    return (MAX_COUNT, True) if n > MAX_COUNT else (n, False)


def envelope(
    shown: list[Shown],
    found: Sequence[Mapping[str, Any]],
    page: Page,
    total: int,
    capped: bool = False,
) -> Shown:
    """Return a page as udata's API shows it, with the addresses of the next and previous ones.
    `found`: what `newest_first` returned; `shown`: its first `page.size` as JSON."""
    more = len(found) > page.size
    last = found[page.size - 1] if more else None
    follow = None
    if last and (page.cursor or page.offset + 2 * page.size > MAX_OFFSET):
        follow = address(cursor=_write_cursor(last), page=None)
    elif last:
        follow = address(page=page.number + 1)
    body = {
        "data": shown,
        "page": page.number,
        "page_size": page.size,
        "total": total,
        "next_page": follow,
        "previous_page": (
            address(page=page.number - 1) if page.number > 1 and not page.cursor else None
        ),
    }
    return body | ({"total_is_capped": True} if capped else {})


def _positive(name: str, default: int) -> int:
    value = request.args.get(name)
    if value is None:
        return default
    if value.isascii() and value.isdigit() and int(value[:9]) > 0:
        return int(value[:9])
    message = _("A whole number from 1.")
    raise refusals.Invalid(message, {name: message})


def address(**changed: Any) -> str:
    arguments = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in changed and name != "cursor"
    ]
    arguments += [(name, value) for name, value in changed.items() if value is not None]
    return f"{asked_url()}?{urlencode(arguments)}"


def _write_cursor(document: Mapping[str, Any]) -> str:
    return write_cursor(document["created_at"], document["_id"])


def write_cursor(moment: datetime, id: ObjectId) -> str:
    """Return the cursor that continues a list after the document with that date and id."""
    milliseconds = (moment - EPOCH) // MILLISECOND
    return base64.urlsafe_b64encode(json.dumps([milliseconds, str(id)]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, ObjectId]:
    try:
        milliseconds, id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return EPOCH + int(milliseconds) * MILLISECOND, ObjectId(id)
    except (ValueError, TypeError, OverflowError) as error:
        message = _("This cursor is not valid.")
        raise refusals.Invalid(message, {"cursor": message}) from error
    except Exception as error:  # bson raises its own class for a bad id
        message = _("This cursor is not valid.")
        raise refusals.Invalid(message, {"cursor": message}) from error
