"""What people are told of their data: beside each form, on the page, in the register."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from tests.cases import P, PluginTestCase, Producer
from tests.consultations.consulting import DURING, ConsultationCase, freeze_time
from tests.people.without_account import WithoutAccountTestCase
from udata_culture_feedback import settings
from udata_culture_feedback.web import privacy
from udata_culture_feedback.web.languages import speaking

REGISTER = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")

CONTROLLER = {"en": "the ministry", "fr": "le ministère"}


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def forms(page: str) -> list[str]:
    """The forms of a page in which somebody says something."""
    found = re.findall(r"<form[^>]*method=\"post\".*?</form>", page, re.DOTALL)
    return [form for form in found if "<textarea" in form or "cf-primary" in form]


class PrivacyPageTest(PluginTestCase):
    def page(self, query: str = "?lang=en") -> str:
        response = self.visit("GET", f"{P}/pages/privacy/{query}")
        assert response.status_code == 200
        return plain(response.text)

    def test_it_says_how_long_each_thing_is_kept_as_the_settings_have_it(self):
        self.app.config["CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS"] = 41
        said = self.page()
        with speaking("en"):
            for kept in privacy.RETENTION:
                assert str(kept.what) in said
                if kept.days:
                    assert f"{kept.days} days {kept.until}" in said
        assert "41 days once the request is closed" in said

    @pytest.mark.options(
        CULTURE_FEEDBACK_CONTROLLER=CONTROLLER,
        CULTURE_FEEDBACK_DPO={"fr": "dpo@culture.example"},
    )
    def test_it_names_who_is_responsible_and_to_whom_one_complains(self):
        said = self.page()
        assert "Responsible for your data: the ministry." in said
        assert "Data protection officer: dpo@culture.example." in said
        assert "complain to the CNIL" in said

    def test_it_leads_to_what_one_has_said(self):
        assert f'href="{P}/pages/me/' in self.visit("GET", f"{P}/pages/privacy/").text

    def test_every_page_leads_to_it_unless_the_portal_has_its_own(self):
        link = f'href="{P}/pages/privacy/"'
        assert link in self.visit("GET", f"{P}/pages/charter/").text.split("<footer")[1]
        self.app.config["CULTURE_FEEDBACK_PRIVACY_URL"] = "https://portal.example/privacy"
        page = self.visit("GET", f"{P}/pages/charter/").text
        assert 'href="https://portal.example/privacy"' in page.split("<footer")[1]

    def test_a_consultation_that_does_not_exist_has_none(self):
        assert self.visit("GET", f"{P}/pages/privacy/?consultation=none").status_code == 404


class RegisterTest:
    """`docs/privacy.md`, which an operator files."""

    def test_its_figures_are_those_of_the_settings(self):
        named = re.findall(r"^\| .* \| (.*?) \| `(CULTURE_FEEDBACK_\w+_DAYS)` \|$", REGISTER, re.M)
        assert len(named) > 6
        for told, setting in named:
            assert str(getattr(settings, setting)) in re.findall(r"\d+", told), setting

    def test_it_leaves_nothing_out_that_the_page_has(self):
        rows = REGISTER.split("## How long")[1].split("##")[0]
        for kept in privacy.RETENTION:
            if kept.setting:
                assert f"`{kept.setting}`" in rows
        assert "24 hours" in rows

    @pytest.mark.parametrize(
        "part",
        [
            "Purposes",
            "Legal basis",
            "People and categories of data",
            "Recipients",
            "How long",
            "Transfers outside the European Union",
            "Security measures",
            "Rights",
        ],
    )
    def test_it_has_every_part_that_article_30_asks_for(self, part: str):
        assert f"\n## {part}\n" in REGISTER


@pytest.mark.options(CULTURE_FEEDBACK_CONTROLLER=CONTROLLER)
class NoticeTest(WithoutAccountTestCase):
    """Beside each form: what is published, who uses it, what an address is for, which rights."""

    def told(self, path: str, user: Any = None) -> list[str]:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        response = self.visit("GET", f"{P}/pages/{path}", headers=headers)
        assert response.status_code == 200, path
        found = forms(response.text)
        assert found, path
        for form in found:
            said = plain(form)
            assert "Personal data: find out more" in said, (path, said)
            assert f'href="{P}/pages/privacy/' in form, path
        return [plain(form) for form in found]

    def test_an_opinion(self):
        dataset, user = DatasetFactory(), UserFactory()
        self.give(user, dataset)
        self.told(f"datasets/{dataset.id}/?lang=en&edit=1", user)
        page = self.visit("GET", f"{P}/pages/datasets/{dataset.id}/?lang=en").text
        assert "counted in public figures" in plain(page)
        assert "Personal data: find out more" in plain(page)

    def test_a_request(self):
        [said] = self.told("requests/new?lang=en")
        assert "erased 90 days after the request is closed" in said
        self.told("requests/new?lang=en", UserFactory())

    def test_a_message_about_a_request_and_a_support(self):
        producer, author, other = Producer(), UserFactory(), UserFactory()
        body = {
            "title": "La fréquentation des musées",
            "description": "Par mois, depuis 2015.",
            "kind": "new",
            "organization": str(producer.organization.id),
        }
        asked = self.ask("POST", "/requests/", body, author).json
        page = self.visit(
            "GET",
            f"{P}/pages/requests/{asked['slug']}/?lang=en",
            headers={"X-API-KEY": self.key_of(other)},
        ).text
        [support, message, *_rest] = forms(page)
        assert "Only the number of people is published." in plain(support)
        assert "Your message is published here under your name" in plain(message)
        for form in (support, message):
            assert "Personal data: find out more" in plain(form)

    def test_a_report(self):
        user, dataset = UserFactory(), DatasetFactory()
        given = self.give(user, dataset, comment="Il manque les musées d’outre-mer.")
        [said] = self.told(f"feedback/{given['id']}/flag?lang=en", UserFactory())
        assert "erased after 183 days" in said


class ConsultationNoticeTest(ConsultationCase):
    def test_a_consultation_may_have_another_controller(self):
        self.app.config["CULTURE_FEEDBACK_CONTROLLER"] = CONTROLLER
        with freeze_time(DURING):
            slug = self.make(controller={"en": "The city"})["slug"]
        page = self.visit("GET", f"{P}/pages/privacy/?lang=en&consultation={slug}")
        assert "Responsible for your data: The city." in plain(page.text)
        with freeze_time(DURING):
            form = self.visit(
                "GET",
                f"{P}/pages/consultations/{slug}/?lang=en&step=4",
                headers={"X-API-KEY": self.key_of(UserFactory())},
            ).text
        assert "Responsible for your data: The city." in plain(form)
        assert f"privacy/?consultation={slug}" in form
