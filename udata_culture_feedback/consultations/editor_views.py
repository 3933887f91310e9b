"""The team's editor: creating a consultation, its questions, a preview, publishing, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import NotRequired, TypedDict

from flask import Response, request
from udata.i18n import lazy_gettext as _

from ..contributions.picking import Picked
from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..web import refusals
from ..web.api import never_stored
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    render,
)
from ..web.refusals import Errors
from ..web.untyped import Payload, Shown
from . import actions, copying, editor_forms, presentation
from .models import Consultation, Question
from .question_reading import MAX_STEPS
from .questions import condition_in_words
from .representation import informed
from .team_pages import after, asked, common, readable_page, team
from .window import Window, in_words, until_in_words
from .wording import FORM_LANGUAGES, said

#: Fields of the form that an error may link to.
FIELDS = frozenset(
    (*editor_forms.TEXTS, *editor_forms.PICKED, "opens_at", "closes_at", "contact", "scope.tags")
) | {"steps", "mode"}
QUESTION_FIELDS = (
    *("text", "help", "kind", "options", "rows", "scale", "min", "max", "unit", "max_choices"),
    *("step", "shown_if", "id"),
)


class QuestionForm(TypedDict):
    """The form of a question: its id as `key`, its place, its values, what it may depend on, and
    what it does in words. A new one has no question."""

    key: str
    number: NotRequired[int]
    question: Question | None
    step: int
    shown: Shown
    conditions: list[tuple[str, str]]
    condition: NotRequired[str]
    untranslated: NotRequired[list[str]]


class Step(TypedDict):
    """A step, with the forms of its questions."""

    title: str
    forms: list[QuestionForm]


#: The key of the form for a new question.
NEW = "new"


@blueprint.route("/pages/consultations/new")
def new_consultation() -> Response:
    viewer = team()
    model = request.args.get("model")
    typed = copying.typed_model(model) if model in copying.MODELS else None
    return _form(viewer, None, typed=typed and dict(typed, model=model))


@blueprint.route("/pages/consultations/new", methods=["POST"])
@handles_refusal
def make_consultation() -> Response:
    viewer = current_viewer()
    picked = editor_forms.nothing_picked()

    def act() -> str:
        payload = _read(picked)
        return after(actions.create(viewer, copying.from_model(payload)), "edit", done="made")

    def again(refusal: refusals.Refusal) -> Response:
        return _form(viewer, None, typed=_typed(refusal), picked=picked, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


@blueprint.route("/pages/consultations/<string:reference>/edit")
def edit_consultation_page(reference: str) -> Response:
    """Show a consultation to its team, with its questions and the possible actions."""
    viewer = team()
    return _form(viewer, readable_page(viewer, reference))


@blueprint.route("/pages/consultations/<string:reference>/edit", methods=["POST"])
@handles_refusal
def edit_consultation(reference: str) -> Response:
    viewer, consultation = asked(reference)
    picked = editor_forms.picked_of(consultation)

    def act() -> str:
        edited = actions.edit(viewer, consultation["_id"], _read(picked))
        return after(edited, "edit", done="edited")

    def again(refusal: refusals.Refusal) -> Response:
        typed = _typed(refusal)
        return _form(viewer, consultation, typed=typed, picked=picked, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


@form_address(
    "/pages/consultations/<string:reference>/questions", page="consultations/{reference}/edit"
)
@handles_refusal
def edit_question(reference: str) -> Response:
    """Add, change, move or remove one question."""
    viewer, consultation = asked(reference)

    def act() -> str:
        questions = editor_forms.questions_of_form(consultation["questions"], request.form)
        changed = {"questions": questions, "version": editor_forms.version_of(request.form)}
        edited = actions.edit(viewer, consultation["_id"], changed)
        return after(edited, "edit", done="removed" if "delete" in request.form else "question")

    def again(refusal: refusals.Refusal) -> Response:
        sent = request.form.get("question") or NEW
        refusal.errors = _of_one_question(refusal.errors, sent)
        return _form(viewer, consultation, question=sent, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


@form_address("/pages/consultations/<string:reference>/copy", page="consultations/{reference}/edit")
@handles_refusal
def copy_consultation(reference: str) -> Response:
    """Create a draft that copies this consultation."""
    team()
    return _act(
        reference,
        lambda viewer, one: after(copying.copy(viewer, one["_id"], {}), "edit", done="copied"),
    )


@form_address(
    "/pages/consultations/<string:reference>/publish", page="consultations/{reference}/edit"
)
@handles_refusal
def publish_consultation(reference: str) -> Response:
    return _act(
        reference,
        lambda viewer, one: after(actions.publish(viewer, one["_id"]), "edit", done="published"),
    )


@form_address(
    "/pages/consultations/<string:reference>/delete", page="consultations/{reference}/edit"
)
@handles_refusal
def delete_consultation(reference: str) -> Response:
    def delete(viewer: Viewer, consultation: Consultation) -> str:
        actions.delete(viewer, consultation["_id"])
        return page_address("consultations/", done="deleted")

    return _act(reference, delete)


@blueprint.route("/pages/consultations/<string:reference>/preview")
def preview_consultation(reference: str) -> Response:
    """Show every step as respondents will see it, with the conditions of its questions."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    count = max(1, len(consultation["steps"]))
    return never_stored(
        render(
            "consultations/preview.html",
            **common(viewer, consultation),
            title=said(consultation["title"]),
            introduction=said(consultation.get("introduction")),
            outcome=said(consultation.get("outcome")),
            controller=said(informed(consultation, "controller")),
            dpo=said(informed(consultation, "dpo")),
            retention=said(informed(consultation, "retention")),
            steps=[
                {
                    "title": said(consultation["steps"][number - 1])
                    if consultation["steps"]
                    else str(_("Your answer")),
                    "questions": [
                        (question, condition_in_words(question, consultation["questions"]))
                        for question in consultation["questions"]
                        if question["step"] == number
                    ],
                }
                for number in range(1, count + 1)
            ],
            languages=[
                (language, page_address(f"consultations/{consultation['slug']}/preview"))
                for language in FORM_LANGUAGES
            ],
            untranslated=_untranslated(consultation),
            picked=presentation.picked_of(consultation["questions"], {}),
        )
    )


