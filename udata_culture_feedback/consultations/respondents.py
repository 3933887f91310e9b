"""Respondents as pages recognise them (an account, a browser, the holder of a signed link), and
what their forms have to prove."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from udata.i18n import lazy_gettext as _

from ..email_confirmation.anonymous import ways
from ..people.access_modes import Action
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer, current_viewer
from ..web import refusals
from ..web.pages import (
    check_guard,
    page_address,
)
from . import (
    form_tokens,
)
from .models import Consultation, responses
from .repository import readable

#: The cookie of an answer continued by a signed link, for the pages of its consultation only.
COOKIE = "culture-feedback-response"


def respondent(reference: str, sent: Any = None) -> tuple[Viewer, Consultation]:
    """Return the respondent and the consultation: an account, whoever `sent` a form, or the holder
    of a signed link."""
    viewer = current_viewer(sent)
    consultation = readable_here(viewer, reference)
    if viewer.known:
        return viewer, consultation
    held = resumed(request.cookies.get(COOKIE), consultation)
    return held or viewer, consultation


def resumed(token: str | None, consultation: Consultation) -> Viewer | None:
    """Return the author of the answer that a link resumes; it lets them do nothing else."""
    found = form_tokens.resumed(token)
    if found is None:
        return None
    id, person = found
    response = responses().find_one({"_id": id, "consultation": consultation["_id"]})
    if response is None or response.get("deleted") or not form_tokens.is_of(response, person):
        return None
    contributor = response["contributor"]
    return Viewer(
        key=contributor["key"],
        user_id=contributor.get("user"),
        kind=ContributorKind(contributor["kind"]),
    )


def by_link(viewer: Viewer) -> bool:
    return viewer.known and not current_viewer(request.form).known


def keeps_draft(viewer: Viewer) -> bool:
    """Check whether answers are stored for this person between two steps: an account, or whoever
    has confirmed an address to go on later."""
    return viewer.account or (viewer.kind is ContributorKind.CONFIRMED and by_link(viewer))


def check_form(viewer: Viewer, consultation: Consultation) -> None:
    if by_link(viewer):
        # The token of a form is made for one person: another site cannot have theirs.
        token = request.form.get("opening")
        if not form_tokens.is_for(token, viewer, consultation["_id"]):
            raise refusals.Forbidden(
                _("This form has expired. Your text is still here: please send it again.")
            )
        return
    open_to_them = ways(viewer, Action.RESPONSE, consultation["_id"]).open
    check_guard(viewer, without_account=open_to_them)


def readable_here(viewer: Viewer, reference: str) -> Consultation:
    try:
        return readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def address_of(consultation: Consultation, what: str = "") -> str:
    return page_address(f"consultations/{consultation['slug']}/{what}")
