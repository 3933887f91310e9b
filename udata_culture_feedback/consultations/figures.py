"""How answers flow into the figures of a consultation: counted as they come in by the settle
protocol, read by nobody before the seal is broken, never added up when somebody reads.

Counters: `total`, `channel:<channel>`, `profile:<id>` ("-" where none is given),
`answered:<question>` and `option:<question>:<what it counts as>` (see `questions.counted`); of the
last two also one per profile, behind `cross:<profile>:`. What was collected of feedback has the
counters of summaries.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

from ..figures.settle import Document, Flow, Totals, settle, settle_some
from .models import (
    Question,
    Response,
    Results,
    collected,
    of_feedback,
    of_responses,
    responses,
    results,
)
from .questions import counted

#: The profile of who says none; no profile has this id.
NO_PROFILE = "-"
CROSSED = ("answered:", "option:")


class ResponsesIntoResults(Flow):
    """A response counts in the figures of its consultation. Crosses follow from what it counts:
    they are not stored with each response."""

    fields = ("live", "profile")

    @property
    def contributions(self) -> Collection[Any]:
        return responses()

    @property
    def summaries(self) -> Collection[Any]:
        return results()

    def snapshot(self, contribution: Document, summary_id: Any) -> Document:
        return {
            "totals": contribution.get("live") or {},
            "profile": contribution.get("profile") or NO_PROFILE,
        }

    def effect(self, snapshot: Document, summary: Document) -> Totals:
        totals: Totals = snapshot["totals"]
        return totals | {
            f"cross:{snapshot['profile']}:{key}": n
            for key, n in totals.items()
            if key.startswith(CROSSED)
        }


class CollectedIntoResults(Flow):
    """What was kept of a feedback counts in the figures of the consultation it was stamped with."""

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


def live_totals(questions: list[Question], response: Response) -> Totals:
    """What a response counts, once sent."""
    counters = [
        "total",
        f"channel:{response['channel']}",
        f"profile:{response.get('profile') or NO_PROFILE}",
    ]
    for question in questions:
        id = question["id"]
        answer = response["answers"].get(id)
        if answer is None:
            continue
        counters.append(f"answered:{id}")
        counters += [f"option:{id}:{one}" for one in counted(question, answer)]
    return dict.fromkeys(counters, 1)


def settle_all(consultation_id: Any) -> None:
    """Counts what is due, by a task: within the request that answers, many would wait for one
    document."""
    settle(RESPONSES, of_responses(consultation_id))
    settle(COLLECTED, of_feedback(consultation_id))


def settle_everything(consultation_id: Any) -> None:
    """The same, however much is due: after an import."""
    while responses().find_one({"due": of_responses(consultation_id)}, {"_id": 1}):
        settle(RESPONSES, of_responses(consultation_id))


def read(consultation_id: ObjectId) -> tuple[Results, Results]:
    """The figures of responses, and of collected feedback, settled first (a bounded effort). Who
    calls has looked at the seal."""
    ids = (of_responses(consultation_id), of_feedback(consultation_id))
    settle_some(RESPONSES, ids[0])
    settle_some(COLLECTED, ids[1])
    shown = {"totals": 1, "named": 1, "since": 1}
    found = {one["_id"]: one for one in results().find({"_id": {"$in": list(ids)}}, shown)}
    first, second = (found.get(id) or Results(_id=id, v=1, totals={}) for id in ids)
    return first, second
