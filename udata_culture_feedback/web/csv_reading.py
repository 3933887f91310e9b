"""Read CSV files from elsewhere, as spreadsheets and forms write them: line by line, with the
number of each, so that mistakes can be found again. `csv` writes ours."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from udata.i18n import lazy_gettext as _

Values = dict[str, str]
Line = tuple[int, Values]
#: Maps the cells of a header to our names; empty for columns to leave out.
Header = Callable[[list[str]], list[str]]

DELIMITERS = ";,\t"
#: The line by which Excel is told the delimiter, as written by others and saved by itself.
SEPARATOR = re.compile(r'"?sep=(.)"?[;,\t]*', re.IGNORECASE)
#: A quoted cell, wherever one may begin.
QUOTED = re.compile(r'(^|[;,\t])"(?:[^"]|"")*"')
#: Characters read at most to see the header.
HEADER = 65536
#: Marks at the beginning of a file, and their encoding; the longer before what they begin with.
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DAY = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)/(\d\d?)/(\d{4})")
#: The time that spreadsheets add to a day.
MIDNIGHT = re.compile(r"[ T]0?0:00(:00(\.0+)?)?$")


@dataclass(frozen=True)
class Problem:
    """The reason why a line is not imported. `line`: of the file, from 1, where the record
    begins."""

    line: int
    column: str | None
    why: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.why}"


class Unreadable(Exception):
    """The file cannot be read at all; the message says why."""


def records(path: Path, encoding: str, header: Header) -> Iterator[Line]:
    """Yield the lines of a file that are not empty, with the number of the line where each begins.
    Raise Unreadable. `encoding`: of a file without a byte order mark."""
    with path.open("rb") as file:
        yield from records_of(file, encoding, header)


def records_of(file: BinaryIO, encoding: str, header: Header) -> Iterator[Line]:
    """Yield the lines of an open file, as `records` does; it must be seekable, and stays open."""
    start = file.read(4)
    file.seek(0)
    encoding = next((name for mark, name in BOMS if start.startswith(mark)), encoding)
    try:
        text = TextIOWrapper(file, encoding, newline="")
    except LookupError as error:
        raise Unreadable(f"not {encoding}: {error} (see --encoding)") from error
    try:
        yield from _records(text, header)
    except UnicodeError as error:
        raise Unreadable(f"not {encoding}: {error} (see --encoding)") from error
    finally:
        text.detach()


def _records(text: TextIO, header: Header) -> Iterator[Line]:
    delimiter, before = _delimiter(text)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    begins = 1 + before
    try:
        for cells in reader:
            if columns is None:
                columns = header([cell.strip() for cell in cells])
            elif any(cell.strip() for cell in cells):
                if any(cell.strip() for cell in cells[len(columns) :]):
                    raise Unreadable(_("line %(n)d: more cells than the header has", n=begins))
                named = zip(columns, cells, strict=False)
                yield begins, {name: cell.strip() for name, cell in named if name}
            begins = reader.line_num + 1 + before
    except csv.Error as error:
        raise Unreadable(_("line %(n)d: %(why)s", n=begins, why=_plainly(error))) from error
    if columns is None:
        header([])


def _delimiter(text: TextIO) -> tuple[str, int]:
    """Return the delimiter of a file and the number of lines before its header, which is read next:
    what a line `sep=` says, otherwise the most frequent outside the quotes of the header."""
    start = text.read(HEADER)
    text.seek(0)
    first = start.splitlines()[0] if start else ""
    if said := SEPARATOR.fullmatch(first):
        text.readline()
        return said[1], 1
    unquoted = QUOTED.sub(r"\1", start).splitlines()
    return max(DELIMITERS, key=unquoted[0].count if unquoted else first.count), 0


def _plainly(error: csv.Error) -> Any:
    """Say what is wrong with the quotes of a line; anything else as `csv` says it."""
    said = str(error)
    if "expected after" in said:
        return _("a quote ends before its cell does (a quote within quotes is written twice)")
    if "end of data" in said:
        return _("a quote that is opened here is never closed")
    return said


def read_day(written: str) -> date | None:
    """Read a day written as 2026-01-31, 31/01/2026 or 1/2/2026 (the first of February), with
    midnight after it or not; None for anything else."""
    match = DAY.fullmatch(MIDNIGHT.sub("", written))
    if match is None:
        return None
    parts = [int(part) for part in match.groups() if part]
    try:
        return date(*(parts if match[1] else reversed(parts)))
    except ValueError:
        return None


def last_part(reference: str) -> str:
    """Return an id or a slug; from the address of a dataset, its last part."""
    return reference.rstrip("/").rpartition("/")[2]
