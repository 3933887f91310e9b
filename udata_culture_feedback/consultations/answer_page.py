"""The public page of one consultation: the form of a step, or the answer that was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Response, abort, request
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import picking
from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import ways
from ..people.access_modes import Action
from ..people.viewer import Viewer, sent_token
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.api import for_one_client, never_stored
from ..web.embed.assets import SHEETS
from ..web.pages import (
    page_address,
    render,
)
from ..web.urls import login_url
from . import (
    answering,
    form_tokens,
    notifications,
    participation,
    permissions,
    presentation,
    receipts,
)
from .markdown import rendered
from .models import Answers, Consultation, Said
from .models import Response as Stored
from .questions import depends_on_profile, pruned, without_words
from .repository import addresses
from .representation import informed
from .respondents import address_of, by_link, keeps_draft
from .response_content import begun
from .response_repository import own
from .window import Window, in_words, until_in_words
from .wording import said

#: Messages after a form was handled.
DONE = {
    "sent": _("Thank you, your answer is recorded. You can change it until the closing."),
    "sent-here": _(
        "Thank you, your answer is recorded. You can change it until the closing, for 24 hours at "
        "most, as long as this tab stays open."
    ),
    "saved": _("What you have begun is saved."),
    "erased": _("Your answer has been deleted."),
    "texts-back": _("Your texts will be left out of the open data from the next publication on."),
    "forgotten": _("What you had begun has been deleted."),
    "followed": _("Your choice is recorded."),
    "confirmed": _("Thank you, your answer is recorded."),
    "to-confirm": confirmation.SENT,
    "to-resume": _(
        "A message is on its way to this address. Open its link within 24 hours: it saves what you "
        "have begun, and you can go on until the closing. You can also go on here now."
    ),
    "deleted": _("The consultation has been deleted."),
}


@dataclass
class Form:
    """The state of a form: its step, and the answers so far."""

    answers: Answers = field(default_factory=dict)
    profile: str | None = None
    open_data: bool = False
    step: int | None = None
    picked: dict[str, picking.Picked] = field(default_factory=dict)
    email: str = ""
    by_email: bool = False


def begun_form(mine: Stored | None) -> Form:
    """Build the form in which a person continues their answer."""
    said: Said = begun(mine) or {"answers": {}}
    draft = mine.get("draft") if mine else None
    return Form(
        answers=dict(said.get("answers") or {}),
        profile=said.get("profile"),
        open_data=bool(said.get("open_data")),
        step=draft.get("step") if draft else None,
    )


def refused_page(
    viewer: Viewer, consultation: Consultation, form: Form, refusal: refusals.Refusal
) -> Response:
    """Show the form again, with what was typed, at the first step that has something wrong in
    it."""
    mine = own(viewer, consultation)
    wrong = {name.removeprefix("answers.") for name in refusal.errors}
    for question in consultation["questions"]:
        if question["id"] in wrong and consultation["steps"]:
            form.step = question["step"]
            break
    return answer_page(viewer, consultation, mine, form, editing=True, refusal=refusal)


def answer_page(
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
    answers, withheld = _shown(viewer, consultation, mine, form, editing=editing)
    step = presentation.step_of(consultation, answers, form.step, form.profile)
    open_ways = ways(viewer, Action.RESPONSE, consultation["_id"])
    sent = bool(mine and mine.get("sent_at"))
    draft = bool(mine and mine.get("draft"))
    opening, began = opening_of(viewer, consultation, mine)
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
    link = address_of(consultation)
    response = render(
        "consultations/one.html",
        viewer=viewer,
        refusal=refusal,
        errors=errors,
        fields=fields_of(step),
        consultation=consultation,
        title=said(consultation["title"]),
        organizer=organizer(consultation),
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
        in_words=moment_in_words,
        mine=mine,
        sent=sent,
        receipt_shown=done in ("sent", "sent-here"),
        draft=draft,
        by_link=by_link(viewer),
        show_form=bool(may_show_form),
        form_state=form,
        step=step,
        answers=answers,
        withheld=withheld,
        picked={**presentation.picked_of(step.questions, answers), **form.picked},
        review=presentation.in_words(consultation, answers, form.profile)
        if step.last or sent
        else [],
        carried="" if keeps_draft(viewer) else presentation.carried(answers),
        keeps=keeps_draft(viewer),
        ways=open_ways,
        contributor_token=sent_token(viewer),
        opening=opening,
        submission_id=request.form.get("submission_id") or answering.new_submission(),
        resume_url=resume_url(consultation, mine) if viewer.account and mine else "",
        followed=notifications.followed(viewer, consultation),
        team=permissions.is_team(viewer),
        vocabularies=vocabulary.vocabularies(),
        participation=participation.total(consultation),
        profile_first=depends_on_profile(consultation["questions"]),
        done=told(done, form),
        here=link,
        act=lambda what: address_of(consultation, what),
        edit_url=page_address(f"consultations/{consultation['slug']}/", edit=1),
        step_url=lambda index: page_address(f"consultations/{consultation['slug']}/", step=index),
        results_url=address_of(consultation, "results/"),
        list_url=page_address("consultations/"),
        pick_url=lambda kind: page_address("requests/pick", kind=kind),
        login=login_url(link),
    )
    # Never cached: it may contain this person's words, found by a cookie that caches ignore.
    if viewer.known:
        return never_stored(response)
    # The token of a form opened by somebody unknown serves one person.
    return for_one_client(response) if asking else response


def told(done: str | None, form: Form) -> Any:
    """Return what is said after a form, with the address that it gave."""
    if done == "to-confirm" and form.email:
        return confirmation.sent_to(form.email)
    return DONE.get(done or "")


def _shown(
    viewer: Viewer, consultation: Consultation, mine: Stored | None, form: Form, *, editing: bool
) -> tuple[Answers, set[str]]:
    """Return the answers to show, and the ids of those whose words this browser is not shown: it is
    recognised by its token alone. What was typed in the form that was just sent is shown."""
    answers = given(form.answers)
    if not (viewer.by_token and mine):
        return answers, set()
    questions, sent = consultation["questions"], mine.get("answers") or {}
    withheld = sent.keys() - without_words(questions, sent).keys()
    if editing and request.method == "POST":
        return answers, withheld - answers.keys()
    return without_words(questions, answers), withheld


def opening_of(
    viewer: Viewer, consultation: Consultation, mine: Stored | None
) -> tuple[str, datetime]:
    """Return the token of the form that is shown, and when it was first opened: a draft keeps the
    moment of its first saving."""
    id = consultation["_id"]
    sent = request.form.get("opening", "")
    if began := form_tokens.opened_at(sent, viewer, id):
        return sent, began
    draft = mine.get("draft") if mine else None
    began = (draft.get("opened_at") if draft else None) or now()
    return form_tokens.token_for(viewer, id, began), began


def given(answers: Answers) -> Answers:
    return {id: answer for id, answer in answers.items() if answer is not None}


def too_late_page(viewer: Viewer, consultation: Consultation, form: Form) -> Response:
    """Show what was typed after the closing, for its author to copy."""
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
            here=address_of(consultation),
            results_url=address_of(consultation, "results/"),
            list_url=page_address("consultations/"),
            login=login_url(address_of(consultation)),
        )
    )


def fields_of(step: presentation.Step) -> set[str]:
    """Return the names of the fields that an error may link to."""
    found = {f"answers.{question['id']}" for question in step.questions}
    return found | {"email"} | ({"profile"} if step.last else set())


def resume_url(consultation: Consultation, mine: Stored) -> str:
    return page_address(
        f"consultations/{consultation['slug']}/resume",
        token=form_tokens.resume_token(mine["_id"], mine["contributor"]["key"]),
    )


def asked_step() -> int | None:
    return small_number(request.args.get("step"))


def small_number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 3 else None


def organizer(consultation: Consultation) -> str:
    """Return the name of the organization that consults; empty where it no longer exists."""
    id = consultation["organization"]
    found = catalogue.organizations_by_id([id]).get(id)
    return found.name if found and not found.deleted else ""


def moment_in_words(moment: str) -> str:
    """Format a date of the API in words."""
    return in_words(stored_moment(moment))


def stored_moment(text: str) -> datetime:
    """Convert a date of the API to a stored one (naive UTC)."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def copy_to_read(viewer: Viewer, consultation: Consultation, mine: Stored) -> Response:
    """Return a page of a person's answer, which needs nothing else, for them to keep."""
    profile = mine.get("profile")
    lists = vocabulary.vocabularies()
    response = render(
        "consultations/my_answer.html",
        viewer=viewer,
        layout="report.html",
        sheets=SHEETS,
        address=addresses(consultation)["self_web_url"],
        said=said,
        title=said(consultation["title"]),
        mine=mine,
        profile=lists.label("profiles", profile) if profile else "",
        review=presentation.in_words(consultation, mine.get("answers") or {}, profile),
    )
    response.headers["Content-Disposition"] = 'attachment; filename="my-answer.html"'
    return never_stored(response)


def copy_to_verify(mine: Stored) -> Response:
    """Return a person's answer in its canonical form, of which their receipt is the SHA-256."""
    receipt = mine.get("receipt")
    if not receipt or "salt" not in receipt:
        abort(404)
    response = Response(receipts.answer(mine, receipt["salt"]), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="my-answer.json"'
    return never_stored(response)
