"""Understand the words of a text: as they are, under another name, without their typo, split,
joined, or completed.

Two commands whatever the text: one reads the known words that may be meant, one those that may
complete an unfinished word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from ..web.untyped import Query
from .index import (
    BATCH,
    LONGEST_BEGINNING,
    MAX_WORDS,
    MIN_LETTERS,
    SHORTEST_BEGINNING,
    entries,
    singular,
    slips,
    words,
)
from .terms import fold, query_terms, root, sound, spellings, stems
from .vocabulary import SAME, Key, Name, Vocabulary, vocabulary

#: The credit of a word by how it is understood, other names aside.
AS_WRITTEN, CORRECTED, SPLIT, FINISHED = 1.0, 0.85, 0.9, 0.8
#: A misspelt word in a title becomes known; a word that is this much more common is meant too.
MORE_COMMON = 10
#: Letters from which a word may be two joined words, and from which it may have two typos.
SPLIT_FROM, LONG_WORD = 8, 9
#: Most words that may complete an unfinished one.
ENDINGS = 8
#: The weight of a dataset's tag relative to its title, when looking for requests.
TAG = 0.3
WORD_FIELDS = {"n": 1, "means": 1}


class Role(Enum):
    """The role of a word in a text; the value is its weight."""

    SUBJECT = 1.0
    ASPECT = 0.6
    PLACE = 0.5
    NUMBER = 0.4
    WEAK = 0.1


class How(StrEnum):
    """How a word of the text was found, where the title does not have it as written."""

    ACRONYM = "acronym"
    SYNONYM = "synonym"
    TYPO = "typo"
    BEGINNING = "beginning"
    TAG = "tag"
    ASIDE = "aside"
    DESCRIPTION = "description"


class Reason(NamedTuple):
    """A word of the text, as typed, and what it was found as."""

    how: How
    word: str
    found: str


@dataclass
class Wanted:
    """A word of the text. `ways`: the stems that satisfy it (all of one way together), with the
    credit of each way; `said`: how it is understood, where that is not as written. `unlike`: for a
    stem, the expressions in which it means something else (« air » in « plein air »). `is_phrase`:
    it is part of a name of several words."""

    word: str
    role: Role
    typed: str = ""
    is_tag: bool = False
    n: int = 0
    weight: float = 0.0
    ways: dict[Key, float] = field(default_factory=dict)
    said: dict[Key, Reason] = field(default_factory=dict)
    unlike: dict[str, list[Key]] = field(default_factory=dict)
    is_phrase: bool = False

    def accept(
        self, keys: Iterable[Key], credit: float, how: How | None = None, found: str = ""
    ) -> None:
        for key in keys:
            if credit > self.ways.get(key, 0):
                self.ways[key] = credit
                self.said.pop(key, None)
                if how:
                    self.said[key] = Reason(how, self.typed, found)

    def accept_word(
        self, word: str, credit: float, how: How | None = None, found: str = ""
    ) -> None:
        self.accept(each_stem(word), credit, how, found or word)

    def accept_names(
        self, names: Iterable[Name], how: How = How.SYNONYM, credit: float = 1.0
    ) -> None:
        for name in names:
            self.accept(name.keys, credit * name.credit, how, name.label)

    def stems(self) -> list[str]:
        """Return the single stems that satisfy it, the likeliest first."""
        likeliest = sorted(self.ways, key=self.ways.__getitem__, reverse=True)
        return [way[0] for way in likeliest if len(way) == 1]

    @property
    def tells(self) -> bool:
        """Whether it says what is searched for."""
        return self.role in (Role.SUBJECT, Role.ASPECT)


class Known:
    """What the index knows of the words under some keys, read by one command."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.words: dict[str, int] = {}
        self.by_stem: dict[str, int] = {}
        self.means: dict[str, Key] = {}
        where = {"keys": {"$in": sorted(set(keys))}, "n": {"$gt": 0}}
        self.add(words().find(where, WORD_FIELDS).limit(BATCH))

    def add(self, found: Iterable[Mapping[str, Any]]) -> None:
        for word in found:
            if word["_id"] not in self.words:
                self.words[word["_id"]] = word["n"]
                for stem in stems(word["_id"]):
                    self.by_stem[stem] = self.by_stem.get(stem, 0) + word["n"]
                if word.get("means"):
                    self.means[word["_id"]] = tuple(word["means"])

    def number(self, way: Key) -> int:
        """Return an upper bound of how many entries satisfy a way."""
        return min(self.by_stem.get(stem, 0) for stem in way)

    def has(self, wanted: Wanted) -> bool:
        return any(map(self.number, wanted.ways))

    def has_word(self, word: str) -> bool:
        return any(stem in self.by_stem for stem in stems(word))

    def near(self, asked: str) -> list[str]:
        """Return the three most common known words that are one typo away from a word that is
        unknown, or so rare beside them that it looks like a typo."""
        if not slips(asked):
            return []
        own, bare, heard = set(stems(asked)), singular(asked), sound(asked)
        written = max(self.by_stem.get(stem, 0) for stem in own)
        found = [
            word
            for word, n in self.words.items()
            if n >= MORE_COMMON * written
            and own.isdisjoint(stems(word))
            and (
                OSA.distance(bare, singular(word), score_cutoff=1) <= 1
                or (heard and heard == sound(word))
            )
        ]
        return sorted(found, key=lambda word: (-self.words[word], word))[:3]


