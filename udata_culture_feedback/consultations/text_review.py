"""The free texts of answers: moderated one by one once the seal is broken, then public and
searchable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.embedded_texts import Hidden
from ..figures.settle import becomes_due
from ..people.limits import spend_write
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import Query, now
from ..search import terms
from ..web import refusals
from ..web.listing import Page
from ..web.moments import iso
from . import figures, permissions, receipts, results
from .models import (
    Consultation,
    Question,
    Response,
    Text,
    TextState,
    of_responses,
    responses,
)
from .questions import Kind
from .repository import fresh, readable
from .signals import on_text_moderated
from .wording import said

#: The decisions of moderation about a text, and the state each leads to.
DECISIONS = {"publish": TextState.PUBLIC, "hide": TextState.HIDDEN, "restore": TextState.PENDING}
#: The reason for hiding a text where none is given.
UNSAID = "off_topic"
#: Kinds of questions whose answers are only words.
WORDED = frozenset((Kind.TEXT, Kind.MISSING_DATASET))


def worded(consultation: Consultation) -> list[Question]:
    """List the questions that are answered in words, entirely or in part."""
    return [
        question
        for question in consultation["questions"]
        if Kind(question["kind"]) in WORDED
        or any(option.get("other") for option in question.get("options", ()))
    ]


def listed(
    consultation: Consultation,
    page: Page,
    *,
    question: str | None = None,
    words: str | None = None,
    state: TextState = TextState.PUBLIC,
) -> tuple[list[dict[str, Any]], bool]:
    """List texts in one state, and whether there are more: of one question, containing all of some
    words. Public ones come newest first, with notices of texts hidden since; others by their random
    ids, so that those of one person do not stand side by side. No author is named. Raise NotFound
    while the seal holds."""
    results.must_be_there(consultation)
    wanted = terms.query_terms(words[:200]) if words else []
    which = _in_state(state, stubs=not wanted)
    if question:
        which["texts.question"] = question
    if wanted:
        which["$and"] = [{"texts.terms": {"$in": list(stems)}} for stems in wanted]
    by_age: list[Query] = [{"$sort": {"_id": -1}}] if state is TextState.PUBLIC else []
    by_chance: list[Query] = [] if by_age else [{"$sort": {"texts.id": 1}}]
    stages: list[Query] = [
        {
            "$match": {
                "consultation": consultation["_id"],
                "sent_at": {"$exists": True},
                "texts.id": {"$exists": True},
                **which,
            }
        },
        *by_age,
        {"$project": {"texts": 1}},
        {"$unwind": "$texts"},
        {"$match": which},
        *by_chance,
        {"$skip": page.offset},
        {"$limit": page.size + 1},
    ]
    unwound: Iterable[Any] = responses().aggregate(stages)
    found: list[Text] = [one["texts"] for one in unwound]
    asked = {q["id"]: q for q in consultation["questions"]}
    shown = [
        {
            "id": str(text["id"]),
            "question": text["question"],
            "question_text": said(asked[text["question"]]["text"]),
            "text": text["text"],
            "state": text["state"],
        }
        | (_stub(text) if state is TextState.PUBLIC else {})
        for text in found[: page.size]
        if text["question"] in asked
    ]
    return shown, len(found) > page.size


def _in_state(state: TextState, *, stubs: bool) -> Query:
    if state is not TextState.PUBLIC or not stubs:
        return {"texts.state": state.value}
    hidden = {
        "texts.state": TextState.HIDDEN.value,
        "texts.hidden.at": {"$exists": True},
        "texts.hidden.reason": {"$ne": "spam"},
    }
    return {"$or": [{"texts.state": state.value}, hidden]}


def _stub(text: Text) -> dict[str, Any]:
    if text["state"] == TextState.PUBLIC:
        return {}
    hidden = text["hidden"]
    return {"text": None, "hidden_reason": hidden["reason"], "hidden_at": iso(hidden["at"])}


def moderate(
    viewer: Viewer, reference: Any, text_id: Any, decision: str, reason: str | None = None
) -> Consultation:
    """Publish a text, hide it (for a `reason` of moderation), or take a decision back. Idempotent.
    Raise Forbidden, NotFound, Invalid; Conflict while the seal holds."""
    must_be_known(viewer)
    consultation = readable(viewer, reference)
    spend_write(viewer, manages=True)
    if not permissions.may_see_results(consultation):
        raise refusals.Conflict(_("Answers are sealed until it has closed."))
    if not permissions.may_moderate(viewer, consultation):
        raise refusals.Forbidden(_("Only moderators may do this."))
    if decision not in DECISIONS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(DECISIONS))
        raise refusals.Invalid(message, {"decision": message})
    if reason is not None and reason not in {one.id for one in vocabulary.MODERATION_REASONS}:
        message = _("Choose a reason.")
        raise refusals.Invalid(message, {"reason": message})
    response = find_text(text_id)
    if response is None or response["consultation"] != consultation["_id"]:
        raise refusals.NotFound(_("There is no such text."))
    text = text_of(response, ObjectId(text_id))
    state = DECISIONS[decision]
    hidden: Hidden | None = None
    if state is TextState.HIDDEN:
        hidden = {"reason": reason or UNSAID}
        if text["state"] == TextState.PUBLIC:
            hidden["at"] = now()
    if text["state"] != state:
        put(text["id"], state, text["text"], hidden)
        on_text_moderated.send(
            consultation["_id"],
            text=text["id"],
            before=TextState(text["state"]),
            after=state,
            by=viewer,
            reason=hidden["reason"] if hidden else None,
        )
    return fresh(consultation["_id"])


def find_text(text_id: Any) -> Response | None:
    """Find the answer that contains a text; None without one."""
    if not ObjectId.is_valid(text_id):
        return None
    return responses().find_one({"texts.id": ObjectId(text_id)})


def text_of(response: Response, text_id: ObjectId) -> Text:
    return next(text for text in response["texts"] if text["id"] == text_id)


def put(text_id: ObjectId, state: TextState, words: str, hidden: Hidden | None = None) -> bool:
    """Set the words and the state of a text; `hidden`: the `reason`, and the date (`at`) where it
    was public before. The answer that contains it changes with it. Idempotent; return False where
    the text does not exist (any longer)."""
    while (response := find_text(text_id)) is not None:
        text = text_of(response, text_id)
        changed = text.copy()
        changed.pop("hidden", None)
        changed["state"], changed["text"] = state.value, words
        if hidden:
            changed["hidden"] = hidden
        if changed == text:
            return True
        set_: Query = {"texts": [changed if one is text else one for one in response["texts"]]}
        if words != text["text"]:
            changed["terms"] = terms.terms(words)
            set_[f"answers.{text['question']}"] = _answer_with(response, text["question"], words)
            if response.get("receipt"):
                set_["receipt"] = {**response["receipt"], "redacted": True}
        update: Query = {"$inc": {"v": 1}}
        if text.get("themes"):  # what is hidden counts for no theme
            set_["live"] = figures.with_themes(response.get("live") or {}, set_["texts"])
            update = becomes_due([of_responses(response["consultation"])]) | update
        unmoved = {"_id": response["_id"], "v": response["v"]}
        if responses().update_one(unmoved, update | {"$set": set_}).modified_count:
            if words != text["text"]:
                receipts.count(response["consultation"], receipts.REDACTED)
            return True
    return False


def _answer_with(response: Response, question: str, words: str) -> Any:
    """Return the answer to a question with other words: for missing data, the first paragraph is
    the title."""
    answer = response["answers"].get(question)
    if not isinstance(answer, dict):
        return words
    if "other" in answer:
        return answer | {"other": words}
    title, _gap, description = words.partition("\n\n")
    changed = answer | {"title": title, "description": description}
    return changed if description else {k: v for k, v in changed.items() if k != "description"}
