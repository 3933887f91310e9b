"""The page to which moderators of everything send plans of requests."""

from __future__ import annotations

from flask import Response, abort

from ..contributions import import_views
from ..people.viewer import Viewer, current_viewer
from ..web.api import takes_import
from ..web.pages import blueprint, handles_refusal
from . import permissions


@blueprint.route("/pages/requests/import")
def import_plans() -> Response:
    """Show the imports of plans, and the form of another."""
    return import_views.entry(_importer(), "request", None)


@blueprint.route("/pages/requests/import", methods=["POST"])
@handles_refusal
@takes_import
def send_plan() -> Response:
    """Store a plan."""
    return import_views.send(_importer(), "request", None)


def _importer() -> Viewer:
    viewer = current_viewer()
    if not permissions.may_import(viewer):
        abort(404)
    return viewer
