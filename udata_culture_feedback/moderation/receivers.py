"""Receivers of signals in moderation. A receiver never raises: that would break a request of udata
or a decision that is made."""

from __future__ import annotations

from typing import Any

from mongoengine.signals import post_save
from udata.core.reports.models import Report

from ..contributions.moderated import How, Item, Moderated
from ..contributions.signals import (
    on_appeal_answered,
    on_appealed,
    on_decided,
    on_decided_in_place,
    on_words_gone,
)
from ..portal.receivers import harmless
from . import actions, flags, mails, reports
from .models import Appeal


@harmless
def report_saved(sender: Any, document: Any = None, **_: Any) -> None:
    reports.reported(document)


@harmless
def decided(batch: Any, changes: list[tuple[Moderated, Item, Item]], **_: Any) -> None:
    for moderated, before, after in changes:
        reports.decided(moderated, before, after)


@harmless
def tell_authors(batch: Any, changes: list[tuple[Moderated, Item, Item]], **_: Any) -> None:
    mails.post_decisions(changes)


@harmless
def appealed(decision_id: Any, **_: Any) -> None:
    mails.tell_administrators(decision_id)


@harmless
def appeal_answered(decision_id: Any, appeal: Appeal, **_: Any) -> None:
    mails.tell_appellant(appeal)


@harmless
def words_gone(ids: Any, **_: Any) -> None:
    flags.forget(ids)


@harmless
def decided_in_place(moderated: Moderated, id: Any, how: How, **made: Any) -> None:
    actions.record_decision(moderated, id, how, **made)


def connect() -> None:
    """Connect every receiver. Idempotent."""
    post_save.connect(report_saved, sender=Report)
    on_decided.connect(decided)
    on_decided.connect(tell_authors)
    on_appealed.connect(appealed)
    on_appeal_answered.connect(appeal_answered)
    on_words_gone.connect(words_gone)
    on_decided_in_place.connect(decided_in_place)
