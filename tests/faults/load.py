"""People who answer at once and do not give up: what was not acknowledged is sent again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from types import TracebackType
from typing import Any, Self

import requests
from bson import ObjectId

from .patience import PATIENCE, wait_until
from .portal import Portal, Seed

#: People who write at the same moment.
AT_ONCE = 6


class Load:
    """Each person answers about each dataset, within a `with` block that ends when everybody has
    been heard. `acknowledged`: submission → id of the feedback."""

    def __init__(
        self, portal: Portal, seed: Seed, datasets: list[str], *, words: bool = False
    ) -> None:
        self.portal, self.datasets = portal, datasets
        self.answers: list[tuple[dict[str, str], dict[str, Any]]] = []
        for dataset, (n, who) in product(datasets, enumerate(seed.people)):
            body = {"dataset": dataset, "fitness": "partly", "submission_id": f"{dataset}-{n}"}
            if words:
                body |= {"comment": f"Il manque {n} colonnes.", "wants_answer": True}
            self.answers.append((who, body))
        self.acknowledged: dict[str, str] = {}
        self.statuses: Counter[int | str] = Counter()
        self._left = list(reversed(self.answers))
        self._lock = threading.Lock()
        self._gate = threading.Event()
        self._gate.set()
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=self._write) for _ in range(AT_ONCE)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error:
            with self._lock:
                self._left.clear()
        for thread in self._threads:
            thread.join()
        if self._failure and not error:
            raise self._failure

    def until(self, share: float) -> None:
        """Waits until that share of the answers was acknowledged."""
        wanted = int(share * len(self.answers))
        wait_until(lambda: self._failure or len(self.acknowledged) >= wanted, "answers")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody sends anything more meanwhile."""
        self._gate.clear()
        try:
            yield
        finally:
            self._gate.set()

    def _write(self) -> None:
        try:
            while True:
                with self._lock:
                    if not self._left:
                        return
                    who, body = self._left.pop()
                self._insist(who, body)
        except BaseException as error:
            self._failure = error

    def _insist(self, who: dict[str, str], body: dict[str, Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._gate.wait()
            try:
                answer = self.portal.send("POST", "/feedback/", who, json=body)
            except requests.RequestException as error:
                self.statuses[type(error).__name__] += 1
            else:
                self.statuses[answer.status_code] += 1
                if answer.status_code in (200, 201):
                    self.acknowledged[body["submission_id"]] = answer.json()["id"]
                    return
                # A proxy or a worker that dies answers 5xx; anything else is the plugin's fault.
                assert answer.status_code in (502, 503), answer.text
            time.sleep(0.1)
        raise AssertionError(f"{body['submission_id']} was never acknowledged: {self.statuses}")


def stored(load: Load) -> dict[str, list[str]]:
    """submission → ids of what a majority has of it."""
    found: dict[str, list[str]] = {}
    theirs = {"dataset": {"$in": [ObjectId(dataset) for dataset in load.datasets]}}
    feedback = load.portal.db["culture_feedback_feedback"]
    for one in feedback.find(theirs, {"submission_id": 1}):
        found.setdefault(one["submission_id"], []).append(str(one["_id"]))
    return found
