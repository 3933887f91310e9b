"""Keep who has unsubscribed from what, and make the tokens in mails that let them.

A token is for one person and one subject, signed for this purpose alone. It never expires: the
unsubscribe link works for as long as the mail is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from bson import ObjectId
from itsdangerous import BadData
from mongoengine.fields import DateTimeField, ObjectIdField, StringField
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.mongo.document import UDataDocument as Document

from ..people.tokens import signer
from ..portal.collections import acknowledged, now
from ..web.urls import api_url

#: The scope that stands for every subject of ours.
ALL = "*"

#: People looked up at once.
BATCH = 500


class CultureFeedbackUnsubscribed(Document):
    """A refusal: one person wants no mail about one subject (`request:<id>`), or none of ours
    (`*`). The id is made of both, so that it is unique."""

    id = StringField(primary_key=True)
    user = ObjectIdField(required=True)
    scope = StringField(required=True)
    created_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [["user", "scope"]]}


@dataclass(frozen=True)
class Way:
    """The content of a token: mails to one person about one subject."""

    user_id: ObjectId
    scope: str


def unsubscribed() -> Collection:
    return acknowledged(CultureFeedbackUnsubscribed)


def subscribed(user_ids: Iterable[ObjectId], scope: str) -> Iterator[ObjectId]:
    """Yield those who may be told about a subject, in the order given. Reads both the ids and the
    refusals in batches, however many there are."""
    waiting = iter(user_ids)
    while batch := list(islice(waiting, BATCH)):
        refused = unsubscribed().find(
            {"user": {"$in": batch}, "scope": {"$in": [scope, ALL]}}, {"user": 1}
        )
        out = {refusal["user"] for refusal in refused}
        yield from (user_id for user_id in batch if user_id not in out)


def refused_scopes(user_id: ObjectId) -> set[str]:
    """Return the subjects that one person has unsubscribed from."""
    return {refusal["scope"] for refusal in unsubscribed().find({"user": user_id})}


def refuses(user_id: ObjectId, scope: str | None) -> bool:
    """Return whether one person has unsubscribed from a subject, or from everything."""
    return (
        unsubscribed().find_one({"user": user_id, "scope": {"$in": [scope or ALL, ALL]}})
        is not None
    )


def stop(way: Way, *, everything: bool = False) -> None:
    """Unsubscribe a person from the subject, or from all of our mails. Idempotent."""
    scope = ALL if everything else way.scope
    refusal = {"_id": f"{way.user_id}:{scope}", "user": way.user_id, "scope": scope}
    with suppress(DuplicateKeyError):
        unsubscribed().insert_one(refusal | {"created_at": now()})


def resume(way: Way) -> None:
    """Subscribe a person to the subject again, which also lifts a refusal of everything."""
    unsubscribed().delete_many({"user": way.user_id, "scope": {"$in": [way.scope, ALL]}})


def address(user_id: ObjectId, scope: str | None) -> str:
    """Return the address where one person unsubscribes: GET shows a page, POST does it (RFC
    8058)."""
    token = signer("unsubscribe").dumps([str(user_id), scope or ALL])
    return f"{api_url('unsubscribe/')}?{urlencode({'token': token})}"


def read(token: str) -> Way | None:
    """Return the content of a token; None when it is invalid or made for another purpose."""
    try:
        user_id, scope = signer("unsubscribe").loads(token)
    except (BadData, ValueError, TypeError):
        return None
    return Way(ObjectId(user_id), scope)


# How subjects are named on the page: each domain registers its own.

Naming = Callable[[str], str | None]
_NAMINGS: dict[str, Naming] = {}


def names(kind: str) -> Callable[[Naming], Naming]:
    """Register how the subjects `<kind>:<id>` are named: a function of the id, which returns None
    for what is not public."""

    def register(naming: Naming) -> Naming:
        _NAMINGS[kind] = naming
        return naming

    return register


def name_of(scope: str) -> str | None:
    """Return the name of a subject; None where it is not public."""
    kind, _, id = scope.partition(":")
    return _NAMINGS[kind](id) if kind in _NAMINGS else None
