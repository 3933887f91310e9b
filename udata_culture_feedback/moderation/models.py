"""Documents of moderation: journal, claims, flags, bulk decisions, appeals.

The queue is not copied here: contributions themselves are marked (see `review_rules`), so that none
can wait unseen. The journal contains nobody's words.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NotRequired, TypedDict

from bson import ObjectId
from pymongo.collection import Collection

from ..portal.collections import Indexed, acknowledged, collection_of
from ..web.untyped import Document


class Before(TypedDict, total=False):
    """The state of a contribution before a decision: never words."""

    visibility: str
    hidden_reason: str


class Made(TypedDict):
    """A decision as a contribution has it (`moderated`): what its line in the journal copies, and
    what undoing it needs. `before`: the state, and the texts that were blacked out; `after`: the
    version that it left; `recorded`: whether the journal has it."""

    id: ObjectId
    batch: ObjectId
    item: ObjectId
    kind: str
    organization: ObjectId | None
    by: ObjectId | None
    role: str
    at: datetime
    month: str
    decision: str
    reason: str
    before: Document
    after: str
    recorded: bool
    undoes: NotRequired[ObjectId]
    waited: NotRequired[int]
    noticed: NotRequired[str]


class Line(TypedDict):
    """A line of the journal, written once and never changed, under the id that the decision has in
    the contribution. `batch`: shared by the lines of one gesture; `month`: "2025-03", in UTC;
    `undoes`: the decision that a `restore` takes back; `waited`: whole hours that a text waited for
    its decision; `role`: "moderator" or "admin"; `noticed`: how the text came to moderators."""

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
    noticed: NotRequired[str]


class Noticed(StrEnum):
    """How a text came to moderators, as the transparency reports of the DSA tell them apart."""

    NOTICE = "notice"  # a reader reported it
    CHECK = "check"  # an automatic check held it back
    RULE = "rule"  # all of its kind are read: without an account, of a consultation…


class Claim(TypedDict):
    """A lease: the moderator who is looking at a contribution, under its id, and until when."""

    _id: ObjectId
    by: ObjectId
    until: datetime


class Flag(TypedDict):
    """A contribution reported to moderators by one person, once. `key`: a keyed hash of the
    person's key. `handled`: the decision that closed it. It expires with hidden words
    (`expires_at`)."""

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
    """One decision about everything a filter keeps, or its undoing, made in the background.
    `batch`: that of its lines in the journal; `filters`: the arguments of the queue's address;
    `seen_at`: texts that entered the queue later are left alone; `undoes`: the batch that is taken
    back instead. `done`, `refused`: numbers of texts so far."""

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
    """The outcome of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"  # the author was right: the decision is taken back
    DISMISSED = "dismissed"


class Appeal(TypedDict):
    """An author's appeal against a decision, at most one, under the id of the decision. `text`,
    `answer`: the words of the author and of the administrators; both are erased with hidden
    words."""

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
    """The number of decisions of one kind for one reason."""

    decision: str
    reason: str
    count: int


class Waited(TypedDict):
    """The number of texts that waited so many whole hours."""

    hours: int
    count: int


class Month(TypedDict):
    """The figures of a month (`_id`: "2025-03"), kept once it is over, since its journal no longer
    changes. `decisions`: without undoings; `undone`: decisions taken back; `in_bulk`: texts decided
    about together with others."""

    _id: NotRequired[str]
    decisions: list[Counted]
    undone: int
    waited: list[Waited]
    in_bulk: int
    noticed: NotRequired[dict[str, int]]


class CultureFeedbackDecision(Indexed):
    """The indexes of `Line`."""

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
    """The indexes of `Claim`."""

    meta = {"indexes": [{"fields": ["until"], "expireAfterSeconds": 0}, "by"]}


class CultureFeedbackFlag(Indexed):
    """The indexes of `Flag`."""

    meta = {
        "indexes": [
            {"fields": ["item", "key"], "unique": True},
            "key",
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class CultureFeedbackBulk(Indexed):
    """The indexes of `Bulk`."""

    meta = {
        "indexes": [
            ["by", "-started_at"],
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
        ],
    }


class CultureFeedbackAppeal(Indexed):
    """The indexes of `Appeal`."""

    meta = {"indexes": [["outcome", "created_at"], ["month", "outcome"], "item"]}


class CultureFeedbackTransparency(Indexed):
    """The collection of `Month`, found by its id."""


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
