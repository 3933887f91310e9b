"""The use cases of feedback: submit, edit, erase. Views, the API and commands call these and write
no rule of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from bson import ObjectId
from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions import repository, review_rules
from ..contributions.neighbours import consultation_link
from ..contributions.review_rules import Visibility
from ..email_confirmation.anonymous import admit, must_take_part
from ..figures.settle import DISCUSSION
from ..figures.summary_ids import dataset_summary
from ..people import contacts
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.models import Contributor, gone_key
from ..people.submissions import remember_deletion, was_deleted
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts, OrganizationFacts
from ..portal.collections import Document, confirmed, now
from ..search.terms import terms
from ..web import refusals
from ..web.payload import Payload
from ..web.untyped import Shown
from . import dataset_lookup, permissions, summaries
from .dataset_lookup import Beforehand
from .forms import read_answer
from .models import Feedback, Summary, Treatment, feedbacks, is_held, live_totals
from .signals import on_feedback_changed

#: Number of feedbacks from one browser within this period from which moderators look at it first.
MANY, LATELY = 5, timedelta(hours=1)

#: Fields of a feedback that edits leave untouched, since other processes may be writing them at the
#: same moment: those of the settle protocol, of the discussion, of notifications and of the
#: dataset.
KEPT_BY_OTHERS = frozenset(
    [
        "_id",
        "v",
        "due",
        "counted",
        "discussion",
        "messages",
        "discussed",
        "announced",
        "silenced",
        "told",
        "contact_told",
        "escalated",
        "listed",
        "organization",
    ]
)


@dataclass(frozen=True)
class Given:
    """The outcome of a submission: the stored `feedback`, whether it is `new` (not a retry of the
    same `submission_id`), its `dataset`, the `organization` of the dataset as far as it was read,
    and the `summary` as it was before the submission (None for a retry)."""

    feedback: Feedback
    new: bool
    dataset: DatasetFacts
    organization: OrganizationFacts | None = None
    summary: Summary | None = None


def submit(
    viewer: Viewer, payload: Payload, *, at: datetime | None = None
) -> tuple[Feedback, bool]:
    """Record one person's feedback on a dataset with `give`. Return it as stored, and whether it is
    new."""
    given = give(viewer, payload, at=at)
    return given.feedback, given.new


def give(viewer: Viewer, payload: Payload, *, at: datetime | None = None) -> Given:
    """Record one person's feedback on a dataset.

    The summary of the dataset is read once, together with the dataset: it tells which data are
    judged, and serves the count that follows. If another process counts meanwhile, the count
    notices that this reading is stale (see `summaries`).

    `payload`: `dataset` (id or slug) and the fields of `forms.read_answer`; from a browser without
    an account also `proof`. `at` (naive UTC): when it was said, for feedback collected elsewhere,
    which is exempt from limits.

    Raise Unauthenticated, Unproven, ReadOnly, TooMany; Invalid or TooLong naming the field;
    NotFound for a dataset the viewer may not read; Conflict when this person has already given
    feedback on it (its addresses are in the details); Gone when this submission has been deleted
    since.
    """
    must_take_part(viewer, Action.FEEDBACK, payload.get("dataset"))
    moment = at or now()
    try:
        before = _beforehand(payload, moment)
    except refusals.Refusal:
        spend_write(viewer)
        raise
    dataset = before.dataset
    agent = catalogue.produces(dataset)
    if at is None:
        spend_write(viewer, manages=agent)
    answer = read_answer(payload)
    submission = answer.get("submission_id")
    if submission:
        earlier = _submitted(viewer, submission)
        if earlier:
            summaries.settle_dataset(dataset.id)  # the first POST may have died before it counted
            return Given(earlier, False, dataset)
    _check_standing(dataset)
    _check_resource(dataset, answer)
    contributor = viewer.signature(answer.get("signature"), answer.get("name"))
    summary = summaries.open_summary(dataset, before.summary)
    feedback = _new_feedback(contributor, dataset, summary, answer, agent, moment)
    consultation_link().put(
        feedback, dataset, answer.get("consultation"), moment, waiting=before.consultations
    )
    _put_words(feedback, answer.get("comment"))
    _await_moderation(feedback, imported=at is not None)
    review_rules.offer_as_open_data(feedback, permissions.texts(feedback), moment)
    signals = admit(viewer, Action.FEEDBACK, str(dataset.id), payload)
    if viewer.by_token and feedback.get("comment") and _says_much(viewer, moment):
        signals.append("many")
    if signals:
        feedback["signals"] = signals
    _catch(feedback)
    feedback["live"] = live_totals(feedback)
    feedback["due"] = _listeners(feedback)
    try:
        feedbacks().insert_one(feedback)
    except DuplicateKeyError:
        earlier = _submitted(viewer, submission) if submission else None
        if earlier:
            return Given(earlier, False, dataset)
        raise _already_answered(viewer, dataset, answer) from None
    summaries.settle_dataset(dataset.id, known=summary)
    on_feedback_changed.send(feedback["_id"], dataset=dataset.id, new=feedback)
    return Given(feedback, True, dataset, before.organization, summary)


def edit(viewer: Viewer, feedback_id: Any, payload: Payload) -> Feedback:
    """Change the viewer's own feedback: fields absent from the payload stay. Return it as stored.

    Raise what `submit` raises, and Forbidden for somebody else's feedback. No second proof of work
    is asked for.
    """
    must_be_known(viewer, Action.FEEDBACK)
    feedback, dataset = readable_feedback(feedback_id)
    agent = catalogue.produces(dataset)
    spend_write(viewer, manages=agent)
    if not permissions.may_edit(viewer, feedback):
        raise refusals.Forbidden(_("Only its author may change this feedback."))
    answer = read_answer(payload, partial=True)
    while True:
        changed = _edited(viewer, feedback, dataset, answer, agent)
        if replace(feedback, changed):
            break
        feedback, dataset = readable_feedback(feedback_id)  # changed meanwhile: apply it to that
    summaries.settle_dataset(dataset.id)
    on_feedback_changed.send(feedback["_id"], dataset=dataset.id)
    return changed


def erase(viewer: Viewer, feedback_id: Any) -> None:
    """Delete the viewer's own feedback: its words everywhere (the discussion included), its figures
    exactly. Raise Unauthenticated, ReadOnly, TooMany, NotFound, Forbidden."""
    must_be_known(viewer, leaving=True)
    feedback, dataset = readable_feedback(feedback_id)
    spend_write(viewer, manages=catalogue.produces(dataset))
    if not permissions.may_delete(viewer, feedback):
        raise refusals.Forbidden(_("Only its author may delete this feedback."))
    take_back(viewer, feedback)


def take_back(viewer: Viewer, feedback: Feedback) -> None:
    """Delete a feedback of the viewer's, whether or not they may still read the dataset."""
    if feedback.get("submission_id"):
        remember_deletion(viewer, feedback["submission_id"])
    tombstone(feedback)
    summaries.settle_dataset(feedback["dataset"])
    on_feedback_changed.send(feedback["_id"], dataset=feedback["dataset"], erased=True)
    bury(feedback["_id"])


