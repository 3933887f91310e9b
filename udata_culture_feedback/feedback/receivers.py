"""Receivers of signals about feedback. A receiver never raises: that would break a request of
udata's."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_delete, post_save
from udata.auth import current_user
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion
from udata.core.discussions.signals import on_discussion_deleted, on_discussion_message_deleted
from udata.core.organization.models import Organization
from udata.core.owned import Owned

from ..contributions.neighbours import consultation_link
from ..contributions.signals import on_words_gone
from ..figures.settle import DISCUSSION
from ..figures.summary_ids import dataset_summary
from ..portal.collections import now
from ..portal.queueing import later
from ..portal.receivers import harmless
from ..web.untyped import Document
from . import lifecycle, tasks
from .discussion import THREAD
from .kind import ANSWERS
from .models import feedbacks, summaries
from .signals import on_feedback_changed, on_feedback_treated


@harmless
def feedback_changed(
    feedback_id: Any,
    dataset: Any,
    new: Document | None = None,
    erased: bool = False,
    **_: Any,
) -> None:
    """Hand over what follows from a change to one task, since handing over is a good part of what a
    POST costs; to a second one where the feedback may be gone before the first runs."""
    silent = new is not None and DISCUSSION not in new["due"]
    if silent or erased:
        later(tasks.count_above, str(dataset))
    if not silent:
        later(tasks.tell_discussion, str(feedback_id))


@harmless
def results_follow(feedback_id: Any, new: Document | None = None, **_: Any) -> None:
    """Take spam found after its consultation had closed out of the results; count in them feedback
    that was held then and is no longer."""
    if new:
        return
    found = feedbacks().find_one({"_id": feedback_id, "consultation": {"$exists": True}})
    if found is None:
        return
    if found.get("hidden_reason") == "spam" or found.get("held"):
        consultation_link().drop(found)
    elif found.get("caught"):
        consultation_link().count_late(found)


@harmless
def words_erased(
    feedback_id: Any, new: Document | None = None, erased: bool = False, **_: Any
) -> None:
    """Announce that words are gone, so that reports about them go too; keep answers with their
    feedback."""
    if erased:
        on_words_gone.send([feedback_id])
    if not new:
        ANSWERS.follow(feedback_id)


@harmless
def feedback_treated(feedback_id: Any, **_: Any) -> None:
    later(tasks.tell_author, str(feedback_id))


@harmless
def answer_given(feedback_id: Any, **_: Any) -> None:
    ANSWERS.look_at(feedback_id)


@harmless
def dataset_changed(dataset: Any, **_: Any) -> None:
    _follow(dataset)


@harmless
def resource_changed(sender: Any, document: Any = None, **_: Any) -> None:
    _follow(document)


@harmless
def owner_changed(owned: Any, **_: Any) -> None:
    if isinstance(owned, Dataset):
        _follow(owned)


@harmless
def document_purged(sender: Any, document: Any, **_: Any) -> None:
    if sender is Dataset:
        if _known(document):
            later(tasks.purge_dataset, str(document.pk))
    elif sender is Organization:
        later(tasks.purge_organization, str(document.pk))


@harmless
def discussion_removed(discussion: Any, **_: Any) -> None:
    if not getattr(discussion, "taken_back", False):
        by_somebody = current_user and current_user.is_authenticated
        going = not by_somebody and getattr(discussion.subject, "deleted", None) is not None
        lifecycle.discussion_deleted(discussion.pk, with_dataset=going)


@harmless
def discussion_saved(sender: Any, document: Any, **_: Any) -> None:
    # Replies, closings and edits alike; a discussion of one message has no news.
    if (len(document.discussion) > 1 or document.closed) and _is_ours(document.pk):
        later(tasks.follow_thread, str(document.pk))


@harmless
def message_removed(discussion: Any, message: Any = None, **_: Any) -> None:
    if _is_ours(discussion.pk):
        THREAD.silence(discussion.pk, str(message.id))
        later(tasks.comment_removed, str(discussion.pk), str(message.id), now().isoformat())


def connect() -> None:
    """Connect every receiver. Idempotent."""
    on_feedback_changed.connect(feedback_changed)
    on_feedback_changed.connect(results_follow)
    on_feedback_changed.connect(words_erased)
    on_feedback_treated.connect(feedback_treated)
    on_feedback_treated.connect(answer_given)
    # Not `on_update`: udata does not send it for a dataset that is restored.
    Dataset.after_save.connect(dataset_changed)
    for signal in (
        Dataset.on_resource_added,
        Dataset.on_resource_updated,
        Dataset.on_resource_removed,
    ):
        signal.connect(resource_changed)
    Owned.on_owner_change.connect(owner_changed)
    post_delete.connect(document_purged, sender=Dataset)
    post_delete.connect(document_purged, sender=Organization)
    on_discussion_deleted.connect(discussion_removed)
    post_save.connect(discussion_saved, sender=Discussion)
    on_discussion_message_deleted.connect(message_removed)


def _follow(dataset: Any) -> None:
    if _known(dataset):
        later(tasks.follow_dataset, str(dataset.pk))


def _is_ours(discussion_id: Any) -> bool:
    """Return whether a discussion is that of a feedback: most are not."""
    return feedbacks().find_one({"discussion": discussion_id}, {"_id": 1}) is not None


def _known(dataset: Any) -> bool:
    """Return whether a dataset has feedback: most have none, and get one index lookup and no
    task."""
    return summaries().find_one({"_id": dataset_summary(dataset.pk)}, {"_id": 1}) is not None
