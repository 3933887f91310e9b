"""Give and revoke the roles of moderators and of the team of consultations. They are udata's own
roles, so that they appear beside the others. Moderators may be limited to organizations, which is
stored here; consultations belong to the portal, so their team has no such limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from mongoengine.errors import NotUniqueError
from mongoengine.fields import DateTimeField, ListField, ObjectIdField
from pymongo.collection import Collection
from udata.core.user.models import Role, User
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now

MODERATOR = "culture-feedback-moderator"
CONSULTATION = "culture-feedback-consultation"

#: The descriptions in udata's own list of roles.
DESCRIPTIONS = {
    MODERATOR: "Moderates feedback and requests (culture-feedback)",
    CONSULTATION: "Makes public consultations (culture-feedback)",
}


class CultureFeedbackModerator(Document):
    """The limits of a moderator, under the id of the account. `organizations`: those they are
    limited to; absent: no limit. Without the role in udata this document has no effect."""

    id = ObjectIdField(primary_key=True)
    organizations = ListField(ObjectIdField(), default=None)
    granted_at = DateTimeField(required=True)
    granted_by = ObjectIdField()

    meta = {"strict": False}


@dataclass(frozen=True)
class Remit:
    """What a person moderates: everything (`organizations` is None), or what concerns these
    organizations."""

    organizations: frozenset[ObjectId] | None = None

    @property
    def everything(self) -> bool:
        return self.organizations is None

    def covers(self, organization: ObjectId | None) -> bool:
        return self.organizations is None or organization in self.organizations


@dataclass(frozen=True)
class Moderator:
    """One member of the moderation team."""

    user: ObjectId
    remit: Remit
    since: datetime | None


def moderators() -> Collection:
    return acknowledged(CultureFeedbackModerator)


def remit_of(user: Any) -> Remit | None:
    """Return what an account moderates; None for nothing. Administrators of the portal moderate
    everything."""
    if user.sysadmin:
        return Remit()
    if not user.has_role(MODERATOR):
        return None
    return _remit(moderators().find_one({"_id": user.id}))


def grant(
    user_id: ObjectId, organizations: Iterable[ObjectId] | None = None, by: ObjectId | None = None
) -> None:
    """Make an account a moderator, of everything or of some organizations. A second call replaces
    the limit."""
    limit = None if organizations is None else sorted(set(organizations))
    given = {"granted_at": now(), "granted_by": by} | ({"organizations": limit} if limit else {})
    # The limit first, or they would moderate everything for an instant.
    moderators().replace_one({"_id": user_id}, given, upsert=True)
    give(user_id, MODERATOR)


def revoke(user_id: ObjectId) -> bool:
    """Take the moderator role back. Return False where the account did not have it."""
    taken = take_back(user_id, MODERATOR)
    moderators().delete_one({"_id": user_id})
    return taken


def give(user_id: ObjectId, role: str) -> bool:
    """Give a role to an account (moderators: `grant`). Return False where the account had it
    already."""
    given = {"$addToSet": {"roles": _role(role)}}
    return bool(User._get_collection().update_one({"_id": user_id}, given).modified_count)


def take_back(user_id: ObjectId, role: str) -> bool:
    """Take a role back (moderators: `revoke`). Return False where the account did not have it."""
    taken = {"$pull": {"roles": _role(role)}}
    return bool(User._get_collection().update_one({"_id": user_id}, taken).modified_count)


def holders(role: str) -> list[ObjectId]:
    """Return the accounts that have a role, in one query, without deleted ones."""
    having = {"roles": _role(role), "deleted": None}
    return [account["_id"] for account in User._get_collection().find(having, {"_id": 1})]


def team() -> list[Moderator]:
    """Return every moderator that is not an administrator, in two queries whatever their number."""
    ids = holders(MODERATOR)
    limits = {one["_id"]: one for one in moderators().find({"_id": {"$in": ids}})}
    return [
        Moderator(id, _remit(limits.get(id)), (limits.get(id) or {}).get("granted_at"))
        for id in ids
    ]


def _remit(stored: Document | None) -> Remit:
    limit = (stored or {}).get("organizations")
    return Remit(None if limit is None else frozenset(limit))


def _role(name: str) -> ObjectId:
    """Return the id of a role; create it where it is missing."""
    roles = Role._get_collection()
    while True:
        found = roles.find_one({"name": name}, {"_id": 1})
        if found:
            return found["_id"]
        try:
            Role(name=name, description=DESCRIPTIONS[name]).save()
        except NotUniqueError:
            continue  # another process has just created it
