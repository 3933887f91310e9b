"""Real processes for tests: one that has loaded what they need, and forks a worker for each job, as
a web server with preloading does.

A module that offers jobs has `prepare(uri)`, called once, before any connection is opened, and
the jobs themselves: functions of what `prepare` answered and of keyword arguments. Both ways, what
goes over the pipe is JSON. Where it matters who dies when, `COLLECTIONS` is how the names of the
collections start whose commands are counted; `COUNTED`, if not all of them, which commands.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pymongo import monitoring

#: How a worker ends that died on command.
DIED = 9

WRITES = ("insert", "update", "delete", "findAndModify")
COMMANDS = ("find", "aggregate", *WRITES)


class Death(monitoring.CommandListener):
    """Ends the process at the n-th command sent to MongoDB: before it leaves (`started`), or after
    it was applied (`succeeded`). Nothing is cleaned up, as with `kill -9`."""

    def __init__(self) -> None:
        self.at = 0
        self.when = "started"
        self.collections = ""
        self.commands = COMMANDS
        self.seen = 0
        self.last: int | None = None  # the request at whose end to die

    def started(self, event: Any) -> None:
        if event.command_name not in self.commands:
            return
        if not event.command[event.command_name].startswith(self.collections):
            return
        self.seen += 1
        if self.seen == self.at:
            if self.when == "started":
                os._exit(DIED)
            self.last = event.request_id

    def succeeded(self, event: Any) -> None:
        if event.request_id == self.last:
            os._exit(DIED)

    def failed(self, event: Any) -> None:
        self.succeeded(event)


class Workers:
    """The forking process of one module. A worker lives for one job."""

    def __init__(self, module: str, uri: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, module, uri],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()

    def run(self, *jobs: tuple[str, dict[str, Any]]) -> list[Any]:
        """Runs jobs at the same moment, each in its own process, and answers their results."""
        ended = self._ask({"run": jobs})
        for job, (status, result) in zip(jobs, ended, strict=True):
            assert status == 0, f"{job} ended with {status}: {result}"
        return [result for _status, result in ended]

    def dies(self, job: str, at: int, when: str = "started", **arguments: Any) -> bool:
        """Runs a job that dies at its n-th command. False when it had fewer, and so completed."""
        [(status, result)] = self._ask({"run": [[job, arguments]], "at": at, "when": when})
        assert status in (0, DIED), f"{job} ended with {status}: {result}"
        return status == DIED

    def start(self, job: str, **arguments: Any) -> int:
        """Starts a job on its own, and answers its process id: somebody will kill it."""
        return self._ask({"start": [job, arguments]})

    def kill(self, pid: int) -> bool:
        """`kill -9` of a started job. False when it had completed before."""
        os.kill(pid, signal.SIGKILL)
        return self._ask({"wait": pid}) == -signal.SIGKILL

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the forking process ended with {self.process.wait(60)}"
        return json.loads(line)


def serve(module_name: str, uri: str) -> None:
    """What the forking process does: one line in, one line out, until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a worker prints is no answer
    death = Death()
    monitoring.register(death)  # heard by clients made after this
    module = importlib.import_module(module_name)
    death.collections = getattr(module, "COLLECTIONS", "")
    death.commands = getattr(module, "COUNTED", COMMANDS)
    context = module.prepare(uri)

    def fork(job: str, arguments: dict[str, Any], start: tuple[int, int], output: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            ready, go = start
            os.close(go)
            os.read(ready, 1)  # answers once `go` is closed everywhere: all start together
            result = getattr(module, job)(context, **arguments)
            status = 0
        except BaseException as error:
            result = repr(error)
        with os.fdopen(output, "w") as pipe:
            json.dump(result, pipe)
        os._exit(status)

    def run(jobs: list[tuple[str, dict[str, Any]]]) -> list[tuple[int, Any]]:
        start = os.pipe()
        running = []
        for job, arguments in jobs:
            result, output = os.pipe()
            running.append((fork(job, arguments, start, output), result))
            os.close(output)
        for end in start:
            os.close(end)
        ended = []
        for pid, result in running:
            with os.fdopen(result) as pipe:
                said = pipe.read()
            ended.append((_exit_status(pid), json.loads(said) if said else None))
        return ended

    for line in sys.stdin:
        request = json.loads(line)
        death.at, death.when = request.get("at", 0), request.get("when", "started")
        if "run" in request:
            reply: Any = run(request["run"])
        elif "start" in request:
            start, nothing = os.pipe(), os.open(os.devnull, os.O_WRONLY)
            reply = fork(*request["start"], start, nothing)
            for end in (*start, nothing):
                os.close(end)
        else:
            reply = _exit_status(request["wait"])
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


def _exit_status(pid: int) -> int:
    """Waits for a child; -9 when it was killed by signal 9."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve(*sys.argv[1:])
