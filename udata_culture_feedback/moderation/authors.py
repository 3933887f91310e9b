"""Other recent texts of an author, and the decisions about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..contributions import kinds
from ..contributions.embedded_texts import EmbeddedText
from ..people.viewer import Viewer
from ..web.text_cleaning import excerpt
from . import journal_reading
from .models import journal
from .presentation import Line

#: Texts of each kind that are looked at, and lines of the journal that are shown.
TEXTS, LINES = 10, 10
#: How much of a text is shown.
SAMPLE = 160


@dataclass(frozen=True)
class Author:
    """Who wrote a text (`of`: its id), with what they have said lately, and the decisions about
    it. `waiting`: the address of what waits of them."""

    of: str
    name: str | None
    texts: list[Said]
    lines: list[Line]
    waiting: str


@dataclass(frozen=True)
class Said:
    """One text of an author."""

    kind: str
    words: str
    visibility: str
    at: datetime
    page: str | None


def said_by(viewer: Viewer, key: str) -> tuple[list[Said], list[journal_reading.Shown]]:
    """Return the latest texts of an author within this moderator's remit, and the journal lines
    about them, the latest first. One indexed query for each kind."""
    texts: list[Said] = []
    ids = []
    for moderated in kinds.moderated().values():
        if isinstance(moderated, EmbeddedText):
            continue  # part of something else, which is here
        theirs = {"contributor.key": key} | moderated.where()
        newest = moderated.collection().find(theirs, sort=[("_id", -1)]).limit(TEXTS)
        for item in moderated.loaded(list(newest)):
            words = " — ".join(moderated.texts(item).values())
            if words and viewer.moderates(moderated.organization(item)):
                ids.append(item["_id"])
                texts.append(
                    Said(
                        kind=str(moderated.label),
                        words=excerpt(words, SAMPLE),
                        visibility=str(item["visibility"]),
                        at=item["created_at"],
                        page=moderated.page(item),
                    )
                )
    found = journal().find({"item": {"$in": ids}}, sort=[("at", -1), ("_id", -1)]).limit(LINES)
    lines = journal_reading.shown(viewer, list(found))
    return sorted(texts, key=lambda one: one.at, reverse=True)[:TEXTS], lines
