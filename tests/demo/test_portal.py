"""A whole demo portal, started as browser tests start it, on a real MongoDB."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from demo.background import RunningPortal, running_portal
from demo.catalogue import SHOWCASE, remote_ids
from demo.mongod import EmbeddedMongod

DRAFT = "liste-des-edifices-labellises-architecture-contemporaine-remarquable-acr"


@pytest.fixture(scope="module")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedMongod(tmp_path_factory.mktemp("mongo")) as mongod:
        yield mongod.uri


@pytest.fixture(scope="module")
def portal(mongodb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPortal]:
    with running_portal(mongodb, "demo", tmp_path_factory.mktemp("state")) as portal:
        yield portal


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:
        content = response.read().decode()
        return json.loads(content) if response.headers.get_content_subtype() == "json" else content


def counts(mongodb: str) -> dict[str, int]:
    with MongoClient(mongodb) as client:
        database = client.demo
        return {
            name: database[name].count_documents({})
            for name in ("dataset", "organization", "user", "license", "geo_zone", "assignment")
        }


def test_the_catalogue_is_public_but_for_the_draft(portal: RunningPortal) -> None:
    listed = get(f"{portal.url}/api/1/datasets/?page_size=50")["data"]
    # And the results of a consultation, which nobody wrote.
    listed = [entry for entry in listed if "demo:remote_id" in entry["extras"]]
    assert {entry["extras"]["demo:remote_id"] for entry in listed} == set(remote_ids()) - {DRAFT}
    assert all(entry["organization"] or entry["owner"] for entry in listed)
    assert sum(entry["organization"] is None for entry in listed) == 1
    harvested = [entry["harvest"]["remote_id"] for entry in listed if entry["harvest"]]
    assert len(harvested) == 5
    assert set(harvested) < set(remote_ids())


def test_it_answers_under_both_names_of_this_machine(portal: RunningPortal) -> None:
    for url in (portal.url, portal.url.replace("localhost", "127.0.0.1")):
        assert get(f"{url}/api/1/datasets/{portal.ids[SHOWCASE]}/")["id"] == portal.ids[SHOWCASE]


def test_a_page_has_nothing_of_the_plugin_but_its_script_and_links(portal: RunningPortal) -> None:
    page = re.sub(r'href="/api/1/culture-feedback/pages/[\w/-]*"', "", get(portal.page(SHOWCASE)))
    script = '<script type="module" src="/api/1/culture-feedback/embed.js"></script>'
    assert script in page
    assert "culture-feedback" not in page.replace(script, "")


def test_assets_come_from_their_folder_only(portal: RunningPortal) -> None:
    assert "culture-feedback" in get(f"{portal.url}/assets/portal.js")
    for path in ("/assets/../portal.py", "/assets/%2e%2e/portal.py", "/assets/nothing.css"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(portal.url + path)


def test_a_second_start_adds_nothing(portal: RunningPortal, mongodb: str, tmp_path: Path) -> None:
    before = counts(mongodb)
    with running_portal(mongodb, "demo", tmp_path) as again:
        assert again.ids == portal.ids
    assert counts(mongodb) == before
    assert before["dataset"] == len(remote_ids()) + 1  # the results of a consultation


def test_without_javascript_there_is_a_way_to_the_plain_page(portal: RunningPortal) -> None:
    page = get(portal.page(SHOWCASE))
    [plain] = re.findall(r'<noscript>.*?href="([^"]+)".*?</noscript>', page, re.DOTALL)
    assert plain.endswith(f"/pages/datasets/{portal.slugs[SHOWCASE]}/")
    assert "Ces données répondent-elles" in get(portal.url + plain)
