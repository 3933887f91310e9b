"""On sites that are not the portal: in a frame, by remote ids, through the extras of datasets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from udata.core.activity.models import Activity
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset, HarvestDatasetMetadata
from udata.core.organization.factories import OrganizationFactory

from udata_culture_feedback.web.embed.advertise import KEY, SOURCE

from ...cases import P, PluginTestCase

PAGES = f"{P}/pages"
THEIRS = {"id": "https://theirs.example/", "type": "external", "source": "somebody", "score": 50}


def harvested(remote_id: str, domain: str = "musees.example", **fields: object) -> Dataset:
    harvest = HarvestDatasetMetadata(remote_id=remote_id, domain=domain, source_id="5f0c")
    return DatasetFactory(harvest=harvest, **fields)


class RemoteTest(PluginTestCase):
    def page(self, status: int = 200, **asked: str) -> str:
        answer = self.visit("GET", f"{PAGES}/remote/", query_string={"as": "fragment", **asked})
        assert answer.status_code == status, answer.text
        return answer.text

    def test_a_dataset_is_found_by_the_id_that_its_own_portal_gives_it(self):
        there = harvested("urn:fr:42", title="Fréquentation")
        harvested("urn:fr:43")
        for source in ("musees.example", "5f0c"):
            text = self.page(id="urn:fr:42", source=source)
            assert f'action="{PAGES}/datasets/{there.slug}/' in text or there.slug in text

    def test_two_portals_may_have_the_same_id(self):
        one, other = harvested("42"), harvested("42", domain="archives.example")
        self.page(404, id="42")
        assert other.slug in self.page(id="42", source="archives.example")
        assert one.slug in self.page(id="42", source="musees.example")

    def test_what_is_not_there_or_not_public_is_not_found(self):
        harvested("private", private=True)
        harvested("deleted", deleted=datetime.now(UTC))
        for id in ("private", "deleted", "nothing", "", "\0", "$ne"):
            self.page(404, id=id, source="musees.example")

    def test_it_is_looked_for_by_an_index_once_init_has_run(self):
        self.app.test_cli_runner().invoke(args=["feedback", "init"])
        indexes = Dataset._get_collection().index_information()
        assert indexes["culture_feedback_remote_id"]["key"] == [("harvest.remote_id", 1)]


class FrameTest(PluginTestCase):
    def test_the_page_has_the_widget_and_nothing_around_it(self):
        dataset = DatasetFactory()
        answer = self.visit("GET", f"{PAGES}/frame/datasets/{dataset.slug}/")
        assert answer.status_code == 200
        assert f'dataset-id="{dataset.id}"' in answer.text
        assert "cf-footer" not in answer.text
        assert '<base target="_blank">' in answer.text  # a login page refuses to be framed

    @pytest.mark.options(CULTURE_FEEDBACK_FRAME_ANCESTORS=["https://site.example"])
    def test_only_who_the_portal_names_may_frame_it(self):
        answer = self.visit("GET", f"{PAGES}/frame/datasets/{DatasetFactory().id}/")
        assert "frame-ancestors https://site.example" in answer.headers["Content-Security-Policy"]

    def test_a_remote_id_does_too(self):
        dataset = harvested("42")
        answer = self.visit("GET", f"{PAGES}/frame/remote/?id=42&source=musees.example")
        assert f'dataset-id="{dataset.id}"' in answer.text

    def test_a_private_dataset_has_none(self):
        dataset = DatasetFactory(private=True)
        assert self.visit("GET", f"{PAGES}/frame/datasets/{dataset.id}/").status_code == 404


class AdvertiseTest(PluginTestCase):
    def run_it(self, *options: str) -> str:
        result = self.app.test_cli_runner().invoke(args=["feedback", "advertise", *options])
        assert result.exit_code == 0, result.output
        return result.output

    def calls(self, dataset: Dataset) -> list[dict]:
        return Dataset.objects.get(id=dataset.id).extras.get(KEY)

    def test_the_call_stands_behind_what_is_there(self):
        dataset, other = (
            DatasetFactory(extras={KEY: [THEIRS], "kept": "as it is"}),
            DatasetFactory(),
        )
        assert "2 datasets" in self.run_it()
        theirs, ours = self.calls(dataset)
        assert theirs == THEIRS
        assert ours["source"] == SOURCE
        assert ours["id"].endswith(f"/pages/datasets/{dataset.slug}/")
        assert set(ours["messages"]) >= {"fr", "en"}
        assert set(ours["messages"]["fr"]) == {"title", "message", "button"}
        assert len(self.calls(other)) == 1
        assert Dataset.objects.get(id=dataset.id).extras["kept"] == "as it is"

    def test_twice_is_once(self):
        dataset = DatasetFactory()
        self.run_it()
        before = self.calls(dataset)
        assert "0 datasets" in self.run_it()
        assert self.calls(dataset) == before

    def test_it_leaves_no_trace(self):
        with_others, alone = DatasetFactory(extras={KEY: [THEIRS]}), DatasetFactory()
        self.run_it()
        assert "2 datasets" in self.run_it("--remove")
        assert self.calls(with_others) == [THEIRS]
        assert self.calls(alone) is None
        assert "0 datasets" in self.run_it("--remove")

    def test_no_date_moves_and_nothing_is_said_to_have_been_done(self):
        dataset = DatasetFactory()
        before, activities = Dataset.objects.get(id=dataset.id), Activity.objects.count()
        self.run_it()
        after = Dataset.objects.get(id=dataset.id)
        assert after.last_modified_internal == before.last_modified_internal
        assert Activity.objects.count() == activities

    def test_one_dataset_or_one_organization(self):
        organization = OrganizationFactory()
        mine, theirs = DatasetFactory(organization=organization), DatasetFactory()
        private = DatasetFactory(organization=organization, private=True)
        self.run_it("--organization", str(organization.id))
        assert self.calls(mine)
        assert not self.calls(theirs)
        assert not self.calls(private)
        self.run_it("--dataset", theirs.slug)
        assert self.calls(theirs)

    def test_what_is_not_there_is_said(self):
        for option in ("--dataset", "--organization"):
            result = self.app.test_cli_runner().invoke(args=["feedback", "advertise", option, "no"])
            assert result.exit_code == 1
            assert "No such" in result.output
