"""The state of a treatment, derived from what was decided here and what was said in the native
discussion.

Nothing in this module reads or writes anything. The state follows from the dates of the steps,
never from the order in which they arrived: a delivery that comes twice, late or before an earlier
one ends in the same state.

A step is a dict: `from`, `to`, `at` (naive UTC), `by` (account), perhaps `organization` (in whose
name) and `answer`. A step of the discussion has `discussion` (its id) and `event` besides. One that
was moderated has `was`, fingerprints of its earlier texts, and `hidden` (`reason`, `at`) while a
fixed sentence stands for its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from bson import ObjectId

from ..contributions.embedded_texts import Hidden
from .models import Treatment, TreatmentStored

Step = dict[str, Any]

#: Steps that are kept; the oldest go.
HISTORY = 40

#: Replies remembered as the producer's, since their author may leave the organization afterwards.
REPLIES = 200

MOMENT = timedelta(milliseconds=1)


class Event(StrEnum):
    """An act of the producing side other than a decision, most of them in the native discussion."""

    REPLIED = "replied"
    REWROTE = "rewrote"  # the comment that we had written there
    CLOSED = "closed"
    WITHDREW = "withdrew"  # the answer that was given here


#: How each event moves a treatment: event → from → to. A pair that is absent moves nothing.
MOVES = {
    Event.REPLIED: {Treatment.NEW: Treatment.ACKNOWLEDGED},
    Event.REWROTE: {},
    Event.WITHDREW: {},
    Event.CLOSED: dict.fromkeys(
        (Treatment.NEW, Treatment.ACKNOWLEDGED, Treatment.PLANNED), Treatment.RESOLVED
    ),
}


@dataclass(frozen=True)
class Said:
    """A message of the producing side in a discussion."""

    message: str
    text: str
    at: datetime
    by: ObjectId | None
    organization: ObjectId | None = None


@dataclass(frozen=True)
class Thread:
    """The parts of a discussion that bear on a treatment. `replies`: of the producing side, ours
    left out. `rewritten`: our comment, where somebody has changed it there. `closed`: by the
    producing side. `closed_by_author`: the date. `erased`: udata has blanked our comment, its
    account having left."""

    id: ObjectId
    replies: tuple[Said, ...] = ()
    rewritten: Said | None = None
    closed: Said | None = None
    closed_by_author: datetime | None = None
    erased: bool = False

    def steps(self) -> Iterator[Step]:
        """Yield the steps of the history: the first reply moves the status, the latest is the
        answer shown; those between add nothing."""
        replies = sorted(self.replies, key=lambda said: (said.at, said.message))
        for said in replies[:1] if len(replies) < 2 else (replies[0], replies[-1]):
            step = self._step(Event.REPLIED, said)
            if said is replies[-1]:
                step["answer"] = said.text
            yield step
        if self.rewritten:
            yield self._step(Event.REWROTE, self.rewritten) | {"answer": self.rewritten.text}
        if self.closed:
            yield self._step(Event.CLOSED, self.closed)

    def _step(self, event: Event, said: Said) -> Step:
        step: Step = {"at": said.at, "by": said.by, "discussion": self.id, "event": event.value}
        if said.message:
            step["message"] = said.message
        if said.organization:
            step["organization"] = said.organization
        return step


def new_treatment() -> TreatmentStored:
    """Make the treatment of a feedback that has just been given."""
    return {"status": Treatment.NEW.value, "history": []}


def decided(
    treatment: TreatmentStored,
    status: str,
    at: datetime,
    by: ObjectId | None,
    *,
    organization: ObjectId | None = None,
    answer: str | None = None,
    worded: bool = False,
) -> TreatmentStored:
    """Return the treatment after a decision taken here. `answer`: a public answer, or None to leave
    the current one. `worded`: the feedback has words, so that the answer belongs below them in the
    discussion: the id of that message is allocated now, and is the same for later answers."""
    history = treatment.get("history") or []
    step: Step = {"to": str(status), "at": _after_all(history, at), "by": by}
    changed = treatment.copy()
    if answer:
        step["answer"] = answer
        if organization:
            step["organization"] = organization
        if worded:
            changed.setdefault("message", str(uuid4()))
            step["message"] = changed["message"]
    return _folded(changed, [*history, step])


def withdrawn(treatment: TreatmentStored, at: datetime, by: ObjectId | None) -> TreatmentStored:
    """Withdraw the answer that was given here, if there is one. A later answer is another comment
    of the discussion; a reply that was written there stays."""
    if own_answer(treatment) is None:
        return treatment
    history = treatment.get("history") or []
    moment = _after_all(history, at)
    step: Step = {"event": Event.WITHDREW.value, "at": moment, "by": by}
    changed = treatment.copy()
    changed["withdrawn"] = moment
    if message := changed.pop("message", None):
        step["message"] = message
    return _folded(changed, [*history, step])


def withdrawn_messages(treatment: TreatmentStored) -> list[str]:
    """List the ids of the comments of the discussion whose answer was withdrawn here."""
    steps = treatment.get("history") or ()
    return [s["message"] for s in steps if s.get("event") == Event.WITHDREW and "message" in s]


def _after_all(history: Iterable[Step], at: datetime) -> datetime:
    """Date a step later than everything that was seen when it was decided, whatever the clocks of
    others say."""
    latest = max((step["at"] for step in history), default=None)
    return max(at, latest + MOMENT) if latest else at


def caught_up(treatment: TreatmentStored, thread: Thread) -> TreatmentStored:
    """Return the treatment after reading a discussion. Idempotent."""
    kept = [s for s in treatment.get("history") or [] if s.get("discussion") != thread.id]
    changed = treatment.copy()
    changed.pop("replies", None)
    if thread.replies:
        changed["replies"] = [said.message for said in thread.replies][-REPLIES:]
    if thread.closed_by_author:
        changed["closed_by_author"] = thread.closed_by_author
    if thread.erased:
        changed = without_comment(changed, written_at(changed))
    return _folded(changed, [*kept, *thread.steps()])


def without_comment(treatment: TreatmentStored, until: datetime | None) -> TreatmentStored:
    """Return the treatment after our comment was deleted in the discussion: what it said until then
    is no longer shown, and a later answer is another comment."""
    if until is None:
        return treatment
    changed = treatment | {"unsaid": until}
    if written(changed) is None:
        changed.pop("message", None)
    return _folded(changed, treatment.get("history") or [])


def written(treatment: TreatmentStored) -> Step | None:
    """Find the latest answer given here that stands as a comment below the author's words, unless
    it was deleted in the discussion."""
    message = treatment.get("message")
    for step in reversed(treatment.get("history") or ()):
        if message and step.get("message") == message and is_ours(step):
            return step if _still_says(treatment, step) else None
    return None


def own_answer(treatment: TreatmentStored) -> str | None:
    """Return the latest answer given here, as it stands: the producer may have rewritten it in the
    discussion."""
    for step in reversed(treatment.get("history") or ()):
        if (is_ours(step) or step.get("event") == Event.REWROTE) and _still_says(treatment, step):
            return None if step.get("hidden") else str(step["answer"])
    return None


def written_at(treatment: TreatmentStored) -> datetime | None:
    step = written(treatment)
    return step["at"] if step else None


def has_said(treatment: TreatmentStored, text: str) -> bool:
    """Return whether we have ever posted this text as our comment."""
    ours = [step for step in treatment.get("history") or () if is_ours(step)]
    if any(step["answer"] == text for step in ours):
        return True
    was = {mark for step in ours for mark in step.get("was") or ()}
    return bool(was) and mark_of(text) in was


def mark_of(text: str) -> str:
    """Return the fingerprint by which a text that is not kept is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def answer_given(treatment: TreatmentStored, at: datetime) -> Step | None:
    """Find the answer that was given here at a moment."""
    steps = treatment.get("history") or ()
    return next((step for step in steps if is_ours(step) and step["at"] == at), None)


