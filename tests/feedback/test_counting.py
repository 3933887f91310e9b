"""The figures people see are those of the feedback that is stored: whoever writes at once, dies,
changes their mind, or changes the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mongoengine.signals import post_save
from udata import settings
from udata.core.dataset.constants import UpdateFrequency
from udata.core.dataset.factories import DatasetFactory, ResourceFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member, Organization
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.feedback.attention import attention
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.feedback.summaries import INTO_ALL, INTO_DATASET
from udata_culture_feedback.feedback.tasks import follow_dataset
from udata_culture_feedback.figures.settle import settle
from udata_culture_feedback.figures.summary_ids import dataset_summary, organization_summary

from ..cases import PluginTestCase, Producer, everything_is_settled
from ..processes import Workers


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    uri = settings.Testing.MONGODB_HOST_TEST
    with Workers("tests.feedback.citizens", uri) as workers:
        yield workers


def by_hand(dataset_ids: Iterable[Any]) -> dict[str, int]:
    """The figures of some datasets, from what is written in each feedback about them."""
    tally: Counter[str] = Counter()
    for dataset_id in dataset_ids:
        summary = summaries().find_one({"_id": dataset_summary(dataset_id)})
        for feedback in feedbacks().find({"dataset": dataset_id}):
            said = figures_of(feedback)
            tally.update(said)
            tally.update(monthly_of(feedback))
            if feedback["judged"] < summary["data_updated_at"]:
                tally.update("before:" + figure for figure in said)
    return dict(tally)


def figures_of(feedback: dict[str, Any]) -> list[str]:
    if "deleted" in feedback or feedback.get("hidden_reason") == "spam":
        return []
    worded = bool(feedback.get("comment")) and feedback["visibility"] == "public"
    if feedback["agent"]:
        return ["agents", "words"] if worded else ["agents"]
    figures = [
        "total",
        "fitness:" + feedback["fitness"],
        "treatment:" + feedback["treatment"]["status"],
        "month:" + feedback["created_at"].isoformat()[:7],
        "contributor:account",
    ]
    month = feedback["created_at"].isoformat()[:7]
    for axis, step in feedback["ratings"].items():
        figures += [f"axis:{axis}:{step}", f"rated:{month}:{axis}"]
        if step < 3:
            figures.append(f"low:{month}:{axis}")
    if "profile" in feedback:
        figures.append("profile:" + feedback["profile"])
    if worded:
        figures += ["commented", "words"]
        if feedback["wants_answer"]:
            figures.append("awaited")
            if feedback["treatment"]["status"] == "new":
                figures.append("waiting")
    return figures


def monthly_of(feedback: dict[str, Any]) -> dict[str, int]:
    """What counts in the trend: once, whether or not the data have changed since."""
    if "total" not in figures_of(feedback):
        return {}
    month = "trend:" + feedback["created_at"].isoformat()[:7]
    monthly = {f"{month}:fitness:{feedback['fitness']}": 1}
    monthly |= {f"{month}:sum:{axis}": step for axis, step in feedback["ratings"].items()}
    if "commented" in figures_of(feedback):
        monthly[f"{month}:commented"] = 1
    return monthly


def stored_totals(summary_id: str) -> dict[str, int]:
    summary = summaries().find_one({"_id": summary_id}) or {}
    return {figure: n for figure, n in summary.get("totals", {}).items() if n}


def settle_above() -> None:
    """What tasks do for the organizations and the site."""
    for summary in summaries().find({"dataset": {"$exists": False}}, {"_id": 1}):
        assert settle(INTO_ALL, summary["_id"])


def settle_everything() -> None:
    for summary in summaries().find({"dataset": {"$exists": True}}, {"_id": 1}):
        assert settle(INTO_DATASET, summary["_id"])
    settle_above()


def assert_exact() -> None:
    """Every stored figure, of every dataset, organization and of the site, is what one finds by
    hand, and nothing waits."""
    listed = []
    for dataset in Dataset._get_collection().find():
        assert stored_totals(dataset_summary(dataset["_id"])) == by_hand([dataset["_id"]])
        if not dataset.get("private") and not dataset.get("deleted"):
            listed.append(dataset)
    listed = [d for d in listed if summaries().find_one({"_id": dataset_summary(d["_id"])})]
    for organization in Organization._get_collection().find():
        theirs = [d["_id"] for d in listed if d.get("organization") == organization["_id"]]
        assert stored_totals(organization_summary(organization["_id"])) == by_hand(theirs)
    assert stored_totals("site") == by_hand(d["_id"] for d in listed)
    for summary in summaries().find({"dataset": {"$exists": True}}):
        if summary["totals"]:  # what lists are sorted by is never behind
            assert summary["attention"] == attention(summary["totals"])
    assert everything_is_settled()


def people(n: int) -> list[User]:
    return [UserFactory() for _ in range(n)]


def past(days: float) -> datetime:
    moment = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    return moment - timedelta(days=days)


class Photograph:
    """Everything that counts, as it was."""

    def __init__(self) -> None:
        found = (feedbacks(), summaries(), *(m._get_collection() for m in (Dataset, Organization)))
        self.contents = [(collection, collection.find().to_list()) for collection in found]

    def put_back(self) -> None:
        for collection, documents in self.contents:
            collection.delete_many({})
            if documents:
                collection.insert_many(documents)


class FiguresTest(PluginTestCase):
    def test_a_summary_says_what_people_said(self):
        producer = Producer()
        camille, dominique, sasha = people(3)
        self.give(
            camille,
            producer.dataset,
            fitness="yes",
            ratings={"completeness": 4, "update_frequency": 2},
            comment="Très complet.",
        )
        self.give(
            dominique, producer.dataset, fitness="partly", ratings={"completeness": 1}, profile=None
        )
        last = self.give(sasha, producer.dataset, fitness="yes", comment="Merci !")
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert summary["total"] == 3
            assert summary["commented"] == 2
            assert summary["fitness"]["yes"] == 2
            assert summary["fitness"]["partly"] == 1
            assert sum(summary["fitness"].values()) == 3
            assert summary["axes"]["completeness"] == {
                "count": 2,
                "sum": 5,
                "mean": 2.5,
                "distribution": [1, 0, 0, 1, 0],
            }
            assert summary["axes"]["update_frequency"]["mean"] == 2
            assert summary["axes"]["georeferencing"]["mean"] is None
            assert summary["treatment"]["new"] == 3
            assert summary["by_contributor"] == {"account": 3, "verified": 0, "unverified": 0}
            assert summary["outdated"] == 0
            assert summary["last_feedback_at"] == last["created_at"]
        assert_exact()

    def test_an_edit_moves_figures_by_what_it_changes(self):
        producer = Producer()
        camille, dominique = people(2)
        self.give(dominique, producer.dataset, fitness="no", ratings={"completeness": 2})
        given = self.give(camille, producer.dataset, fitness="yes", ratings={"completeness": 5})
        where = f"/feedback/{given['id']}/"
        edits = (
            {"fitness": "partly"},
            {"ratings": {"completeness": 3, "update_frequency": 1}},
            {"comment": "Il manque 2023.", "wants_answer": True},
            {"comment": "Il manque 2023 et 2024."},
            {"ratings": {}},
            {"comment": None},
        )
        for edit in edits:
            response = self.ask("PUT", where, edit, camille)
            assert response.status_code == 200, response.json
            assert_exact()
        summary = self.summary(producer.dataset)
        assert summary["axes"]["completeness"]["mean"] == 2
        assert summary["axes"]["update_frequency"]["count"] == 0
        assert (summary["total"], summary["commented"]) == (2, 0)

    def test_what_is_erased_counts_nowhere(self):
        producer = Producer()
        camille, dominique = people(2)
        kept = self.give(camille, producer.dataset, fitness="yes", comment="Bien.")
        given = self.give(dominique, producer.dataset, fitness="no", ratings={"completeness": 1})
        response = self.ask("DELETE", f"/feedback/{given['id']}/", user=dominique)
        assert response.status_code == 204
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert (summary["total"], summary["fitness"]["no"]) == (1, 0)
            assert summary["axes"]["completeness"]["mean"] is None
            assert summary["last_feedback_at"] == kept["created_at"]
        assert feedbacks().count_documents({}) == 1
        assert_exact()

    def test_producers_count_in_no_public_figure(self):
        producer = Producer()
        camille = UserFactory()
        self.give(camille, producer.dataset, fitness="no")
        for agent in (producer.admin, producer.editor, producer.assigned):
            self.give(
                agent,
                producer.dataset,
                fitness="yes",
                ratings={"completeness": 5},
                comment="Excellent jeu de données.",
                wants_answer=True,
            )
        for of in (producer.dataset, producer.organization, None):
            summary = self.summary(of)
            assert (summary["total"], summary["commented"]) == (1, 0)
            assert (summary["fitness"]["yes"], summary["fitness"]["no"]) == (0, 1)
            assert summary["axes"]["completeness"]["count"] == 0
            assert summary["treatment"]["new"] == 1
            assert summary["by_contributor"]["account"] == 1
        assert_exact()

    def test_who_has_become_a_producer_and_changes_an_answer_counts_no_more(self):
        producer = Producer()
        camille = UserFactory()
        given = self.give(camille, producer.dataset, fitness="yes")
        assert self.summary(producer.dataset)["total"] == 1
        producer.organization.members.append(Member(user=camille, role="editor"))
        producer.organization.save()
        self.ask("PUT", f"/feedback/{given['id']}/", {"fitness": "no"}, camille)
        for of in (producer.dataset, producer.organization, None):
            assert self.summary(of)["total"] == 0
        assert_exact()


class ManyAtOnceTest(PluginTestCase):
    def test_twelve_processes_that_record_answers_at_once_are_all_counted(self, workers):
        producer = Producer()
        datasets = [
            producer.dataset,
            *(DatasetFactory(organization=producer.organization) for _ in range(2)),
        ]
        fitness = ("yes", "partly", "no")
        answers = []
        for worker in range(12):
            first, second = people(2)
            # Two of the three are about the same dataset, which is hot.
            about = ((first, datasets[0]), (second, datasets[0]), (first, datasets[1 + worker % 2]))
            answers.append(
                [
                    {
                        "user": str(person.id),
                        "dataset": str(dataset.id),
                        "fitness": fitness[worker % 3],
                        "ratings": {"completeness": 1 + worker % 5},
                        "comment": "Utile." if worker == 0 else None,
                    }
                    for person, dataset in about
                ]
            )
        heard = workers.run(*(("submit_all", {"answers": each}) for each in answers))
        assert all(result["created"] for results in heard for result in results)
        assert feedbacks().count_documents({}) == 36
        settle_above()
        assert_exact()
        assert self.summary(datasets[0])["total"] == 24
        assert self.summary(producer.organization)["total"] == self.summary()["total"] == 36

    def test_people_who_submit_edit_and_erase_at_once_leave_exact_figures(self, workers):
        producer = Producer()
        about = {"dataset": str(producer.dataset.id)}
        given = [(person, self.give(person, producer.dataset)["id"]) for person in people(6)]
        jobs: list[Any] = [("submit", {"user": str(p.id), **about}) for p in people(4)]
        for number, (person, id) in enumerate(given):
            who = {"user": str(person.id), "feedback": id}
            jobs.append(("erase", who) if number % 2 else ("edit", {**who, "fitness": "no"}))
        workers.run(*jobs)
        settle_above()
        assert_exact()
        assert self.summary(producer.dataset)["total"] == 7
        assert feedbacks().count_documents({}) == 7

    def test_one_person_who_answers_twice_at_once_is_stored_once(self, workers):
        dataset = Producer().dataset
        for person in people(4):
            job = ("submit", {"user": str(person.id), "dataset": str(dataset.id)})
            heard = workers.run(job, job)
            assert sorted(result.get("refused", "") for result in heard) == ["", "Conflict"]
        assert feedbacks().count_documents({}) == self.summary(dataset)["total"] == 4
        settle_above()
        assert_exact()

    def test_one_submission_sent_three_times_at_once_is_stored_once(self, workers):
        dataset = Producer().dataset
        for person in people(4):
            about = {"user": str(person.id), "dataset": str(dataset.id)}
            job = ("submit", {**about, "submission_id": str(uuid4())})
            heard = workers.run(job, job, job)
            assert [result["created"] for result in heard].count(True) == 1
            assert len({result["id"] for result in heard}) == 1
        assert feedbacks().count_documents({}) == self.summary(dataset)["total"] == 4
        settle_above()
        assert_exact()


class DeathTest(PluginTestCase):
    """A process is killed (`kill -9`), and the next one goes on from what it left."""

    def test_a_worker_killed_at_any_moment_of_an_answer_leaves_exact_figures(self, workers):
        person, dataset = UserFactory(), Producer().dataset
        answer = {
            "user": str(person.id),
            "dataset": str(dataset.id),
            "ratings": {"completeness": 4},
        }
        answer["submission_id"] = str(uuid4())
        nothing = Photograph()  # so that the first answer also makes the summaries
        for n in count(1):
            nothing.put_back()
            died = workers.dies("submit", n, **answer)
            # The browser heard nothing, and sends it again.
            [again] = workers.run(("submit", answer))
            assert [str(feedback["_id"]) for feedback in feedbacks().find()] == [again["id"]]
            settle_everything()
            assert_exact()
            if not died:
                assert n > 15
                break

    def test_a_worker_killed_at_any_moment_of_an_edit_leaves_exact_figures(self, workers):
        producer = Producer()
        person = UserFactory()
        given = self.give(person, producer.dataset, fitness="yes", ratings={"completeness": 1})
        edit = {"user": str(person.id), "feedback": given["id"], "fitness": "no"}
        before = Photograph()
        for n in count(1):
            before.put_back()
            died = workers.dies("edit", n, **edit, ratings={"completeness": 5})
            settle_everything()
            assert_exact()
            if not died:
                assert n > 10
                break

    def test_a_worker_killed_at_any_moment_of_an_erasure_leaves_exact_figures(self, workers):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, fitness="yes")
        person = UserFactory()
        given = self.give(person, producer.dataset, fitness="no")
        before = Photograph()
        for n in count(1):
            before.put_back()
            died = workers.dies("erase", n, user=str(person.id), feedback=given["id"])
            settle_everything()
            assert_exact()
            if not died:
                assert n > 10
                assert feedbacks().count_documents({}) == 1
                break

    def test_answers_that_were_acknowledged_survive_kill_9_and_are_there_once(
        self, workers, tmp_path: Path
    ):
        dataset = Producer().dataset
        told = tmp_path / "told"
        told.touch()
        everybody = people(24)
        for life in range(4):
            answers = [
                {
                    "user": str(person.id),
                    "dataset": str(dataset.id),
                    "submission_id": f"submission-of-{person.id}",
                }
                for person in everybody
            ]
            pid = workers.start("submit_all", answers=answers, told=str(told))
            # Any moment will do: here, somewhere in the answer after so many.
            already = len(told.read_text().splitlines())
            while len(told.read_text().splitlines()) < already + 2 + life:
                pass
            workers.kill(pid)
            acknowledged = set(told.read_text().split())
            stored = [str(feedback["_id"]) for feedback in feedbacks().find()]
            assert acknowledged <= set(stored)
            settle_everything()
            assert_exact()
            assert self.summary(dataset)["total"] == len(stored)
        workers.run(("submit_all", {"answers": answers}))
        settle_everything()
        assert_exact()
        assert self.summary(dataset)["total"] == feedbacks().count_documents({}) == 24


class AgeingTest(PluginTestCase):
    """Feedback given before the data changed is told apart."""

    def make(self, frequency: UpdateFrequency, days: float) -> Dataset:
        """A dataset of that declared period, whose only file is so many days old."""
        then = past(days)
        file = ResourceFactory(created_at_internal=then, last_modified_internal=then)
        dataset = DatasetFactory(
            organization=OrganizationFactory(), frequency=frequency, resources=[file]
        )
        assert abs(dataset.last_update.replace(tzinfo=None) - then) < timedelta(seconds=1)
        return dataset

    def change_files(self, dataset: Dataset, days_ago: float) -> None:
        """The files changed then, without a signal, as a harvester does it; maintenance or the next
        change notices."""
        Dataset._get_collection().update_one(
            {"_id": dataset.id}, {"$set": {"last_update": past(days_ago)}}
        )
        follow_dataset(str(dataset.id))

    def declare(self, dataset: Dataset, frequency: UpdateFrequency, notice: bool = True) -> None:
        Dataset._get_collection().update_one(
            {"_id": dataset.id}, {"$set": {"frequency": frequency.value}}
        )
        if notice:
            follow_dataset(str(dataset.id))

    def outdated(self, dataset: Dataset) -> tuple[int, int]:
        summary = self.summary(dataset)
        return summary["outdated"], summary["total"]

    @pytest.mark.parametrize(
        ("frequency", "days", "ages"),
        [
            (UpdateFrequency.ANNUAL, 8, True),
            (UpdateFrequency.ANNUAL, 6, False),
            (UpdateFrequency.MONTHLY, 8, True),
            (UpdateFrequency.MONTHLY, 6, False),
            (UpdateFrequency.WEEKLY, 300, False),
            (UpdateFrequency.WEEKLY, 366, True),
            (UpdateFrequency.DAILY, 300, False),
            (UpdateFrequency.UNKNOWN, 300, False),
            (UpdateFrequency.UNKNOWN, 366, True),
            (UpdateFrequency.PUNCTUAL, 300, False),
        ],
    )
    def test_a_change_of_the_files_ages_feedback_after_a_while(self, frequency, days, ages):
        dataset = self.make(frequency, days)
        for person in people(2):
            self.give(person, dataset)
        assert self.outdated(dataset) == (0, 2)
        dataset.add_resource(ResourceFactory())
        assert self.outdated(dataset) == ((2, 2) if ages else (0, 2))
        assert_exact()

    def test_ageing_is_one_update_and_touches_no_feedback(self):
        dataset = self.make(UpdateFrequency.ANNUAL, 30)
        for person in people(3):
            self.give(person, dataset, ratings={"completeness": 2}, comment="Ancien.")
        given = feedbacks().find().sort("_id", 1).to_list()
        v = summaries().find_one({"_id": dataset_summary(dataset.id)})["v"]
        dataset.add_resource(ResourceFactory())
        summary = summaries().find_one({"_id": dataset_summary(dataset.id)})
        assert feedbacks().find().sort("_id", 1).to_list() == given
        assert summary["v"] == v + 1
        assert summary["totals"]["before:total"] == 3
        assert summary["totals"]["before:axis:completeness:2"] == 3
        assert self.summary(dataset.organization)["outdated"] == 3
        assert self.summary()["outdated"] == 3
        assert_exact()

    def test_what_is_said_later_of_old_and_new_data_is_told_apart(self):
        dataset = self.make(UpdateFrequency.ANNUAL, 30)
        first, second, third, fourth = people(4)
        ids = {
            person.id: self.give(person, dataset, fitness="no")["id"]
            for person in (first, second, third)
        }
        dataset.add_resource(ResourceFactory())
        assert self.outdated(dataset) == (3, 3)
        self.give(fourth, dataset, fitness="yes")
        assert self.outdated(dataset) == (3, 4)
        # Who judges again judges the new data; who only adds words does not.
        self.ask("PUT", f"/feedback/{ids[first.id]}/", {"fitness": "yes"}, first)
        assert self.outdated(dataset) == (2, 4)
        self.ask("PUT", f"/feedback/{ids[second.id]}/", {"comment": "En 2023."}, second)
        assert self.outdated(dataset) == (2, 4)
        assert_exact()
        self.ask("DELETE", f"/feedback/{ids[second.id]}/", user=second)
        assert self.outdated(dataset) == (1, 3)
        self.ask("DELETE", f"/feedback/{ids[first.id]}/", user=first)
        assert self.outdated(dataset) == (1, 2)
        assert_exact()

    def test_feedback_that_is_twice_old_is_old_once(self):
        dataset = self.make(UpdateFrequency.ANNUAL, 60)
        self.give(UserFactory(), dataset)
        self.change_files(dataset, days_ago=30)
        self.give(UserFactory(), dataset)
        assert self.outdated(dataset) == (1, 2)
        self.change_files(dataset, days_ago=0)
        assert self.outdated(dataset) == (2, 2)
        assert_exact()

    def test_who_answers_while_the_data_change_is_counted_on_the_right_side(self, workers):
        dataset = self.make(UpdateFrequency.ANNUAL, 30)
        for person in people(3):
            self.give(person, dataset, ratings={"completeness": 1})
        Dataset._get_collection().update_one(
            {"_id": dataset.id}, {"$set": {"last_update": past(0)}}
        )
        about = {"dataset": str(dataset.id)}
        answers = [
            ("submit", {"user": str(p.id), "ratings": {"completeness": 5}, **about})
            for p in people(8)
        ]
        workers.run(*answers, *[("follow", about)] * 4)
        settle_above()
        assert_exact()
        assert self.outdated(dataset) == (3, 11)

    def test_who_judged_the_new_data_before_they_were_noticed_is_not_outdated(self):
        dataset = self.make(UpdateFrequency.UNKNOWN, 30)
        self.give(UserFactory(), dataset, fitness="no")
        self.change_files(dataset, days_ago=0)
        self.give(UserFactory(), dataset, fitness="yes")
        assert self.outdated(dataset) == (0, 2)
        # Now its producer declares that it changes once a year: the change was one.
        self.declare(dataset, UpdateFrequency.ANNUAL)
        assert self.outdated(dataset) == (1, 2)
        assert stored_totals(dataset_summary(dataset.id))["before:fitness:no"] == 1
        assert_exact()

    def test_a_worker_killed_at_any_moment_of_ageing_leaves_exact_figures(self, workers):
        dataset = self.make(UpdateFrequency.UNKNOWN, 30)
        self.give(UserFactory(), dataset, fitness="no")
        self.change_files(dataset, days_ago=0)
        self.give(UserFactory(), dataset, fitness="yes")
        self.declare(dataset, UpdateFrequency.ANNUAL, notice=False)
        before = Photograph()
        for n in count(1):
            before.put_back()
            died = workers.dies("follow", n, dataset=str(dataset.id))
            follow_dataset(str(dataset.id))
            settle_everything()
            assert_exact()
            assert self.outdated(dataset) == (1, 2)
            if not died:
                assert n > 10
                break


class ListedTest(PluginTestCase):
    """The figures of a dataset count above as long as everybody may see it."""

    def totals(self, *of: Any) -> list[int]:
        return [self.summary(one)["total"] for one in of]

    def make(self) -> tuple[Producer, Dataset, Dataset]:
        producer = Producer()
        other = DatasetFactory(organization=producer.organization)
        for person in people(2):
            self.give(person, producer.dataset, fitness="no", ratings={"completeness": 1})
        self.give(UserFactory(), other, fitness="yes", ratings={"completeness": 5})
        return producer, producer.dataset, other

    def test_a_dataset_that_turns_private_takes_its_figures_with_it_and_brings_them_back(self):
        producer, dataset, _other = self.make()
        assert self.totals(producer.organization, None) == [3, 3]
        dataset.private = True
        dataset.save()
        assert self.totals(producer.organization, None) == [1, 1]
        assert self.summary(producer.organization)["axes"]["completeness"]["mean"] == 5
        assert_exact()
        dataset.private = False
        dataset.save()
        assert self.totals(producer.organization, None) == [3, 3]
        assert_exact()

    def test_a_deleted_dataset_takes_its_figures_with_it_and_brings_them_back(self):
        producer, dataset, _other = self.make()
        response = self.visit(
            "DELETE",
            f"/api/1/datasets/{dataset.id}/",
            headers={"X-API-KEY": self.key_of(producer.admin)},
        )
        assert response.status_code == 204
        assert self.totals(producer.organization, None) == [1, 1]
        assert_exact()
        dataset.reload()
        dataset.deleted = None
        dataset.save()
        assert self.totals(producer.organization, None) == [3, 3]
        assert_exact()

    def test_what_is_erased_while_a_dataset_is_private_does_not_come_back(self):
        producer, dataset, _other = self.make()
        camille = UserFactory()
        given = self.give(camille, dataset, fitness="no")
        dataset.private = True
        dataset.save()
        producer.organization.members.append(Member(user=camille, role="editor"))
        producer.organization.save()
        response = self.ask("DELETE", f"/feedback/{given['id']}/", user=camille)
        assert response.status_code == 204, response.json
        assert_exact()
        dataset.private = False
        dataset.save()
        assert self.totals(dataset, producer.organization, None) == [2, 3, 3]
        assert_exact()

    def test_a_dataset_that_changes_hands_takes_its_figures_along(self):
        producer, dataset, _other = self.make()
        buyer = OrganizationFactory()
        dataset.organization = buyer
        dataset.save()
        assert self.totals(producer.organization, buyer, None) == [1, 2, 3]
        assert_exact()
        self.give(UserFactory(), dataset, fitness="yes")
        assert self.totals(producer.organization, buyer, None) == [1, 3, 4]
        dataset.organization = producer.organization
        dataset.save()
        assert self.totals(producer.organization, buyer, None) == [4, 0, 4]
        assert_exact()

    def test_people_who_answer_while_a_dataset_turns_private_and_public_are_counted(self, workers):
        _producer, dataset, _other = self.make()
        about = {"dataset": str(dataset.id)}
        for private in (True, False, True, False):
            Dataset._get_collection().update_one(
                {"_id": dataset.id}, {"$set": {"private": private}}
            )
            answers = [("submit", {"user": str(person.id), **about}) for person in people(3)]
            workers.run(*answers, *[("follow", about)] * 3)
            settle_above()
            assert_exact()

    def test_a_worker_killed_at_any_moment_of_hiding_a_dataset_leaves_exact_figures(self, workers):
        _producer, dataset, _other = self.make()
        Dataset._get_collection().update_one({"_id": dataset.id}, {"$set": {"private": True}})
        before = Photograph()
        for n in count(1):
            before.put_back()
            died = workers.dies("follow", n, dataset=str(dataset.id))
            follow_dataset(str(dataset.id))
            settle_everything()
            assert_exact()
            if not died:
                assert n > 8
                break


class MetricsTest(PluginTestCase):
    """`metrics.feedback` of udata's own API."""

    def metrics(self, path: str) -> int:
        return self.visit("GET", path).json["metrics"].get("feedback")

    def shown(self, dataset: Dataset, organization: Organization) -> list[int]:
        return [
            self.metrics(f"/api/1/datasets/{dataset.id}/"),
            self.metrics(f"/api/2/datasets/{dataset.id}/"),
            self.metrics(f"/api/1/organizations/{organization.id}/"),
        ]

    def test_udata_shows_how_many_feedbacks_an_object_has(self):
        producer = Producer()
        other = DatasetFactory(organization=producer.organization)
        camille, dominique = people(2)
        given = self.give(camille, producer.dataset)
        self.give(dominique, other)
        self.give(producer.admin, other)
        assert self.shown(producer.dataset, producer.organization) == [1, 1, 2]
        assert self.shown(other, producer.organization) == [1, 1, 2]
        self.ask("DELETE", f"/feedback/{given['id']}/", user=camille)
        assert self.shown(producer.dataset, producer.organization) == [0, 0, 1]

    def test_they_follow_a_dataset_that_is_hidden_and_comes_back(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        organization = f"/api/1/organizations/{producer.organization.id}/"
        producer.dataset.private = True
        producer.dataset.save()
        assert self.metrics(organization) == 0
        producer.dataset.private = False
        producer.dataset.save()
        assert self.metrics(organization) == 1
        assert self.metrics(f"/api/1/datasets/{producer.dataset.id}/") == 1

    def test_they_are_those_of_the_holder(self):
        producer, buyer = Producer(), OrganizationFactory()
        self.give(UserFactory(), producer.dataset)
        producer.dataset.organization = buyer
        producer.dataset.save()
        assert self.shown(producer.dataset, buyer) == [1, 1, 1]
        assert self.metrics(f"/api/1/organizations/{producer.organization.id}/") == 0

    def test_writing_them_changes_nothing_else_of_the_dataset(self):
        producer = Producer(resources=[ResourceFactory()])
        kept = [
            model._get_collection().find_one({"_id": one.id})
            for model, one in ((Dataset, producer.dataset), (Organization, producer.organization))
        ]
        saved: list[Any] = []

        def hear(sender: Any, document: Any, **_: Any) -> None:
            saved.append(document)

        with post_save.connected_to(hear, Dataset), post_save.connected_to(hear, Organization):
            self.give(UserFactory(), producer.dataset)
        assert saved == []
        for before, model in zip(kept, (Dataset, Organization), strict=True):
            after = model._get_collection().find_one({"_id": before["_id"]})
            assert after["metrics"].pop("feedback") == 1
            assert after == before | {"metrics": before.get("metrics", {})}


class RecountTest(PluginTestCase):
    """`udata feedback recount`."""

    def corrupt(self, summary_id: str) -> None:
        change = {"$set": {"totals.total": 40}, "$unset": {"totals.fitness:yes": ""}}
        assert summaries().update_one({"_id": summary_id}, change).modified_count

    def test_a_check_that_finds_nothing_ends_with_0(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, fitness="yes")
        result = self.cli("feedback recount --check")
        assert result.exit_code == 0
        assert result.output == "Every figure is right\n"

    def test_a_check_says_what_is_wrong_ends_with_1_and_mends_nothing(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, fitness="yes")
        wrong = dataset_summary(producer.dataset.id)
        self.corrupt(wrong)
        kept = summaries().find().sort("_id", 1).to_list()
        for _time in range(2):
            result = self.cli("feedback recount --check", expect_error=True)
            assert result.exit_code == 1
            assert f"{wrong} total: 40, should be 1" in result.output
            assert f"{wrong} fitness:yes: 0, should be 1" in result.output
            assert result.output.endswith("1 summaries wrong\n")
            assert summaries().find().sort("_id", 1).to_list() == kept

    @pytest.mark.parametrize("what", ["dataset", "organization", "site"])
    def test_a_recount_mends_figures_and_metrics(self, what: str):
        producer = Producer()
        for person in people(2):
            self.give(person, producer.dataset, fitness="yes")
        self.corrupt(
            {
                "dataset": dataset_summary(producer.dataset.id),
                "organization": organization_summary(producer.organization.id),
                "site": "site",
            }[what]
        )
        for model in (Dataset, Organization):
            model._get_collection().update_many({}, {"$set": {"metrics.feedback": 40}})
        assert self.cli("feedback recount").exit_code == 0
        assert_exact()
        for model in (Dataset, Organization):
            assert model._get_collection().find_one()["metrics"]["feedback"] == 2
        assert self.cli("feedback recount").output == "Every figure is right\n"
        assert self.cli("feedback recount --check").exit_code == 0
