"""Consultations as pages show them: the banner on a dataset's page, the steps of a form, a person's
answers in words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from bson import ObjectId
from flask_babel import format_decimal
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext
from werkzeug.datastructures import MultiDict

from ..contributions import picking
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web.moments import in_words as day_in_words
from ..web.moments import portal_zone, to_local
from ..web.pages import page_address
from ..web.untyped import Payload
from . import scope
from .models import Answers, Consultation, Question
from .questions import Kind, chosen, depends_on_profile, labels, rows_of, shown
from .window import Window, until_in_words
from .wording import said

#: A date answer, as it is stored.
DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: Longest answers, in characters, that an anonymous form carries from step to step.
CARRIED = 48 * 1024


# --- On the page of a dataset ---------------------------------------------------------------------


@dataclass(frozen=True)
class Banner:
    """The notice on a dataset's page about the open consultation it belongs to."""

    title: str
    days_left: str
    address: str


def banner(dataset: DatasetFacts) -> Banner | None:
    """Return the banner of the open consultation of a dataset, if there is one. Usually without a
    database command."""
    found = scope.open_for(dataset)
    if found is None:
        return None
    address = page_address(f"consultations/{found.slug}/")
    return Banner(said(found.title), days_left(found.window), address)


def open_consultations() -> str:
    """Return a cache key of the banners: a text that changes only when a banner may."""
    at = now()
    found = [(one, one.window.days_left(at)) for one in scope.open_at(at)]
    return repr(found) if found else ""


def days_left(window: Window) -> str:
    """Describe how long it is still open."""
    days = window.days_left(now())
    if days <= 0:
        return str(_("last day"))
    return str(ngettext("%(num)d day left", "%(num)d days left", days))


def when(window: Window) -> dict[str, str]:
    """Describe the window of a consultation in words."""
    zone = portal_zone()
    return {
        "opens": day_in_words(to_local(window.opens_at, zone).date()),
        "until": until_in_words(window.closes_at),
        "left": days_left(window),
    }


# --- Steps ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of a form. `number` counts the steps this person is shown, `index` all of them."""

    index: int
    number: int
    of: int
    title: str
    next_title: str | None
    questions: list[Question]
    previous: int | None
    following: int | None

    @property
    def last(self) -> bool:
        return self.following is None


def steps(consultation: Consultation, answers: Answers, profile: str | None = None) -> list[int]:
    """List the steps that a person is shown, by their number from 1: those with a question for
    them. The last one, after all steps of the questionnaire, is where the answer is reviewed and
    sent; a questionnaire on one page has a single step."""
    if not consultation["steps"]:
        return [1]
    asked = {question["step"] for question in shown(consultation["questions"], answers, profile)}
    if depends_on_profile(consultation["questions"]):
        asked.add(1)  # where the profile is asked
    return [*sorted(asked), len(consultation["steps"]) + 1]


def step_of(
    consultation: Consultation, answers: Answers, index: int | None, profile: str | None = None
) -> Step:
    """Return one step; where this person is not shown it, the next one they are, or else the
    first."""
    shown_steps = steps(consultation, answers, profile)
    if index not in shown_steps:
        later = [one for one in shown_steps if index is not None and one > index]
        index = later[0] if later else shown_steps[0]
    place = shown_steps.index(index)
    titles = [_title(consultation, one) for one in shown_steps]
    whole = not consultation["steps"]
    return Step(
        index=index,
        number=place + 1,
        of=len(shown_steps),
        title=titles[place],
        next_title=titles[place + 1] if place + 1 < len(titles) else None,
        questions=[
            question
            for question in in_order(consultation, answers, profile)
            if whole or question["step"] == index
        ],
        previous=shown_steps[place - 1] if place else None,
        following=shown_steps[place + 1] if place + 1 < len(shown_steps) else None,
    )


def in_order(
    consultation: Consultation, answers: Answers, profile: str | None = None
) -> list[Question]:
    """List the questions that a person is asked, in the order in which they were written."""
    asked = {question["id"] for question in shown(consultation["questions"], answers, profile)}
    return [question for question in consultation["questions"] if question["id"] in asked]


def _title(consultation: Consultation, step: int) -> str:
    if not consultation["steps"]:
        return str(_("Your answer"))
    if step > len(consultation["steps"]):
        return str(_("Review your answer and send it"))
    return said(consultation["steps"][step - 1])


# --- Forms ----------------------------------------------------------------------------------------


