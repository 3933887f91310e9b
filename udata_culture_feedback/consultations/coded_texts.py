"""The texts that the team reads and tags: filtered, nearly identical ones together, with the words
that they have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from bson import ObjectId
from rapidfuzz import process
from rapidfuzz.fuzz import ratio

from ..portal.collections import Query
from ..search import terms
from ..search.vocabulary import vocabulary
from ..vocabulary import vocabularies
from . import text_review
from .models import Consultation, Response, Text, TextState, responses
from .published_themes import may_be_quoted, themes_of

#: Most texts that are read at once, the newest first, and of those that are compared.
MOST, COMPARED = 5000, 1000
#: Texts at least so alike (of 100) are shown together.
ALIKE = 90
#: How many frequent terms and pairs are suggested, from how many texts on.
TERMS, PAIRS, LEAST = 20, 10, 3
#: The filters that are no theme.
NO_THEME, ALL = "none", ""

READ = ("texts", "open_data", "profile")


@dataclass(frozen=True)
class Filters:
    """What the team reads: texts of one question, with some words, of one theme (or `NO_THEME`)."""

    question: str = ""
    words: str = ""
    theme: str = ALL


@dataclass
class Entry:
    """A text as the team reads it. `themes`: how many people gave each; `coders`: how many gave
    any; `alike`: the nearly identical texts shown with it."""

    id: str
    question: str
    text: str
    pending: bool
    profile: str
    themes: dict[str, int]
    coders: int
    agreed: bool
    quoted: bool
    quotable: bool
    alike: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """The texts found. `by_theme`: how many texts have each theme, `NO_THEME` and `ALL` included,
    whichever theme is filtered by; `coded_twice`, `agreed`: of all of them; `capped`: there are
    more texts than could be read."""

    entries: list[Entry]
    number: int
    by_theme: dict[str, int]
    coded_twice: int
    agreed: int
    capped: bool


def read(consultation: Consultation, filters: Filters, *, grouped: bool = True) -> Reading:
    """Read the texts of a closed consultation that are not hidden. The caller has checked the seal
    and that the team asks."""
    known = {theme["id"] for theme in themes_of(consultation)}
    found = list(_texts(consultation, filters))
    entries = [_entry(response, text, known) for response, text in found[:MOST]]
    by_theme = Counter(theme for one in entries for theme in one.themes or (NO_THEME,))
    twice = [one for one in entries if one.coders > 1]
    kept = [one for one in entries if _has(one, filters.theme)]
    return Reading(
        entries=_together(kept) if grouped else kept,
        number=len(kept),
        by_theme={**by_theme, ALL: len(entries)},
        coded_twice=len(twice),
        agreed=sum(one.agreed for one in twice),
        capped=len(found) > MOST,
    )


def _texts(consultation: Consultation, filters: Filters) -> Iterator[tuple[Response, Text]]:
    wanted = terms.query_terms(filters.words[:200]) if filters.words else []
    where: Query = {"consultation": consultation["_id"], "texts.id": {"$exists": True}}
    if wanted:
        where["$and"] = [{"texts.terms": {"$in": list(stems)}} for stems in wanted]
    asked = {one["id"] for one in text_review.worded(consultation)}
    asked &= {filters.question} if filters.question else asked
    cursor = responses().find(where, dict.fromkeys(READ, 1)).sort("_id", -1).limit(MOST + 1)
    for response in cursor:
        for text in response.get("texts") or ():
            if text["state"] == TextState.HIDDEN or text["question"] not in asked:
                continue
            if all(set(stems) & set(text["terms"]) for stems in wanted):
                yield response, text


def _entry(response: Response, text: Text, known: set[str]) -> Entry:
    codings = [one for one in text.get("themes") or () if one["theme"] in known]
    by_coder: dict[ObjectId | None, set[str]] = {}
    for one in codings:
        by_coder.setdefault(one["by"], set()).add(one["theme"])
    profile = response.get("profile")
    return Entry(
        id=str(text["id"]),
        question=text["question"],
        text=text["text"],
        pending=text["state"] == TextState.PENDING,
        profile=str(vocabularies().label("profiles", profile)) if profile else "",
        themes=dict(Counter(one["theme"] for one in codings)),
        coders=len(by_coder),
        agreed=len({frozenset(some) for some in by_coder.values()}) == 1,
        quoted=bool(text.get("quoted")),
        quotable=may_be_quoted(response, text),
    )


def _has(entry: Entry, theme: str) -> bool:
    return not theme or (not entry.themes if theme == NO_THEME else theme in entry.themes)


def _together(entries: list[Entry]) -> list[Entry]:
    """Show nearly identical texts with the first of them."""
    firsts: dict[str, Entry] = {}
    shown = []
    for number, entry in enumerate(entries):
        like = None
        if number < COMPARED:
            like = process.extractOne(entry.text, firsts.keys(), scorer=ratio, score_cutoff=ALIKE)
        if like:
            firsts[like[0]].alike.append(entry)
            continue
        shown.append(entry)
        if number < COMPARED:
            firsts[entry.text] = entry
    return shown


# --- Suggestions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Suggestion:
    """Words that several texts have in common; `number`: how many."""

    words: str
    number: int


def frequent(entries: Iterable[Entry]) -> tuple[list[Suggestion], list[Suggestion]]:
    """Find the terms, and the pairs of neighbouring terms, that most texts have, by their stems.
    Each is written as most write it."""
    single: dict[tuple[str, ...], Counter[str]] = {}
    double: dict[tuple[str, ...], Counter[str]] = {}
    for entry in _each(entries):
        written = [word for word in terms.WORD.findall(entry.text) if _tells(word)]
        roots = [terms.root(terms.fold(word)) for word in written]
        for root, word in dict(zip(roots, written, strict=True)).items():
            single.setdefault((root,), Counter())[word.lower()] += 1
        pairs = dict(zip(pairwise(roots), pairwise(written), strict=True))
        for two, words in pairs.items():
            if two[0] != two[1]:
                double.setdefault(two, Counter())[" ".join(words).lower()] += 1
    return _commonest(single, TERMS), _commonest(double, PAIRS)


def _each(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from entry.alike


def _tells(word: str) -> bool:
    folded = terms.fold(word)
    return len(folded) > 2 and folded not in vocabulary().empty and not folded.isdigit()


def _commonest(found: dict[tuple[str, ...], Counter[str]], most: int) -> list[Suggestion]:
    counted = [
        Suggestion(spellings.most_common(1)[0][0], spellings.total())
        for spellings in found.values()
        if spellings.total() >= LEAST
    ]
    return sorted(counted, key=lambda one: (-one.number, one.words))[:most]
