"""What the pages of datasets show of an open consultation, and what is stamped with it."""

from __future__ import annotations

import ast
import html
from pathlib import Path
from typing import Any

import pymongo.monitoring
import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

import udata_culture_feedback.consultations as domain
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import CommandCounter, P, Producer
from .consulting import (
    AFTER,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    stored,
    team_member,
)

#: Clients listen to what is registered when they are made, which is after tests are collected.
RECORDER = CommandCounter()
pymongo.monitoring.register(RECORDER)

LATER = "2023-06-01T00:00"
NEVER = "2199-01-01T00:00"


def test_what_other_domains_call_imports_none_of_them() -> None:
    """Feedback and requests ask `consultation_link` and `scope`: these know neither."""
    folder = Path(domain.__file__).parent
    for name in ("models.py", "window.py", "scope.py", "consultation_link.py", "wording.py"):
        tree = ast.parse((folder / name).read_text(encoding="utf-8"))
        imported = [
            node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        ]
        assert not [m for m in imported if m.split(".")[0] in ("feedback", "data_requests")], name


@pytest.mark.options(**UNLIMITED)
class StampTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def people(self, plugin: Any, instance_path: Any) -> None:
        self.team = team_member()
        self.producer = Producer(tags=["musee", "patrimoine"])
        self.elsewhere = DatasetFactory(tags=["transport"])

    def made(self, **fields: Any) -> Any:
        with freeze_time(BEFORE):
            return self.make(self.team, **fields)

    def stamp(self, feedback: Any) -> str | None:
        stamp = self.stored(feedback["id"]).get("consultation")
        return str(stamp) if stamp else None

    @pytest.mark.parametrize("by", ["organizations", "tags", "datasets"])
    def test_what_is_given_on_a_dataset_in_scope_is_stamped(self, by):
        named = {
            "organizations": [str(self.producer.organization.id)],
            "tags": ["musee"],
            "datasets": [self.producer.dataset.slug],
        }[by]
        made = self.made(scope={by: named})
        with freeze_time(DURING):
            inside = self.give(UserFactory(), self.producer.dataset)
            outside = self.give(UserFactory(), self.elsewhere)
        assert self.stamp(inside) == made["id"]
        assert self.stamp(outside) is None
        assert stored(made)["answered"] is True  # and so frozen

    def test_of_several_the_one_that_closes_first(self):
        scope = {"tags": ["musee"]}
        late, early = self.made(scope=scope, closes_at=LATER), self.made(scope=scope)
        self.made(scope=scope, closes_at="2022-12-10T00:00")  # has closed
        self.made(scope=scope, opens_at="2023-01-10T00:00", closes_at="2023-01-20T00:00")
        with freeze_time(DURING):
            assert self.stamp(self.give(UserFactory(), self.producer.dataset)) == early["id"]
            by_name = self.give(UserFactory(), self.producer.dataset, consultation=late["slug"])
            assert self.stamp(by_name) == late["id"]

    def test_one_is_named_that_is_open_and_about_these_data(self):
        made, draft = self.made(scope={"tags": ["musee"]}), self.made(publish=False)
        cases = [
            (DURING, self.elsewhere, made["id"]),
            (DURING, self.producer.dataset, draft["id"]),
            (DURING, self.producer.dataset, "nothing"),
            (AFTER, self.producer.dataset, made["id"]),
            (BEFORE, self.producer.dataset, made["slug"]),
        ]
        for moment, dataset, name in cases:
            with freeze_time(moment):
                body = {"dataset": str(dataset.id), "fitness": "yes", "consultation": name}
                refused = self.ask("POST", "/feedback/", body, UserFactory())
                assert refused.status_code == 400, name
                assert list(refused.json["errors"]) == ["consultation"]
        assert feedbacks().count_documents({}) == 0

    def test_a_change_meanwhile_is_stamped_and_an_earlier_stamp_stays_while_it_is_open(self):
        scope, camille = {"tags": ["musee"]}, UserFactory()
        first = self.made(scope=scope)
        second = self.made(scope=scope, opens_at="2023-02-01T00:00", closes_at="2023-02-03T00:00")
        third = self.made(scope=scope, opens_at="2023-03-01T00:00", closes_at="2023-04-01T00:00")
        with freeze_time(BEFORE):
            given = self.give(camille, self.producer.dataset)
            assert self.stamp(given) is None
        for moment, expected in (
            (DURING, first),
            ("2023-02-02", first),  # the second closes first, but this one was answered
            ("2023-02-20", first),  # nothing is open: it stays
            ("2023-03-02", third),
        ):
            with freeze_time(moment):
                change = {"fitness": "yes" if moment == DURING else "no"}
                self.ask("PUT", f"/feedback/{given['id']}/", change, camille)
            assert self.stamp(given) == expected["id"], moment
        assert second

    def test_while_answers_are_suspended_nothing_is_stamped(self):
        made = self.made(scope={"tags": ["musee"]})
        with freeze_time(DURING):
            self.change(made, self.team, read_only=True)
            assert self.stamp(self.give(UserFactory(), self.producer.dataset)) is None

    def test_a_request_of_a_dataset_or_to_an_organization_in_scope_is_stamped(self):
        organization = str(self.producer.organization.id)
        made = self.made(scope={"organizations": [organization]})
        wish = {"title": "Les entrées", "description": "x", "kind": "new"}
        with freeze_time(DURING):
            for fields in (
                {"dataset": str(self.producer.dataset.id)},
                {"organization": organization},
                {"dataset": str(self.elsewhere.id)},
                {},
            ):
                response = self.ask("POST", "/requests/", wish | fields, UserFactory())
                assert response.status_code == 201
        stamps = [one.get("consultation") for one in requests().find(sort=[("_id", 1)])]
        assert stamps == [ObjectId(made["id"])] * 2 + [None] * 2

    def test_once_it_has_closed_the_link_is_shown_and_filtered_by(self):
        made = self.made(scope={"tags": ["musee"]})
        with freeze_time(DURING):
            given = self.give(UserFactory(), self.producer.dataset, comment="Des mots")
            self.give(UserFactory(), self.elsewhere, comment="Des mots")
        producer = self.producer.admin
        with freeze_time(AFTER):
            path = f"/feedback/{given['id']}/"
            assert self.ask("GET", path, user=producer).json["consultation"] == made["id"]
            # One person alone spoke then.
            assert self.ask("GET", path).json["consultation"] is None
            for name in (made["id"], made["slug"]):
                path = f"/feedback/?dataset={self.producer.dataset.id}&consultation={name}"
                listed = self.ask("GET", path, user=producer).json
                assert [one["id"] for one in listed["data"]] == [given["id"]]
                assert self.ask("GET", path).json["data"] == []


