"""Participation by day and by way of answering: it reveals no opinion, and so is outside the seal.
The team sees it while the consultation is open; the public sees the total where the team allows
it."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from .. import vocabulary
from ..people.viewer import Viewer
from ..web import refusals
from ..web.moments import iso
from . import figures, permissions
from .figures import Way
from .models import Consultation
from .repository import no_such_consultation

#: Profiles are shown rounded down to multiples of this, and so not below it.
PROFILE_STEP = 10


class Day(TypedDict):
    """How many people answered on a local day (ISO)."""

    day: str
    count: int


class OfProfile(TypedDict):
    """How many people of a profile answered, at least."""

    id: str
    label: str
    at_least: int


class Participation(TypedDict):
    """How many people take part; others than the team see the `total` alone. `public`: whether they
    do."""

    total: int
    days: NotRequired[list[Day]]
    ways: NotRequired[dict[str, int]]
    profiles: NotRequired[list[OfProfile]]
    reminders: NotRequired[list[str | None]]
    public: NotRequired[bool]


def read(viewer: Viewer, consultation: Consultation) -> Participation:
    """Return the participation: for the team `total`, `days`, `ways`, `profiles` and `reminders`,
    for others the `total` alone. Raise NotFound where the team does not show it."""
    team = permissions.is_team(viewer)
    if not team and not consultation.get("show_participation"):
        raise no_such_participation()
    totals = figures.totals(consultation["_id"])
    total = totals.get("total", 0)
    if not team:
        return {"total": total}
    return {
        "total": total,
        "days": _days(totals),
        "ways": {way.value: totals.get(f"way:{way}", 0) for way in Way},
        "profiles": _profiles(totals),
        "reminders": [iso(at) for at in consultation.get("reminders", ())],
        "public": bool(consultation.get("show_participation")),
    }


def total(consultation: Consultation) -> int | None:
    """Return the number of people who answered; None where it is not public."""
    if not consultation.get("show_participation"):
        return None
    return figures.totals(consultation["_id"]).get("total", 0)


def no_such_participation() -> refusals.NotFound:
    """Build the refusal of figures that are not public; it does not reveal whether there are
    any."""
    return no_such_consultation()


def _days(totals: dict[str, int]) -> list[Day]:
    found = sorted(
        (key.removeprefix("day:"), n) for key, n in totals.items() if key.startswith("day:") and n
    )
    return [{"day": day, "count": n} for day, n in found]


def _profiles(totals: dict[str, int]) -> list[OfProfile]:
    """Count people by profile, rounded down to tens: read day after day, this identifies nobody.
    Smaller groups have no line, from which they could be computed."""
    rounded = [
        (term, totals.get(f"profile:{term.id}", 0) // PROFILE_STEP * PROFILE_STEP)
        for term in vocabulary.vocabularies()["profiles"]
    ]
    return [
        {"id": term.id, "label": str(term.label), "at_least": count}
        for term, count in rounded
        if count
    ]
