"""What resembles a text among datasets and requests, accents, inflections and a typo ignored.

A text is understood first (each word as it is, by another name, or without its typo), then entries
of `search_index` are taken, those first that share its rarest pairs of words, and at last compared
one by one: 200 at most, in as many commands whatever the volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, NamedTuple

from bson import ObjectId
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from . import terms
from .index import (
    BATCH,
    KINDS,
    MAX_TEXT,
    MAX_WORDS,
    entries,
    full_title,
    is_listed,
    keys_of,
    pair,
    stems_of,
    whole,
    words,
)

#: Entries compared with a text, of all kinds together.
CANDIDATES = 200
#: Below this score (0 to 1) nothing is proposed.
THRESHOLD = 0.5

#: Pairs and single words of a text by which candidates are looked for.
ASKED_PAIRS = 10
ASKED_WORDS = 6

#: What a word of the text counts, according to how it was understood…
AS_WRITTEN, OTHER_NAME, CORRECTED = 1.0, 0.9, 0.8
#: …and where it was found: the title, the tags, or the description and the organization.
IN_TITLE, IN_TAGS, IN_REST = 1.0, 0.9, 0.5
#: What years and empty words count beside the others, and the tags of a dataset beside its title.
WEAK, TAG = 0.1, 0.3
#: A word somebody misspelt in a title becomes known; one that is so much more common is meant too.
MORE_COMMON = 10


class Similar(NamedTuple):
    """What resembles a text, and how much: from THRESHOLD to 1."""

    id: ObjectId
    score: float


@dataclass
class Wanted:
    """A word of the text: how many entries have it, the stems that satisfy it and what each counts,
    the roots by which pairs know it (the likeliest first), and what it weighs in the text."""

    word: str
    weight: float = 1.0
    is_tag: bool = False
    n: int = 0
    stems: dict[str, float] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)

    def accept(self, word: str, credit: float) -> None:
        for stem in terms.stems(word):
            self.stems[stem] = max(credit, self.stems.get(stem, 0))
        if (root := terms.root(word)) not in self.roots:
            self.roots.append(root)


def similar(text: str, *, limit: int = 5, kinds: Iterable[str] = KINDS) -> dict[str, list[Similar]]:
    """The datasets and the requests that resemble a text, best first: `{"datasets": […],
    "requests": […]}`. Only what is public is there, as far as the index knows: check again."""
    kinds = tuple(kinds)
    wanted = _understood(terms.content_words(text[:MAX_TEXT]))
    share = CANDIDATES // max(len(kinds), 1)
    return {f"{kind}s": _best(wanted, limit, candidates(kind, wanted, share)) for kind in kinds}


def matching(dataset: Mapping[str, Any], *, limit: int = 20) -> list[Similar]:
    """The open requests that resemble a dataset (raw, with DATASET_FIELDS), whoever they are
    addressed to, best first. None for a dataset that not everybody may see."""
    if not is_listed(dataset):
        return []
    titled = terms.content_words(full_title(dataset)[:MAX_TEXT])
    tagged = terms.content_words(" ".join(dataset.get("tags") or ())[:MAX_TEXT])
    wanted = _understood(titled, [word for word in tagged if word not in titled])
    return _best(wanted, limit, candidates("request", wanted, CANDIDATES, {"open": True}))


def candidates(
    kind: str, wanted: list[Wanted], limit: int, where: dict[str, Any] | None = None
) -> Iterable[dict[str, Any]]:
    """At most `limit` entries, by one command that walks the index of terms probe by probe and
    stops as soon as it has enough."""
    steps: list[dict[str, Any]] = []
    walked: list[str] = []
    for probe in _probes(wanted):
        # $nor, which no index serves: the planner can only walk the index by the probe.
        others = {"$nor": [{"terms": {"$in": list(walked)}}]} if walked else {}
        match = {"kind": kind, "terms": {"$in": probe}} | (where or {}) | others
        walk: list[dict[str, Any]] = [{"$match": match}, {"$limit": limit}]
        if steps:
            steps.append({"$unionWith": {"coll": entries().name, "pipeline": walk}})
        else:
            steps = walk
        walked += probe
    if not steps:
        return []
    stems = sorted({stem for one in wanted for stem in one.stems})
    rest = {"$setIntersection": ["$rest", stems]}
    shown = {"object": 1, "title": 1, "stems": 1, "tags": 1, "rest": rest}
    return entries().aggregate([*steps, {"$limit": limit}, {"$project": shown}])


def _understood(asked: list[str], tags: Iterable[str] = ()) -> list[Wanted]:
    """What the words of a text mean here: as they are, by another name, or without their typo.
    Nothing for a text of empty words and numbers, which everything resembles."""
    strong = [Wanted(word) for word in asked if terms.is_strong(word)][:MAX_WORDS]
    if not strong:
        return []
    tagged = [Wanted(word, TAG, is_tag=True) for word in tags if terms.is_strong(word)]
    weak = [Wanted(word, WEAK) for word in asked if not terms.is_strong(word)]
    telling = strong + tagged[:MAX_WORDS]
    known = _known_words(one.word for one in telling)
    total = max(entries().estimated_document_count(), 1)
    for one in telling:
        _understand(one, known)
        one.weight *= _rarity(one.n, total)
    for one in weak[:MAX_WORDS]:
        one.accept(one.word, AS_WRITTEN)
    return telling + weak[:MAX_WORDS]


def _understand(one: Wanted, known: Mapping[str, int]) -> None:
    written = _number(one.word, known)
    corrections = _corrections(one.word, written, known)
    names = terms.other_names(one.word)
    one.n = written + sum(_number(name, known) for name in names)
    one.n += sum(known[word] for word in corrections)
    one.accept(one.word, AS_WRITTEN)
    for name in names:
        one.accept(name, OTHER_NAME)
    for word in corrections:
        one.accept(word, CORRECTED)
    if corrections:
        likeliest = terms.root(corrections[0])
        one.roots.sort(key=lambda root: root != likeliest)


def _number(asked: str, known: Mapping[str, int]) -> int:
    """How many entries have a word in one of its forms."""
    stems = set(terms.stems(asked))
    return sum(n for word, n in known.items() if stems.intersection(terms.stems(word)))


def _corrections(asked: str, written: int, known: Mapping[str, int]) -> list[str]:
    """The three most common known words that are one typo away from a word that nobody wrote, or
    that is itself so rare beside them that it looks like a typo."""
    if not terms.slips(asked):
        return []
    singular, stems = terms.singular(asked), set(terms.stems(asked))
    near = [
        word
        for word, n in known.items()
        if n >= MORE_COMMON * written
        and not stems.intersection(terms.stems(word))
        and OSA.distance(singular, terms.singular(word), score_cutoff=1) <= 1
    ]
    return sorted(near, key=lambda word: (-known[word], word))[:3]


def _known_words(asked: Iterable[str]) -> dict[str, int]:
    """The known words that may be meant, with their number of entries, by one indexed query."""
    keys: set[str] = set()
    for word in asked:
        keys.update(keys_of(word))
        keys.update(f"={stem}" for stem in stems_of(terms.other_names(word)))
    found = words().find({"keys": {"$in": sorted(keys)}, "n": {"$gt": 0}}, {"n": 1})
    return {word["_id"]: word["n"] for word in found.limit(BATCH)}


def _rarity(n: int, total: int) -> float:
    """From 1 for a word that one entry has (or none: it is what the person is after) down to ¼ for
    one that all have."""
    return max(0.25, math.log1p(total / max(n, 1)) / math.log1p(total))


def _probes(wanted: list[Wanted]) -> list[list[str]]:
    """The terms by which candidates are looked for, most telling first: the whole text as a title;
    pairs of its words, those first that chance would bring together least often; then single
    words, the rarest first, and at last those that no title has."""
    strong = [one for one in wanted if terms.is_strong(one.word)]
    if not strong:
        return []
    known = sorted((one for one in strong if one.n), key=lambda one: one.n)[:ASKED_WORDS]
    pairs = sorted(combinations(known, 2), key=lambda both: both[0].n * both[1].n)[:ASKED_PAIRS]
    return [
        [whole(one.roots[0] for one in strong if not one.is_tag)],
        *(sorted({pair(a, b) for a in x.roots for b in y.roots}) for x, y in pairs),
        *(sorted(one.stems) for one in known),
        *(sorted(one.stems) for one in strong if not one.n),
    ]


def _best(wanted: list[Wanted], limit: int, compared: Iterable[Mapping[str, Any]]) -> list[Similar]:
    score = _scorer(wanted)
    found = [Similar(entry["object"], score(entry)) for entry in compared]
    good = [one for one in found if one.score >= THRESHOLD]
    return sorted(good, key=lambda one: (-one.score, one.id))[:limit]


def _scorer(wanted: list[Wanted]) -> Callable[[Mapping[str, Any]], float]:
    """How much an entry resembles the text: what part of the text it answers, what part of its own
    title the text speaks of (so that a long wish finds a short title), and a tenth for how alike
    the two titles read."""
    title = " ".join(one.word for one in wanted if not one.is_tag)
    asked = sum(one.weight for one in wanted)
    credits: dict[str, float] = {}
    for one in wanted:
        for stem, credit in one.stems.items():
            credits[stem] = max(credit, credits.get(stem, 0))

    def answered(entry: Mapping[str, Any]) -> float:
        places = dict.fromkeys(entry["rest"], IN_REST) | dict.fromkeys(entry["tags"], IN_TAGS)
        places |= dict.fromkeys((stem for stems in entry["stems"] for stem in stems), IN_TITLE)
        return (
            sum(
                one.weight * max(credit * places.get(stem, 0) for stem, credit in one.stems.items())
                for one in wanted
            )
            / asked
        )

    def spoken_of(entry: Mapping[str, Any]) -> float:
        weights = [1.0 if terms.is_strong(word) else WEAK for word in entry["title"].split()]
        spoken = sum(
            weight * max(credits.get(stem, 0) for stem in stems)
            for weight, stems in zip(weights, entry["stems"], strict=True)
        )
        return spoken / sum(weights) if weights else 0

    def score(entry: Mapping[str, Any]) -> float:
        ours, its = answered(entry), spoken_of(entry)
        overlap = max(0.6 * max(ours, its) + 0.4 * min(ours, its), 0.75 * ours)
        return round(0.9 * overlap + 0.1 * fuzz.token_sort_ratio(title, entry["title"]) / 100, 3)

    return score
