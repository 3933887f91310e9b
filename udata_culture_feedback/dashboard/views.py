"""The pages of a producer: their dashboards, what waits, the list of feedback, the table of
datasets. None of them is stored by anybody (`no-store`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, abort, redirect, request
from udata.i18n import gettext as _

from ..contributions.neighbours import TrendEvent
from ..feedback import actions
from ..feedback.trend import months
from ..people.viewer import Viewer, current_viewer
from ..portal.catalogue import DatasetFacts
from ..vocabulary import vocabularies
from ..web import listing, refusals
from ..web.api import never_stored
from ..web.listing import Page
from ..web.pages import blueprint, form_address, page_address, render, see_other
from ..web.untyped import Shown
from ..web.urls import api_url, login_url
from . import filters, permissions, portal_board, presentation, queries, trends
from .permissions import Scope

#: Sorts of the table of datasets.
SORTS = ("attention", "view", "age")

View = Callable[..., Response]


def private(view: View) -> View:
    """Wrap the view of a page that nobody stores, which refuses in words: 401 with a link to log
    in, 403, 400."""

    @wraps(view)
    def careful(**arguments: Any) -> Response:
        viewer = current_viewer()
        try:
            response = view(viewer, **arguments)
        except refusals.NotFound:
            abort(404)
        except refusals.Refusal as refusal:
            response = _refused(viewer, refusal)
        return never_stored(response)

    return careful


@blueprint.route("/pages/dashboard/")
@private
def dashboards_page(viewer: Viewer) -> Response:
    """List the organizations the viewer edits for, and their own datasets."""
    own = permissions.own_scope(viewer).datasets or ()
    found = queries.dashboards(permissions.memberships(), permissions.assigned(), list(own))
    return render(
        "dashboard/list.html",
        viewer=viewer,
        dashboards=found,
        here=page_address("dashboard/"),
        url=lambda one: address_of(Scope(one.organization, None)),
    )


@blueprint.route("/pages/dashboard/portal/")
@private
def portal_board_page(viewer: Viewer) -> Response:
    """Show how each producer answers, to administrators of the portal; 404 to anybody else."""
    portal_board.must_be_administrator(viewer)
    refusal: refusals.Refusal | None = None
    words, sort, page = request.args.get("q", "").strip(), "-waiting", Page(1, portal_board.ROWS)
    try:
        sort = portal_board.asked_sort(request.args.get("sort"))
        page = listing.asked_page(portal_board.ROWS)
    except refusals.Invalid as senseless:
        refusal = senseless
    rows, more, total = portal_board.listed(sort, words or None, page)

    def url(**changed: Any) -> str:
        kept = {"q": words or None, "sort": sort} | changed
        return page_address(
            "dashboard/portal/", **{name: value for name, value in kept.items() if value}
        )

    return render(
        "dashboard/portal.html",
        viewer=viewer,
        refusal=refusal,
        rows=rows,
        more=more,
        total=total,
        page=page,
        last=-(-min(total, listing.MAX_OFFSET) // page.size),
        sort=sort,
        sorts={
            "-waiting": _("Comments that wait"),
            "-commented": _("Comments"),
            "-total": _("Answers"),
            "-last_feedback_at": _("Latest answer"),
        },
        q=words,
        page_url=lambda number: url(page=number),
        csv_url=api_url("dashboard/portal.csv"),
        organization_url=lambda row: _address_of(row["organization"]["id"]),
        here=page_address("dashboard/portal/"),
        returned=portal_board.returned(),
        returned_url=page_address("dashboard/portal/returned"),
        **portal_board.lacking(),
    )


@form_address("/pages/dashboard/portal/returned", page="dashboard/portal/")
@private
def decide_return(viewer: Viewer) -> Response:
    """Have a dataset adopt what was said of a deleted one, or note that it is another."""
    form = request.form
    portal_board.decide_return(viewer, form.get("old"), form.get("new"), form.get("decision"))
    return see_other(page_address("dashboard/portal/"))


def _address_of(organization: str) -> str:
    return page_address(f"dashboard/organizations/{organization}/")


@blueprint.route("/pages/dashboard/me/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/")
@private
def dashboard_page(viewer: Viewer, organization: str | None) -> Response:
    """Show on one screen and a half what waits, how it goes, and what to improve first."""
    scope = scope_of(viewer, organization)
    totals = queries.totals_of(scope)
    first = queries.first_datasets(scope)
    waits = queries.what_waits(viewer, scope)
    return render(
        "dashboard/overview.html",
        viewer=viewer,
        totals=totals,
        waits=waits,
        long=queries.LONG,
        first=[presentation.DatasetView(row) for row in first],
        answers=presentation.AnswersView(presentation.Answers.of(totals)),
        answered_of_commented=sum(month["answered"] for month in months(totals)),
        trends=trends.three(totals, _updates(first)),
        **common(scope),
    )


def _updates(first: list[queries.DatasetRow]) -> list[TrendEvent]:
    """List the updates of the datasets that are shown: they may explain a trend."""
    return [
        TrendEvent(at, "data_update", str(_("%(title)s updated", title=row.facts.title)))
        for row in first
        for at in row.updates
    ]


@blueprint.route("/pages/dashboard/me/datasets/<string:dataset>/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/datasets/<string:dataset>/")
@private
def dataset_dashboard_page(viewer: Viewer, organization: str | None, dataset: str) -> Response:
    """Show one dataset: what waits, its latest comments, its trends, its criteria over time."""
    scope = scope_of(viewer, organization)
    found = actions.readable_dataset(dataset)
    if not covers(scope, found):
        raise refusals.NotFound(_("There is no such dataset."))
    row = queries.one_dataset(found.id)
    totals = row.totals if row else {}
    worded = filters.read({"dataset": str(found.id), "words": "1"}, viewer, scope)
    latest = queries.feedback(viewer, scope, worded, Page(1, queries.FIRST))
    updates = row.updates if row else ()
    events = [TrendEvent(at, "data_update", str(_("The data were updated"))) for at in updates]
    return render(
        "dashboard/dataset.html",
        viewer=viewer,
        dataset=found,
        totals=totals,
        one=presentation.DatasetView(row) if row else None,
        latest=presentation.feedback_rows(latest, {}),
        open_requests=queries.open_requests_from(found.id),
        trends=trends.three(totals, events),
        axes=trends.axis_lines(totals),
        **common(scope, "datasets") | {"here": address_of(scope, f"datasets/{found.id}/")},
    )


def covers(scope: Scope, dataset: DatasetFacts) -> bool:
    """Return whether a dashboard covers a dataset."""
    owner = scope.organization.id if scope.organization else None
    return dataset.organization == owner and (
        scope.datasets is None or dataset.id in scope.datasets
    )


@blueprint.route("/pages/dashboard/me/datasets/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/datasets/")
@private
def datasets_page(viewer: Viewer, organization: str | None) -> Response:
    """Show, for one criterion, what users say of each dataset beside what the portal knows of
    it."""
    scope = scope_of(viewer, organization)
    known = vocabularies()["axes"]
    axis = vocabularies().find("axes", request.args.get("axis")) or known[0]
    sort = request.args.get("sort")
    sort = sort if sort in SORTS else "attention"
    page = listing.asked_page(queries.ROWS)
    rows, more = queries.datasets(scope, axis.id, sort, page)

    def url(**changed: Any) -> str:
        return address_of(scope, "datasets/", **({"axis": axis.id, "sort": sort} | changed))

    return render(
        "dashboard/datasets.html",
        viewer=viewer,
        axis=axis,
        axes=known,
        sort=sort,
        rows=[presentation.DatasetView(row) for row in rows],
        page=page,
        more=more,
        url=url,
        **common(scope, "datasets"),
    )


def scope_of(viewer: Viewer, organization: str | None) -> Scope:
    if organization is None:
        return permissions.own_scope(viewer)
    return permissions.scope_of_organization(viewer, organization)


def address_of(scope: Scope, part: str = "", **arguments: Any) -> str:
    return page_address(f"dashboard/{scope.link}{part}", **arguments)


def common(scope: Scope, part: str = "") -> Shown:
    """Make the context that the pages of one dashboard share: their names and addresses."""
    organization = scope.organization
    return {
        "scope": scope,
        "part": part,
        "here": address_of(scope, f"{part}/" if part else ""),
        "overview_url": address_of(scope),
        "inbox_url": lambda **kept: address_of(scope, "inbox/", **kept),
        "requests_url": lambda **kept: address_of(scope, "requests/", **kept),
        "page_of_dataset": lambda id: address_of(scope, f"datasets/{id}/"),
        "datasets_url": lambda **kept: address_of(scope, "datasets/", **kept),
        "dashboards_url": page_address("dashboard/"),
        "treatment_url": lambda id: page_address(f"dashboard/feedback/{id}"),
        "dataset_url": lambda id: page_address(f"datasets/{id}/"),
        "request_url": lambda found: page_address(f"requests/{found['slug']}/"),
        "settings_url": address_of(scope, "settings") if organization else None,
        "public_url": (
            page_address(f"organizations/{organization.slug or organization.id}/")
            if organization
            else None
        ),
    }


def _refused(viewer: Viewer, refusal: refusals.Refusal) -> Response:
    back = request.full_path.rstrip("?")
    return render(
        "dashboard/refused.html",
        viewer=viewer,
        refusal=refusal,
        here=page_address("dashboard/"),
        login=login_url(back),
    )


@blueprint.route("/pages/dashboard/datasets/<string:dataset>/")
def dashboard_of_dataset(dataset: str) -> Response:
    """Redirect to what waits for a dataset, in the dashboard of its producer."""
    try:
        found = actions.readable_dataset(dataset)
    except refusals.NotFound:
        abort(404)
    whose = f"organizations/{found.organization}" if found.organization else "me"
    kept = {name: request.args[name] for name in ("as", "level") if name in request.args}
    address = page_address(f"dashboard/{whose}/inbox/", dataset=str(found.id), **kept)
    return redirect(address, code=302)  # type: ignore[return-value]
