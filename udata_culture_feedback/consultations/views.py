"""The pages of those who take part: the list of consultations, and answering one, on one page or
step by step. Everything works without JavaScript.

With an account, each step is saved as one goes and found again by logging in, or by a signed link
on another device. Without one, the form carries the answers from step to step, and they are sent
by a proof of work or by confirming an e-mail address.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bson import ObjectId
from flask import Response, abort, redirect, request
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import picking
from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import avoid_trap, needs_another_way, ways
from ..people.access_modes import Action
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer, current_viewer, sent_token
from ..portal import catalogue
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
    wants_fragment,
)
from ..web.payload import Payload
from ..web.refusals import Errors
from ..web.urls import login_url
from . import (
    answering,
    form_tokens,
    notifications,
    participation,
    permissions,
    presentation,
    queries,
)
from .answers import missing, read_answers
from .markdown import rendered
from .models import Answers, Consultation, Said, responses
from .models import Response as Stored
from .questions import depends_on_profile, pruned
from .repository import readable
from .representation import informed
from .response_content import begun, warn_of_personal_data
from .response_repository import own
from .window import State, Window, in_words, until_in_words
from .wording import said

#: What was just done, and what is said of it.
DONE = {
    "sent": _("Thank you, your answer is recorded. You can change it until the closing."),
    "saved": _("What you have begun is saved."),
    "erased": _("Your answer has been deleted."),
    "texts-back": _(
        "Your texts will not be in the open data any more, from the next publication on."
    ),
    "forgotten": _("What you had begun has been deleted."),
    "followed": _("Your choice is recorded."),
    "confirmed": _("Thank you, your answer is recorded."),
    "to-confirm": confirmation.SENT,
    "deleted": _("The consultation has been deleted."),
}

#: Holds the answer that is gone on with by a signed link, for the pages of its consultation alone.
COOKIE = "culture-feedback-response"


@dataclass
class Form:
    """What the page of a form shows: where somebody is, and what they have answered so far."""

    answers: Answers = field(default_factory=dict)
    profile: str | None = None
    open_data: bool = False
    step: int | None = None
    picked: dict[str, picking.Picked] = field(default_factory=dict)
    email: str = ""
    by_email: bool = False


@blueprint.route("/pages/consultations/")
def consultations_page() -> Response:
    """Every consultation: those that are open first."""
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
        in_words=_in_words,
        when=when_of_listed,
    )


@blueprint.route("/pages/consultations/<string:reference>/")
def consultation_page(reference: str) -> Response:
    """One consultation: what it is about, and one's answer to it."""
    viewer, consultation = _who(reference)
    mine = own(viewer, consultation)
    form = _begun(mine)
    form.step = _asked_step() or form.step
    editing = "edit" in request.args or "step" in request.args
    return _page(viewer, consultation, mine, form, editing=editing)


@blueprint.route("/pages/consultations/<string:reference>/", methods=["POST"])
@handles_refusal
def answer_consultation(reference: str) -> Response:
    """One step of an answer: goes on, back, keeps it for later, or sends it."""
    viewer, consultation = _who(reference)
    form = Form()
    try:
        bound_body()
        viewer, consultation = _who(reference, request.form)
        mine = own(viewer, consultation)
        form = _begun(mine)
        go = request.form.get("go", "next")
        step = _read_step(viewer, consultation, form, strictly=go != "previous")
        _check_guard(viewer, consultation)
        window, opened = Window.of(consultation), request.form.get("opening")
        began = form_tokens.opened_at(opened, viewer, consultation["_id"])
        if window.state(now()) is State.CLOSED and not window.accepts(now(), began):
            return _too_late(viewer, consultation, form)
        if _keeps(viewer):
            return _with_account(viewer, consultation, form, step, go)
        return _without_account(viewer, consultation, form, step, go)
    except refusals.Gone:
        return _too_late(viewer, consultation, form)
    except refusals.Refusal as refusal:
        form.by_email = form.by_email or needs_another_way(refusal)
        return _refused(viewer, consultation, form, refusal)


