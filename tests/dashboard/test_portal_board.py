"""How each producer answers, for the administrators of the portal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pymongo.monitoring
import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from ..cases import CommandCounter, PluginTestCase, Producer, sysadmin

COMMANDS = CommandCounter()
pymongo.monitoring.register(COMMANDS)


class PortalBoardTest(PluginTestCase):
    def board(self, query: str = "", **kwargs: Any) -> Any:
        response = self.ask("GET", f"/dashboard/portal/{query}", user=sysadmin(), **kwargs)
        assert response.status_code == 200, response.text
        return response.json

    def waiting(self, producer: Producer, number: int) -> list[Any]:
        return [
            self.give(
                UserFactory(),
                producer.dataset,
                comment=f"Il manque l’année {1990 + n}.",
                wants_answer=True,
            )
            for n in range(number)
        ]

    def test_each_producer_has_a_row_with_what_waits_first(self):
        busy, calm = Producer(), Producer()
        self.waiting(calm, 1)
        first, *_others = self.waiting(busy, 2)
        body = {"status": "planned", "answer": "Bientôt."}
        where = f"/feedback/{first['id']}/treatment/"
        assert self.ask("PUT", where, body, busy.admin).status_code == 200
        self.waiting(busy, 2)
        board = self.board()
        assert [row["organization"]["id"] for row in board["data"]] == [
            str(busy.organization.id),
            str(calm.organization.id),
        ]
        row = board["data"][0]
        assert row["comments"] == {"waiting": 3, "overdue": 0}
        assert row["answers"] == {
            "awaited": 4,
            "answered_of_awaited": 1,
            "commented": 4,
            "answered_of_commented": 1,
            "median_days": 0,
        }
        assert row["trend"][-1]["commented"] == 4
        assert board["total"] == 2

    def test_an_organization_that_is_only_asked_for_data_is_there_too(self):
        organization = OrganizationFactory()
        body = {
            "title": "Les entrées par jour",
            "description": "Pour comparer les saisons.",
            "kind": "new",
            "organization": str(organization.id),
        }
        assert self.ask("POST", "/requests/", body, UserFactory()).status_code == 201
        [row] = self.board()["data"]
        assert row["organization"]["id"] == str(organization.id)
        assert row["requests"] == {"open": 1, "overdue": 0, "published": 0}

    def test_it_is_searched_by_name_and_sorted(self):
        museum = OrganizationFactory(name="Musée de Bretagne")
        other = OrganizationFactory(name="Opéra de Lyon")
        for organization in (museum, other):
            producer = Producer()
            producer.dataset.organization = organization
            producer.dataset.save()
            self.give(UserFactory(), producer.dataset, comment="Il manque 2024.")
        names = [row["organization"]["name"] for row in self.board("?q=bretagne")["data"]]
        assert names == ["Musée de Bretagne"]
        refused = self.ask("GET", "/dashboard/portal/?sort=best", user=sysadmin())
        assert refused.status_code == 400
        assert "sort" in refused.json["errors"]

    @pytest.mark.parametrize("path", ["/dashboard/portal/", "/dashboard/portal.csv"])
    def test_nobody_else_knows_that_it_is_there(self, path: str):
        producer = Producer()
        for user in (None, UserFactory(), producer.admin):
            assert self.ask("GET", path, user=user).status_code == 404

    def test_a_dataset_that_seems_to_have_come_back_is_proposed(self):
        producer = Producer(title="Musées")
        self.waiting(producer, 2)
        producer.dataset.deleted = datetime(2026, 1, 1)
        twin = DatasetFactory(organization=producer.organization, title="Musées")
        producer.dataset.save()
        administrator = sysadmin()
        page = self.ask("GET", "/pages/dashboard/portal/?lang=en", user=administrator)
        assert "seem to have come back" in page.text
        form = {"old": str(producer.dataset.id), "new": str(twin.id), "decision": "adopt"}
        address = "/pages/dashboard/portal/returned"
        headers = {"X-Culture-Feedback": "1"}
        for user, status in ((UserFactory(), 404), (administrator, 303), (administrator, 404)):
            done = self.ask("POST", address, user=user, headers=headers, data=form)
            assert done.status_code == status
        assert self.summary(twin)["total"] == 2
        page = self.ask("GET", "/pages/dashboard/portal/?lang=en", user=administrator)
        assert "seem to have come back" not in page.text

    def test_it_costs_as_much_for_ten_producers_as_for_two(self):
        costs = []
        for number in (2, 8):
            for _ in range(number):
                self.waiting(Producer(), 1)
            administrator = sysadmin()
            self.ask("GET", "/dashboard/portal/", user=administrator)
            with COMMANDS.count() as asked:
                self.ask("GET", "/dashboard/portal/", user=administrator)
            costs.append(len(asked))
        assert costs[0] == costs[1]
        assert 0 < costs[0] <= 18

    def test_the_page_and_the_file_say_the_same(self):
        producer = Producer()
        self.waiting(producer, 1)
        administrator = sysadmin()
        page = self.ask("GET", "/pages/dashboard/portal/?lang=fr", user=administrator)
        assert page.status_code == 200
        assert producer.organization.name in page.text
        file = self.ask("GET", "/dashboard/portal.csv", user=administrator, buffered=True)
        header, row = file.text.splitlines()
        said = dict(zip(header.split(";"), row.split(";"), strict=True))
        assert said['"organization.id"'] == f'"{producer.organization.id}"'
        assert said['"comments.waiting"'] == "1"
