"""MongoDB loses its primary, dies, or has no room left."""

from __future__ import annotations

import html
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from .load import Load
from .patience import wait_until
from .portal import Portal
from .servers import Mongod, Network, ReplicaSet, is_primary

WORDS = "Il manque les musées d’outre-mer,\net la colonne « région » depuis 2019."
#: MongoDB's OutOfDiskSpace.
NO_ROOM = 14031


def test_a_replica_set_loses_its_primary(tmp_path, nothing_is_lost):
    with (
        ReplicaSet(tmp_path / "mongodb") as members,
        Portal(tmp_path, members.uri("faults")) as portal,
    ):
        seed = portal.seed(people=40)
        portal.serve()
        with Load(portal, seed, seed.datasets) as load:
            load.until(0.3)
            members.primary().kill()
        nothing_is_lost("a replica set of three loses its primary (`kill -9`)", load)


def test_a_primary_that_was_left_alone_is_lost(tmp_path, nothing_is_lost):
    with (
        ReplicaSet(tmp_path / "mongodb") as members,
        Portal(tmp_path, members.uri("faults")) as portal,
    ):
        seed = portal.seed(people=30)
        portal.serve()
        with Load(portal, seed, seed.datasets) as load:
            load.until(0.2)
            primary, others = members.primary(), members.others()
            for member in others:
                member.kill()
            # It takes what comes until it has missed the others for too long: nobody else has that.
            wait_until(lambda: not is_primary(primary), "a primary that gives up")
            primary.kill()
            for member in others:
                member.start()
        nothing_is_lost("a primary goes on without the others and is lost; they come back", load)


def test_a_majority_is_lost_for_a_while(tmp_path, nothing_is_lost):
    with (
        ReplicaSet(tmp_path / "mongodb") as members,
        Portal(tmp_path, members.uri("faults", patience=3)) as portal,
    ):
        seed = portal.seed(people=15)
        portal.serve()
        with Load(portal, seed, seed.datasets) as load:
            load.until(0.2)
            others = members.others()
            for member in others:
                member.kill()
            wait_until(lambda: load.statuses[503], "a refusal")
            for member in others:
                member.start()
        assert load.statuses[500] == 0
        nothing_is_lost("two of three members are lost, then come back: 503 meanwhile", load)


def test_mongod_is_killed_and_started_again(standing, nothing_is_lost):
    with Load(standing.portal, standing.seed, standing.datasets(3)) as load:
        load.until(0.3)
        standing.mongod.kill()
        standing.mongod.start()
    nothing_is_lost("a single mongod is killed (`kill -9`) and started again: journal", load)


def test_a_disk_that_is_full_is_a_503_with_the_text_of_the_form(standing, line):
    portal, seed = standing.portal, standing.seed
    [dataset] = standing.datasets()
    who, form = open_form(portal, dataset, seed.people[0])
    sent = {"files": as_form(form | {"fitness": "partly", "comment": WORDS})}
    path = f"/pages/datasets/{dataset}/"
    with failing(standing.mongod, NO_ROOM):
        answer = portal.send("POST", "/feedback/", who, json={"dataset": dataset, "fitness": "no"})
        assert answer.status_code == 503
        assert answer.json()["message"].startswith("The service cannot record")
        assert answer.headers["Retry-After"] == "10"
        page = portal.send("POST", path, who, **sent)
        assert page.status_code == 503
        assert page.headers["Content-Type"].startswith("text/html")
        assert typed(page.text)["comment"] == WORDS
        fragment = portal.send("POST", f"{path}?as=fragment", who, **sent)
        assert fragment.status_code == 503
        assert "X-Culture-Feedback" not in fragment.headers  # the loader leaves the form as it is
    again = portal.send("POST", action_of(page.text), who, files=as_form(typed(page.text)))
    assert again.status_code == 200, again.text
    kept = [f["comment"] for f in feedback_on(portal, dataset)]
    assert [words.split() for words in kept] == [WORDS.split()]
    line(
        "MongoDB refuses to write (`OutOfDiskSpace`, by fail point): 503, the form sent again",
        1, len(kept), 0, portal.counters().replace("Every figure is right", "exact"),
    )  # fmt: skip


def test_mongod_hangs_and_the_text_of_the_form_is_kept(standing, line):
    portal, seed = standing.portal, standing.seed
    [dataset] = standing.datasets()
    who, form = open_form(portal, dataset, seed.people[0])
    sent = {"files": as_form(form | {"fitness": "partly", "comment": WORDS})}
    workers = portal.children(portal.web)
    standing.mongod.freeze()
    try:
        # Below the 30 seconds after which gunicorn would kill the worker.
        page = portal.send("POST", f"/pages/datasets/{dataset}/", who, timeout=25, **sent)
        listed = portal.send("GET", "/feedback/", timeout=25)
    finally:
        standing.mongod.thaw()
    assert (page.status_code, listed.status_code) == (503, 503)
    assert typed(page.text)["comment"] == WORDS
    assert portal.children(portal.web) == workers
    again = portal.send("POST", action_of(page.text), who, files=as_form(typed(page.text)))
    assert again.status_code == 200, again.text
    kept = [f["comment"] for f in feedback_on(portal, dataset)]
    assert [words.split() for words in kept] == [WORDS.split()]
    line(
        "MongoDB hangs (`SIGSTOP`): 503 within the deadline, the form sent again",
        1, len(kept), 0, portal.counters().replace("Every figure is right", "exact"),
    )  # fmt: skip


