"""Receivers of signals for the producer's side. A receiver never raises, which would break a
request of udata's; those of announcements may: what was not sent stays due."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from mongoengine.signals import post_delete
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.models import User

from ..contributions import organization_settings
from ..data_requests.models import Entry, Request
from ..data_requests.signals import on_request_moved, on_request_received
from ..feedback import answer_templates
from ..feedback.signals import on_feedback_followed
from ..portal.queueing import later
from ..portal.receivers import harmless
from . import producer_alerts, saved_views, subscriptions, tasks


@harmless
def feedback_followed(feedback_id: ObjectId, **_: Any) -> None:
    if producer_alerts.is_news(feedback_id):
        later(tasks.tell_contact_point, str(feedback_id))


def request_received(_sender: Any, request: Request, **_: Any) -> None:
    producer_alerts.request_arrived(request, f"request:{request['_id']}:received")


def request_moved(_sender: Any, request: Request, entry: Entry, number: int, **_: Any) -> None:
    if entry.get("transferred_to"):
        to = request | {"organization": entry["transferred_to"]}
        producer_alerts.request_arrived(to, f"request:{request['_id']}:{number}")


@harmless
def document_purged(sender: Any, document: Any, **_: Any) -> None:
    kind = {Dataset: "dataset", Organization: "organization"}.get(sender)
    if kind:
        subscriptions.forget(f"{kind}:{document.pk}")
    if kind == "organization":
        organization_settings.forget_organization(document.pk)
        answer_templates.forget_organization(document.pk)
        saved_views.forget_organization(document.pk)


@harmless
def account_changed(user: Any, **_: Any) -> None:
    if getattr(user, "deleted", None):
        subscriptions.forget_account(user.pk)
        saved_views.forget_account(user.pk)


def connect() -> None:
    """Connect every receiver. Idempotent."""
    on_feedback_followed.connect(feedback_followed)
    on_request_received.connect(request_received)
    on_request_moved.connect(request_moved)
    for model in (Dataset, Organization):
        post_delete.connect(document_purged, sender=model)
    User.on_update.connect(account_changed)
