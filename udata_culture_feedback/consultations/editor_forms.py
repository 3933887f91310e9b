"""Converting the team's forms to payloads of the JSON API, and documents to what the forms show."""

from __future__ import annotations

import re
from typing import Any, cast

from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ..contributions import picking
from ..vocabulary import vocabularies
from ..web.moments import portal_zone
from ..web.untyped import Payload, Shown
from .models import Condition, Consultation, Mode, Option, Question
from .question_reading import MAX_STEPS
from .questions import COUNTED, PROFILE, Kind, conditions_of, labels
from .window import typed_moment
from .wording import FORM_LANGUAGES, Texts, said

Form = MultiDict[str, str]

#: Fields in every language of the forms.
TEXTS = ("title", "introduction", "outcome", "controller", "dpo", "retention")
PICKED = {
    "organization": (picking.ORGANIZATION, False),
    "scope.organizations": (picking.ORGANIZATION, True),
    "scope.datasets": (picking.DATASET, True),
}

KIND_LABELS = {
    Kind.SINGLE: _("one answer among several"),
    Kind.MULTIPLE: _("several answers among several"),
    Kind.SCALE: _("a scale, with a label on each step"),
    Kind.RANKING: _("a ranking"),
    Kind.MATRIX: _("a matrix: several lines on one scale"),
    Kind.NUMBER: _("a number"),
    Kind.DATE: _("a date"),
    Kind.TEXT: _("a free text"),
    Kind.DATASET: _("a dataset of the portal"),
    Kind.MISSING_DATASET: _("data that are missing"),
}


MODE_LABELS = {
    Mode.OPEN: _("everybody, without an account too"),
    Mode.EMAIL: _("an account, or an e-mail address that is confirmed"),
    Mode.ACCOUNT: _("an account of the portal"),
}


def consultation_of_form(form: Form) -> tuple[Payload, dict[str, picking.Picked]]:
    """Read the form of a consultation as a payload, and what was picked in it; the caller checks
    that the choices are unambiguous."""
    picked = {
        name: picking.read(form, name, kind, several=several)
        for name, (kind, several) in PICKED.items()
    }
    payload: Payload = {name: _texts(form, name) for name in TEXTS}
    payload |= {name: form.get(name) or None for name in ("opens_at", "closes_at", "contact")}
    payload["organization"] = picked["organization"].value
    payload["scope"] = {
        "organizations": picked["scope.organizations"].values,
        "datasets": picked["scope.datasets"].values,
        "tags": [tag for tag in re.split(r"[,;\n]+", form.get("scope.tags", "")) if tag.strip()],
    }
    payload["steps"] = _lines(form, "steps")
    payload["read_only"] = "read_only" in form
    payload["show_participation"] = "show_participation" in form
    payload["mode"] = form.get("mode") or None
    payload["model"] = form.get("model") or None
    payload["version"] = version_of(form)
    return payload, picked


