"""What the file of answers may publish of each row, found by reading all of them once before it is
written: see `opendata.generalisation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..figures.settle import Document
from ..opendata.generalisation import Known, generalised, rare_values
from ..opendata.suppression import LEAST_FOR_CROSSES
from ..opendata.tables import told_profiles
from ..vocabulary import vocabularies
from .models import Consultation, Question, responses
from .questions import BINNED, COUNTED, Kind, bin_of, chosen

#: Fewest people who must share a combination of values, or an answer, for it to be published.
LEAST = LEAST_FOR_CROSSES
#: Share of cells that may be left out before only tables are published.
MOST_LOST = 0.2
#: Fields read to find this.
READ = ("answers", "profile", "channel", "sent_at", "imported")

#: A question with a number or a date, and a profile.
InProfile = tuple[str, str | None]


@dataclass
class Release:
    """What may be published. `known`: maps month, channel and profile of a row to the values they
    are published as; `rare`: by question (or row of a matrix), the answers left out; `ranges`: by
    question and profile, the ranges left out. `until`: set while later imports are so few that they
    could be singled out by comparison with the previous file. `lost`: the share of cells left
    out."""

    profiles: set[str] = field(default_factory=set)
    known: dict[Known, Known] = field(default_factory=dict)
    rare: dict[str, set[Any]] = field(default_factory=dict)
    ranges: dict[InProfile, set[str]] = field(default_factory=dict)
    until: datetime | None = None
    lost: float = 0.0
    rows: int = 0

    @property
    def tables_only(self) -> bool:
        """Whether so much would be left out that rows are useless."""
        return self.rows > 0 and self.lost > MOST_LOST

    def told(self, response: Document) -> Known:
        """Return month, channel and profile of a row, as they may be published."""
        return self.known.get(known_of(response, self.profiles), (None, None, None))


def known_of(response: Document, profiles: set[str]) -> Known:
    """Return what others may know of a respondent: month, channel, and declared profile."""
    profile = response.get("profile")
    month = f"{response['sent_at']:%Y-%m}"
    return month, response["channel"], profile if profile in profiles else None


def rows_where(consultation: Consultation, until: datetime | None) -> Document:
    """Build the query for the responses that the file contains."""
    where: Document = {"consultation": consultation["_id"], "sent_at": {"$exists": True}}
    if until is not None:
        where["imported"] = {"$not": {"$gt": until}}
    return where


def imports_until(consultation: Consultation) -> datetime | None:
    """Return until when imports are in the files. Later ones wait until there are `LEAST` of them:
    otherwise comparing today's file with yesterday's would single them out."""
    until = consultation.get("released_until")
    if until is None:
        return None
    later = {"consultation": consultation["_id"], "imported": {"$gt": until}}
    waiting = responses().count_documents(later, limit=LEAST)
    return until if 0 < waiting < LEAST else None


def of(consultation: Consultation, totals: dict[str, int]) -> Release:
    """Read every answer, and find what their file may publish. `totals`: the figures."""
    sizes = {id: totals.get(f"profile:{id}", 0) for id in vocabularies().ids("profiles")}
    release = Release(profiles=told_profiles(sizes, totals.get("total", 0)))
    release.until = imports_until(consultation)
    questions = consultation["questions"]
    several = {one["id"] for one in questions if one["kind"] == Kind.MULTIPLE}
    tally = _Tally()
    for response in _all(consultation, release.until):
        tally.count(response, questions, release.profiles)
    release.rows = tally.rows
    release.known = generalised(tally.known, LEAST)
    for place, counts in tally.answers.items():
        silent = tally.rows - tally.answered[place]
        # Leaving one of several answers out of a list leaves no empty cell.
        silent = LEAST if place in several else silent
        release.rare[place] = rare_values(counts, silent, LEAST)
    for within, ranges in tally.ranges.items():
        silent = tally.in_profile[within[1]] - sum(ranges.values())
        release.ranges[within] = rare_values(ranges, silent, LEAST)
    release.lost = tally.lost(release)
    return release


class _Tally:
    """Counts what rows have in common."""

    def __init__(self) -> None:
        self.rows = 0
        self.cells = 0
        self.known: Counter[Known] = Counter()
        self.answers: dict[str, Counter[Any]] = {}
        self.answered: Counter[str] = Counter()
        self.ranges: dict[InProfile, Counter[str]] = {}
        self.in_profile: Counter[str | None] = Counter()

    def count(self, response: Document, questions: list[Question], profiles: set[str]) -> None:
        known = known_of(response, profiles)
        self.rows += 1
        self.known[known] += 1
        self.in_profile[known[-1]] += 1
        self.cells += sum(value is not None for value in known)
        answers = response.get("answers") or {}
        for question in questions:
            answer = answers.get(question["id"])
            if answer is None:
                continue
            if Kind(question["kind"]) in BINNED:
                place = (question["id"], known[-1])
                self.ranges.setdefault(place, Counter())[bin_of(question, answer)] += 1
                self.cells += 1
                continue
            for name, values in cells_of(question, answer):
                self.answered[name] += 1
                self.answers.setdefault(name, Counter()).update(values)
                self.cells += len(values)

    def lost(self, release: Release) -> float:
        """Return the share of cells that are left out."""
        if not self.cells:
            return 0.0
        gone = 0
        for known, size in self.known.items():
            before = sum(value is not None for value in known)
            gone += size * (before - sum(value is not None for value in release.known[known]))
        for name, hidden in release.rare.items():
            gone += sum(self.answers[name][value] for value in hidden)
        for within, ranges in release.ranges.items():
            gone += sum(self.ranges[within][value] for value in ranges)
        return gone / self.cells


def cells_of(question: Question, answer: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the cells of a closed question that might identify a respondent: name and values. Of a
    ranking, only the first place."""
    id, kind = question["id"], Kind(question["kind"])
    if kind is Kind.MATRIX:
        for row, step in answer.items():
            yield f"{id}.{row}", [step]
    elif kind is Kind.RANKING:
        yield id, list(answer[:1])
    elif kind in COUNTED:
        yield id, chosen(answer)


def _all(consultation: Consultation, until: datetime | None) -> Iterator[Document]:
    found: Iterator[Any] = responses().find(
        rows_where(consultation, until), dict.fromkeys(READ, 1), batch_size=1000
    )
    yield from found
