"""Every public request as open data: one row each, nobody's name and no mark of who asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from flask import Response

from .. import catalogue
from ..csv import download
from ..storage import now
from . import queries, representation
from .clock import Clock
from .models import requests
from .workflow import OPEN, Status

Request = dict[str, Any]

#: Requests whose datasets and organizations are looked up at once.
BATCH = 200

#: What is read of a request: nothing of who asked.
READ = (
    *("title", "slug", "description", "kind", "status", "partial", "dataset", "organization"),
    *("themes", "usages", "formats", "frequency", "spatial", "evidence_url", "duplicate_of"),
    *("received_at", "clock", "fulfilled_by", "confirmed_at", "totals", "detached"),
    *("history.to", "history.reason", "created_at", "last_modified"),
)


class Row:
    """A request and what it names, as far as anybody may see it."""

    def __init__(self, request: Request, datasets: dict[Any, Any], holders: dict[Any, Any]):
        self.request = request
        self.clock = Clock.of(request["clock"])
        dataset = datasets.get(request.get("dataset"))
        self.dataset = dataset if dataset and dataset.listed else None
        holder = holders.get(request.get("organization"))
        self.holder = holder if holder and not holder.deleted else None
        fulfilled = request.get("fulfilled_by") or {}
        self.urls = fulfilled.get("urls") or []
        self.opened = [
            str(id)
            for id in fulfilled.get("datasets") or []
            if id in datasets and datasets[id].listed
        ]

    @property
    def overdue(self) -> bool:
        return Status(self.request["status"]) in OPEN and self.clock.is_overdue(now())

    @property
    def reason(self) -> str | None:
        """Why it stands refused."""
        if self.request["status"] != Status.DECLINED:
            return None
        decided = (e for e in reversed(self.request["history"]) if e["to"] == Status.DECLINED)
        return next((e["reason"] for e in decided if e.get("reason")), None)


def _field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.request.get(name)


#: Header → value. Names are those of the API; a dot leads inside an object.
COLUMNS: dict[str, Callable[[Row], Any]] = {
    "id": lambda row: row.request["_id"],
    **{name: _field(name) for name in ("title", "slug", "description", "kind", "status")},
    "partial": lambda row: bool(row.request.get("partial")),
    "reason": lambda row: row.reason,
    "dataset.id": lambda row: row.dataset and row.dataset.id,
    "dataset.title": lambda row: row.dataset and row.dataset.title,
    "organization.id": lambda row: row.holder and row.holder.id,
    "organization.name": lambda row: row.holder and row.holder.name,
    **{name: _field(name) for name in ("themes", "usages", "formats", "frequency", "spatial")},
    "evidence_url": _field("evidence_url"),
    "supports": lambda row: representation.support_count(row.request),
    "people": lambda row: representation.people(row.request),
    "created_at": _field("created_at"),
    "received_at": _field("received_at"),
    "clock.started_at": lambda row: row.clock.started_at,
    "clock.due_at": lambda row: row.clock.due_at,
    "clock.paused": lambda row: row.clock.paused_at is not None,
    "clock.overdue": lambda row: row.overdue,
    "fulfilled_by.datasets": lambda row: row.opened,
    "fulfilled_by.urls": lambda row: row.urls,
    "confirmed_at": _field("confirmed_at"),
    "duplicate_of": _field("duplicate_of"),
    "last_modified": _field("last_modified"),
    "self_web_url": lambda row: representation.addresses(row.request)["self_web_url"],
}


def requests_csv() -> Response:
    """`P/site/requests.csv`, oldest first."""
    return download("requests", list(COLUMNS), rows())


def rows() -> Iterator[list[Any]]:
    """One row for each public request, read from a cursor."""
    found = requests().find(queries.PUBLIC, dict.fromkeys(READ, 1), sort=[("_id", 1)])
    cursor = iter(found.batch_size(BATCH))
    while batch := list(islice(cursor, BATCH)):
        datasets = catalogue.datasets_by_id(
            {one["dataset"] for one in batch if one.get("dataset")}
            | {id for one in batch for id in (one.get("fulfilled_by") or {}).get("datasets") or ()}
        )
        holders = catalogue.organizations_by_id(
            one["organization"] for one in batch if one.get("organization")
        )
        for one in batch:
            row = Row(one, datasets, holders)
            yield [value(row) for value in COLUMNS.values()]
