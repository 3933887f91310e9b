"""What people send about a request, read and checked: one reading for JSON bodies and forms."""

from __future__ import annotations

import re
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from .. import refusals, vocabulary
from ..feedback.forms import SUBMISSION_ID
from ..text import clean

TITLE_LENGTH = 150
SHORT_LENGTH = 250
FORMAT = re.compile(r"[a-z0-9][a-z0-9.+-]{0,19}")
MAX_FORMATS = 10
MAX_URLS = 10

#: Fields of one line.
LINES = frozenset(("title", "evidence_url", "spatial", "signature", "review_at"))

#: Text fields of a request, with their longest length (None: that of comments) and whether they
#: must be given.
TEXTS: dict[str, tuple[int | None, bool]] = {
    "title": (TITLE_LENGTH, True),
    "description": (None, True),
    "evidence_url": (2000, False),
    "spatial": (SHORT_LENGTH, False),
    "signature": (64, False),
}

Values = dict[str, Any]
Errors = dict[str, Any]


def read_request(payload: Values, *, partial: bool = False, submission: bool = False) -> Values:
    """The fields of a request that the payload has, normalised; unknown ones are ignored.

    `title` (150 characters), `description`, `kind` are required unless `partial`; `organization`
    (id or slug, null: unknown) and `dataset` (id or slug) are only read as texts. `themes`,
    `usages`, `profile`: ids. `formats`: up to ten short names. `frequency`: an id of udata's.
    `spatial`: a short text. `evidence_url`: http(s). `submission_id`: unless `partial`, or with
    `submission`. Raises Invalid with an error for each field
    at fault, TooLong for a description over the bound of comments.
    """
    values: Values = {}
    errors: Errors = {}
    for field, (longest, required) in TEXTS.items():
        if field in payload or (required and not partial):
            _text(payload, field, longest, required, values, errors)
    if values.get("evidence_url") and not is_web_address(values["evidence_url"]):
        errors["evidence_url"] = _("A web address, such as https://example.org/page.")
    kinds = [term.id for term in vocabulary.REQUEST_KINDS]
    if "kind" in payload or not partial:
        _choice(payload, "kind", kinds, True, values, errors)
    lists = vocabulary.vocabularies()
    for field in ("themes", "usages"):
        if field in payload:
            _choices(payload, field, lists.ids(field), values, errors)
    if "profile" in payload:
        _choice(payload, "profile", lists.ids("profiles"), False, values, errors)
    if "frequency" in payload:
        frequencies = [frequency.value for frequency in UpdateFrequency]
        _choice(payload, "frequency", frequencies, False, values, errors)
    if "formats" in payload:
        _formats(payload, values, errors)
    for field in ("organization", "dataset"):
        if field in payload:
            _reference(payload, field, values, errors)
    if (submission or not partial) and payload.get("submission_id") is not None:
        sent = payload["submission_id"]
        if isinstance(sent, str) and SUBMISSION_ID.fullmatch(sent):
            values["submission_id"] = sent
        else:
            errors["submission_id"] = _(
                "8 to 64 letters, digits, dots, colons, dashes or underscores."
            )
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return values


def read_move(payload: Values) -> Values:
    """A transition: `to` (a status, required), `from`, `message`, `reason`, `datasets`, `urls`,
    `duplicate_of`, `partial`, `review_at` (a date). Raises Invalid naming the field, TooLong."""
    values: Values = {}
    errors: Errors = {}
    statuses = [term.id for term in vocabulary.REQUEST_STATUSES]
    _choice(payload, "to", statuses, True, values, errors)
    _choice(payload, "from", statuses, False, values, errors)
    _text(payload, "message", None, False, values, errors)
    _choice(
        payload, "reason", vocabulary.vocabularies().ids("decline_reasons"), False, values, errors
    )
    _list_of_texts(payload, "datasets", values, errors)
    _list_of_texts(payload, "urls", values, errors)
    if any(not is_web_address(url) for url in values.get("urls", [])):
        errors["urls"] = _("A web address, such as https://example.org/page.")
    _reference(payload, "duplicate_of", values, errors)
    partial = payload.get("partial", False)
    if isinstance(partial, bool) or partial is None:
        values["partial"] = bool(partial)
    else:
        errors["partial"] = _("True or false.")
    _text(payload, "review_at", 10, False, values, errors)
    if values.get("review_at") and not _is_date(values["review_at"]):
        errors["review_at"] = _("A date, such as 2026-12-31.")
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return values


