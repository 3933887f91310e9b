"""Two versions of the plugin at once, on one database: for real, with what the history of this
repository has. What is in their documents is in `test_documents.py`."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from .load import Load
from .patience import wait_until
from .portal import ROOT, Version
from .test_processes import discussed, queued

#: A commit whose documents, tasks and mails are fewer than today's.
OLDER = "5289ad1104eada82ff40d8cb12a0257f3d73998d"


@pytest.fixture
def older(tmp_path: Path) -> Version:
    git = ["git", "-C", str(ROOT)]
    there = subprocess.run([*git, "cat-file", "-e", f"{OLDER}^{{commit}}"], capture_output=True)
    if there.returncode:
        pytest.skip(f"no older version: this clone has no commit {OLDER[:7]}")
    packed = subprocess.run(
        [*git, "archive", OLDER, "udata_culture_feedback", "translations"],
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "translations").rename(tmp_path / "udata_culture_feedback" / "translations")
    shutil.copy(Path(__file__).with_name("clocked.py"), tmp_path / "older.py")
    return Version(tmp_path, "older", logs="older-")


def test_two_versions_write_at_once(standing, older, nothing_is_lost):
    portal, seed = standing.portal, standing.seed
    datasets = standing.datasets()
    node = portal.serve(version=older)
    # It has no such page yet: both answer at this address.
    wait_until(lambda: portal.send("GET", "/health/").status_code == 404, "the older version")
    workers = [portal.work(), portal.work(version=older)]
    with Load(portal, seed, datasets, words=True) as load:
        pass
    for who, body in load.answers:
        edit = {"comment": f"{body['comment']} Et les lignes de 2019.", "fitness": "yes"}
        feedback = f"/feedback/{load.acknowledged[body['submission_id']]}/"
        assert portal.send("PUT", feedback, who, json=edit).status_code == 200
    wait_until(lambda: not queued(standing), "tasks")
    for process in (*workers, node):
        portal.stop(process)
    edited = portal.log_of("older-web.log").count('"PUT /api/1/culture-feedback/feedback/')
    assert 0 < edited < len(load.answers), "one of them has answered everybody"
    assert " succeeded in " in portal.log_of("older-worker.log"), "it has run no task"
    portal.udata("feedback", "maintain")
    assert discussed(standing, datasets) == dict.fromkeys(load.acknowledged.values(), 1)
    for feedback in standing.portal.db["culture_feedback_feedback"].find(
        {"submission_id": {"$in": list(load.acknowledged)}}
    ):
        discussion = portal.db["discussion"].find_one({"_id": feedback["discussion"]})
        [message] = discussion["discussion"]
        assert message["content"] == feedback["comment"]
        assert message["content"].endswith("2019.")
    nothing_is_lost("two versions of the plugin write at once, and run each other's tasks", load)
