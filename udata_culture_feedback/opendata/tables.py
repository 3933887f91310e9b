"""Define a table of open data once: its columns say what is in each cell, and the header of the
file, its Table Schema (https://specs.frictionlessdata.io) and its data dictionary follow from them.

Rows get random ids whenever the file is made, so that two files cannot be matched row by row; and
come in random order, since the order of arrival would reveal as much.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from bson import decode_iter
from flask import Response
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from ..vocabulary import vocabularies
from ..web.csv import Heading, cell, download, written
from ..web.untyped import Query, Shown
from .suppression import LEAST_FOR_CROSSES, shown_groups

#: Documents that the server sends in one batch, and those looked up in one batch.
SENT = 500
BATCH = 200
#: Bytes of the random id of a row.
ID_LENGTH = 8
#: Read documents in their order on disk, rather than by an index.
AS_THEY_LIE: Query = {"hint": {"$natural": 1}}
#: The column of random ids.
ROW = "row"
#: The separator of the values of a list of texts.
SEPARATOR = ","
#: The group of people without a profile.
NO_PROFILE = "-"


@dataclass(frozen=True)
class Column:
    """One column. `type`: of Table Schema ("string", "integer", "number", "boolean", "yearmonth").
    `values`: id and label of each allowed value; `many`: several of them, separated by commas.
    `value`: makes a cell from what its row is about."""

    name: str
    title: Any
    value: Callable[[Any], Any]
    description: Any = None
    type: str = "string"
    values: tuple[tuple[Any, str], ...] = ()
    many: bool = False
    required: bool = False
    least: int | None = None

    def field(self) -> Shown:
        """Return the column as a field of a Table Schema."""
        shown: Shown = {"name": self.name, "title": str(self.title), "type": self.type}
        if self.description:
            shown["description"] = str(self.description)
        constraints: Shown = {}
        if self.required:
            constraints["required"] = True
        if self.name == ROW:
            constraints["unique"] = True
        if self.least is not None:
            constraints["minimum"] = self.least
        if self.values and not self.many:
            constraints["enum"] = [id for id, _label in self.values]
        if self.values and self.many:
            one = f"({'|'.join(str(id) for id, _label in self.values)})"
            constraints["pattern"] = f"{one}({SEPARATOR}{one})*"
        return shown | ({"constraints": constraints} if constraints else {})

    def heading(self) -> Heading | None:
        """Return the column as a spreadsheet shows it: labels instead of codes, while steps of a
        scale stay numbers, to be computed with. None for random ids, which are of no use there."""
        if self.name == ROW:
            return None
        labels = {} if self.type == "integer" else dict(self.values)
        return Heading(str(self.title), labels, self.many)


@dataclass(frozen=True)
class Table:
    """One file. `name`: without its suffix. `drawn`: whether its rows have random ids. Title and
    description: of a file that is published."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    drawn: bool = True

    @classmethod
    def plain(cls, name: str, *columns: Column) -> Table:
        """Return a table that is only downloaded."""
        return cls(name, "", "", columns, drawn=False)

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return (_row_column(), *self.columns) if self.drawn else self.columns

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.all_columns]

    def rows(self, things: Iterable[Any]) -> Iterator[list[Any]]:
        """Yield the rows of the file, each with an id that is valid in this file only."""
        values = [column.value for column in self.columns]
        if not self.drawn:
            for one in things:
                yield [value(one) for value in values]
            return
        for id, one in zip(_drawn_ids(), things, strict=False):
            yield [id, *[value(one) for value in values]]

    def download(
        self, things: Iterable[Any], version: str | None = None, name: str | None = None
    ) -> Response:
        """Return the file to save, for programs or for a spreadsheet, as `web.csv.download` does.
        `name`: another than the table's."""
        headings = [column.heading() for column in self.all_columns]
        return download(name or self.name, self.header, self.rows(things), headings, version)

    def schema(self) -> Shown:
        """Return its Table Schema."""
        schema: Shown = {
            "$schema": "https://specs.frictionlessdata.io/schemas/table-schema.json",
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "fields": [column.field() for column in self.all_columns],
            "missingValues": [""],
        }
        return schema | ({"primaryKey": [ROW]} if self.drawn else {})

    def write(self, path: Path, things: Iterable[Any]) -> Written:
        """Write the file, some rows at a time. Two files with the same digest have the same
        content: it is the digest of the rows as a set, without their ids."""
        total, number = 0, 0

        def counted() -> Iterator[list[Any]]:
            nonlocal total, number
            for row in self.rows(things):
                said = repr([cell(value) for value in row[int(self.drawn) :]])
                total += int.from_bytes(hashlib.sha256(said.encode()).digest())
                number += 1
                yield row

        with path.open("w", encoding="utf-8", newline="") as file:
            for part in written(self.header, counted()):
                file.write(part)
        whole = f"{self.header}\n{number}\n{total % 2**512}"
        return Written(hashlib.sha256(whole.encode()).hexdigest(), number)


