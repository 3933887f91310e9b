"""Every task of the plugin: udata imports this through its `udata.tasks` entry point."""

from .feedback import tasks as feedback  # noqa: F401
