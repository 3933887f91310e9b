"""Requests as a file of open data."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.csv import cell
from udata_culture_feedback.data_requests.csv import COLUMNS, requests_csv
from udata_culture_feedback.data_requests.models import requests

from ..cases import PluginTestCase
from .asking import UNLIMITED, move, somebody, stored, wish

FILE = "/site/requests.csv"


class CSVTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def unlimited(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)

    def text(self, **kwargs: Any) -> str:
        response = self.ask("GET", FILE, buffered=True, **kwargs)
        assert response.status_code == 200
        assert response.content_type == "text/csv; charset=utf-8"
        return response.get_data(as_text=True)

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text(), newline=""), delimiter=";"))

    def test_it_is_a_file_to_save(self):
        headers = self.ask("GET", FILE, buffered=True).headers
        assert headers["Content-Disposition"].startswith('attachment; filename="requests-')
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "public, max-age=60"

    def test_without_requests_it_has_its_header(self):
        assert self.text() == ";".join(f'"{name}"' for name in COLUMNS) + "\r\n"

    def test_its_columns_are_the_fields_of_the_api(self):
        shown: Any = self.ask("GET", f"/requests/{wish(somebody())}/").json
        shown["dataset"] = {"id": "", "title": ""}
        shown["organization"] = {"id": "", "name": ""}
        for name in COLUMNS.keys() - {"reason"}:  # which the API has in the history
            inside: Any = shown
            for part in name.split("."):
                assert part in inside, name
                inside = inside[part]

    def test_a_row_says_what_the_request_is(self):
        museum = OrganizationFactory(name="Musée de Bretagne")
        dataset = DatasetFactory(title="Fréquentation", organization=museum)
        id = wish(
            somebody(),
            title="Les musées",
            description="Pour voir ;\n« tout »",
            dataset=str(dataset.id),
            themes=["musee", "archives"],
            formats=["csv"],
        )
        move(somebody(sysadmin=True), id, "published", datasets=[str(dataset.id)], urls=[])
        [row] = self.rows()
        assert row["id"] == str(id)
        assert row["title"] == "Les musées"
        assert row["description"] == "Pour voir ;\n« tout »"
        assert row["status"] == "published"
        assert row["themes"] == "musee,archives"
        assert row["dataset.id"] == str(dataset.id)
        assert row["dataset.title"] == "Fréquentation"
        assert row["organization.name"] == "Musée de Bretagne"
        assert row["fulfilled_by.datasets"] == str(dataset.id)
        assert row["supports"] == "0"
        assert row["people"] == "1"
        assert row["clock.overdue"] == "false"
        assert row["created_at"].endswith("Z")
        assert row["clock.due_at"] == ""

    def test_a_refusal_has_its_reason(self):
        move(somebody(sysadmin=True), wish(somebody()), "declined", reason="not_existing")
        assert [row["reason"] for row in self.rows()] == ["not_existing"]

    def test_a_dataset_that_is_not_public_is_not_named(self):
        dataset = DatasetFactory(title="Chiffres secrets")
        id = wish(somebody(), dataset=str(dataset.id))
        fulfilled = {"datasets": [dataset.id], "urls": []}
        requests().update_one({"_id": id}, {"$set": {"fulfilled_by": fulfilled}})
        assert "Chiffres secrets" in self.text()
        dataset.private = True
        dataset.save()
        assert "Chiffres secrets" not in self.text()
        assert str(dataset.id) not in self.text()

    def test_requests_that_are_not_public_are_not_there(self):
        for visibility in ("pending", "hidden"):
            id = wish(somebody())
            requests().update_one({"_id": id}, {"$set": {"visibility": visibility}})
        assert self.rows() == []

    def test_it_names_nobody_and_has_no_mark_of_who_asked(self):
        camille = UserFactory(first_name="Camille", last_name="Durand")
        body = {"title": "Les musées", "description": "Pour voir.", "kind": "new"}
        assert self.ask("POST", "/requests/", body, camille).status_code == 201
        text = self.text()
        assert "Les musées" in text
        [request] = requests().find()
        for trace in ("Camille", "Durand", camille.email, str(camille.id), camille.slug):
            assert trace not in text
        assert request["contributor"]["key"] not in text

    def test_no_cell_is_a_formula(self):
        title = '=HYPERLINK("https://example.org")'
        id = wish(somebody(), title=title, description="@SUM(A1)", spatial="-1+1")
        [row] = self.rows()
        assert row["title"] == "'" + title
        assert row["description"] == "'@SUM(A1)"
        assert row["spatial"] == "'-1+1"
        assert stored(id)["title"] == title

    def test_a_file_five_times_as_long_takes_no_more_memory(self):
        self.fill(600)
        short = self.peak()
        self.fill(2400)
        assert self.peak() < 1.5 * short

    def fill(self, number: int) -> None:
        template = stored(wish(somebody(), title=f"Les musées {number}"))
        template["description"] = "Une longue histoire. " * 100
        requests().insert_many(
            template | {"_id": ObjectId(), "slug": f"musees-{number}-{one}"}
            for one in range(number)
        )

    def peak(self) -> int:
        """The most memory that writing the file takes, in bytes."""
        with self.app.test_request_context("/"):
            response = requests_csv()
            assert response.is_streamed
            tracemalloc.start()
            for _part in response.response:
                pass
            _now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return peak


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Musées", "Musées"),
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@A", "'@A"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("＝1", "'＝1"),
        ("", ""),
        (None, ""),
        (-3, -3),
        (True, "true"),
        (["=a", "b"], "'=a,b"),
    ],
)
def test_cells(value: Any, written: Any):
    assert cell(value) == written
