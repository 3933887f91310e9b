"""``python -m benchmarks.dashboard``: what the pages of a producer cost, for an organization with a
thousand datasets and as much feedback as one asks for. Commands must not depend on either."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Member, Organization

from udata_culture_feedback.commands import MODELS
from udata_culture_feedback.demo.mongod import EmbeddedMongod
from udata_culture_feedback.feedback.attention import attention
from udata_culture_feedback.feedback.models import (
    SITE,
    dataset_summary,
    feedbacks,
    live_totals,
    organization_summary,
    summaries,
)
from udata_culture_feedback.search import terms
from udata_culture_feedback.storage import now

from . import portal as portals
from .measure import Request, run

P = "/api/1/culture-feedback/pages"
AXES = ("update_frequency", "completeness", "contextualisation", "georeferencing")
SEED = 2023
#: Feedback stored at once.
BATCH = 5000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--datasets", type=int, default=1000, help="(%(default)s)")
    parser.add_argument("--feedback", type=int, default=100_000, help="in all (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="(%(default)s)")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod(Path(folder, "mongo")) as mongod:
        app = portals.create_portal(mongod.uri, Path(folder, "files"), writers=1).app
        print(
            f"Storing {options.feedback:,} opinions on {options.datasets:,} datasets…", flush=True
        )
        with app.app_context():
            admin, organization = fill(options.datasets, options.feedback)
            dataset = summaries().find_one({"organization": organization, "dataset": {"$ne": None}})
            cookies = [portals._session(app, admin)]
        pages = {
            label: Request("GET", f"{P}/{path}", cookies=cookies)
            for label, path in addresses(str(organization), str(dataset["dataset"])).items()
        }
        pages["public page"] = Request("GET", f"{P}/organizations/{organization}/")
        print(f"Filled in {time.monotonic() - start:.0f} s; asking…", flush=True)
        run(app, pages.values(), options.rounds)
    print(f"\n{'page':<34}{'CPU ms':>8}{'commands':>10}{'MongoDB kB':>12}{'sent kB':>9}")
    for label, page in pages.items():
        print(
            f"{label:<34}{page.milliseconds:>8.1f}{page.commands:>10}"
            f"{page.database_bytes / 1000:>12.1f}{page.sent_bytes / 1000:>9.1f}"
        )
    print(f"\n{time.monotonic() - start:.0f} s in all")


def addresses(organization: str, dataset: str) -> dict[str, str]:
    home = f"dashboard/organizations/{organization}/"
    return {
        "overview": home,
        "feedback": f"{home}feedback/",
        "feedback, waiting": f"{home}feedback/?waiting=1",
        "feedback, one dataset": f"{home}feedback/?dataset={dataset}&fitness=no",
        "feedback, words looked for": f"{home}feedback/?q=colonne",
        "feedback, four filters": f"{home}feedback/?low=completeness&profile=researcher"
        "&treatment=new&fitness=unmet",
        "datasets, by priority": f"{home}datasets/",
        "datasets, by users’ view": f"{home}datasets/?axis=completeness&sort=view",
        "datasets, by age": f"{home}datasets/?sort=age",
        "datasets, with formats": f"{home}datasets/?axis=georeferencing",
    }


def fill(number: int, feedback: int) -> tuple[Any, ObjectId]:
    """An organization with that many datasets and that much feedback, its figures counted. Answers
    its admin and its id."""
    feedbacks().drop_indexes()  # built again below: quicker than with each document
    chance = random.Random(SEED)
    admin = portals._person(10_000)
    organization = Organization(
        name="Mille jeux", description="D", members=[Member(user=admin, role="admin")]
    ).save()
    template = portals._dataset(0, organization).to_mongo()
    documents = [
        template | {"_id": ObjectId(), "title": f"Jeu {n}", "slug": f"jeu-{n}"}
        for n in range(number)
    ]
    Dataset._get_collection().insert_many(documents)
    all_of_them: Counter[str] = Counter()
    for n, dataset in enumerate(documents):
        # Few datasets have most of the feedback, as everywhere.
        share = round(feedback * 0.5 ** (n + 1)) if n < 5 else feedback // 32 // max(1, number - 5)
        totals = _store(dataset["_id"], organization.id, max(1, share), chance)
        all_of_them.update(totals)
        summaries().insert_one(
            {
                "_id": dataset_summary(dataset["_id"]),
                "dataset": dataset["_id"],
                "organization": organization.id,
                "listed": True,
                "data_updated_at": now() - timedelta(days=400),
                "updated_at": now() - timedelta(days=n),
                "last_feedback_at": now(),
                "totals": dict(totals),
                "attention": attention(totals),
                "v": 1,
            }
        )
    for id in (organization_summary(organization.id), SITE):
        summaries().replace_one(
            {"_id": id},
            {"organization": organization.id, "totals": dict(all_of_them), "v": 1},
            upsert=True,
        )
    for model in MODELS:
        model.ensure_indexes()
    return admin, organization.id


def _store(dataset: ObjectId, organization: ObjectId, number: int, chance: Any) -> Counter[str]:
    totals: Counter[str] = Counter()
    documents = _opinions(dataset, organization, number, chance)
    while batch := [one for _n, one in zip(range(BATCH), documents, strict=False)]:
        for document in batch:
            totals.update(live_totals(document))
        feedbacks().insert_many(batch, ordered=False)
    return totals


def _opinions(
    dataset: ObjectId, organization: ObjectId, number: int, chance: Any
) -> Iterator[dict[str, Any]]:
    worded = terms(portals.WORDS)
    for _n in range(number):
        moment = now() - timedelta(seconds=chance.randrange(365 * 86_400))
        user = ObjectId()
        document = {
            "_id": ObjectId(),
            "dataset": dataset,
            "organization": organization,
            "listed": True,
            "resource": None,
            "fitness": chance.choice(("yes", "partly", "no")),
            "ratings": {a: chance.randint(1, 5) for a in AXES if chance.random() < 0.5},
            "wants_answer": chance.random() < 0.3,
            "profile": chance.choice(("researcher", "journalist", "individual")),
            "contributor": {"kind": "user", "key": f"user:{user}", "user": user, "name": "C"},
            "agent": False,
            "judged": moment,
            "visibility": "public",
            "treatment": {"status": chance.choice(("new", "acknowledged", "planned"))},
            "created_at": moment,
            "last_modified": moment,
            "v": 1,
        }
        if chance.random() < 0.3:
            document |= {"comment": portals.WORDS, "terms": worded}
        if document["treatment"]["status"] != "new":
            answered = moment + timedelta(days=chance.randrange(60))
            document["treatment"]["first_answered_at"] = answered
        yield document


if __name__ == "__main__":
    main()
