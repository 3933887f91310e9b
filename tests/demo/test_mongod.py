"""The embedded MongoDB answers, complains clearly, and leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo import MongoClient

from demo.mongod import EmbeddedMongod, MongodError, database_uri, running_mongodb

A_PARENT = """
import signal, sys
from pathlib import Path
from demo.mongod import EmbeddedMongod
with EmbeddedMongod(Path(sys.argv[1])) as mongod:
    print(mongod.process.pid, flush=True)
    signal.pause()
"""


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether `condition` becomes true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        # A dead child that nobody has waited for yet still has a pid: state Z.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_keeps_what_is_written_from_one_run_to_the_next(tmp_path: Path) -> None:
    for expected in (1, 2):
        with EmbeddedMongod(tmp_path) as mongod, MongoClient(mongod.uri) as client:
            client.demo.visits.insert_one({})
            assert client.demo.visits.count_documents({}) == expected
            pid = mongod.process.pid
        assert not is_alive(pid)


def test_two_cannot_share_a_folder(tmp_path: Path) -> None:
    with EmbeddedMongod(tmp_path), pytest.raises(MongodError, match="already uses"):
        EmbeddedMongod(tmp_path).start()


def test_it_says_that_the_port_is_taken(tmp_path: Path) -> None:
    with (
        EmbeddedMongod(tmp_path / "first") as first,
        pytest.raises(MongodError, match="Address already in use"),
    ):
        EmbeddedMongod(tmp_path / "second", port=first.port).start()


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_dies_with_its_parent(tmp_path: Path, blow: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", A_PARENT, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A shell has its background commands ignore Ctrl-C, which children inherit: not this one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as parent:
        mongod = int(parent.stdout.readline())
        assert is_alive(mongod)
        os.kill(parent.pid, blow)
    assert eventually(lambda: not is_alive(mongod))


def test_a_server_named_in_the_environment_is_used_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_HOST", "mongodb://elsewhere.test:27017/?retryWrites=false")
    with running_mongodb(tmp_path / "unused") as uri:
        assert database_uri(uri, "demo") == "mongodb://elsewhere.test:27017/demo?retryWrites=false"
    assert not (tmp_path / "unused").exists()
