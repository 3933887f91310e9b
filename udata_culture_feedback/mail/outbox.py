"""Send our mails: posted once, sent when they are due, retried when refused.

An action posts what happened and goes on; a task sends. Nothing is lost between the two, and a
crash in the middle of sending repeats one mail at most, under the same Message-ID, which mail
clients recognise. Schedule the job `culture-feedback-deliver` every few minutes: it also does what
lost tasks would have done.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

from bson import ObjectId
from udata.features.notifications.constants import MailCadence
from udata.tasks import job

from ..portal.collections import now
from ..portal.job_runs import each, recorded
from ..portal.queueing import later
from ..web.log_line import tell
from ..web.untyped import Document, Query
from . import digest as outbox_digest
from . import mailing, unsubscribe
from .digest import DIGEST
from .mailing import Reader
from .models import Entry, Outcome, claim, close, insert, is_ours, new_entry, outbox, postpone

log = logging.getLogger(__name__)

#: Delay after each refusal; after the last one the mail has failed (five days in all).
DELAYS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=1),
    timedelta(days=1),
    timedelta(days=1),
)

#: Mails that one task sends before it hands over to the next.
AT_ONCE = 200

#: Steps that do what was handed to tasks long ago (`lost`) and is still due, by name. Domains
#: register them; each does a bounded number and returns how many. Mostly a look at an index.
CAUGHT_UP: dict[str, Callable[[], int]] = {}

#: How long a task may still be queued or running.
ON_ITS_WAY = timedelta(minutes=5)

#: Entries stored at once.
BATCH = 500


def post(
    event: str, to: ObjectId, builder: str, params: Document, scope: str | None = None
) -> bool:
    """Post one event to one person. Idempotent: however often it is posted, one mail leaves.

    `event`: what happened, for all time (`request:<id>:3`, the third entry of its history), ids
    only. `builder`: the name of a `mailing.mail`; `params`: its plain parameters. `scope`: the
    subject one can unsubscribe from (`request:<id>`). Return whether it was new.
    """
    if not insert([_entry(event, to, builder, params, scope)]):
        return False
    later(deliver)
    return True


def post_to_each(
    event: str,
    to: Iterable[ObjectId],
    builder: str,
    params: Document,
    scope: str,
) -> int:
    """Post one event to many people, in bounded memory, except those who have unsubscribed from
    `scope`. Run again after a crash, it reaches only those not posted to yet. Return how many are
    new."""
    told = 0
    people = unsubscribe.subscribed(to, scope)
    while batch := list(islice(people, BATCH)):
        new = insert(_entry(event, user_id, builder, params, scope) for user_id in batch)
        told += new
        if new:
            later(deliver)
    return told


@job("culture-feedback-deliver", route="low.culture-feedback")
def deliver(self: Any) -> dict[str, int]:
    """Send what is due, queue another run for the rest and for first retries, and do what lost
    tasks left."""
    with recorded("culture-feedback-deliver") as run:
        done = deliver_due(AT_ONCE)
        run["done"] |= done
        each(CAUGHT_UP, run)
    if done:
        tell(log, logging.INFO, "mails delivered", **done)
    if done.total() >= AT_ONCE:
        later(deliver)
    elif done["delayed"]:
        later(deliver, countdown=DELAYS[0].total_seconds())
    return run["done"]


def lost() -> Query:
    """Select what was last changed too long ago for its task to be still queued or running."""
    return {"last_modified": {"$lt": now() - ON_ITS_WAY}}


def deliver_due(limit: int | None = None) -> Counter[str]:
    """Send what is due, at most `limit` mails; return how many ended how: `sent`, `skipped`,
    `failed`, `delayed`, `grouped` (waiting for a digest). Stop at an SMTP server that cannot be
    reached: the other mails would fare no better."""
    done: Counter[str] = Counter()
    while limit is None or done.total() < limit:
        entry = claim()
        if entry is None:
            break
        try:
            done[_deliver(entry)] += 1
        except mailing.Unreachable as error:
            done[_delay(entry, error)] += 1
            break
        except Exception as error:
            done[_delay(entry, error)] += 1
    return done


def deliver_all() -> int:
    """Send everything that is due, for maintenance; return how many mails were sent."""
    return deliver_due()["sent"]


def requeue_failed() -> int:
    """Restart every mail that was refused for days; return how many there are."""
    again = outbox().update_many(
        {"outcome": Outcome.FAILED},
        {
            "$set": {"due_at": now(), "attempts": 0},
            "$unset": {"outcome": "", "why": "", "expires_at": "", "digest": ""},
        },
    )
    if again.modified_count:
        later(deliver)
    return again.modified_count


def forget(user_id: ObjectId) -> None:
    """Delete the mails and refusals of a person who has left."""
    outbox().delete_many({"user": user_id})
    unsubscribe.unsubscribed().delete_many({"user": user_id})


def _entry(event: str, to: ObjectId, builder: str, params: Document, scope: str | None) -> Entry:
    return new_entry(f"{event}:user:{to}", to, builder, params, scope)


def _deliver(entry: Entry) -> str:
    """Send a claimed entry or end it with the reason; return what became of it. Raise whatever
    prevented it."""
    if entry["attempts"] > len(DELAYS) + 1:  # each attempt ended without an outcome
        return _end(entry, Outcome.FAILED, "interrupted")
    reader = mailing.reader_of(entry["user"])
    if why := _why_not(entry, reader):
        if entry["builder"] == DIGEST:
            close([member["_id"] for member in outbox_digest.members(entry)], Outcome.SKIPPED, why)
        return _end(entry, Outcome.SKIPPED, why)
    if entry["builder"] == DIGEST:
        return _deliver_digest(entry, reader)
    builder = mailing.builder(entry["builder"])
    if not (builder.at_once or builder.required) and _waits(entry, reader):
        return "grouped"
    with mailing.speaking_to(reader):
        content = mailing.words(entry, reader)
        if content is None:
            return _end(entry, Outcome.SKIPPED, "nothing to say")
        message = mailing.written(content, entry, reader, way_out=not builder.required)
    mailing.send(message)
    if builder.left:
        try:
            builder.left(reader, **entry["params"])
        except Exception:
            log.exception("A mail has left, and what follows failed")  # not to be sent again
    return _end(entry, Outcome.SENT)


def _deliver_digest(digest: Entry, reader: Reader) -> str:
    if outbox_digest.waits_for_its_turn(digest, reader):
        return "grouped"
    with mailing.speaking_to(reader):
        content, told = outbox_digest.gather(digest, reader)
        if content is None:
            return _end(digest, Outcome.SKIPPED, "nothing to say")
        message = mailing.written(content, digest, reader)
    mailing.send(message)
    close(told, Outcome.SENT)
    return _end(digest, Outcome.SENT)


def _why_not(entry: Entry, reader: Reader | None) -> str | None:
    """Return why a person must not be written to; None when they may."""
    if reader is None or reader.deleted or not reader.active or not reader.email:
        return "no account"
    if entry["builder"] != DIGEST and mailing.builder(entry["builder"]).required:
        return None
    if reader.notifications_paused:
        return "paused"
    if unsubscribe.refuses(reader.id, entry["scope"]):
        return "unsubscribed"
    return None


def _waits(entry: Entry, reader: Reader) -> bool:
    """Return whether an entry waits for a digest, or has left with one since it was claimed. An
    entry whose digest left without it does not wait."""
    if digest := entry.get("digest"):
        if not outbox_digest.still_to_come(digest):
            return not is_ours(entry)
        postpone(entry, now() + outbox_digest.LOOK_AGAIN, attempts=0)
        return True
    if reader.mail_cadence is MailCadence.IMMEDIATE:
        return outbox_digest.join_burst(entry, reader)
    outbox_digest.join(entry, reader)
    return True


def _end(entry: Entry, outcome: Outcome, why: str | None = None) -> str:
    close([entry["_id"]], outcome, why)
    return outcome.value


def _delay(entry: Entry, error: Exception) -> str:
    """Schedule a retry of what has just failed, later each time; end it as failed after the last
    one."""
    outbox_digest.log_failure(entry, error)
    name = type(error.__cause__ or error).__name__
    if entry["attempts"] > len(DELAYS):
        return _end(entry, Outcome.FAILED, name)
    postpone(entry, now() + DELAYS[entry["attempts"] - 1], last_error=name)
    return "delayed"
