"""The pages of respondents: the list of consultations, and answering one, on one page or step by
step. Everything works without JavaScript.

With an account, each step is saved, and the answer can be resumed by logging in, or by a signed
link on another device. Without one, the form carries the answers from step to step, and they are
sent with a proof of work or by confirming an e-mail address; a confirmed address saves them too,
and receives the signed link.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from flask import Response, abort, redirect, request
from udata.i18n import lazy_gettext as _

from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import avoid_trap, needs_another_way
from ..people.access_modes import Action
from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..web import refusals
from ..web.api import bound_body, never_stored
from ..web.pages import (
    blueprint,
    form_address,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.payload import Payload
from ..web.refusals import Errors
from ..web.untyped import Shown
from ..web.urls import login_url
from . import (
    answering,
    form_tokens,
    notifications,
    permissions,
    presentation,
    queries,
)
from .answer_page import (
    DONE,
    Form,
    answer_page,
    asked_step,
    begun_form,
    copy_to_read,
    copy_to_verify,
    given,
    moment_in_words,
    refused_page,
    small_number,
    stored_moment,
    too_late_page,
)
from .answers import missing, read_answers
from .models import Answers, Consultation
from .models import Response as Stored
from .questions import without_words
from .respondents import (
    COOKIE,
    address_of,
    by_link,
    check_form,
    keeps_draft,
    readable_here,
    respondent,
    resumed,
)
from .response_content import warn_of_personal_data
from .response_repository import own
from .window import State, Window
from .wording import said


@blueprint.route("/pages/consultations/")
def consultations_page() -> Response:
    """List every consultation, the open ones first."""
    viewer = current_viewer()
    try:
        listed = queries.listed(viewer)
    except refusals.Refusal:
        abort(404)
    order = (State.OPEN, State.SCHEDULED, State.DRAFT, State.CLOSED)
    return render(
        "consultations/list.html",
        viewer=viewer,
        groups=[
            (state.value, [one for one in listed["data"] if one["state"] == state])
            for state in order
        ],
        listed=listed,
        team=permissions.is_team(viewer),
        done=DONE.get(request.args.get("done", "")),
        here=page_address("consultations/"),
        new_url=page_address("consultations/new"),
        url=lambda one: page_address(f"consultations/{one['slug']}/"),
        results_url=lambda one: page_address(f"consultations/{one['slug']}/results/"),
        in_words=moment_in_words,
        when=when_of_listed,
    )


@blueprint.route("/pages/consultations/<string:reference>/")
def consultation_page(reference: str) -> Response:
    """Show one consultation: what it is about, and one's answer to it."""
    viewer, consultation = respondent(reference)
    mine = own(viewer, consultation)
    form = begun_form(mine)
    form.step = asked_step() or form.step
    editing = "edit" in request.args or "step" in request.args
    return answer_page(viewer, consultation, mine, form, editing=editing)


@blueprint.route("/pages/consultations/<string:reference>/", methods=["POST"])
@handles_refusal
def answer_consultation(reference: str) -> Response:
    """Handle one step of an answer: next, previous, save for later, or send."""
    viewer, consultation = respondent(reference)
    form = Form()
    try:
        bound_body()
        viewer, consultation = respondent(reference, request.form)
        mine = own(viewer, consultation)
        form = begun_form(mine)
        go = request.form.get("go", "next")
        step = _read_step(viewer, consultation, form, strictly=go not in ("previous", "keep"))
        check_form(viewer, consultation)
        window, opened = Window.of(consultation), request.form.get("opening")
        began = form_tokens.opened_at(opened, viewer, consultation["_id"])
        if window.state(now()) is State.CLOSED and not window.accepts(now(), began):
            return too_late_page(viewer, consultation, form)
        if keeps_draft(viewer):
            return _with_account(viewer, consultation, form, step, go)
        return _without_account(viewer, consultation, form, step, go)
    except refusals.Gone:
        return too_late_page(viewer, consultation, form)
    except refusals.Refusal as refusal:
        form.by_email = form.by_email or needs_another_way(refusal)
        return refused_page(viewer, consultation, form, refusal)


