"""The pages of the team: making a consultation, its questions, a preview, answers received by phone
or post, the synthesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, abort, redirect, request
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import requests_asked
from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..vocabulary import vocabularies
from ..web import refusals
from ..web.api import bound_body, never_stored
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.refusals import Errors
from ..web.urls import login_url
from . import actions, answering, editor_forms, form_tokens, permissions, presentation
from .forms import MAX_COMMITMENTS
from .markdown import rendered
from .models import Channel, Consultation
from .question_reading import MAX_STEPS
from .questions import condition_in_words
from .repository import readable
from .representation import informed
from .response_content import warn_of_personal_data
from .window import Window, in_words, until_in_words
from .wording import FORM_LANGUAGES, said

#: What was just done, and what is said of it.
DONE = {
    "made": _("The consultation is made. Add its questions, then look at it and publish it."),
    "edited": _("The changes are saved."),
    "question": _("The question is saved."),
    "removed": _("The question is removed."),
    "published": _("The consultation is published."),
    "entered": _("The answer is entered."),
    "written": _("The synthesis is saved."),
    "told": _("The synthesis is published, and those who asked for it are told."),
}

#: Fields of the form that an error may lead to.
FIELDS = frozenset(
    (*editor_forms.TEXTS, *editor_forms.PICKED, "opens_at", "closes_at", "contact", "scope.tags")
) | {"steps"}
QUESTION_FIELDS = (
    *("text", "help", "kind", "options", "rows", "scale", "min", "max", "unit", "max_choices"),
    *("step", "shown_if", "id"),
)

#: The form of a question that is not there yet.
NEW = "new"


@blueprint.route("/pages/consultations/new")
def new_consultation() -> Response:
    viewer = _team()
    return _form(viewer, None)


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
        made = actions.create(viewer, payload)
    except refusals.Refusal as refusal:
        return _form(viewer, None, typed=typed, picked=picked, refusal=refusal)
    return _go_on(made, "edit", done="made")


@blueprint.route("/pages/consultations/<string:reference>/edit")
def edit_consultation_page(reference: str) -> Response:
    """The consultation, its questions, and what can be done with it."""
    viewer = _team()
    return _form(viewer, _readable(viewer, reference))


@blueprint.route("/pages/consultations/<string:reference>/edit", methods=["POST"])
@handles_refusal
def edit_consultation(reference: str) -> Response:
    viewer, consultation = _asked(reference)
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
    return _go_on(consultation, "edit", done="edited")


@form_address(
    "/pages/consultations/<string:reference>/questions", page="consultations/{reference}/edit"
)
@handles_refusal
def edit_question(reference: str) -> Response:
    """Adds, changes, moves or removes one question."""
    viewer, consultation = _asked(reference)
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
        asked = request.form.get("question") or NEW
        refusal.errors = _of_one_question(refusal.errors, asked)
        return _form(viewer, consultation, question=asked, refusal=refusal)
    return _go_on(consultation, "edit", done="removed" if "delete" in request.form else "question")


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
    viewer, consultation = _asked(reference)
    try:
        check_guard(viewer)
        actions.delete(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, refusal=refusal)
    return redirect(page_address("consultations/", done="deleted"), code=303)  # type: ignore[return-value]


@blueprint.route("/pages/consultations/<string:reference>/preview")
def preview_consultation(reference: str) -> Response:
    """Every step as people will see it, and what hangs on what."""
    viewer = _team()
    consultation = _readable(viewer, reference)
    count = max(1, len(consultation["steps"]))
    return never_stored(
        render(
            "consultations/preview.html",
            **_common(viewer, consultation),
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


@blueprint.route("/pages/consultations/<string:reference>/entry")
def entry_page(reference: str) -> Response:
    """Where the team enters what it received by phone or post."""
    viewer = _team()
    return _entry(viewer, _readable(viewer, reference), {})


@blueprint.route("/pages/consultations/<string:reference>/entry", methods=["POST"])
@handles_refusal
def enter_answer(reference: str) -> Response:
    viewer, consultation = _asked(reference)
    answers: dict[str, Any] = {}
    try:
        bound_body()
        form = request.form
        answers, picked = presentation.answers_of_form(consultation["questions"], form)
        check_guard(viewer)
        for id, one in picked.items():
            one.must_be_clear(f"answers.{id}")
        payload = {
            "answers": answers,
            "profile": form.get("profile") or None,
            "open_data": "open_data" in form,
            "channel": form.get("channel"),
            "reference": form.get("reference"),
            "replace": "replace" in form,
            "opening": form.get("opening"),
        }
        warn_of_personal_data(consultation["questions"], answers, read_again="read_again" in form)
        answering.enter(viewer, consultation["_id"], payload)
    except refusals.Refusal as refusal:
        return _entry(viewer, consultation, answers, refusal=refusal)
    return _go_on(consultation, "entry", done="entered")


@blueprint.route("/pages/consultations/<string:reference>/synthesis")
def synthesis_page(reference: str) -> Response:
    """Where the team writes what came of it."""
    viewer = _team()
    return _synthesis(viewer, _readable(viewer, reference))


@blueprint.route("/pages/consultations/<string:reference>/synthesis", methods=["POST"])
@handles_refusal
def write_synthesis(reference: str) -> Response:
    viewer, consultation = _asked(reference)
    try:
        bound_body()
        check_guard(viewer)
        payload = editor_forms.synthesis_of_form(request.form)
        consultation = actions.write_synthesis(viewer, consultation["_id"], payload)
        if "publish" in request.form:
            consultation = actions.publish_synthesis(viewer, consultation["_id"])
            return _go_on(consultation, "synthesis", done="told")
    except refusals.Refusal as refusal:
        return _synthesis(viewer, consultation, typed=dict(request.form), refusal=refusal)
    return _go_on(consultation, "synthesis", done="written")


# --- What they share ------------------------------------------------------------------------------


def _team() -> Viewer:
    """A member of the team; for others these pages do not exist."""
    viewer = current_viewer()
    if not permissions.is_team(viewer):
        abort(404)
    return viewer


def _asked(reference: str) -> tuple[Viewer, Consultation]:
    viewer = current_viewer()
    return viewer, _readable(viewer, reference)


def _readable(viewer: Viewer, reference: str) -> Consultation:
    try:
        return readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def _act(
    reference: str, action: Callable[[Viewer, Any], Consultation], then: str, done: str
) -> Response:
    viewer, consultation = _asked(reference)
    try:
        check_guard(viewer)
        consultation = action(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        return _form(viewer, consultation, refusal=refusal)
    return _go_on(consultation, then, done=done)


def _go_on(consultation: Consultation, page: str, *, done: str) -> Response:
    arguments = {"done": done} | ({"as": "fragment"} if wants_fragment() else {})
    address = page_address(f"consultations/{consultation['slug']}/{page}", **arguments)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


def _must_be_clear(picked: dict[str, Any]) -> None:
    for name, one in picked.items():
        one.must_be_clear(name)


def _common(
    viewer: Viewer,
    consultation: Consultation | None,
    refusal: refusals.Refusal | None = None,
    fields: Any = (),
) -> dict[str, Any]:
    slug = consultation["slug"] if consultation else ""
    done = request.args.get("done", "")
    return {
        "viewer": viewer,
        "refusal": refusal,
        "errors": refusal.errors if refusal else {},
        "fields": fields,
        "consultation": consultation,
        "version": consultation["version"] if consultation else "",
        "said": said,
        "rendered": rendered,
        "until": until_in_words,
        "done": DONE.get(done) if not refusal else None,
        "languages_of_forms": FORM_LANGUAGES,
        "language_names": {"fr": _("in French"), "en": _("in English")},
        "by_link": False,
        "act": lambda what: page_address(f"consultations/{slug}/{what}"),
        "consultation_url": page_address(f"consultations/{slug}/") if slug else "",
        "list_url": page_address("consultations/"),
        "pick_url": lambda kind: page_address("requests/pick", kind=kind),
        "login": login_url(page_address("consultations/")),
    }


def _form(
    viewer: Viewer,
    consultation: Consultation | None,
    *,
    typed: dict[str, Any] | None = None,
    picked: dict[str, Any] | None = None,
    question: str | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    """The form of a consultation and those of its questions. `question`: the one whose form was
    sent, and refused."""
    shown = editor_forms.form_of(consultation) if consultation else {}
    if picked is None:
        picked = (
            editor_forms.picked_of(consultation) if consultation else editor_forms.nothing_picked()
        )
    questions = consultation["questions"] if consultation else []
    forms: list[dict[str, Any]] = [
        {
            "key": one["id"],
            "question": one,
            "shown": editor_forms.form_of_question(one, number),
            "conditions": editor_forms.conditions(questions, one),
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
            **_common(viewer, consultation, refusal, fields),
            shown=shown | (typed or {}),
            read_only=("read_only" in typed) if typed else bool(shown.get("read_only")),
            picked=picked,
            forms=forms,
            open_question=question,
            kinds=editor_forms.KIND_LABELS,
            steps_count=max(1, len(consultation["steps"])) if consultation else MAX_STEPS,
            state=window.state(now()).value if window else "draft",
            frozen=bool(consultation and actions.is_frozen(consultation)),
            missing=actions.what_is_missing(consultation) if consultation else {},
            unsealed=bool(consultation and permissions.may_see_results(consultation)),
            opens=in_words(window.opens_at) if window else "",
            closes=until_in_words(window.closes_at) if window else "",
            here=page_address(
                f"consultations/{consultation['slug']}/edit"
                if consultation
                else "consultations/new"
            ),
        )
    )


def _entry(
    viewer: Viewer,
    consultation: Consultation,
    answers: dict[str, Any],
    *,
    refusal: refusals.Refusal | None = None,
) -> Response:
    questions = consultation["questions"]
    fields = {f"answers.{question['id']}" for question in questions}
    return never_stored(
        render(
            "consultations/entry.html",
            **_common(viewer, consultation, refusal, fields | {"channel", "reference"}),
            title=said(consultation["title"]),
            questions=[
                (question, condition_in_words(question, questions)) for question in questions
            ],
            answers=answers,
            picked=presentation.picked_of(questions, answers),
            typed=request.form,
            channels=[
                (Channel.POST.value, _("by post")),
                (Channel.PHONE.value, _("on the phone")),
            ],
            vocabularies=vocabularies(),
            opening=request.form.get("opening")
            or form_tokens.token_for(viewer, consultation["_id"]),
            here=page_address(f"consultations/{consultation['slug']}/entry"),
        )
    )


def _synthesis(
    viewer: Viewer,
    consultation: Consultation,
    *,
    typed: dict[str, Any] | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    named = [
        one["request"]
        for one in (consultation.get("synthesis") or {}).get("commitments") or ()
        if one.get("request")
    ]
    slugs = requests_asked().slugs(named) if named else {}
    shown = editor_forms.form_of_synthesis(consultation, slugs)
    shown |= typed or {}
    rows = shown["rows"]
    return never_stored(
        render(
            "consultations/synthesis.html",
            **_common(viewer, consultation, refusal, {"text"}),
            title=said(consultation["title"]),
            shown=shown,
            rows=min(editor_forms.whole_number(str(rows)) or 0, MAX_COMMITMENTS),
            unsealed=permissions.may_see_results(consultation),
            published=(consultation.get("synthesis") or {}).get("published_at"),
            here=page_address(f"consultations/{consultation['slug']}/synthesis"),
            results_url=page_address(f"consultations/{consultation['slug']}/results/"),
        )
    )


def _of_one_question(errors: Errors, asked: str) -> dict[str, Any]:
    """Errors named as the fields of the form of one question: they come with the place that the
    question has among the others."""
    found = {}
    for name, text in errors.items():
        parts = name.split(".", 2)
        is_field = len(parts) == 3 and parts[0] == "questions"
        found[f"{asked}.{parts[2]}" if is_field else name] = text
    return found


def _untranslated(consultation: Consultation) -> list[str]:
    """The languages of the forms in which something is not written."""
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
