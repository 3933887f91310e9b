"""What a requester may count on: the service date, and where the law gives one the appeal, of a
stored request (`clock` and `appeal` know no database)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import current_app

from .. import catalogue
from . import appeal
from .appeal import AppealWindow, Law
from .clock import Clock, explanation
from .records import zone
from .workflow import Status

Request = dict[str, Any]


def window_of(request: Request) -> AppealWindow | None:
    """The window to appeal against a refusal of this request, where the law gives one. None to who
    asked elsewhere (imported) or has left: nobody here is identified."""
    config = current_app.config
    holder, received_at = request.get("organization"), request.get("received_at")
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
    return appeal.window(received_at, zone(), refused_at=refused_at(request), law=Law.of(config))


def refused_at(request: Request) -> datetime | None:
    """When a request that stands refused was refused."""
    if request["status"] != Status.DECLINED:
        return None
    return next((e["at"] for e in reversed(request["history"]) if e["to"] == Status.DECLINED), None)


def in_words(request: Request) -> list[str]:
    """Both dates with their computation, in the language of the reader: the service date, and the
    date from which silence is a refusal or, without appeal, that there is none."""
    window = window_of(request)
    note = Law.of(current_app.config).sentence("no_appeal")
    dated = explanation(Clock.of(request["clock"]), zone(), appeal=window is not None, note=note)
    return [dated, appeal.explanation(window)] if window else [dated]


def appeal_in_words(request: Request) -> str:
    """How a refusal can be contested, or that it cannot."""
    window = window_of(request)
    if window:
        return appeal.explanation(window)
    return Law.of(current_app.config).sentence("no_appeal")
