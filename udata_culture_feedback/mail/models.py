"""What a mail waiting to leave is: the document, its states, and the moves between them.

An entry says who is told of what, never in which words and never to which address: both are looked
up when it leaves, in the language, with the rights and at the address the reader has then. The
reader (`user`) is an account or, where there is none, a contact: where their address is kept
encrypted for as long as it is needed (`contacts`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bson import ObjectId
from mongoengine.fields import DateTimeField, DictField, IntField, ObjectIdField, StringField
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now

#: An entry, as MongoDB gives it.
Entry = dict[str, Any]

#: How long who claimed an entry has to send it; longer than an SMTP server that answers each
#: command at the last moment can take (`mailing.PATIENCE`).
LEASE = timedelta(minutes=15)
#: How long the end of an entry is remembered, and its event with it: posted again later, the same
#: event would be a new mail.
REMEMBERED = timedelta(days=30)

DUPLICATE_KEY = 11000


class Outcome(StrEnum):
    """How an entry ended."""

    SENT = "sent"  # accepted by the SMTP server
    SKIPPED = "skipped"  # nobody to tell, or nothing to say; `why` has the reason
    FAILED = "failed"  # refused for days; `requeue_failed` starts again


class CultureFeedbackOutbox(Document):
    """One mail to one person about one event. Dates are naive UTC.

    The id is the event and its reader (`request:<id>:3:user:<id>`): one event, one mail, which no
    missing index can undo. Waiting as long as it has `due_at`; claimed until `claimed_until`, which
    also tells one claim from the next. `digest` is the id of the digest it waits for, if it does.
    `nonce` makes its Message-ID, and names it in logs. `last_error` is the class of an error: its
    text may have an address in it. `params` go when it is sent or skipped.
    """

    id = StringField(primary_key=True)
    user = ObjectIdField(required=True)
    builder = StringField(required=True)
    params = DictField()
    scope = StringField()
    nonce = StringField(required=True)
    created_at = DateTimeField(required=True)

    due_at = DateTimeField()
    claimed_until = DateTimeField()
    attempts = IntField(default=0)
    last_error = StringField()
    digest = StringField()

    outcome = StringField(choices=[outcome.value for outcome in Outcome])
    why = StringField()
    sent_at = DateTimeField()
    expires_at = DateTimeField()

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["due_at"], "partialFilterExpression": {"due_at": {"$exists": True}}},
            {"fields": ["digest"], "partialFilterExpression": {"digest": {"$exists": True}}},
            {"fields": ["outcome"], "partialFilterExpression": {"outcome": {"$exists": True}}},
            "user",
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


def outbox() -> Collection:
    """The collection of mails, its indexes built, its writes acknowledged by a majority."""
    return acknowledged(CultureFeedbackOutbox)


def new_entry(
    event: str,
    to: ObjectId,
    builder: str,
    params: Document,
    scope: str | None,
    due_at: datetime | None = None,
) -> Entry:
    """An entry that waits; `to` is an account or a contact. Raise TypeError for parameters that are
    no plain values: the words, and whatever else may change or vanish, are looked up when the mail
    leaves."""
    for name, value in params.items():
        if not isinstance(value, (str, int, float, bool, type(None))):
            raise TypeError(f"{name} of {builder} is a {type(value).__name__}, not a plain value")
    return {
        "_id": event,
        "user": to,
        "builder": builder,
        "params": params,
        "scope": scope,
        "nonce": secrets.token_hex(16),
        "created_at": now(),
        "due_at": due_at or now(),
        "attempts": 0,
    }


def insert(entries: Iterable[Entry]) -> int:
    """Store entries, and return how many were new: an event that is already there is left as it is,
    whoever stores it at the same time."""
    entries = list(entries)
    if not entries:
        return 0
    try:
        return len(outbox().insert_many(entries, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(failed["code"] != DUPLICATE_KEY for failed in error.details["writeErrors"]):
            raise
        return error.details["nInserted"]


def claim() -> Entry | None:
    """The entry that has been due for longest, ours alone for the time of a lease."""
    moment = now()
    return outbox().find_one_and_update(
        {"due_at": {"$lte": moment}, "claimed_until": {"$not": {"$gt": moment}}},
        {"$set": {"claimed_until": moment + LEASE}, "$inc": {"attempts": 1}},
        sort=[("due_at", 1)],
        return_document=ReturnDocument.AFTER,
    )


def is_ours(entry: Entry) -> bool:
    """Return whether a claim still stands: nobody has ended or taken the entry since."""
    ours = {"_id": entry["_id"], "claimed_until": entry["claimed_until"]}
    return outbox().find_one(ours, {"_id": 1}) is not None


def postpone(entry: Entry, due_at: datetime, **changes: Any) -> None:
    """Give a claim back, unless it has expired and somebody else has taken the entry."""
    outbox().update_one(
        {"_id": entry["_id"], "claimed_until": entry["claimed_until"]},
        {"$set": {"due_at": due_at, **changes}, "$unset": {"claimed_until": ""}},
    )


def close(ids: Iterable[str], outcome: Outcome, why: str | None = None) -> None:
    """End entries that wait, once: what was sent has been sent, whoever has the claim now."""
    moment = now()
    ended: Document = {"outcome": outcome, "expires_at": moment + REMEMBERED}
    if why:
        ended["why"] = why
    if outcome == Outcome.SENT:
        ended["sent_at"] = moment
    gone = {"due_at": "", "claimed_until": ""}
    if outcome != Outcome.FAILED:
        gone["params"] = ""
    outbox().update_many(
        {"_id": {"$in": list(ids)}, "due_at": {"$exists": True}}, {"$set": ended, "$unset": gone}
    )


def message_id(entry: Entry, domain: str) -> str:
    """The Message-ID of an entry, the same however often it is sent (RFC 5322, 3.6.4); nobody can
    find in it whom or what it is about."""
    digest = hashlib.sha256(f"{entry['nonce']}:{entry['_id']}".encode()).hexdigest()
    return f"<culture-feedback.{digest[:32]}@{domain}>"