def checked(payload: Payload) -> tuple[DatasetFacts, Shown]:
    """Check feedback that is about to be given, and return its dataset and its fields. Raise what
    `submit` would raise for them."""
    dataset = _named_dataset(payload)
    answer = read_answer(payload)
    _check_standing(dataset)
    _check_resource(dataset, answer)
    return dataset, answer


def readable_dataset(reference: Any) -> DatasetFacts:
    """Return a dataset that the current user may read. Raise NotFound, whatever the reason."""
    dataset = catalogue.find_dataset(reference)
    if dataset is None or not catalogue.may_read(dataset):
        raise _no_such_dataset()
    return dataset


def readable_feedback(feedback_id: Any) -> tuple[Feedback, DatasetFacts]:
    """Return a feedback on a dataset that the current user may read, and the dataset. Raise
    NotFound."""
    missing = refusals.NotFound(_("There is no such feedback."))
    if not ObjectId.is_valid(feedback_id):
        raise missing
    feedback = feedbacks().find_one({"_id": ObjectId(feedback_id), "deleted": {"$exists": False}})
    if feedback is None:
        raise missing
    dataset = catalogue.find_dataset(feedback["dataset"])
    if dataset is None or not catalogue.may_read(dataset):
        raise missing
    return feedback, dataset


