"""Receive udata's signals for contributions of every kind. A receiver never raises: that would
break a request of udata's."""

from __future__ import annotations

from typing import Any

from udata.core.user.models import User

from ..portal.queueing import later
from ..portal.receivers import harmless
from . import embedded_texts, kinds, tasks

#: Delays, in seconds, before processing the contributions of a deleted account: udata deletes its
#: comments after its signal.
FORGET_AFTER = (30, 600)


@harmless
def account_changed(user: Any, **_: Any) -> None:
    # Also sent by every call with an API key: only a deletion concerns us.
    if not getattr(user, "deleted", None):
        return
    embedded_texts.forget_account(user.pk)
    for kind in kinds.KINDS.values():
        for seconds in FORGET_AFTER if kind.forget_account else ():
            later(tasks.forget_account, str(user.pk), kind.id, countdown=seconds)


def connect() -> None:
    """Connect every receiver. Idempotent."""
    User.on_update.connect(account_changed)
