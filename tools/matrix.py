"""`make matrix`: the tests on every combination of udata, Python and MongoDB that can be had here.

    python -m tools.matrix                                     # a chosen few of the tests
    python -m tools.matrix --tests tests                       # all of them
    python -m tools.matrix --python python3.13 --mongodb mongodb://127.0.0.1:27017

udata: the versions that `pyproject.toml` allows and the package index has. Python: the interpreters
3.11 to 3.13 that are installed. MongoDB: the embedded server, and those that `--mongodb` names.
Each combination has an environment of its own, kept for the next time. Exit 1 when a test fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path
from shutil import which

from packaging.requirements import Requirement
from packaging.version import Version
from pymongo import MongoClient

from demo.mongod import EmbeddedMongod

from .environments import CHECKOUT, environment

PYTHONS = ("python3.11", "python3.12", "python3.13")

#: Tests in which an incompatibility shows first, within a few minutes: the canary, the contract of
#: the API, figures, migrations, a start from nothing.
CHOSEN = (
    "tests/project/test_compatibility.py",
    "tests/app/test_commands.py",
    "tests/app/test_migrations.py",
    "tests/ops/test_metrics.py",
    "tests/feedback/test_api.py",
    "tests/data_requests/test_requests_api.py",
    "tests/consultations/test_answering.py",
    "tests/people/test_proof.py",
)


@dataclass
class Result:
    udata: str
    python: str
    mongodb: str
    said: str
    seconds: float
    good: bool


def udata_versions() -> list[str]:
    """List the releases of udata that the plugin says it supports, the latest first.

    :raises SystemExit: when the package index does not answer.
    """
    asked = next(
        one
        for line in requires("udata-culture-feedback") or []
        if (one := Requirement(line)).name == "udata"
    )
    command = [sys.executable, "-m", "pip", "index", "versions", "udata"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^Available versions: (.*)$", listed.stdout, re.M)
    if not found:
        raise SystemExit(f"No list of the versions of udata: {listed.stderr}")
    versions = [Version(one) for one in found.group(1).split(", ")]
    return [str(one) for one in sorted(versions, reverse=True) if one in asked.specifier]


def run(udata: str, python: str, server: str, arguments: argparse.Namespace) -> Result:
    """Run the tests on one combination; the output of pytest goes to a log beside its
    environment."""
    name = f"{Path(python).name}-udata{udata}"
    needed = ["--editable", f"{CHECKOUT}[demo,test]", f"udata=={udata}"]
    interpreter = environment(arguments.folder / name, needed, python)
    version = MongoClient(server).server_info()["version"]
    log = arguments.folder / f"{name}-mongodb{version}.log"
    started = time.monotonic()
    with log.open("w") as said:
        command = [str(interpreter), "-m", "pytest", "-q", "-n", str(arguments.jobs)]
        code = subprocess.run(
            [*command, "--dist", "loadgroup", "-W", "ignore", *arguments.tests],
            cwd=CHECKOUT,
            env=os.environ | {"MONGODB_HOST": server},
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    lines = log.read_text().splitlines()
    summary = next((one for one in reversed(lines) if re.search(r"\d (passed|failed)", one)), "")
    said_so = re.sub(r" in [\d.]+s.*", "", summary.strip("= ")) or f"pytest ended with {code}"
    seconds = time.monotonic() - started
    return Result(udata, _version_of(interpreter), version, said_so, seconds, code == 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tests", nargs="+", default=CHOSEN, help="for pytest")
    parser.add_argument("--udata", nargs="+", help="versions; those that we support by default")
    parser.add_argument("--python", nargs="+", default=[one for one in PYTHONS if which(one)])
    parser.add_argument("--mongodb", nargs="+", default=[], help="servers besides the embedded one")
    parser.add_argument("--jobs", "-n", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".matrix")
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.absolute()
    arguments.folder.mkdir(exist_ok=True)
    results = []
    with tempfile.TemporaryDirectory() as data, EmbeddedMongod(Path(data)) as mongod:
        for udata in arguments.udata or udata_versions():
            for python in arguments.python:
                for server in (mongod.uri, *arguments.mongodb):
                    results.append(run(udata, python, server, arguments))
                    print(_line(results[-1]), flush=True)
    print("\n| udata | Python | MongoDB | tests | minutes |\n|---|---|---|---|---:|")
    print("\n".join(_line(one) for one in results))
    return int(not all(one.good for one in results))


def _line(one: Result) -> str:
    cells = one.udata, one.python, one.mongodb, one.said, f"{one.seconds / 60:.1f}"
    return f"| {' | '.join(cells)} |"


def _version_of(interpreter: Path) -> str:
    command = [str(interpreter), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
