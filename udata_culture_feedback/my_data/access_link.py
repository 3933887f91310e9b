"""How somebody without an account comes to what they said: a link in a mail, good for an hour and
once, exchanged for a visit of an hour.

Whoever asks for a link is answered the same, and the same is done: whether an address has said
anything is only looked up when the mail leaves. Nothing in the database opens anything: the link is
signed and made anew when it is sent, of the secret of a visit a hash is kept.
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

#: How long a link is good for, and a visit.
LIFETIME = timedelta(hours=1)

PURPOSE = "my-contributions"
MAIL = "my-contributions"

#: Longest secret of a visit that is looked at, in characters.
LONGEST = 64

#: What is answered, whether the address has said anything or not.
SENT = _(
    "If something was said here with this address, a message with a link is on its way to it. The "
    "link is good for one hour, and once. No more than three messages a day are sent to one "
    "address."
)


class CultureFeedbackVisit(Document):
    """A link that was asked for, by the owner of an address or somebody else (`contact`); once it
    is opened, a visit of who owns it: `visit`, a hash of its secret, `keys` of what they said, and
    `person`, their fingerprint among contacts."""

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
    """Whether people without an account have ever been able to say something here. Not whether they
    still can: what they said stays theirs."""
    return not keys.problems()


def ask(email: object, work: object) -> None:
    """Have a link sent to an address that has said something; the same comes of it for any other.
    `work`: a proof, asked for while many links are. Raises Invalid naming `email`, Unproven,
    TooMany, ReadOnly, Unauthenticated where all have an account."""
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
    """What the link in the mail carries."""
    return tokens.signer(PURPOSE).dumps(str(id))  # type: ignore[return-value]


def opened(token: object) -> Visit:
    """The link that a token is; looking at it spends nothing. Raises Gone for one that was used or
    is too old, Invalid for one that is not whole."""
    try:
        if not isinstance(token, str) or not 0 < len(token) <= tokens.LONGEST:
            raise BadData("no token")
        id = ObjectId(tokens.signer(PURPOSE).loads(token))
    except (BadData, UnicodeError) as error:
        message = _("This link is not whole. Copy it from the message again.")
        raise refusals.Invalid(message, {"token": message}) from error
    found = visits().find_one(_waiting(id))
    if found is None:
        raise _gone()
    return found


def exchange(token: object) -> str:
    """Spends a link, and answers the secret of the visit that it opens. Raises what `opened` does,
    also for who comes second with the same link."""
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
    """The visit that a secret opens, while it lasts."""
    if not isinstance(secret, str) or not 0 < len(secret) <= LONGEST:
        return None
    return visits().find_one({"visit": _hash(secret), "expires_at": {"$gt": now()}})


def end(secret: object) -> None:
    """Ends a visit before its time. Twice is once."""
    if isinstance(secret, str):
        visits().delete_one({"visit": _hash(secret)})


def guard_of(secret: str) -> str:
    """What the forms of a visit carry, which another site cannot know."""
    return hashlib.sha256(f"form\n{secret}".encode()).hexdigest()


def keys_of(address: str) -> list[str]:
    """The keys under which somebody of that address may have said something."""
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
