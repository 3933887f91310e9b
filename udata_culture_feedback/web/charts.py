"""Charts as inline SVG made on the server: bars of five steps, lines over months, simple bars.

No JavaScript and no `style`: lengths are attributes, in percent across and in pixels down, so that
a chart fits any width while its texts keep their size. Each has a title and a description for who
does not see it, differs by pattern and by shape besides colour, prints, and comes with the same
figures as a table. Colours are those of `static/dashboard.css`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from udata.i18n import gettext as _

#: A length in percent, a height in pixels: how they are written.
Number = float | int

#: Across, in percent: where the plot of lines and bars begins and how wide it is.
LEFT, WIDTH = 13.0, 85.0
#: Down, in pixels: above the plot, the plot, below it.
TOP, HEIGHT, BOTTOM = 10, 110, 22
#: Of the name above a bar of `stacked`, of the bar, and between two.
NAME, BAR, GAP = 18, 18, 6
#: How many columns of a chart of months have their name below.
NAMED_COLUMNS = 4


@dataclass(frozen=True)
class Table:
    """The figures of a chart. Cells are texts; the first of each row is its header. `keys`: for
    each row the step whose pattern it explains."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    keys: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """What a template shows."""

    svg: Markup
    table: Table


@dataclass(frozen=True)
class Bar:
    """What one stacked bar shows: how many of each step, worst first."""

    label: str
    counts: Sequence[int]


@dataclass(frozen=True)
class Line:
    """One value for each column, between 0 and 1; None where there is none."""

    label: str
    values: Sequence[float | None]


def stacked(id: str, title: str, steps: Sequence[str], bars: Sequence[Bar]) -> Chart:
    """One bar for each of `bars`, in as many parts as there are steps. `id` is unique in the page.
    The table explains the patterns."""
    height = len(bars) * (NAME + BAR + GAP) - GAP
    drawn = [
        Markup(
            '<text class="cf-bar-name" y="{}">{}</text><g transform="translate(0 {})">{}</g>'
        ).format(top + NAME - 5, bar.label, top + NAME, _parts(id, bar.counts))
        for top, bar in zip(range(0, height, NAME + BAR + GAP), bars, strict=True)
    ]
    said = "; ".join(f"{bar.label}: {_in_words(steps, bar.counts)}" for bar in bars)
    table = Table(
        caption=title,
        columns=[_("Answer"), *(bar.label for bar in bars)],
        rows=[
            [step, *(_count(bar.counts, number) for bar in bars)]
            for number, step in enumerate(steps)
        ],
        keys=range(1, len(steps) + 1),
    )
    return Chart(_svg(id, title, said, height, _patterns(id, len(steps)), *drawn), table)


def lines(id: str, title: str, columns: Sequence[str], series: Sequence[Line]) -> Chart:
    """One line for each of two `series` at most, over columns from left to right, in percent: the
    first is full with round marks, the second dashed with square ones. A gap is left where there is
    no value."""
    said = "; ".join(f"{line.label}: {_first_and_last(columns, line.values)}" for line in series)
    table = Table(
        caption=title,
        columns=[_("Month"), *(line.label for line in series)],
        rows=[
            [column, *(percent(line.values[number]) for line in series)]
            for number, column in enumerate(columns)
        ],
    )
    drawn = [_line(number, line.values) for number, line in enumerate(series)]
    grid = [_level(share, percent(share)) for share in (0.0, 0.5, 1.0)]
    return Chart(_svg(id, title, said, _whole_height(), *grid, *_names(columns), *drawn), table)


def bars(id: str, title: str, columns: Sequence[str], counts: Sequence[int], counted: str) -> Chart:
    """One bar for each column, as high as its count. `counted`: what they are, as the header of
    the table."""
    most = max(counts, default=0)
    width = WIDTH / max(len(columns), 1)
    drawn = [
        Markup('<rect class="cf-full" x="{}%" y="{}" width="{}%" height="{}"/>').format(
            _short(LEFT + width * (number + 0.15)),
            _short(TOP + HEIGHT * (1 - count / most)),
            _short(width * 0.7),
            _short(HEIGHT * count / most),
        )
        for number, count in enumerate(counts)
        if count
    ]
    grid = [_level(0.0, "0"), *([_level(1.0, str(most))] if most else [])]
    table = Table(
        caption=title,
        columns=[_("Month"), counted],
        rows=[[column, str(count)] for column, count in zip(columns, counts, strict=True)],
    )
    said = _first_and_last(columns, counts, str)
    return Chart(_svg(id, title, said, _whole_height(), *grid, *_names(columns), *drawn), table)


def key(step: int, id: str) -> Markup:
    """The pattern of a step of the chart `id`, beside its name."""
    return Markup(
        '<svg class="cf-key" aria-hidden="true" focusable="false">'
        '<rect class="cf-outline" width="100%" height="100%" fill="{}"/></svg>'
    ).format(_fill(id, step))


def percent(share: float | None) -> str:
    """A share in whole percents, in the language of the page."""
    from flask_babel import format_percent

    return "–" if share is None else str(format_percent(round(share, 2)))


def _svg(id: str, title: str, said: str, height: int, *parts: Markup) -> Markup:
    return Markup(
        '<svg class="cf-chart" id="{id}" width="100%" height="{height}" role="img" '
        'aria-labelledby="{id}-title {id}-said"><title id="{id}-title">{title}</title>'
        '<desc id="{id}-said">{said}</desc>{parts}</svg>'
    ).format(id=id, height=height, title=title, said=said, parts=Markup("").join(parts))


# --- Bars of five steps ---------------------------------------------------------------------------

#: What is drawn on a tile of 8 by 8 pixels, from hollow to full: told apart without any colour.
_TILES = (
    "",
    '<path class="cf-ink" d="M2 2h1.5v1.5h-1.5zM6 6h1.5v1.5h-1.5z"/>',
    '<path class="cf-stroke" d="M-2 2l4 -4M0 8l8 -8M6 10l4 -4"/>',
    '<path class="cf-stroke" d="M0 0l8 8M8 0l-8 8"/><path class="cf-ink" d="M3 3h2v2h-2z"/>',
    '<path class="cf-ink" d="M0 0h8v8h-8z"/>',
)


def _patterns(id: str, steps: int) -> Markup:
    made = [
        Markup(
            '<pattern id="{}-{}" width="8" height="8" patternUnits="userSpaceOnUse">'
            '<path class="cf-paper" d="M0 0h8v8h-8z"/>{}</pattern>'
        ).format(id, step, Markup(_TILES[step - 1]))
        for step in range(1, steps + 1)
    ]
    return Markup("<defs>{}</defs>").format(Markup("").join(made))


def _fill(id: str, step: int) -> str:
    return f"url(#{id}-{step})"


def _parts(id: str, counts: Sequence[int]) -> Markup:
    """The parts of one bar; an empty outline where nobody was asked."""
    of = sum(counts)
    if not of:
        return Markup('<rect class="cf-nothing" width="100%" height="{}"/>').format(BAR)
    parts, start = [], 0.0
    for step, count in enumerate(counts, 1):
        width = 100 * count / of
        if count:
            parts.append(
                Markup(
                    '<rect class="cf-outline" x="{}%" width="{}%" height="{}" fill="{}"/>'
                ).format(_short(start), _short(width), BAR, _fill(id, step))
            )
        start += width
    return Markup("").join(parts)


def _count(counts: Sequence[int], number: int) -> str:
    of = sum(counts)
    return f"{counts[number]} ({percent(counts[number] / of)})" if of else "0"


def _in_words(steps: Sequence[str], counts: Sequence[int]) -> str:
    of = sum(counts)
    if not of:
        return _("no answer")
    named = zip(steps, counts, strict=True)
    return ", ".join(f"{step} {percent(count / of)}" for step, count in named if count)


# --- Columns --------------------------------------------------------------------------------------


def _whole_height() -> int:
    return TOP + HEIGHT + BOTTOM


def _middle(number: int, columns: int) -> Number:
    """The middle of a column, in percent."""
    return _short(LEFT + WIDTH * (number + 0.5) / columns)


def _down(share: float) -> Number:
    return _short(TOP + HEIGHT * (1 - share))


def _level(share: float, label: str) -> Markup:
    y = _down(share)
    return Markup(
        '<line class="cf-grid-line" x1="{left}%" x2="{right}%" y1="{y}" y2="{y}"/>'
        '<text class="cf-axis-name" x="{before}%" y="{below}" text-anchor="end">{label}</text>'
    ).format(
        left=LEFT, right=LEFT + WIDTH, y=y, before=LEFT - 1.5, below=_short(y + 4), label=label
    )


def _names(columns: Sequence[str]) -> list[Markup]:
    """The names of some columns, the last of them included, so that they fit a phone."""
    every = max(1, -(-len(columns) // NAMED_COLUMNS))
    return [
        Markup('<text class="cf-axis-name" x="{}%" y="{}" text-anchor="middle">{}</text>').format(
            _middle(number, len(columns)), TOP + HEIGHT + 16, columns[number].split(" ")[0]
        )
        for number in range(len(columns) - 1, -1, -every)
    ]


def _line(number: int, values: Sequence[float | None]) -> Markup:
    """One line: its strokes are stretched across, its marks are not."""
    columns = len(values)
    strokes = [
        Markup('<polyline points="{}"/>').format(
            " ".join(
                f"{_short(column + 0.5)},{_short(_down(share) - TOP)}" for column, share in run
            )
        )
        for run in _runs(values)
        if len(run) > 1
    ]
    marks = [
        _mark(number, _middle(column, columns), _down(share))
        for column, share in enumerate(values)
        if share is not None
    ]
    return Markup(
        '<g class="cf-line-{number}"><svg x="{left}%" y="{top}" width="{width}%" height="{height}" '
        'viewBox="0 0 {columns} {height}" preserveAspectRatio="none" overflow="visible">{strokes}'
        "</svg>{marks}</g>"
    ).format(
        number=number + 1, left=LEFT, top=TOP, width=WIDTH, height=HEIGHT, columns=columns,
        strokes=Markup("").join(strokes), marks=Markup("").join(marks),
    )  # fmt: skip


def _mark(number: int, x: Number, y: Number) -> Markup:
    if number == 0:
        return Markup('<circle cx="{}%" cy="{}" r="4"/>').format(x, y)
    return Markup(
        '<svg x="{}%" y="{}" width="1" height="1" overflow="visible">'
        '<rect x="-3.5" y="-3.5" width="7" height="7"/></svg>'
    ).format(x, y)


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """Values that follow one another, with their columns."""
    run: list[tuple[int, float]] = []
    for column, share in enumerate(values):
        if share is None:
            if run:
                yield run
            run = []
        else:
            run.append((column, share))
    if run:
        yield run


def _first_and_last(
    columns: Sequence[str],
    values: Sequence[Number | None],
    write: Callable[[Any], str] = percent,
) -> str:
    known = [(c, v) for c, v in zip(columns, values, strict=True) if v is not None]
    if not known:
        return _("no answer")
    (first, start), (last, end) = known[0], known[-1]
    if len(known) == 1:
        return f"{first} {write(start)}"
    return _(
        "%(first)s %(start)s, %(last)s %(end)s",
        first=first, start=write(start), last=last, end=write(end),
    )  # fmt: skip


def _short(number: float) -> Number:
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded
