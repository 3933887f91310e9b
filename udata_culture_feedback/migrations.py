"""Changes of what is stored, each applied once and recorded beside udata's own migrations.

udata runs only its own (`udata db migrate` reads its own folder); `udata feedback init` runs these.
A migration is a function of the database, safe to run again.
"""

from __future__ import annotations

from collections.abc import Callable

from mongoengine.connection import get_db
from pymongo.database import Database
from udata.db.migrations import Record

Migration = Callable[[Database], str]

#: Name → migration, in order. None so far: this is the first version.
MIGRATIONS: dict[str, Migration] = {}

PREFIX = "culture-feedback/"


def pending() -> list[str]:
    return [name for name in MIGRATIONS if not _record(name).ok]


def run(name: str) -> str:
    """Applies a migration and records it; answers what it says it did."""
    report = MIGRATIONS[name](get_db())
    _record(name).add("migrate", MIGRATIONS[name], [["info", report]], {}, True)
    return report


def _record(name: str) -> Record:
    record = Record({"filename": PREFIX + name})
    record.load()
    return record
