"""Readers point something out to moderators: once per person, and it never hides anything."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions import review_rules
from ..contributions.review_rules import FLAG, Visibility
from ..data_requests import actions as request_actions
from ..data_requests import move_messages
from ..data_requests.models import messages
from ..email_confirmation.anonymous import admit, must_take_part
from ..feedback import actions as feedback_actions
from ..feedback import permissions as feedback_permissions
from ..people import keys
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web import refusals
from ..web.text_cleaning import clean
from . import embedded_texts
from .actions import REASONS
from .classes import CLASSES, Item
from .models import appeals, claims, flags
from .permissions import OK

#: Longest explanation, in characters.
LONGEST = 2000

#: What the reference of a move begins with.
MOVE = "move-"
#: Why a reader may point something out.
FLAG_REASONS = tuple(reason for reason in REASONS if reason != OK)


def flag_feedback(viewer: Viewer, feedback_id: Any, payload: dict[str, Any]) -> bool:
    """Points a feedback out, or (`about`: "answer") what its producer has answered here. `payload`:
    `reason` (an id of the vocabulary), `message`; from a browser without an account also `proof`.
    False when this person has done so before.

    Raises Unauthenticated, Unproven, ReadOnly, TooMany; NotFound for what one may not see; Invalid,
    TooLong naming the field; Conflict for words that are not public.
    """
    feedback, _dataset = feedback_actions.readable_feedback(feedback_id)
    if not feedback_permissions.may_see(viewer, feedback):
        raise refusals.NotFound(_("There is no such feedback."))
    if payload.get("about") is not None:
        answer = shown_answer(feedback, payload["about"])
        return _flag(viewer, "answer", answer, payload, Action.FEEDBACK, feedback["dataset"])
    return _flag(viewer, "feedback", feedback, payload, Action.FEEDBACK, feedback["dataset"])


def flag_request(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> bool:
    """Points a request out, or (`about`) a message about it: its id, or "move-2" for that of the
    second entry of its history. Otherwise as `flag_feedback`."""
    request = request_actions.readable(viewer, reference)
    about = payload.get("about")
    if about is None:
        return _flag(viewer, "request", request, payload, Action.SUPPORT, request["_id"])
    if isinstance(about, str) and about.startswith(MOVE):
        return _flag(
            viewer, "move", move_of(request, about), payload, Action.SUPPORT, request["_id"]
        )
    message = None
    if isinstance(about, str) and ObjectId.is_valid(about):
        message = messages().find_one({"_id": ObjectId(about), "request": request["_id"]})
    if message is None or message["visibility"] != Visibility.PUBLIC:
        raise refusals.NotFound(_("There is no such message."))
    return _flag(viewer, "message", message, payload, Action.SUPPORT, request["_id"])


def shown_answer(feedback: Item, about: Any) -> Item:
    """The answer of a producer that is shown. Raises NotFound for one that is not there, or that
    stands in the discussion only, where udata has it reported."""
    words = feedback["visibility"] == Visibility.PUBLIC
    id = embedded_texts.ANSWERS.latest(feedback) if about == "answer" and words else None
    found = embedded_texts.ANSWERS.find([id]).get(id) if id else None
    if not found:
        raise refusals.NotFound(_("There is no such answer."))
    return found


def move_of(request: Item, about: str) -> Item:
    """What was said with a move. Raises NotFound for one without words."""
    number = about.removeprefix(MOVE)
    known = number.isascii() and number.isdigit() and len(number) < 5
    if known and move_messages.said_with(request, int(number)):
        id = embedded_texts.MOVES.of(request, int(number))
        found = embedded_texts.MOVES.find([id]).get(id)
        if found:
            return found
    raise refusals.NotFound(_("There is no such message."))


def _flag(
    viewer: Viewer,
    kind: str,
    item: Item,
    payload: dict[str, Any],
    action: Action,
    target: ObjectId,
) -> bool:
    """`action` on `target`: what somebody without an account gives a proof of work for, as those do
    who contribute there."""
    must_take_part(viewer, action, target)
    spend_write(viewer)
    reason, message = _read(payload)
    if item["visibility"] != Visibility.PUBLIC:
        raise refusals.Conflict(_("This is not public any more."))
    admit(viewer, action, str(target), payload, about=f"{kind}:{item['_id']}")
    days = current_app.config["CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS"]
    flag = {
        "item": item["_id"],
        "kind": kind,
        "key": hidden_key(viewer.key or ""),
        "reason": reason,
        "created_at": now(),
        "expires_at": now() + timedelta(days=days),
    }
    new = True
    try:
        flags().insert_one(flag | ({"message": message} if message else {}))
    except DuplicateKeyError:
        new = False
        mine = flags().find_one({"item": item["_id"], "key": flag["key"]}, {"handled": 1})
        if mine is None or "handled" in mine:
            return False
    # Again for who has flagged before: a crash may have come between.
    put_in_queue(kind, item["_id"], FLAG)
    return new


def forget(item: ObjectId) -> None:
    """What somebody wrote is gone for good: what was said of it, which may quote it, goes too, and
    nobody has to look at it any more."""
    flags().delete_many({"item": item})
    claims().delete_one({"_id": item})
    appeals().update_many({"item": item}, {"$unset": {"text": "", "answer": ""}})


def forget_words_of(key: str) -> None:
    """Somebody erases everything: what they pointed out stays so, without what they said of it."""
    flags().update_many({"key": hidden_key(key)}, {"$unset": {"message": ""}})


def put_in_queue(kind: str, id: ObjectId, why: str) -> None:
    """Puts what is public in the queue, for one more reason if it is there already."""

    def queued(item: Item) -> Item | None:
        reasons = (item.get("review") or {}).get("why") or []
        if why in reasons or item["visibility"] == Visibility.HIDDEN:
            return None
        changed = dict(item)
        review_rules.put_in_queue(changed, [*reasons, why])
        return changed

    written = CLASSES[kind].change(id, queued)
    if written:
        CLASSES[kind].announce([written])


def take_from_queue(kind: str, id: ObjectId, why: str) -> None:
    """One reason for which something is in the queue has gone."""

    def freed(item: Item) -> Item | None:
        reasons = (item.get("review") or {}).get("why") or []
        if why not in reasons:
            return None
        changed = dict(item)
        review_rules.put_in_queue(changed, [reason for reason in reasons if reason != why])
        return changed

    written = CLASSES[kind].change(id, freed)
    if written:
        CLASSES[kind].announce([written])


def _read(payload: dict[str, Any]) -> tuple[str, str | None]:
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
    """Who flags, as nobody can read it: it only serves to count them once."""
    secret = keys.for_tokens("flags")
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:32]
