"""Handing work to Celery without ever breaking the request that does it."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


def later(task: Any, *args: Any, countdown: float | None = None) -> bool:
    """Queues a task. False when the broker does not answer: nothing is lost, what a task would have
    done stays due in the database for `udata feedback maintain` or the next write."""
    try:
        task.apply_async(args=args, countdown=countdown)
    except Exception:
        log.exception("%s could not be queued; it stays due", task.name)
        return False
    return True
