"""Share what all our pages and fragments need: the blueprint, identity, the guard of unsafe verbs,
security headers, and rendering as a whole page or as a fragment.

Our pages share the origin of udata's session, where a foreign script would be an account takeover:
hence no inline script or style, and a Content-Security-Policy from the first page on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    session,
)
from flask_babel import get_locale
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup
from udata.api import api
from udata.app import csrf
from udata.i18n import lazy_gettext as _
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms import ValidationError

from . import refusals
from .api import (
    body_limit,
    bound_body,
    cacheable,
    carries_key,
    comes_from_elsewhere,
    same_for_all,
)
from .frame import Frame, here
from .languages import COOKIE, choose_for_request
from .reader import Reader, must_have_account
from .render_cache import fingerprint, kept
from .text_cleaning import set_french_page
from .untyped import Document, Shown
from .urls import PREFIX, portal

View = Callable[..., Any]

blueprint = Blueprint("culture-feedback", __name__, url_prefix=PREFIX, template_folder="templates")
# Our own guard (below) instead of Flask-WTF's, which would lose what people typed.
csrf.exempt(blueprint)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

#: A header sent by our loader; a form of another site cannot send it.
HEADER = "X-Culture-Feedback"

#: A form may stay open for as long as the session lives: its token has no time limit of its own.
NO_TIME_LIMIT = 10**9


def handles_refusal(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a view that shows its form again, text kept, when `check_guard` refuses. Any other view
    is not even called."""
    view.handles_refusal = True  # type: ignore[attr-defined]
    return view


def form_address(rule: str, *, page: str) -> Callable[[View], View]:
    """Declare an address that only a form has. Opened by GET (reloaded, copied, gone back to after
    logging in) it redirects to `page`: a path of ours, with the arguments of the rule."""

    def declare(view: View) -> View:
        def lead_to_page(**arguments: str) -> Response:
            quoted = {name: quote(value, safe="") for name, value in arguments.items()}
            return see_other(page_address(page.format(**quoted)))

        blueprint.add_url_rule(rule, view.__name__, view, methods=["POST"])
        blueprint.add_url_rule(rule, f"{view.__name__}_by_get", lead_to_page, methods=["GET"])
        return view

    return declare


def handle_form(
    act: Callable[[], str | Response],
    again: Callable[[refusals.Refusal], Response],
    *,
    guard: Callable[[], None] | None = None,
) -> Response:
    """Handle a form: bound its body, check that one of our pages sent it, act, redirect.

    `act`: does it and returns the address that follows (303), or the response where there is no
    whole page to redirect to (a fragment, a page without session). `again`: shows the form once
    more, with what was refused and what was typed. `guard`: None where something in the form is the
    proof.
    """
    try:
        bound_body()
        if guard:
            guard()
        done = act()
    except refusals.Refusal as refusal:
        return again(refusal)
    return see_other(done) if isinstance(done, str) else done


def see_other(address: str) -> Response:
    """Redirect to what follows a form, by GET whatever method the form was sent with."""
    return redirect(address, code=303)  # type: ignore[return-value]


@blueprint.before_request
def prepare() -> None:
    """Set the language, then the identity exactly as udata's API does, then check the guard."""
    if carries_key():
        api.authentify(lambda: None)()
    alone = not wants_fragment() and request.path.startswith(f"{PREFIX}/pages/")
    choose_for_request(alone=alone)
    if request.method in SAFE_METHODS:
        return
    # The guard reads the form: never more of it than the bound.
    request.max_content_length = body_limit()
    g.culture_feedback_guard = _guarded()
    view = current_app.view_functions.get(request.endpoint or "")
    if not g.culture_feedback_guard and not getattr(view, "handles_refusal", False):
        abort(403)


def check_guard(viewer: Reader, *, without_account: bool = False) -> None:
    """Raise Unauthenticated for an unknown viewer (the session may have ended since the form was
    shown), Forbidden when nothing proves that the form was sent from one of our pages.

    `without_account`: the form may be sent without one. It then carries its own proof: there is no
    session that another site could abuse. The action checks the rest. A form made for a logged-in
    user is not one of these: their session has ended.
    """
    if without_account and not viewer.account and "signed_in" not in request.form:
        return
    must_have_account(viewer)
    if not g.culture_feedback_guard:
        raise refusals.Forbidden(
            _("This form has expired. Your text is still here: please send it again.")
        )


@blueprint.after_request
def protect(response: Response) -> Response:
    """Set the security headers, and no session cookie for requests with a key or a bearer token
    (udata logs them in, which would set one)."""
    ancestors = " ".join(current_app.config["CULTURE_FEEDBACK_FRAME_ANCESTORS"]) or "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {_images()}; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if carries_key() and not _has_session():
        session.clear()
        session.modified = False
    return response


def _images() -> str:
    """Return where images may come from: here, and the host of the portal's logo."""
    logo = urlsplit(current_app.config["CULTURE_FEEDBACK_LOGO_URL"] or "")
    own = "'self' blob:"  # blob: the picture of a chart that one downloads
    return f"{own} {logo.scheme}://{logo.netloc}" if logo.netloc else own


@blueprint.route("/pages/language")
def choose_language() -> Response:
    """Store the language chosen for whole pages, then go back to the page."""
    chosen, back = request.args.get("to", ""), request.args.get("next", "")
    here = urlsplit(back)
    if here.scheme or here.netloc or not back.startswith("/") or back.startswith(("//", "/\\")):
        back = page_address("requests/")
    response = Response(status=303, headers={"Location": back, "Cache-Control": "no-store"})
    if chosen in current_app.config["LANGUAGES"]:
        response.set_cookie(COOKIE, chosen, max_age=365 * 24 * 3600, samesite="Lax", httponly=False)
    return response


