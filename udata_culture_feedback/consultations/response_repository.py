"""Reading and writing responses: one per person and consultation, written by compare-and-set."""

from __future__ import annotations

from collections.abc import Iterable

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..contributions.repository import replace
from ..mail.models import DUPLICATE_KEY
from ..people.models import gone_key
from ..people.viewer import Viewer
from ..portal.collections import now
from . import consultation_link, figures, receipts, scope
from .models import Consultation, Response, consultations, of_responses, responses
from .questions import wordless

#: Fields that changes of a response leave alone: those of the settle protocol.
KEPT_BY_OTHERS = frozenset(("_id", "v", "due", "counted"))


def own(viewer: Viewer, consultation: Consultation) -> Response | None:
    """Find this person's response or draft."""
    if not viewer.known:
        return None
    return responses().find_one(
        {"contributor.key": viewer.key, "consultation": consultation["_id"]}
    )


def store(before: Response | None, after: Response) -> bool:
    """Write a whole response by compare-and-set; its figures become due. Return False when it was
    changed since it was read, or created by another request."""
    counted_in = of_responses(after["consultation"])
    if after.get("live") or (before is not None and before.get("live")):
        consultation_link.ensure(counted_in)
    if before is None:
        try:
            responses().insert_one({**after, "due": [counted_in]})
        except DuplicateKeyError:
            return False
        return True
    return replace(responses(), before, after, kept_by_others=KEPT_BY_OTHERS, due=[counted_in])


def delete_unsent(response_id: ObjectId) -> None:
    """Delete a response that was never sent, only drafted."""
    responses().delete_one({"_id": response_id, "sent_at": {"$exists": False}})


def take_part(consultation: Consultation) -> bool:
    """Mark a consultation as answered, which freezes it. Return False when it was changed since it
    was read: the questions may differ from those answered."""
    if consultation.get("answered"):
        return True
    unmoved = {"_id": consultation["_id"], "version": consultation["version"]}
    found = consultations().update_one(unmoved, {"$set": {"answered": True}}).matched_count
    scope.forget()
    return bool(found)


def tombstone(response: Response, *, keep_figures: bool = False) -> None:
    """Empty a response: no words, no author. Its figures go too, unless `keep_figures`: then it
    stays counted without an author."""
    while True:
        if store(response, _emptied(response, keep_figures=keep_figures)):
            receipts.count(response["consultation"], receipts.ERASED)
            return
        again = responses().find_one({"_id": response["_id"], "deleted": {"$exists": False}})
        if again is None:
            return
        response = again


def _emptied(response: Response, *, keep_figures: bool) -> Response:
    emptied: Response = {
        "_id": response["_id"],
        "consultation": response["consultation"],
        "contributor": {"kind": response["contributor"]["kind"], "key": gone_key()},
        "channel": response["channel"],
        "questionnaire": response["questionnaire"],
        "created_at": response["created_at"],
        "last_modified": now(),
        "deleted": now(),
        "live": {},
        "v": response["v"],
    }
    if keep_figures and response.get("sent_at"):
        counted = _counted_ids(response)
        emptied["answers"] = {
            id: wordless(answer)
            for id, answer in (response.get("answers") or {}).items()
            if not isinstance(answer, (str, dict)) or id in counted
        }
        emptied["live"] = figures.with_themes(response.get("live") or {}, ())
        emptied["sent_at"] = response["sent_at"]
        if response.get("receipt"):  # without its salt it proves nothing of anybody
            emptied["receipt"] = {"sha256": response["receipt"]["sha256"]}
        if response.get("profile"):
            emptied["profile"] = response["profile"]
    return emptied


def _counted_ids(response: Response) -> set[str]:
    """Return the ids of questions whose answers are in the figures: those identify nobody."""
    return {key.split(":")[1] for key in (response.get("live") or {}) if key.startswith("option:")}


def bury(response_id: ObjectId) -> bool:
    """Delete a tombstone that nothing waits for. Return True when it is gone."""
    spent = {
        "_id": response_id,
        "deleted": {"$exists": True},
        "due": {"$exists": False},
        "sent_at": {"$exists": False},
    }
    return bool(responses().delete_one(spent).deleted_count)


# --- Collected elsewhere --------------------------------------------------------------------------


def imported_before(consultation: Consultation, keys: Iterable[str]) -> set[str]:
    """Return which of these keys have a response already."""
    where = {"consultation": consultation["_id"], "contributor.key": {"$in": list(keys)}}
    return {one["contributor"]["key"] for one in responses().find(where, {"contributor.key": 1})}


def store_imported(consultation: Consultation, answers: list[Response]) -> int:
    """Store responses collected elsewhere, regardless of limits, window and the read-only switch;
    existing ones stay as they are. Return how many are new."""
    consultation_link.ensure(of_responses(consultation["_id"]))
    try:
        stored = len(responses().insert_many(answers, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise
        stored = int(error.details["nInserted"])
    receipts.count(consultation["_id"], receipts.ENTERED, stored)
    return stored
