"""What requests listen to. A receiver never raises: that would break a request of udata's."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_delete
from udata.auth import current_user
from udata.core.dataset.models import Dataset
from udata.core.discussions.signals import (
    on_discussion_closed,
    on_discussion_deleted,
    on_discussion_message_deleted,
    on_new_discussion_comment,
)
from udata.core.organization.models import Organization
from udata.core.user.models import User

from ..figures.settle import DISCUSSION
from ..portal.queueing import later
from ..portal.receivers import harmless, once_deleted
from . import lifecycle, tasks
from .models import requests
from .signals import on_request_changed


@harmless
def request_changed(request_id: Any, carried: bool = False, **_: Any) -> None:
    if not carried:
        later(tasks.follow_request, str(request_id))


@harmless
def dataset_changed(dataset: Any, **_: Any) -> None:
    waiting = {"dataset": dataset.pk, "due": DISCUSSION}
    if not dataset.private and not dataset.deleted and requests().find_one(waiting, {"_id": 1}):
        later(tasks.discuss, str(dataset.pk))


@harmless
def document_purged(sender: Any, document: Any, **_: Any) -> None:
    if sender is Dataset:
        later(tasks.purge_dataset, str(document.pk))
    elif sender is Organization:
        later(tasks.purge_organization, str(document.pk))


account_changed = once_deleted(tasks.forget_account)


@harmless
def discussion_answered(discussion: Any, message: int | None = None, **_: Any) -> None:
    request = requests().find_one({"discussion": discussion.pk}, {"_id": 1})
    if request:
        # At once: positions change when messages are removed.
        said = None if message is None else str(discussion.discussion[message].id)
        later(tasks.hear, str(request["_id"]), said)


@harmless
def discussion_removed(discussion: Any, **_: Any) -> None:
    if not getattr(discussion, "taken_back", False):
        lifecycle.discussion_deleted(discussion, by=_who())


@harmless
def message_removed(discussion: Any, message: Any = None, **_: Any) -> None:
    if message is not None:
        lifecycle.message_deleted(discussion, str(message.id), by=_who())


def connect() -> None:
    """Connects every receiver. Connecting twice is connecting once."""
    on_request_changed.connect(request_changed)
    # Not `on_update`: udata says nothing there of a dataset that is no longer deleted.
    Dataset.after_save.connect(dataset_changed)
    post_delete.connect(document_purged, sender=Dataset)
    post_delete.connect(document_purged, sender=Organization)
    User.on_update.connect(account_changed)
    on_new_discussion_comment.connect(discussion_answered)
    on_discussion_closed.connect(discussion_answered)
    on_discussion_deleted.connect(discussion_removed)
    on_discussion_message_deleted.connect(message_removed)


def _who() -> Any:
    """The id of who is at it, where somebody is: nobody in a task."""
    return current_user.id if current_user and current_user.is_authenticated else None
