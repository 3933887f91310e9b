"""`make neighbour`: udata's own tests, from its wheel, without the plugin and with it.

    python -m tools.good_neighbour                           # all of them
    python -m tools.good_neighbour --only tests/api core     # what these folders of udata have

Two environments have the same versions of everything, but for the plugin and what it needs. In the
second one udata's tests run with the plugin on in each application that they make. Each test has to
end as it does without; exit 1 where one does not. What differs is run again, in both environments:
where it then ends alike it is said to be unsteady, anything else is a difference.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from demo.mongod import running_mongodb

from .environments import CHECKOUT, environment, frozen

#: Dependencies of udata's tests, beside udata.
NEEDED = (
    "pytest",
    "pytest-flask",
    "pytest-mock",
    "pytest-xdist",
    "feedparser",
    "mock",
    "requests-mock",
)
#: As in udata's own configuration, which is not in its wheel.
INI = "[pytest]\npython_classes = *Test\naddopts = -p no:cacheprovider\n"
#: Number of differences beyond which they are not due to chance, and are not run again.
LOOKED_AT_AGAIN = 50


@dataclass
class Side:
    """One environment, and how each test ended there."""

    name: str
    interpreter: Path
    outcomes: dict[str, str] = field(default_factory=dict)
    with_plugin: int = 0
    seconds: float = 0

    @property
    def package(self) -> Path:
        """The folder of its udata."""
        (found,) = self.interpreter.parents[1].glob("lib/python3*/site-packages/udata")
        return found


def main() -> int:
    arguments = _arguments()
    folder: Path = arguments.folder
    folder.mkdir(exist_ok=True)
    needed = (f"udata=={arguments.udata}", *NEEDED)
    without = Side("without", environment(folder / "without", needed, arguments.python))
    ours = (*needed, "--editable", str(CHECKOUT))
    same = frozen(without.interpreter)
    with_it = Side("with", environment(folder / "with", ours, arguments.python, same))
    sides = (without, with_it)
    with tempfile.TemporaryDirectory() as data, running_mongodb(Path(data)) as server:
        for side in sides:
            run(side, arguments.only, server, arguments.jobs)
        different = sorted(differences(*sides))
        unsteady: dict[str, str] = {}
        if different and len(different) <= LOOKED_AT_AGAIN:
            unsteady = looked_at_again(sides, different, server, arguments.again)
            different = [test for test in different if test not in unsteady]
    return report(sides, different, unsteady)


def run(side: Side, only: list[str], server: str, jobs: int) -> None:
    """Run udata's tests (`only`: folders, files or ids of them) and note how each ended."""
    print(f"udata's tests, {side.name} the plugin…", flush=True)
    started = time.monotonic()
    side.outcomes, side.with_plugin = ended(side, only, server, jobs)
    side.seconds = time.monotonic() - started


