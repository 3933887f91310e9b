"""Run the background tasks of every kind of contribution."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task

from . import adoption, kinds


@task(name="culture-feedback-forget-account", route="low.culture-feedback")
def forget_account(user_id: str, kind: str = "feedback") -> None:
    """Remove a deleted account from the contributions of one kind. Old messages of this task name
    no kind: they are feedback's."""
    forget = kinds.KINDS[kind].forget_account
    if forget:
        forget(ObjectId(user_id))


@task(name="culture-feedback-look-for-dataset", route="low.culture-feedback")
def look_for_dataset(dataset_id: str) -> None:
    """Look whether a dataset that was deleted has come back under another id."""
    adoption.look_for(ObjectId(dataset_id))
