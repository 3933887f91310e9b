"""Results as open data: a dataset of the portal with its files, what they say, what they must not,
and when they are written again."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import random
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory, LicenseFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.factories import OrganizationFactory
from udata.core.storages import resources as storage
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import site_open_data
from udata_culture_feedback.consultations import answering, publishing, release
from udata_culture_feedback.consultations import csv as consultation_csv
from udata_culture_feedback.consultations.models import of_responses, responses, results
from udata_culture_feedback.consultations.repository import find
from udata_culture_feedback.opendata.models import published
from udata_culture_feedback.people.viewer import Viewer
from udata_culture_feedback.web import refusals

from ..cases import Producer, sysadmin
from ..frictionless import errors, needs_frictionless
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    QUESTIONS,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
    utc,
)

SECRET = "Je suis Camille de Rennes"
TABLES = ("responses", "results", "results-by-profile", "feedback", "requests", "dictionary")
#: A day later: what is written again is written at another moment.
LATER = "2023-02-08T12:00:00+00:00"


class PublishingCase(ConsultationCase):
    #: People from whom on a row tells its values. `AttackTest` has those of the portal.
    least = 1

    @pytest.fixture(autouse=True)
    def world(self, plugin: Any, instance_path: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(release, "LEAST", self.least)
        LicenseFactory(id="lov2", title="Licence Ouverte 2.0")
        self.team = team_member()
        self.producer = Producer(title="Musées")
        self.owner = OrganizationFactory(name="Ministère de la Culture")
        with freeze_time(BEFORE):
            self.made = self.make(
                self.team,
                organization=str(self.owner.id),
                scope={"organizations": [str(self.producer.organization.id)]},
            )

    def said(self, profile: str | None = None, **fields: Any) -> ObjectId:
        """One more answer, without the cost of HTTP."""
        id = ObjectId()
        who = Viewer(key=f"user:{id}", user_id=id)
        payload = {"answers": ANSWERS | fields.pop("answers", {}), "profile": profile} | fields
        with self.app.test_request_context("/"):
            stored, _new = answering.submit(
                who, self.made["id"], payload, at=utc(DURING), asking=False
            )
        return stored["_id"]

    def publish(self, moment: str = AFTER) -> publishing.Published:
        with freeze_time(moment):
            return publishing.publish(self.made["id"])

    def shown(self, done: publishing.Published) -> Any:
        """The dataset, as udata's API has it."""
        response = self.visit("GET", f"/api/1/datasets/{done.dataset}/")
        assert response.status_code == 200
        return response.json

    def resource(self, done: publishing.Published, name: str) -> Any:
        [found] = [
            one
            for one in self.shown(done)["resources"]
            if urlsplit(one["url"]).path.endswith(f"/{name}")
        ]
        return found

    def file(self, done: publishing.Published, name: str) -> bytes:
        """What somebody downloads."""
        response = self.visit("GET", urlsplit(self.resource(done, name)["url"]).path)
        assert response.status_code == 200
        return response.get_data()

    def rows(self, done: publishing.Published, name: str) -> list[dict[str, str]]:
        return read(self.file(done, name).decode())

    def download(self) -> list[dict[str, str]]:
        """The answers, from their own address."""
        with freeze_time(AFTER):
            path = f"/consultations/{self.made['id']}/responses.csv"
            response = self.ask("GET", path, buffered=True)
        assert response.status_code == 200
        return read(response.get_data(as_text=True))

    def published_text(self, response: ObjectId, *, state: str = "public") -> None:
        """A moderator has read its texts."""
        responses().update_one(
            {"_id": response}, {"$set": {"texts.$[].state": state}, "$inc": {"v": 1}}
        )


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


def everything_stored() -> set[str]:
    return set(storage.list_files())


