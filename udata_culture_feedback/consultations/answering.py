"""The use cases of respondents: save a draft, send, change and withdraw an answer; and of the team,
which enters answers received by phone or post. One response per person, until the closing."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError
from udata.i18n import lazy_gettext as _

from ..contributions.repository import ATTEMPTS
from ..email_confirmation.anonymous import admit, must_take_part
from ..people import proof
from ..people.access_modes import Action
from ..people.limits import spend_write
from ..people.models import Kind as ContributorKind
from ..people.submissions import remember_deletion, was_deleted
from ..people.viewer import Viewer, must_be_known
from ..portal.collections import confirmed, now
from ..web import refusals
from ..web.moments import iso
from ..web.payload import Payload, Reading
from ..web.refusals import Errors
from ..web.untyped import Shown
from . import form_tokens, missing_data, permissions
from .models import Channel, Consultation, Response, responses
from .receipts import plain
from .repository import addresses, find, fresh, no_such_consultation, readable
from .response_content import begun, drafted, new_response, read_said, saying, sent_in
from .response_repository import delete_unsent, own, store, take_part, tombstone
from .signals import on_response_changed
from .window import State, Window, in_words, until_in_words

#: Distinguishes its submissions from those of feedback and requests.
SUBMISSION = "response"
#: Longest reference of a letter or a call.
REFERENCE_LENGTH = 60


def submit(
    viewer: Viewer,
    reference: Any,
    payload: Payload,
    *,
    at: datetime | None = None,
    asking: bool = True,
) -> tuple[Response, bool]:
    """Send one person's answer, and discard its draft. Return the response as stored, and whether
    it is new (False: a retry of the same `submission_id`).

    `payload`: see `read_said`; `opening`, the token of the form; from a browser without an account
    also `proof`. `at` (naive UTC): when it was said, for answers collected elsewhere, which are
    exempt from limits and windows. `asking`: create the requests for missing data that the person
    asks for. Raise Unauthenticated, ReadOnly, TooMany, Unproven; NotFound; Invalid or TooLong
    naming the field (`answers.<question>`); Conflict before it opens, and when this person has
    answered; Gone once it has closed, and for an answer deleted since.
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
        said = read_said(consultation, payload, whole=True)
        if not admitted:
            admit(viewer, Action.RESPONSE, str(consultation["_id"]), payload)
            _claim_opening(viewer, consultation, payload)
            admitted = True
        if not take_part(consultation):
            consultation = fresh(consultation["_id"])
            continue
        sent = (mine or new_response(viewer, consultation, moment)).copy()
        sent["sent_at"] = moment
        sent = saying(sent, consultation, said, moment)
        if submission:
            sent["submission_id"] = submission
        if store(mine, sent):
            return _sent(viewer, consultation, sent, asking=asking and at is None), True
        if submission and (earlier := _submitted(viewer, consultation, submission)):
            return earlier, False
    raise _crowded()


def edit(viewer: Viewer, reference: Any, payload: Payload, *, asking: bool = True) -> Response:
    """Change the answers that the payload has in one's sent response; the others stay. Return it as
    stored. Raise what `submit` raises, NotFound where nothing was sent."""
    must_be_known(viewer, Action.RESPONSE)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    must_accept(consultation, opened(viewer, consultation, payload))
    for _attempt in range(ATTEMPTS):
        mine = own(viewer, consultation)
        if mine is None or not mine.get("sent_at"):
            raise _not_answered()
        said = read_said(consultation, payload, whole=True, before=sent_in(mine))
        _claim_opening(viewer, consultation, payload)
        changed = saying(mine, consultation, said, now())
        if store(mine, changed):
            return _sent(viewer, consultation, changed, asking=asking)
    raise _crowded()


def _sent(
    viewer: Viewer, consultation: Consultation, response: Response, *, asking: bool
) -> Response:
    """Follow up on a response that was sent or changed, and return it as it is then."""
    if asking:
        missing_data.ask_for_data(viewer, consultation, response)
    on_response_changed.send(consultation["_id"], response=response["_id"])
    return responses().find_one({"_id": response["_id"]}) or response


