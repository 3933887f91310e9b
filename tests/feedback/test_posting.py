"""What one POST asks of the machine: few commands, few messages; and that its answer, made of what
was at hand, says what a GET says afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery.signals import after_task_publish
from pymongo import monitoring
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations.models import consultations
from udata_culture_feedback.feedback.models import summaries
from udata_culture_feedback.portal.collections import now

from ..cases import CommandCounter, PluginTestCase, Producer, everything_is_settled
from .background import stopped_workers

# Clients listen to what is registered when they are made, which is after tests are collected.
COUNTER = CommandCounter()
monitoring.register(COUNTER)

WORDS = "Il manque les musées d’outre-mer, et la colonne « région » est vide depuis 2019."


@contextmanager
def messages() -> Iterator[list[str]]:
    """The names of the tasks that are handed over meanwhile; nobody runs them."""
    handed: list[str] = []

    def published(sender: str, **_: Any) -> None:
        handed.append(sender.removeprefix("culture-feedback-"))

    after_task_publish.connect(published)
    try:
        with stopped_workers():
            yield handed
    finally:
        after_task_publish.disconnect(published)


@pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="1000/minute")
class PostingTest(PluginTestCase):
    def test_an_answer_takes_ten_commands_and_one_message(self):
        dataset = Producer().dataset
        self.give(UserFactory(), dataset)
        writer = UserFactory()
        self.ask("GET", "/vocabulary/", user=writer)  # the key is made, indexes are built
        self.give(
            UserFactory(), dataset, comment=f"{WORDS} Et 2020.", ratings={"update_frequency": 2}
        )
        with messages() as handed, COUNTER.count() as commands:
            self.give(writer, dataset, comment=WORDS, ratings={"completeness": 2})
        ours = commands[commands.index("aggregate") :]
        before = ["aggregate", "findAndModify", "findAndModify"]  # what is known, limit, same words
        assert ours == [*before, "insert", "find", "update", "update"]
        assert handed == ["tell-discussion"]

    def test_what_needs_no_discussion_is_only_counted(self):
        dataset = Producer().dataset
        with messages() as handed:
            given = self.give(UserFactory(), dataset)
        assert handed == ["count-above"]
        assert self.summary(dataset)["total"] == self.summary()["total"] == 1
        assert given["discussion"] is None

    def test_what_is_erased_before_its_task_comes_is_counted_all_the_same(self):
        dataset, author = Producer().dataset, UserFactory()
        given = self.give(author, dataset, comment=WORDS)
        assert summaries().find_one({"_id": "site"})["totals"]["total"] == 1
        with messages() as handed:
            assert self.ask("DELETE", f"/feedback/{given['id']}/", user=author).status_code == 204
        assert sorted(handed) == ["count-above", "tell-discussion"]
        self.give(UserFactory(), dataset, comment=WORDS)
        assert summaries().find_one({"_id": "site"})["totals"]["total"] == 1
        assert everything_is_settled()

    def test_a_support_takes_twelve_commands_and_no_message(self):
        asked = {"title": "Fréquentation des musées", "description": WORDS, "kind": "new"}
        response = self.ask("POST", "/requests/", asked, UserFactory())
        assert response.status_code == 201, response.get_data(as_text=True)
        path = f"/requests/{response.json['id']}/support/"
        assert self.ask("POST", path, {}, UserFactory()).status_code == 200
        writer = UserFactory()
        self.ask("GET", "/vocabulary/", user=writer)
        with messages() as handed, COUNTER.count() as commands:
            response = self.ask("POST", path, {}, writer)
        assert (response.json["supports"], response.json["supported"]) == (2, True)
        ours = commands[commands.index("findAndModify") :]
        counts = ["find", "findAndModify", "update"]
        assert ours == ["findAndModify", "update", "find", *counts, "find"]  # last: who asks for it
        assert handed == []
        again = self.ask("POST", path, {}, writer).json
        assert again == response.json
        assert again == self.ask("GET", f"/requests/{again['id']}/", user=writer).json

    def test_its_answer_is_what_a_get_says(self):
        producer, author = Producer(), UserFactory()
        other = OrganizationFactory(members=[Member(user=author, role="admin")])
        datasets = [
            producer.dataset,
            DatasetFactory(organization=other, last_update=now() - timedelta(days=3)),
            DatasetFactory(owner=author),
            DatasetFactory(owner=author, private=True),
            DatasetFactory(),
        ]
        signatures = [None, "none", str(other.id)]
        for dataset in datasets:
            for signature in signatures:
                given = self.give(author, dataset, comment=WORDS, signature=signature)
                path = f"/feedback/{given['id']}/"
                shown = self.ask("GET", path, user=author).json
                assert given | {"discussion": shown["discussion"]} == shown
                assert shown["contributor"]["name"] == (
                    {None: author.fullname, "none": None}.get(signature, other.name)
                )
                assert self.ask("DELETE", path, user=author).status_code == 204

    def test_an_old_slug_leads_to_its_dataset(self):
        dataset = Producer().dataset
        old = dataset.slug
        dataset.slug = "un-autre-nom"
        dataset.save()
        given = self.ask("POST", "/feedback/", {"dataset": old, "fitness": "yes"}, UserFactory())
        assert (given.status_code, given.json["dataset"]["id"]) == (201, str(dataset.id))

    def test_an_answer_is_stamped_by_the_consultation_that_is_open(self):
        dataset = Producer().dataset
        open_one, closed_one = (
            {
                "_id": dataset.id if days > 0 else dataset.organization.id,
                "slug": f"une-{days}",
                "title": {"fr": "Une"},
                "opens_at": now() - timedelta(days=9),
                "closes_at": now() + timedelta(days=days),
                "published": now() - timedelta(days=9),
                "scope": {"datasets": [dataset.id]},
            }
            for days in (2, -2)
        )
        consultations().insert_many([closed_one, open_one])
        given = self.give(UserFactory(), dataset)
        assert given["consultation"] is None  # sealed
        assert self.stored(given["id"])["consultation"] == open_one["_id"]
        assert consultations().find_one({"_id": open_one["_id"]})["answered"] is True