@blueprint.route("/pages/consultations/<string:reference>/resume")
def resume_page(reference: str) -> Response:
    """Behind the link by which an answer is gone on with elsewhere. Opening it changes nothing."""
    consultation = _readable(Viewer(key=None), reference)
    token = request.args.get("token", "")
    found = _resumed(token, consultation)
    refusal = None
    if found is None:
        refusal = refusals.Invalid(_("This link is not complete, or leads nowhere any more."))
    return never_stored(
        render(
            "consultations/resume.html",
            viewer=Viewer(key=None),
            refusal=refusal,
            errors={},
            fields=(),
            title=said(consultation["title"]),
            resume_token=token if found else "",
            here=_url(consultation, "resume"),
            consultation_url=_url(consultation),
            login=login_url(_url(consultation)),
            list_url=page_address("consultations/"),
        )
    )


@blueprint.route("/pages/consultations/<string:reference>/resume", methods=["POST"])
@handles_refusal  # the signed token is the proof; it opens one's own answer and nothing else
def resume(reference: str) -> Response:
    """Exchanges the link for a cookie that only the pages of this consultation receive."""
    try:
        bound_body()
    except refusals.TooLong:
        abort(413)
    consultation = _readable(Viewer(key=None), reference)
    token = request.form.get("token", "")
    if _resumed(token, consultation) is None:
        return redirect(_url(consultation, "resume"), code=303)  # type: ignore[return-value]
    response = redirect(_url(consultation), code=303)
    window = Window.of(consultation)
    response.set_cookie(
        COOKIE,
        token,
        path=urlsplit(_url(consultation)).path,
        max_age=max(0, int((window.unsealed_at - now()).total_seconds())),
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
    )
    return never_stored(response)  # type: ignore[arg-type]


@form_address("/pages/consultations/<string:reference>/erase", page="consultations/{reference}/")
@handles_refusal
def erase_response(reference: str) -> Response:
    """Takes one's answer back, or gives up what one had begun."""

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
    """One's texts are not to be open data any more."""

    def take_back(viewer: Viewer, id: ObjectId) -> str:
        answering.take_texts_back(viewer, id)
        return "texts-back"

    return _act(reference, take_back)


@form_address("/pages/consultations/<string:reference>/follow", page="consultations/{reference}/")
@handles_refusal
def follow_consultation(reference: str) -> Response:
    """What one wants to be written to about."""

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
    """Reads what the form says into `form`, and answers the step it was. `strictly`: a search that
    names nothing, or several things, is Invalid."""
    sent = request.form
    if not _keeps(viewer):
        questions = consultation["questions"]
        form.answers = read_answers(questions, presentation.uncarried(sent.get("carried")), {})[0]
    form.step = _whole(sent.get("step"))
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
    """Saves the step and goes where the person wants to, or sends the whole."""
    if go == "send":
        warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
        return _send(viewer, consultation, form)
    id = consultation["_id"]
    answers = {question["id"]: form.answers.get(question["id"]) for question in step.questions}
    payload = _payload(form) | {"answers": answers}
    if go == "previous":
        with suppress(refusals.Invalid):  # what is wrong there is told when they come back
            answering.save(viewer, id, payload, step=step.previous)
        return _go_on(viewer, consultation, step=step.previous)
    if go == "save":
        answering.save(viewer, id, payload, step=step.index)
        return _go_on(viewer, consultation, step=step.index, done="saved")
    following = presentation.step_of(
        consultation, _known(form.answers), step.index, form.profile
    ).following
    saved = answering.save(viewer, id, payload, step=following or step.index)
    _check_step(consultation, saved["draft"]["answers"], step, form.profile)
    warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
    return _go_on(viewer, consultation, step=following)


def _send(viewer: Viewer, consultation: Consultation, form: Form) -> Response:
    """Sends what was saved, with what the last step says."""
    id = consultation["_id"]
    whole = {q["id"]: form.answers.get(q["id"]) for q in consultation["questions"]}
    payload = _payload(form) | {"answers": whole, "submission_id": _submission()}
    asking = not _by_link(viewer)
    mine = own(viewer, consultation)
    if mine and mine.get("sent_at"):
        answering.edit(viewer, id, payload, asking=asking)
    else:
        answering.submit(viewer, id, payload, asking=asking)
    return _go_on(viewer, consultation, done="sent")


