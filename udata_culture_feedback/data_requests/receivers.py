"""What requests listen to. A receiver never raises: that would break a request of udata's."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_delete
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.models import User

from ..feedback.receivers import FORGET_AFTER, harmless
from ..queueing import later
from . import tasks
from .signals import on_request_changed


@harmless
def request_changed(request_id: Any, **_: Any) -> None:
    later(tasks.follow_request, str(request_id))


@harmless
def document_purged(sender: Any, document: Any, **_: Any) -> None:
    if sender is Dataset:
        later(tasks.purge_dataset, str(document.pk))
    elif sender is Organization:
        later(tasks.purge_organization, str(document.pk))


@harmless
def account_changed(user: Any, **_: Any) -> None:
    # Fired by every call with an API key too: only a deletion concerns us.
    if getattr(user, "deleted", None):
        later(tasks.forget_account, str(user.pk), countdown=FORGET_AFTER[0])


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    on_request_changed.connect(request_changed)
    post_delete.connect(document_purged, sender=Dataset)
    post_delete.connect(document_purged, sender=Organization)
    User.on_update.connect(account_changed)
