"""What people send about a dataset, read and checked: one reading for JSON and for HTML forms."""

from __future__ import annotations

import re
from typing import Any

from flask import current_app
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from .. import refusals, vocabulary
from ..text import clean

#: A submission's id is chosen by who sends it (a UUID does), so that a retry is stored once.
SUBMISSION_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


class Reading:
    """Collects what is right and what is wrong of one payload."""

    def __init__(self, payload: dict[str, Any]):
        self.payload = payload
        self.values: dict[str, Any] = {}
        self.errors: dict[str, Any] = {}

    def has(self, field: str) -> bool:
        return field in self.payload

    def checked(self) -> dict[str, Any]:
        """The values. Raises Invalid with one error for each field at fault."""
        if self.errors:
            raise refusals.Invalid(_("Some answers need another look."), self.errors)
        return self.values


def read_answer(payload: dict[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The fields of an answer that the payload has, normalised. Unknown fields are ignored, as
    udata does; `partial` (an edit) requires none.

    `fitness`: an id of the vocabulary, required. `ratings`: {axis: 1..5}, absent or null = no
    opinion. `comment`: text or null. `wants_answer`: boolean. `usages`: list of ids. `profile`: id
    or null. `signature`: "name", "none" or an organization's id. `resource`: id of a file or null.
    `submission_id`: 8 to 64 characters.

    Raises Invalid with an error for each field at fault, TooLong for a comment over the bound.
    """
    reading = Reading(payload)
    lists = vocabulary.vocabularies()
    if not partial or reading.has("fitness"):
        _choice(reading, "fitness", lists.ids("fitness"), required=True)
    if reading.has("ratings"):
        _ratings(reading, lists)
    if reading.has("comment"):
        _comment(reading)
    if reading.has("wants_answer"):
        _boolean(reading, "wants_answer")
    if reading.has("usages"):
        _choices(reading, "usages", lists.ids("usages"))
    if reading.has("profile"):
        _choice(reading, "profile", lists.ids("profiles"), required=False)
    for field in ("signature", "resource"):
        if reading.has(field):
            _text(reading, field)
    if not partial and payload.get("submission_id") is not None:
        submission = payload["submission_id"]
        if isinstance(submission, str) and SUBMISSION_ID.fullmatch(submission):
            reading.values["submission_id"] = submission
        else:
            reading.errors["submission_id"] = _(
                "8 to 64 letters, digits, dots, colons, dashes or underscores."
            )
    return reading.checked()


def answer_of_form(form: MultiDict[str, str]) -> dict[str, Any]:
    """The same payload as a JSON body, from a submitted HTML form. A form that only has the three
    buttons says nothing of the rest."""
    payload: dict[str, Any] = {"fitness": form.get("fitness") or None}
    if form.get("submission_id"):
        payload["submission_id"] = form["submission_id"]
    if "details" in form:
        ratings = {id: form.get(f"rating_{id}") for id in vocabulary.vocabularies().ids("axes")}
        payload |= {
            "ratings": {id: _step(value) for id, value in ratings.items() if value},
            "comment": form.get("comment"),
            "wants_answer": "wants_answer" in form,
            "usages": form.getlist("usages"),
            "profile": form.get("profile") or None,
        }
        if form.get("signature"):
            payload["signature"] = form["signature"]
    return payload


def _step(value: str) -> Any:
    return int(value) if value.isascii() and value.isdigit() and len(value) == 1 else value


def _choice(reading: Reading, field: str, ids: Any, *, required: bool) -> None:
    value = reading.payload.get(field)
    if value in (None, ""):
        if required:
            reading.errors[field] = _("Choose one answer.")
        else:
            reading.values[field] = None
    elif isinstance(value, str) and value in ids:
        reading.values[field] = value
    else:
        reading.errors[field] = _("Choose one of: %(ids)s.", ids=", ".join(ids))


def _choices(reading: Reading, field: str, ids: Any) -> None:
    value = reading.payload.get(field) or []
    if isinstance(value, list) and all(isinstance(v, str) and v in ids for v in value):
        reading.values[field] = list(dict.fromkeys(value))
    else:
        reading.errors[field] = _("A list of some of: %(ids)s.", ids=", ".join(ids))


def _ratings(reading: Reading, lists: vocabulary.Vocabularies) -> None:
    ratings = reading.payload["ratings"]
    if ratings is None:
        ratings = {}
    if not isinstance(ratings, dict):
        reading.errors["ratings"] = _("An object: axis to 1..5.")
        return
    kept = {}
    for axis, step in ratings.items():
        if lists.find("axes", axis) is None:
            known = ", ".join(lists.ids("axes"))
            reading.errors["ratings"] = _("Choose one of: %(ids)s.", ids=known)
        elif step is None:
            continue
        elif isinstance(step, int) and not isinstance(step, bool) and step in vocabulary.STEPS:
            kept[axis] = step
        else:
            reading.errors[f"ratings.{axis}"] = _("A whole number from 1 to 5.")
    reading.values["ratings"] = kept


def _comment(reading: Reading) -> None:
    comment = reading.payload["comment"]
    if comment is not None and not isinstance(comment, str):
        reading.errors["comment"] = _("A text.")
        return
    comment = clean(comment or "")
    longest = current_app.config["CULTURE_FEEDBACK_COMMENT_MAX_LENGTH"]
    if len(comment) > longest:
        message = _(
            "Your comment has %(length)d characters: %(longest)d at most.",
            length=len(comment),
            longest=longest,
        )
        raise refusals.TooLong(message, {"comment": message})
    reading.values["comment"] = comment or None


def _boolean(reading: Reading, field: str) -> None:
    value = reading.payload[field]
    if isinstance(value, bool) or value is None:
        reading.values[field] = bool(value)
    else:
        reading.errors[field] = _("True or false.")


def _text(reading: Reading, field: str) -> None:
    value = reading.payload[field]
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        value = value["id"]
    if value is None or (isinstance(value, str) and len(value) <= 64):
        reading.values[field] = clean(value) if value else None
    else:
        reading.errors[field] = _("A short text.")
