"""Follow a request without supporting it: with an account, or by a confirmed e-mail address.

An address is kept, encrypted, while the request is open and for some time after, as that of a
requester is; its follow goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..email_confirmation.anonymous import must_take_part
from ..people import contacts
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import now
from ..web import refusals
from ..web.untyped import Query
from .actions import readable, to_support
from .models import Request, follows, requests
from .workflow import OPEN


def follow(viewer: Viewer, reference: Any, contact: ObjectId | None = None) -> Request:
    """Tell this person of every step of a request (of a merged one: of its carrier). Idempotent.
    `contact`: the id of the stored address of a person without an account; it replaces an earlier
    one. Raise Unauthenticated, NotFound, TooMany, Conflict for a request that is no longer open,
    Invalid naming `email`."""
    must_take_part(viewer, Action.FOLLOW, reference)
    request = to_support(readable(viewer, reference))
    spend_write(viewer)
    if not viewer.account and contact is None:
        message = _("Enter an e-mail address like name@example.org.")
        raise refusals.Invalid(message, {"email": message})
    mine: Query = {"key": viewer.key, "request": request["_id"]}
    where = {"contact": contact} if contact else {"user": viewer.user_id}
    created: Query = {"created_at": now()}
    try:
        earlier = follows().find_one_and_update(
            mine, {"$set": where, "$setOnInsert": created}, upsert=True
        )
    except DuplicateKeyError:  # a double click
        return request
    if earlier and earlier.get("contact") not in (None, contact):
        contacts.erase(earlier.get("contact"))
    return request


def unfollow(viewer: Viewer, reference: Any) -> Request:
    """Stop telling this person of a request, and erase their address. Idempotent."""
    must_be_known(viewer, leaving=True)
    request = readable(viewer, reference)
    spend_write(viewer)
    among = {"$in": [request["_id"], request.get("duplicate_of")]}
    _end({"key": viewer.key, "request": among})
    return request


def is_following(viewer: Viewer, request: Request) -> bool:
    if not viewer.known:
        return False
    return (
        follows().find_one({"key": viewer.key, "request": request["_id"]}, {"_id": 1}) is not None
    )


def take_back(key: str, request_id: ObjectId) -> None:
    """End the follow of one person, whether they may still see the request or not."""
    _end({"key": key, "request": request_id})


def forget_account(user_id: ObjectId) -> int:
    """End every follow of an account that was deleted."""
    return follows().delete_many({"user": user_id}).deleted_count


def rename(former: str, key: str) -> None:
    """Give the follows of one person another key; one that they have under both stays once."""
    for row in list(follows().find({"key": former})):
        try:
            follows().update_one({"_id": row["_id"]}, {"$set": {"key": key}})
        except DuplicateKeyError:
            _end({"_id": row["_id"]})


def remove_all(request_id: ObjectId) -> None:
    """End every follow of a request that is gone."""
    _end({"request": request_id})


def keep_addresses() -> int:
    """Keep the addresses of those who follow an open request; end the follows whose address has
    expired or was erased. Return how many were kept."""
    kept = 0
    for row in follows().find({"contact": {"$exists": True}}):
        contact = row["contact"]
        if contacts.find(contact) is None:
            follows().delete_one({"_id": row["_id"], "contact": contact})
        elif requests().find_one({"_id": row["request"], "status": {"$in": [*OPEN]}}, {"_id": 1}):
            kept += contacts.keep_until(contact, kept_until())
    return kept


def kept_until() -> datetime:
    """Return until when, from now on, the address of a follower is kept."""
    return now() + timedelta(days=current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"])


def people_following(request: Request) -> Iterator[ObjectId]:
    """Yield the accounts and contacts that follow a request, or one merged into it."""
    for row in follows().find(
        {"request": {"$in": _with_merged(request)}}, {"user": 1, "contact": 1}
    ):
        if told := row.get("user") or row.get("contact"):
            yield told


def is_told(reader: ObjectId, request: Request) -> bool:
    """Return whether an account or a contact follows a request, or one merged into it."""
    among: Query = {"request": {"$in": _with_merged(request)}}
    either = {"$or": [{"user": reader}, {"contact": reader}]}
    return follows().find_one(among | either, {"_id": 1}) is not None


def _with_merged(request: Request) -> list[ObjectId]:
    merged = requests().find({"duplicate_of": request["_id"]}, {"_id": 1})
    return [request["_id"], *(one["_id"] for one in merged)]


def _end(where: Query) -> None:
    for row in list(follows().find(where)):
        follows().delete_one({"_id": row["_id"]})
        if contact := row.get("contact"):
            contacts.erase(contact)
