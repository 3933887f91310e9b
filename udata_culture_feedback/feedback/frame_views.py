"""A page to be shown in a frame, for sites that accept nothing else: the widget alone. It reports
its height to the embedding page (`frame.js`); a setting says who may frame it."""

from __future__ import annotations

from flask import Response, abort, request

from ..people.viewer import NOBODY
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web import refusals
from ..web.pages import blueprint, page_address, render
from . import actions


@blueprint.route("/pages/frame/datasets/<string:dataset>/")
def frame_of_dataset(dataset: str) -> Response:
    """Show the widget of a dataset, alone."""
    try:
        return _frame(actions.readable_dataset(dataset))
    except refusals.NotFound:
        abort(404)


@blueprint.route("/pages/frame/remote/")
def frame_of_remote_dataset() -> Response:
    """Show the widget of a dataset that another portal names by its own id: see `pages/remote/`."""
    found = catalogue.find_remote(request.args.get("id"), request.args.get("source"))
    if found is None or not catalogue.may_read(found):
        abort(404)
    return _frame(found)


def _frame(dataset: DatasetFacts) -> Response:
    # The widget finds out by itself who is looking.
    return render(
        "embed/frame.html",
        viewer=NOBODY,
        dataset=dataset,
        here=page_address(f"datasets/{dataset.slug or dataset.id}/"),
    )
