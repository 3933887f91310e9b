"""The mail that leads people without an account to their contributions."""

from __future__ import annotations

from urllib.parse import urlencode

from bson import ObjectId
from udata.i18n import lazy_gettext as _
from udata.mail import MailCTA, MailMessage

from ..mail.mailing import Correspondent, mail
from ..web import refusals
from ..web.urls import pages_url
from . import access_link, actions


@mail(access_link.MAIL, required=True)
def my_contributions(reader: Correspondent, id: str) -> MailMessage | None:
    """Build the mail with the link; None for an address that never contributed, whoever asked."""
    token = access_link.link_of(ObjectId(id))
    try:
        access_link.opened(token)
    except refusals.Refusal:
        return None
    if not actions.has_said_something(actions.of_address(reader.email)):
        return None
    link = f"{pages_url('me/open')}?{urlencode({'token': token})}"
    return MailMessage(
        subject=_("What you said: your link"),
        paragraphs=[
            _("Somebody, probably you, wants to see what was said here with your address."),
            _("With this link you can see it, correct it, export it or erase it."),
            MailCTA(_("See what I said"), link),
            _("This link works once, within one hour."),
            _("It was not you? You have nothing to do: nobody sees anything without this link."),
        ],
    )