def ended(side: Side, only: list[str], server: str, jobs: int) -> tuple[dict[str, str], int]:
    """Return test → how it ended, and the number of tests with a plugin on. The output of pytest
    goes to `<folder>/<side>.log`.

    :raises SystemExit: when pytest could not run.
    """
    with tempfile.TemporaryDirectory() as work:
        outcomes = Path(work) / "outcomes.json"
        (Path(work) / "pytest.ini").write_text(INI)
        command = [str(side.interpreter), "-m", "pytest", "-q", "-W", "ignore", "--tb=short"]
        command += ["-c", f"{work}/pytest.ini", "--rootdir", str(side.package.parent)]
        command += ["-p", "neighbour_outcomes", "--outcomes", str(outcomes)]
        # A file stays with one process: its tests run in the same order both times.
        command += ["-n", str(jobs), "--dist", "loadfile", "--continue-on-collection-errors"]
        command += [str(side.package / one) for one in only] or [str(side.package)]
        log = side.interpreter.parents[2] / f"{side.name}.log"
        with log.open("a") as said:
            subprocess.run(
                command,
                cwd=work,
                env=_surroundings(f"{server.rstrip('/')}/neighbour-{side.name}"),
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if not outcomes.exists():
            raise SystemExit(f"pytest did not run; see {log}")
        said_so = json.loads(outcomes.read_text())
        return said_so["outcomes"], said_so["with_plugin"]


def differences(without: Side, with_it: Side) -> set[str]:
    """List the tests that end otherwise, or that only one of them has."""
    tests = without.outcomes.keys() | with_it.outcomes.keys()
    return {test for test in tests if without.outcomes.get(test) != with_it.outcomes.get(test)}


def looked_at_again(
    sides: tuple[Side, Side], tests: list[str], server: str, times: int
) -> dict[str, str]:
    """Run tests that differed again. Return those that then end alike → what was seen."""
    seen: dict[str, tuple[set[str], set[str]]] = {test: (set(), set()) for test in tests}
    for _time in range(times):
        for number, side in enumerate(sides):
            ids = [test.removeprefix("udata/") for test in tests]
            outcomes, _count = ended(side, ids, server, 0)
            for test in tests:
                seen[test][number].add(outcomes.get(test, "not there"))
    return {
        test: f"then {'/'.join(sorted(one))} without, {'/'.join(sorted(other))} with"
        for test, (one, other) in seen.items()
        if one & other
    }


def report(sides: tuple[Side, Side], different: list[str], unsteady: dict[str, str]) -> int:
    """Print what was found. Return the exit code."""
    without, with_it = sides
    counts = [Counter(side.outcomes.values()) for side in sides]
    print(f"\n{'':<16}{'without':>9}{'with':>9}")
    for outcome in sorted(counts[0] | counts[1]):
        print(f"{outcome:<16}{counts[0][outcome]:>9}{counts[1][outcome]:>9}")
    print(f"{'all':<16}{len(without.outcomes):>9}{len(with_it.outcomes):>9}")
    print(f"{'plugin on':<16}{without.with_plugin:>9}{with_it.with_plugin:>9}")
    print(f"{'minutes':<16}{without.seconds / 60:>9.1f}{with_it.seconds / 60:>9.1f}")
    good = ("passed", "skipped", "xfailed")
    same_failures = sorted(
        test
        for test, outcome in without.outcomes.items()
        if outcome not in good and with_it.outcomes.get(test) == outcome
    )
    _list("Not passed, the same without and with", same_failures)
    _list("Unsteady: ended alike when run again", [f"{t}: {s}" for t, s in unsteady.items()])
    _list(
        "DIFFERENT",
        [
            f"{test}: {without.outcomes.get(test)} without, {with_it.outcomes.get(test)} with"
            for test in different
        ],
    )
    if with_it.outcomes and not with_it.with_plugin:
        print("\nThe plugin was on in no test: this compares nothing.")
        return 1
    print("\nDifferent." if different else "\nEach test ends as it does without the plugin.")
    return 1 if different else 0


def _list(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title} ({len(lines)}):")
        print("\n".join(f"  {line}" for line in lines))


def _surroundings(database: str) -> dict[str, str]:
    """Return the environment of a run, without anything of this one that would change what udata
    does."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UDATA_", "MONGODB_", "PYTEST_", "CULTURE_FEEDBACK_"))
    }
    return kept | {
        "UDATA_SETTINGS": "/nonexistent",
        "NEIGHBOUR_DATABASE": database,
        "PYTHONPATH": str(Path(__file__).parent / "pytest_side"),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[], help="folders or files of udata")
    parser.add_argument("--udata", default=version("udata"), help="its version (%(default)s)")
    parser.add_argument("--python", default=sys.executable, help="for both environments")
    parser.add_argument("--jobs", "-n", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--again", type=int, default=3, help="times to look at differences again")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".neighbour")
    arguments = parser.parse_args()
    for name in arguments.only:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            parser.error(f"{name}: a path inside udata, such as tests/api")
    arguments.folder = arguments.folder.absolute()
    for log in arguments.folder.glob("*.log"):
        log.unlink()
    if shutil.which(arguments.python) is None:
        parser.error(f"no such interpreter: {arguments.python}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
