"""The members of a holder who look after its requests."""

from __future__ import annotations

from typing import Any

from udata.i18n import lazy_gettext as _

from ..mail import outbox
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import UserFacts
from ..portal.collections import now
from ..web import refusals
from ..web.untyped import Query
from . import permissions
from .actions import readable
from .forms import Values
from .models import Request, requests
from .recipients import scope_of_holder
from .repository import fresh


def assign(viewer: Viewer, reference: Any, payload: Values) -> Request:
    """Record who looks after a request for its holder, and tell them: `assignee`, the id of a
    member of the organization; null: nobody. Raise Forbidden, Invalid."""
    must_be_known(viewer)
    request = readable(viewer, reference)
    dealing = permissions.deals_with(viewer, request)
    spend_write(viewer, manages=dealing)
    if not dealing:
        raise refusals.Forbidden(_("Only who deals with this request may say who looks after it."))
    wanted = payload.get("assignee") or None
    chosen = {str(user.id): user.id for user in colleagues(request)}.get(wanted) if wanted else None
    if wanted and chosen is None:
        message = _("Choose a member of the organization.")
        raise refusals.Invalid(message, {"assignee": message})
    update: Query = {"$set": {"assignee": chosen}} if chosen else {"$unset": {"assignee": ""}}
    before = requests().find_one_and_update({"_id": request["_id"]}, update)
    if before and chosen not in (None, before.get("assignee"), viewer.user_id):
        event = f"request:{request['_id']}:assigned:{now():%Y%m%dT%H%M%S%f}"
        about = {"request": str(request["_id"])}
        holder = request.get("organization")
        outbox.post(event, chosen, "request-assigned", about, scope_of_holder(holder))
    return fresh(request["_id"])


def colleagues(request: Request) -> list[UserFacts]:
    """List the accounts to whom a request may be given, by name: the members of its holder, or of
    the desk where that is unknown."""
    holder = request.get("organization") or permissions.desk()
    found = catalogue.users_by_id(catalogue.members_of(holder)).values() if holder else ()
    return sorted((user for user in found if not user.deleted), key=lambda user: user.name or "")
