"""Recount every figure from what it is made of: for `udata feedback recount`, and after an upgrade
that counts more than the version before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..consultations import figures as consultation_figures
from ..data_requests import figures as request_figures
from ..feedback import summaries
from ..figures.settle import recount


def recount_everything(
    *, check: bool = False, supports: bool = True
) -> Iterator[tuple[Any, dict[str, tuple[int, int]]]]:
    """Yield each summary with the counters that were wrong: counter → (in the summary, recounted).
    They are repaired unless `check`. People may go on writing. Without `supports`, leave out who is
    behind each request: there are as many of these figures as requests."""
    request_figures.ensure_all()
    # Datasets first: organizations and the site count their figures.
    for flow, where in (
        (summaries.INTO_DATASET, {"dataset": {"$exists": True}}),
        (summaries.INTO_ALL, {"dataset": {"$exists": False}}),
        *([(request_figures.SUPPORTS, {})] if supports else []),
        (request_figures.REQUESTS, {}),
        (consultation_figures.RESPONSES, {"_id": {"$regex": "^responses:"}}),
        (consultation_figures.COLLECTED, {"_id": {"$regex": "^feedback:"}}),
    ):
        for summary in flow.summaries.find(where, {"_id": 1}):
            yield summary["_id"], recount(flow, summary["_id"], check=check)