# --- What they share ------------------------------------------------------------------------------


def _act(reference: str, action: Callable[[Viewer, Consultation], str]) -> Response:
    """Handle a form that is only a button; `action` returns what follows."""
    viewer, consultation = asked(reference)
    return handle_form(
        lambda: action(viewer, consultation),
        lambda refusal: _form(viewer, consultation, refusal=refusal),
        guard=lambda: check_guard(viewer),
    )


def _typed(refusal: refusals.Refusal) -> Shown:
    """Return what was typed, but for a body too long to be read."""
    return {} if refusal.status == refusals.TooLong.status else dict(request.form)


def _read(picked: dict[str, Picked]) -> Payload:
    """Read the form of a consultation; what is picked in it replaces `picked`. Raise Invalid for a
    choice that is unclear."""
    payload, chosen = editor_forms.consultation_of_form(request.form)
    picked |= chosen
    for name, one in picked.items():
        one.must_be_clear(name)
    return payload


def _form(
    viewer: Viewer,
    consultation: Consultation | None,
    *,
    typed: Shown | None = None,
    picked: dict[str, Picked] | None = None,
    question: str | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    """Show the form of a consultation and those of its questions. `question`: the one whose form
    was sent and refused."""
    shown = editor_forms.form_of(consultation) if consultation else {}
    if picked is None:
        picked = (
            editor_forms.picked_of(consultation) if consultation else editor_forms.nothing_picked()
        )
    forms = _question_forms(consultation["questions"] if consultation else [])
    for one in forms:
        if one["key"] == question:  # what was typed is kept
            one["shown"] |= dict(request.form) | {
                "required": "required" in request.form,
                "shown_if": request.form.getlist("shown_if"),
            }
    window = Window.of(consultation) if consultation else None
    fields = FIELDS if question is None else {f"{question}.{name}" for name in QUESTION_FIELDS}
    return never_stored(
        render(
            "consultations/edit.html",
            **common(viewer, consultation, refusal, fields),
            shown=shown | (typed or {}),
            read_only=("read_only" in typed) if typed else bool(shown.get("read_only")),
            show_participation=("show_participation" in typed)
            if typed
            else bool(shown.get("show_participation")),
            modes=editor_forms.MODE_LABELS,
            picked=picked,
            forms=forms,
            steps=_steps(consultation, forms),
            shown_step=_shown_step(forms, question),
            previewed=presentation.picked_of(consultation["questions"] if consultation else [], {}),
            open_question=question,
            kinds=editor_forms.KIND_LABELS,
            steps_count=max(1, len(consultation["steps"])) if consultation else MAX_STEPS,
            state=window.state(now()).value if window else "draft",
            frozen=bool(consultation and actions.is_frozen(consultation)),
            missing=actions.what_is_missing(consultation) if consultation else {},
            worth_a_look=actions.worth_a_look(consultation) if consultation else [],
            opens=in_words(window.opens_at) if window else "",
            closes=until_in_words(window.closes_at) if window else "",
            here=page_address(
                f"consultations/{consultation['slug']}/edit"
                if consultation
                else "consultations/new"
            ),
        )
    )


def _question_forms(questions: list[Question]) -> list[QuestionForm]:
    """Return the forms of all questions, then that of a new one."""
    forms: list[QuestionForm] = [
        {
            "key": one["id"],
            "number": number,
            "question": one,
            "step": one["step"],
            "shown": editor_forms.form_of_question(one, number),
            "conditions": editor_forms.conditions(questions, one),
            "condition": condition_in_words(one, questions),
            "untranslated": [
                language for language in FORM_LANGUAGES if language not in one["text"]
            ],
        }
        for number, one in enumerate(questions, 1)
    ]
    forms.append(
        {
            "key": NEW,
            "question": None,
            "step": 0,
            "shown": editor_forms.form_of_question(None, len(questions) + 1),
            "conditions": editor_forms.conditions(questions, None),
        }
    )
    return forms


def _steps(consultation: Consultation | None, forms: list[QuestionForm]) -> list[Step]:
    """Return each step with its title and the forms of its questions."""
    titles = [str(said(title)) for title in consultation["steps"]] if consultation else []
    return [
        {"title": title, "forms": [one for one in forms[:-1] if one["step"] == number]}
        for number, title in enumerate(titles or [""], 1)
    ]


def _shown_step(forms: list[QuestionForm], question: str | None) -> int:
    """Return the step to preview: the one asked for, otherwise that of the open question."""
    last = max((one["step"] for one in forms[:-1]), default=1)
    asked = editor_forms.whole_number(request.args.get("step"))
    if asked:
        return min(max(asked, 1), last)
    return next((one["step"] for one in forms[:-1] if one["key"] == question), 1)


def _of_one_question(errors: Errors, asked: str) -> Errors:
    """Rename errors as fields of the form of one question: they arrive with its place in the
    list."""
    found = {}
    for name, text in errors.items():
        parts = name.split(".", 2)
        is_field = len(parts) == 3 and parts[0] == "questions"
        found[f"{asked}.{parts[2]}" if is_field else name] = text
    return found


def _untranslated(consultation: Consultation) -> list[str]:
    """List the languages of the forms in which a text is missing."""
    texts = [consultation["title"], *consultation["steps"]]
    for question in consultation["questions"]:
        texts += [question["text"], *question.get("scale", ())]
        texts += [option["label"] for option in question.get("options", ())]
        texts += [row["label"] for row in question.get("rows", ())]
    return [
        language
        for language in FORM_LANGUAGES
        if any(text and language not in text for text in texts)
    ]