def save(viewer: Viewer, reference: Any, payload: Payload, *, step: int | None = None) -> Response:
    """Save a person's draft, which only they see and which counts nowhere until it is sent.
    `payload`: as for `submit`, as far as they have come; questions it does not mention keep their
    answer. `step`: where to continue. Valid answers are kept: Invalid, naming the others, is raised
    after saving."""
    must_be_known(viewer, Action.RESPONSE)
    if viewer.by_token:  # on a shared computer, somebody else would continue it
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
        errors: Errors = {}
        said = read_said(consultation, payload, before=begun(mine), errors=errors)
        _claim_opening(viewer, consultation, payload)
        saved = (mine or new_response(viewer, consultation, now())).copy()
        saved["draft"] = drafted(said, mine, began, step)
        if not _keep(mine, saved):
            continue
        if errors:
            raise refusals.Invalid(_("Some answers need another look."), errors)
        return saved
    raise _crowded()


def _keep(before: Response | None, saved: Response) -> bool:
    """Store a draft; False when the response was changed since it was read."""
    if before is None:
        try:
            responses().insert_one(saved)
        except DuplicateKeyError:
            return False
        return True
    update = {
        "$set": {"draft": saved["draft"], "last_modified": now()},
        "$inc": {"v": 1},
    }
    unmoved = {"_id": before["_id"], "v": before["v"]}
    return bool(responses().update_one(unmoved, update).modified_count)


def forget_draft(viewer: Viewer, reference: Any) -> None:
    """Discard a person's draft; the answer they sent stays."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None:
        return
    if mine.get("sent_at"):
        responses().update_one({"_id": mine["_id"]}, {"$unset": {"draft": ""}, "$inc": {"v": 1}})
    else:
        delete_unsent(mine["_id"])


def erase(viewer: Viewer, reference: Any) -> None:
    """Withdraw a person's answer. Until the results are published its figures are subtracted and
    its words erased everywhere; later the texts and the person go, and the figures stay. Raise
    NotFound where nothing was answered."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None:
        raise _not_answered()
    take_back(viewer, mine, keep_figures=permissions.may_see_results(consultation))


def take_back(viewer: Viewer, mine: Response, *, keep_figures: bool) -> None:
    """Withdraw a person's response, or their draft."""
    if mine.get("submission_id"):
        remember_deletion(viewer, mine["submission_id"], SUBMISSION)
    if mine.get("sent_at"):
        tombstone(mine, keep_figures=keep_figures)
    else:
        delete_unsent(mine["_id"])
    on_response_changed.send(mine["consultation"], response=mine["_id"])


def take_texts_back(viewer: Viewer, reference: Any) -> Response:
    """Withdraw the permission to publish one's texts as open data, before or after the closing;
    they stay on the pages. Return the response as stored. Raise NotFound where nothing was sent."""
    must_be_known(viewer, leaving=True)
    consultation = readable(viewer, reference)
    spend_write(viewer)
    mine = own(viewer, consultation)
    if mine is None or not mine.get("sent_at"):
        raise _not_answered()
    if mine.get("open_data"):
        change = {"$set": {"open_data": False, "last_modified": now()}, "$inc": {"v": 1}}
        responses().update_one({"_id": mine["_id"]}, change)
        mine["open_data"] = False
    return mine


def enter(viewer: Viewer, reference: Any, payload: Payload) -> tuple[Response, bool]:
    """Enter an answer that the team received by phone or post: `channel`, and a `reference`, so
    that the same letter is entered once (`replace` corrects it). Return it, and whether it is new.
    Raise Forbidden, Conflict for a reference that was entered already."""
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
        known = own(author, consultation)
        if known and payload.get("replace") is not True:
            message = _("An answer was entered under this reference.")
            raise refusals.Conflict(message, {"reference": message})
        said = read_said(consultation, payload, whole=True)
        _claim_opening(viewer, consultation, payload)
        if not take_part(consultation):
            consultation = fresh(consultation["_id"])
            continue
        moment = now()
        sent = (known or new_response(author, consultation, moment)).copy()
        sent["channel"] = entered["channel"]
        sent["reference"] = entered["reference"]
        sent["entered_by"] = viewer.user_id
        sent["sent_at"] = moment
        sent = saying(sent, consultation, said, moment)
        if store(known, sent):
            on_response_changed.send(consultation["_id"], response=sent["_id"])
            return sent, known is None
    raise _crowded()


def _author_of(consultation: Consultation, channel: str, reference: str) -> Viewer:
    """Build the person that a letter or a call stands for; their key cannot be found without the
    reference."""
    secret = f"{consultation['_id']}\n{channel}\n{reference.casefold()}"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Viewer(key=f"paper:{digest}", kind=ContributorKind.UNVERIFIED)


