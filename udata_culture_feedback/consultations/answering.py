"""The use cases of who answers: save what is begun, send, change, take back; and of the team, which
enters what it received by phone or post. One answer per person, until the closing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError
from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.repository import ATTEMPTS, replace
from ..email_confirmation.anonymous import admit, must_take_part
from ..mail.models import DUPLICATE_KEY
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.models import Kind as ContributorKind
from ..people.models import gone_key
from ..people.submissions import remember_deletion, was_deleted
from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import confirmed, now
from ..search.terms import terms
from ..web import refusals
from ..web.moments import iso
from ..web.payload import Reading
from . import consultation_link, figures, form_tokens, missing_data, permissions, scope
from .models import Channel, TextState, consultations, of_responses, responses
from .questions import Kind, Question, missing, pruned, read_answers, shown
from .repository import Consultation, find, fresh, no_such_consultation, readable
from .signals import on_response_changed
from .window import State, Window, in_words, until_in_words

Response = dict[str, Any]

#: How a submission is told from those of feedback and requests.
SUBMISSION = "response"
#: Longest reference of a letter or a call.
REFERENCE_LENGTH = 60
#: Fields of a response that its changes leave alone: those of the settle protocol.
KEPT_BY_OTHERS = frozenset(("_id", "v", "due", "counted"))


def submit(
    viewer: Viewer,
    reference: Any,
    payload: dict[str, Any],
    *,
    at: datetime | None = None,
    asking: bool = True,
) -> tuple[Response, bool]:
    """Sends one person's answer. Answers it as stored, and whether it is new (False: a retry of the
    same `submission_id`). What they had saved of it is spent.

    `payload`: see `_read`; `opening`, the token of the form; from a browser without an account also
    `proof`. `at` (naive UTC): when it was said, for answers collected elsewhere, which are exempt
    from limits and windows. `asking`: missing data are asked for, where the person wishes. Raises
    Unauthenticated, ReadOnly, TooMany, Unproven; NotFound; Invalid or TooLong naming the field
    (`answers.<question>`); Conflict before it opens, and for who has answered; Gone once it has
    closed, and for what was deleted since.
    """
    must_take_part(viewer, Action.RESPONSE, reference)
    consultation = readable(viewer, reference)
    if at is None:
        spend_write(viewer)
    submission = _submission(payload)
    if submission and (earlier := _submitted(viewer, consultation, submission)):
        return earlier, False
    moment = at or now()
    if at is None:
        must_accept(consultation, opened(viewer, consultation, payload))
    admitted = at is not None
    for _attempt in range(ATTEMPTS):
        mine = own(viewer, consultation)
        if mine and mine.get("sent_at"):
            raise already_answered(consultation)
        said = _read(consultation, payload, whole=True)
        if not admitted:
            admit(viewer, Action.RESPONSE, str(consultation["_id"]), payload)
            admitted = True
        if not take_part(consultation):
            consultation = fresh(consultation["_id"])
            continue
        sent = mine or _new(viewer, consultation, moment)
        sent = _with(sent, consultation, said, moment) | {"sent_at": moment}
        if submission:
            sent["submission_id"] = submission
        if _store(mine, sent):
            if asking and at is None:
                missing_data.ask_for_data(viewer, consultation, sent)
            on_response_changed.send(consultation["_id"], response=sent["_id"])
            return responses().find_one({"_id": sent["_id"]}) or sent, True
        if submission and (earlier := _submitted(viewer, consultation, submission)):
            return earlier, False
    raise _crowded()


def edit(
    viewer: Viewer, reference: Any, payload: dict[str, Any], *, asking: bool = True
) -> Response:
    """Changes what one has sent: the answers the payload has, the others stay. Answers it as
    stored. Raises what `submit` raises, NotFound for who has not answered."""
    must_be_known(viewer, Action.RESPONSE)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    must_accept(consultation, opened(viewer, consultation, payload))
    for _attempt in range(ATTEMPTS):
        mine = own(viewer, consultation)
        if mine is None or not mine.get("sent_at"):
            raise _not_answered()
        said = _read(consultation, payload, whole=True, before=mine)
        changed = _with(mine, consultation, said, now())
        if _store(mine, changed):
            if asking:
                missing_data.ask_for_data(viewer, consultation, changed)
            on_response_changed.send(consultation["_id"], response=mine["_id"])
            return responses().find_one({"_id": mine["_id"]}) or changed
    raise _crowded()


def save(
    viewer: Viewer, reference: Any, payload: dict[str, Any], *, step: int | None = None
) -> Response:
    """Keeps what somebody has begun, for them alone: it counts nowhere until it is sent. `payload`:
    as for `submit`, as far as they have come; what it does not speak of stays. `step`: where they
    go on. What is wrong is named, and what is right kept: raises Invalid after saving."""
    must_be_known(viewer, Action.RESPONSE)
    if viewer.by_token:  # on a computer that many use, somebody else would go on with it
        raise refusals.Unauthenticated(_("Log in to save what you have begun."))
    consultation = readable(viewer, reference)
    spend_write(viewer)
    began = opened(viewer, consultation, payload)
    must_accept(consultation, began)
    for _attempt in range(ATTEMPTS):
        if not take_part(consultation):
            consultation = fresh(consultation["_id"])
            continue
        mine = own(viewer, consultation)
        errors: dict[str, Any] = {}
        draft = _read(consultation, payload, before=begun(mine), errors=errors)
        draft |= {"saved_at": now(), "opened_at": _earliest(mine, began)}
        where = step or (begun(mine) or {}).get("step")
        if where:
            draft["step"] = where
        if mine is None:
            made = _new(viewer, consultation, now()) | {"draft": draft}
            try:
                responses().insert_one(made)
            except DuplicateKeyError:
                continue
            mine = made
        elif (
            not responses()
            .update_one(
                {"_id": mine["_id"], "v": mine["v"]},
                {"$set": {"draft": draft, "last_modified": now()}, "$inc": {"v": 1}},
            )
            .modified_count
        ):
            continue
        if errors:
            raise refusals.Invalid(_("Some answers need another look."), errors)
        return mine | {"draft": draft}
    raise _crowded()


def forget_draft(viewer: Viewer, reference: Any) -> None:
    """Gives up what one has begun; what was sent stays."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None:
        return
    if mine.get("sent_at"):
        responses().update_one({"_id": mine["_id"]}, {"$unset": {"draft": ""}, "$inc": {"v": 1}})
    else:
        responses().delete_one({"_id": mine["_id"], "sent_at": {"$exists": False}})


def erase(viewer: Viewer, reference: Any) -> None:
    """Takes one's answer back, at any time before the results: the figures exactly, the words
    everywhere. Later the texts and the person go, and what was counted stays counted. Raises
    NotFound for who has not answered."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None:
        raise _not_answered()
    take_back(viewer, mine, keep_figures=permissions.may_see_results(consultation))


def take_back(viewer: Viewer, mine: Response, *, keep_figures: bool) -> None:
    """Takes back an answer of this person's, or what they had begun."""
    if mine.get("submission_id"):
        remember_deletion(viewer, mine["submission_id"], SUBMISSION)
    if mine.get("sent_at"):
        tombstone(mine, keep_figures=keep_figures)
    else:
        responses().delete_one({"_id": mine["_id"], "sent_at": {"$exists": False}})
    on_response_changed.send(mine["consultation"], response=mine["_id"])


def take_texts_back(viewer: Viewer, reference: Any) -> Response:
    """One's texts are not to be open data any more, whether or not it has closed; they stay on the
    pages. Answers the answer as stored. Raises NotFound for who has not answered."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None or not mine.get("sent_at"):
        raise _not_answered()
    if mine.get("open_data"):
        change = {"$set": {"open_data": False, "last_modified": now()}, "$inc": {"v": 1}}
        responses().update_one({"_id": mine["_id"]}, change)
    return mine | {"open_data": False}


def enter(viewer: Viewer, reference: Any, payload: dict[str, Any]) -> tuple[Response, bool]:
    """The team enters an answer received by phone or post: `channel`, and a `reference` by which
    the same letter is entered once (`replace` corrects it). Answers it, and whether it is new.
    Raises Forbidden, Conflict for a reference that was entered."""
    must_be_known(viewer)
    consultation = readable(viewer, reference)
    if not permissions.may_enter(viewer, consultation):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))
    spend_write(viewer, manages=True)
    must_accept(consultation, opened(viewer, consultation, payload))
    reading = Reading(payload)
    reading.choice("channel", (Channel.PHONE.value, Channel.POST.value), required=True)
    reading.text("reference", REFERENCE_LENGTH, required=True, one_line=True)
    entered = reading.checked()
    author = _author_of(consultation, entered["channel"], entered["reference"])
    for _attempt in range(ATTEMPTS):
        known = responses().find_one(
            {"contributor.key": author.key, "consultation": consultation["_id"]}
        )
        if known and payload.get("replace") is not True:
            message = _("An answer was entered under this reference.")
            raise refusals.Conflict(message, {"reference": message})
        said = _read(consultation, payload, whole=True)
        if not take_part(consultation):
            consultation = fresh(consultation["_id"])
            continue
        moment = now()
        sent = (known or _new(author, consultation, moment)) | {
            "channel": entered["channel"],
            "reference": entered["reference"],
            "entered_by": viewer.user_id,
        }
        sent = _with(sent, consultation, said, moment) | {"sent_at": moment}
        if _store(known, sent):
            on_response_changed.send(consultation["_id"], response=sent["_id"])
            return sent, known is None
    raise _crowded()


def brought(
    consultation: Consultation,
    key: str,
    payload: dict[str, Any],
    *,
    channel: Channel,
    at: datetime,
) -> Response:
    """An answer collected elsewhere as `bring` stores it: said at a moment (naive UTC) by somebody
    who is known by `key`. Nothing is written. Raises Invalid or TooLong naming
    `answers.<question>`, `profile` or `open_data`."""
    said = _read(consultation, payload, whole=True)
    author = Viewer(key=key, kind=ContributorKind.UNVERIFIED)
    sent = _new(author, consultation, at) | {"channel": Channel(channel).value}
    sent = _with(sent, consultation, said, at)
    return sent | {
        "sent_at": at,
        "imported": now(),
        "due": [of_responses(consultation["_id"])],
    }


def brought_before(consultation: Consultation, keys: Iterable[str]) -> set[str]:
    """Of these people, those whose answer is there."""
    where = {"consultation": consultation["_id"], "contributor.key": {"$in": list(keys)}}
    return {one["contributor"]["key"] for one in responses().find(where, {"contributor.key": 1})}


def bring(consultation: Consultation, answers: list[Response]) -> int:
    """Stores answers collected elsewhere (see `brought`), whatever the limits, the window and the
    read-only switch say; those that are there stay as they are. Answers how many are new."""
    consultation_link.ensure(of_responses(consultation["_id"]))
    try:
        return len(responses().insert_many(answers, ordered=False).inserted_ids)
    except BulkWriteError as error:
        if any(one["code"] != DUPLICATE_KEY for one in error.details["writeErrors"]):
            raise
        return error.details["nInserted"]


def own(viewer: Viewer, consultation: Consultation) -> Response | None:
    """What this person has answered, or begun to."""
    if not viewer.known:
        return None
    return responses().find_one(
        {"contributor.key": viewer.key, "consultation": consultation["_id"]}
    )


def begun(response: Response | None) -> Response | None:
    """What somebody goes on with: what they have saved, otherwise what they have sent."""
    if response is None:
        return None
    return response.get("draft") or {
        field: response[field]
        for field in ("answers", "profile", "open_data")
        if response.get(field)
    }


def _earliest(mine: Response | None, began: datetime | None) -> datetime:
    """When somebody first opened the form of what they have begun."""
    known = ((mine or {}).get("draft") or {}).get("opened_at")
    return min(moment for moment in (known, began, now()) if moment)


def opened(viewer: Viewer, consultation: Consultation, payload: dict[str, Any]) -> datetime | None:
    return form_tokens.opened_at(payload.get("opening"), viewer, consultation["_id"])


def must_accept(consultation: Consultation, opened_at: datetime | None) -> None:
    """Raises Conflict before it opens, Gone after it has closed (to who had not begun, or comes too
    late), ReadOnly while its team has stopped it."""
    window, moment = Window.of(consultation), now()
    dates: dict[str, Any] = {
        "opens_at": iso(window.opens_at),
        "closes_at": iso(window.closes_at),
    }
    if window.state(moment) in (State.DRAFT, State.SCHEDULED):
        raise refusals.Conflict(
            _("This consultation opens on %(moment)s.", moment=in_words(window.opens_at)), **dates
        )
    if not window.accepts(moment, opened_at):
        raise refusals.Gone(
            _("This consultation was open %(until)s.", until=until_in_words(window.closes_at)),
            **dates,
        )
    if consultation.get("read_only"):
        raise refusals.ReadOnly(
            _("Answers to this consultation are suspended for the moment. Please come back.")
        )


def already_answered(consultation: Consultation) -> refusals.Conflict:
    from .representation import addresses

    message = _("You have already answered: change that answer instead.")
    details: dict[str, Any] = addresses(consultation)
    return refusals.Conflict(message, **details)


def tombstone(response: Response, *, keep_figures: bool = False) -> None:
    """Empties an answer: no words, no person. Its figures go too, unless they are published: then
    it stays as one that nobody gave."""
    while True:
        emptied = {
            field: response[field]
            for field in ("consultation", "created_at", "channel", "questionnaire")
            if field in response
        } | {
            "contributor": {"kind": response["contributor"]["kind"], "key": gone_key()},
            "last_modified": now(),
            "deleted": now(),
            "live": {},
        }
        if keep_figures and response.get("sent_at"):
            counted = {
                id: answer
                for id, answer in (response.get("answers") or {}).items()
                if not isinstance(answer, (str, dict)) or id in _counted_ids(response)
            }
            emptied |= {"answers": counted, "live": response.get("live") or {}}
            emptied["sent_at"] = response["sent_at"]
            if response.get("profile"):
                emptied["profile"] = response["profile"]
        if _store(response, emptied):
            return
        again = responses().find_one({"_id": response["_id"], "deleted": {"$exists": False}})
        if again is None:
            return
        response = again


def bury(response_id: ObjectId) -> bool:
    """Removes a tombstone that nothing has to hear of any more. True when it is gone."""
    spent = {
        "_id": response_id,
        "deleted": {"$exists": True},
        "due": {"$exists": False},
        "sent_at": {"$exists": False},
    }
    return bool(responses().delete_one(spent).deleted_count)


def _counted_ids(response: Response) -> set[str]:
    """The questions whose answers are in figures: those say nothing of a person."""
    return {key.split(":")[1] for key in (response.get("live") or {}) if key.startswith("option:")}


def _read(
    consultation: Consultation,
    payload: dict[str, Any],
    *,
    whole: bool = False,
    before: Response | None = None,
    errors: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a payload says: `answers` (question → answer), `profile`, `open_data`; over what was
    said `before`. `whole`: nothing required may be missing. Raises Invalid naming the fields,
    unless `errors` collects them."""
    found: dict[str, Any] = {}
    before = before or {}
    given: dict[str, Any] = {}
    spoken: set[str] = set()
    if "answers" in payload or whole:
        questions = consultation["questions"]
        sent = payload.get("answers")
        given, spoken = read_answers(questions, {} if sent is None else sent, found)
    wrong = {name.removeprefix("answers.") for name in found}
    kept = {
        id: answer
        for id, answer in (before.get("answers") or {}).items()
        if id not in spoken or id in wrong
    }
    answers = _with_datasets(consultation["questions"], kept | given, found)
    if whole:
        answers = pruned(consultation["questions"], answers)
        missing(shown(consultation["questions"], answers), answers, found)
    said: dict[str, Any] = {"answers": answers}
    reading = Reading(payload)
    if reading.has("profile"):
        reading.choice("profile", list(vocabulary.vocabularies().ids("profiles")))
    if reading.has("open_data"):
        reading.boolean("open_data")
    found |= reading.errors
    for field in ("profile", "open_data"):
        value = reading.values.get(field) if reading.has(field) else before.get(field)
        if value:
            said[field] = value
    if errors is not None:
        errors |= found
    elif found:
        raise refusals.Invalid(_("Some answers need another look."), found)
    return said


