"""Permissions on requests, decided here alone.

| action | who |
|---|---|
| read | everybody, once public; before, the requester and moderators |
| edit | the requester while it is open; moderators |
| delete, confirm | the requester |
| move | the roles of `workflow.MOVES` |
| support, write a message | any account |
| transfer, extend | those who act for the holder, the desk, moderators |
| import a plan | moderators of everything |
| claim | without a known holder, those who speak for the producer of a public dataset |
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bson import ObjectId
from flask import current_app, g

from ..contributions import review_rules
from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from .clock import Clock
from .models import Request
from .workflow import OPEN, Role, Status

#: Days after the deadline of a clarification after which the desk may close a request.
UNANSWERED_DAYS = 60


def is_requester(viewer: Viewer, request: Request) -> bool:
    return viewer.known and request["contributor"]["key"] == viewer.key


def may_moderate(viewer: Viewer, request: Request) -> bool:
    return viewer.moderates(request.get("organization"))


def acts_for(organization: ObjectId | None) -> bool:
    """Return whether the current user may act for that holder: as its admin or editor, or of the
    desk where the holder is unknown."""
    holder = organization or desk()
    return holder is not None and catalogue.may_speak_for(holder)


def desk() -> ObjectId | None:
    """Return the organization that deals with requests without a known holder (a setting), if any.
    Looked up once for each context: a list needs it for every request."""
    setting = current_app.config["CULTURE_FEEDBACK_DESK"]
    if not setting:
        return None
    if ObjectId.is_valid(setting):
        return ObjectId(setting)
    known: dict[str, ObjectId | None] = g.setdefault("culture_feedback_desk", {})
    if setting not in known:
        found = catalogue.find_organization(setting)
        known[setting] = found.id if found else None
    return known[setting]


def desk_may_close(request: Request, at: datetime) -> bool:
    """Return whether the desk may close a request whose clarification is long overdue."""
    if request["status"] != Status.NEEDS_CLARIFICATION:
        return False
    deadline = Clock.of(request["clock"]).clarify_by
    return deadline is not None and at > deadline + timedelta(days=UNANSWERED_DAYS)


def roles(viewer: Viewer, request: Request, target: Request | None = None) -> set[Role]:
    """Return the roles of a user for a request. `target` is the other request of a merge, or of
    its undoing; without it, those who act for a known holder may merge with another request to one
    of their organizations. A moderator does either only where both are in their remit."""
    if not viewer.known:
        return set()
    found = {Role.ANYBODY}
    if may_moderate(viewer, request):
        found.add(Role.PRODUCER)
        if target is None or may_moderate(viewer, target):
            found.add(Role.MODERATOR)
    if acts_for(request.get("organization")):
        found.add(Role.PRODUCER)
        other = target or request
        if (
            request.get("organization")
            and other.get("organization")
            and acts_for(other["organization"])
        ):
            found.add(Role.BOTH_PRODUCER)
    if desk_may_close(request, now()) and acts_for(None):
        found.add(Role.DESK)
    if is_requester(viewer, request):
        found.add(Role.REQUESTER)
    return found


def may_read(viewer: Viewer, request: Request) -> bool:
    """Return whether a user may see a request. While pending or rejected it is hidden from others;
    once deleted, from everybody."""
    if request.get("removed"):
        return False
    return (
        request["visibility"] == Visibility.PUBLIC
        or is_requester(viewer, request)
        or may_moderate(viewer, request)
    )


def may_edit(viewer: Viewer, request: Request) -> bool:
    return may_moderate(viewer, request) or (
        is_requester(viewer, request) and Status(request["status"]) in OPEN
    )


def texts(request: Request) -> dict[str, str]:
    """Return the words of a request, by field."""
    fields = {
        "title": request["title"],
        "description": request["description"],
        "spatial": request.get("spatial"),
    }
    return review_rules.with_name(request, fields)


def open_texts(request: Request) -> dict[str, str]:
    """Return the words that may be published as open data, without a name: all of them or none. The
    requester must allow it, and a moderator have read them as they are."""
    words = texts(request)
    if not request.get("open_data") or not review_rules.was_read(request, words):
        return {}
    return {field: text for field, text in words.items() if field != "name"}


def may_delete(viewer: Viewer, request: Request) -> bool:
    return is_requester(viewer, request)


def may_import(viewer: Viewer) -> bool:
    """Return whether a user may import requests on behalf of any holder."""
    return viewer.account and viewer.moderates_everything


def may_confirm(viewer: Viewer, request: Request) -> bool:
    return is_requester(viewer, request) and request["status"] == Status.PUBLISHED


def deals_with(viewer: Viewer, request: Request) -> bool:
    return Role.PRODUCER in roles(viewer, request)


def may_extend(viewer: Viewer, request: Request) -> bool:
    """Return whether a user may extend the date: once, while an answer is awaited."""
    clock = Clock.of(request["clock"])
    ended = clock.answered_at is not None or clock.stopped_at is not None
    return deals_with(viewer, request) and not clock.extended_days and not ended


def may_claim(viewer: Viewer, request: Request, dataset: catalogue.DatasetFacts) -> bool:
    """Return whether a user may answer a request without a known holder with a dataset of theirs,
    and so become its holder."""
    return (
        viewer.known
        and not request.get("organization")
        and Status(request["status"]) in OPEN
        and dataset.listed
        and dataset.organization is not None
        and catalogue.may_speak_for(dataset.organization)
    )


def may_transfer(viewer: Viewer, request: Request) -> bool:
    return deals_with(viewer, request) and Status(request["status"]) in OPEN
