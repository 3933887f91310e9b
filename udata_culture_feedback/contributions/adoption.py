"""Have what was said of a dataset follow it when it comes back under another id: harvested again,
or recognised by an operator.

Every kind of contribution moves its own (`kinds.Following`); here is which dataset follows which,
since when, and what to propose. Adoptions are reversible, and their addresses are redirected.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NotRequired, TypedDict, cast

from bson import ObjectId
from flask import current_app
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import Indexed, Query, acknowledged, now
from ..web import refusals
from . import kinds

#: Datasets looked at in one go, and proposals shown.
MOST = 50
#: How long who adopts has, before another may finish what a crash left.
LEASE = timedelta(minutes=30)


class Gone(TypedDict):
    """A dataset with contributions that was deleted: how to know it again. `proposed`: the dataset
    that has the same title and organization; `refused`: those that are not it."""

    _id: ObjectId
    slug: str | None
    title: str
    organization: ObjectId | None
    remote_id: NotRequired[str | None]
    source: NotRequired[list[str]]
    at: datetime
    proposed: NotRequired[ObjectId]
    refused: NotRequired[list[ObjectId]]


class Adoption(TypedDict):
    """One dataset that follows another. `by`: the account, None where it was automatic or on the
    command line; `done`, `undone`: when."""

    _id: ObjectId
    old: ObjectId
    new: ObjectId
    slug: str | None
    by: ObjectId | None
    at: datetime
    done: NotRequired[datetime]
    undone: NotRequired[datetime]


class CultureFeedbackGoneDataset(Indexed):
    """The collection of `Gone`."""

    meta = {
        "indexes": [
            "remote_id",
            ["organization", "title"],
            "at",
            {"fields": ["proposed"], "partialFilterExpression": {"proposed": {"$exists": True}}},
        ]
    }


class CultureFeedbackAdoption(Indexed):
    """The collection of `Adoption`. One dataset follows one other."""

    meta = {
        "indexes": [
            {
                "fields": ["old"],
                "unique": True,
                "partialFilterExpression": {"standing": True},
            },
            "new",
            "slug",
        ]
    }


def gone() -> Collection[Any]:
    return acknowledged(CultureFeedbackGoneDataset)


def adoptions() -> Collection[Any]:
    return acknowledged(CultureFeedbackAdoption)


# --- What goes and comes --------------------------------------------------------------------------


def remember(dataset: Any) -> bool:
    """Remember a dataset that is deleted, if anything was said of it. Return whether there was."""
    if not any(following.count(dataset.pk, 1) for following in _following()):
        return False
    harvest = dataset.harvest
    source = [harvest.source_id, harvest.domain] if harvest else []
    known: dict[str, Any] = {
        "slug": dataset.slug,
        "title": dataset.title,
        "organization": dataset.organization and dataset.organization.pk,
        "remote_id": harvest and harvest.remote_id,
        "source": [str(one) for one in source if one],
    }
    gone().update_one({"_id": dataset.pk}, {"$set": known, "$setOnInsert": {"at": now()}}, True)
    return True


def may_be_back(dataset: Any) -> list[ObjectId]:
    """List the deleted datasets that a new one may be: one look at two indexes."""
    where: list[Query] = []
    if dataset.harvest and dataset.harvest.remote_id:
        where.append({"remote_id": dataset.harvest.remote_id})
    if dataset.organization:
        where.append({"organization": dataset.organization.pk, "title": dataset.title})
    found = gone().find({"$or": where}, {"_id": 1}).limit(MOST) if where else ()
    return [one["_id"] for one in found]


def look_for(gone_id: ObjectId) -> Adoption | None:
    """Look for a deleted dataset among those that are there: with its remote id and source, within
    its organization, it is adopted; with its title, it is proposed."""
    known: Gone | None = gone().find_one({"_id": gone_id})
    if known is None:
        return None
    there = catalogue.find_dataset(gone_id)
    if there and not there.deleted:
        gone().delete_one({"_id": gone_id})  # it was restored
        return None
    alike: Query = {"_id": {"$ne": gone_id, "$nin": known.get("refused", [])}, "deleted": None}
    again = _same_source(known, alike)
    if again:
        return adopt(gone_id, again.id)
    if known["organization"]:
        alike |= {"organization": known["organization"], "title": known["title"]}
        twins = catalogue.datasets_where(alike, 2)
        if len(twins) == 1:
            gone().update_one({"_id": gone_id}, {"$set": {"proposed": twins[0].id}})
    return None


def _same_source(known: Gone, alike: Query) -> DatasetFacts | None:
    if not (known.get("remote_id") and known.get("source") and known["organization"]):
        return None
    source = {"$in": known["source"]}
    where = alike | {
        "harvest.remote_id": known["remote_id"],
        "$or": [{"harvest.source_id": source}, {"harvest.domain": source}],
    }
    found = catalogue.datasets_where(where, 2)
    if len(found) != 1 or found[0].organization != known["organization"]:
        return None
    return found[0]


def look_for_all() -> int:
    """Look again for those that nobody heard come back, and forget those that are gone for too
    long. Return how many were adopted."""
    days = current_app.config["CULTURE_FEEDBACK_PURGED_DAYS"]
    gone().delete_many({"at": {"$lt": now() - timedelta(days=max(days, 1))}})
    latest = gone().find({}, {"_id": 1}, sort=[("at", -1)]).limit(MOST * MOST)
    adopted = sum(look_for(one["_id"]) is not None for one in list(latest))
    stopped = {"at": {"$lt": now() - LEASE}, "done": {"$exists": False}, "standing": True}
    for one in list(adoptions().find(stopped)):
        _carry(one)
        adopted += 1
    return adopted


def proposals() -> list[tuple[DatasetFacts, Gone]]:
    """List the datasets that seem to be deleted ones, and these, the latest first."""
    found: list[Gone] = list(
        gone().find({"proposed": {"$exists": True}}, sort=[("at", -1)]).limit(MOST)
    )
    there = catalogue.datasets_by_id(one["proposed"] for one in found)
    return [
        (there[one["proposed"]], one)
        for one in found
        if one["proposed"] in there and not there[one["proposed"]].deleted
    ]


def refuse(gone_id: ObjectId, dataset_id: ObjectId) -> None:
    """Note that a dataset is not the deleted one that it seems to be."""
    gone().update_one(
        {"_id": gone_id, "proposed": dataset_id},
        {"$unset": {"proposed": ""}, "$addToSet": {"refused": dataset_id}},
    )


# --- Adopt and undo -------------------------------------------------------------------------------


def find_old(reference: str) -> ObjectId | None:
    """Find a deleted dataset by id or slug, purged or not."""
    there = catalogue.find_dataset(reference)
    if there:
        return there.id
    if ObjectId.is_valid(reference):
        return ObjectId(reference)
    known = gone().find_one({"slug": reference}, {"_id": 1})
    return known["_id"] if known else None


def counted(old: ObjectId) -> dict[str, int]:
    """Count what would follow a dataset, by kind."""
    return {
        kind.id: kind.following.count(old, None) for kind in kinds.KINDS.values() if kind.following
    }


def check(old: ObjectId, new: ObjectId) -> DatasetFacts:
    """Return the dataset that is to adopt another. Raise Invalid."""
    found, former = catalogue.find_dataset(new), catalogue.find_dataset(old)
    if found is None or found.deleted:
        raise _invalid(_("There is no such dataset."))
    if old == new:
        raise _invalid(_("A dataset cannot follow itself."))
    if former and former.listed:
        raise _invalid(_("The former dataset is still public: delete it first."))
    if adoptions().find_one({"old": new, "new": old, "standing": True}):
        raise _invalid(_("The former dataset follows this one already."))
    return found


def adopt(old: ObjectId, new: ObjectId, by: ObjectId | None = None) -> Adoption:
    """Have everything said of `old` follow to `new`. Idempotent; completes an interrupted run.
    Raise Invalid."""
    check(old, new)
    known = gone().find_one({"_id": old}) or {}
    former = catalogue.find_dataset(old)
    slug = known.get("slug") or (former and former.slug)
    fresh: dict[str, Any] = {"new": new, "slug": slug, "by": by, "at": now()}
    adoptions().update_one(
        {"old": old, "standing": True}, {"$setOnInsert": {"_id": ObjectId(), **fresh}}, upsert=True
    )
    standing = cast(Adoption, adoptions().find_one({"old": old, "standing": True}))
    if standing["new"] != new:
        raise _invalid(_("The former dataset follows another one already."))
    return _carry(standing)


def _carry(adoption: Adoption) -> Adoption:
    for following in _following():
        following.carry(adoption["old"], adoption["new"], adoption["_id"])
    adoptions().update_one({"_id": adoption["_id"]}, {"$set": {"done": now()}})
    gone().delete_one({"_id": adoption["old"]})
    return adoption


def undo(old: ObjectId) -> Adoption:
    """Give everything back to the dataset that another had adopted. Idempotent. Raise NotFound for
    one that follows none, Invalid where another has followed meanwhile."""
    standing: Adoption | None = adoptions().find_one({"old": old, "standing": True})
    if standing is None:
        raise refusals.NotFound(_("This dataset follows no other one."))
    if adoptions().find_one({"old": standing["new"], "standing": True}):
        raise _invalid(_("The dataset it follows was adopted since: undo that first."))
    for following in _following():
        following.give_back(standing["old"], standing["new"], standing["_id"])
    adoptions().update_one(
        {"_id": standing["_id"]}, {"$set": {"undone": now()}, "$unset": {"standing": ""}}
    )
    return standing


def successor(reference: str) -> DatasetFacts | None:
    """Return the public dataset that has adopted the one with an id or slug, through others or
    not."""
    named: Query = (
        {"old": ObjectId(reference)} if ObjectId.is_valid(reference) else {"slug": reference}
    )
    for _step in range(MOST):
        standing = adoptions().find_one(named | {"standing": True}, {"new": 1})
        if standing is None:
            return None
        found = catalogue.find_dataset(standing["new"])
        if found and found.listed:
            return found
        named = {"old": standing["new"]}
    return None


def _following() -> Iterator[kinds.Following]:
    return (kind.following for kind in kinds.KINDS.values() if kind.following)


def _invalid(message: Any) -> refusals.Invalid:
    return refusals.Invalid(message, {"dataset": message})
