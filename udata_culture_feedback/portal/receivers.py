"""Make receivers of udata's signals that never raise: a failure of ours must not break a request of
udata's."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from .queueing import later

log = logging.getLogger(__name__)

#: Seconds before an account's feedback is looked at: udata deletes its comments after it says so.
FORGET_AFTER = (30, 600)


def harmless(receiver: Callable[..., None]) -> Callable[..., None]:
    """Makes a receiver that logs what it would raise."""

    @functools.wraps(receiver)
    def careful(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception:
            log.exception("%s failed; maintenance will catch up", receiver.__name__)

    return careful


def once_deleted(forget: Any) -> Callable[..., None]:
    """Makes a receiver that has an account forgotten by a task, some time after it was deleted."""

    @harmless
    def account_changed(user: Any, **_: Any) -> None:
        # Fired by every call with an API key too: only a deletion concerns us.
        if getattr(user, "deleted", None):
            for seconds in FORGET_AFTER:
                later(forget, str(user.pk), countdown=seconds)

    return account_changed
