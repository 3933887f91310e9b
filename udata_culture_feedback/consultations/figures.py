"""How answers flow into the figures of a consultation: counted as they come in by the settle
protocol, never read before the seal is broken, never summed up on reading.

Counters: `total`, `channel:<channel>`, `way:<way>` (see `way_of`), `day:<2026-12-31>`,
`profile:<id>` ("-" where none is given), `answered:<question>` and `option:<question>:<what it
counts as>` (see `questions.counted`), `theme:<id>` (one of their texts is about it); of the last
three also one per profile, prefixed `cross:<profile>:`, and one per group, prefixed `by:<verified
or unverified>:`. Collected feedback has the counters of summaries.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from ..figures.settle import Document, Flow, Totals, settle, settle_some
from ..people.models import COUNTED_AS, Kind
from ..web.moments import local_day, portal_zone
from .models import (
    Channel,
    Question,
    Response,
    Results,
    Text,
    TextState,
    collected,
    of_feedback,
    of_responses,
    responses,
    results,
)
from .questions import counted

#: Stands for a missing profile; no profile has this id.
NO_PROFILE = "-"
THEME = "theme:"
CROSSED = ("answered:", "option:", THEME)


class Way(StrEnum):
    """How a response was given."""

    ACCOUNT = "account"
    VERIFIED = "verified"  # a confirmed e-mail address
    UNVERIFIED = "unverified"  # a browser, and a proof of work
    ENTERED = "entered"  # on the phone or by post, entered by the team
    IMPORTED = "imported"  # collected elsewhere


class ResponsesIntoResults(Flow):
    """Counts a response in the figures of its consultation. Crosses follow from its counters: they
    are not stored with each response."""

    fields = ("live", "profile")

    @property
    def contributions(self) -> Collection[Any]:
        return responses()

    @property
    def summaries(self) -> Collection[Any]:
        return results()

    def snapshot(self, contribution: Document, summary_id: Any) -> Document:
        totals: Totals = contribution.get("live") or {}
        snapshot = {"totals": totals, "profile": contribution.get("profile") or NO_PROFILE}
        way = next((key for key in totals if key.startswith("way:")), None)
        if way:  # missing in responses older than this counter
            unverified = way == f"way:{Way.UNVERIFIED}"
            snapshot["by"] = "unverified" if unverified else "verified"
        return snapshot

    def effect(self, snapshot: Document, summary: Document) -> Totals:
        totals: Totals = snapshot["totals"]
        groups = [f"cross:{snapshot['profile']}:"]
        if snapshot.get("by"):
            groups.append(f"by:{snapshot['by']}:")
        return totals | {
            f"{group}{key}": n
            for key, n in totals.items()
            if key.startswith(CROSSED)
            for group in groups
        }


class CollectedIntoResults(Flow):
    """Counts the copy of a feedback in the figures of the consultation it was stamped with."""

    fields = ("live",)

    @property
    def contributions(self) -> Collection[Any]:
        return collected()

    @property
    def summaries(self) -> Collection[Any]:
        return results()

    def snapshot(self, contribution: Document, summary_id: Any) -> Document:
        return {"totals": contribution.get("live") or {}}


RESPONSES = ResponsesIntoResults()
COLLECTED = CollectedIntoResults()


def way_of(response: Response) -> Way:
    """Return how a response was given: with an account, with a confirmed address, with neither, or
    entered or imported by the team."""
    channel = Channel(response["channel"])
    if channel is not Channel.WEB:
        return Way.IMPORTED if channel is Channel.IMPORT else Way.ENTERED
    return Way(COUNTED_AS[Kind(response["contributor"]["kind"])])


def live_totals(questions: list[Question], response: Response) -> Totals:
    """Return the counters of a response that is sent."""
    counters = [
        "total",
        f"channel:{response['channel']}",
        f"way:{way_of(response)}",
        f"day:{local_day(response['sent_at'], portal_zone())}",
        f"profile:{response.get('profile') or NO_PROFILE}",
    ]
    for question in questions:
        id = question["id"]
        answer = response["answers"].get(id)
        if answer is None:
            continue
        counters.append(f"answered:{id}")
        counters += [f"option:{id}:{one}" for one in counted(question, answer)]
    return with_themes(dict.fromkeys(counters, 1), response.get("texts") or ())


def with_themes(live: Totals, texts: Iterable[Text]) -> Totals:
    """Return the counters of a response with those of the themes of its texts, hidden ones
    excepted."""
    themes = {
        f"{THEME}{coding['theme']}"
        for text in texts
        if text["state"] != TextState.HIDDEN
        for coding in text.get("themes") or ()
    }
    others = {key: n for key, n in live.items() if not key.startswith(THEME)}
    return others | dict.fromkeys(sorted(themes), 1)


def settle_all(consultation_id: Any) -> None:
    """Settle what is due of a consultation. For tasks only: within requests, many would wait for
    one document."""
    settle(RESPONSES, of_responses(consultation_id))
    settle(COLLECTED, of_feedback(consultation_id))


def settle_everything(consultation_id: Any) -> None:
    """Settle all responses that are due, however many: after an import."""
    while responses().find_one({"due": of_responses(consultation_id)}, {"_id": 1}):
        settle(RESPONSES, of_responses(consultation_id))


def totals(consultation_id: ObjectId) -> Totals:
    """Return the counters of responses, settled first (a bounded effort)."""
    id = of_responses(consultation_id)
    settle_some(RESPONSES, id)
    found = results().find_one({"_id": id}, {"totals": 1})
    return found["totals"] if found and found.get("totals") else {}


def read(consultation_id: ObjectId) -> tuple[Results, Results]:
    """Return the figures of responses, and of collected feedback, settled first (a bounded effort).
    The caller has checked the seal."""
    ids = (of_responses(consultation_id), of_feedback(consultation_id))
    settle_some(RESPONSES, ids[0])
    settle_some(COLLECTED, ids[1])
    shown = {"totals": 1, "named": 1, "since": 1}
    found = {one["_id"]: one for one in results().find({"_id": {"$in": list(ids)}}, shown)}
    first, second = (found.get(id) or Results(_id=id, v=1, totals={}) for id in ids)
    return first, second
