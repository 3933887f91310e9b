"""The treatment of feedback by its producer: its status, its public answer, its assignee.

The use cases (`treat`, `treat_many`) and the one function that writes a treatment. Which state
follows from which steps is in `treatment_history`. Nobody of the producing side can change what
users said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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

#: Statuses that can be chosen: `new` means that nothing was done yet.
CHOICES = tuple(status.value for status in Treatment if status is not Treatment.NEW)

#: Most feedbacks treated at once.
MAX_AT_ONCE = 200

#: Longest internal note, in characters.
NOTE_LENGTH = 2000


@dataclass(frozen=True)
class Wanted:
    """The requested changes of a treatment, read and checked. None: unchanged. `assignee` and
    `note` are tuples of one value, so that they can be emptied. `seen`: the status the viewer
    saw. `filled_in`: the answer has placeholders, which each feedback fills in."""

    status: str | None = None
    answer: str | None = None
    template: str | None = None
    seen: str | None = None
    withdraw: bool = False
    assignee: tuple[ObjectId | None] | None = None
    note: tuple[str | None] | None = None
    filled_in: bool = False


def treat(
    viewer: Viewer, feedback_id: Any, payload: Payload, at: datetime | None = None
) -> Feedback:
    """Move the treatment of one feedback. Return the feedback as stored. `at`: when it was decided,
    for sample data; the default is now.

    `payload`: `status` (one of `CHOICES`; may be left out with `assignee` or `note` only), `answer`
    (public text; absent, null or empty: the answer stays), `withdraw_answer` (withdraw the answer
    given here, unless there is an `answer`), `template` (id of an answer template, where there is
    no `answer`), `from` (the status the viewer saw), `assignee` (id of a member of the
    organization, or null), `note` (internal text, or null).

    Raise Unauthenticated, ReadOnly, TooMany; NotFound for a feedback the viewer may not see;
    Forbidden where they may not treat it; Invalid naming the fields, TooLong; Conflict with the
    current `status` when it is not the one in `from`.
    """
    must_be_known(viewer)
    feedback, dataset = _seen(viewer, feedback_id)
    may = permissions.may_treat(viewer, dataset)
    spend_write(viewer, manages=may)
    if not may:
        raise not_yours()
    wanted = read_wanted(payload)
    treated = _apply(viewer, feedback, dataset, wanted, at)
    summaries.settle_dataset(dataset.id)
    _announce(treated)
    return treated


def treat_many(viewer: Viewer, ids: Any, payload: Payload, *, filled_in: bool = False) -> Shown:
    """Move the treatment of many feedbacks at once, each with its own check: a refused one leaves
    the others alone. Return {id: the feedback as stored, or the Refusal}, in the order of `ids`.
    The whole counts as one write. `filled_in`: the answer has placeholders, which each feedback
    fills in.

    Raise Unauthenticated, ReadOnly, TooMany, and Invalid where `ids` is not a list, is empty or has
    more than `MAX_AT_ONCE` entries, or for a payload that is wrong for all of them.
    """
    must_be_known(viewer)
    ids = read_ids(ids)
    # A note is about one person, and so is an answer that is withdrawn.
    alone = ("note", "withdraw_answer")
    wanted = read_wanted({field: value for field, value in payload.items() if field not in alone})
    wanted = replace(wanted, filled_in=filled_in)
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
                raise not_yours()
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
    """Return a feedback that the viewer may treat, and its dataset. Raise Unauthenticated,
    NotFound, Forbidden."""
    if not viewer.account:
        raise refusals.Unauthenticated(_("Log in to answer users."))
    feedback, dataset = _seen(viewer, feedback_id)
    if not permissions.may_treat(viewer, dataset):
        raise not_yours()
    return feedback, dataset


def treatable_among(viewer: Viewer, ids: Iterable[str]) -> dict[str, tuple[Feedback, DatasetFacts]]:
    """Return those of some feedbacks that the viewer may treat, with their datasets."""
    return {
        id: (feedback, dataset)
        for id, (feedback, dataset) in _found(viewer, ids).items()
        if permissions.may_treat(viewer, dataset)
    }


def write(feedback: Feedback, changed: TreatmentStored) -> bool:
    """Write a treatment by compare-and-set, and announce it. Return False when the feedback has
    changed since it was read."""
    if _stored(feedback, changed) is None:
        return False
    summaries.settle_dataset(feedback["dataset"])
    _announce(feedback)
    return True


def moderate_answer(feedback_id: ObjectId, at: datetime, text: str, hidden: Hidden | None) -> bool:
    """Replace the text of the answer that was given here at a moment; `hidden`: the reason and the
    date, where the text stands for hidden words. The native discussion follows. Idempotent. Return
    False where there is no such answer (any longer)."""
    while True:
        feedback = feedbacks().find_one({"_id": feedback_id, "deleted": {"$exists": False}})
        if feedback is None or answer_given(feedback["treatment"], at) is None:
            return False
        changed = moderated(feedback["treatment"], at, text, hidden)
        if essence(changed) == essence(feedback["treatment"]) or write(feedback, changed):
            return True


def read_wanted(payload: Payload) -> Wanted:
    """Read the fields of a treatment. Raise Invalid with an error for each field at fault, TooLong
    for a text over its limit."""
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
    """Read ids of feedback, each once. Raise Invalid."""
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
    """Write the requested changes, with a retry where somebody else was writing too."""
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
        elif answer and wanted.filled_in:
            answer = answer_templates.filled_in(answer, dataset, feedback)
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
    """Write another treatment of a feedback, due to its author where it concerns them. Return the
    feedback as written, None when it has changed since it was read."""
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
    """Notify the assignee of a feedback, unless they assigned it to themselves."""
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
    """Find those of some feedbacks that the viewer may see, in two queries."""
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


def not_yours() -> refusals.Forbidden:
    """Make the refusal of who may not answer."""
    return refusals.Forbidden(_("Only the producer of these data may answer."))


def answered_since(feedback: Feedback) -> refusals.Conflict:
    """Make the refusal of a form that was filled in before the current answer was given."""
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
