"""What consultations give to other rooms, which find it in `contributions.neighbours`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from .consultation_link import disclosed, drop, filtered_by, keep, put
from .models import Consultation
from .presentation import banner
from .presentation import open_consultations as banners_key
from .scope import Scoped
from .scope import looked_up as unclosed_stage

__all__ = [
    "banner",
    "banners_key",
    "disclosed",
    "drop",
    "filtered_by",
    "keep",
    "put",
    "unclosed_of",
    "unclosed_stage",
]


def unclosed_of(documents: Iterable[dict[str, Any]]) -> tuple[Scoped, ...]:
    """Return what `unclosed_stage` has read, for `put(waiting=…)`."""
    return tuple(Scoped.of(cast(Consultation, one)) for one in documents)
