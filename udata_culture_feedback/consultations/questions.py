"""Questionnaires: the kinds of questions, which of them a person is asked, and which answers are
counted one by one.

A question with `shown_if` stands on a later step than the question it depends on, so that it works
without JavaScript. Questions are asked in the order of the list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, cast

from flask_babel import format_decimal
from udata.i18n import lazy_gettext as _

from ..vocabulary import vocabularies
from .models import Answers, Condition, Question
from .wording import said


class Kind(StrEnum):
    """The kind of a question."""

    SINGLE = "single"  # one of its options
    MULTIPLE = "multiple"  # some of its options
    SCALE = "scale"  # a step of its scale, from 1
    RANKING = "ranking"  # its options in an order, best first
    MATRIX = "matrix"  # for each of its rows, a step of its scale
    NUMBER = "number"
    DATE = "date"  # a day, as 2026-12-31
    TEXT = "text"  # free text
    DATASET = "dataset"  # a dataset of the portal
    MISSING_DATASET = "missing_dataset"  # data that are not there


#: The kinds whose answers are words of their author.
WRITTEN = (Kind.TEXT, Kind.MISSING_DATASET)


#: Kinds that are answered by choosing: conditions may depend on them.
COUNTED = frozenset((Kind.SINGLE, Kind.MULTIPLE, Kind.SCALE))
#: Kinds with an answer for each of several rows.
GRIDS = frozenset((Kind.RANKING, Kind.MATRIX))
#: Kinds whose answers are counted by ranges.
BINNED = frozenset((Kind.NUMBER, Kind.DATE))
#: Kinds whose options may ask for words of one's own.
OPTIONED = frozenset((Kind.SINGLE, Kind.MULTIPLE))

#: The name of a person's profile in conditions; a question with this id takes precedence.
PROFILE = "profile"

#: The greatest number allowed, on either side of zero.
LARGEST_NUMBER = 1_000_000_000
#: Bins of a number that has a least and a greatest value.
BINS = 10
#: Dates of before this year are counted by centuries.
BY_YEAR_FROM = 1900


# --- Who is asked what ----------------------------------------------------------------------------


def shown(
    questions: Iterable[Question], answers: Answers, profile: str | None = None
) -> list[Question]:
    """List the questions that a person with these answers and profile is asked, step by step.
    Questions that depend on one not asked are not asked either."""
    asked: list[Question] = []
    known: dict[str, set[Any]] = {PROFILE: {profile} - {None}}
    ordered = sorted(questions, key=lambda question: question["step"])
    for question in ordered:
        known.pop(question["id"], None)  # the id of a question may be "profile"
    for question in ordered:
        if not _is_met(question, known):
            continue
        asked.append(question)
        known[question["id"]] = set(chosen(answers.get(question["id"])))
    return asked


def pruned(questions: Iterable[Question], answers: Answers, profile: str | None = None) -> Answers:
    """Drop the answers to questions that are not asked."""
    ids = {question["id"] for question in shown(questions, answers, profile)}
    return {id: answer for id, answer in answers.items() if id in ids}


def conditions_of(question: Question) -> tuple[str, list[Condition]]:
    """Return how the conditions of a question are joined ("all" or "any"), and the conditions."""
    condition = question.get("shown_if")
    if not condition:
        return "all", []
    if "question" in condition:
        return "all", [cast(Condition, condition)]
    if "any" in condition:
        return "any", condition["any"]
    return "all", condition.get("all", [])


def depends_on_profile(questions: Iterable[Question]) -> bool:
    """Check whether the profile has to be asked before the questions that depend on it."""
    questions = list(questions)
    if any(question["id"] == PROFILE for question in questions):
        return False
    return any(
        condition["question"] == PROFILE
        for question in questions
        for condition in conditions_of(question)[1]
    )


def _is_met(question: Question, known: dict[str, set[Any]]) -> bool:
    join, conditions = conditions_of(question)
    if not conditions:
        return True
    met = (
        bool(known.get(one["question"], set()).intersection(one["answers"])) for one in conditions
    )
    return any(met) if join == "any" else all(met)


def structure(questions: Iterable[Question]) -> list[dict[str, object]]:
    """Return what must not change once somebody has answered: everything but the words."""
    return [
        {
            "id": question["id"],
            "kind": question["kind"],
            "required": question["required"],
            "step": question["step"],
            "options": [
                (option["id"], bool(option.get("other"))) for option in question.get("options", ())
            ],
            "rows": [row["id"] for row in question.get("rows", ())],
            "scale": len(question.get("scale", ())),
            **{field: question.get(field) for field in ("min", "max", "max_choices", "shown_if")},
        }
        for question in questions
    ]


# --- What is counted ------------------------------------------------------------------------------


def chosen(answer: Any) -> list[Any]:
    """Return the options chosen in an answer, without the words that go with « other »."""
    if isinstance(answer, dict):
        if "option" in answer:
            return [answer["option"]]
        return list(answer.get("options") or ())
    if answer is None:
        return []
    return list(answer) if isinstance(answer, list) else [answer]


def wordless(answer: Any) -> Any:
    """Return an answer without the words that go with « other »."""
    if isinstance(answer, dict) and "other" in answer:
        return answer["option"] if "option" in answer else answer["options"]
    return answer


def without_words(questions: list[Question], answers: Answers) -> Answers:
    """Return answers without what their author wrote, for a browser that somebody else may be using
    now."""
    return {
        question["id"]: wordless(answers[question["id"]])
        for question in questions
        if question["id"] in answers and Kind(question["kind"]) not in WRITTEN
    }


def possible(question: Question) -> list[Any]:
    """List the answers that are counted one by one: ids of options, steps of a scale, places of a
    ranking. Those of a date are not known in advance."""
    match Kind(question["kind"]):
        case Kind.SCALE | Kind.MATRIX:
            return list(range(1, len(question["scale"]) + 1))
        case Kind.RANKING:
            most = question.get("max_choices") or len(question["options"])
            return list(range(1, most + 1))
        case Kind.NUMBER:
            return [str(number) for number in range(-1, len(_edges(question)))]
    return [option["id"] for option in question.get("options", ())]


def rows_of(question: Question) -> list[tuple[str, str]]:
    """List the rows of a grid, each with its label: those of a matrix, what is ranked."""
    listed = question["options"] if question["kind"] == Kind.RANKING else question["rows"]
    return [(row["id"], said(row["label"])) for row in listed]


def labels(question: Question) -> list[tuple[Any, str]]:
    """List the answers that are counted one by one, each with its label."""
    match Kind(question["kind"]):
        case Kind.SCALE | Kind.MATRIX:
            return [(step, said(label)) for step, label in enumerate(question["scale"], 1)]
        case Kind.RANKING:
            return [(place, str(place)) for place in possible(question)]
        case Kind.NUMBER:
            return [(one, bin_label(question, one)) for one in possible(question)]
    return [(option["id"], said(option["label"])) for option in question.get("options", ())]


def counted(question: Question, answer: Any) -> list[str]:
    """Name what an answer counts as, within its question: `<option>`, `<step>`, `<bin>`, or
    `<row>:<step or place>`."""
    match Kind(question["kind"]):
        case Kind.SINGLE | Kind.MULTIPLE | Kind.SCALE:
            return [str(one) for one in chosen(answer)]
        case Kind.RANKING:
            return [f"{option}:{place}" for place, option in enumerate(answer, 1)]
        case Kind.MATRIX:
            return [f"{row}:{step}" for row, step in answer.items()]
        case Kind.NUMBER | Kind.DATE:
            return [bin_of(question, answer)]
    return []


def bin_of(question: Question, answer: Any) -> str:
    """Name the range in which a number or a date is counted: the place of its lower edge (-1: below
    the first), a year, or the first year of a century."""
    if question["kind"] == Kind.DATE:
        year = date.fromisoformat(answer).year
        return str(year if year >= BY_YEAR_FROM else year // 100 * 100)
    edges = _edges(question)
    return str(min(bisect_right(edges, answer) - 1, len(edges) - 1))


def bin_label(question: Question, bin: str) -> str:
    """Return the label of a range."""
    number = int(bin)
    if question["kind"] == Kind.DATE:
        return bin if number >= BY_YEAR_FROM else f"{number}–{number + 99}"
    edges = _edges(question)
    unit = said(question.get("unit"))
    end = f" {unit}" if unit else ""
    if number < 0:
        return str(_("less than %(number)s", number=format_decimal(edges[0]))) + end
    least = format_decimal(edges[number])
    if number + 1 < len(edges):
        if _one_by_one(question):
            return f"{least}{end}"
        most = format_decimal(edges[number + 1])
        return str(_("from %(least)s to less than %(most)s", least=least, most=most)) + end
    return str(_("%(number)s or more", number=least)) + end


def _edges(question: Question) -> list[float]:
    """List the lower edges of the ranges of a number, in order."""
    least, most = question.get("min"), question.get("max")
    if isinstance(least, str) or isinstance(most, str):
        return []
    if least is not None and most is not None:
        if _one_by_one(question):
            return [least + n for n in range(int(most - least) + 1)]
        return [round(least + n * (most - least) / BINS, 6) for n in range(BINS)]
    steps = [n * 10**power for power in range(9) for n in (1, 2, 5)]
    return [0, *steps, LARGEST_NUMBER]


def _one_by_one(question: Question) -> bool:
    """Check whether a number has so few values that each is counted."""
    least, most = question.get("min"), question.get("max")
    if not isinstance(least, int) or not isinstance(most, int):
        return False
    return most - least <= BINS


# --- In words -------------------------------------------------------------------------------------


def condition_in_words(question: Question, questions: Iterable[Question]) -> str:
    """Describe the conditions of a question in a sentence; empty where everybody is asked."""
    join, conditions = conditions_of(question)
    by_id = {one["id"]: one for one in questions}
    parts = [_condition_in_words(one, by_id) for one in conditions]
    if not parts:
        return ""
    glue = str(_("or") if join == "any" else _("and"))
    joined = f" {glue} ".join(parts)
    return str(_("Asked only of those who %(conditions)s.", conditions=joined))


def _condition_in_words(condition: Condition, by_id: dict[str, Question]) -> str:
    other = by_id.get(condition["question"])
    if other is None:
        lists = vocabularies()
        found = [str(lists.label("profiles", str(one))) for one in condition["answers"]]
        return str(_("have the profile %(profiles)s", profiles=_quoted(found)))
    named = dict(labels(other))
    found = [str(named.get(answer, answer)) for answer in condition["answers"]]
    return str(
        _(
            "answer %(answers)s to “%(question)s”",
            answers=_quoted(found),
            question=said(other["text"]),
        )
    )


def _quoted(words: list[str]) -> str:
    glue = str(_("or"))
    return f" {glue} ".join(str(_("“%(text)s”", text=one)) for one in words)