def own_feedback(viewer: Viewer, dataset: ObjectId, resource: str | None = None) -> Feedback | None:
    """Find the viewer's own feedback on a dataset (or one of its files)."""
    if not viewer.known:
        return None
    return feedbacks().find_one(
        {"contributor.key": viewer.key, "dataset": dataset, "resource": resource}
    )


def tombstone(feedback: Feedback) -> None:
    """Empty a feedback: no words, no person, nothing counted. The document stays until the summary
    and the discussion have taken note of it."""
    while True:
        kept: Document = {
            key: feedback[key]
            for key in ("_id", "dataset", "organization", "judged", "created_at", "discussion")
            if key in feedback
        }
        emptied = kept | {
            "resource": None,
            "listed": False,
            "fitness": feedback["fitness"],
            "visibility": Visibility.HIDDEN,
            "treatment": {"status": feedback["treatment"]["status"]},
            "contributor": {"kind": feedback["contributor"]["kind"], "key": gone_key()},
            "last_modified": now(),
            "deleted": now(),
            "live": {},
        }
        if replace(feedback, cast(Feedback, emptied)):
            if feedback.get("contact"):
                contacts.erase(feedback["contact"])
            return
        again = feedbacks().find_one({"_id": feedback["_id"], "deleted": {"$exists": False}})
        if again is None:
            return
        feedback = again


def keep_contact(feedback_id: ObjectId, contact: ObjectId | None) -> None:
    """Set the contact through which the author of a feedback is notified, None for nowhere. The
    address kept before is erased."""
    while True:
        feedback = feedbacks().find_one({"_id": feedback_id, "deleted": {"$exists": False}})
        if feedback is None or feedback.get("contact") == contact:
            return
        changed = feedback.copy()
        changed.pop("contact", None)
        if contact:
            changed["contact"] = contact
        if replace(feedback, changed):
            contacts.erase(feedback.get("contact"))
            return


def bury(feedback_id: ObjectId) -> bool:
    """Remove a tombstone for which nothing is due any longer. Return True when it is gone."""
    return bool(
        feedbacks()
        .delete_one({"_id": feedback_id, "deleted": {"$exists": True}, "due": {"$exists": False}})
        .deleted_count
    )


def withdraw_words(feedback: Feedback, reason: str | None) -> None:
    """Hide the words of a feedback (its ratings stay counted unless `reason` is spam)."""
    standing = {"_id": feedback["_id"], "deleted": {"$exists": False}}
    while True:
        changed = feedback.copy()
        changed["visibility"] = Visibility.HIDDEN
        changed["hidden_reason"] = reason
        changed["hidden_at"] = now()
        changed["words_until"] = review_rules.erased_at(changed["hidden_at"])
        changed.pop("review", None)
        changed["live"] = live_totals(changed)
        if replace(feedback, changed):
            break
        again = feedbacks().find_one(standing)
        if again is None:
            return
        feedback = again
    summaries.settle_dataset(feedback["dataset"])
    on_feedback_changed.send(feedback["_id"], dataset=feedback["dataset"])


def _named_dataset(payload: Payload) -> DatasetFacts:
    return readable_dataset(_reference(payload))


