"""« Contester cette décision »: the author of something that was refused, hidden or blacked out
says once why that is wrong, and the administrators of the portal look again.

The signed link of the mail, or the session, proves who the author is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

from bson import ObjectId
from flask import current_app
from itsdangerous import BadData
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions import kinds
from ..contributions.moderated import AGAINST, Decision, Item
from ..contributions.owned import Row, Shown
from ..contributions.review_rules import Visibility
from ..contributions.signals import on_appeal_answered, on_appealed
from ..people import tokens
from ..people.limits import spend_write
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web import refusals
from ..web.moments import iso
from ..web.text_cleaning import clean
from ..web.untyped import Payload, Query
from ..web.urls import pages_url
from . import actions, journal, permissions
from .models import Appeal, Line, Outcome, appeals
from .models import journal as stored_journal

#: Longest text and answer, in characters.
LONGEST = 5000
#: How long after a decision it can be appealed against.
WITHIN = timedelta(days=183)

_PURPOSE = "moderation-appeal"


def address(decision_id: ObjectId) -> str:
    """Return the signed address at which its author contests a decision."""
    token = tokens.signer(_PURPOSE).dumps(str(decision_id))
    return f"{pages_url(f'moderation/decisions/{decision_id}/appeal')}?token={quote(token)}"


def may_appeal(viewer: Viewer, decision_id: Any, token: str | None) -> Line:
    """Find the line of the journal that this person may contest. Raise NotFound for another
    author's, or an unknown one."""
    line = None
    if ObjectId.is_valid(decision_id):
        id = ObjectId(decision_id)
        if opens(token, id) or _is_author(viewer, id):
            line = journal.find(id) or _unwritten(id)
    if line is None or line["decision"] not in AGAINST:
        raise refusals.NotFound(_("There is no such decision."))
    return line


def opens(token: str | None, decision_id: Any) -> bool:
    """Check whether a token is that of the mail about this decision."""
    try:
        return bool(token) and tokens.signer(_PURPOSE).loads(token or "") == str(decision_id)
    except (BadData, UnicodeError):
        return False


def appeal(viewer: Viewer, decision_id: Any, token: str | None, text: Any) -> Appeal:
    """Contest a decision. Raise NotFound, Invalid and TooLong naming `text`, Conflict for one
    already contested or no longer in force, Gone after six months."""
    line = may_appeal(viewer, decision_id, token)
    if viewer.known:
        spend_write(viewer)
    words = _text(text)
    if line["at"] + WITHIN < now():
        raise refusals.Gone(_("It is too late to contest this decision."))
    item = _decided(line)
    if item is None:
        raise refusals.Conflict(_("This decision stands no longer."))
    made: Appeal = {
        "_id": line["_id"],
        "item": line["item"],
        "kind": line["kind"],
        "text": words,
        "outcome": Outcome.OPEN,
        "created_at": now(),
        "month": f"{now():%Y-%m}",
    }
    if user := item["contributor"].get("user"):
        made["user"] = user
    if contact := item.get("contact"):
        made["contact"] = contact
    try:
        appeals().insert_one(made)
    except DuplicateKeyError:
        raise refusals.Conflict(_("You have contested this decision already.")) from None
    on_appealed.send(line["_id"])
    return made


def answer(viewer: Viewer, decision_id: Any, payload: Payload) -> Appeal:
    """Answer an appeal. `payload`: `outcome` ("upheld": the decision is taken back, "dismissed"),
    `answer` (a text, required to dismiss). Raise Forbidden, NotFound, Invalid, TooLong, Conflict
    for one already answered."""
    permissions.must_administer(viewer)
    found = find(ObjectId(decision_id)) if ObjectId.is_valid(decision_id) else None
    if found is None:
        raise refusals.NotFound(_("There is no such appeal."))
    outcome = payload.get("outcome")
    if outcome not in (Outcome.UPHELD, Outcome.DISMISSED):
        message = _("Choose one answer.")
        raise refusals.Invalid(message, {"outcome": message})
    said = payload.get("answer")
    words = _text(said, "answer") if said or outcome == Outcome.DISMISSED else None
    changed: Query = {
        "outcome": Outcome(outcome),
        "answered_by": viewer.user_id,
        "answered_at": now(),
    } | ({"answer": words} if words else {})
    open_one = {"_id": found["_id"], "outcome": Outcome.OPEN}
    if not appeals().update_one(open_one, {"$set": changed}).modified_count:
        raise refusals.Conflict(_("This appeal was answered already."), outcome=found["outcome"])
    if outcome == Outcome.UPHELD:
        _take_back(viewer, found)
    answered = cast(Appeal, found | changed)
    on_appeal_answered.send(found["_id"], appeal=answered)
    return answered


