"""The pages of what each person controls: their contributions, correcting a request, erasing, the
file; and for people without an account, asking for a link by e-mail and opening it.

Opening a link changes nothing, since mail scanners do it too: its button exchanges it for a cookie,
valid for an hour, that only these pages and their API receive. The pages are never stored, and send
no referrer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, g, request
from udata.i18n import lazy_gettext as _

from ..contributions import kinds, review_rules
from ..contributions.owned import Person
from ..email_confirmation.anonymous import avoid_trap
from ..people.viewer import current_viewer, sent_token
from ..web import refusals
from ..web.api import never_stored
from ..web.listing import Page
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
from ..web.untyped import Document, Shown
from ..web.urls import api_url, login_url
from . import access_link, actions, mails, presentation  # noqa: F401 (mails whose links lead here)
from .api import COOKIE, download, person, visit_secret

#: Contributions of each kind on one page.
SHOWN = 10

#: Messages after a form was handled.
DONE = {
    "sent": access_link.SENT,
    "corrected": _("Your correction is recorded."),
    "left": _("This page has forgotten you."),
}

#: The texts of a request that this page corrects; the API takes all of them.
CORRECTED = ("title", "description", "evidence_url", "spatial")


@blueprint.app_context_processor
def my_address() -> Shown:
    """Give every template the address of a person's contributions."""
    return {"culture_feedback_me": lambda: page_address("me/")}


@blueprint.route("/pages/me/")
def my_page() -> Response:
    """Show a person's contributions; to a visitor not recognised, how to reach them."""
    done = request.args.get("done", "")
    if done == "erased":
        counts = (_whole(request.args.get(name)) for name in ("erased", "detached", "left"))
        return _page(done=presentation.told(*counts))
    return _page(done=DONE.get(done))


@blueprint.route("/pages/me/", methods=["POST"])
@handles_refusal
def ask_for_link() -> Response:
    """Have a link sent to an address, whether it has contributed or not."""

    def act() -> str | Response:
        avoid_trap(request.form)
        access_link.ask(request.form.get("email"), request.form.get("proof"))
        return _go_on("sent")

    return handle_form(act, lambda refusal: _page(refusal=refusal))


@blueprint.route("/pages/me/open")
def link_page() -> Response:
    """Show the one button behind the link of a mail."""
    token = request.args.get("token", "")
    try:
        access_link.opened(token)
    except refusals.Refusal as refusal:
        return _link_page(refusal=refusal)
    return _link_page(token)


@blueprint.route("/pages/me/open", methods=["POST"])
@handles_refusal  # the signed token is the proof; it opens the contributions of an address
def open_link() -> Response:
    """Exchange the link for a visit of an hour."""

    def act() -> str | Response:
        secret = access_link.exchange(request.form.get("token", ""))
        return _with_cookie(see_other(page_address("me/")), secret)

    return handle_form(act, lambda refusal: _link_page(refusal=refusal))


@form_address("/pages/me/leave", page="me/")
@handles_refusal  # whoever sends it, one only has to ask for another link
def leave_visit() -> Response:
    """« Ce n'est pas moi »: end the visit."""
    access_link.end(visit_secret())
    return _with_cookie(see_other(f"{page_address('me/', done='left')}#cf-done"), "")


@blueprint.route("/pages/me/export")
def my_file() -> Response:
    """Download all contributions of a person as a file."""
    try:
        return _private(download(person()))
    except refusals.Refusal as refusal:
        return _page(refusal=refusal)


@blueprint.route("/pages/me/erase")
def erase_page() -> Response:
    """Show what is about to be erased, and the button that does it."""
    return _erase_page(person())


@blueprint.route("/pages/me/erase", methods=["POST"])
@handles_refusal
def erase() -> Response:
    """Erase one contribution, or everything."""
    return _handled(_erase, _erase_page)


def _erase(who: Person) -> str | Response:
    if request.form.get("kind"):
        wanted = (request.form["kind"], request.form.get("id", ""))
        erased = actions.erase(who, [wanted])
    else:
        erased = actions.erase_everything(who)
    if wants_fragment() or who.by_token:
        told = presentation.told(erased.erased, erased.detached, erased.left)
        return _page(who, done=told)
    counts = {"erased": erased.erased, "detached": erased.detached, "left": erased.left}
    some = {name: count for name, count in counts.items() if count and name != "erased"}
    address = page_address("me/", done="erased", **{"erased": erased.erased, **some})
    return _private(see_other(f"{address}#cf-done"))


@blueprint.route("/pages/me/requests/<string:id>")
def my_request_page(id: str) -> Response:
    """Show the texts of one's own request, to correct them."""
    return _request_page(person(), id)


@blueprint.route("/pages/me/requests/<string:id>", methods=["POST"])
@handles_refusal
def correct_request(id: str) -> Response:
    """Correct the texts of one's own request."""

    def act(who: Person) -> str | Response:
        texts = {name: request.form[name] for name in CORRECTED if name in request.form}
        review_rules.warn(
            {name: texts.get(name) for name in ("title", "description", "spatial")},
            read_again="read_again" in request.form,
        )
        actions.correct(who, {"kind": "request", "id": id} | texts)
        return _go_on("corrected", who)

    return _handled(act, lambda who, refusal: _request_page(who, id, refusal))


