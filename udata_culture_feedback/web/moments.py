"""Convert moments between storage (naive UTC), the API, and the days and words of people in the
portal's time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import overload
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import format_date, get_locale


def portal_zone() -> ZoneInfo:
    """Return the portal's time zone, in which dates are computed and shown."""
    return ZoneInfo(current_app.config["CULTURE_FEEDBACK_TIMEZONE"])


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: None) -> None: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """Return a stored moment with its zone, as the API shows it."""
    return f"{moment.isoformat()}+00:00" if moment else None


def to_local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return a stored moment in a zone (aware)."""
    return at.replace(tzinfo=UTC).astimezone(zone)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the day it is in `zone` at `at` (naive UTC)."""
    return to_local(at, zone).date()


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Count the local midnights between two moments, whatever the hour, and whether a day lasted
    23, 24 or 25 hours. Never negative."""
    return max(0, (local_day(end, zone) - local_day(start, zone)).days)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the beginning of a local day, as naive UTC. Raise OverflowError at the ends of the
    calendar."""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the last second of a local day, as naive UTC.

    `fold=1` (PEP 495) takes the later of two 23:59:59 where clocks go back at midnight (Havana)
    and, where they jump over it (Nuuk, in March), the last second before the jump.
    """
    last = datetime.combine(day, time(23, 59, 59, fold=1), zone)
    return last.astimezone(UTC).replace(tzinfo=None)


def in_words(day: date) -> str:
    """Write a day in the language of the request, always in the same form: « 1er janvier 2026 », "7
    September 2026"."""
    locale = get_locale()
    if locale is not None and locale.language == "en":
        return str(format_date(day, "d MMMM y"))
    written = str(format_date(day, "long"))
    if locale is not None and locale.language == "fr":
        return re.sub(r"^1(?=\s)", "1er", written)
    return written
