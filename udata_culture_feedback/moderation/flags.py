"""Flags: readers report a contribution to moderators, once per person. A flag never hides
anything."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions import kinds, review_rules
from ..contributions.kinds import Flagged, Trace
from ..contributions.moderated import Item
from ..contributions.owned import Person, Shown
from ..contributions.review_rules import FLAG, Visibility
from ..email_confirmation.anonymous import admit, must_take_part
from ..people import keys
from ..people.limits import spend_write
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web import refusals
from ..web.moments import iso
from ..web.text_cleaning import clean
from ..web.untyped import Payload
from .actions import REASONS
from .models import Flag, appeals, claims, flags
from .permissions import OK

#: Longest explanation, in characters.
LONGEST = 2000

#: Reasons for which a reader may flag a contribution.
FLAG_REASONS = tuple(reason for reason in REASONS if reason != OK)


def shown(viewer: Viewer, kind: str, reference: str, about: Any) -> Flagged:
    """Find the contribution that a reader flags. Raise NotFound for one they may not see."""
    flaggable = kinds.KINDS[kind].flagged
    assert flaggable
    return flaggable(viewer, reference, about)


def flag(viewer: Viewer, kind: str, reference: str, payload: Payload) -> bool:
    """Flag a contribution, or (`about`) something that belongs to it. `payload`: `reason` (an id of
    the vocabulary), `message`; from a browser without an account also `proof`. Return False when
    this person has flagged it before.

    Raise Unauthenticated, Unproven, ReadOnly, TooMany; NotFound for what one may not see; Invalid,
    TooLong naming the field; Conflict for words that are not public.
    """
    flagged = shown(viewer, kind, reference, payload.get("about"))
    # Anonymous readers give the proof of work that contributing there asks for.
    must_take_part(viewer, flagged.action, flagged.target)
    spend_write(viewer)
    reason, message = _read(payload)
    if flagged.item["visibility"] != Visibility.PUBLIC:
        raise refusals.Conflict(_("This is no longer public."))
    about = f"{flagged.kind}:{flagged.item['_id']}"
    admit(viewer, flagged.action, str(flagged.target), payload, about=about)
    return _store(viewer, flagged, reason, message)


def _store(viewer: Viewer, flagged: Flagged, reason: str, message: str | None) -> bool:
    days = current_app.config["CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS"]
    made: Flag = {
        "_id": ObjectId(),
        "item": flagged.item["_id"],
        "kind": flagged.kind,
        "key": hidden_key(viewer.key or ""),
        "reason": reason,
        "created_at": now(),
        "expires_at": now() + timedelta(days=days),
    }
    if message:
        made["message"] = message
    new = True
    try:
        flags().insert_one(made)
    except DuplicateKeyError:
        new = False
        mine = flags().find_one({"item": made["item"], "key": made["key"]}, {"handled": 1})
        if mine is None or "handled" in mine:
            return False
    # Also when the flag exists already: a crash may have come between the two writes.
    put_in_queue(flagged.kind, made["item"], FLAG)
    return new


def forget(items: Iterable[ObjectId]) -> None:
    """Delete flags and claims about words that are gone for good, and erase the texts of appeals,
    which may quote them."""
    about = {"item": {"$in": list(items)}}
    flags().delete_many(about)
    claims().delete_many({"_id": about["item"]})
    appeals().update_many(about, {"$unset": {"text": "", "answer": ""}})


def given(person: Person) -> list[Shown]:
    """Show a person the flags they have given."""
    keys = [hidden_key(key) for key in person.keys]
    found = flags().find({"key": {"$in": keys}}, sort=[("created_at", -1)])
    return [
        {
            "kind": flag["kind"],
            "item": str(flag["item"]),
            "reason": flag["reason"],
            "message": None if person.by_token else flag.get("message"),
            "created_at": iso(flag["created_at"]),
        }
        for flag in found
    ]


def forget_words_of(person: Person) -> None:
    """Erase the messages of the flags of a person who erases everything; the flags stay."""
    keys = {"key": {"$in": [hidden_key(key) for key in person.keys]}}
    flags().update_many(keys, {"$unset": {"message": ""}})


#: Flags, among what is kept of people besides their contributions.
GIVEN = Trace("flags", given, forget_words_of)


def put_in_queue(kind: str, id: ObjectId, why: str) -> None:
    """Put a public contribution in the queue, or add one more reason if it is there already."""

    def queued(item: Item) -> Item | None:
        reasons = (item.get("review") or {}).get("why") or []
        if why in reasons or item["visibility"] == Visibility.HIDDEN:
            return None
        changed = dict(item)
        review_rules.put_in_queue(changed, [*reasons, why])
        return changed

    written = kinds.moderated()[kind].change(id, queued)
    if written:
        kinds.moderated()[kind].announce([written])


def take_from_queue(kind: str, id: ObjectId, why: str) -> None:
    """Remove one reason for which a contribution is in the queue."""

    def freed(item: Item) -> Item | None:
        reasons = (item.get("review") or {}).get("why") or []
        if why not in reasons:
            return None
        changed = dict(item)
        review_rules.put_in_queue(changed, [reason for reason in reasons if reason != why])
        return changed

    written = kinds.moderated()[kind].change(id, freed)
    if written:
        kinds.moderated()[kind].announce([written])


def _read(payload: Payload) -> tuple[str, str | None]:
    reason, message = payload.get("reason"), payload.get("message")
    if reason not in FLAG_REASONS:
        error = _("Choose one of: %(ids)s.", ids=", ".join(FLAG_REASONS))
        raise refusals.Invalid(error, {"reason": error})
    if message is not None and not isinstance(message, str):
        error = _("A text.")
        raise refusals.Invalid(error, {"message": error})
    message = clean(message or "")
    if len(message) > LONGEST:
        error = _("%(longest)d characters at most.", longest=LONGEST)
        raise refusals.TooLong(error, {"message": error})
    return reason, message or None


def hidden_key(key: str) -> str:
    """Return a keyed hash of a contributor's key: it counts and groups, and nobody can reverse
    it."""
    secret = keys.for_tokens("flags")
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:32]
