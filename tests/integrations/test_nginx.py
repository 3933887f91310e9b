"""The sites of `integrations/nginx`, run by a real nginx."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ..cases import P
from ..faults.patience import wait_until
from .edge import needs_nginx, nginx, upstream

pytestmark = [needs_nginx, pytest.mark.filterwarnings("ignore:Unverified HTTPS")]

HOST = "www.data.example"
TAG = f'<script type="module" src="{P}/embed.js"></script></body>'


class Site:
    """One name behind nginx."""

    def __init__(self, port: int, host: str, folder: Path) -> None:
        self.port, self.host, self.folder = port, host, folder
        self.udata: Any = None

    def ask(self, path: str, method: str = "GET", **kwargs: Any) -> requests.Response:
        headers = {"Host": self.host, "Accept-Encoding": "gzip"} | kwargs.pop("headers", {})
        address = f"https://127.0.0.1:{self.port}{path}"
        for _attempt in range(100):
            try:
                return requests.request(
                    method, address, headers=headers, verify=False, timeout=10, **kwargs
                )
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "error.log").read_text())

    def said(self, path: str, method: str = "GET", **kwargs: Any) -> dict[str, Any]:
        """What has reached whom."""
        found = re.search(r"<pre>(.*)</pre>", self.ask(path, method, **kwargs).text)
        assert found
        return json.loads(found[1])


@pytest.fixture(scope="module")
def cdata(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("cdata")
    with upstream("udata") as udata, upstream("cdata") as front:
        changes = {
            "127.0.0.1:7000": f"127.0.0.1:{udata.server_port}",
            "127.0.0.1:3000": f"127.0.0.1:{front.server_port}",
            "/var/log/nginx/data.log": f"{folder}/access.log",
        }
        with nginx(folder, "cdata.conf", HOST, changes) as port:
            site = Site(port, HOST, folder)
            site.udata = udata
            yield site


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [
        ("GET", "/login", "cdata"),
        ("GET", "/login/?next=/datasets/a", "cdata"),
        ("POST", "/login/", "udata"),
        ("POST", "/login", "udata"),
        ("GET", "/register", "cdata"),
        ("POST", "/register/", "udata"),
        ("GET", "/reset/a-token", "udata"),
        ("POST", "/reset/", "udata"),
        ("GET", "/get-csrf", "udata"),
        ("POST", "/logout/", "udata"),
        ("GET", "/api/1/datasets/", "udata"),
        ("GET", f"{P}/pages/", "udata"),
        ("GET", "/datasets/r/5f0c", "udata"),
        ("GET", "/datasets/a", "cdata"),
        ("GET", "/oauth/authorize", "udata"),
    ],
)
def test_each_address_is_answered_by_whom_it_belongs_to(cdata, method, path, who):
    said = cdata.said(path, method)
    assert (said["by"], said["path"]) == (who, path)


@pytest.mark.parametrize(
    "path", ["/", "/datasets/a", "/login", "/register", "/admin/site/moderation"]
)
def test_every_page_of_the_front_end_has_the_tag_once(cdata, path):
    assert cdata.ask(path).text.count(TAG) == 1


@pytest.mark.parametrize("path", ["/api/1/x", f"{P}/pages/", "/avis/"])
def test_no_page_of_udata_has_it(cdata, path):
    assert "embed.js" not in cdata.ask(path).text


@pytest.mark.parametrize("path", ["/", "/login", "/api/1/x", f"{P}/private", "/avis/"])
def test_headers_reach_both_sides(cdata, path):
    """An include with one `proxy_set_header` would cancel those of the server."""
    headers = cdata.said(path, headers={"X-Forwarded-For": "192.0.2.1"})["headers"]
    assert headers["host"] == HOST
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1"
    assert headers["x-real-ip"] == "127.0.0.1"


def test_pages_have_a_prettier_address(cdata):
    assert cdata.said("/avis/datasets/a/?lang=fr")["path"] == f"{P}/pages/datasets/a/?lang=fr"


def test_what_is_for_everybody_is_asked_for_once(cdata):
    path = f"{P}/pages/datasets/once/?as=fragment"
    assert [cdata.ask(path).headers["X-Cache-Status"] for _ in range(3)] == ["MISS", "HIT", "HIT"]
    analytics = {"Cookie": "_pk_id=abc; consent=yes"}
    assert cdata.ask(path, headers=analytics).headers["X-Cache-Status"] == "HIT"
    assert cdata.udata.seen.count(f"GET {path}") == 1


def test_an_origin_has_its_own(cdata):
    path = f"{P}/datasets/origin/summary/"
    cdata.ask(path)
    said = cdata.ask(path, headers={"Origin": "https://culture.data.example"})
    assert said.headers["X-Cache-Status"] == "MISS"


@pytest.mark.parametrize(
    "known",
    [
        {"Cookie": "session=abc"},
        {"Cookie": "consent=yes; remember_token=abc"},
        {"Cookie": "culture-feedback-me=abc"},
        {"Cookie": "consent=yes;culture-feedback-response=abc"},
        {"Authorization": "Bearer abc"},
        {"X-API-KEY": "abc"},
        {"Authentication-Token": "abc"},
        {"X-Culture-Feedback-Token": "abc"},
    ],
    ids=lambda known: " ".join(*known.items()),
)
def test_who_is_known_is_neither_served_from_the_cache_nor_kept_in_it(cdata, known):
    path = f"{P}/datasets/known-{abs(hash(str(known)))}/summary/"
    assert cdata.ask(path, headers=known).headers["X-Cache-Status"] == "BYPASS"
    assert cdata.ask(path).headers["X-Cache-Status"] == "MISS"
    assert cdata.ask(path, headers=known).headers["X-Cache-Status"] == "BYPASS"


def test_no_token_is_in_the_log(cdata):
    cdata.ask(f"{P}/pages/me/open?lang=fr&token=a.secret.token")
    cdata.ask("/avis/confirm/?token=a.secret.token&lang=fr")
    cdata.ask(f"{P}/feedback/?q=ordinary")
    log = cdata.folder / "access.log"
    wait_until(lambda: "ordinary" in log.read_text(), "the log")  # written after the answer
    written = log.read_text()
    assert "secret" not in written
    assert f"{P}/pages/me/open?token=-" in written
    assert f"{P}/feedback/?q=ordinary" in written


def test_another_origin_has_the_full_address_and_its_own_words(tmp_path):
    host = "culture.data.example"
    files = tmp_path / "files"
    (files / "assets").mkdir(parents=True)
    (files / "index.html").write_text("<html><body><div id=app></div></body></html>")
    changes = {"/srv/udata-front-kit": str(files), "/etc/nginx/": f"{tmp_path}/"}
    with nginx(tmp_path, "front-kit.conf", host, changes) as port:
        site = Site(port, host, tmp_path)
        tags = (
            '<script src="/culture-feedback.js"></script>'
            f'<script type="module" src="https://{HOST}{P}/embed.js"></script></body>'
        )
        for path in ("/", "/datasets/a", "/univers-deps/b"):
            assert site.ask(path).text.count(tags) == 1
        own = site.ask("/culture-feedback.js")
        assert own.headers["Content-Type"].startswith("text/javascript")
        assert "getToken" in own.text
        assert "login" in own.text
