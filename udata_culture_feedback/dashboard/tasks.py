"""Notifications of producers, sent after a request."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task

from . import producer_alerts


@task(name="culture-feedback-tell-contact-point", route="low.culture-feedback")
def tell_contact_point(feedback_id: str) -> None:
    producer_alerts.tell_contact_point(ObjectId(feedback_id))
