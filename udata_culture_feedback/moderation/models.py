"""Documents of the moderation: the journal, who is at what, what the public points out, appeals.

What waits is not copied here: it is marked in the contributions themselves (see `publication`), so
that nothing can wait unseen. No words of anybody's are in the journal.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from mongoengine.fields import (
    DateTimeField,
    DictField,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, collection_of


class CultureFeedbackDecision(Document):
    """A line of the journal, written once and never changed. Under the id that the decision has in
    the contribution; `batch`: those made by one gesture share it; `month`: "2025-03", in UTC.
    `before`: the visibility, and the reason of it. `undoes`: the decision that a `restore` takes
    back; `waited`: whole hours that a text waited for its decision. `role`: "moderator" or
    "admin"."""

    batch = ObjectIdField(required=True)
    item = ObjectIdField(required=True)
    kind = StringField(required=True)
    organization = ObjectIdField()
    by = ObjectIdField()
    role = StringField()
    at = DateTimeField(required=True)
    month = StringField(required=True)
    decision = StringField(required=True)
    reason = StringField(required=True)
    before = DictField()
    undoes = ObjectIdField()
    waited = IntField()

    meta = {
        "strict": False,
        "indexes": [
            "batch",
            ["item", "-at"],
            ["by", "-at", "-id"],
            ["-at", "-id"],
            ["organization", "-at", "-id"],
            ["month", "decision", "reason"],
            {"fields": ["undoes"], "partialFilterExpression": {"undoes": {"$exists": True}}},
        ],
    }


class CultureFeedbackClaim(Document):
    """Who is looking at something, under the id of the contribution, and until when."""

    id = ObjectIdField(primary_key=True)
    by = ObjectIdField(required=True)
    until = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [{"fields": ["until"], "expireAfterSeconds": 0}, "by"],
    }


class CultureFeedbackFlag(Document):
    """One person points something out to moderators, once. `key`: a keyed hash of the person's.
    `handled`: the decision that closed it. It is forgotten with hidden words (`expires_at`)."""

    item = ObjectIdField(required=True)
    kind = StringField(required=True)
    key = StringField(required=True)
    reason = StringField(required=True)
    message = StringField()
    created_at = DateTimeField(required=True)
    handled = ObjectIdField()
    expires_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["item", "key"], "unique": True},
            "key",
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class CultureFeedbackBulk(Document):
    """One decision about all of a filter, or its undoing, done behind. `batch`: that of its lines
    in the journal; `filters`: as the address of the queue says them; `seen_at`: what came into the
    queue later is left alone; `undoes`: the batch that is taken back instead. `done`, `refused`:
    how many texts so far."""

    batch = ObjectIdField(required=True)
    by = ObjectIdField(required=True)
    decision = StringField(required=True)
    reason = StringField()
    filters = DictField()
    seen_at = DateTimeField()
    undoes = ObjectIdField()
    total = IntField(required=True)
    done = IntField(default=0)
    refused = IntField(default=0)
    started_at = DateTimeField(required=True)
    finished_at = DateTimeField()
    expires_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [
            ["by", "-started_at"],
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class Outcome(StrEnum):
    """What became of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"  # the author was right: the decision is taken back
    DISMISSED = "dismissed"


class CultureFeedbackAppeal(Document):
    """An author contests a decision, once: under the id of the decision. `text`, `answer`: what the
    author says, and what the administrators answer; both are forgotten with hidden words."""

    id = ObjectIdField(primary_key=True)
    item = ObjectIdField(required=True)
    kind = StringField(required=True)
    user = ObjectIdField()
    contact = ObjectIdField()
    text = StringField()
    outcome = StringField(required=True)
    answer = StringField()
    answered_by = ObjectIdField()
    answered_at = DateTimeField()
    created_at = DateTimeField(required=True)
    month = StringField(required=True)

    meta = {
        "strict": False,
        "indexes": [["outcome", "created_at"], ["month", "outcome"], "item"],
    }


class CultureFeedbackTransparency(Document):
    """The figures of a month that is over (`id`: "2025-03"), counted once: its journal does not
    change any more. `decisions`: [{decision, reason, count}], without undoings; `undone`: those
    that were taken back; `waited`: [{hours, count}]; `in_bulk`: texts decided with others."""

    id = StringField(primary_key=True)
    decisions = ListField(DictField())
    undone = IntField()
    waited = ListField(DictField())
    in_bulk = IntField()
    total = IntField()

    meta = {"strict": False}


def journal() -> Collection[Any]:
    return acknowledged(CultureFeedbackDecision)


def claims() -> Collection[Any]:
    return acknowledged(CultureFeedbackClaim)


def flags() -> Collection[Any]:
    return acknowledged(CultureFeedbackFlag)


def appeals() -> Collection[Any]:
    return acknowledged(CultureFeedbackAppeal)


def bulks() -> Collection[Any]:
    return acknowledged(CultureFeedbackBulk)


def past_months() -> Collection[Any]:
    return collection_of(CultureFeedbackTransparency)
