"""Feedback as open data, one row each: no names, and words only where their author agreed and a
moderator has read them. Feedback of producers' agents and spam, counted in no figure, is in no
file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from bson import ObjectId
from flask import Response
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.neighbours import consultation_link
from ..figures.summary_ids import SITE, organization_summary
from ..opendata.named import Datasets
from ..opendata.opinions import Row, opinion_columns
from ..opendata.tables import (
    Column,
    Table,
    batches,
    shuffled,
    terms,
    told_profiles,
    version,
)
from ..portal import catalogue
from ..portal.collections import Query
from ..vocabulary import vocabularies
from ..web import refusals
from . import permissions, summaries
from .models import STANDING, feedbacks

#: Fields read of a feedback, none of them about its author.
READ = (
    *("dataset", "resource", "fitness", "ratings", "usages", "profile", "wants_answer"),
    *("treatment.status", "consultation", "created_at", "open_data"),
)
#: Fields read besides, where the author lets the words be open data.
READ_OF_WORDS = (
    *("comment", "open_data", "visibility", "moderated.decision", "moderated.after"),
    *("contributor.user", "contributor.name"),
)


def table() -> Table:
    """Return the columns of the file of feedback, of the site or of an organization."""
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
            attrgetter("consultation"),
            _("The id of the consultation during which it was given, once that has closed."),
        ),
        Column(
            "comment",
            _("Comment"),
            attrgetter("comment"),
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
    """Return the file at `P/site/feedback.csv`."""
    return _file("feedback", {"listed": True}, SITE)


def organization_csv(reference: str) -> Response:
    """Return the file at `P/organizations/<o>/feedback.csv`. Raise NotFound for an unknown
    organization."""
    found = catalogue.find_organization(reference)
    if found is None or found.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    scope = {"organization": found.id, "listed": True}
    return _file(f"feedback-{found.slug or found.id}", scope, organization_summary(found.id))


def rows(scope: Query, summary_id: str) -> Iterator[Row]:
    """Yield the feedback of public datasets, in an order drawn each time. `summary_id`: the figures
    that count it, which tell how many people share a profile."""
    told = _profiles(summary_id)
    datasets = Datasets()
    found = shuffled(feedbacks(), _counted(scope), READ, most=_is_most(scope))
    for batch in batches(found):
        about = datasets.about([one["dataset"] for one in batch])
        disclosed = consultation_link().disclosed({one.get("consultation") for one in batch})
        words = _words(one["_id"] for one in batch if one.get("open_data"))
        for one, named in zip(batch, about, strict=True):
            if named[0]:
                comment = words.get(one["_id"]) if words else None
                yield Row(one, named, told, disclosed, comment)


def _words(ids: Iterable[ObjectId]) -> dict[ObjectId, str | None]:
    """Read the comments of these feedbacks that may be published, as they are now. No command where
    there are none."""
    agreed = list(ids)
    if not agreed:
        return {}
    found = feedbacks().find({"_id": {"$in": agreed}}, dict.fromkeys(READ_OF_WORDS, 1))
    return {one["_id"]: permissions.open_words(one) for one in found}


def _file(name: str, scope: Query, summary_id: str) -> Response:
    of_feedback = table()
    figures = summaries.read(summary_id)
    made_of = version(
        feedbacks(),
        _counted(scope),
        figures.get("totals"),
        of_feedback.header,
        most=_is_most(scope),
    )
    return of_feedback.download(rows(scope, summary_id), made_of, name)


def _counted(scope: Query) -> Query:
    return STANDING | {"agent": {"$ne": True}} | scope


def _is_most(scope: Query) -> bool:
    return "organization" not in scope


def _profiles(summary_id: str) -> set[str]:
    totals: dict[str, int] = summaries.read(summary_id).get("totals") or {}
    sizes = {id: totals.get(f"profile:{id}", 0) for id in vocabularies().ids("profiles")}
    return told_profiles(sizes, totals.get("total", 0))
