"""How people without an account reach their contributions: a link sent by e-mail, valid once and
for an hour, opens a visit of an hour.

The response and the work done are the same for any address: whether it has contributed is only
looked up when the mail leaves. Nothing stored opens anything: the link is signed anew when it is
sent, and only a hash of a visit's secret is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app, g
from itsdangerous import BadData
from mongoengine.fields import DateTimeField, ListField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..email_confirmation import confirmation
from ..mail import outbox
from ..people import contacts, keys, limits, proof, tokens
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.untyped import Query

#: How long a link is valid, and how long a visit lasts.
LIFETIME = timedelta(hours=1)

PURPOSE = "my-contributions"
MAIL = "my-contributions"

#: Longest secret of a visit that is checked, in characters.
LONGEST = 64

#: The message shown whether the address has contributed or not.
SENT = _(
    "If something was said here with this address, a message with a link is on its way to it. The "
    "link is good for one hour, and once. No more than three messages a day are sent to one "
    "address."
)


class CultureFeedbackVisit(Document):
    """A link asked for by the owner of an address or by another (`contact`); once opened, a visit
    of the owner: `visit`, a hash of its secret, `keys` of their contributions, and `person`, their
    fingerprint among contacts."""

    contact = ObjectIdField()
    visit = StringField()
    keys = ListField(StringField())
    person = StringField()
    expires_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [
            {"fields": ["expires_at"], "expireAfterSeconds": 0},
            {
                "fields": ["visit"],
                "unique": True,
                "partialFilterExpression": {"visit": {"$exists": True}},
            },
        ],
    }


Visit = dict[str, Any]


def visits() -> Collection:
    return acknowledged(CultureFeedbackVisit)


def is_offered() -> bool:
    """Check whether people without an account have ever been able to contribute here. It does not
    matter whether they still can: their contributions stay theirs."""
    return not keys.problems()


def ask(email: object, work: object) -> None:
    """Have a link sent to an address that has contributed; for any other the response is the same.
    `work`: a proof of work, required while many links are asked for. Raise Invalid naming `email`,
    Unproven, TooMany, ReadOnly, Unauthenticated where contributing takes an account."""
    if not is_offered():
        raise refusals.Unauthenticated(_("Log in to see what you said."))
    if current_app.config["READ_ONLY_MODE"]:
        raise refusals.ReadOnly(_("This portal is read-only for the moment. Please come back."))
    address = contacts.checked(email)
    mailbox = contacts.mailbox(address)
    proof.spend_for_mail(work, limits.ACCESS, mailbox)
    if not limits.spend_mail(limits.ACCESS, mailbox):
        return
    id, until = ObjectId(), now() + LIFETIME
    contact = contacts.keep(address, g.get("lang_code"), until)
    visits().insert_one({"_id": id, "contact": contact, "expires_at": until})
    outbox.post(f"my-contributions:{id}", contact, MAIL, {"id": str(id)})


def link_of(id: ObjectId) -> str:
    """Return the signed token of the link in the mail."""
    return tokens.signer(PURPOSE).dumps(str(id))  # type: ignore[return-value]


def opened(token: object) -> Visit:
    """Find the link that a token stands for, without using it up. Raise Gone for one that was used
    or has expired, Invalid for a damaged one."""
    try:
        if not isinstance(token, str) or not 0 < len(token) <= tokens.LONGEST:
            raise BadData("no token")
        id = ObjectId(tokens.signer(PURPOSE).loads(token))
    except (BadData, UnicodeError) as error:
        message = _("This link is incomplete. Copy it from the message again.")
        raise refusals.Invalid(message, {"token": message}) from error
    found = visits().find_one(_waiting(id))
    if found is None:
        raise _gone()
    return found


def exchange(token: object) -> str:
    """Use up a link, and return the secret of the visit that it opens. Raise what `opened` does,
    also when the same link was used meanwhile."""
    link = opened(token)
    contact = contacts.find(link["contact"])
    if contact is None:
        raise _gone()
    secret = secrets.token_urlsafe(32)
    opening = {
        "$set": {
            "visit": _hash(secret),
            "keys": keys_of(contact.address),
            "person": contacts.fingerprint(contact.address, contacts.SCOPE),
            "expires_at": now() + LIFETIME,
        },
        "$unset": {"contact": ""},
    }
    if not visits().update_one(_waiting(link["_id"]), opening).modified_count:
        raise _gone()
    contacts.erase(contact.id)
    return secret


def visit(secret: object) -> Visit | None:
    """Find the visit that a secret opens, while it lasts."""
    if not isinstance(secret, str) or not 0 < len(secret) <= LONGEST:
        return None
    return visits().find_one({"visit": _hash(secret), "expires_at": {"$gt": now()}})


def end(secret: object) -> None:
    """End a visit early. Idempotent."""
    if isinstance(secret, str):
        visits().delete_one({"visit": _hash(secret)})


def guard_of(secret: str) -> str:
    """Return the guard in the forms of a visit, which another site cannot know."""
    return hashlib.sha256(f"form\n{secret}".encode()).hexdigest()


def keys_of(address: str) -> list[str]:
    """List the contributor keys that belong to an e-mail address."""
    scopes = sorted(confirmation.scopes())
    former = (contacts.former_fingerprint(address, scope) for scope in scopes)
    return [*(contacts.fingerprint(address, scope) for scope in scopes), *filter(None, former)]


def _waiting(id: ObjectId) -> Query:
    return {"_id": id, "visit": {"$exists": False}, "expires_at": {"$gt": now()}}


def _gone() -> refusals.Gone:
    return refusals.Gone(
        _("This link has been used already, or is more than one hour old. Ask for another one.")
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(f"visit\n{secret}".encode("utf-8", "replace")).hexdigest()
