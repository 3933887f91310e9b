"""The use cases of the team: create, edit, publish and extend a consultation, write its synthesis.
Those of respondents are in `answering`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions.repository import ATTEMPTS
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import Query, now
from ..web import privacy, refusals
from ..web.payload import Payload
from ..web.refusals import Errors
from . import permissions, receipts
from .forms import TEXTS, read_consultation, read_synthesis
from .models import (
    Commitment,
    Consultation,
    Correction,
    Edit,
    Entry,
    Question,
    Synthesis,
    Written,
    consultations,
)
from .questions import Kind, structure
from .repository import MAX_JOURNAL, Changed, change, entry, free_slug, readable
from .signals import on_synthesis_published
from .window import State, Window, until_in_words
from .wording import FORM_LANGUAGES, Texts, said

#: Most edits that a consultation keeps.
MAX_EDITS = 30
#: Names of its fields in messages.
FIELD_NAMES = {
    "title": _("the title"),
    "introduction": _("the introduction"),
    "outcome": _("what becomes of the answers"),
    "controller": _("who is responsible"),
    "dpo": _("the data protection officer"),
    "retention": _("how long answers are kept"),
    "contact": _("the contact"),
    "organization": _("the organization"),
    "opens_at": _("the opening"),
    "closes_at": _("the closing"),
    "scope": _("the scope"),
    "steps": _("the steps"),
    "questions": _("the questions"),
    "read_only": _("whether answers are suspended"),
}

#: Fields that are frozen as a whole once somebody has answered.
FROZEN = ("organization", "opens_at", "scope")


def create(viewer: Viewer, payload: Payload) -> Consultation:
    """Create a consultation, which only its team sees. `payload`: see `forms.read_consultation`.
    Raise Unauthenticated, Forbidden, Invalid naming the field."""
    _must_be_team(viewer)
    spend_write(viewer, manages=True)
    moment = now()
    blank: Query = {
        "_id": ObjectId(),
        "introduction": {},
        "outcome": {},
        "controller": {},
        "dpo": {},
        "retention": {},
        "scope": {"organizations": [], "tags": [], "datasets": []},
        "steps": [],
        "questions": [],
        "read_only": False,
        "journal": [],
        "version": 1,
        "created_by": viewer.user_id,
        "created_at": moment,
        "last_modified": moment,
    }
    made = cast(Consultation, blank | read_consultation(payload))
    _check(made)
    made["slug"] = free_slug(_any(made["title"]))
    for _attempt in range(ATTEMPTS):
        try:
            consultations().insert_one(made)
            break
        except DuplicateKeyError:
            made["slug"] = free_slug(_any(made["title"]), taken=True)
    return made


def edit(viewer: Viewer, reference: Any, payload: Payload) -> Consultation:
    """Change the fields that the payload has. Once somebody has answered, the questionnaire is
    frozen: then only words may be corrected (journaled, with what they were) and `closes_at`
    postponed. `version`: the one that is being edited. Return the consultation as stored. Raise
    Unauthenticated, NotFound, Forbidden; Invalid naming the field; Conflict for what is frozen,
    and, with the fields changed since, where somebody else has changed that version."""
    _must_be_team(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    asked = read_consultation(payload, partial=True)

    version = _version(payload)

    def edited(one: Consultation) -> Changed | None:
        if version is not None and version != one["version"]:
            raise _changed_meanwhile(one, version)
        values = {
            field: value
            for field, value in asked.items()
            # A missing boolean counts as false: sending false changes nothing.
            if value is not None and not (value is False and field not in one)
        }
        changed = cast(Consultation, {**one, **values})
        if "contact" in asked and asked["contact"] is None:
            changed.pop("contact", None)
        if changed == one:
            return None
        _check(changed)
        journal, still = _judged(viewer, one, changed)
        if len(one["journal"]) + len(journal) > MAX_JOURNAL:
            raise refusals.Conflict(_("This consultation has been changed too often."))
        changed["journal"] = [*one["journal"], *journal]
        edit: Edit = {
            "version": one["version"] + 1,
            "at": now(),
            "fields": [field for field in asked if changed.get(field) != one.get(field)],
        }
        changed["edits"] = [*one.get("edits", ()), edit][-MAX_EDITS:]
        return changed, still

    return change(consultation, edited)


def _version(payload: Payload) -> int | None:
    given = payload.get("version")
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool):
        message = _("The number of a version.")
        raise refusals.Invalid(message, {"version": message})
    return given


def _changed_meanwhile(consultation: Consultation, version: int) -> refusals.Conflict:
    """Build the refusal of an edit of an older version, with the fields changed since."""
    since = [edit for edit in consultation.get("edits", ()) if edit["version"] > version]
    fields = list(dict.fromkeys(field for edit in since for field in edit["fields"]))
    named = ", ".join(str(FIELD_NAMES.get(field, field)) for field in fields)
    message = (
        _(
            "Somebody else has changed this meanwhile: %(fields)s. Look at it, then send yours "
            "again.",
            fields=named,
        )
        if named
        else _("Somebody else has changed this meanwhile. Look at it, then send yours again.")
    )
    return refusals.Conflict(
        message, {"version": message}, version=consultation["version"], changed=fields
    )


def publish(viewer: Viewer, reference: Any) -> Consultation:
    """Publish a consultation: everybody sees it, and its window takes effect. Idempotent. Raise
    Invalid naming what is missing."""
    _must_be_team(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)

    def published(one: Consultation) -> Changed | None:
        if one.get("published"):
            return None
        if errors := what_is_missing(one):
            raise refusals.Invalid(_("This is missing before it can be published."), errors)
        changed = one.copy()
        changed["published"] = now()
        changed["questionnaire_sha256"] = receipts.sha256(receipts.questionnaire(one))
        changed["journal"] = [*one["journal"], entry(viewer, "published")]
        return changed, {}

    return change(consultation, published)


def what_is_missing(consultation: Consultation) -> Errors:
    """Return what keeps a consultation from being published, by field."""
    errors: Errors = {}
    if consultation["closes_at"] <= now():
        errors["closes_at"] = _("This date has passed.")
    if not consultation["questions"] and not any(consultation["scope"].values()):
        errors["questions"] = _("It needs a question, or datasets in its scope.")
    if not consultation["controller"] and not privacy.by_default("controller"):
        errors["controller"] = _("Say who is responsible for the answers.")
    return errors


def worth_a_look(consultation: Consultation) -> list[str]:
    """List warnings that do not prevent publication: texts missing in one of the languages of the
    forms, no contact, no word on the outcome, free texts without a word on personal data."""
    found = []
    untranslated = [
        said(question["text"])
        for question in consultation["questions"]
        if any(language not in question["text"] for language in FORM_LANGUAGES)
    ]
    if any(language not in consultation["title"] for language in FORM_LANGUAGES):
        found.append(str(_("The title is not in both languages.")))
    if untranslated:
        named = ", ".join(str(_("“%(text)s”", text=one)) for one in untranslated[:5])
        found.append(str(_("Not in both languages: %(questions)s.", questions=named)))
    if not consultation.get("contact"):
        found.append(str(_("There is no contact for questions.")))
    if not consultation["outcome"]:
        found.append(str(_("It is not said what becomes of the answers.")))
    unhelped = [
        said(question["text"])
        for question in consultation["questions"]
        if question["kind"] == Kind.TEXT and not question.get("help")
    ]
    if unhelped:
        named = ", ".join(str(_("“%(text)s”", text=one)) for one in unhelped[:5])
        found.append(
            str(
                _(
                    "Free texts without a help that asks to leave out names and addresses: "
                    "%(questions)s.",
                    questions=named,
                )
            )
        )
    return found


def delete(viewer: Viewer, reference: Any) -> None:
    """Delete a consultation that was never published. Raise Conflict for a published one."""
    _must_be_team(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    unseen = {"_id": consultation["_id"], "published": {"$in": [None]}}
    if not consultations().delete_one(unseen).deleted_count:
        raise refusals.Conflict(_("It has been published: it can no longer be deleted."))


def write_synthesis(viewer: Viewer, reference: Any, payload: Payload) -> Consultation:
    """Write the synthesis of a consultation: `text` and `commitments`, see `forms.read_synthesis`.
    It is hidden until `publish_synthesis`; later changes are visible at once, and journaled, but
    for a `draft`, which only the team sees. Raise Conflict while the seal holds."""
    _must_be_team(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    asked = read_synthesis(payload)

    def written(one: Consultation) -> Changed | None:
        _must_be_unsealed(one)
        before: Synthesis = one.get("synthesis") or {}
        written = {**asked, "commitments": _dated(before, asked["commitments"])}
        synthesis: Synthesis = {**before, "draft": cast(Written, written)}
        published = before.get("published_at")
        if not (published and payload.get("draft") is True):
            synthesis = {**before, **cast(Written, written)}
            synthesis.pop("draft", None)
        if synthesis == before:
            return None
        changed = one.copy()
        changed["synthesis"] = synthesis
        shown = "draft" not in synthesis
        if published and shown and len(one["journal"]) < MAX_JOURNAL:
            changed["journal"] = [*one["journal"], entry(viewer, "synthesis_changed")]
        return changed, {}

    return change(consultation, written)


def _dated(before: Written, commitments: list[Commitment]) -> list[Commitment]:
    """Return commitments with the moment since when each is as it is."""
    known = [{**one, "changed_at": None} for one in before.get("commitments") or ()]
    dates = [one.get("changed_at") for one in before.get("commitments") or ()]
    moment = now()
    for one in commitments:
        same = {**one, "changed_at": None}
        earlier = dates[known.index(same)] if same in known else None
        one["changed_at"] = earlier or moment
    return commitments


def publish_synthesis(viewer: Viewer, reference: Any) -> Consultation:
    """Publish the synthesis, and notify those who asked for it. Idempotent. Raise Conflict while
    the seal holds, Invalid without a text."""
    _must_be_team(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)

    def published(one: Consultation) -> Changed | None:
        _must_be_unsealed(one)
        synthesis: Synthesis = one.get("synthesis") or {}
        if synthesis.get("published_at"):
            return None
        if not synthesis.get("text"):
            message = _("Write the synthesis first.")
            raise refusals.Invalid(message, {"text": message})
        changed = one.copy()
        changed["synthesis"] = {**synthesis, "published_at": now()}
        changed["journal"] = [*one["journal"], entry(viewer, "synthesis")]
        return changed, {}

    done = change(consultation, published)
    on_synthesis_published.send(done["_id"])
    return done


def is_frozen(consultation: Consultation) -> bool:
    """Check whether somebody has answered: then only words may be corrected."""
    return bool(consultation.get("answered"))


def _judged(viewer: Viewer, before: Consultation, after: Consultation) -> tuple[list[Entry], Query]:
    """Return the journal entries of an edit, and the condition that must still hold when it is
    written. Raise Conflict for what is frozen, Invalid for a closing that would move back."""
    journal: list[Entry] = []
    still: Query = {}
    moment = now()
    state = Window.of(before).state(moment)
    frozen = is_frozen(before)
    fixed = _changed(before, after, FROZEN) or structure(before["questions"]) != structure(
        after["questions"]
    )
    if len(before["steps"]) != len(after["steps"]):
        fixed = True
    if frozen and fixed:
        raise refusals.Conflict(
            _("People have answered: only words can be corrected, and the closing put off.")
        )
    if fixed:
        still["answered"] = {"$ne": True}
    if before.get("mode") != after.get("mode") and (frozen or state in (State.OPEN, State.CLOSED)):
        message = _("It has opened: how one takes part can no longer change.")
        raise refusals.Conflict(message, {"mode": message})
    if before["opens_at"] != after["opens_at"] and state in (State.OPEN, State.CLOSED):
        raise refusals.Conflict(_("It has opened: that date can no longer change."))
    if before["closes_at"] != after["closes_at"]:
        journal += _closing(viewer, before, after, state, moment)
        if state in (State.SCHEDULED, State.OPEN):
            still["closes_at"] = {"$eq": before["closes_at"], "$gt": moment}
    if state is not State.DRAFT:
        corrections = list(_corrections(before, after))
        if corrections:
            journal.append(entry(viewer, "corrected", changes=corrections))
        if bool(before.get("read_only")) != bool(after.get("read_only")):
            journal.append(entry(viewer, "read_only" if after["read_only"] else "reopened"))
    return journal, still


def _closing(
    viewer: Viewer, before: Consultation, after: Consultation, state: State, moment: datetime
) -> list[Entry]:
    """Return the journal entry of a closing that moves: only forward, once it has opened or
    somebody has answered. Raise Conflict, Invalid."""
    if state is State.CLOSED:
        raise refusals.Conflict(_("It has closed: answers are known."))
    forward = after["closes_at"] > before["closes_at"]
    if (state is State.OPEN or is_frozen(before)) and not forward:
        message = _("It is open %(until)s: that can only be put off.", until=_until(before))
        raise refusals.Invalid(message, {"closes_at": message})
    if state is not State.DRAFT and after["closes_at"] <= moment:
        message = _("This date has passed.")
        raise refusals.Invalid(message, {"closes_at": message})
    if state is State.DRAFT:
        return []
    what = "extended" if forward else "rescheduled"
    return [entry(viewer, what, before=before["closes_at"], to=after["closes_at"])]


def _until(consultation: Consultation) -> str:
    return until_in_words(consultation["closes_at"])


def _corrections(before: Consultation, after: Consultation) -> Iterator[Correction]:
    """List the texts that differ, one by one."""
    old, new = dict(_words(before)), dict(_words(after))
    for where in dict.fromkeys((*old, *new)):
        if old.get(where) != new.get(where):
            field, language = where
            yield {
                "field": field,
                "language": language,
                "before": old.get(where),
                "after": new.get(where),
            }


def _words(consultation: Consultation) -> Iterator[tuple[tuple[str, str], str]]:
    for field in TEXTS:
        texts = cast("Texts | None", consultation.get(field))
        yield from _by_language(field, texts)
    for number, title in enumerate(consultation["steps"], 1):
        yield from _by_language(f"steps.{number}", title)
    for question in consultation["questions"]:
        yield from _words_of(question)


def _words_of(question: Question) -> Iterator[tuple[tuple[str, str], str]]:
    where = f"questions.{question['id']}"
    yield from _by_language(f"{where}.text", question["text"])
    yield from _by_language(f"{where}.help", question.get("help"))
    for option in question.get("options", ()):
        yield from _by_language(f"{where}.options.{option['id']}", option["label"])
    for row in question.get("rows", ()):
        yield from _by_language(f"{where}.rows.{row['id']}", row["label"])
    for number, label in enumerate(question.get("scale", ()), 1):
        yield from _by_language(f"{where}.scale.{number}", label)
    yield from _by_language(f"{where}.unit", question.get("unit"))


def _by_language(where: str, texts: Texts | None) -> Iterator[tuple[tuple[str, str], str]]:
    for language, text in (texts or {}).items():
        yield (where, language), text


def _check(consultation: Consultation) -> None:
    """Check the fields that depend on each other. Raise Invalid naming the field."""
    errors: Errors = {}
    if consultation["opens_at"] >= consultation["closes_at"]:
        errors["closes_at"] = _("It closes after it opens.")
    steps = max(1, len(consultation["steps"]))
    for number, question in enumerate(consultation["questions"]):
        if question["step"] > steps:
            errors[f"questions.{number}.step"] = _("A step from 1 to %(last)d.", last=steps)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)


def _changed(before: Consultation, after: Consultation, fields: tuple[str, ...]) -> bool:
    return any(before.get(field) != after.get(field) for field in fields)


def _any(texts: Texts) -> str:
    default = current_app.config["DEFAULT_LANGUAGE"]
    return texts.get(default) or next(iter(texts.values()), "")


def _must_be_team(viewer: Viewer) -> None:
    must_be_known(viewer)
    if not permissions.is_team(viewer):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))


def _must_be_unsealed(consultation: Consultation) -> None:
    if not permissions.may_see_results(consultation):
        raise refusals.Conflict(_("Answers are sealed until it has closed."))
