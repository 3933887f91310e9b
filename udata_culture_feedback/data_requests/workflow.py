"""The statuses of a request and the moves between them, enforced here alone.

Pure: no database. `permissions` returns the roles of a user; `actions` applies a move.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """The status of a request (labels in `vocabulary.REQUEST_STATUSES`)."""

    SUBMITTED = "submitted"  # delivered to its holder, or waiting at the desk
    ACKNOWLEDGED = "acknowledged"  # the holder has seen it
    NEEDS_CLARIFICATION = "needs_clarification"  # a question was asked: the clock is paused
    ACCEPTED = "accepted"  # the holder will publish
    IN_PROGRESS = "in_progress"  # the data are being prepared
    PUBLISHED = "published"  # the data are there
    DECLINED = "declined"  # refused, with a reason and a message
    DUPLICATE = "duplicate"  # merged into another request
    WITHDRAWN = "withdrawn"  # by its requester, while nobody else supports it


class Role(StrEnum):
    """The capacity in which somebody moves a request. One person may have several."""

    PRODUCER = "P"  # acts for the holder, or for the desk where the holder is unknown
    MODERATOR = "M"
    REQUESTER = "R"
    BOTH_PRODUCER = "P*"  # edits for the organization of both requests of a merge
    DESK = "D"  # the desk, of a request whose clarification never came
    ANYBODY = "*"  # anybody who answers a question


OPEN = frozenset(
    (
        Status.SUBMITTED,
        Status.ACKNOWLEDGED,
        Status.NEEDS_CLARIFICATION,
        Status.ACCEPTED,
        Status.IN_PROGRESS,
    )
)

#: Statuses by which the holder has answered: the service date is met.
ANSWERS = frozenset((Status.ACCEPTED, Status.IN_PROGRESS, Status.PUBLISHED, Status.DECLINED))

#: Statuses in which the data will come: the holder may give a date.
PREPARING = frozenset((Status.ACCEPTED, Status.IN_PROGRESS))

#: Decisions that may be reopened.
DECISIONS = frozenset((Status.PUBLISHED, Status.DECLINED))

_P = frozenset((Role.PRODUCER,))
_MERGE = frozenset((Role.MODERATOR, Role.BOTH_PRODUCER))
_R = frozenset((Role.REQUESTER,))
_REOPEN = frozenset((Role.PRODUCER, Role.REQUESTER))
_CLOSE = frozenset((Role.PRODUCER, Role.DESK))
_CLARIFY = frozenset((Role.PRODUCER, Role.REQUESTER, Role.ANYBODY))

#: The roles that may move a request from one status to another. Other moves do not exist.
MOVES: dict[Status, dict[Status, frozenset[Role]]] = {
    Status.SUBMITTED: {
        Status.ACKNOWLEDGED: _P,
        Status.NEEDS_CLARIFICATION: _P,
        Status.ACCEPTED: _P,
        Status.PUBLISHED: _P,
        Status.DECLINED: _P,
        Status.DUPLICATE: _MERGE,
        Status.WITHDRAWN: _R,
    },
    Status.ACKNOWLEDGED: {
        Status.NEEDS_CLARIFICATION: _P,
        Status.ACCEPTED: _P,
        Status.PUBLISHED: _P,
        Status.DECLINED: _P,
        Status.DUPLICATE: _MERGE,
        Status.WITHDRAWN: _R,
    },
    Status.NEEDS_CLARIFICATION: {
        Status.ACKNOWLEDGED: _CLARIFY,
        Status.ACCEPTED: _P,
        Status.PUBLISHED: _P,
        Status.DECLINED: _CLOSE,
        Status.DUPLICATE: _MERGE,
        Status.WITHDRAWN: _R,
    },
    Status.ACCEPTED: {
        Status.NEEDS_CLARIFICATION: _P,
        Status.IN_PROGRESS: _P,
        Status.PUBLISHED: _P,
        Status.DECLINED: _P,
        Status.DUPLICATE: _MERGE,
        Status.WITHDRAWN: _R,
    },
    Status.IN_PROGRESS: {
        Status.NEEDS_CLARIFICATION: _P,
        Status.ACCEPTED: _P,
        Status.PUBLISHED: _P,
        Status.DECLINED: _P,
        Status.DUPLICATE: _MERGE,
        Status.WITHDRAWN: _R,
    },
    Status.PUBLISHED: {Status.ACKNOWLEDGED: _REOPEN},
    Status.DECLINED: {Status.ACKNOWLEDGED: _REOPEN},
    Status.DUPLICATE: {},  # back to where it was: see `moves`
    Status.WITHDRAWN: {Status.SUBMITTED: _R},
}


def moves(status: Status, merged_from: Status | None = None) -> dict[Status, frozenset[Role]]:
    """Return every move out of a status, with the roles that may make it. A merged request only
    goes back to the status it had (`merged_from`), by a moderator."""
    if status is Status.DUPLICATE and merged_from:
        return {merged_from: frozenset((Role.MODERATOR,))}
    return MOVES[status]


def allowed(
    status: Status, roles: Iterable[Role], merged_from: Status | None = None
) -> list[Status]:
    """Return the statuses to which these roles may move a request, in the table's order."""
    roles = frozenset(roles)
    return [to for to, who in moves(status, merged_from).items() if who & roles]
