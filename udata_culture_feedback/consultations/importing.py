"""Answers collected elsewhere (on paper, by another form), brought into a consultation from a CSV
file and a mapping: which column answers which question, which words stand for which answer
(`docs/importing.md` shows one).

The file is read twice, line by line: first everything is checked, then it is written. Each line is
known by its id, or by what it says: the file may be run again, after a crash or with lines added,
and nobody counts twice. The window and limits do not hold for it; the dates in it have to.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..people.models import Kind as ContributorKind
from ..people.viewer import Viewer
from ..portal.collections import now
from ..search.terms import fold
from ..web import refusals
from ..web.csv_reading import Problem, Unreadable, Values, last_part, read_day, records
from ..web.languages import in_languages
from ..web.moments import midnight, portal_zone
from ..web.payload import Payload
from ..web.refusals import Errors
from . import figures, results_collection
from .models import Channel, Consultation, Question, Response, Said, of_responses
from .questions import COUNTED, Kind, possible, rows_of
from .repository import find
from .response_content import new_response, read_said, saying
from .response_repository import imported_before, store_imported, take_part
from .window import State, Window, read_moment

#: Keys of a mapping besides `questions`.
FIELDS = ("id", "date", "channel", "profile", "open_data")
#: Kinds whose answers are words of a list.
WORDS = frozenset((*COUNTED, Kind.RANKING, Kind.MATRIX))
#: Lines written at once.
BATCH = 500
#: What separates several answers in one cell, unless the mapping says it.
SEPARATORS = re.compile(r"[;|\n]")

TRUE = frozenset(("1", "x", "oui", "o", "yes", "y", "true", "vrai", "✓", "✔"))
FALSE = frozenset(("", "0", "non", "no", "n", "false", "faux"))
#: How an answer reached who collected it.
CHANNELS = (Channel.IMPORT, Channel.POST, Channel.PHONE)

A_MOMENT = timedelta(milliseconds=1)


@dataclass
class Report:
    """What became of the lines of a file. `wrong`: lines that cannot be imported."""

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
    """Imports what is new in a file. Nothing is written in a `dry_run`, nor where one line is wrong
    unless the others shall be (`skip_errors`).

    `batch`: lines written at once. `told` hears of each problem, `progress` of how many lines of
    how many are done. Raises Unreadable for a consultation that is not there or has not opened, and
    for a mapping or a file that cannot be read.
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
    """A line that is right: the person it stands for, and the answer as it would be stored."""

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


# --- The mapping ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column, and what its words stand for: folded words → value. `words`: those it may have, to
    be named where it has others; empty: anything."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def read(self, cell: str) -> Any:
        """The value of a cell, None where it is empty. Raises Invalid for what it may not be."""
        if not cell:
            return None
        try:
            return self.values[_folded(cell)]
        except KeyError:
            message = _("“%(cell)s” is none of: %(words)s.", cell=cell, words=", ".join(self.words))
            raise refusals.Invalid(message) from None


@dataclass(frozen=True)
class Asked:
    """A question, and where its answer is: in a column (beside it `details` of data that are
    missing, or the words of `other`), in one column for each option (`ticked`: column → option), or
    in one for each line of a matrix (`lines`: line → column)."""

    question: Question
    column: Column | None = None
    details: str | None = None
    separator: str | None = None
    ticked: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Column] = field(default_factory=dict)
    other: str | None = None

    @property
    def columns(self) -> list[str]:
        return [
            *([self.column.name] if self.column else []),
            *([self.details] if self.details else []),
            *self.ticked,
            *(column.name for column in self.lines.values()),
            *([self.other] if self.other else []),
        ]

    def read(self, values: Values) -> Any:
        """Read what a line answers, as somebody would send it. Raises Invalid."""
        answer = self._read(values)
        words = values.get(self.other, "") if self.other else ""
        if answer and words:
            several = self.question["kind"] == Kind.MULTIPLE
            return {"options" if several else "option": answer, "other": words}
        return answer

    def _read(self, values: Values) -> Any:
        if self.ticked:
            return [option for name, option in self.ticked.items() if _ticked(values, name)]
        if self.lines:
            return {
                line: column.read(values.get(column.name, ""))
                for line, column in self.lines.items()
            }
        assert self.column is not None
        cell = values.get(self.column.name, "")
        match Kind(self.question["kind"]):
            case Kind.SINGLE | Kind.SCALE:
                return self.column.read(cell)
            case Kind.MULTIPLE | Kind.RANKING:
                found = [self.column.read(part) for part in self._parts(cell)]
                return [one for one in found if one is not None]
            case Kind.DATASET:
                return last_part(cell) if cell else None
            case Kind.DATE:
                day = read_day(cell)
                return day.isoformat() if day else cell or None
            case Kind.MISSING_DATASET:
                details = values.get(self.details, "") if self.details else ""
                return {"title": cell, "description": details} if cell or details else None
        return cell or None

    def _parts(self, cell: str) -> Iterator[str]:
        parts = cell.split(self.separator) if self.separator else SEPARATORS.split(cell)
        return (part.strip() for part in parts)


