"""Consultations, responses, and what is kept of feedback at closing: documents and indexes.

This module, `window` and `scope` are the floor of the domain: other domains read what is open
through them, so they import no other domain.
"""

from __future__ import annotations

from enum import StrEnum
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

from ..people.models import CultureFeedbackContributor
from ..portal.collections import acknowledged

#: Slugs that are routes, and so never a consultation's.
RESERVED_SLUGS = frozenset(("new",))


class Channel(StrEnum):
    """How an answer reached us."""

    WEB = "web"  # the person answered here
    PHONE = "phone"  # said on the phone, entered by the team
    POST = "post"  # received by post, entered by the team
    IMPORT = "import"  # collected elsewhere, brought in from a file


class TextState(StrEnum):
    """Of each text of an answer, which moderation looks at one by one."""

    PENDING = "pending"
    PUBLIC = "public"
    HIDDEN = "hidden"


class CultureFeedbackConsultation(Document):
    """A public consultation. Dates are naive UTC; the window is half-open, [opens_at, closes_at).

    Texts are `{language: text}`. `organization` owns it, and the dataset of its results. `scope`:
    `organizations`, `tags`, `datasets`; a dataset that any of them names is in scope. `steps`: the
    titles of the steps, none for one page. `questions`: see `questions`. `outcome`: what becomes of
    it (« modalités et suites », CRPA L.131-1). `published`: since when everybody sees it.
    `answered`: somebody has answered, or feedback is stamped with it: frozen. `journal`: what was
    changed since it was published. `synthesis`: `text`, `commitments`, `published_at`. `collected`:
    when what was stamped had all been copied into its results. `version` counts changes.
    """

    slug = StringField(required=True)
    title = DictField(required=True)
    introduction = DictField()
    outcome = DictField()
    contact = StringField()
    controller = DictField()
    dpo = DictField()
    retention = DictField()
    organization = ObjectIdField(required=True)
    opens_at = DateTimeField(required=True)
    closes_at = DateTimeField(required=True)
    scope = DictField()
    steps = ListField(DictField())
    questions = ListField(DictField())
    read_only = BooleanField(default=False)
    synthesis = DictField()

    published = DateTimeField()
    answered = BooleanField()
    journal = ListField(DictField())
    collected = DateTimeField()
    reminded = DateTimeField()
    version = IntField(default=1)
    created_by = ObjectIdField()
    created_at = DateTimeField(required=True)
    last_modified = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["slug"], "unique": True},
            # What is, or will be, open; and what has closed, latest first.
            ["published", "-closes_at", "-id"],
            ["-created_at", "-id"],
            ["closes_at"],
        ],
    }


