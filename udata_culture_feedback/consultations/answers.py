"""Answers, read and checked against the questions.

The value of an answer: an id of an option; a list of ids, for a ranking the best first; a step of a
scale; for a matrix, row → step; a number; a day as a text; a text; the id of a dataset; for missing
data, `title` and `description`. For an option that asks for a person's own words: `option` (or
`options`) and `other`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NotRequired, TypedDict

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from ..web import refusals
from ..web.refusals import Errors
from ..web.text_cleaning import clean, is_invisible
from .models import Answers, Question
from .questions import LARGEST_NUMBER, Kind, chosen, possible

TITLE_LENGTH = 150
OTHER_LENGTH = 250
#: Longest slug by which a dataset is named.
REFERENCE_LENGTH = 300
#: The first and the last year that a date may have.
YEARS = (1000, 2999)


def read_answers(
    questions: Iterable[Question], given: Any, errors: Errors
) -> tuple[Answers, set[str]]:
    """Read the answers to these questions. Return them, normalised, and the ids of the questions
    that the payload mentions (an empty answer withdraws an earlier one). Unknown questions are
    ignored. Errors are named `answers.<question>`. Raise TooLong for a text longer than comments
    may be."""
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
    """Add an error for each required question without an answer, or a matrix with rows left out."""
    for question in questions:
        name = f"answers.{question['id']}"
        if not question["required"] or name in errors:
            continue
        answer = answers.get(question["id"])
        if answer is None:
            errors[name] = _("This question needs an answer.")
        elif question["kind"] == Kind.MATRIX and len(answer) < len(question["rows"]):
            errors[name] = _("Each line needs an answer.")


def _read_answer(question: Question, value: Any, errors: Errors) -> Any:
    name = f"answers.{question['id']}"
    if value is None or (isinstance(value, (str, list, dict)) and not value):
        return None
    match Kind(question["kind"]):
        case Kind.SINGLE | Kind.MULTIPLE:
            return _choice(question, value, errors, name)
        case Kind.SCALE:
            if _is_step(value, question):
                return value
            errors[name] = _("Choose one of the answers.")
        case Kind.RANKING:
            return _ranking(question, value, errors, name)
        case Kind.MATRIX:
            return _matrix(question, value, errors, name)
        case Kind.NUMBER:
            return _number(question, value, errors, name)
        case Kind.DATE:
            return _date(question, value, errors, name)
        case Kind.TEXT:
            return _text(value, None, errors, name)
        case Kind.DATASET:
            return _dataset(value, errors, name)
        case Kind.MISSING_DATASET:
            return _missing_dataset(value, errors, name)
    return None


def _choice(question: Question, value: Any, errors: Errors, name: str) -> Any:
    """Read one option, or several, with a person's own words that may go with them."""
    several = question["kind"] == Kind.MULTIPLE
    words = None
    if isinstance(value, dict):
        words = _text(value.get("other"), OTHER_LENGTH, errors, name)
        value = value.get("options") if several else value.get("option")
        if value in (None, "", []):
            return None
    options = possible(question)
    found = value if several else [value]
    if not isinstance(found, list) or not all(isinstance(v, str) and v in options for v in found):
        errors[name] = (
            _("Choose some of the answers.") if several else _("Choose one of the answers.")
        )
        return None
    most = question.get("max_choices")
    if most and len(set(found)) > most:
        errors[name] = _("Choose %(most)d answers at most.", most=most)
        return None
    answer: Any = [option for option in options if option in found] if several else value
    asks = {option["id"] for option in question["options"] if option.get("other")}
    if words and asks.intersection(chosen(answer)):
        return {"options" if several else "option": answer, "other": " ".join(words.split())}
    return answer


def _is_step(value: Any, question: Question) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in possible(question)


