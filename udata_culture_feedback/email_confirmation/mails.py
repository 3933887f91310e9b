"""Build the one mail that people without an account receive at once: the link that confirms."""

from __future__ import annotations

from urllib.parse import urlencode

from bson import ObjectId
from udata.i18n import lazy_gettext as _
from udata.mail import MailCTA, MailMessage

from ..mail.mailing import Correspondent, mail
from ..web import refusals
from ..web.urls import pages_url
from . import confirmation


@mail(confirmation.MAIL, required=True)
def confirm_contribution(reader: Correspondent, id: str) -> MailMessage | None:
    """Say what there is to confirm, and where. Nothing typed by the sender is in it: they may not
    own the address."""
    try:
        found = confirmation.opened(confirmation.link_of(ObjectId(id)))
        said = confirmation.preview(found)
    except refusals.Refusal:
        return None
    link = f"{pages_url('confirm/')}?{urlencode({'token': confirmation.link_of(found['_id'])})}"
    return MailMessage(
        subject=_("Please confirm: %(subject)s", subject=said.subject),
        paragraphs=[
            _("Somebody, probably you, has left your address with this contribution:"),
            said.subject,
            _("It is kept apart until you confirm it. Nothing is counted or published before."),
            MailCTA(_("Read it and confirm"), link),
            _("This link works once, within 24 hours."),
            _(
                "It was not you? You have nothing to do: everything is erased within 24 hours, "
                "this address included."
            ),
        ],
    )
