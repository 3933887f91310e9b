"""Answer a question about a request from the link in the mail that asks it, without an account: for
requesters known by a confirmed address. The signed link serves that question alone, and only while
it is open."""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from itsdangerous import BadData
from udata.i18n import lazy_gettext as _

from ..people import contacts
from ..people.models import Kind
from ..people.tokens import LONGEST, signer
from ..people.viewer import Viewer
from ..web import refusals
from . import actions
from .forms import Values
from .models import Message, Request
from .repository import find, no_such_request
from .workflow import Status

#: Purpose of the signature of these links.
PURPOSE = "answer a question"


def link(request: Request) -> str:
    """Return the signed token of the mail's link: the request, the address, the open question.
    Opening the link changes nothing."""
    return signer(PURPOSE).dumps([str(request["_id"]), str(request["contact"]), _asked_at(request)])


def opened(token: object) -> Request:
    """Return the request of a link. Raise Invalid for a link that is not whole; Gone once its
    question is answered or the address erased; NotFound for a request that is gone."""
    try:
        if not isinstance(token, str) or len(token) > LONGEST:
            raise BadData("no token")
        id, contact, asked_at = signer(PURPOSE).loads(token)
    except (BadData, UnicodeError, ValueError) as error:
        message = _("This link is incomplete. Copy it from the message again.")
        raise refusals.Invalid(message, {"token": message}) from error
    request = find(ObjectId(id))
    if request is None:
        raise no_such_request()
    kept = str(request.get("contact")) == contact and contacts.find(ObjectId(contact))
    if not kept or request["status"] != Status.NEEDS_CLARIFICATION:
        raise refusals.Gone(_("This question has been answered, or is no longer asked."))
    if _asked_at(request) != asked_at:
        raise refusals.Gone(_("Another question has been asked since: see the latest message."))
    return request


def answer(token: object, payload: Values) -> tuple[Message, Request]:
    """Write the answer (`message`) as the requester. Raise as `opened` and `actions.answer` do."""
    request = opened(token)
    author = Viewer(key=request["contributor"]["key"], kind=Kind(request["contributor"]["kind"]))
    message, request, _created = actions.answer(author, request["_id"], payload)
    return message, request


def question(request: Request) -> str | None:
    """Return the words of the open question; None while they are hidden."""
    asked = _last_question(request)
    return None if not asked or asked.get("hidden") else asked.get("message")


def _asked_at(request: Request) -> str:
    asked = _last_question(request)
    return asked["at"].isoformat() if asked else ""


def _last_question(request: Request) -> Any:
    to = Status.NEEDS_CLARIFICATION
    asked = (e for e in reversed(request["history"]) if e["to"] == to != e["from"])
    return next(asked, None)
