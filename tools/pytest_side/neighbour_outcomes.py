"""A pytest plugin loaded into udata's own tests, the same in both environments: it must import
nothing of the plugin, which one of them does not have.

It turns on whatever plugins are installed, as udata does when it starts; gives each test the same
random seed, so that two runs see the same invented names; and writes how each test ended.
"""

from __future__ import annotations

import json
import os
import random
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

#: Test → how it ended; test → whether a plugin was on.
_outcomes: dict[str, str] = {}
_with_plugin: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path, help="where to write how each test ended (JSON)")


@pytest.hookimpl(trylast=True)  # after udata's own plugin, which names a server of its own
def pytest_configure(config: pytest.Config) -> None:
    from udata import settings

    worker = getattr(config, "workerinput", {}).get("workerid", "main")
    settings.Testing.MONGODB_HOST_TEST = f"{os.environ['NEIGHBOUR_DATABASE']}-{worker}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    import factory.random
    from faker import Faker

    random.seed(item.nodeid)
    Faker.seed(item.nodeid)
    factory.random.reseed_random(item.nodeid)


@pytest.fixture(autouse=True)
def plugins_are_on(request: pytest.FixtureRequest) -> None:
    """Do what `udata.app.standalone` does, which tests do not call."""
    if "app" not in request.fixturenames:
        return
    app = request.getfixturevalue("app")
    if "load_api_routes" in request.fixturenames:
        request.getfixturevalue("load_api_routes")
    for plugin in entry_points(group="udata.plugins"):
        plugin.load().init_app(app)
        request.node.user_properties.append(("plugin", plugin.name))


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _outcomes[report.nodeid] = "not collected"


def pytest_runtest_logreport(report: Any) -> None:
    if report.user_properties:
        _with_plugin.add(report.nodeid)
    before = _outcomes.get(report.nodeid)
    if report.failed:
        _outcomes[report.nodeid] = "failed" if report.when == "call" else f"error ({report.when})"
    elif before is None or before == "passed":
        xfailed = hasattr(report, "wasxfail")
        _outcomes[report.nodeid] = "xfailed" if xfailed and report.skipped else report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    if where := session.config.getoption("outcomes"):
        said = {"outcomes": _outcomes, "with_plugin": len(_with_plugin)}
        where.write_text(json.dumps(said, indent=0, sort_keys=True))
