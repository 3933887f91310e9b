"""Workers that are stopped, brokers that do not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from udata.tasks import celery


@contextmanager
def stopped_workers() -> Iterator[None]:
    """Tasks are queued, and nobody runs them."""
    with _broker("memory://"):
        yield


@contextmanager
def broker_down() -> Iterator[None]:
    """Tasks cannot even be queued."""
    with _broker("redis://127.0.0.1:1/0"):
        yield


@contextmanager
def _broker(url: str) -> Iterator[None]:
    settings: dict[str, Any] = {
        "task_always_eager": False,
        "broker_url": url,
        "broker_transport_options": {"max_retries": 1, "interval_start": 0},
        "task_publish_retry": False,
    }
    before = {name: celery.conf[name] for name in settings}
    celery.conf.update(settings)
    _forget_connections()
    try:
        yield
    finally:
        celery.conf.update(before)
        _forget_connections()


def _forget_connections() -> None:
    celery._pool = None
    celery.amqp._producer_pool = None
