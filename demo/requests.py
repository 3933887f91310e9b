"""Sample requests for data (``requests.toml``), recorded through the very actions that the API
calls, each on its day."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from udata.core.organization.models import Organization
from udata.core.user.models import User

from udata_culture_feedback.data_requests import actions, models
from udata_culture_feedback.data_requests.signals import on_request_moved, on_request_received
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import Viewer, viewer_of
from udata_culture_feedback.portal.collections import as_of, now
from udata_culture_feedback.web.refusals import Gone

from . import catalogue
from .accounts import AUTHORS

REQUESTS = Path(__file__).with_name("requests.toml")
SEED = 2022

SHOWCASE = "couts-des-restaurations"
"""The request to show first: late, carried by many, and its requester may appeal."""

SUBMISSION = "demo-request:"
"""Before its key, by which a request is recognised at the next start."""

ASKED = (
    *("title", "description", "kind", "themes", "usages", "profile"),
    *("formats", "frequency", "spatial", "evidence_url"),
)
MOVED = ("to", "message", "reason", "urls", "partial")

SUPPORTED_WITHIN = 14
"""Days over which supports come."""

Record = dict[str, Any]
Act = Callable[[Viewer, str], Any]


@dataclass(frozen=True)
class Event:
    """Something an account does about a request, `ago` days before the first start. `act` is called
    with the viewer and the id of the request, which is empty while the request is being made."""

    ago: float
    key: str
    email: str
    act: Act
    asks: bool = False


@cache
def sample_requests() -> tuple[Record, ...]:
    """Return the sample requests as they are written, their `author` the address of an account,
    with `supporters` (addresses); the result never varies."""
    chance = random.Random(SEED)
    emails = [author.email for author in AUTHORS]
    askers = iter(chance.sample(emails, len(emails)))
    found = []
    for entry in tomllib.loads(REQUESTS.read_text(encoding="utf-8"))["requests"]:
        author = _email(entry["author"]) if "author" in entry else next(askers)
        others = [email for email in emails if email != author]
        supporters = chance.sample(others, entry.get("supports", 0))
        found.append(entry | {"author": author, "supporters": supporters})
    return tuple(found)


def record_requests(
    progress: Callable[[int, int], None] = lambda done, of: None,
    entries: Sequence[Record] | None = None,
) -> int:
    """Record whatever is missing, in its order. Return how many requests are new. No mail is sent
    about what happened before the demo. Needs an application context. `progress` is called with the
    number of events done, and their total. `entries`: other requests than the sample."""
    entries = sample_requests() if entries is None else entries
    recorder = _Recorder(entries)
    known = len(recorder.ids)
    left = [event for entry in entries for event in recorder.left_of(entry)]
    accounts = {user.email: user for user in User.objects(email__in=[e.email for e in left])}
    first_start = now()
    for done, event in enumerate(sorted(left, key=lambda event: -event.ago), start=1):
        user = accounts[event.email]
        with (
            as_of(first_start - timedelta(days=event.ago)),
            acting_as(user),
            on_request_received.muted(),
            on_request_moved.muted(),
        ):
            recorder.do(event, viewer_of(user))
        progress(done, len(left))
    return len(recorder.ids) - known


def showcase() -> str | None:
    """Return the slug of the request to show first, unless somebody deleted it."""
    found = models.requests().find_one({"submission_id": SUBMISSION + SHOWCASE}, {"slug": 1})
    return found["slug"] if found else None


@dataclass
class _Recorder:
    """The state of the database: the requests by key, how far each has come, and what they name."""

    sample: Sequence[Record]
    ids: dict[str, str] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        submissions = [SUBMISSION + entry["key"] for entry in self.sample]
        for one in models.requests().find({"submission_id": {"$in": submissions}}):
            key = one["submission_id"].removeprefix(SUBMISSION)
            self.ids[key], self.entries[key] = str(one["_id"]), len(one["history"])
        names = catalogue.organization_names()
        there = {org.name: str(org.id) for org in Organization.objects.only("name")}
        self.organizations = {id: there[name] for id, name in names.items() if name in there}
        self.datasets = {id: str(d.id) for id, d in catalogue.find_datasets().items()}

    def left_of(self, entry: Record) -> Iterator[Event]:
        """Yield the events of a request that have not happened. An interrupted load goes on where
        the history stops: it has an entry for each move."""
        key, steps = entry["key"], list(self._steps(entry))
        come = self.entries.get(key, -1)
        if come >= max((length for length, _event in steps), default=0):
            return
        yield Event(entry["ago"], key, entry["author"], self._asking(entry), asks=True)
        yield from _supports(entry)
        yield from (event for length, event in steps if length > come)

    def do(self, event: Event, viewer: Viewer) -> None:
        if event.asks or event.key in self.ids:
            event.act(viewer, self.ids.get(event.key, ""))

    def _steps(self, entry: Record) -> Iterator[tuple[int, Event]]:
        """Yield the events after a request was made, each with the length of the history then."""
        length, awaited = 0, False
        for number, step in enumerate(entry.get("steps", ()), start=1):
            silent = "confirm" in step or ("answer" in step and not awaited)
            length += not silent
            awaited = step.get("to") == "needs_clarification"
            email = entry["author"] if step["by"] == "author" else _email(step["by"])
            submission = f"{SUBMISSION}{entry['key']}:{number}"
            yield length, Event(step["ago"], entry["key"], email, self._doing(step, submission))

    def _asking(self, entry: Record) -> Act:
        signature = entry.get("signature", "name")
        payload = {name: entry[name] for name in ASKED if name in entry} | {
            "submission_id": SUBMISSION + entry["key"],
            "signature": self.organizations.get(signature, signature),
            "organization": self.organizations.get(entry.get("holder", "")),
            "dataset": self.datasets.get(entry.get("dataset", "")),
        }

        def ask(viewer: Viewer, _id: str) -> None:
            try:
                made, _new = actions.ask(viewer, payload, at=now())
            except Gone:  # a visitor of the demo has deleted it
                self.ids.pop(entry["key"], None)
            else:
                self.ids[entry["key"]] = str(made["_id"])

        return ask

    def _doing(self, step: Record, submission: str) -> Act:
        if "confirm" in step:
            return actions.confirm
        message = step.get("message")
        if "answer" in step:
            answer = {"message": step["answer"], "submission_id": submission}
            return lambda viewer, id: actions.answer(viewer, id, answer)
        if "transfer" in step:
            sent = {"organization": self.organizations[step["transfer"]], "message": message}
            return lambda viewer, id: actions.transfer(viewer, id, sent)
        if "extend" in step:
            extension = {"days": step["extend"], "reason": message}
            return lambda viewer, id: actions.extend(viewer, id, extension)
        return lambda viewer, id: actions.move(viewer, id, self._move(step))

    def _move(self, step: Record) -> Record:
        payload = {name: step[name] for name in MOVED if name in step}
        payload["datasets"] = [self.datasets[remote_id] for remote_id in step.get("datasets", ())]
        if "into" in step:
            payload["duplicate_of"] = self.ids.get(step["into"])
        return payload


def _supports(entry: Record) -> Iterator[Event]:
    """Yield the supports of a request, before whatever ends it."""
    ends = ("published", "declined", "withdrawn", "duplicate")
    ended = [step["ago"] for step in entry.get("steps", ()) if step.get("to") in ends]
    last = max(ended, default=0) + 0.5
    for number, email in enumerate(entry["supporters"], start=1):
        after = SUPPORTED_WITHIN * number / (len(entry["supporters"]) + 1)
        yield Event(max(entry["ago"] - after, last), entry["key"], email, actions.support)


def _email(name: str) -> str:
    return f"{name}@demo.test"
