"""The free texts of answers: moderated one by one once the seal is broken, then read and searched
by everybody."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import refusals, search
from ..contributors.limits import spend_write
from ..contributors.viewer import Viewer, must_be_known
from ..listing import Page
from ..storage import now
from . import permissions, results
from .models import TextState, responses
from .questions import Kind
from .records import Consultation, fresh, readable
from .wording import said

#: What moderation may decide of a text.
DECISIONS = {"publish": TextState.PUBLIC, "hide": TextState.HIDDEN, "restore": TextState.PENDING}
#: Kinds of questions that are answered in words.
WORDED = frozenset((Kind.TEXT, Kind.MISSING_DATASET))


def worded(consultation: Consultation) -> list[dict[str, Any]]:
    """The questions that are answered in words."""
    return [q for q in consultation["questions"] if Kind(q["kind"]) in WORDED]


def listed(
    consultation: Consultation,
    page: Page,
    *,
    question: str | None = None,
    words: str | None = None,
    state: TextState = TextState.PUBLIC,
) -> tuple[list[dict[str, Any]], bool]:
    """Texts in one state, newest first, and whether there are more: of one question, with all of
    some words. Nobody is named with them. Raises NotFound while the seal holds."""
    results.must_be_there(consultation)
    texts: dict[str, Any] = {"texts.state": state.value}
    if question:
        texts["texts.question"] = question
    stages: list[dict[str, Any]] = [
        {
            "$match": {
                "consultation": consultation["_id"],
                "sent_at": {"$exists": True},
                "texts.id": {"$exists": True},
                **texts,
            }
        },
        {"$sort": {"_id": -1}},
        {"$project": {"texts": 1}},
        {"$unwind": "$texts"},
        {"$match": texts},
    ]
    wanted = search.query_terms(words[:200]) if words else []
    if wanted:
        having = {"$and": [{"texts.terms": {"$in": list(stems)}} for stems in wanted]}
        stages[0]["$match"] |= having
        stages.append({"$match": having})
    stages += [{"$skip": page.offset}, {"$limit": page.size + 1}]
    found = [one["texts"] for one in responses().aggregate(stages)]
    asked = {q["id"]: q for q in consultation["questions"]}
    shown = [
        {
            "id": str(text["id"]),
            "question": text["question"],
            "question_text": said(asked[text["question"]]["text"]),
            "text": text["text"],
            "state": text["state"],
        }
        for text in found[: page.size]
        if text["question"] in asked
    ]
    return shown, len(found) > page.size


def moderate(viewer: Viewer, reference: Any, text_id: Any, decision: str) -> Consultation:
    """Publishes a text, hides it, or takes a decision back; the same decision again changes
    nothing. Raises Forbidden, NotFound, Invalid; Conflict while the seal holds."""
    must_be_known(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    if not permissions.may_see_results(consultation):
        raise refusals.Conflict(_("Answers are sealed until it has closed."))
    if not permissions.may_moderate(viewer, consultation):
        raise refusals.Forbidden(_("Only who moderates may do this."))
    if decision not in DECISIONS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(DECISIONS))
        raise refusals.Invalid(message, {"decision": message})
    missing = refusals.NotFound(_("There is no such text."))
    if not ObjectId.is_valid(text_id):
        raise missing
    found = responses().update_one(
        {"consultation": consultation["_id"], "texts.id": ObjectId(text_id)},
        {
            "$set": {
                "texts.$.state": DECISIONS[decision].value,
                "texts.$.moderated_at": now(),
                "texts.$.moderated_by": viewer.user_id,
            },
            "$inc": {"v": 1},
        },
    )
    if not found.matched_count:
        raise missing
    return fresh(consultation["_id"])