@blueprint.route("/pages/consultations/<string:reference>/resume")
def resume_page(reference: str) -> Response:
    """Show the page behind a link that resumes an answer. Opening it changes nothing."""
    consultation = readable_here(Viewer(key=None), reference)
    token = request.args.get("token", "")
    found = resumed(token, consultation)
    refusal = None
    if found is None:
        refusal = refusals.Invalid(_("This link is incomplete, or no longer works."))
    return never_stored(
        render(
            "consultations/resume.html",
            viewer=Viewer(key=None),
            refusal=refusal,
            errors={},
            fields=(),
            title=said(consultation["title"]),
            resume_token=token if found else "",
            here=address_of(consultation, "resume"),
            consultation_url=address_of(consultation),
            login=login_url(address_of(consultation)),
            list_url=page_address("consultations/"),
        )
    )


@blueprint.route("/pages/consultations/<string:reference>/resume", methods=["POST"])
@handles_refusal  # the signed token is the proof; it opens one's own answer and nothing else
def resume(reference: str) -> Response:
    """Exchange the link for a cookie that only the pages of this consultation receive."""
    try:
        bound_body()
    except refusals.TooLong:
        abort(413)
    consultation = readable_here(Viewer(key=None), reference)
    token = request.form.get("token", "")
    if resumed(token, consultation) is None:
        return redirect(address_of(consultation, "resume"), code=303)  # type: ignore[return-value]
    response = redirect(address_of(consultation), code=303)
    window = Window.of(consultation)
    response.set_cookie(
        COOKIE,
        token,
        path=urlsplit(address_of(consultation)).path,
        max_age=max(0, int((window.unsealed_at - now()).total_seconds())),
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return never_stored(response)  # type: ignore[arg-type]


@form_address("/pages/consultations/<string:reference>/erase", page="consultations/{reference}/")
@handles_refusal
def erase_response(reference: str) -> Response:
    """Withdraw one's answer, or discard one's draft."""

    def erase(viewer: Viewer, id: ObjectId) -> str:
        if "draft" in request.form:
            answering.forget_draft(viewer, id)
            return "forgotten"
        answering.erase(viewer, id)
        return "erased"

    return _act(reference, erase)


@form_address(
    "/pages/consultations/<string:reference>/texts-back", page="consultations/{reference}/"
)
@handles_refusal
def take_texts_back(reference: str) -> Response:
    """Withdraw one's texts from the open data."""

    def take_back(viewer: Viewer, id: ObjectId) -> str:
        answering.take_texts_back(viewer, id)
        return "texts-back"

    return _act(reference, take_back)


@form_address("/pages/consultations/<string:reference>/follow", page="consultations/{reference}/")
@handles_refusal
def follow_consultation(reference: str) -> Response:
    """Record which mails one wants about a consultation."""

    def follow(viewer: Viewer, id: ObjectId) -> str:
        notifications.follow(
            viewer,
            id,
            reminder="reminder" in request.form,
            synthesis="synthesis" in request.form,
        )
        return "followed"

    return _act(reference, follow)


# --- Steps ----------------------------------------------------------------------------------------


def _read_step(
    viewer: Viewer, consultation: Consultation, form: Form, *, strictly: bool = True
) -> presentation.Step:
    """Read the sent form into `form`, and return its step. `strictly`: raise Invalid for a search
    that finds no dataset, or several."""
    sent = request.form
    if not keeps_draft(viewer):
        questions = consultation["questions"]
        form.answers = read_answers(questions, presentation.uncarried(sent.get("carried")), {})[0]
    form.step = small_number(sent.get("step"))
    if "profile" in sent:
        form.profile = sent.get("profile") or None
    if "about" in sent:
        form.open_data = "open_data" in sent
    form.email = sent.get("email", "")[:254]
    form.by_email = "by_email" in sent
    step = presentation.step_of(consultation, form.answers, form.step, form.profile)
    given, form.picked = presentation.answers_of_form(step.questions, sent)
    form.answers = {
        **{id: answer for id, answer in form.answers.items() if id not in given},
        **{id: answer for id, answer in given.items() if answer is not None},
    }
    form.step = step.index
    for id, picked in form.picked.items() if strictly else ():
        picked.must_be_clear(f"answers.{id}")
    return step


def _with_account(
    viewer: Viewer, consultation: Consultation, form: Form, step: presentation.Step, go: str
) -> Response:
    """Save the step and move where the person wants to, or send the whole answer."""
    if go == "send":
        warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
        return _send(viewer, consultation, form)
    id = consultation["_id"]
    answers = {question["id"]: form.answers.get(question["id"]) for question in step.questions}
    payload = _payload(form) | {"answers": answers}
    if go == "previous":
        with suppress(refusals.Invalid):  # errors are shown when they return to that step
            answering.save(viewer, id, payload, step=step.previous)
        return _go_on(viewer, consultation, step=step.previous)
    if go == "save":
        answering.save(viewer, id, payload, step=step.index)
        return _go_on(viewer, consultation, step=step.index, done="saved")
    following = presentation.step_of(
        consultation, given(form.answers), step.index, form.profile
    ).following
    saved = answering.save(viewer, id, payload, step=following or step.index)
    _check_step(consultation, saved["draft"]["answers"], step, form.profile)
    warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
    return _go_on(viewer, consultation, step=following)


def _send(viewer: Viewer, consultation: Consultation, form: Form) -> Response:
    """Send the saved answer, with what the last step adds."""
    id = consultation["_id"]
    whole = {q["id"]: form.answers.get(q["id"]) for q in consultation["questions"]}
    payload = _payload(form) | {"answers": whole, "submission_id": _submission()}
    asking = not by_link(viewer)
    mine = own(viewer, consultation)
    if mine and mine.get("sent_at"):
        answering.edit(viewer, id, payload, asking=asking)
    else:
        answering.submit(viewer, id, payload, asking=asking)
    return _go_on(viewer, consultation, done="sent")


def _without_account(
    viewer: Viewer, consultation: Consultation, form: Form, step: presentation.Step, go: str
) -> Response:
    """Continue with the answers carried in the form; send them with a proof of work, or with an
    address to confirm."""
    errors: Errors = {}
    mine = own(viewer, consultation)
    before = (mine.get("answers") or {}) if mine else {}
    form.answers = read_answers(consultation["questions"], form.answers, errors)[0]
    if go == "previous":
        form.step = step.previous
        return answer_page(viewer, consultation, mine, form, editing=True)
    if go == "keep":
        _keep_by_email(consultation, form, step)
        return answer_page(viewer, consultation, mine, form, editing=True, done="to-resume")
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    _check_step(consultation, {**before, **form.answers}, step, form.profile)
    warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
    if go != "send":
        form.step = presentation.step_of(
            consultation, form.answers, step.index, form.profile
        ).following
        return answer_page(viewer, consultation, mine, form, editing=True)
    sent = request.form
    payload = _payload(form) | {
        "answers": form.answers,
        "submission_id": _submission(),
        "proof": sent.get("proof"),
    }
    if mine and mine.get("sent_at"):
        payload["answers"] = _changed(consultation, before, form.answers)
        mine = answering.edit(viewer, consultation["_id"], payload)
        return answer_page(viewer, consultation, mine, begun_form(mine), done="sent-here")
    avoid_trap(sent)
    if form.by_email:
        confirmation.ask(
            Action.RESPONSE,
            payload
            | {
                "consultation": str(consultation["_id"]),
                "email": form.email,
                "tell_me": "tell_me" in sent,
            },
        )
        return answer_page(viewer, consultation, None, Form(email=form.email), done="to-confirm")
    if not sent.get("proof"):
        form.by_email = True
        return answer_page(viewer, consultation, None, form, editing=True)
    stored, _new = answering.submit(viewer, consultation["_id"], payload)
    return answer_page(viewer, consultation, stored, form, done="sent-here")


def _keep_by_email(consultation: Consultation, form: Form, step: presentation.Step) -> None:
    """Have a link sent that resumes the answer as it is, once its address is confirmed."""
    avoid_trap(request.form)
    so_far = {"answers": given(form.answers), "unfinished": True, "step": step.index}
    about = {"consultation": str(consultation["_id"]), "email": form.email}
    proof = {"proof": request.form.get("proof")}
    confirmation.ask(Action.RESPONSE, _payload(form) | so_far | about | proof)


def _changed(consultation: Consultation, before: Answers, answers: Answers) -> Answers:
    """Return what has changed in an answer whose words its browser was not shown: those left empty
    stay as they were sent."""
    shown = without_words(consultation["questions"], before)
    sent = {question["id"]: answers.get(question["id"]) for question in consultation["questions"]}
    written = before.keys() - shown.keys()
    return {
        id: answer
        for id, answer in sent.items()
        if answer != shown.get(id) and (answer is not None or id not in written)
    }


def _check_step(
    consultation: Consultation, answers: Answers, step: presentation.Step, profile: str | None
) -> None:
    """Raise Invalid where a required question of the step has no answer."""
    errors: Errors = {}
    asked = presentation.step_of(consultation, answers, step.index, profile)
    missing(asked.questions if asked.index == step.index else [], answers, errors)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)


