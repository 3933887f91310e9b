"""Web servers as udata is run by: forked after or before the application is made, in little memory.
A real gunicorn answers on a free port."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.mongod import free_port

from ..cases import P

#: `limit-as` of the uWSGI configuration that udata documents, in bytes.
LITTLE = 1024 * 1024 * 1024
#: Seconds for a server to answer, on a machine that does other things.
PATIENCE = 240

APPLICATION = """
from udata.app import create_app, standalone
from udata.settings import Defaults
import os, threading

class Settings(Defaults):
    MONGODB_HOST = os.environ["SERVED_DATABASE"]
    SECRET_KEY = API_TOKEN_SECRET = "not a secret"

app = standalone(create_app(override=Settings))
assert "culture-feedback" in app.extensions
assert threading.active_count() == 1, threading.enumerate()
"""


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LITTLE, LITTLE))


@contextmanager
def gunicorn(folder: Path, database: str, *options: str) -> Iterator[tuple[str, Path]]:
    """A server, with its address and its log."""
    (folder / "served.py").write_text(APPLICATION)
    address, log = f"127.0.0.1:{free_port()}", folder / "log"
    command = [sys.executable, "-W", "always", "-m", "gunicorn", "served:app", *options]
    with log.open("w") as said:
        server = subprocess.Popen(
            [*command, "--bind", address, "--workers", "2", "--timeout", "120"],
            cwd=folder,
            env=os.environ | {"SERVED_DATABASE": database, "UDATA_SETTINGS": "/nonexistent"},
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=limited,  # children inherit it
        )
    try:
        yield f"http://{address}", log
    finally:
        server.terminate()
        server.wait()


def fetch(address: str, server_log: Path) -> bytes:
    """What is answered, once the server does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                return answer.read()
        except (ConnectionError, urllib.error.URLError):
            assert time.monotonic() < deadline, server_log.read_text()
            time.sleep(0.2)


@pytest.mark.parametrize("options", [["--preload"], []], ids=["preloaded", "each for itself"])
def test_forked_workers_answer_in_a_limited_address_space(options, tmp_path, mongodb):
    database = f"{mongodb}/culture-feedback-test-served"
    with gunicorn(tmp_path, database, *options) as (address, log):
        for path in ("/vocabulary/", "/feedback/", "/site/summary/", "/health/?check=database"):
            for _worker in range(3):
                assert fetch(f"{address}{P}{path}", log).startswith(b"{")
    said = log.read_text()
    assert "fork" not in said.lower(), said
    assert "MemoryError" not in said
    assert "Traceback" not in said, said
