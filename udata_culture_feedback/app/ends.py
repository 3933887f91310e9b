"""Show a page for what is missing, forbidden or requested the wrong way: in the frame, what
happened, and where to go next. udata replaces every 404 by a page of its own, ours included."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, redirect, request
from udata.i18n import lazy_gettext as _

from ..contributions import adoption
from ..people.viewer import current_viewer
from ..web.languages import choose_for_request
from ..web.pages import page_address, protect, render, wants_fragment
from ..web.urls import PREFIX, login_url, own_url

PAGES = f"{PREFIX}/pages/"

#: Status → what happened, and what it means.
TOLD: dict[int, tuple[Any, Any]] = {
    403: (
        _("You cannot do this here"),
        _("Your session may have ended, or this page is for other people. Nothing was recorded."),
    ),
    404: (
        _("This page does not exist"),
        _("It may have been deleted, its address may be wrong, or you may not see it."),
    ),
    405: (
        _("This page cannot be opened like this"),
        _("Its address belongs to a form. Go back to the page of the form."),
    ),
    410: (
        _("This link no longer works"),
        _("It was used already, or it has expired."),
    ),
    413: (
        _("That is too long"),
        _("What was sent is longer than we can take. Nothing was recorded."),
    ),
}


def register(app: Flask) -> None:
    """Have an application show these pages. The first `after_request` function registered runs
    last: after udata."""
    app.after_request_funcs.setdefault(None, []).insert(0, dress)


def dress(response: Response) -> Response:
    """Replace a bare error by a page, for people: not for programs, nor in fragments. The address
    of a dataset that another one has adopted leads there."""
    if response.status_code == 404 and request.method in ("GET", "HEAD"):
        moved = _moved()
        if moved:
            return moved
    if response.status_code not in TOLD or not request.path.startswith(PAGES) or wants_fragment():
        return response
    own: Response | None = g.get("culture_feedback_page")
    if own is not None:
        return own
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html":
        return response
    if response.status_code == 405 and request.method == "GET":
        # The address of a form, opened by GET: its page is one level up.
        return redirect(request.path.rstrip("/").rpartition("/")[0] + "/", 303)  # type: ignore[return-value]
    return _page(response.status_code)


def _moved() -> Response | None:
    """Return the redirect of an address that names a dataset which another one has adopted. Only
    for now: it may be undone."""
    arguments = request.view_args or {}
    if "dataset" not in arguments or not request.path.startswith(PREFIX):
        return None
    new = adoption.successor(arguments["dataset"])
    if new is None:
        return None
    asked = request.args.to_dict(flat=False)
    address = own_url(request.endpoint or "", **(asked | arguments | {"dataset": str(new.id)}))
    response: Any = redirect(address, 302)
    response.headers["Cache-Control"] = "no-cache"
    return response  # type: ignore[no-any-return]


def _page(status: int) -> Response:
    choose_for_request(alone=True)
    viewer = current_viewer()
    title, said = TOLD[status]
    page = render(
        "end.html",
        viewer=viewer,
        title=title,
        said=said,
        status=status,
        login=None if viewer.account else login_url(request.full_path.rstrip("?")),
        home_url=page_address(""),
        requests_url=page_address("requests/"),
        consultations_url=page_address("consultations/"),
    )
    page.status_code = status
    page.headers["Cache-Control"] = "no-store"
    page.headers.pop("ETag", None)
    return protect(page)
