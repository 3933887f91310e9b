"""Hold the three keys for people without an account: one signs their tokens and proofs, one hashes
their e-mail addresses, one encrypts them. Whoever obtains one does not have the others.

Without all three, nobody takes part without an account: the portal behaves as if that was switched
off, and `udata feedback info` says what is missing.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from flask import current_app

#: Shortest key for tokens and hashes, in characters: `secrets.token_urlsafe(32)` makes 43.
SHORTEST = 32

TOKENS = "CULTURE_FEEDBACK_TOKEN_KEY"
EMAIL_HASH = "CULTURE_FEEDBACK_EMAIL_HASH_KEY"
EMAIL_ENCRYPTION = "CULTURE_FEEDBACK_EMAIL_KEYS"


def problems() -> list[str]:
    """Return, for the operator, what is wrong with the keys; no message contains a key. Empty when
    all is well."""
    config = current_app.config
    return list(_problems(config[TOKENS], config[EMAIL_HASH], tuple(config[EMAIL_ENCRYPTION])))


def for_tokens(purpose: str) -> bytes:
    """Return the key of one kind of token: a token made for another purpose is refused. Without a
    key in the settings, derive one from the portal's (enough for the links of mails)."""
    key = current_app.config[TOKENS]
    if key:
        return _derived(key, f"culture-feedback: {purpose}")
    return _derived(_derived(current_app.secret_key, "culture-feedback: key of tokens"), purpose)


def hashed(purpose: str, text: str) -> str:
    """Return a keyed hash of a text, which reveals nothing of it and is of no use elsewhere."""
    return hmac.new(for_tokens(purpose), text.encode(), hashlib.sha256).hexdigest()


def for_email_hash() -> bytes:
    """Return the key that hashes e-mail addresses."""
    return _derived(current_app.config[EMAIL_HASH], "culture-feedback: e-mail hash")


def for_email_encryption() -> MultiFernet:
    """Return a cipher that encrypts with the first key and decrypts with any of them."""
    return MultiFernet([Fernet(key) for key in current_app.config[EMAIL_ENCRYPTION]])


def _derived(key: str | bytes | None, purpose: str) -> bytes:
    key = key.encode() if isinstance(key, str) else key or b""
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()


@lru_cache(maxsize=8)
def _problems(
    tokens: str | None, email_hash: str | None, encryption: tuple[str, ...]
) -> tuple[str, ...]:
    found = []
    for name, key in ((TOKENS, tokens), (EMAIL_HASH, email_hash)):
        if not key:
            found.append(f"{name} is empty")
        elif len(key) < SHORTEST:
            found.append(f"{name} is too short: {SHORTEST} characters at least")
    if not encryption:
        found.append(f"{EMAIL_ENCRYPTION} is empty")
    for position, key in enumerate(encryption, start=1):
        try:
            Fernet(key)
        except (ValueError, TypeError):
            found.append(f"{EMAIL_ENCRYPTION}: number {position} is no Fernet key")
    given = [key for key in (tokens, email_hash, *encryption) if key]
    if len(set(given)) < len(given):
        found.append("One key stands for two: each has to be its own")
    return tuple(found)
