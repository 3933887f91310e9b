"""Find the datasets and requests that a text asks for.

The text is understood first, then at most CANDIDATES entries of the index are read, first those
that share its rarest pairs of words, in a number of commands that does not grow with the volume.
Each is compared with the text; learnt weights decide which are good enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from operator import mul
from typing import Any, NamedTuple

from bson import ObjectId

from ..web.untyped import Query, Shown
from .index import KINDS, MAX_TEXT, entries, full_title, is_listed, pair, whole
from .terms import root
from .understanding import How, Reason, Role, Wanted, understood
from .vocabulary import Key, vocabulary

#: Entries compared with a text, of all kinds together.
CANDIDATES = 200
#: The lowest probability of a result.
THRESHOLD = 0.33

#: How many pairs and single words of a text candidates are searched by, and how many stems of a
#: word are paired.
ASKED_PAIRS, ASKED_WORDS, PAIRED_STEMS = 10, 6, 8

#: The credit of a word by where it is found.
IN_TITLE, IN_TAGS, ASIDE, IN_REST = 1.0, 0.75, 0.45, 0.4
#: The factor of a word that the entry has in an expression meaning something else, and the weight
#: of a weak word in a title.
UNLIKE, WEAK_TITLE = 0.3, 0.25
#: From this number of words on, a way does not need all of them.
LENIENT = 4
#: Most reasons given for one result.
REASONS = 3


class Similar(NamedTuple):
    """A result: its id, the probability that the text asks for it, the reasons that its title does
    not show, and the stems by which it was found."""

    id: ObjectId
    score: float
    why: tuple[Reason, ...] = ()
    stems: frozenset[str] = frozenset()


class Signs(NamedTuple):
    """The features of an entry compared with a text, each from 0 to 1."""

    bias: float
    answered: float  # what part of the text it has, weighted by place
    evidence: float  # how much of the text it has, in absolute terms
    spoken_of: float  # what part of its title the text mentions
    place: float  # the best place of a subject of the text
    unknown: float  # what part of the text no entry has
    whole: float  # nothing of the text is missing
    beside: float  # how close it comes to the best entry


#: Learnt by logistic regression from labelled queries: `python -m tools.fit_search`.
LEARNT = Signs(-8.4, 0.41, 3.78, 3.4, 1.55, -2.7, 2.41, 5.33)


@dataclass
class Compared:
    """An entry compared with the text. `places`: the credit of each word of the text, by which of
    its `ways`. `near`: how well the entry matches, compared with others."""

    id: ObjectId
    kind: str
    entry: Mapping[str, Any]
    places: list[float]
    ways: list[Key]
    got: float
    spoken_of: float
    score: float = 0.0

    @property
    def near(self) -> float:
        return self.got * (1 + self.spoken_of) / 2


def similar(text: str, *, limit: int = 5, kinds: Iterable[str] = KINDS) -> dict[str, list[Similar]]:
    """Find the datasets and the requests that a text asks for, best first: `{"datasets": […],
    "requests": […]}`. The index only has what is public, as far as it knows: check again."""
    kinds = tuple(kinds)
    wanted = understood(text[:MAX_TEXT])
    share = CANDIDATES // max(len(kinds), 1)
    compared = [one for kind in kinds for one in candidates(kind, wanted, share)]
    good = _good(wanted, compared)
    return {
        f"{kind}s": [_result(one, wanted) for one in good if one.kind == kind][:limit]
        for kind in kinds
    }


def matching(dataset: Mapping[str, Any], *, limit: int = 20) -> list[Similar]:
    """Find the open requests that a dataset (raw, with the fields of DATASETS) may answer, whoever
    they are addressed to, best first. Empty for a dataset that not everybody may see."""
    if not is_listed(dataset):
        return []
    wanted = understood(full_title(dataset)[:MAX_TEXT], dataset.get("tags") or ())
    wanted = [one for one in wanted if one.n]  # requests need not have all its words
    compared = candidates("request", wanted, CANDIDATES, {"open": True})
    return [_result(one, wanted) for one in _good(wanted, compared)[:limit]]


def candidates(
    kind: str, wanted: list[Wanted], limit: int, where: Query | None = None
) -> list[Compared]:
    """Read and compare at most `limit` entries, by one command that walks the index of terms probe
    by probe and stops as soon as it has enough."""
    steps: list[Query] = []
    for probe, most in _probes(wanted, limit):
        match = {"kind": kind, "terms": {"$in": probe}} | (where or {})
        walk: list[Query] = [{"$match": match}, {"$limit": most}]
        if steps:
            steps.append({"$unionWith": {"coll": entries().name, "pipeline": walk}})
        else:
            steps = walk
    if not steps:
        return []
    ways = [way for one in wanted for way in chain(one.ways, *one.unlike.values())]
    asked = {stem for way in ways for stem in way}
    shown: Shown = {"object": 1, "title": 1, "stems": 1, "tags": 1}
    for place in ("aside", "rest"):  # `aside` is missing in entries of the version before
        shown[place] = {"$setIntersection": [{"$ifNull": [f"${place}", []]}, sorted(asked)]}
    read = entries().aggregate([*steps, {"$limit": limit}, {"$project": shown}])
    found = {entry["object"]: entry for entry in read}  # two probes may bring the same
    return [_compare(kind, entry, wanted) for entry in found.values()]


def _probes(wanted: list[Wanted], limit: int) -> list[tuple[list[str], int]]:
    """Return the terms to look for candidates by, most specific first, and how many each may bring:
    the whole text as a title; pairs of its words, first those that chance brings together least
    often; then single words, the rarest first."""
    strong = [one for one in wanted if one.role is not Role.WEAK]
    known = sorted((one for one in strong if one.n), key=lambda one: one.n)[:ASKED_WORDS]
    pairs = sorted(combinations(known, 2), key=lambda both: both[0].n * both[1].n)[:ASKED_PAIRS]
    share = limit // min(max(len(known), 1), 4)
    few = max(limit // 4, share // 2)
    probes = [([whole(root(one.word) for one in strong if not one.is_tag)], few)]
    for both in pairs:
        first, second = (
            [
                way[0]
                for way in sorted(one.ways, key=one.ways.__getitem__, reverse=True)
                if len(way) == 1
            ]
            for one in both
        )
        paired = {pair(a, b) for a in first[:PAIRED_STEMS] for b in second[:PAIRED_STEMS] if a != b}
        probes.append((sorted(paired), few))
    for one in known:
        # Of a way of several words, look for two: pairs are terms.
        titled = {pair(*way[:2]) if len(way) > 1 else way[0] for way in one.ways}
        probes.append((sorted(titled), share))
        if one.role is not Role.ASPECT:
            probes.append((sorted({f"~{way[0]}" for way in one.ways}), share))
    return [(probe, most) for probe, most in probes if probe]


def _compare(kind: str, entry: Mapping[str, Any], wanted: list[Wanted]) -> Compared:
    places = dict.fromkeys(entry["rest"], IN_REST) | dict.fromkeys(entry["aside"], ASIDE)
    places |= dict.fromkeys(entry["tags"], IN_TAGS)
    places |= dict.fromkeys((stem for some in entry["stems"] for stem in some), IN_TITLE)
    values: list[float] = []
    used: list[Key] = []
    credits: dict[str, float] = {}
    for one in wanted:
        best, by = 0.0, Key()
        for way, credit in one.ways.items():
            if way[0] not in places and len(way) < LENIENT:
                continue
            value = credit * _satisfied(way, places)
            if any(_satisfied(other, places) for other in one.unlike.get(way[0], ())):
                value *= UNLIKE
            if value > best:
                best, by = value, way
            if value:
                for stem in way:
                    credits[stem] = max(credits.get(stem, 0), credit)
        values.append(best)
        used.append(by)
    got = sum(one.weight * value for one, value in zip(wanted, values, strict=True))
    return Compared(entry["object"], kind, entry, values, used, got, _spoken_of(entry, credits))


def _satisfied(way: Key, places: Mapping[str, float]) -> float:
    """Return the credit of a way: the least of its words; for a long one (an acronym), most words
    suffice."""
    if len(way) == 1:
        return places.get(way[0], 0)
    there = sorted((places.get(stem, 0) for stem in way), reverse=True)
    needed = there if len(way) < LENIENT else there[: math.ceil(0.75 * len(way))]
    return min(needed) * sum(map(bool, there)) / len(way)


def _spoken_of(entry: Mapping[str, Any], credits: Mapping[str, float]) -> float:
    """Return what part of an entry's title the text mentions."""
    said, spoken, total = vocabulary(), 0.0, 0.0
    for word, some in zip(entry["title"].split(), entry["stems"], strict=True):
        weight = WEAK_TITLE if said.is_weak(word) else 1.0
        total += weight
        spoken += weight * max(credits.get(stem, 0) for stem in some)
    return spoken / total if total else 0.0