def _handled(
    act: Callable[[Person], str | Response],
    again: Callable[[Person, refusals.Refusal], Response],
) -> Response:
    """Handle a form that says who sends it, once its body is known to be bounded."""
    who = [Person()]

    def guard() -> None:
        who[0] = person(request.form)
        _check_guard(who[0])

    return handle_form(lambda: act(who[0]), lambda refusal: again(who[0], refusal), guard=guard)


def _page(
    who: Person | None = None, *, refusal: refusals.Refusal | None = None, done: Any = None
) -> Response:
    who = who or person(request.form)
    only = request.args.get("kind")
    only = only if only in kinds.owned() else None
    shown: list[presentation.Section] = []
    followed: Document = {}
    if who.known:
        page = Page(max(1, _whole(request.args.get("page"), 1)), SHOWN)
        try:
            listed = actions.listed(who, page, only)
        except refusals.NotFound:
            abort(404)
        shown = presentation.sections(who, listed)
        followed = {
            name: value for name, value in (listed.get("subscriptions") or {}).items() if value
        }
    here = page_address("me/")
    return _shown(
        "me.html",
        who,
        refusal,
        fields=("email",),
        typed=request.form if refusal else {},
        done=done,
        sections=shown,
        only=only,
        followed=followed,
        links=access_link.is_offered(),
        export_url=page_address("me/export"),
        erase_url=page_address("me/erase"),
        leave_url=page_address("me/leave"),
        requests_url=page_address("requests/"),
        all_url=here,
        here=here,
    )


def _link_page(token: str = "", refusal: refusals.Refusal | None = None) -> Response:
    return _shown(
        "me_open.html",
        Person(),
        refusal,
        fields=(),
        link_token=token,
        here=page_address("me/open"),
        me_url=page_address("me/"),
    )


def _erase_page(who: Person, refusal: refusals.Refusal | None = None) -> Response:
    sent = request.form if request.method == "POST" else request.args
    kind, id = sent.get("kind", ""), sent.get("id", "")
    known = kinds.owned().get(kind)
    entry, total = None, 0
    if not who.known:
        refusal = refusal or actions.unknown()
    elif kind:
        try:
            found, row = actions.find(who, kind, id)
        except refusals.NotFound:
            if refusal is None:
                abort(404)
        else:
            [entry] = found.entries(who, found.shown(who, [row]))
    else:
        listed = actions.listed(who, Page(1, 1))
        total = sum(listed[one.section]["total"] for one in kinds.owned().values())
    return _shown(
        "me_erase.html",
        who,
        refusal,
        fields=(),
        entry=entry,
        label=known.label if known else None,
        total=total,
        export_url=page_address("me/export"),
        here=page_address("me/erase"),
        me_url=page_address("me/"),
    )


def _request_page(who: Person, id: str, refusal: refusals.Refusal | None = None) -> Response:
    row: Document = {}
    if who.known:
        try:
            _kind, row = actions.find(who, "request", id)
        except refusals.NotFound:
            abort(404)
    else:
        refusal = refusal or actions.unknown()
    return _shown(
        "me_request.html",
        who,
        refusal,
        fields=CORRECTED,
        typed=request.form if request.method == "POST" else row,
        asked=row,
        anchors={"title": "cf-title-field"},
        title_length=kinds.owned()["request"].lengths["title"],
        here=page_address(f"me/requests/{id}"),
        me_url=page_address("me/"),
    )


def _shown(
    template: str, who: Person, refusal: refusals.Refusal | None, **context: Any
) -> Response:
    viewer = who.viewer if who.known else current_viewer()
    secret = visit_secret() if who.mailbox else ""
    return _private(
        render(
            template,
            viewer=viewer,
            refusal=refusal,
            errors=refusal.errors if refusal else {},
            who=who,
            visit_guard=access_link.guard_of(secret) if secret else "",
            contributor_token=sent_token(viewer) if not who.mailbox else "",
            login=login_url(page_address("me/")),
            **context,
        )
    )


def _check_guard(who: Person) -> None:
    """Raise Forbidden for a form that was not sent from one of these pages, Unauthenticated once
    the session or the visit has ended."""
    if not who.known:
        raise actions.unknown()
    if not who.mailbox:
        check_guard(who.viewer, without_account=not who.viewer.account)
        return
    carried = request.form.get("visit_guard", "")
    expected = access_link.guard_of(visit_secret())
    if not hmac.compare_digest(carried.encode(), expected.encode()) and not _by_loader():
        raise refusals.Forbidden(_("This form has expired: please send it again."))


def _by_loader() -> bool:
    return bool(g.culture_feedback_guard)


def _go_on(done: str, who: Person | None = None) -> Response:
    if wants_fragment() or (who and who.by_token):
        return _page(who, done=DONE[done])
    return _private(see_other(f"{page_address('me/', done=done)}#cf-done"))


def _with_cookie(response: Response, secret: str) -> Response:
    """Set the cookie of a visit, for these pages and their API only; an empty secret deletes it."""
    for path in {urlsplit(page_address("me/")).path, urlsplit(api_url("me/")).path}:
        response.set_cookie(
            COOKIE,
            secret,
            path=path,
            max_age=int(access_link.LIFETIME.total_seconds()) if secret else 0,
            httponly=True,
            secure=request.is_secure,
            samesite="Lax",
        )
    return _private(response)


def _private(response: Response) -> Response:
    """Mark a response as never stored, not indexed and sending no referrer."""
    never_stored(response)
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _whole(value: str | None, default: int = 0) -> int:
    whole = value is not None and value.isascii() and value.isdigit() and len(value) < 7
    return int(value) if whole and value else default