@dataclass(frozen=True)
class Mapped:
    """A mapping, checked against the questions. `channel`: of all lines, or the column of it."""

    questions: tuple[Asked, ...]
    id: str | None = None
    date: str | None = None
    channel: Column | Channel = Channel.IMPORT
    profile: Column | None = None
    open_data: str | None = None

    @classmethod
    def read(cls, path: Path, consultation: Consultation) -> Mapped:
        """A mapping in TOML or JSON. Raises Unreadable, saying all that is wrong with it."""
        try:
            text = path.read_text(encoding="utf-8-sig")
            given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except ValueError as error:
            raise Unreadable(f"{path.name}: {error}") from error
        return _Mapping(given, consultation).checked(path.name)

    @property
    def columns(self) -> set[str]:
        """The columns that the file must have."""
        found = {name for asked in self.questions for name in asked.columns}
        found |= {name for name in (self.id, self.date, self.open_data) if name}
        return found | {one.name for one in (self.channel, self.profile) if isinstance(one, Column)}


class _Mapping:
    """Reads a mapping, collecting what is wrong with it."""

    def __init__(self, given: Any, consultation: Consultation):
        self.given = given if isinstance(given, dict) else {}
        self.questions = {question["id"]: question for question in consultation["questions"]}
        self.wrong: list[str] = [] if isinstance(given, dict) else ["not a table"]

    def checked(self, name: str) -> Mapped:
        for key in self.given.keys() - {*FIELDS, "questions"}:
            self._is_wrong(key, f"unknown (known: {', '.join((*FIELDS, 'questions'))})")
        asked = self._table("questions")
        for id in asked.keys() - self.questions.keys():
            self._is_wrong(f"questions.{id}", f"no such question ({', '.join(self.questions)})")
        mapped = Mapped(
            questions=tuple(
                self._asked(question, asked[id])
                for id, question in self.questions.items()
                if id in asked
            ),
            id=self._name("id"),
            date=self._name("date"),
            channel=self._channel(),
            profile=self._profile(),
            open_data=self._name("open_data"),
        )
        for id, question in self.questions.items():
            if question["required"] and not question.get("shown_if") and id not in asked:
                self._is_wrong(f"questions.{id}", "needs an answer, and has no column")
        if self.wrong:
            raise Unreadable(f"{name}: " + "; ".join(sorted(self.wrong)))
        return mapped

    def _asked(self, question: Question, given: Any) -> Asked:
        where = f"questions.{question['id']}"
        kind = Kind(question["kind"])
        if isinstance(given, str):
            given = {"column": given}
        if not isinstance(given, dict):
            self._is_wrong(where, "a column, or a table")
            return Asked(question, Column("?"))
        allowed = {"column"}
        if kind in WORDS:
            allowed |= {"values"}
        if kind in (Kind.MULTIPLE, Kind.RANKING):
            allowed |= {"separator"}
        if kind in (Kind.MULTIPLE, Kind.MATRIX):
            allowed |= {"columns"}
        if kind is Kind.MATRIX:
            allowed -= {"column"}
        if any(option.get("other") for option in question.get("options", ())):
            allowed |= {"other"}
        if kind is Kind.MISSING_DATASET:
            allowed |= {"details"}
        for key in given.keys() - allowed:
            self._is_wrong(f"{where}.{key}", f"unknown (known: {', '.join(sorted(allowed))})")
        for key in ("column", "details", "separator", "other"):
            if key in given and not (isinstance(given[key], str) and given[key]):
                self._is_wrong(f"{where}.{key}", "a text")
                return Asked(question, Column("?"))
        if ("column" in given) == ("columns" in given):
            self._is_wrong(where, "either `column` or `columns`")
            return Asked(question, Column("?"))
        if kind is Kind.MATRIX:
            return self._matrix(question, given, where)
        if "columns" in given:
            ticked = given["columns"] if isinstance(given["columns"], dict) else {}
            if not ticked or not set(map(str, ticked.values())) <= set(possible(question)):
                self._is_wrong(f"{where}.columns", "column → one of the options, by its id")
            return Asked(question, ticked=ticked, other=given.get("other"))
        column = Column(given["column"].strip())
        if kind in WORDS:
            column = self._choices(column.name, given.get("values", {}), _words(question), where)
        return Asked(
            question,
            column,
            given.get("details"),
            given.get("separator"),
            other=given.get("other"),
        )

    def _matrix(self, question: Question, given: Any, where: str) -> Asked:
        """Read a matrix: column → line, and what the words in these columns stand for."""
        lines = given["columns"] if isinstance(given.get("columns"), dict) else {}
        rows = {row for row, _label in rows_of(question)}
        if not lines or not set(map(str, lines.values())) <= rows:
            self._is_wrong(f"{where}.columns", "column → one of the lines, by its id")
            return Asked(question, Column("?"))
        words, values = _words(question), given.get("values", {})
        return Asked(
            question,
            lines={
                line: self._choices(str(column).strip(), values, words, where)
                for column, line in lines.items()
            },
        )

    def _channel(self) -> Column | Channel:
        given = self.given.get("channel", Channel.IMPORT.value)
        if given in list(CHANNELS):
            return Channel(given)
        words = {channel.value: [channel.value] for channel in CHANNELS}
        return self._column("channel", words) or Channel.IMPORT

    def _profile(self) -> Column | None:
        profiles = vocabulary.vocabularies()["profiles"]
        words = {one.id: [one.id, *in_languages(one.label).values()] for one in profiles}
        return self._column("profile", words)

    def _column(self, name: str, words: Mapping[Any, list[str]]) -> Column | None:
        """A column given by its name, or as a table with `values` besides."""
        given = self.given.get(name)
        if given is None:
            return None
        if isinstance(given, str) and given:
            given = {"column": given}
        if not isinstance(given, dict) or not isinstance(given.get("column"), str):
            self._is_wrong(name, "a column, or a table with `column` and `values`")
            return None
        for key in given.keys() - {"column", "values"}:
            self._is_wrong(f"{name}.{key}", "unknown (known: column, values)")
        return self._choices(given["column"].strip(), given.get("values", {}), words, name)

    def _choices(
        self, column: str, values: Any, words: Mapping[Any, list[str]], where: str
    ) -> Column:
        """A column whose cells stand for ids: as the mapping says, as ids, or as labels."""
        if not isinstance(values, dict):
            self._is_wrong(f"{where}.values", "a table: word → id")
            values = {}
        for word, meant in values.items():
            if meant not in words and meant != "":
                ids = ", ".join(str(id) for id in words)
                self._is_wrong(f"{where}.values.{word}", f"no such answer ({ids})")
        stand_for: dict[str, Any] = {}
        doubtful: set[str] = set()
        for id, labels in words.items():
            for word in map(_folded, labels):
                if stand_for.setdefault(word, id) != id:
                    doubtful.add(word)  # two options of one name: the mapping has to tell
        for word in doubtful:
            del stand_for[word]
        stand_for |= {_folded(str(id)): id for id in words}
        stand_for |= {_folded(word): meant or None for word, meant in values.items()}
        return Column(column, stand_for, (*values, *(str(id) for id in words)))

    def _name(self, key: str) -> str | None:
        given = self.given.get(key)
        if given is None or (isinstance(given, str) and given.strip()):
            return given.strip() if given else None
        self._is_wrong(key, "the name of a column")
        return None

    def _table(self, key: str) -> dict[str, Any]:
        given = self.given.get(key)
        if isinstance(given, dict) and given:
            return given
        self._is_wrong(key, "a table: question → column")
        return {}

    def _is_wrong(self, where: str, why: str) -> None:
        self.wrong.append(f"{where}: {why}")


