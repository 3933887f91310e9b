"""Virtual environments made for a run and kept for the next one: the same requirements are not
installed twice."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]


def environment(
    folder: Path, requirements: Sequence[str], python: str, constraints: str = ""
) -> Path:
    """Return the interpreter of an environment in `folder` that has `requirements` (as pip reads
    them) under `constraints` (lines of `pip freeze`), made unless it exists as asked.

    :raises SystemExit: when something cannot be installed; pip has printed what.
    """
    asked = json.dumps([python, list(requirements), constraints, _declared(requirements)])
    stamp = folder / "made-of"
    interpreter = folder / "bin" / "python"
    digest = hashlib.sha256(asked.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return interpreter
    print(f"Installing {' '.join(requirements)} in {folder.name}…", flush=True)
    _run([python, "-m", "venv", "--clear", str(folder)])
    limits = folder / "constraints.txt"
    limits.write_text(constraints)
    pip = [str(interpreter), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "install", "--constraint", str(limits), *requirements])
    stamp.write_text(digest)
    return interpreter


def frozen(interpreter: Path) -> str:
    """Return what an environment has, as constraints for another one."""
    command = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "freeze"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _declared(requirements: Sequence[str]) -> str:
    """Return the declared dependencies of the checkout, where it is itself among what is
    installed."""
    ours = any(str(CHECKOUT) in one for one in requirements)
    return (CHECKOUT / "pyproject.toml").read_text() if ours else ""


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:6])}… failed")
