"""« Toujours intéressé ? »: ask requesters without an account every year, while their request is
open, whether they still want to be written to. Without an answer the address is erased; the request
stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from flask import current_app
from itsdangerous import BadData
from udata.i18n import lazy_gettext as _
from udata.mail import MailCTA, MailMessage

from ..contributions.review_rules import Visibility
from ..mail import outbox
from ..mail.mailing import Reader, mail
from ..people import contacts
from ..people.tokens import LONGEST, timed
from ..portal.collections import now
from ..web import refusals
from ..web.urls import pages_url
from .models import Request, requests
from .recipients import scope_of
from .repository import find, no_such_request
from .workflow import OPEN

#: Time to answer the mail.
PATIENCE = timedelta(days=60)
#: Purpose of the signature of these links.
PURPOSE = "still interested"
MAIL = "request-still-interested"


def ask_everybody() -> int:
    """Ask the requesters due for it: a year after they asked, or were asked last. Idempotent.
    Return how many."""
    long_ago = _long_ago()
    waiting = {
        "contact": {"$exists": True},
        "status": {"$in": [*OPEN]},
        "visibility": Visibility.PUBLIC,
        "removed": {"$exists": False},
        "created_at": {"$lt": long_ago},
        "$or": [{"interest.at": {"$exists": False}}, {"interest.at": {"$lt": long_ago}}],
    }
    return sum(_ask(request) for request in list(requests().find(waiting)))


def is_lost(request: Request) -> bool:
    """Return whether the requester was asked, and has not answered in time."""
    return is_awaited(request) and request["interest"]["at"] < now() - PATIENCE


def is_awaited(request: Request) -> bool:
    """Return whether an answer of the requester is awaited."""
    asked = request.get("interest")
    return asked is not None and bool(asked.get("awaited"))


def link(request: Request) -> str:
    """Return the signed token of the mail's link. Opening the link changes nothing."""
    said = [str(request["_id"]), str(request["contact"])]
    return timed(PURPOSE).dumps(said)


def opened(token: object) -> Request:
    """Return the request of a link. Raise Gone for a link that is too old or whose address was
    erased; NotFound for a request that is gone."""
    try:
        if not isinstance(token, str) or len(token) > LONGEST:
            raise BadData("no token")
        id, contact = timed(PURPOSE).loads(token, max_age=int(PATIENCE.total_seconds()))
    except (BadData, UnicodeError, ValueError) as error:
        raise refusals.Gone(_too_old()) from error
    request = find(ObjectId(id))
    if request is None:
        raise no_such_request()
    if str(request.get("contact")) != contact or contacts.find(ObjectId(contact)) is None:
        raise refusals.Gone(_too_old())
    return request


def confirm(token: object) -> Request:
    """Keep writing to the requester. Idempotent. Raise as `opened` does."""
    request = opened(token)
    requests().update_one(
        {"_id": request["_id"], "contact": request["contact"]},
        {"$set": {"interest": {"at": now()}}},
    )
    return request


def _ask(request: Request) -> bool:
    """Post the mail, then mark the request. Its event names the last time: after a crash in between
    the next run posts the same event, which makes no second mail."""
    if contacts.find(request["contact"]) is None:
        return False
    event = f"request:{request['_id']}:interest:{_last_heard(request):%Y-%m-%d}"
    about = {"request": str(request["_id"])}
    posted = outbox.post(event, request["contact"], MAIL, about, scope_of(request))
    requests().update_one(
        {"_id": request["_id"]}, {"$set": {"interest": {"at": now(), "awaited": True}}}
    )
    return posted


def _long_ago() -> datetime:
    """Return the moment before which somebody last heard of is due to be asked."""
    days = current_app.config["CULTURE_FEEDBACK_STILL_INTERESTED_DAYS"]
    return now() - timedelta(days=days)


def _last_heard(request: Request) -> datetime:
    """Return when the requester asked for the data, was asked last or answered last."""
    checked = request.get("interest")
    return checked["at"] if checked else request["created_at"]


@mail(MAIL, at_once=True)
def still_interested(reader: Reader, request: str) -> MailMessage | None:
    """Ask a requester whether they still want to be written to about their request."""
    found = find(ObjectId(request))
    if found is None or found.get("contact") != reader.id:
        return None
    if not is_awaited(found) and _last_heard(found) >= _long_ago():
        return None  # answered meanwhile; one that is still due is marked right after its mail
    return MailMessage(
        subject=_("Still interested in “%(title)s”?", title=found["title"]),
        paragraphs=[
            _(
                "You asked for these data, and they are not published yet: “%(title)s”.",
                title=found["title"],
            ),
            MailCTA(
                _("Yes, go on telling me"), pages_url(f"requests/interested?token={link(found)}")
            ),
            _(
                "Without an answer within %(days)d days your address is erased. Your request "
                "stays.",
                days=PATIENCE.days,
            ),
        ],
        footer=[_("You receive this message because you asked for these data.")],
    )


def _too_old() -> Any:
    return _("This link is too old, or was replaced by another.")
