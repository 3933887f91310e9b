"""Events are shown where the portal says so, in a process that nobody has set up otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PORTAL = """
import sys
from udata.app import create_app, standalone
from udata.settings import Defaults

class Settings(Defaults):
    MONGODB_HOST = sys.argv[1]
    SECRET_KEY = API_TOKEN_SECRET = "not a secret"
    CULTURE_FEEDBACK_LOG_LEVEL = sys.argv[2] or None

app = standalone(create_app(override=Settings))
from udata_culture_feedback.feedback.signals import on_feedback_treated
on_feedback_treated.send("5f0c0c0c0c0c0c0c0c0c0c0c")
"""


@pytest.mark.parametrize("level", ["INFO", ""])
def test_events_are_shown_by_the_setting(mongodb, tmp_path: Path, level: str):
    done = subprocess.run(
        [sys.executable, "-c", PORTAL, f"{mongodb}/culture-feedback-test-log", level],
        cwd=tmp_path,
        env=os.environ | {"UDATA_SETTINGS": "/nonexistent"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert ("INFO udata_culture_feedback" in done.stderr) is bool(level)
    assert ("feedback treated feedback=5f0c" in done.stderr) is bool(level)
