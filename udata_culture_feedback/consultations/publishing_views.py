"""The results as open data, from their page: where they are, and publishing them by the team."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer, current_viewer
from ..web import refusals
from ..web.api import bound_body
from ..web.pages import blueprint, check_guard, handles_refusal, page_address
from . import permissions, publishing
from .repository import Consultation

#: What became of it, after `?done=`.
DONE = {
    "published": _("The results are published as open data."),
    "queued": _("The results are being published. Please come back in a while."),
    "unchanged": _("What is published is up to date: nothing has changed."),
}


@blueprint.route("/pages/consultations/<string:reference>/results/publish", methods=["POST"])
@handles_refusal
def publish_results(reference: str) -> Response:
    """Publishes the results, or what of them has changed."""
    from .results_views import results_page

    viewer = current_viewer()
    try:
        bound_body()
        check_guard(viewer)
        made = publishing.publish_as(viewer, reference)
    except refusals.Refusal as refusal:
        return results_page(reference, refusal=refusal)
    done = "queued" if made is None else "published" if made.changed else "unchanged"
    address = page_address(f"consultations/{reference}/results/", done=done)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


def shown(viewer: Viewer, consultation: Consultation) -> dict[str, Any]:
    """What the page of results shows of it."""
    return {
        "dataset": publishing.dataset_of(consultation),
        "may_publish": permissions.is_team(viewer),
        "responses_url": publishing.responses_address(consultation),
        "publish_url": page_address(f"consultations/{consultation['slug']}/results/publish"),
    }
