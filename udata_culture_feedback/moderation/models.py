"""Documents of the moderation: the journal, who is at what, what the public points out, appeals.

What waits is not copied here: it is marked in the contributions themselves (see `review_rules`), so
that nothing can wait unseen. No words of anybody's are in the journal.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict

from bson import ObjectId
from pymongo.collection import Collection

from ..portal.collections import Indexed, acknowledged, collection_of


class Before(TypedDict, total=False):
    """Where a contribution stood before a decision: never words."""

    visibility: str
    hidden_reason: str


class Line(TypedDict):
    """A line of the journal, written once and never changed, under the id that the decision has in
    the contribution. `batch`: those made by one gesture share it; `month`: "2025-03", in UTC;
    `undoes`: the decision that a `restore` takes back; `waited`: whole hours that a text waited for
    its decision; `role`: "moderator" or "admin"."""

    _id: ObjectId
    batch: ObjectId
    item: ObjectId
    kind: str
    organization: NotRequired[ObjectId]
    by: NotRequired[ObjectId]
    role: NotRequired[str]
    at: datetime
    month: str
    decision: str
    reason: str
    before: Before
    undoes: NotRequired[ObjectId]
    waited: NotRequired[int]


class Claim(TypedDict):
    """Who is looking at something, under the id of the contribution, and until when."""

    _id: ObjectId
    by: ObjectId
    until: datetime


class Flag(TypedDict):
    """One person points something out to moderators, once. `key`: a keyed hash of the person's.
    `handled`: the decision that closed it. It is forgotten with hidden words (`expires_at`)."""

    _id: ObjectId
    item: ObjectId
    kind: str
    key: str
    reason: str
    message: NotRequired[str]
    created_at: datetime
    handled: NotRequired[ObjectId]
    expires_at: datetime


class Bulk(TypedDict):
    """One decision about all of a filter, or its undoing, done behind. `batch`: that of its lines
    in the journal; `filters`: as the address of the queue says them; `seen_at`: what came into the
    queue later is left alone; `undoes`: the batch that is taken back instead. `done`, `refused`:
    how many texts so far."""

    _id: ObjectId
    batch: ObjectId
    by: ObjectId
    decision: str
    reason: NotRequired[str]
    filters: NotRequired[dict[str, str]]
    seen_at: NotRequired[datetime]
    undoes: NotRequired[ObjectId]
    total: int
    done: int
    refused: int
    started_at: datetime
    finished_at: NotRequired[datetime]
    expires_at: datetime


class Outcome(StrEnum):
    """What became of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"  # the author was right: the decision is taken back
    DISMISSED = "dismissed"


class Appeal(TypedDict):
    """An author contests a decision, once: under the id of the decision. `text`, `answer`: what the
    author says, and what the administrators answer; both are forgotten with hidden words."""

    _id: ObjectId
    item: ObjectId
    kind: str
    user: NotRequired[ObjectId]
    contact: NotRequired[ObjectId]
    text: NotRequired[str]
    outcome: str
    answer: NotRequired[str]
    answered_by: NotRequired[ObjectId | None]
    answered_at: NotRequired[datetime]
    created_at: datetime
    month: str


class Counted(TypedDict):
    """How many decisions there were for one reason."""

    decision: str
    reason: str
    count: int


class Waited(TypedDict):
    """How many texts waited so many whole hours."""

    hours: int
    count: int


class Month(TypedDict):
    """The figures of a month (`_id`: "2025-03"), kept once it is over: its journal does not change
    any longer. `decisions`: without undoings; `undone`: those that were taken back; `in_bulk`:
    texts decided with others."""

    _id: NotRequired[str]
    decisions: list[Counted]
    undone: int
    waited: list[Waited]
    in_bulk: int


class CultureFeedbackDecision(Indexed):
    """Of `Line`."""

    meta = {
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


class CultureFeedbackClaim(Indexed):
    """Of `Claim`."""

    meta = {"indexes": [{"fields": ["until"], "expireAfterSeconds": 0}, "by"]}


class CultureFeedbackFlag(Indexed):
    """Of `Flag`."""

    meta = {
        "indexes": [
            {"fields": ["item", "key"], "unique": True},
            "key",
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class CultureFeedbackBulk(Indexed):
    """Of `Bulk`."""

    meta = {
        "indexes": [
            ["by", "-started_at"],
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class CultureFeedbackAppeal(Indexed):
    """Of `Appeal`."""

    meta = {"indexes": [["outcome", "created_at"], ["month", "outcome"], "item"]}


class CultureFeedbackTransparency(Indexed):
    """Of `Month`: found by its id."""


def journal() -> Collection[Line]:
    return acknowledged(CultureFeedbackDecision)


def claims() -> Collection[Claim]:
    return acknowledged(CultureFeedbackClaim)


def flags() -> Collection[Flag]:
    return acknowledged(CultureFeedbackFlag)


def appeals() -> Collection[Appeal]:
    return acknowledged(CultureFeedbackAppeal)


def bulks() -> Collection[Bulk]:
    return acknowledged(CultureFeedbackBulk)


def past_months() -> Collection[Month]:
    return collection_of(CultureFeedbackTransparency)
