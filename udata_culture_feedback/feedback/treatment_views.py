"""The pages where the producing side answers: one feedback, many at once, its answer templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Response, abort, redirect, request
from udata.i18n import lazy_gettext as _
from udata.i18n import lazy_pgettext as _p
from udata.uris import cdata_url

from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer, current_viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..vocabulary import TREATMENT_STATUSES, find
from ..web import refusals
from ..web.api import bound_body, never_stored
from ..web.pages import (
    blueprint,
    check_guard,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Document, Shown
from ..web.urls import login_url
from . import answer_templates, representation, treatment
from .assignees import colleagues
from .models import Feedback, Treatment
from .presentation import Comment
from .treatment_history import Event, mark_of, own_answer

#: Message for what was just done.
DONE = {
    "treated": _("Your response is saved."),
    "withdrawn": _("Your answer is withdrawn, here and in the discussion."),
    "kept": _("The answer is kept."),
    "forgotten": _("The answer is forgotten."),
}

#: Wording of what the producing side did other than by deciding here.
EVENTS = {
    Event.REPLIED: _("replied in the discussion"),
    Event.REWROTE: _("rewritten in the discussion"),
    Event.CLOSED: _("closed the discussion"),
    Event.WITHDREW: _("answer withdrawn"),
}

#: Wording of whom it was pointed out to that it waits.
POINTED_OUT = {
    "admins": _("pointed out to the administrators of the organization"),
    "desk": _("pointed out to the portal"),
}

#: The fields of the forms, by the name errors give them.
FIELDS = ("status", "answer", "template", "assignee", "note")

#: The statuses that can be chosen.
TREATMENTS = [term for term in TREATMENT_STATUSES if term.id in treatment.CHOICES]

#: Placeholders of a template in the language of the page, and what each stands for.
PLACEHOLDERS = (
    (_p("placeholder", "{title}"), _("the title of the dataset")),
    (_p("placeholder", "{date}"), _("the date of the comment")),
    (_p("placeholder", "{organization}"), _("the name of your organization")),
    (_p("placeholder", "{fitness}"), _("the opinion given")),
)


def private(view: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the view of a page that nobody stores: 401 leads to the login and keeps the typed text;
    403 says why not; 404 is a 404."""

    @wraps(view)
    def careful(**arguments: Any) -> Response:
        viewer = current_viewer()
        try:
            response = view(viewer, **arguments)
        except refusals.NotFound:
            abort(404)
        except refusals.Refusal as refusal:
            response = render(
                "treat/refused.html",
                viewer=viewer,
                refusal=refusal,
                home=page_address("dashboard/"),
                here=request.script_root + request.full_path.rstrip("?"),
                typed=_as_sent(),
                texts=("answer", "note", "text"),
                login=login_url(page_address("dashboard/")),
            )
        return never_stored(response)

    return careful


@blueprint.route("/pages/dashboard/feedback/<string:id>")
@private
def treatment_page(viewer: Viewer, id: str) -> Response:
    """Show one feedback: its words, its history, the form."""
    sent = Sent(*treatment.treatable(viewer, id), done=request.args.get("done"))
    return render("treat/one.html", viewer=viewer, **_page(viewer, sent))


@blueprint.route("/pages/dashboard/feedback/<string:id>", methods=["POST"])
@handles_refusal
@private
def treat_feedback(viewer: Viewer, id: str) -> Response:
    """Treat one feedback; or only insert a template into the text, to be changed first."""
    sent = send(viewer, id)
    if not sent.done or wants_fragment():
        return render("treat/one.html", viewer=viewer, **_page(viewer, sent))
    address = page_address(f"dashboard/feedback/{id}", done=sent.done)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


@blueprint.route("/pages/dashboard/organizations/<string:org>/templates")
@private
def templates_page(viewer: Viewer, org: str) -> Response:
    """Show the answer templates of an organization."""
    return _templates(viewer, org, done=request.args.get("done"))


