"""Follow udata's signals in requests. A receiver never raises: it would break a request of
udata's."""

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

from ..contributions.signals import on_words_gone
from ..figures.settle import DISCUSSION
from ..portal.queueing import later
from ..portal.receivers import harmless
from . import lifecycle, tasks
from .kind import MOVES, messages_follow
from .models import Entry, Request, requests
from .signals import on_request_changed, on_request_moved
from .workflow import Role


@harmless
def request_changed(request_id: Any, carried: bool = False, **_: Any) -> None:
    if not carried:
        later(tasks.follow_request, str(request_id))


@harmless
def words_follow(
    request_id: Any,
    removed: bool = False,
    erased: Any = None,
    carried: bool = False,
    **_: Any,
) -> None:
    """Announce that words are gone, so that records about them go too; have messages and moves
    follow their request."""
    if carried:
        return
    if removed or erased:
        on_words_gone.send([erased or request_id])
    messages_follow(request_id)
    MOVES.follow(request_id)


@harmless
def request_moved(request_id: Any, request: Request, entry: Entry, number: int, **_: Any) -> None:
    # A requester's words of a move were checked before they were sent.
    if entry["by"]["role"] != Role.REQUESTER:
        MOVES.look_at(request, number)


@harmless
def dataset_changed(dataset: Any, **_: Any) -> None:
    waiting = {"dataset": dataset.pk, "due": DISCUSSION}
    if not dataset.private and not dataset.deleted and requests().find_one(waiting, {"_id": 1}):
        later(tasks.discuss, str(dataset.pk))
    holder = dataset.organization and dataset.organization.pk
    if holder and requests().find_one(lifecycle.elsewhere(dataset.pk, holder), {"_id": 1}):
        later(tasks.follow_dataset, str(dataset.pk))


@harmless
def organization_changed(organization: Any, **_: Any) -> None:
    if organization.deleted and requests().find_one({"organization": organization.pk}, {"_id": 1}):
        later(tasks.free_open_requests, str(organization.pk))


@harmless
def document_purged(sender: Any, document: Any, **_: Any) -> None:
    if sender is Dataset:
        later(tasks.purge_dataset, str(document.pk))
    elif sender is Organization:
        later(tasks.purge_organization, str(document.pk))


@harmless
def discussion_answered(discussion: Any, message: int | None = None, **_: Any) -> None:
    request = requests().find_one({"discussion": discussion.pk}, {"_id": 1})
    if request:
        # Not in a task: positions change when messages are removed.
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
    """Connect every receiver. Idempotent."""
    on_request_changed.connect(request_changed)
    on_request_changed.connect(words_follow)
    on_request_moved.connect(request_moved)
    # Not `on_update`: udata does not send it for a dataset that is restored.
    Dataset.after_save.connect(dataset_changed)
    Organization.after_save.connect(organization_changed)
    post_delete.connect(document_purged, sender=Dataset)
    post_delete.connect(document_purged, sender=Organization)
    on_new_discussion_comment.connect(discussion_answered)
    on_discussion_closed.connect(discussion_answered)
    on_discussion_deleted.connect(discussion_removed)
    on_discussion_message_deleted.connect(message_removed)


def _who() -> Any:
    """Return the id of the current user; None in a task."""
    return current_user.id if current_user and current_user.is_authenticated else None