def answers_of_form(
    questions: list[Question], form: MultiDict[str, str]
) -> tuple[Answers, dict[str, picking.Picked]]:
    """Read the answers of a form to these questions, as the JSON API takes them (null: no answer),
    and the datasets picked."""
    answers: Answers = {}
    picked: dict[str, picking.Picked] = {}
    for question in questions:
        id, name = question["id"], f"answers.{question['id']}"
        match Kind(question["kind"]):
            case Kind.SINGLE | Kind.MULTIPLE:
                answers[id] = _chosen(question, form, name)
            case Kind.SCALE:
                answers[id] = _whole(form.get(name))
            case Kind.RANKING | Kind.MATRIX:
                answers[id] = _by_row(question, form, name)
            case Kind.DATASET:
                picked[id] = picking.read(form, name, picking.DATASET)
                answers[id] = picked[id].value
            case Kind.MISSING_DATASET:
                answers[id] = _missing(form, name)
            case _:
                answers[id] = form.get(name) or None
    return answers, picked


def picked_of(questions: list[Question], answers: Answers) -> dict[str, picking.Picked]:
    """Return the datasets picked so far, for the form to show."""
    found: dict[str, picking.Picked] = {}
    for question in questions:
        if question["kind"] == Kind.DATASET:
            named = answers.get(question["id"])
            choices = picking.named(picking.DATASET, [str(named)] if named else [])
            found[question["id"]] = picking.Picked([one.value for one in choices], choices)
    return found


def carried(answers: Answers) -> str:
    """Serialize answers for the form that carries them from step to step."""
    plain = {id: str(one) if isinstance(one, ObjectId) else one for id, one in answers.items()}
    return json.dumps(plain, ensure_ascii=False)


def uncarried(text: str | None) -> Answers:
    """Read the answers that a form carries; empty where they are invalid."""
    if not text or len(text) > CARRIED:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: str | None) -> Any:
    if not value:
        return None
    return int(value) if value.isascii() and value.isdigit() and len(value) < 3 else value


def _chosen(question: Question, form: MultiDict[str, str], name: str) -> Any:
    """Read one option, or several, with the words that go with « other »."""
    several = question["kind"] == Kind.MULTIPLE
    answer: Any = form.getlist(name) if several else form.get(name)
    other = form.get(f"{name}.other")
    if answer and other:
        return {"options" if several else "option": answer, "other": other}
    return answer or None


def _by_row(question: Question, form: MultiDict[str, str], name: str) -> Payload | None:
    """Read a step, or a place, for each row."""
    given = {row: _whole(form.get(f"{name}.{row}")) for row, _label in rows_of(question)}
    return {row: value for row, value in given.items() if value is not None} or None


def _missing(form: MultiDict[str, str], name: str) -> Payload | None:
    title, description = form.get(f"{name}.title"), form.get(f"{name}.description")
    if not (title or description):
        return None
    wish: Payload = {"title": title or None, "description": description or None}
    return wish | {"ask": f"{name}.ask" in form}


def ranked(answer: Any) -> list[str]:
    """Return a ranking, best first, even from the places a form sends: option → place."""
    if isinstance(answer, dict):
        return sorted(answer, key=lambda one: str(answer[one]))
    return list(answer or ())


# --- In words -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A question and a person's answer in words; `words` is empty for no answer."""

    question: Question
    text: str
    words: list[str]
    required: bool


def in_words(
    consultation: Consultation, answers: Answers, profile: str | None = None
) -> list[Said]:
    """Describe a person's answers to the questions they are asked."""
    asked = in_order(consultation, answers, profile)
    datasets = catalogue.datasets_by_id(
        answer for answer in answers.values() if isinstance(answer, ObjectId)
    )
    return [
        Said(
            question,
            said(question["text"]),
            _words(question, answers.get(question["id"]), datasets),
            question["required"],
        )
        for question in asked
    ]


def _words(question: Question, answer: Any, datasets: dict[Any, DatasetFacts]) -> list[str]:
    if answer is None:
        return []
    match Kind(question["kind"]):
        case Kind.SINGLE | Kind.MULTIPLE | Kind.SCALE:
            given = chosen(answer)
            words = [label for value, label in labels(question) if value in given]
            return [*words, answer["other"]] if isinstance(answer, dict) else words
        case Kind.RANKING:
            named = dict(rows_of(question))
            return [f"{place}. {named[one]}" for place, one in enumerate(ranked(answer), 1)]
        case Kind.MATRIX:
            steps_said = dict(labels(question))
            return [
                str(_("%(line)s: %(answer)s", line=label, answer=steps_said[answer[row]]))
                for row, label in rows_of(question)
                if answer.get(row) in steps_said
            ]
        case Kind.NUMBER if isinstance(answer, (int, float)):
            unit = said(question.get("unit"))
            return [f"{format_decimal(answer)} {unit}".strip()]
        case Kind.DATE if DAY.fullmatch(str(answer)):
            return [day_in_words(date.fromisoformat(answer))]
        case Kind.DATASET:
            dataset = datasets.get(answer)
            return [dataset.title] if dataset and dataset.listed else [str(answer)]
        case Kind.MISSING_DATASET:
            if not isinstance(answer, dict):
                return [str(answer)]
            return [text for text in (answer.get("title"), answer.get("description")) if text]
    return [str(answer)]
