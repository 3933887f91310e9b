"""What producers hear, after a request."""

from __future__ import annotations

from bson import ObjectId
from udata.tasks import task

from . import news


@task(name="culture-feedback-tell-contact-point", route="low.culture-feedback")
def tell_contact_point(feedback_id: str) -> None:
    news.tell_contact_point(ObjectId(feedback_id))
