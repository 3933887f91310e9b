"""Where the `limits` library counts: in udata's own database, through udata's own connection."""

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
    """A bound in the notation of the library. Raise ValueError for what is none."""
    return limits.parse(setting)


class HostStorage(MongoDBStorage):
    """The library's MongoDB storage on the connection udata already has."""

    STORAGE_SCHEME = ["culture-feedback"]

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return get_connection()

    def __del__(self) -> None:
        """The library would close the connection here, which is udata's."""


def limiter() -> Limiter:
    """Count in fixed windows. Raise StorageError where the database cannot answer."""
    return Limiter(
        HostStorage(
            "culture-feedback://",
            database_name=get_db().name,
            counter_collection_name=COLLECTION,
            # Only moving windows would write there. The library makes its index all the same: under
            # the same name it makes no second collection.
            window_collection_name=COLLECTION,
            wrap_exceptions=True,
        )
    )
