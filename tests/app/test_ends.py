"""Nobody lands on a bare error: a page in the frame says what happened and where to go next."""

from __future__ import annotations

from udata.core.dataset.factories import DatasetFactory

from tests.cases import P, PluginTestCase

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class EndsTest(PluginTestCase):
    def opened(self, path: str, **options):
        return self.visit("GET", f"{P}/pages/{path}", headers=BROWSER, **options)

    def test_what_is_not_there_is_said_in_the_frame_with_a_way_on(self):
        for path in ("requests/nothing/", "nowhere/at/all", "datasets/none/"):
            page = self.opened(f"{path}?lang=en")
            assert page.status_code == 404, path
            assert "This page does not exist" in page.text
            assert "cf-header" in page.text
            assert f'action="{P}/pages/requests/' in page.text
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert page.headers["Cache-Control"] == "no-store"

    def test_a_program_and_a_fragment_get_no_page(self):
        page = self.visit("GET", f"{P}/pages/requests/nothing/", headers={"Accept": "*/*"})
        assert page.status_code == 404
        assert "cf-header" not in page.text
        assert "cf-header" not in self.opened("requests/nothing/?as=fragment").text

    def test_the_address_of_a_form_leads_to_its_page(self):
        page = self.opened("requests/some-request/support")
        assert page.status_code == 303
        assert page.location.endswith("/pages/requests/some-request/")

    def test_a_form_that_proves_nothing_is_refused_in_the_frame(self):
        client = self.app.test_client()
        answer = self.visit("POST", f"{P}/pages/language?lang=en", client, headers=BROWSER, data={})
        assert answer.status_code == 405
        assert "This page cannot be opened like this" in answer.text


class LanguageTest(PluginTestCase):
    """Of whole pages: the address, then the choice, the account, the browser, the portal."""

    def language_of(self, query: str = "", **options) -> str:
        page = self.visit("GET", f"{P}/pages/requests/{query}", **options)
        assert page.status_code == 200
        return page.text.partition('<html lang="')[2][:2]

    def test_the_first_that_says_something_counts(self):
        english = {"Accept-Language": "en"}
        assert self.language_of() == "fr"
        assert self.language_of(headers=english) == "en"
        assert self.language_of(headers={"Accept-Language": "de,en;q=0.5"}) == "en"
        assert self.language_of("?lang=fr", headers=english) == "fr"
        assert self.language_of("?lang=klingon", headers={"Accept-Language": "de"}) == "fr"

    def test_what_was_chosen_is_kept_and_leads_back(self):
        client = self.app.test_client()
        back = f"{P}/pages/requests/?q=musées"
        answer = self.visit("GET", f"{P}/pages/language?to=en&next={back}", client)
        assert answer.status_code == 303
        assert answer.headers["Cache-Control"] == "no-store"
        assert "pages/requests/?q=" in answer.location
        page = self.visit("GET", f"{P}/pages/requests/", client)
        assert '<html lang="en"' in page.text

    def test_it_leads_nowhere_else(self):
        for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example", "evil"):
            answer = self.visit("GET", f"{P}/pages/language?to=en&next={elsewhere}")
            assert "evil" not in answer.location

    def test_a_fragment_speaks_the_language_of_its_host_alone(self):
        path = f"{P}/pages/datasets/{DatasetFactory().id}/?as=fragment"
        page = self.visit("GET", path, headers={"Accept-Language": "en"})
        assert 'lang="fr"' in page.text
        assert "Accept-Language" not in page.headers["Vary"]
        whole = self.visit("GET", path.partition("?")[0], headers={"Accept-Language": "en"})
        assert 'lang="en"' in whole.text
        assert "Accept-Language" in whole.headers["Vary"]
