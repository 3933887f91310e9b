"""Read and check what users send about a request: one reading for JSON bodies and forms."""

from __future__ import annotations

import re
from typing import Any

from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from .. import vocabulary
from ..web.payload import Reading, is_date, is_web_address
from ..web.untyped import Payload

TITLE_LENGTH = 150
SHORT_LENGTH = 250
FORMAT = re.compile(r"[a-z0-9][a-z0-9.+-]{0,19}")
MAX_FORMATS = 10
MAX_URLS = 10

#: Text fields of a request: their maximum length (None: that of comments) and whether they are
#: required. All but the description are single lines.
TEXTS: dict[str, tuple[int | None, bool]] = {
    "title": (TITLE_LENGTH, True),
    "description": (None, True),
    "evidence_url": (2000, False),
    "spatial": (SHORT_LENGTH, False),
    "signature": (64, False),
    "name": (100, False),
}

Values = Payload


def read_request(payload: Values, *, partial: bool = False, submission: bool = False) -> Values:
    """Read the fields of a request that the payload has, normalised; unknown ones are ignored.

    `title` (150 characters), `description`, `kind` are required unless `partial`; `organization`
    (id or slug, null: unknown) and `dataset` (id or slug) are only read as texts. `themes`,
    `usages`, `profile`: ids. `formats`: up to ten short names. `frequency`: an id of udata's.
    `spatial`: a short text. `open_data`: boolean. `evidence_url`: http(s). `name`: the name that a
    person without an account signs with. `submission_id`: unless `partial`, or with `submission`.
    Raise Invalid with an error for each field at fault, TooLong for a description over the bound of
    comments.
    """
    reading = Reading(payload)
    lists = vocabulary.vocabularies()
    for field, (longest, required) in TEXTS.items():
        if reading.has(field) or (required and not partial):
            one_line = field != "description"
            reading.text(field, longest, required=required, one_line=one_line)
    _must_be_address(reading, "evidence_url")
    if reading.has("kind") or not partial:
        kinds = [term.id for term in vocabulary.REQUEST_KINDS]
        reading.choice("kind", kinds, required=True)
    if reading.has("open_data"):
        reading.boolean("open_data")
    for field in ("themes", "usages"):
        if reading.has(field):
            reading.choices(field, lists.ids(field))
    if reading.has("profile"):
        reading.choice("profile", lists.ids("profiles"))
    if reading.has("frequency"):
        reading.choice("frequency", [frequency.value for frequency in UpdateFrequency])
    if reading.has("formats"):
        _formats(reading)
    for field in ("organization", "dataset", "consultation"):
        if reading.has(field):
            reading.reference(field)
    if submission or not partial:
        reading.submission()
    return reading.checked()


def read_move(payload: Values) -> Values:
    """Read a move: `to` (a status, required), `from`, `message`, `reason`, `datasets`, `urls`,
    `duplicate_of`, `partial`, `review_at` and `expected_on` (dates). Raise Invalid naming the
    field, TooLong."""
    reading = Reading(payload)
    statuses = [term.id for term in vocabulary.REQUEST_STATUSES]
    reading.choice("to", statuses, required=True)
    reading.choice("from", statuses)
    reading.text("message")
    reading.choice("reason", vocabulary.vocabularies().ids("decline_reasons"))
    reading.texts("datasets", MAX_URLS)
    reading.texts("urls", MAX_URLS)
    _must_be_address(reading, "urls")
    reading.reference("duplicate_of")
    reading.boolean("partial")
    for field in ("review_at", "expected_on"):
        reading.text(field, 10, one_line=True)
        if reading.values.get(field) and not is_date(reading.values[field]):
            reading.errors[field] = _("A date, such as 2026-12-31.")
    return reading.checked()


def read_message(payload: Values, field: str = "message") -> str:
    """Read a message, which must not be empty."""
    reading = Reading(payload)
    reading.text(field, required=True)
    return str(reading.checked()[field])


def read_extension(payload: Values, longest: int) -> tuple[int, str]:
    """Read `days` (from 1 to `longest`) and a `reason`, which must not be empty."""
    reading = Reading(payload)
    days: Any = payload.get("days")
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= longest:
        reading.errors["days"] = _("A whole number from 1 to %(longest)d.", longest=longest)
    reading.text("reason", SHORT_LENGTH, required=True)
    return days, reading.checked()["reason"]


def request_of_form(form: MultiDict[str, str]) -> Values:
    """Return a submitted HTML form as the payload of a JSON body."""
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
    payload["open_data"] = "open_data" in form
    for field in ("signature", "submission_id", "name", "email"):
        if form.get(field):
            payload[field] = form[field]
    return payload


def _must_be_address(reading: Reading, field: str) -> None:
    sent = reading.values.get(field) or []
    if not all(is_web_address(url) for url in ([sent] if isinstance(sent, str) else sent)):
        reading.errors[field] = _("A web address, such as https://example.org/page.")


def _formats(reading: Reading) -> None:
    value = reading.payload["formats"] or []
    message = _("A list of formats, such as csv, json.")
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        reading.errors["formats"] = message
        return
    names = list(dict.fromkeys(name.strip().lower().lstrip(".") for name in value if name.strip()))
    if len(names) > MAX_FORMATS or not all(FORMAT.fullmatch(name) for name in names):
        reading.errors["formats"] = message
    else:
        reading.values["formats"] = names
