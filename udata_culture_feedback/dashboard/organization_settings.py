"""The settings of an organization: chosen by its administrators, each with a default."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from flask import current_app
from flask_principal import Permission as NeedAnyOf
from mongoengine.fields import BooleanField, DateTimeField, IntField, ObjectIdField
from pymongo.collection import Collection
from udata.core.organization.permissions import OrganizationAdminNeed
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import OrganizationFacts
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.payload import Reading

#: Longest wait before a text is pointed out to the administrators, in days.
MOST_DAYS = 365

#: Value for never pointing anything out.
NEVER = 0


class CultureFeedbackOrganizationSettings(Document):
    """The settings of one organization, whose id is its own; an absent one has its default."""

    id = ObjectIdField(primary_key=True)
    notify_contact_point = BooleanField()
    weekly_digest = BooleanField()
    escalate_after_days = IntField()
    by = ObjectIdField()
    last_modified = DateTimeField()

    meta = {"strict": False, "collection": "culture_feedback_organization_settings"}


def organization_settings() -> Collection:
    return acknowledged(CultureFeedbackOrganizationSettings)


def settings_of(organization: ObjectId | None) -> dict[str, Any]:
    """Return `notify_contact_point`, `weekly_digest` (booleans) and `escalate_after_days` (0:
    never)."""
    stored = organization_settings().find_one({"_id": organization}) or {}
    defaults = {
        "notify_contact_point": False,
        "weekly_digest": True,
        "escalate_after_days": current_app.config["CULTURE_FEEDBACK_ESCALATE_DAYS"] or NEVER,
    }
    return {name: stored.get(name, default) for name, default in defaults.items()}


def read(viewer: Viewer, reference: Any) -> tuple[OrganizationFacts, dict[str, Any]]:
    """Return the organization and its settings. Raise Unauthenticated, NotFound, Forbidden."""
    organization = _administered(viewer, reference)
    return organization, settings_of(organization.id)


def change(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> dict[str, Any]:
    """Set the fields of the payload. Raise what `read` raises, ReadOnly, TooMany, Invalid."""
    must_be_known(viewer)
    organization = _administered(viewer, reference)
    spend_write(viewer, manages=True)
    reading = Reading(payload)
    for field in ("notify_contact_point", "weekly_digest"):
        if reading.has(field):
            reading.boolean(field)
    if reading.has("escalate_after_days"):
        days = payload["escalate_after_days"]
        whole = isinstance(days, int) and not isinstance(days, bool)
        if whole and NEVER <= days <= MOST_DAYS:
            reading.values["escalate_after_days"] = days
        else:
            reading.errors["escalate_after_days"] = _(
                "A whole number of days, %(n)d at most; 0 for never.", n=MOST_DAYS
            )
    wanted = reading.checked()
    if wanted:
        organization_settings().update_one(
            {"_id": organization.id},
            {"$set": wanted | {"by": viewer.user_id, "last_modified": now()}},
            upsert=True,
        )
    return settings_of(organization.id)


def forget_organization(organization: ObjectId) -> None:
    """Delete the settings of an organization that is gone for good."""
    organization_settings().delete_one({"_id": organization})


def _administered(viewer: Viewer, reference: Any) -> OrganizationFacts:
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to see your dashboard."))
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    if not (viewer.sysadmin or NeedAnyOf(OrganizationAdminNeed(organization.id)).can()):
        raise refusals.Forbidden(_("Only its administrators may do that."))
    return organization
