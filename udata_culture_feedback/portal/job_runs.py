"""Record when each job of ours last ran, and how it went, for `P/health/` and the metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from mongoengine.fields import DateTimeField, DictField, ListField, StringField
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..web.untyped import Shown
from .collections import collection_of, now

log = logging.getLogger(__name__)

#: The name of a run that is no job: the first `udata feedback init`.
INSTALLATION = "culture-feedback-init"


class CultureFeedbackRun(Document):
    """The latest run of one job; the id is its name. Dates are naive UTC. `ended_at` is that of the
    latest complete run, `done` how much it did of what, `failed` what failed in it."""

    id = StringField(primary_key=True)
    started_at = DateTimeField()
    ended_at = DateTimeField()
    done = DictField()
    failed = ListField(StringField())

    meta = {"strict": False}


def runs() -> Collection:
    return collection_of(CultureFeedbackRun)


@contextmanager
def recorded(job: str) -> Iterator[Shown]:
    """Record a run. The code within fills the dictionary: `done` (name → count), `failed` (names).
    A run that raises has not ended."""
    report: Shown = {"done": {}, "failed": []}
    runs().update_one({"_id": job}, {"$set": {"started_at": now()}}, upsert=True)
    yield report
    runs().update_one({"_id": job}, {"$set": {"ended_at": now(), **report}})


def each(steps: Mapping[str, Callable[[], int]], report: Shown) -> None:
    """Do each step within a run, and report how much it did. A step that fails is logged and does
    not stop the others."""
    for name, step in steps.items():
        try:
            report["done"][name] = step()
        except Exception:
            log.exception("The step %s failed", name)
            report["failed"].append(name)


def note_installation() -> None:
    """Record when the plugin was first installed: until each job has had its time, none is late."""
    runs().update_one({"_id": INSTALLATION}, {"$setOnInsert": {"started_at": now()}}, upsert=True)


def installed_at() -> datetime | None:
    """Return when the plugin was first installed; None where `init` has never run."""
    found = runs().find_one({"_id": INSTALLATION})
    return found["started_at"] if found else None


def last_ends() -> dict[str, datetime]:
    """Map each job to when its latest complete run ended; jobs without one are left out."""
    return {one["_id"]: one["ended_at"] for one in runs().find({"ended_at": {"$exists": True}})}
