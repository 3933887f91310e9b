"""What benchmarks measure is what a portal has."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory

from benchmarks import documents, seed, words
from benchmarks.__main__ import compare
from benchmarks.processes import Processes
from benchmarks.sizes import ORGANIZATION, PERSON, SIZES, Size, id_of, shares
from benchmarks.table import Line
from udata_culture_feedback.data_requests import actions, discussion
from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.feedback import discussion as feedback_discussion
from udata_culture_feedback.feedback import treatment
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import viewer_of
from udata_culture_feedback.portal.collections import now

from ..cases import PluginTestCase, Producer

TINY = Size("tiny", 300)

#: How many commands each hot read gives MongoDB, on a database that `make bench` has filled.
COMMANDS = {
    "list of 20": 1,
    "list of 20 — logged in": 7,
    "list of 20 — rendered anew": 3,
    "fragment": 1,
    "fragment — logged in": 4,
    "fragment — who has answered": 4,
    "whole page": 1,
    "whole page — logged in": 5,
    "summary": 1,
    "summary — logged in": 4,
    "50 summaries": 3,
    "one feedback": 6,
    "requests page": 8,
    "requests page — logged in": 13,
}


class SeedTest(PluginTestCase):
    def test_figures_of_a_seeded_database_are_what_a_recount_finds(self) -> None:
        _seed()
        assert feedbacks().count_documents({}) == TINY.feedback
        assert supports().count_documents({}) == TINY.supports
        assert seed.check() == 0

    def test_seeded_feedback_has_the_fields_of_answered_feedback(self) -> None:
        _seed()
        answered = {"treatment.status": {"$ne": "new"}}
        made, thread = _one(feedbacks().find_one(answered))
        feedbacks().delete_many({})
        producer, author = Producer(), UserFactory()
        given = {
            "comment": "Il manque la Corse.",
            "ratings": {"completeness": 2},
            "profile": "student",
        }
        id = self.give(author, producer.dataset, **given)["id"]
        feedback_discussion.tell(self.stored(id)["_id"])
        with acting_as(producer.admin):
            answer = {"status": "planned", "answer": "Elle sera ajoutée."}
            treatment.treat(viewer_of(producer.admin), id, answer)
        feedback_discussion.tell(self.stored(id)["_id"])
        stored, told = _one(self.stored(id))
        assert made.keys() == stored.keys() - {"due"}
        assert made["treatment"].keys() == stored["treatment"].keys()
        assert made["contributor"].keys() == stored["contributor"].keys()
        [mine], [theirs] = made["counted"].values(), stored["counted"].values()
        assert mine.keys() == theirs.keys()
        assert thread.keys() == told.keys()
        assert thread["discussion"][1].keys() == told["discussion"][1].keys()

    def test_a_seeded_request_has_the_fields_of_one_that_was_asked(self) -> None:
        _seed()
        made, thread = _one(requests().find_one({"dataset": {"$exists": True}, "history": []}))
        producer, author = Producer(), UserFactory()
        asked = {
            "title": "Les musées de Corse",
            "description": "Leur fréquentation par année.",
            "kind": "new",
            "dataset": str(producer.dataset.id),
            "themes": ["musee"],
            "usages": ["research"],
            "profile": "student",
        }
        with acting_as(author):
            request, _new = actions.ask(viewer_of(author), asked)
        discussion.tell(request["_id"])
        stored, told = _one(requests().find_one({"_id": request["_id"]}))
        assert made.keys() - {"told"} == stored.keys() - {"due", "told"}
        assert made["clock"].keys() == stored["clock"].keys()
        assert thread.keys() == told.keys()


def test_a_benchmark_fills_its_database_and_hot_reads_take_so_many_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = SIZES["tiny"]
    with Processes(tmp_path) as processes:
        processes.seed(tiny)
        lines = compare(processes, tiny, tiny, rounds=1)
    found = commands(lines)
    assert {label: found[label] for label in COMMANDS} == COMMANDS
    said = capsys.readouterr().out
    assert "| list of 20 " in said
    assert "| list of 20 — logged in " in said  # of what one worker can do
    assert "Peak memory of that worker: " in said
    assert "| ours, the site " in said


def commands(lines: list[Line]) -> dict[str, int]:
    """Those of each request, by its label; one that begins with a dash goes on after the last."""
    found, whole = {}, ""
    for line in lines:
        whole = whole if line.label.startswith("—") else line.label
        label = line.label if line.label == whole else f"{whole} {line.label}"
        found[label] = line.request.commands
    return found


def test_shares_add_up_and_the_first_has_most() -> None:
    for number, among in ((10, 3), (3, 10), (1000, 7), (5000, 5000)):
        found = shares(number, among)
        assert sum(found) == number
        assert len(found) == among
        assert found[0] == max(found)


def _seed() -> None:
    chance, moment = random.Random(1), now()
    said = words.comments(chance)
    updated = [moment - timedelta(days=90)] * 5
    owners = [id_of(ORGANIZATION, n % 2) for n in range(5)]
    for n in range(2):
        documents.organization(n, id_of(PERSON, n))
    catalogue = list(documents.datasets(owners, updated, chance))
    seed._fill_feedback(TINY, catalogue, documents.Opinions(said, moment, chance))
    seed._fill_requests(TINY, catalogue, documents.Requests(said, moment, chance))


def _one(stored: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A contribution and its native discussion."""
    assert stored
    thread = Discussion._get_collection().find_one({"_id": stored["discussion"]})
    assert thread
    return stored, thread
