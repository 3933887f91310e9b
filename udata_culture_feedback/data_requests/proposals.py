"""Propose what already exists before a request is written: similar datasets and requests, as the
index finds them and the viewer may see them."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import TypedDict

from udata.i18n import lazy_gettext as _

from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.catalogue import DatasetFacts
from ..search import similar
from ..search.similar import Similar
from ..search.terms import fold, stems
from ..search.understanding import How
from ..web.untyped import Shown
from . import representation
from .models import requests
from .queries import LEFT_OUT
from .workflow import OPEN, Status

#: Most datasets, and requests, proposed.
SHOWN = 5
WORDS = re.compile(r"([^\W_]+)")

#: How a word was found, where the title does not show it.
HOW = {
    How.ACRONYM: _("acronym: %(word)s"),
    How.SYNONYM: _("also called: %(found)s"),
    How.TYPO: _("corrected: %(found)s"),
    How.BEGINNING: _("begins with: %(word)s"),
    How.TAG: _("tag: %(word)s"),
    How.ASIDE: _("holder or format: %(word)s"),
    How.DESCRIPTION: _("in the description: %(word)s"),
}


class Found(TypedDict):
    """How a result was found: in words, and the words of its title that the text has."""

    why: list[str]
    marked: list[str]


def similar_things(
    viewer: Viewer, text: str, *, but: DatasetFacts | None = None
) -> dict[str, list[Shown]]:
    """Find the `datasets` (id, title, page) and `requests` (as in lists) that a text asks for, best
    first, each with how it was found (see `Found`). Left out: withdrawn and merged requests, which
    cannot be supported, and the dataset (`but`) that the user comes from."""
    found = similar.similar(text, limit=SHOWN)
    if but:
        found["datasets"] = [one for one in found["datasets"] if one.id != but.id]
    datasets = catalogue.datasets_by_id(one.id for one in found["datasets"])
    wanted = {
        "_id": {"$in": [one.id for one in found["requests"]]},
        "visibility": Visibility.PUBLIC,
        "status": {"$in": [*OPEN, Status.PUBLISHED, Status.DECLINED]},
    }
    by_id = {request["_id"]: request for request in requests().find(wanted, LEFT_OUT)}
    ordered = [one for one in found["requests"] if one.id in by_id]
    shown = representation.as_json(viewer, [by_id[one.id] | {"history": []} for one in ordered])
    return {
        "datasets": [
            {**dataset.as_json(), **_found(one, dataset.title)}
            for one in found["datasets"]
            if (dataset := datasets.get(one.id)) and dataset.listed
        ],
        "requests": [
            {**request, **_found(one, request["title"])}
            for one, request in zip(ordered, shown, strict=True)
        ],
    }


def pieces(title: str, marked: Container[str]) -> list[tuple[str, bool]]:
    """Split a title into words and what is between them, each with whether it is marked."""
    return [(piece, piece in marked) for piece in WORDS.split(title) if piece]


def _found(one: Similar, title: str) -> Found:
    words: list[str] = WORDS.findall(title)
    marked = [word for word in words if not one.stems.isdisjoint(stems(fold(word)))]
    why = [str(HOW[how]) % {"word": word, "found": found} for how, word, found in one.why]
    return {"why": why, "marked": list(dict.fromkeys(marked))}
