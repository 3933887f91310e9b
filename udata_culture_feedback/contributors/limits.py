"""How much one contributor may write: one declarative place, correct across processes.

Counting is the `limits` library's, in udata's own database (a fixed window: one atomic command per
write), through udata's own connection. Keys are those of contributors: no IP, no user agent.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import Any

from flask import current_app
from limits import parse
from limits.errors import StorageError
from limits.storage import MongoDBStorage
from limits.strategies import FixedWindowRateLimiter
from mongoengine.connection import get_connection, get_db
from udata.i18n import lazy_gettext as _

from .. import refusals
from .viewer import Viewer

log = logging.getLogger(__name__)


class HostStorage(MongoDBStorage):
    """The library's MongoDB storage on the connection udata already has."""

    STORAGE_SCHEME = ["culture-feedback"]

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return get_connection()

    def __del__(self) -> None:
        """The library would close the connection here, which is udata's."""


def spend_write(viewer: Viewer, *, manages: bool = False) -> None:
    """Counts one write of this contributor, refused or not. Raises TooMany over the limit.

    `manages`: they manage what they write about (producers, moderators), which lifts the bound.
    A database that cannot count does not stop people from speaking: the write itself will tell.
    """
    setting = "CULTURE_FEEDBACK_LIMIT_MANAGER" if manages else "CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"
    if not current_app.config[setting]:
        return
    limit = parse(current_app.config[setting])
    # Whoever reads this collection learns nothing of who wrote: the key is hashed, and expires.
    who = hashlib.sha256(f"{current_app.secret_key!r}:{viewer.key}".encode()).hexdigest()
    try:
        if _limiter().hit(limit, "write", who):
            return
        reset = _limiter().get_window_stats(limit, "write", who).reset_time
    except StorageError:
        log.exception("Writes could not be counted")
        return
    raise refusals.TooMany(
        _("That is a lot at once. Please wait a few minutes."), int(reset - time.time())
    )


def _limiter() -> FixedWindowRateLimiter:
    state = current_app.extensions["culture-feedback"]
    if state.limiter is None:
        state.limiter = FixedWindowRateLimiter(
            HostStorage(
                "culture-feedback://",
                database_name=get_db().name,
                counter_collection_name="culture_feedback_limits",
                window_collection_name="culture_feedback_limit_windows",
                wrap_exceptions=True,
            )
        )
    return state.limiter
