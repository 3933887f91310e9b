"""Measuring one request: CPU time of the thread that answers it, what it asks of MongoDB, what it
sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from statistics import median
from typing import Any

from flask import Flask, json
from mongoengine.connection import get_db
from pymongo.database import Database
from werkzeug.test import EnvironBuilder

#: Requests before anything is measured: caches, connections, indexes.
WARM_UP = 3
#: Requests in a row, in each round.
TIMES = 5


@dataclass
class Request:
    """A request to repeat. `cookies`: of whom it comes from, one after the other."""

    verb: str
    path: str
    body: Any = None
    cookies: list[str] = field(default_factory=list)
    status: int = 200

    seconds: list[float] = field(default_factory=list)
    commands: int = 0
    database_bytes: int = 0
    sent_bytes: int = 0
    asked: int = 0

    @property
    def milliseconds(self) -> float:
        return 1000 * median(self.seconds)

    def environ(self) -> dict[str, Any]:
        """What a WSGI server would pass on; nothing of it is measured."""
        headers = {}
        if self.cookies:
            headers["Cookie"] = self.cookies[self.asked % len(self.cookies)]
        self.asked += 1
        builder = EnvironBuilder(path=self.path, method=self.verb, headers=headers)
        if self.body is not None:
            builder.content_type = "application/json"
            builder.input_stream = BytesIO(json.dumps(self.body).encode())
        return builder.get_environ()


def run(app: Flask, requests: Iterable[Request], rounds: int) -> None:
    """Every request a few times in each round: whatever slows the machine down for a while slows
    them all down, and none pays each time for what the one before left in the processor's caches.
    What they ask of MongoDB is counted by MongoDB, when nothing is measured."""
    requests = list(requests)
    for _warm_up in range(WARM_UP):
        for request in requests:
            _ask(app, request)
    for _round in range(rounds):
        for request in requests:
            request.seconds += [_ask(app, request)[0] for _time in range(TIMES)]
    with app.app_context():
        database = get_db()
    for request in requests:
        before = _commands(database)
        request.sent_bytes = len(_ask(app, request)[1])
        request.commands = _commands(database) - before
        request.database_bytes = _answered(database, lambda r=request: _ask(app, r))


def _commands(database: Database) -> int:
    """How many commands MongoDB has been given so far, but for those of connections and of us."""
    status = database.client.admin.command("serverStatus")["metrics"]["commands"]
    ignored = ("hello", "isMaster", "ping", "serverStatus", "endSessions")
    return sum(
        counts["total"]
        for name, counts in status.items()
        if isinstance(counts, dict) and name not in ignored
    )


def _answered(database: Database, ask: Callable[[], Any]) -> int:
    """How many bytes MongoDB answers meanwhile, as its profiler sees it."""
    database.command("profile", 2)
    ask()
    database.command("profile", 0)
    answered = sum(entry.get("responseLength", 0) for entry in database.system.profile.find())
    database.system.profile.drop()
    return answered


def _ask(app: Flask, request: Request) -> tuple[float, bytes]:
    """CPU time of one answer, in seconds, and its body. Raises when it is not what it should be:
    an error may be quick."""
    environ = request.environ()
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)

    start = time.thread_time()
    answer = app.wsgi_app(environ, start_response)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    seconds = time.thread_time() - start
    if not statuses[0].startswith(str(request.status)):
        raise RuntimeError(f"{request.verb} {request.path}: {statuses[0]}\n{body[:500]!r}")
    return seconds, body
