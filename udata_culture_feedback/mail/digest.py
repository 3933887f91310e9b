"""Send one mail for a day or a week, to accounts that chose that rhythm in udata; and one for the
rest of a burst, to everybody else.

udata builds its own digest from its notifications, which do not include ours. A digest is an entry
of the outbox like any other, due when the day or the week turns in the portal's time zone; the
entries that wait for it carry its event.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from udata.features.notifications.constants import MailCadence
from udata.i18n import lazy_gettext as _
from udata.i18n import ngettext
from udata.mail import MailCTA, MailMessage

from ..portal.collections import now
from ..web.moments import local_day, midnight, portal_zone
from . import mailing, unsubscribe
from .mailing import Reader
from .models import Entry, Outcome, burst_since, close, insert, new_entry, outbox, postpone

log = logging.getLogger(__name__)

DIGEST = "digest"

#: Why one receives it.
AS_CHOSEN = _("You receive this message once a day or once a week, as you chose in your account.")
AFTER_A_BURST = _("So much happened within a few minutes that this message is about all of it.")

#: Subjects that a digest spells out; the rest is only counted.
SPELLED_OUT = 50
#: The time within which few mails leave one by one: the rest of a burst waits for its end.
BURST = timedelta(minutes=15)
#: How the event of such a digest begins.
BURST_DIGEST = "digest:burst:"
#: How long after its digest an entry becomes due itself, in case the digest left without it.
LOOK_AGAIN = timedelta(hours=1)


def join(entry: Entry, reader: Reader) -> None:
    """Make an entry wait for the next digest of its reader."""
    cadence = reader.mail_cadence
    turn = next_turn(now(), cadence)
    event = f"digest:{cadence}:{turn:%Y-%m-%d}:user:{reader.id}"
    # Checked every day: a weekly reader may have changed their mind meanwhile.
    due_at = next_turn(now(), MailCadence.DAILY)
    insert([new_entry(event, reader.id, DIGEST, {"turn": turn.isoformat()}, None, due_at)])
    postpone(entry, turn + LOOK_AGAIN, digest=event, attempts=0)


def join_burst(entry: Entry, reader: Reader) -> bool:
    """Make an entry wait for the digest that ends a burst of mails to its reader. Return False
    where there is no burst."""
    most = current_app.config["CULTURE_FEEDBACK_MAILS_AT_ONCE"]
    since = burst_since(reader.id, most, BURST) if most else None
    if since is None:
        return False
    event, turn = f"{BURST_DIGEST}{since.isoformat()}:user:{reader.id}", since + BURST
    insert([new_entry(event, reader.id, DIGEST, {"turn": turn.isoformat()}, None, turn)])
    postpone(entry, turn + LOOK_AGAIN, digest=event, attempts=0)
    return True


def next_turn(moment: datetime, cadence: MailCadence) -> datetime:
    """Return the next midnight after a moment, or the next Monday's (weekly), in the portal's time
    zone; both naive UTC."""
    today = local_day(moment, portal_zone())
    days = 7 - today.weekday() if cadence is MailCadence.WEEKLY else 1
    return midnight(today + timedelta(days=days), portal_zone())


def waits_for_its_turn(digest: Entry, reader: Reader) -> bool:
    """Return whether a weekly digest is not due yet; postpone it by a day if so."""
    turn = datetime.fromisoformat(digest["params"]["turn"])
    if reader.mail_cadence is not MailCadence.WEEKLY or now() >= turn:
        return False
    postpone(digest, next_turn(now(), MailCadence.DAILY), attempts=0)
    return True


def still_to_come(event: str) -> bool:
    return outbox().find_one({"_id": event, "due_at": {"$exists": True}}, {"_id": 1}) is not None


def members(digest: Entry) -> Iterator[Entry]:
    """Return the entries that wait for a digest, oldest first."""
    waiting = {"digest": digest["_id"], "due_at": {"$exists": True}}
    return outbox().find(waiting).sort("created_at", 1)


def gather(digest: Entry, reader: Reader) -> tuple[MailMessage | None, list[str]]:
    """Return the mail of a digest (None: nothing to say) and the ids of the entries it covers. Call
    within `mailing.speaking_to`. Entries with nothing left to say are closed on the way; one that
    fails stays, and will leave on its own."""
    refused = unsubscribe.refused_scopes(reader.id)
    subjects: dict[str, list[MailMessage]] = {}
    told, silent = [], []
    for entry in members(digest):
        subject = entry["scope"] or entry["_id"]
        if len(subjects) < SPELLED_OUT or subject in subjects:
            try:
                content = None if subject in refused else mailing.words(entry, reader)
            except Exception as error:
                log_failure(entry, error)
                continue
            if content is None:
                silent.append(entry["_id"])
                continue
            subjects.setdefault(subject, []).append(content)
        told.append(entry["_id"])
    close(silent, Outcome.SKIPPED, "nothing to say")
    footer = AFTER_A_BURST if digest["_id"].startswith(BURST_DIGEST) else AS_CHOSEN
    return (_message(subjects, len(told), footer) if told else None), told


def log_failure(entry: Entry, error: Exception) -> None:
    """Log where a mail failed, without the text of the error, which may contain an address."""
    cause = error.__cause__ or error
    where = "" if isinstance(cause, OSError) else "".join(traceback.format_tb(error.__traceback__))
    log.warning(
        "Mail %s (%s) failed at attempt %d: %s\n%s",
        entry["nonce"],
        entry["builder"],
        entry["attempts"],
        type(cause).__name__,
        where,
    )


def _message(subjects: dict[str, list[MailMessage]], total: int, footer: Any) -> MailMessage:
    paragraphs: list[Any] = [_("Here is what has happened to what you follow.")]
    for contents in subjects.values():
        paragraphs += [content.subject for content in contents]
        links = [item for content in contents for item in content.paragraphs if _is_link(item)]
        paragraphs += links[-1:]
    more = total - sum(map(len, subjects.values()))
    if more:
        paragraphs.append(ngettext("And %(num)d more.", "And %(num)d more.", more))
    return MailMessage(
        subject=ngettext(
            "%(num)d piece of news of what you follow",
            "%(num)d pieces of news of what you follow",
            total,
        ),
        paragraphs=paragraphs,
        footer=[footer],
    )


def _is_link(item: Any) -> bool:
    return isinstance(item, MailCTA) and bool(item.link)
