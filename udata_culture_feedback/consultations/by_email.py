"""Answers confirmed by e-mail: a new answer, or a change of the one given before."""

from __future__ import annotations

from flask import current_app
from udata.i18n import lazy_gettext as _

from ..email_confirmation.confirmation import Outcome, Preview
from ..mail import outbox
from ..people.access_modes import Action, Mode, mode_of
from ..people.contacts import Contact
from ..people.viewer import Viewer
from ..web.payload import Payload
from . import answering, form_tokens, notifications, permissions, representation
from .models import Consultation
from .repository import find, no_such_consultation
from .response_repository import own
from .wording import said

#: The builder of the mail with the link that resumes an answer.
RESUME = "consultation-resume"


class ResponseByEmail:
    """Answers to consultations, as `email_confirmation` needs them."""

    action = Action.RESPONSE
    #: One address gives a different person in each consultation.
    scope = "consultation"
    of: str | None = "consultation"

    def target(self, reference: str) -> str:
        found = find(reference)
        if found is None or not found.get("published"):
            raise no_such_consultation()
        return str(found["_id"])

    def mode(self, reference: object) -> Mode:
        found = find(reference)
        return permissions.access_mode(found) if found else mode_of(self.action)

    def check(self, payload: Payload) -> Payload:
        """Return what is stored until the confirmation: the answers, plain, with `opening`, so that
        an answer begun in time and confirmed a little late still counts."""
        return answering.checked(payload)

    def preview(self, payload: Payload) -> Preview | None:
        found = find(payload["consultation"])
        if found is None or not found.get("published"):
            return None
        if payload.get("unfinished"):
            return Preview(
                subject=str(_("your unfinished answer to “%(title)s”", title=said(found["title"]))),
                page=f"consultations/{found['slug']}/",
                then=str(_("You go on where you stopped. Nothing is counted before you send it.")),
                address=str(
                    _(
                        "Your address serves to send you the link to your answer. It is encrypted, "
                        "never shown, and erased at the closing of the consultation."
                    )
                ),
            )
        return Preview(
            subject=str(_("your answer to “%(title)s”", title=said(found["title"]))),
            page=f"consultations/{found['slug']}/",
            address=str(
                _(
                    "Your address serves to tell you that the synthesis is published. It is "
                    "encrypted, never shown, and erased %(days)d days afterwards.",
                    days=current_app.config["CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS"],
                )
            )
            if payload.get("tell_me")
            else None,
        )

    def carry_out(self, viewer: Viewer, payload: Payload, contact: Contact) -> Outcome:
        """Send the answer, or change the one this address gave before: confirming is the way to do
        so."""
        found = find(payload["consultation"])
        if found is None:
            raise no_such_consultation()
        if payload.get("unfinished"):
            return _keep_unfinished(viewer, found, payload, contact)
        mine = own(viewer, found)
        same = mine and mine.get("submission_id") == payload.get("submission_id")
        if mine and mine.get("sent_at") and not same:
            response, created = answering.edit(viewer, found["_id"], payload), False
        else:
            response, created = answering.submit(viewer, found["_id"], payload)
        shown = representation.own_as_json(viewer, found, response)
        until = notifications.follow_by_email(found, contact.id) if payload.get("tell_me") else None
        return Outcome(shown, f"consultations/{found['slug']}/", created, write_until=until)


def _keep_unfinished(
    viewer: Viewer, consultation: Consultation, payload: Payload, contact: Contact
) -> Outcome:
    """Store a draft for the person of a confirmed address, and send them the link that resumes it.
    The address is kept until the closing."""
    saved = answering.save(viewer, consultation["_id"], payload, step=payload.get("step"))
    id, closes_at = saved["_id"], consultation["closes_at"]
    outbox.post(f"resume:{id}:{contact.id}", contact.id, RESUME, {"response": str(id)})
    token = form_tokens.resume_token(id, saved["contributor"]["key"])
    page = f"consultations/{consultation['slug']}/resume"
    shown = representation.own_as_json(viewer, consultation, saved)
    return Outcome(shown, page, True, write_until=closes_at, arguments={"token": token})
