"""Measurement of requests over HTTP: CPU of the answering process and of MongoDB, latency, commands
to MongoDB, bytes sent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from statistics import median, quantiles
from typing import Any

import click
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from pymongo import MongoClient

from .processes import SECRET, Server, at_rest

#: Requests before anything is measured: caches, connections, indexes.
WARM_UP = 5
#: Requests in a row, in each round, after one that is not measured: the render cache of the process
#: may have expired since the last round, which depends on how fast the machine is.
TIMES = 5


def asked_in(rounds: int) -> int:
    """Return how often a request is made in this many rounds, all in all."""
    return WARM_UP + rounds * (1 + TIMES) + 2


@dataclass
class Request:
    """A request to repeat. `paths`, `cookies`: used one after the other."""

    server: Server
    verb: str
    paths: Sequence[str]
    body: Any = None
    cookies: Sequence[str] = ()
    status: int = 200

    #: Seconds of CPU for one answer, one figure for each round: of the process, of MongoDB.
    cpu: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    commands: int = 0
    sent: int = 0
    asked: int = 0

    @property
    def milliseconds(self) -> float:
        """CPU of the answering process, in milliseconds."""
        return 1000 * median(self.cpu)

    @property
    def database_milliseconds(self) -> float:
        return 1000 * median(self.database)

    @property
    def p50(self) -> float:
        return 1000 * median(self.latencies)

    @property
    def p99(self) -> float:
        return 1000 * quantiles(self.latencies, n=100)[-1]

    def ask(self) -> tuple[float, bytes]:
        """Send the request. Return the duration in seconds, and the body. Raise RuntimeError for an
        unexpected status: an error may be quick."""
        headers = {"Accept-Language": "fr", "User-Agent": "benchmark"}
        if self.cookies:
            headers["Cookie"] = self.cookies[self.asked % len(self.cookies)]
        body = None
        if self.verb == "POST":
            body = json.dumps(self.body or {}).encode()
            headers["Content-Type"] = "application/json"
        path = self.paths[self.asked % len(self.paths)]
        self.asked += 1
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=600)
        start = time.perf_counter()
        connection.request(self.verb, path, body, headers)
        response = connection.getresponse()
        read = response.read()
        seconds = time.perf_counter() - start
        connection.close()
        if response.status != self.status:
            raise RuntimeError(f"{self.verb} {path}: {response.status}\n{read[:500]!r}")
        return seconds, read


def run(
    requests: Iterable[Request],
    mongod: int,
    rounds: int,
) -> None:
    """Measure every request a few times in each round: a temporary slowdown of the machine then
    affects them all, and none pays each time for what the one before left in the processor's
    caches. `mongod`: its process id. Commands are counted apart, when nothing is measured."""
    requests = list(requests)
    for request in requests:
        for _warm_up in range(WARM_UP):
            request.ask()
    label = f"{len(requests)} requests, {rounds * TIMES} times each"
    with click.progressbar(range(rounds), label=label) as bar:
        for number in bar:
            # In reverse order every second time, so that no request always comes after the same
            # one.
            for request in requests[:: 1 if number % 2 else -1]:
                _measure(request, mongod)


def _measure(request: Request, mongod: int) -> None:
    request.ask()
    before, stored = request.server.cpu(), at_rest(mongod)
    request.latencies += [request.ask()[0] for _time in range(TIMES)]
    request.cpu.append((request.server.cpu() - before) / TIMES)
    request.database.append((at_rest(mongod) - stored) / TIMES)


def count(requests: Iterable[Request], client: MongoClient[Any]) -> None:
    """Count the commands each request gives MongoDB, and the bytes it sends; nothing else may be
    using MongoDB meanwhile."""
    for request in requests:
        request.ask()
        before = _commands(client)
        request.sent = len(request.ask()[1])
        request.commands = _commands(client) - before


def _commands(client: MongoClient[Any]) -> int:
    """Count the commands MongoDB has been given so far, without those of connections and of the
    benchmark."""
    status = client.admin.command("serverStatus")["metrics"]["commands"]
    ignored = ("hello", "isMaster", "ping", "serverStatus", "endSessions", "buildInfo")
    return sum(
        counts["total"]
        for name, counts in status.items()
        if isinstance(counts, dict) and name not in ignored
    )


def session(unique: str) -> str:
    """Make the session cookie of a logged-in user, by their `fs_uniquifier`."""
    app = Flask(__name__)
    app.secret_key = SECRET
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer
    return f"session={serializer.dumps({'_user_id': unique, '_fresh': True})}"
