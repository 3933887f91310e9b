"""The use cases of moderators: decide, undo, claim and release contributions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError
from udata.i18n import lazy_gettext as _

from ..contributions import kinds, review_rules, text_checks
from ..contributions.moderated import AGAINST, Decision, How, Item, Moderated
from ..contributions.review_rules import Visibility, erased_at
from ..contributions.signals import on_decided
from ..mail.models import DUPLICATE_KEY
from ..people.limits import spend_write
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..vocabulary import MODERATION_REASONS
from ..web import refusals
from . import journal, permissions, redaction
from .models import Claim, Made, Noticed, claims, flags
from .permissions import OK
from .redaction import Choice

#: Most contributions that one gesture decides about.
MOST = 200

REASONS = tuple(term.id for term in MODERATION_REASONS)

#: Fields that hold the state of a contribution, besides those that its class adds.
STATE = ("visibility", "hidden_reason", "hidden_at", "words_until", "review")


@dataclass(frozen=True)
class Wanted:
    """A contribution to decide about. `version`: the version that the moderator saw; `undoes`: the
    decision to take back, as long as it is the latest. None skips the comparison."""

    id: ObjectId
    version: str | None = None
    undoes: ObjectId | None = None


@dataclass
class Outcome:
    """The result of a gesture: the contributions decided about, and why the others were refused."""

    batch: ObjectId
    decision: str
    reason: str
    done: list[ObjectId] = field(default_factory=list)
    refused: dict[ObjectId, refusals.Refusal] = field(default_factory=dict)
    undo_until: datetime | None = None


@dataclass(frozen=True)
class Found:
    """A contribution as it was read, with what a decision about it depends on."""

    moderated: Moderated
    item: Item
    dataset: catalogue.DatasetFacts | None

    def case(self, viewer: Viewer, item: Item | None = None) -> permissions.Case:
        return permissions.case_of(viewer, self.moderated, item or self.item, self.dataset)


def decide(
    viewer: Viewer,
    wanted: list[Wanted],
    decision: Decision,
    reason: str | None = None,
    choice: Choice | None = None,
    *,
    batch: ObjectId | None = None,
) -> Outcome:
    """Decide about contributions of any class, one by one: one that cannot be decided about is
    refused with its own reason, and the others go ahead. `restore` undoes the latest decision about
    each. `batch`: the gesture that this call is part of.

    Raise Unauthenticated, Forbidden for someone who moderates nothing, ReadOnly, TooMany; Invalid
    naming `items`, `reason` or `strings`.
    """
    permissions.must_moderate(viewer)
    spend_write(viewer, manages=True)
    _must_be_few(wanted)
    reason = checked_reason(decision, reason)
    if decision is Decision.REDACT and not choice:
        message = _("Choose what to black out.")
        raise refusals.Invalid(message, {"strings": message})
    outcome = Outcome(batch or ObjectId(), decision, reason)
    found = _read(one.id for one in wanted)
    taken = claimed(found)
    gesture = Gesture(viewer, decision, reason, choice, outcome.batch)
    changes: list[tuple[Found, Item, Item]] = []
    for one in wanted:
        try:
            if one.id not in found:
                raise refusals.NotFound(_("There is no such contribution."))
            _must_be_free(viewer, taken.get(one.id))
            changes.append((found[one.id], *gesture.make(found[one.id], one)))
            outcome.done.append(one.id)
        except refusals.Refusal as refusal:
            outcome.refused[one.id] = refusal
    _conclude(gesture, changes)
    if changes and decision is not Decision.RESTORE:
        outcome.undo_until = permissions.undo_ends(gesture.at)
    return outcome


def undo(viewer: Viewer, batch: Any) -> Outcome:
    """Undo all decisions of one gesture that nothing has happened to since. Raise NotFound for an
    unknown gesture, and what `decide` raises."""
    permissions.must_moderate(viewer)
    made = made_in(batch)
    standing = kinds.find(one.id for one in made)
    still = [one for one in made if one.id in standing and _stands(standing[one.id][1], one)]
    if not still:
        raise refusals.Conflict(_("This has been undone, or decided anew."))
    return decide(viewer, still, Decision.RESTORE)


def made_in(batch: Any) -> list[Wanted]:
    """List the decisions of one gesture, to undo them. Raise NotFound for an unknown gesture."""
    lines = journal.of_batch(ObjectId(batch)) if ObjectId.is_valid(batch) else []
    made = [
        Wanted(line["item"], undoes=line["_id"])
        for line in lines
        if line["decision"] != Decision.RESTORE
    ]
    if not made:
        raise refusals.NotFound(_("There is nothing to undo."))
    return made


def claim(viewer: Viewer, wanted: list[Wanted]) -> Outcome:
    """Reserve contributions for this moderator for some minutes, so that no two look at the same;
    claiming again renews the lease. One that another moderator holds is refused."""
    permissions.must_moderate(viewer)
    spend_write(viewer, manages=True)
    _must_be_few(wanted)
    outcome = Outcome(ObjectId(), "claim", OK)
    moment = now()
    until = moment + timedelta(minutes=current_app.config["CULTURE_FEEDBACK_CLAIM_MINUTES"])
    found = _read(one.id for one in wanted)
    takes = []
    for one in wanted:
        seen = found.get(one.id)
        if seen is None or not viewer.moderates(seen.moderated.organization(seen.item)):
            outcome.refused[one.id] = refusals.NotFound(_("There is no such contribution."))
            continue
        free = {"$or": [{"by": viewer.user_id}, {"until": {"$lte": moment}}]}
        given = {"$set": {"by": viewer.user_id, "until": until}}
        takes.append(UpdateOne({"_id": one.id} | free, given, upsert=True))
        outcome.done.append(one.id)
    if takes:
        try:
            claims().bulk_write(takes, ordered=False)
        except BulkWriteError as error:
            # A claim held by another does not match, so the upsert fails on its id.
            _refuse_taken(outcome, error)
    return outcome


def release(viewer: Viewer, wanted: list[Wanted]) -> Outcome:
    """Release the claims that this moderator holds on contributions; those of others stay."""
    permissions.must_moderate(viewer)
    _must_be_few(wanted)
    ids = [one.id for one in wanted]
    claims().delete_many({"_id": {"$in": ids}, "by": viewer.user_id})
    return Outcome(ObjectId(), "release", OK, ids)


def claimed(ids: Iterable[ObjectId]) -> dict[ObjectId, Claim]:
    """Find the current claims on these contributions, in one query."""
    where = {"_id": {"$in": list(ids)}, "until": {"$gt": now()}}
    return {one["_id"]: one for one in claims().find(where)}


def record_decision(
    moderated: Moderated,
    id: ObjectId,
    how: How,
    *,
    decision: Decision,
    reason: str | None,
    by: Viewer,
) -> None:
    """Record, in the journal too, a decision that the team of a domain made on a page of its own.
    `how`: returns the contribution as it is afterwards."""

    def decided(item: Item) -> Item | None:
        changed = how(item)
        if changed is None:
            return None
        changed["moderated"] = decision_of(
            moderated,
            item,
            changed,
            decision=decision,
            reason=reason or OK,
            viewer=by,
            batch=ObjectId(),
            at=now(),
        )
        return changed

    written = moderated.change(id, decided)
    if written:
        journal.record([written[1]["moderated"]])
        moderated.announce([written])


def version_of(moderated: Moderated, item: Item) -> str:
    """Return the version of a contribution's words and visibility, to detect a change since it was
    read."""
    return review_rules.version_of(item, moderated.texts(item))


class Gesture:
    """One decision about some contributions."""

    def __init__(
        self,
        viewer: Viewer,
        decision: Decision,
        reason: str,
        choice: Choice | None,
        batch: ObjectId,
    ):
        self.viewer = viewer
        self.decision = decision
        self.reason = reason
        self.choice = choice
        self.batch = batch
        self.at = now()
        self.strings: dict[ObjectId, list[str]] = {}

    def make(self, found: Found, wanted: Wanted) -> tuple[Item, Item]:
        """Decide about one contribution; return it before and after. Raise a Refusal."""
        written = found.moderated.change(wanted.id, lambda one: self._how(found, one, wanted))
        if written is None:
            raise refusals.NotFound(_("There is no such contribution."))
        return written

    def _how(self, found: Found, item: Item, wanted: Wanted) -> Item:
        refused = permissions.refusal(
            self.viewer, found.case(self.viewer, item), self.decision, self.reason
        )
        if refused:
            raise refused
        if wanted.undoes and not _stands(item, wanted):
            raise refusals.Conflict(_("This has been undone, or decided anew."))
        if wanted.version and wanted.version != version_of(found.moderated, item):
            raise refusals.Conflict(_("Its author has changed it since: look at it again."))
        earlier = item.get("moderated")
        if earlier and not earlier.get("recorded"):
            journal.record([earlier])
        changed = self._decided(found.moderated, item)
        changed["moderated"] = decision_of(
            found.moderated,
            item,
            changed,
            viewer=self.viewer,
            decision=self.decision,
            reason=self.reason,
            batch=self.batch,
            at=self.at,
        )
        return changed

    def _decided(self, moderated: Moderated, item: Item) -> Item:
        if self.decision is Decision.RESTORE:
            return _restored(moderated, item)
        changed = {key: value for key, value in item.items() if key not in STATE}
        changed["visibility"] = Visibility.PUBLIC
        if self.decision is Decision.REDACT and self.choice:
            redacted = redaction.black_out(moderated.texts(item), self.choice)
            changed = moderated.with_texts(changed, redacted.texts)
            self.strings[item["_id"]] = redacted.strings
        if self.decision in AGAINST:
            changed["words_until"] = erased_at(self.at)
        if self.decision in (Decision.REJECT, Decision.HIDE):
            changed |= {"visibility": Visibility.HIDDEN, "hidden_reason": self.reason}
        elif item["visibility"] == Visibility.PENDING:
            changed = moderated.published(changed)
        if self.decision is Decision.HIDE:
            changed["hidden_at"] = self.at
        return changed


def decision_of(
    moderated: Moderated,
    item: Item,
    changed: Item,
    *,
    viewer: Viewer,
    decision: Decision,
    reason: str,
    batch: ObjectId,
    at: datetime,
) -> Made:
    """Build the decision that is stored in a contribution: the state before it, and what undoing it
    needs."""
    before = {field: item[field] for field in (*STATE, *moderated.restored) if field in item}
    if decision is Decision.REDACT:
        before["texts"] = moderated.texts(item)
    made: Made = {
        "id": ObjectId(),
        "batch": batch,
        "item": item["_id"],
        "kind": moderated.kind,
        "organization": moderated.organization(item),
        "by": viewer.user_id,
        "role": "admin" if viewer.sysadmin else "moderator",
        "at": at,
        "month": f"{at:%Y-%m}",
        "decision": decision,
        "reason": reason,
        "before": before,
        "after": version_of(moderated, changed),
        "recorded": False,
    }
    since = (item.get("review") or {}).get("since")
    if since and item["visibility"] == Visibility.PENDING and decision is not Decision.RESTORE:
        made["waited"] = max(at - since, timedelta()) // timedelta(hours=1)
    if item.get("review") and decision is not Decision.RESTORE:
        made["noticed"] = _noticed(item["review"].get("why") or [])
    if decision is Decision.RESTORE and item.get("moderated"):
        made["undoes"] = item["moderated"]["id"]
    return made


def _noticed(why: list[str]) -> Noticed:
    if {review_rules.FLAG, review_rules.REPORT} & set(why):
        return Noticed.NOTICE
    return Noticed.CHECK if set(text_checks.LABELS) & set(why) else Noticed.RULE


def _restored(moderated: Moderated, item: Item) -> Item:
    """Return a contribution as it was before the latest decision about it. Raise Conflict when it
    has changed since, or when its words have been erased."""
    decision = item["moderated"]
    if version_of(moderated, item) != decision["after"]:
        raise refusals.Conflict(_("This has changed since: decide anew."))
    before = dict(decision["before"])
    texts = before.pop("texts", None)
    if decision["decision"] == Decision.REDACT and texts is None:
        raise refusals.Conflict(_("What was blacked out has been erased."))
    changed = {
        key: value for key, value in item.items() if key not in (*STATE, *moderated.restored)
    }
    changed |= before
    return moderated.with_texts(changed, texts) | before if texts else changed


def _conclude(gesture: Gesture, changes: list[tuple[Found, Item, Item]]) -> None:
    """Follow up on written decisions: journal, native discussions, announcements, the flags that
    they close."""
    if not changes:
        return
    journal.record(after["moderated"] for _found, _before, after in changes)
    by_class: dict[str, list[tuple[Item, Item]]] = {}
    for found, before, after in changes:
        strings = gesture.strings.get(after["_id"])
        if strings:
            found.moderated.black_out_natively(after, strings, redaction.placeholder())
        by_class.setdefault(found.moderated.kind, []).append((before, after))
    for kind, pairs in by_class.items():
        kinds.moderated()[kind].announce(pairs)
    ids = [after["_id"] for _found, _before, after in changes]
    _answer_flags(gesture, changes)
    claims().delete_many({"_id": {"$in": ids}})
    made = [(found.moderated, before, after) for found, before, after in changes]
    on_decided.send(gesture.batch, changes=made)


def _answer_flags(gesture: Gesture, changes: list[tuple[Found, Item, Item]]) -> None:
    ids = [after["_id"] for _found, _before, after in changes]
    if gesture.decision is Decision.RESTORE:
        undone = [after["moderated"]["undoes"] for _found, _before, after in changes]
        flags().update_many({"handled": {"$in": undone}}, {"$unset": {"handled": ""}})
        return
    decided = {after["_id"]: after["moderated"]["id"] for _found, _before, after in changes}
    open_flags = flags().find({"item": {"$in": ids}, "handled": {"$exists": False}}, {"item": 1})
    closing = [
        UpdateOne({"_id": flag["_id"]}, {"$set": {"handled": decided[flag["item"]]}})
        for flag in open_flags
    ]
    if closing:
        flags().bulk_write(closing, ordered=False)


def _read(ids: Iterable[ObjectId]) -> dict[ObjectId, Found]:
    """Read contributions with the datasets they are about, in a constant number of queries."""
    found = kinds.find(ids)
    about = {id: dataset_of(item) for id, (_moderated, item) in found.items()}
    datasets = catalogue.datasets_by_id(dataset for dataset in about.values() if dataset)
    return {
        id: Found(moderated, item, datasets.get(about[id]))  # type: ignore[arg-type]
        for id, (moderated, item) in found.items()
    }


def dataset_of(item: Item) -> ObjectId | None:
    """Return the dataset of a contribution, or that of the request it belongs to."""
    return item.get("dataset") or (item.get("of") or {}).get("dataset")


def _stands(item: Item, wanted: Wanted) -> bool:
    """Check whether the decision to take back is still the latest about a contribution."""
    return bool((item.get("moderated") or {}).get("id") == wanted.undoes)


def _must_be_few(wanted: list[Wanted]) -> None:
    message = None
    if not wanted:
        message = _("Choose one contribution at least.")
    elif len(wanted) > MOST:
        message = _("%(n)d contributions at most.", n=MOST)
    if message:
        raise refusals.Invalid(message, {"items": message})


def _must_be_free(viewer: Viewer, taken: Claim | None) -> None:
    if taken and taken["by"] != viewer.user_id:
        raise refusals.Conflict(_("Another moderator is looking at this."), claimed=True)


def checked_reason(decision: Decision, reason: str | None) -> str:
    """Return the reason of a decision, filled in where only one is allowed. Raise Invalid naming
    it."""
    if decision in (Decision.PUBLISH, Decision.RESTORE):
        allowed: tuple[str, ...] = (OK,)
    elif decision is Decision.REDACT:
        allowed = ("personal_data",)
    else:
        allowed = tuple(one for one in REASONS if one != OK)
    if reason is None and len(allowed) == 1:
        return allowed[0]
    if reason not in allowed:
        message = _("Choose one of: %(ids)s.", ids=", ".join(allowed))
        raise refusals.Invalid(message, {"reason": message})
    return reason


def _refuse_taken(outcome: Outcome, error: BulkWriteError) -> None:
    for failed in error.details["writeErrors"]:
        if failed["code"] != DUPLICATE_KEY:
            raise error
        taken = failed["op"]["q"]["_id"]
        outcome.done.remove(taken)
        outcome.refused[taken] = refusals.Conflict(
            _("Another moderator is looking at this."), claimed=True
        )