@blueprint.route("/pages/dashboard/organizations/<string:org>/templates", methods=["POST"])
@handles_refusal
@private
def change_templates(viewer: Viewer, org: str) -> Response:
    """Add, change or delete an answer template."""
    answer_templates.listed(viewer, org)  # refuse those who may not see templates at all

    def act() -> str | Response:
        done = _change_template(viewer, org)
        if wants_fragment():
            return _templates(viewer, org, done=done)
        address = page_address(f"dashboard/organizations/{org}/templates", done=done)
        return f"{address}#cf-done"

    def again(refusal: refusals.Refusal) -> Response:
        return _templates(viewer, org, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _change_template(viewer: Viewer, org: str) -> str:
    """Do what the form says. Return the name of what was done, for `DONE`."""
    id = request.form.get("template")
    payload = {name: request.form.get(name) for name in ("name", "text")}
    if "remove" in request.form:
        answer_templates.remove(viewer, org, id)
        return "forgotten"
    if id:
        answer_templates.change(viewer, org, id, payload)
    else:
        answer_templates.add(viewer, org, payload)
    return "kept"


@dataclass(frozen=True)
class Sent:
    """The outcome of the form of one feedback: `done` names the message shown; otherwise the form
    is shown again with what was `typed`. `confirm`: ask first whether to withdraw the answer."""

    feedback: Feedback
    dataset: DatasetFacts
    done: str | None = None
    refusal: refusals.Refusal | None = None
    typed: dict[str, str] | None = None
    confirm: bool = False


def send(viewer: Viewer, id: str) -> Sent:
    """Carry out the form of one feedback. Raise what `treatment.treatable` raises."""
    feedback, dataset = treatment.treatable(viewer, id)
    typed = typed_fields()
    try:
        bound_body()
        check_guard(viewer)
        if "insert" in request.form:
            kept = answer_templates.rendered(dataset, feedback, typed["template"])
            return Sent(feedback, dataset, typed=typed | {"answer": kept})
        payload = payload_of(typed, emptied=("assignee", "note"))
        clears = _clears_answer(feedback, typed)
        if clears and "withdraw" not in request.form:
            return Sent(feedback, dataset, typed=typed, confirm=True)
        if clears:
            payload["withdraw_answer"] = True
        feedback = treatment.treat(viewer, id, payload)
    except refusals.Refusal as refusal:
        return Sent(*treatment.treatable(viewer, id), refusal=refusal, typed=typed)
    return Sent(feedback, dataset, done="withdrawn" if clears else "treated")


def _clears_answer(feedback: Feedback, typed: dict[str, str]) -> bool:
    """Return whether the form had an answer which was emptied. Raise Conflict where a colleague has
    answered since it was shown."""
    stored = own_answer(feedback["treatment"])
    if "had_answer" not in request.form:
        return False
    shown = request.form["had_answer"]
    if shown != answer_mark(feedback):
        raise treatment.answered_since(feedback)
    return bool(stored and not typed["answer"].strip() and not typed["template"])


def answer_mark(feedback: Feedback) -> str:
    """Fingerprint the answer given here, so that a form filled in before a newer one is
    recognised."""
    answer = own_answer(feedback["treatment"])
    return mark_of(answer) if answer else ""


def _page(viewer: Viewer, sent: Sent) -> dict[str, Any]:
    """Make the context of the page of one feedback."""
    here = page_address(f"dashboard/feedback/{sent.feedback['_id']}")
    link, name = _dashboard_of(sent.dataset)
    return reading(viewer, sent, here) | {
        "here": here,
        "templates": answer_templates.of_organization(sent.dataset.organization),
        "colleagues": colleagues(sent.dataset),
        "dashboard_name": name,
        "dashboard_url": page_address(f"dashboard/{link}/"),
    }


def _dashboard_of(dataset: DatasetFacts) -> tuple[str, Any]:
    organization = catalogue.find_organization(dataset.organization)
    if organization is None:
        return "me", _("My own datasets")
    return f"organizations/{organization.slug or organization.id}", organization.name


def reading(viewer: Viewer, sent: Sent, action: str) -> dict[str, Any]:
    """Make the context that shows one feedback with its answer form (`treat/pane.html`), which is
    sent to `action`; `templates` and `colleagues` are for the caller to add."""
    feedback, dataset = sent.feedback, sent.dataset
    (shown,) = representation.as_json(viewer, [feedback])
    file = representation.working_file(feedback, dataset)
    organization = catalogue.find_organization(dataset.organization)
    speaks = organization and catalogue.produces(dataset)
    link = organization.slug or organization.id if organization else None
    seen = {"from": feedback["treatment"]["status"], "had_answer": answer_mark(feedback)}
    return {
        "refusal": sent.refusal,
        "errors": sent.refusal.errors if sent.refusal else {},
        "fields": FIELDS,
        "pane_url": action,
        "comment": Comment.of(shown),
        "waits": bool(feedback.get("comment")) and feedback["visibility"] != Visibility.PUBLIC,
        "dataset": dataset,
        "history": [_step(step) for step in file["history"]],
        "pointed_out": [
            (POINTED_OUT[step], datetime.fromisoformat(at))
            for step, at in file["pointed_out"].items()
        ],
        "typed": (sent.typed or _stored(file)) | seen,
        "confirm": sent.confirm,
        "treatments": TREATMENTS,
        "awaiting": _awaiting(feedback),
        "voice": organization.name if organization and speaks else viewer.name,
        "discussed": bool(feedback.get("comment")),
        "done": DONE.get(sent.done or ""),
        "templates_url": (
            page_address(f"dashboard/organizations/{link}/templates")
            if organization and (viewer.sysadmin or catalogue.may_speak_for(organization.id))
            else None
        ),
        "public_url": page_address(f"datasets/{dataset.slug or dataset.id}/")
        + f"#feedback-{feedback['_id']}",
        "discussions": cdata_url(f"/datasets/{dataset.slug or dataset.id}/discussions"),
        "login": login_url(request.full_path.rstrip("?")),
    }


def _templates(
    viewer: Viewer, org: str, *, done: str | None = None, refusal: refusals.Refusal | None = None
) -> Response:
    found = answer_templates.listed(viewer, org)
    organization = catalogue.find_organization(org)
    assert organization is not None
    changed = request.form.get("template", "") if refusal else None
    link = organization.slug or organization.id
    return render(
        "treat/templates.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("name", "text"),
        organization=organization,
        templates=[_form_of(str(one["_id"]), one, changed) for one in found],
        new=_form_of("", {"name": "", "text": ""}, changed),
        placeholders=PLACEHOLDERS,
        done=DONE.get(done or ""),
        here=page_address(f"dashboard/organizations/{link}/templates"),
        dashboard_url=page_address(f"dashboard/organizations/{link}/"),
        login=login_url(request.full_path.rstrip("?")),
    )


def _form_of(id: str, kept: Document, changed: str | None) -> Shown:
    """Describe the form of one template; a refused one shows what was typed, and has the ids to
    which the summary of errors links."""
    typed = changed == id
    texts = {name: request.form.get(name, "") if typed else kept[name] for name in ("name", "text")}
    return {"id": id, "typed": typed, "suffix": "" if typed else f"-{id or 'new'}", **texts}


def _as_sent() -> list[tuple[str, str]]:
    """List the fields sent with a form, for a viewer who has to log in before sending it again."""
    form = request.form if request.method == "POST" else None
    pairs = form.items(multi=True) if form else ()
    return [(name, value) for name, value in pairs if name != "csrf_token"]


def typed_fields() -> dict[str, str]:
    """Return what was typed in the form of a treatment."""
    return {name: request.form.get(name, "") for name in (*FIELDS, "from")}


def _stored(file: Document) -> dict[str, str]:
    """Describe a treatment as the form shows it before anything is typed."""
    return {
        "status": file["status"] if file["status"] in treatment.CHOICES else "",
        "answer": file["own_answer"] or "",
        "template": "",
        "assignee": (file["assignee"] or {}).get("id", ""),
        "note": file["note"] or "",
    }


def _awaiting(feedback: Feedback) -> Any:
    """Return the label of the status where nothing was done yet: it may stay there."""
    status = feedback["treatment"]["status"]
    return find(TREATMENT_STATUSES, status).label if status == Treatment.NEW else ""


def payload_of(typed: dict[str, str], emptied: tuple[str, ...] = ()) -> Shown:
    """Turn what was typed into the payload that a JSON body would be. `emptied`: fields that may be
    emptied."""
    return {name: value or None for name, value in typed.items() if value or name in emptied}


def _step(step: Document) -> Shown:
    event = step["event"]
    return {
        "label": find(TREATMENT_STATUSES, step["to"]).label,
        "event": EVENTS[Event(event)] if event else None,
        "at": datetime.fromisoformat(step["at"]),
        "by": step["by"]["name"] if step["by"] else None,
        "answer": step["answer"],
    }
