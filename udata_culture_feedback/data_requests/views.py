"""The pages of requests: the list, asking, and one request with its history and its moves."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from flask import Response, abort, redirect, request
from flask_babel import format_date
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _

from .. import catalogue, refusals, vocabulary
from ..addresses import api_url, login_url
from ..api import bound_body
from ..contributors.viewer import Viewer, current_viewer
from ..listing import Page
from ..pages import (
    blueprint,
    check_guard,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from . import actions, matches, messages, permissions, proposals, queries, representation
from .forms import request_of_form
from .workflow import OPEN, Status

#: What was just done, and what is said of it.
DONE = {
    "asked": _("Thank you, your request is recorded. Its holder has been told."),
    "supported": _("Thank you, your support is counted."),
    "unsupported": _("Your support has been taken back."),
    "moved": _("The request has moved, and who follows it is told."),
    "written": _("Thank you, your message is published below."),
    "confirmed": _("Thank you for confirming."),
    "decided": _("Your decision is recorded."),
    "detached": _("Others carry this request: it stays, without your name."),
    "deleted": _("Your request has been deleted."),
}

#: Messages shown on the page of a request; the API has them all.
SAID = 50

#: The fields of the form that an error may lead to.
FIELDS = ("title", "description", "kind", "organization", "evidence_url", "formats", "spatial")

LABELS = {
    "status": {term.id: term.label for term in vocabulary.REQUEST_STATUSES},
    "kind": {term.id: term.label for term in vocabulary.REQUEST_KINDS},
}


@blueprint.route("/pages/requests/")
def requests_page() -> Response:
    """Every public request: search, filters, sorts, pages."""
    refusal: refusals.Refusal | None = None
    try:
        listed = queries.listed(current_viewer())
    except refusals.NotFound:
        abort(404)
    except refusals.Refusal as refused:
        refusal = refused
        listed = {"data": [], "total": 0, "next_page": None, "previous_page": None}
    kept = {name: value for name, value in request.args.items() if name not in ("page", "status")}
    done = request.args.get("done", "")
    return render(
        "requests/list.html",
        viewer=current_viewer(),
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("q",),
        listed=listed,
        asked=request.args,
        counts=queries.status_counts(),
        done=DONE.get(done),
        here=page_address("requests/"),
        all_url=page_address("requests/", **_without(kept, "lang", "as", "level", "done")),
        status_url=lambda status: page_address(
            "requests/", **_without(kept, "lang", "as", "level", "done"), status=status
        ),
        new_url=page_address("requests/new"),
        feed_url=api_url("requests/feed.atom"),
        csv_url=api_url("site/requests.csv"),
        **_words(),
    )


@blueprint.route("/pages/requests/new")
def new_request() -> Response:
    """The form by which somebody asks for data, with the context of the dataset they come from."""
    typed = {
        name: request.args[name]
        for name in ("title", "dataset", "organization", "kind")
        if request.args.get(name)
    }
    return _asking(current_viewer(), typed)


@blueprint.route("/pages/requests/new", methods=["POST"])
@handles_refusal
def ask() -> Response:
    """Records a request. What resembles it is shown first, once: supporting it takes one click."""
    viewer = current_viewer()
    typed: dict[str, Any] = {}
    try:
        bound_body()
        typed = request_of_form(request.form)
        check_guard(viewer)
        if "checked" not in request.form and typed.get("title"):
            found = proposals.similar_things(viewer, typed["title"])
            if found["requests"] or found["datasets"]:
                return _asking(viewer, typed, found=found)
        made, _created = actions.ask(viewer, typed)
    except refusals.Refusal as refusal:
        return _asking(viewer, typed, refusal=refusal, checked="checked" in request.form)
    return _go_on(made, "asked")


@blueprint.route("/pages/requests/similar")
def similar_requests() -> Response:
    """What resembles a title, as the form shows it while somebody types."""
    viewer = current_viewer()
    return render(
        "requests/similar.html",
        viewer=viewer,
        found=proposals.similar_things(viewer, request.args.get("q", "")[:300]),
        **_words(),
    )


@blueprint.route("/pages/requests/<string:reference>/")
def request_page(reference: str) -> Response:
    """One request: where it stands, what happened, what this person can do."""
    viewer = current_viewer()
    found = _readable(viewer, reference)
    if found.get("duplicate_of") and "stay" not in request.args:
        target = actions.find(found["duplicate_of"])
        if target and permissions.may_read(viewer, target):
            return redirect(  # type: ignore[return-value]
                page_address(f"requests/{target['slug']}/"), code=302
            )
    return _one(viewer, found, done=request.args.get("done"))


@blueprint.route("/pages/requests/<string:reference>/support", methods=["POST"])
@handles_refusal
def support_request(reference: str) -> Response:
    return _act(reference, actions.support, "supported")


@blueprint.route("/pages/requests/<string:reference>/unsupport", methods=["POST"])
@handles_refusal
def unsupport_request(reference: str) -> Response:
    return _act(reference, actions.withdraw_support, "unsupported")


@blueprint.route("/pages/requests/<string:reference>/move", methods=["POST"])
@handles_refusal
def move_request(reference: str) -> Response:
    """Moves a request; the form says from which status the person saw it."""

    def move(viewer: Viewer, id: str) -> Any:
        return actions.move(viewer, id, _move_of_form())

    return _act(reference, move, "moved")


@blueprint.route("/pages/requests/<string:reference>/transfer", methods=["POST"])
@handles_refusal
def transfer_request(reference: str) -> Response:
    def transfer(viewer: Viewer, id: str) -> Any:
        payload = {name: request.form.get(name) for name in ("organization", "message")}
        return actions.transfer(viewer, id, payload)

    return _act(reference, transfer, "moved")


@blueprint.route("/pages/requests/<string:reference>/message", methods=["POST"])
@handles_refusal
def answer_request(reference: str) -> Response:
    """Writes about a request; where a question was asked, this answers it."""

    def write(viewer: Viewer, id: str) -> Any:
        payload = {
            name: request.form[name]
            for name in ("message", "submission_id")
            if request.form.get(name)
        }
        return actions.answer(viewer, id, payload)[1]

    return _act(reference, write, "written")


@blueprint.route("/pages/requests/<string:reference>/confirm", methods=["POST"])
@handles_refusal
def confirm_request(reference: str) -> Response:
    return _act(reference, actions.confirm, "confirmed")


@blueprint.route("/pages/requests/<string:reference>/match", methods=["POST"])
@handles_refusal
def decide_match(reference: str) -> Response:
    """A dataset was proposed for this request: it is the answer, or it is not."""

    def decide(viewer: Viewer, id: str) -> Any:
        match = request.form.get("match", "")
        if request.form.get("decision") == "accept":
            return matches.accept(viewer, match)
        matches.dismiss(viewer, match)
        return actions.find(id)

    return _act(reference, decide, "decided")


@blueprint.route("/pages/requests/<string:reference>/delete", methods=["POST"])
@handles_refusal
def delete_request(reference: str) -> Response:
    """Deletes one's own request; one that others carry stays, without its author."""
    viewer = current_viewer()
    found = _readable(viewer, reference)
    try:
        check_guard(viewer)
        if not actions.delete(viewer, str(found["_id"])):
            return _go_on(actions.fresh(found["_id"]), "detached")
    except refusals.Refusal as refusal:
        return _one(viewer, found, refusal=refusal)
    return redirect(  # type: ignore[return-value]
        page_address("requests/", done="deleted"), code=303
    )


