"""udata's application for gunicorn and Celery, in a process whose clock may be wrong."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import freezegun

#: How far the clock of a process is from that of the machine, in seconds.
CLOCK = "CULTURE_FEEDBACK_FAULTS_CLOCK"

#: They measure how long something takes, against other processes: with a clock of their own.
MEASURE = ["pymongo", "gunicorn", "celery", "kombu", "billiard", "redis", "threading", "queue"]


def set_clock(seconds: float) -> None:
    if seconds:
        wrong = datetime.now(UTC) + timedelta(seconds=seconds)
        freezegun.configure(extend_ignore_list=MEASURE)
        freezegun.freeze_time(wrong.replace(tzinfo=None), tick=True).start()


set_clock(float(os.environ.get(CLOCK, "0")))

from udata.app import create_app, standalone  # noqa: E402
from udata.tasks import celery  # noqa: E402, F401

app = standalone(create_app())
