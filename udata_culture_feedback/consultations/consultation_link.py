"""The link between a consultation and the feedback and requests that are given while it is open.

Those domains reach this module by `contributions.neighbours`; it imports neither. The link is under
the seal: it is not shown, filtered by or counted before the consultation has closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..figures.settle import Totals, becomes_due
from ..opendata.suppression import LEAST_FOR_CROSSES
from ..people.models import COUNTED_AS, Kind
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web import refusals
from ..web.untyped import Document
from . import scope
from .models import Collected, collected, consultations, of_feedback, results
from .window import Window

Contribution = Document


def put(
    contribution: Contribution,
    dataset: DatasetFacts | None,
    named: str | None,
    at: datetime,
    *,
    holder: ObjectId | None = None,
    waiting: Iterable[scope.Scoped] | None = None,
) -> None:
    """Stamp a contribution, given or changed `at` a moment, with a consultation: the one `named` by
    id or slug, otherwise the one in scope of its dataset (or of the `holder` of requested data)
    that closes first. An earlier stamp stays while that consultation is open, or no other is.
    `waiting`: the unclosed consultations, where they have been read already.

    Raise Invalid naming `consultation` for one that is not open, or not about these data.
    """
    if waiting is None:
        waiting = scope.unclosed(at)
    current = contribution.get("consultation")
    if named:
        found: scope.Scoped | None = _named(waiting, at, named, dataset, holder)
    elif any(one.id == current and one.window.is_open(at) for one in waiting):
        return
    else:
        found = scope.first_open(waiting, at, dataset, holder)
    if found is not None:
        _freeze(found)
        contribution["consultation"] = found.id


def disclosed(ids: Iterable[Any]) -> set[ObjectId]:
    """Return which of these consultations are no longer sealed: only these may be named beside a
    contribution. No database command for an empty list."""
    wanted = {id for id in ids if isinstance(id, ObjectId)}
    if not wanted:
        return set()
    found = consultations().find(
        {"_id": {"$in": list(wanted)}}, {"opens_at": 1, "closes_at": 1, "published": 1}
    )
    at = now()
    return {one["_id"] for one in found if not Window.of(one).sealed(at)}


def large(ids: Iterable[ObjectId]) -> set[ObjectId]:
    """Return those of these consultations during which ten or more people gave counted feedback:
    naming them beside what one of these said tells nobody apart. No command where there are none.
    """
    wanted = {of_feedback(id): id for id in ids}
    if not wanted:
        return set()
    counted = {"_id": {"$in": list(wanted)}, "totals.total": {"$gte": LEAST_FOR_CROSSES}}
    return {wanted[one["_id"]] for one in results().find(counted, {"_id": 1})}


def filtered_by(reference: str) -> ObjectId:
    """Return the id of the consultation to filter a list by, given by id or slug; an unknown id
    filters out everything. Raise Invalid while its seal holds, and for an unknown slug."""
    found = None
    if ObjectId.is_valid(reference):
        found = consultations().find_one({"_id": ObjectId(reference)}, scope.FIELDS)
    elif reference.isprintable():  # MongoDB refuses some texts in a query
        found = consultations().find_one({"slug": reference}, scope.FIELDS)
    if found is None or not found.get("published"):
        if ObjectId.is_valid(reference):
            return ObjectId()
        message = _("There is no such consultation.")
        raise refusals.Invalid(message, {"consultation": message})
    if Window.of(found).sealed(now()):
        message = _("What was given during this consultation is sealed until it has closed.")
        raise refusals.Invalid(message, {"consultation": message})
    return found["_id"]


def keep(feedback: Contribution) -> None:
    """Copy a feedback, before it changes, as it was when its consultation closed, unless that was
    collected already. No database command for a feedback without a stamp."""
    consultation = feedback.get("consultation")
    if not consultation or feedback.get("deleted"):
        return
    found = consultations().find_one(
        {"_id": consultation}, {"opens_at": 1, "closes_at": 1, "published": 1, "collected": 1}
    )
    waits = found and found.get("published") and not found.get("collected")
    if found and waits and now() >= found["closes_at"]:
        copy(feedback)


def copy(feedback: Contribution) -> bool:
    """Copy what a feedback says into the results of its consultation, once. The producer's own
    agents, spam and held feedback are not counted. Return True when it was not there yet."""
    left_out = feedback.get("hidden_reason") == "spam" or feedback.get("held")
    if feedback.get("agent") or left_out:
        return False
    consultation = feedback["consultation"]
    counted_in = of_feedback(consultation)
    ensure(counted_in)
    kept: Collected = {
        "_id": _copy_id(feedback),
        "consultation": consultation,
        "dataset": feedback["dataset"],
        "fitness": feedback["fitness"],
        "ratings": feedback.get("ratings") or {},
        "usages": feedback.get("usages") or [],
        "kind": COUNTED_AS[Kind(feedback["contributor"]["kind"])],
        "month": f"{feedback['created_at']:%Y-%m}",
        "v": 1,
        "due": [counted_in],
    }
    if feedback.get("organization"):
        kept["organization"] = feedback["organization"]
    if feedback.get("profile"):
        kept["profile"] = feedback["profile"]
    kept["live"] = totals_of_collected(kept)
    with suppress(DuplicateKeyError):
        collected().insert_one(kept)
        return True
    return False


def drop(feedback: Contribution) -> None:
    """Stop counting the copy of a feedback that was spam or is held again."""
    change = becomes_due([of_feedback(feedback["consultation"])])
    change["$set"] = {"live": {}}
    collected().update_one({"_id": _copy_id(feedback), "live.total": 1}, change)


def count_late(feedback: Contribution) -> None:
    """Count in the results a feedback that was held when they were collected and no longer is, or a
    copy that `drop` stopped counting. Idempotent."""
    id = feedback["consultation"]
    if not consultations().find_one({"_id": id, "collected": {"$ne": None}}, {"_id": 1}):
        return  # it will be copied with the others
    if copy(feedback):
        return
    kept = collected().find_one({"_id": _copy_id(feedback), "live.total": {"$exists": False}})
    if kept:
        change = becomes_due([of_feedback(id)]) | {"$set": {"live": totals_of_collected(kept)}}
        collected().update_one({"_id": kept["_id"], "v": kept["v"]}, change)


def totals_of_collected(kept: Collected) -> Totals:
    """Return the counters of a copy, named as those of summaries."""
    counters = ["total", f"fitness:{kept['fitness']}", f"contributor:{kept['kind']}"]
    counters += [f"axis:{axis}:{step}" for axis, step in sorted(kept["ratings"].items())]
    counters += [f"usage:{usage}" for usage in kept["usages"]]
    if kept.get("profile"):
        counters.append(f"profile:{kept['profile']}")
    return dict.fromkeys(counters, 1)


def ensure(*figures_ids: str) -> None:
    """Create the documents of figures that do not exist yet."""
    known = {one["_id"] for one in results().find({"_id": {"$in": list(figures_ids)}}, {"_id": 1})}
    for one in set(figures_ids) - known:
        with suppress(DuplicateKeyError):  # another process made it meanwhile
            results().update_one(
                {"_id": one}, {"$setOnInsert": {"v": 1, "totals": {}}}, upsert=True
            )


def _copy_id(feedback: Contribution) -> str:
    return hashlib.sha256(f"{feedback['consultation']}:{feedback['_id']}".encode()).hexdigest()


def _named(
    waiting: Iterable[scope.Scoped],
    at: datetime,
    named: str,
    dataset: DatasetFacts | None,
    holder: ObjectId | None,
) -> scope.Scoped:
    found = next((one for one in waiting if named in (one.slug, str(one.id))), None)
    if found is None or not found.window.is_open(at) or found.read_only:
        message = _("This consultation is not open.")
        raise refusals.Invalid(message, {"consultation": message})
    if dataset is not None and not found.concerns(dataset, holder):
        message = _("This consultation is not about these data.")
        raise refusals.Invalid(message, {"consultation": message})
    return found


def _freeze(found: scope.Scoped) -> None:
    """Freeze the scope of a consultation once somebody has taken part."""
    if not found.answered:
        consultations().update_one(
            {"_id": found.id, "answered": {"$ne": True}}, {"$set": {"answered": True}}
        )
        scope.forget()
