"""A demo portal and a Chromium for the whole session; a browser of one's own for each visitor."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from demo.accounts import NEWCOMERS
from demo.background import RunningPortal, running_portal

from .visitor import Visitor

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those of a file in one process, where the run groups tests (`--dist loadgroup`): each process
    has one portal, and what a file has done to it is there for the next one."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.xdist_group(item.path.name))


@pytest.fixture(scope="session")
def portal(
    mongodb: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPortal]:
    """A demo with a database of its own for each process of the run."""
    state = tmp_path_factory.mktemp("portal")
    with running_portal(mongodb, f"culture-feedback-e2e-{worker_id}", state) as running:
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield launched
    launched.close()


@pytest.fixture
def visitor(browser: Browser, portal: RunningPortal) -> Iterator[Callable[..., Visitor]]:
    """`visitor()` is somebody unknown, `visitor("…@demo.test")` somebody logged in; options are
    those of a browser context. Whatever the console of theirs has said fails the test."""
    visitors: list[Visitor] = []

    def come(email: str | None = None, **options: Any) -> Visitor:
        options = {"viewport": {"width": 1100, "height": 900}, "locale": "fr-FR"} | options
        visitors.append(Visitor(browser.new_context(**options), portal))
        if email:
            visitors[-1].has_logged_in(email)
        return visitors[-1]

    yield come
    for one in visitors:
        one.context.close()
    assert [message for one in visitors for message in one.complaints] == []


@pytest.fixture(scope="session")
def newcomers() -> Iterator[str]:
    """Addresses of people who have said nothing yet, each given once: nobody may answer twice, nor
    too often."""
    return iter([newcomer.email for newcomer in NEWCOMERS])


@pytest.fixture
def newcomer(newcomers: Iterator[str]) -> str:
    return next(newcomers)
