"""Publish our figures among the metrics that udata's own API and exports show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization

from ..portal import catalogue

#: The model behind the id of a summary ("dataset:<id>").
MODELS = {"dataset": Dataset, "organization": Organization}

#: Rounds before leaving the rest to the task of a concurrent writer.
ROUNDS = 10


def publish(metric: str, stored: Collection[Any], summary_ids: Iterable[str]) -> None:
    """Write the totals of summaries as a metric of the objects they are about, and again where a
    total changed meanwhile, so that the last to write is never behind."""
    ids = sorted(summary_ids)
    written: dict[str, int] = {}
    for _round in range(ROUNDS):
        found = stored.find({"_id": {"$in": ids}}, {"totals.total": 1})
        totals = {one["_id"]: (one.get("totals") or {}).get("total", 0) for one in found}
        if totals == written:
            return
        for summary_id, total in totals.items():
            kind, _colon, id = summary_id.partition(":")
            if model := MODELS.get(kind):
                catalogue.set_metrics(model, ObjectId(id), **{metric: total})
        written = totals
