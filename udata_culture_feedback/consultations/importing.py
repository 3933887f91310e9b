"""Import of answers collected elsewhere (on paper, by another form) from a CSV file and a mapping:
which column answers which question, which words stand for which answer (`docs/importing.md` shows
one).

The file is read twice, line by line: first to check everything, then to write it. A line is
identified by its id, or by its content: the file may be imported again, after a crash or with lines
added, and nobody counts twice. Window and limits do not apply; the dates in the file must lie
within the window.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from udata.i18n import lazy_gettext as _

from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer
from ..portal.collections import now
from ..web import refusals
from ..web.csv_reading import Problem, Unreadable, Values, read_day, records
from ..web.moments import midnight, portal_zone
from ..web.payload import Payload
from ..web.refusals import Errors
from . import figures, results_collection
from .import_mapping import Column, Mapped, ticked
from .models import Channel, Consultation, Response, Said, of_responses
from .repository import find
from .response_content import new_response, read_said, saying
from .response_repository import imported_before, store_imported, take_part
from .window import State, Window, read_moment

#: Lines written at once.
BATCH = 500


A_MOMENT = timedelta(milliseconds=1)


@dataclass
class Report:
    """The result of an import, in lines. `wrong`: lines that cannot be imported."""

    new: int = 0
    known: int = 0
    wrong: int = 0


def import_file(
    reference: str,
    path: Path,
    mapping: Path,
    *,
    encoding: str = "utf-8-sig",
    dry_run: bool = False,
    skip_errors: bool = False,
    batch: int = BATCH,
    told: Callable[[Problem], None] = lambda problem: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Import the new lines of a file. Nothing is written in a `dry_run`, nor where a line is wrong,
    unless `skip_errors` imports the others.

    `batch`: lines written at once. `told` is called with each problem, `progress` with the lines
    done and their total. Raise Unreadable for a consultation that does not exist or has not opened,
    and for a mapping or a file that cannot be read.
    """
    consultation = _consultation(reference)
    source = _Source(consultation, path, Mapped.read(mapping, consultation), encoding)
    report, lines = Report(), 0
    for some in _batches(source.answers(told), batch):
        lines += len(some)
        known = imported_before(consultation, [one.key for one in some])
        report.known += len(known)
        report.new += len(some) - len(known)
    report.wrong = source.wrong
    if dry_run or (report.wrong and not skip_errors):
        return report
    report.new = report.known = 0
    if not take_part(consultation):
        raise Unreadable("the questions have just been changed: run this again")
    done = 0
    for some in _batches(source.answers(lambda problem: None), batch):
        stored = store_imported(consultation, [one.response for one in some])
        report.new += stored
        report.known += len(some) - stored
        done += len(some)
        progress(done, lines)
    figures.settle_everything(consultation["_id"])
    if consultation.get("collected"):
        results_collection.name_datasets(consultation)
    return report


@dataclass(frozen=True)
class Answer:
    """A valid line: the key of the person it stands for, and the response to store."""

    key: str
    response: Response


def _consultation(reference: str) -> Consultation:
    found = find(reference)
    if found is None:
        raise Unreadable(f"no consultation {reference}")
    state = Window.of(found).state(now())
    if state in (State.DRAFT, State.SCHEDULED):
        raise Unreadable("this consultation has not opened yet")
    return found


def _batches(answers: Iterator[Answer], size: int) -> Iterator[list[Answer]]:
    while batch := list(islice(answers, size)):
        yield batch


# --- The file -------------------------------------------------------------------------------------


