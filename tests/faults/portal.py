"""A portal as an operator runs it: udata with the plugin behind gunicorn, a Celery worker, the
command line; each a process of its own, told what to do by one `udata.cfg`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from demo import child_process
from demo.mongod import free_port

from ..processes import Workers
from .patience import wait_until

ROOT = Path(__file__).parents[2]
P = "/api/1/culture-feedback"

SETTINGS = """
MONGODB_HOST = {mongodb!r}
CELERY_BROKER_URL = {broker!r}
CELERY_RESULT_BACKEND = "cache+memory://"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CACHE_TYPE = "flask_caching.backends.NullCache"
CACHE_NO_NULL_WARNING = True
SECRET_KEY = API_TOKEN_SECRET = SECURITY_PASSWORD_SALT = "for these tests only"
SESSION_COOKIE_SECURE = False
SERVER_NAME = "localhost:{port}"
PREFERRED_URL_SCHEME = "http"
CDATA_BASE_URL = "http://localhost:{port}"
DEFAULT_LANGUAGE = "en"
FS_ROOT = {files!r}
SEND_MAIL = {mails}
MAIL_SERVER, MAIL_PORT = "127.0.0.1", {smtp}
URLS_RESOLVE_HOSTNAME = False
URLS_ALLOW_LOCAL = True
PUBLISH_ON_RESOURCE_EVENTS = False
CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR = None
CULTURE_FEEDBACK_MAILS_AT_ONCE = None
"""


@dataclass(frozen=True)
class Seed:
    """What is there before anything happens: session cookies of people, ids of datasets."""

    people: list[dict[str, str]]
    datasets: list[str]


@dataclass(frozen=True)
class Version:
    """A version of the plugin: a folder with its package, a module there with udata's application,
    and how the names of its logs begin."""

    folder: Path
    module: str
    logs: str = ""


TODAY = Version(ROOT, "tests.faults.clocked")


class Portal:
    """`mongodb` is an address with a database; without `broker`, tasks are queued in memory and
    nobody runs them."""

    def __init__(
        self, folder: Path, mongodb: str, broker: str = "memory://", smtp: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.mongodb = folder, mongodb
        self.port = free_port()
        self.running: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None
        (folder / "udata.cfg").write_text(
            SETTINGS.format(
                mongodb=mongodb,
                broker=broker,
                port=self.port,
                files=str(folder / "files"),
                mails=smtp is not None,
                smtp=smtp or 0,
            ),
            encoding="utf-8",
        )

    def __enter__(self) -> Portal:
        self.console = Workers("tests.faults.console", str(self.folder / "udata.cfg")).__enter__()
        return self

    def __exit__(self, *_: Any) -> None:
        self.console.__exit__(None, None, None)
        while self.running:
            self.kill(self.running[-1])

    @property
    def db(self) -> Database[Any]:
        """The database, as a majority has it."""
        client: MongoClient[Any] = MongoClient(self.mongodb, serverSelectionTimeoutMS=15000)
        return client.get_default_database().with_options(read_concern=ReadConcern("majority"))

    def seed(self, people: int, datasets: int = 3) -> Seed:
        """Fills an empty database: its indexes, people, an organization and its datasets."""
        [filled] = self.console.run(("fill", {"people": people, "datasets": datasets}))
        return Seed(**filled)

    def serve(
        self, workers: int = 2, clock: timedelta | None = None, version: Version = TODAY
    ) -> subprocess.Popen[bytes]:
        """A gunicorn with this many workers, ready to answer. A second one listens beside the
        first, as nodes do behind one address."""
        command = ["gunicorn", f"{version.module}:app"]
        command += ["--bind", f"127.0.0.1:{self.port}", "--workers", str(workers)]
        command += ["--timeout", "90", "--graceful-timeout", "5", "--reuse-port", "--preload"]
        command += ["--access-logfile", "-"]
        process = self._start(command, "web.log", clock, version)
        wait_until(lambda: self._answers(process) and self.children(process), "gunicorn")
        self.web = self.web or process
        return process

    def work(
        self, clock: timedelta | None = None, version: Version = TODAY
    ) -> subprocess.Popen[bytes]:
        """A Celery worker for every queue."""
        command = ["celery", "-A", f"{version.module}.celery", "worker"]
        command += ["-Q", "high,default,low", "-c", "2", "-l", "INFO"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return self._start(command, "worker.log", clock, version)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        self.running.remove(process)
        child_process.stop(process)

    def children(self, process: subprocess.Popen[bytes]) -> list[int]:
        """What a process has forked: the workers of a gunicorn."""
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """`kill -9` of the process and of those that it has forked."""
        self.running.remove(process)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def udata(self, *arguments: str, clock: timedelta | None = None) -> str:
        """`udata …` on the command line; what it said. Raises AssertionError where it failed."""
        exit_code, said = self._command(arguments, clock)
        assert exit_code == 0, said
        return said

    def send(self, verb: str, path: str, who: dict[str, str] | None = None, **kwargs: Any) -> Any:
        address = f"http://localhost:{self.port}{P}{path}"
        return requests.request(verb, address, cookies=who, **({"timeout": 100} | kwargs))

    def log_of(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8", errors="replace")

    def counters(self) -> str:
        """What `udata feedback recount --check` says of every figure."""
        _exit_code, said = self._command(("feedback", "recount", "--check"))
        return said.strip()

    def _command(
        self, arguments: tuple[str, ...], clock: timedelta | None = None
    ) -> tuple[int, str]:
        seconds = clock.total_seconds() if clock else 0
        job = ("command", {"arguments": arguments, "clock": seconds})
        [(exit_code, said)] = self.console.run(job)
        return exit_code, said

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log_of("web.log")[-3000:]
        try:
            return self.send("GET", "/vocabulary/").status_code == 200
        except requests.RequestException:
            return False

    def _environment(self, clock: timedelta | None, code: Path) -> dict[str, str]:
        environment = os.environ | {
            "UDATA_SETTINGS": str(self.folder / "udata.cfg"),
            "PYTHONPATH": str(code),
            "PYTHONWARNINGS": "ignore",
            "C_FORCE_ROOT": "1",  # containers run tests as root, which Celery refuses
        }
        seconds = clock.total_seconds() if clock else 0
        return environment | {"CULTURE_FEEDBACK_FAULTS_CLOCK": str(seconds)}

    def _start(
        self, command: list[str], log: str, clock: timedelta | None, version: Version
    ) -> subprocess.Popen[bytes]:
        # From there: Python looks first where it was started.
        command = ["env", f"--chdir={version.folder}", sys.executable, "-m", *command]
        environment = self._environment(clock, version.folder)
        process = child_process.start(command, self.folder / f"{version.logs}{log}", environment)
        self.running.append(process)
        return process
