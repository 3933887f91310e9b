"""The list of requests as people see it: what they search is found, counted and marked."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests import presentation

from ..cases import P, PluginTestCase
from .asking import moderator, move, shown_supports, somebody, wish


class BoardTest(PluginTestCase):
    def see(self, query: str = "", user: Any = None) -> BeautifulSoup:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        response = self.visit("GET", f"{P}/pages/requests/?lang=en&{query}", headers=headers)
        assert response.status_code == 200
        return BeautifulSoup(response.get_data(as_text=True), "html.parser")

    def statuses(self, page: BeautifulSoup) -> list[str]:
        links = page.select("nav[aria-labelledby=cf-by-status] a")
        return [" ".join(link.get_text(" ").split()) for link in links]

    def test_counts_of_statuses_follow_the_other_filters(self):
        wish(somebody(), title="Musées", themes=["musee"])
        move(moderator(), wish(somebody(), title="Archives", themes=["archives"]), "accepted")
        assert self.statuses(self.see()) == ["All 2", "Submitted 1", "Accepted 1"]
        filtered = self.see("theme=musee&status=submitted")
        assert self.statuses(filtered) == ["All 1", "Submitted 1"]
        assert self.statuses(self.see("q=archives")) == ["All 1", "Accepted 1"]

    def test_words_that_are_found_are_marked_and_all_text_is_escaped(self):
        wish(
            somebody(), title="Fréquentation des musées", description="Le <b>musée</b> & ses jours."
        )
        card = self.see("q=musée").select_one(".cf-request")
        assert card is not None
        assert [mark.get_text() for mark in card.select("mark")] == ["musées", "musée"]
        assert "<b>musée</b> & ses jours." in card.get_text()
        assert str(presentation.marked("Un <i>", "absent")) == "Un &lt;i&gt;"

    def test_an_empty_search_carries_its_words_into_asking(self):
        wish(somebody(), title="Musées", themes=["musee"])
        page = self.see("q=orgues+classés&theme=musee")
        empty = page.select_one(".cf-empty")
        assert empty is not None
        assert "“orgues classés”" in empty.get_text()
        ask, bare = empty.select_one("form"), empty.select_one("a[href*='theme']")
        assert ask is not None
        assert bare is None  # the link is without the filters
        going = self.visit(
            "POST", ask["action"], data={"q": empty.select_one("input[name=q]")["value"]}
        )
        assert "title=orgues" in going.location
        asking = self.visit("GET", going.location.removeprefix("http://local.test"))
        assert 'value="orgues classés"' in asking.get_data(as_text=True)

    def test_pages_are_numbered_and_keep_the_filters(self):
        for number in range(3):
            wish(somebody(), title=f"Musées {number}", themes=["musee"])
        page = self.see("theme=musee&page_size=1&page=2")
        pages = page.select_one(".cf-pages")
        assert pages is not None
        numbers = {link.get_text(" ").split()[-1]: link["href"] for link in pages.select("li a")}
        assert {"1", "2", "3"} <= set(numbers)
        assert "theme=musee" in numbers["3"]
        assert "page=3" in numbers["3"]

    def test_one_supports_from_the_list(self):
        request, fan = wish(somebody()), UserFactory()
        form = self.see(user=fan).select_one(".cf-ballot form")
        assert form is not None
        done = self.visit("POST", form["action"], headers={"X-API-KEY": self.key_of(fan)}, data={})
        assert done.status_code == 303
        assert shown_supports(request) == 1
        assert self.see(user=fan).select_one(".cf-supported")

    def test_what_is_decided_has_its_number_without_a_button(self):
        request = wish(somebody())
        move(moderator(), request, "published")
        assert self.see().select_one(".cf-ballot") is None