def _good(wanted: list[Wanted], compared: Sequence[Compared]) -> list[Compared]:
    """Score entries, and return those that are good enough, best first."""
    for one, signs in zip(compared, signs_of(wanted, compared), strict=True):
        one.score = 1 / (1 + math.exp(-sum(map(mul, LEARNT, signs))))
    good = [one for one in compared if one.score >= THRESHOLD]
    return sorted(good, key=lambda one: (-one.score, one.id))


def signs_of(wanted: list[Wanted], compared: Sequence[Compared]) -> list[Signs]:
    """Return the features of each entry compared with the text."""
    telling = [n for n, one in enumerate(wanted) if one.tells]
    subjects = [n for n, one in enumerate(wanted) if one.role is Role.SUBJECT]
    asked = sum(wanted[n].weight for n in telling)
    unknown = sum(wanted[n].weight for n in telling if not wanted[n].n)
    top = max((one.near for one in compared), default=0.0)
    tops = {
        kind: (top + max(one.near for one in compared if one.kind == kind)) / 2
        for kind in {one.kind for one in compared}
    }
    return [
        Signs(
            bias=1.0,
            answered=min(one.got / asked, 1) if asked else 0.0,
            evidence=min(one.got, 2) / 2,
            spoken_of=one.spoken_of,
            place=max((one.places[n] for n in subjects), default=0.0),
            unknown=unknown / asked if asked else 0.0,
            whole=float(all(one.places[n] for n in telling)),
            beside=one.near / (tops[one.kind] or 1),
        )
        for one in compared
    ]


def _result(one: Compared, wanted: list[Wanted]) -> Similar:
    stems = frozenset(stem for way in one.ways for stem in way)
    return Similar(one.id, round(one.score, 3), _why(one, wanted), stems)


def _why(one: Compared, wanted: list[Wanted]) -> tuple[Reason, ...]:
    """Return how words of the text were found, where the title does not show it."""
    titled = {stem for some in one.entry["stems"] for stem in some}
    places = {How.TAG: "tags", How.ASIDE: "aside", How.DESCRIPTION: "rest"}
    reasons: dict[tuple[How, str], Reason] = {}
    for word, way in zip(wanted, one.ways, strict=True):
        if not way or word.is_tag or not word.tells:
            continue
        reason = word.said.get(way)
        if not reason and titled.isdisjoint(way):
            where = (how for how, place in places.items() if way[0] in one.entry[place])
            reason = next((Reason(how, word.typed, word.typed) for how in where), None)
        if reason:
            reasons.setdefault((reason.how, reason.found), reason)
    return tuple(reasons.values())[:REASONS]
