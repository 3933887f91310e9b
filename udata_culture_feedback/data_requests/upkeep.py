"""What time brings to requests, and what a bad day left: the steps of the nightly maintenance. Each
answers how many it did, and may run at any time, twice at once, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from flask import current_app
from udata.core.organization.models import Organization
from udata.core.user.models import User

from .. import catalogue
from ..feedback.models import Visibility
from ..listing import EPOCH
from ..storage import now
from ..summaries import settle
from . import actions, announcements, lifecycle, merging
from .clock import Clock, overdue_bound
from .figures import SUPPORTS
from .models import PEOPLE, TOLD, requests, supports
from .records import change, zone
from .supports import strays, sweep
from .tasks import LISTENERS, settle_and_publish
from .workflow import OPEN, Status

Request = dict[str, Any]

#: Days before the deadline of a clarification at which its one reminder is sent; half of what was
#: given where that is less.
REMIND_BEFORE = 5
#: Accounts deleted since then are looked at again.
FORGOTTEN_WITHIN = timedelta(days=40)

_ANY = {"visibility": {"$in": [visibility.value for visibility in Visibility]}}
_STANDING = {"removed": {"$exists": False}}


def settle_dues() -> int:
    """Figures and counts of supports that a crash or a lost task left behind."""
    settled = 0
    for target in _due(supports().find({"due": {"$exists": True}}, {"due": 1})):
        settled += settle(SUPPORTS, target)
    waiting = _due(requests().find({"due": {"$exists": True}}, {"due": 1})) - LISTENERS
    settle_and_publish(waiting)
    return settled + len(waiting)


def straighten_merges() -> int:
    """Merges, withdrawals and deletions that were interrupted; and, should something have slipped
    through, every merge once more."""
    waiting = {r["_id"] for r in requests().find({"due": PEOPLE}, {"_id": 1})}
    merged = {r["_id"] for r in requests().find({"duplicate_of": {"$exists": True}}, {"_id": 1})}
    wrong = waiting | strays()
    for request_id in wrong | merged:
        merging.straighten(request_id)
    return len(wrong) + sweep()


def bury_removed() -> int:
    """Deleted requests that nothing has to hear of any more."""
    removed = requests().find({"removed": {"$exists": True}}, {"_id": 1})
    return sum(actions.bury(request["_id"]) for request in removed)


def announce() -> int:
    """Moves that nobody was told of."""
    waiting = [r["_id"] for r in requests().find({"due": TOLD}, {"_id": 1})]
    return sum(announcements.catch_up(request_id) for request_id in waiting)


def remind_clarifications() -> int:
    """Questions whose deadline is near: one reminder."""
    moment = now()

    def near(clock: Clock) -> bool:
        if clock.clarify_by is None or clock.reminded or clock.clarify_by < overdue_bound(moment):
            return False
        given = current_app.config["CULTURE_FEEDBACK_CLARIFY_DAYS"]
        before = timedelta(min(REMIND_BEFORE, given // 2))
        return clock.clarify_by - before <= moment

    return _tick(
        _ANY | {"status": Status.NEEDS_CLARIFICATION, "clock.reminded": False},
        lambda clock: clock.remind() if near(clock) else clock,
        announcements.clarification_reminder,
    )


def end_pauses() -> int:
    """Questions whose deadline has passed: the clock runs again."""
    moment = now()

    def lapsed(clock: Clock) -> Clock:
        over = clock.clarify_by is not None and clock.clarify_by < overdue_bound(moment)
        return clock.resume(moment, zone()) if over else clock

    where = _ANY | {
        "status": Status.NEEDS_CLARIFICATION,
        "clock.paused_at": {"$gte": EPOCH},
    }
    return _tick(where, lapsed)


def tell_overdue() -> int:
    """Answers that are late: requester and holder are told once."""
    bound = overdue_bound(now())
    where = {
        "visibility": Visibility.PUBLIC,
        "clock.due_at": {"$gte": EPOCH, "$lt": bound},
        "clock.told_overdue": False,
    }
    return _tick(
        where,
        lambda clock: clock.tell_overdue() if clock.is_overdue(now()) else clock,
        announcements.overdue,
    )


def recompute_clocks() -> int:
    """Open requests whose date was computed with another number of months: the setting changed."""
    months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
    where = _ANY | {
        "status": {"$in": sorted(OPEN)},
        "clock.months": {"$ne": months},
        "clock.answered_at": None,
    }
    return _tick(where, lambda clock: clock.recompute(months, now(), zone()))


def forget_accounts() -> int:
    """Accounts deleted lately that are still recognised somewhere."""
    since = now() - FORGOTTEN_WITHIN
    gone = User._get_collection().find({"deleted": {"$gte": since}}, {"_id": 1})
    return sum(lifecycle.forget_account(user["_id"]) for user in gone)


def free_orphans() -> int:
    """Requests whose dataset or holder exists no more: a purge that nobody heard of."""
    freed = 0
    datasets = requests().distinct("dataset", {"dataset": {"$exists": True}})
    for dataset_id in set(datasets) - catalogue.datasets_by_id(datasets).keys():
        freed += lifecycle.purge_dataset(dataset_id)
    holders = requests().distinct("organization", {"organization": {"$exists": True}})
    known = Organization._get_collection().find({"_id": {"$in": holders}}, {"_id": 1})
    for organization_id in set(holders) - {one["_id"] for one in known}:
        freed += lifecycle.purge_organization(organization_id)
    return freed


#: For `maintenance.STEPS`, in this order.
STEPS: dict[str, Callable[[], int]] = {
    "requests_settled": settle_dues,
    "merges_straightened": straighten_merges,
    "requests_freed": free_orphans,
    "requesters_forgotten": forget_accounts,
    "clocks_recomputed": recompute_clocks,
    "clarifications_reminded": remind_clarifications,
    "pauses_ended": end_pauses,
    "overdue_told": tell_overdue,
    "moves_announced": announce,
    "requests_buried": bury_removed,
}


def _tick(
    where: dict[str, Any],
    how: Callable[[Clock], Clock],
    tell: Callable[[Request], None] | None = None,
) -> int:
    """Changes the clocks of some requests, and tells of it before it says so: a crash in between
    repeats what listeners recognise."""
    ids = [request["_id"] for request in requests().find(where | _STANDING, {"_id": 1})]
    done = 0
    for request_id in ids:
        request = requests().find_one({"_id": request_id} | where)
        if request is None or how(Clock.of(request["clock"])) == Clock.of(request["clock"]):
            continue
        if tell and request["visibility"] == Visibility.PUBLIC:
            tell(request)

        def ticked(one: Request) -> Request | None:
            before = Clock.of(one["clock"])
            after = how(before)
            return None if after == before else one | {"clock": after.to_mongo()}

        done += change(request, ticked) is not None
    return done


def _due(found: Iterable[dict[str, Any]]) -> set[Any]:
    return {one for contribution in found for one in contribution["due"]}
