"""Reading the journal of decisions: by moderators within their remit, on a page, as JSON, as a file
without words."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from bs4 import BeautifulSoup
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import P, Producer, sysadmin

from .people import ModerationTestCase, moderator

PAGE = f"{P}/pages/moderation/journal/"


class JournalTest(ModerationTestCase):
    def journal(self, who: User, query: str = "") -> Any:
        response = self.ask("GET", f"/moderation/journal/{query}", user=who)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def page(self, who: User, query: str = "") -> BeautifulSoup:
        headers = {"X-API-KEY": self.key_of(who)}
        response = self.visit("GET", f"{PAGE}{query}", headers=headers)
        assert response.status_code == 200, response.text
        return BeautifulSoup(response.text, "html.parser")

    def test_it_says_who_decided_what_when_and_why_and_what_was_undone(self):
        chief, other, dataset = moderator(), moderator(), DatasetFactory(title="Musées")
        hidden, kept = self.said(dataset), self.held(dataset)
        batch = self.decided(chief, hidden, "hide", "abuse")["batch"]
        self.decided(other, kept, "publish")
        self.ask("POST", "/moderation/", {"batch": batch, "decision": "restore"}, chief)
        restored, published, hide = self.journal(chief)["data"]
        assert [one["decision"] for one in (restored, published, hide)] == [
            "restore", "publish", "hide",
        ]  # fmt: skip
        assert (hide["item"], hide["reason"], hide["class"]) == (hidden, "abuse", "feedback")
        assert hide["by"]["id"] == str(chief.id)
        assert hide["undone"] == {"at": restored["at"], "by": hide["by"]}
        assert (published["undone"], published["stands"]) == (None, True)
        assert published["dataset"]["title"] == "Musées"
        assert "camille.martin" in published["words"]

    def test_a_limited_moderator_sees_their_remit_and_nobody_else_anything(self):
        producer, chief = Producer(), moderator()
        theirs, others = self.held(producer.dataset), self.held(DatasetFactory())
        self.decided(chief, [theirs, others], "publish")
        limited = moderator(producer.organization)
        assert [one["item"] for one in self.journal(limited)["data"]] == [theirs]
        assert len(self.journal(chief)["data"]) == 2
        for who, status in ((None, 401), (UserFactory(), 403), (producer.admin, 403)):
            assert self.ask("GET", "/moderation/journal/", user=who).status_code == status
            assert self.ask("GET", "/moderation/journal.csv", user=who).status_code == status

    def test_it_is_filtered_and_searched(self):
        chief, other = moderator(), moderator()
        first = self.held(DatasetFactory(title="Cathédrales"))
        second = self.held(DatasetFactory(title="Archives"))
        self.decided(chief, first, "publish")
        self.decided(other, second, "reject", "abuse")

        def found(query: str) -> list[str]:
            return [one["item"] for one in self.journal(chief, query)["data"]]

        assert found(f"?by={chief.id}") == [first]
        assert found("?decision=reject") == [second]
        assert found("?reason=abuse") == [second]
        assert found("?q=cathedrales") == [first]
        assert found("?q=introuvable") == []
        assert found("?class=request") == []
        assert found("?since=2000-01-01&until=2099-01-01") == [second, first]
        assert found("?until=2000-01-01") == []
        assert self.journal(chief, "?q=archives")["total"] is None

    @pytest.mark.parametrize(
        "query", ["by=x", "decision=x", "reason=x", "class=x", "since=hier", "cursor=x"]
    )
    def test_what_is_no_filter_is_named(self, query: str):
        chief = moderator()
        response = self.ask("GET", f"/moderation/journal/?{query}", user=chief)
        assert response.status_code == 400
        assert query.partition("=")[0] in response.json["errors"]
        page = self.visit("GET", f"{PAGE}?{query}", headers={"X-API-KEY": self.key_of(chief)})
        assert page.status_code == 400

    def test_pages_follow_one_another_without_a_gap(self):
        chief = moderator()
        ids = [self.held(DatasetFactory()) for _n in range(5)]
        self.decided(chief, ids, "publish")  # at one moment
        seen, query = [], "?page_size=2"
        while query:
            body = self.journal(chief, query)
            seen += [one["item"] for one in body["data"]]
            query = body["next_page"] and "?" + body["next_page"].partition("?")[2]
        assert sorted(seen) == sorted(ids)

    def test_the_file_has_no_words(self):
        chief, id = moderator(), self.held(DatasetFactory())
        self.decided(chief, id, "reject", "personal_data")
        response = self.ask("GET", "/moderation/journal.csv", user=chief, buffered=True)
        [line] = csv.DictReader(StringIO(response.get_data(as_text=True)), delimiter=";")
        assert (line["item"], line["decision"], line["reason"]) == (id, "reject", "personal_data")
        assert "camille" not in response.get_data(as_text=True)
        assert "no-store" in response.headers["Cache-Control"]

    def test_the_page_shows_the_texts_and_undoes_one(self):
        chief, dataset = moderator(), DatasetFactory()
        one, other, alone = self.said(dataset), self.said(dataset), self.said(dataset)
        self.decided(chief, [one, other], "hide", "abuse")
        self.decided(chief, alone, "hide", "abuse")
        page = self.page(chief)
        assert len(page.select("tbody tr th[scope=row]")) == 2
        assert "musées d’outre-mer" in page.text
        assert page.select_one(f"nav a[href='{PAGE}'][aria-current=page]")
        offered = page.select("tbody form input[name=item]")
        assert sorted(field["value"] for field in offered) == sorted([one, other, alone])
        assert self.undo(chief, item=one) == 303
        assert self.stored(one)["visibility"] == "public"
        assert self.stored(other)["visibility"] == "hidden"

    def test_a_gesture_about_many_texts_is_one_row_that_is_undone_as_a_whole(self):
        chief, other = moderator(), moderator()
        ids = [self.held(DatasetFactory()) for _n in range(23)]
        first, last = self.held(DatasetFactory()), self.held(DatasetFactory())
        self.decided(chief, first, "publish")
        self.decided(chief, ids, "reject", "spam")
        self.decided(other, last, "publish")
        page = self.page(chief, "?page_size=2&lang=en")
        latest, wave = page.select("tbody tr:has(th[scope=row])")
        assert "details" not in str(latest)
        assert wave.summary.text.startswith("23 texts")
        assert len(wave.select("details li")) == 20
        assert "And 3 more." in wave.text
        earlier = page.select_one("a[rel=next]")["href"].partition("#")[0]
        [row] = self.page(chief, "?" + earlier.partition("?")[2]).select("th[scope=row]")
        assert not row.select("details")
        assert len(self.page(chief, "?q=camille").select("th[scope=row]")) == 20
        [batch] = wave.select("input[name=batch]")
        assert self.undo(chief, batch=batch["value"]) == 303
        assert {self.stored(id)["visibility"] for id in ids} == {"pending"}
        undone = self.page(chief, "?lang=en&decision=reject")
        assert f"undone: {chief.fullname}" in undone.select_one("tbody td:has(.cf-hint)").text
        assert not undone.select("tbody form")

    def undo(self, who: User, **body: str) -> int:
        headers = {"X-API-KEY": self.key_of(who)}
        undone = self.visit("POST", f"{P}/pages/moderation/undo", headers=headers, data=body)
        return int(undone.status_code)

    def test_words_that_were_erased_are_gone_here_too(self):
        author, admin = UserFactory(), sysadmin()
        id = self.held(DatasetFactory(), author)
        self.decided(admin, id, "publish")
        assert self.ask("DELETE", f"/feedback/{id}/", user=author).status_code == 204
        [line] = self.journal(admin)["data"]
        assert (line["words"], line["self_web_url"]) == (None, None)
