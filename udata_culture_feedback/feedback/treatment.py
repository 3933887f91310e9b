"""What the producing side does with feedback: its status, its public answer, who looks after it.

The use cases (`treat`, `treat_many`) and the one way in which a treatment is written. What is
derived from what is in `treatment_history`. Nobody of the producing side can change what users
said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.embedded_texts import Hidden
from ..mail import outbox
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..vocabulary import TREATMENT_STATUSES, find
from ..web import refusals
from ..web.payload import Payload, Reading
from ..web.untyped import Document, Shown
from . import actions, answer_templates, permissions, summaries
from .assignees import colleagues
from .models import AUTHOR, Feedback, Treatment, TreatmentStored, feedbacks, live_totals
from .notifications import reader_of
from .signals import on_feedback_changed, on_feedback_treated
from .treatment_history import (
    answer_given,
    decided,
    essence,
    moderated,
    new_treatment,
    own_answer,
    withdrawn,
)

#: Those one can choose: `new` is what nobody has done anything about.
CHOICES = tuple(status.value for status in Treatment if status is not Treatment.NEW)

#: Feedback treated at once.
MAX_AT_ONCE = 200

#: Longest internal note, in characters.
NOTE_LENGTH = 2000


@dataclass(frozen=True)
class Wanted:
    """What somebody wants of a treatment, read and checked. None: as it is. `assignee` and `note`
    are tuples of one value, so that they can be emptied. `seen`: the status they saw."""

    status: str | None = None
    answer: str | None = None
    template: str | None = None
    seen: str | None = None
    withdraw: bool = False
    assignee: tuple[ObjectId | None] | None = None
    note: tuple[str | None] | None = None


def treat(
    viewer: Viewer, feedback_id: Any, payload: Payload, at: datetime | None = None
) -> Feedback:
    """Moves the treatment of one feedback, and answers it as stored. `at`: when it was decided, for
    sample data; the default is now.

    `payload`: `status` (one of `CHOICES`; may be left out with `assignee` or `note` only),
    `answer` (public text; absent, null or empty: what was answered stays), `withdraw_answer` (what
    was answered here is taken back, unless there is an answer), `template` (id of an answer
    template, where there is no `answer`), `from` (the status one saw), `assignee` (id of a
    member of the organization, or null), `note` (internal text, or null).

    Raises Unauthenticated, ReadOnly, TooMany; NotFound for a feedback one may not see; Forbidden
    for who may not treat it; Invalid naming the fields, TooLong; Conflict with the current `status`
    when it is not the one in `from`.
    """
    must_be_known(viewer)
    feedback, dataset = _seen(viewer, feedback_id)
    may = permissions.may_treat(viewer, dataset)
    spend_write(viewer, manages=may)
    if not may:
        raise _not_yours()
    wanted = read_wanted(payload)
    treated = _apply(viewer, feedback, dataset, wanted, at)
    summaries.settle_dataset(dataset.id)
    _announce(treated)
    return treated


def treat_many(viewer: Viewer, ids: Any, payload: Payload) -> Shown:
    """The same for many at once, each with its own check: one that is refused leaves the others
    alone. Answers {id: the feedback as stored, or the Refusal}, in the order asked. The whole
    counts as one write.

    Raises Unauthenticated, ReadOnly, TooMany, and Invalid for a list that is none, is empty or
    names more than `MAX_AT_ONCE`, or for a payload that is wrong for all of them.
    """
    must_be_known(viewer)
    ids = read_ids(ids)
    # A note is about one person, and so is an answer that is withdrawn.
    alone = ("note", "withdraw_answer")
    wanted = read_wanted({field: value for field, value in payload.items() if field not in alone})
    found = _found(viewer, ids)
    may = {d.id: permissions.may_treat(viewer, d) for _feedback, d in found.values()}
    spend_write(viewer, manages=any(may.values()))
    results: Document = {}
    touched: dict[ObjectId, list[Feedback]] = {}
    for id in ids:
        try:
            if id not in found:
                raise _missing()
            feedback, dataset = found[id]
            if not may[dataset.id]:
                raise _not_yours()
            results[id] = _apply(viewer, feedback, dataset, wanted)
            touched.setdefault(dataset.id, []).append(results[id])
        except refusals.Refusal as refusal:
            results[id] = refusal
    for dataset_id, treated in touched.items():
        summaries.settle_dataset(dataset_id)
        for feedback in treated:
            _announce(feedback)
    return results


def treatable(viewer: Viewer, feedback_id: Any) -> tuple[Feedback, DatasetFacts]:
    """A feedback that this person may treat, and its dataset. Raises Unauthenticated, NotFound,
    Forbidden."""
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to answer users."))
    feedback, dataset = _seen(viewer, feedback_id)
    if not permissions.may_treat(viewer, dataset):
        raise _not_yours()
    return feedback, dataset


def treatable_among(viewer: Viewer, ids: Iterable[str]) -> dict[str, tuple[Feedback, DatasetFacts]]:
    """Those of some feedbacks that this person may treat, with their datasets."""
    return {
        id: (feedback, dataset)
        for id, (feedback, dataset) in _found(viewer, ids).items()
        if permissions.may_treat(viewer, dataset)
    }


def write(feedback: Feedback, changed: TreatmentStored) -> bool:
    """Writes a treatment over a feedback that nobody has changed since it was read, and announces
    it. False when somebody has."""
    if _stored(feedback, changed) is None:
        return False
    summaries.settle_dataset(feedback["dataset"])
    _announce(feedback)
    return True


def moderate_answer(feedback_id: ObjectId, at: datetime, text: str, hidden: Hidden | None) -> bool:
    """Has the answer that was given here at a moment say `text`; `hidden`: the reason and the date,
    where that stands for hidden words. The native discussion follows. Again changes nothing; False
    where there is no such answer (any more)."""
    while True:
        feedback = feedbacks().find_one({"_id": feedback_id, "deleted": {"$exists": False}})
        if feedback is None or answer_given(feedback["treatment"], at) is None:
            return False
        changed = moderated(feedback["treatment"], at, text, hidden)
        if essence(changed) == essence(feedback["treatment"]) or write(feedback, changed):
            return True


def read_wanted(payload: Payload) -> Wanted:
    """The fields of a treatment. Raises Invalid with an error for each field at fault, TooLong for
    a text over its bound."""
    reading = Reading(payload)
    reading.choice("status", CHOICES)
    reading.choice("from", [status.value for status in Treatment])
    reading.text("answer")
    reading.text("note", NOTE_LENGTH)
    reading.boolean("withdraw_answer")
    for field in ("template", "assignee"):
        reading.reference(field)
        if not ObjectId.is_valid(reading.values.get(field) or ObjectId()):
            reading.errors[field] = _("Not an identifier.")
    said = reading.values.get("answer") or reading.values.get("template")
    if not payload.get("status") and (
        said or not {"assignee", "note", "withdraw_answer"} & payload.keys()
    ):
        reading.errors["status"] = _("Choose what becomes of it.")
    values = reading.checked()
    assignee = ObjectId(values["assignee"]) if values["assignee"] else None
    return Wanted(
        status=values["status"],
        answer=values["answer"],
        template=None if values["answer"] else values["template"],
        seen=values["from"],
        withdraw=bool(values["withdraw_answer"]) and not said,
        assignee=(assignee,) if reading.has("assignee") else None,
        note=(values["note"],) if reading.has("note") else None,
    )


def read_ids(ids: Any) -> list[str]:
    """Ids of feedback, each once. Raises Invalid."""
    if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids) or not ids:
        message = _("Choose at least one comment.")
        raise refusals.Invalid(message, {"ids": message})
    ids = list(dict.fromkeys(ids))
    if len(ids) > MAX_AT_ONCE:
        message = _("%(n)d at once at most.", n=MAX_AT_ONCE)
        raise refusals.Invalid(message, {"ids": message})
    found: list[str] = ids
    return found


def _apply(
    viewer: Viewer,
    feedback: Feedback,
    dataset: DatasetFacts,
    wanted: Wanted,
    at: datetime | None = None,
) -> Feedback:
    """Writes what is wanted, again where somebody was writing too."""
    while True:
        if wanted.seen and wanted.seen != feedback["treatment"]["status"]:
            raise _moved_since(feedback)
        changed = _changed(viewer, feedback, dataset, wanted, at or now())
        if essence(changed) == essence(feedback["treatment"]):
            return feedback
        if (treated := _stored(feedback, changed)) is not None:
            _tell_assignee(viewer, feedback, treated)
            return treated
        feedback, dataset = actions.readable_feedback(feedback["_id"])


def _changed(
    viewer: Viewer, feedback: Feedback, dataset: DatasetFacts, wanted: Wanted, moment: datetime
) -> TreatmentStored:
    stored = feedback["treatment"] or new_treatment()
    changed = stored.copy()
    if wanted.withdraw and own_answer(stored):
        _check_withdrawal(wanted.status or stored["status"])
        changed = withdrawn(changed, moment, viewer.user_id)
    if wanted.status:
        answer = wanted.answer
        if wanted.template:
            answer = answer_templates.rendered(dataset, feedback, wanted.template)
        _check_declined(stored, wanted.status, answer)
        if answer == own_answer(stored):
            answer = None
        if answer or wanted.status != stored["status"]:
            changed = decided(
                changed,
                wanted.status,
                moment,
                viewer.user_id,
                organization=dataset.organization if catalogue.produces(dataset) else None,
                answer=answer,
                worded=bool(feedback.get("comment")),
            )
    for field, value in (("assignee", wanted.assignee), ("note", wanted.note)):
        if value is not None:
            changed.pop(field, None)  # type: ignore[misc]
            if value[0]:
                changed[field] = value[0]  # type: ignore[literal-required]
    if wanted.assignee and wanted.assignee[0] != stored.get("assignee"):
        _check_assignee(dataset, wanted.assignee[0])
    return changed


def _stored(feedback: Feedback, changed: TreatmentStored) -> Feedback | None:
    """The feedback with another treatment, once it is written; its author is to hear of what
    concerns them. None when somebody has changed it since it was read."""
    before = feedback["treatment"]
    treated = feedback.copy()
    treated["treatment"] = changed.copy()
    treated["treatment"]["v"] = int(before.get("v", 0)) + 1
    treated["live"] = live_totals(treated)
    concerns = any(changed.get(field) != before.get(field) for field in ("status", "answered_at"))
    also = [AUTHOR] if concerns and reader_of(feedback) else []
    return treated if actions.replace(feedback, treated, also) else None


def _announce(feedback: Feedback) -> None:
    on_feedback_changed.send(feedback["_id"], dataset=feedback["dataset"])
    on_feedback_treated.send(feedback["_id"])


def _check_declined(stored: TreatmentStored, status: str, answer: str | None) -> None:
    if status == Treatment.DECLINED and not answer and stored["status"] != Treatment.DECLINED:
        message = _("Explain why: whoever wrote has a right to know.")
        raise refusals.Invalid(message, {"answer": message})


def _check_withdrawal(status: str) -> None:
    if status == Treatment.DECLINED:
        message = _("A refusal keeps its reason: choose another status, or another answer.")
        raise refusals.Invalid(message, {"answer": message})


def _check_assignee(dataset: DatasetFacts, user_id: ObjectId | None) -> None:
    if user_id and user_id not in {user.id for user in colleagues(dataset)}:
        message = _("Choose a member of the organization.")
        raise refusals.Invalid(message, {"assignee": message})


def _tell_assignee(viewer: Viewer, before: Feedback, after: Feedback) -> None:
    """Who is given a feedback hears of it, unless they took it themselves."""
    assignee = after["treatment"].get("assignee")
    if not assignee or assignee in (viewer.user_id, before["treatment"].get("assignee")):
        return
    event = f"feedback:{after['_id']}:assigned:{after['treatment']['v']}"
    about = {"feedback": str(after["_id"])}
    outbox.post(event, assignee, "feedback-assigned", about, f"feedback-work:{after['dataset']}")


def _seen(viewer: Viewer, feedback_id: Any) -> tuple[Feedback, DatasetFacts]:
    feedback, dataset = actions.readable_feedback(feedback_id)
    if not permissions.may_see(viewer, feedback):
        raise _missing()
    return feedback, dataset


def _found(viewer: Viewer, ids: Iterable[str]) -> dict[str, tuple[Feedback, DatasetFacts]]:
    """Those of some feedbacks that one may see, in two queries."""
    wanted = [ObjectId(id) for id in ids if ObjectId.is_valid(id)]
    standing = {"_id": {"$in": wanted}, "deleted": {"$exists": False}}
    found = list(feedbacks().find(standing))
    datasets = catalogue.datasets_by_id(feedback["dataset"] for feedback in found)
    readable = {id: dataset for id, dataset in datasets.items() if catalogue.may_read(dataset)}
    return {
        str(feedback["_id"]): (feedback, readable[feedback["dataset"]])
        for feedback in found
        if feedback["dataset"] in readable and permissions.may_see(viewer, feedback)
    }


def _missing() -> refusals.NotFound:
    return refusals.NotFound(_("There is no such feedback."))


def _not_yours() -> refusals.Forbidden:
    return refusals.Forbidden(_("Only the producer of these data may answer."))


def answered_since(feedback: Feedback) -> refusals.Conflict:
    """Refuse a form that was made before the answer that is there now."""
    steps = reversed(feedback["treatment"].get("history") or [])
    by = next((step["by"] for step in steps if step.get("by")), None)
    user = catalogue.users_by_id([by]).get(by) if by else None
    name = user.name if user and user.name else _("A colleague")
    message = _("%(name)s has changed the answer meanwhile: it stands below.", name=name)
    return refusals.Conflict(message, {"from": message}, status=feedback["treatment"]["status"])


def _moved_since(feedback: Feedback) -> refusals.Conflict:
    status = feedback["treatment"]["status"]
    label = find(TREATMENT_STATUSES, status).label
    message = _("Somebody else was faster: this is now “%(status)s”.", status=label)
    return refusals.Conflict(message, {"from": message}, status=status)
