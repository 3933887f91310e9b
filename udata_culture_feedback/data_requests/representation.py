"""Requests as the API shows them, in lists and in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.i18n import ngettext

from ..contributions.review_rules import Visibility
from ..people.signature import signature, signing_users
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web.broken_documents import left_out
from ..web.moments import iso, portal_zone
from ..web.untyped import Shown
from ..web.urls import api_url, pages_url
from . import actions, deadlines_shown, permissions, supports
from .clock import Clock, explanation
from .models import Entry, Message, Request
from .repository import fulfilment
from .workflow import OPEN, Role, Status


class Objects:
    """The objects that some requests name, looked up once: datasets, organizations, users, and
    which of the requests the viewer supports."""

    def __init__(
        self,
        viewer: Viewer,
        found: list[Request],
        *,
        with_history: bool,
        speakers: Iterable[Message] = (),
        supported: set[Any] | None = None,
    ):
        contributors = [one["contributor"] for one in (*found, *speakers)]
        history = [entry for request in found for entry in request["history"]] * with_history
        self.datasets = catalogue.datasets_by_id(
            {request["dataset"] for request in found if request.get("dataset")}
            | {id for r in found for id in fulfilment(r)["datasets"]}
            | {id for entry in history for id in entry.get("datasets", [])}
        )
        self.organizations = catalogue.organizations_by_id(
            {request["organization"] for request in found if request.get("organization")}
            | {c["organization"] for c in contributors if c.get("organization")}
            | {e["by"]["organization"] for e in history if e["by"].get("organization")}
            | {e["transferred_to"] for e in history if e.get("transferred_to")}
        )
        self.users = signing_users(contributors)
        if supported is None:
            ids = [request["_id"] for request in found]
            supported = supports.supported(viewer, ids) if ids else set()
        self.supported = supported

    def dataset(self, id: Any) -> Shown | None:
        """Return a dataset that the viewer may read; None for any other."""
        dataset = self.datasets.get(id)
        return dataset.as_json() if dataset and catalogue.may_read(dataset) else None

    def organization(self, id: Any) -> Shown | None:
        organization = self.organizations.get(id)
        return organization.as_json() if organization and not organization.deleted else None

    def contributor(self, said: Request | Message) -> Shown:
        return signature(said["contributor"], self.users, self.organizations)


def messages_as_json(viewer: Viewer, request: Request, found: list[Message]) -> list[Shown]:
    """Return messages as the API shows them, with the names of their authors."""
    objects = Objects(viewer, [], with_history=False, speakers=found)
    return [
        {
            "id": str(message["_id"]),
            "request": str(request["_id"]),
            "text": message["text"],
            "contributor": objects.contributor(message),
            "role": ROLE_NAMES[message["role"]],
            "created_at": iso(message["created_at"]),
            "permissions": {
                # A native message is changed in its discussion.
                "edit": isinstance(message["_id"], ObjectId)
                and viewer.known
                and message["contributor"]["key"] == viewer.key
            },
        }
        | _hidden(message)
        for message in found
    ]


def _hidden(message: Message) -> Shown:
    """Return what replaces the fields of a hidden message: when and why it was hidden. Its author's
    name goes too, since a declared name is a text like others."""
    if message["visibility"] != Visibility.HIDDEN:
        return {}  # a pending one is shown to its author only
    return {
        "text": None,
        "contributor": {"kind": message["contributor"]["kind"], "name": None},
        "hidden_reason": message.get("hidden_reason"),
        "hidden_at": iso(message.get("hidden_at")),
    }


@left_out
def as_json(viewer: Viewer, requests: Iterable[Request]) -> list[Shown]:
    """Return requests as lists show them: without their history."""
    found = list(requests)
    objects = Objects(viewer, found, with_history=False)
    return [_common(viewer, request, objects) for request in found]


def in_full(viewer: Viewer, request: Request, *, supported: bool | None = None) -> Shown:
    """Return one request in full, with its history and the moves open to this user. `supported`:
    whether they support it, where the caller knows."""
    known = None if supported is None else {request["_id"]} if supported else set()
    objects = Objects(viewer, [request], with_history=True, supported=known)
    both_dates = " ".join(deadlines_shown.in_words(request))
    return _common(viewer, request, objects) | {
        "clock": clock_as_json(request) | {"explanation": both_dates},
        "history": [_entry(entry, request, objects) for entry in request["history"]],
        "allowed_transitions": [str(to) for to in actions.allowed_moves(viewer, request)],
    }


def addresses(request: Request) -> dict[str, str]:
    return {
        "self_api_url": api_url(f"requests/{request['_id']}/"),
        "self_web_url": pages_url(f"requests/{request['slug']}/"),
    }


def people(request: Request) -> int:
    """Count the verified people behind a request: its supporters and its requester."""
    behind = supports_by_contributor(request)
    return behind["account"] + behind["verified"] + supports.is_verified(request)


def support_count(request: Request) -> int:
    return request.get("totals", {}).get("supports", 0)


def supports_by_contributor(request: Request) -> dict[str, int]:
    """Return the supports of a request by how their people are known: `account`, `verified` (a
    confirmed e-mail address), `unverified` (a browser alone)."""
    totals = request.get("totals", {})
    known, account = totals.get("supports_known", 0), totals.get("supports_account", 0)
    return {
        "account": account,
        "verified": known - account,
        "unverified": totals.get("supports", 0) - known,
    }


def support_rank(request: Request) -> tuple[int, int]:
    """Return the sort key of requests: verified supports first, then all of them."""
    total = support_count(request)
    return total - supports_by_contributor(request)["unverified"], total


def supports_told(request: Request) -> str:
    """Return the supports of a request in words: « 8 soutiens, dont 5 vérifiés »."""
    return supports_in_words(support_count(request), supports_by_contributor(request))


def supports_in_words(total: int, by_contributor: dict[str, int]) -> str:
    """Return supports in words, from the figures that JSON shows."""
    unverified = by_contributor["unverified"]
    told = ngettext("%(num)d support", "%(num)d supports", total)
    if not unverified:
        return str(told)
    return str(
        ngettext(
            "%(supports)s, %(num)d of them verified",
            "%(supports)s, %(num)d of them verified",
            total - unverified,
            supports=told,
        )
    )


def clock_as_json(request: Request) -> Shown:
    clock = Clock.of(request["clock"])
    formal = current_app.config["CULTURE_FEEDBACK_FORMAL_REQUESTS"]
    return {
        "started_at": iso(clock.started_at),
        "due_at": iso(clock.due_at),
        "paused": clock.paused_at is not None,
        "overdue": Status(request["status"]) in OPEN and clock.is_overdue(now()),
        # Where an appeal may exist, whether it does is said with the request in full.
        "explanation": explanation(
            clock, portal_zone(), note="" if formal else deadlines_shown.without_window(request)
        ),
    }


def _common(viewer: Viewer, request: Request, objects: Objects) -> Shown:
    fulfilled = fulfilment(request)
    shown = {
        "id": str(request["_id"]),
        "title": request["title"],
        "slug": request["slug"],
        "description": request["description"],
        "kind": request["kind"],
        "dataset": objects.dataset(request.get("dataset")),
        "organization": objects.organization(request.get("organization")),
        "themes": request.get("themes") or [],
        "usages": request.get("usages") or [],
        "profile": request.get("profile"),
        "evidence_url": request.get("evidence_url"),
        "formats": request.get("formats") or [],
        "frequency": request.get("frequency"),
        "spatial": request.get("spatial"),
        "contributor": objects.contributor(request),
        "visibility": request["visibility"],
        "status": request["status"],
        "partial": bool(request.get("partial")),
        "expected_on": request.get("expected_on"),
        "version": request["version"],
        "received_at": iso(request.get("received_at")),
        "clock": clock_as_json(request),
        "fulfilled_by": {
            "datasets": [d for id in fulfilled["datasets"] if (d := objects.dataset(id))],
            "urls": fulfilled["urls"],
        },
        "confirmed_at": iso(request.get("confirmed_at")),
        "duplicate_of": str(request["duplicate_of"]) if request.get("duplicate_of") else None,
        "discussion": str(request["discussion"]) if request.get("discussed") else None,
        "supports": support_count(request),
        "supports_by_contributor": supports_by_contributor(request),
        "people": people(request),
        "supported": request["_id"] in objects.supported,
        "created_at": iso(request["created_at"]),
        "last_modified": iso(request["last_modified"]),
        "permissions": {
            "edit": permissions.may_edit(viewer, request),
            "delete": permissions.may_delete(viewer, request),
            "transfer": permissions.may_transfer(viewer, request),
            "confirm": permissions.may_confirm(viewer, request) and not request.get("confirmed_at"),
            "moderate": permissions.may_moderate(viewer, request),
        },
        **addresses(request),
    }
    if request["visibility"] != Visibility.PUBLIC and request.get("hidden_reason"):
        shown["hidden_reason"] = request["hidden_reason"]
    return shown


#: Fields of a history entry that are shown as they are, where they have a value.
AS_STORED = frozenset(
    {"edited", "detached", "undone", "partial", "review_at", "expected_on"}
    | {"urls", "extended", "stalled"}
)


def _entry(entry: Entry, request: Request, objects: Objects) -> Shown:
    role = entry["by"]["role"]
    name = None
    if entry["by"].get("organization"):
        organization = objects.organizations.get(entry["by"]["organization"])
        name = organization.name if organization and not organization.deleted else None
    elif role == Role.REQUESTER:
        name = objects.contributor(request)["name"]
    shown: Shown = {
        "from": entry["from"],
        "to": entry["to"],
        "by": {"role": ROLE_NAMES[role], "name": name},
        "at": iso(entry["at"]),
        "reason": entry.get("reason"),
        "message": entry.get("message"),
    }
    if hidden := entry.get("hidden"):
        shown |= {
            "message": None,
            "hidden_reason": hidden["reason"],
            "hidden_at": iso(hidden["at"]),
        }
    shown |= {name: value for name, value in entry.items() if name in AS_STORED and value}
    if entry.get("datasets"):
        shown["datasets"] = [d for id in entry["datasets"] if (d := objects.dataset(id))]
    if entry.get("transferred_to"):
        shown["transferred_to"] = objects.organization(entry["transferred_to"])
    if entry.get("duplicate_of"):
        shown["duplicate_of"] = str(entry["duplicate_of"])
    return shown


#: The names of roles in the API.
ROLE_NAMES: dict[str, str] = {
    Role.PRODUCER: "producer",
    Role.BOTH_PRODUCER: "producer",
    Role.MODERATOR: "moderator",
    Role.DESK: "desk",
    Role.REQUESTER: "requester",
    Role.ANYBODY: "anybody",
}
