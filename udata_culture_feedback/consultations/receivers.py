"""Receivers of signals. A receiver never raises: that would break a request of udata."""

from __future__ import annotations

from typing import Any

from ..contributions import embedded_texts
from ..portal.queueing import later
from ..portal.receivers import harmless
from . import tasks
from .kind import TEXTS
from .models import responses
from .signals import (
    on_consultation_collected,
    on_publication_wanted,
    on_response_changed,
    on_results_wanted,
    on_synthesis_published,
    on_text_moderated,
)


@harmless
def response_changed(consultation_id: Any, response: Any, **_: Any) -> None:
    later(tasks.count_response, str(consultation_id), str(response))


@harmless
def response_gone(consultation_id: Any, response: Any, **_: Any) -> None:
    """Delete the marks on texts that are gone, with the answer or from it."""
    if embedded_texts.has_parts(response):
        standing = {"_id": response, "deleted": {"$exists": False}}
        found = responses().find_one(standing, {"texts.id": 1})
        there = {str(text["id"]) for text in found.get("texts") or ()} if found else set()
        marks = embedded_texts.words().find({"parent": response}, {"part": 1})
        embedded_texts.forget(response, [one["part"] for one in marks if one["part"] not in there])


@harmless
def consultation_collected(consultation_id: Any, **_: Any) -> None:
    TEXTS.queue(consultation_id)


@harmless
def text_moderated(consultation_id: Any, text: Any, **decided: Any) -> None:
    TEXTS.decided_in_place(text, **decided)


@harmless
def synthesis_published(consultation_id: Any, **_: Any) -> None:
    later(tasks.tell_synthesis, str(consultation_id))


@harmless
def results_wanted(consultation_id: Any, **_: Any) -> None:
    later(tasks.close, str(consultation_id))


@harmless
def publication_wanted(consultation_id: Any, **_: Any) -> None:
    later(tasks.publish_results, str(consultation_id))


def connect() -> None:
    """Connect every receiver. Idempotent."""
    on_response_changed.connect(response_changed)
    on_response_changed.connect(response_gone)
    on_consultation_collected.connect(consultation_collected)
    on_text_moderated.connect(text_moderated)
    on_synthesis_published.connect(synthesis_published)
    on_results_wanted.connect(results_wanted)
    on_publication_wanted.connect(publication_wanted)
