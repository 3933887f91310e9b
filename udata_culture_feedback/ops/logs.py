"""What our log says: one sentence and `key=value` pairs, ids only.

Everything is logged under `udata_culture_feedback`, so that an operator sets level and handler
once. Each record also carries its pairs as `record.culture_feedback` (a dict), for handlers that
write JSON. No name, no address, no IP, no key of a contributor and no words of anybody: pairs are
ids of contributions, counts, statuses and classes of errors.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from ..consultations.signals import on_response_changed
from ..data_requests.signals import on_request_moved, on_request_received
from ..feedback.signals import on_feedback_changed, on_feedback_treated
from ..moderation.signals import on_decided

log = logging.getLogger(__name__)


def tell(logger: logging.Logger, level: int, event: str, **pairs: Any) -> None:
    """Logs one event. Pairs that are None are left out."""
    known = {key: value for key, value in pairs.items() if value is not None}
    if not logger.isEnabledFor(level):
        return
    line = " ".join([event, *(f"{key}={_value(value)}" for key, value in known.items())])
    logger.log(level, "%s", line, extra={"culture_feedback": {"event": event} | known})


def connect() -> None:
    """Called once by `init_app`, harmlessly again: has what happens logged at INFO."""
    on_feedback_changed.connect(_feedback_changed)
    on_feedback_treated.connect(_feedback_treated)
    on_request_received.connect(_request_received)
    on_request_moved.connect(_request_moved)
    on_response_changed.connect(_response_changed)
    on_decided.connect(_decided)


def _value(value: Any) -> str:
    """As it stands where it is one word, quoted otherwise: a line is never two."""
    text = str(value)
    plain = text and all(one.isalnum() or one in "-_.:/,+" for one in text)
    return text if plain else json.dumps(text, ensure_ascii=False)


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
