"""Draw charts on the server, each as one standalone SVG with the same figures as a table.

Lengths are attributes, in percent across and in pixels down, so that a chart fits any width while
its texts keep their size. Colours are attributes too (those of `static/tokens.css` in the light
scheme): a chart may be taken along, pasted and printed; in a page the classes `k-…` of
`static/widget.css` follow its scheme. The best step is drawn first, as charts are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import format_percent
from markupsafe import Markup
from udata.i18n import gettext as _
from udata.i18n import ngettext

#: A length in percent or a height in pixels, as written in the SVG.
Number = float | int

#: Fewer people are not given in percent: each of them would weigh too much.
LEAST_FOR_PERCENT = 5

#: Across, in percent: where the plot of lines and columns begins and how wide it is.
LEFT, WIDTH = 9.0, 88.0
#: Down, in pixels: above the plot, the plot, below it.
TOP, HEIGHT, BOTTOM = 28, 120, 24
#: Heights of the name above a bar of steps, of the bar, of the names of its ends, of a gap.
NAME, BAR, ENDS, GAP = 22, 28, 20, 14
#: How many columns of a chart of months are named below.
NAMED_COLUMNS = 4
#: Widths of a part of a bar, in percent, from which its value fits, with its unit and without it.
FITS, FITS_BARE = 12.0, 6.0
#: Longest line of text, and longest name of an end (two share a line), in characters.
LINE, END = 46, 27

#: The attributes of words that lines may cross.
HALO = Markup(' stroke="#ffffff" stroke-width="4" paint-order="stroke"')

#: Colours by name, as in the light scheme of `static/tokens.css`.
COLOURS = {
    "ink": "#1b1d27", "ink2": "#565b6e", "track": "#ecedf3", "gap": "#ffffff", "line": "#dcdee8",
    "s1": "#b8463b", "s2": "#e9b08a", "s3": "#d6d9e2", "s4": "#8cb8da", "s5": "#1f5f9e",
    "yes": "#1f5f9e", "partly": "#a9c3dc", "no": "#b8463b", "after": "#1f5f9e", "before": "#767c91",
    "o1": "#ffffff", "o2": "#1b1d27", "o3": "#1b1d27",
}  # fmt: skip
#: For bars of so many steps, best first: the colour of each and that of the words on it.
SCALES = {
    3: (("yes", "o1"), ("partly", "o3"), ("no", "o1")),
    5: (("s5", "o1"), ("s4", "o2"), ("s3", "o3"), ("s2", "o2"), ("s1", "o1")),
}


@dataclass(frozen=True)
class Table:
    """The figures of a chart. Cells are texts; the first of each row is its header."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """A chart as a template shows it: the drawing and its table."""

    svg: Markup
    table: Table


@dataclass(frozen=True)
class Bar:
    """The data of one bar of steps: how many people chose each."""

    label: str
    counts: Sequence[int]


@dataclass(frozen=True)
class Criterion:
    """The ratings of one criterion: the names of its steps and how many people chose each.
    `question`: what the names answer, where it is not the label."""

    label: str
    names: Sequence[str]
    counts: Sequence[int]
    question: str = ""


@dataclass(frozen=True)
class Line:
    """One value for each column, between 0 and 1; None where there is none."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Event:
    """An event in a column that may explain what a line does after it."""

    column: int
    words: str


def steps(id: str, title: str, names: Sequence[str], bars: Sequence[Bar]) -> Chart:
    """Draw one bar for each of `bars`, in as many parts as it has steps. `names` and counts are
    given best first; `id` is unique in the page."""
    height = len(bars) * (NAME + BAR + ENDS + GAP) - GAP
    drawn = [
        _stacked_row(top, bar, names)
        for top, bar in zip(range(0, height, NAME + BAR + ENDS + GAP), bars, strict=True)
    ]
    said = "; ".join(f"{bar.label}: {_in_words(names, bar.counts)}" for bar in bars)
    return Chart(_svg(id, title, said, height, *drawn), _table_of_steps(title, names, bars))


def criteria(id: str, title: str, rows: Sequence[Criterion]) -> Chart:
    """Draw one bar for each criterion, whose steps have names of their own, best first."""
    height = len(rows) * (NAME + BAR + ENDS + GAP) - GAP
    drawn = [
        _stacked_row(top, Bar(row.label, row.counts), row.names, row.question)
        for top, row in zip(range(0, height, NAME + BAR + ENDS + GAP), rows, strict=True)
    ]
    said = "; ".join(f"{row.label}: {_commonest(row)}" for row in rows)
    table = Table(
        caption=title,
        columns=[_("Criterion"), _("Answer"), _("People")],
        rows=[
            [row.label, name, _count(row.counts, number)]
            for row in rows
            for number, name in enumerate(row.names)
        ],
    )
    return Chart(_svg(id, title, said, height, *drawn), table)


