"""One application for the tests of a process: making one takes longer than most tests do.

Each test finds it as it was made. Nothing that a test does to it stays: settings, hooks, what the
plugin keeps for an application; and udata's task runner works for it again.
"""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

from mongoengine.base.common import _document_registry
from udata import api, frontend, settings
from udata.app import UDataApp, create_app
from udata.tasks import ContextTask, celery

import udata_culture_feedback
from udata_culture_feedback.vocabulary import Vocabularies
from udata_culture_feedback.web import render_cache

OURS = "culture-feedback"

#: Functions that Flask calls around each request, by blueprint.
HOOKS = (
    "before_request_funcs",
    "after_request_funcs",
    "teardown_request_funcs",
    "template_context_processors",
)


class KeptApplication:
    """An application with the plugin, and how it was when it was made."""

    def __init__(self) -> None:
        self.app = create_app(settings.Defaults, override=settings.Testing)
        api.init_app(self.app)
        frontend.init_app(self.app)
        udata_culture_feedback.init_app(self.app)
        # Tests read each mail on its own.
        self.app.config["CULTURE_FEEDBACK_MAILS_AT_ONCE"] = None
        _build_indexes_once()
        self._state = copy(self.app.extensions[OURS])
        self._config = deepcopy(dict(self.app.config))
        self._extensions = dict(self.app.extensions)
        self._hooks = {name: _copied(getattr(self.app, name)) for name in HOOKS}

    def as_made(self) -> UDataApp:
        """Return the application without what earlier tests have done to it."""
        app = self.app
        app.config.clear()
        app.config.update(deepcopy(self._config))
        app.extensions.clear()
        app.extensions.update(self._extensions)
        for name, functions in self._hooks.items():
            setattr(app, name, _copied(functions))
        app._got_first_request = False  # a storage is set up for each test
        # Another application may have been made meanwhile, or these settings changed.
        ContextTask.current_app = app
        of_celery = {k: v for k, v in app.config.items() if k.startswith("CELERY_")}
        celery.conf.update({k.removeprefix("CELERY_").lower(): v for k, v in of_celery.items()})
        return app

    def read_settings(self) -> None:
        """Forget what the plugin keeps for the application, and read its settings anew."""
        vocabularies = Vocabularies(self.app.config["CULTURE_FEEDBACK_VOCABULARIES"])
        self.app.extensions[OURS] = replace(self._state, vocabularies=vocabularies)
        render_cache._kept.clear()


def _build_indexes_once() -> None:
    """udata asks for the indexes of some documents each time one is saved: a tenth of the time of
    tests. They are built before the first one."""
    for model in _document_registry.values():
        if model._meta.get("auto_create_index_on_save"):
            model._meta["auto_create_index_on_save"] = False


def _copied(hooks: Any) -> Any:
    made = copy(hooks)
    made.update({blueprint: list(functions) for blueprint, functions in hooks.items()})
    return made
