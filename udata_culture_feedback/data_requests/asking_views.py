"""The form that asks for data, on a page of its own or in the widget, and its suggestions while
typing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import Response, current_app, redirect, request
from udata.core.dataset.constants import UpdateFrequency
from udata.i18n import lazy_gettext as _

from ..contributions import picking, review_rules
from ..contributions.picking import ORGANIZATION, Picked
from ..contributions.review_rules import Visibility
from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import avoid_trap, ways
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.viewer import Viewer, current_viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web import refusals
from ..web.api import bound_body, only_for_its_holder
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    render,
    see_other,
    wants_fragment,
)
from ..web.untyped import Shown
from ..web.urls import login_url
from . import actions, by_email, indexing, presentation, proposals, representation
from .forms import TITLE_LENGTH, Values, request_of_form
from .presentation import draft_of
from .views import ASKING, go_on, on_any_day, without, words
from .workflow import OPEN

#: The fields of the form that an error may name.
FIELDS = (
    *("title", "description", "kind", "organization", "evidence_url", "formats", "spatial"),
    *("name", "email"),
)

#: Similar requests, and datasets, shown below a field: on a phone more would hide the next field.
SHOWN_WHILE_TYPING = 3


@blueprint.route("/pages/requests/new")
def new_request() -> Response:
    """Show the form that asks for data, with the dataset that the user comes from."""
    typed = {
        name: request.args[name]
        for name in ("title", "dataset", "organization", "kind")
        if request.args.get(name)
    }
    dataset = _context(typed)
    holder = typed.get("organization") or (str(dataset.organization or "") if dataset else "")
    chosen = picking.named(ORGANIZATION, [holder] if holder else [])
    return _form(current_viewer(), typed, Picked([one.value for one in chosen], chosen))


@blueprint.route("/pages/requests/new", methods=["POST"])
@handles_refusal
def ask() -> Response:
    """Record a request. Similar ones are shown first, once: supporting one takes a click."""
    viewer = current_viewer()
    typed: Values = {}
    holder, checked = Picked(), False
    try:
        bound_body()
        typed = request_of_form(request.form)
        checked = "checked" in request.form
        holder = picking.read(request.form, "organization", ORGANIZATION)
        by_email = ways(viewer, Action.REQUEST, None).open
        check_guard(viewer, without_account=by_email)
        if by_email:
            avoid_trap(request.form)
        if "organization" in request.form or holder.values:
            typed["organization"] = holder.value
        holder.must_be_clear("organization")
        review_rules.warn(
            {field: typed.get(field) for field in ("title", "description", "spatial")},
            read_again="read_again" in request.form,
        )
        if not checked and typed.get("title"):
            found = proposals.similar_things(viewer, typed["title"], but=_context(typed))
            if found["requests"] or found["datasets"]:
                return _form(viewer, typed, holder, found=found, checked=True)
        if by_email:
            confirmation.ask(Action.REQUEST, typed | {"proof": request.form.get("proof")})
            return _sent(viewer, typed, holder)
        made, created = actions.ask(viewer, typed)
        if checked and created:  # what exists already was shown, and is something else
            indexing.count_unmet(str(viewer.key), made["title"])
    except refusals.Refusal as refusal:
        return _form(viewer, typed, holder, refusal=refusal, checked=checked)
    return go_on(made, "asked", sent=draft_of(made.get("dataset")))


@form_address("/pages/requests/unmet", page="requests/")
@handles_refusal
def nothing_of_this() -> Response:
    """Count a search whose results are not what was looked for, and go on to asking for it. Counted
    for an account or a browser token: without either, nobody knows how many people it is."""
    sought = request.form.get("q", "").strip()[:TITLE_LENGTH]
    typed = {"title": sought} if sought else {}

    def act() -> str:
        viewer = current_viewer(request.form)
        check_guard(viewer, without_account=True)
        if viewer.known and sought:
            spend_write(viewer)
            indexing.count_unmet(str(viewer.key), sought)
        return page_address("requests/new", **typed)

    def again(refusal: refusals.Refusal) -> Response:
        return _form(current_viewer(), typed, Picked(), refusal=refusal)

    return handle_form(act, again)


@blueprint.route("/pages/requests/recorded")
def recorded_request() -> Response:
    """Show a requester without an account, who has just confirmed, their request that waits for a
    moderator. Once it is public it has a page of its own."""
    refusal: refusals.Refusal | None = None
    shown: Shown = {}
    try:
        found = by_email.own_request(request.args.get("token", ""))
        if found["visibility"] == Visibility.PUBLIC:
            return see_other(page_address(f"requests/{found['slug']}/"))
        shown = representation.in_full(by_email.NOBODY, found)
    except refusals.Refusal as refused:
        refusal = refused
    return only_for_its_holder(
        render(
            "requests/recorded.html",
            viewer=by_email.NOBODY,
            refusal=refusal,
            errors={},
            fields=(),
            asked=shown,
            steps=presentation.steps(shown, on_any_day) if shown else [],
            done="done" in request.args,
            list_url=page_address("requests/"),
            me_url=page_address("me/"),
        )
    )


@blueprint.route("/pages/requests/similar")
def similar_requests() -> Response:
    """Show what resembles a title, while it is typed."""
    viewer = current_viewer()
    dataset = _context(request.args.to_dict())
    found = proposals.similar_things(viewer, request.args.get("q", "")[:300], but=dataset)
    return render(
        "requests/similar.html",
        viewer=viewer,
        found={kind: things[:SHOWN_WHILE_TYPING] for kind, things in found.items()},
        **_support_words(),
    )


@blueprint.route("/pages/requests/pick")
def pick() -> Response:
    """Suggest objects that match a few words, while they are typed: `kind` is one of organization,
    dataset, request; ten at most. 400 without a known kind."""
    kind = request.args.get("kind", "")
    known = kind in picking.KINDS
    message = _("Choose one of: %(ids)s.", ids=", ".join(picking.KINDS))
    return render(
        "requests/pick.html",
        viewer=current_viewer(),
        refusal=None if known else refusals.Invalid(message, {"kind": message}),
        found=picking.find(kind, request.args.get("q", "")) if known else [],
    )


def _sent(viewer: Viewer, typed: Values, holder: Picked) -> Response:
    """Confirm that a mail is on its way to an anonymous user: nothing else can be done here."""
    if wants_fragment():
        return _form(viewer, typed, holder, done=confirmation.SENT)
    address = page_address("requests/", done="sent")
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


def _form(
    viewer: Viewer,
    typed: Values,
    holder: Picked,
    *,
    found: Shown | None = None,
    refusal: refusals.Refusal | None = None,
    checked: bool = False,
    done: Any = None,
) -> Response:
    dataset = _context(typed)
    context = {"dataset": dataset.slug or str(dataset.id)} if dataset else {}
    in_place = {"show": "card"} if wants_fragment() else {}
    return render(
        "requests/new.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=FIELDS,
        prefix=ASKING,
        typed=typed,
        dataset=dataset,
        holder=_with_publisher(holder, dataset),
        found=found,
        checked=checked,
        done=done,
        by_email=ways(viewer, Action.REQUEST, None).open,
        kept_for=current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"],
        draft=draft_of(dataset.id if dataset else None),
        submission_id=str(uuid.uuid4()),
        signatures=catalogue.spoken_for(),
        frequencies=[(frequency.value, frequency.label) for frequency in UpdateFrequency],
        here=page_address("requests/new", **in_place),
        list_url=page_address("requests/"),
        back_url=page_address(f"datasets/{context['dataset']}/" if context else "requests/"),
        similar_url=page_address("requests/similar", **context),
        pick_url=lambda kind: page_address("requests/pick", kind=kind),
        login=login_url(page_address("requests/new", **without(typed, "description"))),
        **_support_words(),
    )


def _context(typed: Values) -> DatasetFacts | None:
    """Return the dataset that the user comes from, if they may see it."""
    dataset = catalogue.find_dataset(typed.get("dataset"))
    return dataset if dataset and not dataset.deleted and catalogue.may_read(dataset) else None


def _with_publisher(holder: Picked, dataset: DatasetFacts | None) -> Picked:
    """Keep the publisher of the dataset among the holders to choose from."""
    publisher = dataset.organization if dataset else None
    if not publisher or any(one.value == str(publisher) for one in holder.choices):
        return holder
    return replace(
        holder, choices=[*holder.choices, *picking.named(ORGANIZATION, [str(publisher)])]
    )


def _support_words() -> Shown:
    """Return what the list of similar requests needs: an open one can be supported, in the widget
    too."""
    shown = {"show": "card"} if wants_fragment() else {}
    return words() | {
        "open_statuses": OPEN,
        "pieces": proposals.pieces,
        "support_open": ways(current_viewer(), Action.SUPPORT, None).open,
        "support_proof": ways(current_viewer(), Action.SUPPORT, None).proof,
        "proof_of": lambda one: ways(current_viewer(), Action.SUPPORT, one["id"]).proof,
        "support_url": lambda one: page_address(f"requests/{one['slug']}/support", **shown),
    }


@blueprint.route("/pages/ask/")
def ask_page() -> Response:
    """Show « Des données manquent ? » outside of a dataset: on the page of an organization
    (`organization`), or after a search without result (`title`)."""
    organization = catalogue.find_organization(request.args.get("organization"))
    known = {
        "organization": organization and (organization.slug or str(organization.id)),
        "title": request.args.get("title", "").strip()[:200],
    }
    asked = {name: value for name, value in known.items() if value}
    if wants_fragment():
        # The form puts its heading one level deeper, as on the page of a dataset.
        asked["level"] = str(max(1, request.args.get("level", 2, type=int) - 1))
    return render(
        "embed/ask.html",
        viewer=current_viewer(),
        organization=organization,
        title=known["title"],
        draft=draft_of(None),
        ask=page_address("requests/new", **asked),
    )
