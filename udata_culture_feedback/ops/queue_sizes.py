"""Count what waits, and since when: by indexes, with a constant number of bounded commands, for
`P/health/` and the metrics. Nothing here reveals who, or about what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pymongo.collection import Collection

from ..consultations.models import collected, responses
from ..contributions import kinds
from ..contributions.review_rules import Visibility
from ..data_requests import figures
from ..data_requests.clock import overdue_bound
from ..data_requests.models import requests, supports
from ..feedback.models import feedbacks
from ..feedback.models import summaries as stored_summaries
from ..figures.settle import DISCUSSION
from ..figures.summary_ids import SITE
from ..mail.models import Outcome, outbox
from ..portal.collections import now
from ..web.listing import EPOCH
from ..web.untyped import Query

#: No count goes further: beyond it, the exact number no longer matters.
COUNTED = 100_000

#: Dues to figures; others (to a discussion, an author) may have a reason to wait.
_OF_FIGURES = {"$regex": "^(dataset:|organization:|site)"}


def dues() -> dict[str, int]:
    """Count, per kind, the contributions that are due to something."""
    return {kind: _count(collection, _due()) for kind, collection in _contributions()}


def late_dues(longer: timedelta) -> list[str]:
    """Return the kinds of contributions that have been due to figures for longer than `longer`, and
    `discussion` where public words have lacked their discussion for that long."""
    before = now() - longer
    late = []
    for kind, collection, due, since in (
        ("feedback", feedbacks(), _OF_FIGURES, "last_modified"),
        ("summary", stored_summaries(), _OF_FIGURES, "last_feedback_at"),
        ("request", requests(), _OF_FIGURES, "last_modified"),
        ("support", supports(), {"$exists": True}, "created_at"),
    ):
        if collection.find_one({"due": due, since: {"$lt": before}}, {"_id": 1}):
            late.append(kind)
    silent = {
        "due": DISCUSSION,
        "listed": True,
        "visibility": Visibility.PUBLIC,
        "last_modified": {"$lt": before},
    }
    return late + ([DISCUSSION] if feedbacks().find_one(silent, {"_id": 1}) else [])


def mails() -> dict[str, int]:
    """Count the mails that are due now, wait for later (a digest, a retry), have failed for
    good."""
    moment = now()
    return {
        "due": _count(outbox(), {"due_at": {"$lte": moment}}),
        "later": _count(outbox(), {"due_at": {"$gt": moment}}),
        "failed": _count(outbox(), {"outcome": Outcome.FAILED}),
    }


def late_mails(longer: timedelta) -> int:
    """Count the mails that have been due for longer than `longer` and that no process is
    sending."""
    moment = now()
    late = {"due_at": {"$lt": moment - longer}, "claimed_until": {"$not": {"$gt": moment}}}
    return _count(outbox(), late)


def overdue() -> int:
    """Count the requests whose answer is late."""
    late = {"$gte": EPOCH, "$lt": overdue_bound(now())}
    return _count(requests(), {"visibility": Visibility.PUBLIC, "clock.due_at": late})


def moderation() -> dict[str, int]:
    """Count what waits for moderators, by class."""
    queued = {"review.since": {"$exists": True}}
    return {
        n: _count(one.collection(), queued | one.where()) for n, one in kinds.moderated().items()
    }


def requests_by_status() -> dict[str, int]:
    """Return the number of public requests by status, from the stored figures of the site."""
    totals = figures.read_many([SITE]).get(SITE) or {}
    return _behind("status:", totals)


def feedback_figures() -> dict[str, int]:
    """Return the stored totals of the site: `total`, `waiting`, `treatment:<status>`…"""
    found = stored_summaries().find_one({"_id": SITE}, {"totals": 1}) or {}
    return found.get("totals") or {}


def treatments() -> dict[str, int]:
    """Return the number of feedbacks by treatment, from the stored figures of the site."""
    return _behind("treatment:", feedback_figures())


def _behind(prefix: str, totals: dict[str, int]) -> dict[str, int]:
    return {k.removeprefix(prefix): n for k, n in totals.items() if k.startswith(prefix)}


def _contributions() -> Iterator[tuple[str, Collection]]:
    yield "feedback", feedbacks()
    yield "summary", stored_summaries()
    yield "request", requests()
    yield "support", supports()
    yield "response", responses()
    yield "collected", collected()


def _due() -> Query:
    return {"due": {"$exists": True}}


def _count(collection: Collection, where: Query) -> int:
    return collection.count_documents(where, limit=COUNTED)
