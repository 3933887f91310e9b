"""Our addresses among udata's, and what a process that serves does without."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from flask import url_for

from ..cases import P, PluginTestCase

START = """
import json, sys
from udata.app import create_app, standalone
from udata.settings import Defaults

class Settings(Defaults):
    SECRET_KEY = API_TOKEN_SECRET = "for this test only"

app = standalone(create_app(override=Settings))
from udata.tasks import celery
before = sorted(name for name in sys.modules if name.startswith("udata_culture_feedback."))
rules = [
    rule.rule
    for rule in app.url_map.iter_rules()
    if "culture-feedback" in rule.endpoint or "culture_feedback" in rule.endpoint
]
print(json.dumps({
    "rules": rules,
    "modules": before,
    "jobs": sorted(name for name in celery.tasks if name.startswith("culture-feedback-")),
    "commands": app.cli.commands["feedback"].list_commands(None),
}))
"""


#: Some addresses that only forms have, and the page that each leads to.
ONLY_FORMS = {
    f"{P}/pages/moderation/undo": "/pages/moderation/",
    f"{P}/pages/requests/<string:reference>/support": f"/pages/requests/{'0' * 24}/",
    f"{P}/pages/datasets/<string:dataset>/erase": f"/pages/datasets/{'0' * 24}/",
}


class RoutingTest(PluginTestCase):
    def test_addresses_are_built_from_their_names(self):
        with self.app.test_request_context("/"):
            assert url_for("api.culture_feedback_item", id="a b") == f"{P}/feedback/a%20b/"
            page = url_for("culture-feedback.moderation_page", class_="é", _external=False)
        assert page == f"{P}/pages/moderation/?class_=%C3%A9"

    def test_every_address_of_a_form_leads_to_its_page_by_get(self):
        """Somebody who logs in on the way, reloads or copies the address lands on a page."""
        posted = {
            rule.rule
            for rule in self.app.url_map.iter_rules()
            if rule.endpoint.startswith("culture-feedback.") and "POST" in (rule.methods or ())
        }
        assert len(posted) > 40
        for rule in sorted(posted):
            address = re.sub("<[^>]+>", "0" * 24, rule)
            response = self.visit("GET", address)
            assert response.status_code != 405, rule
            if rule in ONLY_FORMS:
                assert response.status_code == 303, rule
                assert response.location.endswith(ONLY_FORMS[rule]), response.location


@pytest.fixture(scope="module")
def started() -> dict[str, Any]:
    """A process that serves: here, tests have imported modules in any order."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START], capture_output=True, text=True, check=False
    )
    assert not run.returncode, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_routes_stand_under_our_prefix(started):
    assert len(started["rules"]) > 100
    assert all(rule.startswith(f"{P}/") for rule in started["rules"])


def test_what_only_commands_and_jobs_need_is_not_loaded_by_each_process(started):
    late = ("commands", "maintenance", "migrations", "recount", "retention")
    loaded = {name.partition(".")[2] for name in started["modules"]}
    assert loaded & {f"app.{name}" for name in late} == set()
    assert {"culture-feedback-maintain", "culture-feedback-consultations"} <= set(started["jobs"])
    assert {"init", "maintain", "recount"} <= set(started["commands"])
