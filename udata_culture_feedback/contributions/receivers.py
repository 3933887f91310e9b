"""Receive udata's signals for contributions of every kind. A receiver never raises: that would
break a request of udata's."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_delete
from udata.core.dataset.models import Dataset
from udata.core.user.models import User

from ..portal.queueing import later
from ..portal.receivers import harmless
from . import adoption, embedded_texts, kinds, tasks

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


@harmless
def dataset_changed(dataset: Any, **_: Any) -> None:
    if dataset.deleted and adoption.remember(dataset):
        later(tasks.look_for_dataset, str(dataset.pk))


@harmless
def dataset_created(dataset: Any, **_: Any) -> None:
    for gone_id in adoption.may_be_back(dataset):
        later(tasks.look_for_dataset, str(gone_id))


@harmless
def dataset_purged(sender: Any, document: Any, **_: Any) -> None:
    if adoption.remember(document):
        later(tasks.look_for_dataset, str(document.pk))


def connect() -> None:
    """Connect every receiver. Idempotent."""
    Dataset.after_save.connect(dataset_changed)
    Dataset.on_create.connect(dataset_created)
    post_delete.connect(dataset_purged, sender=Dataset)
    User.on_update.connect(account_changed)