@dataclass(frozen=True)
class Written:
    """The result of writing a file: a digest that changes with the content, and how many rows."""

    digest: str
    rows: int


def as_json(path: Path, document: Any) -> Written:
    """Write a document as JSON; equal documents give equal bytes."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
    return Written(hashlib.sha256(text.encode()).hexdigest(), 1)


def dictionary() -> Table:
    """Return the table of the data dictionary: one row for each column, and one for each allowed
    value."""

    def of(index: int) -> Callable[[Any], Any]:
        return lambda row: row[index]

    names = (
        ("file", _("File")),
        ("column", _("Column")),
        ("type", _("Type, as Table Schema names it")),
        ("title", _("Title")),
        ("description", _("What it says")),
        ("value", _("One of its values")),
        ("label", _("What this value means")),
    )
    columns = tuple(Column(name, title, of(index)) for index, (name, title) in enumerate(names))
    return Table(
        "dictionary",
        str(_("Data dictionary")),
        str(_("Every column of the other files, and the meaning of every value.")),
        columns,
        drawn=False,
    )


def definitions(tables: Iterable[Table]) -> Iterator[list[Any]]:
    """Yield the rows of the dictionary of these tables."""
    for table in tables:
        for column in table.all_columns:
            told = [f"{table.name}.csv", column.name, column.type, str(column.title)]
            yield [*told, str(column.description or ""), None, None]
            for id, label in column.values:
                yield [*told, None, id, label]


def shuffled(
    collection: Collection, where: Query, fields: Iterable[str], *, most: bool = False
) -> Iterator[Shown]:
    """Yield documents in a new random order, whatever their number: the server sorts them, on its
    disk where it must. `most` of the collection: it is read in disk order, in half of the time that
    an index takes."""
    found = collection.aggregate_raw_batches(
        [
            {"$match": where},
            {"$project": dict.fromkeys(fields, 1)},
            {"$addFields": {"drawn": {"$rand": {}}}},
            {"$sort": {"drawn": 1}},
        ],
        allowDiskUse=True,
        batchSize=SENT,
        **(AS_THEY_LIE if most else {}),
    )
    for sent in found:
        # Few are decoded at a time: Python's garbage collector walks through all live objects,
        # all of udata included.
        yield from decode_iter(sent, collection.codec_options)


def batches(things: Iterable[Any]) -> Iterator[list[Any]]:
    cursor = iter(things)
    while batch := list(islice(cursor, BATCH)):
        yield batch


def version(collection: Collection, where: Query, *also: Any, most: bool = False) -> str:
    """Return a version of a file made of these documents (and of `also`): each change of a document
    increases its `v`. One pass over them; `most`: as in `shuffled`."""
    found = collection.aggregate(
        [
            {"$match": where},
            {
                "$group": {
                    "_id": None,
                    "n": {"$sum": 1},
                    "v": {"$sum": "$v"},
                    "last": {"$max": "$_id"},
                }
            },
        ],
        **(AS_THEY_LIE if most else {}),
    )
    said = repr((list(found), also))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def told_profiles(sizes: dict[str, int], everybody: int) -> set[str]:
    """Return the profiles that rows may show. `sizes`: how many rows have each; `everybody`: how
    many rows there are. Each value of the column, the empty one included, then has at least ten
    rows: since the figures of each profile are public, who is behind an empty cell could be worked
    out otherwise."""
    silent = everybody - sum(sizes.values())
    return shown_groups(sizes | {NO_PROFILE: silent}, LEAST_FOR_CROSSES, never=(NO_PROFILE,))


def profile_column() -> Column:
    return Column(
        "profile",
        _("Profile"),
        attrgetter("profile"),
        _(
            "What the person says they are. Empty where they say nothing, and where less than ten "
            "people would share a value of this column."
        ),
        values=terms(vocabularies()["profiles"]),
    )


def terms(found: Any) -> tuple[tuple[str, str], ...]:
    """Return the values of a vocabulary, with their labels."""
    return tuple((term.id, str(term.label)) for term in found)


def _row_column() -> Column:
    return Column(
        ROW,
        _("Row"),
        lambda one: None,
        _("Drawn at random for this file: the same row has another one in the next file."),
        required=True,
    )


def _drawn_ids() -> Iterator[bytes]:
    """Yield random ids without end, many per system call."""
    while True:
        many = secrets.token_bytes(ID_LENGTH * SENT)
        for start in range(0, len(many), ID_LENGTH):
            yield many[start : start + ID_LENGTH]
