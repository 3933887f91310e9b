"""Validation of files against their Table Schema by frictionless, which others use for it.

It cannot be installed beside udata: it needs python-slugify, udata awesome-slugify, and both are
the module `slugify`. So it has an environment of its own (`make .frictionless`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[1]
COMMAND = os.environ.get("FRICTIONLESS") or shutil.which(
    "frictionless", path=f"{CHECKOUT / '.frictionless' / 'bin'}{os.pathsep}{os.environ['PATH']}"
)

needs_frictionless = pytest.mark.skipif(
    COMMAND is None, reason="frictionless has an environment of its own: make .frictionless"
)


def errors(file: Path, schema: Path) -> list[Any]:
    """What frictionless finds wrong in a file of ours; empty: nothing."""
    assert COMMAND
    told = subprocess.run(
        [
            *(COMMAND, "validate", file.name, "--schema", schema.name),
            *("--dialect", json.dumps({"csv": {"delimiter": ";"}}), "--json"),
        ],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    report = json.loads(told.stdout)
    assert report["tasks"], told.stdout + told.stderr
    return report["errors"] + [error for task in report["tasks"] for error in task["errors"]]