@pytest.mark.options(**UNLIMITED)
class BannerTest(ConsultationCase):
    def page(self, dataset: Any, query: str = "") -> str:
        path = f"{P}/pages/datasets/{dataset.slug}/?lang=en{query}"
        return html.unescape(self.visit("GET", path).get_data(as_text=True))

    def test_the_page_of_a_dataset_in_scope_says_how_long_it_is_open(self):
        producer, elsewhere = Producer(tags=["musee"]), DatasetFactory()
        with freeze_time(BEFORE):
            made = self.make(scope={"tags": ["musee"]})
            assert "Opening culture" not in self.page(producer.dataset)
        with freeze_time("2023-02-04 12:00"):
            shown = self.page(producer.dataset)
            assert "Opening culture" in shown
            assert "2 days left" in shown
            assert f"/pages/consultations/{made['slug']}/" in shown
            assert "Opening culture" in self.page(producer.dataset, "&as=fragment")
            assert "Opening culture" not in self.page(elsewhere)
        with freeze_time("2023-02-06 12:00"):
            assert "last day" in self.page(producer.dataset)
        with freeze_time("2023-02-06 22:59:59"):
            assert "Opening culture" in self.page(producer.dataset)
        with freeze_time("2023-02-06 23:00:00"):
            assert "Opening culture" not in self.page(producer.dataset)

    def test_an_extension_is_seen_at_once_in_the_process_that_made_it_and_soon_in_others(self):
        producer, team = Producer(tags=["musee"]), team_member()
        with freeze_time(BEFORE):
            made = self.make(team, scope={"tags": ["musee"]})
        with freeze_time("2023-02-06 22:59:58"):
            assert "last day" in self.page(producer.dataset)
            kept = self.app.extensions["culture-feedback"].consultations
            self.change(made, team, closes_at="2023-02-14T00:00")
            assert "7 days left" in self.page(producer.dataset)
            self.app.extensions["culture-feedback"].consultations = kept  # another process
        with freeze_time("2023-02-06 23:00:58"):
            assert "Opening culture" in self.page(producer.dataset)

    def commands(self, path: str) -> list[str]:
        with RECORDER.count() as commands:
            self.visit("GET", P + path)
        return commands

    def test_it_costs_a_page_one_command_a_minute_whatever_is_open(self):
        producer = Producer(tags=["musee"])
        path = f"/pages/datasets/{producer.dataset.id}/"
        with freeze_time(DURING):
            self.page(producer.dataset)
            without = self.commands(path)
        made = [self.make(scope={"tags": ["musee"]}, closes_at=NEVER) for _ in range(5)]
        assert len(made) == 5
        with freeze_time("2022-12-21 12:00:00"):
            first = self.commands(path)
            assert "Opening culture" in self.page(producer.dataset)
        with freeze_time("2022-12-21 12:00:59"):
            then = self.commands(path)
        assert then == without
        assert len(first) == len(then) + 1
