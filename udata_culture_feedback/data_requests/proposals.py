"""What already exists, proposed before somebody writes: similar datasets and similar requests, as
the index finds them and as far as the viewer may see them."""

from __future__ import annotations

from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer
from ..portal import catalogue
from ..search import similar
from . import representation
from .models import requests
from .queries import LEFT_OUT
from .workflow import OPEN, Status

#: How many of each are proposed.
SHOWN = 5


def similar_things(viewer: Viewer, text: str) -> dict[str, list[representation.Shown]]:
    """`datasets` (id, title, page) and `requests` (as in lists) that resemble a text, best first.
    Requests that are withdrawn or merged are left out: there is nothing to support there."""
    found = similar.similar(text, limit=SHOWN)
    datasets = catalogue.datasets_by_id(one.id for one in found["datasets"])
    wanted = {
        "_id": {"$in": [one.id for one in found["requests"]]},
        "visibility": Visibility.PUBLIC,
        "status": {"$in": [*OPEN, Status.PUBLISHED, Status.DECLINED]},
    }
    by_id = {request["_id"]: request for request in requests().find(wanted, LEFT_OUT)}
    ordered = [by_id[one.id] | {"history": []} for one in found["requests"] if one.id in by_id]
    return {
        "datasets": [
            dataset.as_json()
            for one in found["datasets"]
            if (dataset := datasets.get(one.id)) and dataset.listed
        ],
        "requests": representation.as_json(viewer, ordered),
    }