def each_stem(word: str) -> list[Key]:
    """Return the keys of which one satisfies a word."""
    return [(stem,) for stem in stems(word)]


def understood(text: str, tags: Iterable[str] = ()) -> list[Wanted]:
    """Understand the words of a text and weigh them. Empty for a text of weak words and numbers
    only, which everything resembles."""
    said = vocabulary()
    joined = said.telling(text)
    wanted = _asked(said, text, joined)
    known_roots = {root(word) for word in joined}
    tagged = [word for tag in tags for word in said.telling(tag) if root(word) not in known_roots]
    wanted += [Wanted(w, Role.SUBJECT, w, True) for w in dict.fromkeys(tagged)][:MAX_WORDS]
    if not any(one.tells for one in wanted):
        return []
    near = {one.word: _near_vocabulary(said, one) for one in wanted}
    known = Known(_keys(said, wanted, joined, near))
    for number, one in enumerate(wanted):
        for together in wanted[number + 1 : number + 2]:
            if known.has_word(one.word + together.word):
                one.accept_word(one.word + together.word, AS_WRITTEN)
                together.accept_word(one.word + together.word, AS_WRITTEN)
        _understand(one, joined.get(one.word, ""), near[one.word], said, known)
    _understand_phrases(wanted, said)
    _finish(wanted, known)
    total = max(entries().estimated_document_count(), 1)
    for one in wanted:
        if not one.is_phrase:
            one.unlike = {way[0]: found for way in one.ways if (found := said.unlike(way))}
        one.n = sum(map(known.number, one.ways))
        one.weight = one.role.value * _rarity(one.n, total) * (TAG if one.is_tag else 1)
    return wanted


def conditions(text: str) -> list[Query]:
    """Return the conditions of a filter on the `terms` of documents that are indexed too: for each
    word of a text that is known, as it is understood; where none is known, each word exactly."""
    known = [one for one in understood(text) if one.n and one.role is not Role.WEAK]
    if not any(one.tells for one in known):
        return [{"terms": {"$in": list(stems)}} for stems in query_terms(text)]
    return [
        {"$or": [{"terms": {"$in": one.stems()}}, *({"terms": {"$all": way}} for way in together)]}
        for one in known
        if one.role is not Role.PLACE
        for together in [[list(way) for way in one.ways if len(way) > 1]]
    ]


def _asked(said: Vocabulary, text: str, joined: Mapping[str, str]) -> list[Wanted]:
    """Return the words of a text, each once whatever its inflection; where there are too many, the
    significant ones. « Sous-titres » is not about titles."""
    spelt = spellings(text)
    words = {root(word): word for word in reversed([*joined])}
    wanted = [
        Wanted(word, _role(said, word), spelt.get(word, word)) for word in reversed(words.values())
    ]
    for one in wanted:
        if said.others(joined[one.word]):
            one.role = Role.SUBJECT
    kept = sorted(wanted, key=lambda one: one.role is Role.WEAK)[:MAX_WORDS]
    return [one for one in wanted if one in kept]


def _role(said: Vocabulary, word: str) -> Role:
    if word.isdigit():
        return Role.NUMBER
    if word in said.weak or len(word) < 2:
        return Role.WEAK
    if word in said.places:
        return Role.PLACE
    return Role.ASPECT if word in said.aspects else Role.SUBJECT


def _near_vocabulary(said: Vocabulary, one: Wanted) -> list[str]:
    """Return the words of the vocabulary that are a typo away (two in a long word), or sound
    alike."""
    word = one.word
    if len(word) < MIN_LETTERS or said.others(word) or one.role is not Role.SUBJECT:
        return []
    most = 2 if len(word) >= LONG_WORD else 1
    found = process.extract(word, list(said.words), scorer=OSA.distance, score_cutoff=most, limit=2)
    near = [name for name, typos, _at in found if typos < 2 or name[0] == word[0]]
    return list(dict.fromkeys([*near, *said.by_sound.get(sound(word), ())]))