def _act(reference: str, action: Any, done: str) -> Response:
    viewer = current_viewer()
    found = _readable(viewer, reference)
    try:
        bound_body()
        check_guard(viewer)
        found = action(viewer, str(found["_id"]))
    except refusals.Refusal as refusal:
        return _one(viewer, actions.find(str(found["_id"])) or found, refusal=refusal)
    return _go_on(found, done)


def _go_on(found: dict[str, Any], done: str) -> Response:
    """After a form: the request as it is now; for a whole page a redirection, so that reloading
    does not send the form again."""
    if wants_fragment():
        return _one(current_viewer(), found, done=done)
    address = page_address(f"requests/{found['slug']}/", done=done)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


def _readable(viewer: Viewer, reference: str) -> dict[str, Any]:
    try:
        return actions.readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def _one(
    viewer: Viewer,
    found: dict[str, Any],
    *,
    done: str | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    shown = representation.in_full(viewer, found)
    said, how_many, _capped = messages.read(found, Page(size=SAID))
    link = f"requests/{found['slug']}/"
    return render(
        "requests/one.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("message", "reason", "datasets", "urls", "duplicate_of", "review_at"),
        asked=shown,
        typed=request.form,
        said=representation.messages_as_json(viewer, found, said[:SAID]),
        more_said=max(0, how_many - SAID),
        proposed=matches.proposals_on(viewer, found),
        submission_id=str(uuid.uuid4()),
        open=Status(found["status"]) in OPEN,
        mine=permissions.is_requester(viewer, found),
        done=DONE.get(done or ""),
        here=page_address(link),
        act=lambda what: page_address(f"{link}{what}"),
        list_url=page_address("requests/"),
        login=login_url(page_address(link)),
        **_words(),
    )


def _asking(
    viewer: Viewer,
    typed: dict[str, Any],
    *,
    found: dict[str, Any] | None = None,
    refusal: refusals.Refusal | None = None,
    checked: bool = False,
) -> Response:
    dataset = catalogue.find_dataset(typed.get("dataset"))
    if dataset and not catalogue.may_read(dataset):
        dataset = None
    holder = catalogue.find_organization(
        typed.get("organization") or (dataset.organization if dataset else None)
    )
    return render(
        "requests/new.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=FIELDS,
        typed=typed,
        dataset=dataset,
        holder=holder,
        found=found,
        checked=checked or found is not None,
        submission_id=str(uuid.uuid4()),
        signatures=catalogue.spoken_for(),
        frequencies=[(frequency.value, frequency.label) for frequency in UpdateFrequency],
        here=page_address("requests/new"),
        list_url=page_address("requests/"),
        similar_url=page_address("requests/similar"),
        login=login_url(page_address("requests/new", **_without(typed, "description"))),
        **_words(),
    )


def _move_of_form() -> dict[str, Any]:
    form = request.form
    payload: dict[str, Any] = {
        name: form.get(name) or None
        for name in ("to", "from", "message", "reason", "duplicate_of", "review_at")
    }
    payload |= {name: form.get(name, "").split() for name in ("datasets", "urls")}
    return payload | {"partial": "partial" in form}


def _words() -> dict[str, Any]:
    """What the templates need to say things."""
    return {
        "labels": LABELS,
        "vocabularies": vocabulary.vocabularies(),
        "kinds": vocabulary.REQUEST_KINDS,
        "statuses": vocabulary.REQUEST_STATUSES,
        "on_date": lambda moment: format_date(datetime.fromisoformat(moment), "long"),
        "request_url": lambda found: page_address(f"requests/{found['slug']}/"),
    }


def _without(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    return {
        name: value
        for name, value in arguments.items()
        if name not in names and isinstance(value, str)
    }
