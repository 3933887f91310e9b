"""Feedback and summaries: documents, indexes, and what a feedback counts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from pymongo.collection import Collection

from ..contributions.embedded_texts import Hidden
from ..contributions.review_rules import Visibility, indexes
from ..figures.settle import DISCUSSION, Totals
from ..figures.summary_ids import OF_ORGANIZATIONS
from ..people.models import COUNTED_AS, Contributor, Kind
from ..portal.collections import Document, Indexed, Query, acknowledged
from ..web.moments import local_days, portal_zone
from . import trend
from .attention import LOW
from .trend import MOST_DAYS


class Treatment(StrEnum):
    """A status of the producer's treatment (labels in `vocabulary.TREATMENT_STATUSES`)."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    PLANNED = "planned"
    RESOLVED = "resolved"
    DECLINED = "declined"


#: Another listener, besides the native discussion: the author, to be told of the producer's answer.
AUTHOR = "author"
#: The listeners of a feedback that are no summaries.
LISTENERS = (DISCUSSION, AUTHOR)

#: Feedback that is neither deleted, nor hidden whole, nor held.
STANDING: Query = {
    "deleted": {"$exists": False},
    "hidden_reason": {"$ne": "spam"},
    "held": {"$exists": False},
}


class TreatmentStored(TypedDict):
    """The producer's response.

    `answer`, `answered_at`, `answered_by` (account) and `organization` (in whose name) are those of
    the answer that is shown; `first_answered_at` is when the producing side first answered in
    public, which a later answer never moves. They and `status` are derived from `history` (see
    `treatment_history`). `message`: the id of our comment in the discussion, allocated before the
    comment exists. `unsaid`: the moment up to which that comment was deleted. `withdrawn`: the
    moment up to which answers given here were withdrawn. `replies`: ids of native messages known to
    be the producer's.

    `assignee` (account) and `note` are internal: neither is ever shown outside the producing side.
    """

    status: str
    answer: NotRequired[str | None]
    answered_at: NotRequired[datetime | None]
    answered_by: NotRequired[ObjectId | None]
    organization: NotRequired[ObjectId | None]
    first_answered_at: NotRequired[datetime | None]
    history: NotRequired[list[Document]]
    shortened: NotRequired[bool]
    closed_by_author: NotRequired[datetime | None]
    message: NotRequired[str]
    unsaid: NotRequired[datetime]
    withdrawn: NotRequired[datetime]
    hidden: NotRequired[Hidden]
    replies: NotRequired[list[str]]
    assignee: NotRequired[ObjectId]
    note: NotRequired[str]
    v: NotRequired[int]


class MessageStored(TypedDict):
    """A message of ours in a native discussion: its id, allocated before the message exists there,
    and a fingerprint of the words it carries."""

    id: str
    words: str


class Feedback(TypedDict):
    """One person's opinion on a dataset.

    `listed` and `organization` are copied from the dataset and follow it. `judged` is the dataset's
    last update when it was judged. `open_data`: its author lets the words be published as open
    data. `moves`: the datasets it was about before, the first first (see `adoption`). `agent`:
    written by somebody who may edit the dataset; counts in no figure. `signals`:
    hints for moderators on how it was submitted (`quick`: typed faster than a human types).
    `confirmed`: what its author said of the data after they had changed (`answer`, `at`); `told`:
    the state of the treatment last notified to the author. `contact_told`: the contact point was
    notified; `escalated`: when it was pointed out, to `admins` and to the `desk` (see
    `dashboard.producer_alerts`). `live`, `counted`, `due`, `v`: see `figures.settle`. `hidden_at`,
    `words_until`, `review`, `moderated`: see `contributions.review_rules`. `contact`: where the
    address is kept of an author who asked to be notified. `deleted` marks a tombstone, which has no
    words and no author and is removed once nothing is due for it.
    """

    _id: ObjectId
    dataset: ObjectId
    organization: NotRequired[ObjectId | None]
    listed: bool
    moves: NotRequired[list[Document]]
    resource: NotRequired[str | None]
    consultation: NotRequired[ObjectId]

    fitness: str
    ratings: NotRequired[dict[str, int]]
    comment: NotRequired[str]
    wants_answer: NotRequired[bool]
    usages: NotRequired[list[str]]
    profile: NotRequired[str]
    open_data: NotRequired[bool]
    contributor: Contributor
    contact: NotRequired[ObjectId]
    agent: NotRequired[bool]
    judged: datetime
    terms: NotRequired[list[str]]

    visibility: str
    signals: NotRequired[list[str]]
    hidden_reason: NotRequired[str | None]
    hidden_at: NotRequired[datetime]
    words_until: NotRequired[datetime]
    review: NotRequired[Document]
    moderated: NotRequired[Document]
    treatment: TreatmentStored
    confirmed: NotRequired[Document]
    told: NotRequired[Document]
    contact_told: NotRequired[datetime]
    escalated: NotRequired[dict[str, Document]]

    discussion: NotRequired[ObjectId]
    messages: NotRequired[list[MessageStored]]
    discussed: NotRequired[bool]
    announced: NotRequired[datetime]
    silenced: NotRequired[list[str]]
    caught: NotRequired[bool]
    held: NotRequired[bool]

    submission_id: NotRequired[str]
    created_at: datetime
    last_modified: datetime
    deleted: NotRequired[datetime]

    v: int
    live: NotRequired[Totals]
    counted: NotRequired[Document]
    due: NotRequired[list[str]]


