"""Feedback as open data: one row each, nobody's name, the words only of who agreed and once a
moderator has read them. Agents of producers and spam are in no figure, and in no file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from flask import Response
from udata.i18n import lazy_gettext as _

from .. import catalogue, refusals, vocabulary
from ..consultations import stamps
from ..csv import download
from ..opendata.tables import (
    Column,
    Table,
    batches,
    profile_column,
    shuffled,
    terms,
    told_profiles,
    version,
)
from ..vocabulary import vocabularies
from . import permissions, summaries
from .models import SITE, feedbacks, organization_summary
from .queries import STANDING

Feedback = dict[str, Any]

#: What is read of a feedback: of who gave it only what their words need.
READ = (
    *("dataset", "resource", "fitness", "ratings", "usages", "profile", "wants_answer"),
    *("treatment.status", "consultation", "created_at", "comment", "open_data", "visibility"),
    *("moderated.decision", "moderated.after", "contributor.user", "contributor.name"),
)


#: Rows for which what was read of a dataset is good enough, some seconds, and datasets remembered
#: at once: most rows are about few of them.
ROWS_REMEMBERED = 50_000
DATASETS_REMEMBERED = 5000


class Row:
    """A feedback, its dataset, and what of the rest may be told."""

    __slots__ = ("consultation", "dataset", "feedback", "organization", "profile", "ratings")

    def __init__(
        self,
        feedback: Feedback,
        dataset: catalogue.DatasetFacts | None,
        organization: catalogue.OrganizationFacts | None = None,
        profiles: frozenset[str] | set[str] = frozenset(),
        disclosed: frozenset[Any] | set[Any] = frozenset(),
    ):
        self.feedback = feedback
        self.ratings = feedback.get("ratings") or {}
        self.dataset = dataset if dataset and dataset.listed else None
        self.organization = organization if organization and not organization.deleted else None
        told = feedback.get("profile")
        self.profile = told if told in profiles else None
        stamp = feedback.get("consultation")
        self.consultation = stamp if stamp in disclosed else None


def opinion_columns() -> tuple[Column, ...]:
    """What every file of feedback has in common: what it is about, and the opinion."""
    lists = vocabularies()
    return (
        Column(
            "dataset.id",
            _("Dataset"),
            lambda row: row.dataset and str(row.dataset.id),
            _("Its id on the portal; empty where it is not public any more."),
        ),
        Column(
            "dataset.title",
            _("Title of the dataset"),
            lambda row: row.dataset and row.dataset.title,
        ),
        Column(
            "organization.id",
            _("Organization"),
            lambda row: row.organization and str(row.organization.id),
            _("Who publishes the dataset: its id on the portal."),
        ),
        Column(
            "organization.name",
            _("Name of the organization"),
            lambda row: row.organization and row.organization.name,
        ),
        month_column(_("Month in which the feedback was given (UTC).")),
        Column(
            "fitness",
            _("Do these data meet your need?"),
            lambda row: row.feedback["fitness"],
            values=terms(lists["fitness"]),
            required=True,
        ),
        *(
            Column(
                f"ratings.{axis.id}",
                axis.label,
                _rating(axis.id),
                axis.question,
                type="integer",
                values=tuple(
                    (step, str(label))
                    for step, label in zip(vocabulary.STEPS, axis.steps, strict=True)
                ),
            )
            for axis in lists["axes"]
        ),
        Column(
            "usages",
            _("Uses"),
            lambda row: row.feedback.get("usages"),
            _("What the person does with the data; several uses have commas between them."),
            values=terms(lists["usages"]),
            many=True,
        ),
        profile_column(),
    )


def table() -> Table:
    """The file of feedback, of the site or of an organization."""
    columns = (
        *opinion_columns(),
        Column(
            "resource",
            _("File"),
            lambda row: row.feedback.get("resource"),
            _("The id of the file of the dataset that it is about, where it is about one."),
        ),
        Column(
            "wants_answer",
            _("An answer is awaited"),
            lambda row: bool(row.feedback.get("wants_answer")),
            _("The person has asked for an answer from the producer."),
            type="boolean",
            required=True,
        ),
        Column(
            "treatment",
            _("Producer response"),
            lambda row: row.feedback["treatment"]["status"],
            values=terms(vocabulary.TREATMENT_STATUSES),
            required=True,
        ),
        Column(
            "consultation",
            _("Consultation"),
            lambda row: row.consultation,
            _("The id of the consultation during which it was given, once that has closed."),
        ),
        Column(
            "comment",
            _("Comment"),
            lambda row: permissions.open_words(row.feedback),
            _(
                "Only where its author agreed to its publication as open data, and a moderator has "
                "read it; parts may be blacked out."
            ),
        ),
    )
    return Table(
        "feedback",
        str(_("Feedback on datasets")),
        str(_("One row for each opinion given on the page of a dataset.")),
        columns,
    )


def site_csv() -> Response:
    """`P/site/feedback.csv`."""
    return _file("feedback", {"listed": True}, SITE)


def organization_csv(reference: str) -> Response:
    """`P/organizations/<o>/feedback.csv`. Raises NotFound for one that is not there."""
    found = catalogue.find_organization(reference)
    if found is None or found.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    scope = {"organization": found.id, "listed": True}
    return _file(f"feedback-{found.slug or found.id}", scope, organization_summary(found.id))


def rows(scope: dict[str, Any], summary_id: str) -> Iterator[Row]:
    """The feedback of public datasets, in an order drawn each time. `summary_id`: the figures that
    count it, which say how many share a profile."""
    told = _profiles(summary_id)
    known = _Datasets()
    for batch in batches(shuffled(feedbacks(), _counted(scope), READ)):
        known.read({one["dataset"] for one in batch}, len(batch))
        disclosed = stamps.disclosed(one.get("consultation") for one in batch)
        for one in batch:
            found = known.of.get(one["dataset"])
            if found:
                yield Row(one, *found, told, disclosed)


class _Datasets:
    """The public datasets that rows are about, as they are now and not as feedback has heard of it,
    with who publishes them. What was read is read again after some thousands of rows."""

    def __init__(self) -> None:
        self.of: dict[
            ObjectId, tuple[catalogue.DatasetFacts, catalogue.OrganizationFacts | None] | None
        ] = {}
        self.rows = 0

    def read(self, ids: set[ObjectId], rows: int) -> None:
        """Has these known, for as many rows."""
        if self.rows > ROWS_REMEMBERED or len(self.of) > DATASETS_REMEMBERED:
            self.of.clear()
            self.rows = 0
        self.rows += rows
        new = [id for id in ids if id not in self.of]
        datasets = catalogue.datasets_by_id(new)
        organizations = catalogue.organizations_by_id(
            one.organization for one in datasets.values() if one.organization
        )
        for id in new:
            dataset, owner = datasets.get(id), None
            if dataset and dataset.organization:
                owner = organizations.get(dataset.organization)
            self.of[id] = (dataset, owner) if dataset and dataset.listed else None


def month_column(description: Any) -> Column:
    return Column(
        "month",
        _("Month"),
        lambda row: _month(row.feedback["created_at"]),
        description,
        type="yearmonth",
        required=True,
    )


def _month(moment: datetime) -> str:
    return f"{moment.year}-{moment.month:02}"


def _rating(axis: str) -> Callable[[Row], Any]:
    return lambda row: row.ratings.get(axis)


def _file(name: str, scope: dict[str, Any], summary_id: str) -> Response:
    of_feedback = table()
    figures = summaries.read(summary_id)
    made_of = version(feedbacks(), _counted(scope), figures.get("totals"), of_feedback.header)
    found = of_feedback.rows(rows(scope, summary_id))
    return download(name, of_feedback.header, found, made_of)


def _counted(scope: dict[str, Any]) -> dict[str, Any]:
    return STANDING | {"agent": {"$ne": True}} | scope


def _profiles(summary_id: str) -> set[str]:
    totals: dict[str, int] = summaries.read(summary_id).get("totals") or {}
    sizes = {id: totals.get(f"profile:{id}", 0) for id in vocabularies().ids("profiles")}
    return told_profiles(sizes, totals.get("total", 0))