@pytest.mark.options(**UNLIMITED)
class PublishingTest(PublishingCase):
    def test_it_is_a_dataset_of_the_organization_that_consults(self):
        self.said()
        done = self.publish()
        assert done.created
        shown = self.shown(done)
        assert shown["organization"]["id"] == str(self.owner.id)
        assert shown["license"] == "lov2"
        assert shown["temporal_coverage"] == {"start": "2022-12-06", "end": "2023-02-06"}
        assert shown["frequency"] == "punctual"
        assert "consultation-publique" in shown["tags"]
        assert "Ouvrir la culture" in shown["title"]
        assert not shown["private"]
        assert (
            "culture-feedback/pages/consultations/ouvrir-la-culture/results/"
            in shown["description"]
        )

    def test_everybody_finds_it_among_the_datasets_of_the_portal(self):
        done = self.publish()
        listed = self.visit("GET", f"/api/1/datasets/?organization={self.owner.id}").json
        assert [one["id"] for one in listed["data"]] == [str(done.dataset)]
        with freeze_time(AFTER):
            assert self.results_of(self.made)["dataset"]["id"] == str(done.dataset)

    def test_each_file_is_as_the_portal_says(self):
        self.said()
        done = self.publish()
        shown = self.shown(done)["resources"]
        assert len(shown) == 2 * len(TABLES) + 1
        for one in shown:
            found = self.visit("GET", urlsplit(one["url"]).path)
            body = found.get_data()
            assert (found.status_code, len(body)) == (200, one["filesize"])
            assert one["checksum"] == {"type": "sha1", "value": hashlib.sha1(body).hexdigest()}
            assert one["format"] in ("csv", "json")
            assert one["title"]
            assert one["description"]
            assert one["filetype"] == "file"
        assert [one["type"] for one in shown].count("main") == 5

    def test_each_csv_file_has_its_schema(self):
        done = self.publish()
        for name in TABLES:
            address = self.resource(done, f"{name}.csv")["schema"]["url"]
            redirect = self.visit("GET", urlsplit(address).path)
            assert redirect.status_code in (301, 302, 303, 307, 308)
            schema = json.loads(self.visit("GET", urlsplit(redirect.location).path).get_data())
            header = self.file(done, f"{name}.csv").decode().split("\r\n")[0]
            assert [field["name"] for field in schema["fields"]] == [
                column.strip('"') for column in header.split(";")
            ]

    def test_the_questionnaire_has_every_language(self):
        done = self.publish()
        asked = json.loads(self.file(done, "questionnaire.json"))
        assert asked["questions"][0]["text"]["en"] == "Do you use cultural data?"
        assert asked["questions"][0]["text"]["fr"] == "Utilisez-vous des données culturelles ?"
        assert asked["organization"] == "Ministère de la Culture"

    def test_the_dictionary_says_what_each_answer_means(self):
        done = self.publish()
        told = {
            row["value"]: row["label"]
            for row in self.rows(done, "dictionary.csv")
            if row["column"] == "answers.use" and row["value"]
        }
        assert told == {"yes": "Oui", "no": "Non"}

    @needs_frictionless
    def test_frictionless_finds_nothing_wrong_in_any_file(self, tmp_path: Path):
        self.some_people()
        done = self.publish()
        for name in TABLES:
            (tmp_path / f"{name}.csv").write_bytes(self.file(done, f"{name}.csv"))
            (tmp_path / f"{name}.schema.json").write_bytes(self.file(done, f"{name}.schema.json"))
            found = errors(tmp_path / f"{name}.csv", tmp_path / f"{name}.schema.json")
            assert found == [], name

    # --- The numbers ---

    def some_people(self) -> None:
        """Forty answers, a feedback and requests of every sort."""
        dice = random.Random(6)
        for number in range(40):
            uses = dice.random() < 0.8
            answers: dict[str, Any] = {
                "use": "yes" if uses else "no",
                "satisfied": dice.randint(1, 4),
                "why": f"{SECRET} {number} ; =SOMME(A1)",
                "best": str(self.producer.dataset.id),
            }
            if uses:
                answers["themes"] = dice.sample(
                    ["museums", "archives", "books"], dice.randint(1, 3)
                )
            profile = dice.choice([None, "student", "student", "developer", "journalist"])
            self.said(profile, answers=answers)
        with freeze_time(DURING):
            self.give(
                UserFactory(),
                self.producer.dataset,
                ratings={"completeness": 2},
                usages=["research", "teaching"],
                comment=SECRET,
                open_data=True,
            )
            self.give(UserFactory(), self.producer.dataset, fitness="no", profile="student")
            self.give(self.producer.admin, self.producer.dataset, fitness="yes")
            wish = {"title": "Les entrées", "description": SECRET, "kind": "new"}
            self.ask(
                "POST", "/requests/", wish | {"dataset": str(self.producer.dataset.id)}, self.team
            )

    def test_the_answers_add_up_to_the_results(self):
        self.some_people()
        done = self.publish()
        with freeze_time(AFTER):
            page = self.results_of(self.made)
        rows = self.rows(done, "responses.csv")
        assert len(rows) == page["responses"]["total"] == 40
        assert Counter(row["channel"] for row in rows) == {"web": 40}
        for question in page["questions"]:
            column = f"answers.{question['id']}"
            given = [row[column] for row in rows if row[column]]
            if "options" in question:
                assert len(given) == question["answered"]
                counts = Counter(one for answer in given for one in answer.split(","))
                assert counts == {
                    str(one["id"]): one["count"] for one in question["options"] if one["count"]
                }
            if question["kind"] == "scale":
                mean = sum(map(int, given)) / len(given)
                assert round(mean, 2) == question["mean"]

    def test_the_figures_are_those_of_the_page(self):
        self.some_people()
        done = self.publish()
        with freeze_time(AFTER):
            page = self.results_of(self.made)
        by_answer = {
            (row["question"], row["answer"]): row for row in self.rows(done, "results.csv")
        }
        crossed = {
            (row["question"], row["profile"], row["answer"]): row
            for row in self.rows(done, "results-by-profile.csv")
        }
        seen = 0
        for question in page["questions"]:
            for option in question.get("options", ()):
                row = by_answer[question["id"], str(option["id"])]
                assert int(row["count"]) == option["count"]
                assert float(row["share"]) == pytest.approx(option["share"], abs=1e-4)
            for group in question.get("profiles", ()):
                for option in group["options"]:
                    row = crossed[question["id"], group["profile"], str(option["id"])]
                    assert int(row["count"]) == option["count"]
                    assert int(row["answered"]) == group["answered"] >= 10
                    seen += 1
        assert seen == len(crossed) > 0

    def test_below_five_answers_there_is_neither_a_share_nor_a_mean(self):
        for _ in range(4):
            self.said()
        rows = self.rows(self.publish(), "results.csv")
        assert {row["share"] for row in rows} == {""}
        assert {row["mean"] for row in rows} == {""}
        assert [row["count"] for row in rows if row["answer"] == "yes"] == ["4"]
        self.said()
        rows = self.rows(self.publish(LATER), "results.csv")
        assert [row["share"] for row in rows if row["answer"] == "yes"] == ["1.0"]

    def test_opinions_are_those_that_the_page_counts_once_and_without_the_producer(self):
        self.some_people()
        done = self.publish()
        with freeze_time(AFTER):
            page = self.results_of(self.made)["feedback"]
        rows = self.rows(done, "feedback.csv")
        assert len(rows) == page["total"] == 2
        assert Counter(row["fitness"] for row in rows) == {"partly": 1, "no": 1}
        assert sorted(row["ratings.completeness"] for row in rows) == ["", "2"]
        assert {row["month"] for row in rows} == {"2022-12"}
        assert {row["dataset.title"] for row in rows} == {"Musées"}
        assert "comment" not in rows[0]

    def test_a_dataset_that_is_not_public_any_more_is_not_named(self):
        self.some_people()
        Dataset._get_collection().update_one(
            {"_id": self.producer.dataset.id}, {"$set": {"private": True}}
        )
        done = self.publish()
        for name in TABLES:
            text = self.file(done, f"{name}.csv").decode()
            assert str(self.producer.dataset.id) not in text, name
            assert "Musées" not in [row.get("dataset.title") for row in read(text)]
        assert len(self.rows(done, "feedback.csv")) == 2

    # --- What protects people ---

    def test_nothing_tells_who_or_when(self):
        camille = UserFactory(first_name="Camille", last_name="Durand")
        with freeze_time(DURING):
            self.answered(self.made, camille, profile="student")
        [stored] = responses().find()
        done = self.publish()
        for name in TABLES:
            text = self.file(done, f"{name}.csv").decode()
            for trace in (
                "Durand",
                str(camille.id),
                camille.slug,
                camille.email,
                stored["contributor"]["key"],
                str(stored["_id"]),
                "2022-12-20",
                "12:00",
            ):
                assert trace not in text, (name, trace)

    def test_a_profile_is_told_where_ten_share_it(self):
        for _ in range(10):
            self.said("student")
        for _ in range(9):
            self.said("journalist")
        for _ in range(12):
            self.said()
        for rows in (self.rows(self.publish(), "responses.csv"), self.download()):
            assert Counter(row["profile"] for row in rows) == {"student": 10, "": 21}

    def test_nor_where_the_empty_cells_would_tell_another(self):
        """Twelve students and three journalists: the page says how many journalists there are."""
        for profile, people in (("student", 12), ("journalist", 3)):
            for _ in range(people):
                self.said(profile)
        for rows in (self.rows(self.publish(), "responses.csv"), self.download()):
            assert {row["profile"] for row in rows} == {""}

    def test_every_way_of_being_few_is_hidden(self):
        """Brute force, on the counters alone."""
        self.said("student")
        self.publish()
        id = of_responses(ObjectId(self.made["id"]))
        template = responses().find_one({})
        for students in (0, 1, 9, 10, 11):
            for others in (0, 1, 9, 10):
                for silent in (0, 1, 10):
                    groups = {"student": students, "journalist": others, None: silent}
                    responses().delete_many({})
                    totals = {"total": sum(groups.values())}
                    for profile, people in groups.items():
                        totals[f"profile:{profile or '-'}"] = people
                        for _ in range(people):
                            one = template | {"_id": ObjectId(), "profile": profile}
                            one["contributor"] = one["contributor"] | {"key": f"x:{one['_id']}"}
                            responses().insert_one(one)
                    results().update_one({"_id": id}, {"$set": {"totals": totals}})
                    with self.app.test_request_context("/"):
                        told = Counter(
                            row.profile
                            for row in consultation_csv.response_rows(find(self.made["id"]))
                        )
                    assert all(n >= 10 for n in told.values()) or set(told) <= {None}, groups
                    assert all(told[one] in (0, groups[one]) for one in ("student", "journalist"))

    def test_a_text_is_there_once_its_author_agreed_and_a_moderator_has_read_it(self):
        texts = {
            (agreed, state): f"Un texte {agreed} {state}"
            for agreed in (True, False)
            for state in ("pending", "public", "hidden")
        }
        for (agreed, state), text in texts.items():
            id = self.said(answers={"why": text}, open_data=agreed)
            self.published_text(id, state=state)
        done = self.publish()
        for rows in (self.rows(done, "responses.csv"), self.download()):
            told = [row["answers.why"] for row in rows if row["answers.why"]]
            assert told == [texts[True, "public"]]

    def test_what_is_missing_is_a_text_too(self):
        lacking = {"title": "Les entrées", "description": SECRET}
        id = self.said(answers={"lacking": lacking}, open_data=True)
        assert {row["answers.lacking"] for row in self.download()} == {""}
        self.published_text(id)
        assert [row["answers.lacking"] for row in self.download()] == [f"Les entrées\n\n{SECRET}"]

    def test_no_cell_is_a_formula(self):
        id = self.said(answers={"why": "=HYPERLINK(A1)"}, open_data=True)
        self.published_text(id)
        assert [row["answers.why"] for row in self.download()] == ["'=HYPERLINK(A1)"]

    def test_nobody_agrees_without_having_ticked(self):
        with freeze_time(BEFORE):
            short = self.make(self.team, steps=[], questions=QUESTIONS[:1])
        with freeze_time(DURING):
            path = f"/pages/consultations/{short['slug']}/"
            page = self.ask("GET", path, user=UserFactory()).get_data(as_text=True)
            [box] = [tag for tag in page.split("<") if 'name="open_data"' in tag]
            assert "checked" not in box
            self.answered(self.made)
        assert responses().find_one({})["open_data"] is False

    def test_whoever_takes_their_agreement_back_is_not_in_the_next_file(self):
        author = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, author, answers=ANSWERS | {"why": SECRET}, open_data=True)
        self.published_text(responses().find_one({})["_id"])
        assert SECRET in self.file(self.publish(), "responses.csv").decode()
        with freeze_time(LATER):
            changed = self.ask(
                "PUT", f"/consultations/{self.made['id']}/responses/", {"open_data": False}, author
            )
            assert (changed.status_code, changed.json["open_data"]) == (200, False)
            more = self.ask(
                "PUT", f"/consultations/{self.made['id']}/responses/", {"open_data": True}, author
            )
            assert more.status_code == 410
        again = self.publish(LATER)
        assert again.changed == ("responses.csv",)
        assert SECRET not in self.file(again, "responses.csv").decode()
        assert len(self.rows(again, "responses.csv")) == 1

    def test_they_can_do_so_from_the_page(self):
        author = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, author, open_data=True)
        path = f"/pages/consultations/{self.made['slug']}/"
        with freeze_time(AFTER):
            assert "texts-back" in self.ask("GET", path, user=author).get_data(as_text=True)
            done = self.ask("POST", f"{path}texts-back", user=author, data={"x": "1"})
            assert done.status_code in (200, 303)
            assert responses().find_one({})["open_data"] is False
            assert "texts-back" not in self.ask("GET", path, user=author).get_data(as_text=True)

    def test_whoever_deletes_their_answer_is_not_in_the_next_file_but_in_the_figures(self):
        author = UserFactory()
        with freeze_time(DURING):
            self.answered(self.made, author, answers=ANSWERS | {"why": SECRET}, open_data=True)
        self.published_text(responses().find_one({})["_id"])
        self.publish()
        with freeze_time(LATER):
            gone = self.ask("DELETE", f"/consultations/{self.made['id']}/responses/", None, author)
            assert gone.status_code == 204
        again = self.publish(LATER)
        assert again.changed == ("responses.csv",)
        [row] = self.rows(again, "responses.csv")
        assert (row["answers.why"], row["answers.use"]) == ("", "yes")

    # --- The seal ---

    def test_nothing_is_published_before_the_seal_is_broken(self):
        self.said()
        for moment in (BEFORE, DURING, "2023-02-06T23:00:00", "2023-02-06T23:14:59"):
            with pytest.raises(refusals.Conflict):
                self.publish(moment)
            with freeze_time(moment):
                for user in (None, self.team, sysadmin()):
                    path = f"/consultations/{self.made['id']}/responses.csv"
                    assert self.ask("GET", path, user=user).status_code == 404
                assert site_open_data.publish_everything.run() == {"published": 0, "refused": 0}
        assert Dataset.objects(organization=self.owner).count() == 0
        assert published().count_documents({}) == 0
        self.publish("2023-02-06T23:15:00")

    def test_a_consultation_that_is_not_published_does_not_exist(self):
        with freeze_time(BEFORE):
            draft = self.make(self.team, publish=False)
        for name in (draft["id"], draft["slug"], "nothing", str(ObjectId())):
            with pytest.raises(refusals.NotFound), freeze_time(AFTER):
                publishing.publish(name)

    # --- Again ---

    def test_a_second_run_writes_nothing(self):
        self.some_people()
        done = self.publish()
        before, files = Dataset.objects.get(id=done.dataset).to_json(), everything_stored()
        again = self.publish(LATER)
        assert (again.dataset, again.created, again.changed) == (done.dataset, False, ())
        assert Dataset.objects.get(id=done.dataset).to_json() == before
        assert everything_stored() == files

    def test_only_what_says_something_else_is_written_again(self):
        id = self.said(answers={"why": "Un texte"}, open_data=True)
        self.said()
        done = self.publish()
        before = {one["id"]: one for one in self.shown(done)["resources"]}
        rows = {row["row"] for row in self.rows(done, "responses.csv")}
        files = everything_stored()
        self.published_text(id)
        again = self.publish(LATER)
        assert again.changed == ("responses.csv",)
        after = {one["id"]: one for one in self.shown(again)["resources"]}
        assert before.keys() == after.keys()
        changed = self.resource(again, "responses.csv")
        assert [one for one in after if before[one] != after[one]] == [changed["id"]]
        # The ids of rows are drawn anew, of those that have not changed too.
        assert not rows & {row["row"] for row in self.rows(again, "responses.csv")}
        # The earlier file is gone.
        assert len(everything_stored()) == len(files)

    def test_an_interrupted_publication_is_gone_on_with(self):
        self.said()
        done = self.publish()
        published().update_one({}, {"$set": {"files": [], "written": {}, "created_at": None}})
        again = self.publish(LATER)
        assert again.dataset == done.dataset
        assert Dataset.objects(organization=self.owner).count() == 1
        assert len(self.shown(again)["resources"]) == 2 * len(TABLES) + 1
        assert self.publish(LATER).changed == ()

    def test_nobody_publishes_the_same_meanwhile(self):
        with freeze_time(AFTER):
            published().insert_one(
                {
                    "_id": f"consultation:{self.made['id']}",
                    "dataset": ObjectId(),
                    "claimed": utc("2023-02-07T12:30:00"),
                }
            )
            with pytest.raises(refusals.Conflict):
                publishing.publish(self.made["id"])
        self.publish(LATER)  # whoever claimed it has died

    def test_what_the_organization_writes_stays(self):
        done = self.publish()
        dataset = Dataset.objects.get(id=done.dataset)
        dataset.title, dataset.tags = "Notre titre", ["notre-mot-cle"]
        dataset.save()
        self.said()
        again = self.publish(LATER)
        assert "description" in again.changed
        shown = self.shown(again)
        assert (shown["title"], shown["tags"]) == ("Notre titre", ["notre-mot-cle"])
        assert self.publish(LATER).changed == ()

    def test_files_of_the_organization_stay_too(self):
        done = self.publish()
        dataset = Dataset.objects.get(id=done.dataset)
        from udata.core.dataset.factories import ResourceFactory

        dataset.add_resource(ResourceFactory(title="Notre rapport"))
        self.said()
        titles = [one["title"] for one in self.shown(self.publish(LATER))["resources"]]
        assert "Notre rapport" in titles

    def test_a_dataset_that_says_it_is_ours_is_not(self):
        """Anybody may write extras."""
        forged = DatasetFactory(
            organization=self.owner,
            extras={"culture-feedback:published": f"consultation:{self.made['id']}"},
        )
        before = Dataset.objects.get(id=forged.id).to_json()
        assert self.publish().dataset != forged.id
        assert Dataset.objects.get(id=forged.id).to_json() == before

    def test_a_dataset_that_was_given_away_is_left_alone(self):
        done = self.publish()
        dataset = Dataset.objects.get(id=done.dataset)
        dataset.organization = OrganizationFactory()
        dataset.save()
        before = Dataset.objects.get(id=done.dataset).to_json()
        self.said()
        with pytest.raises(refusals.Conflict):
            self.publish(LATER)
        assert Dataset.objects.get(id=done.dataset).to_json() == before

    @pytest.mark.parametrize("purged", [False, True])
    def test_a_dataset_that_was_deleted_does_not_come_back(self, purged: bool):
        done = self.publish()
        if purged:
            Dataset.objects(id=done.dataset).delete()
        else:
            dataset = Dataset.objects.get(id=done.dataset)
            dataset.deleted = utc(LATER)
            dataset.save()
        with pytest.raises(refusals.Conflict):
            self.publish(LATER)
        with freeze_time(LATER):
            assert self.results_of(self.made)["dataset"] is None

    # --- Who, and when ---

    def test_the_job_publishes_what_has_closed(self):
        self.said()
        with freeze_time(AFTER):
            assert site_open_data.publish_everything.run() == {"published": 1, "refused": 0}
            assert site_open_data.publish_everything.run() == {"published": 0, "refused": 0}
        assert Dataset.objects(organization=self.owner).count() == 1

    def test_the_command_says_what_was_done(self):
        with freeze_time(AFTER):
            told = self.cli("feedback", "publish-results", self.made["slug"]).output
            assert "responses.csv" in told
            assert (
                "nothing has changed"
                in self.cli("feedback", "publish-results", self.made["id"]).output
            )
            assert (
                self.cli("feedback", "publish-results", "nothing", expect_error=True).exit_code == 1
            )

    def test_the_team_publishes_from_the_page_and_nobody_else(self):
        self.said()
        path = f"/pages/consultations/{self.made['slug']}/results/"
        with freeze_time(AFTER):
            for user, shown in ((None, False), (UserFactory(), False), (self.team, True)):
                page = self.ask("GET", path, user=user).get_data(as_text=True)
                assert ("results/publish" in page) is shown
                assert "responses.csv" in page
            refused = self.ask("POST", f"{path}publish", user=UserFactory(), data={"x": "1"})
            assert "cf-errors" in refused.get_data(as_text=True)
            assert Dataset.objects(organization=self.owner).count() == 0
            done = self.ask("POST", f"{path}publish", user=self.team, data={"x": "1"})
            assert done.status_code == 303
            [dataset] = Dataset.objects(organization=self.owner)
            assert dataset.title in self.ask("GET", path).get_data(as_text=True)

    def test_many_answers_are_published_by_a_task(self):
        self.said()
        path = f"/pages/consultations/{self.made['slug']}/results/"
        with freeze_time(AFTER):
            self.results_of(self.made)  # settled
            many = {"$set": {"totals.total": publishing.AT_ONCE + 1}}
            results().update_one({"_id": of_responses(ObjectId(self.made["id"]))}, many)
            done = self.ask("POST", f"{path}publish", user=self.team, data={"x": "1"})
            assert (done.status_code, "done=queued" in done.location) == (303, True)
        assert Dataset.objects(organization=self.owner).count() == 1

    # --- The file of answers on its own ---

    def test_it_is_kept_by_its_etag_until_something_changes(self):
        id = self.said(answers={"why": SECRET}, open_data=True)
        path = f"/consultations/{self.made['id']}/responses.csv"
        with freeze_time(AFTER):
            first = self.ask("GET", path, buffered=True)
            assert first.headers["Cache-Control"] == "public, max-age=60"
            tag = first.headers["ETag"]
            assert tag.startswith("W/")
            known = {"If-None-Match": tag}
            same = self.ask("GET", path, headers=known)
            assert (same.status_code, same.get_data()) == (304, b"")
            self.published_text(id)
            changed = self.ask("GET", path, headers=known, buffered=True)
            assert changed.status_code == 200
            assert SECRET in changed.get_data(as_text=True)

    def test_rows_have_other_ids_and_another_order_each_time(self):
        for number in range(1, 5):
            self.said(answers={"satisfied": number})
        first, second = self.download(), self.download()
        assert not {row["row"] for row in first} & {row["row"] for row in second}
        orders = {tuple(row["answers.satisfied"] for row in self.download()) for _ in range(12)}
        assert len(orders) > 1


