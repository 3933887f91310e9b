"""What stands around whole pages: where each person can go, what waits for them, who they are."""

from __future__ import annotations

import re

import pymongo.monitoring
import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import AdminFactory, UserFactory

from tests.cases import CommandCounter, P, PluginTestCase, Producer

COUNTER = CommandCounter()
pymongo.monitoring.register(COUNTER)


class FrameTest(PluginTestCase):
    def header(self, user=None, path: str = "requests/") -> str:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        page = self.visit("GET", f"{P}/pages/{path}?lang=en", headers=headers)
        assert page.status_code == 200
        return page.text.partition("<header")[2].partition("</header>")[0]

    def test_everybody_finds_what_is_asked_for_and_themselves(self):
        header = self.header()
        for path in ("", "requests/", "consultations/", "me/"):
            assert f'href="{P}/pages/{path}"' in header
        assert "Log in" in header
        assert "dashboard" not in header
        assert f'href="{P}/pages/requests/" aria-current="page"' in header

    @pytest.mark.parametrize(
        ("pages", "back"),
        [
            # The front-end goes to no whole address after logging in.
            ("https://portal.example/voice", "/voice/me/"),
            ("https://voice.example/", "https%3A//voice.example/me/"),
        ],
    )
    def test_logging_in_leads_back_by_a_path_where_the_site_is_the_same(self, pages, back):
        self.app.config["CDATA_BASE_URL"] = "https://portal.example"
        self.app.config["CULTURE_FEEDBACK_PAGES_URL"] = pages
        page = self.visit("GET", f"{P}/pages/me/").text
        assert f'href="https://portal.example/login?next={back}"' in page

    def test_who_works_nowhere_has_nothing_counted(self):
        citizen, owner, producer = UserFactory(), UserFactory(), Producer()
        DatasetFactory(owner=owner, organization=None)
        for user, counts, leads_there in (
            (citizen, False, False),
            (owner, False, True),
            (producer.partial_editor, False, True),  # of nothing yet
            (producer.editor, True, True),
            (AdminFactory(), True, False),
        ):
            self.header(user, "privacy/")
            with COUNTER.count() as commands:
                header = self.header(user, "privacy/")
            assert ('pages/dashboard/"' in header) is leads_there
            assert ("aggregate" in commands) is counts

    def test_the_home_is_where_one_is_on_the_home_itself(self):
        assert f'href="{P}/pages/" aria-current="page"' in self.header(path="")

    def test_a_page_of_no_place_is_not_in_the_home(self):
        for path in ("transparency/", "privacy/"):
            assert f'href="{P}/pages/" aria-current' not in self.header(path=path)

    def test_a_producer_finds_their_work_and_how_much_of_it_waits(self):
        producer = Producer()
        for _ in range(3):
            self.give(UserFactory(), producer.dataset, comment="Il manque 2023.", wants_answer=True)
        header = self.header(producer.editor)
        assert producer.editor.first_name in header
        assert "Log out" in header
        [work] = set(
            re.findall(r'pages/dashboard/">Dashboard <span class="cf-count">(\d+)', header)
        )
        assert work == "3"
        assert "moderation/" not in header

    def test_an_administrator_without_an_organization_has_no_dashboard(self):
        header = self.header(AdminFactory())
        assert "pages/moderation/" in header
        assert 'pages/dashboard/"' not in header

    def test_a_panel_leads_to_the_other_work_in_one_row(self):
        admin = AdminFactory()
        page = self.visit(
            "GET",
            f"{P}/pages/moderation/?lang=en&as=fragment",
            headers={"X-API-KEY": self.key_of(admin)},
        ).text
        assert "<header" not in page
        assert "Consultation team" in page

    def test_a_logo_stands_beside_the_name_which_stays(self):
        self.app.config["CULTURE_FEEDBACK_LOGO_URL"] = "https://portal.example/logo.svg"
        page = self.visit("GET", f"{P}/pages/requests/")
        assert 'src="https://portal.example/logo.svg" alt=""' in page.text
        assert (
            "img-src 'self' blob: https://portal.example"
            in (page.headers["Content-Security-Policy"])
        )
