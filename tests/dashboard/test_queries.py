"""A dashboard costs the same for three datasets and for sixty, and reads indexes in their order."""

from __future__ import annotations

import copy
from typing import Any

import pymongo.monitoring
import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.assignment import Assignment
from udata.core.user.factories import UserFactory

from udata_culture_feedback.dashboard import queries
from udata_culture_feedback.dashboard.filters import Filters
from udata_culture_feedback.dashboard.permissions import Scope
from udata_culture_feedback.feedback.models import summaries
from udata_culture_feedback.people.viewer import Viewer
from udata_culture_feedback.portal import catalogue
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.web import refusals
from udata_culture_feedback.web.listing import Page

from ..cases import CommandCounter, Producer
from ..feedback.test_queries import is_ours, plan
from .producing import PAGES, DashboardCase, answered, of, say


class Recorder(CommandCounter):
    """Keeps the commands themselves."""

    full: list[dict[str, Any]] = []

    def started(self, event: Any) -> None:
        super().started(event)
        if self.counting and event.command_name in ("find", "aggregate"):
            self.full.append(copy.deepcopy(dict(event.command)))


RECORDER = Recorder()
pymongo.monitoring.register(RECORDER)


class VolumeTest(DashboardCase):
    def fill(self, dataset: Dataset) -> None:
        """Something of everything that a page may have to look up."""
        text = {"comment": "Il manque 2023.", "wants_answer": True, "fitness": "no"}
        say(dataset, 2, ratings={"completeness": 1, "georeferencing": 2}, **text)
        say(dataset, treatment=answered(2, now()) | {"assignee": UserFactory().id}, **text)

    def commands(self, path: str, client: Any) -> list[str]:
        with RECORDER.count() as commands:
            RECORDER.full = []
            answer = self.visit("GET", f"{PAGES}/{path}", client, buffered=True)
        assert answer.status_code == 200, (path, answer.text[:500])
        return list(commands)

    def test_pages_cost_the_same_for_three_datasets_and_for_sixty(self) -> None:
        producer, owner = Producer(), UserFactory()
        organization = producer.organization
        pages = [
            (of(organization, part), user)
            for part in (
                "", "requests/", "inbox/", "inbox/?waiting=1", "inbox/?low=completeness&q=manque",
                "inbox/?outdated=1", "feedback.csv", "datasets/",
                "datasets/?axis=georeferencing&sort=view", "datasets/?sort=age",
            )
            for user in (producer.admin, producer.assigned)
        ]  # fmt: skip
        pages += [(f"dashboard/me/{part}", owner) for part in ("", "inbox/", "datasets/")]
        pages += [("dashboard/", user) for user in (producer.admin, producer.assigned, owner)]
        pages += [(f"organizations/{organization.slug}/", None)]
        cost: dict[int, dict[Any, list[str]]] = {}
        self.fill(producer.dataset)
        for number, more in ((3, 2), (60, 57)):
            for _n in range(more):
                theirs = DatasetFactory(organization=organization)
                subject = {"user": producer.assigned, "organization": organization}
                Assignment(subject=theirs, **subject).save()
                for dataset in (theirs, DatasetFactory(owner=owner)):
                    self.fill(dataset)
            clients = {user: self.browser_of(user) for _page, user in pages}
            for page, user in pages:  # the first one builds indexes
                self.commands(page, clients[user])
            cost[number] = {
                (page, user and str(user.id)): self.commands(page, clients[user])
                for page, user in pages
            }
        for page, commands in cost[60].items():
            if "csv" in page[0]:
                continue
            assert commands == cost[3][page], page
            assert set(commands) <= {"find", "aggregate"}, page
            most = 34 if "inbox" in page[0] else 24  # the list, and one comment with its form
            assert len(commands) <= most, (page, commands)

    @pytest.mark.parametrize("volume", [1, 300])
    def test_the_file_costs_three_commands_for_each_batch(self, volume: int) -> None:
        producer = Producer()
        say(producer.dataset, volume)
        client = self.browser_of(producer.admin)
        page = of(producer.organization, "feedback.csv")
        self.commands(page, client)
        batches = -(-volume // 200)
        # Of the session: user, organizations, assignments; then the organization, the feedback.
        commands = self.commands(page, client)
        assert commands.count("getMore") == (1 if volume > 200 else 0)
        assert len(commands) <= 6 + 3 * batches

    def test_every_list_reads_an_index_in_its_order(self) -> None:
        producer = Producer()
        for _n in range(40):
            self.fill(DatasetFactory(organization=producer.organization))
        for _n in range(20):
            self.fill(Producer().dataset)
        client = self.browser_of(producer.admin)
        dataset = summaries().find_one(
            {"organization": producer.organization.id, "dataset": {"$ne": None}}
        )
        ordered = ["", "inbox/", "inbox/?waiting=1", "inbox/?fitness=no", "datasets/",
                   f"inbox/?dataset={dataset['dataset']}&waiting=1"]  # fmt: skip
        sorted_in_memory = ["datasets/?sort=view", "datasets/?sort=age"]  # of one organization
        for part in ordered + sorted_in_memory:
            page = of(producer.organization, part)
            self.commands(page, client)
            self.commands(page, client)
            ours = [command for command in RECORDER.full if is_ours(command)]
            assert ours
            for command in ours:
                stages = plan(command)
                assert "COLLSCAN" not in stages, (page, command)
                assert "SORT" not in stages or part in sorted_in_memory, (page, command)
        self.commands(f"organizations/{producer.organization.slug}/", client)
        for command in filter(is_ours, RECORDER.full):
            assert plan(command).isdisjoint(("COLLSCAN", "SORT")), command


class TooMuchTest(DashboardCase):
    """Filters that MongoDB takes too long to apply: here it counts to 300,000 for each document."""

    def slow(self, producer: Producer, people: int = 3) -> tuple[Scope, Filters]:
        facts = catalogue.find_organization(producer.organization.id)
        assert facts is not None
        say(producer.dataset, people)
        many = {"$range": [0, 300_000]}
        # Of the document: MongoDB works out once what depends on none.
        numbers = {"$reduce": {"input": many, "initialValue": "$created_at", "in": "$$this"}}
        where = {"organization": facts.id, "$expr": {"$gte": [numbers, 0]}}
        return Scope(facts, None), Filters({"fitness": "no"}, where, "-created_at")

    def test_a_count_that_takes_too_long_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scope, filters = self.slow(Producer())
        monkeypatch.setattr(queries, "COUNT_MS", 5)
        found = queries.feedback(Viewer(None), scope, filters, Page())
        assert found.total is None
        assert len(found.shown) == 3

    def test_a_list_that_takes_too_long_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scope, filters = self.slow(Producer(), people=20)
        monkeypatch.setattr(queries, "FIND_MS", 5)
        with pytest.raises(refusals.Invalid, match=r"too long|trop longue"):
            queries.feedback(Viewer(None), scope, filters, Page())

    def test_what_is_more_than_counted_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        producer = Producer()
        say(producer.dataset, 5)
        monkeypatch.setattr(queries, "MOST_COUNTED", 4)
        page = of(producer.organization, "inbox/?fitness=partly&lang=en")
        assert "4 opinions or more</h" in self.see(page, producer.admin)
