"""Asking for data and reading what was asked, through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.data_requests.queries import opened_by

from ..cases import P, PluginTestCase, Producer, sysadmin
from .asking import (
    UNLIMITED,
    WISH,
    assert_figures,
    merge,
    moderator,
    move,
    somebody,
    stored,
    wish,
)

WHOLE = WISH | {
    "description": "Les entrées de chaque musée.\nPour étudier les saisons.",
    "themes": ["musee", "tourisme-et-culture"],
    "usages": ["research"],
    "profile": "researcher",
    "evidence_url": "https://example.org/rapport",
    "formats": [".CSV", "json", "csv"],
    "frequency": "monthly",
    "spatial": "France entière",
}


#: A field, and what it cannot be.
WRONG: list[tuple[str, Any]] = [
    ("title", " "),
    ("title", "x" * 151),
    ("title", 12),
    ("description", None),
    ("kind", "other"),
    ("kind", ["new"]),
    ("themes", "musee"),
    ("themes", ["nothing"]),
    ("themes", [{"a": 1}]),
    ("usages", [1]),
    ("profile", "king"),
    ("evidence_url", "javascript:alert(1)"),
    ("evidence_url", "https://user:word@example.org"),
    ("evidence_url", "http://[::1"),
    ("formats", ["a b"]),
    ("formats", ["csv"] + [f"f{i}" for i in range(10)]),
    ("formats", "csv"),
    ("frequency", "sometimes"),
    ("spatial", "x" * 251),
    ("organization", "nobody"),
    ("organization", 12),
    ("organization", "a\0b"),
    ("dataset", "nothing"),
    ("dataset", ["x"]),
    ("dataset", "\ud800"),
    ("submission_id", "short"),
    ("submission_id", 12345678),
    ("signature", ["none"]),
]


class RequestCase(PluginTestCase):
    def asks(self, user: User | None, **fields: Any) -> Any:
        return self.ask("POST", "/requests/", WISH | fields, user)

    def shown(self, id: Any, user: User | None = None) -> Any:
        response = self.ask("GET", f"/requests/{id}/", user=user)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def listed(self, query: str = "", user: User | None = None) -> list[str]:
        response = self.ask("GET", f"/requests/?{query}", user=user)
        assert response.status_code == 200, response.get_data(as_text=True)
        return [request["title"] for request in response.json["data"]]


@pytest.mark.options(**UNLIMITED)
class AskTest(RequestCase):
    def test_what_is_asked_is_shown_to_everybody(self):
        producer, asker = Producer(), UserFactory()
        response = self.ask("POST", "/requests/", WHOLE | {"dataset": producer.dataset.slug}, asker)
        assert response.status_code == 201
        shown = self.shown(response.json["id"])
        for field in ("title", "description", "kind", "themes", "usages", "profile", "spatial"):
            assert shown[field] == WHOLE[field]
        assert shown["formats"] == ["csv", "json"]
        assert shown["frequency"] == "monthly"
        assert shown["evidence_url"] == "https://example.org/rapport"
        assert shown["dataset"]["title"] == producer.dataset.title
        assert shown["organization"]["name"] == producer.organization.name
        assert shown["contributor"]["name"] == asker.fullname
        assert (shown["status"], shown["supports"], shown["people"]) == ("submitted", 0, 1)
        assert shown["slug"] == "la-frequentation-des-musees-par-mois"
        assert shown["received_at"] == shown["clock"]["started_at"]
        assert shown["clock"]["overdue"] is False
        assert (shown["history"], shown["allowed_transitions"]) == ([], [])
        assert shown["self_web_url"].endswith(f"/pages/requests/{shown['slug']}/")
        assert self.shown(shown["slug"])["id"] == shown["id"]
        assert_figures()

    def test_the_holder_may_be_unknown_or_another_than_the_datasets(self):
        producer, other = Producer(), OrganizationFactory()
        dataset = str(producer.dataset.id)
        unknown = self.asks(UserFactory(), dataset=dataset, organization=None).json
        assert (unknown["organization"], unknown["received_at"]) == (None, None)
        elsewhere = self.asks(UserFactory(), dataset=dataset, organization=other.slug).json
        assert elsewhere["organization"]["id"] == str(other.id)
        assert self.asks(UserFactory()).json["dataset"] is None

    def test_a_name_is_shown_only_if_it_is_signed(self):
        producer = Producer()
        for signature, kind, name in (
            ("none", "user", None),
            (str(producer.organization.id), "organization", producer.organization.name),
        ):
            shown = self.shown(self.asks(producer.editor, signature=signature).json["id"])
            assert (shown["contributor"]["kind"], shown["contributor"]["name"]) == (kind, name)
        assert list(self.asks(UserFactory(), signature="x").json["errors"]) == ["signature"]

    def test_what_is_wrong_is_named(self):
        asker = UserFactory()
        for field, value in WRONG:
            response = self.asks(asker, **{field: value})
            named = (response.status_code, list(response.json["errors"]))
            assert named == (400, [field]), (field, value)
        assert requests().count_documents({}) == 0

    def test_everything_that_is_wrong_is_named_at_once(self):
        response = self.ask("POST", "/requests/", {"kind": "x", "formats": 3}, UserFactory())
        assert set(response.json["errors"]) == {"title", "description", "kind", "formats"}

    def test_hostile_input_is_never_an_error_of_ours(self):
        asker = UserFactory()
        strange = ("\ud800", "\0", "$where", "a.b", "‮", "𝕏" * 40, "<script>", "ﷺ" * 50)
        for text in strange:
            body = WISH | {"title": text + "x", "description": text + "x", "$set": {"a": 1}}
            response = self.ask(
                "POST", "/requests/", body | {"spatial": text, "formats": []}, asker
            )
            assert response.status_code == 201, text
            moved = {"to": "declined", "reason": "not_existing", "message": text + "x"}
            moved |= {"urls": [f"https://example.org/{text}"], "review_at": "٢٠٢٦-١٢-٣١"}
            path = f"/requests/{response.json['id']}/transitions/"
            assert self.ask("POST", path, moved, sysadmin()).status_code == 400
        for body in ([], "x", 3, None, {"title": {"$gt": ""}}, {"themes": {}}):
            assert self.ask("POST", "/requests/", body, asker).status_code in (400, 415)
        for query in ("status[$ne]=x", "page=-1", "cursor=%00", "sort=x", "theme=%FF", "page=9e9"):
            assert self.ask("GET", f"/requests/?{query}").status_code in (200, 400, 404)
        for id in ("%00", "%F0%9F%A4%B7", "a" * 24, "new", "x" * 3000, "%ED%A0%80"):
            for verb, more in (
                ("GET", ""),
                ("PUT", ""),
                ("DELETE", ""),
                ("GET", "transitions/"),
                ("POST", "transitions/"),
                ("POST", "support/"),
                ("POST", "transfer/"),
                ("POST", "messages/"),
            ):
                body = {} if verb in ("PUT", "POST") else None
                status = self.ask(verb, f"/requests/{id}/{more}", body, asker).status_code
                assert status == 404, (verb, id, more)

    def test_who_is_not_known_does_not_ask_and_a_read_only_portal_waits(self):
        assert self.asks(None).status_code == 401
        self.app.config["READ_ONLY_MODE"] = True
        asker = UserFactory()
        assert self.asks(asker).status_code == 423
        assert requests().count_documents({}) == 0

    def test_too_long_is_413_and_too_many_429(self):
        asker = UserFactory()
        assert self.asks(asker, description="x" * 15_001).status_code == 413
        assert self.asks(asker, description="x" * 70_000).status_code == 413
        self.app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "2 per minute"
        told = [self.asks(asker).status_code for _ in range(3)]
        assert told == [201, 201, 429]

    def test_a_retry_is_stored_once_and_told_when_it_was_deleted(self):
        asker = UserFactory()
        first = self.asks(asker, submission_id="abcdefgh")
        again = self.asks(asker, submission_id="abcdefgh", title="Autre")
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json["id"] == first.json["id"]
        assert self.asks(UserFactory(), submission_id="abcdefgh").status_code == 201
        self.ask("DELETE", f"/requests/{first.json['id']}/", user=asker)
        assert self.asks(asker, submission_id="abcdefgh").status_code == 410

    def test_slugs_are_ours_alone(self):
        slugs = [
            self.asks(UserFactory(), title=title).json["slug"]
            for title in ("New", "new", "similar", "?!", "?!", "a" * 24, "Même", "même")
        ]
        assert len(set(slugs)) == len(slugs)
        assert not set(slugs) & {"new", "similar", "feed"}
        assert not any(ObjectId.is_valid(slug) for slug in slugs)


@pytest.mark.options(**UNLIMITED)
class EditTest(RequestCase):
    def test_its_author_changes_it_and_its_address_stays(self):
        asker = UserFactory()
        request = self.asks(asker).json
        path = f"/requests/{request['id']}/"
        body = {"title": "Les entrées  des\nmusées", "profile": "student", "signature": "none"}
        edited = self.ask("PUT", path, body, asker).json
        assert (edited["title"], edited["slug"]) == ("Les entrées des musées", request["slug"])
        assert edited["description"] == WISH["description"]
        assert edited["contributor"]["name"] is None
        assert edited["history"][0]["edited"] is True
        self.ask("PUT", path, {"profile": None}, asker)
        again = self.shown(request["id"])
        assert again["profile"] is None
        assert len(again["history"]) == 1
        assert self.listed("q=entree") == ["Les entrées des musées"]

    def test_only_its_author_or_a_moderator_changes_it(self):
        request = self.asks(UserFactory(), signature="none").json
        path, body = f"/requests/{request['id']}/", {"title": "Autre", "signature": "name"}
        assert self.ask("PUT", path, body).status_code == 401
        assert self.ask("PUT", path, body, UserFactory()).status_code == 403
        edited = self.ask("PUT", path, body, sysadmin()).json
        assert (edited["title"], edited["contributor"]["name"]) == ("Autre", None)
        assert edited["history"][0]["by"]["role"] == "moderator"

    def test_once_decided_it_is_not_changed_any_more(self):
        asker = UserFactory()
        request = self.asks(asker).json
        move(moderator(), ObjectId(request["id"]), "declined")
        response = self.ask("PUT", f"/requests/{request['id']}/", {"title": "Autre"}, asker)
        assert (response.status_code, response.json["status"]) == (409, "declined")

    def test_what_is_wrong_in_an_edit_is_named(self):
        asker = UserFactory()
        path = f"/requests/{self.asks(asker).json['id']}/"
        for field, value in (("title", ""), ("kind", None), ("themes", ["x"])):
            response = self.ask("PUT", path, {field: value}, asker)
            assert (response.status_code, list(response.json["errors"])) == (400, [field])

    def test_a_deleted_request_is_gone_from_everywhere(self):
        asker = UserFactory()
        request = self.asks(asker).json
        path = f"/requests/{request['id']}/"
        assert self.ask("DELETE", path, user=UserFactory()).status_code == 403
        assert self.ask("DELETE", path).status_code == 401
        assert self.ask("DELETE", path, user=asker).status_code == 204
        assert self.ask("GET", path, user=asker).status_code == 404
        assert self.listed() == []
        assert requests().count_documents({}) == 0
        assert_figures()


@pytest.mark.options(**UNLIMITED)
class WhatOthersMayNotSeeTest(RequestCase):
    @pytest.mark.parametrize("visibility", ["pending", "hidden"])
    def test_a_request_that_is_not_public_does_not_exist_for_others(self, visibility: str):
        asker = UserFactory()
        request = self.asks(asker).json
        requests().update_one(
            {"_id": ObjectId(request["id"])}, {"$set": {"visibility": visibility}}
        )
        path = f"/requests/{request['id']}/"
        for verb, more, body in (
            ("GET", "", None),
            ("PUT", "", {}),
            ("DELETE", "", None),
            ("GET", "transitions/", None),
            ("POST", "transitions/", {"to": "accepted"}),
            ("POST", "support/", None),
            ("POST", "transfer/", {}),
            ("GET", "messages/", None),
            ("POST", "messages/", {"message": "x"}),
        ):
            response = self.ask(verb, path + more, body, UserFactory())
            assert response.status_code == 404, (verb, more)
        assert self.shown(request["slug"], asker)["visibility"] == visibility
        assert self.shown(request["slug"], sysadmin())["id"] == request["id"]
        assert self.listed() == []

    def test_nothing_is_told_of_a_dataset_that_turned_private(self):
        producer = Producer(title="Les réserves secrètes")
        request = self.asks(UserFactory(), dataset=str(producer.dataset.id)).json
        publish = {"to": "published", "datasets": [str(producer.dataset.id)]}
        path = f"/requests/{request['id']}/transitions/"
        assert self.ask("POST", path, publish, producer.editor).status_code == 200
        producer.dataset.private = True
        producer.dataset.save()
        for body in (
            self.ask("GET", f"/requests/{request['id']}/"),
            self.ask("GET", "/requests/"),
            self.ask("GET", f"/requests/{request['id']}/", user=UserFactory()),
        ):
            text = body.get_data(as_text=True)
            assert body.status_code == 200
            assert "secr" not in text
            assert str(producer.dataset.id) not in text
        shown = self.shown(request["id"], producer.editor)
        assert shown["dataset"]["title"] == "Les réserves secrètes"
        filtered = f"/requests/?dataset={producer.dataset.id}"
        assert self.ask("GET", filtered).status_code == 404
        assert self.ask("GET", filtered, user=producer.editor).status_code == 200

    def test_one_does_not_ask_from_a_dataset_one_may_not_see(self):
        producer = Producer(private=True)
        dataset = str(producer.dataset.id)
        assert list(self.asks(UserFactory(), dataset=dataset).json["errors"]) == ["dataset"]
        assert self.asks(producer.editor, dataset=dataset).status_code == 201
        gone = DatasetFactory(deleted="2026-01-01")
        assert list(self.asks(sysadmin(), dataset=str(gone.id)).json["errors"]) == ["dataset"]

    def test_a_deleted_organization_is_not_named(self):
        producer = Producer()
        request = self.asks(producer.admin, signature=str(producer.organization.id)).json
        sent = {"organization": str(producer.organization.id), "message": "Voici."}
        self.ask("POST", f"/requests/{request['id']}/transfer/", sent, sysadmin())
        producer.organization.deleted = "2026-01-01"
        producer.organization.save()
        text = self.ask("GET", f"/requests/{request['id']}/").get_data(as_text=True)
        assert producer.organization.name not in text


@pytest.mark.options(**UNLIMITED)
class ListTest(RequestCase):
    def test_filters_and_their_totals(self):
        producer, other = Producer(), Producer()
        chief = moderator()
        dataset = str(producer.dataset.id)
        self.asks(UserFactory(), title="Une", dataset=dataset, themes=["musee"], kind="update")
        second = self.asks(UserFactory(), title="Deux", dataset=dataset).json
        self.asks(UserFactory(), title="Trois", organization=str(other.organization.id))
        self.asks(UserFactory(), title="Quatre", themes=["musee", "cinema"])
        move(chief, ObjectId(second["id"]), "accepted")
        organization = producer.organization.slug
        for query, expected in (
            ("", ["Quatre", "Trois", "Deux", "Une"]),
            ("status=submitted", ["Quatre", "Trois", "Une"]),
            ("status=accepted", ["Deux"]),
            ("status=withdrawn", []),
            (f"dataset={dataset}", ["Deux", "Une"]),
            (f"dataset={producer.dataset.slug}&status=accepted", ["Deux"]),
            (f"organization={organization}", ["Deux", "Une"]),
            (f"organization={organization}&dataset={dataset}", ["Deux", "Une"]),
            (f"organization={organization}&status=submitted", ["Une"]),
            ("theme=musee", ["Quatre", "Une"]),
            ("theme=musee&kind=update", ["Une"]),
            ("kind=access", []),
            ("q=QUATRE", ["Quatre"]),
            ("q=saison+trois", ["Trois"]),
        ):
            response = self.ask("GET", f"/requests/?{query}")
            assert [r["title"] for r in response.json["data"]] == expected, query
            assert response.json["total"] == len(expected), query

    def test_what_is_asked_of_a_list_wrongly_is_named(self):
        for query, field in (
            ("sort=title", "sort"),
            ("status=open", "status"),
            ("theme=x", "theme"),
            ("kind=x", "kind"),
            ("overdue=maybe", "overdue"),
            ("page=0", "page"),
            ("page_size=x", "page_size"),
            ("cursor=x", "cursor"),
            ("sort=-supports&page=1000", "page"),
        ):
            response = self.ask("GET", f"/requests/?{query}")
            assert (response.status_code, list(response.json["errors"])) == (400, [field]), query
        for query in ("dataset=x", "organization=x", "page=2"):
            assert self.ask("GET", f"/requests/?{query}").status_code == 404

    def test_sorts_and_the_overdue(self):
        with freeze_time("2026-01-31 12:00") as clock:
            late = wish(somebody(), title="En retard")
            clock.tick(timedelta(days=10))
            paused = wish(somebody(), title="En pause")
            loved = wish(somebody(), title="Soutenue")
            for _fan in range(2):
                actions.support(somebody(), loved)
            actions.support(somebody(), paused)
            move(moderator(), paused, "needs_clarification")
            clock.move_to("2026-03-05")
            assert self.listed("overdue=true") == ["En retard"]
            assert self.listed("overdue=false") == ["Soutenue", "En pause"]
            assert self.listed("sort=due_at") == ["En retard", "Soutenue"]
            assert self.listed("sort=-supports") == ["Soutenue", "En pause", "En retard"]
            assert self.shown(late)["clock"]["overdue"] is True
            assert self.shown(paused)["clock"]["due_at"] is None

    def test_pages_are_walked_to_the_end_and_capped(self):
        for i in range(5):
            wish(somebody(), title=f"Demande {i}")
        seen, path = [], f"{P}/requests/?page_size=2"
        while path:
            body = self.visit("GET", path).json
            seen += [request["title"] for request in body["data"]]
            assert body["total"] == 5
            path = body["next_page"]
        assert seen == [f"Demande {i}" for i in (4, 3, 2, 1, 0)]
        assert self.ask("GET", "/requests/?page_size=5000").json["page_size"] == 100

    def test_lists_have_no_history_and_tell_what_one_supports(self):
        fan = UserFactory()
        request = wish(somebody())
        self.ask("POST", f"/requests/{request}/support/", user=fan)
        [anonymous] = self.ask("GET", "/requests/").json["data"]
        [mine] = self.ask("GET", "/requests/", user=fan).json["data"]
        assert "history" not in mine
        assert (anonymous["supported"], mine["supported"]) == (False, True)
        assert anonymous["permissions"] == dict.fromkeys(anonymous["permissions"], False)

    def test_answers_are_cached_as_they_should(self):
        request = wish(somebody())
        for path in ("/requests/", f"/requests/{request}/", f"/requests/{request}/transitions/"):
            anonymous = self.ask("GET", path)
            assert anonymous.headers["Cache-Control"] == "public, max-age=60"
            again = self.ask("GET", path, headers={"If-None-Match": anonymous.headers["ETag"]})
            assert again.status_code == 304
            known = self.ask("GET", path, user=UserFactory())
            assert known.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.options(**UNLIMITED)
class FiguresTest(RequestCase):
    def test_summaries_and_metrics_count_requests(self):
        producer = Producer()
        dataset = str(producer.dataset.id)
        first = self.asks(UserFactory(), dataset=dataset).json
        self.asks(UserFactory(), dataset=dataset)
        self.asks(UserFactory())
        move(moderator(), ObjectId(first["id"]), "published")
        for of, figures in (
            (producer.dataset, {"open": 1, "published": 1}),
            (producer.organization, {"open": 1, "published": 1}),
            (None, {"open": 2, "published": 1}),
        ):
            assert self.summary(of)["requests"] == figures
        [many] = self.ask("GET", f"/summaries/?dataset={dataset}").json["data"]
        assert many["requests"] == {"open": 1, "published": 1}
        for of in (producer.dataset, producer.organization):
            of.reload()
            assert of.get_metrics()["requests"] == 2
        assert_figures()

    def test_a_hidden_request_counts_nowhere(self):
        request = wish(somebody())
        hidden = stored(request)
        actions.replace(hidden, hidden | {"visibility": "hidden"})
        assert self.summary()["requests"] == {"open": 0, "published": 0}

    def test_a_dataset_tells_how_many_people_asked_for_it(self):
        dataset = DatasetFactory()
        assert opened_by(dataset.id) == (0, [])
        chief, both = moderator(), somebody()
        one, two, merged = (wish(somebody(), title=f"Demande {i}") for i in range(3))
        for request in (one, two, merged):
            actions.support(both, request)
        merge(chief, merged, one)
        move(chief, one, "published", datasets=[str(dataset.id)])
        persons, [only] = opened_by(dataset.id)
        assert (persons, only["_id"]) == (3, one)  # both, who asked for it, for the merged one
        move(chief, two, "published", datasets=[str(dataset.id)])
        persons, found = opened_by(dataset.id)
        assert (persons, len(found)) == (4, 2)
        move(chief, two, "acknowledged")
        assert opened_by(dataset.id)[0] == 3


@pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
class AppealTest(PluginTestCase):
    def test_both_dates_are_told_where_the_law_gives_an_appeal(self):
        holder = Producer().organization
        body = {"title": "Un rapport", "description": "x", "kind": "new"}
        body["organization"] = holder.slug
        without = self.ask("POST", "/requests/", body, UserFactory()).json["clock"]["explanation"]
        assert "Selon le statut de cet organisme" in without
        holder.add_badge("public-service")
        with_appeal = self.ask("POST", "/requests/", body, UserFactory()).json
        told = with_appeal["clock"]["explanation"]
        assert "CADA" in told
        assert "Selon le statut" not in told
