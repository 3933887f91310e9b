"""Keeping the index of similar things in line with what it is made of, and what else happens when a
dataset appears: open requests that resemble it are proposed to its producer.

Work is handed to tasks, which read again what they index; what a lost task would have done, the
nightly maintenance does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bson import ObjectId
from mongoengine.signals import post_delete
from udata.core.dataset.models import Dataset
from udata.tasks import task

from ..contributions.review_rules import Visibility
from ..data_requests import dataset_matches
from ..data_requests.models import requests
from ..data_requests.signals import on_request_changed, on_request_received
from ..portal.queueing import later
from ..portal.receivers import harmless
from . import index, similar, unmet_searches
from .index import DATASET_FIELDS, REQUEST_FIELDS, entries

#: Looks at what others keep changing before it is left to their own tasks.
ATTEMPTS = 5


@task(name="culture-feedback-index-dataset", route="low.culture-feedback")
def index_dataset(dataset_id: str) -> None:
    """Indexes a dataset as it is now. One that nobody could see before is compared with open
    requests first: a crash in between compares it again."""
    id = ObjectId(dataset_id)
    raw = Dataset._get_collection().find_one({"_id": id}, DATASET_FIELDS)
    if raw is None:
        dataset_matches.forget_dataset(id)
    elif index.is_listed(raw) and not entries().find_one(f"dataset:{id}", {"_id": 1}):
        dataset_matches.propose(raw)
    index.refresh_dataset(id)


@task(name="culture-feedback-index-request", route="low.culture-feedback")
def index_request(request_id: str) -> None:
    refresh_request(ObjectId(request_id))


@task(name="culture-feedback-record-unmet", route="low.culture-feedback")
def record_unmet(request_id: str) -> None:
    """Counts what somebody asked for among unmet searches, where nothing resembled it."""
    id = ObjectId(request_id)
    request = requests().find_one({"_id": id, "visibility": Visibility.PUBLIC}, {"title": 1})
    if request is None:
        return
    found = similar.similar(request["title"], limit=2)
    if not found["datasets"] and not [one for one in found["requests"] if one.id != id]:
        unmet_searches.record(request["title"])


def refresh_request(id: ObjectId) -> None:
    """Reads a request and indexes it, or forgets it where it is gone; reads again after it wrote,
    so that of two that run at once the last one is right."""
    raw = _read_request(id)
    for _attempt in range(ATTEMPTS):
        dataset_matches.follow_request(id, raw)
        if raw is None:
            index.remove("request", id)
        else:
            index.index_request(raw)
        indexed, raw = raw, _read_request(id)
        if raw == indexed:
            return


#: For `maintenance.STEPS`: bulk changes of udata fire no signal, tasks get lost, and a process that
#: dies leaves words miscounted (`backfill` counts them again); and searches that nobody makes any
#: more.
STEPS: dict[str, Callable[[], int]] = {
    "requests_indexed": index.backfill_requests,
    "datasets_indexed": index.backfill,
    "searches_forgotten": unmet_searches.forget_old,
}


@harmless
def dataset_changed(dataset: Any, **_: Any) -> None:
    later(index_dataset, str(dataset.pk))


@harmless
def dataset_purged(sender: Any, document: Any, **_: Any) -> None:
    later(index_dataset, str(document.pk))


@harmless
def request_changed(request_id: Any, carried: bool = False, **_: Any) -> None:
    if not carried:
        later(index_request, str(request_id))


@harmless
def request_received(request_id: Any, **_: Any) -> None:
    later(record_unmet, str(request_id))


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    # Created, updated, deleted, and what udata's other signals do not say: no longer deleted.
    Dataset.after_save.connect(dataset_changed)
    post_delete.connect(dataset_purged, sender=Dataset)
    on_request_changed.connect(request_changed)
    on_request_received.connect(request_received)


def _read_request(id: ObjectId) -> Mapping[str, Any] | None:
    """A request as the index sees it; None once it is deleted."""
    standing = {"_id": id, "removed": {"$exists": False}}
    return requests().find_one(standing, dict.fromkeys(REQUEST_FIELDS, 1))
