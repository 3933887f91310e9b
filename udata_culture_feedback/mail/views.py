"""Show the page behind the unsubscribe link of our mails. Opening it changes nothing: mail scanners
open links.

Its POST needs neither session nor guard: the signed token in its address is the proof, and mail
clients send it by themselves when people use their own button (RFC 8058).
"""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, g, redirect, request, url_for
from udata.i18n import lazy_gettext as _

from ..people.viewer import NOBODY
from ..web import refusals
from ..web.api import only_for_its_holder
from ..web.languages import speaking
from ..web.pages import blueprint, handles_refusal, render
from . import unsubscribe
from .mailing import Reader, language_of, reader_of
from .unsubscribe import ALL, Way

#: The form field that a mail client sends (RFC 8058, 3.1).
ONE_CLICK = ("List-Unsubscribe", "One-Click")

#: The page is about whose the token is, whoever is logged in.


@blueprint.route("/unsubscribe/")
def unsubscribe_page() -> Response:
    """Show what one receives, and the button to change it."""
    try:
        way, reader = _opened()
    except refusals.Refusal as refusal:
        return _dead_end(refusal)
    return _page(way, reader, done="done" in request.args)


@blueprint.route("/unsubscribe/", methods=["POST"])
@handles_refusal  # it has no use for the guard
def change_subscription() -> Response:
    """Unsubscribe from the subject of the token or from all our mails, or subscribe again. 400 for
    an invalid token or wish."""
    try:
        way, reader = _opened()
    except refusals.Refusal as refusal:
        return _dead_end(refusal)
    name, value = ONE_CLICK
    if request.form.get(name) == value:
        unsubscribe.stop(way)
        return _page(way, reader, done=True)  # mail clients follow no redirect
    match request.form.get("wish"):
        case "stop":
            unsubscribe.stop(way)
        case "stop-all":
            unsubscribe.stop(way, everything=True)
        case "resume":
            unsubscribe.resume(way)
        case _:
            wish = refusals.Invalid(_("Choose what you would like to stop."))
            return _page(way, reader, refusal=wish)
    return only_for_its_holder(redirect(f"{_address()}&done=1", code=303))  # type: ignore[arg-type]


def _opened() -> tuple[Way, Reader]:
    """Return the content of the token and its reader. Raise Invalid for a token that is not ours,
    and when its reader has left."""
    way = unsubscribe.read(request.args.get("token", ""))
    reader = way and reader_of(way.user_id)
    if not way or not reader or reader.deleted:
        raise refusals.Invalid(
            _(
                "This link is incomplete, or no longer works. Please use the one at the end of "
                "the latest message you received."
            )
        )
    return way, reader


def _dead_end(refusal: refusals.Refusal) -> Response:
    return only_for_its_holder(
        render("unsubscribe.html", viewer=NOBODY, refusal=refusal, reader=None)
    )


def _page(
    way: Way, reader: Reader, *, done: bool = False, refusal: refusals.Refusal | None = None
) -> Response:
    refused = unsubscribe.refused_scopes(reader.id)
    # The reader's language rather than the visitor's: people who open a mail are seldom logged in.
    with speaking(g.lang_code if "lang" in request.args else language_of(reader)):
        return only_for_its_holder(
            render(
                "unsubscribe.html",
                viewer=NOBODY,
                refusal=refusal,
                reader=reader,
                done=done,
                everything=way.scope == ALL,
                subject=unsubscribe.name_of(way.scope),
                none_at_all=ALL in refused,
                none_of_it=way.scope in refused,
                here=_address(),
            )
        )


def _address() -> str:
    """Return the address of this page, with its token."""
    kept = {name: request.args[name] for name in ("token", "lang") if name in request.args}
    return f"{url_for('culture-feedback.unsubscribe_page')}?{urlencode(kept)}"
