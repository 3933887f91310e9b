"""Follow up writes of requests (figures above, discussion, announcements, erasure) and changes of
udata's objects."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task

from ..figures import metrics
from ..figures.settle import DISCUSSION, settle
from ..mail import outbox
from . import actions, discussion, events, following, lifecycle, messages, replies
from .figures import REQUESTS, above
from .models import PEOPLE, TOLD, figures, requests

#: What may be due of a request besides figures.
LISTENERS = frozenset((PEOPLE, TOLD, DISCUSSION))


@task(name="culture-feedback-follow-request", route="low.culture-feedback")
def follow_request(request_id: str) -> None:
    """Count a request wherever it counts, bring its discussion in line, announce its moves and
    messages, and erase it once deleted."""
    id = ObjectId(request_id)
    request = requests().find_one({"_id": id}, {"organization": 1, "dataset": 1, "due": 1})
    if request is None:
        return
    settle_and_publish({*above(request), *request.get("due", [])} - LISTENERS)
    if DISCUSSION in request.get("due", []):
        discussion.tell(id)  # first: those whom udata notifies, we do not
    events.catch_up(id)
    messages.announce(id)
    if actions.bury(id):
        following.remove_all(id)


def follow_requests() -> int:
    """Run `follow_request` where its task was lost: the broker was away. Return how many
    requests."""
    where = {"due": {"$in": [DISCUSSION, TOLD]}} | outbox.lost()
    ids = [one["_id"] for one in requests().find(where, {"_id": 1}).limit(outbox.AT_ONCE)]
    for id in ids:
        follow_request(str(id))
    return len(ids)


outbox.CAUGHT_UP["requests_followed"] = follow_requests


@task(name="culture-feedback-hear-requests", route="low.culture-feedback")
def hear(request_id: str, message_id: str | None) -> None:
    """Process a message of the native discussion of a request (`message_id` None: it was
    closed)."""
    replies.follow(ObjectId(request_id))
    if message_id:
        replies.announce(ObjectId(request_id), message_id)


@task(name="culture-feedback-discuss-requests", route="low.culture-feedback")
def discuss(dataset_id: str) -> None:
    """Follow up the requests asked from a dataset whose discussion waited for it to be public."""
    for request in requests().find(
        {"dataset": ObjectId(dataset_id), "due": DISCUSSION}, {"_id": 1}
    ):
        follow_request(str(request["_id"]))


@task(name="culture-feedback-forget-requester", route="low.culture-feedback")
def forget_account(user_id: str) -> None:
    lifecycle.forget_account(ObjectId(user_id))


@task(name="culture-feedback-free-requests-of-dataset", route="low.culture-feedback")
def purge_dataset(dataset_id: str) -> None:
    lifecycle.purge_dataset(ObjectId(dataset_id))


@task(name="culture-feedback-free-requests-of-organization", route="low.culture-feedback")
def purge_organization(organization_id: str) -> None:
    lifecycle.purge_organization(ObjectId(organization_id))


@task(name="culture-feedback-free-open-requests", route="low.culture-feedback")
def free_open_requests(organization_id: str) -> None:
    lifecycle.free_open_requests(ObjectId(organization_id))


@task(name="culture-feedback-requests-follow-dataset", route="low.culture-feedback")
def follow_dataset(dataset_id: str) -> None:
    lifecycle.follow_dataset(ObjectId(dataset_id))


def settle_and_publish(figures_ids: set[str]) -> None:
    """Settle figures, and write them as metrics of the objects they are about."""
    for one in sorted(figures_ids):
        settle(REQUESTS, one)
    metrics.publish("requests", figures(), figures_ids)
