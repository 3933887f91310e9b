"""What consultations provide to other rooms, which reach it through `contributions.neighbours`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions.neighbours import TrendEvent
from ..portal.catalogue import DatasetFacts
from ..portal.collections import now
from ..web.untyped import Document
from .consultation_link import count_late, disclosed, drop, filtered_by, keep, large, put
from .models import Consultation, consultations
from .presentation import banner
from .presentation import open_consultations as banners_key
from .scope import FIELDS, Scoped
from .scope import looked_up as unclosed_stage
from .wording import said

__all__ = [
    "banner",
    "banners_key",
    "count_late",
    "disclosed",
    "drop",
    "events",
    "filtered_by",
    "keep",
    "large",
    "put",
    "unclosed_of",
    "unclosed_stage",
]


def unclosed_of(documents: Iterable[Document]) -> tuple[Scoped, ...]:
    """Convert the documents that `unclosed_stage` has read, for `put(waiting=…)`."""
    return tuple(Scoped.of(cast(Consultation, one)) for one in documents)


#: Most consultations that trends mark, the latest first.
NAMED_IN_TRENDS = 20


def events(
    dataset: DatasetFacts | None = None, organization: ObjectId | None = None
) -> list[TrendEvent]:
    """Return the past openings and closings of published consultations that concern a dataset, an
    organization, or (without either) the whole portal; of the latest twenty."""
    at = now()
    where = {"published": {"$ne": None}, "opens_at": {"$lte": at}}
    found = consultations().find(where, FIELDS).sort("opens_at", -1).limit(NAMED_IN_TRENDS)
    told = []
    for one in map(Scoped.of, found):
        if (dataset or organization) and not one.concerns(dataset, organization):
            continue
        title = said(one.title)
        opened = _("Consultation opened: %(title)s", title=title)
        told.append(TrendEvent(one.window.opens_at, "consultation_opened", str(opened)))
        if one.window.closes_at <= at:
            closed = _("Consultation closed: %(title)s", title=title)
            told.append(TrendEvent(one.window.closes_at, "consultation_closed", str(closed)))
    return told