class _Source:
    """The lines of a file as answers; may be read again. `wrong`: the number of invalid lines in
    the last reading."""

    def __init__(self, consultation: Consultation, path: Path, mapped: Mapped, encoding: str):
        self.consultation = consultation
        self.window = Window.of(consultation)
        self.path = path
        self.mapped = mapped
        self.encoding = encoding
        self.wrong = 0

    def answers(self, told: Callable[[Problem], None]) -> Iterator[Answer]:
        """Yield the valid lines one by one; `told` is called with each problem of the others."""
        self.wrong = 0
        seen: dict[bytes, int] = {}
        for line, values in records(self.path, self.encoding, self._header):
            errors: Errors = {}
            key = self._key(line, values, seen, errors)
            response = self._response(key, values, errors)
            for column, why in errors.items():
                told(Problem(line, column, str(why)))
            if errors or response is None:
                self.wrong += 1
            else:
                yield Answer(key, response)

    def _header(self, theirs: list[str]) -> list[str]:
        wanted = self.mapped.columns
        if missing := sorted(wanted.difference(theirs)):
            raise Unreadable(f"no column {', '.join(missing)} in the header")
        if twice := [name for name, n in Counter(theirs).items() if n > 1 and name in wanted]:
            raise Unreadable(f"the column {', '.join(twice)} is there more than once")
        return [name if name in wanted else "" for name in theirs]

    def _key(self, line: int, values: Values, seen: dict[bytes, int], errors: Errors) -> str:
        """Return the key of the person a line stands for: stable between runs. Without ids, lines
        with equal content are numbered in their order."""
        name = self.mapped.id
        if name is None:
            said = _digest(json.dumps(sorted(values.items())))
            seen[said] = seen.get(said, 0) + 1
            return self._person(f"said\n{said.hex()}\n{seen[said]}")
        id = values.get(name, "")
        digest = _digest(id)
        if not id:
            errors[name] = _("This says which answer it is, and cannot be empty.")
        elif digest in seen:
            errors[name] = _("“%(id)s” is on line %(line)d already.", id=id, line=seen[digest])
        seen.setdefault(digest, line)
        return self._person(f"id\n{id}")

    def _person(self, said: str) -> str:
        # As for letters: without the file the key cannot be found.
        return "import:" + _digest(f"{self.consultation['_id']}\n{said}").hex()

    def _response(self, key: str, values: Values, errors: Errors) -> Response | None:
        """Build the response of a line; what is wrong with it is added to `errors`, by column."""
        mapped = self.mapped
        answers: dict[str, Any] = {}
        for asked in mapped.questions:
            with _named(asked.columns[0], errors):
                answers[asked.question["id"]] = asked.read(values)
        payload: Payload = {"answers": answers}
        channel: Any = mapped.channel
        if isinstance(mapped.profile, Column):
            with _named(mapped.profile.name, errors):
                payload["profile"] = mapped.profile.read(values.get(mapped.profile.name, ""))
        if isinstance(mapped.channel, Column):
            with _named(mapped.channel.name, errors):
                channel = mapped.channel.read(values.get(mapped.channel.name, ""))
        if mapped.open_data:
            with _named(mapped.open_data, errors):
                payload["open_data"] = ticked(values, mapped.open_data)
        at = self._moment(values, errors)
        if errors:
            return None
        if not any(answers.values()):
            errors[mapped.questions[0].columns[0]] = _("This line has no answer.")
            return None
        try:
            said = read_said(self.consultation, payload, whole=True)
        except refusals.Refusal as refusal:
            columns = {f"answers.{a.question['id']}": a.columns[0] for a in mapped.questions}
            for name, why in (refusal.errors or {"": refusal.message}).items():
                errors[columns.get(name, name.removeprefix("answers."))] = why
            return None
        return _imported(self.consultation, key, said, Channel(channel or Channel.IMPORT), at)

    def _moment(self, values: Values, errors: Errors) -> datetime:
        """Return when a line was said, from its day or day and time; without a date, now or the
        last moment of the consultation."""
        end = min(now(), self.window.closes_at - A_MOMENT)
        name = self.mapped.date
        written = values.get(name, "") if name else ""
        if not written:
            return end
        day = read_day(written)
        try:
            at = self._noon(day, end) if day else read_moment(_iso(written), portal_zone())
        except refusals.Invalid as refusal:
            errors[name] = refusal.message  # type: ignore[index]
            return end
        if not self.window.opens_at <= at <= end:
            errors[name] = _("Not while the consultation was open.")  # type: ignore[index]
        return at

    def _noon(self, day: date, end: datetime) -> datetime:
        """Return noon of a day, or the nearest moment of that day at which the consultation was
        open."""
        zone = portal_zone()
        begins = midnight(day, zone)
        ends = midnight(day + timedelta(days=1), zone) - A_MOMENT
        noon = datetime.combine(day, time(12), zone).astimezone(UTC).replace(tzinfo=None)
        first, last = max(begins, self.window.opens_at), min(ends, end)
        return min(max(noon, first), last) if first <= last else noon


def _imported(
    consultation: Consultation, key: str, said: Said, channel: Channel, at: datetime
) -> Response:
    """Build the response of the person with this `key`, said `at` a moment (naive UTC)."""
    author = Viewer(key=key, kind=ContributorKind.UNVERIFIED)
    sent = new_response(author, consultation, at)
    sent["channel"] = channel.value
    sent["sent_at"] = at
    sent = saying(sent, consultation, said, at)
    sent["imported"] = now()
    sent["due"] = [of_responses(consultation["_id"])]
    return sent


@contextmanager
def _named(column: str, errors: Errors) -> Iterator[None]:
    """Collect the errors of a column under its name."""
    try:
        yield
    except refusals.Refusal as refusal:
        errors |= refusal.errors or {column: refusal.message}


def _iso(written: str) -> str:
    """Rewrite a date as French spreadsheets have it in the order of ISO 8601."""
    day, space, hour = written.partition(" ")
    hour = re.sub(r"^(?=\d:)", "0", hour)
    return f"{read_day(day) or day}{space}{hour}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