def answers(id: str, title: str, names: Sequence[str], counts: Sequence[int]) -> Chart:
    """Draw one bar with the name of each part above it: the answers to one question, best first."""
    of = sum(counts)
    named, start = [], 0.0
    for name, count in zip(names, counts, strict=True):
        if count:
            named.append(_text(start, 14, name, bold=True, shift=2 if start else 0))
        start += 100 * count / max(of, 1)
    bar = _parts(22, 40, counts)
    table = _table_of_steps(title, names, [Bar(_("Answers"), counts)])
    return Chart(_svg(id, title, _in_words(names, counts), 62, *named, bar), table)


def ranked(id: str, title: str, rows: Sequence[tuple[str, int]], of: int) -> Chart:
    """Draw one bar for each row, a text and how many of `of` people it is about, with its value."""
    most = max((count for _label, count in rows), default=0)
    drawn, top = [], 0
    for label, count in rows:
        lines = _lines_of(label)
        for number, line in enumerate(lines):
            drawn.append(_text(0, top + 14 + 18 * number, line))
        top += 18 * len(lines)
        width = 78 * count / max(most, 1)
        drawn.append(_rect(0, top + 3, width, 16, "after"))
        drawn.append(_text(width, top + 16, share_of(count, of), bold=True, shift=8))
        top += 32
    said = "; ".join(f"{label}: {share_of(count, of)}" for label, count in rows)
    table = Table(
        caption=title,
        columns=[_("Answer"), _("People"), _("Share")],
        rows=[[label, str(count), _percent_or_dash(count, of)] for label, count in rows],
    )
    return Chart(_svg(id, title, said, max(top - 8, 1), *drawn), table)


def lines(
    id: str,
    title: str,
    columns: Sequence[str],
    series: Sequence[Line],
    events: Sequence[Event] = (),
    *,
    most: float = 1.0,
    write: Callable[[Any], str] | None = None,
) -> Chart:
    """Draw one line for each of two `series` at most, over columns: the first is full with round
    marks, the second dashed with square ones. A gap is left where there is no value; the last
    column, which is today's, is marked. Values are shares, unless `most` says what the top is and
    `write` how a value is written."""
    write = write or percent
    told_of = (_first_and_last(columns, line.values, write) for line in series)
    said = "; ".join(f"{line.label}: {told}" for line, told in zip(series, told_of, strict=True))
    told = [f"{columns[event.column]}: {event.words}" for event in events]
    table = Table(
        caption=title,
        columns=[_("Month"), *(line.label for line in series)],
        rows=[
            [column, *(_or_dash(line.values[number], write) for line in series)]
            for number, column in enumerate(columns)
        ],
    )
    grid = [_level(share, write(share * most)) for share in (0.0, 0.5, 1.0)]
    shares = [[None if v is None else v / most for v in line.values] for line in series]
    drawn = [_line(number, values) for number, values in enumerate(shares)]
    ends = _ends(
        [Line(line.label, of) for line, of in zip(series, shares, strict=True)], most, write
    )
    parts = [*grid, _today(len(columns)), *_names(columns), *drawn, *ends]
    below = [
        _mark_of_event(number, event, len(columns)) + _words_of_event(number, event)
        for number, event in enumerate(events, 1)
    ]
    height = _whole_height() + 22 * len(events)
    return Chart(_svg(id, title, "; ".join([said, *told]), height, *parts, *below), table)


def bars(id: str, title: str, columns: Sequence[str], counts: Sequence[int], counted: str) -> Chart:
    """Draw one bar for each column, as high as its count, with its value. `counted`: what they
    are, as the header of the table."""
    most = max(counts, default=0)
    width = WIDTH / max(len(columns), 1)
    drawn = []
    for number, count in enumerate(counts):
        if not count:
            continue
        height = HEIGHT * count / most
        left = LEFT + width * (number + 0.15)
        drawn.append(_rect(left, TOP + HEIGHT - height, width * 0.7, height, "after"))
        value = _text(
            _middle(number, len(columns)), TOP + HEIGHT - height - 5, str(count), size=12,
            anchor="middle",
        )  # fmt: skip
        drawn.append(value)
    table = Table(
        caption=title,
        columns=[_("Month"), counted],
        rows=[[column, str(count)] for column, count in zip(columns, counts, strict=True)],
    )
    said = _first_and_last(columns, counts, str)
    parts = [_level(0.0, "0"), *_names(columns), *drawn]
    return Chart(_svg(id, title, said, _whole_height(), *parts), table)


