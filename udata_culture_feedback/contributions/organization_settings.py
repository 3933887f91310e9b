"""The settings of an organization: chosen by its administrators, each with a default."""

from __future__ import annotations

from typing import Any, TypedDict

from bson import ObjectId
from flask import current_app
from flask_principal import Permission as NeedAnyOf
from mongoengine.fields import BooleanField, DateTimeField, IntField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.core.organization.permissions import OrganizationAdminNeed
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..people import contacts
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import OrganizationFacts
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.payload import Reading
from ..web.untyped import Payload

#: How to reach the service in charge of requests, named in their receipts (CRPA R.112-5), and the
#: longest text of each.
SERVICE = {
    "service_name": 200,
    "service_address": 500,
    "service_email": 254,
    "service_phone": 50,
}

#: Longest wait before a text is pointed out to the administrators, in days.
MOST_DAYS = 365

#: Value for never pointing anything out.
NEVER = 0


class OrganizationSettings(TypedDict):
    """The settings of an organization. `escalate_after_days`: 0 for never; `service_…`: how to
    reach the service in charge of requests for data, empty where it has not been said."""

    notify_contact_point: bool
    weekly_digest: bool
    escalate_after_days: int
    service_name: str
    service_address: str
    service_email: str
    service_phone: str


class CultureFeedbackOrganizationSettings(Document):
    """The settings of one organization, whose id is its own; an absent one has its default."""

    id = ObjectIdField(primary_key=True)
    notify_contact_point = BooleanField()
    weekly_digest = BooleanField()
    escalate_after_days = IntField()
    service_name = StringField()
    service_address = StringField()
    service_email = StringField()
    service_phone = StringField()
    by = ObjectIdField()
    last_modified = DateTimeField()

    meta = {"strict": False, "collection": "culture_feedback_organization_settings"}


def organization_settings() -> Collection[Any]:
    return acknowledged(CultureFeedbackOrganizationSettings)


def settings_of(organization: ObjectId | None) -> OrganizationSettings:
    """Read the settings of an organization, each with its default."""
    stored = organization_settings().find_one({"_id": organization}) or {}
    return {
        "notify_contact_point": stored.get("notify_contact_point", False),
        "weekly_digest": stored.get("weekly_digest", True),
        "escalate_after_days": stored.get(
            "escalate_after_days", current_app.config["CULTURE_FEEDBACK_ESCALATE_DAYS"] or NEVER
        ),
        "service_name": stored.get("service_name") or "",
        "service_address": stored.get("service_address") or "",
        "service_email": stored.get("service_email") or "",
        "service_phone": stored.get("service_phone") or "",
    }


def names_its_service(settings: OrganizationSettings) -> bool:
    """Return whether a receipt can name the service in charge as CRPA R.112-5 asks: an e-mail
    address only where there is one."""
    return bool(
        settings["service_name"] and settings["service_address"] and settings["service_phone"]
    )


def read(viewer: Viewer, reference: Any) -> tuple[OrganizationFacts, OrganizationSettings]:
    """Return the organization and its settings. Raise Unauthenticated, NotFound, Forbidden."""
    organization = _administered(viewer, reference)
    return organization, settings_of(organization.id)


def change(viewer: Viewer, reference: Any, payload: Payload) -> OrganizationSettings:
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
    for field, longest in SERVICE.items():
        if reading.has(field):
            reading.text(field, longest, one_line=field != "service_address")
    if email := reading.values.get("service_email"):
        try:
            reading.values["service_email"] = contacts.checked(email)
        except refusals.Invalid as refusal:
            reading.errors["service_email"] = refusal.errors["email"]
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