class CultureFeedbackFeedback(Indexed):
    """The collection of `Feedback`."""

    meta = {
        "indexes": [
            # Correctness: one answer per person, dataset and file; a retry is stored once.
            {"fields": ["contributor.key", "dataset", "resource"], "unique": True},
            {
                "fields": ["contributor.key", "submission_id"],
                "unique": True,
                "partialFilterExpression": {"submission_id": {"$exists": True}},
            },
            *indexes(),
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
            # What waits for its producer, the oldest first; what was handled, the latest first.
            {
                "fields": ["organization", "listed", "created_at", "id"],
                "name": "waiting",
                "partialFilterExpression": {"wants_answer": True, "treatment.status": "new"},
            },
            {
                "fields": ["dataset", "created_at", "id"],
                "name": "waiting_on_dataset",
                "partialFilterExpression": {"wants_answer": True, "treatment.status": "new"},
            },
            {
                "fields": ["organization", "listed", "-treatment.answered_at", "-id"],
                "name": "handled",
                "partialFilterExpression": {"treatment.status": "resolved"},
            },
            {
                "fields": ["listed", "-treatment.answered_at", "-id"],
                "name": "handled_anywhere",
                "partialFilterExpression": {"treatment.status": "resolved"},
            },
            # What followed a dataset that came back.
            *(
                {
                    "fields": [f"moves.{field}"],
                    "partialFilterExpression": {"moves": {"$exists": True}},
                }
                for field in ("from", "by")
            ),
            # Upkeep.
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {"fields": ["deleted"], "partialFilterExpression": {"deleted": {"$exists": True}}},
            {
                "fields": ["discussion"],
                "partialFilterExpression": {"discussion": {"$exists": True}},
            },
            # What was given during a consultation.
            {
                "fields": ["consultation", "-created_at", "-id"],
                "partialFilterExpression": {"consultation": {"$exists": True}},
            },
            "contributor.user",
        ],
    }


class Summary(TypedDict, total=False):
    """The figures of a dataset, an organization or the site.

    `id`: `dataset:<id>`, `organization:<id>`, `site`. `totals` is flat: `total`, `commented`,
    `agents`, `held`, `waiting`, `fitness:<value>`, `axis:<axis>:<1..5>`, `treatment:<status>`,
    `contributor:<kind>`, `profile:<id>`, `month:<yyyy-mm>`, for each of these months and axes
    `rated:<yyyy-mm>:<axis>` and, below the middle step, `low:<yyyy-mm>:<axis>`; of the texts whose
    author wants an answer, `awaited` (all of them) and `answered_in:<whole local days, 366 at
    most>`; `confirmed:<yes, partly, no>`, what authors said once their data had changed; each of
    these again behind `before:` for what was judged before `data_updated_at`; `trend:<yyyy-mm>:…`,
    see `trend`. The summary of a dataset is itself a contribution to those of its organization and
    of the site, as long as it is `listed`. Lists are sorted by `attention`, which is derived from
    its totals, and by `updated_at`, the dataset's own `last_update`. `purged`: when udata purged
    the dataset.
    """

    _id: str
    dataset: ObjectId
    organization: ObjectId | None
    listed: bool
    data_updated_at: datetime
    updates: list[datetime]
    purged: datetime
    latest_judged: datetime
    last_feedback_at: datetime | None
    updated_at: datetime
    attention: Document

    v: int
    totals: Totals
    last: list[Document]
    counted: Document
    due: list[str]
    requests: dict[str, int]


