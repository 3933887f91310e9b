"""A whole demo portal in a process of its own, for browser tests to drive.

udata cannot run twice in a process (its tasks and its database connection are global), so a test
session that already has an application starts the portal elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import child_process
from .__main__ import READY_FILE

START_TIMEOUT = 600
"""Seconds given to the portal to load udata and its samples; some thirty are usual."""


@dataclass(frozen=True)
class RunningPortal:
    """A portal that responds at `url`. `ids` and `slugs` are those of the sample datasets, by
    remote id; `state_dir` has the mails."""

    url: str
    ids: dict[str, str]
    slugs: dict[str, str]
    state_dir: Path

    def page(self, remote_id: str) -> str:
        """Return the address of the stand-in page of a dataset."""
        return f"{self.url}/datasets/{self.slugs[remote_id]}"


@contextmanager
def running_portal(
    mongodb_uri: str, database: str, state_dir: Path, environment: dict[str, str] | None = None
) -> Iterator[RunningPortal]:
    """Start a demo on a free port with its own `database` of the server, until the block ends.

    :param environment: variables to set for the portal, besides ours.
    :raises RuntimeError: with what the portal printed, when it stops or stays silent.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    ready_file, log = state_dir / READY_FILE, state_dir / "portal.log"
    ready_file.unlink(missing_ok=True)
    process = child_process.start(
        [sys.executable, "-m", "demo", "--port=0",
         f"--state={state_dir}", f"--database={database}"],
        log,
        {**os.environ, **(environment or {}), "MONGODB_HOST": mongodb_uri},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not ready_file.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The portal did not start:\n{log.read_text('utf-8')}")
            time.sleep(0.05)
        ready = json.loads(ready_file.read_text(encoding="utf-8"))
        yield RunningPortal(
            url=ready["url"],
            ids={remote_id: entry["id"] for remote_id, entry in ready["datasets"].items()},
            slugs={remote_id: entry["slug"] for remote_id, entry in ready["datasets"].items()},
            state_dir=state_dir,
        )
    finally:
        child_process.stop(process)
