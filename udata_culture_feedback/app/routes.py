"""List every route of the plugin, in one table. Importing a module of the table declares its
routes."""

from __future__ import annotations

from importlib import import_module

from flask import Flask
from udata.api import api

from ..ops import prometheus
from ..web import database_down
from ..web.api import leave_session_alone, ns
from ..web.pages import blueprint

#: Modules that declare JSON routes, below `P/`.
JSON = (
    "consultations.api",
    "dashboard.api",
    "data_requests.api",
    "email_confirmation.api",
    "feedback.api",
    "feedback.trend_api",
    "moderation.api",
    "my_data.api",
    "ops.health",
)
#: Modules that declare pages and fragments, below `P/pages/`, and the static parts.
PAGES = (
    "app.home_views",
    "consultations.editor_views",
    "consultations.import_views",
    "consultations.results_views",
    "consultations.spreading_views",
    "consultations.synthesis_views",
    "consultations.team_views",
    "consultations.theme_views",
    "consultations.views",
    "contributions.import_views",
    "dashboard.inbox_views",
    "dashboard.request_inbox_views",
    "dashboard.public",
    "dashboard.settings_views",
    "dashboard.views",
    "data_requests.asking_views",
    "data_requests.clarification_views",
    "data_requests.import_views",
    "data_requests.views",
    "data_requests.yearly_check_in_views",
    "email_confirmation.views",
    "feedback.frame_views",
    "feedback.reassessment_views",
    "feedback.treatment_views",
    "feedback.views",
    "mail.views",
    "moderation.public_views",
    "moderation.views",
    "my_data.privacy_views",
    "my_data.views",
    "web.embed.views",
)


def register(app: Flask) -> None:
    """Add all our routes to an application."""
    for module in (*JSON, *PAGES):
        import_module(f"..{module}", __package__)
    _register_json(app)
    app.register_blueprint(blueprint)
    # First in the list runs last: after Flask-Login, which reads each session.
    app.after_request_funcs.setdefault(None, []).insert(0, leave_session_alone)
    prometheus.register(app)
    database_down.register(app)


def _register_json(app: Flask) -> None:
    """Add the JSON routes to an application made later in the same process: when they were
    declared, flask-restx added them only to the latest application of udata."""
    if not api.blueprint_setup or api.blueprint_setup.app is not app:
        return  # an application without udata's API (a script, a test)
    for route in ns.resources:
        if f"{api.blueprint.name}.{route.kwargs['endpoint']}" not in app.view_functions:
            api.register_resource(
                ns, route.resource, *api.ns_urls(ns, route.urls), **dict(route.kwargs)
            )
