"""The page to which the team sends files of answers."""

from __future__ import annotations

from flask import Response, abort

from ..contributions import import_views
from ..web.api import takes_import
from ..web.pages import blueprint, handles_refusal
from .team_pages import readable_page, team


@blueprint.route("/pages/consultations/<string:reference>/import")
def import_answers(reference: str) -> Response:
    """Show the imports of a consultation, and the form of another."""
    viewer = team()
    return import_views.entry(viewer, "response", readable_page(viewer, reference)["_id"])


@blueprint.route("/pages/consultations/<string:reference>/import", methods=["POST"])
@handles_refusal
@takes_import
def send_answers(reference: str) -> Response:
    """Store a file of answers."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    if not consultation.get("published"):
        abort(404)
    return import_views.send(viewer, "response", consultation["_id"])