class CultureFeedbackResponse(Document):
    """One person's answer to a consultation. Dates are naive UTC.

    `answers`: question → answer, once sent (`sent_at`). `draft`: what is being written and was not
    sent: `answers` and the other fields, `step`, `saved_at`. `texts`: the free texts of `answers`,
    each with an `id` and the `state` that moderation gave it. `open_data`: their author lets them
    be published as open data. `requests`: question → request for data that was made of it.
    `channel`, `reference`, `entered_by`: of what the team entered. `imported`: when it was brought
    in from a file. `live`, `counted`, `due`, `v`:
    see `summaries`. `deleted` marks a tombstone, which says nothing and belongs to nobody.
    """

    consultation = ObjectIdField(required=True)
    contributor = EmbeddedDocumentField(CultureFeedbackContributor, required=True)
    channel = StringField(default=Channel.WEB, choices=[channel.value for channel in Channel])
    reference = StringField()
    entered_by = ObjectIdField()
    imported = DateTimeField()
    questionnaire = IntField()

    answers = DictField()
    profile = StringField()
    texts = ListField(DictField())
    open_data = BooleanField(default=False)
    requests = DictField()
    draft = DictField()

    submission_id = StringField()
    created_at = DateTimeField(required=True)
    last_modified = DateTimeField(required=True)
    sent_at = DateTimeField()
    deleted = DateTimeField()

    v = IntField(default=1)
    live = DictField()
    counted = DictField()
    due = ListField(StringField())

    meta = {
        "strict": False,
        "indexes": [
            # Correctness: one per person, and so a retry is stored once.
            {"fields": ["contributor.key", "consultation"], "unique": True},
            ["consultation", "sent_at", "id"],
            # Free texts: by state for moderation, of one question for readers, by words.
            {
                "fields": ["consultation", "texts.state", "-id"],
                "partialFilterExpression": {"texts.id": {"$exists": True}},
            },
            {
                "fields": ["consultation", "texts.question", "-id"],
                "partialFilterExpression": {"texts.id": {"$exists": True}},
            },
            {
                "fields": ["texts.id"],
                "partialFilterExpression": {"texts.id": {"$exists": True}},
            },
            {
                "fields": ["texts.terms"],
                "partialFilterExpression": {"texts.id": {"$exists": True}},
            },
            "contributor.user",
            {"fields": ["draft.saved_at"], "sparse": True},
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {"fields": ["deleted"], "partialFilterExpression": {"deleted": {"$exists": True}}},
        ],
    }


class CultureFeedbackCollected(Document):
    """What a feedback said of a dataset when the consultation it is stamped with closed: no words
    and nobody's. The id is a hash of both, so that it is copied once, and that a feedback that has
    gone since is not found in it."""

    id = StringField(primary_key=True)
    consultation = ObjectIdField(required=True)
    dataset = ObjectIdField(required=True)
    organization = ObjectIdField()
    fitness = StringField(required=True)
    ratings = DictField(IntField())
    usages = ListField(StringField())
    profile = StringField()
    kind = StringField()
    month = StringField()

    v = IntField(default=1)
    live = DictField()
    counted = DictField()
    due = ListField(StringField())

    meta = {
        "strict": False,
        "indexes": [
            ["consultation", "dataset"],
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


class CultureFeedbackResults(Document):
    """The figures of a consultation, which nobody sees before its seal is broken.

    `id`: `responses:<id>` counts responses, `feedback:<id>` what was collected; apart, because they
    count other documents. `totals` is flat, see `figures`. `named`: the datasets named most often
    in answers, worked out at closing; `since`: the ratings of data that changed after closing.
    """

    id = StringField(primary_key=True)
    v = IntField(default=1)
    totals = DictField()
    last = ListField(DictField())
    named = DictField()
    since = DictField()

    meta = {"strict": False}


class CultureFeedbackFollower(Document):
    """An account, or somebody without one (`contact`: where their address is kept), who asked to be
    written to about a consultation: `reminder` before it closes,
    `synthesis` when that is published. The id is both, so that there is one; it goes a month after
    the synthesis."""

    id = StringField(primary_key=True)
    consultation = ObjectIdField(required=True)
    user = ObjectIdField()
    contact = ObjectIdField()
    reminder = BooleanField(default=False)
    synthesis = BooleanField(default=False)
    created_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [["consultation", "id"], "user", "contact"]}


def consultations() -> Collection:
    """The collection of consultations, its indexes built, its writes acknowledged by a majority."""
    return acknowledged(CultureFeedbackConsultation)


def responses() -> Collection:
    return acknowledged(CultureFeedbackResponse)


def collected() -> Collection:
    return acknowledged(CultureFeedbackCollected)


def results() -> Collection:
    return acknowledged(CultureFeedbackResults)


def followers() -> Collection:
    return acknowledged(CultureFeedbackFollower)


def of_responses(consultation: Any) -> str:
    """The id of the figures that count responses."""
    return f"responses:{consultation}"


def of_feedback(consultation: Any) -> str:
    """The id of the figures that count collected feedback."""
    return f"feedback:{consultation}"
