"""Requests as pages show them: on a dataset, in lists, and as a stepper and a timeline."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from bson import ObjectId
from markupsafe import Markup, escape
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.review_rules import Visibility
from ..portal.catalogue import DatasetFacts
from ..search import terms
from ..web.pages import page_address
from ..web.untyped import Shown
from . import queries, representation
from .models import Request
from .workflow import ANSWERS, DECISIONS, Status

LABELS = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}

#: Open requests shown on the page of a dataset, the most supported first.
SHOWN = 5


def missing_data(dataset: DatasetFacts, asked: list[Request], opened: list[Request]) -> Shown:
    """Return what the page of a dataset shows: `open`, the open requests asked from it; `people`,
    how many persons it was opened for; `ask`, where to ask for data; `draft`, the name of a draft
    begun there. `asked`, `opened`: see `dataset_page.stages`."""
    labels = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}
    supported = sorted(asked, key=representation.support_rank, reverse=True)[:SHOWN]
    return {
        "open": [
            {
                "title": request["title"],
                "address": page_address(f"requests/{request['slug']}/"),
                "status": labels[request["status"]],
                "supports": representation.supports_told(request),
            }
            for request in supported
        ],
        "people": queries.people(opened),
        "ask": page_address("requests/new", dataset=dataset.slug or str(dataset.id)),
        "draft": draft_of(dataset.id),
    }


#: Characters of a description that a list shows.
EXCERPT = 150

_WORD = re.compile(r"\w+")


def marked(text: str, sought: str) -> Markup:
    """Mark in a text the words of a search, found by their stems; escaped."""
    stems = {stem for word in terms.query_terms(sought) for stem in word}
    if not stems:
        return escape(text)

    def shown(found: re.Match[str]) -> str:
        word = escape(found.group())
        return f"<mark>{word}</mark>" if stems.intersection(terms.terms(found.group())) else word

    pieces, end = [], 0
    for found in _WORD.finditer(text):
        pieces += [escape(text[end : found.start()]), shown(found)]
        end = found.end()
    return Markup("".join([*pieces, escape(text[end:])]))


class Act(NamedTuple):
    """A move as its button says it: `name` opens its form ("Decline…"), `button` sends it, `done`
    tells what happened."""

    name: Any
    button: Any
    done: Any


#: What each move is called, in the order of its buttons.
ACTS: dict[str, Act] = {
    Status.ACCEPTED: Act(
        _("Accept…"),
        _("Accept the request"),
        _("The request is accepted, and who follows it is told."),
    ),
    Status.IN_PROGRESS: Act(
        _("Prepare the data…"),
        _("Say that the data are being prepared"),
        _("The data are being prepared, and who follows the request is told."),
    ),
    Status.PUBLISHED: Act(
        _("Announce the publication…"),
        _("Announce the publication"),
        _("The publication is announced, and who follows the request is told."),
    ),
    Status.NEEDS_CLARIFICATION: Act(
        _("Ask for details…"),
        _("Send the question"),
        _("The question is sent to the requester; the time to answer is suspended meanwhile."),
    ),
    Status.DECLINED: Act(
        _("Decline…"),
        _("Decline the request"),
        _("The request is declined, and who follows it is told."),
    ),
    Status.ACKNOWLEDGED: Act(
        _("Take into account…"),
        _("Take the request into account"),
        _("The request is taken into account, and who follows it is told."),
    ),
    Status.DUPLICATE: Act(
        _("Merge with another request…"),
        _("Merge the requests"),
        _("The request is merged with another, and who follows it is told."),
    ),
    Status.WITHDRAWN: Act(
        _("Withdraw my request…"), _("Withdraw my request"), _("Your request is withdrawn.")
    ),
    Status.SUBMITTED: Act(
        _("Ask again…"), _("Ask for these data again"), _("You ask for these data again.")
    ),
}
_REOPEN = Act(
    _("Reopen…"), _("Reopen the request"), _("The request is open again, and its holder is told.")
)
_SEPARATE = Act(
    _("Separate from the other request…"),
    _("Separate the requests"),
    _("The request is followed on its own again, and who follows it is told."),
)
#: Moves that are seldom wanted, shown after the others.
SELDOM = frozenset((Status.DUPLICATE, Status.WITHDRAWN))


def act_of(before: str, after: str) -> Act:
    """Return what a move from one status to another is called."""
    if before == Status.DUPLICATE:
        return _SEPARATE
    return _REOPEN if before in DECISIONS else ACTS[after]


class Step(NamedTuple):
    """A step of a request in its stepper. `state`: "was", "now", "no" or "" (still to come)."""

    name: Any
    said: str | None
    state: str


def steps(shown: Shown, said_of: Callable[[str], str]) -> list[Step]:
    """Return the steps of a request (as JSON shows it) for its stepper; none for a merged or
    withdrawn one. `said_of` puts a moment or a day into words."""
    status = Status(shown["status"])
    if status in (Status.DUPLICATE, Status.WITHDRAWN):
        return []
    recorded = Step(_("Recorded"), said_of(shown["created_at"]), "was")
    if shown["visibility"] == Visibility.PENDING:
        answer, there = Step(_("Answer"), None, ""), Step(LABELS[Status.PUBLISHED], None, "")
        return [recorded, Step(_("Moderation"), None, "now"), answer, there]
    at = {entry["to"]: said_of(entry["at"]) for entry in shown["history"] if _moved(entry)}
    if status is Status.DECLINED:
        return [recorded, Step(LABELS[status], at.get(status), "no")]
    answered = status in ANSWERS
    expected = shown["expected_on"] and said_of(shown["expected_on"])
    yes = at.get(Status.ACCEPTED) or at.get(Status.IN_PROGRESS) or at.get(Status.PUBLISHED)
    due = shown["clock"]["due_at"]
    return [
        recorded,
        Step(_("Answer: accepted"), yes, "was")
        if answered
        else Step(_("Answer"), due and str(_("expected by %(date)s", date=said_of(due))), "now"),
        Step(
            LABELS[Status.IN_PROGRESS],
            at.get(Status.IN_PROGRESS),
            "was" if status is Status.PUBLISHED else "now" if answered else "",
        ),
        Step(
            LABELS[Status.PUBLISHED],
            at.get(status) if status is Status.PUBLISHED else expected,
            "was" if status is Status.PUBLISHED else "",
        ),
    ]


def timeline(shown: Shown, said: list[Shown]) -> list[Shown]:
    """Return history and messages of a request, the oldest first: entries (`entry`, and `number`
    from 1) and messages (`message`)."""
    moves = [
        {"at": entry["at"], "number": number, "entry": entry}
        for number, entry in enumerate(shown["history"], 1)
    ]
    messages = [{"at": message["created_at"], "message": message} for message in said]
    return sorted([*moves, *messages], key=lambda one: str(one["at"]))


def _moved(entry: Shown) -> bool:
    return bool(entry["from"] != entry["to"])


def draft_of(dataset_id: ObjectId | None) -> str:
    """Return the name under which a browser keeps the draft of a request: one for each dataset it
    is asked from."""
    return f"ask:{dataset_id or ''}"
