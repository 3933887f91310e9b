"""Import answers collected elsewhere (on paper, by another form) from a CSV file and a mapping:
which column answers which question, which words stand for which answer (`docs/importing.md` shows
one).

Window and limits do not apply; the dates in the file must lie within the window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _

from ..contributions import importing
from ..contributions.importing import BATCH, File, Importer, Report, digest
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer
from ..portal.collections import Query, now
from ..web import refusals
from ..web.csv_reading import Problem, Unreadable, Values, read_day
from ..web.moments import midnight, portal_zone
from ..web.payload import Payload
from ..web.refusals import Errors
from . import figures, results_collection
from .import_mapping import Column, Mapped, UnknownWord, ticked
from .models import Channel, Consultation, Response, Said, of_responses, responses
from .repository import find
from .response_content import new_response, read_said, saying
from .response_repository import bury, imported_before, store_imported, take_part, tombstone
from .window import State, Window, read_moment

A_MOMENT = timedelta(milliseconds=1)


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
    """Import the new lines of a file, see `contributions.importing.run`. Raise Unreadable for a
    consultation that does not exist or has not opened, and for a mapping or a file that cannot be
    read."""
    consultation = find(reference)
    if consultation is None:
        raise Unreadable(f"no consultation {reference}")
    return importing.run(
        Answers(consultation, Mapped.read(mapping, consultation)),
        File(path, encoding),
        dry_run=dry_run,
        skip_errors=skip_errors,
        batch=batch,
        told=told,
        progress=progress,
    )


class Answers(Importer[Response]):
    """Turns lines into answers to a consultation. Raise Unreadable where it has not opened."""

    def __init__(
        self, consultation: Consultation, mapped: Mapped, import_id: ObjectId | None = None
    ) -> None:
        super().__init__()
        self.consultation = consultation
        self.window = Window.of(consultation)
        self.mapped = mapped
        self.id_column = mapped.id
        self.import_id = import_id
        if self.window.state(now()) in (State.DRAFT, State.SCHEDULED):
            raise Unreadable(str(_("This consultation has not opened yet.")))

    def header(self, theirs: list[str]) -> list[str]:
        wanted = self.mapped.columns
        importing.must_have(theirs, wanted)
        return [name if name in wanted else "" for name in theirs]

    def key(self, identity: str) -> str:
        # As for letters: without the file the key cannot be found.
        return "import:" + digest(f"{self.consultation['_id']}\n{identity}").hex()

    def known(self, keys: list[str]) -> set[str]:
        return imported_before(self.consultation, keys)

    def begin(self) -> None:
        if not take_part(self.consultation):
            raise Unreadable(str(_("The questions have just been changed: start again.")))

    def store(self, made: list[Response]) -> int:
        return store_imported(self.consultation, made)

    def finish(self) -> None:
        figures.settle_everything(self.consultation["_id"])
        if self.consultation.get("collected"):
            results_collection.name_datasets(self.consultation)

    def stored(self) -> int:
        return responses().count_documents(self._standing())

    def undo(self, progress: Callable[[int], None]) -> tuple[int, int]:
        gone = []
        for number, response in enumerate(responses().find(self._standing()), 1):
            tombstone(response)
            gone.append(response["_id"])
            if number % BATCH == 0:
                progress(number)
        self.finish()
        for response_id in gone:
            bury(response_id)
        return len(gone), 0

    def _standing(self) -> Query:
        return {"import_id": self.import_id, "deleted": {"$exists": False}}

    def read(self, key: str, values: Values, errors: Errors) -> Response | None:
        mapped = self.mapped
        answers: Payload = {}
        for asked in mapped.questions:
            with self._named(asked.columns[0], errors):
                answers[asked.question["id"]] = asked.read(values)
        payload: Payload = {"answers": answers}
        channel: Any = mapped.channel
        if isinstance(mapped.profile, Column):
            with self._named(mapped.profile.name, errors):
                payload["profile"] = mapped.profile.read(values.get(mapped.profile.name, ""))
        if isinstance(mapped.channel, Column):
            with self._named(mapped.channel.name, errors):
                channel = mapped.channel.read(values.get(mapped.channel.name, ""))
        if mapped.open_data:
            with self._named(mapped.open_data, errors):
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
        response = _imported(self.consultation, key, said, Channel(channel or Channel.IMPORT), at)
        if self.import_id:
            response["import_id"] = self.import_id
        return response

    @contextmanager
    def _named(self, column: str, errors: Errors) -> Iterator[None]:
        """Collect the errors of a column under its name, and its unknown words."""
        try:
            yield
        except UnknownWord as refusal:
            self.unknown.setdefault(refusal.column, set()).add(refusal.word)
            errors[refusal.column] = refusal.message
        except refusals.Refusal as refusal:
            errors |= refusal.errors or {column: refusal.message}

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


def _iso(written: str) -> str:
    """Rewrite a date as French spreadsheets have it in the order of ISO 8601."""
    day, space, hour = written.partition(" ")
    hour = re.sub(r"^(?=\d:)", "0", hour)
    return f"{read_day(day) or day}{space}{hour}"
