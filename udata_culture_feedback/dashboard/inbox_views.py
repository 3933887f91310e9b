"""The inbox of comments: saved views, the filtered list, and beside it the open comment with the
form that answers it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from flask import Response, redirect, request
from udata.i18n import gettext as _
from udata.i18n import pgettext

from .. import vocabulary
from ..feedback import answer_templates, treatment, treatment_views
from ..feedback.treatment_views import TREATMENTS, Sent
from ..people.viewer import Viewer
from ..portal import catalogue
from ..vocabulary import vocabularies
from ..web import listing, refusals
from ..web.listing import Page
from ..web.pages import (
    blueprint,
    check_guard,
    handle_form,
    handles_refusal,
    page_address,
    render,
    see_other,
    wants_fragment,
)
from ..web.untyped import Shown
from . import csv, filters, presentation, queries, saved_views, several
from .filters import Filters
from .permissions import Scope
from .queries import FoundFeedback, Place
from .several import Several
from .views import address_of, common, private, scope_of

#: The filters where the address has none.
USUAL = {"waiting": "1"}

#: Messages for what was just done with many comments, or with a view.
SAID = several.SAID | saved_views.SAID


@dataclass(frozen=True)
class Opened:
    """The open comment. `asked`: named by the address; otherwise it is the first of the list."""

    sent: Sent
    place: Place
    asked: bool

    @property
    def id(self) -> str:
        return str(self.sent.feedback["_id"])


@blueprint.route("/pages/dashboard/me/inbox/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/inbox/")
@private
def inbox_page(viewer: Viewer, organization: str | None) -> Response:
    """Show comments with their filters, and the open one."""
    scope = scope_of(viewer, organization)
    try:
        chosen, gone = _still_there(viewer, scope)
        opened = _opened(viewer, scope, chosen, request.args.get("read", ""))
        return _inbox(viewer, scope, chosen, opened, gone=gone)
    except refusals.Invalid as senseless:
        return _senseless(viewer, scope, senseless)


@blueprint.route(
    "/pages/dashboard/me/inbox/",
    defaults={"organization": None},
    methods=["POST"],
    endpoint="answer_from_inbox",
)
@blueprint.route(
    "/pages/dashboard/organizations/<string:organization>/inbox/",
    methods=["POST"],
    endpoint="answer_from_inbox",
)
@handles_refusal
@treatment_views.private
def answer_from_inbox(viewer: Viewer, organization: str | None) -> Response:
    """Answer the open comment, then show it as it stands now or the next one."""
    scope = scope_of(viewer, organization)
    chosen = filters.read(_asked(), viewer, scope)
    if {"undo", "prolong", "forget"} & request.form.keys():
        return _act_on_leaving(viewer, scope, chosen)
    if {"save_view", "remove_view"} & request.form.keys():
        return _change_views(viewer, scope, chosen)
    if "several" in request.form:
        return _answer_several(viewer, scope, chosen)
    id = request.args.get("read") or request.form.get("read", "")
    _check_within(scope, treatment.treatable(viewer, id)[0])
    sent = treatment_views.send(viewer, id)
    further = request.form.get("next", "")
    if not sent.done:
        return _inbox(viewer, scope, chosen, _placed(sent, chosen))
    if wants_fragment():
        after = _opened(viewer, scope, chosen, further) if further else None
        return _inbox(viewer, scope, chosen, after or _placed(sent, chosen), done=sent.done)
    kept = {"status": request.form["status"]} if further and request.form.get("status") else {}
    address = _address(scope, chosen, read=further or id, done=sent.done, **kept)
    return see_other(f"{address}#cf-done")


def _answer_several(viewer: Viewer, scope: Scope, chosen: Filters) -> Response:
    """Have several comments answered in a moment; or show first how the answers will read."""
    sent = several.of_form()

    def act() -> str | Response:
        if "insert" in request.form:
            return show(several.with_template(sent, scope))
        ids = several.chosen(sent, chosen)
        if "preview" in request.form:
            return show(several.with_previews(viewer, sent, ids, scope))
        several.schedule(viewer, ids, sent)
        return _after(viewer, scope, chosen, "")

    def show(form: Several) -> Response:
        return _inbox(viewer, scope, chosen, None, form=form)

    def again(refusal: refusals.Refusal) -> Response:
        return show(replace(sent, refusal=refusal))

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _act_on_leaving(viewer: Viewer, scope: Scope, chosen: Filters) -> Response:
    """Take back answers that have not left yet, or let them wait longer."""

    def again(refusal: refusals.Refusal) -> Response:
        return _inbox(viewer, scope, chosen, None, form=Several(refusal=refusal))

    def act() -> str | Response:
        return _after(viewer, scope, chosen, several.act_on_leaving(viewer))

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _change_views(viewer: Viewer, scope: Scope, chosen: Filters) -> Response:
    """Save the filters of the address under a name, or delete a saved view."""

    def act() -> str | Response:
        if "remove_view" in request.form:
            saved_views.remove(viewer, request.form["remove_view"])
            return _after(viewer, scope, chosen, "view-removed")
        saved_views.save(viewer, scope, request.form.get("view_name"), chosen.arguments)
        return _after(viewer, scope, chosen, "view-saved")

    def again(refusal: refusals.Refusal) -> Response:
        return _inbox(viewer, scope, chosen, None, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _after(viewer: Viewer, scope: Scope, chosen: Filters, said: str) -> str | Response:
    """Show the list after something was done with many."""
    if wants_fragment():
        return _inbox(viewer, scope, chosen, None, said=said)
    return f"{_address(scope, chosen, **({'said': said} if said else {}))}#cf-done"


@blueprint.route("/pages/dashboard/me/feedback/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/feedback/")
def feedback_page(organization: str | None) -> Response:
    """Redirect the former address of the list to the inbox, with its filters."""
    whose = f"organizations/{quote(organization, safe='')}" if organization else "me"
    address = page_address(f"dashboard/{whose}/inbox/").partition("?")[0]
    query = urlencode(list(request.args.items(multi=True)))
    return redirect(f"{address}?{query}" if query else address, code=302)  # type: ignore[return-value]


@blueprint.route("/pages/dashboard/me/feedback.csv", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/feedback.csv")
@private
def feedback_file(viewer: Viewer, organization: str | None) -> Response:
    """Download the filtered comments as a file, all pages of them."""
    scope = scope_of(viewer, organization)
    return csv.feedback_csv(filters.read(request.args, viewer, scope))


def _asked(gone: Collection[str] = ()) -> Mapping[str, str]:
    """Return the filters of the address without those that are gone; what waits where there is
    none."""
    kept = {name: value for name, value in request.args.items() if name not in gone}
    return kept if any(kept.get(name, "").strip() for name in filters.NAMES) else kept | USUAL


def _still_there(viewer: Viewer, scope: Scope) -> tuple[Filters, list[str]]:
    """Read the filters of the address; return them without those that name what no longer exists,
    and the names of these. Raise Invalid where another one makes no sense."""
    try:
        return filters.read(_asked(), viewer, scope), []
    except refusals.Invalid as senseless:
        if not senseless.errors.keys() <= filters.NAMING.keys():
            raise
        gone = list(senseless.errors)
    return filters.read(_asked(gone), viewer, scope), gone


def _address(scope: Scope, chosen: Filters, **more: Any) -> str:
    return address_of(scope, "inbox/", **chosen.arguments, **more)


def _check_within(scope: Scope, feedback: Mapping[str, Any]) -> None:
    """Raise Forbidden for a comment that is in no list of this dashboard."""
    owner = scope.organization.id if scope.organization else None
    covered = scope.datasets is None or feedback["dataset"] in scope.datasets
    if feedback["organization"] != owner or not covered:
        raise refusals.Forbidden(_("This comment is in another dashboard."))


def _opened(viewer: Viewer, scope: Scope, chosen: Filters, id: str) -> Opened | None:
    """Open the comment named by the address; None where none is named, or it does not exist."""
    if not id:
        return None
    try:
        feedback, dataset = treatment.treatable(viewer, id)
        _check_within(scope, feedback)
    except (refusals.NotFound, refusals.Forbidden):
        return None
    return _placed(Sent(feedback, dataset, done=request.args.get("done")), chosen)


def _placed(sent: Sent, chosen: Filters, asked: bool = True) -> Opened:
    return Opened(sent, queries.place(chosen, sent.feedback), asked)


def _inbox(
    viewer: Viewer,
    scope: Scope,
    chosen: Filters,
    opened: Opened | None,
    done: str | None = None,
    form: Several = several.UNSENT,
    said: str = "",
    gone: Collection[str] = (),
    refusal: refusals.Refusal | None = None,
) -> Response:
    """Render the inbox. `form`: that of many, as it was sent; `said`: what was done with many;
    `gone`: filters of the address that name what no longer exists; `refusal`: of a view that was to
    be saved."""
    leaving = several.leaving(viewer)
    page = _page_of(opened)
    found = queries.feedback(viewer, scope, chosen, page)
    missing = bool(request.args.get("read")) and opened is None and not form.unfolded
    if form.unfolded or refusal:
        opened = None  # that form has the room
    elif opened is None and found.shown and found.shown[0]["permissions"]["treat"]:
        feedback, dataset = treatment.treatable(viewer, found.shown[0]["id"])
        opened = _placed(Sent(feedback, dataset), chosen, asked=False)

    def url(**changed: Any) -> str:
        return _address(scope, chosen, **changed)

    pane = _pane(viewer, opened, url) if opened else {}
    if done:
        pane["done"] = treatment_views.DONE[done]
    shared = _shared(viewer, scope, chosen.chosen, chosen)
    return render(
        "dashboard/inbox.html",
        **shared
        | {
            "sort": chosen.sort,
            "found": found,
            "rows": presentation.feedback_rows(found, _names(found)),
            "page": page,
            "dataset_filter": chosen.dataset,
            "missing": missing,
            "gone": [filters.NAMING[name] for name in gone],
            "back": url(page=page.number),
            "opened": opened,
            "position": _position(opened, found),
            "read_url": lambda id: f"{url(read=id)}#cf-title",
            "several": form,
            "whole": found.total if found.more and not found.capped else None,
            "typed_from": several.TYPED_FROM,
            "waiting": leaving,
            "leaving": {id for one in leaving for id in one.ids},
            "said": SAID.get(said or request.args.get("said", "")),
            "act_url": url(),
            "page_url": lambda number: url(page=number),
            "csv_url": address_of(scope, "feedback.csv", **chosen.arguments),
            "sort_url": lambda sort: address_of(scope, "inbox/", **chosen.chosen, sort=sort),
        }
        | {"refusal": refusal or form.refusal, "errors": refusal.errors if refusal else {}}
        | pane,
    )


def _pane(viewer: Viewer, opened: Opened, url: Any) -> Shown:
    after = opened.place.after
    shown = treatment_views.reading(viewer, opened.sent, url(read=opened.id))
    carried = request.form.get("status") or request.args.get("status", "")
    if not opened.sent.typed and not shown["typed"]["status"] and carried in treatment.CHOICES:
        # Most answers in a row become of the same.
        shown["typed"]["status"] = carried
    return shown | {"next_url": str(after) if after else ""}


def _senseless(viewer: Viewer, scope: Scope, refusal: refusals.Invalid) -> Response:
    """Show the filters again, with what is wrong with them."""
    asked = {name: value for name, value in request.args.items() if name in filters.NAMES}
    shared = _shared(viewer, scope, asked)
    errors = {f"by-{name}": text for name, text in refusal.errors.items()}
    return render("dashboard/inbox.html", **shared | {"refusal": refusal, "errors": errors})


def _shared(
    viewer: Viewer, scope: Scope, asked: Mapping[str, str], chosen: Filters | None = None
) -> Shown:
    """Make the context that the page needs whatever is found."""
    holder = scope.organization.id if scope.organization else None
    members = queries.colleagues(scope)
    return {
        "viewer": viewer,
        "errors": {},
        "fields": [
            *(f"by-{name}" for name in filters.NAMES),
            *treatment_views.FIELDS,
            "view_name",
        ],
        "asked": asked,
        "found": None,
        "opened": None,
        **_views(viewer, scope, chosen),
        "vocabularies": vocabularies(),
        "statuses": vocabulary.TREATMENT_STATUSES,
        "datasets": queries.dataset_choices(scope),
        "dataset_filter": None,
        "colleagues": members,
        "members": members,
        "treatments": TREATMENTS,
        "templates": answer_templates.of_organization(holder),
        "placeholders": treatment_views.PLACEHOLDERS,
        "several": several.UNSENT,
        "waiting": [],
        "act_url": address_of(scope, "inbox/"),
        "unfolded": not filters.FOLDED.isdisjoint(asked),
        **common(scope, "inbox"),
    }


def _page_of(opened: Opened | None) -> Page:
    """Return the page named by the address; otherwise that of the open comment."""
    page = listing.asked_page(queries.ROWS)
    number = opened.place.number if opened else None
    if number and "page" not in request.args:
        return Page(-(-number // page.size), page.size)
    return page


def _position(opened: Opened | None, found: FoundFeedback) -> tuple[int, str] | None:
    """Return the number of the open comment, and the total."""
    if not opened or not opened.place.inside or not opened.place.number or found.total is None:
        return None
    return opened.place.number, f"{found.total}+" if found.capped else str(found.total)


def _views(viewer: Viewer, scope: Scope, chosen: Filters | None) -> Shown:
    """List the views, those of everybody and those that the viewer saved: text, address, whether
    it is the one shown, how many wait there; and name the saved one that is shown."""
    saved = saved_views.of_inbox(viewer, scope)
    current = next((one for one in saved if chosen and one["filters"] == chosen.arguments), None)
    own = [
        (one["name"], address_of(scope, "inbox/", **one["filters"]), one is current, None)
        for one in saved
    ]
    return {
        "views": [*_views_of_all(scope, chosen), *own],
        "saved_view": current,
        "longest_name": saved_views.NAME_LENGTH,
    }


def _views_of_all(scope: Scope, chosen: Filters | None) -> list[tuple[str, str, bool, int | None]]:
    """List the views that everybody has."""
    totals = queries.totals_of(scope)
    known: list[tuple[str, dict[str, str], int | None]] = [
        (_("To answer"), {"waiting": "1"}, totals.get("waiting", 0)),
        (
            _("Waiting for more than %(n)d days", n=queries.LONG),
            {"waiting": "1", "older": str(queries.LONG)},
            None,
        ),
        (_("Assigned to me"), {"words": "1", "assignee": "me"}, None),
        (pgettext("comments", "Answered"), {"words": "1", "answered": "1"}, None),
        (pgettext("comments", "All"), {"words": "1"}, totals.get("commented", 0)),
    ]
    return [
        (label, address_of(scope, "inbox/", **asked), bool(chosen and chosen.chosen == asked), n)
        for label, asked, n in known
    ]


def _names(found: FoundFeedback) -> dict[Any, str | None]:
    """Look up the names of the assignees on a page of the list."""
    ids = set(found.assignees.values())
    users = catalogue.users_by_id(ids) if ids else {}
    return {id: user.name for id, user in users.items()}
