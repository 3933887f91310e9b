"""Write CSV files as udata does, row by row: a file of any length takes no memory.

udata's conventions (`udata.core.csv`) are kept, so that one reader reads every file of a portal:
UTF-8, semicolons, texts in quotes, CRLF. udata leaves formulas as they are; ours are turned into
text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Response, request, stream_with_context
from udata.auth import current_user

from .api import PUBLIC_MAX_AGE

#: Spreadsheets take a cell that begins with one of these for a formula, quoted or not (OWASP, "CSV
#: injection"); East Asian ones do so for the wide forms.
FORMULAS = frozenset(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))

#: Rows sent in one chunk.
ROWS = 500

#: How many texts of a file have their cells cached, and their longest, in characters: some MB.
REMEMBERED = 20_000
SHORT = 100

EMPTY = '""'


def download(
    name: str, header: list[str], rows: Iterable[list[Any]], version: str | None = None
) -> Response:
    """Return a file to save, named after the day; `rows` are read while they are sent.

    Cells: texts, numbers, dates (naive UTC), lists of texts, booleans, bytes (written as
    hexadecimal), None. `version`: of the content, for an ETag; weak, since equal content may differ
    in bytes.
    """
    filename = f"{name}-{datetime.now(UTC):%Y-%m-%d}.csv"
    # Not `make_conditional`, which would read all of it to know its length.
    known_already = bool(version and request.if_none_match.contains_weak(version))
    response = Response(
        () if known_already else stream_with_context(written(header, rows)),
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
