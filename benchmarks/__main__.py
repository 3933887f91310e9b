"""``python -m benchmarks``: one table. Only ratios mean something from one machine to another."""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from udata_culture_feedback.demo.mongod import EmbeddedMongod

from .measure import TIMES, WARM_UP, Request, run

P = "/api/1/culture-feedback"


@dataclass(frozen=True)
class Line:
    """A request of ours, what of udata's it is compared to, and how much of that it may cost."""

    label: str
    request: Request
    beside: Request
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        return self.request.milliseconds / self.beside.milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=8, help=f"of {TIMES} times each (%(default)s)"
    )
    rounds = parser.parse_args().rounds
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod(Path(folder, "mongo")) as mongod:
        print("Filling a database…", flush=True)
        from . import portal as portals

        # Each of them posts twice: one feedback, one discussion.
        posts = rounds * TIMES + WARM_UP + 2
        portal = portals.create_portal(mongod.uri, Path(folder, "files"), writers=posts)
        lines = _lines(portal)
        print(f"Asking everything {rounds * TIMES} times…", flush=True)
        requests = {id(r): r for line in lines for r in (line.beside, line.request)}
        run(portal.app, requests.values(), rounds)
    _print(lines)
    print(f"\n{time.monotonic() - start:.0f} s in all")


def _lines(portal) -> list[Line]:
    dataset, one = portal.dataset, portal.readers[:1]
    elsewhere = str(portal.datasets[1])  # the lists stay as they are
    page = f"{P}/pages/datasets/{dataset}/"
    many = "&".join(f"dataset={id}" for id in portal.datasets)
    native = f"/api/1/discussions/?for={dataset}&page_size=20"
    discussions = Request("GET", native)
    discussions_known = Request("GET", native, cookies=one)
    bare = Request("GET", f"/benchmark/{dataset}")
    discuss = Request(
        "POST",
        "/api/1/discussions/",
        {
            "title": "Il manque les musées",
            "comment": "Il manque les musées d'outre-mer.",
            "subject": {"class": "Dataset", "id": elsewhere},
        },
        portal.readers,
        201,
    )
    submit = Request(
        "POST",
        f"{P}/feedback/",
        {
            "dataset": elsewhere,
            "fitness": "partly",
            "ratings": {"completeness": 2},
            "comment": "Il manque les musées d'outre-mer.",
        },
        portal.readers,
        201,
    )
    listed = f"{P}/feedback/?dataset={dataset}&page_size=20"
    return [
        Line("list of 20", Request("GET", listed), discussions, 1 / 8),
        Line(
            "list of 20, logged in", Request("GET", listed, cookies=one), discussions_known, 1 / 4
        ),
        Line("fragment", Request("GET", f"{page}?as=fragment"), discussions, 1 / 8),
        Line(
            "fragment, logged in",
            Request("GET", f"{page}?as=fragment", cookies=one),
            discussions_known,
            1 / 4,
        ),
        Line("whole page", Request("GET", page), discussions),
        Line("whole page, logged in", Request("GET", page, cookies=one), discussions_known),
        Line("one feedback", Request("GET", f"{P}/feedback/{portal.feedback}/"), bare),
        Line("summary", Request("GET", f"{P}/datasets/{dataset}/summary/"), bare, 2),
        Line("50 summaries", Request("GET", f"{P}/summaries/?{many}"), bare),
        Line("POST, logged in", submit, discuss, 1 / 3),
    ]


def _print(lines: list[Line]) -> None:
    header = ("request", "CPU ms", "beside", "ratio", "target", "commands", "MongoDB kB", "sent kB")
    rows = [header]
    beside = {id(line.beside): line.beside for line in lines}.values()
    names = dict(zip(map(id, beside), ("A", "B", "C", "D"), strict=True))
    what = (
        "A udata's list of 20 discussions",
        "B the same, logged in",
        "C a bare view, one find_one",
        "D udata's POST of a discussion",
    )
    for label, request in zip(what, beside, strict=True):
        rows.append((label, f"{request.milliseconds:.2f}", "", "", "", *_sizes(request)))
    for line in lines:
        rows.append(
            (
                line.label,
                f"{line.request.milliseconds:.2f}",
                names[id(line.beside)],
                _ratio(line.ratio),
                _target(line),
                *_sizes(line.request),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(len(header))]
    print()
    for row in rows:
        first, *others = (
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *others)))


def _sizes(request: Request) -> tuple[str, str, str]:
    return (
        str(request.commands),
        f"{request.database_bytes / 1000:.1f}",
        f"{request.sent_bytes / 1000:.1f}",
    )


def _ratio(ratio: float) -> str:
    return f"1/{1 / ratio:.1f}" if ratio < 1 else f"{ratio:.1f}"


def _target(line: Line) -> str:
    if line.at_most is None:
        return ""
    bound = f"1/{1 / line.at_most:.0f}" if line.at_most < 1 else f"{line.at_most:.0f}"
    return f"≤ {bound} {'met' if line.ratio <= line.at_most else 'MISSED'}"


if __name__ == "__main__":
    main()
