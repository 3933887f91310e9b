"""What was said of a dataset follows it when it comes back under another id, and can go back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset, HarvestDatasetMetadata
from udata.core.dataset.tasks import purge_datasets
from udata.core.discussions.models import Discussion
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app.maintenance import maintain
from udata_culture_feedback.app.recount import recount_everything
from udata_culture_feedback.contributions import adoption
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks, summaries

from ..cases import P, PluginTestCase, Producer, everything_is_settled
from ..data_requests.asking import UNLIMITED, WISH, moderator, move

WORDS = "Il manque les musées d'outre-mer."


@pytest.mark.options(**UNLIMITED)
class AdoptionTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def producer(self, plugin: None) -> None:
        self.producer = Producer(title="Musées", slug="musees")
        self.old = self.producer.dataset
        self.organization = self.producer.organization

    def harvested(self, dataset: Dataset, remote_id: str = "r-1", source: str = "s-1") -> Dataset:
        dataset.harvest = HarvestDatasetMetadata(remote_id=remote_id, source_id=source)
        dataset.save()
        return dataset

    def delete(self, dataset: Dataset, *, purge: bool = False) -> None:
        dataset.reload()
        dataset.deleted = datetime(2026, 1, 1)
        dataset.save()
        if purge:
            purge_datasets()
            assert not Dataset.objects(id=dataset.id)

    def adopt(self, *options: str, new: Dataset | None = None, status: int = 0) -> str:
        new = new or self.new
        names = (str(self.old.id), str(new.id))
        result = self.cli("feedback", "adopt", *names, *options, expect_error=True)
        assert result.exit_code == status, result.output
        return result.output

    def ask_for(self, dataset: Dataset, **more: Any) -> Any:
        body = WISH | {"dataset": str(dataset.id)} | more
        return self.ask("POST", "/requests/", body, UserFactory()).json["id"]

    def is_exact(self) -> None:
        assert everything_is_settled()
        wrong = {id: found for id, found in recount_everything(check=True) if found}
        assert wrong == {}

    def totals(self, *of: Any) -> list[int]:
        return [self.summary(one)["total"] for one in of]

    @pytest.mark.parametrize("purge", [False, True])
    def test_harvested_again_it_has_its_opinions_requests_and_addresses(self, purge):
        self.harvested(self.old)
        said = self.give(UserFactory(), self.old, comment=WORDS)
        self.give(UserFactory(), self.old, fitness="yes")
        asked = self.ask_for(self.old)
        self.delete(self.old, purge=purge)
        assert self.totals(self.organization, None) == [0, 0]
        new = self.harvested(DatasetFactory(organization=self.organization, title="Autrement"))
        adoption.look_for(self.old.id)
        assert self.totals(new, self.organization, None) == [2, 2, 2]
        assert self.summary(new)["outdated"] == 0
        assert self.summary(new)["requests"]["open"] == 1
        shown = self.ask("GET", f"/feedback/{said['id']}/").json
        assert (shown["dataset"]["id"], shown["comment"]) == (str(new.id), WORDS)
        assert self.ask("GET", f"/requests/{asked}/").json["dataset"]["id"] == str(new.id)
        for path in ("pages/datasets/{}/", "datasets/{}/summary/", "datasets/{}/feedback.ttl"):
            for name in (str(self.old.id), "musees"):
                moved = self.visit("GET", f"{P}/{path.format(name)}?lang=fr")
                assert moved.status_code == 302, path
                assert path.format(new.id) in moved.location
                assert "lang=fr" in moved.location
        maintain()
        assert feedbacks().find_one({"due": "discussion"}) is None
        threads = Discussion.objects(subject=new if purge else self.old)
        assert len(threads) == 2  # a native thread stays where it is, unless udata purged it
        self.is_exact()

    def test_it_is_known_again_when_it_is_created_or_when_the_former_one_goes(self):
        again = HarvestDatasetMetadata(remote_id="r-1", source_id="s-1")
        self.harvested(self.old)
        self.give(UserFactory(), self.old)
        new = DatasetFactory(organization=self.organization, harvest=again)
        assert self.totals(new) == [0]
        self.delete(self.old)
        assert self.totals(new) == [1]
        self.delete(new, purge=True)
        newer = DatasetFactory(organization=self.organization, harvest=again)
        assert self.totals(newer) == [1]
        moved = self.visit("GET", f"{P}/pages/datasets/{self.old.id}/")
        assert str(newer.id) in moved.location  # from the first to the last
        self.is_exact()

    def test_another_source_or_organization_takes_nothing_along(self):
        self.harvested(self.old)
        self.give(UserFactory(), self.old)
        self.delete(self.old)
        others = (
            self.harvested(DatasetFactory(organization=self.organization), source="s-2"),
            self.harvested(DatasetFactory(organization=OrganizationFactory())),
            self.harvested(DatasetFactory(organization=self.organization), remote_id="r-2"),
        )
        maintain()
        assert self.totals(*others) == [0, 0, 0]
        assert self.visit("GET", f"{P}/pages/datasets/{self.old.id}/").status_code == 404

    def test_of_who_spoke_on_both_the_later_opinion_counts_and_the_undo_is_exact(self):
        self.new = DatasetFactory(organization=self.organization)
        early, late, once = UserFactory(), UserFactory(), UserFactory()
        with freeze_time("2026-03-01"):
            self.give(early, self.old, fitness="no")
            self.give(late, self.new, fitness="no")
        with freeze_time("2026-03-02"):
            self.give(early, self.new, fitness="yes")
            self.give(late, self.old, fitness="yes")
            self.give(once, self.old, fitness="partly")
        asked = self.ask_for(self.old)
        move(moderator(), requests().find_one()["_id"], "published", datasets=[str(self.old.id)])
        before = [one["fitness"] for one in (self.summary(self.new), self.summary(self.old))]
        self.delete(self.old)
        assert "3 feedback, 1 request would follow" in self.adopt("--dry-run")
        assert self.totals(self.new) == [2]
        self.adopt()
        assert self.summary(self.new)["fitness"] == {"yes": 2, "partly": 1, "no": 0}
        assert self.totals(self.organization, None) == [3, 3]
        shown = self.ask("GET", f"/requests/{asked}/").json
        assert [one["id"] for one in shown["fulfilled_by"]["datasets"]] == [str(self.new.id)]
        self.is_exact()
        self.adopt()  # again: nothing
        assert self.totals(self.new) == [3]
        assert "3 feedback, 1 request given back" in self.adopt("--undo")
        self.is_exact()
        self.old.reload()
        self.old.deleted = None
        self.old.save()
        assert [self.summary(one)["fitness"] for one in (self.new, self.old)] == before
        shown = self.ask("GET", f"/requests/{asked}/").json
        assert shown["dataset"]["id"] == str(self.old.id)
        assert [one["id"] for one in shown["fulfilled_by"]["datasets"]] == [str(self.old.id)]
        assert self.visit("GET", f"{P}/datasets/{self.old.id}/summary/").status_code == 200
        self.is_exact()

    def test_an_undo_after_the_purge_loses_nothing(self):
        self.new = DatasetFactory(organization=self.organization)
        self.give(UserFactory(), self.old, comment=WORDS)
        asked = self.ask_for(self.old)
        self.delete(self.old, purge=True)
        self.adopt()
        self.adopt("--undo")
        assert self.totals(self.new, self.organization) == [0, 0]
        assert self.ask("GET", f"/requests/{asked}/").json["dataset"] is None
        self.is_exact()
        self.adopt()
        assert self.totals(self.new, self.organization) == [1, 1]
        assert self.ask("GET", f"/requests/{asked}/").json["dataset"]["id"] == str(self.new.id)
        self.is_exact()

    def test_what_a_private_dataset_adopts_stays_private(self):
        self.new = DatasetFactory(organization=self.organization, private=True)
        said = self.give(UserFactory(), self.old, comment=WORDS)
        self.delete(self.old)
        self.adopt()
        assert self.ask("GET", f"/feedback/{said['id']}/").status_code == 404
        assert self.visit("GET", f"{P}/pages/datasets/{self.old.id}/").status_code == 404
        assert self.totals(self.organization, None) == [0, 0]
        self.is_exact()
        self.new.reload()
        self.new.private = False
        self.new.save()
        assert self.totals(self.new, self.organization, None) == [1, 1, 1]
        self.is_exact()

    @pytest.mark.options(DEFAULT_LANGUAGE="en")
    def test_what_cannot_be_is_refused(self):
        self.new = DatasetFactory(organization=self.organization)
        self.give(UserFactory(), self.old)
        assert "still public" in self.adopt(status=1)
        self.delete(self.old)
        assert "follows no other one" in self.adopt("--undo", status=1)
        self.adopt()
        assert "another one already" in self.adopt(new=DatasetFactory(), status=1)

    def test_people_go_on_writing_meanwhile(self):
        self.new = DatasetFactory(organization=self.organization)
        people = [UserFactory() for _ in range(12)]
        given = [self.give(one, self.old, fitness="no") for one in people]
        keys = [self.key_of(one) for one in people]
        self.delete(self.old)

        def adopts() -> None:
            with self.app.app_context():
                adoption.adopt(self.old.id, self.new.id)

        def writes(number: int) -> int:
            with self.app.app_context():
                headers = {"X-API-KEY": keys[number]}
                body: dict[str, Any] = {"fitness": "yes"}
                path = f"{P}/feedback/{given[number]['id']}/"
                if number % 2:
                    path, body = f"{P}/feedback/", body | {"dataset": str(self.new.id)}
                verb = "POST" if number % 2 else "PUT"
                return self.visit(verb, path, json=body, headers=headers).status_code

        with ThreadPoolExecutor(4) as threads:
            adopting = [threads.submit(adopts) for _ in range(2)]
            statuses = {one.result() for one in [threads.submit(writes, n) for n in range(12)]}
            for one in adopting:
                one.result()
        assert statuses <= {200, 201, 400, 404, 409}
        assert self.totals(self.new, self.organization) == [12, 12]
        self.is_exact()

    def test_one_of_the_same_title_is_proposed_and_never_adopted_by_itself(self):
        self.give(UserFactory(), self.old)
        self.delete(self.old)
        twin = DatasetFactory(organization=self.organization, title="Musées")
        maintain()
        assert self.totals(twin) == [0]
        [(found, known)] = adoption.proposals()
        assert (found.id, known["_id"]) == (twin.id, self.old.id)
        adoption.refuse(self.old.id, twin.id)
        maintain()
        assert adoption.proposals() == []

    def test_opinions_of_a_purged_dataset_are_kept_unlisted_for_some_days(self):
        author = UserFactory()
        said = self.give(author, self.old, comment=WORDS)
        with freeze_time("2026-05-01"):
            self.delete(self.old, purge=True)
            maintain()
        assert self.ask("GET", f"/feedback/{said['id']}/").status_code == 404
        assert self.ask("GET", "/me/", user=author).status_code == 200
        assert self.visit("GET", f"{P}/pages/me/").status_code in (200, 401)
        listed = self.ask("GET", "/feedback/").json
        assert listed["data"] == []
        with freeze_time(datetime(2026, 5, 1) + timedelta(days=89)):
            maintain()
            assert feedbacks().count_documents({}) == 1
        with freeze_time(datetime(2026, 5, 1) + timedelta(days=91)):
            maintain()
        assert feedbacks().count_documents({}) == 0
        assert summaries().find_one({"dataset": self.old.id}) is None
