"""Build a mail: the builders of its words, its looks, and the SMTP connection it leaves by.

udata's `MailMessage.send` takes no headers, and its templates trust translated texts together with
the titles in them. Hence a message class of our own, in udata's templates.
"""

from __future__ import annotations

import copy
import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email import policy
from email.charset import QP, Charset
from email.mime.base import MIMEBase
from email.mime.text import MIMEText
from email.utils import parseaddr
from typing import Any, TypeAlias

from bson import ObjectId
from flask import current_app
from flask_mail import Connection, Message
from udata.core.contact_point.models import ContactPoint
from udata.core.user.models import User
from udata.features.notifications.constants import MailCadence
from udata.i18n import get_locale, pgettext
from udata.i18n import lazy_gettext as _
from udata.mail import LabelledContent, MailCTA, MailMessage, mail_sent
from udata.uris import cdata_url

from ..people import contacts
from ..people.service_account import acting_as
from ..web.languages import speaking
from ..web.text_cleaning import excerpt, french_spaces
from ..web.urls import pages_url
from . import unsubscribe
from .models import Entry, message_id

#: Timeout of one SMTP command, in seconds. Without it, a server that hangs would block a
#: worker for ever.
PATIENCE = 60

#: Longest subject, in characters.
SUBJECT_LENGTH = 200

#: Text as printable ASCII lines of 76 characters: relays need no extension, and long paragraphs
#: stay under the 998 octets that a line may have (RFC 5322, 2.1.1).
PRINTABLE = Charset("utf-8")
PRINTABLE.body_encoding = QP


class Unreachable(Exception):
    """The SMTP server cannot be reached; its cause says how."""


@dataclass(frozen=True)
class Builder:
    """The builder of one kind of mail.

    `at_once`: it cannot wait for a digest (a deadline runs). `required`: it responds to what the
    person has just done (a receipt), so it leaves at once, whatever they refused or paused, without
    an unsubscribe link. `left`: called with the arguments of `build` once the mail has left.
    """

    name: str
    build: Callable[..., MailMessage | None]
    at_once: bool = False
    required: bool = False
    left: Callable[..., None] | None = None


_BUILDERS: dict[str, Builder] = {}


def mail(
    name: str,
    *,
    at_once: bool = False,
    required: bool = False,
    left: Callable[..., None] | None = None,
) -> Callable[[Callable[..., MailMessage | None]], Callable[..., MailMessage | None]]:
    """Register a builder: a function of the reader and of the parameters that were posted.

    It runs when the mail leaves, as the reader (their language, their permissions), and returns
    None when there is nothing left to say: the object is deleted, or the reader may not see it. Its
    `footer` says why they receive it; the unsubscribe link is added. Names are stored: once in use,
    they never change.
    """

    def register(build: Callable[..., MailMessage | None]) -> Callable[..., MailMessage | None]:
        if name in _BUILDERS:
            raise ValueError(f"There already is a mail {name!r}")
        _BUILDERS[name] = Builder(name, build, at_once, required, left)
        return build

    return register


def builder(name: str) -> Builder:
    """Return a builder by name. Raise LookupError for an unknown one (posted by a newer version,
    perhaps)."""
    return _BUILDERS[name]


@dataclass(frozen=True)
class Correspondent:
    """A reader without an account, with the attributes that mails read on an account. Their name is
    never in a mail: it is text from a person who may not be the one who receives it."""

    id: ObjectId
    email: str
    prefered_language: str | None
    #: They have contributed here; the others are contact points of udata's.
    spoke: bool = False
    active = True
    deleted = None
    notifications_paused = False
    mail_cadence = MailCadence.IMMEDIATE

    @property
    def first_name(self) -> str:
        """The name in the greeting of udata's templates."""
        return str(pgettext("greeting of somebody whose name is not known", "there"))

    def __repr__(self) -> str:
        """Leave out the address, which would end up in a log."""
        return f"Correspondent({self.id})"


#: The person a mail is for. udata's models have no types.
Reader: TypeAlias = User | Correspondent


def reader_of(id: ObjectId) -> Reader | None:
    """Return the reader behind an id: an account, a contact whose address is still kept, or a
    contact point of udata's."""
    if account := User.objects(id=id).first():
        return account
    if contact := contacts.find(id):
        return Correspondent(contact.id, contact.address, contact.language, spoke=True)
    point = ContactPoint.objects(id=id).first()
    return Correspondent(point.id, point.email, None) if point and point.email else None


@contextmanager
def speaking_to(reader: Reader) -> Iterator[None]:
    """Run code in the language and with the permissions of a reader: those of an anonymous user for
    a reader without an account."""
    somebody = None if isinstance(reader, Correspondent) else reader
    with acting_as(somebody), speaking(language_of(reader)):
        yield


