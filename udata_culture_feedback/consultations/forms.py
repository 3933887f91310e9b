"""Payloads of the team, read and checked, for JSON and forms alike."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import requests_asked
from ..portal import catalogue
from ..web import refusals
from ..web.csv_reading import read_day
from ..web.moments import portal_zone
from ..web.payload import is_web_address
from ..web.refusals import Errors
from ..web.text_cleaning import clean
from .models import Commitment, CommitmentStatus, Mode, Written
from .question_reading import MAX_STEPS, read_questions
from .window import read_moment
from .wording import read_texts

Values = dict[str, Any]

#: Texts in several languages: their longest length, and whether they are one line.
TEXTS: dict[str, tuple[int, bool]] = {
    "title": (150, True),
    "introduction": (20_000, False),
    "outcome": (5_000, False),
    "controller": (500, True),
    "dpo": (500, True),
    "retention": (500, True),
}
STEP_TITLE = 150
CONTACT_LENGTH = 250
SYNTHESIS_LENGTH = 100_000
COMMITMENT_LENGTH = 500
MAX_COMMITMENTS = 100
OWNER_LENGTH = 120
#: Most organizations, tags or datasets that a scope may name.
MAX_SCOPE = 500


def read_consultation(payload: Values, *, partial: bool = False) -> Values:
    """Read the fields of a consultation that the payload has, normalised; unknown ones are ignored.

    `title`, `organization` (id or slug), `opens_at`, `closes_at` are required unless `partial`.
    Texts (`title`, `introduction`, `outcome`, `controller`, `dpo`, `retention`): `{language: text}`
    or a text in the portal's language. Dates: ISO 8601, local time of the portal unless they have
    an offset. `scope`: `organizations` and `datasets` (ids or slugs), `tags`. `steps`: titles.
    `questions`: see `read_question`. `contact`: an e-mail or web address. `read_only`,
    `show_participation`. `mode`: see `models.Mode`. Raise Invalid with an error for each field at
    fault.
    """
    values: Values = {}
    errors: Errors = {}
    for field, (longest, one_line) in TEXTS.items():
        required = field == "title" and not partial
        if field in payload or required:
            required = field == "title"
            values[field] = read_texts(
                payload, field, longest, errors, required=required, one_line=one_line
            )
    for field in ("opens_at", "closes_at"):
        if field in payload or not partial:
            try:
                values[field] = read_moment(
                    payload.get(field), portal_zone(), closing=field == "closes_at"
                )
            except refusals.Invalid as wrong:
                errors[field] = wrong.message
    if "organization" in payload or not partial:
        _organization(payload, values, errors)
    if "scope" in payload:
        values["scope"] = _scope(payload["scope"], errors)
    if "contact" in payload:
        _contact(payload, values, errors)
    for field in ("read_only", "show_participation"):
        if field in payload:
            if isinstance(payload[field], bool):
                values[field] = payload[field]
            else:
                errors[field] = _("True or false.")
    if payload.get("mode") is not None:
        if payload["mode"] in list(Mode):
            values["mode"] = str(payload["mode"])
        else:
            errors["mode"] = _("Choose one of: %(ids)s.", ids=", ".join(Mode))
    if "steps" in payload:
        values["steps"] = _steps(payload["steps"], errors)
    if "questions" in payload:
        # `actions` checks their steps against those of the consultation.
        values["questions"] = read_questions(payload["questions"], errors, MAX_STEPS)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return values


def read_synthesis(payload: Values) -> Written:
    """Read a synthesis: `text` (Markdown, per language) and `commitments`, each with its `text`,
    `owner`, `status` (see `CommitmentStatus`), `due` (a day), and the `request` or the `dataset`
    that tracks it (id or slug). Raise Invalid naming the field."""
    errors: Errors = {}
    text = read_texts(payload, "text", SYNTHESIS_LENGTH, errors, one_line=False)
    given = payload.get("commitments") or []
    commitments: list[Commitment] = []
    if not isinstance(given, list) or len(given) > MAX_COMMITMENTS:
        errors["commitments"] = _("A list of %(n)d commitments at most.", n=MAX_COMMITMENTS)
        given = []
    for number, one in enumerate(given):
        where = f"commitments.{number}"
        if not isinstance(one, dict):
            errors[where] = _("An object.")
            continue
        commitment: Commitment = {
            "text": read_texts(one, "text", COMMITMENT_LENGTH, errors, required=True, name=where)
        }
        _standing(one, commitment, where, errors)
        _tracked(one, commitment, where, errors)
        commitments.append(commitment)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return {"text": text, "commitments": commitments}


def _standing(one: Values, commitment: Commitment, where: str, errors: Errors) -> None:
    """Read who keeps a commitment, until when, and where it stands."""
    owner = one.get("owner")
    if owner is not None and not isinstance(owner, str):
        errors[f"{where}.owner"] = _("A text.")
    elif owner and (name := " ".join(clean(owner).split())):
        commitment["owner"] = name[:OWNER_LENGTH]
    status = one.get("status")
    if status and status not in list(CommitmentStatus):
        ids = ", ".join(CommitmentStatus)
        errors[f"{where}.status"] = _("Choose one of: %(ids)s.", ids=ids)
    elif status:
        commitment["status"] = status
    due = one.get("due")
    day = read_day(due) if isinstance(due, str) else None
    if due and day is None:
        errors[f"{where}.due"] = _("A day, such as 2026-12-31.")
    elif day:
        commitment["due"] = day.isoformat()


def _tracked(one: Values, commitment: Commitment, where: str, errors: Errors) -> None:
    """Read the request, or the dataset, that tells where a commitment stands."""
    request, dataset = (_reference(one.get(name)) for name in ("request", "dataset"))
    if request:
        found = requests_asked().find_request(request)
        if found is None or found["visibility"] != "public":
            errors[f"{where}.request"] = _("There is no such request.")
        else:
            commitment["request"] = found["_id"]
    if dataset:
        about = catalogue.find_dataset(dataset)
        if about is None or not about.listed:
            errors[f"{where}.dataset"] = _("There is no such dataset.")
        else:
            commitment["dataset"] = about.id


def _reference(given: Any) -> str:
    """Return an id or a slug, given as such or in an object; empty for none."""
    if isinstance(given, dict):
        given = given.get("id")
    return given if isinstance(given, str) else "" if given is None else "-"


def _organization(payload: Values, values: Values, errors: Errors) -> None:
    reference = payload.get("organization")
    if isinstance(reference, dict):
        reference = reference.get("id")
    found = catalogue.find_organization(reference) if isinstance(reference, str) else None
    if found is None or found.deleted:
        errors["organization"] = _("There is no such organization.")
    else:
        values["organization"] = found.id


def _scope(given: Any, errors: Errors) -> Values:
    if given is None:
        given = {}
    if not isinstance(given, dict):
        errors["scope"] = _("An object: organizations, tags, datasets.")
        return {}
    scope: Values = {"organizations": [], "tags": [], "datasets": []}
    finders = {
        "organizations": catalogue.find_organization,
        "datasets": catalogue.find_dataset,
    }
    for name in scope:
        listed = given.get(name) or []
        if not isinstance(listed, list) or len(listed) > MAX_SCOPE:
            errors[f"scope.{name}"] = _("A list of %(n)d at most.", n=MAX_SCOPE)
            continue
        if name == "tags":
            if all(isinstance(tag, str) and 0 < len(tag.strip()) <= 96 for tag in listed):
                scope[name] = list(dict.fromkeys(tag.strip() for tag in listed))
            else:
                errors[f"scope.{name}"] = _("A list of short texts.")
            continue
        scope[name], unknown = _found(listed, finders[name])
        if unknown:
            errors[f"scope.{name}"] = _("Not found: %(names)s.", names=", ".join(unknown))
    return scope


def _found(listed: list[Any], find: Any) -> tuple[list[ObjectId], list[str]]:
    found: list[ObjectId] = []
    unknown: list[str] = []
    for reference in listed:
        if isinstance(reference, dict):
            reference = reference.get("id")
        one = find(reference) if isinstance(reference, str) else None
        if one is None or one.deleted:
            unknown.append(str(reference)[:80])
        elif one.id not in found:
            found.append(one.id)
    return found, unknown


def _contact(payload: Values, values: Values, errors: Errors) -> None:
    contact = payload["contact"]
    if contact in (None, ""):
        values["contact"] = None
    elif (
        isinstance(contact, str)
        and len(contact) <= CONTACT_LENGTH
        and (is_web_address(contact.strip()) or _is_email(contact.strip()))
    ):
        values["contact"] = contact.strip()
    else:
        errors["contact"] = _("An e-mail address (name@example.org) or a web address.")


def _is_email(text: str) -> bool:
    name, at, domain = text.partition("@")
    return bool(name and at and "." in domain.strip(".")) and not any(
        character.isspace() or character in '<>"@' for character in name + domain
    )


def _steps(given: Any, errors: Errors) -> list[dict[str, str]]:
    if given is None:
        given = []
    if not isinstance(given, list) or len(given) > MAX_STEPS:
        errors["steps"] = _("A list of %(n)d steps at most.", n=MAX_STEPS)
        return []
    return [
        read_texts({"title": title}, "title", STEP_TITLE, errors, required=True, name=f"steps.{n}")
        for n, title in enumerate(given)
    ]
