"""Import contributions collected elsewhere from a CSV file: what every kind of import shares, on
the command line and in the browser.

The file is read twice, a batch of lines at a time: first to check everything, then to write it. A
line is identified by an id of its own, or by its content: the file may be imported again, after a
crash or with lines added, and nothing is there twice.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from udata.i18n import lazy_gettext as _

from ..web.csv_reading import Line, Problem, Unreadable, Values, records
from ..web.refusals import Errors

#: Lines read, checked and written at once.
BATCH = 500

#: What a line becomes: a document, as it will be stored.
Made = TypeVar("Made", bound=Mapping[str, Any])

Told = Callable[[Problem], None]
#: Called with the number of lines done, and of all lines.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class File:
    """A CSV file and the encoding of its text."""

    path: Path
    encoding: str = "utf-8-sig"


@dataclass
class Report:
    """The result of an import, in lines. `wrong`: lines that cannot be imported."""

    new: int = 0
    known: int = 0
    wrong: int = 0

    @property
    def lines(self) -> int:
        return self.new + self.known + self.wrong


class Importer(ABC, Generic[Made]):
    """Turn lines into documents of one kind. `id_column`: the column with the id of each line;
    without one, lines are identified by their content, and two equal lines are two. In the browser
    an importer has the id of its import, by which contributions can be found again."""

    id_column: str | None

    def __init__(self) -> None:
        #: Column → words in it that stand for no answer.
        self.unknown: dict[str, set[str]] = {}

    @abstractmethod
    def header(self, theirs: list[str]) -> list[str]:
        """Return the name of each column of a file, empty for those to leave out. Raise
        Unreadable."""

    @abstractmethod
    def key(self, identity: str) -> str:
        """Return the key under which a line is stored, the same in each run."""

    @abstractmethod
    def read(self, key: str, values: Values, errors: Errors) -> Made | None:
        """Build the document of a line; add what is wrong with it to `errors`, by column."""

    @abstractmethod
    def known(self, keys: list[str]) -> set[str]:
        """Return which of these keys are stored already."""

    @abstractmethod
    def store(self, made: list[Made]) -> int:
        """Store documents, except those stored meanwhile; return how many are new."""

    def begin(self) -> None:
        """Prepare for writing. Raise Unreadable where it is impossible."""

    def finish(self) -> None:
        """Bring up to date what depends on all that was written."""

    @abstractmethod
    def stored(self) -> int:
        """Return how many contributions of this import are stored."""

    @abstractmethod
    def undo(self, progress: Callable[[int], None]) -> tuple[int, int]:
        """Remove what this import stored; return how many are removed, and how many were left since
        somebody has worked on them. `progress`: called with the number done. Idempotent."""


def run(
    importer: Importer[Made],
    file: File,
    *,
    dry_run: bool = False,
    skip_errors: bool = False,
    batch: int = BATCH,
    told: Told = lambda problem: None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Import the new lines of a file. Nothing is written in a `dry_run`, nor where a line is wrong,
    unless `skip_errors` imports the others. Raise Unreadable."""
    report = check(importer, file, batch=batch, told=told)
    if dry_run or (report.wrong and not skip_errors):
        return report
    return write(importer, file, batch=batch, progress=lambda done: progress(done, report.lines))


def check(
    importer: Importer[Made],
    file: File,
    *,
    batch: int = BATCH,
    told: Told = lambda problem: None,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Read a file and say what importing it would do. `told` is called with each problem."""
    report = Report()
    for made in _sorted_out(importer, file, report, told, batch):
        report.new += len(made)
        progress(report.lines)
    return report


def write(
    importer: Importer[Made],
    file: File,
    *,
    batch: int = BATCH,
    progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Store the valid new lines of a file; repeatable after an interruption."""
    report = Report()
    importer.begin()
    for made in _sorted_out(importer, file, report, lambda problem: None, batch):
        stored = importer.store(made) if made else 0
        report.new += stored
        report.known += len(made) - stored
        progress(report.lines)
    importer.finish()
    return report


def _sorted_out(
    importer: Importer[Made], file: File, report: Report, told: Told, batch: int
) -> Iterator[list[Made]]:
    """Yield the documents of the valid new lines, batch by batch; count the others in `report`."""
    identities = _Identities(importer.id_column)
    lines = records(file.path, file.encoding, importer.header)
    for some in _batches(lines, batch):
        faults: list[Errors] = [{} for _line in some]
        keys = [
            importer.key(identities.of(line, values, errors))
            for (line, values), errors in zip(some, faults, strict=True)
        ]
        known = importer.known([k for k, errors in zip(keys, faults, strict=True) if not errors])
        made = []
        for key, (line, values), errors in zip(keys, some, faults, strict=True):
            if key in known and not errors:
                report.known += 1
                continue
            one = importer.read(key, values, errors)
            for column, why in errors.items():
                told(Problem(line, column, str(why)))
            if errors or one is None:
                report.wrong += 1
            else:
                made.append(one)
        yield made


class _Identities:
    """Identify the lines of one reading of a file, and find ids that are there twice."""

    def __init__(self, column: str | None) -> None:
        self.column = column
        self.seen: dict[bytes, int] = {}

    def of(self, line: int, values: Values, errors: Errors) -> str:
        """Return the identity of a line: its id, or its content and a number among equal ones."""
        if self.column is None:
            said = digest(json.dumps(sorted(values.items())))
            self.seen[said] = self.seen.get(said, 0) + 1
            return f"said\n{said.hex()}\n{self.seen[said]}"
        id = values.get(self.column, "")
        if not id:
            errors[self.column] = _("This says which line it is, and cannot be empty.")
            return "id\n"
        first = self.seen.setdefault(digest(id), line)
        if first != line:
            errors[self.column] = _("“%(id)s” is on line %(line)d already.", id=id, line=first)
        return f"id\n{id}"


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    remaining = iter(lines)
    while some := list(islice(remaining, size)):
        yield some


def must_have(theirs: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise Unreadable where columns that are wanted are not in a header, or more than once."""
    there = Counter(theirs)
    if missing := sorted(name for name in wanted if not there[name]):
        raise Unreadable(str(_("no column %(names)s in the header", names=", ".join(missing))))
    if twice := sorted(name for name in wanted if there[name] > 1):
        message = _("the column %(names)s is there more than once", names=", ".join(twice))
        raise Unreadable(str(message))


def digest(text: str) -> bytes:
    """Return a hash of a text: short, since one is kept for each line."""
    return hashlib.sha256(text.encode()).digest()[:16]
