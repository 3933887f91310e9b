"""What comes with a request and is not to be believed, or to be read: its host, its depth."""

from __future__ import annotations

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory

from tests.cases import P, PluginTestCase

#: What Python cannot read without running out of its stack.
DEEP = ("[" * 20_000 + "]" * 20_000, '{"a":' * 9_000 + "1" + "}" * 9_000)


class HostTest(PluginTestCase):
    def test_no_address_is_made_of_the_host_that_somebody_sends(self):
        user = UserFactory()
        for _n in range(3):
            self.give(user, DatasetFactory(), comment="Il manque des années.")
        wish = {"title": "Les entrées", "description": "Par mois.", "kind": "new"}
        assert self.ask("POST", "/requests/", wish, user).status_code == 201
        for path in (
            "/feedback/?page_size=1",
            "/requests/",
            "/requests/feed.atom?q=entr",
            "/pages/?lang=en",
            "/pages/requests/?lang=en",
        ):
            answer = self.visit("GET", P + path, base_url="https://evil.example")
            assert answer.status_code == 200, path
            assert "evil.example" not in answer.text, path
        first = self.visit("GET", f"{P}/feedback/?page_size=1", base_url="https://evil.example")
        assert first.json["next_page"].startswith(f"http://local.test{P}/feedback/?")


class DepthTest(PluginTestCase):
    @pytest.mark.parametrize("deep", DEEP, ids=["lists", "objects"])
    def test_json_that_is_nested_too_deeply_is_refused(self, deep):
        key = {"X-API-KEY": self.key_of(UserFactory())}
        for path in ("/feedback/", "/me/", "/confirm/", "/requests/", "/moderation/"):
            for headers in ({}, key):
                sent = {"data": deep, "content_type": "application/json", "headers": headers}
                answer = self.visit("POST", P + path, **sent)
                assert answer.status_code == 400, (path, headers)
                assert list(answer.json["errors"]) == ["request"]