class CultureFeedbackSummary(Indexed):
    """The collection of `Summary`."""

    meta = {
        "indexes": [
            {"fields": ["dataset"], "partialFilterExpression": {"dataset": {"$exists": True}}},
            ["organization", "listed", "-last_feedback_at"],
            ["organization", "listed", "-attention.score", "id"],
            ["listed", "-last_feedback_at"],
            # The board of a portal's administrators (see `dashboard.portal_board`).
            *(
                {
                    "fields": [f"-{field}", "id"],
                    "name": f"board_{field}",
                    "partialFilterExpression": {"_id": OF_ORGANIZATIONS},
                }
                for field in ("totals.waiting", "totals.commented", "totals.total")
            ),
            {
                "fields": ["-last_feedback_at", "id"],
                "name": "board_last_feedback_at",
                "partialFilterExpression": {"_id": OF_ORGANIZATIONS},
            },
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


def feedbacks() -> Collection[Any]:
    """Return the collection of feedback, its indexes built, its writes acknowledged by a
    majority."""
    return acknowledged(CultureFeedbackFeedback)


def summaries() -> Collection[Any]:
    return acknowledged(CultureFeedbackSummary)


def is_held(feedback: Feedback) -> bool:
    """Return whether a feedback counts nowhere yet: a check of abuse has its words wait."""
    return bool(feedback.get("caught")) and feedback["visibility"] == Visibility.PENDING


def live_totals(feedback: Feedback) -> Totals:
    """Compute what a feedback counts now. A tombstone counts nothing, nor does spam, hidden whole;
    held feedback counts only as held; that of a producer's agent only among agents, which is no
    public figure."""
    if feedback.get("deleted") or feedback.get("hidden_reason") == "spam":
        return {}
    if is_held(feedback):
        return {"held": 1}
    if feedback.get("agent"):
        return {"agents": 1} | ({"words": 1} if _words_shown(feedback) else {})
    contributor = feedback["contributor"]
    treatment = feedback["treatment"]["status"]
    month = f"{feedback['created_at']:%Y-%m}"
    ratings = sorted((feedback.get("ratings") or {}).items())
    counters = [
        "total",
        f"fitness:{feedback['fitness']}",
        f"treatment:{treatment}",
        f"contributor:{COUNTED_AS[Kind(contributor['kind'])]}",
        f"month:{month}",
        *(f"axis:{axis}:{step}" for axis, step in ratings),
        *(f"rated:{month}:{axis}" for axis, _step in ratings),
        *(f"low:{month}:{axis}" for axis, step in ratings if step in LOW),
    ]
    if feedback.get("profile"):
        counters.append(f"profile:{feedback['profile']}")
    if feedback.get("confirmed"):
        counters.append(f"confirmed:{feedback['confirmed']['answer']}")
    worded = _words_shown(feedback)
    if worded:
        counters += ["commented", "words"]
        if feedback.get("wants_answer"):
            counters += _awaited(feedback)
    monthly = trend.counters_of(
        month,
        feedback["fitness"],
        feedback.get("ratings") or {},
        commented=worded,
        answered=_first_answer(feedback) if worded else None,
    )
    return dict.fromkeys(counters, 1) | monthly


def _awaited(feedback: Feedback) -> list[str]:
    """Compute what words count whose author wants an answer: the only denominator of answer rates,
    and how long the first answer took."""
    counters = ["awaited"]
    closed = feedback["treatment"].get("closed_by_author")
    if feedback["treatment"]["status"] == Treatment.NEW and not closed:
        counters.append("waiting")
    if answer := _first_answer(feedback):
        counters.append(f"answered_in:{min(answer[1], MOST_DAYS)}")
    return counters


def _first_answer(feedback: Feedback) -> tuple[str, int] | None:
    """Return the month (UTC) of the first answer, and after how many whole local days it came."""
    answered = feedback["treatment"].get("first_answered_at")
    if not answered:
        return None
    return f"{answered:%Y-%m}", local_days(feedback["created_at"], answered, portal_zone())


def _words_shown(feedback: Feedback) -> bool:
    return bool(feedback.get("comment")) and feedback["visibility"] == Visibility.PUBLIC
