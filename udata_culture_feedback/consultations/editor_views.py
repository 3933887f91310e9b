"""The team's editor: creating a consultation, its questions, a preview, publishing, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, redirect, request
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..web import refusals
from ..web.api import bound_body, never_stored
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handles_refusal,
    page_address,
    render,
)
from ..web.refusals import Errors
from . import actions, copying, editor_forms, presentation
from .models import Consultation, Question
from .question_reading import MAX_STEPS
from .questions import condition_in_words
from .representation import informed
from .team_pages import asked, common, go_on, readable_page, team
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
    typed: dict[str, Any] = {}
    picked = editor_forms.nothing_picked()
    try:
        bound_body()
        typed = dict(request.form)
        payload, picked = editor_forms.consultation_of_form(request.form)
        check_guard(viewer)
        _must_be_clear(picked)
        made = actions.create(viewer, copying.from_model(payload))
    except refusals.Refusal as refusal:
        return _form(viewer, None, typed=typed, picked=picked, refusal=refusal)
    return go_on(made, "edit", done="made")


@blueprint.route("/pages/consultations/<string:reference>/edit")
def edit_consultation_page(reference: str) -> Response:
    """Show a consultation to its team, with its questions and the possible actions."""
    viewer = team()
    return _form(viewer, readable_page(viewer, reference))


@blueprint.route("/pages/consultations/<string:reference>/edit", methods=["POST"])
@handles_refusal
def edit_consultation(reference: str) -> Response:
    viewer, consultation = asked(reference)
    typed: dict[str, Any] = {}
    picked = None
    try:
        bound_body()
        typed = dict(request.form)
        payload, picked = editor_forms.consultation_of_form(request.form)
        check_guard(viewer)
        _must_be_clear(picked)
        consultation = actions.edit(viewer, consultation["_id"], payload)
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, typed=typed, picked=picked, refusal=refusal)
    return go_on(consultation, "edit", done="edited")


@form_address(
    "/pages/consultations/<string:reference>/questions", page="consultations/{reference}/edit"
)
@handles_refusal
def edit_question(reference: str) -> Response:
    """Add, change, move or remove one question."""
    viewer, consultation = asked(reference)
    try:
        bound_body()
        check_guard(viewer)
        questions = editor_forms.questions_of_form(consultation["questions"], request.form)
        consultation = actions.edit(
            viewer,
            consultation["_id"],
            {"questions": questions, "version": editor_forms.version_of(request.form)},
        )
    except refusals.Refusal as refusal:
        sent = request.form.get("question") or NEW
        refusal.errors = _of_one_question(refusal.errors, sent)
        return _form(viewer, consultation, question=sent, refusal=refusal)
    return go_on(consultation, "edit", done="removed" if "delete" in request.form else "question")


@form_address("/pages/consultations/<string:reference>/copy", page="consultations/{reference}/edit")
@handles_refusal
def copy_consultation(reference: str) -> Response:
    """Create a draft that copies this consultation."""
    viewer = team()
    consultation = readable_page(viewer, reference)
    try:
        check_guard(viewer)
        made = copying.copy(viewer, consultation["_id"], {})
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, refusal=refusal)
    return go_on(made, "edit", done="copied")


@form_address(
    "/pages/consultations/<string:reference>/publish", page="consultations/{reference}/edit"
)
@handles_refusal
def publish_consultation(reference: str) -> Response:
    return _act(reference, actions.publish, "edit", "published")


@form_address(
    "/pages/consultations/<string:reference>/delete", page="consultations/{reference}/edit"
)
@handles_refusal
def delete_consultation(reference: str) -> Response:
    viewer, consultation = asked(reference)
    try:
        check_guard(viewer)
        actions.delete(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, refusal=refusal)
    return redirect(page_address("consultations/", done="deleted"), code=303)  # type: ignore[return-value]


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


def _act(
    reference: str, action: Callable[[Viewer, Any], Consultation], then: str, done: str
) -> Response:
    viewer, consultation = asked(reference)
    try:
        check_guard(viewer)
        consultation = action(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, refusal=refusal)
    return go_on(consultation, then, done=done)


def _must_be_clear(picked: dict[str, Any]) -> None:
    for name, one in picked.items():
        one.must_be_clear(name)


def _form(
    viewer: Viewer,
    consultation: Consultation | None,
    *,
    typed: dict[str, Any] | None = None,
    picked: dict[str, Any] | None = None,
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
            previewed=presentation.picked_of([one["question"] for one in forms[:-1]], {}),
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


def _question_forms(questions: list[Question]) -> list[dict[str, Any]]:
    """Return the forms of all questions, then that of a new one."""
    forms: list[dict[str, Any]] = [
        {
            "key": one["id"],
            "number": number,
            "question": one,
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
            "shown": editor_forms.form_of_question(None, len(questions) + 1),
            "conditions": editor_forms.conditions(questions, None),
        }
    )
    return forms


def _steps(consultation: Consultation | None, forms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each step with its title and the forms of its questions."""
    titles = [str(said(title)) for title in consultation["steps"]] if consultation else []
    return [
        {"title": title, "forms": [one for one in forms[:-1] if one["question"]["step"] == number]}
        for number, title in enumerate(titles or [""], 1)
    ]


def _shown_step(forms: list[dict[str, Any]], question: str | None) -> int:
    """Return the step to preview: the one asked for, otherwise that of the open question."""
    last = max((one["question"]["step"] for one in forms[:-1]), default=1)
    asked = editor_forms.whole_number(request.args.get("step"))
    if asked:
        return min(max(asked, 1), last)
    return next((one["question"]["step"] for one in forms[:-1] if one["key"] == question), 1)


def _of_one_question(errors: Errors, asked: str) -> dict[str, Any]:
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
