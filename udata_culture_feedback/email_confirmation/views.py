"""Show the page behind the link that confirms an address. Opening it changes nothing: mail scanners
open links.

Its POST needs neither session nor guard: the signed token is the proof. It does what was sent as
the person of that address, whoever is logged in here.
"""

from __future__ import annotations

from flask import Response, request

from ..people import limits, proof
from ..people.viewer import NOBODY
from ..web import refusals
from ..web.api import only_for_its_holder
from ..web.pages import blueprint, handle_form, handles_refusal, page_address, render
from ..web.untyped import Shown
from . import confirmation
from . import mails as _mails  # noqa: F401 (whose links lead here)

#: The page is about whose the token is, whoever is logged in.


@blueprint.app_context_processor
def mail_proof() -> Shown:
    """Give templates the address of a challenge for forms that have a mail sent, while each mail
    costs one."""

    def address(what: str) -> str:
        return f"proof/?action={proof.MAIL}" if limits.mails_strained(what) else ""

    return {"culture_feedback_mail_proof": address}


@blueprint.route("/pages/confirm/")
def confirm_page() -> Response:
    """Show what was sent, and the button that confirms it."""
    token = request.args.get("token", "")
    try:
        said = confirmation.preview(confirmation.opened(token))
    except refusals.Refusal as refusal:
        return _page(refusal=refusal)
    return _page(said=said, confirm_token=token)


@blueprint.route("/pages/confirm/", methods=["POST"])
@handles_refusal  # it has no use for the guard
def confirm() -> Response:
    """Confirm, and redirect to where the contribution is now shown."""

    def act() -> str:
        outcome, _token = confirmation.confirm(request.form.get("token", ""))
        return f"{page_address(outcome.page, **outcome.arguments, done='confirmed')}#cf-done"

    return only_for_its_holder(handle_form(act, lambda refusal: _page(refusal=refusal)))


def _page(
    *,
    said: confirmation.Preview | None = None,
    confirm_token: str = "",
    refusal: refusals.Refusal | None = None,
) -> Response:
    return only_for_its_holder(
        render(
            "confirm.html",
            viewer=NOBODY,
            refusal=refusal,
            errors={},
            fields=(),
            said=said,
            confirm_token=confirm_token,
            address=(said and said.address) or confirmation.ERASED,
            back=page_address(said.page) if said else None,
            here=page_address("confirm/"),
        )
    )
