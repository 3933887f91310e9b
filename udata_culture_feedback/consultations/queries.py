"""The list of consultations: published ones for everybody, all of them for their team."""

from __future__ import annotations

from typing import cast

from flask import request
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer
from ..portal.collections import Query, now
from ..web import listing, refusals
from ..web.untyped import Shown
from . import permissions, representation
from .models import Consultation, consultations
from .window import State

#: Fields that lists do not read.
LEFT_OUT = {"journal": 0, "questions": 0, "introduction": 0, "synthesis": 0}


def listed(viewer: Viewer) -> Shown:
    """Return the list for `GET P/consultations/`, newest first, with the filter `state`. Raise
    Invalid naming an argument, NotFound for a page too far."""
    page = listing.asked_page()
    where: Query = {}
    if not permissions.is_team(viewer):
        where["published"] = {"$ne": None}
    state = request.args.get("state")
    if state:
        where = {"$and": [where, _state(state)]}
    found = listing.newest_first(consultations(), where, page, LEFT_OUT)
    if not found and page.number > 1:
        raise refusals.NotFound(_("There is no such page."))
    total, capped = listing.count(consultations(), where)
    shown = representation.as_json(viewer, cast("list[Consultation]", found[: page.size]))
    return listing.envelope(shown, found, page, total, capped)


def open_ones(viewer: Viewer, limit: int) -> list[Shown]:
    """List the open consultations as the API shows them, those that close first at the top."""
    found = consultations().find(_state(State.OPEN), LEFT_OUT, sort=[("closes_at", 1)]).limit(limit)
    return representation.as_json(viewer, list(found))


def _state(state: str) -> Query:
    moment = now()
    match state:
        case State.DRAFT:
            return {"published": None}
        case State.SCHEDULED:
            return {"published": {"$ne": None}, "opens_at": {"$gt": moment}}
        case State.OPEN:
            return {
                "published": {"$ne": None},
                "opens_at": {"$lte": moment},
                "closes_at": {"$gt": moment},
            }
        case State.CLOSED:
            return {"published": {"$ne": None}, "closes_at": {"$lte": moment}}
    message = _("Choose one of: %(ids)s.", ids=", ".join(State))
    raise refusals.Invalid(message, {"state": message})
