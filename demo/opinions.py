"""Sample feedback of the public on the sample catalogue, so that figures have a shape.

Comments and tendencies are written in ``opinions.toml``; authors and dates are drawn at random from
a fixed seed. Nothing is stored here.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .accounts import AUTHORS

OPINIONS = Path(__file__).with_name("opinions.toml")
SEED = 2023

FITNESS = ("yes", "partly", "no")
USAGES_BY_PROFILE: dict[str, tuple[str, ...]] = {
    "individual": ("information", "research"),
    "student": ("research", "teaching"),
    "teacher": ("teaching",),
    "researcher": ("research", "enrichment"),
    "journalist": ("journalism", "visualisation"),
    "developer": ("service", "visualisation", "enrichment"),
    "company": ("business", "service"),
    "local_authority": ("policy", "visualisation"),
    "state": ("policy",),
    "tourism": ("service", "business"),
    "cultural_institution": ("mediation", "enrichment"),
    "association": ("mediation", "information", "enrichment"),
    "other": ("other",),
}
"""What people usually do with data, by profile; its keys are the profiles that are drawn."""

RATED = 0.55
"""How often somebody who answers also rates a given axis."""
NAMELESS = 0.25
"""How often somebody does not sign."""
OLDEST = 330
"""Days before the first start."""


@dataclass(frozen=True)
class SampleOpinion:
    """The opinion of one account on one dataset.

    `ratings` goes from axis to 1..5, without the axes that are not rated; `signature` is "name" or
    "none". At most one per author and dataset.
    """

    dataset_remote_id: str
    author_email: str
    fitness: str
    ratings: dict[str, int]
    comment: str | None
    wants_answer: bool
    usages: list[str]
    profile: str | None
    days_ago: int
    signature: str
    handled: dict[str, str] | None
    """What the producer did about it: `status` and `answer`."""
    better: str | None
    """What the author said afterwards: "yes", "partly" or "no"."""


def sample_opinions() -> list[SampleOpinion]:
    """Draw all the sample opinions, oldest first; the result never varies."""
    chance = random.Random(SEED)
    profiles = {author.email: chance.choice(list(USAGES_BY_PROFILE)) for author in AUTHORS}
    entries = tomllib.loads(OPINIONS.read_text(encoding="utf-8"))["datasets"]
    opinions = [opinion for entry in entries for opinion in _opinions_of(entry, profiles, chance)]
    return sorted(opinions, key=lambda opinion: opinion.days_ago, reverse=True)


def _opinions_of(
    entry: dict[str, Any], profiles: dict[str, str], chance: random.Random
) -> Iterator[SampleOpinion]:
    authors = chance.sample([author.email for author in AUTHORS], entry["answers"])
    for comment in entry["comments"]:
        author = _somebody_like(comment["profile"], authors, profiles)
        authors.remove(author)
        yield _opinion(entry, author, comment["profile"], comment["fitness"], chance, comment)
    for author in authors:
        fitness = chance.choices(FITNESS, [entry["fitness"][value] for value in FITNESS])[0]
        profile = profiles[author] if chance.random() < 0.6 else None
        yield _opinion(entry, author, profile, fitness, chance)


def _somebody_like(profile: str, authors: list[str], profiles: dict[str, str]) -> str:
    return next((author for author in authors if profiles[author] == profile), authors[0])


def _opinion(
    entry: dict[str, Any],
    author: str,
    profile: str | None,
    fitness: str,
    chance: random.Random,
    comment: dict[str, Any] | None = None,
) -> SampleOpinion:
    return SampleOpinion(
        dataset_remote_id=entry["remote_id"],
        author_email=author,
        fitness=fitness,
        ratings=_ratings(entry["ratings"], fitness, chance),
        comment=comment["text"] if comment else None,
        wants_answer=bool(comment and comment.get("answer")),
        usages=comment["usages"] if comment else _usages(profile, chance),
        profile=profile,
        days_ago=round(chance.triangular(1, OLDEST, 45)),
        signature="none" if chance.random() < NAMELESS else "name",
        handled=comment.get("handled") if comment else None,
        better=comment.get("better") if comment else None,
    )


def _ratings(usual: dict[str, float], fitness: str, chance: random.Random) -> dict[str, int]:
    """Draw one person's ratings: around the usual ones, better when the data meet their need."""
    mood = {"yes": 0.6, "partly": 0.0, "no": -0.6}[fitness]
    return {
        axis: min(5, max(1, round(chance.gauss(mean + mood, 0.8))))
        for axis, mean in usual.items()
        if chance.random() < RATED
    }


def _usages(profile: str | None, chance: random.Random) -> list[str]:
    if profile is None:
        return []
    usual = USAGES_BY_PROFILE[profile]
    return sorted(chance.sample(usual, chance.randint(1, min(2, len(usual)))))
