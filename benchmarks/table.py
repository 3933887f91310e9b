"""The table of a run, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .measure import Request
from .sizes import Size

#: What a request is compared with: udata's own list (or POST) by the same person, that of Isso, and
#: a view in udata that reads one document.
Beside = Literal["udata", "isso", "view"]

#: Maximum growth in cost of a read from the small database to the large one, as a ratio.
GROWTH = 1.3


@dataclass
class Line:
    """A request, the requests it is compared with, and the maximum ratios. `smaller`: the same
    request on the small database. `reference`: the request is not one of ours."""

    label: str
    request: Request
    beside: dict[Beside, Request]
    at_most: dict[Beside, float] = field(default_factory=dict)
    smaller: Request | None = None
    milliseconds: float | None = None
    reference: bool = False

    def ratio(self, beside: Beside) -> float | None:
        other = self.beside.get(beside)
        return self.request.milliseconds / other.milliseconds if other else None

    @property
    def whole(self) -> float | None:
        """The ratio to udata's own of the CPU of both processes."""
        other = self.beside.get("udata")
        return _total(self.request) / _total(other) if other else None

    @property
    def growth(self) -> float | None:
        """The ratio to the small database of the CPU of both processes."""
        if self.smaller is None:
            return None
        return _total(self.request) / _total(self.smaller)

    def targets(self) -> list[tuple[str, bool]]:
        """List each target, and whether it is met."""
        wanted = [
            (f"≤ {_fraction(most)} {name}", (self.ratio(name) or 0) <= most)
            for name, most in self.at_most.items()
        ]
        if self.milliseconds is not None:
            most = self.milliseconds
            wanted.append((f"≤ {most:.0f} ms", self.request.milliseconds <= most))
        if self.growth is not None:
            wanted.append((f"growth ≤ {GROWTH}", self.growth <= GROWTH))
        return wanted


def write(lines: list[Line], large: Size) -> None:
    """Print the table, and the targets that are missed."""
    rows = [
        [
            "request",
            "CPU ms",
            "to udata",
            "with MongoDB",
            "to Isso",
            "to a view",
            "MongoDB ms",
            "commands",
            "p50 ms",
            "p99 ms",
            "kB",
            f"10k → {large.name}",
            "targets",
        ]
    ]
    for line in lines:
        request = line.request
        rows.append(
            [
                line.label,
                f"{request.milliseconds:.2f}",
                _fraction(line.ratio("udata")),
                _fraction(line.whole),
                _fraction(line.ratio("isso")),
                _fraction(line.ratio("view")),
                f"{request.database_milliseconds:.2f}",
                str(request.commands),
                f"{request.p50:.1f}",
                f"{request.p99:.1f}",
                f"{request.sent / 1000:.1f}",
                "" if line.growth is None else f"× {line.growth:.2f}",
                _told(line),
            ]
        )
    print()
    print("\n".join(markdown(rows)), flush=True)


def write_capacity(lines: list[Line], memory: int) -> None:
    """Print how many requests a second one synchronous worker answers, one after the other, and
    what MongoDB does meanwhile. `memory`: the peak of that worker, in bytes."""
    rows = [["one worker", "requests / s", "cores of MongoDB"]]
    whole = ""
    for line in lines:
        if line.reference:
            continue
        whole = whole if line.label.startswith("—") else line.label
        request = line.request
        rows.append(
            [
                line.label if line.label == whole else f"{whole} {line.label}",
                f"{1000 / request.p50:.0f}",
                f"{request.database_milliseconds / request.p50:.2f}",
            ]
        )
    print()
    print("\n".join(markdown(rows)))
    print(f"\nPeak memory of that worker: {memory / 1e6:.0f} MB", flush=True)


def markdown(rows: list[list[str]]) -> list[str]:
    """Return the lines of a Markdown table whose first row is its header."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|".join("-" * (width + 1) + ("-" if n == 0 else ":") for n, width in enumerate(widths))
    return [lines[0], f"|{rule}|", *lines[1:]]


def _told(line: Line) -> str:
    """Word the targets of a line, without those of growth that are met, which most lines have."""
    told = [
        f"{wanted} {'met' if met else 'MISSED'}"
        for wanted, met in line.targets()
        if not (met and wanted.startswith("growth"))
    ]
    return ", ".join(told)


def _total(request: Request) -> float:
    return request.milliseconds + request.database_milliseconds


def _fraction(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"1/{1 / ratio:.1f}".removesuffix(".0") if ratio < 1 else f"{ratio:.1f}"
