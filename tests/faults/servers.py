"""The servers that a portal stands on, which may be killed and come back where they were."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from demo import child_process
from demo.mongod import EmbeddedMongod, free_port

from .patience import PATIENCE, wait_until


class Server:
    """Something that runs within its `with` block."""

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Mongod(EmbeddedMongod):
    """A mongod that may be killed: started again, it finds its files as they were left."""

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def freeze(self) -> None:
        """It takes connections, and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def gives_up(self) -> None:
        """Has it write what only its journal has, as it does every minute. Without room for that,
        MongoDB ends itself."""
        assert self.process is not None
        with suppress(PyMongoError), self.client() as client:
            client.admin.command("fsync")
        self.process.wait(PATIENCE)
        self.process = None

    def back_up(self, folder: Path) -> None:
        """Copies its files, while it is stopped."""
        self.stop()
        shutil.copytree(self.data_dir, folder)
        self.start()

    def restore(self, folder: Path) -> None:
        """Sets it back to a copy of its files."""
        self.stop()
        shutil.rmtree(self.data_dir)
        shutil.copytree(folder, self.data_dir)
        self.start()

    def client(self) -> MongoClient[Any]:
        return MongoClient(self.uri, directConnection=True, serverSelectionTimeoutMS=5000)


class ReplicaSet(Server):
    """Three members on this machine, which elect another primary within seconds."""

    name = "faults"

    def __init__(self, folder: Path) -> None:
        options = [f"--replSet={self.name}", "--oplogSize=64"]
        self.members = [Mongod(folder / f"member-{n}", options=options) for n in range(3)]

    def start(self) -> Self:
        for member in self.members:
            member.start()
        hosts = [f"127.0.0.1:{member.port}" for member in self.members]
        with self.members[0].client() as client:
            client.admin.command(
                "replSetInitiate",
                {
                    "_id": self.name,
                    "members": [{"_id": n, "host": host} for n, host in enumerate(hosts)],
                    "settings": {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500},
                },
            )
        primary = wait_until(self.primary, "a primary")
        with primary.client() as client:
            # As sets were before MongoDB 5: who wants a majority has to say so.
            client.admin.command("setDefaultRWConcern", defaultWriteConcern={"w": 1})
        return self

    def stop(self) -> None:
        """At once: what is left of a set would first look for somebody to hand over to."""
        for member in self.members:
            if member.process is not None:
                member.kill()

    def uri(self, database: str, patience: int = 15) -> str:
        """`patience`: seconds in which a client looks for a primary."""
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        options = f"replicaSet={self.name}&serverSelectionTimeoutMS={patience * 1000}"
        return f"mongodb://{hosts}/{database}?{options}"

    def primary(self) -> Mongod | None:
        running = (member for member in self.members if member.process is not None)
        return next(filter(is_primary, running), None)

    def others(self) -> list[Mongod]:
        """All but the primary."""
        primary = self.primary()
        return [member for member in self.members if member is not primary]


def is_primary(member: Mongod) -> bool:
    """Whether a member of a replica set says so of itself."""
    try:
        with member.client() as client:
            return client.admin.command("hello")["isWritablePrimary"]
    except PyMongoError:
        return False


class Network(Server):
    """The way to a server of this machine: as slow as it is told, and it may stall."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.delay = 0.0
        self.flows = threading.Event()
        self.flows.set()
        self._ends: list[socket.socket] = []

    def start(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def stop(self) -> None:
        self.flows.set()
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
                self._ends += [near, far]
                for way in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=way, daemon=True).start()

    def _carry(self, out: socket.socket, into: socket.socket) -> None:
        with suppress(OSError):
            while some := out.recv(1 << 16):
                self.flows.wait()
                time.sleep(self.delay)
                into.sendall(some)
        with suppress(OSError):
            into.shutdown(socket.SHUT_WR)


class Redis(Server):
    """A broker that forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed"
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = child_process.start(
            [*command, "--dir", str(self.folder)], self.folder / "redis.log"
        )
        wait_until(lambda: listens(self.port), "Redis")
        return self

    def stop(self) -> None:
        if self.process is not None:
            child_process.stop(self.process)
            self.process = None

    def freeze(self) -> None:
        """It takes connections, and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def client(self) -> Any:
        from redis import Redis as Client

        return Client(port=self.port)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
