"""What the pages of the team share: who may see them, their addresses, their messages."""

from __future__ import annotations

from typing import Any

from flask import abort, request
from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer, current_viewer
from ..portal.collections import now
from ..web import refusals
from ..web.pages import page_address, wants_fragment
from ..web.untyped import Shown
from ..web.urls import login_url
from . import permissions
from .markdown import rendered
from .models import Consultation
from .repository import readable
from .window import State, Window, until_in_words
from .wording import FORM_LANGUAGES, said

#: A page of the team: its name, its address, whether it is shown, and a number beside its name.
Tab = tuple[str, str, bool, int | None]

#: Messages after a form was handled.
DONE = {
    "copied": _("This is a copy, which only the team sees: change its dates, then publish it."),
    "made": _("The consultation is made. Add its questions, then look at it and publish it."),
    "edited": _("The changes are saved."),
    "question": _("The question is saved."),
    "removed": _("The question is removed."),
    "published": _("The consultation is published."),
    "entered": _("The answer is entered."),
    "written": _("The synthesis is saved."),
    "told": _("The synthesis is published; those who asked for it are told once."),
}


def team() -> Viewer:
    """Return the member of the team who asks; abort with 404 for others."""
    viewer = current_viewer()
    if not permissions.is_team(viewer):
        abort(404)
    return viewer


def asked(reference: str) -> tuple[Viewer, Consultation]:
    viewer = current_viewer()
    return viewer, readable_page(viewer, reference)


def readable_page(viewer: Viewer, reference: str) -> Consultation:
    try:
        return readable(viewer, reference)
    except refusals.NotFound:
        abort(404)


def after(consultation: Consultation, page: str, *, done: str) -> str:
    """Return the address of the page that follows a form, and says what is done."""
    arguments = {"done": done} | ({"as": "fragment"} if wants_fragment() else {})
    address = page_address(f"consultations/{consultation['slug']}/{page}", **arguments)
    return f"{address}#cf-done"


def _tabs(consultation: Consultation) -> list[Tab]:
    """List the pages on which the team works on a consultation, as far as it has come."""
    state = Window.of(consultation).state(now())
    begun = state in (State.OPEN, State.CLOSED)
    unsealed = permissions.may_see_results(consultation)
    pages: list[tuple[str, Any, bool, int | None]] = [
        ("edit", _("Questions"), True, len(consultation["questions"])),
        ("spread", _("Make it known"), state is not State.DRAFT, None),
        ("participation", _("Participation"), state is not State.DRAFT, None),
        ("entry", _("Answers on paper"), state is State.OPEN, None),
        ("import", _("Import answers"), begun, None),
        ("results/texts", _("Texts"), unsealed, None),
        ("synthesis", _("Synthesis"), unsealed, None),
        ("results/", _("Results"), unsealed, None),
    ]
    place = f"consultations/{consultation['slug']}/"
    current = {"questions": "edit", "publish": "edit", "copy": "edit", "delete": "edit"}
    here = request.path.rpartition(f"/{consultation['slug']}/")[2]
    return [
        (str(label), page_address(place + page), page == current.get(here, here), number)
        for page, label, there, number in pages
        if there
    ]


def common(
    viewer: Viewer,
    consultation: Consultation | None,
    refusal: refusals.Refusal | None = None,
    fields: Any = (),
) -> Shown:
    slug = consultation["slug"] if consultation else ""
    done = request.args.get("done", "")
    return {
        "viewer": viewer,
        "refusal": refusal,
        "errors": refusal.errors if refusal else {},
        "fields": fields,
        "consultation": consultation,
        "version": consultation["version"] if consultation else "",
        "said": said,
        "rendered": rendered,
        "until": until_in_words,
        "done": DONE.get(done) if not refusal else None,
        "languages_of_forms": FORM_LANGUAGES,
        "language_names": {"fr": _("in French"), "en": _("in English")},
        "by_link": False,
        "team_tabs": _tabs(consultation) if consultation else [],
        "act": lambda what: page_address(f"consultations/{slug}/{what}"),
        "consultation_url": page_address(f"consultations/{slug}/") if slug else "",
        "list_url": page_address("consultations/"),
        "pick_url": lambda kind: page_address("requests/pick", kind=kind),
        "login": login_url(page_address("consultations/")),
    }