def version_of(form: Form) -> int | None:
    """Return the version that a form was based on."""
    written = form.get("version", "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 9 else None


def form_of(consultation: Consultation) -> Shown:
    """Return the initial values of the form of a consultation."""
    zone = portal_zone()
    shown: Shown = {
        f"{name}.{language}": cast(Texts, consultation.get(name) or {}).get(language, "")
        for name in TEXTS
        for language in FORM_LANGUAGES
    }
    for language in FORM_LANGUAGES:
        shown[f"steps.{language}"] = "\n".join(
            title.get(language, "") for title in consultation["steps"]
        )
    return shown | {
        "opens_at": typed_moment(consultation["opens_at"], zone),
        "closes_at": typed_moment(consultation["closes_at"], zone),
        "contact": consultation.get("contact") or "",
        "scope.tags": ", ".join(consultation["scope"].get("tags") or ()),
        "read_only": bool(consultation.get("read_only")),
        "show_participation": bool(consultation.get("show_participation")),
        "mode": consultation.get("mode") or "",
    }


def picked_of(consultation: Consultation) -> dict[str, picking.Picked]:
    """Return what is picked in a consultation so far."""
    scope = consultation["scope"]
    chosen = {
        "organization": [consultation["organization"]],
        "scope.organizations": scope.get("organizations") or [],
        "scope.datasets": scope.get("datasets") or [],
    }
    found = {}
    for name, (kind, _several) in PICKED.items():
        choices = picking.named(kind, [str(id) for id in chosen[name]])
        found[name] = picking.Picked([choice.value for choice in choices], choices)
    return found


def nothing_picked() -> dict[str, picking.Picked]:
    return {name: picking.Picked() for name in PICKED}


# --- Questions ------------------------------------------------------------------------------------


def questions_of_form(questions: list[Question], form: Form) -> list[Any]:
    """Return all questions after the form of one was sent, with that one changed, added, moved or
    removed."""
    id = form.get("question", "")
    old = next((question for question in questions if question["id"] == id), None)
    others = [question for question in questions if question["id"] != id]
    if "delete" in form:
        return others
    if old is not None and ("move" in form or "duplicate" in form):
        return _arranged(questions, old, form)
    position = whole_number(form.get("position")) or len(others) + 1
    changed = _question(old, form)
    place = min(max(position, 1), len(others) + 1) - 1
    return [*others[:place], changed, *others[place:]]


def _arranged(questions: list[Question], question: Question, form: Form) -> list[Any]:
    """Return all questions with one moved up or down, or duplicated after itself."""
    place = questions.index(question)
    if "duplicate" in form:
        copied = {**question, "id": None}
        return [*questions[: place + 1], copied, *questions[place + 1 :]]
    target = place + (1 if form.get("move") == "down" else -1)
    target = min(max(target, 0), len(questions) - 1)
    arranged = [one for one in questions if one is not question]
    return [*arranged[:target], question, *arranged[target:]]


def form_of_question(question: Question | None, position: int) -> Shown:
    """Return the initial values of the form of a question."""
    if question is None:
        blank = Kind.SINGLE.value
        question = {"id": "", "kind": blank, "text": {}, "required": False, "step": 1}
    join, conditions = conditions_of(question)
    shown: Shown = {
        "question": question["id"],
        "kind": question["kind"],
        "required": question["required"],
        "step": question["step"],
        "position": position,
        "shown_if": [
            f"{condition['question']}:{answer}"
            for condition in conditions
            for answer in condition["answers"]
        ],
        "join": join,
        "other": any(option.get("other") for option in question.get("options", ())),
        **{field: _written(question.get(field)) for field in ("min", "max", "max_choices")},
    }
    listed = question.get("scale") or [one["label"] for one in question.get("options", ())]
    for language in FORM_LANGUAGES:
        shown |= {
            f"text.{language}": question["text"].get(language, ""),
            f"help.{language}": (question.get("help") or {}).get(language, ""),
            f"answers.{language}": "\n".join(label.get(language, "") for label in listed),
            f"rows.{language}": "\n".join(
                row["label"].get(language, "") for row in question.get("rows", ())
            ),
            f"unit.{language}": (question.get("unit") or {}).get(language, ""),
        }
    return shown


def conditions(questions: list[Question], question: Question | None) -> list[tuple[str, str]]:
    """List what a question may depend on: an answer to one of an earlier step, or a profile, with
    its label. A new question may go to any step."""
    step = question["step"] if question else MAX_STEPS + 1
    if step == 1:
        return []
    profile = str(_("Profile"))
    profiles = [
        (f"{PROFILE}:{term.id}", f"{profile} — {term.label}") for term in vocabularies()["profiles"]
    ]
    if any(one["id"] == PROFILE for one in questions):
        profiles = []
    return profiles + [
        (f"{other['id']}:{answer}", f"{said(other['text'])} — {label}")
        for other in questions
        if other["step"] < step and Kind(other["kind"]) in COUNTED
        for answer, label in labels(other)
    ]


def _question(old: Question | None, form: Form) -> Payload:
    kind = form.get("kind") or (old["kind"] if old else "")
    question: Payload = {
        "id": old["id"] if old else None,
        "kind": kind,
        "text": _texts(form, "text"),
        "help": _texts(form, "help"),
        "required": "required" in form,
        "step": whole_number(form.get("step")) or 1,
    }
    if kind in (Kind.SINGLE, Kind.MULTIPLE, Kind.RANKING):
        options = _with_ids(_lines(form, "answers"), old.get("options", []) if old else [])
        if options and "other" in form:
            options[-1]["other"] = True
        question["options"] = options
    if kind in (Kind.SCALE, Kind.MATRIX):
        question["scale"] = _lines(form, "answers")
    if kind == Kind.MATRIX:
        question["rows"] = _with_ids(_lines(form, "rows"), old.get("rows", []) if old else [])
    if kind in (Kind.MULTIPLE, Kind.RANKING):
        question["max_choices"] = _number(form.get("max_choices"))
    if kind == Kind.NUMBER:
        question |= {name: _number(form.get(name)) for name in ("min", "max")}
        question["unit"] = _texts(form, "unit")
    if kind == Kind.DATE:
        question |= {name: form.get(name) or None for name in ("min", "max")}
    if conditions := _conditions(form.getlist("shown_if")):
        join = "any" if form.get("join") == "any" else "all"
        question["shown_if"] = conditions[0] if len(conditions) == 1 else {join: conditions}
    return question


def _with_ids(labels: list[Texts], old: list[Option]) -> list[Payload]:
    """Build options of these labels, keeping the id of the earlier option in the same place."""
    return [
        {"id": old[number]["id"] if number < len(old) else None, "label": label}
        for number, label in enumerate(labels)
    ]


def _conditions(ticked: list[str]) -> list[Condition]:
    """Build conditions from ticked boxes (`<question>:<answer>`): one for each question."""
    found: dict[str, list[str | int]] = {}
    for one in ticked:
        question, _colon, answer = one.partition(":")
        found.setdefault(question, []).append(_answer(answer))
    return [{"question": question, "answers": answers} for question, answers in found.items()]


def _number(text: str | None) -> Any:
    """Read a number for the API; anything else is passed on, for the API to refuse."""
    written = (text or "").strip().replace(",", ".")
    if not written:
        return None
    try:
        number = float(written)
    except ValueError:
        return written
    return int(number) if number.is_integer() else number


def _written(value: object) -> str:
    return "" if value is None else str(value)


# --- Fields ---------------------------------------------------------------------------------------


def _texts(form: Form, name: str) -> Texts:
    return {
        language: form[f"{name}.{language}"]
        for language in FORM_LANGUAGES
        if form.get(f"{name}.{language}")
    }


def _lines(form: Form, name: str) -> list[Texts]:
    """Read one text per line; lines in different languages are matched by their order."""
    lines = {
        language: form.get(f"{name}.{language}", "").replace("\r", "").strip("\n").split("\n")
        for language in FORM_LANGUAGES
    }
    longest = max(map(len, lines.values()))
    rows = [
        {
            language: texts[number].strip()
            for language, texts in lines.items()
            if number < len(texts) and texts[number].strip()
        }
        for number in range(longest)
    ]
    return [row for row in rows if row]


def whole_number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else None


def _answer(text: str) -> str | int:
    """Read an answer in a condition: a step of a scale, or the id of an option."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else text
