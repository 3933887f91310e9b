"""The filtered feedback as a file for spreadsheets: exactly the list, without its pages.

It has no names, since files travel further than pages, and no words that are not public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.review_rules import Visibility
from ..feedback import summaries
from ..feedback.models import Feedback, Summary
from ..feedback.representation import addresses, is_outdated
from ..opendata.tables import Column, Table, terms
from ..portal import catalogue
from ..vocabulary import vocabularies
from ..web.api import never_stored
from . import queries
from .filters import Filters


class Row:
    """A feedback, its dataset and the summary of the dataset."""

    def __init__(self, feedback: Feedback, dataset: Any, summary: Summary):
        self.feedback = feedback
        self.dataset = dataset
        self.summary = summary

    @property
    def words(self) -> str | None:
        public = self.feedback["visibility"] == Visibility.PUBLIC
        return self.feedback.get("comment") if public else None


def _field(name: str) -> Callable[[Row], Any]:
    return lambda row: row.feedback.get(name)


def _rating(axis: str) -> Callable[[Row], Any]:
    return lambda row: (row.feedback.get("ratings") or {}).get(axis)


def _treatment(name: str) -> Callable[[Row], Any]:
    return lambda row: row.feedback["treatment"].get(name)


def table() -> Table:
    """Describe the file. Names are those of the API; a dot leads inside an object."""
    lists = vocabularies()
    return Table.plain(
        "feedback",
        Column("id", _("Opinion"), lambda row: row.feedback["_id"]),
        Column("dataset.id", _("Dataset"), lambda row: row.dataset.id),
        Column("dataset.title", _("Title of the dataset"), lambda row: row.dataset.title),
        Column("resource", _("File"), _field("resource")),
        Column("created_at", _("Given on"), _field("created_at")),
        Column("last_modified", _("Changed on"), _field("last_modified")),
        Column(
            "fitness",
            _("Do these data meet your need?"),
            _field("fitness"),
            values=terms(lists["fitness"]),
        ),
        *(
            Column(f"ratings.{axis.id}", axis.label, _rating(axis.id), type="integer")
            for axis in lists["axes"]
        ),
        Column("comment", _("Comment"), lambda row: row.words),
        Column(
            "wants_answer",
            _("An answer is awaited"),
            lambda row: bool(row.feedback.get("wants_answer")),
        ),
        Column("usages", _("Uses"), _field("usages"), values=terms(lists["usages"]), many=True),
        Column("profile", _("Profile"), _field("profile"), values=terms(lists["profiles"])),
        Column(
            "outdated",
            _("The data have changed since"),
            lambda row: is_outdated(row.feedback, row.summary),
        ),
        Column(
            "treatment.status",
            _("Producer response"),
            _treatment("status"),
            values=terms(vocabulary.TREATMENT_STATUSES),
        ),
        Column("treatment.answer", _("Answer"), _treatment("answer")),
        Column("treatment.answered_at", _("Answered on"), _treatment("answered_at")),
        Column("self_web_url", _("Address"), lambda row: addresses(row.feedback)["self_web_url"]),
    )


def feedback_csv(filters: Filters) -> Response:
    """Stream the filtered feedback, read and sent in batches, whatever its number."""
    response = table().download(_rows(filters))
    never_stored(response)
    return response


def _rows(filters: Filters) -> Iterator[Row]:
    for batch in queries.every_feedback(filters):
        datasets = catalogue.datasets_by_id(one["dataset"] for one in batch)
        thresholds = summaries.read_many(datasets)
        for one in batch:
            dataset = datasets.get(one["dataset"])
            if dataset:
                yield Row(one, dataset, thresholds.get(dataset.id, {}))