def moderated(
    treatment: TreatmentStored, at: datetime, text: str, hidden: Hidden | None
) -> TreatmentStored:
    """Return the treatment with another text for the answer given here at a moment. `hidden`: the
    reason and the date, where the text stands for hidden words."""

    def said(step: Step) -> Step:
        if not is_ours(step) or step["at"] != at:
            return step
        changed = {key: value for key, value in step.items() if key != "hidden"}
        if step["answer"] != text:
            changed["was"] = sorted({*(step.get("was") or ()), mark_of(step["answer"])})
        return changed | {"answer": text} | ({"hidden": hidden} if hidden else {})

    return _folded(treatment, [said(step) for step in treatment.get("history") or []])


def is_ours(step: Step) -> bool:
    """Return whether a step is an answer given here, not in the discussion."""
    return bool(step.get("answer")) and "discussion" not in step


def essence(treatment: TreatmentStored) -> TreatmentStored:
    """Return what two equal states have in common: all but the count of changes."""
    same = treatment.copy()
    same.pop("v", None)
    return same


def _folded(treatment: TreatmentStored, steps: Iterable[Step]) -> TreatmentStored:
    """Return a treatment whose history is these steps, in the order of their dates."""
    folded = treatment.copy()
    ordered = sorted(steps, key=lambda step: (step["at"], "discussion" in step))
    status: str = Treatment.NEW
    if folded.get("shortened"):
        known = treatment["history"][0]
        status = known["from"]
        ordered = [step for step in ordered if step["at"] >= known["at"]]
    history, told = [], None
    for step in ordered:
        event = step.get("event")
        to = MOVES[Event(event)].get(Treatment(status), status) if event else step["to"]
        if event == Event.CLOSED and to == status:
            continue  # a decision taken before it prevails, and the closing says nothing
        history.append(step | {"from": str(status), "to": str(to)})
        status = to
        if _still_says(folded, step):
            told = step
    if len(history) > HISTORY:
        history, folded["shortened"] = history[-HISTORY:], True
    folded["status"] = str(status)
    folded["history"] = history
    for field in ("answer", "answered_by", "organization", "answered_at", "hidden"):
        folded.pop(field, None)  # type: ignore[misc]
    if told:
        folded["answer"] = told["answer"]
        folded["answered_at"] = told["at"]
        folded["answered_by"] = told["by"]
        if told.get("hidden"):
            folded["hidden"] = told["hidden"]
        if told.get("organization"):
            folded["organization"] = told["organization"]
    return _with_first_answer(folded, ordered)


def _still_says(treatment: TreatmentStored, step: Step) -> bool:
    """Return whether a step has an answer that was neither deleted nor withdrawn since."""
    unsaid = treatment.get("unsaid")
    deleted = unsaid and "discussion" not in step and "message" in step and step["at"] <= unsaid
    until = treatment.get("withdrawn")
    given_here = "discussion" not in step or step.get("event") == Event.REWROTE
    taken_back = until and given_here and step["at"] <= until
    return bool(step.get("answer")) and not deleted and not taken_back


def _with_first_answer(treatment: TreatmentStored, steps: list[Step]) -> TreatmentStored:
    """Set when the producing side first answered in public. It may turn out to be earlier than was
    known, never later: an answer that is deleted afterwards was given all the same."""
    answers = [s["at"] for s in steps if s.get("answer") or s.get("event") == Event.REPLIED]
    if first := min((*answers, *filter(None, [treatment.get("first_answered_at")])), default=None):
        treatment["first_answered_at"] = first
    return treatment