def _ranking(question: Question, value: Any, errors: Errors, name: str) -> list[str] | None:
    """Read an order: a list of options, best first, or option → place, as forms send it."""
    if isinstance(value, dict):
        places = {option: place for option, place in value.items() if place not in (None, "")}
        if not all(isinstance(p, int) and not isinstance(p, bool) for p in places.values()):
            errors[name] = _("Give each one a place, from 1.")
            return None
        if len(set(places.values())) < len(places):
            errors[name] = _("Two of them have the same place: give each place once.")
            return None
        value = sorted(places, key=lambda option: places[option])
        if not value:
            return None
    options = {option["id"] for option in question["options"]}
    if (
        not isinstance(value, list)
        or not all(isinstance(one, str) and one in options for one in value)
        or len(set(value)) < len(value)
    ):
        errors[name] = _("A list of the options, each once, the first one first.")
        return None
    most = question.get("max_choices")
    if most and len(value) > most:
        errors[name] = _("Rank %(most)d of them at most.", most=most)
        return None
    return value


def _matrix(question: Question, value: Any, errors: Errors, name: str) -> dict[str, int] | None:
    rows = [row["id"] for row in question["rows"]]
    if not isinstance(value, dict) or not set(value) <= set(rows):
        errors[name] = _("An object: line to step of the scale.")
        return None
    given = {row: value[row] for row in rows if value.get(row) not in (None, "")}
    if not all(_is_step(step, question) for step in given.values()):
        errors[name] = _("Choose one of the answers on each line.")
        return None
    return given or None


def _number(question: Question, value: Any, errors: Errors, name: str) -> float | None:
    """Read a number, from a text too: spaces between thousands, a decimal comma or point."""
    if isinstance(value, str):
        written = "".join(value.split()).replace(",", ".")
        try:
            value = float(written)
        except ValueError:
            value = None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:
        errors[name] = _("A number, such as 12 or 12.5.")
        return None
    least, most = question.get("min"), question.get("max")
    if isinstance(least, (int, float)) and value < least:
        errors[name] = _("%(least)s at least.", least=least)
    elif isinstance(most, (int, float)) and value > most:
        errors[name] = _("%(most)s at most.", most=most)
    elif abs(value) > LARGEST_NUMBER:
        errors[name] = _("%(most)s at most.", most=LARGEST_NUMBER)
    if name in errors:
        return None
    value = round(value, 6)
    return int(value) if value == int(value) else value


def _date(question: Question, value: Any, errors: Errors, name: str) -> str | None:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        errors[name] = _("A date, such as 2026-12-31.")
        return None
    written = day.isoformat()
    least = str(question.get("min") or f"{YEARS[0]}-01-01")
    most = str(question.get("max") or f"{YEARS[1]}-12-31")
    if not least <= written <= most:
        errors[name] = _("A date from %(least)s to %(most)s.", least=least, most=most)
        return None
    return written


def _dataset(value: Any, errors: Errors, name: str) -> ObjectId | str | None:
    if isinstance(value, dict):
        value = value.get("id")
    if isinstance(value, ObjectId):
        return value
    if isinstance(value, str) and ObjectId.is_valid(value):
        return ObjectId(value)
    if isinstance(value, str) and 0 < len(value) <= REFERENCE_LENGTH:
        return value  # a slug, which is looked up when the answer is recorded
    errors[name] = _("Choose a dataset of the list.")
    return None


class MissingData(TypedDict):
    """Data that a person misses; `ask`: they want a request made of it."""

    title: str
    description: NotRequired[str]
    ask: NotRequired[bool]


def _missing_dataset(value: Any, errors: Errors, name: str) -> MissingData | None:
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
    answer: MissingData = {"title": " ".join(title.split())}
    if details:
        answer["description"] = details
    if ask is True:
        answer["ask"] = True
    return answer


def _text(value: Any, longest: int | None, errors: Errors, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        errors[name] = _("A text.")
        return None
    if is_invisible(value or ""):
        errors[name] = _("Nothing of this text can be seen.")
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
