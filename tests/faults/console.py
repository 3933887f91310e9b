"""What an operator types, in processes of their own that are forked from one which has loaded udata
(see `tests.processes`): the command line, and what fills an empty portal."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from typing import Any

from flask import Flask
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Member, Organization
from udata.core.user.models import User

from udata_culture_feedback.portal.collections import now

#: How long ago people logged in: also for a server whose clock is a day behind.
LOGGED_IN = timedelta(days=2)


def prepare(settings: str) -> Flask:
    """`settings`: the path of an `udata.cfg`."""
    os.environ["UDATA_SETTINGS"] = settings
    from .clocked import app

    return app


def command(app: Flask, arguments: list[str], clock: float = 0) -> tuple[int, str]:
    """`udata …`, under a clock that is wrong by some seconds. Answers its exit code, and what it
    said."""
    from udata.commands import cli

    from .clocked import set_clock

    set_clock(clock)
    ran = app.test_cli_runner().invoke(cli, arguments, catch_exceptions=True)
    return ran.exit_code, ran.output + (repr(ran.exception) if ran.exception else "")


def fill(app: Flask, people: int, datasets: int) -> dict[str, Any]:
    """Indexes, people, an organization and its datasets."""
    from .clocked import set_clock

    with app.app_context():
        ran = app.test_cli_runner().invoke(args=["feedback", "init"])
        assert ran.exit_code == 0, ran.output
        producer = _person(0)
        organization = Organization(
            name="Producteur", description="D", members=[Member(user=producer, role="admin")]
        ).save()
        made = [
            Dataset(title=f"Musées {n}", description="D", organization=organization).save()
            for n in range(datasets)
        ]
        set_clock(-LOGGED_IN.total_seconds())
        return {
            "people": [_cookie(app, _person(n + 1)) for n in range(people)],
            "datasets": [str(dataset.id) for dataset in made],
        }


def _person(n: int) -> User:
    return User(
        email=f"person-{n}@faults.test",
        first_name="Camille",
        last_name=f"Martin {n}",
        password="unusable",
        active=True,
        confirmed_at=now(),
        fs_uniquifier=uuid.uuid4().hex,
    ).save()


def _cookie(app: Any, user: User) -> dict[str, str]:
    """The session of somebody who has logged in."""
    client = app.test_client()
    with client.session_transaction() as session:
        session |= {"_user_id": user.fs_uniquifier, "_fresh": True}
    name = app.config["SESSION_COOKIE_NAME"]
    found = client.get_cookie(name, domain=app.config["SERVER_NAME"].split(":")[0])
    return {name: found.value}