def _words(question: Question) -> dict[Any, list[str]]:
    """What may stand for each answer to a question: its id, its label in any language."""
    if question["kind"] in (Kind.SCALE, Kind.MATRIX):
        return {n: [str(n), *label.values()] for n, label in enumerate(question["scale"], 1)}
    return {one["id"]: [one["id"], *one["label"].values()] for one in question["options"]}


# --- The file -------------------------------------------------------------------------------------


class _Source:
    """The lines of a file as answers; may be read again. `wrong`: the lines that were found wrong
    when it was read the first time."""

    def __init__(self, consultation: Consultation, path: Path, mapped: Mapped, encoding: str):
        self.consultation = consultation
        self.window = Window.of(consultation)
        self.path = path
        self.mapped = mapped
        self.encoding = encoding
        self.wrong = 0

    def answers(self, told: Callable[[Problem], None]) -> Iterator[Answer]:
        """The lines that are right, one by one; `told` hears what is wrong with the others."""
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
        """Who a line stands for: the same in each run. Without an id two lines may well say the
        same, and are told apart by being the first and the second."""
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
        # As for letters: who has not the file finds nobody.
        return "import:" + _digest(f"{self.consultation['_id']}\n{said}").hex()

    def _response(self, key: str, values: Values, errors: Errors) -> Response | None:
        """A line as it would be stored; what is wrong with it is in `errors`, by column."""
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
                payload["open_data"] = _ticked(values, mapped.open_data)
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
        return _imported(self.consultation, key, said, channel or Channel.IMPORT, at)

    def _moment(self, values: Values, errors: Errors) -> datetime:
        """When it was said: a day, or a day and a time, of the consultation; without a date, now or
        the last moment of it."""
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
        """The middle of a day, or the moment of it nearest to that when it was open."""
        zone = portal_zone()
        begins = midnight(day, zone)
        ends = midnight(day + timedelta(days=1), zone) - A_MOMENT
        noon = datetime.combine(day, time(12), zone).astimezone(UTC).replace(tzinfo=None)
        first, last = max(begins, self.window.opens_at), min(ends, end)
        return min(max(noon, first), last) if first <= last else noon


def _imported(
    consultation: Consultation, key: str, said: Said, channel: Channel, at: datetime
) -> Response:
    """Make the response of somebody who is known by `key`, said at a moment (naive UTC)."""
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
    """Collects what is wrong with a column under its name."""
    try:
        yield
    except refusals.Refusal as refusal:
        errors |= refusal.errors or {column: refusal.message}


def _ticked(values: Values, column: str) -> bool:
    """Whether a box is ticked. Raises Invalid, naming the column, for what is neither yes nor
    no."""
    cell = values.get(column, "")
    word = _folded(cell)
    if word in TRUE or word in FALSE:
        return word in TRUE
    message = _("“%(cell)s” is neither yes nor no.", cell=cell)
    raise refusals.Invalid(message, {column: message})


def _iso(written: str) -> str:
    """A moment as spreadsheets write it in France, in the order of ISO 8601."""
    return re.sub(r"^(\d\d)/(\d\d)/(\d{4})", r"\3-\2-\1", written)


def _folded(word: str) -> str:
    """A word whatever its capitals, accents, apostrophes and spaces."""
    return " ".join(fold(word.replace("’", "'")).split())


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
