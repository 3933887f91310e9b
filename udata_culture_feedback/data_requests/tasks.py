"""What happens after a request was written: figures further up, announcements, burials; and
following udata's objects."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task

from .. import metrics
from ..summaries import settle
from . import actions, announcements, lifecycle
from .figures import REQUESTS, above
from .models import PEOPLE, TOLD, figures, requests

#: What is due of a request besides figures.
LISTENERS = frozenset((PEOPLE, TOLD))


@task(name="culture-feedback-follow-request", route="low.culture-feedback")
def follow_request(request_id: str) -> None:
    """Counts a request wherever it counts, announces its moves, buries it once it is deleted."""
    id = ObjectId(request_id)
    request = requests().find_one({"_id": id}, {"organization": 1, "dataset": 1, "due": 1})
    if request is None:
        return
    settle_and_publish({*above(request), *request.get("due", [])} - LISTENERS)
    announcements.catch_up(id)
    actions.bury(id)


@task(name="culture-feedback-forget-requester", route="low.culture-feedback")
def forget_account(user_id: str) -> None:
    lifecycle.forget_account(ObjectId(user_id))


@task(name="culture-feedback-free-requests-of-dataset", route="low.culture-feedback")
def purge_dataset(dataset_id: str) -> None:
    lifecycle.purge_dataset(ObjectId(dataset_id))


@task(name="culture-feedback-free-requests-of-organization", route="low.culture-feedback")
def purge_organization(organization_id: str) -> None:
    lifecycle.purge_organization(ObjectId(organization_id))


def settle_and_publish(figures_ids: set[str]) -> None:
    """Settles figures, and writes them as metrics of the objects they are about."""
    for one in sorted(figures_ids):
        settle(REQUESTS, one)
    metrics.publish("requests", figures(), figures_ids)
