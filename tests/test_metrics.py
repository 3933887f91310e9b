"""What Prometheus reads, and what the log says: counts and ids, nobody's name, address or words."""

from __future__ import annotations

import logging

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from udata.core.user.factories import UserFactory

from udata_culture_feedback import maintenance
from udata_culture_feedback.logs import tell

from .cases import P, PluginTestCase, Producer

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
