"""The plugin starts without touching anything; its files say nothing of where they were made."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

START = """
import threading
import udata_culture_feedback
import udata_culture_feedback.tasks
from udata import settings
from udata.app import create_app, standalone

# Nobody listens there, and whoever asks waits no longer than this.
uri = "mongodb://127.0.0.1:9/nowhere?serverSelectionTimeoutMS=300&connectTimeoutMS=300"


class Portal(settings.Defaults):
    MONGODB_HOST = uri
    CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    SECRET_KEY = API_TOKEN_SECRET = "for this test only"


def start():
    return standalone(create_app(Portal))


before = threading.active_count()
app = start()
assert "culture-feedback" in app.extensions, "the plugin was not loaded"
assert threading.active_count() == before, threading.enumerate()

from mongoengine.connection import get_connection

assert not get_connection()._topology._opened, "somebody connected"
routes = {rule.rule for rule in app.url_map.iter_rules()}
assert "/api/1/culture-feedback/feedback/" in routes
assert "/api/1/culture-feedback/embed.js" in routes
assert "feedback" in app.cli.commands
print("started")
"""


def test_the_plugin_starts_without_a_query_a_connection_or_a_thread(tmp_path):
    environment = os.environ | {"UDATA_SETTINGS": str(tmp_path / "none.cfg")}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().endswith("started")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = listed.stdout.split("\0") if listed.returncode == 0 else []
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_files_name_no_machine_and_no_registry():
    # Put together, so that this file does not name them either.
    folders = "|".join(("home", "root", "Users", "work"))
    machine = re.compile(rf"(?<![\w./:-])/(?:{folders})/[\w.-]+|C:\\\\Users")
    virtual = re.compile("/opt/" + "venv")
    hosts = (
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry.npm" + "js",
        "unpkg" + ".com",
        "jsdelivr" + ".net",
        "localhost:" + "3128",
    )
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if machine.search(line) or virtual.search(line) or any(host in line for host in hosts):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found
