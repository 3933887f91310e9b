"""Define the columns of every file of feedback: what an opinion is about, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..vocabulary import vocabularies
from .named import About, dataset_columns, organization_columns
from .tables import Column, profile_column, terms

Feedback = dict[str, Any]


class Row:
    """A feedback, what it is about, and what of the rest may be published."""

    __slots__ = (
        *("feedback", "ratings", "dataset", "organization", "profile", "consultation", "comment"),
    )

    def __init__(
        self,
        feedback: Feedback,
        about: About,
        profiles: Container[str] = (),
        disclosed: Container[ObjectId] = (),
        comment: str | None = None,
    ):
        self.feedback = feedback
        self.ratings = feedback.get("ratings") or {}
        self.dataset, self.organization = about
        told = feedback.get("profile")
        self.profile = told if told in profiles else None
        stamp = feedback.get("consultation")
        self.consultation = stamp if stamp in disclosed else None
        self.comment = comment


def opinion_columns() -> tuple[Column, ...]:
    """Return the columns that all files of feedback share: what an opinion is about, and what it
    says."""
    lists = vocabularies()
    return (
        *dataset_columns(_("Its id on the portal; empty where it is no longer public.")),
        *organization_columns(
            _("Organization"),
            _("Name of the organization"),
            _("Who publishes the dataset: its id on the portal."),
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
    return moment.isoformat()[:7]


def _rating(axis: str) -> Callable[[Row], Any]:
    return lambda row: row.ratings.get(axis)
