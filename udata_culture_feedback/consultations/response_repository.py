"""Reading and writing responses: one per person and consultation, written only where nobody has
changed them since."""

from __future__ import annotations

from collections.abc import Iterable

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..contributions.repository import replace
from ..mail.models import DUPLICATE_KEY
from ..people.models import gone_key
from ..people.viewer import Viewer
from ..portal.collections import now
from . import consultation_link, scope
from .models import Consultation, Response, consultations, of_responses, responses
from .questions import wordless

#: Fields of a response that its changes leave alone: those of the settle protocol.
KEPT_BY_OTHERS = frozenset(("_id", "v", "due", "counted"))


def own(viewer: Viewer, consultation: Consultation) -> Response | None:
    """Find what this person has answered, or begun to."""
    if not viewer.known:
        return None
    return responses().find_one(
        {"contributor.key": viewer.key, "consultation": consultation["_id"]}
    )


def store(before: Response | None, after: Response) -> bool:
    """Write a response, whole, where nobody has changed it since it was read; what it counts
    becomes due. False when somebody has, or was there first."""
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
    """Delete a response that was never sent: the draft of one."""
    responses().delete_one({"_id": response_id, "sent_at": {"$exists": False}})


def take_part(consultation: Consultation) -> bool:
    """Mark a consultation as answered, which freezes it. False when it was changed since it was
    read: what is asked now may not be what was answered."""
    if consultation.get("answered"):
        return True
    unmoved = {"_id": consultation["_id"], "version": consultation["version"]}
    found = consultations().update_one(unmoved, {"$set": {"answered": True}}).matched_count
    scope.forget()
    return bool(found)


def tombstone(response: Response, *, keep_figures: bool = False) -> None:
    """Empty a response: no words, no person. Its figures go too, unless they are published: then it
    stays as one that nobody gave."""
    while True:
        if store(response, _emptied(response, keep_figures=keep_figures)):
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
        emptied["live"] = response.get("live") or {}
        emptied["sent_at"] = response["sent_at"]
        if response.get("profile"):
            emptied["profile"] = response["profile"]
    return emptied


def _counted_ids(response: Response) -> set[str]:
    """Name the questions whose answers are in figures: those say nothing of a person."""
    return {key.split(":")[1] for key in (response.get("live") or {}) if key.startswith("option:")}


def bury(response_id: ObjectId) -> bool:
    """Remove a tombstone that nothing has to hear of. True when it is gone."""
    spent = {
        "_id": response_id,
        "deleted": {"$exists": True},
        "due": {"$exists": False},
        "sent_at": {"$exists": False},
    }
    return bool(responses().delete_one(spent).deleted_count)


# --- Collected elsewhere --------------------------------------------------------------------------


def imported_before(consultation: Consultation, keys: Iterable[str]) -> set[str]:
    """Of these people, return those whose response is there."""
    where = {"consultation": consultation["_id"], "contributor.key": {"$in": list(keys)}}
    return {one["contributor"]["key"] for one in responses().find(where, {"contributor.key": 1})}


def store_imported(consultation: Consultation, answers: list[Response]) -> int:
    """Store responses collected elsewhere, whatever limits, window and the read-only switch say;
    those that are there stay as they are. Returns how many are new."""
    consultation_link.ensure(of_responses(consultation["_id"]))
    try:
        return len(responses().insert_many(answers, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise
        return int(error.details["nInserted"])
