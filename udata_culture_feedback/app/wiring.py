"""Wire the plugin into an application of udata: settings, providers, receivers, routes, commands.

No query, no connection, no thread: udata forks after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from udata.core.dataset.models import Dataset
from udata.core.organization.models import Organization

from .. import settings
from ..consultations import provider as consultations
from ..consultations import receivers as of_consultations
from ..contributions import neighbours
from ..contributions import receivers as of_contributions
from ..dashboard import receivers as of_dashboard
from ..data_requests import indexing, notifications
from ..data_requests import provider as data_requests
from ..data_requests import receivers as of_requests
from ..feedback import provider as feedback
from ..feedback import rdf
from ..feedback import receivers as of_feedback
from ..mail import account_deletion
from ..moderation import receivers as of_moderation
from ..ops import health, logs
from ..vocabulary import Vocabularies
from ..web import frame as whole_pages
from . import documents, ends, frame, kinds, routes
from .command_line import cli


@dataclass
class State:
    """The state of the plugin in one application: nothing that another process would miss."""

    vocabularies: Vocabularies
    limiter: Any = field(default=None)
    consultations: Any = field(default=None)


def init_app(app: Flask) -> None:
    """Wire the plugin into one application (web, worker, command line)."""
    for name in dir(settings):
        if name.startswith("CULTURE_FEEDBACK_"):
            app.config.setdefault(name, getattr(settings, name))
    if level := app.config["CULTURE_FEEDBACK_LOG_LEVEL"]:
        logs.show(level)
    replacements = app.config["CULTURE_FEEDBACK_VOCABULARIES"]
    app.extensions["culture-feedback"] = State(Vocabularies(replacements))
    _count_beside_udata()
    _provide()
    _listen()
    routes.register(app)
    ends.register(app)
    rdf.link_from_dcat()
    app.cli.add_command(cli)


def _count_beside_udata() -> None:
    """Add `feedback` and `requests` to the metrics that udata's API and catalogue exports show."""
    for model in (Dataset, Organization):
        for key in ("feedback", "requests"):
            if key not in model.__metrics_keys__:
                model.__metrics_keys__.append(key)


def _provide() -> None:
    """Register what lower rooms call without importing it."""
    neighbours.consultation_link.register(consultations)
    neighbours.requests_beside.register(data_requests)
    neighbours.requests_asked.register(data_requests)
    neighbours.feedback_given.register(feedback)
    health.documents.register(documents.DOCUMENTS)
    whole_pages.provide(frame.places)
    kinds.register_all()


def _listen() -> None:
    for receivers in (
        account_deletion,
        of_contributions,
        of_feedback,
        of_moderation,
        of_requests,
        of_consultations,
        notifications,
        of_dashboard,
        indexing,
        logs,
    ):
        receivers.connect()
