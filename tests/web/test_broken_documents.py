"""A list is shown although one of its documents is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations.models import consultations
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import P
from ..consultations.consulting import ConsultationCase


class BrokenTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def log(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def breaks(self, collection: Any, id: str, field: str) -> None:
        one = {"_id": ObjectId(id)}
        assert collection.update_one(one, {"$unset": {field: ""}}).modified_count

    def listed(self, path: str) -> list[str]:
        self.caplog.clear()
        answer = self.visit("GET", P + path)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json["data"]]

    def logged(self, id: str) -> bool:
        return any(f"document broken id={id}" in one.message for one in self.caplog.records)

    def test_lists_leave_out_what_they_cannot_show_and_say_so(self):
        user, dataset = UserFactory(), DatasetFactory()
        whole = self.give(user, dataset, comment="Il manque des années.")
        broken = self.give(UserFactory(), dataset, comment="Il manque des musées.")
        self.breaks(feedbacks(), broken["id"], "treatment")
        for path in ("/feedback/", f"/feedback/?dataset={dataset.id}"):
            assert self.listed(path) == [whole["id"]]
            assert self.logged(broken["id"])

        wish = {"title": "Les entrées", "description": "Par mois.", "kind": "new"}
        ids = [
            self.ask("POST", "/requests/", wish | {"title": f"{n} entrées"}, UserFactory()).json[
                "id"
            ]
            for n in ("Les", "Mes")
        ]
        self.breaks(requests(), ids[0], "clock")
        assert self.listed("/requests/") == [ids[1]]
        assert self.logged(ids[0])

        now, day = datetime.now(UTC), timedelta(days=1)
        opens, closes = (now - day).isoformat()[:16], (now + day).isoformat()[:16]
        made = [self.make(opens_at=opens, closes_at=closes)["id"] for _n in range(2)]
        self.breaks(consultations(), made[0], "title")
        assert self.listed("/consultations/") == [made[1]]
        assert self.logged(made[0])