def small(counts: Sequence[int]) -> Markup:
    """Draw a bar of three or five answers, best first, for a table whose text gives the values."""
    return _hidden(_parts(0, 12, counts, valued=False), 12)


def percent(share: float | None) -> str:
    """Write a share in whole percents, in the language of the page."""
    return "–" if share is None else str(format_percent(round(share, 2)))


def share_of(count: int, of: int) -> str:
    """Write how many of how many people, in percent where they are enough for that."""
    if of < LEAST_FOR_PERCENT:
        return str(_("%(count)d of %(total)d", count=count, total=of))
    return percent(count / of)


# --- What charts are made of ----------------------------------------------------------------------


def _svg(id: str, title: str, said: str, height: int, *parts: Markup) -> Markup:
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="cf-chart" id="{id}" width="100%" '
        'height="{height}" direction="ltr" font-family="Marianne, Arial, sans-serif" '
        'font-size="14" role="img" aria-labelledby="{id}-title" aria-describedby="{id}-said">'
        '<title id="{id}-title">{title}</title><desc id="{id}-said">{said}</desc>{parts}</svg>'
    ).format(id=id, height=height, title=title, said=said, parts=Markup("").join(parts))


def _hidden(parts: Markup, height: int) -> Markup:
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="cf-chart" width="100%" height="{}" '
        'aria-hidden="true" focusable="false">{}</svg>'
    ).format(height, parts)


def _rect(x: float, y: float, width: float, height: float, colour: str) -> Markup:
    return Markup('<rect class="k-{}" x="{}%" y="{}" width="{}%" height="{}" fill="{}"/>').format(
        colour, *map(_short, (x, y, width, height)), COLOURS[colour]
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    colour: str = "ink",
    size: int = 14,
    bold: bool = False,
    anchor: str = "",
    shift: int = 0,
    halo: bool = False,
    beside: str = "",
) -> Markup:
    """Draw a text. `shift`: pixels beside `x`, which is in percent; `halo`: readable over lines;
    `beside`: lighter words after it."""
    if beside:
        words += Markup(' <tspan font-weight="400">{}</tspan>').format(beside)
    attributes = Markup(' dx="{}"').format(shift) if shift else Markup("")
    attributes += Markup(' font-size="{}"').format(size) if size != 14 else Markup("")
    attributes += Markup(' font-weight="700"') if bold else Markup("")
    attributes += Markup(' text-anchor="{}"').format(anchor) if anchor else Markup("")
    attributes += HALO if halo else Markup("")
    return Markup('<text class="k-{}" x="{}%" y="{}" fill="{}"{}>{}</text>').format(
        colour, _short(x), _short(y), COLOURS[colour], attributes, words
    )


def _lines_of(label: str) -> list[str]:
    """Break a label into two lines at most: SVG does not wrap."""
    if len(label) <= LINE:
        return [label]
    cut = label.rfind(" ", 0, LINE)
    cut = cut if cut > 0 else LINE
    return [label[:cut], _cut(label[cut:].strip())]


def _cut(words: str, length: int = LINE) -> str:
    return words if len(words) <= length else f"{words[: length - 1].rstrip()}…"


# --- Bars of steps --------------------------------------------------------------------------------


def _stacked_row(top: int, bar: Bar, names: Sequence[str], question: str = "") -> Markup:
    of = sum(bar.counts)
    said = ngettext("%(num)d answer", "%(num)d answers", of)
    below = top + NAME + BAR + 15
    return Markup("").join(
        [
            _text(0, top + 15, bar.label, bold=True, beside=question),
            _text(100, top + 15, said, colour="ink2", size=13, anchor="end"),
            _parts(top + NAME, BAR, bar.counts),
            _text(0, below, _cut(names[0], END), colour="ink2", size=12),
            _text(100, below, _cut(names[-1], END), colour="ink2", size=12, anchor="end"),
        ]
    )