def read_message(payload: Values, field: str = "message") -> str:
    """A message that must say something."""
    values: Values = {}
    errors: Errors = {}
    _text(payload, field, None, True, values, errors)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return values[field]


def read_extension(payload: Values, longest: int) -> tuple[int, str]:
    """`days` (from 1 to `longest`) and a `reason` that says something."""
    values: Values = {}
    errors: Errors = {}
    days: Any = payload.get("days")
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= longest:
        errors["days"] = _("A whole number from 1 to %(longest)d.", longest=longest)
    _text(payload, "reason", SHORT_LENGTH, True, values, errors)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    return days, values["reason"]


def request_of_form(form: MultiDict[str, str]) -> Values:
    """The same payload as a JSON body, from a submitted HTML form."""
    payload: Values = {
        field: form.get(field) or None
        for field in (
            "title",
            "description",
            "kind",
            "organization",
            "dataset",
            "profile",
            "evidence_url",
            "frequency",
            "spatial",
        )
        if field in form
    }
    payload |= {"themes": form.getlist("themes"), "usages": form.getlist("usages")}
    payload["formats"] = [name for name in re.split(r"[\s,;]+", form.get("formats", "")) if name]
    for field in ("signature", "submission_id"):
        if form.get(field):
            payload[field] = form[field]
    return payload


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not re.search(r"\s", text)
    )


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _text(
    payload: Values, field: str, longest: int | None, required: bool, values: Values, errors: Errors
) -> None:
    value = payload.get(field)
    if value is not None and not isinstance(value, str):
        errors[field] = _("A text.")
        return
    value = clean(value or "")
    if field in LINES:
        value = " ".join(value.split())
    bound = longest or current_app.config["CULTURE_FEEDBACK_COMMENT_MAX_LENGTH"]
    if len(value) > bound:
        message = _("%(length)d characters: %(longest)d at most.", length=len(value), longest=bound)
        if longest is None:
            raise refusals.TooLong(message, {field: message})
        errors[field] = message
    elif required and not value:
        errors[field] = _("This cannot be empty.")
    else:
        values[field] = value or None


def _choice(
    payload: Values, field: str, ids: Any, required: bool, values: Values, errors: Errors
) -> None:
    value = payload.get(field)
    if value in (None, ""):
        if required:
            errors[field] = _("Choose one answer.")
        else:
            values[field] = None
    elif isinstance(value, str) and value in ids:
        values[field] = value
    else:
        errors[field] = _("Choose one of: %(ids)s.", ids=", ".join(ids))


def _choices(payload: Values, field: str, ids: Any, values: Values, errors: Errors) -> None:
    value = payload[field] or []
    if isinstance(value, list) and all(isinstance(v, str) and v in ids for v in value):
        values[field] = list(dict.fromkeys(value))
    else:
        errors[field] = _("A list of some of: %(ids)s.", ids=", ".join(ids))


def _formats(payload: Values, values: Values, errors: Errors) -> None:
    value = payload["formats"] or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        errors["formats"] = _("A list of formats, such as csv, json.")
        return
    names = list(dict.fromkeys(name.strip().lower().lstrip(".") for name in value if name.strip()))
    if len(names) > MAX_FORMATS or not all(FORMAT.fullmatch(name) for name in names):
        errors["formats"] = _("A list of formats, such as csv, json.")
    else:
        values["formats"] = names


def _reference(payload: Values, field: str, values: Values, errors: Errors) -> None:
    value = payload.get(field)
    if isinstance(value, dict):
        value = value.get("id")
    if value in (None, ""):
        values[field] = None
    elif isinstance(value, str) and len(value) <= 300:
        values[field] = value
    else:
        errors[field] = _("An id or a slug.")


def _list_of_texts(payload: Values, field: str, values: Values, errors: Errors) -> None:
    value = payload.get(field) or []
    if (
        isinstance(value, list)
        and len(value) <= MAX_URLS
        and all(isinstance(text, str) and len(text) <= 2000 for text in value)
    ):
        cleaned = dict.fromkeys(clean(text) for text in value)
        values[field] = [text for text in cleaned if text]
    else:
        errors[field] = _("A list of %(n)d texts at most.", n=MAX_URLS)
