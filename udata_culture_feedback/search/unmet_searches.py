"""Count unmet searches: what people searched for and did not find, once per person and day.

What is stored cannot name anybody: words without their order, years and function words, no text, no
person, no place. It is deleted after 30 days unless five searches were for the same meanwhile; only
then is it shown, and it is deleted once nobody has searched for it for long.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from flask import current_app
from mongoengine.fields import DateTimeField, IntField, ListField, StringField
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import collection_of, now
from .terms import root
from .vocabulary import vocabulary

#: How often a search must be seen to be kept, and shown.
SHOWN_FROM = 5
#: Seconds after which a search seen less often is deleted.
FORGOTTEN_AFTER = 30 * 24 * 3600
#: A longer text is a story, and stories have people in them.
MAX_WORDS = 8
MAX_LENGTH = 200
#: People remembered for a day and a search; more of them may count twice.
MOST_A_DAY = 1000

#: Nine digits in a row, however they are spaced: a telephone, a social security number, an account
#: (and not « 2019-2024 »).
_LONG_NUMBER = re.compile(r"(?:\d[\s.\-/()]*){9}")


class CultureFeedbackUnmet(Document):
    """An unmet search. `id`: the roots of its words, sorted, so that « musée breton » and « musées
    bretons » are one; `terms`: the words of the first search, folded, sorted."""

    id = StringField(primary_key=True)
    terms = ListField(StringField())
    seen = IntField()
    #: The last day it was seen on, and the hashes of the people who were counted that day.
    day = StringField()
    by = ListField(StringField())
    first_seen = DateTimeField()
    last_seen = DateTimeField()

    meta = {
        "strict": False,
        "indexes": [
            {
                # From the first time, not the last: what is seen less than five times goes then.
                "fields": ["first_seen"],
                "expireAfterSeconds": FORGOTTEN_AFTER,
                "partialFilterExpression": {"seen": {"$lt": SHOWN_FROM}},
            },
            ["-seen", "-last_seen"],
            "last_seen",
        ],
    }


class Unmet(NamedTuple):
    """An unmet search as shown: words in alphabetical order, and how many times."""

    terms: list[str]
    seen: int


def record(text: str, who: str) -> bool:
    """Count a search that found nothing satisfying. Call when somebody goes on to ask or says so,
    never while it is typed. `who`: a hash of the person and the day, by which they count once.
    Return False when it was not kept: nothing is left of it, or it might name a person."""
    if _may_name_somebody(text):
        return False
    terms = _terms(text)
    if not 0 < len(terms) <= MAX_WORDS:
        return False
    moment = now()
    known, day = {"_id": _id(terms)}, moment.date().isoformat()
    counted: Any = {"$inc": {"seen": 1}}
    first: Any = {"$set": {"day": day, "by": [who], "last_seen": moment}}
    first["$setOnInsert"] = {"terms": terms, "first_seen": moment}
    # The first of the day makes the list of that day; where there is one, others join it once.
    with suppress(DuplicateKeyError):
        _unmet().update_one(known | {"day": {"$ne": day}}, counted | first, upsert=True)
        return True
    others: Any = {"$push": {"by": {"$each": [who], "$slice": -MOST_A_DAY}}}
    others["$set"] = {"last_seen": moment}
    _unmet().update_one(known | {"day": day, "by": {"$ne": who}}, counted | others)
    return True


def take_back(text: str) -> None:
    """Count a search one time less, since its author has deleted their request; delete one that
    nobody else made. Searches belong to nobody: where that request was not counted, because
    something resembled it then, those of others count one less."""
    known = {"_id": _id(_terms(text))}
    if not _unmet().delete_one(known | {"seen": {"$lte": 1}}).deleted_count:
        _unmet().update_one(known, {"$inc": {"seen": -1}})


def shown(limit: int = 100) -> list[Unmet]:
    """Return the searches seen at least five times, most often first."""
    found: Any = _unmet().find({"seen": {"$gte": SHOWN_FROM}}, {"terms": 1, "seen": 1})
    found = found.sort([("seen", -1), ("last_seen", -1)]).limit(limit)
    return [Unmet(one["terms"], one["seen"]) for one in found]


def forget_old() -> int:
    """Delete the searches that nobody has made lately, however often before; return how many:
    people have found it, or given up."""
    long_ago = now() - timedelta(days=current_app.config["CULTURE_FEEDBACK_UNMET_DAYS"])
    return _unmet().delete_many({"last_seen": {"$lt": long_ago}}).deleted_count


def _terms(text: str) -> list[str]:
    known = vocabulary()
    return sorted(word for word in known.telling(text) if not known.is_weak(word))


def _id(terms: list[str]) -> str:
    return " ".join(sorted({root(term) for term in terms}))


def _may_name_somebody(text: str) -> bool:
    typed = [word for word in text.split() if any(map(str.isalnum, word))]
    long = len(text) > MAX_LENGTH or len(typed) > MAX_WORDS
    return long or "@" in text or bool(_LONG_NUMBER.search(text))


def _unmet() -> Collection:
    return collection_of(CultureFeedbackUnmet)