def _parts(y: int, height: int, counts: Sequence[int], *, valued: bool = True) -> Markup:
    """Draw the parts of one bar, with a small gap between two; an empty bar without answers."""
    of = sum(counts)
    if not of:
        return _rect(0, y, 100, height, "track")
    drawn, start = [], 0.0
    for count, (colour, on) in zip(counts, _scale(len(counts)), strict=True):
        width = 100 * count / of
        if count:
            value = _value(count, of, on, height) if valued else Markup("")
            drawn.append(_part(start, width, height, colour, value))
        start += width
    return Markup(
        '<svg y="{}" height="{}" font-size="13" font-weight="700" text-anchor="middle">{}</svg>'
    ).format(y, height, Markup("").join(drawn))


def _part(start: float, width: float, height: int, colour: str, value: Markup) -> Markup:
    """Draw one part in an `<svg>` of its own, whose edge clips it and whose middle holds its
    value."""
    return Markup(
        '<svg x="{}%" width="{}%"><rect class="k-{}" x="{}" width="100%" height="{}" fill="{}"/>'
        "{}</svg>"
    ).format(
        _brief(start), _brief(width), colour, 2 if start else 0, height, COLOURS[colour], value
    )


def _value(count: int, of: int, colour: str, height: int) -> Markup:
    width = 100 * count / of
    if of < LEAST_FOR_PERCENT:
        words = str(count)
    elif width >= FITS:
        words = percent(count / of)
    elif width >= FITS_BARE:
        words = str(round(width))
    else:
        return Markup("")
    return Markup('<text class="k-{}" x="50%" y="{}" fill="{}">{}</text>').format(
        colour, height // 2 + 5, COLOURS[colour], words
    )


def _scale(number: int) -> Sequence[tuple[str, str]]:
    """Return the colours of `number` steps: those of five, spread, where there is no scale for
    it."""
    five = SCALES[5]
    if number in SCALES:
        return SCALES[number]
    return [five[round(step * 4 / max(number - 1, 1)) % 5] for step in range(number)]


def _table_of_steps(title: str, names: Sequence[str], bars: Sequence[Bar]) -> Table:
    return Table(
        caption=title,
        columns=[_("Answer"), *(bar.label for bar in bars)],
        rows=[
            [name, *(_count(bar.counts, number) for bar in bars)]
            for number, name in enumerate(names)
        ],
    )


def _count(counts: Sequence[int], number: int) -> str:
    of = sum(counts)
    if of < LEAST_FOR_PERCENT:
        return str(counts[number])
    return f"{counts[number]} ({percent(counts[number] / of)})"


def _percent_or_dash(count: int, of: int) -> str:
    return percent(count / of) if of >= LEAST_FOR_PERCENT else "–"


def _in_words(names: Sequence[str], counts: Sequence[int]) -> str:
    of = sum(counts)
    if not of:
        return _("no answer")
    named = zip(names, counts, strict=True)
    return ", ".join(f"{name} {share_of(count, of)}" for name, count in named if count)


