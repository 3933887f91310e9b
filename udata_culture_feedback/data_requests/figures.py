"""Count supports into requests, and requests into the figures of datasets, holders and the site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from ..contributions.neighbours import feedback_given
from ..figures.settle import Document, Flow, settle, settle_and_read, settle_some
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..people.models import COUNTED_AS, Kind
from ..portal.collections import lookup
from .models import Request, Support, figures, requests, supports


class SupportsIntoRequest(Flow):
    """Counts each person behind a request once: in `supports`; in `supports_known` unless known by
    a browser alone; in `supports_account` with an account."""

    fields = ("direct", "via", "own", "key", "kind")

    @property
    def contributions(self) -> Collection[Any]:
        return supports()

    @property
    def summaries(self) -> Collection[Any]:
        return requests()

    def snapshot(self, contribution: Any, summary_id: Any) -> Document:
        if not is_behind(contribution):
            return {"totals": {}}
        counters = ["supports"]
        known = COUNTED_AS[known_as(contribution)]
        if known != "unverified":
            counters.append("supports_known")
        if known == "account":
            counters.append("supports_account")
        return {"totals": dict.fromkeys(counters, 1)}

    def population(self, summary_id: Any) -> Document:
        return {"target": summary_id}


class RequestsInto(Flow):
    """Counts a request in the figures of the dataset it was asked from, of its holder and of the
    site."""

    fields = ("live", "organization", "dataset")

    @property
    def contributions(self) -> Collection[Any]:
        return requests()

    @property
    def summaries(self) -> Collection[Any]:
        return figures()

    def snapshot(self, contribution: Any, summary_id: Any) -> Document:
        here = summary_id in above(contribution)
        return {"totals": (contribution.get("live") or {}) if here else {}}


SUPPORTS = SupportsIntoRequest()
REQUESTS = RequestsInto()


def known_as(support: Support) -> Kind:
    """Return how the person of a support was known. Rows older than the field `kind` tell it by
    their key; those of people who had left were accounts."""
    if kind := support.get("kind"):
        return Kind(kind)
    prefix = support["key"].partition(":")[0]
    return {"mail": Kind.CONFIRMED, "token": Kind.UNVERIFIED}.get(prefix, Kind.USER)


def is_behind(support: Support) -> bool:
    return bool(support.get("direct") or support.get("via")) and not support.get("own")


def above(request: Request) -> list[str]:
    """Return the ids of the figures that a request counts in."""
    found = [SITE]
    if request.get("organization"):
        found.append(organization_summary(request["organization"]))
    if request.get("dataset"):
        found.append(dataset_summary(request["dataset"]))
    return found


def ensure(figures_ids: Iterable[str]) -> None:
    """Create the figures that do not exist yet."""
    wanted = set(figures_ids)
    # The portal's board also lists organizations that have requests but no feedback.
    feedback_given().ensure_above(wanted)
    known = {one["_id"] for one in figures().find({"_id": {"$in": list(wanted)}}, {"_id": 1})}
    for one in wanted - known:
        try:
            figures().update_one(
                {"_id": one}, {"$setOnInsert": {"v": 1, "totals": {}}}, upsert=True
            )
        except DuplicateKeyError:
            continue  # created meanwhile by another process


def ensure_all() -> None:
    """Create the figures of every dataset and holder with requests, and of the site. Without it,
    figures missing from a restored backup would never be counted."""
    wanted = {SITE}
    for field, name in (("organization", organization_summary), ("dataset", dataset_summary)):
        wanted |= {name(one) for one in requests().distinct(field) if one}
    ensure(wanted)


def settle_supports(request_id: ObjectId) -> None:
    settle(SUPPORTS, request_id)


def settle_supports_of(request: Request) -> Request | None:
    """Settle the supports of a request that was just read. Return the request as stored then; None
    where it is gone."""
    return cast(Request | None, settle_and_read(SUPPORTS, cast(Document, request)))


def settle_dataset(request: Request) -> None:
    """Count a request in its dataset at once. Its holder and the site, which many write to, are
    left to the task and to readers."""
    if request.get("dataset"):
        settle(REQUESTS, dataset_summary(request["dataset"]))


def read(figures_id: str) -> dict[str, int]:
    """Read the figures of requests, settled first (a bounded effort)."""
    settle_some(REQUESTS, figures_id)
    found = figures().find_one({"_id": figures_id}, {"totals": 1})
    return found["totals"] if found else {}


def stages() -> list[Document]:
    """Add figures to the documents of a pipeline that have the id of figures in `key`: `totals`,
    and `due`, whether some have to be settled first (see `read`)."""
    due: list[Document] = [
        {"$match": {"due": {"$exists": True}}},
        {"$limit": 1},
        {"$project": {"_id": 1}},
    ]
    return [
        lookup("due", requests(), "key", "due", due),
        lookup("requests", figures(), "key", "_id", [{"$project": {"totals": 1}}]),
    ]


def read_many(figures_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Read many figures in one query, without settling them."""
    found = figures().find({"_id": {"$in": list(figures_ids)}}, {"totals": 1})
    return {one["_id"]: one.get("totals") or {} for one in found}


def as_json(totals: dict[str, int]) -> dict[str, int]:
    """Return the figures as summaries of a dataset, an organization and the site show them."""
    return {"open": totals.get("open", 0), "published": totals.get("status:published", 0)}
