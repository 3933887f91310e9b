"""Write CSV files as udata does, row by row: a file of any length takes no memory.

udata's conventions (`udata.core.csv`) are kept, so that one reader reads every file of a portal:
UTF-8, semicolons, texts in quotes, CRLF. udata leaves formulas as they are; ours are turned into
text. With `?for=spreadsheet` a file is written for people instead, in their language.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from babel.numbers import get_decimal_symbol
from flask import Response, request, stream_with_context
from flask_babel import get_locale
from udata.auth import current_user
from udata.i18n import lazy_gettext as _

from . import refusals
from .api import PUBLIC_MAX_AGE
from .moments import portal_zone, to_local

#: Spreadsheets take a cell that begins with one of these for a formula, quoted or not (OWASP, "CSV
#: injection"); East Asian ones do so for the wide forms.
FORMULAS = frozenset(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))

#: Rows sent in one chunk.
ROWS = 500

#: How many texts of a file have their cells cached, and their longest, in characters: some MB.
REMEMBERED = 20_000
SHORT = 100

EMPTY = '""'

SPREADSHEET = "spreadsheet"
#: What the documentation of a route says of its argument.
FOR_SPREADSHEET = {
    "for": {
        "description": "`spreadsheet`: to be opened in one, in the language of `lang`",
        "enum": [SPREADSHEET],
        "in": "query",
        "type": "string",
    }
}


@dataclass(frozen=True)
class Heading:
    """A column as people read it. `labels`: of its codes; `several`: a cell may have many, with
    commas between them."""

    title: str
    labels: Mapping[Any, str] = field(default_factory=dict)
    several: bool = False


def download(
    name: str,
    header: list[str],
    rows: Iterable[list[Any]],
    headings: Sequence[Heading | None],
    version: str | None = None,
) -> Response:
    """Return a file to save, named after the day; `rows` are read while they are sent. Raise
    Invalid for another use than `?for=spreadsheet`.

    Cells: texts, numbers, dates (naive UTC), lists of texts, booleans, bytes (written as
    hexadecimal), None. `headings`: of the columns in a spreadsheet; None leaves one out.
    `version`: of the content, for an ETag; weak, since equal content may differ in bytes.
    """
    if for_spreadsheet():
        made = spreadsheet(headings, rows)
        version = version and f"{version}-{get_locale()}"
    else:
        made = written(header, rows)
    filename = f"{name}-{datetime.now(UTC):%Y-%m-%d}.csv"
    # Not `make_conditional`, which would read all of it to know its length.
    known_already = bool(version and request.if_none_match.contains_weak(version))
    response = Response(
        () if known_already else stream_with_context(made),
        304 if known_already else 200,
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
    # As `api.cacheable` does, whose ETag would need all of it.
    response.vary.update(("Origin", "Cookie", "Authorization", "X-API-KEY"))
    known = not current_user.is_anonymous
    response.headers["Cache-Control"] = (
        "private, no-cache" if known else f"public, max-age={PUBLIC_MAX_AGE}"
    )
    if version:
        response.set_etag(version, weak=True)
    return response


def for_spreadsheet() -> bool:
    """Check whether the file is asked for a spreadsheet. Raise Invalid for anything else."""
    use = request.args.get("for", "")
    if use not in ("", SPREADSHEET):
        message = _("Choose one of: %(ids)s.", ids=SPREADSHEET)
        raise refusals.Invalid(message, {"for": message})
    return use == SPREADSHEET


def spreadsheet(headings: Sequence[Heading | None], rows: Iterable[list[Any]]) -> Iterator[str]:
    """Yield the text of a file that a spreadsheet in the current language opens as it should: with
    a byte order mark, by which Excel knows UTF-8; semicolons where the decimal mark is a comma;
    titles and labels instead of names and codes."""
    mark = get_decimal_symbol(get_locale())
    shown = [(at, heading) for at, heading in enumerate(headings) if heading]
    yes_no = {True: str(_("Yes")), False: str(_("No"))}
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if mark == "," else ",")
    out.write("\ufeff")
    writer.writerow([_harmless(heading.title) for _at, heading in shown])
    for number, row in enumerate(rows, 1):
        writer.writerow([_for_people(row[at], heading, mark, yes_no) for at, heading in shown])
        if number % ROWS == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _for_people(value: Any, heading: Heading, mark: str, yes_no: Mapping[bool, str]) -> str:
    """Return a value as the text of its cell, numbers and dates as spreadsheets know them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return yes_no[value]
    if heading.several:
        codes = value.split(",") if isinstance(value, str) else value
        return _harmless("; ".join(str(heading.labels.get(code, code)) for code in codes))
    if heading.labels:
        value = heading.labels.get(value, value)
    if isinstance(value, float):
        return str(value).replace(".", mark)
    if isinstance(value, datetime):
        return f"{to_local(value, portal_zone()):%Y-%m-%d %H:%M:%S}"
    return str(cell(value))


def written(header: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    """Yield the text of a file, some rows at a time."""
    cells = Cells()
    lines = [cells.line(header)]
    for row in rows:
        lines.append(cells.line(row))
        if len(lines) == ROWS:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


class Cells(dict[str, str]):
    """A cache from texts to their cells, which writes rows as `udata.core.csv.get_writer` does,
    made safe, in a third of the time. Ids, titles and terms recur in many rows; long texts, and
    those beyond the bound, are computed each time."""

    def line(self, row: Iterable[Any]) -> str:
        # The usual types at once: a file may have some ten million cells.
        return (
            ";".join(
                [
                    self[one] if type(one) is str else EMPTY if one is None else self.other(one)
                    for one in row
                ]
            )
            + "\r\n"
        )

    def other(self, value: Any) -> str:
        """Write any other value: numbers as they are, anything else in quotes."""
        kind = type(value)
        if kind is int:
            return str(value)
        if kind is bytes:  # an id unique to this row: not worth caching
            return f'"{value.hex()}"'
        said = cell(value)
        return self[said] if isinstance(said, str) else str(said)

    def __missing__(self, text: str) -> str:
        quoted = '"' + cell(text).replace('"', '""') + '"'
        if len(text) <= SHORT and len(self) < REMEMBERED:
            self[text] = quoted
        return quoted


def cell(value: Any) -> Any:
    """Return a value as its cell. Numbers stay numbers; whatever people typed is a text."""
    if value is None:
        return ""
    if type(value) is str:
        return _harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return cell(",".join(map(str, value)))
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, datetime):
        return value.replace(microsecond=0).isoformat() + "Z"
    if isinstance(value, bytes):
        return value.hex()
    return _harmless(str(value))


def _harmless(text: str) -> str:
    text = text.replace("\0", "")
    return f"'{text}" if text[:1] in FORMULAS else text
