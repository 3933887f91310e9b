"""Make and check proofs of work: what a browser without an account gives for each contribution.

The challenge is ALTCHA's (version 2): find the counter whose PBKDF2 begins with given bytes. It is
signed, for one action on one target, and expires; the server stores nothing of it until it is
spent. A mark in the database makes it valid for one contribution only, whichever process receives
it. A retry of that contribution (same `submission_id`) may carry the same proof.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime, timedelta

import altcha
from flask import current_app
from mongoengine.fields import DateTimeField, StringField
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import acknowledged, now
from ..web import refusals
from ..web.untyped import Shown
from . import keys, limits

#: How long a challenge is valid: people may type for that long.
LIFETIME = timedelta(minutes=30)
#: How much longer its mark is kept: clocks of servers differ.
MARGIN = timedelta(hours=1)

#: The action of proofs given for a mail.
MAIL = "mail"

ALGORITHM = "PBKDF2/SHA-256"
#: Longest proof accepted, in characters.
LONGEST = 4096


class CultureFeedbackSpent(Document):
    """The mark of a spent proof. Its id is a hash of the proof; `by` a hash of what it was spent
    on, so that a retry of that is accepted."""

    id = StringField(primary_key=True)
    by = StringField(required=True)
    expires_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}]}


def spent() -> Collection:
    return acknowledged(CultureFeedbackSpent)


def challenge(action: str, target: str, times: int = 1) -> Shown:
    """Return a new challenge for one action on one target, as JSON (`parameters`, `signature`).
    `times`: how many times harder than usual. The server does not store the counter that solves
    it."""
    config = current_app.config
    attempts = max(2, config["CULTURE_FEEDBACK_PROOF_ATTEMPTS"] * times)
    made = altcha.create_challenge(
        ALGORITHM,
        max(1, config["CULTURE_FEEDBACK_PROOF_COST"]),
        counter=attempts // 2 + secrets.randbelow(attempts // 2),
        expires_at=datetime.now(UTC) + LIFETIME,
        data={"action": str(action), "target": target, "made": int(time.time())},
        hmac_secret=keys.for_tokens("proof"),
        hmac_key_secret=keys.for_tokens("solution of a proof"),
    )
    return made.to_dict()


def spend(proof: object, action: str, target: str, what_for: str) -> int:
    """Spend a proof on one contribution, named by `what_for`; return the age of its challenge in
    seconds.

    `proof`: the challenge and its solution, as ALTCHA's base64. Raise Unproven with the reason:
    `missing`, `invalid` (forged, changed, not solved), `elsewhere` (for another action or target),
    `expired`, `spent`.
    """
    payload = _read(proof)
    result = altcha.verify_solution(
        payload,
        keys.for_tokens("proof"),
        hmac_key_secret=keys.for_tokens("solution of a proof"),
    )
    if result.expired:
        raise refusals.Unproven(_("The verification is too old: please try again."), "expired")
    if not result.verified:
        raise _invalid()
    parameters = payload.challenge.parameters
    data = parameters.data or {}
    if (data.get("action"), data.get("target")) != (str(action), target):
        raise refusals.Unproven(_("This verification was made for something else."), "elsewhere")
    mark("proof:" + parameters.nonce, what_for, now() + LIFETIME + MARGIN)
    return int(time.time()) - int(data["made"])


def spend_for_mail(proof: object, what: str, mailbox: str) -> None:
    """Ask for a proof of work before a mail is sent, while many are: whoever wants to use up what
    the portal may send in an hour pays for each. Raise Unproven, as `spend`."""
    if limits.mails_strained(what):
        spend(proof, MAIL, "", f"{what}\n{mailbox}")


def mark(what: str, what_for: str, until: datetime) -> None:
    """Mark a proof as spent on `what_for`. Raise Unproven when it was spent on something else."""
    id, by = (hashlib.sha256(text.encode()).hexdigest() for text in (what, what_for))
    try:
        spent().insert_one({"_id": id, "by": by, "expires_at": until})
    except DuplicateKeyError:
        if spent().find_one({"_id": id, "by": by}, {"_id": 1}) is None:
            message = _("This verification has been used already: please try again.")
            raise refusals.Unproven(message, "spent") from None


def _read(proof: object) -> altcha.Payload:
    """Parse a proof and check the type of each part: a forged one must not surprise the library."""
    if proof in (None, ""):
        raise refusals.Unproven(_("A verification is missing."), "missing")
    if not isinstance(proof, str) or len(proof) > LONGEST:
        raise _invalid()
    try:
        found = json.loads(base64.b64decode(proof, validate=True))
        parameters, solution = found["challenge"]["parameters"], found["solution"]
        signature = found["challenge"]["signature"]
        well_formed = (
            isinstance(parameters, dict)
            and parameters.get("algorithm") == ALGORITHM
            and all(isinstance(parameters[name], str) for name in ("nonce", "salt", "keySignature"))
            and all(type(parameters[name]) is int for name in ("cost", "expiresAt"))
            and isinstance(signature, str)
            and type(solution["counter"]) is int
            and isinstance(solution["derivedKey"], str)
        )
        if well_formed:
            return altcha.Payload.from_dict(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise _invalid()


def _invalid() -> refusals.Unproven:
    return refusals.Unproven(_("The verification has failed: please try again."), "invalid")
