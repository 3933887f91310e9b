"""Requests as they are read beside datasets, in the same command."""

from __future__ import annotations

from ..contributions.review_rules import Visibility
from ..portal.collections import lookup
from ..web.listing import NEWEST
from .models import Query, requests
from .workflow import OPEN, Status

PUBLIC: Query = {"visibility": Visibility.PUBLIC}
#: In the words of the index on what they are fulfilled by.
FULFILLED: Query = {"status": Status.PUBLISHED, "fulfilled_by": {"$exists": True}}

#: Requests that one dataset answers: more are not looked at.
OPENED_BY = 20
#: Open requests asked from one dataset: the latest, of which its page shows the most supported.
ASKED_FROM = 50

#: What the page of a dataset needs of a request.
SAID_OF = dict.fromkeys(
    ("title", "slug", "status", "totals", "contributor.key", "contributor.kind", "detached"), 1
)


def stages() -> list[Query]:
    """Add to datasets in a pipeline what their pages say of requests: `asked`, the latest open
    ones that were asked from there, and `opened`, those that the dataset answers."""
    waiting = PUBLIC | {"status": {"$in": list(OPEN)}}
    return [
        lookup("asked", requests(), "_id", "dataset", _latest(waiting, ASKED_FROM)),
        lookup(
            "opened",
            requests(),
            "_id",
            "fulfilled_by.datasets",
            _latest(PUBLIC | FULFILLED, OPENED_BY),
        ),
    ]


def _latest(where: Query, limit: int) -> list[Query]:
    return [{"$match": where}, {"$sort": NEWEST}, {"$limit": limit}, {"$project": SAID_OF}]
