"""Unmet searches: what people looked for before asking, and did not find.

What is kept can name nobody: words without their order, years and empty words, no text, no person,
no place. It is forgotten after 30 days unless five searches asked the same meanwhile; only then is
it shown, and it is forgotten once nobody has asked it for long.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, NamedTuple

from flask import current_app
from mongoengine.fields import DateTimeField, IntField, ListField, StringField
from pymongo.collection import Collection
from udata.mongo.document import UDataDocument as Document

from ..portal.collections import collection_of, now
from .terms import root
from .vocabulary import vocabulary

#: Times a search must be seen to be kept, and shown.
SHOWN_FROM = 5
#: Seconds before a search seen less often is forgotten.
FORGOTTEN_AFTER = 30 * 24 * 3600
#: A longer text is a story, and stories have people in them.
MAX_WORDS = 8
MAX_LENGTH = 200

#: Nine digits in a row, however they are spaced: a telephone, a social security number, an account
#: (and not « 2019-2024 »).
_LONG_NUMBER = re.compile(r"(?:\d[\s.\-/()]*){9}")


class CultureFeedbackUnmet(Document):
    """What was looked for in vain. `id`: the roots of its words, sorted, so that « musée breton »
    and « musées bretons » are one; `terms`: the words of the first who asked, folded, sorted."""

    id = StringField(primary_key=True)
    terms = ListField(StringField())
    seen = IntField()
    first_seen = DateTimeField()
    last_seen = DateTimeField()

    meta = {
        "strict": False,
        "indexes": [
            {
                # From the first time, not the last: nothing seen less than five times stays longer.
                "fields": ["first_seen"],
                "expireAfterSeconds": FORGOTTEN_AFTER,
                "partialFilterExpression": {"seen": {"$lt": SHOWN_FROM}},
            },
            ["-seen", "-last_seen"],
            "last_seen",
        ],
    }


class Unmet(NamedTuple):
    """What people look for: words in alphabetical order, and how many times."""

    terms: list[str]
    seen: int


def record(text: str) -> bool:
    """Count a search that found nothing satisfying; to be called when it is submitted, never while
    it is typed. False when it was not kept: nothing is left of it, or it might say who asks."""
    if _may_name_somebody(text):
        return False
    terms = _terms(text)
    if not 0 < len(terms) <= MAX_WORDS:
        return False
    moment = now()
    _unmet().update_one(
        {"_id": _id(terms)},
        {
            "$inc": {"seen": 1},
            "$set": {"last_seen": moment},
            "$setOnInsert": {"terms": terms, "first_seen": moment},
        },
        upsert=True,
    )
    return True


def take_back(text: str) -> None:
    """Count a search one time less: who asked for it has deleted their request. One that nobody
    else made is forgotten. (A search is nobody's: where that request was not counted, because
    something resembled it then, the same words of others are counted one time less.)"""
    known = {"_id": _id(_terms(text))}
    if not _unmet().delete_one(known | {"seen": {"$lte": 1}}).deleted_count:
        _unmet().update_one(known, {"$inc": {"seen": -1}})


def shown(limit: int = 100) -> list[Unmet]:
    """What was looked for at least five times, most often first."""
    found: Any = _unmet().find({"seen": {"$gte": SHOWN_FROM}}, {"terms": 1, "seen": 1})
    found = found.sort([("seen", -1), ("last_seen", -1)]).limit(limit)
    return [Unmet(one["terms"], one["seen"]) for one in found]


def forget_old() -> int:
    """Forget what nobody has looked for lately, however often before, and return how many there
    were: people have found it, or given up."""
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
