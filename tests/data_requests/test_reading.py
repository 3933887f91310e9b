"""Reading requests stays a constant number of indexed queries, whatever the volume."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import pymongo.monitoring
import pytest
from bson import ObjectId
from mongoengine.connection import get_db
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory

from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.search.terms import terms

from ..cases import CommandCounter, P, PluginTestCase, Producer, lookups
from .asking import somebody, stored, wish

DAY_ONE = datetime(2026, 1, 1)
STATUSES = ("submitted", "acknowledged", "accepted", "published", "declined")


class Recorder(CommandCounter):
    """Keeps the commands themselves, so that MongoDB can be asked how it would run them."""

    full: list[dict[str, Any]] = []

    def started(self, event: Any) -> None:
        super().started(event)
        if self.counting and event.command_name in ("find", "aggregate"):
            self.full.append(copy.deepcopy(dict(event.command)))


# Clients listen to what is registered when they are made, which is after tests are collected.
RECORDER = Recorder()
pymongo.monitoring.register(RECORDER)


def fill(n: int, model: dict[str, Any], places: list[dict[str, Any]]) -> None:
    """Requests as if `n` people had asked, each with a supporter, in all statuses and places."""
    documents, rows = [], []
    for i in range(n):
        place = places[(0, 0, 0, 0, 0, 1, 2)[i % 7]]
        user, id, moment = ObjectId(), ObjectId(), DAY_ONE + timedelta(minutes=i)
        title = f"Demande numéro {i}"
        due = None if i % 5 > 2 else DAY_ONE + timedelta(days=i % 900)
        documents.append(
            model
            | {
                "_id": id,
                "title": title,
                "slug": f"demande-{id}",
                "contributor": {"kind": "user", "key": f"user:{user}", "user": user, "name": "X"},
                "status": STATUSES[i % 5],
                "terms": terms(title),
                "themes": ["musee"] if i % 3 else ["cinema"],
                "clock": model["clock"] | {"due_at": due},
                "totals": {"supports": 1},
                "created_at": moment,
                "last_modified": moment,
                "history": [
                    {
                        "from": "submitted",
                        "to": STATUSES[i % 5],
                        "by": {
                            "role": "P",
                            "organization": places[i % len(places)]["organization"],
                        },
                        "at": moment,
                    }
                ],
            }
            | place
        )
        rows.append({"key": f"user:{ObjectId()}", "target": id, "direct": True, "via": []})
    requests().insert_many(documents)
    supports().insert_many(rows)


class VolumeTest(PluginTestCase):
    @pytest.fixture
    def clients(self, plugin: None) -> dict[str, Any]:
        """Somebody unknown, and a producer with a session (an API key has udata write)."""
        self.producer = Producer()
        known = self.app.test_client()
        with known.session_transaction() as session:
            session |= {"_user_id": self.producer.editor.fs_uniquifier, "_fresh": True}
        return {"anonymous": self.app.test_client(), "producer": known}

    def commands(self, path: str, client: Any) -> list[str]:
        with RECORDER.count() as commands:
            RECORDER.full = []
            response = self.visit("GET", P + path, client)
        assert response.status_code == 200, (path, response.get_data(as_text=True)[:500])
        return list(commands)

    def setting(self, n: int) -> dict[str, str]:
        """`n` requests more, and what is read of them."""
        dataset, organization = self.producer.dataset, self.producer.organization
        places: list[dict[str, Any]] = [
            {"organization": organization.id, "dataset": dataset.id},
            {"organization": OrganizationFactory().id, "dataset": DatasetFactory().id},
            {"organization": None},
        ]
        if not requests().find_one():
            self.mine = wish(somebody(), dataset=str(dataset.id))
        model = stored(self.mine)
        for field in ("due", "counted", "last", "live", "told", "dataset", "organization"):
            model.pop(field, None)
        fill(n, model, places)
        of, held = f"dataset={dataset.id}", f"organization={organization.id}"
        return {
            "list of the site": "/requests/?",
            "list of a dataset": f"/requests/?{of}",
            "list of a holder": f"/requests/?{held}",
            "list of a status": "/requests/?status=accepted",
            "list of a status of a holder": f"/requests/?status=accepted&{held}",
            "list of a theme": "/requests/?theme=cinema",
            "overdue": "/requests/?overdue=true",
            "overdue of a holder": f"/requests/?overdue=true&{held}",
            "most supported": "/requests/?sort=-supports",
            "next due": "/requests/?sort=due_at",
            "search": "/requests/?q=numero",
            "one": f"/requests/{self.mine}/",
            "its moves": f"/requests/{self.mine}/transitions/",
            "its messages": f"/requests/{self.mine}/messages/",
            "summary of a dataset": f"/datasets/{dataset.id}/summary/",
            "summary of the site": "/site/summary/",
            "summaries": f"/summaries/?{of}",
        }

    def test_reading_costs_the_same_at_ten_and_at_a_thousand(self, clients):
        cost: dict[int, dict[Any, list[str]]] = {}
        for volume, more in ((10, 9), (1000, 990)):
            paths = self.setting(more)
            for path in paths.values():  # the first one settles what is due, and builds indexes
                for client in clients.values():
                    self.visit("GET", P + path, client)
            cost[volume] = {
                (name, who): self.commands(path, client)
                for name, path in paths.items()
                for who, client in clients.items()
            }
        for what, commands in cost[10].items():
            assert sorted(cost[1000][what]) == sorted(commands), what
            assert len(commands) <= 20, (what, commands)

    def test_the_desk_is_looked_up_once_for_a_list(self, clients):
        self.app.config["CULTURE_FEEDBACK_DESK"] = OrganizationFactory().slug
        costs = []
        for _more in range(2):
            wish(somebody(), organization=None)
            self.visit("GET", P + "/requests/", clients["producer"])
            costs.append(len(self.commands("/requests/", clients["producer"])))
        assert costs[0] == costs[1]

    def test_every_list_goes_by_an_index(self, clients):
        paths = self.setting(1000)
        for name, path in paths.items():
            for client in clients.values():
                self.visit("GET", P + path, client)
                self.commands(path, client)
                ours = [
                    command
                    for command in RECORDER.full
                    if next(iter(command.values())).startswith("culture_feedback_")
                ]
                read = [
                    stage
                    for command in RECORDER.full
                    if command.get("aggregate") == "dataset"
                    for stage in lookups(command)
                ]
                assert ours or read, name
                assert all(stage["collectionScans"] == 0 for stage in read), (name, read)
                for command in ours:
                    plan = get_db().command("explain", explainable(command))
                    assert "COLLSCAN" not in stages(plan), (name, command)

    def test_the_overdue_and_the_most_supported_read_what_they_show(self, clients):
        paths = self.setting(1000)
        for name in ("most supported", "next due", "list of the site", "list of a status"):
            self.visit("GET", P + paths[name])
            self.commands(paths[name], clients["anonymous"])
            [listing] = [
                command
                for command in RECORDER.full
                if command.get("find") == "culture_feedback_request" and "sort" in command
            ]
            plan = get_db().command("explain", explainable(listing), verbosity="executionStats")
            assert "SORT" not in stages(plan), name
            assert plan["executionStats"]["totalDocsExamined"] <= 21, name


def explainable(command: dict[str, Any]) -> dict[str, Any]:
    kept = {"find", "filter", "sort", "projection", "limit", "skip", "aggregate", "pipeline"}
    asked = {key: value for key, value in command.items() if key in kept}
    return asked | ({"cursor": {}} if "aggregate" in asked else {})


def stages(plan: Any) -> set[str]:
    """Every stage of the winning plan."""
    if isinstance(plan, list):
        return set().union(*map(stages, plan))
    if not isinstance(plan, dict):
        return set()
    found = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    for key, value in plan.items():
        if key != "rejectedPlans":
            found |= stages(value)
    return found
