"""Take part by e-mail: what people send waits apart until they confirm their address.

Until then nothing of it is anywhere else. After 24 hours it is erased, with the address. The link
in the mail is signed and opens a page; only its button confirms, since mail scanners open links.
The response is equal for known and unknown addresses.

Confirming may be retried until it has succeeded, in two tabs at once too: its result is recognised
by its `submission_id` and stored once. After that the link no longer works.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from blinker import Namespace
from bson import ObjectId
from flask import current_app, g
from itsdangerous import BadData
from mongoengine.fields import DateTimeField, ObjectIdField, StringField
from pymongo.collection import Collection
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..mail import outbox
from ..people import contacts, limits, proof, tokens
from ..people.access_modes import Mode, mode_of
from ..people.models import Kind
from ..people.viewer import Viewer
from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.untyped import Payload, Shown

#: How long people have to confirm.
LIFETIME = timedelta(hours=24)

#: The response, whether the address is known or not.
SENT = _(
    "A message is on its way to this address. Open its link within 24 hours to confirm; nothing is "
    "counted or published before. No more than three a day are sent to one address."
)


def sent_to(address: str) -> str:
    """Return that response with the address as it was typed, for its sender to check."""
    return str(
        _(
            "A message is on its way to %(address)s. Open its link within 24 hours to confirm; "
            "nothing is counted or published before.",
            address=address,
        )
    )


#: What becomes of an address, unless a contribution says otherwise.
ERASED = _(
    "Your address serves for this confirmation and is erased as soon as you confirm, or after 24 "
    "hours. A fingerprint of it that nobody can turn back is kept with your contribution, so that "
    "nobody answers twice."
)

#: The key of a person has changed (`former`, `key`): what they said moves
#: along, so that they are not taken for a newcomer. Sender: the scope of both.
on_key_changed = Namespace().signal("culture-feedback-key-changed")

PURPOSE = "confirm"
MAIL = "confirm-contribution"


class CultureFeedbackUnconfirmed(Document):
    """A contribution without an account, until it is confirmed. `payload` is JSON text, so that
    none of its keys means anything to the database; `link` a hash of the link in the mail."""

    action = StringField(required=True)
    payload = StringField(required=True)
    contact = ObjectIdField(required=True)
    link = StringField(required=True)
    created_at = DateTimeField(required=True)
    expires_at = DateTimeField(required=True)

    meta = {
        "strict": False,
        "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}, "contact"],
    }


Unconfirmed = dict[str, Any]


@dataclass(frozen=True)
class Preview:
    """A contribution as the page and the mail show it. `subject` may be in a mail, and so contains
    no word of the sender; `words`, `name` and `facts` (pairs of a label and a value) are for the
    page alone. `page`: where it will be, a path of ours. `then`: what becomes of it once confirmed;
    `address`: what becomes of the address, where that is not `ERASED`."""

    subject: str
    page: str
    words: str | None = None
    name: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    then: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of a confirmed contribution: as the API shows it, where it is (a path of ours and
    its arguments), whether it is new, and until when the address is needed (None: no longer)."""

    shown: Shown
    page: str
    created: bool
    write_until: datetime | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


class Contribution(Protocol):
    """One action of a domain, described so that it may be done by e-mail."""

    #: The scope of fingerprints; or its beginning, where each of what it is about
    #: (`of`) has its own.
    scope: str
    of: str | None

    @property
    def action(self) -> str:
        """One of `Action`, or another name: a kind may have an action of its own."""

    def target(self, reference: str) -> str:
        """Return the id of what a contribution is about, as a proof of work names it. Raise
        NotFound."""

    def check(self, payload: Payload) -> Shown:
        """Return what is to be kept of a payload: plain values. Raise what the action would."""

    def preview(self, payload: Payload) -> Preview | None:
        """Return what it is about; None when that is gone."""

    def carry_out(self, viewer: Viewer, payload: Payload, contact: contacts.Contact) -> Outcome:
        """Carry out the action. Idempotent by the `submission_id` of `payload`."""


@runtime_checkable
class HasMode(Protocol):
    """An action whose target may ask for more than the portal does."""

    def mode(self, reference: object) -> Mode:
        """Return the mode of a target: what people without an account have to give to contribute to
        it."""


_CONTRIBUTIONS: dict[str, Contribution] = {}


def offer(contribution: Contribution) -> None:
    """Open one action of a domain to people who confirm an e-mail address."""
    _CONTRIBUTIONS[contribution.action] = contribution


def scope_of(contribution: Contribution, payload: Payload) -> str:
    """Return the scope of the fingerprint of a contribution's author."""
    if contribution.of is None:
        return contribution.scope
    return f"{contribution.scope}:{payload[contribution.of]}"


def mode_for(action: str, reference: object) -> Mode:
    """Return the mode of an action on a target: what people without an account have to give."""
    contribution = contribution_of(action)
    return contribution.mode(reference) if isinstance(contribution, HasMode) else mode_of(action)


def counts_once(viewer: Viewer, action: str, reference: object) -> bool:
    """Return whether a viewer is known in the scope in which this action counts people. The token
    of a confirmed address is for one scope: in another, the same address would count a second time.
    Raise NotFound where `reference` is nothing."""
    contribution = contribution_of(action)
    if viewer.scope is None or contribution is None:
        return viewer.scope is None
    of = {} if contribution.of is None else {contribution.of: contribution.target(str(reference))}
    return viewer.scope == scope_of(contribution, of)


