"""Make receivers of udata's signals that never raise: a failure of ours must not break a request of
udata's."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def harmless(receiver: Callable[..., None]) -> Callable[..., None]:
    """Wrap a receiver so that it logs what it would raise."""

    @functools.wraps(receiver)
    def careful(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception:
            log.exception("%s failed; maintenance will catch up", receiver.__name__)

    return careful
