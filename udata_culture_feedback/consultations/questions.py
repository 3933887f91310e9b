"""What a questionnaire is: its questions as the team defines them, which of them somebody is shown,
and what their answers may be.

A question is a plain document: `id`, `kind`, `text`, `help`, `required`, `step` (from 1), and, as
its kind wants them, `options` (id, label), `scale` (one label for each step, worst first). A
question with `shown_if` (an earlier question, and which of its answers) stands on a later step:
that works without JavaScript. Order is that of the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import slugify
from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from ..web import refusals
from ..web.refusals import Errors
from ..web.text_cleaning import clean
from .models import Answers, Condition, Option, Question
from .wording import Texts, read_texts


class Kind(StrEnum):
    """What a question asks for."""

    SINGLE = "single"  # one of its options
    MULTIPLE = "multiple"  # some of its options
    SCALE = "scale"  # a step of its scale, from 1
    TEXT = "text"  # free text
    DATASET = "dataset"  # a dataset of the portal
    MISSING_DATASET = "missing_dataset"  # data that are not there


#: Kinds whose answers are counted one by one.
COUNTED = frozenset((Kind.SINGLE, Kind.MULTIPLE, Kind.SCALE))

#: Ids become names of counters and parts of `submission_id`.
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MAX_QUESTIONS = 60
MAX_OPTIONS = 40
MAX_STEPS = 8
SCALE_STEPS = range(2, 11)
LABEL_LENGTH = 250
TEXT_LENGTH = 500
HELP_LENGTH = 2000
TITLE_LENGTH = 150


# --- The questionnaire, as its team defines it ----------------------------------------------------


def read_questions(payload: Any, errors: Errors, steps: int) -> list[Question]:
    """A list of questions, checked; errors are named `questions.<n>.<field>`, n from 0. `steps`:
    how many there are (1: one page)."""
    if not isinstance(payload, list) or len(payload) > MAX_QUESTIONS:
        errors["questions"] = _("A list of %(n)d questions at most.", n=MAX_QUESTIONS)
        return []
    ids = (given.get("id") for given in payload if isinstance(given, dict))
    named = {id for id in ids if isinstance(id, str)}
    read: list[Question] = []
    for number, given in enumerate(payload):
        where = f"questions.{number}"
        if not isinstance(given, dict):
            errors[where] = _("An object.")
            continue
        taken = {question["id"] for question in read}
        if given.get("id") in (None, ""):
            taken |= named  # it may be put before another that has the same words
        question = read_question(given, errors, steps, where=where, taken=taken)
        read.append(question)
    if not any(name.startswith("questions") for name in errors):
        _check_conditions(read, errors)
    return read


def read_question(
    given: dict[str, Any],
    errors: Errors,
    steps: int,
    *,
    where: str = "",
    taken: Iterable[str] = (),
) -> Question:
    """One question, without its condition's being looked up."""

    def at(field: str) -> str:
        return f"{where}.{field}" if where else field

    text = read_texts(given, "text", TEXT_LENGTH, errors, required=True, name=at("text"))
    kind = given.get("kind")
    if kind not in list(Kind):
        errors[at("kind")] = _("Choose one of: %(ids)s.", ids=", ".join(Kind))
        kind = Kind.TEXT
    question: Question = {
        "id": _id(given.get("id"), text, "question", set(taken), errors, at("id")),
        "kind": str(kind),
        "text": text,
        "help": read_texts(given, "help", HELP_LENGTH, errors, one_line=False, name=at("help")),
        "required": given.get("required") is True,
        "step": _step(given.get("step"), steps, errors, at("step")),
    }
    if kind in (Kind.SINGLE, Kind.MULTIPLE):
        question["options"] = _options(given.get("options"), errors, at("options"))
    if kind == Kind.SCALE:
        question["scale"] = _scale(given.get("scale"), errors, at("scale"))
    condition = _condition(given.get("shown_if"), errors, at("shown_if"))
    if condition:
        question["shown_if"] = condition
    return question