def language_of(reader: Reader) -> str:
    """Return the language a reader prefers where the portal has it, otherwise the portal's."""
    config = current_app.config
    preferred: Any = reader.prefered_language
    return preferred if preferred in config["LANGUAGES"] else config["DEFAULT_LANGUAGE"]


def words(entry: Entry, reader: Reader) -> MailMessage | None:
    """Build the words of an entry, in plain text; None when there is nothing to say. Call within
    `speaking_to`."""
    built = builder(entry["builder"]).build(reader, **entry["params"])
    return _plain(built) if built else None


def written(
    content: MailMessage, entry: Entry, reader: Reader, *, way_out: bool = True
) -> OutboxMessage:
    """Build the mail itself. Call within `speaking_to`."""
    headers = {"Auto-Submitted": "auto-generated"}  # RFC 3834: no out-of-office replies
    if way_out:
        address = unsubscribe.address(reader.id, entry["scope"])
        footer = [*content.footer, *_ways_out(address), *_way_to_oneself(reader)]
        content = _plain(replace(content, footer=footer))
        headers["List-Unsubscribe"] = f"<{address}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = OutboxMessage(
        subject=content.subject,
        recipients=[reader.email],
        body=content.text(reader),
        html=content.html(reader),
        extra_headers=headers,
    )
    message.msgId = message_id(entry, _domain(str(message.sender)))
    return message


class OutboxMessage(Message):
    """A message whose headers leave unfolded. Its library folds those over 78 characters, and the
    standard library then encodes a long address so that no mail client can read it."""

    def _mimetext(self, text: str | None, subtype: str = "plain") -> MIMEText:
        return MIMEText(text or "", _subtype=subtype, _charset=PRINTABLE)  # type: ignore[arg-type]

    def _message(self) -> MIMEBase:
        message = super()._message()
        message.policy = policy.SMTP.clone(refold_source="none")
        return message


def send(message: Message) -> None:
    """Hand a mail to the SMTP server; where udata's settings send no mail, only send the signal
    `mail_sent`.

    Raise Unreachable when the server is at fault, and whatever the library raises when it refuses
    this mail. Nothing is raised once the server has accepted it.
    """
    config = current_app.config
    if not config.get("SEND_MAIL", not config.get("DEBUG", False)):
        mail_sent.send(message)
        return
    settings = copy.copy(current_app.extensions["mail"])
    settings.max_emails = None  # one mail per connection
    with PatientConnection(settings) as connection:
        connection.send(message)


class PatientConnection(Connection):
    """An SMTP connection with a timeout, whose closing never fails."""

    def configure_host(self) -> smtplib.SMTP:
        try:
            return self._connected()
        except OSError as error:  # includes SMTPException
            raise Unreachable from error

    def _connected(self) -> smtplib.SMTP:
        settings = self.mail
        kind = smtplib.SMTP_SSL if settings.use_ssl else smtplib.SMTP
        host = kind(settings.server, settings.port, timeout=PATIENCE)
        host.set_debuglevel(int(settings.debug))
        if settings.use_tls:
            host.starttls()
        if settings.username and settings.password:
            host.login(settings.username, settings.password)
        return host

    def __exit__(self, *raised: Any) -> None:
        with suppress(OSError):
            super().__exit__(*raised)


def _plain(message: MailMessage) -> MailMessage:
    """Turn a message into plain strings of the current language. udata's templates escape those in
    HTML, but take lazy texts for safe, with the titles that people typed in them."""
    return replace(
        message,
        subject=_typeset(excerpt(str(message.subject), SUBJECT_LENGTH)),
        paragraphs=[_plain_item(item) for item in message.paragraphs if item is not None],
        footer=[_plain_item(item) for item in message.footer],
    )


def _plain_item(item: Any) -> Any:
    if isinstance(item, (MailCTA, LabelledContent)):
        return replace(item, label=_typeset(item.label))
    return _typeset(item)


def _typeset(text: Any) -> str:
    """Return a text with the spaces that its language wants."""
    return french_spaces(str(text)) if str(get_locale()) == "fr" else str(text)


def _ways_out(address: str) -> list[MailCTA]:
    ways = [MailCTA(_("Stop receiving these messages"), address)]
    if settings := cdata_url("/admin/me/notifications"):
        ways.append(MailCTA(_("Choose how often you receive messages"), settings))
    return ways


def _way_to_oneself(reader: Reader) -> list[MailCTA]:
    """Return the link to "my data" for readers without an account who have contributed."""
    if not (isinstance(reader, Correspondent) and reader.spoke):
        return []
    return [MailCTA(_("See, correct or erase what you said"), pages_url("me/"))]


def _domain(sender: str) -> str:
    """Return the domain of a Message-ID: the sender's."""
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"
