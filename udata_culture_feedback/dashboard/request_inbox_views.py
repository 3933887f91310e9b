"""The inbox of requests: views by what they wait for, the list by due date, and beside it the open
request with the forms of its holder."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import Response, request
from udata.i18n import gettext as _

from ..data_requests import actions, assignees, permissions, representation
from ..data_requests import views as request_pages
from ..data_requests.models import Request
from ..feedback import treatment_views
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..web import listing, refusals
from ..web.pages import (
    blueprint,
    check_guard,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Shown
from ..web.urls import login_url
from . import request_inbox
from .permissions import Scope
from .request_inbox import ROWS, Asked, Listed, View
from .views import address_of, common, private, scope_of


@blueprint.route("/pages/dashboard/me/requests/", defaults={"organization": None})
@blueprint.route("/pages/dashboard/organizations/<string:organization>/requests/")
@private
def request_inbox_page(viewer: Viewer, organization: str | None) -> Response:
    """Show the requests of a view, and the open one."""
    return _Inbox(viewer, scope_of(viewer, organization)).page()


@blueprint.route(
    "/pages/dashboard/me/requests/",
    defaults={"organization": None},
    methods=["POST"],
    endpoint="act_in_request_inbox",
)
@blueprint.route(
    "/pages/dashboard/organizations/<string:organization>/requests/",
    methods=["POST"],
    endpoint="act_in_request_inbox",
)
@handles_refusal
@treatment_views.private
def act_in_request_inbox(viewer: Viewer, organization: str | None) -> Response:
    """Carry out a form about the open request, then show the next one where it leaves the view."""
    inbox = _Inbox(viewer, scope_of(viewer, organization))
    asked = _asked_id()

    def act() -> str | Response:
        found = request_inbox.within(inbox.scope, asked)
        done = _carry_out(viewer, found)
        return inbox.after(found, done)

    def again(refusal: refusals.Refusal) -> Response:
        read = ObjectId(asked) if ObjectId.is_valid(asked) else None
        return inbox.page(read, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _asked_id() -> str:
    return request.args.get("read") or request.form.get("read", "")


def _carry_out(viewer: Viewer, found: Request) -> str:
    """Do what the form says (`act` in its address). Return the key of the confirmation."""
    what, id = request.args.get("act") or request.form.get("act", ""), str(found["_id"])
    if what == "assign":
        assignees.assign(viewer, id, {"assignee": request.form.get("assignee")})
        return "assigned"
    if what not in request_pages.VERBS:
        message = _("Choose one of: %(ids)s.", ids=", ".join([*request_pages.VERBS, "assign"]))
        raise refusals.Invalid(message, {"act": message})
    verb, done = request_pages.VERBS[what]
    verb(viewer, id)
    return done


class _Inbox:
    """One view of one dashboard, as the address asks for it."""

    def __init__(self, viewer: Viewer, scope: Scope):
        self.viewer, self.scope = viewer, scope
        self.known: dict[str, View] = request_inbox.views(viewer)
        self.asked = Asked.of(request.args, self.known)

    def url(self, **changed: Any) -> str:
        """Return the address of this view, otherwise or with something more."""
        kept = self.asked.arguments(self.known) | changed
        return address_of(self.scope, "requests/", **{k: v for k, v in kept.items() if v})

    def after(self, found: Request, done: str) -> str | Response:
        """Show what follows an act: the next request, where this one has left the view."""
        listed = request_inbox.listed(self.scope, self.asked, self.known)
        still = found["_id"] in listed.ids or not listed.ids
        read = found["_id"] if still else _next_of(listed)
        about = "" if still else str(found["_id"])
        if wants_fragment():
            return self.page(read, done, about)
        return f"{self.url(read=read, done=done, about=about)}#cf-done"

    def page(
        self,
        read: ObjectId | None = None,
        done: str = "",
        about: str = "",
        refusal: refusals.Refusal | None = None,
    ) -> Response:
        """Render the view. `read`: the request that is open after a form; `about`: the one that the
        form was about."""
        listed = request_inbox.listed(self.scope, self.asked, self.known)
        opened, missing = self._opened(listed, read)
        members = request_inbox.members(self.scope, opened)
        page = self._page_of(listed, opened)
        shown = listed.ids[page.offset : page.offset + page.size]
        context = self._context(listed) | {
            "rows": request_inbox.rows(self.viewer, shown, members),
            "page": page,
            "last": max(1, -(-len(listed.ids) // page.size)),
            "missing": missing,
            "refusal": refusal,
            "errors": refusal.errors if refusal else {},
            "done": _said(done or request.args.get("done", ""), about),
            "opened": None,
        }
        if opened is not None:
            context |= self._pane(listed, opened, members)
        return render("dashboard/requests.html", viewer=self.viewer, **context)

    def _opened(self, listed: Listed, read: ObjectId | None) -> tuple[Request | None, bool]:
        """Find the open request, the first of the view where none is named; and whether the one
        that was named is not here."""
        named = str(read or request.args.get("read", ""))
        try:
            if named:
                return request_inbox.within(self.scope, named), False
        except refusals.NotFound:
            pass
        first = request_inbox.within(self.scope, str(listed.ids[0])) if listed.ids else None
        return first, bool(named)

    @staticmethod
    def _page_of(listed: Listed, opened: Request | None) -> listing.Page:
        """Return the page named by the address; otherwise that of the open request."""
        if "page" in request.args or opened is None or opened["_id"] not in listed.ids:
            return listing.asked_page(ROWS)
        return listing.Page(listed.ids.index(opened["_id"]) // ROWS + 1, ROWS)

    def _context(self, listed: Listed) -> Shown:
        return common(self.scope, "requests") | {
            "chosen": self.asked,
            "about_dataset": self._about(),
            "views": [
                (view.label, address_of(self.scope, "requests/", view=name, **self.asked.narrowing),
                 name == self.asked.view, listed.counts[name])
                for name, view in self.known.items()
            ],
            "total": listed.counts[self.asked.view],
            "label": self.known[self.asked.view].label,
            "sorts": self._sorts(),
            "page_url": lambda number: self.url(page=number),
            "read_url": lambda id: self.url(read=id),
            "fields": request_pages.FIELDS,
            **request_pages.words(),
        }  # fmt: skip

    def _about(self) -> DatasetFacts | None:
        """Find the dataset that the address names."""
        found = catalogue.find_dataset(self.asked.dataset) if self.asked.dataset else None
        return found if found and catalogue.may_read(found) else None

    def _sorts(self) -> list[tuple[str, str, bool]]:
        labels = {
            "due_at": _("By due date"),
            "created_at": _("The oldest first"),
            "-supports": _("By number of people"),
            "-created_at": _("The latest first"),
        }
        if self.known[self.asked.view].sort != "due_at":
            del labels["due_at"]
        return [
            (label, self.url(sort=sort), sort == self.asked.sort) for sort, label in labels.items()
        ]

    def _pane(self, listed: Listed, opened: Request, members: dict[ObjectId, str | None]) -> Shown:
        number, before, after = listed.neighbours(opened["_id"])
        shown = representation.in_full(self.viewer, opened)
        return request_pages.reading(self.viewer, opened, shown) | {
            "opened": opened,
            "asked_for": bool(_asked_id()),
            "position": (number, listed.counts[self.asked.view]) if number else None,
            "before": before,
            "after": after,
            "holds": permissions.deals_with(self.viewer, opened),
            "members": members,
            "act": lambda what: self.url(read=opened["_id"], act=what, next=after),
            "login": login_url(page_address(f"requests/{opened['slug']}/")),
        }


def _said(done: str, about: str) -> str:
    """Word what was done; it names the request that it was about, unless that is the open one."""
    said = _("Who looks after it is recorded.") if done == "assigned" else ""
    said = said or str(request_pages.DONE.get(done, ""))
    named = actions.find(about or request.args.get("about", "")) if said else None
    if named is None:
        return said
    return _("“%(title)s”: %(said)s", title=named["title"], said=said)


def _next_of(listed: Listed) -> ObjectId | None:
    """Return the request that takes the place of one that has left the view: `next` of the
    address, if it is still there."""
    wanted = request.args.get("next", "")
    return next((id for id in listed.ids if str(id) == wanted), listed.ids[0])
