"""The pages of requests: the list, and one request with its history and its moves."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from bson import ObjectId
from flask import Response, abort, redirect, request
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import picking, review_rules
from ..contributions.review_rules import Visibility
from ..email_confirmation import confirmation
from ..email_confirmation.anonymous import avoid_trap, needs_another_way, ways
from ..people.access_modes import Action
from ..people.viewer import Viewer, current_viewer, sent_token
from ..web import refusals
from ..web.api import bound_body
from ..web.listing import MAX_OFFSET, Page
from ..web.moments import in_words as day_in_words
from ..web.moments import portal_zone
from ..web.pages import (
    blueprint,
    check_guard,
    form_address,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.text_cleaning import excerpt
from ..web.untyped import Shown
from ..web.urls import api_url, login_url, pages_url
from . import (
    actions,
    dataset_matches,
    following,
    letter_views,
    messages,
    permissions,
    presentation,
    queries,
    representation,
)
from .forms import TITLE_LENGTH, Values
from .models import Request
from .workflow import OPEN, Status

#: The confirmation shown after each action.
DONE = {
    "asked": _("Thank you, your request is recorded. Its holder has been told."),
    "asked of the desk": _(
        "Thank you, your request is recorded. Somebody will look for the holder."
    ),
    "supported": _("Thank you, your support is counted."),
    "unsupported": _("Your support is withdrawn."),
    "sent": confirmation.SENT,
    "sent to follow": confirmation.SENT,
    "followed": _("You will be told of each step of this request."),
    "unfollowed": _("You are no longer told of this request."),
    "moved": _("The request has moved, and who follows it is told."),
    "transferred": _("The request is sent there, and who follows it is told."),
    "dated": _("The date is recorded, and who follows the request is told."),
    "extended": _("The date is extended, and those who follow the request are told."),
    "written": _("Thank you, your message is published below."),
    "changed": _("Your message is changed."),
    "message deleted": _("Your message is deleted."),
    "waits": _("Thank you. Your message will be visible after moderation."),
    "asked, waits": _("Thank you, your request is recorded. It will be visible after moderation."),
    "confirmed": _("Thank you for confirming."),
    "decided": _("Your decision is recorded."),
    "detached": _("Others carry this request: it stays, without your name."),
    "deleted": _("Your request has been deleted."),
}

#: Prefix of the ids of the asking form's fields: in the widget another form is beside it.
ASKING = "cf-ask-"

#: The name of a draft in forms: what is written, and about which dataset.
DRAFT = re.compile(r"[a-z]+:[0-9a-f]*")

#: Most messages shown on the page of a request; the API has them all.
SAID = 50

LABELS = {
    "status": {term.id: term.label for term in vocabulary.REQUEST_STATUSES},
    "kind": {term.id: term.label for term in vocabulary.REQUEST_KINDS},
}


@blueprint.route("/pages/requests/")
def requests_page() -> Response:
    """Show public requests: search, filters, sorts, pages."""
    refusal: refusals.Refusal | None = None
    holder = picking.read(request.args, "organization", picking.ORGANIZATION)
    if holder.value and request.args.get("organization_q"):  # redirect to the lasting address
        asked = without(request.args.to_dict(), "organization", "organization_q", "page")
        return redirect(page_address("requests/", organization=holder.value, **asked))  # type: ignore[return-value]
    viewer, counts = current_viewer(), dict.fromkeys(LABELS["status"], 0)
    listed: Shown = {"data": [], "total": 0, "page": 1, "page_size": 1}
    try:
        listed, counts = queries.listed(viewer), queries.status_counts()
    except refusals.NotFound:
        abort(404)
    except refusals.Refusal as refused:
        refusal = refused
    kept = without(
        request.args.to_dict(), *("page", "organization_q", "lang", "as", "level", "done")
    )
    others = without(kept, "status")
    sought = request.args.get("q", "").strip()[:TITLE_LENGTH]
    reached = min(listed["total"], MAX_OFFSET)
    return render(
        "requests/list.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("q",),
        listed=listed,
        last_page=max(1, -(-reached // listed["page_size"])),
        page_url=lambda number: page_address("requests/", **kept, page=number),
        asked=request.args,
        sought=sought,
        holder=holder,
        filtered=bool(set(kept) - {"q", "sort", "page_size"}),
        pick_url=lambda kind: page_address("requests/pick", kind=kind),
        counts=counts,
        done=DONE.get(request.args.get("done", "")),
        here=page_address("requests/"),
        bare_url=page_address("requests/", **({"q": sought} if sought else {})),
        all_url=page_address("requests/", **others),
        status_url=lambda status: page_address("requests/", **others, status=status),
        import_url=page_address("requests/import") if permissions.may_import(viewer) else None,
        new_url=page_address("requests/new", **({"title": sought} if sought else {})),
        unmet_url=page_address("requests/unmet"),
        feed_url=api_url("requests/feed.atom"),
        csv_url=api_url("site/requests.csv"),
        **on_cards(viewer),
        **words(),
    )


@blueprint.route("/pages/requests/<string:reference>/")
def request_page(reference: str) -> Response:
    """Show one request: status, history, and the actions open to this user."""
    viewer = current_viewer()
    found = _readable(viewer, reference)
    if found.get("duplicate_of") and "stay" not in request.args:
        target = actions.find(found["duplicate_of"])
        if target and permissions.may_read(viewer, target):
            return redirect(  # type: ignore[return-value]
                page_address(f"requests/{target['slug']}/"), code=302
            )
    return _one(viewer, found, done=request.args.get("done"), sent=request.args.get("sent", ""))


@form_address("/pages/requests/<string:reference>/support", page="requests/{reference}/")
@handles_refusal
def support_request(reference: str) -> Response:
    """Support a request: without an account under a proof of work, or by e-mail."""
    viewer = current_viewer()
    found = _readable(viewer, reference)
    id, by_email = str(found["_id"]), False
    try:
        bound_body()
        viewer = current_viewer(request.form)
        by_email = "by_email" in request.form
        check_guard(viewer, without_account=ways(viewer, Action.SUPPORT, id).open)
        if not viewer.account:
            avoid_trap(request.form)
            if by_email:
                given = {name: request.form.get(name) for name in ("email", "proof")}
                confirmation.ask(Action.SUPPORT, {"request": id} | given)
                return go_on(found, "sent")
            if not request.form.get("proof"):
                return _to_confirm(viewer, found)
        found = actions.support(viewer, id, request.form)
    except refusals.Refusal as refusal:
        again = actions.find(id) or found
        return _to_confirm(viewer, again, refusal, by_email or needs_another_way(refusal))
    sent = request.form.get("instead", "")
    if not viewer.account and not _wants_card():
        # Not recognised after a redirect.
        return _one(viewer, found, done="supported", sent=sent if DRAFT.fullmatch(sent) else "")
    return go_on(found, "supported", sent=sent)


def _to_confirm(
    viewer: Viewer,
    found: Request,
    refusal: refusals.Refusal | None = None,
    by_email: bool = True,
) -> Response:
    """Show a request with the form by which an anonymous user supports it by e-mail."""
    shown = card if _wants_card() else _one
    return shown(viewer, found, refusal=refusal, by_email=by_email)


@form_address("/pages/requests/<string:reference>/unsupport", page="requests/{reference}/")
@handles_refusal
def unsupport_request(reference: str) -> Response:
    return _act(reference, actions.withdraw_support, "unsupported", leaving=True)


@form_address("/pages/requests/<string:reference>/follow", page="requests/{reference}/")
@handles_refusal
def follow_request(reference: str) -> Response:
    """Follow a request: with an account, or by an e-mail address to confirm."""
    viewer = current_viewer()
    found = _readable(viewer, reference)
    id = str(found["_id"])

    def act() -> Response:
        check_guard(viewer, without_account=ways(viewer, Action.FOLLOW, id).open)
        if viewer.account:
            following.follow(viewer, id)
            return go_on(found, "followed")
        avoid_trap(request.form)
        given = {name: request.form.get(name) for name in ("email", "proof")}
        confirmation.ask(Action.FOLLOW, {"request": id} | given)
        return go_on(found, "sent to follow")

    def again(refusal: refusals.Refusal) -> Response:
        return _one(viewer, found, refusal=refusal, told=True)

    return handle_form(act, again)


@form_address("/pages/requests/<string:reference>/unfollow", page="requests/{reference}/")
@handles_refusal
def unfollow_request(reference: str) -> Response:
    return _act(reference, following.unfollow, "unfollowed", leaving=True)


@form_address("/pages/requests/<string:reference>/move", page="requests/{reference}/")
@handles_refusal
def move_request(reference: str) -> Response:
    """Move a request; the form carries the status that the user saw."""
    return _act(reference, *VERBS["move"])


@form_address("/pages/requests/<string:reference>/transfer", page="requests/{reference}/")
@handles_refusal
def transfer_request(reference: str) -> Response:
    return _act(reference, *VERBS["transfer"])


@form_address("/pages/requests/<string:reference>/extend", page="requests/{reference}/")
@handles_refusal
def extend_request(reference: str) -> Response:
    return _act(reference, *VERBS["extend"])


@form_address("/pages/requests/<string:reference>/message", page="requests/{reference}/")
@handles_refusal
def answer_request(reference: str) -> Response:
    """Write a message about a request; while a question is open, it answers it."""

    def write(viewer: Viewer, id: str) -> Any:
        payload = {
            name: request.form[name]
            for name in ("message", "submission_id")
            if request.form.get(name)
        }
        review_rules.warn(
            {"message": payload.get("message")}, read_again="read_again" in request.form
        )
        message, found, _new = actions.answer(viewer, id, payload)
        outcome["done"] = "waits" if message["visibility"] != Visibility.PUBLIC else "written"
        return found

    outcome: dict[str, str] = {}
    return _act(reference, write, outcome)


@form_address("/pages/requests/<string:reference>/message-edit", page="requests/{reference}/")
@handles_refusal
def edit_message(reference: str) -> Response:
    """Change the words of one's own message."""
    outcome: dict[str, str] = {}

    def change(viewer: Viewer, id: str) -> Any:
        message, found = actions.edit_message(viewer, id, request.form.to_dict())
        outcome["done"] = "waits" if message["visibility"] != Visibility.PUBLIC else "changed"
        return found

    return _act(reference, change, outcome)


