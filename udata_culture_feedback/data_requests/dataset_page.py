"""The requests that the page of a dataset shows, read by the query that reads the dataset."""

from __future__ import annotations

from ..contributions.review_rules import Visibility
from ..portal.collections import lookup
from ..web.listing import NEWEST
from ..web.untyped import Query
from .models import requests
from .workflow import OPEN, Status

PUBLIC: Query = {"visibility": Visibility.PUBLIC}
#: Written as the partial index on `fulfilled_by` has it, so that MongoDB uses it.
FULFILLED: Query = {"status": Status.PUBLISHED, "fulfilled_by": {"$exists": True}}

#: Most requests read that one dataset answers.
OPENED_BY = 20
#: Latest open requests read that were asked from one dataset; its page shows the most supported.
ASKED_FROM = 50

#: The fields of a request that the page of a dataset needs.
SAID_OF = dict.fromkeys(
    ("title", "slug", "status", "totals", "contributor.key", "contributor.kind", "detached"), 1
)


def stages() -> list[Query]:
    """Add to each dataset of a pipeline its requests: `asked`, the latest open ones asked from its
    page, and `opened`, those that it answers."""
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