def test_the_network_is_slow_then_stalls(tmp_path, nothing_is_lost):
    with (
        Mongod(tmp_path / "mongodb") as mongod,
        Network(mongod.port) as network,
        Portal(tmp_path, f"mongodb://127.0.0.1:{network.port}/faults") as portal,
    ):
        seed = portal.seed(people=10)
        portal.serve()
        workers = portal.children(portal.web)
        network.delay = 0.02
        with Load(portal, seed, seed.datasets, words=True) as load:
            load.until(0.4)
            network.flows.clear()
            wait_until(lambda: load.statuses[503], "a refusal")
            network.flows.set()
        assert load.statuses[500] == 0
        assert set(workers) <= set(portal.children(portal.web))  # none killed for being silent
        nothing_is_lost(
            "the network to MongoDB is slow (20 ms each way), then stalls: 503 meanwhile", load
        )


def test_a_disk_that_fills_up(tmp_path, nothing_is_lost):
    with small_disk(tmp_path / "disk") as disk, ExitStack() as running:
        mongod = running.enter_context(Mongod(disk))
        uri = f"{mongod.uri}/faults?serverSelectionTimeoutMS=2000"
        portal = running.enter_context(Portal(tmp_path, uri))
        seed = portal.seed(people=15)
        portal.serve()
        with Load(portal, seed, seed.datasets, words=True) as load:
            load.until(0.2)
            with load.held():
                filler = fill(disk)
                mongod.gives_up()
            wait_until(lambda: load.statuses[503], "a refusal")
            filler.unlink()
            mongod.start()
        assert load.statuses[500] == 0
        nothing_is_lost(
            "the disk fills up (a small tmpfs) and MongoDB ends; 503 until restarted", load
        )


def test_an_older_backup_is_restored_under_running_web_servers(tmp_path, nothing_is_lost, line):
    with (
        Mongod(tmp_path / "mongodb") as mongod,
        Portal(tmp_path, f"{mongod.uri}/faults") as portal,
    ):
        seed = portal.seed(people=12, datasets=2)
        portal.serve()
        with Load(portal, seed, seed.datasets[:1], words=True) as before:
            pass
        mongod.back_up(tmp_path / "backup")  # nothing has been counted above, nothing discussed
        for who, body in before.answers:
            edit = {"comment": "Complété depuis.", "fitness": "yes"}
            feedback = f"/feedback/{before.acknowledged[body['submission_id']]}/"
            assert portal.send("PUT", feedback, who, json=edit).status_code == 200
        with Load(portal, seed, seed.datasets[1:]):
            pass
        portal.udata("feedback", "maintain")
        assert seen(portal, seed.datasets) == {"Complété depuis.": 12, None: 12}
        mongod.restore(tmp_path / "backup")
        wait_until(lambda: portal.send("GET", "/vocabulary/").status_code == 200, "MongoDB")
        assert seen(portal, seed.datasets).keys() == {
            body["comment"] for _who, body in before.answers
        }
        portal.udata("feedback", "maintain")
        discussions = portal.db["discussion"].count_documents({"subject": {"$exists": True}})
        assert discussions == len(before.answers)
        nothing_is_lost("an older backup is restored under running web servers", before)
        with Load(portal, seed, seed.datasets[1:]) as again:
            pass
        assert set(again.statuses) == {201}
        nothing_is_lost("… and what came after the backup is sent again", again)


def seen(portal: Portal, datasets: list[str]) -> Counter[str | None]:
    """How often each comment is among what anybody may read of some datasets."""
    listed = [portal.send("GET", f"/feedback/?dataset={one}&page_size=100") for one in datasets]
    return Counter(one["comment"] for page in listed for one in page.json()["data"])


def open_form(
    portal: Portal, dataset: str, who: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The cookies of somebody who has the form of a dataset before them, and what is in it."""
    shown = portal.send("GET", f"/pages/datasets/{dataset}/?edit=1", who)
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
    assert token
    return who | dict(shown.cookies), {"csrf_token": token[1], "signed_in": "1", "details": "1"}


def as_form(fields: dict[str, str]) -> dict[str, tuple[None, str]]:
    """As `requests` sends fields in multipart/form-data."""
    return {name: (None, value) for name, value in fields.items()}


def typed(page: str) -> dict[str, str]:
    """What the form of a page has, as a browser sends it."""
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    areas = re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(value) for name, value in [*hidden, *areas]}


def action_of(page: str) -> str:
    found = re.search(r'<form method="post"[^>]* action="/api/1/culture-feedback([^"]+)"', page)
    assert found
    return html.unescape(found[1])


def feedback_on(portal: Portal, dataset: str) -> list[dict[str, Any]]:
    from bson import ObjectId

    return list(portal.db["culture_feedback_feedback"].find({"dataset": ObjectId(dataset)}))


@contextmanager
def failing(mongod: Mongod, code: int) -> Iterator[None]:
    """Every feedback that is to be stored is refused."""
    point = {"failCommands": ["insert"], "errorCode": code}
    point["namespace"] = "faults.culture_feedback_feedback"
    with mongod.client() as client:
        client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=point)
        try:
            yield
        finally:
            client.admin.command("configureFailPoint", "failCommand", mode="off")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 400 MB in memory. Only root may make one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m", "culture-feedback", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk takes the right to mount one; see the fail point above")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
    return filler
