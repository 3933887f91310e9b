"""The texts of mails about consultations; `notifications` decides who receives them. The names of
builders are stored. No mail contains an answer or a figure."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from bson import ObjectId
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.mail import MailCTA, MailMessage

from ..mail.mailing import Reader, mail
from ..mail.unsubscribe import names
from ..portal.collections import now
from ..web.urls import pages_url
from . import form_tokens
from .by_email import RESUME
from .models import Consultation, responses
from .notifications import has_answered
from .repository import find
from .window import State, Window, until_in_words
from .wording import said


@mail("consultation-reminder", at_once=True)
def reminder(reader: User, consultation: str) -> MailMessage | None:
    """Remind a follower who has not answered meanwhile that a consultation closes soon."""
    found = _public(consultation)
    if found is None or Window.of(found).state(now()) is not State.OPEN:
        return None
    if found.get("read_only") or has_answered(reader.id, found["_id"]):
        return None
    title = said(found["title"])
    return MailMessage(
        subject=_("“%(title)s” closes soon", title=title),
        paragraphs=[
            _(
                "The consultation “%(title)s” is open %(until)s.",
                title=title,
                until=until_in_words(found["closes_at"]),
            ),
            MailCTA(_("Answer the consultation"), pages_url(f"consultations/{found['slug']}/")),
        ],
        footer=[_("You receive this message because you asked to be reminded.")],
    )


@mail("consultation-synthesis")
def synthesis(reader: Reader, consultation: str) -> MailMessage | None:
    """Tell a follower who asked for it that the synthesis is published."""
    found = _public(consultation)
    if found is None or not (found.get("synthesis") or {}).get("published_at"):
        return None
    title = said(found["title"])
    return MailMessage(
        subject=_("“%(title)s”: what came of it", title=title),
        paragraphs=[
            _("The synthesis of the consultation “%(title)s” is published.", title=title),
            MailCTA(
                _("Read the synthesis and the results"),
                pages_url(f"consultations/{found['slug']}/results/"),
            ),
        ],
        footer=[_("You receive this message because you asked for the synthesis.")],
    )


@mail(RESUME, required=True)
def link_to_resume(reader: Reader, response: str) -> MailMessage | None:
    """Send the link that resumes an unfinished answer to the address that was confirmed for it."""
    mine = responses().find_one({"_id": ObjectId(response), "deleted": {"$exists": False}})
    found = _public(mine["consultation"]) if mine else None
    if mine is None or found is None or Window.of(found).state(now()) is not State.OPEN:
        return None
    title = said(found["title"])
    token = form_tokens.resume_token(mine["_id"], mine["contributor"]["key"])
    path = pages_url(f"consultations/{found['slug']}/resume")
    return MailMessage(
        subject=_("Your answer to “%(title)s” is waiting for you", title=title),
        paragraphs=[
            _(
                "What you have begun to answer is saved. You can go on %(until)s; nothing is "
                "counted before you send it.",
                until=until_in_words(found["closes_at"]),
            ),
            MailCTA(_("Go on with my answer"), f"{path}?{urlencode({'token': token})}"),
            _("Whoever has this link sees and changes the answer: do not pass it on."),
        ],
    )


@names("consultation")
def name(id: str) -> str | None:
    """Return the name of a consultation on the page that unsubscribes from its mails."""
    found = _public(id)
    return said(found["title"]) if found else None


def _public(id: Any) -> Consultation | None:
    found = find(ObjectId(id)) if ObjectId.is_valid(id) else None
    return found if found and found.get("published") else None
