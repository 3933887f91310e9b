"""Faults put between the settle protocol and real collections: death at a chosen step, and turns
taken by several actors in a chosen order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from pymongo.collection import Collection

Call = Callable[[], Any]


class Killed(BaseException):
    """What dies here catches nothing, as a process that is killed."""


class Stepwise:
    """A collection whose commands go through `step`, one by one. The operations of a bulk write are
    steps of their own: a server may stop between two of them."""

    def __init__(self, collection: Collection, step: Callable[[Call], Any]) -> None:
        self._collection = collection
        self._step = step

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        if not callable(method):
            return method
        return lambda *args, **kwargs: self._step(lambda: method(*args, **kwargs))

    def bulk_write(self, operations: list[Any]) -> None:
        for operation in operations:
            self._step(lambda op=operation: self._collection.bulk_write([op]))


class DiesAt:
    """Dies at the n-th command (from 1): before it is sent, or after it was applied."""

    def __init__(self, n: int, *, applied: bool = False) -> None:
        self.left = n
        self.applied = applied

    def __call__(self, call: Call) -> Any:
        self.left -= 1
        if self.left:
            return call()
        if self.applied:
            call()
        raise Killed

    def through(self, collection: Collection) -> Stepwise:
        return Stepwise(collection, self)


class Actor(threading.Thread):
    """Somebody who does `work`, one command at a time, when told to."""

    def __init__(self, work: Callable[[Actor], None]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.waits = threading.Semaphore(0)
        self.goes = threading.Semaphore(0)
        self.doomed = False
        self.over = False
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.work(self)
        except Killed:
            pass
        except BaseException as error:
            self.failure = error
        self.over = True
        self.waits.release()

    def step(self, call: Call) -> Any:
        self.waits.release()
        self.goes.acquire()
        if self.doomed:
            raise Killed
        return call()

    def through(self, collection: Collection) -> Stepwise:
        return Stepwise(collection, self.step)

    def advance(self) -> None:
        """One command, up to the next one."""
        self.goes.release()
        self.waits.acquire()

    def die(self) -> None:
        self.doomed = True
        self.advance()


def interleave(
    works: list[Callable[[Actor], None]],
    order: Iterable[int],
    deaths: dict[int, int] | None = None,
) -> None:
    """Runs everybody at once, one command at a time: `order` says whose turn it is; who is left
    when it ends takes turns. `deaths`: after how many commands an actor is killed."""
    actors = [Actor(work) for work in works]
    steps = [0] * len(actors)
    left = {i: n for i, n in (deaths or {}).items() if i < len(actors)}
    for actor in actors:
        actor.start()
        actor.waits.acquire()

    def turn(i: int) -> None:
        actor = actors[i]
        if actor.over:
            return
        if left.get(i) == steps[i]:
            actor.die()
        else:
            steps[i] += 1
            actor.advance()

    for choice in order:
        turn(choice % len(actors))
    while not all(actor.over for actor in actors):
        for i in range(len(actors)):
            turn(i)
    for actor in actors:
        actor.join()
        if actor.failure:
            raise actor.failure
