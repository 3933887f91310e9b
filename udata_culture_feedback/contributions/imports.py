"""Imports in the browser: a person sends a file, maps its columns, sees what importing it would do,
has it imported, and may undo that. What a kind of contribution adds is in its `ImportKind`.

A small file is worked on within the request, a large one by a task. An interrupted task is taken up
again by the nightly maintenance, or by the person; nothing is there twice.
"""

from __future__ import annotations

import codecs
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, TypedDict

from bson import Binary, ObjectId
from flask import g
from pymongo import ReturnDocument
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _
from udata.tasks import task

from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import Indexed, Query, acknowledged, now
from ..portal.queueing import later
from ..search.terms import fold
from ..web import refusals
from ..web.csv_reading import Problem, Unreadable, records_of
from ..web.languages import speaking
from ..web.refusals import Errors
from . import importing
from .importing import File, Importer, Report

#: Files of up to this many lines are worked on within the request.
AT_ONCE = 300
MOST_LINES = 250_000
MOST_COLUMNS = 300
#: Lines of the file that are shown, and characters of each cell.
SHOWN_LINES, SHOWN_CHARACTERS = 3, 60
#: Problems kept of an import, and unknown words of each column.
MOST_PROBLEMS, MOST_WORDS = 200, 40
#: Files of one person that wait at a time.
MOST_WAITING = 10
#: Bytes of a file in one document.
PART = 1 << 20
#: How long a file waits to be imported, and how long an import can be undone.
FILE_KEPT, UNDO_WITHIN = timedelta(hours=72), timedelta(days=30)
#: A task that has said nothing for this long is taken for dead.
LEASE = timedelta(minutes=5)
#: What workbooks begin with.
ZIP = b"PK\x03\x04"
#: Encodings of files without a mark that are not UTF-8, by name.
ENCODINGS = {"cp1252": "Windows (1252)", "mac-roman": "Macintosh", "iso-8859-15": "Latin-9"}


class State(StrEnum):
    """How far an import is."""

    COLUMNS = "columns"  # the file is here, its columns are not mapped
    CHECKING = "checking"
    CHECKED = "checked"  # nothing is written yet
    WRITING = "writing"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


#: The states in which a task is at work.
WORKING = (State.CHECKING, State.WRITING, State.UNDOING)


class Mapped(TypedDict):
    """The column in which a field is."""

    field: str
    column: str


class Word(TypedDict):
    """A word that a column contains; `meaning`: what it stands for, the id of an answer."""

    column: str
    word: str
    meaning: NotRequired[str]


class Trouble(TypedDict):
    line: int
    column: str | None
    why: str


class Import(TypedDict):
    """One file, and what has become of it. `target`: of the contributions (a consultation).
    `alive_at`: when its task last said how far it is, `done`: in lines. `rows`: the first lines.
    `error`: why it could not be worked on. `left`: what an undoing did not remove."""

    _id: ObjectId
    kind: str
    target: ObjectId | None
    by: ObjectId | None
    lang: str
    name: str
    encoding: str
    header: list[str]
    rows: list[list[str]]
    lines: int
    columns: list[Mapped]
    words: list[Word]
    state: str
    alive_at: NotRequired[datetime]
    done: int
    new: NotRequired[int]
    known: NotRequired[int]
    wrong: NotRequired[int]
    problems: NotRequired[list[Trouble]]
    unknown: NotRequired[list[Word]]
    error: NotRequired[str]
    removed: NotRequired[int]
    left: NotRequired[int]
    created_at: datetime
    imported_at: NotRequired[datetime]
    expires_at: datetime


class Part(TypedDict):
    """A piece of a file, in the order of `n`."""

    _id: ObjectId
    of: ObjectId
    n: int
    data: bytes
    expires_at: datetime


class CultureFeedbackImport(Indexed):
    """The indexes of `Import`."""

    meta = {"indexes": [["kind", "target", "-id"], ["by", "state"], "state", "expires_at"]}


class CultureFeedbackImportPart(Indexed):
    """The indexes of `Part`."""

    meta = {"indexes": [["of", "n"], "expires_at"]}


def imports() -> Collection[Import]:
    return acknowledged(CultureFeedbackImport)


def parts() -> Collection[Part]:
    return acknowledged(CultureFeedbackImportPart)


