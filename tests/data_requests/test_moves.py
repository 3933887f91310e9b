"""The status table of the design, cell by cell, for everybody."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests.models import requests

from ..cases import PluginTestCase, Producer, sysadmin

STATUSES = (
    "submitted acknowledged needs_clarification accepted in_progress published declined"
    " duplicate withdrawn"
).split()

#: The design's table, written again by hand: who may move from the row to the column. P: acts for
#: the holder; M: moderator, who also is P; R: requester; B: edits for both organizations.
TABLE = {
    "submitted": {
        "acknowledged": "P",
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "acknowledged": {
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "needs_clarification": {
        "acknowledged": "PR",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "accepted": {
        "needs_clarification": "P",
        "in_progress": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "in_progress": {
        "needs_clarification": "P",
        "accepted": "P",
        "published": "P",
        "declined": "P",
        "duplicate": "MB",
        "withdrawn": "R",
    },
    "published": {"acknowledged": "PR"},
    "declined": {"acknowledged": "PR"},
    "duplicate": {"accepted": "M"},
    "withdrawn": {"submitted": "R"},
}

#: What each person is.
ROLES = {
    "anonymous": "",
    "somebody": "",
    "requester": "R",
    "producer_admin": "PB",
    "editor": "PB",
    "partial_editor": "",
    "other_producer": "",
    "sysadmin": "PM",
}


class Asked:
    """A request to an organization, by somebody, and everybody around it."""

    def __init__(self, case: PluginTestCase):
        producer, other = Producer(), Producer()
        self.producer, self.case = producer, case
        self.people = {
            "anonymous": None,
            "somebody": UserFactory(),
            "requester": UserFactory(),
            "producer_admin": producer.admin,
            "editor": producer.editor,
            "partial_editor": producer.partial_editor,
            "other_producer": other.admin,
            "sysadmin": sysadmin(),
        }
        self.data = DatasetFactory(organization=producer.organization)
        self.id = self.ask("La fréquentation des musées par mois")
        self.target = self.ask("La fréquentation mensuelle des musées", "somebody")

    def ask(self, title: str, who: str = "requester") -> str:
        body = {
            "title": title,
            "description": "Pour étudier les saisons.",
            "kind": "update",
            "organization": str(self.producer.organization.id),
        }
        response = self.case.ask("POST", "/requests/", body, self.people[who])
        assert response.status_code == 201, response.json
        return response.json["id"]

    def stands(self, status: str, id: str | None = None) -> None:
        """Puts the request where a test needs it, as earlier moves would have."""
        change: dict[str, Any] = {"$set": {"status": status}, "$unset": {"reopened": ""}}
        if status == "duplicate":
            change["$set"] |= {"merged_from": "accepted", "duplicate_of": ObjectId(self.target)}
        else:
            change["$unset"] |= {"merged_from": "", "duplicate_of": ""}
        requests().update_one({"_id": ObjectId(id or self.id)}, change)

    def move(self, who: str, to: str, **more: Any) -> Any:
        body = {
            "to": to,
            "message": "Voici.",
            "reason": "not_planned",
            "datasets": [str(self.data.id)],
            "duplicate_of": self.target,
        }
        path = f"/requests/{self.id}/transitions/"
        return self.case.ask("POST", path, body | more, self.people[who])


@pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR=None, CULTURE_FEEDBACK_LIMIT_MANAGER=None)
class StatusTableTest(PluginTestCase):
    def test_everybody_is_told_the_moves_of_the_table(self):
        asked = Asked(self)
        for status in STATUSES:
            asked.stands(status)
            for who, is_ in ROLES.items():
                expected = [to for to, may in TABLE[status].items() if set(may) & set(is_)]
                path = f"/requests/{asked.id}/transitions/"
                told = self.ask("GET", path, user=asked.people[who]).json["allowed_transitions"]
                assert told == expected, (status, who)

    @pytest.mark.parametrize("status", STATUSES)
    def test_each_cell_does_what_it_says(self, status: str):
        asked = Asked(self)
        for to in STATUSES:
            for who, is_ in ROLES.items():
                asked.stands(status)
                response = asked.move(who, to)
                may = TABLE[status].get(to)
                if who == "anonymous":
                    expected = 401
                elif may is None:
                    expected = 409
                else:
                    expected = 200 if set(may) & set(is_) else 403
                cell = (status, to, who, response.json)
                assert response.status_code == expected, cell
                if expected == 200:
                    assert response.json["status"] == to, cell
                    entry = response.json["history"][-1]
                    assert (entry["from"], entry["to"]) == (status, to)
                elif expected == 409:
                    assert response.json["status"] == status, cell
                    assert set(response.json["allowed_transitions"]) <= set(TABLE[status])
