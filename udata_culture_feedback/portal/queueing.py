"""Handing work to Celery without ever breaking the request that does it, or keeping it waiting."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from celery import Celery
from flask import g, has_request_context
from kombu import Connection, pools

log = logging.getLogger(__name__)

#: Seconds given to a Redis that neither answers nor refuses. By itself Celery waits for ever.
PATIENCE = 1.0
#: What addresses of Redis begin with.
REDIS = ("redis", "sentinel")
#: Once more, and at once: a connection that was kept open may have been closed meanwhile.
AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}


def later(task: Any, *args: Any, countdown: float | None = None) -> bool:
    """Queues a task. False when the broker does not answer: nothing is lost, what a task would have
    done stays due in the database for `udata feedback maintain` or the next write. A request that
    has met such a broker does not ask again."""
    if has_request_context() and g.get("culture_feedback_no_broker"):
        return False
    try:
        brokers = pools.connections[_broker(task.app, task.app.conf.broker_write_url or "")]
        with brokers.acquire(block=True, timeout=PATIENCE) as broker:
            task.apply_async(
                args=args,
                countdown=countdown,
                connection=broker,
                retry_policy=dict(AGAIN),
                **_address(task.app, task.name),
            )
    except Exception:
        log.exception("%s could not be queued; it stays due", task.name)
        if has_request_context():
            g.culture_feedback_no_broker = True
        return False
    return True


@cache
def _address(celery: Celery, task: str) -> dict[str, Any]:
    """Through Redis, an exchange costs each message a look at which queues it leads to. Where the
    settings know one queue of it only, that is named instead, by the exchange without a name that
    every broker has; nor is it declared then, being a list that comes with its first message.
    Empty: Celery's own way."""
    if not (celery.conf.broker_write_url or "").startswith(REDIS):
        return {}
    queue = celery.amqp.router.route({}, task).get("queue")
    if queue is None:
        return {}
    beside = [one for one in celery.amqp.queues.values() if one.exchange == queue.exchange]
    if beside != [queue]:
        return {}
    return {"exchange": "", "routing_key": queue.name, "declare": ()}


@cache
def _broker(celery: Celery, address: str) -> Connection:
    """What connections to the broker are made like: as the operator says, and with an end to
    waiting where they say nothing. It is never opened itself."""
    options = {}
    if address.startswith(REDIS):
        patient = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        options = patient | celery.conf.broker_transport_options
    return celery.connection_for_write(address or None, transport_options=options)
