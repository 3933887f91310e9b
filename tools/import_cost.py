"""`make import-cost`: what the plugin adds to each process of udata, in time and memory.

Starts an application as web servers do (`udata.wsgi`), in processes of their own, in turn without
the plugin and with it, and compares medians. CPU time is what other work on the machine changes
least. No database is needed: nothing connects. Exit 1 when a limit is passed.

The plugin is as pip installs it: a copy, compiled. (Each process that starts from a checkout
compiles it again where `PYTHONDONTWRITEBYTECODE` is set, which costs more than all the rest.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .uninstalled import packages, surroundings

#: Limits of what the plugin may add to a process.
MEGABYTES, SECONDS = 15, 0.3

START = """
import gc, json, os, time
wall, cpu = time.perf_counter(), time.process_time()
from udata.app import create_app, standalone
from udata.settings import Defaults

class Settings(Defaults):
    SECRET_KEY = API_TOKEN_SECRET = "not a secret"

app = standalone(create_app(override=Settings))
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
gc.collect()
resident = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
on = "culture-feedback" in app.extensions
print(json.dumps({"seconds": wall, "CPU seconds": cpu, "MB": resident / 1e6, "plugin": on}))
"""


def measure(folder: Path) -> dict[str, float]:
    """Measure one process that starts udata with the packages of a folder."""
    run = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-c", START],
        cwd=folder.parent,  # not the checkout, which has our metadata
        env=surroundings(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=7, help="of each kind (%(default)s)")
    times: int = parser.parse_args().times
    with tempfile.TemporaryDirectory() as work:
        folders = {
            "without": packages(Path(work) / "without"),
            "with": packages(Path(work) / "with", with_plugin=True),
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in folders}
        for time in range(times + 1):
            for name, folder in folders.items():
                measured = measure(folder)
                assert measured["plugin"] == (name == "with"), measured
                if time:  # the first run of each has cold disks
                    runs[name].append(measured)
    print(f"{'median of ' + str(times):<16}{'without':>9}{'with':>9}{'added':>9}")
    added = {}
    for what in ("seconds", "CPU seconds", "MB"):
        without, with_it = (median(run[what] for run in runs[name]) for name in folders)
        added[what] = with_it - without
        print(f"{what:<16}{without:>9.2f}{with_it:>9.2f}{added[what]:>9.2f}")
    return int(added["MB"] >= MEGABYTES or added["CPU seconds"] >= SECONDS)


if __name__ == "__main__":
    sys.exit(main())