def resident() -> int:
    """The memory that this process takes, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.options(**UNLIMITED)
class ManyAnswersTest(PublishingCase):
    #: Answers, and how much more memory than for the first of them the others may take (their file
    #: has some 30 MB).
    ANSWERS = 200_000
    MOST = 12 * 2**20

    def test_two_hundred_thousand_answers_take_no_more_memory_than_some(self, tmp_path: Path):
        self.fill()
        consultation = find(self.made["id"])
        assert consultation
        table = consultation_csv.responses_table(consultation)
        taken: list[int] = []

        def watched() -> Iterator[Any]:
            for number, row in enumerate(consultation_csv.response_rows(consultation), 1):
                yield row
                if number % 20_000 == 0:
                    taken.append(resident())

        written = table.write(tmp_path / "responses.csv", watched())
        assert written.rows == self.ANSWERS
        assert (tmp_path / "responses.csv").stat().st_size > 2 * self.MOST
        assert max(taken) - taken[0] < self.MOST

    def fill(self) -> None:
        self.said("student")
        template = responses().find_one({})
        for field in ("submission_id", "due", "counted", "live"):
            template.pop(field, None)
        text = {"question": "why", "state": "public", "text": "Une longue histoire. " * 5}
        template |= {"texts": [text], "open_data": True}
        for start in range(1, self.ANSWERS, 10_000):
            responses().insert_many(
                (
                    template | {"_id": ObjectId(), "contributor": {"kind": "user", "key": f"x:{n}"}}
                    for n in range(start, min(start + 10_000, self.ANSWERS))
                ),
                ordered=False,
            )


#: What others may know of somebody who answered, and a file might tell.
KNOWN = ("month", "channel", "profile")


@pytest.mark.options(**UNLIMITED)
class AttackTest(PublishingCase):
    """Whoever knows when, how and as what somebody answered finds at least ten rows."""

    least = 10

    def crowd(self) -> None:
        chance = random.Random(7)
        for number in range(240):
            moment = utc("2022-12-20" if number % 3 else "2023-01-15")
            profile = chance.choices(("student", "teacher", "journalist", None), (9, 6, 2, 5))[0]
            id = ObjectId()
            who = Viewer(key=f"user:{id}", user_id=id)
            answers = ANSWERS | {"satisfied": 1 + number % 4}
            answers["use"] = "no" if number < 12 else "yes"
            answers["themes"] = ["museums", *(["archives"] if number % 60 == 59 else [])]
            with self.app.test_request_context("/"):
                stored, _new = answering.submit(
                    who,
                    self.made["id"],
                    {"answers": answers, "profile": profile},
                    at=moment,
                    asking=False,
                )
            if number % 20 == 0:
                update = {"$set": {"channel": "post"}}
                responses().update_one({"_id": stored["_id"]}, update)
            elif number % 71 == 0:
                responses().update_one({"_id": stored["_id"]}, {"$set": {"channel": "phone"}})

    def late(self, many: int) -> None:
        """Answers collected elsewhere, brought in after the closing."""
        template = responses().find_one({"profile": "journalist"})
        for _ in range(many):
            id = ObjectId()
            who = {"kind": "unverified", "key": f"import:{id}"}
            responses().insert_one(
                template
                | {"_id": id, "contributor": who, "channel": "import", "imported": utc(LATER)}
            )

    def test_by_grouping_nobody_is_found_among_fewer_than_ten(self):
        self.crowd()
        rows = self.rows(self.publish(), "responses.csv")
        assert len(rows) == 240
        groups = Counter(tuple(row[name] for name in KNOWN) for row in rows)
        assert min(groups.values()) >= 10, groups
        assert len(groups) > 4  # and something is told
        for size in range(1, len(KNOWN)):
            for names in itertools.combinations(KNOWN, size):
                some = Counter(tuple(row[name] for name in names) for row in rows)
                assert min(some.values()) >= 10, (names, some)
        assert {row["answers.themes"] for row in rows} == {"museums", ""}  # four said archives
        for name in ("answers.use", "answers.satisfied"):
            told = Counter(row[name] for row in rows)
            assert min(told.values()) >= 10, (name, told)

    def test_by_comparing_two_days_nobody_is_found_among_fewer_than_ten(self):
        self.crowd()
        first = self.rows(self.publish(), "responses.csv")
        self.late(3)
        with freeze_time(LATER):
            assert publishing.publish(self.made["id"]).changed in ((), ("results.csv",))
        second = self.download_later()
        assert _said(first) == _said(second)
        self.late(9)
        third = self.download_later()
        assert len(third) == len(first) + 12  # these are many enough

    def download_later(self) -> list[dict[str, str]]:
        with freeze_time(LATER):
            path = f"/consultations/{self.made['id']}/responses.csv"
            response = self.ask("GET", path, buffered=True)
        assert response.status_code == 200
        return read(response.get_data(as_text=True))

    def test_where_too_little_would_be_left_only_tables_are_published(self):
        for profile in ("student", "teacher", "journalist"):
            for _ in range(3):
                self.said(profile)
        done = self.publish()
        names = {
            urlsplit(one["url"]).path.rpartition("/")[2] for one in self.shown(done)["resources"]
        }
        assert "responses.csv" not in names
        assert "results.csv" in names
        with freeze_time(AFTER):
            path = f"/consultations/{self.made['id']}/responses.csv?lang=en"
            refused = self.ask("GET", path)
        assert refused.status_code == 404
        assert "tables only" in refused.json["message"]

    def test_an_address_that_udata_refuses_is_said_before_anything_is_written(self, monkeypatch):
        for _ in range(12):
            self.said()
        before = everything_stored()
        monkeypatch.setattr(type(storage), "url", lambda *args, **kwargs: "http://[nowhere")
        with pytest.raises(refusals.Conflict, match="refuse l’adresse de ses propres fichiers"):
            self.publish()
        assert everything_stored() == before


def _said(rows: list[dict[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    """What rows say, whatever their order and their random ids."""
    return Counter(
        tuple(sorted((name, cell) for name, cell in row.items() if name != "row")) for row in rows
    )
