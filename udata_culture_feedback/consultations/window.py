"""The window of a consultation: half-open, by the server's clock, shown in the portal's time zone.

Stored dates are naive UTC. The team types local time of the portal's zone, where clocks go forward
and back: a time that does not exist is refused; one that exists twice is read so that the window is
never shorter than announced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import format_time
from udata.i18n import lazy_gettext as _

from ..web import refusals
from ..web.moments import in_words as day_in_words
from ..web.moments import portal_zone, to_local
from .models import Dates


class State(StrEnum):
    """The state of a consultation at a moment."""

    DRAFT = "draft"  # only its team sees it
    SCHEDULED = "scheduled"  # announced
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Window:
    """The window [opens_at, closes_at), naive UTC."""

    opens_at: datetime
    closes_at: datetime
    published: bool = True

    @classmethod
    def of(cls, consultation: Dates) -> Window:
        return cls(
            consultation["opens_at"],
            consultation["closes_at"],
            bool(consultation.get("published")),
        )

    def state(self, at: datetime) -> State:
        if not self.published:
            return State.DRAFT
        if at < self.opens_at:
            return State.SCHEDULED
        return State.OPEN if at < self.closes_at else State.CLOSED

    def is_open(self, at: datetime) -> bool:
        return self.state(at) is State.OPEN

    def sealed(self, at: datetime) -> bool:
        """Check whether answers and figures are still hidden from everybody: until the last answers
        begun in time are in."""
        return not self.published or at < self.unsealed_at

    @property
    def unsealed_at(self) -> datetime:
        return self.closes_at + grace()

    def accepts(self, at: datetime, opened_at: datetime | None) -> bool:
        """Check whether an answer that arrives now counts. `opened_at`: when its form was
        opened."""
        if self.state(at) is State.OPEN:
            return True
        return (
            self.state(at) is State.CLOSED
            and opened_at is not None
            and self.opens_at <= opened_at < self.closes_at
            and at < self.closes_at + grace()
        )

    def days_left(self, at: datetime, zone: ZoneInfo | None = None) -> int:
        """Return the number of local days until the last one on which it is open: 0 on that day."""
        zone = zone or portal_zone()
        last = to_local(self.closes_at - timedelta(microseconds=1), zone).date()
        return (last - to_local(at, zone).date()).days


def grace() -> timedelta:
    """Return how long after the closing an answer begun before it is accepted."""
    return timedelta(minutes=max(0, current_app.config["CULTURE_FEEDBACK_CONSULTATION_GRACE"]))


def to_utc(local: datetime, zone: ZoneInfo, *, closing: bool = False) -> datetime:
    """Convert a naive local time to a stored date. One that exists twice is read as the first for
    an opening, as the second for a `closing`. Raise Invalid for one that does not exist, suggesting
    the next that does."""
    moment = local.replace(tzinfo=zone, fold=int(closing)).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        # Clocks go forward: the first moment after the jump.
        before = local.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
        after = local.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
        jump = abs(before - after)
        next_one = (local + jump).strftime("%H:%M")
        raise refusals.Invalid(
            _(
                "On that day clocks go forward and this time does not exist: choose %(time)s, for "
                "instance.",
                time=next_one,
            )
        )
    return moment.replace(tzinfo=None)


def is_ambiguous(local: datetime, zone: ZoneInfo) -> bool:
    """Check whether a local time exists twice, on a day when clocks go back."""
    first = local.replace(tzinfo=zone, fold=0).utcoffset()
    second = local.replace(tzinfo=zone, fold=1).utcoffset()
    return first is not None and second is not None and first > second


def read_moment(value: object, zone: ZoneInfo, *, closing: bool = False) -> datetime:
    """Read a date and time as a stored date: ISO 8601, whole seconds; local time of the portal
    unless it has an offset. Raise Invalid."""
    wrong = refusals.Invalid(_("A date and a time, such as 2026-12-31T09:00."))
    if not isinstance(value, str) or not 16 <= len(value.strip()) <= 40:
        raise wrong
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        else:
            moment = to_utc(moment.replace(fold=0), zone, closing=closing)
    except (ValueError, OverflowError):
        raise wrong from None
    if not 1990 <= moment.year <= 2200:
        raise wrong
    return moment.replace(microsecond=0)


def typed_moment(moment: datetime, zone: ZoneInfo) -> str:
    """Format a stored date for `<input type="datetime-local">`."""
    return to_local(moment, zone).strftime("%Y-%m-%dT%H:%M:%S")


def in_words(moment: datetime) -> str:
    """Format a stored date with its time, in the portal's zone and the current language; with its
    offset where the time exists twice."""
    zone = portal_zone()
    local = to_local(moment, zone)
    naive = local.replace(tzinfo=None, fold=0)
    hour = format_time(local.replace(tzinfo=None), "medium" if local.second else "short", False)
    if is_ambiguous(naive, zone):
        offset = local.strftime("%z")
        hour = f"{hour} (UTC{offset[:3]}:{offset[3:]})"
    return str(_("%(date)s at %(time)s", date=day_in_words(local.date()), time=hour))


def until_in_words(closes_at: datetime) -> str:
    """Describe until when it is open: a whole day where it closes at midnight."""
    local = to_local(closes_at, portal_zone())
    if local.time() == time():
        day = day_in_words((local - timedelta(days=1)).date())
        return str(_("until the end of %(date)s", date=day))
    return str(_("until %(moment)s", moment=in_words(closes_at)))
