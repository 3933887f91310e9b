"""Who may do what with a request: the one place where it is decided.

| action | who |
|---|---|
| read | everybody, once public; its requester and who moderates before |
| edit | its requester while it is open; who moderates |
| move | the roles of `workflow.MOVES` |
| support, write a message | any account |
| transfer | who acts for the holder, the desk, who moderates |
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import current_app

from .. import catalogue
from ..contributors.viewer import Viewer
from ..feedback.models import Visibility
from .workflow import OPEN, Role, Status

Request = dict[str, Any]


def is_requester(viewer: Viewer, request: Request) -> bool:
    return viewer.known and request["contributor"]["key"] == viewer.key


def may_moderate(viewer: Viewer) -> bool:
    return viewer.sysadmin


def acts_for(organization: ObjectId | None) -> bool:
    """Whether the current user may act for that holder: an admin or editor of it; of the desk where
    the holder is unknown."""
    holder = organization or desk()
    return holder is not None and catalogue.may_speak_for(holder)


def desk() -> ObjectId | None:
    """The organization that deals with requests whose holder is unknown (a setting), if any."""
    setting = current_app.config["CULTURE_FEEDBACK_DESK"]
    if not setting:
        return None
    if ObjectId.is_valid(setting):
        return ObjectId(setting)
    found = catalogue.find_organization(setting)
    return found.id if found else None


def roles(viewer: Viewer, request: Request, target: Request | None = None) -> set[Role]:
    """In what capacities somebody meets a request. `target` is the other one of a merge; without
    it, who acts for a known holder may merge with another request to an organization of theirs."""
    if not viewer.known:
        return set()
    found = {Role.ANYBODY}
    if may_moderate(viewer):
        found |= {Role.MODERATOR, Role.PRODUCER}
    if acts_for(request.get("organization")):
        found.add(Role.PRODUCER)
        other = target or request
        if (
            request.get("organization")
            and other.get("organization")
            and acts_for(other["organization"])
        ):
            found.add(Role.BOTH_PRODUCER)
    if is_requester(viewer, request):
        found.add(Role.REQUESTER)
    return found


def may_read(viewer: Viewer, request: Request) -> bool:
    """While pending or rejected, it does not exist for others."""
    return (
        request["visibility"] == Visibility.PUBLIC
        or is_requester(viewer, request)
        or may_moderate(viewer)
    )


def may_edit(viewer: Viewer, request: Request) -> bool:
    return may_moderate(viewer) or (
        is_requester(viewer, request) and Status(request["status"]) in OPEN
    )


def may_delete(viewer: Viewer, request: Request) -> bool:
    return is_requester(viewer, request)


def may_transfer(viewer: Viewer, request: Request) -> bool:
    return Role.PRODUCER in roles(viewer, request) and Status(request["status"]) in OPEN
