"""udata-culture-feedback: what the public says of datasets, and asks for.

`init_app` is the only place where the plugin is wired into udata, and reads as its table of
contents. It does no query, opens no connection and starts no thread: udata forks after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from .vocabulary import Vocabularies

try:
    __version__ = version("udata-culture-feedback")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"


@dataclass
class State:
    """What the plugin keeps for one application: nothing that another process would miss."""

    vocabularies: Vocabularies
    limiter: Any = field(default=None)
    consultations: Any = field(default=None)


def init_app(app: Flask) -> None:
    """Called by udata for each application that it makes (web, worker, command line)."""
    from . import settings
    from .vocabulary import Vocabularies

    for name in dir(settings):
        if name.startswith("CULTURE_FEEDBACK_"):
            app.config.setdefault(name, getattr(settings, name))
    replacements = app.config["CULTURE_FEEDBACK_VOCABULARIES"]
    app.extensions["culture-feedback"] = State(Vocabularies(replacements))

    _count_beside_udata()

    from .consultations import receivers as of_consultations
    from .dashboard import receivers as of_dashboard
    from .data_requests import notifications
    from .data_requests import receivers as of_requests
    from .feedback import receivers
    from .mail import account_deletion
    from .moderation import receivers as of_moderation
    from .ops import logs
    from .search import upkeep

    account_deletion.connect()
    receivers.connect()
    of_moderation.connect()
    of_requests.connect()
    of_consultations.connect()
    notifications.connect()
    of_dashboard.connect()
    upkeep.connect()
    logs.connect()

    from .web.routing import late_rules

    with late_rules(app):  # importing what declares JSON routes adds them
        from .web.api import register_routes

        register_routes(app)

        from .ops import prometheus
        from .web import database_down
        from .web.pages import blueprint

        app.register_blueprint(blueprint)
        prometheus.register(app)

    database_down.register(app)

    from .app.command_line import cli

    app.cli.add_command(cli)


def _count_beside_udata() -> None:
    """`feedback` and `requests` among the metrics that udata's API and catalogue exports show."""
    from udata.core.dataset.models import Dataset
    from udata.core.organization.models import Organization

    for model in (Dataset, Organization):
        for key in ("feedback", "requests"):
            if key not in model.__metrics_keys__:
                model.__metrics_keys__.append(key)
