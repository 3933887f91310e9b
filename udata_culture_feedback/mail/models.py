"""Define the entries of the outbox: the document, its states, and the moves between them.

An entry says who is told of what, never in which words and never at which address: both are looked
up when it leaves, in the reader's language, with their permissions and at the address they have
then. The reader (`user`) is an account or, where there is none, a contact: the document that keeps
their address encrypted for as long as it is needed (`contacts`).
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

#: An entry, as MongoDB returns it.
Entry = dict[str, Any]

#: The lease of a claimed entry; longer than an SMTP server that answers each
#: command at the last moment can take (`mailing.PATIENCE`).
LEASE = timedelta(minutes=15)
#: How long an ended entry is kept, and its event with it: posted again later, the same
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

    The id is the event and its reader (`request:<id>:3:user:<id>`): one event, one mail, even if an
    index is missing. Waiting as long as it has `due_at`; claimed until `claimed_until`, which also
    distinguishes one claim from the next. `digest` is the id of the digest it waits for, if any.
    `nonce` makes its Message-ID, and names it in logs. `last_error` is the class of an error: its
    text may contain an address. `params` are removed when it is sent or skipped.
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
            ["user", "sent_at"],
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


def outbox() -> Collection:
    """Return the collection of mails, its indexes built, its writes acknowledged by a majority."""
    return acknowledged(CultureFeedbackOutbox)


def new_entry(
    event: str,
    to: ObjectId,
    builder: str,
    params: Document,
    scope: str | None,
    due_at: datetime | None = None,
) -> Entry:
    """Return a new entry; `to` is an account or a contact. Raise TypeError for parameters that are
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
    """Store entries; return how many were new. An event that is already stored stays as it is. Safe
    under concurrency."""
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
    """Claim the entry that has been due for longest, under a lease; None when nothing is due."""
    moment = now()
    return outbox().find_one_and_update(
        {"due_at": {"$lte": moment}, "claimed_until": {"$not": {"$gt": moment}}},
        {"$set": {"claimed_until": moment + LEASE}, "$inc": {"attempts": 1}},
        sort=[("due_at", 1)],
        return_document=ReturnDocument.AFTER,
    )


def burst_since(reader: ObjectId, most: int, within: timedelta) -> datetime | None:
    """Return when the oldest of the `most` latest mails to a reader was sent, where all of them
    were sent within that time; None where there were fewer. Events told in a digest are one
    mail."""
    lately = {"user": reader, "sent_at": {"$gt": now() - within}, "digest": {"$exists": False}}
    sent = list(outbox().find(lately, {"sent_at": 1}, sort=[("sent_at", -1)]).limit(most))
    return sent[-1]["sent_at"] if len(sent) == most else None


def is_ours(entry: Entry) -> bool:
    """Return whether a claim still holds: nobody has ended or claimed the entry since."""
    ours = {"_id": entry["_id"], "claimed_until": entry["claimed_until"]}
    return outbox().find_one(ours, {"_id": 1}) is not None


def postpone(entry: Entry, due_at: datetime, **changes: Any) -> None:
    """Release a claim until `due_at`, unless it has expired and another process has claimed the
    entry."""
    outbox().update_one(
        {"_id": entry["_id"], "claimed_until": entry["claimed_until"]},
        {"$set": {"due_at": due_at, **changes}, "$unset": {"claimed_until": ""}},
    )


def close(ids: Iterable[str], outcome: Outcome, why: str | None = None) -> None:
    """End entries that still wait, whoever has the claim now: what was sent has been sent.
    Idempotent."""
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
    """Return the Message-ID of an entry, equal however often it is sent (RFC 5322, 3.6.4); it
    reveals neither the reader nor the subject."""
    digest = hashlib.sha256(f"{entry['nonce']}:{entry['_id']}".encode()).hexdigest()
    return f"<culture-feedback.{digest[:32]}@{domain}>"
