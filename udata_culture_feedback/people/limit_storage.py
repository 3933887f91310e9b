"""Have the `limits` library count in udata's own database, through udata's own connection."""

from __future__ import annotations

from functools import cache
from typing import Any

import limits
from limits import RateLimitItem as Bound
from limits.errors import StorageError
from limits.storage import MongoDBStorage
from limits.strategies import FixedWindowRateLimiter as Limiter
from mongoengine.connection import get_connection, get_db

__all__ = ("Bound", "Limiter", "StorageError", "limiter", "parse")

COLLECTION = "culture_feedback_limits"


@cache
def parse(setting: str) -> Bound:
    """Return a bound written in the library's notation. Raise ValueError for invalid ones."""
    return limits.parse(setting)


class HostStorage(MongoDBStorage):
    """The library's MongoDB storage, on the connection that udata already has."""

    STORAGE_SCHEME = ["culture-feedback"]

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return get_connection()

    def __del__(self) -> None:
        """Leave the connection open, which is udata's; the library would close it here."""


def limiter() -> Limiter:
    """Return a limiter that counts in fixed windows. It raises StorageError when the database is
    down."""
    return Limiter(
        HostStorage(
            "culture-feedback://",
            database_name=get_db().name,
            counter_collection_name=COLLECTION,
            # Only moving windows would write there. The library builds its index anyway: under the
            # same name, it creates no second collection.
            window_collection_name=COLLECTION,
            wrap_exceptions=True,
        )
    )