def _with_datasets(
    questions: list[Question], answers: dict[str, Any], errors: dict[str, Any]
) -> dict[str, Any]:
    """Datasets that were named, as their ids; only what anybody may see can be named."""
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


def _with(
    response: Response, consultation: Consultation, said: dict[str, Any], moment: datetime
) -> Response:
    """A response that says what was said. The texts that did not change keep what moderation
    decided of them."""
    changed = {k: v for k, v in response.items() if k not in ("draft", "profile", "open_data")}
    changed |= {
        "answers": said["answers"],
        "questionnaire": consultation["version"],
        "last_modified": moment,
        "open_data": bool(said.get("open_data")),
    }
    if said.get("profile"):
        changed["profile"] = said["profile"]
    known = {(text["question"], text["text"]): text for text in response.get("texts") or ()}
    changed["texts"] = [
        known.get(words)
        or {
            "id": ObjectId(),
            "question": words[0],
            "text": words[1],
            "terms": terms(words[1]),
            "state": TextState.PENDING.value,
        }
        for words in _texts(consultation["questions"], said["answers"])
    ]
    changed["live"] = figures.live_totals(consultation["questions"], changed)
    return changed


def _texts(questions: list[Question], answers: dict[str, Any]) -> list[tuple[str, str]]:
    """The free texts of an answer, by question."""
    found = []
    for question in questions:
        answer = answers.get(question["id"])
        if question["kind"] == Kind.TEXT and answer:
            found.append((question["id"], answer))
        elif question["kind"] == Kind.MISSING_DATASET and answer:
            words = [answer["title"], answer.get("description")]
            found.append((question["id"], "\n\n".join(text for text in words if text)))
    return found


