"""The service date of a request: the portal's own commitment, which can be paused, extended and
restarted.

Pure: no database, no system time. Moments come in as naive UTC, as MongoDB returns them; days are
those of the portal's zone. The law's window, which nothing moves, is in `appeal.py`.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from udata.i18n import gettext as _
from udata.i18n import ngettext, pgettext

from ..web.moments import end_of_day, in_words, local_day, local_days
from ..web.untyped import Document


def add_months(day: date, months: int) -> date:
    """Add months to a day, clipped to the end of the month: 31 January + 1 is 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def overdue_bound(now: datetime) -> datetime:
    """Return the moment before which a due date is overdue, in Python as in a query (`{"$lt": …}`):
    the last second of a day lasts until its end."""
    return now.replace(microsecond=0)


# --- The clock ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """How long a request may wait for its answer. Immutable: each operation returns a new clock, or
    this one where nothing changes. Moments are naive UTC, to the millisecond as MongoDB keeps them.

    `due_at` is the last local second of: day of `started_at` + `months`, clipped + `paused_days` +
    `extended_days`. It is None while paused, merged or answered, so that overdue is one comparison.
    """

    started_at: datetime
    months: int
    due_at: datetime | None = None
    #: Since when a clarification is awaited.
    paused_at: datetime | None = None
    #: Deadline of the last clarification asked; kept once passed: later steps count from it.
    clarify_by: datetime | None = None
    #: Whether the one reminder of that clarification was sent.
    reminded: bool = False
    #: Whole local days of the pauses that are over, and of the time spent merged.
    paused_days: int = 0
    extended_days: int = 0
    extension_reason: str | None = None
    answered_at: datetime | None = None
    #: Whether requester and holder were told that the answer is late: once.
    told_overdue: bool = False
    #: Since when the request is merged with another, or withdrawn.
    stopped_at: datetime | None = None
    #: Whether a reopening started it, not a reception: the words differ.
    reopened: bool = False

    @classmethod
    def start(cls, at: datetime, months: int, zone: ZoneInfo) -> Clock:
        """Start the clock of a request received at `at`. Raise ValueError for less than a month."""
        if months < 1:
            raise ValueError("The service date is at least one month after reception.")
        return cls(started_at=_moment(at), months=months)._dated(zone)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Clock:
        """Read the clock stored in `document`; fields missing there have their defaults, unknown
        ones are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})

    def to_mongo(self) -> Document:
        return asdict(self)

    # Reading it

    @property
    def paused(self) -> bool:
        """Whether it stands still though unanswered: paused, merged or withdrawn."""
        return self.paused_at is not None or self.stopped_at is not None

    @property
    def next_deadline(self) -> datetime | None:
        """The next deadline: that of the clarification while one is awaited, otherwise the service
        date; None while merged and once answered."""
        if self.answered_at is None and self.stopped_at is None and self.paused_at is not None:
            return self.clarify_by
        return self.due_at

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at < overdue_bound(now)

    def due_day(self, zone: ZoneInfo) -> date:
        """Return the local day of the service date, without the pause under way. Also defined once
        answered, to show whether the answer was in time."""
        days = timedelta(self.paused_days + self.extended_days)
        return add_months(local_day(self.started_at, zone), self.months) + days

    # Changing it

    def pause(self, at: datetime, days: int, zone: ZoneInfo) -> Clock:
        """Pause for a clarification, awaited until the end of the local day `days` later. Change
        nothing while another is awaited. Raise ValueError for less than a day."""
        if days < 1:
            raise ValueError("A clarification can be given until the next day at least.")
        clock = self._lapsed(at, zone)
        if clock.paused or clock.answered_at is not None:
            return self
        clarify_by = end_of_day(local_day(at, zone) + timedelta(days), zone)
        paused = replace(clock, paused_at=_moment(at), clarify_by=clarify_by, reminded=False)
        return paused._dated(zone)

    def resume(self, at: datetime, zone: ZoneInfo) -> Clock:
        """End the pause of a clarification, when it was given or when its deadline passed,
        whichever came first, and add the midnights it crossed. Change nothing when not paused, or
        while merged: a merged request waits for nothing."""
        if self.paused_at is None or self.stopped_at is not None or self.answered_at is not None:
            return self
        end = at if self.clarify_by is None else min(at, self.clarify_by)
        days = self.paused_days + local_days(self.paused_at, end, zone)
        return replace(self, paused_at=None, paused_days=days)._dated(zone)

    def stop(self, at: datetime) -> Clock:
        """Stop the clock of a request that is merged into another, or withdrawn."""
        if self.stopped_at is not None or self.answered_at is not None:
            return self
        return replace(self, stopped_at=_moment(at), due_at=None)

    def unmerge(self, at: datetime, zone: ZoneInfo) -> Clock:
        """Continue where `stop` left off, and count the midnights since as paused. A clarification
        awaited then keeps as many days as it had left."""
        if self.stopped_at is None or self.answered_at is not None:
            return self
        days = local_days(self.stopped_at, at, zone)
        clock = replace(self, stopped_at=None)._lapsed(self.stopped_at, zone)
        if clock.paused_at is None or clock.clarify_by is None:
            return replace(clock, paused_days=clock.paused_days + days)._dated(zone)
        clarify_by = end_of_day(local_day(clock.clarify_by, zone) + timedelta(days), zone)
        return replace(clock, clarify_by=clarify_by)

    def answer(self, at: datetime, zone: ZoneInfo) -> Clock:
        """Stop for good: the request was published or declined. Only the first answer counts."""
        if self.answered_at is not None:
            return self
        running = self._running(at, zone)
        return replace(running, answered_at=_moment(at), due_at=None)

    def reopen(self, at: datetime, zone: ZoneInfo, months: int | None = None) -> Clock:
        """Start a new clock with the months promised today (`months`) or those of this one. Change
        nothing where it was neither answered nor stopped."""
        if self.answered_at is None and self.stopped_at is None:
            return self
        return replace(Clock.start(at, months or self.months, zone), reopened=True)

    def extend(self, days: int, reason: str, zone: ZoneInfo) -> Clock:
        """Extend the service date by `days`, once, for a public reason. Raise ValueError when it
        was extended before, has no days or reason, or when nothing is awaited."""
        if self.extended_days:
            raise ValueError("The service date was already extended once.")
        if self.answered_at is not None or self.stopped_at is not None:
            raise ValueError("The clock is no longer running.")
        if days < 1 or not reason.strip():
            raise ValueError("An extension needs a number of days and a reason.")
        return replace(self, extended_days=days, extension_reason=reason.strip())._dated(zone)

    def recompute(self, months: int, now: datetime, zone: ZoneInfo) -> Clock:
        """Recompute the date under changed settings (months, zone); an answered clock keeps its
        own. Where the date moves into the past it counts as told: nobody gets a mail for it."""
        if months < 1:
            raise ValueError("The service date is at least one month after reception.")
        if self.answered_at is not None:
            return self
        moved = replace(self, months=months)._dated(zone)
        was_late, late = (clock._running(now, zone).is_overdue(now) for clock in (self, moved))
        return replace(moved, told_overdue=self.told_overdue or (late and not was_late))

    def remind(self) -> Clock:
        """Record that the reminder of the clarification was sent."""
        return replace(self, reminded=True)

    def tell_overdue(self) -> Clock:
        """Record that requester and holder were told that the answer is late."""
        return replace(self, told_overdue=True)

    def _lapsed(self, at: datetime, zone: ZoneInfo) -> Clock:
        """End a pause whose deadline had passed at `at`, where nothing has ended it yet."""
        over = self.clarify_by is not None and self.clarify_by < overdue_bound(at)
        return self.resume(at, zone) if over else self

    def _running(self, at: datetime, zone: ZoneInfo) -> Clock:
        """Return the clock as if its pause or stop ended at `at`."""
        return self.unmerge(at, zone).resume(at, zone)

    def _dated(self, zone: ZoneInfo) -> Clock:
        if self.paused or self.answered_at is not None:
            return replace(self, due_at=None)
        return replace(self, due_at=end_of_day(self.due_day(zone), zone))


