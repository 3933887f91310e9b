"""What contributions of every kind listen to. A receiver never raises: that would break a request
of udata's."""

from __future__ import annotations

from typing import Any

from udata.core.user.models import User

from ..portal.queueing import later
from ..portal.receivers import harmless
from . import embedded_texts, kinds, tasks

#: Seconds before the contributions of a deleted account are looked at: udata deletes its comments
#: after it says so.
FORGET_AFTER = (30, 600)


@harmless
def account_changed(user: Any, **_: Any) -> None:
    # Fired by every call with an API key too: only a deletion concerns us.
    if not getattr(user, "deleted", None):
        return
    embedded_texts.forget_account(user.pk)
    for kind in kinds.KINDS.values():
        for seconds in FORGET_AFTER if kind.forget_account else ():
            later(tasks.forget_account, str(user.pk), kind.id, countdown=seconds)


def connect() -> None:
    """Connect every receiver. Connecting twice is connecting once."""
    User.on_update.connect(account_changed)