def _new(viewer: Viewer, consultation: Consultation, moment: datetime) -> Response:
    return {
        "_id": ObjectId(),
        "consultation": consultation["_id"],
        # Results name nobody.
        "contributor": viewer.signature("none"),
        "channel": Channel.WEB.value,
        "questionnaire": consultation["version"],
        "created_at": moment,
        "last_modified": moment,
        "v": 1,
    }


def _store(before: Response | None, after: Response) -> bool:
    """Writes a response, whole, where nobody has changed it since it was read; what it counts
    becomes due. False when somebody has, or was there first."""
    counted_in = of_responses(after["consultation"])
    if after.get("live") or (before or {}).get("live"):
        consultation_link.ensure(counted_in)
    if before is None:
        try:
            responses().insert_one(after | {"due": [counted_in]})
        except DuplicateKeyError:
            return False
        return True
    return replace(responses(), before, after, kept_by_others=KEPT_BY_OTHERS, due=[counted_in])


def take_part(consultation: Consultation) -> bool:
    """Marks it as answered, which freezes it; False when it was changed since it was read: what
    was answered to may not be what is asked now."""
    if consultation.get("answered"):
        return True
    unmoved = {"_id": consultation["_id"], "version": consultation["version"]}
    found = consultations().update_one(unmoved, {"$set": {"answered": True}}).matched_count
    scope.forget()
    return bool(found)


