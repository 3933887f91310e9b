"""What requests offer to other rooms, which find it in `contributions.neighbours`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson import ObjectId
from pymongo.cursor import Cursor

from .. import vocabulary
from ..opendata.tables import Table
from ..web.untyped import Query
from . import csv, queries
from .actions import ask
from .dataset_page import stages
from .figures import as_json as figures_as_json
from .figures import read as figures
from .figures import read_many as figures_of_many
from .figures import stages as figure_stages
from .models import Request, requests
from .presentation import missing_data
from .repository import find as find_request
from .representation import addresses, people, supports_told
from .workflow import OPEN, Status

__all__ = [
    "addresses",
    "ask",
    "choices",
    "figure_stages",
    "figures",
    "figures_as_json",
    "figures_of_many",
    "file_rows",
    "file_table",
    "find_request",
    "missing_data",
    "people",
    "public_requests",
    "slugs",
    "stages",
    "status_label",
]


def public_requests(where: Query) -> Cursor[Request]:
    """Return a cursor over public requests, without the fields that nothing shows."""
    return requests().find(queries.PUBLIC | where, queries.LEFT_OUT)


def slugs(ids: Iterable[Any]) -> dict[Any, str]:
    """Return the slug of each of these requests, public or not, by id."""
    found = requests().find({"_id": {"$in": list(ids)}}, {"slug": 1})
    return {one["_id"]: one["slug"] for one in found}


def status_label(request: Request) -> str:
    """Return the status of a request in words."""
    return str(vocabulary.find(vocabulary.REQUEST_STATUSES, request["status"]).label)


def file_table() -> Table:
    """Return the table schema of the file of requests."""
    return csv.table()


def file_rows(where: Query) -> Iterator[Any]:
    """Yield the rows of the file of those public requests."""
    return csv.rows(where)


def choices(ids: list[ObjectId]) -> list[tuple[ObjectId, str, str]]:
    """Return, in their order, those requests that are public and that others may be merged into:
    id, title, and status in words."""
    if not ids:
        return []
    mergeable = {"status": {"$in": [*OPEN, Status.PUBLISHED]}}
    by_id = {one["_id"]: one for one in public_requests({"_id": {"$in": ids}} | mergeable)}
    return [(id, by_id[id]["title"], _detail(by_id[id])) for id in ids if id in by_id]


def _detail(request: Request) -> str:
    return f"{status_label(request)}, {supports_told(request)}"
