"""The processes of a run, each alone on its port of 127.0.0.1: MongoDB on databases that stay, a
gunicorn of one worker for each application, Redis and a Celery worker, Isso."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient

from demo import child_process
from demo.mongod import EmbeddedMongod, free_port
from tests.faults.patience import wait_until
from tests.faults.servers import Redis

from .sizes import VERSION, Size

ROOT = Path(__file__).parents[1]
#: The folder kept from one run to the next.
KEPT = ROOT / ".bench"
#: Isso and its dependencies, in a virtual environment of their own (`make .isso/bin/gunicorn`).
ISSO = ROOT / ".isso/bin/gunicorn"

#: Not secret: the servers listen on this machine only, for some minutes.
SECRET = "not a secret"

SETTINGS = """
MONGODB_HOST = {mongodb!r}
CELERY_BROKER_URL = {broker!r}
CELERY_RESULT_BACKEND = "cache+memory://"
CACHE_TYPE = "flask_caching.backends.NullCache"
CACHE_NO_NULL_WARNING = True
SECRET_KEY = API_TOKEN_SECRET = SECURITY_PASSWORD_SALT = {secret!r}
SESSION_COOKIE_SECURE = False
CDATA_BASE_URL = "http://localhost"
FS_ROOT = {files!r}
SEND_MAIL = False
PUBLISH_ON_RESOURCE_EVENTS = False
# In udata's favour: its saving of a dataset would look each file's host up in the DNS.
URLS_RESOLVE_HOSTNAME = False
"""

ISSO_SETTINGS = """
[general]
dbpath = {database}
host = http://127.0.0.1
[guard]
enabled = false
"""


@dataclass
class Server:
    """A server listening on a port. `pid`: that of its one working process."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the seconds of CPU that the process has used, once it is idle."""
        return at_rest(self.pid)

    def memory(self) -> int:
        """Return the peak memory of the process since `forget_memory`, in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM")

    def forget_memory(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def at_rest(pid: int) -> float:
    """Return the seconds of CPU of a process, read until it uses no more."""
    used = cpu(pid)
    for _look in range(100):
        os.sched_yield()
        again = cpu(pid)
        if again == used:
            return used
        used = again
    return used


def cpu(pid: int) -> float:
    """Return the seconds of CPU that the threads of a process have used, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # it has just ended
            continue
    return total / 1e9


class Processes:
    """The processes of a run, all of them stopped at the end of a `with` block."""

    def __init__(self, folder: Path = KEPT) -> None:
        self.stack = ExitStack()
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(exist_ok=True)
        self.mongod = self.stack.enter_context(EmbeddedMongod(self.folder / "mongo"))
        self.client: MongoClient[Any] = MongoClient(self.mongod.uri)
        # The default cache of the embedded server is meant for a demo.
        self.client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig="cache_size=2G")
        return self

    def __exit__(self, *error: Any) -> None:
        self.client.close()
        self.stack.close()

    def database(self, size: Size) -> Any:
        return self.client[f"bench-{size.name}"]

    def settings(self, size: Size, broker: str = "memory://") -> dict[str, str]:
        """Return the environment in which udata works on the database of a size."""
        path = self.folder / f"{size.name}.cfg"
        path.write_text(
            SETTINGS.format(
                mongodb=f"{self.mongod.uri}/bench-{size.name}",
                broker=broker,
                secret=SECRET,
                files=str(self.folder / "files"),
            ),
            encoding="utf-8",
        )
        return {**_environment(), "UDATA_SETTINGS": str(path)}

    def seed(self, size: Size) -> None:
        """Fill the database of a size, unless it is filled."""
        command = [sys.executable, "-m", "benchmarks.seed", size.name]
        subprocess.run(command, env=self.settings(size), cwd=ROOT, check=True)

    def redis(self) -> str | None:
        """Return the address of a Redis that stores nothing; None where it is not installed."""
        if shutil.which("redis-server") is None:
            return None
        return self.stack.enter_context(Redis(self.folder / "redis")).url

    def udata(self, size: Size, broker: str | None) -> subprocess.Popen[bytes]:
        return self._gunicorn("benchmarks.served:app", self.settings(size, broker or "memory://"))

    def flask(self, size: Size) -> subprocess.Popen[bytes]:
        address = f"{self.mongod.uri}/bench-{size.name}"
        return self._gunicorn(
            "benchmarks.bare:app", _environment() | {"BENCHMARK_DATABASE": address}
        )

    def isso(self, size: Size) -> subprocess.Popen[bytes] | None:
        """Start Isso, with a database of its own for each size; None where it is not installed."""
        if not ISSO.exists():
            return None
        path = self.folder / "isso.cfg"
        path.write_text(ISSO_SETTINGS.format(database=self.isso_database(size)), encoding="utf-8")
        environment = {**os.environ, "ISSO_SETTINGS": str(path)}
        return self._gunicorn("isso.run", environment, [str(ISSO)])

    def isso_database(self, size: Size) -> Path:
        return self.folder / f"isso-{size.name}-{VERSION}.db"

    def celery(self, size: Size, broker: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "benchmarks.served.celery", "worker"]
        command += ["-Q", "high,default,low", "-c", "1", "--without-gossip", "--without-mingle"]
        return self._start(command, "celery.log", self.settings(size, broker))

    def ready(self, process: subprocess.Popen[bytes], path: str) -> Server:
        """Return the server of a gunicorn that was started, once it responds and has one worker."""
        port = self.ports[process.pid]

        def answers() -> Server | None:
            assert process.poll() is None, f"see the logs in {self.folder}"
            try:
                connection = HTTPConnection("127.0.0.1", port, timeout=60)
                connection.request("GET", path)
                connection.getresponse().read()
            except OSError:
                return None
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            return Server(port, int(children.split()[0]))

        return wait_until(answers, path)

    ports: dict[int, int] = {}

    def _gunicorn(
        self, application: str, environment: dict[str, str], command: list[str] | None = None
    ) -> subprocess.Popen[bytes]:
        port = free_port()
        command = [*(command or [sys.executable, "-m", "gunicorn"]), application]
        command += ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--timeout", "900"]
        process = self._start(command, f"{application}.log", environment)
        self.ports[process.pid] = port
        return process

    def _start(
        self, command: list[str], log: str, environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        process = child_process.start(command, self.folder / log, environment)
        self.stack.callback(child_process.stop, process)
        return process


@contextmanager
def held(process: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """Pause a worker and its children, so that nothing else uses MongoDB meanwhile."""
    if process is None:
        yield
        return
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "C_FORCE_ROOT": "1",  # containers run this as root, which Celery refuses
    }
