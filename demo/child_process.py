"""Children that cannot outlive their parent: Ctrl-C reaches the parent alone, and when it is
killed without notice the kernel takes its children down.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Asked of the kernel by a child: "send me this signal when the thread that started me ends"
# (prctl(2)). Loaded here because little is allowed between fork and exec.
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int) -> Callable[[], None]:
    """Tie the life of the child to `parent` (a pid); runs in the child before it becomes the
    program."""

    def tie() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # the parent died in between: the signal will never come
                os._exit(1)

    return tie


def start(
    command: Sequence[str], output: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that the terminal's Ctrl-C goes to us only.

    Its output is appended to `output`. Call it from a thread that lives as long as the child has
    to: on Linux the child gets SIGTERM when that thread ends.
    """
    with output.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
        )


def stop(process: subprocess.Popen[bytes], patience: float = 20.0) -> None:
    """Stop `process` politely, then by force after `patience` seconds. Return once it is gone."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(patience)
    finally:
        # Also when we are interrupted while waiting: never leave without it.
        if process.poll() is None:
            process.kill()
            process.wait()
