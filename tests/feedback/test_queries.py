"""Reading stays a constant number of indexed queries, and lists can be walked to their end."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pymongo.monitoring
import pytest
from bson import ObjectId
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.user.factories import UserFactory

from udata_culture_feedback.feedback.models import feedbacks, live_totals
from udata_culture_feedback.feedback.summaries import settle_dataset
from udata_culture_feedback.search.terms import terms
from udata_culture_feedback.web.listing import _write_cursor

from ..cases import CommandCounter, P, PluginTestCase, Producer, lookups

DAY_ONE = datetime(2026, 1, 1)


class Recorder(CommandCounter):
    """Keeps the commands themselves, so that MongoDB can be asked how it would run them."""

    def started(self, event: Any) -> None:
        super().started(event)
        if self.counting and event.command_name in ("find", "aggregate"):
            self.full.append(copy.deepcopy(dict(event.command)))

    full: list[dict[str, Any]] = []


# Clients listen to what is registered when they are made, which is after tests are collected.
RECORDER = Recorder()
pymongo.monitoring.register(RECORDER)


def fill(dataset: Dataset, n: int, *, counted: bool = False, **fields: Any) -> None:
    """Feedback as if `n` people had given it, three in each millisecond."""
    documents = []
    for i in range(n):
        user = ObjectId()
        moment = DAY_ONE + timedelta(milliseconds=i // 3)
        words = f"Remarque {i}" if i % 2 else None
        document: dict[str, Any] = {
            "_id": ObjectId(),
            "dataset": dataset.id,
            "organization": dataset.organization.id if dataset.organization else None,
            "listed": True,
            "resource": None,
            "fitness": ("yes", "partly", "no")[i % 3],
            "ratings": {"completeness": 1 + i % 5},
            "contributor": {"kind": "user", "key": f"user:{user}", "user": user, "name": "X"},
            "judged": moment,
            "visibility": "public",
            "treatment": {"status": "new"},
            "created_at": moment,
            "last_modified": moment,
            "v": 1,
            **({"comment": words, "terms": terms(words)} if words else {}),
            **fields,
        }
        if counted:
            document |= {"live": live_totals(document), "due": [f"dataset:{dataset.id}"]}
        documents.append(document)
    if documents:
        feedbacks().insert_many(documents)


class VolumeTest(PluginTestCase):
    @pytest.fixture
    def clients(self, plugin: None) -> dict[str, Any]:
        """Somebody unknown, and somebody with a session: a key has udata write at each call."""
        known = self.app.test_client()
        with known.session_transaction() as session:
            session |= {"_user_id": UserFactory().fs_uniquifier, "_fresh": True}
        return {"anonymous": self.app.test_client(), "logged in": known}

    def commands(self, path: str, client: Any) -> list[str]:
        with RECORDER.count() as commands:
            RECORDER.full = []
            response = self.visit("GET", P + path, client)
        assert response.status_code == 200, (path, response.get_data(as_text=True)[:500])
        return list(commands)

    def test_reading_costs_the_same_at_ten_and_at_a_thousand(self, clients):
        producer = Producer()
        dataset, organization = producer.dataset, producer.organization
        mine = self.give(UserFactory(), dataset, comment="La mienne")
        others = [DatasetFactory(organization=organization) for _ in range(3)]
        paths = {
            "list of a dataset": f"/feedback/?dataset={dataset.id}",
            "list of an organization": f"/feedback/?organization={organization.id}",
            "list of the site": "/feedback/",
            "list with a filter": f"/feedback/?dataset={dataset.id}&fitness=partly&q=remarque",
            "item": f"/feedback/{mine['id']}/",
            "summary of a dataset": f"/datasets/{dataset.id}/summary/",
            "summary of an organization": f"/organizations/{organization.id}/summary/",
            "summary of the site": "/site/summary/",
            "summaries": "/summaries/?" + "&".join(f"dataset={d.id}" for d in [dataset, *others]),
            "vocabulary": "/vocabulary/",
            "page": f"/pages/datasets/{dataset.id}/",
            "fragment": f"/pages/datasets/{dataset.id}/?as=fragment",
        }
        cost: dict[int, dict[Any, list[str]]] = {}
        for volume, more in ((10, 9), (1000, 990)):
            for one in (dataset, *others):
                fill(one, more // 4 + 1, counted=one is dataset)
            settle_dataset(dataset.id)
            for path in paths.values():  # the first one settles what is due, and builds indexes
                for client in clients.values():
                    self.visit("GET", P + path, client)
            cost[volume] = {
                (name, who): self.commands(path, client)
                for name, path in paths.items()
                for who, client in clients.items()
            }
        assert cost[10] == cost[1000]
        for (name, who), commands in cost[1000].items():
            assert set(commands) <= {"find", "aggregate"}, (name, who, commands)
            # Who is logged in costs udata three finds: the user, organizations, assignments.
            assert len(commands) <= (10 if who == "anonymous" else 14), (name, who, commands)
        assert cost[1000]["vocabulary", "anonymous"] == []
        assert len(cost[1000]["item", "anonymous"]) <= 6
        for at_once in ("list of a dataset", "summary of a dataset", "page", "fragment"):
            assert cost[1000][at_once, "anonymous"] == ["aggregate"], at_once
        assert len(cost[1000]["summaries", "anonymous"]) <= 3

    def test_every_list_reads_an_index_in_its_order(self, clients):
        producer = Producer()
        for dataset in (producer.dataset, DatasetFactory(), DatasetFactory()):
            fill(dataset, 400, counted=dataset is producer.dataset)
        settle_dataset(producer.dataset.id)
        dataset = f"dataset={producer.dataset.id}"
        organization = f"organization={producer.organization.id}"
        ordered = [
            f"/feedback/?{dataset}",
            f"/feedback/?{dataset}&page=3",
            f"/feedback/?{organization}",
            "/feedback/",
            f"/feedback/?{dataset}&fitness=no",
            f"/feedback/?{dataset}&outdated=false",
            f"/feedback/?{dataset}&{organization}",
            f"/pages/datasets/{producer.dataset.id}/",
            f"/pages/datasets/{producer.dataset.id}/?as=fragment&page=2",
        ]
        for scope in (dataset, organization, ""):
            page = f"/feedback/?{scope}&page_size=50&page=4"
            last = self.ask("GET", page).json["data"][-1]
            stored = self.stored(last["id"])
            ordered.append(f"/feedback/?{scope}&cursor={_write_cursor(stored)}")
        indexed = [
            f"/feedback/?{dataset}&q=remarque",
            f"/feedback/?{organization}&fitness=no",
            f"/datasets/{producer.dataset.id}/summary/",
            f"/organizations/{producer.organization.id}/summary/",
            "/site/summary/",
            f"/summaries/?{dataset}",
        ]
        for who, client in clients.items():
            for path in ordered + indexed:
                self.visit("GET", P + path, client)
                self.commands(path, client)
                ours = [c for c in RECORDER.full if is_ours(c)]
                assert ours, path
                for command in ours:
                    if command.get("aggregate") == "dataset":
                        self.reads_little(command, path)
                        continue
                    stages = plan(command)
                    assert "COLLSCAN" not in stages, (who, path, command)
                    if path in ordered:
                        assert "SORT" not in stages, (who, path, command)

    def reads_little(self, command: dict[str, Any], path: str) -> None:
        """Of a pipeline MongoDB only tells how much each `$lookup` has read."""
        read = lookups(command)
        assert read
        for stage in read:
            assert stage["collectionScans"] == 0, (path, stage)
            # Of 400: a page and one more, after those of earlier pages.
            assert stage["totalDocsExamined"] <= 90, (path, stage)


def is_ours(command: dict[str, Any]) -> bool:
    collection = command.get("find") or command.get("aggregate")
    return str(collection).startswith("culture_feedback_") or "$lookup" in str(command)


def plan(command: dict[str, Any]) -> set[str]:
    """The stages of the plan that MongoDB chooses."""
    known = ("find", "filter", "sort", "skip", "limit", "projection", "aggregate", "pipeline")
    asked = {key: value for key, value in command.items() if key in known}
    if "aggregate" in asked:
        asked["cursor"] = {}
    explained = get_db().command("explain", asked, verbosity="queryPlanner")
    found: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("stage"), str):
                found.add(part["stage"])
            for key, value in part.items():
                if key != "rejectedPlans":
                    walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(explained)
    assert found, explained
    return found


class LongListTest(PluginTestCase):
    def test_a_list_of_more_than_ten_thousand_is_walked_without_gap_or_repeat(self):
        dataset = Producer().dataset
        fill(dataset, 10_050, comment="Remarque")
        where = f"dataset={dataset.id}&page_size=100"
        everybody = [
            str(f["_id"])
            for f in feedbacks().find({}, {"_id": 1}, sort=[("created_at", -1), ("_id", -1)])
        ]

        newest: list[str] = []
        seen: list[str] = []
        address = f"{P}/feedback/?{where}"
        pages = 0
        while address:
            answer = self.visit("GET", address)
            assert answer.status_code == 200, answer.json
            asked = parse_qs(urlsplit(address).query)
            seen += [f["id"] for f in answer.json["data"]]
            pages += 1
            if "cursor" in asked or pages == 100:
                # From there on, whatever others say meanwhile shifts nothing.
                comment = f"Remarque {len(newest)}."
                newest.append(self.give(UserFactory(), dataset, comment=comment)["id"])
            address = answer.json["next_page"]
        assert seen == everybody
        assert pages == 101
        assert newest

        # Beyond the end of offsets, the refusal says how to go on.
        beyond = self.ask("GET", f"/feedback/?{where}&page=101")
        assert beyond.status_code == 400
        assert "page" in beyond.json["errors"]
        after = self.visit("GET", beyond.json["next"]).json
        everybody = newest[::-1] + everybody
        assert [f["id"] for f in after["data"]] == everybody[10_000:10_100]

        # With pages that do not divide ten thousand, the cursor goes on after the last whole one.
        where = f"dataset={dataset.id}&page_size=30"
        last = self.ask("GET", f"/feedback/?{where}&page=333").json
        assert "cursor=" in last["next_page"]
        beyond = self.ask("GET", f"/feedback/?{where}&page=334")
        assert beyond.status_code == 400
        following = [f["id"] for f in self.visit("GET", beyond.json["next"]).json["data"]]
        assert following == everybody[9_990:10_020]
        assert [f["id"] for f in self.visit("GET", last["next_page"]).json["data"]] == following

        # What no counter holds is counted up to ten thousand.
        filtered = self.ask("GET", f"/feedback/?dataset={dataset.id}&treatment=new").json
        assert filtered["total"] == 10_000
        assert filtered["total_is_capped"] is True
        for page in (400, 10**8, 10**30):
            far = self.ask("GET", f"/feedback/?{where}&page={page}")
            assert far.status_code == 400
            assert "cursor=" in far.json["next"]

    def test_a_cursor_keeps_its_place_while_others_come_and_go(self):
        dataset = Producer().dataset
        fill(dataset, 60, comment="Remarque")
        page = self.ask("GET", f"/feedback/?dataset={dataset.id}&page_size=20&cursor=").json
        stored = self.stored(page["data"][-1]["id"])
        address = f"{P}/feedback/?dataset={dataset.id}&page_size=20&cursor={_write_cursor(stored)}"
        left = 40
        while address:
            author = UserFactory()
            given = self.give(author, dataset)
            feedbacks().delete_one({"_id": ObjectId(page["data"][0]["id"])})
            page = self.visit("GET", address).json
            ids = [f["id"] for f in page["data"]]
            assert given["id"] not in ids
            left -= len(ids)
            assert page["previous_page"] is None
            address = page["next_page"]
        assert left == 0
