"""Reading one consultation, and the one way of writing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.repository import ATTEMPTS, replace
from ..people.viewer import Viewer
from ..portal.collections import Query, now
from ..web import refusals, urls
from ..web.text_cleaning import is_storable
from . import permissions, scope
from .models import RESERVED_SLUGS, Consultation, Entry, consultations

#: A consultation as it shall be, and what must still be so when it is written.
Changed = tuple[Consultation, Query]

#: Fields that edits leave alone: others write them.
KEPT_BY_OTHERS = frozenset(
    ("_id", "version", "answered", "collected", "reminded", "reminders", "released_until")
)

#: Entries of a journal: it is one document with its consultation.
MAX_JOURNAL = 300


def find(reference: Any) -> Consultation | None:
    """Find a consultation by id or slug (plain text: anything else finds nothing)."""
    if isinstance(reference, ObjectId):
        return consultations().find_one({"_id": reference})
    if not isinstance(reference, str) or not is_storable(reference):
        return None
    if ObjectId.is_valid(reference):
        return consultations().find_one({"_id": ObjectId(reference)})
    return consultations().find_one({"slug": reference})


def readable(viewer: Viewer, reference: Any) -> Consultation:
    """Return a consultation that this person may see. Raises NotFound, whatever the reason."""
    found = find(reference)
    if found is None or not permissions.may_read(viewer, found):
        raise no_such_consultation()
    return found


def fresh(consultation_id: ObjectId) -> Consultation:
    """Return a consultation as it is now. Raises NotFound when it is gone."""
    found = find(consultation_id)
    if found is None:
        raise no_such_consultation()
    return found


def no_such_consultation() -> refusals.NotFound:
    return refusals.NotFound(_("There is no such consultation."))


def change(
    consultation: Consultation,
    how: Callable[[Consultation], Changed | None],
) -> Consultation:
    """Apply `how` to a consultation, again when somebody changed it meanwhile. `how` answers the
    changed document and what else must still be so when it is written, or None where there is
    nothing to change. Answers it as stored. Raises Conflict when others keep changing it."""
    for _attempt in range(ATTEMPTS):
        changed = how(consultation)
        if changed is None:
            return consultation
        document, still = changed
        document["last_modified"] = now()
        written = replace(
            consultations(),
            consultation,
            document,
            kept_by_others=KEPT_BY_OTHERS,
            counters=("version",),
            unmoved=("version",),
            still=still,
        )
        scope.forget()
        consultation = fresh(consultation["_id"])
        if written:
            return consultation
    raise refusals.Conflict(_("Somebody else is changing this consultation. Please try again."))


def addresses(consultation: Consultation) -> dict[str, str]:
    """Return where a consultation is found, in the API and on the pages."""
    link = f"consultations/{consultation['slug']}/"
    return {"self_api_url": urls.api_url(link), "self_web_url": urls.pages_url(link)}


def entry(viewer: Viewer, what: str, **details: Any) -> Entry:
    """Make an entry of a journal: who (never shown), what, when, and its details."""
    return cast(Entry, {"what": what, "at": now(), "by": viewer.user_id, **details})


def free_slug(title: str, *, taken: bool = False) -> str:
    """Find a short address for a title, see `urls.free_slug`."""
    return urls.free_slug(title, instead="consultation", reserved=RESERVED_SLUGS, taken=taken)
