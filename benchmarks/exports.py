"""Files of any length: rows per second and memory, beside a cursor written by the csv module."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from .processes import Processes, Server, at_rest
from .sizes import ORGANIZATION, Size, id_of
from .table import markdown

#: Minimum speed of our files, as a share of that of a raw cursor.
AT_LEAST = 0.6
#: Bytes by which memory may grow while a file is sent, whatever its length.
FLAT = 32 * 2**20
PIECE = 2**16
PATHS = {
    "ours, the site": "/api/1/culture-feedback/site/feedback.csv",
    "ours, an organization": "/api/1/culture-feedback/organizations/"
    f"{id_of(ORGANIZATION, 0)}/feedback.csv",
}


@dataclass
class Export:
    rows: int
    cpu: float
    database: float
    seconds: float
    bytes: int
    grown: int

    @property
    def speed(self) -> float:
        """Rows for each second of CPU of the process that writes them."""
        return self.rows / self.cpu


def download(server: Server, path: str, mongod: int) -> Export:
    """Read a whole file, keeping nothing of it."""
    server.forget_memory()
    memory, before, stored = server.memory(), server.cpu(), at_rest(mongod)
    start = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", server.port, timeout=900)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 200, response.read(500)
    rows = length = 0
    while piece := response.read(PIECE):
        rows += piece.count(b"\n")
        length += len(piece)
    connection.close()
    seconds = time.perf_counter() - start
    return Export(
        rows - 1,
        server.cpu() - before,
        at_rest(mongod) - stored,
        seconds,
        length,
        server.memory() - memory,
    )


def report(processes: Processes, measured: Any, large: Size) -> None:
    """Print the table of the files of feedback."""
    process = processes.mongod.process
    assert process
    raw = download(measured.flask, "/feedback.csv", process.pid)
    found = {"a cursor and the csv module": raw} | {
        label: download(measured.big.server, path, process.pid) for label, path in PATHS.items()
    }
    rows = [
        [
            f"CSV at {large.name}",
            "rows",
            "rows / s of CPU",
            "to raw",
            "rows / s",
            "to raw",
            "MongoDB s",
            "MB",
            "memory + MB",
            "target",
        ]
    ]
    for label, one in found.items():
        share = one.speed / raw.speed
        wall = (one.rows / one.seconds) / (raw.rows / raw.seconds)
        met = share >= AT_LEAST and one.grown <= FLAT
        wanted = f"≥ {AT_LEAST:.0%}, flat {'met' if met else 'MISSED'}" if one is not raw else ""
        rows.append(
            [
                label,
                f"{one.rows:,}",
                f"{one.speed:,.0f}",
                f"{share:.0%}",
                f"{one.rows / one.seconds:,.0f}",
                f"{wall:.0%}",
                f"{one.database:.1f}",
                f"{one.bytes / 1e6:.1f}",
                f"{one.grown / 2**20:.1f}",
                wanted,
            ]
        )
    print("\n".join(markdown(rows)), flush=True)
