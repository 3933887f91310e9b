"""Respond while MongoDB is down (its primary is lost, its disk is full, no majority acknowledges):
503, as JSON or as a page that gives back what people typed. One place for all our routes."""

from __future__ import annotations

import logging
from typing import Any

import mongoengine.errors
import pymongo
from flask import Flask, Response, current_app, g, json, request
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    PyMongoError,
    WriteConcernError,
)
from udata.i18n import lazy_gettext as _
from werkzeug.exceptions import HTTPException

from .api import nested_too_deeply, refuse
from .embed import assets
from .log_line import tell
from .urls import PREFIX, portal

log = logging.getLogger(__name__)

#: The `Retry-After` header, in seconds.
RETRY_AFTER = 10

#: Error codes of MongoDB for transient failures.
PASSING = frozenset(
    {
        14031,  # OutOfDiskSpace
        64,  # WriteConcernFailed
        79,  # UnknownReplWriteConcern
        100,  # UnsatisfiableWriteConcern
        133,  # FailedToSatisfyReadPreference
        262,  # ExceededTimeLimit
        50,  # MaxTimeMSExpired
        6,  # HostUnreachable
        7,  # HostNotFound
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        189,  # PrimarySteppedDown
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
    }
)
_PASSING_CLASSES = (ConnectionFailure, ExecutionTimeout, NetworkTimeout, WriteConcernError)

#: A longer text, or one of several lines, is shown again; other fields are hidden inputs.
SHORT = 60

#: Fields in which people write, however short the text.
TEXTS = frozenset({"comment", "description", "title", "message", "text", "answer"})

MESSAGE = _(
    "The service cannot record or show anything at the moment. Please try again in a few minutes."
)
KEPT = _("What you typed is below: nothing is lost as long as this page stays open.")


def register(app: Flask) -> None:
    """Have an application respond so at our addresses, whichever layer the error comes from: ours,
    udata's API, or udata's authentication. Elsewhere udata's own behaviour stays."""
    handled_by_udata, dispatched_by_flask = app.handle_user_exception, app.full_dispatch_request

    def handle(error: Exception) -> Any:
        if not request.path.startswith(f"{PREFIX}/"):
            return handled_by_udata(error)
        if is_passing(error):
            return unavailable(error)
        if isinstance(error, RecursionError) and request.is_json:
            # Flask-Security looks for a token in each body before our code reads it, and
            # again when the user's preferred language is read.
            g.lang_code = _language()
            return refuse(nested_too_deeply())
        return handled_by_udata(error)

    def dispatch(*context: Any) -> Response:
        # A database that hangs would otherwise block the process for longer than its server lets it
        # live. Covers all that Flask does until there is a response: files are streamed afterwards.
        seconds = app.config["CULTURE_FEEDBACK_DATABASE_SECONDS"]
        if not seconds or not request.path.startswith(f"{PREFIX}/"):
            return dispatched_by_flask(*context)
        with pymongo.timeout(seconds):
            return dispatched_by_flask(*context)

    app.handle_user_exception = handle  # type: ignore[assignment, method-assign]
    app.full_dispatch_request = dispatch  # type: ignore[method-assign]


def is_passing(error: BaseException) -> bool:
    """Return whether a failure of MongoDB is transient; any other is a bug of ours."""
    if isinstance(error, mongoengine.errors.MongoEngineException):
        cause = error.__cause__ or error.__context__
        return cause is not None and is_passing(cause)
    if not isinstance(error, PyMongoError):
        return False
    if error.timeout or isinstance(error, _PASSING_CLASSES):
        return True
    if error.has_error_label("RetryableWriteError"):
        return True
    return bool(_codes(error) & PASSING)


def unavailable(error: Exception) -> Response:
    """Return the 503, made without the database: the user, and all that depends on them, is
    unknown."""
    tell(
        log,
        logging.ERROR,
        "database unavailable",
        error=type(error).__name__,
        codes=",".join(map(str, sorted(_codes(error)))) or None,
        method=request.method,
        endpoint=request.endpoint,
    )
    g.lang_code = _language()
    if request.path.startswith(f"{PREFIX}/pages/"):
        # Never a fragment: the loader then leaves the form as it is, and says what happened.
        response = Response(_page(), 503, mimetype="text/html")
    else:
        body = json.dumps({"message": str(MESSAGE)})
        response = Response(body, 503, mimetype="application/json")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    response.headers["Cache-Control"] = "no-store"
    return response


def _page() -> str:
    # Not `render_template`: udata's context processors look up the account.
    template = current_app.jinja_env.get_template("culture_feedback/unavailable.html")
    return template.render(
        lang=g.lang_code,
        direction="rtl" if g.lang_code in ("ar", "fa", "he") else "ltr",
        portal=portal(),
        message=MESSAGE,
        kept=KEPT,
        typed=_typed(),
        action=request.full_path.rstrip("?"),
        method=request.method,
        sheets=[assets.address(f"{name}.css") for name in assets.SHEETS],
    )


def _typed() -> list[tuple[str, str, bool]]:
    """Return what was posted: name, value, and whether it is a text to show again."""
    try:
        fields = list(request.form.items(multi=True))
    except HTTPException:  # over the bound of bodies
        return []
    return [(name, value, _is_text(name, value)) for name, value in fields]


def _is_text(name: str, value: str) -> bool:
    return name in TEXTS or len(value) > SHORT or "\n" in value


def _language() -> str:
    asked = request.args.get("lang", "").replace("_", "-").split("-")[0].lower()
    offered = current_app.config["LANGUAGES"]
    if asked in offered:
        return asked
    known = g.get("lang_code")
    return known or current_app.config["DEFAULT_LANGUAGE"]


def _codes(error: BaseException) -> set[int]:
    details = getattr(error, "details", None) or {}
    found = [getattr(error, "code", None), details.get("code")]
    if isinstance(error, BulkWriteError):
        found += [one.get("code") for one in details.get("writeErrors", ())]
        found += [one.get("code") for one in details.get("writeConcernErrors", ())]
    return {code for code in found if isinstance(code, int)}
