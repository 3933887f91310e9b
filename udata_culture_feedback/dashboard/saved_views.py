"""Views of the inbox of comments that a person saved: the filters of an address, under a name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from bson import ObjectId
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions.kinds import Trace
from ..contributions.owned import Person, Shown
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import Indexed, acknowledged, now
from ..web import refusals
from ..web.payload import Reading
from .filters import Q_LENGTH
from .permissions import Scope

#: Most views that one account saves, in all its inboxes.
MOST = 30
NAME_LENGTH = 60

#: Messages for what was just done, by the name that the address gives it.
SAID = {
    "view-saved": _("The view is saved; it stands beside the others."),
    "view-removed": _("The view is deleted."),
}


class SavedView(TypedDict):
    """A view saved by an account. `organization`: that of the inbox, None for one's own datasets;
    `filters`: arguments of an address."""

    _id: ObjectId
    user: ObjectId | None
    organization: ObjectId | None
    name: str
    filters: dict[str, str]
    created_at: datetime


class CultureFeedbackSavedView(Indexed):
    """The indexes of `SavedView`."""

    meta = {
        "indexes": [
            {"fields": ["user", "organization", "name"], "unique": True},
            "organization",
        ],
    }


def saved_views() -> Collection[SavedView]:
    return acknowledged(CultureFeedbackSavedView)


def of_inbox(viewer: Viewer, scope: Scope) -> list[SavedView]:
    """List the views that a viewer saved in one inbox, by name."""
    found = saved_views().find({"user": viewer.user_id, "organization": _holder(scope)})
    return list(found.sort("name", 1).limit(MOST))


def save(viewer: Viewer, scope: Scope, name: str | None, filters: Mapping[str, str]) -> None:
    """Save filters of an inbox under a name. Raise Unauthenticated, ReadOnly, TooMany, and Invalid
    naming `view_name`: no name, one that is taken, too long, one view too many."""
    must_be_known(viewer)
    spend_write(viewer, manages=True)
    reading = Reading({"view_name": name})
    reading.text("view_name", NAME_LENGTH, required=True, one_line=True)
    wanted: str = reading.checked()["view_name"]
    if saved_views().count_documents({"user": viewer.user_id}, limit=MOST) >= MOST:
        raise _refused(_("You can save %(n)d views at most: delete one first.", n=MOST))
    view: SavedView = {
        "_id": ObjectId(),
        "user": viewer.user_id,
        "organization": _holder(scope),
        "name": wanted,
        "filters": {filter: value[:Q_LENGTH] for filter, value in filters.items()},
        "created_at": now(),
    }
    try:
        saved_views().insert_one(view)
    except DuplicateKeyError:
        raise _refused(_("Another view of yours has this name.")) from None


def remove(viewer: Viewer, id: str) -> None:
    """Delete a view of the viewer's, if it is still there. Raise Unauthenticated, ReadOnly,
    TooMany."""
    must_be_known(viewer)
    spend_write(viewer, manages=True)
    if ObjectId.is_valid(id):
        saved_views().delete_one({"_id": ObjectId(id), "user": viewer.user_id})


def shown(person: Person) -> list[Shown]:
    """Show a person the views that they saved."""
    if person.user_id is None:
        return []
    return [
        {
            "name": one["name"],
            "organization": str(one["organization"]) if one["organization"] else None,
            "filters": one["filters"],
        }
        for one in saved_views().find({"user": person.user_id}).limit(MOST)
    ]


def forget(person: Person) -> None:
    """Delete the views of a person who erases everything."""
    if person.user_id is not None:
        forget_account(person.user_id)


def forget_account(user_id: ObjectId) -> None:
    saved_views().delete_many({"user": user_id})


def forget_organization(organization: ObjectId) -> None:
    """Delete the views of the inbox of an organization that is gone for good."""
    saved_views().delete_many({"organization": organization})


#: Saved views, among what is kept of people besides their contributions.
SAVED = Trace("saved_views", shown, forget)


def _holder(scope: Scope) -> ObjectId | None:
    return scope.organization.id if scope.organization else None


def _refused(message: object) -> refusals.Invalid:
    return refusals.Invalid(message, {"view_name": message})
