"""Name the summaries of a dataset, an organization and the site: their `_id` in every collection of
figures."""

from __future__ import annotations

from typing import Any

SITE = "site"

#: The ids of all summaries of organizations, as a condition on `_id`.
OF_ORGANIZATIONS = {"$gte": "organization:", "$lt": "organization;"}

#: `dataset_summary` in a pipeline whose documents are datasets.
DATASET_SUMMARY = {"$concat": ["dataset:", {"$toString": "$_id"}]}


def dataset_summary(dataset: Any) -> str:
    """Return the id of a dataset's summary. `dataset`: its id."""
    return f"dataset:{dataset}"


def organization_summary(organization: Any) -> str:
    """Return the id of an organization's summary. `organization`: its id."""
    return f"organization:{organization}"
