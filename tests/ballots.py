"""The smallest things that count: ballots in boxes, boxes in the town. `tests.figures.test_settle`
tries the settle protocol on them, without anything of udata."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from udata_culture_feedback.figures.settle import (
    Flow,
    becomes_due,
    recount,
    settle,
    settle_and_read,
)

TOWN = "town"


class BallotsIntoBox(Flow):
    """A ballot counts in the box where it is now."""

    fields = ("box", "live", "note")

    def __init__(self, election: Election) -> None:
        self.election = election

    @property
    def contributions(self) -> Collection:
        return self.election.ballots

    @property
    def summaries(self) -> Collection:
        return self.election.counts

    def snapshot(self, contribution: dict[str, Any], summary_id: str) -> dict[str, Any]:
        return {"totals": contribution["live"] if contribution["box"] == summary_id else {}}

    def upwards(self, summary: dict[str, Any]) -> list[str]:
        return [TOWN]


class BoxesIntoTown(BallotsIntoBox):
    """A box counts in the town, as a whole."""

    fields = ("totals",)

    @property
    def contributions(self) -> Collection:
        return self.election.counts

    def snapshot(self, contribution: dict[str, Any], summary_id: str) -> dict[str, Any]:
        return {"totals": {k: n for k, n in contribution["totals"].items() if n}}

    def upwards(self, summary: dict[str, Any]) -> list[str]:
        return []


class Election:
    """What people do with ballots. `through` stands between the protocol and each collection: this
    is where tests make it fail."""

    def __init__(
        self, database: Database, through: Callable[[Collection], Any] | None = None
    ) -> None:
        self.database = database
        self.ballots = database["settle_ballots"]
        self.counts = database["settle_counts"]
        if through:
            self.ballots, self.counts = through(self.ballots), through(self.counts)
        self.into_box = BallotsIntoBox(self)
        self.into_town = BoxesIntoTown(self)

    def seen_by(self, through: Callable[[Collection], Any]) -> Election:
        """The same election, for somebody whose commands go `through` something."""
        return Election(self.database, through)

    def open(self, *boxes: str) -> None:
        """An election without ballots."""
        self.ballots.delete_many({})
        self.counts.delete_many({})
        self.counts.insert_many([{"_id": id, "v": 1, "totals": {}} for id in (*boxes, TOWN)])

    def contents(self) -> list[list[dict[str, Any]]]:
        """Every document, as it is."""
        return [list(c.find().sort("_id", 1)) for c in (self.ballots, self.counts)]

    def put_back(self, contents: list[list[dict[str, Any]]]) -> None:
        """The election as it was when these were its contents."""
        for collection, documents in zip((self.ballots, self.counts), contents, strict=True):
            collection.delete_many({})
            collection.insert_many(documents)

    @property
    def boxes(self) -> list[str]:
        return [box["_id"] for box in self.counts.find({"_id": {"$ne": TOWN}}, {"_id": 1})]

    def cast(self, ballot: Any, box: str, **says: int) -> None:
        with suppress(DuplicateKeyError):  # one ballot each
            self.ballots.insert_one({"_id": ballot, "box": box, "live": says, "v": 1, "due": [box]})

    def change(self, ballot: Any, box: str | None = None, **says: int) -> None:
        """The ballot now says this; it may move to another box."""
        while True:
            was = self.ballots.find_one({"_id": ballot})
            if was is None:
                return
            now = box or was["box"]
            update = becomes_due(sorted({was["box"], now}))
            update["$set"] = {"box": now, "live": says}
            if self.ballots.update_one({"_id": ballot, "v": was["v"]}, update).modified_count:
                return

    def annotate(self, ballot: Any) -> None:
        """A change that no figure shows."""
        was = self.ballots.find_one({"_id": ballot})
        if was:
            update = becomes_due([was["box"]])
            update["$set"] = {"note": was["v"]}
            self.ballots.update_one({"_id": ballot}, update)

    def tear(self, ballot: Any) -> None:
        """The ballot says nothing any more; it goes once its box has heard of it."""
        self.change(ballot)
        was = self.ballots.find_one({"_id": ballot}, {"box": 1})
        if was:
            self.settle(was["box"])
            self.ballots.delete_one({"_id": ballot, "live": {}, "due": {"$exists": False}})

    def settle(self, box: str) -> bool:
        return settle(self.into_box, box)

    def post(self, ballot: Any, box: str, **says: int) -> None:
        """Casts a ballot and settles with the box as it was read before that."""
        known = self.counts.find_one({"_id": box})
        self.cast(ballot, box, **says)
        settle(self.into_box, box, known=known)

    def send(self, ballot: Any, box: str, **says: int) -> None:
        """Casts a ballot and settles with the box as it was read after that."""
        self.cast(ballot, box, **says)
        known = self.counts.find_one({"_id": box})
        read = settle_and_read(self.into_box, known)
        assert read["v"] >= known["v"]

    def settle_town(self) -> bool:
        return settle(self.into_town, TOWN)

    def settle_all(self) -> None:
        for box in self.boxes:
            assert self.settle(box)
        assert self.settle_town()

    def do(self, *steps: list[Any]) -> None:
        """Does some things in turn: the name of a method, its arguments, what a ballot says."""
        for name, *arguments in steps:
            says = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            getattr(self, name)(*arguments, **says)

    def recount_all(self, *, check: bool = False) -> dict[str, Any]:
        """The differences that a recount finds, by place."""
        found = {box: recount(self.into_box, box, check=check) for box in self.boxes}
        found[TOWN] = recount(self.into_town, TOWN, check=check)
        return {place: wrong for place, wrong in found.items() if wrong}

    def figures(self) -> dict[str, dict[str, int]]:
        """What the counts show, zeros left out."""
        return {
            count["_id"]: {key: n for key, n in count["totals"].items() if n}
            for count in self.counts.find()
        }

    def truth(self) -> dict[str, dict[str, int]]:
        """What they should show: every ballot looked at, one by one."""
        sums: dict[str, Counter[str]] = {box: Counter() for box in (*self.boxes, TOWN)}
        for ballot in self.ballots.find():
            for place in (ballot["box"], TOWN):
                for key, n in ballot["live"].items():
                    sums[place][key] += n
        return {place: {k: n for k, n in sum.items() if n} for place, sum in sums.items()}

    def waiting(self, place: str) -> bool:
        """Whether something is due to a count, so that it may be behind."""
        return any(c.find_one({"due": place}) for c in (self.ballots, self.counts))


# What worker processes do (see `tests.processes`).


def prepare(uri: str) -> str:
    return uri


def do(uri: str, steps: list[list[Any]]) -> None:
    with MongoClient(uri) as client:
        Election(client.get_default_database()).do(*steps)


def vote(uri: str, voter: int, times: int) -> int:
    """Casts, changes, moves and tears ballots of one voter at random, and settles each time.
    Answers how many ballots are left."""
    chance = random.Random(voter)
    left: list[str] = []
    with MongoClient(uri) as client:
        election = Election(client.get_default_database())
        boxes = election.boxes
        for n in range(times):
            says = {chance.choice(("yes", "no")): chance.randint(1, 3)}
            what = "cast"
            if left:
                what = chance.choice(("cast", "post", "send", "change", "move", "tear"))
            box = chance.choice(boxes)
            if what == "cast":
                left.append(f"{voter}-{n}")
                election.cast(left[-1], box, **says)
            elif what in ("post", "send"):
                left.append(f"{voter}-{n}")
                getattr(election, what)(left[-1], box, **says)
            elif what == "tear":
                election.tear(left.pop(chance.randrange(len(left))))
            else:
                election.change(chance.choice(left), box if what == "move" else None, **says)
            election.settle(box)
            if chance.random() < 0.3:
                election.settle_town()
    return len(left)


def recount_again_and_again(uri: str, times: int) -> dict[str, Any]:
    """Recounts everything some times, and answers every difference that was found."""
    found: dict[str, Any] = {}
    with MongoClient(uri) as client:
        election = Election(client.get_default_database())
        for _time in range(times):
            found |= election.recount_all()
    return found