def _without_account(
    viewer: Viewer, consultation: Consultation, form: Form, step: presentation.Step, go: str
) -> Response:
    """Goes on with the answers in the form; sends them by a proof, or by an address to confirm."""
    errors: Errors = {}
    form.answers = read_answers(consultation["questions"], form.answers, errors)[0]
    if go == "previous":
        form.step = step.previous
        return _page(viewer, consultation, None, form, editing=True)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)
    _check_step(consultation, form.answers, step, form.profile)
    warn_of_personal_data(step.questions, form.answers, read_again="read_again" in request.form)
    if go != "send":
        form.step = presentation.step_of(
            consultation, form.answers, step.index, form.profile
        ).following
        return _page(viewer, consultation, None, form, editing=True)
    mine = own(viewer, consultation)
    sent = request.form
    payload = _payload(form) | {
        "answers": form.answers,
        "submission_id": _submission(),
        "proof": sent.get("proof"),
    }
    if mine and mine.get("sent_at"):
        answering.edit(viewer, consultation["_id"], payload)
        return _page(viewer, consultation, mine, form, done="sent")
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
        return _page(viewer, consultation, None, Form(), done="to-confirm")
    if not sent.get("proof"):
        form.by_email = True
        return _page(viewer, consultation, None, form, editing=True)
    stored, _new = answering.submit(viewer, consultation["_id"], payload)
    return _page(viewer, consultation, stored, form, done="sent")


def _check_step(
    consultation: Consultation, answers: Answers, step: presentation.Step, profile: str | None
) -> None:
    """Raises Invalid where a required question of the step has no answer."""
    errors: Errors = {}
    asked = presentation.step_of(consultation, answers, step.index, profile)
    missing(asked.questions if asked.index == step.index else [], answers, errors)
    if errors:
        raise refusals.Invalid(_("Some answers need another look."), errors)


def _go_on(
    viewer: Viewer, consultation: Consultation, *, step: int | None = None, done: str | None = None
) -> Response:
    """After a form: the page as it is now; a whole page by a redirection, so that reloading does
    not send the form again."""
    if wants_fragment():
        mine = own(viewer, consultation)
        form = _begun(mine)
        form.step = step or form.step
        return _page(viewer, consultation, mine, form, editing=step is not None, done=done)
    arguments = ({"step": step} if step else {}) | ({"done": done} if done else {})
    address = page_address(f"consultations/{consultation['slug']}/", **arguments)
    return redirect(f"{address}#{'cf-done' if done else 'cf-step'}", code=303)  # type: ignore[return-value]


def _begun(mine: Stored | None) -> Form:
    """What somebody goes on with."""
    said: Said = begun(mine) or {"answers": {}}
    draft = mine.get("draft") if mine else None
    return Form(
        answers=dict(said.get("answers") or {}),
        profile=said.get("profile"),
        open_data=bool(said.get("open_data")),
        step=draft.get("step") if draft else None,
    )


def _payload(form: Form) -> dict[str, Any]:
    payload: Payload = {"opening": request.form.get("opening")}
    if "profile" in request.form or form.profile or form.open_data:
        payload |= {"profile": form.profile, "open_data": form.open_data}
    return payload


def _submission() -> str | None:
    return request.form.get("submission_id") or None


# --- Who, and what they may -----------------------------------------------------------------------


def _who(reference: str, sent: Any = None) -> tuple[Viewer, Consultation]:
    """Who asks, and for what: an account, what was `sent` in a form, or the holder of a signed
    link."""
    viewer = current_viewer(sent)
    consultation = _readable(viewer, reference)
    if viewer.known:
        return viewer, consultation
    held = _resumed(request.cookies.get(COOKIE), consultation)
    return held or viewer, consultation


def _resumed(token: str | None, consultation: Consultation) -> Viewer | None:
    """The person whose answer a link leads to; they can do nothing else by it."""
    found = form_tokens.resumed(token)
    if found is None:
        return None
    id, person = found
    response = responses().find_one({"_id": id, "consultation": consultation["_id"]})
    if response is None or response.get("deleted") or not form_tokens.is_of(response, person):
        return None
    contributor = response["contributor"]
    return Viewer(
        key=contributor["key"],
        user_id=contributor.get("user"),
        kind=ContributorKind(contributor["kind"]),
    )


