"""What the loader is told of where to put us, and the two pages that only placements use."""

from __future__ import annotations

import json
import re

import pytest
from udata.core.organization.factories import OrganizationFactory

from ...cases import P, PluginTestCase, Producer

DATASET = "journees-du-patrimoine"


class TableTest(PluginTestCase):
    def table(self):
        source = self.visit("GET", f"{P}/embed.js").text
        settings, _end = json.JSONDecoder().raw_decode(source, source.index("{"))
        return settings["placements"]

    def shown(self, name, path):
        """What a placement shows on the page at `path`, None where it is not."""
        for pattern, value in self.table()[name]["on"].items():
            found = re.match(pattern, path)
            if found:
                return found.expand(re.sub(r"\$(\d)", r"\\g<\1>", value))
        return None

    @pytest.mark.parametrize(
        "path",
        [
            f"/datasets/{DATASET}",
            f"/datasets/{DATASET}/",
            f"/datasets/{DATASET}/discussions",
            f"/univers-deps/{DATASET}",
        ],
    )
    def test_the_page_of_a_dataset_has_its_section(self, path):
        assert self.shown("section", path) == DATASET

    @pytest.mark.parametrize(
        "path",
        ["/", "/datasets", "/datasets/", "/datasets/search", "/datasets/search/",
         "/datasets/r/1234", "/admin/datasets/1234", "/reuses/1234", f"/posts/datasets/{DATASET}"],
    )  # fmt: skip
    def test_other_pages_have_none(self, path):
        assert self.shown("section", path) is None

    def test_an_organization_is_asked_on_its_page(self):
        assert self.shown("ask", "/organizations/musee") == "pages/ask/?organization=musee"
        assert self.shown("ask", "/organizations/musee/datasets")
        assert self.shown("ask", "/organizations/musee/search") is None
        assert self.shown("ask", "/organizations") is None

    def test_a_search_leads_to_asking(self):
        for path in ("/datasets/search", "/datasets", "/organizations/musee/search", "/search/"):
            assert self.shown("search", path) == "pages/ask/?title=$q", path
        assert self.shown("search", f"/datasets/{DATASET}") is None

    def test_the_administration_has_what_concerns_it(self):
        assert self.shown("dashboard", "/admin/me/datasets") == "pages/dashboard/me/"
        organization = "/admin/organizations/1234/discussions"
        assert self.shown("dashboard", organization) == "pages/dashboard/organizations/1234/"
        assert self.shown("dashboard", "/admin/organizations/1234/datasets") is None
        assert self.shown("moderation", "/admin/site/moderation") == "pages/moderation/"

    def test_where_an_element_goes_keeps_its_order(self):
        """The first place that is found counts."""
        assert next(iter(self.table()["section"]["at"])) == "main[role=main]"

    def test_counts_of_lists_are_only_for_who_wants_them(self):
        assert self.table()["counts"]["off"] is True

    @pytest.mark.options(
        CULTURE_FEEDBACK_PLACEMENTS={
            "search": False,
            "counts": True,
            "section": {"at": {"#avis": "beforeend"}},
            "voices": {
                "on": {"^/participer$": "pages/consultations/"},
                "at": {"main": "beforeend"},
            },
            "nothing": {"at": {"main": "beforeend"}},
        }
    )
    def test_a_portal_changes_them(self):
        table = self.table()
        assert table["search"]["off"] is True
        assert "off" not in table["counts"]
        assert table["section"]["at"] == {"#avis": "beforeend"}
        assert self.shown("section", f"/datasets/{DATASET}") == DATASET
        assert self.shown("voices", "/participer") == "pages/consultations/"
        assert "nothing" not in table, "it says of no page that it is there"


class AskTest(PluginTestCase):
    def test_an_organization_is_named_and_the_form_is_for_it(self):
        organization = OrganizationFactory(name="Musée <b>imaginaire</b>")
        page = f"{P}/pages/ask/?as=fragment&lang=en&organization={organization.id}"
        answer = self.visit("GET", page)
        assert answer.status_code == 200
        assert answer.headers["X-Culture-Feedback"] == "fragment"
        assert "Musée &lt;b&gt;imaginaire" in answer.text
        assert f"pages/requests/new?organization={organization.slug}" in answer.text

    def test_what_was_searched_for_becomes_the_title(self):
        answer = self.visit("GET", f"{P}/pages/ask/?as=fragment&lang=en&title=orgues+%22d'église")
        assert "title=orgues+%22d%27%C3%A9glise" in answer.text

    @pytest.mark.parametrize("query", ["", "organization=nobody", "organization=%00&title=%20"])
    def test_without_either_it_asks_all_the_same(self, query):
        answer = self.visit("GET", f"{P}/pages/ask/?{query}&lang=en")
        assert answer.status_code == 200
        assert f"{P}/pages/requests/new" in answer.text

    def test_without_javascript_it_is_a_page(self):
        answer = self.visit("GET", f"{P}/pages/ask/?lang=en")
        assert "<h1>Ask for data</h1>" in answer.text


class DashboardOfDatasetTest(PluginTestCase):
    def test_a_dataset_leads_to_the_dashboard_of_its_organization(self):
        producer = Producer()
        dataset = producer.dataset
        page = f"{P}/pages/dashboard/datasets/{dataset.slug}/?as=fragment&level=3&lang=fr"
        answer = self.visit("GET", page)
        assert answer.status_code == 302
        where = answer.headers["Location"]
        assert f"dashboard/organizations/{producer.organization.id}/inbox/" in where
        for kept in (f"dataset={dataset.id}", "as=fragment", "level=3", "lang=fr"):
            assert kept in where
        key = {"X-API-KEY": self.key_of(producer.admin)}
        assert self.visit("GET", where, headers=key).status_code == 200

    def test_a_private_dataset_is_not_told_of(self):
        producer = Producer(private=True)
        page = f"{P}/pages/dashboard/datasets/{producer.dataset.id}/"
        assert self.visit("GET", page).status_code == 404
        key = {"X-API-KEY": self.key_of(producer.admin)}
        assert self.visit("GET", page, headers=key).status_code == 302
