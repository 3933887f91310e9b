"""What a requester may count on: the service date and, where the law gives one, the appeal, of a
stored request (`clock` and `appeal` know no database)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import current_app

from .. import vocabulary
from ..contributions.organization_settings import SERVICE, names_its_service, settings_of
from ..portal import catalogue
from ..portal.collections import now
from ..web.moments import portal_zone
from . import appeal
from .appeal import AppealWindow, Law, Standing, State
from .clock import Clock, explanation
from .models import Entry, Request, requests
from .repository import find
from .workflow import OPEN, Role, Status

#: Statuses by which the holder grants a request.
_GRANTED = frozenset((Status.ACCEPTED, Status.IN_PROGRESS, Status.PUBLISHED))
#: Statuses in which nothing is refused: the data are there, or no longer asked for.
_SATISFIED = frozenset((Status.PUBLISHED, Status.WITHDRAWN))


def window_of(request: Request) -> AppealWindow | None:
    """Return the window to appeal against a refusal, where the law gives one. None for an imported
    request and for one whose requester has left: nobody here is identified."""
    config = current_app.config
    holder, received_at = request.get("organization"), _received_at(request)
    if request.get("external_id") or request.get("detached"):
        return None
    if not config["CULTURE_FEEDBACK_FORMAL_REQUESTS"] or holder is None or received_at is None:
        return None
    if not appeal.applies(
        holder_badges=catalogue.badges_of(holder),
        kind=request["kind"],
        contributor_kind=request["contributor"]["kind"],
        received_at=received_at,
        formal=True,
    ):
        return None
    standing = standing_of(decisions(request))
    return appeal.window(
        received_at,
        portal_zone(),
        refused_at=standing.refused_at,
        anew=standing.anew,
        law=Law.of(config),
    )


def refused_window(request: Request) -> AppealWindow | None:
    """Return the window once there is a refusal, by silence or by a decision, also when it is too
    late to appeal; None before, and where nothing is (or is no longer) refused."""
    if _status(request) in _SATISFIED:
        return None
    window = window_of(request)
    return window if window and window.state(now()) is not State.AHEAD else None


def may_appeal(request: Request) -> bool:
    """Return whether the requester can appeal now, or perhaps still: see `was_told`."""
    window = refused_window(request)
    if window is None:
        return False
    return window.state(now()) is State.OPEN or not was_told(request, window)


def was_told(request: Request, window: AppealWindow) -> bool:
    """Return whether a mail has told the requester what the law asks before the months to appeal
    run (CRPA L.112-6)."""
    return window.kind in (request.get("appeal_told") or {})


def mark_told(request: Request) -> None:
    """Record that a mail with the ways to appeal has left: a receipt counts only where it named the
    service in charge (CRPA R.112-5)."""
    window = window_of(request)
    if window is None or not window.law.cada:
        return
    if window.kind is appeal.Refusal.IMPLICIT and not names_its_service(
        settings_of(request.get("organization"))
    ):
        return
    field = f"appeal_told.{window.kind}"
    requests().update_one(
        {"_id": request["_id"], field: {"$exists": False}}, {"$set": {field: now()}}
    )


def service_in_words(request: Request) -> str | None:
    """Name the service in charge of a request, with all that its holder has said of it; None where
    that is nothing."""
    holder = request.get("organization")
    known: Mapping[str, Any] = settings_of(holder) if holder else {}
    said = [known[name] for name in SERVICE if known.get(name)]
    if not said:
        return None
    service = ", ".join(line for one in said for line in one.splitlines())
    return Law.of(current_app.config).sentence("service", service=service)


def decisions(request: Request) -> list[Entry]:
    """Return the history entries that count for the appeal, oldest first: those since it was last
    asked; for a merged request, also those of its carrier since the merge."""
    found = [entry for one in lives(request) for entry in one["history"]]
    for number in range(len(found), 0, -1):
        if found[number - 1]["from"] == Status.WITHDRAWN:
            return found[number:]
    return found


def lives(request: Request) -> list[Request]:
    """Return a request and, where it was merged, its carrier with the history since the merge."""
    carrier = _carrier(request)
    if carrier is None:
        return [request]
    history = request["history"]
    merged_at = max(
        (entry["at"] for entry in history if entry["to"] == Status.DUPLICATE),
        default=request["created_at"],
    )
    since = [entry for entry in carrier["history"] if entry["at"] >= merged_at]
    return [request, carrier | {"history": since}]


def standing_of(entries: list[Entry]) -> Standing:
    """Return the refusal that stands after these entries."""
    standing = Standing()
    for entry in entries:
        before, after = entry["from"], entry["to"]
        if before == after:
            continue
        taken_back = before == Status.DECLINED and entry["by"]["role"] != Role.REQUESTER
        if after == Status.DECLINED:
            standing = standing.refused(entry["at"])
        elif after in _GRANTED or (taken_back and after == Status.ACKNOWLEDGED):
            standing = standing.granted()
    return standing


def in_words(request: Request) -> list[str]:
    """Explain both dates in the reader's language: the service date, then the date from which
    silence is a refusal; where the law gives no appeal, a note says so."""
    window = window_of(request)
    clock, received_at = Clock.of(request["clock"]), request.get("received_at")
    dated = explanation(
        clock,
        portal_zone(),
        note="" if window else without_window(request),
        received=received_at is not None and received_at <= clock.started_at,
    )
    if window is None or _status(request) in _SATISFIED:
        return [dated]
    return [dated, appeal.explanation(window)]


def appeal_in_words(request: Request) -> str:
    """Explain how a refusal can be contested, or that it cannot."""
    window = window_of(request)
    return appeal.explanation(window) if window else without_window(request)


def without_window(request: Request) -> str:
    """Say that a request opens no appeal where that is known: it asks for better data, not for any
    that were never communicated. Otherwise that depends on who holds the data."""
    known = request["kind"] not in appeal.COVERED
    return Law.of(current_app.config).sentence("no_appeal" if known else "depends")


def holders_without_service(limit: int = 20) -> list[str]:
    """Return the names of holders of open requests with an appeal whose receipts cannot name the
    service in charge."""
    asked = {"kind": {"$in": [*appeal.COVERED]}, "status": {"$in": [*OPEN]}}
    names = []
    for holder in requests().distinct("organization", asked | {"organization": {"$ne": None}}):
        bound = not appeal.BOUND.isdisjoint(catalogue.badges_of(holder) or ())
        found = catalogue.find_organization(holder) if bound else None
        if found and not found.deleted and not names_its_service(settings_of(holder)):
            names.append(found.name)
    return sorted(names)[:limit]


def ground_in_words(reason: str) -> str:
    """Return the reason of a refusal, with the article of law where there is one."""
    lists = vocabulary.vocabularies()
    label = lists.label("decline_reasons", reason)
    term = lists.find("decline_reasons", reason)
    return f"{label} ({term.reference})" if term and term.reference else label


def _received_at(request: Request) -> datetime | None:
    """Return when the holder received a request; the last time, where it was withdrawn and asked
    again."""
    received_at = request.get("received_at")
    again = [entry["at"] for entry in request["history"] if entry["from"] == Status.WITHDRAWN]
    return max(received_at, *again) if received_at and again else received_at


def _status(request: Request) -> Status:
    """Return the status that applies: for a merged request, that of its carrier."""
    return Status((_carrier(request) or request)["status"])


def _carrier(request: Request) -> Request | None:
    return find(request["duplicate_of"]) if request.get("duplicate_of") else None