def _by_link(viewer: Viewer) -> bool:
    return viewer.known and not current_viewer(request.form).known


def _keeps(viewer: Viewer) -> bool:
    """Whether what they answer is kept for them between two steps."""
    return viewer.account


def _check_guard(viewer: Viewer, consultation: Consultation) -> None:
    if _by_link(viewer):
        # The token of a form is made for one person: another site cannot have theirs.
        token = request.form.get("opening")
        if not form_tokens.is_for(token, viewer, consultation["_id"]):
            raise refusals.Forbidden(
                _("This form has expired. Your text is still here: please send it again.")
            )
        return
    open_to_them = ways(viewer, Action.RESPONSE, consultation["_id"]).open
    check_guard(viewer, without_account=open_to_them)


def _readable(viewer: Viewer, reference: str) -> Consultation:
    try:
        return readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def _act(reference: str, action: Any) -> Response:
    viewer, consultation = _who(reference)
    try:
        bound_body()
        viewer, consultation = _who(reference, request.form)
        _check_guard(viewer, consultation)
        done = action(viewer, consultation["_id"])
    except refusals.Refusal as refusal:
        mine = own(viewer, consultation)
        return _page(viewer, consultation, mine, _begun(mine), refusal=refusal)
    return _go_on(viewer, consultation, done=done)


# --- The page -------------------------------------------------------------------------------------


def _refused(
    viewer: Viewer, consultation: Consultation, form: Form, refusal: refusals.Refusal
) -> Response:
    """The form again, with what was typed, at the first step that has something wrong in it."""
    mine = own(viewer, consultation)
    wrong = {name.removeprefix("answers.") for name in refusal.errors}
    for question in consultation["questions"]:
        if question["id"] in wrong and consultation["steps"]:
            form.step = question["step"]
            break
    return _page(viewer, consultation, mine, form, editing=True, refusal=refusal)