def scopes() -> set[str]:
    """Return every scope in which an address may have contributed."""
    found = set()
    for contribution in _CONTRIBUTIONS.values():
        if contribution.of is None:
            found.add(contribution.scope)
        else:
            found |= set(contacts.scopes_of(f"{contribution.scope}:"))
    return found


def contribution_of(action: str) -> Contribution | None:
    return _CONTRIBUTIONS.get(action)


def unconfirmed() -> Collection:
    return acknowledged(CultureFeedbackUnconfirmed)


def is_wished(viewer: Viewer, payload: Payload) -> bool:
    """Return whether a viewer wants to take part by confirming an address."""
    return not viewer.account and bool(payload.get("email"))


def ask(action: str, payload: Payload) -> None:
    """Keep what a person sends, and write to the address it carries (`email`). The result is equal
    whether the address is known or not, and whether it has had all its mails of the day or not.

    Raise Unauthenticated where the portal asks for an account, ReadOnly, Invalid, TooMany, Unproven
    while many mails are sent (`proof`), and what the action would.
    """
    contribution = _CONTRIBUTIONS[action]
    about = payload.get(contribution.of) if contribution.of else None
    if mode_for(action, about) is Mode.OFF:
        raise refusals.Unauthenticated(_("Log in to take part."))
    if current_app.config["READ_ONLY_MODE"]:
        raise refusals.ReadOnly(_("This portal is read-only for the moment. Please come back."))
    kept, wrong = {}, {}
    try:
        kept = contribution.check(payload)
    except refusals.Invalid as refusal:
        wrong = refusal.errors
        if not wrong:
            raise
    try:
        address = contacts.checked(payload.get("email"))
    except refusals.Invalid as refusal:
        wrong = wrong | refusal.errors
    if wrong:
        raise refusals.Invalid(_("Some answers need another look."), wrong)
    mailbox = contacts.mailbox(address)
    proof.spend_for_mail(payload.get("proof"), limits.CONFIRMATION, mailbox)
    if not limits.spend_mail(limits.CONFIRMATION, mailbox):
        return
    until = now() + LIFETIME
    id = ObjectId()
    contact = contacts.keep(address, g.get("lang_code"), until)
    unconfirmed().insert_one(
        {
            "_id": id,
            "action": str(action),
            "payload": json.dumps(kept),
            "contact": contact,
            "link": _hash(link_of(id)),
            "created_at": now(),
            "expires_at": until,
        }
    )
    outbox.post(f"confirm:{id}", contact, MAIL, {"id": str(id)})


def link_of(id: ObjectId) -> str:
    """Return the token in the mail's link: signed, and computed whenever the mail is sent, so that
    the database never holds it."""
    return tokens.signer(PURPOSE).dumps(str(id))  # type: ignore[return-value]


def opened(token: object) -> Unconfirmed:
    """Return the unconfirmed contribution of a link. Raise Gone for a link that was used or has
    expired, Invalid for a damaged one."""
    try:
        if not isinstance(token, str) or len(token) > tokens.LONGEST:
            raise BadData("no token")
        id = tokens.signer(PURPOSE).loads(token)
        found = unconfirmed().find_one({"_id": ObjectId(id), "expires_at": {"$gt": now()}})
    except (BadData, UnicodeError) as error:
        message = _("This link is incomplete. Copy it from the message again.")
        raise refusals.Invalid(message, {"token": message}) from error
    if found is None or not hmac.compare_digest(found["link"], _hash(token)):
        raise refusals.Gone(
            _(
                "This link has been used already, or is more than 24 hours old. You can send your "
                "contribution again."
            )
        )
    return found


def preview(found: Unconfirmed) -> Preview:
    """Return what confirming would do. Raise Gone when what it is about is gone."""
    said = _contribution(found).preview(json.loads(found["payload"]))
    if said is None:
        raise refusals.Gone(_("What this is about has been removed meanwhile."))
    return said


def confirm(token: object) -> tuple[Outcome, str]:
    """Do what was sent, and erase what was kept for it, the address too unless it is still needed.
    Return the outcome, and a contributor token by which the person can change it for a while. Raise
    what `opened` and the action raise."""
    found = opened(token)
    contact = contacts.find(found["contact"])
    contribution = _contribution(found)
    if contact is None or mode_of(contribution.action) is Mode.OFF:
        raise refusals.Gone(_("What this is about has been removed meanwhile."))
    payload = json.loads(found["payload"]) | {"submission_id": f"confirmed-{found['_id']}"}
    scope = scope_of(contribution, payload)
    key = contacts.fingerprint(contact.address, scope)
    if former := contacts.former_fingerprint(contact.address, scope):
        on_key_changed.send(scope, former=former, key=key)
    viewer = Viewer(key=key, kind=Kind.CONFIRMED)
    outcome = contribution.carry_out(viewer, payload, contact)
    if outcome.write_until:
        contacts.keep_until(contact.id, outcome.write_until)
    else:
        contacts.erase(contact.id)
    unconfirmed().delete_one({"_id": found["_id"]})
    return outcome, tokens.for_confirmed(key, scope)


def _contribution(found: Unconfirmed) -> Contribution:
    return _CONTRIBUTIONS[found["action"]]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
