"""Log what happens: one sentence and `key=value` pairs, ids only.

Everything is logged under `udata_culture_feedback`, so that an operator sets level and handler
once. Each record also carries its pairs as `record.culture_feedback` (a dict), for handlers that
write JSON. No name, no address, no IP, no contributor key and nobody's words: pairs are ids of
contributions, counts, statuses and classes of errors.
"""

from __future__ import annotations

import logging
from typing import Any

from ..consultations.signals import on_response_changed
from ..contributions.signals import on_decided
from ..data_requests.signals import on_request_moved, on_request_received
from ..feedback.signals import on_feedback_changed, on_feedback_treated
from ..web.log_line import tell

log = logging.getLogger(__name__)


def show(level: str) -> None:
    """Show our log from a level on. No handler of udata's takes what is below a warning: it then
    goes to the standard error, as warnings do."""
    ours = logging.getLogger("udata_culture_feedback")
    ours.setLevel(level)
    if not ours.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)


def connect() -> None:
    """Have what happens logged at INFO. Called by `init_app`; idempotent."""
    on_feedback_changed.connect(_feedback_changed)
    on_feedback_treated.connect(_feedback_treated)
    on_request_received.connect(_request_received)
    on_request_moved.connect(_request_moved)
    on_response_changed.connect(_response_changed)
    on_decided.connect(_decided)


def _feedback_changed(sender: Any, **what: Any) -> None:
    tell(
        log,
        logging.INFO,
        "feedback changed",
        feedback=sender,
        dataset=what.get("dataset"),
        erased=what.get("erased") or None,
    )


def _feedback_treated(sender: Any, **_: Any) -> None:
    tell(log, logging.INFO, "feedback treated", feedback=sender)


def _request_received(sender: Any, **_: Any) -> None:
    tell(log, logging.INFO, "request received", request=sender)


def _request_moved(sender: Any, **what: Any) -> None:
    entry = what.get("entry") or {}
    tell(log, logging.INFO, "request moved", request=sender, to=entry.get("to"))


def _response_changed(sender: Any, **what: Any) -> None:
    tell(
        log,
        logging.INFO,
        "consultation answered",
        consultation=sender,
        response=what.get("response"),
    )


def _decided(sender: Any, **what: Any) -> None:
    tell(log, logging.INFO, "moderated", batch=sender, changes=len(what.get("changes") or ()))