def _page(
    viewer: Viewer,
    consultation: Consultation,
    mine: Stored | None,
    form: Form,
    *,
    editing: bool = False,
    done: str | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    window, moment = Window.of(consultation), now()
    state = window.state(moment)
    hidden = viewer.by_token and mine is not None and not editing
    answers = {} if hidden else _known(form.answers)
    step = presentation.step_of(consultation, answers, form.step, form.profile)
    open_ways = ways(viewer, Action.RESPONSE, consultation["_id"])
    sent = bool(mine and mine.get("sent_at"))
    draft = bool(mine and mine.get("draft"))
    opening, began = _opening(viewer, consultation, mine)
    errors = refusal.errors if refusal else {}
    done = done or request.args.get("done")
    asking = (
        window.accepts(moment, began)
        and not consultation.get("read_only")
        and (viewer.known or open_ways.open)
        and (not sent or draft or editing)
        and done != "to-confirm"
    )
    # What was typed is never lost.
    may_show_form = asking or (refusal is not None and request.method == "POST" and form.step)
    link = _url(consultation)
    response = render(
        "consultations/one.html",
        viewer=viewer,
        refusal=refusal,
        errors=errors,
        fields=_fields(step),
        consultation=consultation,
        title=said(consultation["title"]),
        organizer=_organizer(consultation),
        introduction=said(consultation.get("introduction")),
        outcome=said(consultation.get("outcome")),
        controller=said(informed(consultation, "controller")),
        dpo=said(informed(consultation, "dpo")),
        retention=said(informed(consultation, "retention")),
        said=said,
        rendered=rendered,
        until=until_in_words,
        when=presentation.when(Window.of(consultation)),
        opens=in_words(window.opens_at),
        unsealed=in_words(window.unsealed_at),
        sealed=window.sealed(moment),
        state=state.value,
        journal=consultation["journal"],
        in_words=_in_words,
        mine=mine,
        sent=sent,
        draft=draft,
        by_link=_by_link(viewer),
        show_form=bool(may_show_form),
        form_state=form,
        step=step,
        answers=answers,
        picked={**presentation.picked_of(step.questions, answers), **form.picked},
        review=presentation.in_words(consultation, answers, form.profile)
        if step.last or sent
        else [],
        carried="" if _keeps(viewer) else presentation.carried(answers),
        keeps=_keeps(viewer),
        ways=open_ways,
        contributor_token=sent_token(viewer),
        opening=opening,
        submission_id=request.form.get("submission_id") or answering.new_submission(),
        resume_url=_resume_url(consultation, mine) if viewer.account and mine else "",
        followed=notifications.followed(viewer, consultation),
        team=permissions.is_team(viewer),
        vocabularies=vocabulary.vocabularies(),
        participation=participation.total(consultation),
        profile_first=depends_on_profile(consultation["questions"]),
        done=DONE.get(done or ""),
        here=link,
        act=lambda what: _url(consultation, what),
        edit_url=page_address(f"consultations/{consultation['slug']}/", edit=1),
        step_url=lambda index: page_address(f"consultations/{consultation['slug']}/", step=index),
        results_url=_url(consultation, "results/"),
        list_url=page_address("consultations/"),
        pick_url=lambda kind: page_address("requests/pick", kind=kind),
        login=login_url(link),
    )
    # By a cookie that the cache does not know, or with words of theirs: for this person alone.
    return never_stored(response) if viewer.known else response


def _opening(
    viewer: Viewer, consultation: Consultation, mine: Stored | None
) -> tuple[str, datetime]:
    """The token of the form that is shown, and when it was first opened: who goes on with what they
    have saved began when they first saved it."""
    id = consultation["_id"]
    sent = request.form.get("opening", "")
    if began := form_tokens.opened_at(sent, viewer, id):
        return sent, began
    draft = mine.get("draft") if mine else None
    began = (draft.get("opened_at") if draft else None) or now()
    return form_tokens.token_for(viewer, id, began), began


def _known(answers: Answers) -> Answers:
    return {id: answer for id, answer in answers.items() if answer is not None}


def _too_late(viewer: Viewer, consultation: Consultation, form: Form) -> Response:
    """It has closed: what was typed is given back, to be copied."""
    window = Window.of(consultation)
    typed = presentation.in_words(
        consultation,
        pruned(consultation["questions"], form.answers, form.profile),
        form.profile,
    )
    return never_stored(
        render(
            "consultations/late.html",
            viewer=viewer,
            refusal=refusals.Gone(
                _(
                    "This consultation was open %(until)s.",
                    until=presentation.when(Window.of(consultation))["until"],
                )
            ),
            errors={},
            fields=(),
            title=said(consultation["title"]),
            typed=[one for one in typed if one.words],
            contact=consultation.get("contact"),
            unsealed=in_words(window.unsealed_at),
            sealed=window.sealed(now()),
            here=_url(consultation),
            results_url=_url(consultation, "results/"),
            list_url=page_address("consultations/"),
            login=login_url(_url(consultation)),
        )
    )


def _fields(step: presentation.Step) -> set[str]:
    """The fields that an error may lead to."""
    found = {f"answers.{question['id']}" for question in step.questions}
    return found | ({"profile", "email"} if step.last else set())


def _resume_url(consultation: Consultation, mine: Stored) -> str:
    return page_address(
        f"consultations/{consultation['slug']}/resume",
        token=form_tokens.resume_token(mine["_id"], mine["contributor"]["key"]),
    )


def _url(consultation: Consultation, what: str = "") -> str:
    return page_address(f"consultations/{consultation['slug']}/{what}")


def _asked_step() -> int | None:
    return _whole(request.args.get("step"))


def _whole(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 3 else None


def _organizer(consultation: Consultation) -> str:
    """The name of the organization that consults, as long as there is one."""
    id = consultation["organization"]
    found = catalogue.organizations_by_id([id]).get(id)
    return found.name if found and not found.deleted else ""


def _in_words(moment: str) -> str:
    """A date of the API in words."""
    return in_words(_moment(moment))


def when_of_listed(listed: dict[str, Any]) -> dict[str, str]:
    """Write the dates of a consultation of a list in words."""
    dates = {name: _moment(listed[name]) for name in ("opens_at", "closes_at")}
    return presentation.when(Window(dates["opens_at"], dates["closes_at"]))


def _moment(text: str) -> datetime:
    """A date of the API as a stored one."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
