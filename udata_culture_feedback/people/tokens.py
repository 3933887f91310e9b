"""Sign and read the tokens of contributors, each for one purpose and a lifetime.

A contributor token stands for a person without an account: a browser that has given a proof of
work, or a person whose e-mail address has just been confirmed. It identifies, and is no proof by
itself: each contribution costs one. A client keeps it for as long as a tab is open.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from . import keys
from .models import Kind

#: How long a token is valid, longest first. A browser can change what it sent in a tab left open
#: overnight; a confirmed person can change what they have just confirmed, without another mail.
LIFETIMES = {Kind.UNVERIFIED: timedelta(hours=24), Kind.CONFIRMED: timedelta(hours=1)}

#: Longest token accepted, in characters.
LONGEST = 512

CONTRIBUTOR = "contributor"


@dataclass(frozen=True)
class Bearer:
    """The person that a contributor token stands for."""

    kind: Kind
    key: str
    #: The scope of the fingerprint that the key is (`contacts.fingerprint`); None for a browser.
    scope: str | None = None


def new_browser() -> str:
    """Return a token for a browser that has none. Only a hash of its secret is ever stored."""
    return timed(CONTRIBUTOR).dumps([Kind.UNVERIFIED.value, secrets.token_urlsafe(24)])  # type: ignore[return-value]


def for_confirmed(key: str, scope: str) -> str:
    """Return a token for the person of that key, whose address has just been confirmed, within a
    scope: elsewhere the same person has another key, and would count twice."""
    return timed(CONTRIBUTOR).dumps([Kind.CONFIRMED.value, key, scope])  # type: ignore[return-value]


def read(token: object) -> Bearer | None:
    """Return the person a contributor token stands for; None for one that is forged, expired, or
    made for another purpose. Signatures are compared in constant time."""
    if not isinstance(token, str) or not 0 < len(token) <= LONGEST:
        return None
    for kind, lifetime in LIFETIMES.items():
        try:
            said, *rest = timed(CONTRIBUTOR).loads(token, max_age=int(lifetime.total_seconds()))
        except (BadData, ValueError):
            return None
        if said == Kind.UNVERIFIED == kind and len(rest) == 1:
            return Bearer(kind, _browser(rest[0]))
        if said == Kind.CONFIRMED == kind and len(rest) == 2:
            return Bearer(kind, *rest)
    return None


def _browser(secret: str) -> str:
    return "token:" + hashlib.sha256(secret.encode()).hexdigest()


def signer(purpose: str) -> URLSafeSerializer:
    """Return a signer of tokens for one purpose, without expiry; tokens for another purpose are
    refused."""
    return URLSafeSerializer(keys.for_tokens(purpose), **_manner(purpose))


def timed(purpose: str) -> URLSafeTimedSerializer:
    """Return a signer of tokens for one purpose that carry the time they were made."""
    return URLSafeTimedSerializer(keys.for_tokens(purpose), **_manner(purpose))


def _manner(purpose: str) -> dict:
    return {
        "salt": f"culture-feedback:{purpose}",
        "signer_kwargs": {"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    }