def _commonest(row: Criterion) -> str:
    """Return the step that most people chose; on a tie, the middle one, so that ties favour
    nobody."""
    most = max(row.counts)
    tied = [number for number, count in enumerate(row.counts) if count == most]
    step = tied[(len(tied) - 1) // 2]
    return f"{row.names[step]} {share_of(most, sum(row.counts))}"


# --- Columns --------------------------------------------------------------------------------------


def _whole_height() -> int:
    return TOP + HEIGHT + BOTTOM


def _middle(number: int, columns: int) -> Number:
    """Return the middle of a column, in percent."""
    return _short(LEFT + WIDTH * (number + 0.5) / columns)


def _down(share: float) -> Number:
    return _short(TOP + HEIGHT * (1 - share))


def _level(share: float, label: str) -> Markup:
    y = _down(share)
    return Markup('<line class="k-line" x1="{}%" x2="{}%" y1="{}" y2="{}" stroke="{}"/>').format(
        LEFT, LEFT + WIDTH, y, y, COLOURS["line"]
    ) + _text(LEFT - 1.5, _short(y + 4), label, colour="ink2", size=12, anchor="end")


def _today(columns: int) -> Markup:
    """Draw the vertical line of the last column."""
    x = _middle(columns - 1, columns)
    return Markup(
        '<line class="k-line" x1="{x}%" x2="{x}%" y1="{top}" y2="{foot}" stroke="{colour}" '
        'stroke-dasharray="2 3"/>'
    ).format(x=x, top=TOP, foot=TOP + HEIGHT, colour=COLOURS["line"])


def _names(columns: Sequence[str]) -> list[Markup]:
    """Draw the names of some columns, always including the last, so that they fit a phone."""
    every = max(1, -(-len(columns) // NAMED_COLUMNS))
    return [
        _text(
            _middle(number, len(columns)),
            TOP + HEIGHT + 17,
            columns[number].split(" ")[0],
            colour="ink2",
            size=12,
            anchor="middle",
        )
        for number in range(len(columns) - 1, -1, -every)
    ]


def _line(number: int, values: Sequence[float | None]) -> Markup:
    """Draw one line: its strokes are stretched horizontally, its marks are not."""
    columns = len(values)
    colour = COLOURS[("after", "before")[number]]
    dashes = Markup(' stroke-dasharray="5 4"') if number else Markup("")
    strokes = [
        Markup(
            '<polyline points="{}" fill="none" stroke="{}" stroke-width="2.5" '
            'vector-effect="non-scaling-stroke" stroke-linejoin="round"{}/>'
        ).format(
            " ".join(
                f"{_short(column + 0.5)},{_short(_down(share) - TOP)}" for column, share in run
            ),
            colour,
            dashes,
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
        '<g class="k-line-{number}"><svg x="{left}%" y="{top}" width="{width}%" height="{height}" '
        'viewBox="0 0 {columns} {height}" preserveAspectRatio="none" overflow="visible">{strokes}'
        "</svg>{marks}</g>"
    ).format(
        number=number + 1, left=LEFT, top=TOP, width=WIDTH, height=HEIGHT, columns=columns,
        strokes=Markup("").join(strokes), marks=Markup("").join(marks),
    )  # fmt: skip


def _mark(number: int, x: Number, y: Number) -> Markup:
    if number == 0:
        return Markup('<circle cx="{}%" cy="{}" r="3.5" fill="{}"/>').format(x, y, COLOURS["after"])
    return Markup(
        '<svg x="{}%" y="{}" width="1" height="1" overflow="visible">'
        '<rect x="-3" y="-3" width="6" height="6" fill="{}"/></svg>'
    ).format(x, y, COLOURS["before"])


def _or_dash(value: float | None, write: Callable[[Any], str]) -> str:
    return "–" if value is None else write(value)


def _ends(series: Sequence[Line], most: float, write: Callable[[Any], str]) -> list[Markup]:
    """Draw the name and the last value of each line beside its end: above it for the higher line,
    below it for the other."""
    known = [(line, _last(line.values)) for line in series]
    ends = [(line, *last) for line, last in known if last is not None]
    ends.sort(key=lambda end: -end[2])
    drawn = []
    for place, (line, column, share) in enumerate(ends):
        beside = -10 if place == 0 else 20
        drawn.append(
            _text(
                _middle(column, len(line.values)),
                min(_down(share) + beside, TOP + HEIGHT - 4),
                f"{line.label} {write(share * most)}" if len(series) > 1 else write(share * most),
                size=13,
                bold=line is series[0],
                anchor="end" if column > 2 else "start",
                shift=6,
                halo=True,
            )
        )
    return drawn


def _last(values: Sequence[float | None]) -> tuple[int, float] | None:
    known = [(column, share) for column, share in enumerate(values) if share is not None]
    return known[-1] if known else None


def _mark_of_event(number: int, event: Event, columns: int) -> Markup:
    x = _middle(event.column, columns)
    return Markup(
        '<line class="k-mark" x1="{x}%" x2="{x}%" y1="18" y2="{foot}" stroke="{colour}" '
        'stroke-dasharray="3 3"/><circle class="k-ink" cx="{x}%" cy="10" r="9" fill="{ink}"/>'
    ).format(x=x, foot=TOP + HEIGHT, colour=COLOURS["ink2"], ink=COLOURS["ink"]) + _text(
        float(x), 14, str(number), colour="gap", size=12, bold=True, anchor="middle"
    )


def _words_of_event(number: int, event: Event) -> Markup:
    y = _whole_height() + 22 * number - 6
    return _text(0, y, f"{number}. {_cut(event.words)}", size=13)


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    """Yield runs of consecutive values, with their columns."""
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


def _brief(number: float) -> Number:
    """Round a length to a tenth of a percent, less than a pixel: there are many of them."""
    return _short(round(number, 1))


def _short(number: float) -> Number:
    rounded = round(number, 2)
    return int(rounded) if rounded == int(rounded) else rounded