def wants_fragment() -> bool:
    """Return whether `?as=fragment` was asked: only the content of the page, for the loader to put
    on a host's page."""
    return request.args.get("as") == "fragment"


def page_address(path: str, **arguments: Any) -> str:
    """Return the address of one of our pages (`datasets/<d>/`) for links and forms of the current
    response: the operator's pretty one in a whole page, udata's in a fragment, since the loader
    asks the server it comes from. Keeps the language that was asked for."""
    pretty = current_app.config["CULTURE_FEEDBACK_PAGES_URL"]
    if pretty and not wants_fragment():
        base = pretty.rstrip("/")
    else:
        base = f"{request.script_root}{PREFIX}/pages"
    if "lang" in request.args:
        arguments["lang"] = request.args["lang"]
    return f"{base}/{path}" + (f"?{urlencode(arguments)}" if arguments else "")


def render(
    template: str, *, viewer: Reader, refusal: refusals.Refusal | None = None, **context: Any
) -> Response:
    """Render a view, as a whole page or as a fragment, cacheable as its kind allows, with the
    status of the refusal if there is one."""
    text = _text(template, viewer=viewer, refusal=refusal, **context)
    return _response(text, refusal)


def render_cached(
    template: str,
    viewer: Reader,
    shown: tuple[Hashable, ...],
    context: Callable[[], Document],
) -> Response:
    """Render a view, from the cache for anonymous users as long as what it shows has not changed.
    Users logged in, or recognised by a token, get their page rendered.

    :param shown: all that the page is made of (see `render_cache.kept`).
    :param context: makes what the template is given.
    """
    if viewer.known:
        return render(template, viewer=viewer, **context())
    around = None if wants_fragment() else here()
    key = ("page", template, around, *setting_key(), *shown)
    return _response(kept(key, lambda: _text(template, viewer=viewer, **context())))


def _text(
    template: str, *, viewer: Reader, refusal: refusals.Refusal | None = None, **context: Any
) -> str:
    layout = context.pop("layout", None) or ("fragment.html" if wants_fragment() else "page.html")
    page = render_template(
        f"culture_feedback/{template}",
        layout=f"culture_feedback/{layout}",
        portal=portal(),
        frame=Frame(viewer),
        viewer=viewer,
        viewer_mark=_mark(viewer),
        token=_token(viewer),
        refusal=refusal,
        **_setting(),
        **context,
    )
    return set_french_page(page) if g.lang_code == "fr" else page


def _response(text: str, refusal: refusals.Refusal | None = None) -> Response:
    response = Response(text, refusal.status if refusal else 200, mimetype="text/html")
    if wants_fragment():
        response.headers[HEADER] = "fragment"
        # Without this, the script of another origin could not read it.
        response.headers["Access-Control-Expose-Headers"] = HEADER
    else:
        # The language of a whole page may depend on it.
        response.vary.add("Accept-Language")
    if refusal:
        response.headers.update(refusal.headers)
        # udata replaces a 404 by a page of its own: see `app.ends`.
        g.culture_feedback_page = response
    response = cacheable(response)
    return same_for_all(response) if wants_fragment() else response


def part(template: str, shown: Any, context: Callable[[], Document]) -> Markup:
    """Render a part of a page that is the same for everybody, from the cache while what it shows
    has not changed. `shown`: plain values and dataclasses, all that the part is made of; `context`:
    makes what its template is given."""
    return kept(
        ("part", template, *setting_key(), fingerprint(shown)),
        lambda: Markup(render_template(f"culture_feedback/{template}", **_setting(), **context())),
    )


def setting_key() -> tuple[Hashable, ...]:
    """Return the part of a cache key for where a part of a page will stand, and where its links
    lead."""
    return request.args.get("lang"), *_setting().values()


def _setting() -> Shown:
    """Return what a template has to know of where it will stand."""
    fragment = wants_fragment()
    level = _heading_level()
    return {
        "fragment": fragment,
        "lang": g.lang_code,
        "direction": get_locale().text_direction,
        "level": level,
        # Sections are parts of a fragment, which has one title; they share the page with its <h1>.
        "section_level": min(level + 1, 6) if fragment else level,
    }


def _mark(viewer: Reader) -> str:
    """Return a mark by which the loader notices that another user has logged in since its
    request."""
    return hashlib.sha256(viewer.key.encode()).hexdigest()[:12] if viewer.key else ""


def _token(viewer: Reader) -> str:
    """Return udata's CSRF token for the forms of whole pages; fragments are guarded by a header. It
    sets the session cookie, which pages of unknown viewers must not."""
    return generate_csrf() if viewer.account and not wants_fragment() else ""


def _heading_level() -> int:
    """Return the heading level of a fragment's title, which the host page decides."""
    level = request.args.get("level", "")
    return int(level) if wants_fragment() and level in ("1", "2", "3", "4", "5", "6") else 2


def _guarded() -> bool:
    if comes_from_elsewhere():
        return False
    if request.headers.get(HEADER):
        return True
    if carries_key() and not _has_session():
        return True
    try:
        validate_csrf(request.form.get("csrf_token"), time_limit=NO_TIME_LIMIT)
    except (ValidationError, RequestEntityTooLarge):
        return False
    return True


def _has_session() -> bool:
    return current_app.config["SESSION_COOKIE_NAME"] in request.cookies
