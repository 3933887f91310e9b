"""Documents of consultations, responses, and feedback copied at closing, with the indexes of their
collections. Dates are naive UTC.

This module, `window` and `scope` are the floor of the domain: they import no other domain.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from pymongo.collection import Collection

from ..contributions.embedded_texts import Hidden
from ..figures.settle import Totals
from ..people.models import Contributor
from ..portal.collections import Indexed, acknowledged
from ..web.untyped import Document
from .wording import Texts

#: Slugs that no consultation may have, since they are routes.
RESERVED_SLUGS = frozenset(("new",))


class Channel(StrEnum):
    """How a response reached us."""

    WEB = "web"  # the person answered here
    PHONE = "phone"  # said on the phone, entered by the team
    POST = "post"  # received by post, entered by the team
    IMPORT = "import"  # collected elsewhere, brought in from a file


class TextState(StrEnum):
    """The state of a text, which moderation reads one by one."""

    PENDING = "pending"
    PUBLIC = "public"
    HIDDEN = "hidden"


class Mode(StrEnum):
    """What a consultation asks of respondents without an account."""

    OPEN = "open"  # a proof of work, or a confirmed e-mail address
    EMAIL = "email"  # a confirmed e-mail address
    ACCOUNT = "account"  # an account is required


# --- A consultation -------------------------------------------------------------------------------


class Option(TypedDict):
    """An answer to choose, an item to rank or a row of a matrix. `other`: whoever chooses it adds
    their own words."""

    id: str
    label: Texts
    other: NotRequired[bool]


class Condition(TypedDict):
    """A condition that holds for respondents who gave one of these answers (ids of options, steps
    of a scale) to an earlier question, or have one of these profiles (`question`: "profile")."""

    question: str
    answers: list[str | int]


class Conditions(TypedDict, total=False):
    """Several conditions, joined by exactly one of `all` and `any`."""

    all: list[Condition]
    any: list[Condition]


class Question(TypedDict):
    """One question, see `questions`. `step` counts from 1. `scale`: the labels of the steps, the
    worst first; a matrix has one scale for all its `rows`. `min`, `max`: of a number, or of a date
    (2026-12-31). `max_choices`: how many answers may be given, or ranked."""

    id: str
    kind: str
    text: Texts
    help: NotRequired[Texts]
    required: bool
    step: int
    options: NotRequired[list[Option]]
    rows: NotRequired[list[Option]]
    scale: NotRequired[list[Texts]]
    min: NotRequired[float | str]
    max: NotRequired[float | str]
    unit: NotRequired[Texts]
    max_choices: NotRequired[int]
    shown_if: NotRequired[Condition | Conditions]


class Scope(TypedDict, total=False):
    """The datasets a consultation is about: those that match any of these fields."""

    organizations: list[ObjectId]
    tags: list[str]
    datasets: list[ObjectId]


class Correction(TypedDict):
    """A text of a published consultation that was corrected."""

    field: str
    language: str
    before: str | None
    after: str | None


class Entry(TypedDict):
    """An entry of the journal of a consultation. `by` is never shown."""

    what: str
    at: datetime
    by: ObjectId | None
    before: NotRequired[datetime]
    to: NotRequired[datetime]
    changes: NotRequired[list[Correction]]


class Edit(TypedDict):
    """A change of a consultation: the version it created, and the fields it changed."""

    version: int
    at: datetime
    fields: list[str]


class CommitmentStatus(StrEnum):
    """Where a commitment stands that no request tracks."""

    TO_DO = "to_do"
    DOING = "doing"
    DONE = "done"
    DROPPED = "dropped"


class Commitment(TypedDict):
    """A promise of the team, and the request or dataset that tracks it. `owner`: who will do it;
    `due`: a day (2026-12-31); `changed_at`: when it was last changed."""

    text: Texts
    owner: NotRequired[str]
    status: NotRequired[str]
    due: NotRequired[str]
    request: NotRequired[ObjectId]
    dataset: NotRequired[ObjectId]
    changed_at: NotRequired[datetime]


class Written(TypedDict, total=False):
    """What the team has written of a synthesis (Markdown)."""

    text: Texts
    commitments: list[Commitment]


class Synthesis(Written, total=False):
    """The team's conclusions; public once `published_at` is set. `draft`: changes since, which only
    the team sees."""

    published_at: datetime
    draft: Written


class Theme(TypedDict):
    """A theme of the team, by which it tags texts. `colour`: one of `themes.COLOURS`."""

    id: str
    label: Texts
    definition: Texts
    colour: str


class Root(TypedDict):
    """The list of receipts once it is fixed: its SHA-256, how many, since when. See `receipts`."""

    sha256: str
    number: int
    at: datetime


class Dates(TypedDict):
    """The window of a consultation: [opens_at, closes_at), in force once it is `published`."""

    opens_at: datetime
    closes_at: datetime
    published: NotRequired[datetime | None]


class Consultation(Dates):
    """A public consultation, in its half-open window.

    `organization` owns it, and the dataset of its results. `steps`: their titles, none for one
    page. `outcome`: what follows from it (« modalités et suites », CRPA L.131-1). `published`:
    since when it is public. `answered`: an answer was sent, or feedback stamped with it: frozen.
    `mode`: what respondents without an account have to prove, see `Mode`; by default as on the
    portal. `show_participation`: the number of answers is public. `journal`: changes since it was
    published. `collected`: when all stamped feedback was copied into its results. `reminded`: the
    closing date that reminders were sent for; `reminders`: when. `released_until`: until when
    imported answers are in the public files. `themes_published`: since when everybody sees which
    themes texts have. `questionnaire_sha256`: of the questionnaire as it was published;
    `since_root`: how many answers were erased, redacted and entered since the list of receipts was
    fixed, by `receipts.ERASED`, … `version` counts changes; `edits`: the latest of them, for
    whoever edits an older version.
    """

    _id: ObjectId
    slug: str
    title: Texts
    introduction: Texts
    outcome: Texts
    contact: NotRequired[str]
    controller: Texts
    dpo: Texts
    retention: Texts
    organization: ObjectId
    scope: Scope
    steps: list[Texts]
    questions: list[Question]
    read_only: NotRequired[bool]
    mode: NotRequired[str]
    show_participation: NotRequired[bool]
    synthesis: NotRequired[Synthesis]
    themes: NotRequired[list[Theme]]
    themes_published: NotRequired[datetime | None]
    questionnaire_sha256: NotRequired[str]
    root: NotRequired[Root]
    since_root: NotRequired[dict[str, int]]

    answered: NotRequired[bool]
    journal: list[Entry]
    collected: NotRequired[datetime | None]
    reminded: NotRequired[datetime]
    reminders: NotRequired[list[datetime]]
    released_until: NotRequired[datetime]
    version: int
    edits: NotRequired[list[Edit]]
    created_by: ObjectId | None
    created_at: datetime
    last_modified: datetime


class CultureFeedbackConsultation(Indexed):
    """The indexes of `Consultation`."""

    meta = {
        "indexes": [
            {"fields": ["slug"], "unique": True},
            # What is, or will be, open; and what has closed, latest first.
            ["published", "-closes_at", "-id"],
            ["-created_at", "-id"],
            ["closes_at"],
        ],
    }


# --- A response -----------------------------------------------------------------------------------

#: Question → answer. What an answer is depends on the kind of its question, see `answers`.
Answers = dict[str, Any]


class Coding(TypedDict):
    """A theme that a member of the team gave to a text. `by`: who, never shown."""

    theme: str
    by: ObjectId | None


class Text(TypedDict):
    """A free text of a response, moderated on its own. `terms`: the words of the search index.
    `quoted`: the team picked it for its synthesis."""

    id: ObjectId
    question: str
    text: str
    terms: list[str]
    state: str
    hidden: NotRequired[Hidden]
    themes: NotRequired[list[Coding]]
    quoted: NotRequired[bool]


class Said(TypedDict):
    """The answers of a person, in a response or its draft. `open_data`: they allow their texts to
    be published as open data."""

    answers: Answers
    profile: NotRequired[str]
    open_data: NotRequired[bool]


class Draft(Said):
    """An answer that is not sent yet. `step`: where to continue; `opened_at`: when the form was
    first opened."""

    step: NotRequired[int]
    saved_at: datetime
    opened_at: datetime


class Receipt(TypedDict):
    """What proves an answer, see `receipts`: its author knows the salt. `redacted`: moderation has
    changed its words since. Of an erased answer only the hash stays."""

    sha256: str
    salt: NotRequired[str]
    redacted: NotRequired[bool]


class Response(TypedDict):
    """One person's answer to a consultation; without `sent_at`, only a draft.

    `questionnaire`: the version of the consultation it answers. `requests`: question → request for
    data created from its answer. `reference`, `entered_by`: for answers that the team entered.
    `imported`: when it was imported from a file, `import_id`: by which import in the browser. `v`,
    `live`, `counted`, `due`: see `figures.settle`. `deleted` marks a tombstone, without words or
    author.
    """

    _id: ObjectId
    consultation: ObjectId
    contributor: Contributor
    channel: str
    reference: NotRequired[str]
    entered_by: NotRequired[ObjectId | None]
    imported: NotRequired[datetime]
    import_id: NotRequired[ObjectId]
    questionnaire: int

    answers: NotRequired[Answers]
    profile: NotRequired[str]
    texts: NotRequired[list[Text]]
    open_data: NotRequired[bool]
    requests: NotRequired[dict[str, ObjectId]]
    receipt: NotRequired[Receipt]
    draft: NotRequired[Draft]

    submission_id: NotRequired[str]
    created_at: datetime
    last_modified: datetime
    sent_at: NotRequired[datetime]
    deleted: NotRequired[datetime]

    v: int
    live: NotRequired[Totals]
    counted: NotRequired[dict[str, Document]]
    due: NotRequired[list[str]]


_WITH_TEXTS = {"partialFilterExpression": {"texts.id": {"$exists": True}}}
_QUOTED = {"partialFilterExpression": {"texts.quoted": {"$exists": True}}}


class CultureFeedbackResponse(Indexed):
    """The indexes of `Response`."""

    meta = {
        "indexes": [
            # Correctness: one per person, and so a retry is stored once.
            {"fields": ["contributor.key", "consultation"], "unique": True},
            ["consultation", "sent_at", "id"],
            # Free texts: by state for moderation, of one question for readers, by words.
            {"fields": ["consultation", "texts.state", "-id"], **_WITH_TEXTS},
            {"fields": ["consultation", "texts.question", "-id"], **_WITH_TEXTS},
            {"fields": ["texts.id"], **_WITH_TEXTS},
            {"fields": ["texts.terms"], **_WITH_TEXTS},
            {"fields": ["consultation", "texts.quoted"], **_QUOTED},
            "contributor.user",
            {"fields": ["draft.saved_at"], "sparse": True},
            {
                "fields": ["import_id"],
                "partialFilterExpression": {"import_id": {"$exists": True}},
            },
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {"fields": ["deleted"], "partialFilterExpression": {"deleted": {"$exists": True}}},
        ],
    }


# --- Results --------------------------------------------------------------------------------------


class Collected(TypedDict):
    """The copy of a feedback as it was when its consultation closed: no words, no author. The id is
    a hash of both ids, so that it is copied once, and a feedback deleted since cannot be found in
    it. `kind`: how its contributor is counted."""

    _id: str
    consultation: ObjectId
    dataset: ObjectId
    organization: NotRequired[ObjectId]
    fitness: str
    ratings: dict[str, int]
    usages: list[str]
    profile: NotRequired[str]
    kind: str
    month: str

    v: int
    live: NotRequired[Totals]
    counted: NotRequired[dict[str, Document]]
    due: NotRequired[list[str]]


class CultureFeedbackCollected(Indexed):
    """The indexes of `Collected`."""

    meta = {
        "indexes": [
            ["consultation", "dataset"],
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


class Named(TypedDict):
    """A dataset that answers name, and in how many of them."""

    dataset: ObjectId
    count: int


class Since(TypedDict, total=False):
    """Ratings given after the closing to datasets whose data changed since (`datasets`: their
    number)."""

    totals: Totals
    datasets: int


class Results(TypedDict):
    """The figures of a consultation, which nobody sees before its seal is broken.

    `_id`: `responses:<id>` counts responses, `feedback:<id>` collected feedback; they are separate
    because they count different documents; `receipts:<id>` has the list of receipts. `totals` is
    flat, see `figures`. `named`: the datasets named most often, by question, computed at closing.
    `last`: see `figures.settle`.
    """

    _id: str
    v: int
    totals: NotRequired[Totals]
    receipts: NotRequired[list[bytes]]
    last: NotRequired[list[Document]]
    named: NotRequired[dict[str, list[Named]]]
    since: NotRequired[Since]


class CultureFeedbackResults(Indexed):
    """The collection of `Results`, found by their id."""


class Follower(TypedDict):
    """A person who asked for a mail, with an account or without (`contact`: the id of their stored
    address): `reminder` before the closing, `synthesis` when it is published. The id joins
    consultation and person; it is deleted a month after the synthesis."""

    _id: str
    consultation: ObjectId
    user: NotRequired[ObjectId | None]
    contact: NotRequired[ObjectId]
    reminder: bool
    synthesis: bool
    created_at: datetime


class CultureFeedbackFollower(Indexed):
    """The indexes of `Follower`."""

    meta = {"indexes": [["consultation", "id"], "user", "contact"]}


def consultations() -> Collection[Consultation]:
    """Return the collection of consultations, indexes built, writes acknowledged by a majority; the
    collections below likewise."""
    return acknowledged(CultureFeedbackConsultation)


def responses() -> Collection[Response]:
    """Return the collection of responses."""
    return acknowledged(CultureFeedbackResponse)


def collected() -> Collection[Collected]:
    """Return the collection of feedback copied at closing."""
    return acknowledged(CultureFeedbackCollected)


def results() -> Collection[Results]:
    """Return the collection of figures."""
    return acknowledged(CultureFeedbackResults)


def followers() -> Collection[Follower]:
    """Return the collection of people who asked for a mail."""
    return acknowledged(CultureFeedbackFollower)


def of_responses(consultation: object) -> str:
    """Return the id of the figures that count responses."""
    return f"responses:{consultation}"


def of_feedback(consultation: object) -> str:
    """Return the id of the figures that count collected feedback."""
    return f"feedback:{consultation}"
