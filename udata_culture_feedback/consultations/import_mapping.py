"""The mapping of an import: which column of a file answers which question, and which words stand
for which answer."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..search.terms import fold
from ..web import refusals
from ..web.csv_reading import Unreadable, Values, last_part, read_day
from ..web.languages import in_languages
from ..web.payload import Payload
from .models import Channel, Consultation, Question
from .questions import COUNTED, Kind, possible, rows_of
from .wording import said

#: Keys of a mapping besides `questions`.
FIELDS = ("id", "date", "channel", "profile", "open_data")
#: Kinds whose answers are words of a list.
WORDS = frozenset((*COUNTED, Kind.RANKING, Kind.MATRIX))
#: Separators of several answers in one cell, unless the mapping gives one.
SEPARATORS = re.compile(r"[;|\n]")
TRUE = frozenset(("1", "x", "oui", "o", "yes", "y", "true", "vrai", "✓", "✔"))
FALSE = frozenset(("", "0", "non", "no", "n", "false", "faux"))
#: Channels that imported answers may have.
CHANNELS = (Channel.IMPORT, Channel.POST, Channel.PHONE)


@dataclass(frozen=True)
class Column:
    """A column, and what its words stand for: folded words → value. `words`: the words it may
    contain, named in errors; empty: anything."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    def read(self, cell: str) -> Any:
        """Return the value of a cell, None where it is empty. Raise Invalid for an unknown word."""
        if not cell:
            return None
        try:
            return self.values[folded(cell)]
        except KeyError:
            message = _("“%(cell)s” is none of: %(words)s.", cell=cell, words=", ".join(self.words))
            raise UnknownWord(message, self.name, cell) from None


class UnknownWord(refusals.Invalid):
    """A word in a column that stands for no answer."""

    def __init__(self, message: Any, column: str, word: str) -> None:
        super().__init__(message)
        self.column, self.word = column, word


@dataclass(frozen=True)
class Asked:
    """A question, and the place of its answer: a column (with `details` for missing data, or
    `other` for a person's own words), one column for each option (`ticked`: column → option), or
    one for each row of a matrix (`lines`: row → column)."""

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
        """Read the answer in a line, in the form a respondent would send. Raise Invalid."""
        answer = self._read(values)
        words = values.get(self.other, "") if self.other else ""
        if answer and words:
            several = self.question["kind"] == Kind.MULTIPLE
            return {"options" if several else "option": answer, "other": words}
        return answer

    def _read(self, values: Values) -> Any:
        if self.ticked:
            return [option for name, option in self.ticked.items() if ticked(values, name)]
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
    """A mapping, checked against the questions. `channel`: one for all lines, or its column."""

    questions: tuple[Asked, ...]
    id: str | None = None
    date: str | None = None
    channel: Column | Channel = Channel.IMPORT
    profile: Column | None = None
    open_data: str | None = None

    @classmethod
    def read(cls, path: Path, consultation: Consultation) -> Mapped:
        """Read a mapping in TOML or JSON. Raise Unreadable, naming everything wrong with it."""
        try:
            text = path.read_text(encoding="utf-8-sig")
            given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except ValueError as error:
            raise Unreadable(f"{path.name}: {error}") from error
        try:
            return _Mapping(given, consultation).checked()
        except Unreadable as error:
            raise Unreadable(f"{path.name}: {error}") from error

    @classmethod
    def of(cls, given: Payload, consultation: Consultation) -> Mapped:
        """Check a mapping that a form has made. Raise Unreadable."""
        return _Mapping(given, consultation).checked()

    @property
    def columns(self) -> set[str]:
        """The names of the columns that the file must have."""
        found = {name for asked in self.questions for name in asked.columns}
        found |= {name for name in (self.id, self.date, self.open_data) if name}
        return found | {one.name for one in (self.channel, self.profile) if isinstance(one, Column)}


