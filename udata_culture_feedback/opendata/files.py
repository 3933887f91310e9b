"""Turn tables into files to publish: each with its Table Schema, all of them with one data
dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from udata.i18n import lazy_gettext as _

from .portal import File
from .tables import Table, as_json, definitions, dictionary

#: A table and the rows of its file, read while they are written.
Made = tuple[Table, Callable[[], Iterable[Any]]]


def files_of(made: list[Made], folder: Path) -> list[File]:
    """Write tables into a folder, with their dictionary and the schema of each; return the
    files."""
    tables = [table for table, _rows in made]
    words = dictionary()
    files: list[File] = []
    definition: Made = (words, partial(definitions, [*tables, words]))
    for table, rows in [*made, definition]:
        path = folder / f"{table.name}.csv"
        files.append(
            File(
                path.name,
                table.title,
                table.description,
                path,
                table.write(path, rows()),
                type="documentation" if table is words else "main",
                schema=f"{table.name}.schema.json",
            )
        )
    for table in (*tables, words):
        path = folder / f"{table.name}.schema.json"
        written = as_json(path, table.schema())
        described = f"{table.name}.csv"
        title = str(_("Schema of %(file)s", file=described))
        told = str(_("Table Schema: the columns of the file and what they may have."))
        files.append(File(path.name, title, told, path, written, type="documentation"))
    return files
