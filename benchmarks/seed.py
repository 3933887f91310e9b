"""``python -m benchmarks.seed SIZE``: fill the database that is measured, in bulk; the same each
time but for its dates, which end on the day it is made. `UDATA_SETTINGS` says where.

Few datasets have most of the feedback, few requests most of the support, as everywhere (Zipf): the
r-th has a share of 1/r. Figures are added up while documents are made; `--check` compares them with
our own recount.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import click
from bson import ObjectId
from mongoengine.connection import get_db
from pymongo.collection import Collection
from udata.app import create_app, standalone
from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion
from udata.core.organization.models import Organization
from udata.core.user.models import Role, User

from udata_culture_feedback.app import migrations
from udata_culture_feedback.app.documents import DOCUMENTS
from udata_culture_feedback.data_requests import figures
from udata_culture_feedback.data_requests.indexing import backfill_requests
from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.feedback import summaries as figures_of_feedback
from udata_culture_feedback.feedback.attention import BEFORE, attention
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.figures.settle import recount
from udata_culture_feedback.figures.summary_ids import SITE, dataset_summary
from udata_culture_feedback.people.service_account import service_account
from udata_culture_feedback.portal.catalogue import build_remote_index
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.search import index as search_index

from . import documents, words
from .documents import Document
from .sizes import (
    ADMINISTRATOR,
    OF_ONE,
    ORGANIZATION,
    PERSON,
    REQUEST,
    SIZES,
    VERSION,
    Size,
    id_of,
    shares,
)

SEED = 2023
#: Organizations besides the one with a thousand datasets.
OTHERS = 40
#: Documents stored in one batch.
BATCH = 2000
#: Collection where a database records how it was filled.
MARK = "benchmark"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed", description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--check", action="store_true", help="recount everything afterwards")
    options = parser.parse_args()
    app = standalone(create_app())
    with app.app_context():
        if not is_filled(SIZES[options.size]):
            fill(SIZES[options.size])
        if options.check:
            wrong = check()
            click.echo(f"Figures that are wrong: {wrong}")
            raise SystemExit(bool(wrong))


def is_filled(size: Size) -> bool:
    """Return whether the database is the one that this version of the benchmark would make."""
    found = get_db()[MARK].find_one({"_id": "seed"})
    return bool(found and (found["version"], found["size"]) == (VERSION, size.name))


def fill(size: Size) -> None:
    """Make the database anew."""
    get_db().client.drop_database(get_db().name)
    # As on a new portal, where there is nothing yet for them to migrate.
    for name in migrations.pending():
        migrations.run(name)
    chance, moment = random.Random(SEED), now().replace(minute=0, second=0, microsecond=0)
    said = words.comments(chance)
    # Indexes are built at the end, which is quicker, and not by the first access to a collection.
    for collection in (feedbacks(), requests(), supports(), Discussion._get_collection()):
        collection.drop_indexes()
    _store(User._get_collection(), documents.people(size.people, moment), size.people, "People")
    role = Role.objects.create(name="admin")
    admin = {"_id": id_of(PERSON, ADMINISTRATOR)}
    User._get_collection().update_one(admin, {"$set": {"roles": [role.id]}})
    for n in range(OTHERS + 1):
        made = documents.organization(n, id_of(PERSON, n and n + 1))
        Organization._get_collection().insert_one(made)
    # The first dataset is among those of the organization with a thousand.
    owners = [id_of(ORGANIZATION, n % OF_ONE and 1 + n % OTHERS) for n in range(size.datasets)]
    updated = [moment - timedelta(days=chance.randrange(30, 700)) for _dataset in owners]
    catalogue = list(documents.datasets(owners, updated, chance))
    Dataset._get_collection().insert_many(catalogue)
    _fill_feedback(size, catalogue, documents.Opinions(said, moment, chance))
    _fill_requests(size, catalogue, documents.Requests(said, moment, chance))
    _finish(size)


def _finish(size: Size) -> None:
    """Build the indexes and the search, and mark the database as complete."""
    models = (*DOCUMENTS, User, Organization, Dataset, Discussion)
    with click.progressbar(models, label=f"{size.name}: indexes") as bar:
        for model in bar:
            model.ensure_indexes()
    for what, index in (
        ("requests", backfill_requests),
        ("datasets", search_index.backfill),
    ):
        with click.progressbar(length=1, label=f"{size.name}: search, {what}") as bar:
            index(_following(bar))
    # The rest of what `udata feedback init` does.
    build_remote_index()
    service_account()
    mark = {"_id": "seed", "version": VERSION, "size": size.name, "made": now()}
    get_db()[MARK].insert_one(mark)


def check() -> int:
    """Count the summaries that differ from our recount."""
    figures.ensure_all()
    wrong = 0
    for flow, where in (
        (figures_of_feedback.INTO_DATASET, {"dataset": {"$exists": True}}),
        (figures_of_feedback.INTO_ALL, {"dataset": {"$exists": False}}),
        (figures.SUPPORTS, {}),
        (figures.REQUESTS, {}),
    ):
        ids = [one["_id"] for one in flow.summaries.find(where, {"_id": 1})]
        with click.progressbar(ids, label=f"{type(flow).__name__}: recount") as bar:
            wrong += sum(bool(recount(flow, one, check=True)) for one in bar)
    return wrong


def _fill_feedback(size: Size, catalogue: list[Document], opinions: documents.Opinions) -> None:
    all_of_them: dict[str, Counter[str]] = {}
    latest: dict[str, datetime] = {}
    stored: list[Document] = []

    def said() -> Iterator[tuple[Document, Document | None]]:
        for dataset, number in zip(catalogue, shares(size.feedback, len(catalogue)), strict=True):
            summary = _Summary(dataset)
            for feedback, discussion in opinions.about(dataset, number, size.people):
                summary.count(feedback)
                yield feedback, discussion
            document = summary.document()
            stored.append(document)
            for one in figures_of_feedback.above(document):
                all_of_them.setdefault(one, Counter()).update(document["totals"])
                at = document["last_feedback_at"]
                latest[one] = max(at, latest.get(one, at))

    _store_with_discussions(feedbacks(), said(), size.feedback, f"{size.name}: feedback")
    summaries().insert_many(stored)
    for one, totals in all_of_them.items():
        organization = one.removeprefix("organization:")
        whose = {} if one == SITE else {"organization": ObjectId(organization)}
        figure = {
            "v": 2,
            "totals": dict(totals),
            "last": [],
            "last_feedback_at": latest[one],
        }
        # That of the site exists since the migrations.
        summaries().replace_one({"_id": one}, figure | whose, upsert=True)


class _Summary:
    """The figures of one dataset, added up one feedback after another."""

    def __init__(self, dataset: Document) -> None:
        self.dataset, self.threshold = dataset, dataset["last_update"]
        self.totals: Counter[str] = Counter()
        self.latest = self.judged = datetime.min

    def count(self, feedback: Document) -> None:
        self.totals.update(feedback["live"])
        if feedback["judged"] < self.threshold:
            again = figures_of_feedback.ages
            before = {BEFORE + key: n for key, n in feedback["live"].items() if again(key)}
            self.totals.update(before)
        self.latest = max(self.latest, feedback["created_at"])
        self.judged = max(self.judged, feedback["judged"])

    def document(self) -> Document:
        totals = dict(self.totals)
        summary: Document = {
            "_id": dataset_summary(self.dataset["_id"]),
            "dataset": self.dataset["_id"],
            "organization": self.dataset["organization"],
            "listed": True,
            "data_updated_at": self.threshold,
            "updated_at": self.threshold,
            "last_feedback_at": self.latest,
            "latest_judged": self.judged,
            "totals": totals,
            "attention": attention(totals),
            "last": [],
            "v": 2,
        }
        heard = {"totals": totals, "at": self.latest, "step": 1}
        summary["counted"] = {one: heard for one in figures_of_feedback.above(summary)}
        return summary


def _fill_requests(size: Size, catalogue: list[Document], asked: documents.Requests) -> None:
    behind = shares(size.supports, size.requests)
    counted: dict[str, Counter[str]] = {}

    def made() -> Iterator[tuple[Document, Document | None]]:
        for n, number in enumerate(behind):
            person = id_of(PERSON, n % size.people)
            request, discussion = asked.request(n, catalogue, person, number)
            for one in figures.above(request):
                counted.setdefault(one, Counter()).update(request["live"])
            heard = {"totals": request["live"], "step": 1}
            request["counted"] = {one: heard for one in figures.above(request)}
            yield request, discussion

    def given() -> Iterator[Document]:
        n = 0
        for request, number in enumerate(behind):
            for other in range(1, number + 1):  # not its requester
                n += 1
                person = id_of(PERSON, (request + other) % size.people)
                moment = asked.until - timedelta(seconds=n % documents.A_YEAR)
                yield documents.support(n, id_of(REQUEST, request), person, moment)

    _store_with_discussions(requests(), made(), size.requests, f"{size.name}: requests")
    _store(supports(), given(), size.supports, f"{size.name}: supports")
    for one, totals in counted.items():
        figure = {"v": 2, "totals": dict(totals), "last": []}
        # The figure of the site exists since the migrations.
        figures.figures().replace_one({"_id": one}, figure, upsert=True)


def _store(collection: Collection[Any], made: Iterable[Document], number: int, label: str) -> None:
    made = iter(made)
    with click.progressbar(length=number, label=label) as bar:
        while batch := list(islice(made, BATCH)):
            collection.insert_many(batch, ordered=False)
            bar.update(len(batch))


def _store_with_discussions(
    collection: Collection[Any],
    made: Iterable[tuple[Document, Document | None]],
    number: int,
    label: str,
) -> None:
    threads: list[Document] = []

    def contributions() -> Iterator[Document]:
        for contribution, discussion in made:
            if discussion:
                threads.append(discussion)
            if len(threads) >= BATCH:
                Discussion._get_collection().insert_many(threads, ordered=False)
                threads.clear()
            yield contribution

    _store(collection, contributions(), number, label)
    if threads:
        Discussion._get_collection().insert_many(threads, ordered=False)


def _following(bar: Any) -> Any:
    def progress(done: int, total: int) -> None:
        bar.length = max(total, 1)
        bar.update(done - bar.pos)

    return progress


if __name__ == "__main__":
    main()
