"""Requests as a file of open data."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.contributions.moderated import Decision
from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.csv import requests_csv, table
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.moderation import actions as moderating
from udata_culture_feedback.web.csv import cell

from ..cases import PluginTestCase
from ..frictionless import errors, needs_frictionless
from .asking import UNLIMITED, merge, moderator, move, somebody, stored, wish

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

    def read_by_a_moderator(self, id: ObjectId) -> None:
        done = moderating.decide(somebody(sysadmin=True), [moderating.Wanted(id)], Decision.PUBLISH)
        assert done.done == [id]

    def test_the_list_leads_to_a_file_for_spreadsheets_in_its_language(self):
        page = self.visit("GET", "/api/1/culture-feedback/pages/requests/?lang=fr")
        link = BeautifulSoup(page.data, "html.parser").find("a", string="Ouvrir dans un tableur")
        assert link is not None
        query = urlsplit(str(link["href"])).query
        file = self.ask("GET", f"{FILE}?{query}", buffered=True)
        assert file.status_code == 200
        assert file.get_data(as_text=True).startswith("\ufeffType de demande;Statut;")

    def test_it_is_a_file_to_save(self):
        headers = self.ask("GET", FILE, buffered=True).headers
        assert headers["Content-Disposition"].startswith('attachment; filename="requests-')
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "public, max-age=60"

    def test_without_requests_it_has_its_header(self):
        assert self.text() == ";".join(f'"{name}"' for name in table().header) + "\r\n"

    def test_a_row_says_what_the_request_is(self):
        museum = OrganizationFactory(name="Musée de Bretagne")
        dataset = DatasetFactory(title="Fréquentation", organization=museum)
        id = wish(
            somebody(),
            dataset=str(dataset.id),
            themes=["musee", "archives"],
            formats=["csv", "moncodepersonnel"],
        )
        move(somebody(sysadmin=True), id, "published", datasets=[str(dataset.id)], urls=[])
        [row] = self.rows()
        assert row["status"] == "published"
        assert row["kind"] == "new"
        assert row["themes"] == "musee,archives"
        assert row["formats"] == "csv"
        assert row["dataset.id"] == str(dataset.id)
        assert row["dataset.title"] == "Fréquentation"
        assert row["organization.name"] == "Musée de Bretagne"
        assert row["fulfilled_by.datasets"] == str(dataset.id)
        assert (row["supports"], row["people"]) == ("0", "1")
        assert row["overdue"] == "false"
        assert row["month"] == f"{stored(id)['created_at']:%Y-%m}"
        assert row["due"] == ""

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
        [request] = requests().find()
        for trace in ("Camille", "Durand", camille.email, str(camille.id), camille.slug):
            assert trace not in text
        for trace in (request["contributor"]["key"], str(request["_id"]), request["slug"]):
            assert trace not in text

    def test_people_behind_a_merged_request_are_counted_once(self):
        one, other = wish(somebody()), wish(somebody())
        actions.support(somebody(), str(one))
        merge(moderator(), one, other)
        by_status = {row["status"]: row for row in self.rows()}
        assert (by_status["duplicate"]["supports"], by_status["duplicate"]["people"]) == ("", "")
        assert by_status["submitted"]["people"] == "3"

    def test_words_need_their_author_and_a_moderator(self):
        words = {"title": "Les musées de Rennes", "description": "Pour Camille.", "spatial": "Ici"}
        neither, agreed, both = (
            wish(somebody(), **words, open_data=open_data) for open_data in (False, True, True)
        )
        assert "Rennes" not in self.text()
        assert stored(agreed)["review"]["why"] == ["open_data"]
        assert "review" not in stored(neither)
        self.read_by_a_moderator(both)
        told = [row for row in self.rows() if row["title"]]
        assert [(row["title"], row["description"], row["spatial"]) for row in told] == [
            ("Les musées de Rennes", "Pour Camille.", "Ici")
        ]

    def test_words_that_change_are_read_again(self):
        author = somebody()
        id = wish(author, open_data=True)
        self.read_by_a_moderator(id)
        assert [row["title"] for row in self.rows()] == [stored(id)["title"]]
        actions.edit(author, str(id), {"title": "Autre chose"})
        assert [row["title"] for row in self.rows()] == [""]
        assert stored(id)["visibility"] == "public"
        self.read_by_a_moderator(id)
        assert [row["title"] for row in self.rows()] == ["Autre chose"]

    def test_a_requester_takes_their_agreement_back_whatever_became_of_the_request(self):
        author = somebody()
        id = wish(author, open_data=True)
        self.read_by_a_moderator(id)
        move(somebody(sysadmin=True), id, "declined", reason="not_existing")
        history = stored(id)["history"]
        assert [row["title"] for row in self.rows()] == [stored(id)["title"]]
        actions.edit(author, str(id), {"open_data": False})
        assert [row["title"] for row in self.rows()] == [""]
        assert stored(id)["history"] == history

    def test_nobody_agrees_in_the_place_of_the_requester(self):
        id = wish(somebody())
        actions.edit(moderator(), str(id), {"open_data": True, "spatial": "Rennes"})
        assert not stored(id).get("open_data")
        assert stored(id)["spatial"] == "Rennes"

    def test_the_form_asks_unticked(self):
        page = self.ask("GET", "/pages/requests/new", user=UserFactory()).get_data(as_text=True)
        [box] = [tag for tag in page.split("<") if 'name="open_data"' in tag]
        assert "checked" not in box

    def test_a_profile_is_told_where_ten_share_it(self):
        for profile, people in (("student", 10), ("journalist", 9), (None, 3)):
            for _ in range(people):
                wish(somebody(), **({"profile": profile} if profile else {}))
        assert Counter(row["profile"] for row in self.rows()) == {"student": 10, "": 12}

    def test_no_cell_is_a_formula(self):
        title = '=HYPERLINK("https://example.org")'
        id = wish(somebody(), title=title, description="@SUM(A1)", spatial="-1+1", open_data=True)
        self.read_by_a_moderator(id)
        [row] = self.rows()
        assert row["title"] == "'" + title
        assert row["description"] == "'@SUM(A1)"
        assert row["spatial"] == "'-1+1"
        assert stored(id)["title"] == title

    def test_it_is_kept_by_its_etag_until_something_changes(self):
        wish(somebody())
        first = self.ask("GET", FILE, buffered=True)
        known = {"If-None-Match": first.headers["ETag"]}
        assert self.ask("GET", FILE, headers=known).status_code == 304
        wish(somebody())
        assert self.ask("GET", FILE, headers=known, buffered=True).status_code == 200

    @needs_frictionless
    def test_frictionless_finds_nothing_wrong(self, tmp_path: Path):
        dataset = DatasetFactory(organization=OrganizationFactory())
        wish(somebody(), dataset=str(dataset.id), themes=["musee"], usages=["research"])
        id = wish(somebody(), open_data=True, frequency="monthly", formats=["csv", "json"])
        self.read_by_a_moderator(id)
        move(somebody(sysadmin=True), id, "declined", reason="not_existing")
        merge(moderator(), wish(somebody()), wish(somebody()))
        (tmp_path / "requests.csv").write_text(self.text(), newline="")
        (tmp_path / "schema.json").write_text(json.dumps(table().schema()))
        assert errors(tmp_path / "requests.csv", tmp_path / "schema.json") == []

    def test_a_file_five_times_as_long_takes_no_more_memory(self):
        self.fill(1500)
        short = self.peak()
        self.fill(6000)
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
