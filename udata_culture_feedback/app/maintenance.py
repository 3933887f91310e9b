"""Catch up on whatever a bad day left: run every night (`udata feedback maintain`, or the job
`culture-feedback-maintain`), safe to run at any time and twice at once.

HTTP requests do their work themselves or hand it to tasks; what a lost task would have done is
still marked as due in the database, and is done here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from udata.core.user.models import User

from ..contributions import adoption, imports, kinds
from ..dashboard import producer_alerts
from ..data_requests import indexing
from ..mail import outbox
from ..moderation import upkeep as moderation
from ..portal.collections import now
from ..portal.job_runs import each, recorded
from ..web.log_line import tell
from . import retention

log = logging.getLogger(__name__)

JOB = "culture-feedback-maintain"

#: How long deleted accounts are revisited: udata may delete their comments late.
FORGOTTEN_WITHIN = timedelta(days=40)


def maintain() -> dict[str, int]:
    """Catch up on everything; return how much of each was done. A step that fails is logged, does
    not stop the others, and is returned as `<name>_failed`."""
    with recorded(JOB) as run:
        each(steps(), run)
    done: dict[str, int] = run["done"]
    tell(log, logging.INFO, "maintained", **{name: n for name, n in done.items() if n})
    return done | {f"{name}_failed": 1 for name in run["failed"]}


def steps() -> dict[str, Callable[[], int]]:
    """Return the steps in order: deleted accounts are forgotten before anything of theirs is told
    to others; then what each kind of contribution asks for, then what concerns all of them."""
    return {
        "accounts_forgotten": forget_accounts,
        "datasets_adopted": adoption.look_for_all,
        **kinds.upkeep(),
        "imports_resumed": imports.resume,
        "producers_told": producer_alerts.tell_weekly,
        "waits_pointed_out": producer_alerts.escalate,
        **moderation.STEPS,
        **indexing.STEPS,
        **retention.STEPS,
        "mails_delivered": outbox.deliver_all,
    }


def forget_accounts() -> int:
    """Remove recently deleted accounts from what still identifies them; return how much was
    changed."""
    since = now() - FORGOTTEN_WITHIN
    gone = User._get_collection().find({"deleted": {"$gte": since}}, {"_id": 1})
    return sum(kinds.forget_account(user["_id"]) for user in gone)
