"""Tasks are handed over without breaking the request that does it, or keeping it waiting."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as client
from celery import Celery
from freezegun import freeze_time
from kombu import Exchange, Queue

from udata_culture_feedback.portal.queueing import REST, _address, _broker, later

from ..faults.servers import Redis

#: Seconds after which somebody waits for ever.
FOR_EVER = 60


class Silence:
    """Takes connections, and never says anything. `heard`: how many there were."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                self.heard.append(self.socket.accept()[0])
            except OSError:
                return


@pytest.fixture
def silence() -> Iterator[Silence]:
    server = Silence()
    yield server
    server.socket.close()
    for connection in server.heard:
        connection.close()


def task_by(port: int) -> Any:
    celery = Celery(broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)

    @celery.task(name="nothing", shared=False)
    def nothing() -> None:
        pass

    return nothing


def hand_over(task: Any) -> bool:
    """`later` in a thread of its own, which may be left behind."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(later(task)), daemon=True)
    thread.start()
    thread.join(FOR_EVER)
    assert answers, "it waits for ever"
    return answers[0]


def test_a_broker_that_is_not_there_is_no_error():
    assert later(task_by(1)) is False


def test_a_broker_that_says_nothing_does_not_keep_anybody_waiting(silence):
    assert hand_over(task_by(silence.port)) is False
    assert silence.heard


def test_what_the_operator_says_of_the_broker_holds(silence):
    task = task_by(silence.port)
    task.app.conf.broker_transport_options = {"socket_timeout": 0.1, "visibility_timeout": 77}
    assert hand_over(task) is False
    options = _broker(task.app, task.app.conf.broker_write_url).transport_options
    assert options["socket_timeout"] == 0.1
    assert options["visibility_timeout"] == 77
    assert options["socket_connect_timeout"]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server")
    with Redis(tmp_path) as server:
        yield server


def waiting(server: Redis) -> dict[str, int]:
    """How many messages wait in each queue of a broker."""
    with client.Redis.from_url(server.url) as asked:
        names = [key.decode() for key in asked.keys("*") if not key.startswith(b"_kombu")]
        return {name: asked.llen(name) for name in names}


def routed_task(server: Redis, *queues: Queue) -> Any:
    """A task that goes where `low.nothing` leads, as udata has it."""
    task = task_by(server.port)
    task.app.conf.task_queues = queues
    task.app.conf.task_routes = {"nothing": {"queue": "low", "routing_key": "low.nothing"}}
    return task


LOW = Queue("low", Exchange("low", type="topic"), routing_key="low.#")


def test_a_queue_that_is_alone_on_its_exchange_is_addressed_by_its_name(redis):
    task = routed_task(redis, LOW, Queue("high", Exchange("high", type="topic"), routing_key="#"))
    assert later(task)
    assert waiting(redis) == {"low": 1}
    assert _address(task.app, task.name)["routing_key"] == "low"


def test_queues_that_an_operator_adds_to_an_exchange_have_their_share(redis):
    ours = Queue("ours", Exchange("low", type="topic"), routing_key="low.nothing")
    task = routed_task(redis, LOW, ours)
    task.app.amqp.queues["ours"].bind(task.app.connection_for_write().default_channel).declare()
    assert later(task)
    assert waiting(redis) == {"low": 1, "ours": 1}


def test_a_broker_that_has_not_answered_is_left_alone_and_asked_again_later(silence):
    task = task_by(silence.port)
    assert later(task) is False
    asked = len(silence.heard)
    assert asked
    assert later(task) is False
    assert len(silence.heard) == asked
    with freeze_time(datetime.now() + timedelta(seconds=2 * REST), tick=True):
        later(task)
    assert len(silence.heard) > asked


def test_the_log_says_once_that_it_is_away(caplog):
    """However many tasks there are: nothing is lost, and it is no error of ours."""
    task = task_by(2)
    with caplog.at_level("WARNING", logger="udata_culture_feedback"):
        for minutes in range(3):
            with freeze_time(datetime.now() + timedelta(minutes=2 * minutes), tick=True):
                for _n in range(20):
                    assert later(task) is False
    assert [(one.levelname, one.exc_info) for one in caplog.records] == [("WARNING", None)] * 3
    assert "broker unavailable" in caplog.text
