"""Reading a person's answers from a payload, checked against the questionnaire, and writing them
into a response document."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions import review_rules
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..search.terms import terms
from ..web import refusals
from ..web.payload import Payload, Reading
from ..web.refusals import Errors
from . import figures, receipts
from .answers import missing, read_answers
from .models import Answers, Channel, Consultation, Draft, Question, Response, Said, TextState
from .questions import OPTIONED, Kind, pruned, shown


def read_said(
    consultation: Consultation,
    payload: Payload,
    *,
    whole: bool = False,
    before: Said | None = None,
    errors: Errors | None = None,
) -> Said:
    """Read what a payload contains (`answers`, `profile`, `open_data`), merged into the earlier
    `before`. `whole`: every required question needs an answer. Raise Invalid naming the fields,
    unless `errors` collects them."""
    found: Errors = {}
    known: Said = before or {"answers": {}}
    given: Answers = {}
    spoken: set[str] = set()
    if "answers" in payload or whole:
        sent = payload.get("answers")
        given, spoken = read_answers(consultation["questions"], {} if sent is None else sent, found)
    wrong = {name.removeprefix("answers.") for name in found}
    kept = {
        id: answer
        for id, answer in (known.get("answers") or {}).items()
        if id not in spoken or id in wrong
    }
    answers = _with_datasets(consultation["questions"], kept | given, found)
    said = _with_permissions({"answers": answers}, payload, known, found)
    if whole:
        profile = said.get("profile")
        answers = said["answers"] = pruned(consultation["questions"], answers, profile)
        missing(shown(consultation["questions"], answers, profile), answers, found)
    if errors is not None:
        errors |= found
    elif found:
        raise refusals.Invalid(_("Some answers need another look."), found)
    return said


def _with_permissions(said: Said, payload: Payload, known: Said, errors: Errors) -> Said:
    """Add the profile and the permission to publish texts, as sent or as before."""
    reading = Reading(payload)
    if reading.has("profile"):
        reading.choice("profile", list(vocabulary.vocabularies().ids("profiles")))
    if reading.has("open_data"):
        reading.boolean("open_data")
    errors |= reading.errors
    profile = reading.values.get("profile") if reading.has("profile") else known.get("profile")
    if profile:
        said["profile"] = profile
    allows = reading.values.get("open_data") if reading.has("open_data") else known.get("open_data")
    if allows:
        said["open_data"] = allows
    return said


def _with_datasets(questions: list[Question], answers: Answers, errors: Errors) -> Answers:
    """Replace the datasets named in answers by their ids; only public ones are accepted."""
    for question in questions:
        named = answers.get(question["id"])
        if question["kind"] != Kind.DATASET or named is None:
            continue
        dataset = catalogue.find_dataset(named)
        if dataset is None or not dataset.listed:
            errors[f"answers.{question['id']}"] = _("There is no such dataset.")
            answers = {id: answer for id, answer in answers.items() if id != question["id"]}
        else:
            answers = answers | {question["id"]: dataset.id}
    return answers


def saying(
    response: Response, consultation: Consultation, said: Said, moment: datetime
) -> Response:
    """Return the response with these answers. Unchanged texts keep the decisions of moderation."""
    changed = response.copy()
    for field in ("draft", "profile", "open_data"):
        changed.pop(field, None)  # type: ignore[misc]
    changed["answers"] = said["answers"]
    changed["questionnaire"] = consultation["version"]
    changed["last_modified"] = moment
    changed["open_data"] = bool(said.get("open_data"))
    if said.get("profile"):
        changed["profile"] = said["profile"]
    known = {(text["question"], text["text"]): text for text in response.get("texts") or ()}
    changed["texts"] = [
        known.get((question, text))
        or {
            # At random: an id of its own making would say when the text was written.
            "id": ObjectId(secrets.token_bytes(12)),
            "question": question,
            "text": text,
            "terms": terms(text),
            "state": TextState.PENDING.value,
        }
        for question, text in _texts(consultation["questions"], said["answers"])
    ]
    changed["live"] = figures.live_totals(consultation["questions"], changed)
    changed["receipt"] = receipts.receipt_of(changed)
    return changed


def warn_of_personal_data(
    questions: Iterable[Question], given: Answers, *, read_again: bool
) -> None:
    """Ask about personal data in the texts that a form has: see `review_rules.warn`."""
    asked = list(questions)
    texts = _texts(asked, read_answers(asked, given, {})[0])
    words = {f"answers.{id}": text for id, text in texts}
    review_rules.warn(words, read_again=read_again)


def _texts(questions: list[Question], answers: Answers) -> list[tuple[str, str]]:
    """List the free texts of an answer, each with its question."""
    found = []
    for question in questions:
        answer = answers.get(question["id"])
        if question["kind"] == Kind.TEXT and answer:
            found.append((question["id"], answer))
        elif question["kind"] == Kind.MISSING_DATASET and answer:
            words = [answer["title"], answer.get("description")]
            found.append((question["id"], "\n\n".join(text for text in words if text)))
        elif question["kind"] in OPTIONED and isinstance(answer, dict):
            found.append((question["id"], answer["other"]))
    return found


def new_response(viewer: Viewer, consultation: Consultation, moment: datetime) -> Response:
    """Make a response that says nothing yet. It is signed by nobody: results name nobody."""
    return {
        "_id": ObjectId(),
        "consultation": consultation["_id"],
        "contributor": viewer.signature("none"),
        "channel": Channel.WEB.value,
        "questionnaire": consultation["version"],
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
    }


def begun(response: Response | None) -> Said | None:
    """Return what a person continues with: their draft, otherwise what they sent."""
    if response is None:
        return None
    return response.get("draft") or sent_in(response)


def sent_in(response: Response) -> Said:
    """Return the answers that a response was sent with."""
    sent: Said = {"answers": response.get("answers") or {}}
    if response.get("profile"):
        sent["profile"] = response["profile"]
    if response.get("open_data"):
        sent["open_data"] = True
    return sent


def drafted(said: Said, mine: Response | None, began: datetime | None, step: int | None) -> Draft:
    """Build the draft of these answers. `began`: when its form was opened; an earlier draft keeps
    its earlier opening."""
    earlier = mine.get("draft") if mine else None
    opened = [began, now(), earlier.get("opened_at") if earlier else None]
    draft: Draft = {
        "answers": said["answers"],
        "saved_at": now(),
        "opened_at": min(moment for moment in opened if moment),
    }
    if said.get("profile"):
        draft["profile"] = said["profile"]
    if said.get("open_data"):
        draft["open_data"] = True
    where = step or (earlier.get("step") if earlier else None)
    if where:
        draft["step"] = where
    return draft