def _beforehand(payload: Payload, at: datetime) -> Beforehand:
    found = dataset_lookup.read(_reference(payload), at)
    if found is None or not catalogue.may_read(found.dataset):
        raise _no_such_dataset()
    return found


def _reference(payload: Payload) -> str:
    reference = payload.get("dataset")
    if isinstance(reference, dict):
        reference = reference.get("id")
    if not isinstance(reference, str) or not reference:
        message = _("Name a dataset by its id or slug.")
        raise refusals.Invalid(message, {"dataset": message})
    return reference


def _new_feedback(
    contributor: Contributor,
    dataset: DatasetFacts,
    summary: Summary,
    answer: Payload,
    agent: bool,
    moment: datetime,
) -> Feedback:
    """Make a feedback without its words and what follows from them."""
    feedback: Feedback = {
        "_id": ObjectId(),
        "dataset": dataset.id,
        "organization": dataset.organization,
        "listed": dataset.listed,
        "resource": answer.get("resource"),
        "fitness": answer["fitness"],
        "ratings": answer.get("ratings") or {},
        "wants_answer": answer.get("wants_answer", False),
        "usages": answer.get("usages") or [],
        "contributor": contributor,
        "agent": agent,
        "judged": _judged_at(dataset, summary, moment),
        "visibility": Visibility.PUBLIC,
        "treatment": {"status": Treatment.NEW, "history": []},
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
    }
    for field in ("profile", "open_data", "submission_id"):
        if answer.get(field):
            feedback[field] = answer[field]
    return feedback


def _edited(
    viewer: Viewer,
    feedback: Feedback,
    dataset: DatasetFacts,
    answer: Payload,
    agent: bool,
) -> Feedback:
    changed = feedback | {"last_modified": now(), "agent": agent}
    for field in ("fitness", "ratings", "wants_answer", "usages"):
        if field in answer:
            changed[field] = answer[field]
    if changed["fitness"] != feedback["fitness"]:
        changed.pop("confirmed", None)  # the confirmation was of the opinion before this edit
    for field in ("profile", "open_data"):
        if field in answer:
            changed.pop(field, None)  # type: ignore[misc]
            if answer[field]:
                changed[field] = answer[field]  # type: ignore[literal-required]
    if "signature" in answer or ("name" in answer and not viewer.account):
        name = answer.get("name", feedback["contributor"].get("name"))
        changed["contributor"] = viewer.signature(answer.get("signature"), name)
    if "fitness" in answer or "ratings" in answer:
        changed["judged"] = judged_at(dataset, changed["last_modified"])
    consultation_link().put(changed, dataset, answer.get("consultation"), changed["last_modified"])
    if "comment" in answer:
        _put_words(changed, answer["comment"])
    _await_moderation(changed, feedback)
    if not is_held(feedback):
        changed.pop("caught", None)  # what was counted stays counted
    review_rules.offer_as_open_data(changed, permissions.texts(changed), changed["last_modified"])
    changed["live"] = live_totals(changed)
    return changed


def _await_moderation(
    feedback: Feedback, before: Feedback | None = None, *, imported: bool = False
) -> None:
    """Have words, and the declared name of somebody without an account, wait for a moderator where
    the rules want it, whenever they change. Ratings never wait."""
    words = _said(feedback)
    if before is not None and words == _said(before):
        return
    if not any(words):
        review_rules.no_words_left(feedback)
        return
    why = review_rules.reasons_to_wait(
        feedback["contributor"],
        words,
        about=feedback["dataset"],
        trusted=feedback["agent"],
        imported=imported,
    )
    review_rules.await_moderation(feedback, why, feedback["last_modified"])


def _catch(feedback: Feedback) -> None:
    """Mark a new feedback whose words wait because a check of abuse caught them: it does not move
    the figures until a moderator has read them."""
    why = (feedback.get("review") or {}).get("why") or []
    abuse = review_rules.ABUSE.intersection(why) or feedback.get("signals")
    if feedback["visibility"] == Visibility.PENDING and abuse:
        feedback["caught"] = True
        feedback["held"] = True


