"""The holder of a request, when datasets change hands and organizations go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory

from udata_culture_feedback.data_requests import upkeep
from udata_culture_feedback.data_requests.models import requests

from ..cases import PluginTestCase
from .asking import UNLIMITED, assert_figures, moderator, move, somebody, stored, wish


class HolderTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def unlimited(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)
        self.museum, self.archives = OrganizationFactory(), OrganizationFactory()
        self.dataset = DatasetFactory(organization=self.museum)

    def asked(self, **fields: Any) -> Any:
        return wish(somebody(), dataset=str(self.dataset.id), **fields)

    def hand_over(self) -> None:
        self.dataset.organization = self.archives
        self.dataset.save()

    def holder(self, request: Any) -> Any:
        return stored(request).get("organization")

    def test_open_requests_go_along_with_their_dataset_and_nothing_else_does(self):
        derived, decided = self.asked(), self.asked(title="Décidée")
        elsewhere = self.asked(title="À eux", organization=str(OrganizationFactory().id))
        before = self.holder(elsewhere)
        move(moderator(), decided, "published")
        self.hand_over()
        assert self.holder(derived) == self.archives.id
        assert stored(derived)["history"][-1]["transferred_to"] == self.archives.id
        assert self.holder(decided) == self.museum.id
        assert self.holder(elsewhere) == before
        assert_figures()

    def test_what_somebody_sent_elsewhere_stays_there(self):
        request = self.asked()
        theirs = OrganizationFactory()
        path = f"/requests/{request}/transfer/"
        from udata.core.user.factories import AdminFactory

        body = {"organization": str(theirs.id), "message": "À eux."}
        assert self.ask("POST", path, body, AdminFactory()).status_code == 200
        self.hand_over()
        assert self.holder(request) == theirs.id

    @pytest.mark.parametrize("heard", [True, False])
    def test_open_requests_of_a_deleted_organization_are_the_desks_at_once(self, heard: bool):
        request, decided = self.asked(), self.asked(title="Décidée")
        move(moderator(), decided, "published")
        moment = datetime.now(UTC).replace(tzinfo=None)
        if heard:
            self.museum.deleted = moment
            self.museum.save()
        else:
            type(self.museum)._get_collection().update_one(
                {"_id": self.museum.id}, {"$set": {"deleted": moment}}
            )
            upkeep.free_orphans()
        assert self.holder(request) is None
        assert self.holder(decided) == self.museum.id
        assert requests().count_documents({"due": {"$exists": True}}) == 0
        assert_figures()
