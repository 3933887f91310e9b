"""One decision about everything that a filter of the queue keeps, made in the background in chunks,
and undone as a whole. Texts that entered the queue after the moderator saw it are left alone, and
each text follows the rules of a single decision: one that somebody else decides about meanwhile is
refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from bson import ObjectId
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.tasks import task

from ..contributions.moderated import Decision
from ..contributions.review_rules import Visibility
from ..people.service_account import acting_as
from ..people.viewer import Viewer, viewer_of
from ..portal.collections import now
from ..portal.queueing import later
from ..web import refusals
from . import actions, journal, permissions, queue
from .actions import MOST, Wanted
from .forms import REFUSE
from .models import Bulk, bulks
from .queue import Filters

#: A decision about more texts than this asks the moderator to type their number.
TYPED_FROM = 100
#: Most texts that one decision is about.
MOST_TEXTS = queue.SEARCHED
#: How long a bulk is kept.
KEPT = timedelta(days=7)
#: A bulk that is still open after this long was interrupted: it is resumed.
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
    """Start deciding about everything that the filters keep. `decision`: "publish", or "refuse" for
    a `reason`; `number`: the number of texts as the moderator typed it, required where there are
    many.

    Raise Unauthenticated, Forbidden; Invalid naming `decision`, `scope` (no filter, nothing, too
    many), `reason` or `number`.
    """
    permissions.must_moderate(viewer)
    _must_be_one_of(decision)
    # The form of a page has a reason in any case.
    reason = actions.checked_reason(Decision.REJECT, reason) if decision == REFUSE else None
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
    """Start undoing all decisions of one gesture that nothing has happened to since. Raise
    NotFound."""
    permissions.must_moderate(viewer)
    wanted = actions.made_in(batch)
    return _started(viewer, len(wanted), decision=str(Decision.RESTORE), undoes=batch)


@task(name="culture-feedback-moderate-all", route="low.culture-feedback")
def decide_all(bulk_id: str) -> None:
    """Run a bulk in the background."""
    run(ObjectId(bulk_id))


def run(bulk_id: ObjectId) -> None:
    """Do what is left of a bulk, on behalf of the moderator who started it. Idempotent once it is
    finished."""
    bulk = bulks().find_one({"_id": bulk_id, "finished_at": {"$exists": False}})
    user = User.objects(id=bulk["by"]).first() if bulk else None
    if bulk is None:
        return
    if user is not None:
        with acting_as(user):
            _decide_all(viewer_of(user), bulk)
    bulks().update_one({"_id": bulk_id}, {"$set": {"finished_at": now()}})


def go_on() -> int:
    """Resume interrupted bulks (a lost task, a process that died); return how many."""
    since = {"started_at": {"$lt": now() - INTERRUPTED_AFTER}, "finished_at": {"$exists": False}}
    waiting = list(bulks().find(since, {"_id": 1}))
    for bulk in waiting:
        run(bulk["_id"])
    return len(waiting)


def latest(viewer: Viewer, limit: int = 3) -> list[Bulk]:
    """Return the bulks that a moderator started within the last hour, to show their progress."""
    lately = {"by": viewer.user_id, "started_at": {"$gt": now() - timedelta(hours=1)}}
    return list(bulks().find(lately, sort=[("started_at", -1)]).limit(limit))


def may_be_whole(filters: Filters) -> bool:
    """Check whether the filters are narrow enough for one decision about all they keep."""
    return bool(set(filters.asked) & {"class", "reason", "organization", "q", "author", "like"})


def is_large(batch: ObjectId) -> bool:
    """Check whether a gesture decided about more texts than one request undoes."""
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
    later(decide_all, str(bulk["_id"]))
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
    """Yield the texts to decide about in chunks, with the decision: public ones are hidden, not
    rejected."""
    if bulk.get("undoes"):
        yield from ((Decision.RESTORE, some) for some in _some(actions.made_in(bulk["undoes"])))
        return
    filters = queue.filters_of(bulk["filters"])
    filters.until = bulk["seen_at"]
    # Read all of them first: deciding removes texts from the queue, even the one that `like` names.
    wanted: dict[str, list[Wanted]] = {}
    for moderated, item in queue.all_of(viewer, filters, MOST_TEXTS):
        # What its author changes meanwhile was not among what the moderator saw.
        one = Wanted(item["_id"], actions.version_of(moderated, item))
        wanted.setdefault(item["visibility"], []).append(one)
    against = {Visibility.PENDING: Decision.REJECT, Visibility.PUBLIC: Decision.HIDE}
    for visibility, some in wanted.items():
        publishes = bulk["decision"] == Decision.PUBLISH
        decision = Decision.PUBLISH if publishes else against[Visibility(visibility)]
        yield from ((decision, chunk) for chunk in _some(some))


def _some(wanted: list[Wanted]) -> Iterator[list[Wanted]]:
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
