"""Read the vocabulary of the search (`vocabulary.toml`): function words, weak words, names of
things."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypedDict

from flask import current_app, has_app_context

from .terms import STOPWORDS, fold, root, sound, stems, words

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("vocabulary.toml")

#: The credit of another name of the same thing, relative to the typed one, and of its kind.
SAME, KIND_OF = 0.9, 0.6
#: Endings of plurals and feminines of weak words and aspects: stems would conflate some of them.
ENDINGS = ("", "s", "e", "es")

#: The stems that must all be there: one stem of a word, or the roots of several words.
Key = tuple[str, ...]


class File(TypedDict, total=False):
    """A file of the vocabulary; `vocabulary.toml` explains each section."""

    replace: bool
    empty: str
    weak: str
    aspects: str
    places: str
    same: list[str]
    kinds: list[str]
    expressions: list[str]


class Name(NamedTuple):
    """A name of a thing: as written, the keys of which one satisfies it, and its credit."""

    label: str
    keys: tuple[Key, ...]
    credit: float


@dataclass
class Vocabulary:
    """The vocabulary of a portal, folded. `names`: the other names of a thing, by the keys of each
    of its names; `words`: all words of names, to correct typos with, and `by_sound` those that
    sound alike; `expressions`: those that contain a stem."""

    empty: frozenset[str] = STOPWORDS
    weak: set[str] = field(default_factory=set)
    aspects: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    names: dict[Key, dict[str, Name]] = field(default_factory=dict)
    words: dict[str, None] = field(default_factory=dict)
    by_sound: dict[str, list[str]] = field(default_factory=dict)
    expressions: dict[str, list[Key]] = field(default_factory=dict)
    acronyms: set[str] = field(default_factory=set)
    longest: int = 1

    def telling(self, text: str) -> dict[str, str]:
        """Map the words of a text that are no function words to their joined forms
        (`terms.words`)."""
        return {word: joined for word, joined in words(text).items() if word not in self.empty}

    def is_weak(self, word: str) -> bool:
        """Return whether a folded word tells little of what a text is about."""
        return word in self.empty or word in self.weak or word.isdigit()

    def others(self, word: str) -> list[Name]:
        """Return the other names of what a folded word names."""
        return [name for stem in stems(word) for name in self.names.get((stem,), {}).values()]

    def unlike(self, way: Key) -> list[Key]:
        """Return the expressions in which a single stem means something else."""
        return self.expressions.get(way[0], []) if len(way) == 1 else []

    def phrase_at(self, roots: list[str], start: int) -> int:
        """Return how many roots, from `start`, form the longest known name of several words; 0 for
        none."""
        for length in range(min(self.longest, len(roots) - start), 1, -1):
            if tuple(roots[start : start + length]) in self.names:
                return length
        return 0

    def learn(self, file: File) -> None:
        """Add the words of a file."""
        self.empty = self.empty.union(words(file.get("empty", "")))
        self.places.update(set(words(file.get("places", ""))) - self.empty)
        _learn_forms(self.weak, words(file.get("weak", "")))
        _learn_forms(self.aspects, words(file.get("aspects", "")))
        for line in file.get("same", ()):
            self._learn_same([self._name(label, SAME) for label in _listed(line, ",")])
        for line in file.get("kinds", ()):
            special, general = (self._name(label, KIND_OF) for label in _listed(line, ">"))
            self._learn_name(special, [general])
        for label in file.get("expressions", ()):
            name = self._name(label, SAME)
            self._learn_name(name, ())
            for stem in name.keys[0]:
                self.expressions.setdefault(stem, []).append(name.keys[0])

    def _learn_same(self, group: list[Name]) -> None:
        """Learn the names of one thing. Where one of a single word is an aspect, the others are
        too."""
        for name in group:
            self._learn_name(name, group)
        said = [self.telling(name.label) for name in group]
        single = {word for one in said if len(one) == 1 for word in one}
        if not single.isdisjoint(self.aspects):
            _learn_forms(self.aspects, single)

    def _learn_name(self, name: Name, others: Iterable[Name]) -> None:
        if name.label.isupper():
            self.acronyms.add(fold(name.label))
        for word in self.telling(name.label):
            if word not in self.words and (heard := sound(word)):
                self.by_sound.setdefault(heard, []).append(word)
            self.words[word] = None
        for key in name.keys:
            self.longest = max(self.longest, len(key))
            known = self.names.setdefault(key, {})
            for other in others:
                if key not in other.keys:
                    known.setdefault(other.label, other)

    def _name(self, label: str, credit: float) -> Name:
        telling, keys = self.telling(label), list[Key]()
        if " " not in label:  # « sous-titre » is one word
            keys += [(stem,) for joined in telling.values() if joined for stem in stems(joined)]
        if len(telling) == 1 and not (keys and self.weak.intersection(telling)):
            keys += [(stem,) for word in telling for stem in stems(word)]
        elif len(telling) > 1:
            keys.append(tuple(map(root, telling)))
        return Name(label, tuple(keys), credit)


def vocabulary() -> Vocabulary:
    """Return the vocabulary of this portal: ours, extended or replaced by that of its setting."""
    path = current_app.config.get("CULTURE_FEEDBACK_SEARCH_VOCABULARY") if has_app_context() else ""
    return _read(path or "")


@lru_cache(maxsize=4)
def _read(path: str) -> Vocabulary:
    try:
        return _made([SHIPPED, Path(path)] if path else [SHIPPED])
    except (OSError, ValueError, TypeError, AttributeError, IndexError) as error:
        log.error("CULTURE_FEEDBACK_SEARCH_VOCABULARY cannot be used: %s: %s", path, error)
        return _made([SHIPPED])


def _made(paths: list[Path]) -> Vocabulary:
    """Read vocabulary files; the last one alone where it says that it replaces the others."""
    files: list[File] = [tomllib.loads(path.read_text(encoding="utf-8")) for path in paths]  # type: ignore[misc]
    made = Vocabulary()
    for file in files[-1:] if files[-1].get("replace") else files:
        made.learn(file)
    return made


def _learn_forms(known: set[str], said: Iterable[str]) -> None:
    known.update(word + ending for word in said for ending in ENDINGS)


def _listed(line: str, separator: str) -> list[str]:
    return [label.strip() for label in line.split(separator) if label.strip()]
