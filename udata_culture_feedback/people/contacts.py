"""Keep the e-mail addresses of people without an account, encrypted, for as long as they are
needed, and compute the fingerprints that recognise a person afterwards. Addresses are kept nowhere
else.

A fingerprint is keyed, with a pepper for each scope: the same person has another fingerprint in
each scope, and cannot be recognised once the pepper has been destroyed.
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

#: The scope of the fingerprints stored with contacts.
SCOPE = "contacts"


class CultureFeedbackContact(Document):
    """One address, encrypted, until `expires_at`: MongoDB removes it then, and nothing reads it in
    between. `person`: its fingerprint in the scope of contacts, by which people find what is kept
    of them. `language`: the one they wrote to us in."""

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
    """The secret of one scope, which makes its fingerprints differ from those of every other."""

    id = StringField(primary_key=True)
    pepper = BinaryField(required=True)
    created_at = DateTimeField(required=True)

    meta = {"strict": False}


@dataclass(frozen=True)
class Contact:
    """An address to write to, in clear. Never stored, logged or shown."""

    id: ObjectId
    address: str
    language: str | None

    def __repr__(self) -> str:
        """Leave out the address, which would end up in a log."""
        return f"Contact({self.id})"


def contacts() -> Collection:
    return acknowledged(CultureFeedbackContact)


def peppers() -> Collection:
    return acknowledged(CultureFeedbackPepper)


def checked(address: object) -> str:
    """Return an address as it can be written to. No DNS look-up: a wrong address simply receives
    nothing.

    Raise Invalid naming `email`.
    """
    if isinstance(address, str) and len(address) <= LONGEST:
        wishes = dict(current_app.config.get("SECURITY_EMAIL_VALIDATOR_ARGS") or {})
        # Domain names are written in ASCII; a mailbox name in anything else would need an extension
        # that not every server has (RFC 6531).
        wishes |= {"check_deliverability": False, "allow_smtputf8": False}
        try:
            if written := validate_email(address.strip(), **wishes).ascii_email:
                return written
        except (EmailNotValidError, UnicodeError):
            pass
    message = _("Enter an e-mail address like name@example.org.")
    raise refusals.Invalid(message, {"email": message})


def keep(address: str, language: str | None, until: datetime) -> ObjectId:
    """Keep an address until a moment (naive UTC); return the id of the contact."""
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
    """Return an address that may still be used; None once it has expired, was erased, or the key
    that encrypted it is gone (`udata feedback info` says what is wrong with the keys)."""
    found = contacts().find_one({"_id": contact_id, "expires_at": {"$gt": now()}})
    if found is None:
        return None
    try:
        address = keys.for_email_encryption().decrypt(found["address"]).decode()
    except (InvalidToken, ValueError):  # ValueError: there is no key, or an invalid one
        return None
    return Contact(found["_id"], address, found.get("language"))


def keep_until(contact_id: ObjectId, until: datetime) -> bool:
    """Change until when an address is kept, and encrypt it again with the newest key. Return False
    when there is no such address."""
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
    """Return the key of the person of an address within a scope (`feedback`,
    `consultation:<id>`)."""
    return _fingerprint(mailbox(address), scope)


def former_fingerprint(address: str, scope: str) -> str | None:
    """Return the key that the person of an address had before dots and Gmail's second domain were
    normalised; None when the key has not changed."""
    former = _without_tag(address)
    return None if former == mailbox(address) else _fingerprint(former, scope)


def _fingerprint(box: str, scope: str) -> str:
    stored = peppers().find_one_and_update(
        {"_id": scope},
        {"$setOnInsert": {"pepper": secrets.token_bytes(32), "created_at": now()}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    assert stored is not None  # upserted
    secret = hmac.new(keys.for_email_hash(), stored["pepper"], hashlib.sha256).digest()
    return f"mail:{hmac.new(secret, box.encode(), hashlib.sha256).hexdigest()}"


#: Domains of one provider, which ignores dots in mailbox names.
GMAIL = frozenset(("gmail.com", "googlemail.com"))


def mailbox(address: str) -> str:
    """Normalise an address to the one mailbox behind its aliases (`name+tag@…`, dots at Gmail): ten
    aliases have one vote, and receive no more mails than one address."""
    name, _at, domain = _without_tag(address).rpartition("@")
    if domain in GMAIL:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"


def _without_tag(address: str) -> str:
    name, _at, domain = address.strip().rpartition("@")
    name = name.partition("+")[0] or name
    return f"{name}@{domain}".casefold()


def scopes_of(beginning: str) -> list[str]:
    """Return the scopes that have a pepper and begin with `beginning`."""
    within = {"_id": {"$gte": beginning, "$lt": f"{beginning}\uffff"}}
    return [one["_id"] for one in peppers().find(within, {"_id": 1})]


def destroy_pepper(scope: str) -> None:
    """Destroy the pepper of a scope at the end of its retention: its fingerprints then lead to
    nobody."""
    peppers().delete_one({"_id": scope})