# --- What a kind of contribution adds -------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """Something that a file may have a column for. `group`: the question that it belongs to;
    `headers`: other words for it in the header; `choices`: the ids that its words may stand for,
    with their labels."""

    name: str
    label: str
    group: str = ""
    hint: str = ""
    headers: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Target:
    """What the contributions belong to: its id (None: the portal), its title, the path of its page
    of imports, and the pages that lead there, with their titles."""

    id: ObjectId | None
    title: str
    path: str
    above: tuple[tuple[str, str], ...]


class ImportKind(ABC):
    """How contributions of one kind are imported. `what`: their name, for a title."""

    what: Any

    @abstractmethod
    def may(self, viewer: Viewer) -> bool:
        """Return whether a person may import them."""

    @abstractmethod
    def target(self, id: ObjectId | None) -> Target:
        """Return what the contributions belong to. Raise NotFound."""

    @abstractmethod
    def fields(self, target: ObjectId | None) -> list[Field]:
        """Return the fields that a file may have columns for."""

    @abstractmethod
    def importer(
        self,
        target: ObjectId | None,
        columns: Mapping[str, str],
        words: Iterable[Word],
        import_id: ObjectId,
    ) -> Importer[Any]:
        """Return what imports a file so mapped (`columns`: field → column). Raise Invalid, naming
        fields, for a mapping that cannot be."""


# --- What a person does ---------------------------------------------------------------------------


def receive(
    viewer: Viewer,
    kind: str,
    target: ObjectId | None,
    name: str,
    stream: BinaryIO,
    encoding: str | None,
) -> Import:
    """Store a file. Raise Invalid where it is no table, Conflict while too many wait."""
    _spend(viewer)
    waiting = {"by": viewer.user_id, "state": {"$in": [State.COLUMNS, State.CHECKED, *WORKING]}}
    if imports().count_documents(waiting, limit=MOST_WAITING) == MOST_WAITING:
        raise refusals.Conflict(_("Import or delete the files that wait before sending another."))
    chosen = encoding if encoding in ENCODINGS else _encoding_of(stream)
    try:
        header, rows, lines = _look(stream, chosen)
    except Unreadable as error:
        raise _not_a_table(str(error)) from error
    made: Import = {
        "_id": ObjectId(),
        "kind": kind,
        "target": target,
        "by": viewer.user_id,
        "lang": g.lang_code,
        "name": name[:200],
        "encoding": chosen,
        "header": header,
        "rows": rows,
        "lines": lines,
        "columns": [],
        "words": [],
        "state": State.COLUMNS.value,
        "done": 0,
        "created_at": now(),
        "expires_at": now() + FILE_KEPT,
    }
    stream.seek(0)
    number = 0
    while data := stream.read(PART):
        part: Part = {
            "_id": ObjectId(),
            "of": made["_id"],
            "n": number,
            "data": Binary(data),
            "expires_at": made["expires_at"],
        }
        parts().insert_one(part)
        number += 1
    imports().insert_one(made)
    return made


def check(viewer: Viewer, found: Import, columns: list[Mapped], words: list[Word]) -> None:
    """Have a file checked with these columns. Raise Invalid, Conflict."""
    _spend(viewer)
    by_field = {one["field"]: one["column"] for one in columns}
    try:
        kind_of(found).importer(found["target"], by_field, words, found["_id"])
    except Unreadable as error:
        raise refusals.Invalid(str(error)) from error
    asked: Query = {"columns": columns, "words": words, "lang": g.lang_code}
    _go_on(found, (State.COLUMNS, State.CHECKED), State.CHECKING, asked)


def start(viewer: Viewer, found: Import) -> None:
    """Have a checked file imported, or one whose task has died worked on again. Raise Conflict."""
    _spend(viewer)
    if found["state"] in WORKING:
        _hand_over(found)
    else:
        kept = {"imported_at": now(), "expires_at": now() + UNDO_WITHIN}
        _go_on(found, (State.CHECKED,), State.WRITING, kept)


def undo(viewer: Viewer, found: Import) -> None:
    """Remove what was imported. Raise Conflict."""
    _spend(viewer)
    _go_on(found, (State.DONE,), State.UNDOING, {})


def delete(viewer: Viewer, found: Import) -> None:
    """Delete a file that is not imported. Raise Conflict."""
    _spend(viewer)
    waiting = [State.COLUMNS, State.CHECKED]
    gone = imports().delete_one({"_id": found["_id"], "state": {"$in": waiting}})
    if not gone.deleted_count:
        raise _moved_on()
    parts().delete_many({"of": found["_id"]})


def find(id: str) -> Import | None:
    return imports().find_one({"_id": ObjectId(id)}) if ObjectId.is_valid(id) else None


def latest(kind: str, target: ObjectId | None) -> list[Import]:
    """Return the imports of one target that can still be seen, the latest first."""
    shown = {"name": 1, "lines": 1, "state": 1, "new": 1, "created_at": 1, "by": 1}
    return list(imports().find({"kind": kind, "target": target}, shown).sort("_id", -1).limit(20))


def proposed(fields: list[Field], header: list[str]) -> dict[str, str]:
    """Propose a column for each field, by its label; the same column is proposed once."""
    folded: dict[str, str] = {}
    for name in header:
        folded.setdefault(_plain(name), name)
    found: dict[str, str] = {}
    for close in (False, True):
        for field in fields:
            left = {words: name for words, name in folded.items() if name not in found.values()}
            if field.name in found:
                continue
            for words in map(_plain, (field.label, *field.headers)):
                near = get_close_matches(words, left, 1, 0.85) if close else [words]
                if near and near[0] in left:
                    found[field.name] = left[near[0]]
                    break
    return found


def is_stalled(found: Import) -> bool:
    """Return whether the task of an import has said nothing for long, or was never begun."""
    alive = found.get("alive_at")
    return found["state"] in WORKING and (alive is None or alive < now() - LEASE)


# --- The work -------------------------------------------------------------------------------------


def work(import_id: ObjectId) -> None:
    """Do what an import waits for. Idempotent; does nothing where another task is alive."""
    where: Query = {
        "_id": import_id,
        "state": {"$in": list(WORKING)},
        "$or": [{"alive_at": None}, {"alive_at": {"$lt": now() - LEASE}}],
    }
    alive = {"$set": {"alive_at": now()}}
    found = imports().find_one_and_update(where, alive, return_document=ReturnDocument.AFTER)
    if found is None:
        return
    with speaking(found["lang"]):
        importer = None
        try:
            importer = _importer(found)
            _WORK[State(found["state"])](found, importer)
        except (Unreadable, refusals.Refusal) as error:
            stored = importer.stored() if importer else 0
            standing = stored or found["state"] == State.UNDOING
            changes: Query = {"error": str(error), "new": stored}
            _end(found, State.DONE if standing else State.COLUMNS, changes)


@task(name="culture-feedback-import", route="low.culture-feedback")
def work_on(import_id: str) -> None:
    """Check, import or undo a file that is too large for a request."""
    work(ObjectId(import_id))


def resume() -> int:
    """Take up what died: a step of the nightly maintenance. Return how many."""
    died = {
        "state": {"$in": list(WORKING)},
        "$or": [{"alive_at": None}, {"alive_at": {"$lt": now() - LEASE}}],
    }
    ids = [one["_id"] for one in imports().find(died, {"_id": 1})]
    for import_id in ids:
        work(import_id)
    return len(ids)


def _check(found: Import, importer: Importer[Any]) -> None:
    problems: list[Trouble] = []

    def told(problem: Problem) -> None:
        if len(problems) < MOST_PROBLEMS:
            problems.append({"line": problem.line, "column": problem.column, "why": problem.why})

    with _file(found) as file:
        report = importing.check(importer, file, told=told, progress=_alive(found))
    unknown: list[Word] = [
        {"column": column, "word": word}
        for column, words in importer.unknown.items()
        for word in sorted(words)[:MOST_WORDS]
    ]
    _end(found, State.CHECKED, {**_counts(report), "problems": problems, "unknown": unknown})


def _write(found: Import, importer: Importer[Any]) -> None:
    with _file(found) as file:
        report = importing.write(importer, file, progress=_alive(found))
    # Some may have been stored by a task that died.
    report.known += report.new
    report.new = importer.stored()
    report.known -= report.new
    _end(found, State.DONE, _counts(report) | {"rows": [], "unknown": []})
    parts().delete_many({"of": found["_id"]})


def _undo(found: Import, importer: Importer[Any]) -> None:
    removed, left = importer.undo(_alive(found))
    _end(found, State.UNDONE, {"removed": removed, "left": left, "problems": []})


_WORK: dict[State, Callable[[Import, Importer[Any]], None]] = {
    State.CHECKING: _check,
    State.WRITING: _write,
    State.UNDOING: _undo,
}


def kind_of(found: Import) -> ImportKind:
    return KINDS[found["kind"]]


#: The kinds that can be imported; `kinds.register` adds them.
KINDS: dict[str, ImportKind] = {}


def _importer(found: Import) -> Importer[Any]:
    by_field = {one["field"]: one["column"] for one in found["columns"]}
    return kind_of(found).importer(found["target"], by_field, found["words"], found["_id"])


def _counts(report: Report) -> Query:
    return {"new": report.new, "known": report.known, "wrong": report.wrong}


def _alive(found: Import) -> Callable[[int], None]:
    """Return a function that records how many lines are done."""

    def record(done: int) -> None:
        imports().update_one({"_id": found["_id"]}, {"$set": {"done": done, "alive_at": now()}})

    return record


def _end(found: Import, state: State, changes: Query) -> None:
    where = {"_id": found["_id"], "state": found["state"]}
    imports().update_one(
        where, {"$set": {"state": state.value, **changes}, "$unset": {"alive_at": 1}}
    )


def _go_on(found: Import, before: Iterable[State], after: State, changes: Query) -> None:
    """Move an import to a state in which it is worked on, and have it worked on."""
    where = {"_id": found["_id"], "state": {"$in": list(before)}}
    change: Query = {
        "$set": {"state": after.value, "done": 0, **changes},
        "$unset": {"error": 1, "alive_at": 1},
    }
    if not imports().update_one(where, change).modified_count:
        raise _moved_on()
    _hand_over(found)


def _hand_over(found: Import) -> None:
    """Work on a small file now, and have a task work on a large one."""
    if found["lines"] <= AT_ONCE:
        work(found["_id"])
        return
    later(work_on, str(found["_id"]))


@contextmanager
def _file(found: Import) -> Iterator[File]:
    """Write the file of an import to disk, for as long as it is read. Raise Unreadable."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as copy:
        for part in parts().find({"of": found["_id"]}).sort("n", 1):
            copy.write(part["data"])
        copy.flush()
        if not copy.tell():
            raise Unreadable(str(_("The file is no longer here: please send it again.")))
        yield File(Path(copy.name), found["encoding"])