def _moment(at: datetime) -> datetime:
    """Truncate a moment to the millisecond, as MongoDB returns it. Raise ValueError for a moment
    with a zone."""
    if at.tzinfo is not None:
        raise ValueError("Moments are naive UTC.")
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


# --- In words -------------------------------------------------------------------------------------


def months_in_words(months: int) -> str:
    return str(ngettext("one month", "%(num)d months", months))


def explanation(clock: Clock, zone: ZoneInfo, *, note: str = "", received: bool = True) -> str:
    """Explain how the service date is computed, in the language of the reader; `note` follows.
    `received`: whether a holder had the request when the clock started; until one is known it is
    only recorded."""
    separator = str(pgettext("between the steps of a computation", "; "))
    computation = str(_("%(steps)s.", steps=separator.join(_steps(clock, zone, received))))
    return f"{computation} {note}".rstrip()


def _steps(clock: Clock, zone: ZoneInfo, received: bool) -> list[str]:
    started = local_day(clock.started_at, zone)
    reached = add_months(started, clock.months)
    beginning = _("Received on %(date)s") if received else _("Recorded on %(date)s")
    if clock.reopened:
        beginning = _("Reopened on %(date)s")
    steps = [
        str(beginning) % {"date": in_words(started)},
        str(
            _(
                "%(duration)s: until the end of %(date)s",
                duration=months_in_words(clock.months),
                date=in_words(reached),
            )
        ),
    ]
    if clock.paused_days:
        reached += timedelta(clock.paused_days)
        steps.append(
            str(
                ngettext(
                    "%(num)d day of suspension: %(date)s",
                    "%(num)d days of suspension: %(date)s",
                    clock.paused_days,
                    date=in_words(reached),
                )
            )
        )
    if clock.extended_days:
        reached += timedelta(clock.extended_days)
        steps.append(
            str(
                ngettext(
                    "extended by %(num)d day (%(reason)s): %(date)s",
                    "extended by %(num)d days (%(reason)s): %(date)s",
                    clock.extended_days,
                    reason=clock.extension_reason or "",
                    date=in_words(reached),
                )
            )
        )
    now = _state(clock, zone)
    return [*steps, now] if now else steps


def _state(clock: Clock, zone: ZoneInfo) -> str:
    """Return in words what holds the clock now; empty while it runs."""
    if clock.answered_at is not None:
        answered = in_words(local_day(clock.answered_at, zone))
        return str(_("answered on %(date)s", date=answered))
    if clock.stopped_at is not None:
        return str(_("stopped since %(date)s", date=in_words(local_day(clock.stopped_at, zone))))
    if clock.paused_at is not None and clock.clarify_by is not None:
        return str(
            _(
                "suspended since %(date)s, until details are given, on %(deadline)s at the latest",
                date=in_words(local_day(clock.paused_at, zone)),
                deadline=in_words(local_day(clock.clarify_by, zone)),
            )
        )
    return ""