def _go_on(
    viewer: Viewer, consultation: Consultation, *, step: int | None = None, done: str | None = None
) -> Response:
    """Respond after a form: a fragment with the page as it is now, otherwise a redirect, so that
    reloading does not send the form again."""
    if wants_fragment():
        mine = own(viewer, consultation)
        form = begun_form(mine)
        form.step = step or form.step
        return answer_page(viewer, consultation, mine, form, editing=step is not None, done=done)
    arguments = ({"step": step} if step else {}) | ({"done": done} if done else {})
    address = page_address(f"consultations/{consultation['slug']}/", **arguments)
    return redirect(f"{address}#{'cf-done' if done else 'cf-step'}", code=303)  # type: ignore[return-value]


def _payload(form: Form) -> Payload:
    payload: Payload = {"opening": request.form.get("opening")}
    if "profile" in request.form or form.profile or form.open_data:
        payload |= {"profile": form.profile, "open_data": form.open_data}
    return payload


def _submission() -> str | None:
    return request.form.get("submission_id") or None


# --- Who, and what they may -----------------------------------------------------------------------


def _act(reference: str, action: Any) -> Response:
    viewer, consultation = respondent(reference)
    try:
        bound_body()
        viewer, consultation = respondent(reference, request.form)
        check_form(viewer, consultation)
        done = action(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        mine = own(viewer, consultation)
        return answer_page(viewer, consultation, mine, begun_form(mine), refusal=refusal)
    return _go_on(viewer, consultation, done=done)


# --- The page -------------------------------------------------------------------------------------


def when_of_listed(listed: Shown) -> dict[str, str]:
    """Describe in words the window of a consultation in a list."""
    dates = {name: stored_moment(listed[name]) for name in ("opens_at", "closes_at")}
    return presentation.when(Window(dates["opens_at"], dates["closes_at"]))


# --- Copies ---------------------------------------------------------------------------------------


@blueprint.route("/pages/consultations/<string:reference>/my-answer.html")
def own_copy_to_read(reference: str) -> Response:
    """Download one's own answer as a page."""
    viewer, consultation, mine = _sent_by(reference)
    return copy_to_read(viewer, consultation, mine)


@blueprint.route("/pages/consultations/<string:reference>/my-answer.json")
def own_copy_to_verify(reference: str) -> Response:
    """Download one's own answer as its receipt was made of it."""
    _viewer, _consultation, mine = _sent_by(reference)
    return copy_to_verify(mine)


def _sent_by(reference: str) -> tuple[Viewer, Consultation, Stored]:
    """Return the answer that a person has sent; abort with 404 without one, and for a browser
    without an account, which somebody else may use."""
    viewer, consultation = respondent(reference)
    mine = None if viewer.by_token else own(viewer, consultation)
    if mine is None or not mine.get("sent_at"):
        abort(404)
    return viewer, consultation, mine
