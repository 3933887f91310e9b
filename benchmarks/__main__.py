"""``make bench``: the cost of our answers beside udata's own discussions, Isso and the least that
is possible, in one table. Only ratios can be compared from one machine to another.

The databases are filled by the first run, and kept in `.bench` for the next ones.
"""

from __future__ import annotations

import argparse
import time
import uuid
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from bson import ObjectId

from . import exports, isso, table
from .measure import TIMES, Request, asked_in, count, run, session
from .processes import Processes, Server, held
from .sizes import (
    ADMINISTRATOR,
    DATASET,
    FEEDBACK,
    ORGANIZATION,
    PERSON,
    PRODUCER,
    REQUEST,
    SIZES,
    Size,
    id_of,
)
from .table import Beside, Line

P = "/api/1/culture-feedback"
#: Rounds of 5 requests each.
ROUNDS, QUICK_ROUNDS = 20, 4

#: Titles of requests that people are about to make.
WANTED = (
    "fréquentation des musées d’Occitanie",
    "liste des bibliothèques par commune depuis 2015",
    "horaires des monuments en Bretagne 2021",
    "tarifs des conservatoires",
    "adresses des librairies de Normandie par département",
)
WORDS = "Il manque les musées d’outre-mer, et la colonne « région » est vide depuis 2019."


@dataclass(frozen=True)
class Portal:
    """udata with the plugin, on one database."""

    server: Server
    #: One account that has given feedback on the dataset, and one that has not.
    reader: str
    newcomer: str
    producer: str
    admin: str
    #: The dataset with the most feedback; the one to which feedback is written.
    dataset: ClassVar[ObjectId] = id_of(DATASET, 0)
    elsewhere: ObjectId
    #: Fifty datasets, from the first to the last.
    fifty: list[ObjectId]

    def get(self, path: str, who: str | None = None) -> Request:
        return Request(self.server, "GET", [path], cookies=[who] if who else [])

    def post(self, path: str, body: Any, people: list[str], status: int = 201) -> Request:
        return Request(self.server, "POST", [path], body, people, status)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="10 k and 100 k opinions, fewer rounds: about a minute"
    )
    parser.add_argument("--rounds", type=int, help=f"of {TIMES} times each")
    options = parser.parse_args()
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    small, large = SIZES["10k"], SIZES["100k" if options.quick else "1M"]
    with Processes() as processes:
        for size in (small, large):
            processes.seed(size)
        start = time.monotonic()
        compare(processes, small, large, rounds)
    print(f"\n{time.monotonic() - start:.0f} s, the filling not counted")


def compare(processes: Processes, small: Size, large: Size, rounds: int) -> list[Line]:
    """Measure everything on two databases that are filled, and print the tables."""
    measured = Bench(processes, small, large, rounds)
    lines = measured.lines()
    measured.run(lines)
    table.write(lines, large)
    table.write_capacity(lines, measured.big.server.memory())
    print()
    exports.report(processes, measured, large)
    return lines


