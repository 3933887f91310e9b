"""Reading one consultation, and the one function that writes it."""

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

#: A changed consultation, and the condition that must still hold when it is written.
Changed = tuple[Consultation, Query]

#: Fields that edits leave alone, since others write them.
KEPT_BY_OTHERS = frozenset(
    (
        *("_id", "version", "answered", "collected", "reminded", "reminders", "released_until"),
        *("root", "since_root"),
    )
)

#: Most entries of a journal, which is stored in the document of its consultation.
MAX_JOURNAL = 300


def find(reference: Any) -> Consultation | None:
    """Find a consultation by id or slug; None for any other value."""
    if isinstance(reference, ObjectId):
        return consultations().find_one({"_id": reference})
    if not isinstance(reference, str) or not is_storable(reference):
        return None
    if ObjectId.is_valid(reference):
        return consultations().find_one({"_id": ObjectId(reference)})
    return consultations().find_one({"slug": reference})


def readable(viewer: Viewer, reference: Any) -> Consultation:
    """Return a consultation that this person may see. Raise NotFound, whatever the reason."""
    found = find(reference)
    if found is None or not permissions.may_read(viewer, found):
        raise no_such_consultation()
    return found


def fresh(consultation_id: ObjectId) -> Consultation:
    """Read a consultation again. Raise NotFound when it is gone."""
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
    """Change a consultation by compare-and-set, retried when it was changed meanwhile. `how`
    returns the changed document and the condition that must still hold when it is written, or None
    for no change. Return it as stored. Raise Conflict after too many retries."""
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
    """Return the addresses of a consultation, in the API and on the pages."""
    link = f"consultations/{consultation['slug']}/"
    return {"self_api_url": urls.api_url(link), "self_web_url": urls.pages_url(link)}


def entry(viewer: Viewer, what: str, **details: Any) -> Entry:
    """Build a journal entry: who (never shown), what, when, and its details."""
    return cast(Entry, {"what": what, "at": now(), "by": viewer.user_id, **details})


def free_slug(title: str, *, taken: bool = False) -> str:
    """Find a free slug for a title, see `urls.free_slug`."""
    return urls.free_slug(title, instead="consultation", reserved=RESERVED_SLUGS, taken=taken)