def _keys(
    said: Vocabulary, wanted: list[Wanted], joined: Mapping[str, str], near: Mapping[str, list[str]]
) -> set[str]:
    """Return the keys of all words that may be meant."""
    keys: set[str] = set()
    ways = {key for _words, names in _phrases(wanted, said) for name in names for key in name.keys}
    for number, one in enumerate(wanted):
        if one.role is Role.SUBJECT:
            keys.update(f"~{slip}" for slip in slips(one.word))
            keys.add(f"@{sound(one.word)}")
        together = [one.word + other.word for other in wanted[number + 1 : number + 2]]
        for word in (one.word, joined.get(one.word, ""), *near[one.word], *together):
            ways.update(each_stem(word))
            ways.update(key for name in said.others(word) for key in name.keys)
        ways.update((root(first), root(second)) for first, second in _halves(one))
    return keys | {f"={stem}" for way in ways for stem in way}


def _halves(one: Wanted) -> list[tuple[str, str]]:
    """Return the ways to split a long word in two."""
    if len(one.word) < SPLIT_FROM or one.role is not Role.SUBJECT:
        return []
    return [(one.word[:at], one.word[at:]) for at in range(3, len(one.word) - 2)]


def _understand(one: Wanted, joined: str, near: list[str], said: Vocabulary, known: Known) -> None:
    for word in filter(None, (one.word, joined)):
        one.accept_word(word, AS_WRITTEN)
        one.accept_names(said.others(word), _renamed(one, said))
    if one.word in known.means:
        one.accept([known.means[one.word]], SAME, How.ACRONYM, one.typed)
    corrections = known.near(one.word) if one.role is Role.SUBJECT else []
    if not known.has(one):
        corrections += near
        for first, second in _halves(one):
            if known.number((root(first), root(second))):
                one.accept([(root(first), root(second))], SPLIT, How.TYPO, f"{first} {second}")
    for word in dict.fromkeys(corrections):
        one.accept_word(word, CORRECTED, How.TYPO)
        one.accept_names(said.others(word), How.TYPO, CORRECTED)
        if one.word == fold(one.typed) and not known.has_word(one.word):
            one.word, one.role = word, _role(said, word)


def _renamed(one: Wanted, said: Vocabulary) -> How:
    return How.ACRONYM if one.word in said.acronyms else How.SYNONYM


def _phrases(wanted: list[Wanted], said: Vocabulary) -> list[tuple[list[Wanted], list[Name]]]:
    """Return the names of several words in a text: their words, and their other names."""
    roots = [root(one.word) for one in wanted if not one.is_tag]
    found, start = [], 0
    while start < len(roots):
        length = said.phrase_at(roots, start)
        if length:
            names = said.names[tuple(roots[start : start + length])]
            found.append((wanted[start : start + length], list(names.values())))
        start += length or 1
    return found


def _understand_phrases(wanted: list[Wanted], said: Vocabulary) -> None:
    """Understand the words of a phrase together: none has its own other names, and they are a
    subject, unless one of their other names is an aspect (« heures d'ouverture »: « horaires »)."""
    for together, names in _phrases(wanted, said):
        single = [said.telling(name.label) for name in names]
        is_aspect = any(
            _role(said, word) is Role.ASPECT
            for label in single
            if len(label) == 1
            for word in label
        )
        for one in together:
            one.ways = {way: credit for way, credit in one.ways.items() if credit == AS_WRITTEN}
            one.is_phrase = True
            one.accept_names(names, _renamed(one, said))
            one.role = Role.ASPECT if is_aspect else Role.SUBJECT


def _finish(wanted: list[Wanted], known: Known) -> None:
    """Take a word for the beginning of another: the last one, which people are still typing, if the
    other is much more common; any unknown one, which people abbreviate (« expos »)."""
    last = wanted[-1]
    begun = [
        one
        for one in wanted
        if len(one.word) >= SHORTEST_BEGINNING + (one is not last)
        and one.tells
        and (one is last or not known.has(one))
    ]
    if not begun:
        return
    begins = [f"^{singular(one.word)[:LONGEST_BEGINNING]}" for one in begun]
    found = words().find({"keys": {"$in": begins}, "n": {"$gt": 0}}, WORD_FIELDS)
    ended = list(found.sort("n", -1).limit(ENDINGS * len(begun)))
    written = {one.word: sum(map(known.number, one.ways)) for one in begun}
    known.add(ended)
    for one in begun:
        for word in ended:
            common = word["n"] >= MORE_COMMON * written[one.word]
            if common and word["_id"].startswith(singular(one.word)):
                one.accept_word(word["_id"], FINISHED, How.BEGINNING)


def _rarity(n: int, total: int) -> float:
    """Return a weight from 1 for a word that at most one entry has (none: it is what the person is
    after) down to ¼ for one that all have."""
    return max(0.25, math.log1p(total / max(n, 1)) / math.log1p(total))
