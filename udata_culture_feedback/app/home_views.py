"""Show the public home: what this is, what is open, what people ask for, what has come of it."""

from __future__ import annotations

from flask import Response

from .. import vocabulary
from ..consultations import queries as consultations
from ..consultations.views import when_of_listed
from ..dashboard import queries as dashboard
from ..data_requests import queries as requests
from ..data_requests.views import on_cards, words
from ..feedback.presentation import Comment
from ..people.viewer import current_viewer
from ..web.pages import blueprint, page_address, render

#: How many of each are shown.
OPEN, SUPPORTED, DONE, CHANGED = 3, 5, 3, 3


@blueprint.route("/pages/")
def home() -> Response:
    """Show everybody where to begin, in a constant number of indexed queries."""
    viewer = current_viewer()
    counts = requests.counted_by_status()
    return render(
        "home.html",
        viewer=viewer,
        consultations=[(one, when_of_listed(one)) for one in consultations.open_ones(viewer, OPEN)],
        fulfilled=requests.fulfilled(viewer, DONE),
        fulfilled_total=counts["published"],
        supported=requests.most_supported(viewer, SUPPORTED),
        total=sum(counts[term.id] for term in vocabulary.REQUEST_STATUSES),
        changed=[
            (one["dataset"], Comment.of(one))
            for one in dashboard.last_handled(viewer, limit=CHANGED)
        ],
        requests_url=lambda **asked: page_address("requests/", **asked),
        new_url=page_address("requests/new"),
        consultations_url=page_address("consultations/"),
        consultation_url=lambda one: page_address(f"consultations/{one['slug']}/"),
        dataset_url=lambda id: page_address(f"datasets/{id}/"),
        sought="",
        **on_cards(viewer),
        **words(),
    )
