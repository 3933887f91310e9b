"""Migrate what is stored: each migration is applied once and recorded beside udata's own.

udata runs only its own (`udata db migrate` reads its own folder); `udata feedback init` runs these,
after it has built the indexes. A migration is a function of the database that returns a report; it
is idempotent, and safe while people go on writing, also with the version before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from mongoengine.connection import get_db
from pymongo.collection import Collection
from pymongo.database import Database
from udata.db.migrations import Record

from ..consultations import figures as response_figures
from ..consultations.models import Question, consultations, of_responses, responses
from ..data_requests import figures
from ..data_requests import models as request_models
from ..data_requests.models import messages, requests
from ..feedback import models as feedback_models
from ..feedback.models import feedbacks
from ..feedback.summaries import INTO_DATASET
from ..figures.settle import Totals, becomes_due, recount
from ..figures.summary_ids import dataset_summary
from ..people import contacts, keys
from .recount import recount_everything

Migration = Callable[[Database], str]

PREFIX = "culture-feedback/"


def count_what_is_new(_database: Database) -> str:
    """Store in contributions all that is counted today (ratings by month, what was answered and
    when), settle it into figures, and give lists of datasets what they are sorted by."""
    said = 0
    for feedback in feedbacks().find({"deleted": {"$exists": False}}):
        live = feedback_models.live_totals(feedback)
        said += _says(feedbacks(), feedback, live, [dataset_summary(feedback["dataset"])])
    for request in requests().find():
        concerned = figures.above(request)
        figures.ensure(concerned)
        said += _says(requests(), request, request_models.live_totals(request), concerned)
    mended = sum(bool(differences) for _id, differences in recount_everything(supports=False))
    ordered = 0
    unsorted = {"dataset": {"$exists": True}, "attention": {"$exists": False}}
    while found := INTO_DATASET.summaries.find_one(unsorted, {"totals": 1, "v": 1}):
        # Others may count meanwhile: then it is read again, and perhaps done already.
        unmoved = {"_id": found["_id"], "v": found["v"]}
        wanted = {"$set": INTO_DATASET.derived(found.get("totals") or {})}
        ordered += INTO_DATASET.summaries.update_one(unmoved, wanted).modified_count
    return f"{said} contributions count anew, {mended} figures mended, {ordered} datasets sorted"


def _says(
    stored: Collection, contribution: Mapping[str, Any], live: Totals, concerned: Iterable[str]
) -> bool:
    """Store what a contribution counts today, and make it due; return whether that changed it.
    Whoever changes it meanwhile does so too."""
    if contribution.get("live") == live:
        return False
    unmoved = {"_id": contribution["_id"], "v": contribution["v"]}
    wanted = becomes_due(concerned) | {"$set": {"live": live}}
    return bool(stored.update_one(unmoved, wanted).modified_count)


def name_messages(_database: Database) -> str:
    """Give messages of requests, from the start, the id that they get in the native discussion."""
    nameless = {"message_id": {"$exists": False}}
    named = 0
    for message in messages().find(nameless, {"_id": 1}):
        one = nameless | {"_id": message["_id"]}
        named += messages().update_one(one, {"$set": {"message_id": str(uuid4())}}).modified_count
    return f"{named} messages have an id"


def recognise_contacts(_database: Database) -> str:
    """Let stored addresses be found by the person they belong to, who asks what we keep of them.
    Without the keys of the time nobody can read them: they expire as they would have."""
    if keys.problems():
        return "the keys are not set"
    found = 0
    stored, strangers = contacts.contacts(), {"person": {"$exists": False}}
    for one in stored.find(strangers, {"_id": 1}):
        if contact := contacts.find(one["_id"]):
            person = {"person": contacts.fingerprint(contact.address, contacts.SCOPE)}
            found += stored.update_one(strangers | one, {"$set": person}).modified_count
    return f"{found} addresses can be found by their owners"


def count_verified_supports(_database: Database[Any]) -> str:
    """Store in requests how many of their supports are verified, by which they are sorted."""
    flow = figures.SUPPORTS
    supported = requests().find({"totals.supports": {"$gte": 1}}, {"_id": 1})
    counted = sum(bool(recount(flow, one["_id"])) for one in supported)
    return f"{counted} requests say how many of their supports are verified"


def forget_who_has_left(_database: Database[Any]) -> str:
    """Unlink contributions from the deleted accounts that gave them: feedback kept their ids."""
    linked = {"contributor.key": {"$regex": "^gone:"}, "contributor.user": {"$exists": True}}
    unlink = {"$unset": {"contributor.user": "", "contributor.name": ""}, "$inc": {"v": 1}}
    stored = (feedbacks(), requests(), messages(), responses())
    forgotten = sum(one.update_many(linked, unlink).modified_count for one in stored)
    return f"{forgotten} contributions of deleted accounts say no longer whose they were"


def count_participation(_database: Database[Any]) -> str:
    """Store in responses in which way and on which day they were given, and settle it into
    figures."""
    said = 0
    asked: dict[Any, list[Question]] = {}
    for response in responses().find({"sent_at": {"$exists": True}, "deleted": None}):
        id = response["consultation"]
        if id not in asked:
            found = consultations().find_one({"_id": id}, {"questions": 1})
            asked[id] = found["questions"] if found else []
        live = response_figures.live_totals(asked[id], response)
        said += _says(responses(), response, live, [of_responses(id)])
    for id in asked:
        response_figures.settle_everything(id)
    return f"{said} responses count anew"


def search_anew(database: Database) -> str:
    """Forget what only the former search needs: an index, and how far its rebuilding was. `udata
    feedback init` and the nightly job rebuild all entries and words."""
    words = database["culture_feedback_word"]
    old = "keys_1" in words.index_information()
    if old:
        words.drop_index("keys_1")
    database["culture_feedback_terms"].delete_one({"_id": "backfill"})
    return "the index of words was replaced" if old else "nothing to replace"


def recognise_mailboxes(_database: Database[Any]) -> str:
    """Let stored addresses be found by their mailbox, in whichever way those of Gmail are
    written."""
    if keys.problems():
        return "the keys are not set"
    found, stored = 0, contacts.contacts()
    for one in stored.find({"person": {"$exists": True}}, {"person": 1}):
        if contact := contacts.find(one["_id"]):
            person = contacts.fingerprint(contact.address, contacts.SCOPE)
            if person != one["person"]:
                found += stored.update_one(one, {"$set": {"person": person}}).modified_count
    return f"{found} addresses are found by their mailbox"


#: Name → migration, in order. Names never change: they are recorded.
MIGRATIONS: dict[str, Migration] = {
    "0001-count-what-is-new": count_what_is_new,
    "0002-name-messages": name_messages,
    "0003-recognise-contacts": recognise_contacts,
    "0004-count-verified-supports": count_verified_supports,
    "0005-forget-who-has-left": forget_who_has_left,
    "0006-count-month-by-month": count_what_is_new,
    "0007-count-participation": count_participation,
    "0008-search-anew": search_anew,
    "0009-recognise-mailboxes": recognise_mailboxes,
}


def pending() -> list[str]:
    return [name for name in MIGRATIONS if not _record(name).ok]


def run(name: str) -> str:
    """Apply a migration and record it; return its report."""
    report = MIGRATIONS[name](get_db())
    _record(name).add("migrate", MIGRATIONS[name], [["info", report]], {}, True)
    return report


def _record(name: str) -> Record:
    record = Record({"filename": PREFIX + name})
    record.load()
    return record
