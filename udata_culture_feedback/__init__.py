"""udata-culture-feedback: what the public says of datasets, and asks for.

udata calls `init_app` for each application that it makes; `app/wiring.py` is the table of contents
of all that is wired into udata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .web.version import VERSION as __version__

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["__version__", "init_app"]


def init_app(app: Flask) -> None:
    """Wire the plugin into an application. Do no query, open no connection, start no thread."""
    from .app import wiring  # at start-up, not when the package is looked at

    wiring.init_app(app)