def _author_of(consultation: Consultation, channel: str, reference: str) -> Viewer:
    """Somebody who is known by a letter or a call: whoever has not the reference finds nobody."""
    secret = f"{consultation['_id']}\n{channel}\n{reference.casefold()}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Viewer(key=f"paper:{digest}", kind=ContributorKind.UNVERIFIED)


def _submission(payload: dict[str, Any]) -> str | None:
    reading = Reading(payload)
    reading.submission()
    return reading.checked().get("submission_id")


def _submitted(viewer: Viewer, consultation: Consultation, submission: str) -> Response | None:
    """The result of an earlier POST of the same submission. Raises Gone if it was deleted since."""
    if was_deleted(viewer, submission, SUBMISSION):
        raise refusals.Gone(_("This answer has been deleted."))
    mine = own(viewer, consultation)
    same = mine and mine.get("sent_at") and mine.get("submission_id") == submission
    return confirmed(responses(), mine) if same else None


def _not_answered() -> refusals.NotFound:
    return refusals.NotFound(_("You have not answered this consultation."))


def _crowded() -> refusals.Conflict:
    return refusals.Conflict(_("Your answer is being changed elsewhere. Please try again."))


def new_submission() -> str:
    """An id for a form that is about to be shown."""
    return secrets.token_urlsafe(18)


def checked(payload: dict[str, Any]) -> dict[str, Any]:
    """The answer that somebody is about to send, found right, as plain values: what `submit` would
    refuse of it is refused here. `consultation`: its id or slug."""
    consultation = find(payload.get("consultation"))
    if consultation is None or not consultation.get("published"):
        raise no_such_consultation()
    nobody = Viewer(key=None)
    must_accept(consultation, opened(nobody, consultation, payload))
    said = _read(consultation, payload, whole=True)
    answers = {
        id: str(answer) if isinstance(answer, ObjectId) else answer
        for id, answer in said["answers"].items()
    }
    kept = {
        "consultation": str(consultation["_id"]),
        "answers": answers,
        "profile": said.get("profile"),
        "open_data": bool(said.get("open_data")),
        "opening": payload.get("opening") or form_tokens.token_for(nobody, consultation["_id"]),
        "tell_me": payload.get("tell_me") is True,
    }
    return kept | {"submission_id": _submission(payload) or new_submission()}
