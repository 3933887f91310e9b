"""The collections of requests, supports, figures and messages: fields and indexes.

The `TypedDict` of a collection has its fields; its document class has the indexes alone. Dates are
naive UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from pymongo.collection import Collection

from ..contributions.embedded_texts import Hidden
from ..contributions.review_rules import Visibility, indexes
from ..figures.settle import Totals
from ..people.models import Contributor
from ..portal.collections import Indexed, acknowledged
from ..web.listing import EPOCH
from ..web.untyped import Document
from .workflow import OPEN, Status

#: Slugs that are routes, so that no request may have them.
RESERVED_SLUGS = frozenset(
    ("new", "similar", "pick", "answer", "interested", "recorded", "unmet", "import", "feed")
) | {"feed.atom"}

#: Due besides figures: the people behind a request, or behind the one it was merged into, have to
#: be brought in line (`merging.reconcile_merge`).
PEOPLE = "people"
#: Due besides figures: entries of its history to announce (`events.catch_up`).
TOLD = "told"


class Actor(TypedDict):
    """The author of a move. `role`: in what capacity (`workflow.Role`); `user`: never shown."""

    role: str
    user: NotRequired[ObjectId | None]
    organization: NotRequired[ObjectId]


#: An entry of the public history of a request: a move, or an event that keeps the status (`from`
#: and `to` are equal). `reply`: the id of the message that made the move.
Entry = TypedDict(
    "Entry",
    {
        "from": str,
        "to": str,
        "by": Actor,
        "at": datetime,
        "message": NotRequired[str],
        "hidden": NotRequired[Hidden],
        "reply": NotRequired[str],
        "reason": NotRequired[str],
        "review_at": NotRequired[str],
        "expected_on": NotRequired[str],
        "datasets": NotRequired[list[ObjectId]],
        "urls": NotRequired[list[str]],
        "partial": NotRequired[bool],
        "duplicate_of": NotRequired[ObjectId],
        "transferred_to": NotRequired[ObjectId],
        "extended": NotRequired[int],
        "edited": NotRequired[bool],
        "detached": NotRequired[bool],
        "undone": NotRequired[bool],
        "stalled": NotRequired[bool],
        "claimed": NotRequired[bool],
    },
)


class Fulfilment(TypedDict):
    """The data that satisfy a request."""

    datasets: list[ObjectId]
    urls: list[str]


class Removal(TypedDict):
    """The deletion of a request: when, and the visibility that it had."""

    at: datetime
    visibility: str


class CheckIn(TypedDict):
    """The yearly check-in of a requester without an account: when they were asked, or answered."""

    at: datetime
    awaited: NotRequired[bool]


class Moderated(TypedDict):
    """The fields that the review rules set on a request and on a message."""

    contributor: Contributor
    visibility: str
    hidden_reason: NotRequired[str]
    hidden_at: NotRequired[datetime]
    words_until: NotRequired[datetime]
    review: NotRequired[Document]
    moderated: NotRequired[Document]


class Request(Moderated):
    """A request for data.

    `organization` is the holder (absent: unknown, the desk's), `dataset` the page it was asked
    from; `holder_derived`: the holder is the organization of that dataset, and follows it.
    `version` counts moves and edits, which a move names; `v` counts every change, supports included
    (see `figures.settle`: a request is the summary of its supports, and counts in the figures of
    its dataset, its holder and the site). `received_at`: when its holder received it, kept by
    transfers. `expected_on`: the day (ISO) on which its holder expects to publish. `merged_from`:
    the status before the merge into `duplicate_of`. `reopened`: how often its requester reopened
    each kind of decision. `assignee`: the account that looks after it for its holder; internal,
    never shown outside. `detached`: since when it has no requester, who left it to its
    supporters. `external_id`: of the line that it was imported from, `import_id`: by which import
    in the browser. `told`: how many entries of its history were announced. `next_key`: see
    `lifecycle.forget_account`. `appeal_told`: when a mail has told its requester how each kind of
    refusal (`appeal.Refusal`) is contested, as the law asks before the months run. `terms`: the
    words that the search finds it by. `discussion`, `messages`, `discussed`, `announced`,
    `silenced`: see `contributions.discussions`; `rung`: the entries of its history that people were
    notified of in the discussion. `purged_dataset`, `purged_answers`: what it named and udata has
    purged; `renamed`: see `adoption`.
    """

    _id: ObjectId
    title: str
    slug: str
    description: str
    kind: str
    dataset: NotRequired[ObjectId]
    purged_dataset: NotRequired[ObjectId]
    purged_answers: NotRequired[list[ObjectId]]
    renamed: NotRequired[dict[str, Any]]
    organization: NotRequired[ObjectId]
    holder_derived: NotRequired[bool]
    themes: NotRequired[list[str]]
    usages: NotRequired[list[str]]
    profile: NotRequired[str]
    open_data: NotRequired[bool]
    evidence_url: NotRequired[str]
    formats: NotRequired[list[str]]
    frequency: NotRequired[str]
    spatial: NotRequired[str]
    consultation: NotRequired[ObjectId]
    external_id: NotRequired[str]
    import_id: NotRequired[ObjectId]

    status: str
    version: int
    history: list[Entry]
    received_at: NotRequired[datetime]
    clock: Document
    expected_on: NotRequired[str]
    partial: NotRequired[bool]
    fulfilled_by: NotRequired[Fulfilment]
    confirmed_at: NotRequired[datetime]
    duplicate_of: NotRequired[ObjectId]
    merged_from: NotRequired[str]
    reopened: NotRequired[dict[str, int]]
    assignee: NotRequired[ObjectId]
    detached: NotRequired[datetime]
    removed: NotRequired[Removal]
    told: NotRequired[int]
    next_key: NotRequired[str]
    contact: NotRequired[ObjectId]
    interest: NotRequired[CheckIn]
    appeal_told: NotRequired[dict[str, datetime]]
    terms: NotRequired[list[str]]

    discussion: NotRequired[ObjectId]
    messages: NotRequired[list[Document]]
    discussed: NotRequired[bool]
    announced: NotRequired[datetime]
    silenced: NotRequired[list[str]]
    rung: NotRequired[list[int]]

    submission_id: NotRequired[str]
    created_at: datetime
    last_modified: datetime

    v: int
    totals: NotRequired[Totals]
    last: NotRequired[list[Document]]
    live: NotRequired[Totals]
    counted: NotRequired[Document]
    due: NotRequired[list[str]]


class Support(TypedDict):
    """A person behind a request. `direct`: they supported it (or an address merged into it); `via`:
    the requests merged into it that they asked for or support. `own`: the person is its requester,
    who is counted apart. `kind`: how the person was known (absent in older rows: see
    `figures.known_as`). `next`: see `lifecycle.forget_account`."""

    _id: ObjectId
    key: str
    kind: NotRequired[str]
    user: NotRequired[ObjectId]
    target: ObjectId
    direct: bool
    via: list[ObjectId]
    own: bool
    next: NotRequired[str]
    created_at: datetime
    v: int
    counted: NotRequired[Document]
    due: NotRequired[list[ObjectId]]


class Figures(TypedDict):
    """The number of requests of a dataset, a holder or the site: `total`, `open`,
    `status:<status>`. `_id`: that of the summary of feedback (`dataset:<id>`, `organization:<id>`,
    `site`), from which they are separate because they count other documents."""

    _id: str
    v: int
    totals: Totals
    last: NotRequired[list[Document]]


class Message(Moderated):
    """A message written on the page of a request. `role`: in what capacity, at the time.
    `message_id`: the id of its copy in the native discussion, where there is one; `discussion`: the
    one that holds it. `untold`: not announced yet; `announced`: when udata notified people of it.
    `left`: when its author left, until udata has dealt with their words. `native`: written in the
    discussion, and stored there alone (its `_id` is a text)."""

    _id: Any
    request: ObjectId
    message_id: NotRequired[str]
    discussion: NotRequired[ObjectId]
    untold: NotRequired[bool]
    left: NotRequired[datetime]
    announced: NotRequired[datetime]
    role: str
    text: str
    v: NotRequired[int]
    submission_id: NotRequired[str]
    created_at: datetime
    native: NotRequired[bool]


class Follow(TypedDict):
    """A follower of a request: `user`, an account, or `contact`, the id of the stored address of a
    person without one."""

    _id: ObjectId
    key: str
    request: ObjectId
    user: NotRequired[ObjectId]
    contact: NotRequired[ObjectId]
    created_at: datetime


class CultureFeedbackRequest(Indexed):
    """The indexes of `Request`."""

    meta = {
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
            ["visibility", "-totals.supports_known", "-totals.supports", "-id"],
            {
                "fields": ["import_id"],
                "partialFilterExpression": {"import_id": {"$exists": True}},
            },
            {
                # Queries repeat `$gte: EPOCH`: null (paused or answered) is not in this index.
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
            *(
                {"fields": [field], "partialFilterExpression": {field: {"$exists": True}}}
                for field in ("purged_dataset", "purged_answers", "renamed.by")
            ),
            {
                "fields": ["consultation", "-totals.supports", "-id"],
                "partialFilterExpression": {"consultation": {"$exists": True}},
            },
            "terms",
            "contributor.user",
            "contributor.key",
            {"fields": ["assignee"], "partialFilterExpression": {"assignee": {"$exists": True}}},
            {"fields": ["removed"], "partialFilterExpression": {"removed": {"$exists": True}}},
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
            {
                "fields": ["discussion"],
                "partialFilterExpression": {"discussion": {"$exists": True}},
            },
        ],
    }


class CultureFeedbackSupport(Indexed):
    """The indexes of `Support`."""

    meta = {
        "indexes": [
            {"fields": ["key", "target"], "unique": True},
            ["target", "id"],
            ["via"],
            {"fields": ["due"], "partialFilterExpression": {"due": {"$exists": True}}},
        ],
    }


class CultureFeedbackRequestFigures(Indexed):
    """The collection of `Figures`, found by their id alone."""


class CultureFeedbackRequestMessage(Indexed):
    """The indexes of `Message`."""

    meta = {
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


class CultureFeedbackFollow(Indexed):
    """The indexes of `Follow`."""

    meta = {
        "indexes": [
            {"fields": ["key", "request"], "unique": True},
            ["request", "id"],
            {"fields": ["user"], "partialFilterExpression": {"user": {"$exists": True}}},
            {"fields": ["contact"], "partialFilterExpression": {"contact": {"$exists": True}}},
        ],
    }


def follows() -> Collection[Follow]:
    return acknowledged(CultureFeedbackFollow)


def requests() -> Collection[Request]:
    return acknowledged(CultureFeedbackRequest)


def supports() -> Collection[Support]:
    return acknowledged(CultureFeedbackSupport)


def figures() -> Collection[Figures]:
    return acknowledged(CultureFeedbackRequestFigures)


def messages() -> Collection[Message]:
    return acknowledged(CultureFeedbackRequestMessage)


def live_totals(request: Request) -> Totals:
    """Return what a request counts: nothing while it is not public."""
    if request["visibility"] != Visibility.PUBLIC or request.get("removed"):
        return {}
    status = Status(request["status"])
    counters = ["total", f"status:{status}"]
    if status in OPEN:
        counters.append("open")
    return dict.fromkeys(counters, 1)