@form_address("/pages/requests/<string:reference>/message-delete", page="requests/{reference}/")
@handles_refusal
def delete_message(reference: str) -> Response:
    """Delete one's own message."""

    def delete(viewer: Viewer, id: str) -> Any:
        return actions.delete_message(viewer, id, request.form.get("id"))

    return _act(reference, delete, "message deleted", leaving=True)


@form_address("/pages/requests/<string:reference>/confirm", page="requests/{reference}/")
@handles_refusal
def confirm_request(reference: str) -> Response:
    return _act(reference, actions.confirm, "confirmed")


@form_address("/pages/requests/<string:reference>/match", page="requests/{reference}/")
@handles_refusal
def decide_match(reference: str) -> Response:
    """Accept or dismiss a dataset proposed for this request."""
    return _act(reference, *VERBS["match"])


@form_address("/pages/requests/<string:reference>/delete", page="requests/{reference}/")
@handles_refusal
def delete_request(reference: str) -> Response:
    """Delete one's own request; one that others support stays, without its author."""
    viewer = current_viewer()
    found = _readable(viewer, reference)

    def act() -> str | Response:
        if not actions.delete(viewer, str(found["_id"])):
            return go_on(actions.fresh(found["_id"]), "detached")
        return page_address("requests/", done="deleted")

    def again(refusal: refusals.Refusal) -> Response:
        return _one(viewer, found, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _move(viewer: Viewer, id: str) -> Request:
    return actions.move(viewer, id, _move_of_form())


def _transfer(viewer: Viewer, id: str) -> Request:
    holder = picking.read(request.form, "organization", picking.ORGANIZATION)
    payload = {
        "organization": holder.must_be_clear("organization").value,
        "message": request.form.get("message"),
    }
    return actions.transfer(viewer, id, payload)


def _extend(viewer: Viewer, id: str) -> Request:
    days, reason = request.form.get("days", ""), request.form.get("extension_reason", "")
    whole = days.strip().isdecimal() and len(days) < 9
    payload = {"days": int(days) if whole else days, "reason": reason}
    try:
        return actions.extend(viewer, id, payload)
    except refusals.Invalid as refusal:
        if "reason" in refusal.errors:  # which names another field of this page
            refusal.errors["extension_reason"] = refusal.errors.pop("reason")
        raise


def _decide_match(viewer: Viewer, id: str) -> Request:
    match = request.form.get("match", "")
    if request.form.get("decision") == "accept":
        return dataset_matches.accept(viewer, match)
    dataset_matches.dismiss(viewer, match)
    return actions.fresh(ObjectId(id))


#: What a holder does by a form, on the page of a request or in the inbox (templates
#: `requests/_acts.html`, `requests/_proposed.html`): the action, and the key of its confirmation.
VERBS: dict[str, tuple[Callable[[Viewer, str], Request], str]] = {
    "move": (_move, "moved"),
    "transfer": (_transfer, "transferred"),
    "extend": (_extend, "extended"),
    "match": (_decide_match, "decided"),
}


def _act(
    reference: str, action: Any, done: str | dict[str, str], *, leaving: bool = False
) -> Response:
    """Run an action of a form and show its result. `done`: the key of its confirmation, or the dict
    in which the action stores that (`done`). `leaving`: the user takes back something of theirs,
    for which a contributor token is enough."""
    found = _readable(current_viewer(), reference)
    id = str(found["_id"])

    def who() -> Viewer:
        return current_viewer(request.form) if leaving else current_viewer()

    def act() -> Response:
        viewer = who()
        check_guard(viewer, without_account=leaving and viewer.known)
        changed = action(viewer, id)
        said = done if isinstance(done, str) else done["done"]
        said = _kind_of_move(changed) if said == "moved" else said
        return go_on(changed, said, sent=request.form.get("instead", ""))

    def again(refusal: refusals.Refusal) -> Response:
        shown = card if _wants_card() else _one
        return shown(who(), actions.find(id) or found, refusal=refusal)

    return handle_form(act, again)


def _kind_of_move(found: Request) -> str:
    """Return the key of the confirmation of a move that a form has made: its two statuses."""
    before, after = request.form.get("from", ""), request.form.get("to", "")
    if after == Status.WITHDRAWN != found["status"]:
        return "detached"  # others support it
    return "dated" if before == after else f"{before}-{after}"


def go_on(found: Request, done: str, sent: str = "") -> Response:
    """Show the request after a form; a whole page by a redirect, so that reloading does not send
    the form again. `sent`: the name of the draft that is no longer needed."""
    if _wants_card():
        return card(current_viewer(), found, done=done, sent=sent)
    if wants_fragment():
        return _one(current_viewer(), found, done=done, sent=sent)
    arguments = {"done": done} | ({"sent": sent} if DRAFT.fullmatch(sent) else {})
    address = page_address(f"requests/{found['slug']}/", **arguments)
    return redirect(f"{address}#cf-done", code=303)  # type: ignore[return-value]


def card(
    viewer: Viewer,
    found: Request,
    *,
    done: str = "",
    sent: str = "",
    refusal: refusals.Refusal | None = None,
    by_email: bool = False,
) -> Response:
    """Show a request in place of the form that asked for it, in the widget: status and dates."""
    dataset = request.form.get("dataset") or sent.partition(":")[2]
    return render(
        "requests/in_place.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("email",),
        prefix=ASKING,
        by_email=by_email,
        typed=request.form,
        support_address=page_address(f"requests/{found['slug']}/support", show="card"),
        asked=representation.in_full(viewer, found),
        done=_said(done, found),
        sent=sent,
        again=page_address("requests/new", **({"dataset": dataset} if dataset else {})),
        login=login_url(page_address(f"requests/{found['slug']}/")),
        **words(),
    )


def _wants_card() -> bool:
    """Return whether the widget shows the request in place of its form (a fragment within a
    fragment)."""
    return wants_fragment() and request.args.get("show") == "card"


def _said(done: str | None, found: Request) -> Any:
    if done == "asked" and found["visibility"] != Visibility.PUBLIC:
        return DONE["asked, waits"]
    if done == "asked" and not found.get("organization"):
        return DONE["asked of the desk"]
    before, _dash, after = (done or "").partition("-")
    if before in LABELS["status"] and after in LABELS["status"]:
        return presentation.act_of(before, after).done
    return DONE.get(done or "")


def _readable(viewer: Viewer, reference: str) -> Request:
    try:
        return actions.readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def _one(
    viewer: Viewer,
    found: Request,
    *,
    done: str | None = None,
    sent: str = "",
    refusal: refusals.Refusal | None = None,
    by_email: bool = False,
    told: bool = False,
) -> Response:
    """Render the page of a request. `by_email`: at the step in which an anonymous user gives an
    address to confirm; `told`: that address is for following."""
    shown = representation.in_full(viewer, found)
    link = f"requests/{found['slug']}/"
    return render(
        "requests/one.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=FIELDS,
        steps=presentation.steps(shown, on_any_day),
        holds=permissions.deals_with(viewer, found),
        address=pages_url(link),
        appeals=letter_views.appeals(viewer, found),
        submission_id=str(uuid.uuid4()),
        open=Status(found["status"]) in OPEN,
        mine=permissions.is_requester(viewer, found),
        ways=ways(viewer, Action.SUPPORT, found["_id"]),
        by_email=by_email,
        told=told,
        follows=following.is_following(viewer, found),
        may_follow=viewer.account or ways(viewer, Action.FOLLOW, found["_id"]).open,
        contributor_token=sent_token(viewer),
        done=_said(done, found),
        sent=sent,
        here=page_address(link),
        act=lambda what: page_address(f"{link}{what}"),
        support_address=page_address(f"{link}support"),
        list_url=page_address("requests/"),
        login=login_url(page_address(link)),
        **reading(viewer, found, shown),
    )


#: The fields of the forms, by the name errors give them.
FIELDS = (
    *("message", "reason", "datasets", "urls", "duplicate_of", "review_at", "expected_on"),
    *("days", "extension_reason", "email"),
)


def reading(viewer: Viewer, found: Request, shown: Shown) -> Shown:
    """Make the context that shows a request (`shown`: as JSON shows it in full), what happened to
    it and the forms of its holder; `act(what)`, where they are sent, is for the caller to add."""
    said, how_many, _capped = messages.read(found, Page(size=SAID))
    return {
        "asked": shown,
        "typed": request.form,
        "events": presentation.timeline(
            shown, representation.messages_as_json(viewer, found, said[:SAID])
        ),
        "more_said": max(0, how_many - SAID),
        "proposed": dataset_matches.proposals_on(viewer, found),
        "may_extend": permissions.may_extend(viewer, found),
        "max_extension": actions.MAX_EXTENSION,
        "acts": list(presentation.ACTS),
        "seldom": presentation.SELDOM,
        "act_of": presentation.act_of,
        "picked": _picked(),
        "pick_url": lambda kind: page_address("requests/pick", kind=kind),
        **words(),
    }


def _picked() -> dict[str, picking.Picked]:
    """Return the choices of the forms of a request, by field; empty where none was sent."""
    return {
        field: picking.read(request.form, field, kind, several=field == "datasets")
        for field, kind in (
            ("datasets", picking.DATASET),
            ("duplicate_of", picking.REQUEST),
            ("organization", picking.ORGANIZATION),
        )
    }


def _move_of_form() -> Values:
    form = request.form
    payload: Values = {
        name: form.get(name) or None
        for name in ("to", "from", "message", "reason", "review_at", "expected_on")
    }
    datasets = picking.read(form, "datasets", picking.DATASET, several=True)
    target = picking.read(form, "duplicate_of", picking.REQUEST)
    return payload | {
        "datasets": datasets.must_be_clear("datasets").values,
        "duplicate_of": target.must_be_clear("duplicate_of").value,
        "urls": form.get("urls", "").split(),
        "partial": "partial" in form,
    }


def words() -> Shown:
    """Return the labels and functions that the templates need."""
    return {
        "labels": LABELS,
        "vocabularies": vocabulary.vocabularies(),
        "kinds": vocabulary.REQUEST_KINDS,
        "statuses": vocabulary.REQUEST_STATUSES,
        "on_date": _on_date,
        "marked": presentation.marked,
        "excerpt_of": lambda text: excerpt(text, presentation.EXCERPT),
        "on_day": _on_day,
        "supports_in_words": representation.supports_in_words,
        "request_url": lambda found: page_address(f"requests/{found['slug']}/"),
    }


def on_cards(viewer: Viewer) -> Shown:
    """Return what the templates need to let a request in a list be supported."""
    return {
        "open_statuses": {str(status) for status in OPEN},
        "support_url": lambda one: page_address(f"requests/{one['slug']}/support"),
        "ways_of": lambda one: ways(viewer, Action.SUPPORT, one["id"]),
    }


def without(arguments: Shown, *names: str) -> Shown:
    return {
        name: value
        for name, value in arguments.items()
        if name not in names and isinstance(value, str)
    }


def on_any_day(when: str) -> str:
    return _on_date(when) if "T" in when else _on_day(when)


def _on_day(day: str) -> str:
    """Put a day (ISO 8601) into words."""
    return str(day_in_words(date.fromisoformat(day)))


def _on_date(moment: str) -> str:
    """Put the portal's local day of a moment (ISO 8601 with its zone) into words."""
    return str(day_in_words(datetime.fromisoformat(moment).astimezone(portal_zone()).date()))