def structure(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """What may not change once somebody has answered: everything but the words."""
    return [
        {
            "id": question["id"],
            "kind": question["kind"],
            "required": question["required"],
            "step": question["step"],
            "options": [option["id"] for option in question.get("options", ())],
            "scale": len(question.get("scale", ())),
            "shown_if": question.get("shown_if"),
        }
        for question in questions
    ]


def _id(given: Any, text: Texts, default: str, taken: set[str], errors: Errors, name: str) -> str:
    if given in (None, ""):
        words = text.get("fr") or next(iter(text.values()), "")
        base: str = slugify.slugify(words, max_length=26, to_lower=True)
        if not ID.fullmatch(base):
            base = default
        id, number = base, 2
        while id in taken:
            id, number = f"{base}-{number}", number + 1
        return id
    if not isinstance(given, str) or not ID.fullmatch(given):
        errors[name] = _("1 to 32 lower-case letters, digits, dashes or underscores.")
        return default
    if given in taken:
        errors[name] = _("Another one has this id.")
    return given


def _step(given: Any, steps: int, errors: Errors, name: str) -> int:
    if given in (None, ""):
        return 1
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= steps:
        errors[name] = _("A step from 1 to %(last)d.", last=steps)
        return 1
    return given


def _options(given: Any, errors: Errors, name: str) -> list[Option]:
    if not isinstance(given, list) or not 2 <= len(given) <= MAX_OPTIONS:
        errors[name] = _("From 2 to %(most)d options.", most=MAX_OPTIONS)
        return []
    options: list[Option] = []
    for option in given:
        if not isinstance(option, dict):
            option = {"label": option}
        label = read_texts(option, "label", LABEL_LENGTH, errors, required=True, name=name)
        taken = {known["id"] for known in options}
        options.append(
            {"id": _id(option.get("id"), label, "option", taken, errors, name), "label": label}
        )
    return options


def _scale(given: Any, errors: Errors, name: str) -> list[Texts]:
    if not isinstance(given, list) or len(given) not in SCALE_STEPS:
        errors[name] = _(
            "From %(least)d to %(most)d steps, each with its label, from the lowest.",
            least=SCALE_STEPS[0],
            most=SCALE_STEPS[-1],
        )
        return []
    return [
        read_texts({"label": label}, "label", LABEL_LENGTH, errors, required=True, name=name)
        for label in given
    ]


def _condition(given: Any, errors: Errors, name: str) -> Condition | None:
    if not given:
        return None
    question = given.get("question") if isinstance(given, dict) else None
    answers = given.get("answers") if isinstance(given, dict) else None
    if (
        not isinstance(question, str)
        or not isinstance(answers, list)
        or not 0 < len(answers) <= MAX_OPTIONS
        or not all(
            isinstance(one, (str, int)) and not isinstance(one, bool) and len(str(one)) <= 32
            for one in answers
        )
    ):
        errors[name] = _("A question, and which of its answers.")
        return None
    return {"question": question, "answers": list(dict.fromkeys(answers))}


def _check_conditions(questions: list[Question], errors: Errors) -> None:
    by_id = {question["id"]: question for question in questions}
    for number, question in enumerate(questions):
        condition = question.get("shown_if")
        if not condition:
            continue
        name = f"questions.{number}.shown_if"
        asked = by_id.get(condition["question"])
        if asked is None or Kind(asked["kind"]) not in COUNTED:
            errors[name] = _("It depends on a question with options or a scale.")
        elif asked["step"] >= question["step"]:
            errors[name] = _("A question that depends on another stands on a later step.")
        elif not set(condition["answers"]) <= set(possible(asked)):
            errors[name] = _("That question has no such answer.")


def possible(question: Question) -> list[Any]:
    """The answers that are counted one by one: ids of options, or steps of the scale."""
    if question["kind"] == Kind.SCALE:
        return list(range(1, len(question["scale"]) + 1))
    return [option["id"] for option in question.get("options", ())]


# --- Answers --------------------------------------------------------------------------------------


def shown(questions: Iterable[Question], answers: Answers) -> list[Question]:
    """The questions that somebody who gave these answers is asked. What hangs on a question that is
    not asked is not asked either."""
    asked: list[Question] = []
    ids: set[str] = set()
    for question in sorted(questions, key=lambda question: question["step"]):
        condition = question.get("shown_if")
        if condition and not (
            condition["question"] in ids
            and _given(answers.get(condition["question"])) & set(condition["answers"])
        ):
            continue
        asked.append(question)
        ids.add(question["id"])
    return asked


def read_answers(
    questions: Iterable[Question], given: Any, errors: Errors
) -> tuple[Answers, set[str]]:
    """The answers that were given to these questions, normalised, and the questions that the
    payload speaks of (an empty answer takes an earlier one back). What is not asked is ignored.
    Errors are named `answers.<question>`; raises TooLong for a text over the bound of comments."""
    if not isinstance(given, dict):
        errors["answers"] = _("An object: question to answer.")
        return {}, set()
    answers: Answers = {}
    spoken: set[str] = set()
    for question in questions:
        id = question["id"]
        if id not in given:
            continue
        spoken.add(id)
        answer = _read_answer(question, given[id], errors)
        if answer is not None:
            answers[id] = answer
    return answers, spoken


def missing(questions: Iterable[Question], answers: Answers, errors: Errors) -> None:
    """Names the required questions that have no answer."""
    for question in questions:
        name = f"answers.{question['id']}"
        if question["required"] and question["id"] not in answers and name not in errors:
            errors[name] = _("This question needs an answer.")


def pruned(questions: Iterable[Question], answers: Answers) -> Answers:
    """The answers to questions that are asked: those to others are of no use."""
    ids = {question["id"] for question in shown(questions, answers)}
    return {id: answer for id, answer in answers.items() if id in ids}


def _given(answer: Any) -> set[Any]:
    return set(answer) if isinstance(answer, list) else {answer}


def _read_answer(question: Question, value: Any, errors: Errors) -> Any:
    name = f"answers.{question['id']}"
    if value in (None, "", [], {}):
        return None
    match Kind(question["kind"]):
        case Kind.SINGLE:
            if isinstance(value, str) and value in possible(question):
                return value
            errors[name] = _("Choose one of the answers.")
        case Kind.MULTIPLE:
            options = possible(question)
            if isinstance(value, list) and all(isinstance(v, str) and v in options for v in value):
                return [option for option in options if option in value]
            errors[name] = _("Choose some of the answers.")
        case Kind.SCALE:
            if (
                isinstance(value, int)
                and not isinstance(value, bool)
                and value in possible(question)
            ):
                return value
            errors[name] = _("Choose one of the answers.")
        case Kind.TEXT:
            return _text(value, None, errors, name)
        case Kind.DATASET:
            if isinstance(value, dict):
                value = value.get("id")
            if isinstance(value, ObjectId):
                return value
            if isinstance(value, str) and ObjectId.is_valid(value):
                return ObjectId(value)
            if isinstance(value, str) and 0 < len(value) <= 300:
                return value  # a slug: who records the answer looks it up
            errors[name] = _("Choose a dataset of the list.")
        case Kind.MISSING_DATASET:
            return _missing_dataset(value, errors, name)
    return None


def _missing_dataset(value: Any, errors: Errors, name: str) -> Any:
    if isinstance(value, str):
        value = {"title": value}
    if not isinstance(value, dict):
        errors[name] = _("The data that are missing: a title, and details.")
        return None
    title = _text(value.get("title"), TITLE_LENGTH, errors, name)
    details = _text(value.get("description"), None, errors, name)
    ask = value.get("ask")
    if name in errors or not (title or details):
        return None
    if not title:
        errors[name] = _("Name the data that are missing in a few words.")
        return None
    answer: dict[str, Any] = {"title": " ".join(title.split())}
    if details:
        answer["description"] = details
    if ask is True:
        answer["ask"] = True
    return answer


def _text(value: Any, longest: int | None, errors: Errors, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        errors[name] = _("A text.")
        return None
    text = clean(value or "")
    bound = longest or current_app.config["CULTURE_FEEDBACK_COMMENT_MAX_LENGTH"]
    if len(text) > bound:
        message = _("%(length)d characters: %(longest)d at most.", length=len(text), longest=bound)
        if longest is None:
            raise refusals.TooLong(message, {name: message})
        errors[name] = message
        return None
    return text or None
