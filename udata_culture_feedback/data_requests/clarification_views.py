"""The page on which a requester without an account answers a question, by a link in a mail. Opening
it changes nothing; its form needs neither session nor guard: the signed token is the proof."""

from __future__ import annotations

import uuid

from flask import Response, request

from ..contributions.review_rules import Visibility, warn
from ..people.viewer import NOBODY
from ..web import refusals
from ..web.api import only_for_its_holder
from ..web.pages import blueprint, handle_form, handles_refusal, page_address, render
from . import clarification
from .models import Request


@blueprint.route("/pages/requests/answer")
def answer_page() -> Response:
    """Show the request, the holder's question, and the form."""
    if "done" in request.args:
        return _page(done=request.args["done"])
    try:
        return _page(clarification.opened(_token()))
    except refusals.Refusal as refusal:
        return _page(refusal=refusal)


@blueprint.route("/pages/requests/answer", methods=["POST"])
@handles_refusal  # this form needs no guard
def answer_by_link() -> Response:
    """Record the answer: published at once, or once a moderator has read it."""

    def write() -> str:
        form = request.form
        warn({"message": form.get("message")}, read_again="read_again" in form)
        payload = {name: form[name] for name in ("message", "submission_id") if form.get(name)}
        message, _found = clarification.answer(_token(), payload)
        waits = message["visibility"] != Visibility.PUBLIC
        return page_address("requests/answer", done="waits" if waits else "written") + "#cf-done"

    return handle_form(write, _again)


def _again(refusal: refusals.Refusal) -> Response:
    try:
        return _page(clarification.opened(_token()), refusal=refusal)
    except refusals.Refusal as gone:
        return _page(refusal=gone)


def _page(
    found: Request | None = None, *, refusal: refusals.Refusal | None = None, done: str = ""
) -> Response:
    return only_for_its_holder(
        render(
            "requests/answer.html",
            viewer=NOBODY,
            refusal=refusal,
            errors=refusal.errors if refusal else {},
            fields=("message",),
            asked=found,
            question=clarification.question(found) if found else None,
            typed=request.form,
            submission_id=request.form.get("submission_id") or str(uuid.uuid4()),
            done=done,
            here=page_address("requests/answer", token=_token()),
            list_url=page_address("requests/"),
            request_url=page_address(f"requests/{found['slug']}/") if found else None,
        )
    )


def _token() -> str:
    return request.args.get("token", "")
