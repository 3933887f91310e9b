"""The facts about a dataset that storing feedback on it needs, read in one command: each command
costs the calling process more CPU than it costs MongoDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import bson
from udata.core.organization.models import Organization

from ..contributions.neighbours import consultation_link
from ..figures.summary_ids import DATASET_SUMMARY
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts
from ..portal.collections import Query, lookup
from .models import Summary, summaries


@dataclass(frozen=True)
class Beforehand:
    """A dataset as it is before feedback on it is stored: its whole `summary`, None where nothing
    was ever said of it; its organization, None where it has none or where it has to be looked up
    apart; the consultations that have not closed."""

    dataset: DatasetFacts
    summary: Summary | None
    organization: OrganizationFacts | None
    consultations: tuple[Any, ...]


def read(reference: Any, at: datetime) -> Beforehand | None:
    """Look up a dataset by id, slug or old slug, as at a moment. Return None where there is no such
    dataset; whether it is readable is not checked."""
    raw = catalogue.find_with(reference, _stages(at))
    if raw is None:
        return None
    found = bson.decode(raw)
    organization = next(iter(found["holder"]), None)
    return Beforehand(
        dataset=DatasetFacts.of(found),
        summary=next(iter(found["summary"]), None),
        organization=OrganizationFacts.of(organization) if organization else None,
        consultations=consultation_link().unclosed_of(found["consultations"]),
    )


def _stages(at: datetime) -> list[Query]:
    named = {"$project": dict.fromkeys(OrganizationFacts.FIELDS, 1)}
    organizations = Organization._get_collection()
    return [
        {"$set": {"key": DATASET_SUMMARY}},
        lookup("summary", summaries(), "key", "_id", []),
        lookup("holder", organizations, "organization", "_id", [named]),
        consultation_link().unclosed_stage("consultations", at),
    ]
