"""One decision about all that a filter of the queue keeps, done behind in chunks, and undone as a
whole. Texts that came into the queue after the moderator looked at it are left alone, and each text
is decided by the rules of a single one: what somebody else decides meanwhile is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from bson import ObjectId
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _

from ..contributions.moderated import Decision
from ..contributions.review_rules import Visibility
from ..people.service_account import acting_as
from ..people.viewer import Viewer, viewer_of
from ..portal.collections import now
from ..portal.queueing import later
from ..web import refusals
from . import actions, journal, permissions, queue, tasks
from .actions import MOST, Wanted
from .forms import REFUSE
from .models import Bulk, bulks
from .queue import Filters

#: One decision about more texts than that asks to type their number.
TYPED_FROM = 100
#: What one decision is about, at most.
MOST_TEXTS = queue.SEARCHED
#: How long a bulk is remembered.
KEPT = timedelta(days=7)
#: A bulk that has not ended for so long was interrupted, and goes on.
INTERRUPTED_AFTER = timedelta(minutes=15)

DECISIONS = (str(Decision.PUBLISH), REFUSE)


def start(
    viewer: Viewer,
    filters: Filters,
    decision: str,
    *,
    seen_at: datetime,
    reason: str | None = None,
    number: str | None = None,
) -> Bulk:
    """Decide about all that the filters keep. `decision`: "publish", or "refuse" for a `reason`;
    `number`: what the moderator typed as their number, where there are many.

    Raise Unauthenticated, Forbidden; Invalid naming `decision`, `scope` (no filter, nothing, too
    many), `reason` or `number`.
    """
    permissions.must_moderate(viewer)
    _must_be_one_of(decision)
    if decision == REFUSE:
        reason = actions.checked_reason(Decision.REJECT, reason)
    filters.until = seen_at
    total, more = queue.count(viewer, filters, MOST_TEXTS)
    _must_be_bounded(filters, total, more)
    if total > TYPED_FROM and (number or "").strip() != str(total):
        message = _("Type their number, %(n)d, to decide about all of them.", n=total)
        raise refusals.Invalid(message, {"number": message})
    return _started(
        viewer,
        total,
        decision=decision,
        filters=filters.asked,
        seen_at=seen_at,
        **({"reason": reason} if reason else {}),
    )


def undo(viewer: Viewer, batch: ObjectId) -> Bulk:
    """Undo all that one gesture decided, where nothing else happened since. Raise NotFound."""
    permissions.must_moderate(viewer)
    made = [line for line in journal.of_batch(batch) if line["decision"] != Decision.RESTORE]
    if not made:
        raise refusals.NotFound(_("There is nothing to undo."))
    return _started(viewer, len(made), decision=str(Decision.RESTORE), undoes=batch)


def run(bulk_id: ObjectId) -> None:
    """Do what is left of a bulk, as whoever started it. Again does nothing."""
    bulk = bulks().find_one({"_id": bulk_id, "finished_at": {"$exists": False}})
    user = User.objects(id=bulk["by"]).first() if bulk else None
    if bulk is None:
        return
    if user is not None:
        with acting_as(user):
            _decide_all(viewer_of(user), bulk)
    bulks().update_one({"_id": bulk_id}, {"$set": {"finished_at": now()}})


def go_on() -> int:
    """Go on with what was interrupted: a lost task, a process that died."""
    since = {"started_at": {"$lt": now() - INTERRUPTED_AFTER}, "finished_at": {"$exists": False}}
    waiting = list(bulks().find(since, {"_id": 1}))
    for bulk in waiting:
        run(bulk["_id"])
    return len(waiting)


def latest(viewer: Viewer, limit: int = 3) -> list[Bulk]:
    """Return what a moderator has started lately, for its progress."""
    lately = {"by": viewer.user_id, "started_at": {"$gt": now() - timedelta(hours=1)}}
    return list(bulks().find(lately, sort=[("started_at", -1)]).limit(limit))


def may_be_whole(filters: Filters) -> bool:
    """Tell whether one decision may be about all that the filters keep: not about all that
    waits."""
    return bool(set(filters.asked) & {"class", "reason", "organization", "q", "author", "like"})


def is_large(batch: ObjectId) -> bool:
    """Tell whether a gesture decided about more texts than are undone at once."""
    return len(journal.of_batch(batch)) > MOST


def _started(viewer: Viewer, total: int, **fields: Any) -> Bulk:
    moment = now()
    started = {
        "_id": ObjectId(),
        "batch": ObjectId(),
        "by": viewer.user_id,
        "total": total,
        "done": 0,
        "refused": 0,
        "started_at": moment,
        "expires_at": moment + KEPT,
    } | fields
    bulk = cast(Bulk, started)
    bulks().insert_one(bulk)
    later(tasks.decide_all, str(bulk["_id"]))
    return bulk


def _decide_all(viewer: Viewer, bulk: Bulk) -> None:
    for decision, chunk in _chunks(viewer, bulk):
        try:
            outcome = actions.decide(
                viewer, chunk, decision, bulk.get("reason"), batch=bulk["batch"]
            )
            done, refused = len(outcome.done), len(outcome.refused)
        except refusals.Refusal:  # the role was taken back, the limit of writes is reached
            done, refused = 0, len(chunk)
        counted = {"$inc": {"done": done, "refused": refused}}
        bulks().update_one({"_id": bulk["_id"]}, counted)


def _chunks(viewer: Viewer, bulk: Bulk) -> Iterator[tuple[Decision, list[Wanted]]]:
    """What is to be decided, some texts at a time; what is public is hidden, not rejected."""
    if bulk.get("undoes"):
        made = journal.of_batch(bulk["undoes"])
        ids = [line["item"] for line in made if line["decision"] != Decision.RESTORE]
        yield from ((Decision.RESTORE, chunk) for chunk in _some(ids))
        return
    filters = queue.filters_of(bulk["filters"])
    filters.until = bulk["seen_at"]
    # All of them first: what is decided leaves the queue, and what is like it may be decided too.
    found = [item for _kind, item in queue.all_of(viewer, filters, MOST_TEXTS)]
    if bulk["decision"] == Decision.PUBLISH:
        yield from ((Decision.PUBLISH, chunk) for chunk in _some(item["_id"] for item in found))
        return
    for decision, visibility in (
        (Decision.REJECT, Visibility.PENDING),
        (Decision.HIDE, Visibility.PUBLIC),
    ):
        ids = [item["_id"] for item in found if item["visibility"] == visibility]
        yield from ((decision, chunk) for chunk in _some(ids))


def _some(ids: Iterable[ObjectId]) -> Iterator[list[Wanted]]:
    wanted = list(map(Wanted, ids))
    return (wanted[start : start + MOST] for start in range(0, len(wanted), MOST))


def _must_be_one_of(decision: str) -> None:
    if decision not in DECISIONS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(DECISIONS))
        raise refusals.Invalid(message, {"decision": message})


def _must_be_bounded(filters: Filters, total: int, more: bool) -> None:
    message = None
    if not may_be_whole(filters):
        message = _("Filter first: this decides about all that the filters keep.")
    elif not total:
        message = _("Nothing waits with these filters.")
    elif more:
        message = _("More than %(n)d texts: filter further.", n=MOST_TEXTS)
    if message:
        raise refusals.Invalid(message, {"scope": message})
