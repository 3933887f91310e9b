"""Find what is wrong, for operators and monitors: checks of a few bounded commands each, and the
route `P/health/`. No check reveals anything about a person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
from flask import Response, json, request
from mongoengine.connection import get_db
from pymongo.errors import PyMongoError
from udata.api import api, fields

from ..consultations.models import consultations
from ..contributions.neighbours import Slot
from ..portal.collections import now
from ..portal.job_runs import installed_at, last_ends
from ..web import refusals
from ..web.api import Answer, Route, documented, never_stored, ns
from ..web.log_line import tell
from ..web.version import VERSION
from . import queue_sizes

log = logging.getLogger(__name__)

#: Seconds that all checks together may take.
PATIENCE = 5

#: How long figures and discussions may lag: tasks take seconds, readers settle.
DUES_LATE = timedelta(hours=1)
#: How long a mail may wait once it is due.
MAILS_LATE = timedelta(hours=1)
#: How long ago each job may have ended: its schedule, and some room.
JOBS_LATE = {
    "culture-feedback-maintain": timedelta(hours=30),
    "culture-feedback-deliver": timedelta(hours=1),
    "culture-feedback-consultations": timedelta(hours=1),
}
#: How far the clock of a process may be from the database's; less than a lease of mails.
CLOCK_OFF = timedelta(minutes=2)

Problem = dict[str, Any]

#: The document classes, registered by `app`.
documents: Slot[Sequence[Any]] = Slot("document classes")


def _database() -> Iterator[str]:
    get_db().command("ping")
    if not get_db().command("hello").get("isWritablePrimary"):
        yield "The database has no primary: nothing can be written."


def _indexes() -> Iterator[str]:
    """Check unique indexes, without which duplicates may be stored. An empty collection does
    without: its index is built before its first document."""
    names = set(get_db().list_collection_names(filter={"name": {"$regex": "^culture_feedback_"}}))
    for model in documents():
        wanted = [index for index in model._meta.get("index_specs", ()) if index.get("unique")]
        name = model._get_collection_name()
        if not wanted or name not in names:
            continue
        there = [one["key"] for one in get_db()[name].index_information().values()]
        for index in wanted:
            if index["fields"] not in there and get_db()[name].find_one({}, {"_id": 1}):
                what = ", ".join(field for field, _direction in index["fields"])
                yield f"{name} has no unique index on {what}: run `udata feedback init`."


def _dues() -> Iterator[str]:
    for kind in queue_sizes.late_dues(DUES_LATE):
        yield (
            f"Something of {kind} has been due for more than {_words(DUES_LATE)}: do tasks run? "
            "`udata feedback maintain` catches up."
        )


def _outbox() -> Iterator[str]:
    if late := queue_sizes.late_mails(MAILS_LATE):
        yield f"{late} mails should have left more than {_words(MAILS_LATE)} ago."
    if failed := queue_sizes.mails()["failed"]:
        yield f"{failed} mails were refused for days; `udata feedback requeue` starts again."


def _jobs() -> Iterator[str]:
    ended, installed = last_ends(), installed_at()
    for job, longer in JOBS_LATE.items():
        if job == "culture-feedback-consultations" and not _consulting():
            continue
        if job not in ended and installed and now() - installed < longer:
            continue  # its first run is still to come
        if job not in ended:
            yield f"{job} has never run to its end: schedule it (`udata job schedule`)."
        elif now() - ended[job] > longer:
            yield f"{job} has not run to its end for more than {_words(longer)}."


def _clock() -> Iterator[str]:
    theirs = get_db().command("hello")["localTime"]
    off = abs(datetime.now(UTC).replace(tzinfo=None) - theirs.replace(tzinfo=None))
    if off > CLOCK_OFF:
        yield (
            f"The clock of this process is {_words(off)} from the database's: leases and dates "
            "are wrong."
        )


#: The checks, by the names that `?check=` takes.
CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "database": _database,
    "indexes": _indexes,
    "dues": _dues,
    "outbox": _outbox,
    "jobs": _jobs,
    "clock": _clock,
}


def problems(names: list[str] | None = None) -> list[Problem]:
    """Return what is wrong: `check` and `message` (English, for operators). A database that is down
    is one problem, not six."""
    found: list[Problem] = []
    with pymongo.timeout(PATIENCE):
        for name in names or CHECKS:
            try:
                found += [{"check": name, "message": said} for said in CHECKS[name]()]
            except PyMongoError as error:
                said = f"The database does not answer ({type(error).__name__})."
                return [*found, {"check": "database", "message": said}]
    return found


problem_fields = documented(
    "CultureFeedbackProblem",
    {"check": fields.String(enum=list(CHECKS)), "message": fields.String},
)
health_fields = documented(
    "CultureFeedbackHealth",
    {
        "healthy": fields.Boolean,
        "version": fields.String,
        "problems": fields.List(fields.Nested(problem_fields)),
    },
)


@ns.route("/health/", endpoint="culture_feedback_health")
class HealthAPI(Route):
    @api.doc("get_culture_feedback_health", params={"check": "Only this one; may be repeated"})
    @api.response(200, "All is well", health_fields.name)
    @api.response(503, "Something is wrong; `problems` says what", health_fields.name)
    def get(self) -> Answer:
        """What is wrong, for monitors; `?check=database` alone for load balancers"""
        names = request.args.getlist("check")
        if unknown := [name for name in names if name not in CHECKS]:
            message = f"No such check: {', '.join(unknown)}. There are {', '.join(CHECKS)}."
            raise refusals.Invalid(message, {"check": message})
        found = problems(names)
        _tell_changes(names or list(CHECKS), found)
        body = {"healthy": not found, "version": VERSION, "problems": found}
        status = 503 if found else 200
        return never_stored(Response(json.dumps(body), status, mimetype="application/json"))


#: Checks that failed the last time this process ran them.
_wrong: set[str] = set()


def _tell_changes(names: list[str], found: list[Problem]) -> None:
    """Log what has turned wrong, and what is right again; only changes, since a probe asks every
    few seconds."""
    for problem in found:
        if problem["check"] not in _wrong:
            tell(log, logging.WARNING, "unhealthy", **problem)
    now_wrong = {problem["check"] for problem in found}
    for check in (_wrong & set(names)) - now_wrong:
        tell(log, logging.INFO, "healthy again", check=check)
    _wrong.difference_update(names)
    _wrong.update(now_wrong)


def _consulting() -> bool:
    """Return whether a consultation is open, or has closed without its results collected yet."""
    under_way = {"published": {"$ne": None}, "collected": None}
    return consultations().find_one(under_way, {"_id": 1}) is not None


def _words(time: timedelta) -> str:
    """Format a duration for operators."""
    minutes = round(time.total_seconds() / 60)
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
