"""The JSON API of feedback, as somebody outside uses it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from bson import ObjectId
from flask import json
from udata import api, frontend, settings
from udata.app import create_app
from udata.core.dataset.factories import DatasetFactory, ResourceFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

import udata_culture_feedback
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import P, PluginTestCase, Producer, everything_is_settled, sysadmin

MISSING = "0123456789abcdef01234567"

unlimited = pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None)

FIELDS = {
    "id",
    "dataset",
    "organization",
    "resource",
    "consultation",
    "fitness",
    "ratings",
    "comment",
    "wants_answer",
    "usages",
    "profile",
    "contributor",
    "visibility",
    "treatment",
    "outdated",
    "discussion",
    "created_at",
    "last_modified",
    "permissions",
    "self_api_url",
    "self_web_url",
}


def about(dataset: Any, /, **answer: Any) -> dict[str, Any]:
    return {"dataset": str(dataset.id), "fitness": "partly"} | answer


class SubmitTest(PluginTestCase):
    def test_an_answer_has_exactly_the_fields_of_the_contract(self):
        producer = Producer()
        dataset = producer.dataset
        camille = UserFactory(first_name="Camille", last_name="Martin")
        body = {
            "dataset": str(dataset.id),
            "fitness": "partly",
            "ratings": {"completeness": 2, "update_frequency": 4, "georeferencing": None},
            "comment": "  Il manque les musées d'outre-mer.\r\n ",
            "wants_answer": True,
            "usages": ["research", "mediation", "research"],
            "profile": "researcher",
            "unknown": {"$set": 1},
        }
        response = self.ask("POST", "/feedback/", body, camille)
        assert response.status_code == 201
        feedback = response.json
        assert set(feedback) == FIELDS
        assert set(feedback["dataset"]) == {"id", "title", "page"}
        assert feedback["dataset"]["id"] == str(dataset.id)
        assert feedback["dataset"]["title"] == dataset.title
        assert feedback["organization"]["id"] == str(producer.organization.id)
        assert feedback["resource"] is None
        assert feedback["consultation"] is None
        assert feedback["fitness"] == "partly"
        assert feedback["ratings"] == {"completeness": 2, "update_frequency": 4}
        assert feedback["comment"] == "Il manque les musées d'outre-mer."
        assert feedback["wants_answer"] is True
        assert feedback["usages"] == ["research", "mediation"]
        assert feedback["profile"] == "researcher"
        assert feedback["contributor"]["kind"] == "user"
        assert feedback["contributor"]["name"] == "Camille Martin"
        assert feedback["contributor"]["user"]["id"] == str(camille.id)
        assert feedback["visibility"] == "public"
        assert feedback["treatment"] == {
            "status": "new",
            "label": "En attente de réponse",
            "answer": None,
            "answered_at": None,
        }
        assert feedback["outdated"] is False
        for date in ("created_at", "last_modified"):
            assert datetime.fromisoformat(feedback[date]).utcoffset() == timedelta(0)
        assert feedback["permissions"] == {
            "edit": True,
            "delete": True,
            "treat": False,
            "moderate": False,
        }
        assert feedback["self_api_url"].endswith(f"{P}/feedback/{feedback['id']}/")
        assert f"/datasets/{dataset.id}/" in feedback["self_web_url"]

    def test_an_answer_is_read_again_as_it_was_given(self):
        author = UserFactory()
        given = self.give(author, Producer().dataset, comment="Clair.", usages=["research"])
        read = self.ask("GET", f"/feedback/{given['id']}/", user=author).json
        assert set(read) == FIELDS
        assert read["discussion"]
        assert read == given | {"discussion": read["discussion"]}

    def test_others_are_told_less_by_which_its_author_could_be_found(self):
        producer, author = Producer(), UserFactory()
        given = self.give(author, producer.dataset, comment="Clair.", usages=["research"])
        for reader in (None, UserFactory()):
            read = self.ask("GET", f"/feedback/{given['id']}/", user=reader).json
            assert set(read) == FIELDS
            assert read["created_at"] == given["created_at"][:10]
            assert read["last_modified"] == given["last_modified"][:10]
            assert read["usages"] == []
            told = {"created_at", "last_modified", "usages", "permissions", "discussion"}
            assert all(read[key] == given[key] for key in FIELDS - told)
            assert not any(read["permissions"].values())
        for reader in (author, producer.editor, sysadmin()):
            read = self.ask("GET", f"/feedback/{given['id']}/", user=reader).json
            assert read["created_at"] == given["created_at"]
            assert read["usages"] == ["research"]

    def test_what_has_no_public_words_is_listed_to_its_author_its_producer_and_moderators(self):
        producer, author = Producer(), UserFactory()
        bare = self.give(author, producer.dataset)
        worded = self.give(UserFactory(), producer.dataset, comment="Il manque 2024.")
        for where in (f"dataset={producer.dataset.id}", f"organization={producer.organization.id}"):
            for reader in (None, UserFactory()):
                listed = self.ask("GET", f"/feedback/?{where}", user=reader).json
                assert [one["id"] for one in listed["data"]] == [worded["id"]]
                assert listed["total"] == 1
            for reader in (author, producer.admin, sysadmin()):
                listed = self.ask("GET", f"/feedback/?{where}", user=reader).json
                assert [one["id"] for one in listed["data"]] == [worded["id"], bare["id"]]
                assert listed["total"] == 2

    def test_only_the_first_question_is_obligatory(self):
        dataset = Producer().dataset
        feedback = self.give(UserFactory(), dataset, fitness="yes")
        assert feedback["comment"] is None
        assert feedback["ratings"] == {}
        assert feedback["usages"] == []
        assert feedback["profile"] is None
        assert feedback["wants_answer"] is False
        summary = self.summary(dataset)
        assert summary["total"] == 1
        assert summary["fitness"] == {"yes": 1, "partly": 0, "no": 0}

    def test_the_dataset_is_named_by_id_slug_old_slug_or_reference(self):
        dataset = Producer(title="Fréquentation des musées").dataset
        old = dataset.slug
        dataset.title = "Fréquentation des musées de France"
        dataset.slug = "frequentation-musees-de-france"
        dataset.save()
        names = (str(dataset.id), dataset.slug, old, {"class": "Dataset", "id": str(dataset.id)})
        for number, name in enumerate(names):
            body = {"dataset": name, "fitness": "yes", "comment": f"Avis {number}"}
            response = self.ask("POST", "/feedback/", body, UserFactory())
            assert response.status_code == 201, name
            assert response.json["dataset"]["id"] == str(dataset.id)
        for name in names[:3]:
            assert self.ask("GET", f"/feedback/?dataset={name}").json["total"] == 4
            assert self.ask("GET", f"/datasets/{name}/summary/").json["total"] == 4

    def test_a_file_of_the_dataset_may_be_what_it_is_about(self):
        resource = ResourceFactory()
        dataset = Producer(resources=[resource]).dataset
        citizen = UserFactory()
        whole = self.give(citizen, dataset)
        one = self.give(citizen, dataset, resource=str(resource.id), fitness="no")
        assert whole["resource"] is None
        assert one["resource"] == str(resource.id)
        assert self.summary(dataset)["total"] == 2
        listed = self.ask(
            "GET", f"/feedback/?dataset={dataset.id}&resource={resource.id}", user=citizen
        ).json
        assert [f["id"] for f in listed["data"]] == [one["id"]]
        again = self.ask("POST", "/feedback/", about(dataset, resource=str(resource.id)), citizen)
        assert again.status_code == 409
        assert again.json["id"] == one["id"]


class RetryTest(PluginTestCase):
    def test_a_retry_of_the_same_submission_answers_the_first_result(self):
        dataset, citizen = Producer().dataset, UserFactory()
        body = about(dataset, submission_id="a3f0c1d2-0000-4000-8000-1234567890ab")
        first = self.ask("POST", "/feedback/", body, citizen)
        again = self.ask("POST", "/feedback/", body | {"fitness": "no"}, citizen)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json == first.json
        assert feedbacks().count_documents({}) == 1
        assert self.summary(dataset)["total"] == 1

    def test_a_submission_id_is_of_one_person(self):
        dataset = Producer().dataset
        body = about(dataset, submission_id="12345678")
        for _ in range(2):
            assert self.ask("POST", "/feedback/", body, UserFactory()).status_code == 201

    def test_a_second_answer_is_refused_with_the_addresses_of_the_first(self):
        dataset, citizen = Producer().dataset, UserFactory()
        first = self.give(citizen, dataset)
        second = self.ask("POST", "/feedback/", about(dataset, fitness="no"), citizen)
        assert second.status_code == 409
        assert second.json["id"] == first["id"]
        for address in ("self_api_url", "self_web_url"):
            assert second.json[address] == first[address]
        assert second.json["message"]
        assert self.summary(dataset)["fitness"]["no"] == 0

    def test_a_retry_of_a_submission_deleted_since_is_gone(self):
        dataset, citizen = Producer().dataset, UserFactory()
        body = about(dataset, submission_id="submission-1")
        first = self.ask("POST", "/feedback/", body, citizen).json
        assert self.ask("DELETE", f"/feedback/{first['id']}/", user=citizen).status_code == 204
        assert self.ask("POST", "/feedback/", body, citizen).status_code == 410
        assert feedbacks().count_documents({}) == 0
        # Somebody else's submission of the same id, or a new one, is not concerned.
        assert self.ask("POST", "/feedback/", body, UserFactory()).status_code == 201
        assert self.give(citizen, dataset, submission_id="submission-2")["id"] != first["id"]


class RefusalTest(PluginTestCase):
    def test_taking_part_needs_an_account(self):
        feedback = self.give(UserFactory(), (dataset := Producer().dataset))
        for verb, path, body in (
            ("POST", "/feedback/", about(dataset)),
            ("PUT", f"/feedback/{feedback['id']}/", {"fitness": "no"}),
            ("DELETE", f"/feedback/{feedback['id']}/", None),
        ):
            response = self.ask(verb, path, body)
            assert response.status_code == 401, verb
            assert response.json["message"]
            assert response.headers["Cache-Control"] == "no-store"

    def test_what_is_not_there_is_404(self):
        citizen = UserFactory()
        for id in (MISSING, "nothing", "x" * 500, "%00", "%ED%A0%80"):
            path = f"/feedback/{id}/"
            assert self.ask("GET", path).status_code == 404, id
            assert self.ask("PUT", path, {"fitness": "no"}, citizen).status_code == 404, id
            assert self.ask("DELETE", path, user=citizen).status_code == 404, id
            for of in ("datasets", "organizations"):
                assert self.ask("GET", f"/{of}/{id}/summary/").status_code == 404, id
            for filter in ("dataset", "organization"):
                assert self.ask("GET", f"/feedback/?{filter}={id}").status_code == 404, id
            body = {"dataset": id, "fitness": "yes"}
            assert self.ask("POST", "/feedback/", body, citizen).status_code == 404, id
        message = self.ask("GET", f"/feedback/{MISSING}/?lang=en").json["message"]
        assert message == "There is no such feedback."  # flask-restx would add other addresses

    @unlimited
    def test_each_field_at_fault_is_named(self):
        dataset, citizen = Producer().dataset, UserFactory()
        elsewhere = OrganizationFactory(admins=[UserFactory()])
        other = DatasetFactory(resources=[ResourceFactory()])
        wrong: list[tuple[str, Any, str]] = [
            *(
                ("fitness", v, "fitness")
                for v in ("maybe", None, "", 1, True, ["yes"], {"$gt": ""})
            ),
            *(("ratings", v, "ratings") for v in ([], [1], "5", 5, True)),
            *(("ratings", {a: 3}, "ratings") for a in ("beauty", "$where", "a.b", "", "\ud800")),
            *(
                ("ratings", {"completeness": v}, "ratings.completeness")
                for v in (0, 6, -1, 2.0, 3.5, True, "3", [3], {"$inc": 1}, 10**30)
            ),
            *(("comment", v, "comment") for v in (1, True, ["x"], {"$ne": None})),
            *(("wants_answer", v, "wants_answer") for v in ("yes", 1, [], {})),
            *(
                ("usages", v, "usages")
                for v in ("research", ["sleep"], [1], {"a": 1}, [["research"]])
            ),
            *(("profile", v, "profile") for v in ("king", 1, ["student"], {"$ne": 1}, True)),
            *(
                ("submission_id", v, "submission_id")
                for v in (
                    "short",
                    "x" * 65,
                    12345678,
                    "white space",
                    "\ud800\ud800\ud800\ud800",
                    [],
                )
            ),
            *(
                ("resource", v, "resource")
                for v in ("nothing", str(other.resources[0].id), 3, ["x"], "x" * 65)
            ),
            *(
                ("signature", v, "signature")
                for v in (str(elsewhere.id), MISSING, "King", 7, [str(elsewhere.id)], "\ud800")
            ),
            *(("dataset", v, "dataset") for v in (None, "", 1, [], {}, {"id": 1}, True)),
        ]
        bad = []
        for field, value, named in wrong:
            response = self.ask("POST", "/feedback/", about(dataset, **{field: value}), citizen)
            if response.status_code != 400 or named not in response.json.get("errors", {}):
                bad.append((field, value, response.status_code, response.json))
        assert not bad
        assert feedbacks().count_documents({}) == 0
        # The same when an answer is edited.
        feedback = self.give(citizen, dataset)
        edited = {"fitness", "ratings", "comment", "wants_answer", "usages", "profile", "signature"}
        for field, value, named in wrong:
            if field in edited:
                response = self.ask("PUT", f"/feedback/{feedback['id']}/", {field: value}, citizen)
                if response.status_code != 400 or named not in response.json.get("errors", {}):
                    bad.append((field, value, response.status_code, response.json))
        assert not bad
        assert self.ask("GET", f"/feedback/{feedback['id']}/", user=citizen).json == feedback

    def test_several_faults_are_named_together(self):
        body = about(Producer().dataset, fitness="?", profile="?", ratings={"completeness": 9})
        errors = self.ask("POST", "/feedback/", body, UserFactory()).json["errors"]
        assert set(errors) == {"fitness", "profile", "ratings.completeness"}
        assert all(isinstance(text, str) and text for text in errors.values())

    @unlimited
    def test_what_is_not_a_json_object_is_refused(self):
        citizen = UserFactory()
        headers = {"X-API-KEY": self.key_of(citizen)}
        dataset = str(Producer().dataset.id)
        nan = '{"dataset": "%s", "fitness": "yes", "ratings": {"completeness": %s}}'
        cases = [
            ("[]", "application/json", 400),
            ('"text"', "application/json", 400),
            ("12", "application/json", 400),
            ("true", "application/json", 400),
            ("null", "application/json", 400),
            ("{", "application/json", 400),
            ("", "application/json", 400),
            (b"\xff\xfe", "application/json", 400),
            ("1" * 5_000, "application/json", 400),
            *((nan % (dataset, n), "application/json", 400) for n in ("NaN", "Infinity", "1e999")),
            ("{}", "text/plain", 415),
            ("dataset=1&fitness=yes", "application/x-www-form-urlencoded", 415),
            ("{}", None, 415),
        ]
        for data, content_type, expected in cases:
            response = self.visit(
                "POST", f"{P}/feedback/", data=data, content_type=content_type, headers=headers
            )
            assert response.status_code == expected, (data[:40], response.get_data(as_text=True))
            assert response.json.get("message") or response.json["errors"]["request"]
        assert feedbacks().count_documents({}) == 0

    def test_a_body_nested_without_end_is_refused(self):
        # With an API key udata itself parses it, before us, and answers 500 on each of its routes.
        client, citizen = self.app.test_client(), UserFactory()
        with client.session_transaction() as session:
            session |= {"_user_id": citizen.fs_uniquifier, "_fresh": True}
        for body in ("[" * 60_000, '{"a":' * 12_000):
            response = self.visit(
                "POST", f"{P}/feedback/", client, data=body, content_type="application/json"
            )
            assert response.status_code == 400
            assert response.json["message"]

    def test_a_comment_over_the_bound_is_413(self):
        dataset, citizen = Producer().dataset, UserFactory()
        longest = "1234567 é" * 1_666 + "123456"
        response = self.ask("POST", "/feedback/", about(dataset, comment=longest + "7"), citizen)
        assert response.status_code == 413
        assert "comment" in response.json["errors"]
        assert self.give(citizen, dataset, comment=longest)["comment"] == longest

    def test_a_body_over_the_bound_is_413_whether_or_not_it_says_its_length(self):
        headers = {"X-API-KEY": self.key_of(UserFactory())}
        body = json.dumps(about(Producer().dataset, padding="x" * 70_000)).encode()
        said = self.visit(
            "POST", f"{P}/feedback/", data=body, content_type="application/json", headers=headers
        )
        assert said.status_code == 413
        assert said.json["message"]
        silent = self.visit(
            "POST",
            f"{P}/feedback/",
            input_stream=BytesIO(body),
            content_type="application/json",
            headers=headers | {"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert silent.status_code == 413
        assert feedbacks().count_documents({}) == 0

    @pytest.mark.options(READ_ONLY_MODE=True)
    def test_a_read_only_portal_answers_423_except_to_sysadmins(self):
        dataset, citizen = Producer().dataset, UserFactory()
        assert self.ask("POST", "/feedback/", about(dataset), citizen).status_code == 423
        theirs = self.give(sysadmin(), dataset)
        assert self.ask("DELETE", f"/feedback/{theirs['id']}/", user=citizen).status_code == 423
        put = self.ask("PUT", f"/feedback/{theirs['id']}/", {"fitness": "no"}, citizen)
        assert put.status_code == 423
        assert self.ask("GET", f"/feedback/?dataset={dataset.id}").status_code == 200


class LimitTest(PluginTestCase):
    def test_thirty_writes_in_ten_minutes_refused_ones_included(self):
        dataset, citizen = Producer().dataset, UserFactory()
        feedback = self.give(citizen, dataset)
        path = f"/feedback/{feedback['id']}/"
        for n in range(29):
            verb, where, body = (
                ("PUT", path, {"fitness": "yes"}),
                ("PUT", path, {"fitness": "bad"}),
                ("POST", "/feedback/", about(dataset)),
                ("POST", "/feedback/", {"dataset": MISSING, "fitness": "yes"}),
            )[n % 4]
            status = self.ask(verb, where, body, citizen).status_code
            assert status == (200, 400, 409, 404)[n % 4]
        for verb, where, body in (
            ("PUT", path, {"fitness": "yes"}),
            ("POST", "/feedback/", about(DatasetFactory())),
            ("DELETE", path, None),
        ):
            refused = self.ask(verb, where, body, citizen)
            assert refused.status_code == 429
            assert 0 < int(refused.headers["Retry-After"]) <= 600
            assert refused.json["message"]
        assert self.ask("GET", path, user=citizen).status_code == 200  # reading goes on
        self.give(UserFactory(), dataset)  # and so do others

    @pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="3 per 10 minutes")
    def test_the_limit_holds_across_processes(self):
        other = create_app(settings.Defaults, override=settings.Testing)
        other.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "3 per 10 minutes"
        api.init_app(other)
        frontend.init_app(other)
        udata_culture_feedback.init_app(other)
        citizen, dataset = UserFactory(), Producer().dataset
        headers = {"X-API-KEY": self.key_of(citizen)}
        statuses = []
        for app in (self.app, other, self.app, other, self.app):
            response = self.visit(
                "POST",
                f"{P}/feedback/",
                client=app.test_client(),
                data=json.dumps(about(dataset)),
                content_type="application/json",
                headers=headers,
            )
            statuses.append(response.status_code)
        assert statuses == [201, 409, 409, 429, 429]

    @pytest.mark.options(
        CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="2 per 10 minutes",
        CULTURE_FEEDBACK_LIMIT_MANAGER="5 per 10 minutes",
    )
    def test_producers_may_write_more_on_what_they_manage(self):
        producer = Producer()
        feedback = self.give(producer.editor, producer.dataset)
        path = f"/feedback/{feedback['id']}/"
        statuses = [
            self.ask("PUT", path, {"fitness": "yes"}, producer.editor).status_code for _ in range(5)
        ]
        assert statuses == [200, 200, 200, 200, 429]


class HostileTest(PluginTestCase):
    """Whatever is sent, the answer is never a 500, and what is stored is sane."""

    @unlimited
    def test_texts_are_cleaned(self):
        dataset = Producer().dataset
        for sent, stored in (
            ("\ud83d perdu", "? perdu"),
            ("a\x00b\x07c", "abc"),
            ("\u202etxet\u202c \u2066x\u2069", "txet x"),
            ("zéro\u200blargeur\ufeff", "zérolargeur"),
            ("e\u0301te\u0301", "été"),
            ("👩\u200d🎨", "👩\u200d🎨"),
            ("a\r\nb\rc\n\n\n\n\n\nd", "a\nb\nc\n\n\nd"),
            ("$where <script>alert(1)</script> {{7*7}}", None),
            (" \u202e\x00 ", ""),
        ):
            body = about(dataset, comment=sent)
            headers = {"X-API-KEY": self.key_of(UserFactory())}
            response = self.visit(
                "POST",
                f"{P}/feedback/",
                data=json.dumps(body, ensure_ascii=True),
                content_type="application/json",
                headers=headers,
            )
            assert response.status_code == 201, sent
            expected = sent if stored is None else stored or None
            assert response.json["comment"] == expected

    @unlimited
    def test_hostile_bodies_are_refused_or_ignored(self):
        citizen = UserFactory()
        for body in (
            {"dataset": "\ud800", "fitness": "yes"},
            {"dataset": "a\x00b", "fitness": "yes"},
            {"dataset": {"$ne": None}, "fitness": "yes"},
            {"dataset": {"id": {"$ne": None}}, "fitness": "yes"},
            {"$where": "1", "a.b": 1, "dataset": MISSING},
            {"dataset": "x" * 60_000},
            {"dataset": [[[[]]]], "fitness": "yes"},
        ):
            response = self.ask("POST", "/feedback/", body, citizen)
            assert response.status_code in (400, 404), body

    @unlimited
    def test_hostile_queries_never_break(self):
        dataset = Producer().dataset
        self.give(UserFactory(), dataset, comment="Bonjour")
        huge = "9" * 400
        cases = {
            400: (
                "page=0",
                "page=-1",
                "page=x",
                "page=1.5",
                "page=%C2%B2",  # ², a digit to Python
                "page_size=0",
                "page_size=x",
                "fitness=x",
                "profile=%00",
                "treatment=$ne",
                "outdated=perhaps",
                f"dataset={dataset.id}&outdated=perhaps",
                "consultation=x",
                "sort=rating",
                "sort=created_at",
                "cursor=x",
                "cursor=%FF",
                "cursor=bnVsbA==",
                "cursor=WzFlOTk5LCAiYSJd",
                "cursor=W05hTiwgIjAxIl0=",
                "cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCAiMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3Il0=",
            ),
            404: (
                f"page={huge}",
                "page=2",
                "dataset=%00",
                "organization=x",
                "dataset[$ne]=1&page=9",
            ),
            200: (
                f"page_size={huge}",
                "lang=xx",
                "lang=../../etc",
                "lang=fr&lang=en",
                "q=%00",
                "q=%ED%A0%80",
                "q=$where",
                "q=(((",
                f"q={'mot+' * 2000}",
                "resource=%00",
                "resource=$ne",
                "dataset[$ne]=1",
            ),
        }
        for status, queries in cases.items():
            for query in queries:
                response = self.ask("GET", f"/feedback/?{query}")
                assert response.status_code == status, (query[:60], response.json)
                if status == 400:
                    named = query.split("&")[-1].split("=")[0]
                    assert named in response.json["errors"], query
        for query in ("dataset=", "dataset=%00&dataset=%ED%A0%80", "dataset[]=1", "lang=zz"):
            assert self.ask("GET", f"/summaries/?{query}").json == {"data": []}


class EditTest(PluginTestCase):
    def test_only_the_fields_that_are_sent_change(self):
        dataset, citizen = Producer().dataset, UserFactory()
        feedback = self.give(
            citizen,
            dataset,
            ratings={"completeness": 2},
            comment="Avant",
            usages=["research"],
            profile="student",
            wants_answer=True,
        )
        path = f"/feedback/{feedback['id']}/"
        edited = self.ask("PUT", path, {"fitness": "yes"}, citizen)
        assert edited.status_code == 200
        moving = {"last_modified", "fitness", "discussion"}
        assert {k: v for k, v in edited.json.items() if k not in moving} == {
            k: v for k, v in feedback.items() if k not in moving
        }
        assert edited.json["fitness"] == "yes"
        assert edited.json["last_modified"] >= feedback["last_modified"]
        emptied = {"ratings": {}, "comment": None, "usages": [], "profile": None}
        edited = self.ask("PUT", path, emptied | {"wants_answer": False}, citizen).json
        assert {field: edited[field] for field in emptied} == emptied
        assert edited["wants_answer"] is False
        summary = self.summary(dataset)
        assert (summary["total"], summary["commented"]) == (1, 0)
        assert summary["fitness"] == {"yes": 1, "partly": 0, "no": 0}
        assert summary["axes"]["completeness"]["count"] == 0

    def test_the_dataset_and_the_file_of_an_answer_never_change(self):
        resource = ResourceFactory()
        dataset, citizen = Producer(resources=[resource]).dataset, UserFactory()
        feedback = self.give(citizen, dataset)
        body = {
            "dataset": str(DatasetFactory().id),
            "resource": str(resource.id),
            "id": MISSING,
            "contributor": {"kind": "confirmed"},
            "visibility": "hidden",
            "treatment": {"status": "resolved"},
            "created_at": "2001-01-01",
            "submission_id": "changed-later",
        }
        edited = self.ask("PUT", f"/feedback/{feedback['id']}/", body, citizen)
        assert edited.status_code == 200
        assert {k: v for k, v in edited.json.items() if k != "last_modified"} == {
            k: v for k, v in feedback.items() if k != "last_modified"
        }

    def test_only_its_author_edits_or_deletes_an_answer(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset)
        path = f"/feedback/{feedback['id']}/"
        for other in (UserFactory(), producer.admin, producer.editor, sysadmin()):
            assert self.ask("PUT", path, {"fitness": "yes"}, other).status_code == 403
            assert self.ask("DELETE", path, user=other).status_code == 403
        assert self.ask("GET", path).json["fitness"] == "partly"

    def test_a_deleted_answer_is_nowhere(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(
            author, producer.dataset, comment="À retirer", ratings={"completeness": 1}
        )
        path = f"/feedback/{feedback['id']}/"
        response = self.ask("DELETE", path, user=author)
        assert response.status_code == 204
        assert response.get_data() == b""
        assert self.ask("GET", path, user=author).status_code == 404
        assert self.ask("DELETE", path, user=author).status_code == 404
        assert self.ask("GET", f"/feedback/?dataset={producer.dataset.id}").json["total"] == 0
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert summary["total"] == summary["commented"] == 0
            assert summary["last_feedback_at"] is None
        assert feedbacks().count_documents({}) == 0
        assert everything_is_settled()
        again = self.give(author, producer.dataset)
        assert again["id"] != feedback["id"]


class SignatureTest(PluginTestCase):
    def test_one_may_sign_with_ones_name_with_none_or_as_an_organization(self):
        producer = Producer()
        museum = OrganizationFactory(name="Musée des Rêves", editors=[curator := UserFactory()])
        feedback = self.give(curator, producer.dataset, signature="name", comment="Un mot")
        path = f"/feedback/{feedback['id']}/"
        assert feedback["contributor"]["name"] == curator.fullname

        unnamed = self.ask("PUT", path, {"signature": "none"}, curator).json["contributor"]
        assert unnamed == {"kind": "user", "name": None}

        voice = self.ask("PUT", path, {"signature": str(museum.id)}, curator).json["contributor"]
        assert voice["kind"] == "organization"
        assert voice["name"] == "Musée des Rêves"
        assert voice["organization"]["id"] == str(museum.id)
        for viewer in (None, UserFactory(), producer.admin, sysadmin(), curator):
            for where in (path, f"/feedback/?dataset={producer.dataset.id}"):
                shown = self.ask("GET", where, user=viewer).get_data(as_text=True)
                assert str(curator.id) not in shown
                assert curator.last_name not in shown
                assert curator.slug not in shown

        named = self.ask("PUT", path, {"signature": "name"}, curator).json["contributor"]
        assert named["user"]["id"] == str(curator.id)

    def test_admins_and_editors_speak_for_an_organization_others_do_not(self):
        producer = Producer()
        dataset = DatasetFactory()
        for speaker, status in (
            (producer.admin, 201),
            (producer.editor, 201),
            (producer.partial_editor, 400),
            (UserFactory(), 400),
            (sysadmin(), 400),
        ):
            body = about(dataset, signature=str(producer.organization.id))
            assert self.ask("POST", "/feedback/", body, speaker).status_code == status

    def test_ten_organizations_are_not_ten_votes(self):
        dataset, citizen = Producer().dataset, UserFactory()
        organizations = [OrganizationFactory(admins=[citizen]) for _ in range(3)]
        self.give(citizen, dataset, signature=str(organizations[0].id))
        for signature in ("none", "name", *(str(o.id) for o in organizations[1:])):
            response = self.ask("POST", "/feedback/", about(dataset, signature=signature), citizen)
            assert response.status_code == 409
        summary = self.summary(dataset)
        assert summary["total"] == 1
        assert summary["by_contributor"] == {"account": 1, "verified": 0, "unverified": 0}

    def test_a_producers_agent_is_shown_as_such_and_counted_in_no_figure(self):
        producer = Producer()
        agent = self.give(producer.assigned, producer.dataset, fitness="yes", comment="Bien sûr")
        assert agent["contributor"]["producer"] is True
        self.give(UserFactory(), producer.dataset, fitness="no", comment="Rien de 2024.")
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert summary["fitness"] == {"yes": 0, "partly": 0, "no": 1}
            assert (summary["total"], summary["commented"]) == (1, 1)
        listed = self.ask("GET", f"/feedback/?dataset={producer.dataset.id}").json
        assert listed["total"] == len(listed["data"]) == 2

    def test_an_organization_that_has_left_is_no_longer_named(self):
        museum = OrganizationFactory(name="Musée éphémère", admins=[curator := UserFactory()])
        feedback = self.give(curator, Producer().dataset, signature=str(museum.id))
        museum.deleted = datetime(2026, 1, 1)
        museum.save()
        shown = self.ask("GET", f"/feedback/{feedback['id']}/")
        assert shown.json["contributor"] == {"kind": "organization", "name": None}
        body = {"signature": str(museum.id)}
        assert self.ask("PUT", f"/feedback/{feedback['id']}/", body, curator).status_code == 400


class ListTest(PluginTestCase):
    @pytest.fixture
    def said(self, plugin: None) -> dict[str, Any]:
        """Four answers on two datasets of one organization."""
        producer = Producer()
        second = DatasetFactory(organization=producer.organization)
        return {
            "producer": producer,
            "second": second,
            "a": self.give(
                UserFactory(),
                producer.dataset,
                fitness="no",
                profile="student",
                comment="Il manque les musées d'Outre-mer.",
            ),
            "b": self.give(
                UserFactory(), producer.dataset, fitness="yes", comment="Œuvres bien décrites"
            ),
            "c": self.give(
                UserFactory(),
                producer.dataset,
                fitness="no",
                profile="researcher",
                comment="Trop vieilles.",
            ),
            "d": self.give(UserFactory(), second, fitness="no", profile="student", comment="Musée"),
        }

    def ids(self, query: str, user: Any = None) -> list[str]:
        response = self.ask("GET", f"/feedback/?{query}", user=user)
        assert response.status_code == 200, response.json
        assert response.json["total"] >= len(response.json["data"])
        return [feedback["id"] for feedback in response.json["data"]]

    def test_each_filter_and_several_together(self, said):
        a, b, c, d = (said[name]["id"] for name in "abcd")
        dataset = f"dataset={said['producer'].dataset.id}"
        organization = f"organization={said['producer'].organization.slug}"
        for query, expected in (
            ("", [d, c, b, a]),
            ("sort=-created_at", [d, c, b, a]),
            (dataset, [c, b, a]),
            (organization, [d, c, b, a]),
            (f"{dataset}&{organization}", [c, b, a]),
            (f"dataset={said['second'].slug}", [d]),
            ("fitness=no", [d, c, a]),
            ("profile=student", [d, a]),
            ("treatment=new", [d, c, b, a]),
            ("treatment=resolved", []),
            (f"{dataset}&fitness=no&profile=student", [a]),
            (f"{organization}&fitness=no&q=musees", [d, a]),
            (f"consultation={MISSING}", []),
            ("resource=", [d, c, b, a]),
            (f"{dataset}&outdated=false", [c, b, a]),
            (f"{dataset}&outdated=true", []),
            (f"organization={OrganizationFactory().id}", []),
        ):
            assert self.ids(query) == expected, query

    def test_words_are_found_without_their_accents_and_in_every_inflection(self, said):
        a, b, _c, d = (said[name]["id"] for name in "abcd")
        for query, expected in (
            ("q=musee", [d, a]),
            ("q=MUSÉES", [d, a]),
            ("q=musees+manquer", [a]),
            ("q=outre-mer", [a]),
            ("q=oeuvre", [b]),
            ("q=Œuvres+décrite", [b]),
            ("q=pyramide", []),
            ("q=les+de", [d, said["c"]["id"], b, a]),  # words that say nothing
        ):
            assert self.ids(query) == expected, query

    def test_only_public_words_are_found_and_shown(self, said):
        a, d = said["a"]["id"], said["d"]["id"]
        author = UserFactory()
        hidden = self.give(author, said["second"], comment="Musée secret")
        where = {"_id": ObjectId(hidden["id"])}
        feedbacks().update_one(
            where, {"$set": {"visibility": "hidden", "hidden_reason": "personal_data"}}
        )
        assert self.ids("q=musee") == [d, a]
        path = f"/feedback/{hidden['id']}/"
        for viewer, comment in (
            (None, None),
            (UserFactory(), None),
            (said["producer"].admin, None),
            (author, "Musée secret"),
            (sysadmin(), "Musée secret"),
        ):
            shown = self.ask("GET", path, user=viewer).json
            assert shown["comment"] == comment
            assert shown["visibility"] == "hidden"
            assert shown["hidden_reason"] == "personal_data"
        feedbacks().update_one(where, {"$set": {"hidden_reason": "spam"}})
        assert hidden["id"] not in self.ids(f"dataset={said['second'].id}")
        feedbacks().update_one(
            where, {"$set": {"visibility": "pending"}, "$unset": {"hidden_reason": ""}}
        )
        assert self.ask("GET", path).json["comment"] is None
        assert self.ask("GET", path, user=author).json["comment"] == "Musée secret"

    def test_spam_hidden_whole_is_not_there(self, said):
        where = {"_id": ObjectId(said["a"]["id"])}
        spam = {"visibility": "hidden", "hidden_reason": "spam"}
        feedbacks().update_one(where, {"$set": spam})
        path = f"/feedback/{said['a']['id']}/"
        assert self.ask("GET", path).status_code == 404
        assert self.ask("GET", path, user=said["producer"].admin).status_code == 404
        assert self.ask("GET", path, user=sysadmin()).status_code == 200

    def test_pages_and_their_addresses(self, said):
        query = f"dataset={said['producer'].dataset.slug}&fitness=no&page_size=1&lang=en"
        first = self.ask("GET", f"/feedback/?{query}").json
        assert (first["page"], first["page_size"], first["total"]) == (1, 1, 2)
        assert [f["id"] for f in first["data"]] == [said["c"]["id"]]
        assert first["previous_page"] is None
        assert set(first) == {"data", "page", "page_size", "total", "next_page", "previous_page"}
        second = self.visit("GET", first["next_page"]).json
        assert [f["id"] for f in second["data"]] == [said["a"]["id"]]
        assert second["next_page"] is None
        assert self.visit("GET", second["previous_page"]).json == first
        assert self.ask("GET", f"/feedback/?{query}&page=3").status_code == 404
        assert self.ask("GET", "/feedback/?page_size=500").json["page_size"] == 100
        empty = self.ask("GET", "/feedback/?fitness=no&treatment=declined").json
        assert (empty["data"], empty["total"], empty["next_page"]) == ([], 0, None)


class AgeTest(PluginTestCase):
    def test_an_answer_ages_when_the_data_change(self):
        long_ago = datetime(2025, 1, 1)
        dataset = Producer(
            frequency="annual",
            resources=[ResourceFactory(last_modified_internal=long_ago)],
            last_modified_internal=long_ago,
        ).dataset
        old = self.give(UserFactory(), dataset, fitness="no", comment="Trop vieux.")
        dataset.reload()
        dataset.add_resource(ResourceFactory())
        new = self.give(UserFactory(), dataset, fitness="yes", comment="Enfin.")
        filters = f"/feedback/?dataset={dataset.id}&outdated"
        assert [f["id"] for f in self.ask("GET", f"{filters}=true").json["data"]] == [old["id"]]
        assert [f["id"] for f in self.ask("GET", f"{filters}=false").json["data"]] == [new["id"]]
        for scope in ("", f"organization={dataset.organization.id}&"):
            found = {
                value: [f["id"] for f in self.ask("GET", f"/feedback/?{scope}{value}").json["data"]]
                for value in ("outdated=true", "outdated=false")
            }
            assert found == {"outdated=true": [old["id"]], "outdated=false": [new["id"]]}
        assert self.ask("GET", f"/feedback/{old['id']}/").json["outdated"] is True
        summary = self.summary(dataset)
        assert (summary["total"], summary["outdated"]) == (2, 1)


class SummaryTest(PluginTestCase):
    def test_a_summary_has_exactly_the_fields_of_the_contract(self):
        producer = Producer()
        for n, step in enumerate((1, 4, 4)):
            self.give(
                UserFactory(),
                producer.dataset,
                fitness=("no", "yes", "yes")[n],
                ratings={"completeness": step},
                comment="Un mot" if n == 0 else None,
            )
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert set(summary) == {
                "total",
                "commented",
                "fitness",
                "axes",
                "treatment",
                "by_contributor",
                "outdated",
                "last_feedback_at",
                "requests",
            }
            assert (summary["total"], summary["commented"], summary["outdated"]) == (3, 1, 0)
            assert summary["fitness"] == {"yes": 2, "partly": 0, "no": 1}
            assert set(summary["axes"]) == {
                "update_frequency",
                "completeness",
                "contextualisation",
                "georeferencing",
            }
            assert summary["axes"]["completeness"] == {
                "count": 3,
                "sum": 9,
                "mean": 3.0,
                "distribution": [1, 0, 0, 2, 0],
            }
            assert summary["axes"]["georeferencing"] == {
                "count": 0,
                "sum": 0,
                "mean": None,
                "distribution": [0, 0, 0, 0, 0],
            }
            assert summary["treatment"] == {
                "new": 3,
                "acknowledged": 0,
                "planned": 0,
                "resolved": 0,
                "declined": 0,
            }
            assert summary["by_contributor"] == {"account": 3, "verified": 0, "unverified": 0}
            assert summary["requests"] == {"open": 0, "published": 0}
            assert datetime.fromisoformat(summary["last_feedback_at"]).utcoffset() == timedelta(0)

    def test_nobody_has_spoken_yet(self):
        producer = Producer()
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert summary["total"] == 0
            assert summary["last_feedback_at"] is None

    def test_udatas_own_api_carries_the_counts(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        for path in (
            f"/api/1/datasets/{producer.dataset.id}/",
            f"/api/2/datasets/{producer.dataset.id}/",
            f"/api/1/organizations/{producer.organization.id}/",
        ):
            assert self.visit("GET", path).json["metrics"]["feedback"] == 1, path

    def test_many_summaries_at_once(self):
        producer = Producer()
        private = DatasetFactory(organization=producer.organization, private=True)
        silent = DatasetFactory()
        self.give(UserFactory(), producer.dataset)
        names = [producer.dataset.slug, str(silent.id), str(private.id), MISSING, "nothing"]
        query = "&".join(f"dataset={name}" for name in [*names, str(producer.dataset.id)])
        found = {
            one["dataset"]["id"]: one["total"]
            for one in self.ask("GET", f"/summaries/?{query}").json["data"]
        }
        assert found == {str(producer.dataset.id): 1, str(silent.id): 0}
        mine = self.ask("GET", f"/summaries/?{query}", user=producer.editor).json["data"]
        assert str(private.id) in {one["dataset"]["id"] for one in mine}

        hundred = "&".join(f"dataset={ObjectId()}" for _ in range(100))
        assert self.ask("GET", f"/summaries/?{hundred}").status_code == 200
        more = self.ask("GET", f"/summaries/?{hundred}&dataset={ObjectId()}")
        assert more.status_code == 400
        assert "dataset" in more.json["errors"]


class LanguageTest(PluginTestCase):
    def test_labels_speak_the_language_asked_for(self):
        french = self.ask("GET", "/vocabulary/?lang=fr").json
        english = self.ask("GET", "/vocabulary/?lang=en").json
        assert set(french) == set(english)
        assert {term["id"]: term["label"] for term in french["fitness"]} == {
            "yes": "Oui",
            "partly": "En partie",
            "no": "Non",
        }
        assert {term["id"]: term["label"] for term in english["fitness"]} == {
            "yes": "Yes",
            "partly": "Partly",
            "no": "No",
        }
        assert self.ask("GET", "/vocabulary/").json == french  # the portal's

    def test_refusals_speak_it_too(self):
        texts = {
            lang: self.ask("POST", f"/feedback/?lang={lang}", {}).json["message"]
            for lang in ("fr", "en")
        }
        assert texts["en"] == "Log in to take part."
        assert texts["fr"] != texts["en"]


class PrivacyTest(PluginTestCase):
    def test_no_answer_ever_has_an_e_mail(self):
        producer = Producer()
        author = UserFactory(email="camille.martin@example.org")
        feedback = self.give(author, producer.dataset, comment="Sans adresse")
        self.give(producer.admin, producer.dataset, comment="Moi non plus")
        paths = (
            f"/feedback/{feedback['id']}/",
            f"/feedback/?dataset={producer.dataset.id}",
            "/feedback/",
            f"/datasets/{producer.dataset.id}/summary/",
            f"/summaries/?dataset={producer.dataset.id}",
            "/vocabulary/",
            f"/pages/datasets/{producer.dataset.id}/",
            f"/pages/datasets/{producer.dataset.id}/?as=fragment&edit=1",
        )
        for viewer in (None, UserFactory(), author, producer.admin, sysadmin()):
            for path in paths:
                text = self.ask("GET", path, user=viewer).get_data(as_text=True)
                assert not re.search(r"[\w.]+@[\w-]+\.\w", text), path


class CachingTest(PluginTestCase):
    PATHS = ("/feedback/", "/feedback/{id}/", "/site/summary/", "/summaries/", "/vocabulary/")

    def test_what_everybody_sees_is_public_for_a_minute(self):
        feedback = self.give(UserFactory(), Producer().dataset)
        for path in self.PATHS:
            path = path.format(id=feedback["id"])
            response = self.ask("GET", path)
            assert response.headers["Cache-Control"] == "public, max-age=60"
            varies = {"Origin", "Cookie", "Authorization", "X-API-KEY"}
            if "summar" in path:
                assert set(response.vary) == {"Origin"}
            else:
                assert varies <= set(response.vary)
            assert "Set-Cookie" not in response.headers
            etag = response.headers["ETag"]
            unchanged = self.ask("GET", path, headers={"If-None-Match": etag})
            assert unchanged.status_code == 304
            assert unchanged.get_data() == b""
            assert unchanged.headers["ETag"] == etag
            changed = self.ask("GET", path, headers={"If-None-Match": '"other"'})
            assert changed.status_code == 200

    def test_what_somebody_sees_is_theirs(self):
        author, other = UserFactory(), UserFactory()
        path = f"/feedback/{self.give(author, Producer().dataset)['id']}/"
        tags = {}
        for name, query, viewer in (
            ("anonymous", "", None),
            ("author", "", author),
            ("other", "", other),
            ("author in English", "?lang=en", author),
            ("anonymous in English", "?lang=en", None),
        ):
            response = self.ask("GET", path + query, user=viewer)
            if viewer:
                assert response.headers["Cache-Control"] == "private, no-cache"
            tags[name] = response.headers["ETag"]
        assert len(set(tags.values())) == len(tags)
        mine = self.ask("GET", path, user=author, headers={"If-None-Match": tags["author"]})
        assert mine.status_code == 304
        theirs = self.ask("GET", path, user=other, headers={"If-None-Match": tags["author"]})
        assert theirs.status_code == 200

    def test_an_etag_follows_what_is_said(self):
        author, dataset = UserFactory(), Producer().dataset
        feedback = self.give(author, dataset, comment="Clair.")
        path = f"/feedback/?dataset={dataset.id}"
        before = self.ask("GET", path).headers["ETag"]
        self.ask("PUT", f"/feedback/{feedback['id']}/", {"fitness": "yes"}, author)
        assert self.ask("GET", path, headers={"If-None-Match": before}).status_code == 200

    def test_writes_and_refusals_are_not_stored(self):
        author, dataset = UserFactory(), Producer().dataset
        written = self.ask("POST", "/feedback/", about(dataset), author)
        refused = self.ask("POST", "/feedback/", about(dataset), author)
        missing = self.ask("GET", f"/feedback/{MISSING}/")
        for response in (written, refused, missing):
            assert response.headers["Cache-Control"] == "no-store"
