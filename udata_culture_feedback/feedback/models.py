"""Feedback and summaries: documents, indexes, and what a feedback counts."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from mongoengine import EmbeddedDocument
from mongoengine.fields import (
    BooleanField,
    DateTimeField,
    DictField,
    EmbeddedDocumentField,
    EmbeddedDocumentListField,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..contributors.models import COUNTED_AS, CultureFeedbackContributor, Kind
from ..storage import acknowledged
from ..summaries import Totals


class Visibility(StrEnum):
    """Of the words: while pending or hidden, others get the feedback without them."""

    PENDING = "pending"
    PUBLIC = "public"
    HIDDEN = "hidden"


class Treatment(StrEnum):
    """What the producer answers (labels in `vocabulary.TREATMENT_STATUSES`)."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    PLANNED = "planned"
    RESOLVED = "resolved"
    DECLINED = "declined"


#: What is due besides summaries: the native discussion has not heard of the latest words.
DISCUSSION = "discussion"

SITE = "site"


def dataset_summary(dataset: Any) -> str:
    return f"dataset:{dataset}"


def organization_summary(organization: Any) -> str:
    return f"organization:{organization}"


class CultureFeedbackTreatment(EmbeddedDocument):
    """The producer's response."""

    status = StringField(default=Treatment.NEW, choices=[status.value for status in Treatment])
    answer = StringField()
    answered_at = DateTimeField()
    answered_by = ObjectIdField()
    history = ListField(DictField())

    meta = {"strict": False}


class CultureFeedbackMessage(EmbeddedDocument):
    """A message of ours in a native discussion: its id, allocated before it exists there, and a
    fingerprint of the words it carries."""

    id = StringField(required=True)
    words = StringField(required=True)

    meta = {"strict": False}


class CultureFeedbackFeedback(Document):
    """One person's answer about a dataset. Dates are naive UTC.

    `listed` and `organization` are copied from the dataset and follow it. `judged` is the dataset's
    last update when it was judged. `agent`: written by who may edit the dataset; counts in no
    figure. `live`, `counted`, `due`, `v`: see `summaries`. `deleted` marks a tombstone, which says
    nothing, belongs to nobody and goes when everything has heard of it.
    """

    dataset = ObjectIdField(required=True)
    organization = ObjectIdField()
    listed = BooleanField(default=True)
    resource = StringField()
    consultation = ObjectIdField()

    fitness = StringField(required=True)
    ratings = DictField(IntField())
    comment = StringField()
    wants_answer = BooleanField(default=False)
    usages = ListField(StringField())
    profile = StringField()
    contributor = EmbeddedDocumentField(CultureFeedbackContributor, required=True)
    agent = BooleanField(default=False)
    judged = DateTimeField(required=True)
    terms = ListField(StringField())

    visibility = StringField(default=Visibility.PUBLIC)
    hidden_reason = StringField()
    treatment = EmbeddedDocumentField(CultureFeedbackTreatment)

    discussion = ObjectIdField()
    messages = EmbeddedDocumentListField(CultureFeedbackMessage)
    discussed = BooleanField()
    announced = DateTimeField()

    submission_id = StringField()
    created_at = DateTimeField(required=True)
    last_modified = DateTimeField(required=True)
    deleted = DateTimeField()

    v = IntField(default=1)
    live = DictField()
    counted = DictField()
    due = ListField(StringField())

    meta = {
        "strict": False,
        "indexes": [
            # Correctness: one answer per person, dataset and file; a retry is stored once.
            {"fields": ["contributor.key", "dataset", "resource"], "unique": True},
            {
                "fields": ["contributor.key", "submission_id"],
                "unique": True,
                "partialFilterExpression": {"submission_id": {"$exists": True}},
            },
            # Lists, newest first.
            ["dataset", "-created_at", "-id"],
            ["organization", "listed", "-created_at", "-id"],
            ["listed", "-created_at", "-id"],
            {
                "fields": ["dataset", "visibility", "-created_at", "-id"],
                "name": "worded",
                "partialFilterExpression": {"comment": {"$exists": True}},
            },
            {"fields": ["terms"], "partialFilterExpression": {"comment": {"$exists": True}}},
            # Upkeep.
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {"fields": ["deleted"], "partialFilterExpression": {"deleted": {"$exists": True}}},
            {
                "fields": ["discussion"],
                "partialFilterExpression": {"discussion": {"$exists": True}},
            },
            "contributor.user",
        ],
    }


class CultureFeedbackSummary(Document):
    """The figures of a dataset, an organization or the site.

    `id`: `dataset:<id>`, `organization:<id>`, `site`. `totals` is flat: `total`, `commented`,
    `agents`, `waiting`, `fitness:<value>`, `axis:<axis>:<1..5>`, `treatment:<status>`,
    `contributor:<kind>`, `profile:<id>`, `month:<yyyy-mm>`, and the same behind `before:` for what
    was judged before `data_updated_at`. The summary of a dataset is itself a contribution to those
    of its organization and of the site, as long as it is `listed`.
    """

    id = StringField(primary_key=True)
    dataset = ObjectIdField()
    organization = ObjectIdField()
    listed = BooleanField()
    data_updated_at = DateTimeField()
    latest_judged = DateTimeField()
    last_feedback_at = DateTimeField()

    v = IntField(default=1)
    totals = DictField()
    last = ListField(DictField())
    counted = DictField()
    due = ListField(StringField())

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["dataset"], "partialFilterExpression": {"dataset": {"$exists": True}}},
            ["organization", "listed", "-last_feedback_at"],
            ["listed", "-last_feedback_at"],
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


def feedbacks() -> Collection:
    """The collection of feedback, its indexes built, its writes acknowledged by a majority."""
    return acknowledged(CultureFeedbackFeedback)


def summaries() -> Collection:
    return acknowledged(CultureFeedbackSummary)


def live_totals(feedback: dict[str, Any]) -> Totals:
    """What a feedback counts now. A tombstone counts nothing; spam, hidden whole, neither; a
    producer's agent only among agents, which is no public figure."""
    if feedback.get("deleted") or feedback.get("hidden_reason") == "spam":
        return {}
    if feedback.get("agent"):
        return {"agents": 1} | ({"words": 1} if _words_shown(feedback) else {})
    contributor = feedback["contributor"]
    treatment = feedback["treatment"]["status"]
    counters = [
        "total",
        f"fitness:{feedback['fitness']}",
        f"treatment:{treatment}",
        f"contributor:{COUNTED_AS[Kind(contributor['kind'])]}",
        f"month:{feedback['created_at']:%Y-%m}",
        *(f"axis:{axis}:{step}" for axis, step in sorted((feedback.get("ratings") or {}).items())),
    ]
    if feedback.get("profile"):
        counters.append(f"profile:{feedback['profile']}")
    if _words_shown(feedback):
        counters += ["commented", "words"]
        if feedback.get("wants_answer") and treatment == Treatment.NEW:
            counters.append("waiting")
    return dict.fromkeys(counters, 1)


def _words_shown(feedback: dict[str, Any]) -> bool:
    return bool(feedback.get("comment")) and feedback["visibility"] == Visibility.PUBLIC
