"""The table that the tests fill in, a line each, and docs/reliability.md that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..mail.smtp import SmtpServer
from .load import Load, stored
from .portal import Portal, Seed
from .servers import Mongod, Redis

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
START = "<!-- table: written by make test-faults -->"
END = "<!-- end of table -->"

HEAD = ("what happened", "acknowledged", "stored", "doubled", "counters")

Line = Callable[..., None]
_lines = pytest.StashKey[dict[str, tuple[Any, ...]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-reliability", action="store_true", help="write docs/reliability.md anew"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_lines] = {}


@dataclass
class Standing:
    """One portal for all the tests that leave it standing, and what it stands on. Each test takes
    datasets that nobody has spoken of yet, and starts the workers it needs."""

    portal: Portal
    seed: Seed
    mongod: Mongod
    redis: Redis
    smtp: SmtpServer

    def datasets(self, how_many: int = 1) -> list[str]:
        return [self.seed.datasets.pop() for _ in range(how_many)]


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    folder = tmp_path_factory.mktemp("standing")
    with (
        Mongod(folder / "mongodb", options=["--setParameter=enableTestCommands=1"]) as mongod,
        Redis(folder / "redis") as redis,
        SmtpServer() as smtp,
        Portal(folder, f"{mongod.uri}/faults", redis.url, smtp.port) as portal,
    ):
        seed = portal.seed(people=30, datasets=24)
        portal.serve()
        yield Standing(portal, seed, mongod, redis, smtp)


@pytest.fixture
def line(request: pytest.FixtureRequest) -> Line:
    """Adds the line of a test: what happened; how many contributions people were told are recorded;
    how many there are; how many twice; what became of the figures."""

    def add(what: str, acknowledged: Any, stored: Any, doubled: Any, counters: str) -> None:
        test = request.node.nodeid.removeprefix("tests/faults/")
        row = (what, acknowledged, stored, doubled, counters)
        request.config.stash[_lines][test + what] = (*row, test)
        print(" | ".join(map(str, row)))

    return add


@pytest.fixture
def nothing_is_lost(line: Line) -> Callable[[str, Load], None]:
    """What has to hold after each bad day: all that was acknowledged is there, nothing twice, and
    every figure is right."""

    def check(what: str, load: Load) -> None:
        there = stored(load)
        counters = load.portal.counters()
        lost = {s: id for s, id in load.acknowledged.items() if id not in there.get(s, ())}
        doubled = sum(len(ids) - 1 for ids in there.values())
        exact = "exact" if counters == "Every figure is right" else counters
        line(what, len(load.acknowledged), sum(map(len, there.values())), doubled, exact)
        assert not lost
        assert doubled == 0
        assert exact == "exact"
        assert len(load.acknowledged) == len(load.answers)

    return check


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    lines = config.stash[_lines]
    if not lines:
        return
    terminalreporter.section("Bad days")
    for row in lines.values():
        terminalreporter.write_line(" | ".join(map(str, row[:-1])))
    for report in terminalreporter.stats.get("skipped", ()):
        test = report.nodeid.removeprefix("tests/faults/")
        _path, _line, why = report.longrepr
        lines[test] = (f"not here: {why.removeprefix('Skipped: ')}", "–", "–", "–", "–", test)
    # Without the option, this file may have been read too late to offer it (`make test`).
    if config.getoption("--write-reliability", default=False) and exitstatus == 0:
        before, _start, rest = PAGE.read_text(encoding="utf-8").partition(START)
        _old, _end, after = rest.partition(END)
        table = "\n".join(_markdown(list(lines.values())))
        PAGE.write_text(f"{before}{START}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _markdown(rows: list[tuple[Any, ...]]) -> list[str]:
    head = "| " + " | ".join((*HEAD, "test")) + " |"
    rule = "|---|---:|---:|---:|---|---|"
    return [head, rule, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows)]


def _cell(value: Any) -> str:
    text = str(value)
    return f"`{text}`" if "::" in text else text
