"""What Prometheus reads, and what the log says: counts and ids, nobody's name, address or words."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.web.log_line import tell

from ..cases import P, PluginTestCase, Producer

TOKEN = "a token for Prometheus"
with_token = pytest.mark.options(CULTURE_FEEDBACK_METRICS_TOKEN=TOKEN)


class MetricsTest(PluginTestCase):
    def scrape(self) -> dict[tuple[str, ...], float]:
        """(metric, value of its label) → count."""
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        response = self.visit("GET", f"{P}/metrics", headers=bearer)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        return {
            (sample.name.removeprefix("culture_feedback_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    @with_token
    def test_prometheus_reads_how_much_there_is_and_how_much_waits(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, comment="Camille a écrit ceci.")
        wish = {"title": "Les entrées par mois", "description": "x", "kind": "new"}
        wish["dataset"] = str(producer.dataset.id)
        assert self.ask("POST", "/requests/", wish, UserFactory()).status_code == 201
        maintenance.maintain()
        found = self.scrape()
        assert found["feedback", "new"] == 1
        assert found["requests", "submitted"] == 1
        assert found["requests_overdue",] == 0
        assert found["moderation_queue", "feedback"] == 0
        assert found["dues", "feedback"] == 0
        assert found["mails", "failed"] == 0
        assert found["job_last_end_timestamp_seconds", "culture-feedback-maintain"] > 1.7e9
        assert found["problems", "database"] == 0

    def test_without_a_token_in_the_settings_there_is_no_such_page(self):
        assert self.visit("GET", f"{P}/metrics").status_code == 404
        empty = {"Authorization": "Bearer "}
        assert self.visit("GET", f"{P}/metrics", headers=empty).status_code == 404

    @with_token
    def test_without_the_right_token_there_is_no_such_page(self):
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            assert self.visit("GET", f"{P}/metrics", headers=header).status_code == 404

    def test_the_default_registry_has_them_too_without_a_database_at_import(self):
        value = REGISTRY.get_sample_value("culture_feedback_dues", {"of": "feedback"})
        assert value == 0


REQUESTS = "culture_feedback_http_requests"
SECONDS = "culture_feedback_http_request_duration_seconds"


def counted() -> dict[tuple[str, str, str], float]:
    """(method, route, status) → how many requests this process has answered so."""
    [family] = [one for one in REGISTRY.collect() if one.name == REQUESTS]
    return {
        (one.labels["method"], one.labels["route"], one.labels["status"]): one.value
        for one in family.samples
        if one.name.endswith("_total")
    }


class RequestsTest(PluginTestCase):
    """HTTP requests, as this process counts them."""

    def more_after(self, *requests: tuple[str, str]) -> dict[tuple[str, str, str], float]:
        before = counted()
        for verb, path in requests:
            self.visit(verb, path)
        return {k: n - before.get(k, 0) for k, n in counted().items() if n != before.get(k, 0)}

    def test_a_request_is_counted_once_under_the_rule_of_its_route(self):
        given = self.give(UserFactory(), Producer().dataset)
        path = f"{P}/feedback/{given['id']}/"
        assert self.more_after(("GET", path), ("GET", f"{path}?q=Camille")) == {
            ("GET", "/feedback/<string:id>/", "200"): 2
        }
        observed = {"route": "/feedback/<string:id>/"}
        once = REGISTRY.get_sample_value(f"{SECONDS}_count", observed)
        self.visit("GET", path)
        assert REGISTRY.get_sample_value(f"{SECONDS}_count", observed) == once + 1

    def test_what_is_refused_is_counted_with_its_status(self):
        path = f"{P}/feedback/6b03a950ad3a4f04c817e75c/"
        assert self.more_after(("GET", path), ("DELETE", path)) == {
            ("GET", "/feedback/<string:id>/", "404"): 1,
            ("DELETE", "/feedback/<string:id>/", "401"): 1,
        }

    def test_an_error_of_ours_is_counted_once(self):
        def fails(response: object) -> None:
            raise RuntimeError("what another extension does with an answer fails")

        self.app.config["PROPAGATE_EXCEPTIONS"] = False
        self.app.after_request_funcs.setdefault(None, []).insert(0, fails)
        found = self.more_after(("GET", f"{P}/vocabulary/"))
        assert sum(found.values()) == 1

    def test_no_address_and_no_verb_of_somebody_becomes_a_label(self):
        paths = ("camille.martin@example.org", "x" * 500)
        found = self.more_after(
            *((verb, f"{P}/{path}") for path in paths for verb in ("GET", "M1"))
        )
        assert {route for _verb, route, _status in found} == {"none"}
        assert {verb for verb, _route, _status in found} <= {"GET", "other"}

    def test_requests_to_udata_are_not_counted(self):
        assert self.more_after(("GET", "/api/1/datasets/"), ("GET", "/api/1/nothing/")) == {}


FORKED = """
import os, sys
from udata.app import create_app, standalone
from udata.settings import Defaults

