"""The bridge to udata's own moderation: a report in a native discussion puts the contribution in
our queue, and a decision here closes the report there. (The domains hide here what is deleted
there; `contributions.discussions` removes from discussions what is hidden here.)"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.core.discussions.models import Discussion
from udata.core.reports.constants import REASON_AUTO_SPAM
from udata.core.reports.models import Report
from udata.core.user.models import User

from ..contributions import kinds, text_checks
from ..contributions.moderated import Decision, Item, Moderated
from ..contributions.review_rules import REPORT, Visibility
from ..portal.collections import now
from .flags import put_in_queue, take_from_queue

#: Decisions by which a moderator has accepted a text.
FOR = frozenset((Decision.PUBLISH, Decision.REDACT))


def reported(report: Report) -> None:
    """Update the queue after a report was made, changed or closed in udata."""
    discussion_id = _discussion(report)
    if discussion_id is None:
        return
    message = str(report.subject_embed_id) if report.subject_embed_id else None
    found = kinds.discussed(discussion_id, message)
    if found is None:
        return
    moderated, id = found
    if report.dismissed_at or report.subject_deleted_at:
        if not _unanswered(discussion_id, message):
            take_from_queue(moderated.kind, id, REPORT)
        return
    if report.reason == REASON_AUTO_SPAM:
        # udata holds notifications back until the report is closed; a moderator may have decided.
        item = moderated.find([id]).get(id)
        if item is None:
            return  # gone meanwhile
        decision = item.get("moderated") or {}
        if decision.get("decision") in FOR or not _is_spam(moderated, item):
            if report.callbacks:
                dismiss(report, decision.get("by"))
            return
    put_in_queue(moderated.kind, id, REPORT)


def _is_spam(moderated: Moderated, item: Item) -> bool:
    """Check whether our own check agrees with udata's, which finds « cialis » in « spécialiste »
    and takes Breton for Dutch."""
    return any(any(text_checks.spam(text)) for text in moderated.texts(item).values())


def decided(moderated: Moderated, before: Item, after: Item) -> None:
    """Close the reports about a contribution that a moderator has decided about."""
    if REPORT not in ((before.get("review") or {}).get("why") or []):
        return
    if not after.get("discussion"):
        return
    hidden = after["visibility"] != Visibility.PUBLIC
    message = after.get("message_id") if moderated.in_message else None
    if hidden and message is None:
        return  # hiding removes it from the discussion, which closes its reports
    for report in _unanswered(after["discussion"], message):
        if hidden:
            report.callbacks = {}  # they would announce hidden words
        dismiss(report, after["moderated"]["by"])


def dismiss(report: Report, by: ObjectId | None) -> None:
    """Close a report as udata's own API does, sending the notifications it held back."""
    callbacks = report.callbacks if report.reason == REASON_AUTO_SPAM else {}
    report.dismissed_at = now()
    report.dismissed_by = User.objects(id=by).first()
    report.callbacks = {}
    report.save()
    subject = report.subject.fetch() if callbacks else None
    for name, call in callbacks.items():
        method = getattr(subject, name, None)
        if method:
            method(*call.get("args", []), **call.get("kwargs", {}))


def _discussion(report: Report) -> ObjectId | None:
    """Return the discussion that a report is about; None for a report about anything else."""
    subject: Any = report.subject
    if subject is None or subject.document_type is not Discussion:
        return None
    found: ObjectId | None = subject.pk
    return found


def _unanswered(discussion_id: ObjectId, message: str | None) -> list[Report]:
    where = {"subject": Discussion(id=discussion_id), "subject_embed_id": message}
    return list(Report.objects(**where).unhandled())
