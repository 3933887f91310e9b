"""Which consultations a dataset belongs to. Nothing of other domains is imported here.

Unclosed consultations are cached for a minute in each process, as long as public pages are; whether
they are open is still decided by the clock. Writes read them anew (`unclosed`): one command.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app

from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web.untyped import Query
from .models import Consultation, Scope, consultations
from .window import Window

#: How long a process caches the windows it has read.
KEPT = timedelta(minutes=1)

FIELDS = dict.fromkeys(
    ("slug", "title", "opens_at", "closes_at", "published", "scope", "read_only", "answered"), 1
)


@dataclass(frozen=True)
class Scoped:
    """The part of a published consultation that concerns datasets."""

    id: ObjectId
    slug: str
    title: dict[str, str]
    window: Window
    organizations: frozenset[ObjectId]
    tags: frozenset[str]
    datasets: frozenset[ObjectId]
    read_only: bool
    answered: bool

    @classmethod
    def of(cls, raw: Consultation) -> Scoped:
        scope: Scope = raw.get("scope") or {}
        return cls(
            raw["_id"],
            raw["slug"],
            raw["title"],
            Window.of(raw),
            frozenset(scope.get("organizations") or ()),
            frozenset(scope.get("tags") or ()),
            frozenset(scope.get("datasets") or ()),
            bool(raw.get("read_only")),
            bool(raw.get("answered")),
        )

    def includes(self, dataset: DatasetFacts) -> bool:
        return bool(
            dataset.id in self.datasets
            or (dataset.organization and dataset.organization in self.organizations)
            or not self.tags.isdisjoint(dataset.tags)
        )

    def concerns(self, dataset: DatasetFacts | None, holder: ObjectId | None = None) -> bool:
        """Check whether a dataset, or a request addressed to an organization, is in scope."""
        return bool(
            (dataset is not None and self.includes(dataset))
            or (holder is not None and holder in self.organizations)
        )


@dataclass(frozen=True)
class _Kept:
    at: datetime
    windows: tuple[Scoped, ...]


def open_for(dataset: DatasetFacts, at: datetime | None = None) -> Scoped | None:
    """Return the open consultation of a dataset, for pages; of several, the one that closes first.
    Usually without a database command."""
    at = at or now()
    return first_open(_windows(at), at, dataset)


def open_at(at: datetime) -> list[Scoped]:
    """List the open consultations, for pages. Usually without a database command."""
    return [one for one in _windows(at) if one.window.is_open(at)]


def forget() -> None:
    """Clear this process's cache of consultations, since one has changed."""
    _state().consultations = None


def first_open(
    windows: Iterable[Scoped],
    at: datetime,
    dataset: DatasetFacts | None,
    holder: ObjectId | None = None,
) -> Scoped | None:
    """Return which of these consultations is open for a dataset (or a request to a `holder`) at a
    moment; of several, the one that closes first."""
    found = [
        one
        for one in windows
        if one.window.is_open(at) and not one.read_only and one.concerns(dataset, holder)
    ]
    return min(found, key=lambda one: (one.window.closes_at, one.id), default=None)


def unclosed(at: datetime) -> tuple[Scoped, ...]:
    """Read the published consultations not yet closed at a moment: a handful, by an index."""
    return tuple(Scoped.of(one) for one in consultations().find(_unclosed(at), FIELDS))


def looked_up(name: str, at: datetime) -> Query:
    """Build a pipeline stage that adds the documents of unclosed consultations, for `Scoped.of`, to
    another query, as the list `name`."""
    stages = [{"$match": _unclosed(at)}, {"$project": FIELDS}]
    return {"$lookup": {"from": consultations().name, "pipeline": stages, "as": name}}


def _unclosed(at: datetime) -> Query:
    return {"published": {"$ne": None}, "closes_at": {"$gt": at}}


def _windows(at: datetime) -> tuple[Scoped, ...]:
    kept: _Kept | None = _state().consultations
    if kept is None or not timedelta() <= at - kept.at < KEPT:
        kept = _Kept(at, unclosed(at))
        _state().consultations = kept
    return kept.windows


def _state() -> Any:
    return current_app.extensions["culture-feedback"]
