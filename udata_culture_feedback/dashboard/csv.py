"""The filtered feedback as a file for spreadsheets: exactly the list, without its pages.

It has no names, since files travel further than pages, and no words that are not public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from ..contributions.review_rules import Visibility
from ..feedback import summaries
from ..feedback.models import Feedback, Summary
from ..feedback.representation import addresses, is_outdated
from ..portal import catalogue
from ..vocabulary import vocabularies
from ..web.api import never_stored
from ..web.csv import download
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


def columns() -> dict[str, Callable[[Row], Any]]:
    """Return the columns: header → value. Names are those of the API; a dot leads inside an
    object."""
    return {
        "id": lambda row: row.feedback["_id"],
        "dataset.id": lambda row: row.dataset.id,
        "dataset.title": lambda row: row.dataset.title,
        "resource": _field("resource"),
        "created_at": _field("created_at"),
        "last_modified": _field("last_modified"),
        "fitness": _field("fitness"),
        **{f"ratings.{axis}": _rating(axis) for axis in vocabularies().ids("axes")},
        "comment": lambda row: row.words,
        "wants_answer": lambda row: bool(row.feedback.get("wants_answer")),
        "usages": _field("usages"),
        "profile": _field("profile"),
        "outdated": lambda row: is_outdated(row.feedback, row.summary),
        "treatment.status": _treatment("status"),
        "treatment.answer": _treatment("answer"),
        "treatment.answered_at": _treatment("answered_at"),
        "self_web_url": lambda row: addresses(row.feedback)["self_web_url"],
    }


def feedback_csv(filters: Filters) -> Response:
    """Stream the filtered feedback, read and sent in batches, whatever its number."""
    made = columns()
    response = download("feedback", list(made), _rows(filters, made))
    never_stored(response)
    return response


def _rows(filters: Filters, made: dict[str, Callable[[Row], Any]]) -> Iterator[list[Any]]:
    for batch in queries.every_feedback(filters):
        datasets = catalogue.datasets_by_id(one["dataset"] for one in batch)
        thresholds = summaries.read_many(datasets)
        for one in batch:
            dataset = datasets.get(one["dataset"])
            if dataset:
                row = Row(one, dataset, thresholds.get(dataset.id, {}))
                yield [value(row) for value in made.values()]
