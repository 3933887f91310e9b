"""Describe the contributor, embedded in every contribution: who speaks, and how one person is
recognised."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import NotRequired, TypedDict

from bson import ObjectId
from mongoengine import EmbeddedDocument
from mongoengine.fields import ObjectIdField, StringField


class Kind(StrEnum):
    """How a contributor is known. "Anonymous" is avoided on purpose: a keyed hash of an e-mail
    address or a browser token is pseudonymised personal data."""

    USER = "user"  # an account of the portal
    ORGANIZATION = "organization"  # an account that signs for an organization it belongs to
    CONFIRMED = "confirmed"  # no account, an e-mail address that was confirmed
    UNVERIFIED = "unverified"  # no account, a browser


#: How each kind is counted in summaries (`by_contributor`).
COUNTED_AS = {
    Kind.USER: "account",
    Kind.ORGANIZATION: "account",
    Kind.CONFIRMED: "verified",
    Kind.UNVERIFIED: "unverified",
}


class Contributor(TypedDict):
    """A contributor, embedded in every contribution: who speaks, and under which signature.

    `key` is one person, whatever the signature: `user:<id>`, `mail:<hmac>`, `token:<sha256>`, or
    `gone:<random>` once the person has left. `user` is the account that writes, never shown unless
    `name` is (`kind` user) so that « Sans mon nom » holds; `organization` is only a signature: ten
    organizations are not ten votes. `name` is the declared name or, for an account that signs with
    its own, the name at the time of writing; absent means without name.
    """

    kind: str
    key: str
    user: NotRequired[ObjectId]
    organization: NotRequired[ObjectId]
    name: NotRequired[str]


class CultureFeedbackContributor(EmbeddedDocument):
    """A `Contributor`, for the document classes that name their fields."""

    kind = StringField(required=True, choices=[kind.value for kind in Kind])
    key = StringField(required=True)
    user = ObjectIdField()
    organization = ObjectIdField()
    name = StringField()

    meta = {"strict": False}


def account_key(user_id: object) -> str:
    return f"user:{user_id}"


def gone_key() -> str:
    """Return a random key for a person who has left: never a constant, since keys are unique per
    dataset."""
    return f"gone:{secrets.token_hex(16)}"
