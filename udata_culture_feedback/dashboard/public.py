"""The public page of how an organization answers its users: what has changed thanks to them."""

from __future__ import annotations

from flask import Response, abort

from ..feedback.presentation import Comment
from ..people.viewer import current_viewer
from ..portal import catalogue
from ..web.pages import blueprint, page_address, render
from . import presentation, queries


@blueprint.route("/pages/organizations/<string:organization>/")
def organization_page(organization: str) -> Response:
    """Show what users say of the public datasets of an organization, and what it has handled."""
    found = catalogue.find_organization(organization)
    if found is None or found.deleted:
        abort(404)
    viewer = current_viewer()
    totals, portal = queries.totals_of_organization(found), queries.totals_of_portal()
    answers = presentation.Answers.of(totals)
    return render(
        "dashboard/organization.html",
        viewer=viewer,
        organization=found,
        totals=totals,
        fitness_chart=presentation.fitness_chart(presentation.fitness(totals), found.name),
        axes=[axis for axis in presentation.axes(found.name, totals, portal) if axis.count],
        answers=presentation.AnswersView(answers) if answers.enough_for_public else None,
        handled=[(one["dataset"], Comment.of(one)) for one in queries.last_handled(viewer, found)],
        here=page_address(f"organizations/{found.slug or found.id}/"),
        dataset_url=lambda id: page_address(f"datasets/{id}/"),
        requests_url=page_address("requests/", organization=found.slug or str(found.id)),
    )
