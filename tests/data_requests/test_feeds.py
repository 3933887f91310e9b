"""The Atom feed of requests, as a reader of feeds takes it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from freezegun import freeze_time
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from udata_culture_feedback.data_requests import actions
from udata_culture_feedback.data_requests.models import requests

from ..cases import PluginTestCase
from .asking import UNLIMITED, move, somebody, stored, wish

FEED = "/requests/feed.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

#: RFC 4287, 4.1: what a feed and an entry must have, once.
REQUIRED = ("id", "title", "updated")


class FeedTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def unlimited(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED)

    def read(self, query: str = "", **kwargs: Any) -> ElementTree.Element:
        response = self.ask("GET", FEED + query, **kwargs)
        assert response.status_code == 200
        assert response.content_type.startswith("application/atom+xml")
        return ElementTree.fromstring(response.get_data())

    def titles(self, query: str = "") -> list[str | None]:
        return [entry.findtext(f"{ATOM}title") for entry in self.read(query).iter(f"{ATOM}entry")]

    def test_it_is_valid_atom(self):
        wish(somebody(), title="Les musées")
        wish(somebody(), title="Les archives", themes=["archives"])
        feed = self.read()
        assert feed.tag == f"{ATOM}feed"
        entries = feed.findall(f"{ATOM}entry")
        for element in (feed, *entries):
            for name in REQUIRED:
                assert len(element.findall(f"{ATOM}{name}")) == 1
            assert DATE.fullmatch(element.findtext(f"{ATOM}updated") or "")
            [alternate] = element.findall(f"{ATOM}link[@rel='alternate']")
            assert alternate.get("href", "").startswith("http")
        assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 2
        assert len(feed.findall(f"{ATOM}link[@rel='self']")) == 1
        assert feed.findtext(f"{ATOM}author/{ATOM}name")
        assert feed.findtext(f"{ATOM}updated") == max(
            entry.findtext(f"{ATOM}updated") or "" for entry in entries
        )
        assert entries[0].find(f"{ATOM}category[@term='archives']") is not None

    def test_it_is_valid_without_any_request(self):
        feed = self.read()
        assert DATE.fullmatch(feed.findtext(f"{ATOM}updated") or "")
        assert feed.findall(f"{ATOM}entry") == []

    @pytest.mark.parametrize(
        ("own", "settings"),
        [
            ("http://data.test", {"SERVER_NAME": "data.test"}),
            ("https://www.test", {"SERVER_NAME": None, "CDATA_BASE_URL": "https://www.test/fr"}),
        ],
    )
    def test_addresses_are_the_portal_s_own_whatever_host_is_asked(self, own, settings):
        wish(somebody())
        wish(somebody())
        self.app.config.update(settings)
        for path in (FEED, "/requests/"):
            answer = self.ask("GET", path, base_url="http://evil.test")
            assert answer.status_code == 200
            text = answer.get_data(as_text=True)
            assert "evil.test" not in text
            assert f"{own}/api/1/culture-feedback/" in text

    def test_the_newest_fifty_come_first(self):
        for number in range(52):
            with freeze_time(f"2026-01-01 10:{number:02}"):
                wish(somebody(), title=f"Demande {number}")
        assert self.titles() == [f"Demande {number}" for number in range(51, 1, -1)]

    def test_it_has_the_filters_of_the_list(self):
        museum = OrganizationFactory(name="Musée")
        wish(somebody(), title="Les musées", organization=str(museum.id), kind="update")
        wish(somebody(), title="Les archives", themes=["archives"])
        move(somebody(sysadmin=True), wish(somebody(), title="Les livres"), "accepted")
        assert self.titles(f"?organization={museum.slug}") == ["Les musées"]
        assert self.titles("?kind=update") == ["Les musées"]
        assert self.titles("?theme=archives") == ["Les archives"]
        assert self.titles("?status=accepted") == ["Les livres"]
        assert self.titles("?q=archive") == ["Les archives"]
        assert self.titles("?overdue=true") == []
        assert self.ask("GET", f"{FEED}?status=nonsense").status_code == 400
        assert self.ask("GET", f"{FEED}?organization=nobody").status_code == 404
        feed = self.read("?theme=archives&page=3")
        assert feed.find(f"{ATOM}link[@rel='alternate']").get("href").endswith("?theme=archives")

    def test_what_people_type_is_text_whatever_it_is(self):
        title = "<script>alert(1)</script> & ]]> \"'"
        id = wish(somebody(), title=title, description="<p>Ça & là</p>\nplus bas")
        requests().update_one({"_id": id}, {"$set": {"title": title + "\ufffe\x0b"}})
        [entry] = self.read().iter(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}title") == title
        assert entry.findtext(f"{ATOM}content") == "<p>Ça & là</p>\nplus bas"
        assert entry.find(f"{ATOM}content").get("type") in (None, "text")

    def test_nobody_is_named(self):
        camille = UserFactory(first_name="Camille", last_name="Durand")
        body = {"title": "Les musées", "description": "Pour voir.", "kind": "new"}
        assert self.ask("POST", "/requests/", body, camille).status_code == 201
        text = self.ask("GET", FEED).get_data(as_text=True)
        assert "Les musées" in text
        assert "Camille" not in text
        assert "Durand" not in text
        assert camille.email not in text
        assert str(camille.id) not in text

    def test_what_is_not_public_is_not_there(self):
        for visibility in ("pending", "hidden"):
            id = wish(somebody(), title=visibility)
            requests().update_one({"_id": id}, {"$set": {"visibility": visibility}})
        author = somebody()
        actions.delete(author, wish(author, title="Supprimée"))
        assert self.titles() == []

    def test_it_may_be_kept_and_asked_again_only_when_it_changed(self):
        id = wish(somebody())
        first = self.ask("GET", FEED)
        assert first.headers["Cache-Control"] == "public, max-age=60"
        known = {"If-None-Match": first.headers["ETag"]}
        assert self.ask("GET", FEED, headers=known).status_code == 304
        requests().update_one({"_id": id}, {"$set": {"title": "Autre chose"}})
        assert self.ask("GET", FEED, headers=known).status_code == 200

    def test_the_updated_date_moves_with_the_request(self):
        with freeze_time("2026-01-01 10:00"):
            id = wish(somebody())
        with freeze_time("2026-02-01 10:00"):
            move(somebody(sysadmin=True), id, "accepted")
        [entry] = self.read().iter(f"{ATOM}entry")
        assert entry.findtext(f"{ATOM}published") == "2026-01-01T10:00:00Z"
        assert entry.findtext(f"{ATOM}updated") == "2026-02-01T10:00:00Z"
        assert stored(id)["status"] == "accepted"

    def test_it_speaks_the_language_that_is_asked(self):
        wish(somebody())
        feed = self.read("?lang=fr")
        assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
        [category] = feed.findall(f"{ATOM}entry/{ATOM}category[@term='submitted']")
        assert category.get("label") == "Déposée"
