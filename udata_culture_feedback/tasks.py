"""Every task of the plugin: udata imports this through its `udata.tasks` entry point."""

from __future__ import annotations

from typing import Any

from udata.tasks import job

from .app import site_open_data  # noqa: F401
from .consultations import mails as mails_of_consultations  # noqa: F401
from .consultations import tasks as consultations  # noqa: F401
from .contributions import imports  # noqa: F401
from .contributions import tasks as contributions  # noqa: F401
from .dashboard import mails as mails_to_producers  # noqa: F401
from .dashboard import tasks as dashboard  # noqa: F401
from .data_requests import indexing  # noqa: F401
from .data_requests import mails as mails_of_requests  # noqa: F401
from .data_requests import tasks as requests  # noqa: F401
from .feedback import mails as mails_of_feedback  # noqa: F401
from .feedback import tasks as feedback  # noqa: F401
from .mail import outbox  # noqa: F401
from .moderation import bulk  # noqa: F401


@job("culture-feedback-maintain")
def maintain(self: Any) -> dict[str, int]:
    """`maintenance.maintain`, for udata's scheduler. What only the night needs is loaded then."""
    from .app import maintenance

    return maintenance.maintain()
