"""The reading and checking of feedback as it is sent: one for JSON and for HTML forms."""

from __future__ import annotations

from typing import Any

from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from .. import vocabulary
from ..web import refusals
from ..web.payload import Payload, Reading
from .models import Feedback

#: Longest declared name of somebody without an account, in characters.
NAME_LENGTH = 100
#: Longest id of a file, and longest signature, in characters.
ID_LENGTH = 64


def read_answer(payload: Payload, *, partial: bool = False) -> Payload:
    """Read the fields of a feedback that the payload has, normalised. Unknown fields are ignored,
    as in udata; with `partial` (an edit) none is required.

    `fitness`: an id of the vocabulary, required. `ratings`: {axis: 1..5}, absent or null = no
    opinion. `comment`: text or null. `wants_answer`, `open_data`: boolean. `usages`: list of ids.
    `profile`: id or null. `signature`: "name", "none" or an organization's id. `name`: the declared
    name of somebody without an account, or null. `resource`: id of a file or null. `submission_id`:
    8 to 64 characters.

    Raise Invalid with an error for each field at fault, TooLong for a comment over the limit.
    """
    reading = Reading(payload)
    lists = vocabulary.vocabularies()
    if not partial or reading.has("fitness"):
        reading.choice("fitness", lists.ids("fitness"), required=True)
    if reading.has("ratings"):
        _ratings(reading, lists)
    if reading.has("comment"):
        reading.text("comment", too_long=_too_long)
    if reading.has("wants_answer"):
        reading.boolean("wants_answer")
    if reading.has("open_data"):
        reading.boolean("open_data")
    if reading.has("usages"):
        reading.choices("usages", lists.ids("usages"))
    if reading.has("profile"):
        reading.choice("profile", lists.ids("profiles"))
    if reading.has("name"):
        reading.text("name", NAME_LENGTH, one_line=True)
    for field in ("signature", "resource"):
        if reading.has(field):
            reading.reference(field, ID_LENGTH)
    if reading.has("consultation"):
        reading.reference("consultation")
    if not partial:
        reading.submission()
    return reading.checked()


def answer_of_form(form: MultiDict[str, str]) -> Payload:
    """Turn a submitted HTML form into the payload that a JSON body would be. A form that has only
    the three buttons leaves the other fields absent."""
    payload: Payload = {"fitness": form.get("fitness") or None}
    if form.get("submission_id"):
        payload["submission_id"] = form["submission_id"]
    if "details" in form:
        ratings = {id: form.get(f"rating_{id}") for id in vocabulary.vocabularies().ids("axes")}
        payload |= {
            "ratings": {id: _step(value) for id, value in ratings.items() if value},
            "comment": form.get("comment"),
            "wants_answer": "wants_answer" in form,
            "open_data": "open_data" in form,
            "usages": form.getlist("usages"),
            "profile": form.get("profile") or None,
        }
        for field in ("signature", "name", "email"):
            if form.get(field):
                payload[field] = form[field]
        payload["tell_me"] = "tell_me" in form
        _keep_words(form, payload)
    return payload


def must_have_words(payload: Payload, mine: Feedback | None) -> None:
    """Raise Invalid for a form that waits for an answer without saying anything. `mine`: the stored
    feedback, whose words stay where the form has none."""
    kept = mine.get("comment") if mine else None
    words = payload.get("comment", kept)
    if payload.get("wants_answer") and not (words or "").strip():
        message = _("Write a comment: it is what the producer answers.")
        raise refusals.Invalid(_("Some answers need another look."), {"wants_answer": message})


def _keep_words(form: MultiDict[str, str], payload: Payload) -> None:
    """Keep the stored words where the form leaves them empty: a browser is not shown the words it
    has sent, so they are removed only where a box says so."""
    if "words_kept" not in form:
        return
    if "remove_words" in form:
        payload |= {"comment": None, "name": None}
    elif not form.get("comment"):
        del payload["comment"]


def _step(value: str) -> Any:
    return int(value) if value.isascii() and value.isdigit() and len(value) == 1 else value


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


def _too_long(length: int, longest: int) -> Any:
    return _(
        "Your comment has %(length)d characters: %(longest)d at most.",
        length=length,
        longest=longest,
    )
