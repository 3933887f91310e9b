"""Reads of feedback: the lists of the API and of the pages, in a constant number of indexed queries
whatever the volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from flask import json, request
from udata.auth import current_user
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.neighbours import consultation_link, requests_beside
from ..contributions.review_rules import Visibility
from ..figures.summary_ids import dataset_summary, organization_summary
from ..people.viewer import NOBODY, Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import Query
from ..search import terms
from ..web import listing, refusals, render_cache
from ..web.api import Shown
from ..web.listing import Page
from . import page_query, permissions, representation, summaries
from .actions import readable_dataset
from .models import STANDING, Summary, feedbacks

#: Maximum number of datasets with outdated feedback that the filter `outdated` supports.
MAX_AGED = 500

SORTS = ("-created_at",)

#: Arguments of the list of one dataset that filter nothing.
OF_A_DATASET = {"dataset", "page", "page_size", "cursor", "sort", "lang"}


def listed(viewer: Viewer) -> str:
    """Return `GET P/feedback/` with the filters of the query, as JSON. Raise Invalid naming an
    argument; NotFound for a dataset or an organization that does not exist (or may not be seen), or
    a page too far."""
    page = listing.asked_page()
    sort = request.args.get("sort")
    if sort is not None and sort not in SORTS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(SORTS))
        raise refusals.Invalid(message, {"sort": message})
    plain = "dataset" in request.args and request.args.keys() <= OF_A_DATASET
    if plain and not viewer.known and current_user.is_anonymous and not page.beyond:
        return _of_dataset(page)
    return json.dumps(_filtered(viewer, page))


def _of_dataset(page: Page) -> str:
    """Return the feedback with public words on one dataset for an anonymous viewer: one command."""
    found = page_query.listed(request.args["dataset"], page)

    def body() -> str:
        found.must_be_readable()
        shown = representation.about_dataset(
            NOBODY, found.feedback[: page.size], found.dataset, found.summary
        )
        return json.dumps(_envelope(shown, found.feedback, page, _worded(found.summary)))

    key = ("feedback", found.fingerprint, *request.args.items(multi=True))
    return render_cache.kept(key, body)


def _filtered(viewer: Viewer, page: Page) -> Shown:
    dataset = _asked_dataset()
    organization = _asked_organization()
    scope, counter = _scope(dataset, organization)
    everything = _sees_everything(viewer, dataset, organization)
    filters = _filters(viewer, dataset, organization, everything)
    readable: Query = {} if everything else _readable_by(viewer)
    where: Query = {"$and": [STANDING | scope, *filter(None, (filters, readable))]}
    found = listing.newest_first(feedbacks(), where, page, page_query.SHOWN)
    summary = summaries.read(counter) if counter and (dataset or not filters) else {}
    if filters or counter is None:
        total, capped = listing.count(feedbacks(), where)
    else:
        total, capped = (_counted if everything else _worded)(summary), False
        if readable and viewer.known:  # their own without public words: a handful, by an index
            own = {"contributor.key": viewer.key, "$nor": [page_query.SAID]}
            total += feedbacks().count_documents(STANDING | scope | own, limit=listing.MAX_COUNT)
    if dataset and counter:
        shown = representation.about_dataset(viewer, found[: page.size], dataset, summary)
    else:
        shown = representation.as_json(viewer, found[: page.size])
    return _envelope(shown, found, page, total, capped)


def _sees_everything(
    viewer: Viewer, dataset: DatasetFacts | None, organization: catalogue.OrganizationFacts | None
) -> bool:
    """Return whether the viewer is listed feedback without public words too: as a producer or a
    moderator of these data."""
    if not viewer.known or viewer.moderates_everything:
        return viewer.known
    if dataset:
        return any(permissions.common(viewer, dataset).values())
    if organization:
        return viewer.moderates(organization.id) or catalogue.may_speak_for(organization.id)
    return False


def _readable_by(viewer: Viewer) -> Query:
    """Return the query for feedback listed to others: with public words, or their own."""
    if not viewer.known:
        return page_query.SAID
    return {"$or": [page_query.SAID, {"contributor.key": viewer.key}]}


def _envelope(
    shown: list[Shown],
    found: Sequence[Mapping[str, Any]],
    page: Page,
    total: int,
    capped: bool = False,
) -> Shown:
    if not found and page.number > 1:
        raise refusals.NotFound(_("There is no such page."))
    return listing.envelope(shown, found, page, total, capped)


def figures_of(reference: str) -> str:
    """Return `GET P/datasets/<d>/summary/`, as JSON. Raise NotFound."""
    found = page_query.figures_of(reference)
    found.must_be_readable()
    totals = found.totals_of_requests
    if totals is None:
        totals = requests_beside().figures(dataset_summary(found.dataset.id))
    return json.dumps(summaries.as_json(found.summary | {"requests": totals}))


def _asked_dataset() -> DatasetFacts | None:
    reference = request.args.get("dataset")
    return readable_dataset(reference) if reference is not None else None


def _asked_organization() -> catalogue.OrganizationFacts | None:
    reference = request.args.get("organization")
    if reference is None:
        return None
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    return organization


def _scope(
    dataset: DatasetFacts | None, organization: catalogue.OrganizationFacts | None
) -> tuple[Shown, str | None]:
    """Return the part of the query that restricts feedback to a dataset or organization, and the
    summary that counts it."""
    if dataset and organization:
        return {"dataset": dataset.id, "organization": organization.id}, None
    if dataset:
        return {"dataset": dataset.id}, dataset_summary(dataset.id)
    if organization:
        return (
            {"organization": organization.id, "listed": True},
            organization_summary(organization.id),
        )
    return {"listed": True}, "site"


def _filters(
    viewer: Viewer,
    dataset: DatasetFacts | None,
    organization: catalogue.OrganizationFacts | None,
    everything: bool,
) -> Query:
    lists = vocabulary.vocabularies()
    filters: Query = {}
    _filter(filters, "fitness", "fitness", lists.ids("fitness"))
    _filter(filters, "profile", "profile", lists.ids("profiles"))
    statuses = [term.id for term in vocabulary.TREATMENT_STATUSES]
    _filter(filters, "treatment", "treatment.status", statuses)
    if "resource" in request.args:
        filters["resource"] = request.args["resource"] or None
    if "consultation" in request.args:
        named = consultation_link().filtered_by(request.args["consultation"])
        # Which of a few feedbacks belong to it would tell what the answer itself leaves out.
        told = everything or named in consultation_link().large([named])
        filters["consultation"] = named if told else ObjectId()
    if "outdated" in request.args:
        filters |= _outdated(dataset, organization)
    if request.args.get("q"):
        filters |= _words(viewer, request.args["q"])
    return filters


def _filter(filters: Query, argument: str, field: str, ids: Any) -> None:
    value = request.args.get(argument)
    if value is None:
        return
    if value not in ids:
        message = _("Choose one of: %(ids)s.", ids=", ".join(ids))
        raise refusals.Invalid(message, {argument: message})
    filters[field] = value


def _outdated(
    dataset: DatasetFacts | None, organization: catalogue.OrganizationFacts | None
) -> Shown:
    """Select feedback given before (or since) the last change of the data, by comparison with the
    summary of each dataset that has outdated feedback. Raise Invalid where there are too many of
    them."""
    value = request.args["outdated"].lower()
    if value not in ("true", "false", "1", "0"):
        message = _("True or false.")
        raise refusals.Invalid(message, {"outdated": message})
    if dataset:
        found = [summaries.read(dataset_summary(dataset.id))]
    else:
        found = summaries.aged(organization.id if organization else None, MAX_AGED + 1)
        if len(found) > MAX_AGED:
            message = _("That concerns too many datasets: add `dataset` or `organization`.")
            raise refusals.Invalid(message, {"outdated": message})
    older = [
        {"dataset": summary["dataset"], "judged": {"$lt": summary["data_updated_at"]}}
        for summary in found
        if summary.get("data_updated_at")
    ]
    if value in ("true", "1"):
        return {"$or": older} if older else {"_id": None}
    return {"$nor": older} if older else {}


def _words(viewer: Viewer, text: str) -> Shown:
    """Select feedback whose public words contain every word searched for."""
    asked = terms.query_terms(text[:200])
    if not asked:
        return {}
    filters: Query = {
        "comment": {"$exists": True},
        "$and": [{"terms": {"$in": list(stems)}} for stems in asked],
    }
    if not viewer.moderates_everything:
        filters["visibility"] = Visibility.PUBLIC
    return filters


def _counted(summary: Summary) -> int:
    """Return the number of listed feedbacks: those of producers' agents, which the summary counts
    apart, are among them."""
    totals = summary.get("totals") or {}
    return totals.get("total", 0) + totals.get("agents", 0)


def _worded(summary: Summary) -> int:
    """Return how many have public words, those of producers' agents among them."""
    return (summary.get("totals") or {}).get("words", 0)
