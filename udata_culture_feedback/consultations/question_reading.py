"""Questions as their team defines them, read and checked, for JSON and forms alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import slugify
from udata.i18n import lazy_gettext as _

from ..vocabulary import vocabularies
from ..web.refusals import Errors
from ..web.untyped import Payload
from .answers import YEARS
from .models import Condition, Conditions, Option, Question
from .questions import (
    COUNTED,
    LARGEST_NUMBER,
    OPTIONED,
    PROFILE,
    Kind,
    conditions_of,
    possible,
)
from .wording import Texts, read_texts

#: Ids become names of counters and parts of `submission_id`.
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MAX_QUESTIONS = 60
MAX_OPTIONS = 40
#: Bounded because each row has a figure for each place, or step.
MAX_ROWS = 15
MAX_STEPS = 8
#: Most conditions of one question.
MAX_CONDITIONS = 10
SCALE_STEPS = range(2, 11)
LABEL_LENGTH = 250
UNIT_LENGTH = 40
TEXT_LENGTH = 500
HELP_LENGTH = 2000


def read_questions(payload: Any, errors: Errors, steps: int) -> list[Question]:
    """Read a list of questions; errors are named `questions.<n>.<field>`, n from 0. `steps`: the
    number of steps (1: one page)."""
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
            taken |= named  # ids of later questions too: a generated id must not take theirs
        read.append(read_question(given, errors, steps, where=where, taken=taken))
    if not any(name.startswith("questions") for name in errors):
        _check_conditions(read, errors)
    return read


def read_question(
    given: Payload,
    errors: Errors,
    steps: int,
    *,
    where: str = "",
    taken: Iterable[str] = (),
) -> Question:
    """Read one question. The questions named in its condition are not looked up."""

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
    _read_answers(Kind(kind), given, question, errors, at)
    condition = _shown_if(given.get("shown_if"), errors, at("shown_if"))
    if condition:
        question["shown_if"] = condition
    return question


def _read_answers(
    kind: Kind, given: Payload, question: Question, errors: Errors, at: Callable[[str], str]
) -> None:
    """Read the possible answers to a question of this kind."""
    if kind in OPTIONED or kind is Kind.RANKING:
        most = MAX_ROWS if kind is Kind.RANKING else MAX_OPTIONS
        others = kind in OPTIONED
        question["options"] = _options(given.get("options"), 2, most, errors, at("options"), others)
    if kind is Kind.MATRIX:
        question["rows"] = _options(given.get("rows"), 1, MAX_ROWS, errors, at("rows"), False)
    if kind in (Kind.SCALE, Kind.MATRIX):
        question["scale"] = _scale(given.get("scale"), errors, at("scale"))
    if kind in (Kind.MULTIPLE, Kind.RANKING):
        _max_choices(given.get("max_choices"), question, errors, at("max_choices"))
    if kind in (Kind.NUMBER, Kind.DATE):
        for field in ("min", "max"):
            bound = _bound(kind, given.get(field), errors, at(field))
            if bound is not None:
                question[field] = bound
        _check_bounds(question, errors, at("max"))
    if kind is Kind.NUMBER and given.get("unit"):
        question["unit"] = read_texts(given, "unit", UNIT_LENGTH, errors, name=at("unit"))


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


def _options(
    given: Any, least: int, most: int, errors: Errors, name: str, others: bool
) -> list[Option]:
    """Read options to choose, or rows; with `others`, one of them may ask for a person's own
    words."""
    if not isinstance(given, list) or not least <= len(given) <= most:
        errors[name] = (
            _("From %(least)d to %(most)d options.", least=least, most=most)
            if least > 1
            else _("From %(least)d to %(most)d lines.", least=least, most=most)
        )
        return []
    options: list[Option] = []
    for one in given:
        if not isinstance(one, dict):
            one = {"label": one}
        label = read_texts(one, "label", LABEL_LENGTH, errors, required=True, name=name)
        taken = {known["id"] for known in options}
        option: Option = {
            "id": _id(one.get("id"), label, "option", taken, errors, name),
            "label": label,
        }
        if others and one.get("other") is True:
            option["other"] = True
        options.append(option)
    if name not in errors and (alike := _alike(options)):
        errors[name] = _("“%(text)s” is there twice.", text=alike)
    if sum(bool(option.get("other")) for option in options) > 1:
        errors[name] = _("One option only may ask for words of one's own.")
    return options


def _alike(options: list[Option]) -> str | None:
    """Find a label that two options share in one language; None without one."""
    seen: set[tuple[str, str]] = set()
    for option in options:
        for language, text in option["label"].items():
            key = (language, text.casefold())
            if key in seen:
                return text
            seen.add(key)
    return None


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


def _max_choices(given: Any, question: Question, errors: Errors, name: str) -> None:
    if given in (None, ""):
        return
    most = len(question["options"])
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= max(most, 1):
        errors[name] = _("A number from 1 to %(most)d.", most=most)
    elif given < most:
        question["max_choices"] = given


def _bound(kind: Kind, given: Any, errors: Errors, name: str) -> float | str | None:
    """Read the least or the greatest value of a number or a date."""
    if given in (None, ""):
        return None
    if kind is Kind.NUMBER:
        if (
            isinstance(given, (int, float))
            and not isinstance(given, bool)
            and abs(given) <= LARGEST_NUMBER
        ):
            return int(given) if given == int(given) else given
        errors[name] = _("A number, such as 12 or 12.5.")
        return None
    try:
        day = date.fromisoformat(given)
    except (TypeError, ValueError):
        day = None
    if day is None or not YEARS[0] <= day.year <= YEARS[1]:
        errors[name] = _("A date, such as 2026-12-31.")
        return None
    return day.isoformat()


def _check_bounds(question: Question, errors: Errors, name: str) -> None:
    least, most = question.get("min"), question.get("max")
    if least is not None and most is not None and not least < most:  # type: ignore[operator]
        errors[name] = _("The greatest value is over the least one.")


# --- Conditions -----------------------------------------------------------------------------------


def _shown_if(given: Any, errors: Errors, name: str) -> Condition | Conditions | None:
    """Read the conditions of a question: one condition, a list that must all hold, or an object
    that joins a list by `all` or `any`."""
    if not given:
        return None
    if isinstance(given, dict) and "all" not in given and "any" not in given:
        return _condition(given, errors, name)
    listed = given
    join = "all"
    if isinstance(given, dict):
        join = "any" if "any" in given else "all"
        listed = given[join]
        if len(given) > 1:
            listed = None
    if not isinstance(listed, list) or len(listed) > MAX_CONDITIONS:
        errors[name] = _(
            "A list of %(n)d conditions at most, joined by all or by any.", n=MAX_CONDITIONS
        )
        return None
    found = [_condition(one, errors, name) for one in listed]
    conditions = [one for one in found if one]
    if not conditions:
        return None
    return {"any": conditions} if join == "any" else {"all": conditions}


def _condition(given: Any, errors: Errors, name: str) -> Condition | None:
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
        for condition in conditions_of(question)[1]:
            wrong = _why_not(condition, question, by_id)
            if wrong:
                errors[f"questions.{number}.shown_if"] = wrong


def _why_not(condition: Condition, question: Question, by_id: dict[str, Question]) -> Any:
    """Return the error of an impossible condition; None for a possible one."""
    asked = by_id.get(condition["question"])
    if asked is None and condition["question"] == PROFILE:
        if question["step"] < 2:
            return _("A question that depends on another stands on a later step.")
        if not set(condition["answers"]) <= set(vocabularies().ids("profiles")):
            return _("There is no such profile.")
        return None
    if asked is None or Kind(asked["kind"]) not in COUNTED:
        return _("It depends on a question with options or a scale.")
    if asked["step"] >= question["step"]:
        return _("A question that depends on another stands on a later step.")
    if not set(condition["answers"]) <= set(possible(asked)):
        return _("That question has no such answer.")
    return None
