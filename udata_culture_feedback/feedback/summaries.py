"""The summaries of a dataset, an organization, the site: how feedback flows into them, how they age
when the data change, and how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

from bson import ObjectId
from flask import current_app
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from .. import vocabulary
from ..contributions.neighbours import requests_beside
from ..figures.settle import Flow, Totals, becomes_due, settle, settle_some, summed
from ..figures.summary_ids import SITE, dataset_summary, organization_summary
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import Document, Query, now
from ..web.api import Shown
from ..web.moments import iso
from .attention import BEFORE, attention
from .models import Summary, feedbacks, summaries
from .trend import TREND

#: Shortest declared period, a month, of data whose feedback ages after
#: `CULTURE_FEEDBACK_AGEING_DAYS`; where it is shorter, `CULTURE_FEEDBACK_AGEING_DAYS_FREQUENT`.
LONG_PERIOD = timedelta(days=28)

#: Changes of the data that a summary remembers: the latest, as events of its trend.
MOST_UPDATES = 60


class FeedbackIntoDataset(Flow):
    """The flow of feedback into the summary of its dataset: counted once among all, and once more
    among `before:` when it was judged before the last change of the data."""

    fields = ("dataset", "live", "judged", "created_at")

    @property
    def contributions(self) -> Collection[Any]:
        return feedbacks()

    @property
    def summaries(self) -> Collection[Any]:
        return summaries()

    def snapshot(self, contribution: Document, summary_id: str) -> Document:
        here = summary_id == dataset_summary(contribution["dataset"])
        return {
            "totals": (contribution.get("live") or {}) if here else {},
            "judged": contribution["judged"],
            "at": contribution["created_at"],
        }

    def effect(self, snapshot: Document, summary: Document) -> Totals:
        totals: Totals = snapshot["totals"]
        threshold = summary.get("data_updated_at")
        if threshold and snapshot["judged"] < threshold:
            return totals | {BEFORE + key: n for key, n in totals.items() if ages(key)}
        return totals

    def upwards(self, summary: Document) -> list[str]:
        return above(cast(Summary, summary)) if summary.get("listed") else []

    def besides(self, summary: Document, entries: list[Document]) -> Document:
        judged = [entry["snapshot"]["judged"] for entry in entries]
        if summary.get("latest_judged"):
            judged.append(summary["latest_judged"])
        counting = {"dataset": summary["dataset"], "live.total": 1}
        latest = _latest(summary, entries) or _newest(feedbacks(), counting, "created_at")
        return {"latest_judged": max(judged), "last_feedback_at": latest}

    def derived(self, totals: Totals) -> Document:
        return {"attention": attention(totals)}

    def population(self, summary_id: str) -> Query:
        dataset = ObjectId(summary_id.removeprefix("dataset:"))
        return {"$or": [{"dataset": dataset}, {"moves.from": dataset}]}


class DatasetsInto(Flow):
    """The flow of the summaries of listed datasets into those of their organization and of the
    site, each as a whole. A dataset that turns private, is deleted, restored or changes hands thus
    takes its figures with it in one step."""

    fields = ("totals", "listed", "organization", "last_feedback_at")

    @property
    def contributions(self) -> Collection[Any]:
        return summaries()

    @property
    def summaries(self) -> Collection[Any]:
        return summaries()

    def snapshot(self, contribution: Document, summary_id: str) -> Document:
        here = summary_id in above(cast(Summary, contribution)) and contribution.get("listed")
        totals = contribution.get("totals") or {}
        return {
            "totals": {k: n for k, n in totals.items() if n} if here else {},
            "at": contribution.get("last_feedback_at"),
        }

    def besides(self, summary: Document, entries: list[Document]) -> Document:
        where: Query = {"listed": True, "last_feedback_at": {"$ne": None}}
        if summary["_id"] != SITE:
            where["organization"] = summary["organization"]
        latest = _latest(summary, entries) or _newest(summaries(), where, "last_feedback_at")
        return {"last_feedback_at": latest}


def _latest(summary: Document, entries: list[Document]) -> datetime | None:
    """Return the date of the latest feedback after these entries; None where one of them takes
    figures away, so that the date has to be looked up."""
    dates = [summary.get("last_feedback_at")]
    for entry in entries:
        after = entry["snapshot"]["totals"].get("total", 0)
        before = entry["before"]["totals"].get("total", 0) if entry["before"] else 0
        if after < before:
            return None
        if after:
            dates.append(entry["snapshot"]["at"])
    return max((date for date in dates if date), default=None)


def _newest(collection: Collection[Any], where: Query, field: str) -> datetime | None:
    newest = collection.find_one(where, {field: 1}, sort=[(field, -1)])
    return newest[field] if newest else None


def ages(counter: str) -> bool:
    """Return whether a counter counts again behind `before:` once the data have changed."""
    return not counter.startswith(TREND)


INTO_DATASET = FeedbackIntoDataset()
INTO_ALL = DatasetsInto()


def above(summary: Summary) -> list[str]:
    """List the ids of the summaries in which that of a dataset counts."""
    organization = summary.get("organization")
    return [SITE, *([organization_summary(organization)] if organization else [])]


def open_summary(dataset: DatasetFacts, known: Summary | None = None) -> Summary:
    """Return the summary of a dataset, created if missing, aged when its data have changed.
    `known`: the summary as it has just been read."""
    summary = known or summaries().find_one({"_id": dataset_summary(dataset.id)})
    if summary is None:
        fields: Summary = {
            "dataset": dataset.id,
            "organization": dataset.organization,
            "listed": dataset.listed,
            "data_updated_at": min(dataset.last_update, now()),
            "updated_at": dataset.last_update,
        }
        # First those it counts in: after a crash in between, none is missing for good.
        _ensure_above(fields)
        _ensure(dataset_summary(dataset.id), **fields)
        summary = summaries().find_one({"_id": dataset_summary(dataset.id)})
    elif _has_aged(summary, dataset):
        age(dataset)
        summary = summaries().find_one({"_id": dataset_summary(dataset.id)})
    assert summary is not None
    return summary


def open_after(former_id: ObjectId, dataset: DatasetFacts) -> None:
    """Open the summary of a dataset that another one is: with the last change of its data, so that
    coming back alone makes no feedback outdated."""
    found: Summary | None = summaries().find_one({"_id": dataset_summary(former_id)})
    former: Summary = found or {}
    fields: Summary = {
        "dataset": dataset.id,
        "organization": dataset.organization,
        "listed": dataset.listed,
        "data_updated_at": former.get("data_updated_at") or min(dataset.last_update, now()),
        "updates": former.get("updates") or [],
        "updated_at": dataset.last_update,
    }
    _ensure_above(fields)
    _ensure(dataset_summary(dataset.id), **fields)
    open_summary(dataset)


def reopen(dataset_id: ObjectId) -> Summary:
    """Return the summary of a dataset that udata may have purged, created if missing."""
    there = catalogue.find_dataset(dataset_id)
    if there:
        return open_summary(there)
    gone: Summary = {"dataset": dataset_id, "listed": False, "purged": now()}
    _ensure(dataset_summary(dataset_id), **gone)
    return cast(Summary, summaries().find_one({"_id": dataset_summary(dataset_id)}))


def _ensure(summary_id: str, **fields: Any) -> None:
    with suppress(DuplicateKeyError):  # another process created it meanwhile
        summaries().update_one(
            {"_id": summary_id},
            {"$setOnInsert": {"v": 1, "totals": {}, **fields}},
            upsert=True,
        )


def _ensure_above(fields: Summary) -> None:
    for one in above(fields):
        _ensure(one, **({} if one == SITE else {"organization": fields["organization"]}))


def ensure_above(summary_ids: Iterable[str]) -> None:
    """Create the missing summaries of organizations and of the site for which something is due: an
    older backup of the figures has been restored."""
    wanted = [one for one in summary_ids if not one.startswith("dataset:")]
    known = {one["_id"] for one in summaries().find({"_id": {"$in": wanted}}, {"_id": 1})}
    for one in set(wanted) - known:
        organization = one.removeprefix("organization:")
        _ensure(one, **({} if one == SITE else {"organization": ObjectId(organization)}))


def _has_aged(summary: Summary, dataset: DatasetFacts) -> bool:
    """Return whether the data have changed enough since the last time for feedback to be outdated.
    Some harvesters touch dates every night, hence the minimum of days."""
    period = dataset.frequency.delta
    config = current_app.config
    days = (
        config["CULTURE_FEEDBACK_AGEING_DAYS"]
        if period and period >= LONG_PERIOD
        else config["CULTURE_FEEDBACK_AGEING_DAYS_FREQUENT"]
    )
    updated = min(dataset.last_update, now())
    known = summary.get("data_updated_at") or datetime.min
    return updated - known >= timedelta(days=days)


def age(dataset: DatasetFacts) -> bool:
    """Copy the totals of a dataset to `before:` when its data have changed: one update, no feedback
    is touched. Return True when it did."""
    summary_id = dataset_summary(dataset.id)
    while True:
        summary = summaries().find_one({"_id": summary_id})
        if summary is None or not _has_aged(summary, dataset):
            return False
        updated = min(dataset.last_update, now())
        aged = _aged_totals(summary, updated)
        change = becomes_due(INTO_DATASET.upwards(summary))
        change["$set"] = {
            "totals": {key: n for key, n in aged.items() if n},
            "data_updated_at": updated,
            **INTO_DATASET.derived(aged),
        }
        change["$push"] = {"updates": {"$each": [updated], "$slice": -MOST_UPDATES}}
        unmoved = {"_id": summary_id, "v": summary["v"]}
        if summaries().update_one(unmoved, change).modified_count:
            return True


def _aged_totals(summary: Summary, updated: datetime) -> Counter[str]:
    """Compute the totals of a dataset as if its data had changed at that date."""
    if (summary.get("latest_judged") or datetime.min) >= updated:
        # Somebody judged the new data before we noticed them: count `before:` one by one.
        return summed(INTO_DATASET, {**summary, "data_updated_at": updated})
    totals: Counter[str] = Counter()
    for key, n in (summary.get("totals") or {}).items():
        if not key.startswith(BEFORE):
            totals.update({key: n} | ({BEFORE + key: n} if ages(key) else {}))
    return totals


def follow_dataset(dataset: DatasetFacts) -> list[str]:
    """Bring a summary and its feedback in line with the dataset: whether it is listed, its
    organization, the age of its data. Return the ids of the summaries above that now have something
    to settle."""
    summary_id = dataset_summary(dataset.id)
    while True:
        summary = summaries().find_one({"_id": summary_id})
        if summary is None:
            return []
        wanted: Summary = {"organization": dataset.organization, "listed": dataset.listed}
        concerned = sorted({*above(summary), *above(wanted)})
        if _agrees(summary, wanted):
            break
        _ensure_above(wanted)
        change = becomes_due(concerned)
        change["$set"] = wanted
        if summaries().update_one({"_id": summary_id, "v": summary["v"]}, change).modified_count:
            break
    feedbacks().update_many(
        {
            "dataset": dataset.id,
            "$or": [{field: {"$ne": value}} for field, value in wanted.items()],
        },
        {"$set": wanted},
    )
    # Only used to sort lists: no figure depends on it.
    outrun = {"_id": summary_id, "updated_at": {"$ne": dataset.last_update}}
    summaries().update_one(outrun, {"$set": {"updated_at": dataset.last_update}})
    age(dataset)
    return concerned


def is_in_line(summary: Summary, dataset: DatasetFacts) -> bool:
    """Return whether the fields a summary copies from its dataset are up to date."""
    wanted: Summary = {
        "organization": dataset.organization,
        "listed": dataset.listed,
        "updated_at": dataset.last_update,
    }
    return _agrees(summary, wanted) and not _has_aged(summary, dataset)


def _agrees(summary: Summary, wanted: Summary) -> bool:
    return all(summary.get(field) == value for field, value in wanted.items())


def settle_dataset(dataset_id: ObjectId, known: Summary | None = None) -> None:
    """Count what is due to the summary of a dataset, within the request that writes. `known`: that
    summary as the same request has read it."""
    settle(INTO_DATASET, dataset_summary(dataset_id), known=cast(Document | None, known))


def read(summary_id: str, fields: Mapping[str, int] | None = None) -> Summary:
    """Return a stored summary (of `PUBLIC` or other `fields`), settled first where it is one of
    those that a task settles; empty when nothing was ever said."""
    if not summary_id.startswith("dataset:"):
        settle_some(INTO_ALL, summary_id)
    found: Summary | None = summaries().find_one({"_id": summary_id}, fields or PUBLIC)
    return found or {}


def read_many(dataset_ids: Iterable[ObjectId]) -> dict[ObjectId, Summary]:
    """Read the stored summaries of many datasets, in one query; those without any are left out."""
    ids = [dataset_summary(id) for id in dataset_ids]
    found = summaries().find({"_id": {"$in": ids}}, PUBLIC)
    return {summary["dataset"]: summary for summary in found}


def read_with_requests(summary_id: str) -> Summary:
    """Read a summary with the figures of requests, as it is shown."""
    return read(summary_id) | {"requests": requests_beside().figures(summary_id)}


def read_many_with_requests(dataset_ids: list[ObjectId]) -> dict[ObjectId, Summary]:
    """Read the summaries of many datasets with the figures of requests, in two queries."""
    found = read_many(dataset_ids)
    asked = requests_beside().figures_of_many(dataset_summary(id) for id in dataset_ids)
    return {
        id: found.get(id, {}) | {"requests": asked.get(dataset_summary(id), {})}
        for id in dataset_ids
    }


def aged(organization: ObjectId | None, limit: int) -> list[Summary]:
    """List the summaries of public datasets (of an organization) that have outdated feedback,
    `limit` at most."""
    where: Query = {"listed": True, f"totals.{BEFORE}total": {"$gt": 0}}
    if organization:
        where["organization"] = organization
    return list(summaries().find(where, {"dataset": 1, "data_updated_at": 1}).limit(limit))


#: The fields that showing a summary needs.
PUBLIC = {"dataset": 1, "totals": 1, "data_updated_at": 1, "last_feedback_at": 1}
#: The fields that a trend needs.
OF_TREND = PUBLIC | {"updates": 1}


def as_json(summary: Summary) -> Shown:
    """Show a summary as the API does. `mean` is derived, None where nobody rated."""
    totals = summary.get("totals") or {}
    lists = vocabulary.vocabularies()
    last = summary.get("last_feedback_at")

    def counts(prefix: str, ids: Any) -> dict[str, int]:
        return {id: totals.get(f"{prefix}:{id}", 0) for id in ids}

    def axis(id: str) -> Shown:
        distribution = [totals.get(f"axis:{id}:{step}", 0) for step in vocabulary.STEPS]
        count = sum(distribution)
        points = sum(n * step for n, step in zip(distribution, vocabulary.STEPS, strict=True))
        mean = round(points / count, 2) if count else None
        return {"count": count, "sum": points, "mean": mean, "distribution": distribution}

    return {
        "total": totals.get("total", 0),
        "commented": totals.get("commented", 0),
        "fitness": counts("fitness", lists.ids("fitness")),
        "axes": {id: axis(id) for id in lists.ids("axes")},
        "treatment": counts("treatment", [term.id for term in vocabulary.TREATMENT_STATUSES]),
        "by_contributor": counts("contributor", ("account", "verified", "unverified")),
        "outdated": totals.get(f"{BEFORE}total", 0),
        "last_feedback_at": iso(last),
        "requests": requests_beside().figures_as_json(summary.get("requests") or {}),
    }
