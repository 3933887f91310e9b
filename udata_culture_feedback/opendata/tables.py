"""A table of open data, told once: its columns say what is in each cell, and the header of the
file, its Table Schema (https://specs.frictionlessdata.io) and its data dictionary follow from them.

Rows have ids drawn at random whenever the file is made, so that two files are not put side by side
row by row; and come in a random order, since the order of arrival would tell as much.
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
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _

from ..vocabulary import vocabularies
from ..web.csv import cell, written
from ..web.untyped import Query, Shown
from .suppression import LEAST_FOR_CROSSES, shown_groups

#: Documents that the server sends at once, and those that are looked up at once.
SENT = 500
BATCH = 200
#: Bytes of the random id of a row.
ID_LENGTH = 8
#: The documents as they lie in their collection, rather than by an index.
AS_THEY_LIE: Query = {"hint": {"$natural": 1}}
#: The column of random ids.
ROW = "row"
#: As the Table Schema names them: of values that a list of texts puts between its elements.
SEPARATOR = ","
#: The profile of who says none, as a group of people.
NO_PROFILE = "-"


@dataclass(frozen=True)
class Column:
    """One column. `type`: of Table Schema ("string", "integer", "number", "boolean",
    "yearmonth"). `values`: id and label of each value it may have; `many`: several of them, with
    commas between. `value`: what a cell is made of."""

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
        """As a field of a Table Schema."""
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


@dataclass(frozen=True)
class Table:
    """One file. `name`: without its suffix. `drawn`: its rows have random ids."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    drawn: bool = True

    @property
    def all_columns(self) -> tuple[Column, ...]:
        return (_row_column(), *self.columns) if self.drawn else self.columns

    @property
    def header(self) -> list[str]:
        return [column.name for column in self.all_columns]

    def rows(self, things: Iterable[Any]) -> Iterator[list[Any]]:
        """The rows of the file, each with an id of this file only."""
        values = [column.value for column in self.columns]
        if not self.drawn:
            for one in things:
                yield [value(one) for value in values]
            return
        for id, one in zip(_drawn_ids(), things, strict=False):
            yield [id, *[value(one) for value in values]]

    def schema(self) -> Shown:
        """Its Table Schema."""
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
        """Write the file, some rows at a time. Two files of the same digest say the same: it is
        that of the rows as a set, without their ids."""
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
    """What was written: what tells whether a file says something else, and how many rows."""

    digest: str
    rows: int


def as_json(path: Path, document: Any) -> Written:
    """Write a document as JSON, the same document to the same bytes."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
    return Written(hashlib.sha256(text.encode()).hexdigest(), 1)


def dictionary() -> Table:
    """The data dictionary: one row for each column, and one for each value it may have."""

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
    """The rows of the dictionary of these tables."""
    for table in tables:
        for column in table.all_columns:
            told = [f"{table.name}.csv", column.name, column.type, str(column.title)]
            yield [*told, str(column.description or ""), None, None]
            for id, label in column.values:
                yield [*told, None, id, label]


def shuffled(
    collection: Collection, where: Query, fields: Iterable[str], *, most: bool = False
) -> Iterator[Shown]:
    """Documents in an order drawn each time, whatever their number: the server puts them in order,
    on its disk where it must. `most` of the collection: it is read as it lies, which takes half of
    the time that an index does."""
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
        # Few are documents at a time: Python's collector of garbage goes through all that live,
        # and through the whole of udata with them.
        yield from decode_iter(sent, collection.codec_options)


def batches(things: Iterable[Any]) -> Iterator[list[Any]]:
    cursor = iter(things)
    while batch := list(islice(cursor, BATCH)):
        yield batch


def version(collection: Collection, where: Query, *also: Any, most: bool = False) -> str:
    """Tells whether a file made of these documents (and of what else is named) may have changed:
    each change of one increases its `v`. One pass over them; `most`: as in `shuffled`."""
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
    """The profiles that rows may tell. `sizes`: how many rows have each; `everybody`: how many
    there are. Each value of the column, the empty one included, is then that of ten rows at least:
    the figures of each profile being known, who is behind an empty cell could be worked out."""
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
    """The values of a vocabulary, with their labels."""
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
    """Random ids without end, many at once: each time is a call of the system."""
    while True:
        many = secrets.token_bytes(ID_LENGTH * SENT)
        for start in range(0, len(many), ID_LENGTH):
            yield many[start : start + ID_LENGTH]