def _says_much(viewer: Viewer, moment: datetime) -> bool:
    """Return whether one browser has lately given so much feedback that moderators should look at
    it."""
    lately = {"contributor.key": viewer.key, "created_at": {"$gt": moment - LATELY}}
    return feedbacks().count_documents(lately, limit=MANY) == MANY


def _said(feedback: Feedback) -> tuple[str | None, str | None]:
    """Return the words of a feedback: comment and declared name. The name of an account is udata's
    to look after."""
    contributor = feedback["contributor"]
    return feedback.get("comment"), None if contributor.get("user") else contributor.get("name")


def _put_words(feedback: Feedback, comment: str | None) -> None:
    """Set or remove the comment of a feedback."""
    if comment:
        feedback["comment"] = comment
        feedback["terms"] = terms(comment)
    else:
        feedback.pop("comment", None)
        feedback.pop("terms", None)


def replace(feedback: Feedback, changed: Feedback, also: Iterable[str] = ()) -> bool:
    """Write `changed` over a feedback by compare-and-set, with what becomes due (`also`: to whom
    besides). The fields in `KEPT_BY_OTHERS` are not overwritten. Return False when it has changed
    since it was read."""
    consultation_link().keep(feedback)
    changed.pop("held", None)
    if is_held(changed):
        changed["held"] = True
    due = [*_listeners(changed), *also]
    return repository.replace(
        feedbacks(), feedback, changed, kept_by_others=KEPT_BY_OTHERS, due=due
    )


def _listeners(feedback: Feedback) -> list[str]:
    """List what the latest version of a feedback is due to: the summary, and the discussion where
    there are words."""
    spoken = feedback.get("comment") or feedback.get("discussion")
    return [dataset_summary(feedback["dataset"]), *([DISCUSSION] if spoken else [])]


def judged_at(dataset: DatasetFacts, moment: datetime) -> datetime:
    """Return the date of the data that feedback given at `moment` judges: the one the summary knows
    or a later one, even where a harvester goes back in time; never later than `moment`."""
    return _judged_at(dataset, summaries.open_summary(dataset), moment)


def _judged_at(dataset: DatasetFacts, summary: Summary, moment: datetime) -> datetime:
    known = summary.get("data_updated_at")
    return min(moment, max(dataset.last_update, known) if known else dataset.last_update)


def _no_such_dataset() -> refusals.NotFound:
    return refusals.NotFound(_("There is no such dataset."))


def _check_standing(dataset: DatasetFacts) -> None:
    if dataset.deleted:
        message = _("This dataset has been deleted.")
        raise refusals.Invalid(message, {"dataset": message})


def _check_resource(dataset: DatasetFacts, answer: Payload) -> None:
    resource = answer.get("resource")
    if resource and not catalogue.has_resource(dataset.id, resource):
        message = _("This dataset has no such file.")
        raise refusals.Invalid(message, {"resource": message})


def _submitted(viewer: Viewer, submission: str) -> Feedback | None:
    """Return the result of an earlier POST of the same submission. Raise Gone if it was deleted
    since."""
    if was_deleted(viewer, submission):
        raise refusals.Gone(_("This feedback has been deleted."))
    mine = {"contributor.key": viewer.key, "submission_id": submission}
    return confirmed(feedbacks(), feedbacks().find_one(mine))


def _already_answered(viewer: Viewer, dataset: DatasetFacts, answer: Payload) -> refusals.Conflict:
    from .representation import addresses

    message = _("You have already answered about this dataset: change that answer instead.")
    mine = own_feedback(viewer, dataset.id, answer.get("resource"))
    details = {"id": str(mine["_id"]), **addresses(mine)} if mine else {}
    return refusals.Conflict(message, {"dataset": message}, **details)
