"""The portal of the demo: udata and the stand-in front-end behind one address.

In production cdata and udata share one host too, split at the edge by path and method.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from flask_mail import Message
from udata.app import create_app, standalone
from udata.mail import mail_sent
from udata.settings import Defaults

from . import parts
from .mongod import database_uri
from .stand_in import StandIn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.wrappers import Request

WSGI = Callable[..., Iterable[bytes]]

DATABASE = "culture_feedback_demo"
MAILS = "mails"
"""The folder of the state directory where mails go."""
FILES = "files"
"""The one where uploaded files go."""

UDATA_PATHS = (
    "/api/",
    "/oauth",
    "/datasets/r/",
    "/s/",  # uploaded files: avatars, logos, published results
    "/get-csrf",
    "/logout/",
    "/confirm",
    "/reset/",
    "/change",
    "/register/",
    parts.ADDRESS,
)
UDATA_FORMS = ("/login/",)
"""What udata answers only when something is posted; the page is the front-end's."""


def create_udata(mongodb_uri: str, database: str, port: int, state_dir: Path) -> Flask:
    """Make udata with its plugins, set up to run alone on one machine.

    :param mongodb_uri: the server, without a database.
    :param port: where the portal will be reached on localhost: addresses are made from it.
    :param state_dir: where uploaded files and mails are written.
    """
    # As an override, so that a udata.cfg in the current folder has no effect.
    app: Flask = standalone(
        create_app(override=_settings(database_uri(mongodb_uri, database), port, state_dir))
    )
    app.register_blueprint(parts.blueprint)
    _write_mails(app, state_dir / MAILS)
    return app


def create_portal(mongodb_uri: str, database: str, port: int, state_dir: Path) -> Portal:
    """Make udata and the stand-in front-end as one WSGI application; see `create_udata`."""
    return Portal(create_udata(mongodb_uri, database, port, state_dir), state_dir)


class Portal:
    """The edge, which sends each request to udata or to the front-end. `udata` is the Flask
    application behind it."""

    def __init__(self, udata: Flask, state_dir: Path) -> None:
        self.udata = udata
        self.front_end = StandIn(state_dir / MAILS, self._is_logged_in)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", "/"), environ["REQUEST_METHOD"]
        is_udata = path.startswith(UDATA_PATHS) or (
            method not in ("GET", "HEAD") and path.startswith(UDATA_FORMS)
        )
        application: WSGI = self.udata if is_udata else self.front_end
        return application(environ, start_response)

    def _is_logged_in(self, request: Request) -> bool:
        """Return whether a request has the session cookie of a user; udata checks it at each
        use."""
        session = self.udata.session_interface.open_session(self.udata, request)  # type: ignore
        return bool(session and "_user_id" in session)


def _settings(mongodb_host: str, port: int, state_dir: Path) -> type[Defaults]:
    class Demo(Defaults):
        SITE_ID = "culture-feedback-demo"
        SITE_TITLE = "Culture ouverte (démonstration)"
        CULTURE_FEEDBACK_LOGO_URL = "/assets/icon.svg"
        SITE_AUTHOR = "udata-culture-feedback"
        DEFAULT_LANGUAGE = "fr"
        CONTACT_EMAIL = "contact@demo.test"

        SERVER_NAME = f"localhost:{port}"
        PREFERRED_URL_SCHEME = "http"
        CDATA_BASE_URL = f"http://localhost:{port}"

        MONGODB_HOST = mongodb_host
        CACHE_TYPE = "flask_caching.backends.NullCache"
        CACHE_NO_NULL_WARNING = True
        FS_ROOT = str(state_dir / FILES)
        # Where flask-storage makes the addresses of uploaded files, behind the same edge.
        FS_PREFIX = "/s"

        # Tasks run at once, in the request; a failing one does not break it, as in a worker.
        CELERY_TASK_ALWAYS_EAGER = True
        CELERY_TASK_EAGER_PROPAGATES = False
        CELERY_BROKER_URL = "memory://"
        CELERY_RESULT_BACKEND = "cache+memory://"

        SEND_MAIL = False  # see `_write_mails`
        CULTURE_FEEDBACK_MAILS_AT_ONCE = None  # who tries the demo wants to see each at once
        MAIL_DEFAULT_SENDER = "ne-pas-repondre@demo.test"

        # Fixed, so that sessions survive a restart. The demo listens on this machine only.
        SECRET_KEY = "demo: not a secret"
        API_TOKEN_SECRET = "demo: not a secret either"
        SECURITY_PASSWORD_SALT = "demo: public salt"
        SESSION_COOKIE_NAME = "culture-feedback-demo"
        SESSION_COOKIE_SECURE = False
        PERMANENT_SESSION_LIFETIME = timedelta(days=30)
        SECURITY_SPA_ON_SAME_DOMAIN = True
        SECURITY_TWO_FACTOR = False
        # ".test" never exists (RFC 2606), which is why the demo's addresses end so.
        SECURITY_EMAIL_VALIDATOR_ARGS = {"check_deliverability": False, "test_environment": True}

        # No DNS lookup, no call to another service.
        URLS_RESOLVE_HOSTNAME = False
        URLS_ALLOW_LOCAL = True
        PUBLISH_ON_RESOURCE_EVENTS = False
        HARVEST_ENABLE_MANUAL_RUN = False
        # People without an account take part too. Keys that everybody knows protect nothing: a
        # portal has its own.
        CULTURE_FEEDBACK_TOKEN_KEY = "demo: everybody knows this key for tokens"
        CULTURE_FEEDBACK_EMAIL_HASH_KEY = "demo: everybody knows this key for hashes"
        CULTURE_FEEDBACK_EMAIL_KEYS = ["ZGVtbzogZXZlcnlib2R5IGtub3dzIHRoaXMga2V5ISE="]
        # The ministry deals with requests whose holder is unknown, and requests here open the
        # appeals provided by law.
        CULTURE_FEEDBACK_DESK = "ministere-de-la-culture"
        CULTURE_FEEDBACK_FORMAL_REQUESTS = True

        # Where links in mails may lead, besides the front-end.
        DISCUSSION_ALLOWED_EXTERNAL_DOMAINS = ["localhost"]

    return Demo


def _write_mails(app: Flask, folder: Path) -> None:
    """Write the mails that `app` would send as text files in `folder`, named in their order."""
    numbers = itertools.count(1)

    def write(message: Message, **_: Any) -> None:
        # The signal is udata's, not an application's: there may be several in a process.
        if current_app._get_current_object() is not app:  # type: ignore[attr-defined]
            return
        now = datetime.now(UTC)
        folder.mkdir(parents=True, exist_ok=True)
        subject = re.sub(r"\s+", " ", message.subject or "")
        text = re.sub(r"\n\s*\n", "\n\n", message.body or "")  # udata's templates leave gaps
        name = f"{now:%Y%m%dT%H%M%S%f}-{next(numbers):04}.txt"
        (folder / name).write_text(
            f"Date: {now.isoformat(timespec='seconds')}\n"
            f"To: {', '.join(map(str, message.recipients))}\n"
            f"Subject: {subject}\n\n{text}",
            encoding="utf-8",
        )

    mail_sent.connect(write, weak=False)
