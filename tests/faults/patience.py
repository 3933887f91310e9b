"""Waiting for another process, as long as it takes and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds given to another process, on a machine that has other things to do.
PATIENCE = 240.0


def wait_until(check: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """Asks again and again, and answers the first thing that is true. Raises AssertionError where
    there is none in time."""
    deadline = time.monotonic() + patience
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(0.05)