def checked(payload: Payload) -> Payload:
    """Check an answer that is about to be confirmed by e-mail, and return it as plain values: what
    `submit` would refuse is refused here. `consultation`: its id or slug; `unfinished`: it is to be
    continued later, from `step`, and what is not valid is left out."""
    consultation = find(payload.get("consultation"))
    if consultation is None or not consultation.get("published"):
        raise no_such_consultation()
    nobody = Viewer(key=None)
    must_accept(consultation, opened(nobody, consultation, payload))
    unfinished = payload.get("unfinished") is True
    errors: Errors | None = {} if unfinished else None
    said = read_said(consultation, payload, whole=not unfinished, errors=errors)
    return {
        **({"unfinished": True, "step": payload.get("step")} if unfinished else {}),
        "consultation": str(consultation["_id"]),
        "answers": plain(said["answers"]),
        "profile": said.get("profile"),
        "open_data": bool(said.get("open_data")),
        "opening": payload.get("opening") or form_tokens.token_for(nobody, consultation["_id"]),
        "tell_me": payload.get("tell_me") is True,
        "submission_id": _submission(payload) or new_submission(),
    }


def opened(viewer: Viewer, consultation: Consultation, payload: Payload) -> datetime | None:
    """Return when the form of a payload was opened; None without a valid token."""
    return form_tokens.opened_at(payload.get("opening"), viewer, consultation["_id"])


def must_accept(consultation: Consultation, opened_at: datetime | None) -> None:
    """Raise Conflict before the consultation opens, Gone after it has closed (unless the form was
    opened in time and is sent within the grace period), ReadOnly while its team has suspended
    answers."""
    window, moment = Window.of(consultation), now()
    dates: Shown = {
        "opens_at": iso(window.opens_at),
        "closes_at": iso(window.closes_at),
    }
    if window.state(moment) in (State.DRAFT, State.SCHEDULED):
        raise refusals.Conflict(
            _("This consultation opens on %(moment)s.", moment=in_words(window.opens_at)), **dates
        )
    if not window.accepts(moment, opened_at):
        raise _closed(window)
    if consultation.get("read_only"):
        raise refusals.ReadOnly(
            _("Answers to this consultation are suspended for the moment. Please come back.")
        )


def _claim_opening(viewer: Viewer, consultation: Consultation, payload: Payload) -> None:
    """Reserve for this person, once the consultation has closed, a token that was made for an
    unknown visitor: handed around, it would open the grace period to any number of people. Raise
    Gone when it is another person's already."""
    window, token = Window.of(consultation), payload.get("opening")
    if window.is_open(now()) or not form_tokens.is_nobodys(token):
        return
    try:
        proof.mark(f"opening:{token}", f"{viewer.key}", window.unsealed_at + proof.MARGIN)
    except refusals.Unproven:
        raise _closed(window) from None


def _closed(window: Window) -> refusals.Gone:
    return refusals.Gone(
        _("This consultation was open %(until)s.", until=until_in_words(window.closes_at)),
        opens_at=iso(window.opens_at),
        closes_at=iso(window.closes_at),
    )


def already_answered(consultation: Consultation) -> refusals.Conflict:
    """Build the refusal of a second answer, with the address of the first."""
    message = _("You have already answered: change that answer instead.")
    details: Shown = addresses(consultation)
    return refusals.Conflict(message, **details)


def _submission(payload: Payload) -> str | None:
    reading = Reading(payload)
    reading.submission()
    found: str | None = reading.checked().get("submission_id")
    return found


def _submitted(viewer: Viewer, consultation: Consultation, submission: str) -> Response | None:
    """Find the result of an earlier POST of the same submission. Raise Gone if it was deleted
    since."""
    if was_deleted(viewer, submission, SUBMISSION):
        raise refusals.Gone(_("This answer has been deleted."))
    mine = own(viewer, consultation)
    if not (mine and mine.get("sent_at") and mine.get("submission_id") == submission):
        return None
    confirmed(responses(), {"_id": mine["_id"]})
    return mine


def _not_answered() -> refusals.NotFound:
    return refusals.NotFound(_("You have not answered this consultation."))


def _crowded() -> refusals.Conflict:
    return refusals.Conflict(_("Your answer is being changed elsewhere. Please try again."))


def new_submission() -> str:
    """Draw an id for a form that is about to be shown."""
    return secrets.token_urlsafe(18)
