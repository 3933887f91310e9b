"""Background tasks after an answer, a closing, a synthesis: figures, copies, mails."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import job, task

from ..figures.settle import settle
from . import figures, lifecycle, notifications, publishing, results_collection
from .models import of_responses, responses
from .repository import find
from .response_repository import bury


@task(name="culture-feedback-count-response", route="low.culture-feedback")
def count_response(consultation_id: str, response_id: str) -> None:
    """Settle the responses due of a consultation, and bury an answer that was withdrawn."""
    settle(figures.RESPONSES, of_responses(consultation_id))
    if responses().find_one({"_id": ObjectId(response_id), "deleted": {"$exists": True}}):
        bury(ObjectId(response_id))


@task(name="culture-feedback-close-consultation", route="low.culture-feedback")
def close(consultation_id: str) -> None:
    """Copy stamped feedback into the results."""
    found = find(ObjectId(consultation_id))
    if found:
        results_collection.collect(found)


@task(name="culture-feedback-tell-synthesis", route="low.culture-feedback")
def tell_synthesis(consultation_id: str) -> None:
    notifications.synthesis(ObjectId(consultation_id))


@task(name="culture-feedback-forget-respondent", route="low.culture-feedback")
def forget_account(user_id: str) -> None:
    lifecycle.forget_account(ObjectId(user_id))


@task(name="culture-feedback-publish-results", route="low.culture-feedback")
def publish_results(consultation_id: str) -> None:
    """Publish the results as a dataset, or what has changed of them."""
    publishing.publish(consultation_id)


@job("culture-feedback-consultations", route="low.culture-feedback")
def look_at_the_clock(self: object) -> dict[str, int]:
    """Run `upkeep.look_at_the_clock`: to be scheduled every few minutes. Modules only jobs need are
    imported late."""
    from . import upkeep

    return upkeep.look_at_the_clock()
