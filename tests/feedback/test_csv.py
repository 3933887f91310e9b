"""Feedback as files of open data: of the portal, and of an organization."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory, LicenseFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.app import site_open_data
from udata_culture_feedback.feedback.csv import site_csv, table
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.feedback.summaries import INTO_ALL
from udata_culture_feedback.figures.settle import settle

from ..cases import PluginTestCase, Producer, sysadmin
from ..frictionless import errors, needs_frictionless

UNLIMITED = {"CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR": None, "CULTURE_FEEDBACK_LIMIT_MANAGER": None}
SECRET = "Il manque les musées de Rennes"


@pytest.mark.options(**UNLIMITED)
class FeedbackCSVTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def world(self, plugin: None, instance_path: Any) -> None:
        self.producer = Producer(title="Musées")
        self.admin = sysadmin()

    @property
    def files(self) -> tuple[str, str]:
        return "/site/feedback.csv", f"/organizations/{self.producer.organization.id}/feedback.csv"

    def text(self, path: str = "/site/feedback.csv", user: User | None = None) -> str:
        response = self.ask("GET", path, user=user, buffered=True)
        assert response.status_code == 200
        return response.get_data(as_text=True)

    def rows(self, path: str = "/site/feedback.csv") -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.text(path), newline=""), delimiter=";"))

    def decide(self, id: str, decision: str = "publish") -> None:
        body = {"items": [id], "decision": decision}
        if decision == "hide":
            body["reason"] = "abuse"
        done = self.ask("POST", "/moderation/", body, self.admin)
        assert done.status_code == 200, done.get_data(as_text=True)

    def test_a_row_says_what_somebody_says_of_a_dataset(self):
        self.give(
            UserFactory(),
            self.producer.dataset,
            ratings={"completeness": 2, "georeferencing": 5},
            usages=["research", "teaching"],
            wants_answer=True,
            comment=SECRET,
        )
        for path in self.files:
            [row] = self.rows(path)
            assert row["dataset.id"] == str(self.producer.dataset.id)
            assert row["dataset.title"] == "Musées"
            assert row["organization.id"] == str(self.producer.organization.id)
            assert row["fitness"] == "partly"
            assert (row["ratings.completeness"], row["ratings.update_frequency"]) == ("2", "")
            assert row["usages"] == "research,teaching"
            assert (row["wants_answer"], row["treatment"]) == ("true", "new")
            assert row["comment"] == ""

    def test_for_a_spreadsheet_it_speaks_the_language_of_the_reader(self):
        self.producer.dataset.update(title="=Musées; été")
        given = {"ratings": {"completeness": 2}, "usages": ["research", "teaching"]}
        self.give(UserFactory(), self.producer.dataset, **given, wants_answer=True)
        for path in self.files:
            text = self.text(f"{path}?for=spreadsheet&lang=fr")
            assert text.startswith("\ufeff")
            [row] = csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";")
            assert row["Titre du jeu de données"] == "'=Musées; été"
            assert "En partie" in row.values()
            assert row["Complétude"] == "2"
            assert row["Usages"] == "Recherche, étude; Enseigner, apprendre"
            assert row["Une réponse est attendue"] == "Oui"
            assert "row" not in row
            english = self.text(f"{path}?for=spreadsheet&lang=en")[1:]
            [row] = csv.DictReader(io.StringIO(english, newline=""))
            assert (row["An answer is awaited"], row["Uses"]) == (
                "Yes",
                "Research, study; Teaching, learning",
            )

    def test_it_is_for_nothing_else_and_known_by_its_language(self):
        refused = self.ask("GET", "/site/feedback.csv?for=excel")
        assert refused.status_code == 400
        assert "spreadsheet" in refused.json["errors"]["for"]
        tags = {
            self.ask("GET", f"/site/feedback.csv{query}", buffered=True).headers["ETag"]
            for query in ("", "?for=spreadsheet&lang=fr", "?for=spreadsheet&lang=en")
        }
        assert len(tags) == 3

    def test_it_has_as_many_rows_as_the_figures_say(self):
        for fitness in ("yes", "yes", "no"):
            self.give(UserFactory(), self.producer.dataset, fitness=fitness)
        self.give(UserFactory(), DatasetFactory())
        self.give(self.producer.editor, self.producer.dataset)  # who makes the data
        spam = self.give(UserFactory(), self.producer.dataset, comment="Achetez")
        self.ask(
            "POST",
            "/moderation/",
            {"items": [spam["id"]], "decision": "hide", "reason": "spam"},
            self.admin,
        )
        gone = UserFactory()
        self.ask("DELETE", f"/feedback/{self.give(gone, self.producer.dataset)['id']}/", None, gone)
        for path, of in zip(self.files, (None, self.producer.organization), strict=True):
            rows, figures = self.rows(path), self.summary(of)
            assert len(rows) == figures["total"]
            counts = Counter(row["fitness"] for row in rows)
            assert {id: counts[id] for id in figures["fitness"]} == figures["fitness"]

    def test_nothing_tells_who_or_when(self):
        camille = UserFactory(first_name="Camille", last_name="Durand")
        given = self.give(camille, self.producer.dataset, comment=SECRET)
        stored = self.stored(given["id"])
        for path in self.files:
            text = self.text(path)
            for trace in (
                *("Camille", "Durand", camille.email, camille.slug, str(camille.id), given["id"]),
                *(stored["contributor"]["key"], SECRET, f"{stored['created_at']:%Y-%m-%d}"),
            ):
                assert trace not in text

    @pytest.mark.parametrize("how", ["private", "deleted"])
    def test_a_dataset_that_is_not_public_leaks_nothing(self, how: str):
        self.give(UserFactory(), self.producer.dataset, profile="student")
        value = (
            True
            if how == "private"
            else self.stored(self.give(UserFactory(), DatasetFactory())["id"])["created_at"]
        )
        # As a migration would write it: nobody has heard of it yet.
        Dataset._get_collection().update_one(
            {"_id": self.producer.dataset.id}, {"$set": {how: value}}
        )
        for path in self.files:
            for user in (None, self.producer.admin, self.admin):
                text = self.text(path, user)
                assert str(self.producer.dataset.id) not in text
                assert "Musées" not in text

    def test_an_organization_that_is_not_there_is_not_found(self):
        gone = OrganizationFactory(deleted=Dataset().created_at_internal)
        for name in ("nothing", str(ObjectId()), str(gone.id)):
            assert self.ask("GET", f"/organizations/{name}/feedback.csv").status_code == 404

    # --- Words ---

    def test_words_need_their_author_and_a_moderator(self):
        for agreed, read in ((False, False), (False, True), (True, False), (True, True)):
            given = self.give(
                UserFactory(),
                DatasetFactory(organization=self.producer.organization),
                comment=f"{SECRET} {agreed} {read}",
                open_data=agreed,
            )
            if read and not agreed:
                # Something else has put it in the queue.
                flag = {"reason": "off_topic"}
                self.ask("POST", f"/feedback/{given['id']}/flag/", flag, UserFactory())
            if read:
                self.decide(given["id"])
        for path in self.files:
            told = [row["comment"] for row in self.rows(path) if row["comment"]]
            assert told == [f"{SECRET} True True"]

    def test_words_to_be_read_are_in_the_queue_and_public_meanwhile(self):
        plain = self.give(UserFactory(), self.producer.dataset, comment=SECRET)
        agreed = self.give(UserFactory(), self.producer.dataset, comment=SECRET, open_data=True)
        assert agreed["visibility"] == "public"
        waiting = self.ask("GET", "/moderation/", user=self.admin).json["data"]
        assert [one["id"] for one in waiting] == [agreed["id"]]
        assert self.stored(agreed["id"])["review"]["why"] == ["open_data"]
        assert "review" not in self.stored(plain["id"])
        self.decide(agreed["id"])
        assert "review" not in self.stored(agreed["id"])

    def test_words_that_change_are_read_again(self):
        author = UserFactory()
        id = self.give(author, self.producer.dataset, comment=SECRET, open_data=True)["id"]
        self.decide(id)
        assert self.rows()[0]["comment"] == SECRET
        self.ask("PUT", f"/feedback/{id}/", {"comment": "Autre chose"}, author)
        assert self.rows()[0]["comment"] == ""
        assert self.stored(id)["review"]["why"] == ["open_data"]
        self.decide(id)
        assert self.rows()[0]["comment"] == "Autre chose"
        self.ask("PUT", f"/feedback/{id}/", {"fitness": "no"}, author)
        assert self.rows()[0]["comment"] == "Autre chose"

    def test_whoever_takes_their_agreement_back_or_deletes_is_out_of_the_next_file(self):
        one, other = UserFactory(), UserFactory()
        ids = []
        for author in (one, other):
            dataset = DatasetFactory()
            ids.append(self.give(author, dataset, comment=SECRET, open_data=True)["id"])
            self.decide(ids[-1])
        assert self.text().count(SECRET) == 2
        taken_back = self.ask("PUT", f"/feedback/{ids[0]}/", {"open_data": False}, one)
        assert taken_back.status_code == 200
        assert self.text().count(SECRET) == 1
        self.ask("DELETE", f"/feedback/{ids[1]}/", None, other)
        assert SECRET not in self.text()
        assert [row["comment"] for row in self.rows()] == [""]

    def test_hidden_words_are_out_too(self):
        id = self.give(UserFactory(), self.producer.dataset, comment=SECRET, open_data=True)["id"]
        self.decide(id)
        assert SECRET in self.text()
        self.decide(id, "hide")
        assert SECRET not in self.text()

    def test_the_form_asks_unticked_and_remembers(self):
        author = UserFactory()
        path = f"/pages/datasets/{self.producer.dataset.id}/?edit=1"
        self.give(author, self.producer.dataset)
        page = self.ask("GET", path, user=author).get_data(as_text=True)
        [box] = [tag for tag in page.split("<") if 'name="open_data"' in tag]
        assert "checked" not in box
        sent = {"details": "1", "fitness": "no", "comment": SECRET, "open_data": "1"}
        self.ask("POST", path, user=author, data=sent)
        assert feedbacks().find_one({})["open_data"] is True
        page = self.ask("GET", path, user=author).get_data(as_text=True)
        [box] = [tag for tag in page.split("<") if 'name="open_data"' in tag]
        assert "checked" in box

    def test_nobody_else_is_told_who_agreed(self):
        id = self.give(UserFactory(), self.producer.dataset, comment=SECRET, open_data=True)["id"]
        assert "open_data" not in self.ask("GET", f"/feedback/{id}/").json

    def test_no_cell_is_a_formula(self):
        id = self.give(UserFactory(), self.producer.dataset, comment="=1+1", open_data=True)["id"]
        self.decide(id)
        assert [row["comment"] for row in self.rows()] == ["'=1+1"]

    # --- Profiles ---

    def test_a_profile_is_told_where_ten_share_it_in_that_file(self):
        for profile, people, dataset in (
            ("student", 10, self.producer.dataset),
            ("journalist", 6, self.producer.dataset),
            (None, 5, self.producer.dataset),
            ("journalist", 6, DatasetFactory()),
        ):
            for _ in range(people):
                self.give(UserFactory(), dataset, **({"profile": profile} if profile else {}))
        settle(INTO_ALL, "site")
        of_site, of_organization = (
            Counter(row["profile"] for row in self.rows(path)) for path in self.files
        )
        assert of_organization == {"student": 10, "": 11}
        # Twelve journalists are enough, but five empty cells beside them would be too few.
        assert of_site == {"journalist": 12, "": 15} or of_site == {"student": 10, "": 17}

    # --- As files ---

    def test_it_is_kept_by_its_etag_until_something_changes(self):
        author = UserFactory()
        id = self.give(author, self.producer.dataset)["id"]
        for path in self.files:
            first = self.ask("GET", path, buffered=True)
            assert first.headers["Cache-Control"] == "public, max-age=60"
            assert first.headers["Content-Disposition"].startswith("attachment")
            known = {"If-None-Match": first.headers["ETag"]}
            assert self.ask("GET", path, headers=known).status_code == 304
            self.ask("PUT", f"/feedback/{id}/", {"usages": ["research"]}, author)
            assert self.ask("GET", path, headers=known, buffered=True).status_code == 200
            self.ask("PUT", f"/feedback/{id}/", {"usages": []}, author)

    def test_rows_have_other_ids_each_time(self):
        for _ in range(3):
            self.give(UserFactory(), self.producer.dataset)
        first, second = self.rows(), self.rows()
        assert len({row["row"] for row in (*first, *second)}) == 6

    @needs_frictionless
    def test_frictionless_finds_nothing_wrong(self, tmp_path: Path):
        for _ in range(10):
            self.give(UserFactory(), self.producer.dataset, profile="student", usages=["research"])
        id = self.give(
            UserFactory(),
            DatasetFactory(),
            comment=f"=« {SECRET} »;\n",
            open_data=True,
            ratings={"completeness": 1},
        )["id"]
        self.decide(id)
        (tmp_path / "feedback.csv").write_text(self.text(), newline="")
        (tmp_path / "schema.json").write_text(json.dumps(table().schema()))
        assert errors(tmp_path / "feedback.csv", tmp_path / "schema.json") == []

    def test_a_file_five_times_as_long_takes_no_more_memory(self):
        self.fill(1500)
        short = self.peak()
        self.fill(6000)
        assert self.peak() < 1.5 * short

    def fill(self, number: int) -> None:
        template = self.stored(
            self.give(UserFactory(), DatasetFactory(), comment="Bien. " * 100)["id"]
        )
        for field in ("submission_id", "due", "counted"):
            template.pop(field, None)
        feedbacks().insert_many(
            template | {"_id": ObjectId(), "contributor": {"kind": "user", "key": f"{number}:{n}"}}
            for n in range(number)
        )

    def peak(self) -> int:
        """The most memory that writing the file takes, in bytes."""
        with self.app.test_request_context("/"):
            response = site_csv()
            assert response.is_streamed
            tracemalloc.start()
            for _part in response.response:
                pass
            _now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return peak

    # --- The dataset of the portal ---

    def test_the_portal_publishes_nothing_of_its_own_unless_told_whose_it_is(self):
        self.give(UserFactory(), self.producer.dataset)
        assert site_open_data.publish_site() is None

    def test_the_job_publishes_the_files_of_the_portal_where_it_is(self):
        LicenseFactory(id="lov2")
        owner = OrganizationFactory()
        self.app.config["CULTURE_FEEDBACK_OPEN_DATA_ORGANIZATION"] = owner.slug
        self.give(UserFactory(), self.producer.dataset)
        done = site_open_data.publish_everything.run()
        assert done == {"published": 1, "refused": 0}
        [dataset] = Dataset.objects(organization=owner)
        assert {one.format for one in dataset.resources} == {"csv", "json"}
        assert dataset.frequency.value == "daily"
        assert site_open_data.publish_everything.run() == {"published": 0, "refused": 0}
        self.give(UserFactory(), self.producer.dataset, fitness="no")
        again = site_open_data.publish_site()
        assert again is not None
        assert again.changed == ("feedback.csv",)
