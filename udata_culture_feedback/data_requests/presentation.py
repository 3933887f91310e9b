"""Requests as the page of a dataset shows them."""

from __future__ import annotations

import re
from typing import Any

from bson import ObjectId
from markupsafe import Markup, escape

from .. import vocabulary
from ..portal.catalogue import DatasetFacts
from ..search import terms
from ..web.pages import page_address
from . import queries, representation
from .models import Request

#: Open requests shown on the page of a dataset, the most supported first.
SHOWN = 5


def missing_data(
    dataset: DatasetFacts, asked: list[Request], opened: list[Request]
) -> dict[str, Any]:
    """`open`: the open requests asked from a dataset; `people`: how many persons it was opened for;
    `ask`: where to ask for data; `draft`: the name of what was begun there. `asked`, `opened`: as
    `queries.about_dataset` finds them."""
    labels = {term.id: term.label for term in vocabulary.REQUEST_STATUSES}
    supported = sorted(asked, key=representation.support_rank, reverse=True)[:SHOWN]
    return {
        "open": [
            {
                "title": request["title"],
                "address": page_address(f"requests/{request['slug']}/"),
                "status": labels[request["status"]],
                "supports": representation.supports_told(request),
            }
            for request in supported
        ],
        "people": queries.people(opened),
        "ask": page_address("requests/new", dataset=dataset.slug or str(dataset.id)),
        "draft": draft_of(dataset.id),
    }


#: Characters of a description that a list shows.
EXCERPT = 150

_WORD = re.compile(r"\w+")


def marked(text: str, sought: str) -> Markup:
    """A text with the words that a search looks for marked, as far as it finds them by their stem;
    escaped."""
    stems = {stem for word in terms.query_terms(sought) for stem in word}
    if not stems:
        return escape(text)

    def shown(found: re.Match[str]) -> str:
        word = escape(found.group())
        return f"<mark>{word}</mark>" if stems.intersection(terms.terms(found.group())) else word

    pieces, end = [], 0
    for found in _WORD.finditer(text):
        pieces += [escape(text[end : found.start()]), shown(found)]
        end = found.end()
    return Markup("".join([*pieces, escape(text[end:])]))


def draft_of(dataset_id: ObjectId | None) -> str:
    """The name under which a browser keeps a request that somebody is writing: one for each dataset
    it is asked from."""
    return f"ask:{dataset_id or ''}"
