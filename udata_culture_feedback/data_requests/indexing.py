"""Keep the search index in line with datasets and requests, and propose a dataset that has just
appeared for the open requests it may answer.

The work is done in tasks, which read the object again; the nightly maintenance repairs what a lost
task leaves undone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bson import ObjectId
from mongoengine.signals import post_delete
from udata.core.dataset.models import Dataset
from udata.tasks import task

from ..contributions.review_rules import Visibility
from ..people import keys
from ..portal.collections import now
from ..portal.queueing import later
from ..portal.receivers import harmless
from ..search import similar, unmet_searches
from ..search.index import DATASETS, Raw, Source, Texts, backfill, entries, fields_read, refresh
from . import dataset_matches
from .models import requests
from .signals import on_request_changed, on_request_received
from .workflow import OPEN, Status


def is_shown(raw: Raw) -> bool:
    """Return whether a request is in the index: public, and neither merged, withdrawn nor
    deleted."""
    gone = raw["status"] in (Status.DUPLICATE, Status.WITHDRAWN) or "removed" in raw
    return not gone and raw["visibility"] == Visibility.PUBLIC


def _texts(raw: Raw) -> Texts:
    formats = raw.get("formats") or ()
    return Texts(raw["title"], raw.get("themes") or (), formats, is_open=raw["status"] in OPEN)


SHOWN_BY = ("visibility", "status", "removed")
REQUESTS = Source(
    "request",
    requests,
    fields_read("title", "themes", "organization", "formats", *SHOWN_BY),
    SHOWN_BY,
    is_shown,
    _texts,
)

#: Bring the entries of all requests in line; the words are counted with those of datasets.
backfill_requests = partial(backfill, source=REQUESTS, recount=False)


@task(name="culture-feedback-index-dataset", route="low.culture-feedback")
def index_dataset(dataset_id: str) -> None:
    """Index a dataset in its current state. One that has just become public is first compared with
    open requests: after a crash in between it is compared again."""
    id = ObjectId(dataset_id)
    raw = DATASETS.read(id)
    if raw is None:
        dataset_matches.forget_dataset(id)
    elif DATASETS.is_shown(raw) and not entries().find_one(f"dataset:{id}", {"_id": 1}):
        dataset_matches.propose(raw)
    refresh(DATASETS, id)


@task(name="culture-feedback-index-request", route="low.culture-feedback")
def index_request(request_id: str) -> None:
    """Index a request in its current state, and copy its holder to its matches."""
    id = ObjectId(request_id)
    dataset_matches.follow_request(id, REQUESTS.read(id))
    refresh(REQUESTS, id)


@task(name="culture-feedback-record-unmet", route="low.culture-feedback")
def record_unmet(request_id: str) -> None:
    """Count a request among unmet searches, where nothing similar exists."""
    id = ObjectId(request_id)
    wanted = {"title": 1, "contributor.key": 1}
    request = requests().find_one({"_id": id, "visibility": Visibility.PUBLIC}, wanted)
    if request is None:
        return
    found = similar.similar(request["title"], limit=2)
    if not found["datasets"] and not [one for one in found["requests"] if one.id != id]:
        count_unmet(request["contributor"]["key"], request["title"])


def count_unmet(key: str, text: str) -> None:
    """Count a search of the person of this key among the unmet ones, once a day."""
    unmet_searches.record(text, keys.hashed("unmet searches", f"{now():%Y-%m-%d} {key}"))


#: Nightly steps: udata's bulk changes fire no signal, tasks get lost, and a crash leaves words
#: miscounted (`backfill` counts them again); searches that nobody makes any longer are forgotten.
STEPS: dict[str, Callable[[], int]] = {
    "requests_indexed": backfill_requests,
    "datasets_indexed": backfill,
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
    """Connect every receiver. Idempotent."""
    # Created, updated, deleted and, of which udata's other signals say nothing, restored.
    Dataset.after_save.connect(dataset_changed)
    post_delete.connect(dataset_purged, sender=Dataset)
    on_request_changed.connect(request_changed)
    on_request_received.connect(request_received)
