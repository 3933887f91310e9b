"""The nightly steps of requests: deadlines, and repairs after crashes and lost tasks. Each returns
how many items it handled, is idempotent, and may run concurrently."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from flask import current_app
from udata.core.discussions.models import Discussion
from udata.core.organization.models import Organization

from ..contributions.review_rules import Visibility
from ..figures.settle import DISCUSSION, settle
from ..people import contacts
from ..portal import catalogue
from ..portal.collections import now
from ..web.listing import EPOCH
from ..web.moments import portal_zone
from ..web.untyped import Query
from . import actions, discussion, events, following, lifecycle, merging, replies, yearly_check_in
from . import messages as conversation
from .clock import Clock, overdue_bound
from .figures import SUPPORTS, ensure
from .models import PEOPLE, TOLD, Request, messages, requests, supports
from .repository import change
from .supports import strays, sweep
from .tasks import LISTENERS, settle_and_publish
from .workflow import OPEN, Status

log = logging.getLogger(__name__)


#: Discussions read at once.
BATCH = 500
#: Most discussions that are plausibly deleted in a day.
GONE_AT_ONCE = 20
#: Age up to which replies are announced by mail.
HEARD_WITHIN = timedelta(days=7)

_ANY = {"visibility": {"$in": [visibility.value for visibility in Visibility]}}
_PUBLIC = {"visibility": Visibility.PUBLIC}
_STANDING = {"removed": {"$exists": False}}


def settle_dues() -> int:
    """Settle the figures and the counts of supports that a crash or a lost task left due."""
    settled = 0
    for target in _due(supports().find({"due": {"$exists": True}}, {"due": 1})):
        settled += settle(SUPPORTS, target)
    waiting = _due(requests().find({"due": {"$exists": True}}, {"due": 1})) - LISTENERS
    ensure(waiting)
    settle_and_publish(waiting)
    return settled + len(waiting)


def reconcile_merges() -> int:
    """Complete interrupted merges, withdrawals and deletions, and check every merge once more."""
    waiting = {r["_id"] for r in requests().find({"due": PEOPLE}, {"_id": 1})}
    merged = {r["_id"] for r in requests().find({"duplicate_of": {"$exists": True}}, {"_id": 1})}
    wrong = waiting | strays()
    for request_id in wrong | merged:
        merging.reconcile_merge(request_id)
    return len(wrong) + sweep()


def bury_removed() -> int:
    """Erase deleted requests of which nothing is due."""
    removed = requests().find({"removed": {"$exists": True}}, {"_id": 1})
    buried = [request["_id"] for request in removed if actions.bury(request["_id"])]
    for request_id in buried:
        following.remove_all(request_id)
    return len(buried)


def discuss() -> int:
    """Bring discussions in line with requests where that is due, and announce new messages."""
    waiting = {r["_id"] for r in requests().find({"due": DISCUSSION}, {"_id": 1})}
    untold = {m["request"] for m in messages().find({"untold": True}, {"request": 1})}
    done = 0
    for request_id in waiting | untold:
        with _alone(request_id):
            discussion.tell(request_id)
            done += requests().find_one({"_id": request_id, "due": DISCUSSION}) is None
            conversation.announce(request_id)
    return done


def mend_discussions() -> int:
    """Add again what discussions have lost: udata overwrites a whole discussion when two people
    reply at once. Follow the deletion of discussions that we missed; not of many, which means that
    a backup is being restored."""
    mended, gone = 0, []
    for found, discussions in _discussed({"discussion.id": 1}):
        written = _written(found)
        for request in found:
            raw = discussions.get(request["discussion"])
            if raw is None:
                gone.append(request)
                continue
            there = {message["id"] for message in raw["discussion"]}
            mended += _mend(request, there, written[request["discussion"]] - there)
    if len(gone) > GONE_AT_ONCE:
        log.error("%d discussions of requests are missing: is a backup restored?", len(gone))
        return mended
    for request in gone:
        with _alone(request["_id"]):
            lifecycle.discussion_deleted(Discussion(id=request["discussion"]))
    return mended + len(gone)


def hear_replies() -> int:
    """Process replies that a lost task missed: mails for those of the last days, moves of every
    request that waits."""
    heard = 0
    since = now() - HEARD_WITHIN
    fields = {"discussion.id": 1, "discussion.posted_on": 1}
    for found, there in _discussed(fields, {"discussion.posted_on": {"$gte": since}}):
        for request in found:
            for message in there.get(request["discussion"], {}).get("discussion", ()):
                if message["posted_on"] >= since:
                    with _alone(request["_id"]):
                        replies.announce(request["_id"], message["id"])
    waiting = {"discussed": True, "status": {"$in": sorted(replies.WAITING)}}
    for request in list(requests().find(_PUBLIC | waiting, {"_id": 1})):
        with _alone(request["_id"]):
            heard += replies.follow(request["_id"])
    return heard


def announce() -> int:
    """Announce the moves that are still due."""
    waiting = [r["_id"] for r in requests().find({"due": TOLD}, {"_id": 1})]
    return sum(events.catch_up(request_id) for request_id in waiting)


def remind_clarifications() -> int:
    """Remind requesters once of a question whose deadline is near."""
    moment = now()

    def near(clock: Clock) -> bool:
        if clock.clarify_by is None or clock.reminded or clock.clarify_by < overdue_bound(moment):
            return False
        config = current_app.config
        given = config["CULTURE_FEEDBACK_CLARIFY_DAYS"]
        # Half of the time given, where that is less: not on the day after the question.
        before = timedelta(min(config["CULTURE_FEEDBACK_CLARIFY_REMINDER_DAYS"], given // 2))
        return clock.clarify_by - before <= moment

    return _tick(
        _ANY | {"status": Status.NEEDS_CLARIFICATION, "clock.reminded": False},
        lambda clock: clock.remind() if near(clock) else clock,
        events.clarification_reminder,
    )


def end_pauses() -> int:
    """Restart the clocks of questions whose deadline has passed."""
    moment = now()

    def lapsed(clock: Clock) -> Clock:
        over = clock.clarify_by is not None and clock.clarify_by < overdue_bound(moment)
        return clock.resume(moment, portal_zone()) if over else clock

    where = _ANY | {
        "status": Status.NEEDS_CLARIFICATION,
        "clock.paused_at": {"$gte": EPOCH},
    }
    return _tick(where, lapsed)


def tell_overdue() -> int:
    """Tell requester and holder once that the answer is late."""
    bound = overdue_bound(now())
    where = {
        "visibility": Visibility.PUBLIC,
        "clock.due_at": {"$gte": EPOCH, "$lt": bound},
        "clock.told_overdue": False,
    }
    return _tick(
        where,
        lambda clock: clock.tell_overdue() if clock.is_overdue(now()) else clock,
        events.overdue,
    )


def recompute_clocks() -> int:
    """Recompute the date of open requests whose number of months is no longer that of the
    settings."""
    months = current_app.config["CULTURE_FEEDBACK_SERVICE_MONTHS"]
    where = _ANY | {
        "status": {"$in": sorted(OPEN)},
        "clock.months": {"$ne": months},
        "clock.answered_at": None,
    }
    return _tick(where, lambda clock: clock.recompute(months, now(), portal_zone()))


def free_orphans() -> int:
    """Follow deletions that no signal announced: of datasets and holders that requests still
    name."""
    freed = 0
    datasets = requests().distinct("dataset", {"dataset": {"$exists": True}})
    for dataset_id in set(datasets) - catalogue.datasets_by_id(datasets).keys():
        freed += lifecycle.purge_dataset(dataset_id)
    holders = requests().distinct("organization", {"organization": {"$exists": True}})
    found = Organization._get_collection().find({"_id": {"$in": holders}}, {"deleted": 1})
    known = {one["_id"]: bool(one.get("deleted")) for one in found}
    for organization_id in set(holders) - known.keys():
        freed += lifecycle.purge_organization(organization_id)
    for organization_id in (id for id, deleted in known.items() if deleted):
        freed += lifecycle.free_open_requests(organization_id)
    return freed


def keep_addresses() -> int:
    """Extend the retention of requesters' addresses while their request is open; return how many.
    Addresses expire without this step, so erasure needs no job. Those of requesters who did not
    answer the yearly check-in in time are erased."""
    days = current_app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"]
    until = now() + timedelta(days=days)
    waiting = {"contact": {"$exists": True}, "status": {"$in": [*OPEN]}} | _STANDING
    kept = 0
    for request in list(requests().find(waiting, {"contact": 1, "interest": 1})):
        if yearly_check_in.is_lost(request):
            contacts.erase(request["contact"])
        else:
            kept += contacts.keep_until(request["contact"], until)
    return kept


#: The steps for the registry of kinds, in this order.
STEPS: dict[str, Callable[[], int]] = {
    "requests_settled": settle_dues,
    "merges_straightened": reconcile_merges,
    "requests_freed": free_orphans,
    "messages_erased": lifecycle.erase_words,
    "clocks_recomputed": recompute_clocks,
    "clarifications_reminded": remind_clarifications,
    "pauses_ended": end_pauses,
    "overdue_told": tell_overdue,
    "requests_discussed": discuss,
    "request_discussions_mended": mend_discussions,
    "request_replies_heard": hear_replies,
    "moves_announced": announce,
    "requests_buried": bury_removed,
    "interest_asked": yearly_check_in.ask_everybody,
    "addresses_kept": keep_addresses,
    "followers_kept": following.keep_addresses,
}


def _tick(
    where: Query,
    how: Callable[[Clock], Clock],
    tell: Callable[[Request], None] | None = None,
) -> int:
    """Change the clocks of some requests. Announce first and store afterwards: a crash in between
    repeats an announcement, which listeners recognise."""
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


def _discussed(
    fields: dict[str, int], those: Query | None = None
) -> Iterator[tuple[list[Request], dict[Any, Any]]]:
    """Yield the requests with a discussion by batches, and their discussions (among `those`) by
    id."""
    found = requests().find({"discussion": {"$exists": True}, "discussed": True})
    while batch := list(islice(found, BATCH)):
        ids = {"_id": {"$in": [request["discussion"] for request in batch]}}
        stored = Discussion._get_collection().find(ids | (those or {}), fields)
        yield batch, {raw["_id"]: raw for raw in stored}


def _written(found: list[Request]) -> defaultdict[Any, set[str]]:
    """Return the ids of messages written on the pages of some requests and stored in their
    discussions, by discussion."""
    ids = {"discussion": {"$in": [request["discussion"] for request in found]}}
    public = {"request": {"$in": [r["_id"] for r in found]}, "visibility": Visibility.PUBLIC}
    written = defaultdict(set)
    for row in messages().find(public | ids, {"message_id": 1, "discussion": 1}):
        written[row["discussion"]].add(row["message_id"])
    return written


def _mend(request: Request, there: set[str], lost: set[str]) -> bool:
    """Have our messages that are absent from a discussion added again. `lost`: those written on the
    page of the request."""
    said = {message["id"] for message in request["messages"][1:]}
    said |= {move.id for move in discussion.told_moves(request)}
    if not lost and said - there <= set(request.get("silenced") or ()):
        return False
    messages().update_many({"message_id": {"$in": sorted(lost)}}, {"$unset": {"discussion": ""}})
    with _alone(request["_id"]):
        discussion.tell(request["_id"])
    return True


@contextmanager
def _alone(request_id: ObjectId) -> Iterator[None]:
    """Log the failure of one request, so that the others go on."""
    try:
        yield
    except Exception:
        log.exception("Maintenance: the discussion of request %s failed", request_id)


def _due(found: Iterable[Mapping[str, Any]]) -> set[Any]:
    return {one for contribution in found for one in contribution["due"]}
