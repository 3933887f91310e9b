"""The page on which a requester prepares an appeal: the letter, a copy of the request and the dated
proof, to be printed. Nothing typed there is sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from flask import Response, abort, current_app, redirect
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext

from .. import vocabulary
from ..people.signature import unnamed
from ..people.viewer import Viewer, current_viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.listing import Page
from ..web.moments import in_words, portal_zone
from ..web.pages import blueprint, page_address, render
from ..web.untyped import Shown
from ..web.urls import login_url, pages_url
from . import actions, appeal, deadlines_shown, messages, permissions, representation
from .appeal import AppealWindow, Fact, Law, State
from .models import Entry, Request, requests
from .workflow import Status

#: Messages repeated in the proof; the page of the request has all of them.
SAID = 100


@blueprint.route("/pages/requests/<string:reference>/appeal")
def prepare_appeal(reference: str) -> Response:
    """Show the letter to the requester, once the request is refused; 404 for others. Anonymous
    users are asked to log in: they come by a mail, and may be the requester."""
    viewer = current_viewer()
    try:
        found = actions.readable(viewer, reference)
    except refusals.NotFound:
        abort(404)
    path = f"requests/{found['slug']}/"
    if not viewer.known:
        return redirect(login_url(page_address(f"{path}appeal")))  # type: ignore[return-value]
    window = deadlines_shown.refused_window(found)
    if window is None or not permissions.is_requester(viewer, found):
        abort(404)
    moment = now()
    state, told = window.state(moment), deadlines_shown.was_told(found, window)
    return render(
        "requests/appeal.html",
        viewer=viewer,
        asked=representation.in_full(viewer, found),
        say=lambda name: window.law.sentence(name, **window.words()),
        name=viewer.name or found["contributor"].get("name"),
        opening="page_open" if state is State.OPEN else "page_closed" if told else "page_untold",
        letter=_letter(window, found) if state is State.OPEN or not told else None,
        facts=_facts(viewer, window, found),
        in_words=in_words,
        zone=portal_zone(),
        drawn_up=moment.replace(tzinfo=UTC).astimezone(portal_zone()),
        address=pages_url(path),
        form_url=current_app.config["CULTURE_FEEDBACK_APPEAL_FORM_URL"],
        postal_address=current_app.config["CULTURE_FEEDBACK_APPEAL_ADDRESS"],
        kinds={term.id: term.label for term in vocabulary.REQUEST_KINDS},
        list_url=page_address("requests/"),
        request_url=page_address(path),
    )


def appeals(viewer: Viewer, request: Request) -> list[Shown]:
    """List what this user can appeal against from the page of a request: it, and their requests
    merged into it. Keys: `address`, `title`, `words`."""
    if not viewer.known or not current_app.config["CULTURE_FEEDBACK_FORMAL_REQUESTS"]:
        return []
    merged = requests().find({"duplicate_of": request["_id"], "contributor.key": viewer.key})
    mine = [request] if permissions.is_requester(viewer, request) else []
    law = Law.of(current_app.config)
    return [
        {
            "address": page_address(f"requests/{one['slug']}/appeal"),
            "title": None if one is request else one["title"],
            "words": law.sentence("page_title"),
        }
        for one in (*mine, *merged)
        if deadlines_shown.may_appeal(one)
    ]


def _letter(window: AppealWindow, request: Request) -> appeal.Letter:
    refusal = _refusal(window, request)
    return appeal.letter(
        window,
        submitted_at=request["created_at"],
        holder=_name(request["organization"]) or "",
        title=request["title"],
        address=pages_url(f"requests/{request['slug']}/"),
        reason=deadlines_shown.ground_in_words(refusal["reason"]) if refusal else "",
    )


def _facts(viewer: Viewer, window: AppealWindow, request: Request) -> tuple[Fact, ...]:
    refusal = _refusal(window, request)
    return appeal.facts(
        window,
        submitted_at=request["created_at"],
        holder=_name(request["organization"]) or "",
        receiver=_receiver(window, request),
        history=_history(viewer, request, but=refusal),
        refusal=_said(refusal) if refusal else (),
    )


def _refusal(window: AppealWindow, request: Request) -> Entry | None:
    """Return the decision from which the window runs; None where that is silence."""
    if window.kind is appeal.Refusal.IMPLICIT:
        return None
    return next(
        entry
        for entry in deadlines_shown.decisions(request)
        if entry["to"] == Status.DECLINED and entry["at"] == window.refusal_at
    )


def _receiver(window: AppealWindow, request: Request) -> str | None:
    """Return the name of the organization that received the request: the holder or, where it was
    sent elsewhere later, the one that sent it; None where a moderator did."""
    sent = [e for e in request["history"] if e.get("transferred_to")]
    later = next((entry for entry in sent if entry["at"] > window.received_at), None)
    if later is None:
        return _name(request["organization"])
    return _name(later["by"].get("organization"))


def _history(viewer: Viewer, request: Request, but: Entry | None) -> Iterator[Fact]:
    """Yield the public history in words: moves and messages; for a merged request, also those of
    its carrier since the merge."""
    for one in deadlines_shown.lives(request):
        shown = representation.in_full(viewer, one)["history"]
        for entry, in_json in zip(one["history"], shown, strict=True):
            if entry != but:
                yield Fact(entry["at"], _step_in_words(in_json), _said(entry))
    said, _how_many, _capped = messages.read(request, Page(size=SAID))
    said = said[:SAID]
    for message, words in zip(
        said, representation.messages_as_json(viewer, request, said), strict=True
    ):
        if words["text"] is None:
            continue  # hidden by moderation
        name = words["contributor"]["name"] or unnamed(words["contributor"])
        yield Fact(
            message["created_at"], str(_("Message from %(name)s", name=name)), (message["text"],)
        )


def _step_in_words(entry: Shown) -> str:
    if entry.get("transferred_to"):
        step: Any = _("Sent to %(name)s", name=entry["transferred_to"]["name"])
    elif days := entry.get("extended"):
        step = ngettext("Date extended by %(num)d day", "Date extended by %(num)d days", days)
    elif entry.get("expected_on") and entry["from"] == entry["to"]:
        step = _("Date of publication changed")
    elif entry.get("edited"):
        step = _("Text changed by the requester")
    else:
        step = vocabulary.find(vocabulary.REQUEST_STATUSES, entry["to"]).label
    name = entry["by"]["name"]
    return str(_("%(step)s, by %(name)s", step=step, name=name) if name else step)


def _said(entry: Entry) -> tuple[str, ...]:
    """Return the reason, the message and the addresses of a move."""
    reason = deadlines_shown.ground_in_words(entry["reason"]) if entry.get("reason") else None
    return tuple(filter(None, (reason, entry.get("message"), *(entry.get("urls") or ()))))


def _name(organization: Any) -> str | None:
    found = catalogue.find_organization(organization) if organization else None
    return found.name if found else None
