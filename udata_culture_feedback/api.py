"""What all our JSON routes share: the namespace, reading a body, answering, caching, refusing."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, current_app, g, json, request
from udata.api import api
from udata.auth import current_user

from . import refusals
from .refusals import Refusal

ns = api.namespace("culture-feedback", "What the public says of datasets, and asks for")

Answer = Response

#: What anonymous answers may be kept for, in seconds, by browsers and by the edge.
PUBLIC_MAX_AGE = 60


def json_body() -> dict[str, Any]:
    """The JSON object that was sent. Raises Invalid for anything else, TooLong over the bound;
    werkzeug answers 415 to what is not JSON."""
    bound_body()
    body = api.json_payload()
    return body


def bound_body() -> None:
    """Refuses a body over the bound, whether or not it says its length."""
    limit = current_app.config["CULTURE_FEEDBACK_BODY_MAX_BYTES"]
    request.max_content_length = limit
    if (request.content_length or 0) > limit:
        from udata.i18n import lazy_gettext as _

        raise refusals.TooLong(_("That is too long: %(n)d bytes at most.", n=limit))


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer with the caching rules of its kind: public for a minute when nobody is
    identified, private otherwise; an ETag that 304 answers go by."""
    response = Response(
        json.dumps(body) if body is not None else "", status, mimetype="application/json"
    )
    return cacheable(response)


def cacheable(response: Response) -> Response:
    """Sets ETag, Cache-Control and Vary on the answer to a read, and turns it into 304 where the
    client has it already. Answers to writes are not stored."""
    response.vary.update(("Origin", "Cookie", "Authorization", "X-API-KEY"))
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        response.headers["Cache-Control"] = "no-store"
        return response
    who = "" if current_user.is_anonymous else str(current_user.id)
    if who:
        response.headers["Cache-Control"] = "private, no-cache"
    else:
        response.headers["Cache-Control"] = f"public, max-age={PUBLIC_MAX_AGE}"
    body = hashlib.sha256(response.get_data())
    body.update(f"\n{who}\n{g.get('lang_code')}".encode())
    response.set_etag(body.hexdigest()[:32])
    return response.make_conditional(request)


@ns.errorhandler(Refusal)
def refuse(refusal: Refusal) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The JSON of a refusal: `message`, `errors` by field, and what it adds."""
    return (
        refusal.as_json(),
        refusal.status,
        {"Cache-Control": "no-store", **refusal.headers},
    )