class Bench:
    """The processes of a run, and the requests sent to them."""

    def __init__(self, processes: Processes, small: Size, large: Size, rounds: int) -> None:
        self.processes, self.small, self.large, self.rounds = processes, small, large, rounds
        broker = processes.redis()
        if broker is None:
            print("No redis-server here: tasks are queued in memory, and nobody runs them")
        started = [
            processes.udata(large, broker),
            processes.udata(small, None),
            processes.flask(large),
        ]
        beside = processes.isso(large)
        if beside is None:
            print("No Isso here (make .isso/bin/gunicorn): not compared")
        self.worker = processes.celery(large, broker) if broker else None
        health = f"{P}/vocabulary/"
        big, little = (processes.ready(one, health) for one in started[:2])
        self.flask = processes.ready(started[2], f"/one/{Portal.dataset}")
        self.isso = processes.ready(beside, "/") if beside else None
        if self.isso:
            found = processes.database(large).culture_feedback_feedback.find(
                {"comment": {"$exists": True}},
                {"dataset": 1, "comment": 1, "created_at": 1, "contributor.name": 1},
            )
            isso.fill(self.isso, processes.isso_database(large), found)
        self.big, self.little = self._portal(big, large), self._portal(little, small)
        self.writers = self._people(large, asked_in(self.rounds))

    def run(self, lines: list[Line]) -> None:
        requests = {
            id(request): request
            for line in lines
            for request in (line.request, line.smaller, *line.beside.values())
            if request
        }.values()
        process = self.processes.mongod.process
        assert process
        run(requests, process.pid, self.rounds)
        with held(self.worker):
            count(requests, self.processes.client)

    def lines(self) -> list[Line]:
        big, one = self.big, self.big.reader
        native = f"/api/1/discussions/?for={big.dataset}&page_size=20"
        discussions, discussions_known = big.get(native), big.get(native, one)
        path = f"/benchmark/{big.dataset}"
        bare, bare_known = big.get(path), big.get(path, one)
        subject = {"class": "Dataset", "id": str(big.elsewhere)}
        discuss = big.post(
            "/api/1/discussions/",
            {"title": "Il manque les musées", "comment": WORDS, "subject": subject},
            self.writers,
        )
        anonymous: dict[Beside, Request] = {"udata": discussions, "view": bare}
        known: dict[Beside, Request] = {"udata": discussions_known, "view": bare}
        writes: dict[Beside, Request] = {"udata": discuss}
        least = Request(self.flask, "GET", [f"/one/{big.dataset}"])
        lines = [
            Line("udata: 20 discussions", discussions, {"view": bare}, reference=True),
            Line("— logged in", discussions_known, {"view": bare}, reference=True),
            Line("a view in udata, one `find_one`", bare, {}, reference=True),
            Line("— logged in", bare_known, {"view": bare}, reference=True),
            Line("Flask alone, one `find_one`", least, {"view": bare}, reference=True),
            Line("udata: POST a discussion", discuss, {}, reference=True),
        ]
        if self.isso:
            thread = isso.uri(big.dataset)
            comments = Request(self.isso, "GET", [f"/?uri={thread}&limit=20&sort=newest"])
            comment = Request(
                self.isso,
                "POST",
                [f"/new?uri={isso.uri(big.elsewhere)}"],
                {"text": WORDS, "author": "Camille", "title": "Jeu"},
                status=201,
            )
            lines += [
                Line("Isso: 20 comments", comments, {"view": bare}, reference=True),
                Line("Isso: POST a comment", comment, {}, reference=True),
            ]
            anonymous["isso"] = known["isso"] = comments
            writes["isso"] = comment
        lines += [
            self._read("list of 20", lambda p: p.get(_list(p)), anonymous, udata=1 / 8),
            self._read("— logged in", lambda p: p.get(_list(p), p.reader), known, udata=1 / 4),
            self._read("— rendered anew", _lists, anonymous),
            self._read(
                "fragment", lambda p: p.get(_page(p, "?as=fragment")), anonymous, udata=1 / 8
            ),
            self._read(
                "— logged in",
                lambda p: p.get(_page(p, "?as=fragment"), p.newcomer),
                known,
                udata=1 / 4,
            ),
            self._read(
                "— who has answered",
                lambda p: p.get(_page(p, "?as=fragment"), p.reader),
                known,
                udata=1 / 4,
            ),
            self._read("whole page", lambda p: p.get(_page(p)), anonymous),
            self._read("— logged in", lambda p: p.get(_page(p), p.newcomer), known),
            self._read(
                "summary", lambda p: p.get(f"{P}/datasets/{p.dataset}/summary/"), anonymous, view=2
            ),
            self._read(
                "— logged in",
                lambda p: p.get(f"{P}/datasets/{p.dataset}/summary/", p.reader),
                known,
            ),
            self._read("50 summaries", lambda p: p.get(f"{P}/summaries/?{_fifty(p)}"), anonymous),
            self._read(
                "one feedback", lambda p: p.get(f"{P}/feedback/{id_of(FEEDBACK, 1)}/"), anonymous
            ),
            self._read("requests page", lambda p: p.get(f"{P}/pages/requests/"), anonymous),
            self._read("— logged in", lambda p: p.get(f"{P}/pages/requests/", p.reader), known),
            self._read("similar search", lambda p: _similar(p), anonymous, milliseconds=30),
            self._read("dashboard", lambda p: p.get(_dashboard(""), p.producer), known),
            self._read("— feedback", lambda p: p.get(_dashboard("inbox/"), p.producer), known),
            self._read("— requests", lambda p: p.get(_dashboard("requests/"), p.producer), known),
            self._read("— datasets", lambda p: p.get(_dashboard("datasets/"), p.producer), known),
            self._read("portal board", lambda p: p.get(f"{P}/dashboard/portal/", p.admin), known),
            self._read("moderation", lambda p: p.get(f"{P}/pages/moderation/", p.admin), known),
            self._read(
                "RDF (Turtle)", lambda p: p.get(f"{P}/datasets/{p.dataset}/feedback.ttl"), anonymous
            ),
            Line("POST a feedback", self._feedback(), writes, {"udata": 1 / 3}),
            Line("POST a support", self._support(), writes),
        ]
        return lines

    def _read(
        self,
        label: str,
        asks: Any,
        beside: dict[Beside, Request],
        milliseconds: float | None = None,
        **at_most: float,
    ) -> Line:
        return Line(
            label,
            asks(self.big),
            beside,
            at_most,  # type: ignore[arg-type]
            smaller=asks(self.little),
            milliseconds=milliseconds,
        )

    def _feedback(self) -> Request:
        body = {
            "dataset": str(self.big.elsewhere),
            "fitness": "partly",
            "ratings": {"completeness": 2},
            "comment": WORDS,
        }
        return self.big.post(f"{P}/feedback/", body, self.writers)

    def _support(self) -> Request:
        path = f"{P}/requests/{id_of(REQUEST, self.large.requests // 2)}/support/"
        return self.big.post(path, {}, self.writers, 200)

    def _portal(self, server: Server, size: Size) -> Portal:
        reader, producer, admin = (
            session(uuid.UUID(int=n).hex) for n in (PRODUCER + 50, PRODUCER, ADMINISTRATOR)
        )
        [newcomer] = self._people(size, 1)
        elsewhere = id_of(DATASET, size.datasets // 2)
        fifty = [id_of(DATASET, n * (size.datasets // 50)) for n in range(50)]
        return Portal(server, reader, newcomer, producer, admin, elsewhere, fifty)

    def _people(self, size: Size, number: int) -> list[str]:
        """Return sessions of people who have said nothing yet: new ones in each run."""
        people = self.processes.database(size).user
        template = people.find_one({"_id": id_of(PERSON, PRODUCER + 50)})
        new = [
            template
            | {
                "_id": ObjectId(),
                "fs_uniquifier": unique,
                "slug": unique,
                "email": f"{unique}@x.test",
            }
            for unique in (uuid.uuid4().hex for _n in range(number))
        ]
        people.insert_many(new)
        return [session(one["fs_uniquifier"]) for one in new]


def _list(portal: Portal) -> str:
    return f"{P}/feedback/?dataset={portal.dataset}&page_size=20"


def _lists(portal: Portal) -> Request:
    """Ask for lists of 20 on average, none of them again while it is in the cache."""
    sizes = sorted(range(2, 39), key=lambda size: abs(20 - size))
    paths = [f"{P}/feedback/?dataset={portal.dataset}&page_size={size}" for size in sizes]
    return Request(portal.server, "GET", paths)


def _page(portal: Portal, query: str = "") -> str:
    return f"{P}/pages/datasets/{portal.dataset}/{query}"


def _fifty(portal: Portal) -> str:
    return "&".join(f"dataset={one}" for one in portal.fifty)


def _dashboard(page: str) -> str:
    return f"{P}/pages/dashboard/organizations/{id_of(ORGANIZATION, 0)}/{page}"


def _similar(portal: Portal) -> Request:
    paths = [f"{P}/requests/similar/?q={quote(text)}" for text in WANTED]
    return Request(portal.server, "GET", paths)


if __name__ == "__main__":
    main()
