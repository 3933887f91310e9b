"""The quality of a dataset's *metadata* as udata computes it, shown beside what users say of the
data and never subtracted from it.

Read from raw documents, and without their files: `quality_cached` is what udata computed when it
last saved them (`Dataset.compute_quality`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.dataset.models import Dataset
from udata.i18n import lazy_gettext as _

from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web.untyped import Document

#: udata allows a day more: harvesting may take one (`Dataset.quality`).
GRACE_DAYS = 1


@dataclass(frozen=True)
class Indicator:
    """One value that udata knows. `value` is None where it is not measured. `apart`: it is about
    something other than the criterion beside which it is shown."""

    label: Any
    value: bool | None
    apart: bool = False

    @property
    def words(self) -> Any:
        if self.value is None:
            return _("Not measured")
        return _("Yes") if self.value else _("No")


@dataclass(frozen=True)
class Metadata:
    """The facts and metadata read of a dataset."""

    facts: DatasetFacts
    quality: Document
    #: Whether one of its files is in a geographical format; None where this was not looked up.
    geographical: bool | None = None

    @property
    def in_time(self) -> bool | None:
        """Whether it was updated when its declared frequency said. udata returns True where the
        frequency has no period (irregular, punctual, never): that measures nothing."""
        expected = self.quality.get("next_update_for_update_fulfilled_in_time")
        if not isinstance(expected, datetime) or self.facts.frequency.delta is None:
            return None
        return (expected.replace(tzinfo=None) - now()).days >= -GRACE_DAYS

    def on(self, axis: str) -> list[Indicator]:
        """List the indicators shown beside the users' view on a criterion: none for a criterion of
        an operator's own vocabulary."""
        known = self.quality.get
        return {
            "update_frequency": [
                Indicator(_("An update frequency is declared"), known("update_frequency")),
                Indicator(_("Updated as often as declared"), self.in_time),
            ],
            "completeness": [
                Indicator(_("Completeness"), None),
                Indicator(_("Every file can be reached"), known("all_resources_available"), True),
            ],
            "contextualisation": [
                Indicator(
                    _("The description is long enough"), known("dataset_description_quality")
                ),
                Indicator(_("A file is described or documents"), known("resources_documentation")),
                Indicator(_("The period covered is declared"), known("temporal_coverage")),
            ],
            "georeferencing": [
                Indicator(_("The territory covered is declared"), known("spatial")),
                Indicator(_("A file is in a geographical format"), self.geographical),
            ],
        }.get(axis, [Indicator(_("This criterion"), None)])


def read(ids: Iterable[ObjectId], *, geographical: bool = False) -> dict[ObjectId, Metadata]:
    """Read the metadata of some datasets, in one query; in two with the formats of their files,
    which are only searched for, never read."""
    ids = list(ids)
    collection = Dataset._get_collection()
    fields = dict.fromkeys((*DatasetFacts.FIELDS, "quality_cached"), 1)
    mapped: set[ObjectId] = set()
    if geographical:
        formats = sorted(current_app.config["GEOGRAPHICAL_FORMATS"])
        where = {"_id": {"$in": ids}, "resources.format": {"$in": formats}}
        mapped = {dataset["_id"] for dataset in collection.find(where, {"_id": 1})}
    return {
        raw["_id"]: Metadata(
            DatasetFacts.of(raw),
            raw.get("quality_cached") or {},
            raw["_id"] in mapped if geographical else None,
        )
        for raw in collection.find({"_id": {"$in": ids}}, fields)
    }
