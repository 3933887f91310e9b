"""What we listen to. A receiver never raises: that would break a request of udata's."""

from __future__ import annotations

from typing import Any

from udata.core.user.models import User

from ..portal.queueing import later
from ..portal.receivers import harmless, once_deleted
from . import tasks
from .signals import (
    on_publication_wanted,
    on_response_changed,
    on_results_wanted,
    on_synthesis_published,
)


@harmless
def response_changed(consultation_id: Any, response: Any, **_: Any) -> None:
    later(tasks.count_response, str(consultation_id), str(response))


@harmless
def synthesis_published(consultation_id: Any, **_: Any) -> None:
    later(tasks.tell_synthesis, str(consultation_id))


@harmless
def results_wanted(consultation_id: Any, **_: Any) -> None:
    later(tasks.close, str(consultation_id))


@harmless
def publication_wanted(consultation_id: Any, **_: Any) -> None:
    later(tasks.publish_results, str(consultation_id))


account_changed = once_deleted(tasks.forget_account)


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    on_response_changed.connect(response_changed)
    on_synthesis_published.connect(synthesis_published)
    on_results_wanted.connect(results_wanted)
    on_publication_wanted.connect(publication_wanted)
    User.on_update.connect(account_changed)
