"""When a form was opened: a signed token in it, so that an answer begun in time may arrive a little
late.

It is made for one person and one consultation; setting back a device's clock does not help. That
of an unknown visitor becomes the first person's who sends it late (`answering`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from bson import ObjectId
from itsdangerous import BadData

from ..people import tokens
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web.listing import EPOCH, MILLISECOND
from .models import Response

OPENING = "consultation-opening"
RESUME = "consultation-resume"
#: How the name of an unknown visitor begins, so that no two have the same token.
UNKNOWN = "?"
#: Longest token that is read, in characters.
LONGEST = 512


def token_for(viewer: Viewer, consultation_id: ObjectId, opened_at: datetime | None = None) -> str:
    """Create a token proving that this person opened the form now (or at a known earlier
    moment)."""
    at = ((opened_at or now()) - EPOCH) // MILLISECOND
    person = _person(viewer) or UNKNOWN + secrets.token_urlsafe(12)
    return str(tokens.signer(OPENING).dumps([str(consultation_id), person, at]))


def opened_at(token: object, viewer: Viewer, consultation_id: ObjectId) -> datetime | None:
    """Return when this person opened the form of this consultation (naive UTC); None unless the
    token proves it. A token for an unknown visitor is accepted too: they may have been recognised
    since."""
    said = _read(OPENING, token)
    if not isinstance(said, list) or len(said) != 3 or said[0] != str(consultation_id):
        return None
    if not (_is_nobodys(said) or said[1] == _person(viewer)) or not isinstance(said[2], int):
        return None
    return EPOCH + said[2] * MILLISECOND


def is_nobodys(token: object) -> bool:
    """Check whether a token was made for an unknown visitor: whoever has it can send it."""
    said = _read(OPENING, token)
    return isinstance(said, list) and len(said) == 3 and _is_nobodys(said)


def is_for(token: object, viewer: Viewer, consultation_id: ObjectId) -> bool:
    """Check whether a token was made for this very person."""
    said = _read(OPENING, token)
    return (
        viewer.known
        and isinstance(said, list)
        and said[:2] == [str(consultation_id), _person(viewer)]
    )


def resume_token(response_id: ObjectId, key: str) -> str:
    """Create the token of a link by which the person of a `key` continues a response on another
    device, without logging in."""
    return str(tokens.signer(RESUME).dumps([str(response_id), _hash(key)]))


def resumed(token: object) -> tuple[ObjectId, str] | None:
    """Return the response that a link leads to, and a hash of its author's key."""
    said = _read(RESUME, token)
    if not isinstance(said, list) or len(said) != 2 or not ObjectId.is_valid(said[0]):
        return None
    return ObjectId(said[0]), said[1]


def is_of(response: Response, person: str) -> bool:
    """Check whether a response still belongs to that person: not after its author has left."""
    return hmac.compare_digest(_hash(response["contributor"]["key"]), str(person))


def _read(purpose: str, token: object) -> Any:
    if not isinstance(token, str) or not 0 < len(token) <= LONGEST:
        return None
    try:
        return tokens.signer(purpose).loads(token)
    except (BadData, UnicodeError):
        return None


def _is_nobodys(said: list[Any]) -> bool:
    return isinstance(said[1], str) and (not said[1] or said[1].startswith(UNKNOWN))


def _person(viewer: Viewer) -> str:
    return _hash(viewer.key) if viewer.key else ""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
