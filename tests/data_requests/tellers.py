"""What worker processes do with requests (see `tests.processes`), in an application with the plugin
on."""

from __future__ import annotations

from bson import ObjectId
from flask import Flask

from udata_culture_feedback.data_requests import discussion, events, messages

from ..feedback import citizens
from ..processes import WRITES

#: Ours, and udata's discussions.
COLLECTIONS = ("culture_feedback_request", "discussion")
COUNTED = WRITES


def prepare(uri: str) -> Flask:
    return citizens.prepare(uri)


def tell(app: Flask, request: str) -> None:
    """What a worker does when a request has changed, but for its figures."""
    with app.app_context():
        discussion.tell(ObjectId(request))
        events.catch_up(ObjectId(request))
        messages.announce(ObjectId(request))
