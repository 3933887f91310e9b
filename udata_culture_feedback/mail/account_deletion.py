"""Notice who deletes their account in udata, and whether they want what they wrote deleted with it.

udata applies that wish (`delete_comments`) to the account's native messages and passes it on to
nobody. It knows nothing of what we keep besides (words that wait for a moderator, words said by the
service account for people without a name): so we read the wish where it is expressed, in the call
that deletes the account, and keep it until everything has followed it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import has_request_context, request
from mongoengine.fields import DateTimeField, ObjectIdField
from mongoengine.signals import pre_save
from pymongo.collection import Collection
from udata.core.user.models import User
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now
from . import outbox

log = logging.getLogger(__name__)

#: How long the wish is kept: as long as maintenance revisits deleted accounts.
KEPT = timedelta(days=41)

#: The argument of udata's API; any value means true, as in udata.
ARGUMENT = "delete_comments"


class CultureFeedbackLeaving(Document):
    """An account that was deleted together with what it wrote, under its id."""

    id = ObjectIdField(primary_key=True)
    expires_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}]}


def leavings() -> Collection:
    return acknowledged(CultureFeedbackLeaving)


def takes_words_along(user_id: ObjectId) -> bool:
    """Return whether a deleted account wanted its words deleted, as far as we know."""
    return leavings().find_one({"_id": user_id}, {"_id": 1}) is not None


def remember(user_id: ObjectId) -> None:
    """Remember that an account is deleted together with its words."""
    leavings().update_one({"_id": user_id}, {"$set": {"expires_at": now() + KEPT}}, upsert=True)


def account_saved(sender: Any, document: Any, **_: Any) -> None:
    # Before any other receiver. It never raises: that would break a request of
    # udata's.
    wished = has_request_context() and request.args.get(ARGUMENT)
    if not (wished and getattr(document, "deleted", None)):
        return
    try:
        remember(document.pk)
    except Exception:
        log.exception("What a deleted account wished could not be kept")


def account_changed(user: Any, **_: Any) -> None:
    if not getattr(user, "deleted", None):
        return
    try:
        outbox.forget(user.pk)
    except Exception:
        log.exception("The mails to a deleted account could not be removed")


def connect() -> None:
    """Connect the receivers. Idempotent."""
    pre_save.connect(account_saved, sender=User)
    User.on_update.connect(account_changed)
