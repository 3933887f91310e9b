"""The queue as the API and the page show it: words, findings of the checks, flags, claims, and the
decisions open to this moderator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NotRequired, TypedDict, cast

from bson import ObjectId

from ..contributions import text_checks
from ..contributions.moderated import Item as Contribution
from ..contributions.moderated import Moderated
from ..people.signature import signature, signing_users
from ..people.viewer import Viewer
from ..portal import catalogue
from ..web.moments import iso
from ..web.untyped import Shown
from . import actions, permissions, queue
from .journal_reading import Person
from .models import Claim, Flag, flags
from .queue import Entry

#: Most flags that are read for one page; more add nothing.
MOST_FLAGS = 1000


class Found(TypedDict):
    """What a check found in a field, between two positions. `soft`: perhaps of an institution."""

    field: str
    check: str
    start: int
    end: int
    soft: NotRequired[bool]


class Flagged(TypedDict):
    """The open flags of a contribution for one reason."""

    reason: str
    count: int
    messages: list[str]


class Claimed(TypedDict):
    """Who has taken a contribution, until when."""

    by: Person
    until: str


#: A contribution as the queue shows it. `author`: a key that groups texts without naming anybody.
Item = TypedDict(
    "Item",
    {
        "id": str,
        "class": str,
        "version": str,
        "visibility": str,
        "words": dict[str, str],
        "findings": list[Found],
        "why": list[str],
        "since": str | None,
        "flags": list[Flagged],
        "signals": list[str],
        "author": str | None,
        "contributor": Shown | None,
        "dataset": Shown | None,
        "request": Shown | None,
        "organization": Shown | None,
        "created_at": str | None,
        "claimed": Claimed | None,
        "decisions": list[str],
        "reasons": list[str],
        "self_web_url": str | None,
    },
)


class Objects:
    """The objects that contributions refer to, looked up in a constant number of queries."""

    def __init__(self, entries: list[Entry]):
        items = [item for _moderated, item in entries]
        contributors = [item["contributor"] for item in items]
        self.datasets = catalogue.datasets_by_id(actions.dataset_of(item) for item in items)  # type: ignore[misc]
        self.organizations = catalogue.organizations_by_id(
            [c["organization"] for c in contributors if c.get("organization")]
            + [id for moderated, item in entries if (id := moderated.organization(item))]
        )
        ids = [item["_id"] for item in items]
        self.claims = actions.claimed(ids)
        self.flags = _flags(ids)
        self.signing = signing_users(contributors)
        self.moderators = catalogue.users_by_id(
            [claim["by"] for claim in self.claims.values()]
            + [item["moderated"]["by"] for item in items if item.get("moderated")]
        )


def as_json(viewer: Viewer, entries: Iterable[Entry]) -> list[Item]:
    """Show contributions of any class to a moderator."""
    entries = list(entries)
    objects = Objects(entries)
    return [_one(viewer, moderated, item, objects) for moderated, item in entries]


def _one(viewer: Viewer, moderated: Moderated, item: Contribution, objects: Objects) -> Item:
    dataset = objects.datasets.get(actions.dataset_of(item))  # type: ignore[arg-type]
    organization = objects.organizations.get(moderated.organization(item))  # type: ignore[arg-type]
    case = permissions.case_of(viewer, moderated, item, dataset)
    texts = moderated.texts(item)
    review = item.get("review") or {}
    claim = objects.claims.get(item["_id"])
    return {
        "id": str(item["_id"]),
        "class": moderated.kind,
        "version": actions.version_of(moderated, item),
        "visibility": item["visibility"],
        "words": texts,
        "findings": [
            cast(Found, {"field": field} | finding.as_json())
            for field, text in texts.items()
            for finding in text_checks.findings(text)
        ],
        "why": review.get("why") or [],
        "since": None if moderated.nameless else iso(review.get("since")),
        "flags": objects.flags.get(item["_id"], []),
        "signals": item.get("signals") or [],
        "author": queue.author_of((moderated, item)),
        "contributor": (
            None
            if moderated.nameless
            else signature(item["contributor"], objects.signing, objects.organizations)
        ),
        "dataset": dataset.as_json() if dataset else None,
        "request": _request_as_json(item),
        "organization": organization.as_json() if organization else None,
        "created_at": None if moderated.nameless else iso(item["created_at"]),
        "claimed": _claim_as_json(claim, objects) if claim else None,
        "decisions": [str(one) for one in permissions.possible(viewer, case)],
        "reasons": permissions.reasons_against(viewer, case, list(actions.REASONS)),
        "self_web_url": moderated.page(item),
    }


def outcome_as_json(outcome: actions.Outcome) -> Shown:
    """Show the result of a gesture, contribution by contribution."""
    done = [{"id": str(id), "status": 200} for id in outcome.done]
    refused = [
        {"id": str(id), "status": refusal.status, **refusal.as_json()}
        for id, refusal in outcome.refused.items()
    ]
    return {
        "batch": str(outcome.batch),
        "decision": outcome.decision,
        "reason": outcome.reason,
        "done": len(done),
        "refused": len(refused),
        "results": done + refused,
        "undo_until": iso(outcome.undo_until),
    }


def _flags(ids: list[ObjectId]) -> dict[ObjectId, list[Flagged]]:
    """Show the open flags of each contribution: the reasons with their number, and the messages."""
    where = {"item": {"$in": ids}, "handled": {"$exists": False}}
    found: dict[ObjectId, list[Flag]] = {}
    for flag in flags().find(where, {"item": 1, "reason": 1, "message": 1}).limit(MOST_FLAGS):
        found.setdefault(flag["item"], []).append(flag)
    return {
        id: [
            {
                "reason": reason,
                "count": count,
                "messages": [
                    f["message"] for f in some if f["reason"] == reason and "message" in f
                ],
            }
            for reason, count in Counter(flag["reason"] for flag in some).most_common()
        ]
        for id, some in found.items()
    }


def _request_as_json(item: Contribution) -> Shown | None:
    request = item.get("of")
    return {"id": str(request["_id"]), "title": request["title"]} if request else None


def _claim_as_json(claim: Claim, objects: Objects) -> Claimed:
    moderator = objects.moderators.get(claim["by"])
    return {
        "by": {"id": str(claim["by"]), "name": moderator.name if moderator else None},
        "until": iso(claim["until"]),
    }
