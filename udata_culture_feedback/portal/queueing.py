"""Hand work to Celery without ever breaking the request that does it, or keeping it waiting."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from celery import Celery
from kombu import Connection, pools
from kombu.exceptions import OperationalError

from ..web.untyped import Shown

log = logging.getLogger(__name__)

#: Timeout, in seconds, of a Redis that neither responds nor refuses; tried twice. Celery has none.
PATIENCE = 0.4
#: Seconds for which a process leaves an unavailable broker alone, and between two lines of
#: the log that say so.
REST, SAID_EVERY = 5.0, 60.0
#: Prefixes of Redis addresses.
REDIS = ("redis", "sentinel")
#: One retry, at once: a connection that was kept open may have been closed meanwhile.
AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

#: Address of a broker → until when (monotonic) it is left alone, and when that was last logged.
_resting: dict[str, float] = {}
_said: dict[str, float] = {}


def later(task: Any, *args: Any, countdown: float | None = None) -> bool:
    """Queue a task. Return False when the broker is unavailable, or just was: nothing is lost, what
    a task would have done stays due in the database for `udata feedback maintain` or the next
    write."""
    address = task.app.conf.broker_write_url or ""
    if time.monotonic() < _resting.get(address, 0):
        return False
    broker = _broker(task.app, address)
    try:
        with pools.connections[broker].acquire(block=True, timeout=PATIENCE) as connection:
            task.apply_async(
                args=args,
                countdown=countdown,
                connection=connection,
                retry_policy=dict(AGAIN),
                **_address(task.app, task.name),
            )
    except (OperationalError, OSError, *broker.connection_errors, *broker.channel_errors) as error:
        _leave_alone(address, error)
        return False
    except Exception:
        log.exception("%s could not be queued; it stays due", task.name)
        return False
    return True


def _leave_alone(address: str, error: Exception) -> None:
    now = time.monotonic()
    _resting[address] = now + REST
    if now - _said.get(address, -SAID_EVERY) >= SAID_EVERY:
        _said[address] = now
        says = "broker unavailable error=%s: nothing is lost, what tasks do stays due"
        log.warning(says, type(error).__name__)


@cache
def _address(celery: Celery, task: str) -> Shown:
    """Return how to address a task's queue at once: through Redis, publishing to an exchange costs
    each message a lookup of its queues. Where the settings know only one queue of it, name that,
    through the default exchange that every broker has; it is not declared then: it is a list that
    exists with its first message. Empty: Celery's own routing."""
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
    """Return the template of connections to the broker, itself never opened: as the operator
    configured it, with a timeout where they set none."""
    options = {}
    if address.startswith(REDIS):
        patient = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        options = patient | celery.conf.broker_transport_options
    return celery.connection_for_write(address or None, transport_options=options)