# --- The file -------------------------------------------------------------------------------------


def _encoding_of(stream: BinaryIO) -> str:
    """Guess the encoding of a file without a mark: UTF-8, otherwise that of old spreadsheets. Raise
    Invalid for a workbook."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    stream.seek(0)
    if stream.read(len(ZIP)) == ZIP:
        raise _not_a_table(str(_("This is a workbook: save it as CSV, and send that.")))
    stream.seek(0)
    try:
        while data := stream.read(PART):
            decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    finally:
        stream.seek(0)
    return "utf-8-sig"


def _look(stream: BinaryIO, encoding: str) -> tuple[list[str], list[list[str]], int]:
    """Return the header of a file, its first lines, and their number. Raise Unreadable."""
    header: list[str] = []

    def seen(theirs: list[str]) -> list[str]:
        header.extend(theirs)
        return theirs

    rows: list[list[str]] = []
    lines = 0
    for _line, values in records_of(stream, encoding, seen):
        lines += 1
        if lines > MOST_LINES:
            message = _("%(n)d lines at most: split the file.", n=MOST_LINES)
            raise Unreadable(str(message))
        if len(rows) < SHOWN_LINES:
            rows.append([values.get(name, "")[:SHOWN_CHARACTERS] for name in header if name])
    named = [name for name in header if name]
    if not named or not lines:
        raise Unreadable(str(_("There is no line below its header.")))
    if len(named) > MOST_COLUMNS:
        raise Unreadable(str(_("%(n)d columns at most.", n=MOST_COLUMNS)))
    return named, rows, lines


def _not_a_table(why: str) -> refusals.Invalid:
    errors: Errors = {"file": why}
    return refusals.Invalid(_("This file cannot be read as a table."), errors)


def _moved_on() -> refusals.Conflict:
    return refusals.Conflict(_("This import has moved on meanwhile: see where it is now."))


def _plain(words: str) -> str:
    return " ".join(fold(words.replace("’", "'")).split())


def _spend(viewer: Viewer) -> None:
    must_be_known(viewer)
    spend_write(viewer, manages=True)
