"""The other files of `integrations/`: their programs read them, and they name what there is."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from prometheus_client.parser import text_string_to_metric_families
from udata.core.user.factories import UserFactory
from udata.settings import Defaults

from udata_culture_feedback import settings

from ..cases import P, PluginTestCase, Producer
from .edge import needs_nginx, nginx_tries

FOLDER = Path(__file__).parents[2] / "integrations"
COMPOSE = FOLDER / "compose"
OPERATORS = FOLDER.parent / "docs" / "operators.md"

#: The file of variables, as somebody fills it in.
VARIABLE = re.compile(r"^(\w+)=", re.MULTILINE)


def services() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))["services"]


def scheduled(text: str) -> set[tuple[str, str]]:
    """(when, which) of what is put on the schedule."""
    return set(re.findall(r'udata job schedule "([^"]+)" (culture-feedback-[a-z]+)', text))


def test_compose_reads_the_file():
    # PyYAML resolves `<<`, which Compose allows and its schema does not know.
    text = (COMPOSE / "compose.yaml").read_text("utf-8")
    # Docker puts the address of the machine there; the schema wants to see one.
    read = yaml.safe_load(text.replace("host-gateway", "192.0.2.1"))
    PyCompose.from_json(json.dumps(read)).validate()
    with pytest.raises(ValueError, match="imagee"):
        PyCompose.from_json(json.dumps(read).replace('"image"', '"imagee"'))
    assert set(services()) == {"init", "udata", "worker", "beat", "mongo", "redis", "nginx"}


def test_what_it_mounts_and_waits_for_is_there():
    for service in services().values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (COMPOSE / source).exists(), source
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services()[other]


def test_it_schedules_what_operators_are_told_to():
    told = scheduled(OPERATORS.read_text("utf-8"))
    assert {job for _when, job in told} == {
        f"culture-feedback-{one}" for one in ("deliver", "consultations", "maintain", "publish")
    }
    assert scheduled((COMPOSE / "compose.yaml").read_text("utf-8")) == told


def test_its_settings_are_settings(monkeypatch):
    for name in VARIABLE.findall((COMPOSE / "env.example").read_text("utf-8")):
        monkeypatch.setenv(name, "something")
    written = runpy.run_path(str(COMPOSE / "udata.cfg"))
    names = {name for name in written if name.isupper()} - {"PORTAL"}
    #: Of Flask and its extensions, which udata has no default for.
    others = {"SERVER_NAME", "PREFERRED_URL_SCHEME", "CACHE_REDIS_URL", "FS_ROOT", "FS_PREFIX"}
    known = {name for place in (Defaults, settings) for name in dir(place)}
    assert names - known - others == set()


@needs_nginx
def test_its_site_is_one(tmp_path):
    changes = {"udata:7000": "127.0.0.1:7000", "front-end:3000": "127.0.0.1:3000"}
    nginx_tries(tmp_path, (COMPOSE / "site.conf").read_text("utf-8"), changes)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_units_are_units(tmp_path):
    for unit in (FOLDER / "systemd").glob("*.service"):
        text = unit.read_text("utf-8")
        assert "/srv/udata/.venv/bin/" in text
        text = re.sub(r"/srv/udata/\.venv/bin/\w+", shutil.which("true") or "", text)
        (tmp_path / unit.name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", str(tmp_path / unit.name)],
            capture_output=True,
            text=True,
            env=os.environ | {"SYSTEMD_LOG_LEVEL": "warning"},
        )
        said = [line for line in done.stderr.splitlines() if unit.name in line]
        assert said == []


METRIC = re.compile(r"\bculture_feedback_\w+")
LABELLED = re.compile(r"(culture_feedback_\w+)\{(\w+)(?:=~|!=|=)")
BY = re.compile(r"by \(([\w, ]+)\) \(+(?:rate\()?(culture_feedback_\w+)")


def expressions() -> list[str]:
    rules = yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text("utf-8"))
    dashboard = json.loads((FOLDER / "prometheus" / "grafana.json").read_text("utf-8"))
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return alerts + shown


def test_every_alert_says_what_and_how_bad():
    rules = yaml.safe_load((FOLDER / "prometheus" / "alerts.yml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_panels_of_the_dashboard_lie_beside_each_other():
    panels = json.loads((FOLDER / "prometheus" / "grafana.json").read_text("utf-8"))["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _y in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


class MetricsTest(PluginTestCase):
    @pytest.mark.options(CULTURE_FEEDBACK_METRICS_TOKEN="a token")
    def test_alerts_and_dashboard_ask_for_what_there_is(self):
        from udata_culture_feedback.app import maintenance
        from udata_culture_feedback.ops import prometheus_http

        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        wish = {"title": "Les entrées", "description": "x", "kind": "new"}
        wish["dataset"] = str(producer.dataset.id)
        assert self.ask("POST", "/requests/", wish, UserFactory()).status_code == 201
        maintenance.maintain()
        bearer = {"Authorization": "Bearer a token"}
        text = self.visit("GET", f"{P}/metrics", headers=bearer).text
        families = [*text_string_to_metric_families(text)]
        # Without a folder for several processes, HTTP requests are in the registry of this one.
        families += [family for meter in prometheus_http._meters() for family in meter.collect()]
        labels: dict[str, set[str]] = {}
        for family in families:
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
        asked = {name for one in expressions() for name in METRIC.findall(one)}
        assert len(asked) >= 10
        assert asked - set(labels) == set()
        for one in expressions():
            for name, label in LABELLED.findall(one):
                assert label in labels[name], one
            for several, name in BY.findall(one):
                assert set(several.split(", ")) <= labels[name], one
