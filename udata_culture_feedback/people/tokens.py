"""Signed tokens: what they are good for, and how long.

A contributor token stands for somebody without an account: a browser that has given a proof of
work, or a person whose e-mail address was confirmed a moment ago. It says who speaks, and is no
proof by itself: each contribution costs one. A client keeps it for as long as a tab is open.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from . import keys
from .models import Kind

#: How long a token is good for. A browser can change what it has sent in a tab that stays open over
#: night; who has confirmed an address, what they have just confirmed, without another mail. The
#: longest first.
LIFETIMES = {Kind.UNVERIFIED: timedelta(hours=24), Kind.CONFIRMED: timedelta(hours=1)}

#: Longest token that is looked at, in characters.
LONGEST = 512

CONTRIBUTOR = "contributor"


@dataclass(frozen=True)
class Bearer:
    """Whom a contributor token stands for."""

    kind: Kind
    key: str
    #: Of whose fingerprints the key is one (`contacts.fingerprint`); None for a browser.
    scope: str | None = None


def new_browser() -> str:
    """A token for a browser that has none. Only a hash of its secret is ever stored."""
    return timed(CONTRIBUTOR).dumps([Kind.UNVERIFIED.value, secrets.token_urlsafe(24)])  # type: ignore[return-value]


def for_confirmed(key: str, scope: str) -> str:
    """A token for the person of that key, whose address has just been confirmed, within a scope:
    elsewhere the same person has another key, and would count twice."""
    return timed(CONTRIBUTOR).dumps([Kind.CONFIRMED.value, key, scope])  # type: ignore[return-value]


def read(token: object) -> Bearer | None:
    """Whom a contributor token stands for; None for one that is forged, for another purpose, or too
    old. Signatures are compared in constant time."""
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
    """Sign and checks tokens for one purpose, for all time; a token for another is refused."""
    return URLSafeSerializer(keys.for_tokens(purpose), **_manner(purpose))


def timed(purpose: str) -> URLSafeTimedSerializer:
    """The same for tokens that say when they were made."""
    return URLSafeTimedSerializer(keys.for_tokens(purpose), **_manner(purpose))


def _manner(purpose: str) -> dict:
    return {
        "salt": f"culture-feedback:{purpose}",
        "signer_kwargs": {"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    }
