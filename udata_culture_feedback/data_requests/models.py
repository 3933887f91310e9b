"""Requests and supports: documents and indexes."""

from __future__ import annotations

from typing import Any

from mongoengine.fields import (
    BooleanField,
    DateTimeField,
    DictField,
    EmbeddedDocumentField,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..contributions.review_rules import Visibility, indexes
from ..figures.settle import Totals
from ..people.models import CultureFeedbackContributor
from ..portal.collections import acknowledged
from ..web.listing import EPOCH
from .workflow import OPEN, Status

#: Slugs that are routes, and so never a request's.
RESERVED_SLUGS = frozenset(("new", "similar", "pick", "feed", "feed.atom"))

#: What is due of a request besides figures: who is behind it, or behind the one it was merged into,
#: has to be brought in line (`merging.straighten`).
PEOPLE = "people"
#: Entries of its history that nobody was told of yet (`announcements.catch_up`).
TOLD = "told"


class CultureFeedbackRequest(Document):
    """A dataset somebody asks for. Dates are naive UTC.

    `organization` is the holder; None: unknown, the desk's. `dataset` is the page it was asked
    from. `version` counts moves and edits (a move names the version it was decided on); `v` counts
    every change, the supports included (see `summaries`: a request is the summary of its supports,
    `totals.supports`, and itself counts in those of its dataset, its holder and the site).
    `received_at`: when its holder received it, kept by transfers. `merged_from`: the status before
    it was merged into `duplicate_of`. `reopened`: how many of each decision its requester reopened.
    `detached`: since when it has no requester any more, who left it to those who carry it.
    `removed`: deleted (when, and the visibility it had), until everything has heard of it. `told`:
    how many entries of its history were announced. `next_key`: see `lifecycle.forget_account`.
    `hidden_at`, `words_until`, `review`, `moderated`: see `publication`.
    `discussion`, `messages`, `discussed`, `announced`, `silenced`: see `threads`; `rung`: the
    entries of its history that the discussion has told people of.
    """

    title = StringField(required=True)
    slug = StringField(required=True)
    description = StringField(required=True)
    kind = StringField(required=True)
    dataset = ObjectIdField()
    organization = ObjectIdField()
    themes = ListField(StringField())
    usages = ListField(StringField())
    profile = StringField()
    open_data = BooleanField()
    evidence_url = StringField()
    formats = ListField(StringField())
    frequency = StringField()
    spatial = StringField()
    contributor = EmbeddedDocumentField(CultureFeedbackContributor, required=True)
    consultation = ObjectIdField()

    visibility = StringField(default=Visibility.PUBLIC)
    hidden_reason = StringField()
    hidden_at = DateTimeField()
    words_until = DateTimeField()
    review = DictField()
    moderated = DictField()
    status = StringField(default=Status.SUBMITTED)
    version = IntField(default=1)
    history = ListField(DictField())
    received_at = DateTimeField()
    clock = DictField()
    partial = BooleanField()
    fulfilled_by = DictField()
    confirmed_at = DateTimeField()
    detached = DateTimeField()
    removed = DictField()
    told = IntField()
    duplicate_of = ObjectIdField()
    merged_from = StringField()
    reopened = DictField()
    next_key = StringField()
    external_id = StringField()
    contact = ObjectIdField()
    interest = DictField()
    terms = ListField(StringField())

    discussion = ObjectIdField()
    messages = ListField(DictField())
    discussed = BooleanField()
    announced = DateTimeField()
    silenced = ListField(StringField())
    rung = ListField(IntField())

    submission_id = StringField()
    created_at = DateTimeField(required=True)
    last_modified = DateTimeField(required=True)

    v = IntField(default=1)
    totals = DictField()
    last = ListField(DictField())
    live = DictField()
    counted = DictField()
    due = ListField(StringField())

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["slug"], "unique": True},
            *indexes(),
            {
                "fields": ["contributor.key", "submission_id"],
                "unique": True,
                "partialFilterExpression": {"submission_id": {"$exists": True}},
            },
            {
                "fields": ["external_id"],
                "unique": True,
                "partialFilterExpression": {"external_id": {"$exists": True}},
            },
            ["visibility", "-created_at", "-id"],
            ["visibility", "status", "-created_at", "-id"],
            ["organization", "visibility", "-created_at", "-id"],
            ["dataset", "visibility", "-created_at", "-id"],
            ["themes", "visibility", "-created_at", "-id"],
            ["visibility", "-totals.supports", "-id"],
            {
                # The queries say `$gte: EPOCH` too: null, while paused or answered, is not there.
                "fields": ["visibility", "clock.due_at", "id"],
                "partialFilterExpression": {"clock.due_at": {"$gte": EPOCH}},
            },
            {
                "fields": ["organization", "visibility", "clock.due_at", "id"],
                "partialFilterExpression": {"clock.due_at": {"$gte": EPOCH}},
            },
            {
                "fields": ["duplicate_of"],
                "partialFilterExpression": {"duplicate_of": {"$exists": True}},
            },
            {
                "fields": ["fulfilled_by.datasets"],
                "partialFilterExpression": {"fulfilled_by": {"$exists": True}},
            },
            {
                "fields": ["consultation", "-totals.supports", "-id"],
                "partialFilterExpression": {"consultation": {"$exists": True}},
            },
            "terms",
            "contributor.user",
            "contributor.key",
            {"fields": ["removed"], "partialFilterExpression": {"removed": {"$exists": True}}},
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {
                "fields": ["discussion"],
                "partialFilterExpression": {"discussion": {"$exists": True}},
            },
        ],
    }


