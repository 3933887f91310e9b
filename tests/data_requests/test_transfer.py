"""Sending a request to who holds the data: an administration forwards what it does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.models import requests

from ..cases import PluginTestCase, Producer, sysadmin
from .asking import UNLIMITED, WISH, assert_figures, somebody, stored, wish


@pytest.mark.options(**UNLIMITED)
class TransferTest(PluginTestCase):
    def asked(self, producer: Producer) -> Any:
        body = WISH | {"dataset": str(producer.dataset.id)}
        return self.ask("POST", "/requests/", body, UserFactory()).json

    def send(self, request: Any, to: Any, by: Any, message: Any = "Vous les détenez.") -> Any:
        body = {"organization": to, "message": message}
        return self.ask("POST", f"/requests/{request['id']}/transfer/", body, by)

    def test_the_holder_sends_it_on_and_keeps_its_reception_date(self):
        producer, right = Producer(), Producer()
        request = self.asked(producer)
        sent = self.send(request, right.organization.slug, producer.editor)
        assert sent.status_code == 200
        assert sent.json["organization"]["id"] == str(right.organization.id)
        assert sent.json["dataset"]["id"] == str(producer.dataset.id)
        for kept in ("received_at", "status"):
            assert sent.json[kept] == request[kept]
        assert sent.json["clock"]["due_at"] == request["clock"]["due_at"]
        entry = sent.json["history"][-1]
        assert entry["transferred_to"]["name"] == right.organization.name
        assert entry["by"]["name"] == producer.organization.name
        assert entry["message"] == "Vous les détenez."
        assert_figures()
        path = f"/requests/{request['id']}/transitions/"
        assert self.ask("GET", path, user=producer.editor).json["allowed_transitions"] == []
        assert "accepted" in self.ask("GET", path, user=right.editor).json["allowed_transitions"]

    def test_the_desk_sends_what_it_received_to_its_holder_and_the_delivery_is_dated(self):
        desk, right = OrganizationFactory(editors=[UserFactory()]), Producer()
        self.app.config["CULTURE_FEEDBACK_DESK"] = desk.slug
        request = wish(somebody())
        assert "received_at" not in stored(request)
        agent = desk.members[0].user
        sent = self.send({"id": request}, str(right.organization.id), agent)
        assert sent.json["received_at"] is not None
        assert sent.json["history"][-1]["by"]["name"] == desk.name

    @pytest.mark.parametrize("who", ["anonymous", "requester", "partial_editor", "other"])
    def test_nobody_else_sends_it_elsewhere(self, who: str):
        producer, right = Producer(), Producer()
        asker = UserFactory()
        body = WISH | {"dataset": str(producer.dataset.id)}
        request = self.ask("POST", "/requests/", body, asker).json
        people = {
            "anonymous": None,
            "requester": asker,
            "partial_editor": producer.partial_editor,
            "other": right.admin,
        }
        response = self.send(request, str(right.organization.id), people[who])
        assert response.status_code == (401 if who == "anonymous" else 403)
        assert self.ask("GET", f"/requests/{request['id']}/").json["organization"]["id"] == str(
            producer.organization.id
        )

    def test_what_is_wrong_is_named(self):
        producer, right = Producer(), Producer()
        gone = OrganizationFactory(deleted="2026-01-01")
        request = self.asked(producer)
        for to, message, field in (
            (str(right.organization.id), " ", "message"),
            (str(right.organization.id), {"a": 1}, "message"),
            (str(producer.organization.id), "Voici.", "organization"),
            (str(gone.id), "Voici.", "organization"),
            (None, "Voici.", "organization"),
            (["x"], "Voici.", "organization"),
            ("\ud800", "Voici.", "organization"),
            ({"id": "a\0b"}, "Voici.", "organization"),
        ):
            response = self.send(request, to, producer.admin, message)
            assert (response.status_code, list(response.json["errors"])) == (400, [field]), to

    def test_what_is_closed_stays_where_it_is(self):
        producer, right = Producer(), Producer()
        request = self.asked(producer)
        requests().update_one({"slug": request["slug"]}, {"$set": {"status": "published"}})
        response = self.send(request, str(right.organization.id), sysadmin())
        assert (response.status_code, response.json["status"]) == (409, "published")

    def test_a_history_full_of_transfers_ends(self):
        producer, right = Producer(), Producer()
        request = self.asked(producer)
        entry = {"from": "submitted", "to": "submitted", "by": {"role": "P"}, "at": None}
        requests().update_one(
            {"slug": request["slug"]}, {"$set": {"history": [entry] * actions.MAX_HISTORY}}
        )
        assert self.send(request, str(right.organization.id), sysadmin()).status_code == 409
