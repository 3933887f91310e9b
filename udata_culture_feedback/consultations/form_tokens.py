"""When a form was opened: a signed token in it, so that who began in time may end a little late.

It is made for one person and one consultation; a clock that somebody sets back is no help.
"""

from __future__ import annotations

import hashlib
import hmac
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
#: Longest token that is looked at, in characters.
LONGEST = 512


def token_for(viewer: Viewer, consultation_id: ObjectId, opened_at: datetime | None = None) -> str:
    """Make a token that says: this person has opened the form now (or at another moment that is
    known)."""
    at = ((opened_at or now()) - EPOCH) // MILLISECOND
    return str(tokens.signer(OPENING).dumps([str(consultation_id), _person(viewer), at]))


def opened_at(token: object, viewer: Viewer, consultation_id: ObjectId) -> datetime | None:
    """Return when this person opened the form of this consultation (naive UTC), if the token says
    so. Who was nobody then may have become known meanwhile."""
    said = _read(OPENING, token)
    if not isinstance(said, list) or len(said) != 3 or said[0] != str(consultation_id):
        return None
    if said[1] not in ("", _person(viewer)) or not isinstance(said[2], int):
        return None
    return EPOCH + said[2] * MILLISECOND


def is_for(token: object, viewer: Viewer, consultation_id: ObjectId) -> bool:
    """Tell whether a token was made for this very person."""
    said = _read(OPENING, token)
    return (
        viewer.known
        and isinstance(said, list)
        and said[:2] == [str(consultation_id), _person(viewer)]
    )


def resume_token(response_id: ObjectId, key: str) -> str:
    """Make what the link carries by which the person of a `key` goes on with a response elsewhere,
    without logging in."""
    return str(tokens.signer(RESUME).dumps([str(response_id), _hash(key)]))


def resumed(token: object) -> tuple[ObjectId, str] | None:
    """Return the answer that a link leads to, and a hash of whose it was."""
    said = _read(RESUME, token)
    if not isinstance(said, list) or len(said) != 2 or not ObjectId.is_valid(said[0]):
        return None
    return ObjectId(said[0]), said[1]


def is_of(response: Response, person: str) -> bool:
    """Tell whether an answer is still that person's: not of somebody who has left."""
    return hmac.compare_digest(_hash(response["contributor"]["key"]), str(person))


def _read(purpose: str, token: object) -> Any:
    if not isinstance(token, str) or not 0 < len(token) <= LONGEST:
        return None
    try:
        return tokens.signer(purpose).loads(token)
    except (BadData, UnicodeError):
        return None


def _person(viewer: Viewer) -> str:
    return _hash(viewer.key) if viewer.key else ""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
