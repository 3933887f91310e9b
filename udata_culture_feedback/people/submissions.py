"""Recognise the retry of a submission whose first copy was deleted meanwhile."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from flask import current_app
from mongoengine.fields import DateTimeField, StringField
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now
from .viewer import Viewer


class CultureFeedbackDeleted(Document):
    """The mark of a deleted submission, so that its retry is told so. Its id is a hash of the
    person's key and the submission's id: it identifies nobody."""

    id = StringField(primary_key=True)
    expires_at = DateTimeField(required=True)

    meta = {"indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}]}


def deleted_submissions() -> Collection:
    return acknowledged(CultureFeedbackDeleted)


def was_deleted(viewer: Viewer, submission: str, kind: str = "") -> bool:
    """Return whether what this person submitted under this `submission_id` was deleted. `kind`:
    which contributions, where several share the ids ("request"; empty for feedback)."""
    known = {"_id": _hash(viewer, submission, kind)}
    return deleted_submissions().find_one(known, {"_id": 1}) is not None


def remember_deletion(viewer: Viewer, submission: str, kind: str = "") -> None:
    """Remember that a submission was deleted, for as many days as the settings say."""
    days = current_app.config["CULTURE_FEEDBACK_DELETED_SUBMISSION_DAYS"]
    deleted_submissions().replace_one(
        {"_id": _hash(viewer, submission, kind)},
        {"expires_at": now() + timedelta(days=days)},
        upsert=True,
    )


def _hash(viewer: Viewer, submission: str, kind: str) -> str:
    parts = [kind] if kind else []
    return hashlib.sha256("\n".join([*parts, viewer.key or "", submission]).encode()).hexdigest()