P, TOKEN = "/api/1/culture-feedback", "a token"

class Settings(Defaults):
    MONGODB_HOST = sys.argv[1]
    SECRET_KEY = API_TOKEN_SECRET = "not a secret"
    CULTURE_FEEDBACK_METRICS_TOKEN = TOKEN

app = standalone(create_app(override=Settings))
for times in (3, 4):
    pid = os.fork()
    if not pid:
        client = app.test_client()
        for _time in range(times):
            client.get(P + "/vocabulary/")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
said = app.test_client().get(P + "/metrics", headers={"Authorization": "Bearer " + TOKEN})
print("\\n" + said.text)
"""


def scraped(database: str, **environment: str) -> dict[str, float]:
    """Sample → value, as one process says them after two others have answered requests."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, database],
        env=os.environ | {"UDATA_SETTINGS": "/nonexistent"} | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.startswith("culture_feedback_")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_what_all_processes_of_a_machine_answered_is_scraped_from_any_of_them(mongodb, tmp_path):
    found = scraped(
        f"{mongodb}/culture-feedback-test-scraped", PROMETHEUS_MULTIPROC_DIR=str(tmp_path)
    )
    labels = 'method="GET",route="/vocabulary/",status="200"'
    assert found[f"{REQUESTS}_total{{{labels}}}"] == 7
    assert found[f'{SECONDS}_count{{route="/vocabulary/"}}'] == 7
    assert "culture_feedback_requests_overdue" in found


def test_one_process_does_not_answer_for_all_of_them(mongodb):
    found = scraped(f"{mongodb}/culture-feedback-test-scraped")
    assert "culture_feedback_requests_overdue" in found
    assert not [name for name in found if "_http_" in name]


class LogTest(PluginTestCase):
    def test_what_happens_is_told_in_pairs_without_personal_data(self, caplog):
        author = UserFactory(first_name="Zénobie", last_name="Quatremère")
        with caplog.at_level(logging.INFO, logger="udata_culture_feedback"):
            given = self.give(author, Producer().dataset, comment="Un avis inoubliable.")
            maintenance.maintain()
        [record] = [r for r in caplog.records if r.getMessage().startswith("feedback changed")]
        assert f"feedback={given['id']}" in record.getMessage()
        assert str(record.culture_feedback["feedback"]) == given["id"]
        ours = [r for r in caplog.records if r.name.startswith("udata_culture_feedback")]
        assert any(r.getMessage().startswith("maintained") for r in ours)
        said = "\n".join(f"{r.getMessage()} {r.exc_text}" for r in ours)
        for secret in ("Zénobie", "Quatremère", author.email, str(author.id), "inoubliable"):
            assert secret not in said

    def test_a_line_is_never_two(self, caplog):
        log = logging.getLogger("udata_culture_feedback.tests")
        with caplog.at_level(logging.INFO, logger=log.name):
            tell(log, logging.INFO, "something", what="a\nb c", count=2, nothing=None)
        assert caplog.messages == ['something what="a\\nb c" count=2']