def find(decision_id: ObjectId) -> Appeal | None:
    return appeals().find_one({"_id": decision_id})


def shown_to_author(made: list[Row], by_token: bool) -> dict[ObjectId, Shown]:
    """Show the author of contributions how to contest each decision about them, while they can, and
    the outcome of their appeal. `by_token`: only their browser is recognised."""
    ids = {"_id": {"$in": [one["id"] for one in made]}}
    contested = {one["_id"]: one for one in appeals().find(ids)}
    return {one["id"]: _shown(one, contested.get(one["id"]), by_token) for one in made}


def open_ones(limit: int) -> list[Appeal]:
    """List the appeals that wait for an answer, the oldest first."""
    return list(appeals().find({"outcome": Outcome.OPEN}, sort=[("created_at", 1)]).limit(limit))


def erase_texts() -> int:
    """Erase the texts of answered appeals as old as hidden words may be; return how many."""
    days = current_app.config["CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS"]
    old = {"created_at": {"$lt": now() - timedelta(days=days)}, "outcome": {"$ne": Outcome.OPEN}}
    spoken = old | {"$or": [{"text": {"$exists": True}}, {"answer": {"$exists": True}}]}
    gone = {"$unset": {"text": "", "answer": "", "user": "", "contact": ""}}
    return appeals().update_many(spoken, gone).modified_count


def _shown(made: Row, appealed: Appeal | None, by_token: bool) -> Shown:
    is_open = not appealed and made["at"] + WITHIN > now() and not by_token
    shown: Shown = {"contest_url": address(made["id"]) if is_open else None, "appeal": None}
    if appealed:
        shown["appeal"] = {
            "text": None if by_token else appealed.get("text"),
            "outcome": str(appealed["outcome"]),
            "created_at": iso(appealed["created_at"]),
        }
    return shown


def _take_back(viewer: Viewer, found: Appeal) -> None:
    """Undo the contested decision; publish the contribution if it was pending before."""
    if _decided(journal.find(found["_id"])) is None:
        return  # decided anew meanwhile
    outcome = actions.decide(viewer, [actions.Wanted(found["item"])], Decision.RESTORE)
    item = kinds.find([found["item"]]).get(found["item"])
    if outcome.done and item and item[1]["visibility"] == Visibility.PENDING:
        actions.decide(viewer, [actions.Wanted(found["item"])], Decision.PUBLISH)


def _decided(line: Line | None) -> Item | None:
    """Find the contribution, while that decision is the latest about it."""
    entry = kinds.find([line["item"]]).get(line["item"]) if line else None
    if line is None or entry is None or (entry[1].get("moderated") or {}).get("id") != line["_id"]:
        return None
    return entry[1]


def _unwritten(decision_id: ObjectId) -> Line | None:
    """Find a decision that a crash has kept out of the journal, after writing it there."""
    for moderated in kinds.moderated().values():
        journal.catch_up(moderated)
    return stored_journal().find_one({"_id": decision_id})


def _is_author(viewer: Viewer, decision_id: ObjectId) -> bool:
    if not viewer.known or viewer.by_token:
        return False
    line = journal.find(decision_id)
    entry = kinds.find([line["item"]]).get(line["item"]) if line else None
    return entry is not None and entry[1]["contributor"]["key"] == viewer.key


def _text(text: Any, field: str = "text") -> str:
    words = clean(text) if isinstance(text, str) else ""
    message = None
    if not words:
        message = _("Say why, in a few words.")
    elif len(words) > LONGEST:
        message = _("%(longest)d characters at most.", longest=LONGEST)
        raise refusals.TooLong(message, {field: message})
    if message:
        raise refusals.Invalid(message, {field: message})
    return words
