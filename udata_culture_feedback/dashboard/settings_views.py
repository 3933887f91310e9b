"""The page of an organization's settings, and of the viewer's subscriptions."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from flask import Response, request
from udata.i18n import lazy_gettext as _

from ..contributions import organization_settings
from ..people.viewer import Viewer
from ..portal import catalogue
from ..web import refusals
from ..web.pages import (
    blueprint,
    check_guard,
    handle_form,
    handles_refusal,
    page_address,
    render,
    wants_fragment,
)
from ..web.untyped import Payload
from ..web.urls import login_url
from . import queries, subscriptions
from .permissions import Scope, scope_of_organization
from .views import private

#: Days as they are typed; other texts are left for the action to refuse.
DAYS = re.compile(r"[0-9]{1,9}")

#: Message for what was just done.
DONE = {
    "saved": _("The settings are saved."),
    "subscribed": _("You will be told what users say about these data."),
    "unsubscribed": _("You will no longer be told about it."),
}


@blueprint.route("/pages/dashboard/organizations/<string:organization>/settings")
@private
def settings_page(viewer: Viewer, organization: str) -> Response:
    """Show the viewer's subscriptions; to administrators, the settings of the organization."""
    scope = scope_of_organization(viewer, organization)
    return _page(viewer, scope, done=request.args.get("done"))


@blueprint.route("/pages/dashboard/organizations/<string:organization>/settings", methods=["POST"])
@handles_refusal
@private
def change_settings(viewer: Viewer, organization: str) -> Response:
    """Subscribe to the organization or to one dataset, unsubscribe, or save the settings."""
    scope = scope_of_organization(viewer, organization)

    def act() -> str | Response:
        done = _change(viewer, organization)
        if wants_fragment():
            return _page(viewer, scope, done=done)
        address = page_address(f"dashboard/organizations/{organization}/settings", done=done)
        return f"{address}#cf-done"

    def again(refusal: refusals.Refusal) -> Response:
        return _page(viewer, scope, refusal=refusal)

    return handle_form(act, again, guard=lambda: check_guard(viewer))


def _change(viewer: Viewer, organization: str) -> str:
    """Do what the form says. Return the name of what was done, for `DONE`."""
    if "subscription" not in request.form:
        organization_settings.change(viewer, organization, _settings_of_form())
        return "saved"
    wanted = request.form["subscription"] == "start"
    if "dataset" in request.form:
        subscriptions.of_dataset(viewer, request.form["dataset"], wanted)
    else:
        subscriptions.of_organization(viewer, organization, wanted)
    return "subscribed" if wanted else "unsubscribed"


def _page(
    viewer: Viewer,
    scope: Scope,
    *,
    done: str | None = None,
    refusal: refusals.Refusal | None = None,
) -> Response:
    organization = scope.organization
    assert organization is not None
    settings: Any = None
    with suppress(refusals.Forbidden):
        _organization, settings = organization_settings.read(viewer, organization.id)
    subscribed: bool | None = None
    with suppress(refusals.Forbidden):
        subscribed = subscriptions.of_organization(viewer, organization.id)
    if refusal and settings and "subscription" not in request.form:
        typed = ("escalate_after_days", *organization_settings.SERVICE)
        settings = settings | {name: request.form.get(name, "") for name in typed}
    link = organization.slug or organization.id
    mine = subscriptions.datasets_of(viewer.user_id)
    datasets = queries.dataset_choices(scope)
    return render(
        "dashboard/settings.html",
        viewer=viewer,
        refusal=refusal,
        errors=refusal.errors if refusal else {},
        fields=("escalate_after_days", *organization_settings.SERVICE),
        organization=organization,
        settings=settings,
        subscribed=subscribed,
        administers=viewer.user_id in catalogue.admins_of(organization.id),
        weekly=organization_settings.settings_of(organization.id)["weekly_digest"],
        followed=[one for one in datasets if one.id in mine],
        others=[one for one in datasets if one.id not in mine],
        most_days=organization_settings.MOST_DAYS,
        longest=organization_settings.SERVICE,
        done=DONE.get(done or ""),
        here=page_address(f"dashboard/organizations/{link}/settings"),
        overview_url=page_address(f"dashboard/organizations/{link}/"),
        templates_url=page_address(f"dashboard/organizations/{link}/templates"),
        dashboards_url=page_address("dashboard/"),
        login=login_url(request.full_path.rstrip("?")),
    )


def _settings_of_form() -> Payload:
    """Turn the form into the payload that a JSON body would be: boxes that are not ticked are not
    sent."""
    days = request.form.get("escalate_after_days", "").strip()
    return {
        "notify_contact_point": "notify_contact_point" in request.form,
        "weekly_digest": "weekly_digest" in request.form,
        "escalate_after_days": int(days) if DAYS.fullmatch(days) else days,
        **{
            name: request.form[name]
            for name in organization_settings.SERVICE
            if name in request.form
        },
    }
