"""Read CSV files from elsewhere, as spreadsheets and forms write them: line by line, with the
number of each, so that mistakes can be found again. `csv` writes ours."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

Values = dict[str, str]
Line = tuple[int, Values]

DELIMITERS = ";,\t"
DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d\d)/(\d\d)/(\d{4})")


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


def records(path: Path, encoding: str, header: Callable[[list[str]], list[str]]) -> Iterator[Line]:
    """Yield the lines of a file that are not empty, with the number of the line where each begins.
    The delimiter is guessed from the first line. `header`: maps the columns to our names; empty for
    those to leave out. Raise Unreadable."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield from _records(file, header)
    except (UnicodeError, LookupError) as error:
        raise Unreadable(f"not {encoding}: {error} (see --encoding)") from error
    except csv.Error as error:
        raise Unreadable(str(error)) from error


def _records(file: Any, header: Callable[[list[str]], list[str]]) -> Iterator[Line]:
    first = file.readline()
    file.seek(0)
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    columns = header([cell.strip() for cell in next(reader, [])])
    begins = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            if len(cells) > len(columns):
                raise Unreadable(f"line {begins}: more cells than the header has")
            named = zip(columns, cells, strict=False)
            yield begins, {name: cell.strip() for name, cell in named if name}
        begins = reader.line_num + 1


def read_day(written: str) -> date | None:
    """Read a day written as 2026-01-31 or 31/01/2026; None for anything else."""
    match = DAY.fullmatch(written)
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
