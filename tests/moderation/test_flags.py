"""Readers point texts out: once per person, and it never hides anything."""

from __future__ import annotations

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from tests.cases import Producer
from tests.data_requests.asking import somebody
from udata_culture_feedback.data_requests import actions as requests
from udata_culture_feedback.moderation.models import flags

from .people import CLEAN, ModerationTestCase, moderator

ABUSE = {"reason": "abuse", "message": "Insulte la conservatrice."}


class FlagTest(ModerationTestCase):
    def flag(self, id, who, body=None):
        return self.ask("POST", f"/feedback/{id}/flag/", body or ABUSE, who)

    def test_what_is_pointed_out_is_in_the_queue_and_stays_public(self):
        id, who = self.said(DatasetFactory()), moderator()
        assert self.flag(id, UserFactory()).status_code == 201
        [row] = self.queue(who)["data"]
        assert (row["id"], row["visibility"], row["why"]) == (id, "public", ["flag"])
        assert row["flags"] == [
            {"reason": "abuse", "count": 1, "messages": ["Insulte la conservatrice."]}
        ]
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] == CLEAN

    def test_twenty_flags_hide_nothing(self):
        id, who = self.said(DatasetFactory()), moderator()
        for _ in range(20):
            self.flag(id, UserFactory(), {"reason": "spam"})
        assert self.ask("GET", f"/feedback/{id}/").json["comment"] == CLEAN
        assert self.queue(who)["data"][0]["flags"][0]["count"] == 20

    def test_once_per_person(self):
        id, reader, who = self.said(DatasetFactory()), UserFactory(), moderator()
        assert self.flag(id, reader).status_code == 201
        assert self.flag(id, reader, {"reason": "spam"}).status_code == 200
        assert flags().count_documents({}) == 1
        self.decided(who, id, "publish")
        assert self.flag(id, reader).status_code == 200
        assert self.waiting(who) == []

    def test_another_person_puts_it_in_the_queue_again(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.flag(id, UserFactory())
        self.decided(who, id, "publish")
        self.flag(id, UserFactory(), {"reason": "spam"})
        [row] = self.queue(who)["data"]
        assert row["flags"] == [{"reason": "spam", "count": 1, "messages": []}]

    def test_undoing_brings_the_flags_back(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.flag(id, UserFactory())
        self.decided(who, id, "hide", "abuse")
        self.decided(who, id, "restore")
        assert self.queue(who)["data"][0]["flags"][0]["count"] == 1

    def test_nobody_finds_who_pointed_something_out(self):
        reader = UserFactory()
        self.flag(self.said(DatasetFactory()), reader)
        assert str(reader.id) not in repr(list(flags().find()))

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({}, 400),
            ({"reason": "ok"}, 400),
            ({"reason": "abuse", "message": 3}, 400),
            ({"reason": "abuse", "message": "x" * 2001}, 413),
        ],
    )
    def test_what_is_wrong_is_refused(self, body, status):
        id = self.said(DatasetFactory())
        response = self.ask("POST", f"/feedback/{id}/flag/", body, UserFactory())
        assert response.status_code == status

    def test_what_one_may_not_see_is_not_there(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "spam")
        assert self.flag(id, UserFactory()).status_code == 404
        assert self.flag(str(ObjectId()), UserFactory()).status_code == 404

    def test_what_is_hidden_is_not_pointed_out(self):
        id, who = self.said(DatasetFactory()), moderator()
        self.decided(who, id, "hide", "abuse")
        assert self.flag(id, UserFactory()).status_code == 409

    def test_nobody_in_particular_points_nothing_out(self):
        assert self.flag(self.said(DatasetFactory()), None).status_code == 401


class RequestFlagTest(ModerationTestCase):
    def test_a_request_and_a_message_about_it(self):
        who, reader = moderator(), UserFactory()
        found, _new = requests.ask(
            somebody(), {"title": "Sons", "description": "Tous", "kind": "new"}
        )
        message, _request, _new = requests.answer(
            somebody(), str(found["_id"]), {"message": "Oui."}
        )
        path = f"/requests/{found['slug']}/flag/"
        assert self.ask("POST", path, ABUSE, reader).status_code == 201
        about = ABUSE | {"about": str(message["_id"])}
        assert self.ask("POST", path, about, reader).status_code == 201
        assert self.waiting(who) == [str(found["_id"]), str(message["_id"])]
        for wrong in (str(ObjectId()), "x", 3):
            assert self.ask("POST", path, ABUSE | {"about": wrong}, reader).status_code == 404

    def test_producers_cannot_take_out_of_the_queue_what_is_about_them(self):
        producer, who = Producer(), moderator()
        id = self.said(producer.dataset)
        self.ask("POST", f"/feedback/{id}/flag/", ABUSE, UserFactory())
        assert self.decide(producer.admin, id, "publish").status_code == 403
        assert self.waiting(who) == [id]
