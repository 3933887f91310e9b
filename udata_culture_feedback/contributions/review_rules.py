"""Decide whether words are published at once or wait for a moderator: one rule for every domain,
applied when a person writes. What moderators then decide belongs to `moderation`, which domains do
not know.

A contribution that waits, or that somebody reported, carries `review`: `since`, and `why`, ids of
`REASONS`. It is in the moderators' queue as long as it does. `hidden_at` is set on what was public
before it was hidden: a notice replaces it. `moderated` is the latest decision, with what it takes
to undo it; `words_until` when the words that it hides are erased.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from flask import current_app
from mongoengine.fields import DateTimeField, ListField, StringField
from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _
from udata.mongo.document import UDataDocument as Document

from ..people import keys
from ..portal.collections import collection_of, now
from ..search.terms import fold
from ..web import refusals
from ..web.untyped import Query
from . import text_checks


class Visibility(StrEnum):
    """The state of the words: while pending or hidden, others get the contribution without them."""

    PENDING = "pending"
    PUBLIC = "public"
    HIDDEN = "hidden"


#: Contributions in the moderators' queue.
_QUEUED = {"review.since": {"$exists": True}}


def indexes(organization: str = "organization") -> list[Query]:
    """Return the indexes that a collection of contributions needs besides its own: the moderators'
    queue, oldest first, of all and of an organization (`organization`: its field); decisions not
    yet in the journal; words to erase."""
    return [
        {"fields": ["review.since", "id"], "partialFilterExpression": _QUEUED},
        {"fields": [organization, "review.since", "id"], "partialFilterExpression": _QUEUED},
        {"fields": ["moderated.at"], "partialFilterExpression": {"moderated.recorded": False}},
        {"fields": ["words_until"], "partialFilterExpression": {"words_until": {"$exists": True}}},
    ]


#: Shortest text that counts as repeated, in characters once normalised.
REPEATED_LENGTH = 40
#: How many objects one person, and how many people, say the same about within a day to be repeated.
REPEATED_PLACES = 3
REPEATED_PEOPLE = 5
A_DAY = timedelta(days=1)
#: How many latest uses of one text are remembered: enough for both bounds.
REMEMBERED = 50

#: `hidden_reason` of words whose native discussion was deleted in udata.
REMOVED = "removed"

WITHOUT_ACCOUNT = "without_account"
REPEATED = "repeated"
#: Words that replace hidden ones.
HIDDEN_BEFORE = "hidden_before"
FLAG = "flag"
REPORT = "report"
#: Public words that may become open data once a moderator has read them.
OPEN_DATA = "open_data"

CONSULTATION = "consultation"

#: The reasons for being in the moderators' queue.
REASONS = {
    WITHOUT_ACCOUNT: _("written without an account"),
    FLAG: _("pointed out by a reader"),
    REPORT: _("reported in the discussions"),
    HIDDEN_BEFORE: _("replaces hidden words"),
    CONSULTATION: _("text of a consultation that has closed"),
    OPEN_DATA: _("its author lets it be published as open data"),
    **text_checks.LABELS,
}

#: Checks of abuse: contributions caught by one of them do not count in figures while held.
ABUSE = frozenset(("spam_words", "links", REPEATED))

#: A contribution, in the type of its domain.
Contribution = Any

_WORD = re.compile(r"\w+")


class CultureFeedbackRepeated(Document):
    """The uses of one text within a day: by whom, and where. The id is a keyed hash of the text,
    `seen` has keyed hashes of people and places: it does not reveal who said what."""

    id = StringField(primary_key=True)
    seen = ListField()
    expires_at = DateTimeField(required=True)

    meta = {"strict": False, "indexes": [{"fields": ["expires_at"], "expireAfterSeconds": 0}]}


def reasons_to_wait(
    contributor: Mapping[str, Any],
    words: Iterable[str | None],
    *,
    about: Any,
    trusted: bool = False,
    imported: bool = False,
) -> list[str]:
    """Return why a contribution waits for a moderator: ids of `REASONS`; empty where it is
    published.

    `contributor`: as embedded in the contribution; `words`: each text it has; `about`: the id of
    what they are about. `trusted`: it comes from those who manage that (the producer of the
    dataset, the holder of the request), who give professional addresses on purpose. `imported`:
    collected elsewhere, where a text may legitimately recur.
    """
    said = [text for text in words if text]
    if not said or trusted:
        return []
    why: dict[str, None] = {}
    if contributor["kind"] in current_app.config["CULTURE_FEEDBACK_MODERATED"]:
        why[WITHOUT_ACCOUNT] = None
    for text in said:
        why |= dict.fromkeys(finding.check for finding in text_checks.inspect(text))
    if not imported and REPEATED in current_app.config["CULTURE_FEEDBACK_CHECKS"]:
        for text in said:
            if _is_repeated(contributor["key"], text, about):
                why[REPEATED] = None
    return list(why)


def await_moderation(
    contribution: Contribution, why: list[str], at: datetime | None = None
) -> None:
    """Set the visibility of words that have just been written: public, or pending for these
    reasons. A replacement of hidden words always waits; spam stays hidden: only a moderator can
    change that."""
    hidden = contribution.get("visibility") == Visibility.HIDDEN
    if hidden and contribution.get("hidden_reason") == "spam":
        return
    forget_original(contribution)
    for field in ("hidden_reason", "hidden_at", "words_until"):
        contribution.pop(field, None)
    asked_for = (contribution.get("review") or {}).get("why") or []
    outside = [reason for reason in asked_for if reason in (FLAG, REPORT)]
    if hidden:
        why = [HIDDEN_BEFORE, *why]
    contribution["visibility"] = Visibility.PENDING if why else Visibility.PUBLIC
    put_in_queue(contribution, [*outside, *why], at)


def no_words_left(contribution: Contribution) -> None:
    """Take a contribution out of the queue once its author has removed its words."""
    if contribution.get("hidden_reason") == "spam":
        return
    forget_original(contribution)
    for field in ("hidden_reason", "hidden_at", "words_until", "review"):
        contribution.pop(field, None)
    contribution["visibility"] = Visibility.PUBLIC


def warn(words: Mapping[str, str | None], *, read_again: bool) -> None:
    """Ask authors to confirm personal data in their texts before publication: raise Invalid, naming
    the fields and what was found in them, unless they have `read_again`. An institution's own
    details are not asked about."""
    if read_again:
        return
    errors = {
        field: _(
            "There seems to be %(what)s: %(where)s.",
            what=text_checks.in_words(found),
            where=text_checks.quoted(text, found),
        )
        for field, text in words.items()
        if text and (found := text_checks.hard(text_checks.personal_data(text)))
    }
    if errors:
        message = _("Please read your text again: everybody will be able to read it.")
        raise refusals.Invalid(message, errors, read_again=True)


def forget_original(contribution: Contribution) -> None:
    """Delete the blacked-out words that were kept for an undo."""
    decision = contribution.get("moderated") or {}
    if "texts" in (decision.get("before") or {}):
        before = {key: value for key, value in decision["before"].items() if key != "texts"}
        contribution["moderated"] = decision | {"before": before}


def erased_at(decided_at: datetime) -> datetime:
    """Return when words hidden at a moment are erased."""
    return decided_at + timedelta(days=current_app.config["CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS"])


def put_in_queue(contribution: Contribution, why: list[str], at: datetime | None = None) -> None:
    """Set why a contribution is in the queue; without a reason, take it out."""
    before = contribution.get("review") or {}
    if why:
        contribution["review"] = before | {"why": why, "since": before.get("since") or at or now()}
    else:
        contribution.pop("review", None)


def with_name(contribution: Contribution, fields: Mapping[str, str | None]) -> dict[str, str]:
    """Return the texts of a contribution, including the name declared by an anonymous author, which
    counts as words."""
    contributor = contribution["contributor"]
    if not contributor.get("user"):
        fields = {**fields, "name": contributor.get("name")}
    return {field: text for field, text in fields.items() if text}


def version_of(contribution: Contribution, texts: dict[str, str]) -> str:
    """Return a fingerprint of what a contribution says, to detect whether it has changed since it
    was seen."""
    said = repr((str(contribution["visibility"]), sorted(texts.items())))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def was_read(contribution: Contribution, texts: dict[str, str]) -> bool:
    """Return whether a moderator has read exactly these texts and published them, whole or blacked
    out in part."""
    decision = contribution.get("moderated") or {}
    return (
        contribution.get("visibility") == Visibility.PUBLIC
        and decision.get("decision") in ("publish", "redact")
        and decision.get("after") == version_of(contribution, texts)
    )


def offer_as_open_data(
    contribution: Contribution, texts: dict[str, str], at: datetime | None = None
) -> None:
    """Queue a contribution that has just been written where its author allows its words as open
    data, they are public, and no moderator has read them; they stay public meanwhile. Take it out
    of the queue where this no longer holds. `texts`: empty where it has no words."""
    why = (contribution.get("review") or {}).get("why") or []
    waits = (
        bool(contribution.get("open_data") and texts)
        and contribution["visibility"] == Visibility.PUBLIC
        and not was_read(contribution, texts)
    )
    if waits and OPEN_DATA not in why:
        put_in_queue(contribution, [*why, OPEN_DATA], at)
    elif OPEN_DATA in why and not waits:
        put_in_queue(contribution, [reason for reason in why if reason != OPEN_DATA], at)


def normalised(text: str) -> str:
    """Return a text in the form in which repetitions are recognised: without accents, case,
    punctuation."""
    return " ".join(_WORD.findall(fold(text)))


def _is_repeated(key: str, text: str, about: Any) -> bool:
    """Remember, in one command, a use of a text by a person here; return whether they have used it
    in too many places within a day, or too many people have."""
    same = normalised(text)
    if len(same) < REPEATED_LENGTH:
        return False
    who, where = _hidden(f"who:{key}"), _hidden(f"where:{about}")
    seen = _remember(_hidden(f"text:{same}"), who, where)
    places = {one["where"] for one in seen if one["who"] == who}
    people = {one["who"] for one in seen}
    return len(places) >= REPEATED_PLACES or len(people) >= REPEATED_PEOPLE


def _remember(text: str, who: str, where: str) -> list[Query]:
    """Add a person and a place to the uses of a text, and return those of the last day."""
    moment = now()
    again = {"$and": [{"$eq": ["$$this.who", who]}, {"$eq": ["$$this.where", where]}]}
    others = {
        "$filter": {
            "input": {"$ifNull": ["$seen", []]},
            "cond": {"$and": [{"$gt": ["$$this.at", moment - A_DAY]}, {"$not": again}]},
        }
    }
    latest = {"$concatArrays": [[{"who": who, "where": where, "at": moment}], others]}
    change = {"seen": {"$slice": [latest, REMEMBERED]}, "expires_at": moment + A_DAY}
    while True:
        try:
            found: Any = repeated().find_one_and_update(
                {"_id": text},
                [{"$set": change}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            value: list[Query] = found["seen"]
            return value
        except DuplicateKeyError:
            continue  # concurrent first use


def repeated() -> Collection[Any]:
    return collection_of(CultureFeedbackRepeated)


def _hidden(said: str) -> str:
    secret = keys.for_tokens("repeated texts")
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()[:32]
