"""Share what all our JSON routes need: the namespace, reading a body, responding, caching,
refusing."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, g, json, request, session
from flask_restx import Model
from udata.api import API, HEADER_API_KEY, api
from udata.auth import current_user
from udata.cors import get_allowed_origins
from udata.i18n import lazy_gettext as _

from . import refusals
from .refusals import Refusal
from .untyped import Payload, Shown

ns = api.namespace("culture-feedback", "What the public says of datasets, and asks for")


def documented(name: str, described: Shown) -> Model:
    """Declare a model of the documentation. `described`: field name → flask-restx field."""
    return api.model(name, described)


Answer = Response


#: The header with the contributor token of an anonymous person, where there is no body for it.
TOKEN_HEADER = "X-Culture-Feedback-Token"

#: Seconds for which browsers and the edge may cache responses to anonymous users.
PUBLIC_MAX_AGE = 60

#: Longest body of a form that carries a file, in bytes: see `takes_file`.
FILE_MAX_BYTES = 5 * 1024 * 1024


def json_body() -> Payload:
    """Return the JSON object that was sent. Raise Invalid for anything else, TooLong over the
    bound; werkzeug answers 415 to what is not JSON."""
    bound_body()
    try:
        body: Any = request.json
        if not isinstance(body, dict):
            message = _("Send a JSON object.")
            raise refusals.Invalid(message, {"request": message})
        body = _well_formed(body)
    except RecursionError:
        raise nested_too_deeply() from None
    # A body without a length may have been read before we could bound it, by whatever
    # looked for a token in it.
    if len(request.get_data()) > current_app.config["CULTURE_FEEDBACK_BODY_MAX_BYTES"]:
        raise _too_long()
    return body


def nested_too_deeply() -> refusals.Invalid:
    """Return the refusal of JSON nested too deeply for Python's stack."""
    message = _("That is nested too deeply.")
    return refusals.Invalid(message, {"request": message})


def _well_formed(body: Payload) -> Payload:
    """Replace lone surrogates, which JSON can carry and nothing can store."""
    text = json.dumps(body, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-8", "replace"))
    return body


def bound_body() -> None:
    """Refuse a body over the bound, whether or not it says its length."""
    limit = body_limit()
    request.max_content_length = limit
    if (request.content_length or 0) > limit:
        raise _too_long()


def takes_file(view: Any) -> Any:
    """Mark a view whose form carries a file: its body may be longer than others."""
    view.takes_file = True
    return view


def takes_import(view: Any) -> Any:
    """Mark a view whose form carries a file of many lines: as long as the operator allows."""
    view.takes_import = True
    return takes_file(view)


def body_limit() -> int:
    """Return how many bytes the body of this request may have. Only people who are logged in send
    the longest ones."""
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "takes_import", False) and current_user.is_authenticated:
        longest: int = current_app.config["CULTURE_FEEDBACK_IMPORT_MAX_BYTES"]
        return longest
    if getattr(view, "takes_file", False):
        return FILE_MAX_BYTES
    limit: int = current_app.config["CULTURE_FEEDBACK_BODY_MAX_BYTES"]
    return limit


def carries_key() -> bool:
    """Return whether the request carries an API key or a bearer token, which no other site can
    add."""
    return HEADER_API_KEY in request.headers or "Authorization" in request.headers


def comes_from_elsewhere() -> bool:
    """Return whether another site has sent a request with a user's cookies. The front-end and
    `CORS_ALLOWED_ORIGINS` are trusted; a client that sends neither header is no browser of
    today."""
    if not request.cookies or carries_key():
        return False
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none") or origin in get_allowed_origins():
        return False
    if origin:
        return site is not None or urlsplit(origin).netloc != request.host
    return site == "cross-site"


def _must_not_be_a_form() -> None:
    """Refuse what a form or a link of another site can send with a user's cookies, whichever they
    are: `remember_token` logs people in too, and has no SameSite. Raise Forbidden."""
    if request.method in ("GET", "HEAD", "OPTIONS") or not request.cookies or carries_key():
        return
    ours = request.is_json or "X-Culture-Feedback" in request.headers
    if comes_from_elsewhere() or (request.method == "POST" and not ours):
        raise refusals.Forbidden(_("Send JSON, or the header X-Culture-Feedback."))


def _too_long() -> refusals.TooLong:
    return refusals.TooLong(_("That is too long: %(n)d bytes at most.", n=body_limit()))


def answer(body: Any, status: int = 200) -> Response:
    """Return a JSON response with the caching rules of its kind: public for a minute when nobody is
    identified, private otherwise, with an ETag."""
    return written(json.dumps(body) if body is not None else "", status)


def written(body: str, status: int = 200) -> Response:
    """Return a response as `answer` does, from a body that is JSON text already."""
    return cacheable(Response(body, status, mimetype="application/json"))


def cacheable(response: Response) -> Response:
    """Set ETag, Cache-Control and Vary on the response to a read, and turn it into 304 where the
    client has it already. Responses to writes are never stored."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.vary.update(("Origin", "Cookie", "Authorization", "X-API-KEY", TOKEN_HEADER))
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        response.headers["Cache-Control"] = "no-store"
        return response
    who = "" if current_user.is_anonymous else str(current_user.id)
    who = who or request.headers.get(TOKEN_HEADER, "")
    if who:
        response.headers["Cache-Control"] = "private, no-cache"
    else:
        response.headers["Cache-Control"] = f"public, max-age={PUBLIC_MAX_AGE}"
    body = hashlib.sha256(response.get_data())
    body.update(f"\n{who}\n{g.get('lang_code')}".encode())
    response.set_etag(body.hexdigest()[:32])
    response.make_conditional(request)
    return response


def same_for_all(response: Response) -> Response:
    """Let caches share one public response among all users of an origin. An edge bypasses its cache
    for requests with a cookie or a key (`integrations/nginx`); a browser asks again each time."""
    if response.cache_control.public:
        response.headers.pop("Vary", None)
        response.vary.add("Origin")
        g.culture_feedback_same_for_all = True
    return response


def leave_session_alone(response: Response) -> Response:
    """Keep the session out of a response shared by all, after everything else: Flask-Login reads
    each session, for which Flask adds `Vary: Cookie` and renews it."""
    if g.get("culture_feedback_same_for_all"):
        session.clear()
        session.modified = session.accessed = False
    return response


def for_one_client(response: Response) -> Response:
    """Keep shared caches from storing a response that no two people should be given; a browser may,
    so that what was typed is still there when one goes back."""
    if response.cache_control.public:
        response.headers["Cache-Control"] = "private, no-cache"
    return response


def never_stored(response: Response) -> Response:
    """Forbid caching a response that is valid once, or is a person's key."""
    response.headers["Cache-Control"] = "no-store"
    response.headers.pop("ETag", None)
    return response


def only_for_its_holder(response: Response) -> Response:
    """Protect the response of a page whose address is a key: no cache, no index, no referrer."""
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return never_stored(response)


class Route(API):
    """The base class of our JSON routes. It turns refusals into responses: flask-restx would add
    hints about other addresses to a 404."""

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        try:
            _must_not_be_a_form()
            return super().dispatch_request(*args, **kwargs)
        except Refusal as refusal:
            return refuse(refusal)


def refuse(refusal: Refusal) -> Response:
    """Return the JSON of a refusal: `message`, `errors` by field, and its details."""
    response = answer(refusal.as_json(), refusal.status)
    response.headers.update(refusal.headers)
    return response
