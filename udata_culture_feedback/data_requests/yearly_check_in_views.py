"""The page behind the link by which a requester says that they are still interested. Opening it
changes nothing; its button needs neither session nor guard: the signed token is the proof."""

from __future__ import annotations

from flask import Response, redirect, request

from ..people.viewer import NOBODY
from ..web import refusals
from ..web.api import bound_body, only_for_its_holder
from ..web.pages import blueprint, handles_refusal, page_address, render
from . import yearly_check_in
from .models import Request


@blueprint.route("/pages/requests/interested")
def interested_page() -> Response:
    """Show the request, and the button."""
    try:
        found = yearly_check_in.opened(_token())
    except refusals.Refusal as refusal:
        return _page(refusal=refusal)
    return _page(found)


@blueprint.route("/pages/requests/interested", methods=["POST"])
@handles_refusal  # this form needs no guard
def still_interested() -> Response:
    """Keep writing to the requester."""
    try:
        bound_body()
        yearly_check_in.confirm(_token())
    except refusals.Refusal as refusal:
        return _page(refusal=refusal)
    address = page_address("requests/interested", token=_token(), done=1)
    return only_for_its_holder(redirect(f"{address}#cf-done", code=303))  # type: ignore[arg-type]


def _page(found: Request | None = None, *, refusal: refusals.Refusal | None = None) -> Response:
    return only_for_its_holder(
        render(
            "requests/interested.html",
            viewer=NOBODY,
            refusal=refusal,
            errors={},
            fields=(),
            asked=found,
            done="done" in request.args,
            here=page_address("requests/interested", token=_token()),
            request_url=page_address(f"requests/{found['slug']}/") if found else None,
        )
    )


def _token() -> str:
    return request.args.get("token", "")
