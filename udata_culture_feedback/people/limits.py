"""Bound how much may be written: declared in one place, correct across processes.

The `limits` library counts in udata's own database (a fixed window: one atomic command per write),
through udata's own connection. It counts by contributor, by target and by e-mail address, all under
a keyed hash: no IP, no user agent.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from flask import current_app
from udata.i18n import lazy_gettext as _

from ..web import refusals
from . import keys
from .viewer import Viewer

if TYPE_CHECKING:
    from .limit_storage import Bound, Limiter

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """One bound: how many of `what`, as a setting says in the library's notation (None lifts
    it)."""

    what: str
    setting: str


#: How much one contributor may attempt, refused attempts included.
OF_CONTRIBUTOR = Rule("write", "CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR")
#: How much producers and moderators may attempt on what they manage.
OF_MANAGER = Rule("write", "CULTURE_FEEDBACK_LIMIT_MANAGER")
#: Contributions without an account, to one dataset or request, and to all of them. Only those with
#: a proof of work count: nobody closes a dataset to others for free.
ON_TARGET = Rule("without-account", "CULTURE_FEEDBACK_LIMIT_TARGET")
ON_SITE = Rule("without-account", "CULTURE_FEEDBACK_LIMIT_SITE")
#: Mails that anybody may have sent to one address, and to all of them. Links to one's own
#: data are counted apart, so that confirmations cannot use them up.
CONFIRMATION, ACCESS = "confirmation", "access"
TO_ADDRESS = "CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS"
TO_EVERYBODY = "CULTURE_FEEDBACK_LIMIT_CONFIRMATIONS_SITE"

#: The key of bounds that count everybody together.
EVERYBODY = "*"

#: How many times harder a proof of work gets, from which filled part of a window on.
HARDER = 4
STRAINED = 0.5


def spend_write(viewer: Viewer, *, manages: bool = False) -> None:
    """Count one write of a contributor, refused or not. Raise TooMany over the limit.

    `manages`: they manage what they write about (producers, moderators), which raises the limit.
    """
    wait = _spend(OF_MANAGER if manages else OF_CONTRIBUTOR, viewer.key or "")
    if wait is not None:
        raise refusals.TooMany(_("That is too much at once. Please wait a few minutes."), wait)


def spend_without_account(target: str) -> None:
    """Count one contribution without an account. Raise TooMany while too many arrive at once."""
    for rule, whom in ((ON_TARGET, target), (ON_SITE, EVERYBODY)):
        wait = _spend(rule, whom)
        if wait is not None:
            raise refusals.TooMany(
                _(
                    "Many people are answering without an account right now. Please wait a few "
                    "minutes, confirm an e-mail address, or log in."
                ),
                wait,
            )


def difficulty(target: str) -> int:
    """Return how many times harder than usual a proof of work is now: while many contributions
    without an account arrive, the next ones take longer."""
    strained = max(_filled(ON_TARGET, target), _filled(ON_SITE, EVERYBODY)) >= STRAINED
    return HARDER if strained else 1


def spend_mail(what: str, address: str) -> bool:
    """Count one mail (`CONFIRMATION`, `ACCESS`) to an address, first within its own bound: what
    that refuses does not count for everybody. Return False when this address has had all its mails:
    it gets no more, and nobody is told. Raise TooMany when the bound of everybody is reached."""
    wait = _wait(Rule(what, TO_EVERYBODY), EVERYBODY)
    if wait is None and _spend(Rule(what, TO_ADDRESS), address) is not None:
        return False
    wait = wait or _spend(Rule(what, TO_EVERYBODY), EVERYBODY)
    if wait is not None:
        message = _("Too many messages are being sent right now. Please come back in a while.")
        raise refusals.TooMany(message, wait)
    return True


def mails_strained(what: str) -> bool:
    """Return whether so many mails of a kind have been asked for that each now costs a proof of
    work."""
    return _filled(Rule(what, TO_EVERYBODY), EVERYBODY) >= STRAINED


def _spend(rule: Rule, whom: str) -> int | None:
    """Count one, and return the seconds to wait when that is over the bound. A database that cannot
    count does not stop people from contributing: the write itself will fail."""
    bound = _bound(rule)
    if bound is None:
        return None
    try:
        if _limiter().hit(bound, rule.what, _hidden(whom)):
            return None
        reset = _limiter().get_window_stats(bound, rule.what, _hidden(whom)).reset_time
    except _library().StorageError:
        log.exception("Writes could not be counted")
        return None
    return int(reset - time.time())


def _wait(rule: Rule, whom: str) -> int | None:
    """Return the seconds to wait when a window is full, without counting."""
    bound = _bound(rule)
    if bound is None or _filled(rule, whom) < 1:
        return None
    reset = _limiter().get_window_stats(bound, rule.what, _hidden(whom)).reset_time
    return max(1, int(reset - time.time()))


def _filled(rule: Rule, whom: str) -> float:
    """Return how much of a window is used, from 0 to 1."""
    bound = _bound(rule)
    if bound is None:
        return 0
    try:
        left = _limiter().get_window_stats(bound, rule.what, _hidden(whom)).remaining
    except _library().StorageError:
        log.exception("Writes could not be counted")
        return 0
    return 1 - left / bound.amount


def _bound(rule: Rule) -> Bound | None:
    setting = current_app.config[rule.setting]
    return _library().parse(setting) if setting else None


def _hidden(whom: str) -> str:
    """Hash the key that is counted: the collection reveals nothing of who wrote, and its keys
    expire."""
    return keys.hashed("limits", whom)


def _limiter() -> Limiter:
    state = current_app.extensions["culture-feedback"]
    if state.limiter is None:
        state.limiter = _library().limiter()
    return state.limiter


def _library() -> ModuleType:
    """Import our `limit_storage` on the first write only: the library takes a while to load."""
    from . import limit_storage

    return limit_storage