class CultureFeedbackSupport(Document):
    """One person behind a request. `direct`: given on it (or on an address merged into it); `via`:
    the requests merged into it that this person asked for or supports. `own`: the person is its
    requester, who is counted apart."""

    key = StringField(required=True)
    user = ObjectIdField()
    target = ObjectIdField(required=True)
    direct = BooleanField(default=False)
    via = ListField(ObjectIdField())
    own = BooleanField(default=False)
    next = StringField()
    created_at = DateTimeField(required=True)

    v = IntField(default=1)
    counted = DictField()
    due = ListField(ObjectIdField())

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["key", "target"], "unique": True},
            ["target", "id"],
            ["via"],
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


class CultureFeedbackRequestFigures(Document):
    """How many requests a dataset, a holder, the site has: `total`, `open`, `status:<status>`.
    `id`: as that of the summary of feedback (`dataset:<id>`, `organization:<id>`, `site`), from
    which these are apart because they count other documents."""

    id = StringField(primary_key=True)
    v = IntField(default=1)
    totals = DictField()
    last = ListField(DictField())

    meta = {"strict": False}


class CultureFeedbackRequestMessage(Document):
    """What somebody wrote on the page of a request. `role`: in what capacity, when it was said.
    `message_id`: that of the same message in the native discussion, where there is one;
    `discussion`: the one in which it stands. `untold`: nobody was told of it yet; `announced`: when
    udata told people of it. `left`: when its author did, until udata has done with their words.
    """

    request = ObjectIdField(required=True)
    message_id = StringField(required=True)
    discussion = ObjectIdField()
    untold = BooleanField()
    left = DateTimeField()
    announced = DateTimeField()
    contributor = EmbeddedDocumentField(CultureFeedbackContributor, required=True)
    role = StringField(required=True)
    text = StringField(required=True)
    v = IntField()
    visibility = StringField(default=Visibility.PUBLIC)
    hidden_reason = StringField()
    hidden_at = DateTimeField()
    words_until = DateTimeField()
    review = DictField()
    moderated = DictField()
    submission_id = StringField()
    created_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [
            ["request", "visibility", "created_at", "id"],
            *indexes("review.organization"),
            ["request", "discussion", "visibility"],
            "message_id",
            {"fields": ["untold"], "partialFilterExpression": {"untold": True}},
            {"fields": ["left"], "partialFilterExpression": {"left": {"$exists": True}}},
            "contributor.user",
            "contributor.key",
            {
                "fields": ["contributor.key", "submission_id"],
                "unique": True,
                "partialFilterExpression": {"submission_id": {"$exists": True}},
            },
        ],
    }


def requests() -> Collection:
    return acknowledged(CultureFeedbackRequest)


def supports() -> Collection:
    return acknowledged(CultureFeedbackSupport)


def figures() -> Collection:
    return acknowledged(CultureFeedbackRequestFigures)


def messages() -> Collection:
    return acknowledged(CultureFeedbackRequestMessage)


def live_totals(request: dict[str, Any]) -> Totals:
    """What a request counts: nothing while nobody may see it."""
    if request["visibility"] != Visibility.PUBLIC or request.get("removed"):
        return {}
    status = Status(request["status"])
    counters = ["total", f"status:{status}"]
    if status in OPEN:
        counters.append("open")
    return dict.fromkeys(counters, 1)
