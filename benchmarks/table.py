"""The table of a run, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .measure import Request
from .sizes import Size

#: What a request is compared with: udata's own list (or POST) by the same person, that of Isso, and
#: a view in udata that reads one document.
Beside = Literal["udata", "isso", "view"]

#: How much more a read may cost on the large database than on the small one.
GROWTH = 1.3


@dataclass
class Line:
    """A request, what it is compared with, and how much of that it may cost. `smaller`: the same on
    the small database. `reference`: it is none of ours."""

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
        """Of the CPU of both processes."""
        if self.smaller is None:
            return None
        return _total(self.request) / _total(self.smaller)

    def targets(self) -> list[tuple[str, bool]]:
        """What was wanted, and whether it is so."""
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
    """Prints the table, and which targets are missed."""
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


def markdown(rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table whose first row is its header."""
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
    """Each target but those of growth that hold, which most lines have."""
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
