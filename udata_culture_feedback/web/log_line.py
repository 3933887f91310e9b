"""Log one event as a sentence and `key=value` pairs, ids only (see `ops.logs`)."""

from __future__ import annotations

import json
import logging
from typing import Any


def tell(logger: logging.Logger, level: int, event: str, **pairs: Any) -> None:
    """Log one event. Pairs that are None are left out."""
    known = {key: value for key, value in pairs.items() if value is not None}
    if not logger.isEnabledFor(level):
        return
    line = " ".join([event, *(f"{key}={_value(value)}" for key, value in known.items())])
    logger.log(level, "%s", line, extra={"culture_feedback": {"event": event} | known})


def _value(value: Any) -> str:
    """Write a value as it is when it is one word, quoted otherwise: an event is always one line."""
    text = str(value)
    plain = text and all(one.isalnum() or one in "-_.:/,+" for one in text)
    return text if plain else json.dumps(text, ensure_ascii=False)