class _Mapping:
    """Reads a mapping and collects its errors."""

    def __init__(self, given: Any, consultation: Consultation):
        self.given = given if isinstance(given, dict) else {}
        self.questions = {question["id"]: question for question in consultation["questions"]}
        self.wrong: list[str] = [] if isinstance(given, dict) else ["not a table"]

    def checked(self) -> Mapped:
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
            raise Unreadable("; ".join(sorted(self.wrong)))
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
            words, names = _words(question), _names(question)
            column = self._choices(column.name, given.get("values", {}), words, where, names)
        return Asked(
            question,
            column,
            given.get("details"),
            given.get("separator"),
            other=given.get("other"),
        )

    def _matrix(self, question: Question, given: Any, where: str) -> Asked:
        """Read the mapping of a matrix: column → row, and what the words in these columns stand
        for."""
        lines = given["columns"] if isinstance(given.get("columns"), dict) else {}
        rows = {row for row, _label in rows_of(question)}
        if not lines or not set(map(str, lines.values())) <= rows:
            self._is_wrong(f"{where}.columns", "column → one of the lines, by its id")
            return Asked(question, Column("?"))
        words, values = _words(question), given.get("values", {})
        return Asked(
            question,
            lines={
                line: self._choices(str(column).strip(), values, words, where, _names(question))
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
        return self._column("profile", words, {one.id: str(one.label) for one in profiles})

    def _column(
        self, name: str, words: Mapping[Any, list[str]], names: Mapping[Any, str] | None = None
    ) -> Column | None:
        """Read a column given by its name, or as a table with `values` besides."""
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
        values = given.get("values", {})
        return self._choices(given["column"].strip(), values, words, name, names or {})

    def _choices(
        self,
        column: str,
        values: Any,
        words: Mapping[Any, list[str]],
        where: str,
        names: Mapping[Any, str],
    ) -> Column:
        """Read a column whose cells stand for ids: by the mapping, by id, or by label. `names`: of
        the ids, for errors."""
        if not isinstance(values, dict):
            self._is_wrong(f"{where}.values", "a table: word → id")
            values = {}
        for word, meant in values.items():
            if meant not in words and meant != "":
                ids = ", ".join(str(id) for id in words)
                self._is_wrong(f"{where}.values.{word}", f"no such answer ({ids})")
        stand_for: dict[str, str | int | None] = {}
        doubtful: set[str] = set()
        for id, labels in words.items():
            for word in map(folded, labels):
                if stand_for.setdefault(word, id) != id:
                    doubtful.add(word)  # a label of two options: the mapping must decide
        for word in doubtful:
            del stand_for[word]
        stand_for |= {folded(str(id)): id for id in words}
        stand_for |= {folded(word): meant or None for word, meant in values.items()}
        return Column(column, stand_for, (*values, *(names.get(id, str(id)) for id in words)))

    def _name(self, key: str) -> str | None:
        given = self.given.get(key)
        if given is None or (isinstance(given, str) and given.strip()):
            return given.strip() if given else None
        self._is_wrong(key, "the name of a column")
        return None

    def _table(self, key: str) -> Payload:
        given = self.given.get(key)
        if isinstance(given, dict) and given:
            return given
        self._is_wrong(key, "a table: question → column")
        return {}

    def _is_wrong(self, where: str, why: str) -> None:
        self.wrong.append(f"{where}: {why}")


def _words(question: Question) -> dict[Any, list[str]]:
    """List the words that may stand for each answer: its id, and its label in any language."""
    if question["kind"] in (Kind.SCALE, Kind.MATRIX):
        return {n: [str(n), *label.values()] for n, label in enumerate(question["scale"], 1)}
    return {one["id"]: [one["id"], *one["label"].values()] for one in question["options"]}


def _names(question: Question) -> dict[Any, str]:
    """Return what each answer is called in the language of the reader."""
    if question["kind"] in (Kind.SCALE, Kind.MATRIX):
        return {n: str(said(label)) for n, label in enumerate(question["scale"], 1)}
    return {one["id"]: str(said(one["label"])) for one in question["options"]}


def ticked(values: Values, column: str) -> bool:
    """Check whether a box is ticked. Raise Invalid, naming the column, for anything but yes or
    no."""
    cell = values.get(column, "")
    word = folded(cell)
    if word in TRUE or word in FALSE:
        return word in TRUE
    message = _("“%(cell)s” is neither yes nor no.", cell=cell)
    raise refusals.Invalid(message, {column: message})


def folded(word: str) -> str:
    """Fold a word: case, accents, apostrophes and spaces are ignored."""
    return " ".join(fold(word.replace("’", "'")).split())
