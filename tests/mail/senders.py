"""Mails about the weather, and processes that send them: what `test_outbox` kills."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from udata import settings
from udata.app import UDataApp, create_app
from udata.core.user.models import User
from udata.i18n import lazy_gettext as _
from udata.mail import MailCTA, MailMessage

import udata_culture_feedback
from udata_culture_feedback.mail import mailing, outbox, unsubscribe

#: What some towns would rather not have said.
SECRET = "Atlantis"


@mailing.mail("test-weather")
def weather(reader: User, town: str, degrees: int = 20) -> MailMessage | None:
    """A mail like those of the domains. "Feedback" and "Home" are in the catalogues."""
    if town == SECRET:
        return None
    if town == "Broken":
        raise ValueError(f"{reader.email} cannot be told")
    return MailMessage(
        subject=_("Feedback on %(title)s", title=town),
        paragraphs=[
            _("Feedback on %(title)s", title=f"{town} ({degrees} °C)"),
            MailCTA(_("Home"), f"https://weather.test/{degrees}"),
        ],
        footer=[_("You receive this message because you follow %(town)s.", town=town)],
    )


@mailing.mail("test-storm", at_once=True)
def storm(reader: User, town: str) -> MailMessage | None:
    return weather(reader, town)


@mailing.mail("test-receipt", required=True)
def receipt(reader: User, town: str) -> MailMessage | None:
    return weather(reader, town)


@unsubscribe.names("town")
def name_of_town(town: str) -> str | None:
    return None if town == SECRET else f"{town} <the town>"


def by_smtp(app: UDataApp, port: int) -> None:
    """Has an application of tests send its mails to a server on this machine."""
    app.config["SEND_MAIL"] = True
    state = app.extensions["mail"]
    state.suppress, state.server, state.port = False, "127.0.0.1", port


# What the processes of `tests.processes` do.


def prepare(uri: str) -> UDataApp:
    class Settings(settings.Testing):
        MONGODB_HOST_TEST = uri

    app = create_app(settings.Defaults, override=Settings)
    udata_culture_feedback.init_app(app)
    app.config["CULTURE_FEEDBACK_MAILS_AT_ONCE"] = None
    return app


def deliver(app: UDataApp, port: int) -> dict[str, int]:
    by_smtp(app, port)
    with app.app_context():
        return dict(outbox.deliver_due())


def post(app: UDataApp, port: int, people: Iterable[Any]) -> int:
    from bson import ObjectId

    by_smtp(app, port)
    with app.app_context():
        return outbox.post_to_each(
            "weather:1", map(ObjectId, people), "test-weather", {"town": "Lyon"}, "town:lyon"
        )
