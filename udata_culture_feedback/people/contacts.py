"""E-mail addresses of people without an account: the one place where they are kept, encrypted, for
as long as they are needed, and the fingerprints by which one person is recognised afterwards.

A fingerprint is keyed, and peppered by scope: the same person is somebody else in each scope, and
nobody at all once its pepper has been destroyed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from cryptography.fernet import InvalidToken
from email_validator import EmailNotValidError, validate_email
from flask import current_app
from mongoengine.fields import BinaryField, DateTimeField, StringField
from pymongo import ReturnDocument
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now
from ..web import refusals
from . import keys

#: Longest address (RFC 5321, 4.5.3.1.3).
LONGEST = 254

#: The scope in which contacts themselves are somebody's.
SCOPE = "contacts"


class CultureFeedbackContact(Document):
    """One address, encrypted, until `expires_at`: MongoDB removes it then, and nothing reads it in
    the meantime. `person`: its fingerprint among contacts, by which somebody finds what is kept of
    them. `language` is that in which they wrote to us."""

    address = BinaryField(required=True)
    person = StringField()
    language = StringField()
    created_at = DateTimeField(required=True)
    expires_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}, "person"],
    }


class CultureFeedbackPepper(Document):
    """What makes the fingerprints of one scope those of no other."""

    id = StringField(primary_key=True)
    pepper = BinaryField(required=True)
    created_at = DateTimeField(required=True)

    meta = {"strict": False}


@dataclass(frozen=True)
class Contact:
    """An address that may be written to, in clear. Never stored, logged or shown."""

    id: ObjectId
    address: str
    language: str | None

    def __repr__(self) -> str:
        """Without the address, which would end in a log."""
        return f"Contact({self.id})"


def contacts() -> Collection:
    return acknowledged(CultureFeedbackContact)


def peppers() -> Collection:
    return acknowledged(CultureFeedbackPepper)


def checked(address: object) -> str:
    """An address as it can be written to. Raise Invalid naming `email`. No look-up in the DNS: who
    gives a wrong one receives nothing."""
    if isinstance(address, str) and len(address) <= LONGEST:
        wishes = dict(current_app.config.get("SECURITY_EMAIL_VALIDATOR_ARGS") or {})
        # Names of domains are written in ASCII; names of mailboxes in anything else would need what
        # not every server has (RFC 6531).
        wishes |= {"check_deliverability": False, "allow_smtputf8": False}
        try:
            if written := validate_email(address.strip(), **wishes).ascii_email:
                return written
        except (EmailNotValidError, UnicodeError):
            pass
    message = _("Enter an e-mail address like name@example.org.")
    raise refusals.Invalid(message, {"email": message})


def keep(address: str, language: str | None, until: datetime) -> ObjectId:
    """Keep an address until a moment (naive UTC), and return its id."""
    id = ObjectId()
    contact = {
        "_id": id,
        "address": keys.for_email_encryption().encrypt(address.encode()),
        "person": fingerprint(address, SCOPE),
        "language": language,
        "created_at": now(),
        "expires_at": until,
    }
    contacts().insert_one(contact)
    return id


def find(contact_id: ObjectId | None) -> Contact | None:
    """An address that may still be used. None once it has expired, was erased, or when the key that
    encrypted it is gone (`udata feedback info` says what is wrong with the keys)."""
    found = contacts().find_one({"_id": contact_id, "expires_at": {"$gt": now()}})
    if found is None:
        return None
    try:
        address = keys.for_email_encryption().decrypt(found["address"]).decode()
    except (InvalidToken, ValueError):  # ValueError: there is no key, or one that is none
        return None
    return Contact(found["_id"], address, found.get("language"))


def keep_until(contact_id: ObjectId, until: datetime) -> bool:
    """Keep an address for longer, or for less long, under the newest of the keys. False when there
    is none."""
    contact = find(contact_id)
    if contact is None:
        return False
    changed = {
        "address": keys.for_email_encryption().encrypt(contact.address.encode()),
        "expires_at": until,
    }
    return bool(contacts().update_one({"_id": contact_id}, {"$set": changed}).matched_count)


def erase(contact_id: ObjectId | None) -> None:
    """Erase an address after use. Idempotent."""
    contacts().delete_one({"_id": contact_id})


def fingerprint(address: str, scope: str) -> str:
    """The key of the person of this address within a scope (`feedback`, `consultation:<id>`)."""
    return _fingerprint(mailbox(address), scope)


def former_fingerprint(address: str, scope: str) -> str | None:
    """Return the key that the person of this address had before the dots and the second name of
    Gmail were recognised; None where it is the same."""
    former = _without_tag(address)
    return None if former == mailbox(address) else _fingerprint(former, scope)


def _fingerprint(box: str, scope: str) -> str:
    stored = peppers().find_one_and_update(
        {"_id": scope},
        {"$setOnInsert": {"pepper": secrets.token_bytes(32), "created_at": now()}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    assert stored is not None  # it was inserted if it was not there
    secret = hmac.new(keys.for_email_hash(), stored["pepper"], hashlib.sha256).digest()
    return f"mail:{hmac.new(secret, box.encode(), hashlib.sha256).hexdigest()}"


#: Domains of one provider, which does not read the dots of a name.
GMAIL = frozenset(("gmail.com", "googlemail.com"))


def mailbox(address: str) -> str:
    """What is one person's among all the ways to write an address: ten aliases (`name+tag@…`, dots
    at Gmail) are not ten votes, nor do they receive ten times as many mails."""
    name, _at, domain = _without_tag(address).rpartition("@")
    if domain in GMAIL:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"


def _without_tag(address: str) -> str:
    name, _at, domain = address.strip().rpartition("@")
    name = name.partition("+")[0] or name
    return f"{name}@{domain}".casefold()


def scopes_of(beginning: str) -> list[str]:
    """The scopes that begin so, and whose pepper is there."""
    within = {"_id": {"$gte": beginning, "$lt": f"{beginning}\uffff"}}
    return [one["_id"] for one in peppers().find(within, {"_id": 1})]


def destroy_pepper(scope: str) -> None:
    """Make the fingerprints of a scope those of nobody, at the end of its retention."""
    peppers().delete_one({"_id": scope})
