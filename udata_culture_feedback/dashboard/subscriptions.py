"""Subscriptions of members of an organization to what users say: editors are not notified by
default.

Words are native discussions, so a subscription is udata's own rule « follow the discussions »,
which its settings show and its digests respect; and a row of ours, for what udata does not carry:
requests without discussion, the weekly digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import ObjectId
from mongoengine.fields import DateTimeField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization
from udata.core.user.models import User
from udata.features.notifications.settings import set_rule
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..contributions.kinds import SUBSCRIPTIONS, Trace
from ..contributions.owned import Person, Shown
from ..feedback import permissions as feedback_permissions
from ..feedback.actions import readable_dataset
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts
from ..portal.collections import acknowledged, now
from ..web import refusals

#: udata's name for everything that happens in discussions.
DISCUSSIONS = "discussion"
#: Most subscriptions of one person that are shown to them.
MOST_SHOWN = 200


class CultureFeedbackSubscription(Document):
    """The subscription of one account to one dataset or organization (`target`: "dataset:<id>",
    "organization:<id>"). The id is both."""

    id = StringField(primary_key=True)
    user = ObjectIdField(required=True)
    target = StringField(required=True)
    created_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "collection": "culture_feedback_subscriptions",
        "indexes": ["target", "user"],
    }


def subscriptions() -> Collection:
    return acknowledged(CultureFeedbackSubscription)


def of_dataset(viewer: Viewer, reference: Any, wanted: bool | None = None) -> bool:
    """Return whether the viewer is subscribed to a dataset; subscribe or unsubscribe them first
    where `wanted` is True or False. Raise Unauthenticated, ReadOnly, TooMany, NotFound; Forbidden
    where they may not treat its feedback."""
    _must_log_in(viewer, wanted)
    dataset = readable_dataset(reference)
    allowed = feedback_permissions.may_treat(viewer, dataset)
    return _answer(viewer, Dataset, dataset, f"dataset:{dataset.id}", allowed, wanted)


def of_organization(viewer: Viewer, reference: Any, wanted: bool | None = None) -> bool:
    """Return whether the viewer is subscribed to all datasets of an organization and the requests
    it receives; `wanted` as in `of_dataset`. For its administrators and editors."""
    _must_log_in(viewer, wanted)
    organization = catalogue.find_organization(reference)
    if organization is None or organization.deleted:
        raise refusals.NotFound(_("There is no such organization."))
    allowed = viewer.sysadmin or catalogue.may_speak_for(organization.id)
    target = f"organization:{organization.id}"
    return _answer(viewer, Organization, organization, target, allowed, wanted)


def subscribers(*targets: str) -> Iterator[ObjectId]:
    """List the accounts subscribed to any of these targets, each once."""
    found = subscriptions().find({"target": {"$in": targets}}, {"user": 1})
    yield from dict.fromkeys(one["user"] for one in found)


def datasets_of(user_id: ObjectId | None) -> set[ObjectId]:
    """List the datasets to which an account is subscribed one by one."""
    found = subscriptions().find({"user": user_id, "target": {"$regex": "^dataset:"}})
    return {ObjectId(one["target"].partition(":")[2]) for one in found}


def shown(person: Person) -> list[Shown]:
    """Show a person their subscriptions."""
    if person.user_id is None:
        return []
    mine = subscriptions().find({"user": person.user_id}).limit(MOST_SHOWN)
    return [{"scope": one["target"]} for one in mine]


#: Personal data besides contributions, for the registry.
SUBSCRIBED = Trace("subscribed", shown, section=SUBSCRIPTIONS)


def forget(target: str) -> None:
    """Delete the subscriptions to a target that is gone for good."""
    subscriptions().delete_many({"target": target})


def forget_account(user_id: ObjectId) -> None:
    """Delete the subscriptions of a deleted account; udata deletes its own rules."""
    subscriptions().delete_many({"user": user_id})


def _answer(
    viewer: Viewer,
    model: Any,
    facts: DatasetFacts | OrganizationFacts,
    target: str,
    allowed: bool,
    wanted: bool | None,
) -> bool:
    if wanted is not None:
        spend_write(viewer, manages=allowed)
    # Anybody may unsubscribe, former members included.
    if not allowed and wanted is not False:
        raise refusals.Forbidden(_("Only people who answer users there may subscribe."))
    id = f"{viewer.user_id}:{target}"
    if wanted is not None:
        scope = model.objects(id=facts.id).only("id").first()
        set_rule(User.objects.get(id=viewer.user_id), scope, DISCUSSIONS, wanted or None)
    if wanted:
        row = {"user": viewer.user_id, "target": target, "created_at": now()}
        subscriptions().update_one({"_id": id}, {"$setOnInsert": row}, upsert=True)
    elif wanted is False:
        subscriptions().delete_one({"_id": id})
    return subscriptions().find_one({"_id": id}, {"_id": 1}) is not None


def _must_log_in(viewer: Viewer, wanted: bool | None) -> None:
    if wanted is not None:
        must_be_known(viewer)
    elif not viewer.account:
        raise refusals.Unauthenticated(_("Log in to see your dashboard."))
