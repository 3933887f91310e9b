"""A consultation as the API shows it, and a person's own answer to it. Nothing here is counted:
what is sealed is in `results`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, cast

from flask import current_app

from ..people import access_modes
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web import privacy
from ..web.broken_documents import left_out
from ..web.moments import iso
from ..web.untyped import Shown
from . import form_tokens, permissions, receipts, results
from .models import Consultation, Draft, Entry, Mode, Option, Question, Response, Said
from .receipts import plain
from .repository import addresses
from .response_content import sent_in
from .window import Window
from .wording import Texts, said

#: Kinds of journal entries that are public.
PUBLIC_ENTRIES = frozenset(
    ("extended", "rescheduled", "corrected", "read_only", "reopened", "synthesis")
)


@left_out
def as_json(viewer: Viewer, found: Iterable[Consultation]) -> list[Shown]:
    """Show consultations as in lists."""
    found = list(found)
    organizations = catalogue.organizations_by_id(one["organization"] for one in found)
    return [_common(viewer, one, organizations) for one in found]


def in_full(viewer: Viewer, consultation: Consultation) -> Shown:
    """Show a consultation with its questions, scope and journal; to its team also `source`, with
    every language."""
    shown = as_json(viewer, [consultation])[0] | {
        "introduction": said(consultation.get("introduction")) or None,
        "outcome": said(consultation.get("outcome")) or None,
        "contact": consultation.get("contact"),
        "controller": said(informed(consultation, "controller")) or None,
        "dpo": said(informed(consultation, "dpo")) or None,
        "retention": said(informed(consultation, "retention")) or None,
        "steps": [said(title) for title in consultation["steps"]],
        "questions": [question_as_json(question) for question in consultation["questions"]],
        "scope": _scope(consultation),
        "journal": [
            _entry(one) for one in consultation["journal"] if one["what"] in PUBLIC_ENTRIES
        ],
        "synthesis": results.synthesis(consultation) if _unsealed(consultation) else None,
        "questionnaire": {
            "sha256": receipts.sha256(receipts.questionnaire(consultation)),
            "published_sha256": consultation.get("questionnaire_sha256"),
        },
        "root": receipts.shown(consultation),
        "permissions": permissions.as_json(viewer, consultation),
    }
    if permissions.is_team(viewer):
        shown["source"] = source(consultation)
        shown["version"] = consultation["version"]
    return shown


def question_as_json(question: Question) -> Shown:
    shown: Shown = {
        "id": question["id"],
        "kind": question["kind"],
        "text": said(question["text"]),
        "help": said(question.get("help")) or None,
        "required": question["required"],
        "step": question["step"],
    }
    if "options" in question:
        shown["options"] = [_option(option) for option in question["options"]]
    if "rows" in question:
        shown["rows"] = [_option(row) for row in question["rows"]]
    if "scale" in question:
        shown["scale"] = [said(label) for label in question["scale"]]
    if "unit" in question:
        shown["unit"] = said(question["unit"])
    for field in ("min", "max", "max_choices", "shown_if"):
        if field in question:
            shown[field] = question[field]
    return shown


def _option(option: Option) -> Shown:
    shown = {"id": option["id"], "label": said(option["label"])}
    return {**shown, "other": True} if option.get("other") else {**shown}


def source(consultation: Consultation) -> Shown:
    """Show a consultation in the form that may be sent back to change it: all languages, ids as
    texts."""
    window = Window.of(consultation)
    fields = ("title", "introduction", "outcome", "controller", "dpo", "retention")
    return {
        **{field: consultation.get(field) or {} for field in fields},
        "contact": consultation.get("contact"),
        "organization": str(consultation["organization"]),
        "opens_at": iso(window.opens_at),
        "closes_at": iso(window.closes_at),
        "scope": {
            name: [str(one) for one in cast("list[object]", listed)]
            for name, listed in consultation["scope"].items()
        },
        "steps": consultation["steps"],
        "questions": consultation["questions"],
        "read_only": bool(consultation.get("read_only")),
        "mode": consultation.get("mode"),
        "show_participation": bool(consultation.get("show_participation")),
    }


def own_as_json(viewer: Viewer, consultation: Consultation, response: Response) -> Shown:
    """Show a person's own answer. A browser without an account sees no words: others may use it."""
    shown: Shown = {
        "sent": bool(response.get("sent_at")),
        "created_at": iso(response["created_at"]),
        "last_modified": iso(response["last_modified"]),
        "requests": {id: str(made) for id, made in (response.get("requests") or {}).items()},
        "opening": form_tokens.token_for(viewer, consultation["_id"]),
        "receipt": response.get("receipt"),
        **addresses(consultation),
    }
    if viewer.by_token:
        return shown
    sent: Said = sent_in(response) if response.get("sent_at") else {"answers": {}}
    draft = response.get("draft")
    return shown | {
        "answers": plain(sent.get("answers") or {}),
        "profile": sent.get("profile"),
        "open_data": bool(sent.get("open_data")),
        "draft": _plain_draft(draft) if draft else None,
    }


def mode_of(consultation: Consultation) -> Mode:
    """Return what this consultation, on this portal, asks of respondents without an account."""
    allowed = {
        access_modes.Mode.PROOF: Mode.OPEN,
        access_modes.Mode.EMAIL: Mode.EMAIL,
        access_modes.Mode.OFF: Mode.ACCOUNT,
    }
    return allowed[permissions.access_mode(consultation)]


def informed(consultation: Consultation, field: Literal["controller", "dpo", "retention"]) -> Texts:
    """Return the information on data protection: of this consultation, or the portal's default."""
    return consultation.get(field) or privacy.by_default(field)


def _common(viewer: Viewer, consultation: Consultation, organizations: dict[Any, Any]) -> Shown:
    window, moment = Window.of(consultation), now()
    owner = organizations.get(consultation["organization"])
    return {
        "id": str(consultation["_id"]),
        "slug": consultation["slug"],
        "title": said(consultation["title"]),
        "organization": owner.as_json() if owner and not owner.deleted else None,
        "opens_at": iso(window.opens_at),
        "closes_at": iso(window.closes_at),
        "timezone": current_app.config["CULTURE_FEEDBACK_TIMEZONE"],
        "state": window.state(moment).value,
        "sealed": window.sealed(moment),
        "read_only": bool(consultation.get("read_only")),
        "mode": mode_of(consultation).value,
        **addresses(consultation),
    }


def _scope(consultation: Consultation) -> Shown:
    """Show the scope of a consultation, as far as it is public."""
    scope = consultation["scope"]
    organizations = catalogue.organizations_by_id(scope.get("organizations") or ())
    datasets = catalogue.datasets_by_id(scope.get("datasets") or ())
    return {
        "organizations": [o.as_json() for o in organizations.values() if not o.deleted],
        "tags": list(scope.get("tags") or ()),
        "datasets": [d.as_json() for d in datasets.values() if d.listed],
    }


def _entry(one: Entry) -> Shown:
    shown: Shown = {"what": one["what"], "at": iso(one["at"])}
    for field in ("before", "to"):
        if field in one:
            shown[field] = iso(one[field])
    if "changes" in one:
        shown["changes"] = one["changes"]
    return shown


def _unsealed(consultation: Consultation) -> bool:
    return permissions.may_see_results(consultation)


def _plain_draft(draft: Draft) -> Shown:
    return {
        "answers": plain(draft.get("answers") or {}),
        "profile": draft.get("profile"),
        "open_data": bool(draft.get("open_data")),
        "step": draft.get("step"),
        "saved_at": iso(draft["saved_at"]),
    }
