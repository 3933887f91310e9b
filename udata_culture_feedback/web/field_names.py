"""Name fields as their labels do, for a summary of errors: « Description: … »."""

from __future__ import annotations

from udata.i18n import lazy_gettext as _

from ..vocabulary import vocabularies
from .untyped import Document

NAMES: Document = {
    "title": _("Title"),
    "description": _("Description"),
    "kind": _("Kind of request"),
    "organization": _("Organization"),
    "formats": _("Formats"),
    "spatial": _("Territory"),
    "evidence_url": _("Web address"),
    "email": _("E-mail address"),
    "name": _("Name"),
    "comment": _("Comment"),
    "message": _("Message"),
    "reason": _("Reason"),
    "review_at": _("Date"),
    "urls": _("Web addresses"),
    "datasets": _("Datasets"),
    "duplicate_of": _("Request"),
    "answer": _("Answer"),
    "wants_answer": _("Answer from the producer"),
    "note": _("Internal note"),
    "status": _("Status"),
    "signature": _("Published under"),
    "profile": _("Profile"),
    "usages": _("Uses"),
    "opens_at": _("Opening"),
    "closes_at": _("Closing"),
    "contact": _("Contact"),
    "controller": _("Responsible for the data"),
    "introduction": _("Introduction"),
    "text": _("Text"),
    "reference": _("Reference"),
    "channel": _("How it was received"),
}


def name_of(field: str) -> str | None:
    """Return the label of a field named in errors, a criterion included; None for a field without
    one (a question gives its text in the error)."""
    if field.startswith("ratings."):
        axis = vocabularies().find("axes", field.removeprefix("ratings."))
        return str(axis.label) if axis else None
    return str(NAMES[field]) if field in NAMES else None
