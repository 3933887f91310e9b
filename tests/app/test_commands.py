"""`udata feedback …`: what an operator does from the command line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pymongo.collection
import pytest
from mongoengine.connection import get_db
from pymongo.errors import ServerSelectionTimeoutError
from udata.core.jobs.models import PeriodicTask
from udata.core.organization.constants import PUBLIC_SERVICE
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback import __version__
from udata_culture_feedback.app import migrations
from udata_culture_feedback.app.commands import LOG_OF_GUNICORN, LOG_OF_NGINX
from udata_culture_feedback.data_requests.models import figures
from udata_culture_feedback.feedback.models import (
    CultureFeedbackFeedback,
    CultureFeedbackSummary,
    feedbacks,
    summaries,
)
from udata_culture_feedback.figures.summary_ids import dataset_summary
from udata_culture_feedback.people.service_account import SERVICE_EMAIL
from udata_culture_feedback.people.submissions import CultureFeedbackDeleted

from ..cases import PluginTestCase, Producer
from ..consultations.consulting import BEFORE, DURING, ConsultationCase, freeze_time
from ..data_requests.asking import has_service
from ..people.without_account import SETTINGS as KEYS

MODELS = (CultureFeedbackFeedback, CultureFeedbackSummary, CultureFeedbackDeleted)


def forget_indexes() -> None:
    """As a new process on a new database: nothing is built, and mongoengine knows of nothing."""
    for model in MODELS:
        get_db().drop_collection(model._get_collection_name())
        model._collection = None


def indexes(model: type) -> dict[tuple, dict]:
    """(field, direction)… → options, of the indexes that the server has; `_id` left out."""
    found = get_db()[model._get_collection_name()].index_information()
    return {tuple(options.pop("key")): options for name, options in found.items() if name != "_id_"}


def unique(found: dict[tuple, dict]) -> set[tuple[str, ...]]:
    return {tuple(f for f, _ in key) for key, options in found.items() if options.get("unique")}


class InitTest(PluginTestCase):
    def test_it_builds_every_index_with_its_options(self):
        forget_indexes()
        self.cli("feedback init")
        built = indexes(CultureFeedbackFeedback)
        assert unique(built) == {
            ("contributor.key", "dataset", "resource"),
            ("contributor.key", "submission_id"),
        }
        submission = built[("contributor.key", 1), ("submission_id", 1)]
        assert submission["partialFilterExpression"] == {"submission_id": {"$exists": True}}
        assert (("dataset", 1), ("created_at", -1), ("_id", -1)) in built
        due = built[(("due", 1),)]
        assert due["partialFilterExpression"] == {"due": {"$exists": True}}
        due = indexes(CultureFeedbackSummary)[(("due", 1),)]
        assert due["partialFilterExpression"] == {"due": {"$exists": True}}
        assert indexes(CultureFeedbackDeleted)[(("expires_at", 1),)]["expireAfterSeconds"] == 0

    def test_run_again_it_changes_nothing(self):
        self.cli("feedback init")
        before = {model: indexes(model) for model in MODELS}
        service = User.objects.get(email=SERVICE_EMAIL)
        said = self.cli("feedback init").output
        assert {model: indexes(model) for model in MODELS} == before
        assert [user.id for user in User.objects(email=SERVICE_EMAIL)] == [service.id]
        assert str(service.id) in said

    def test_nobody_logs_in_as_the_service_account_and_no_mail_leaves_for_it(self):
        self.cli("feedback init")
        service = User.objects.get(email=SERVICE_EMAIL)
        assert not service.active
        assert service.password is None
        assert service.notifications_paused
        assert service.email.endswith(".invalid")

    def test_what_correctness_needs_exists_without_it(self):
        forget_indexes()
        self.give(UserFactory(), Producer().dataset, submission_id="a-submission")
        assert unique(indexes(CultureFeedbackFeedback)) == {
            ("contributor.key", "dataset", "resource"),
            ("contributor.key", "submission_id"),
        }


class MigrationTest(PluginTestCase):
    @pytest.fixture
    def migration(self, monkeypatch):
        """A migration that counts how often it ran."""
        runs = []

        def migrate(db):
            runs.append(db.name)
            return "one thing changed"

        monkeypatch.setattr(migrations, "MIGRATIONS", {"0001-example": migrate})
        yield runs
        get_db().migrations.delete_many({"filename": {"$regex": f"^{migrations.PREFIX}"}})

    def test_each_is_applied_once(self, migration):
        assert "Migration to run (udata feedback init): 0001-example" in self.info()
        assert "Migration 0001-example: one thing changed" in self.cli("feedback init").output
        assert "0001-example" not in self.cli("feedback init").output
        assert "Migration to run" not in self.info()
        assert migration == [get_db().name]

    def test_udata_records_it_beside_its_own_and_is_not_disturbed(self, migration):
        before = self.cli("db status").output
        self.cli("feedback init")
        record = get_db().migrations.find_one({"filename": "culture-feedback/0001-example"})
        assert record is not None
        (operation,) = record["ops"]
        assert operation["type"] == "migrate"
        assert operation["success"]
        assert operation["output"] == [["info", "one thing changed"]]
        assert "def migrate" in operation["script"]
        assert self.cli("db status").output == before
        self.cli("db", "unrecord", "culture-feedback/0001-example")
        assert migrations.pending() == ["0001-example"]

    def test_one_that_fails_is_tried_again(self, migration, monkeypatch):
        def migrate(db):
            raise RuntimeError("the disk is full")

        monkeypatch.setitem(migrations.MIGRATIONS, "0002-broken", migrate)
        failed = self.cli("feedback init", expect_error=True)
        assert failed.exit_code == 1
        assert "the disk is full" in str(failed.exception)
        assert migrations.pending() == ["0002-broken"]

    def info(self) -> str:
        return self.cli("feedback info").output


#: What an operator may get wrong, by command: files are made by the test, the rest is as typed.
MISTAKES: dict[str, list[list[str]]] = {
    "advertise": [["--dataset", "nothing"], ["--organization", "nothing"], ["--dataset", "\0"]],
    "grant": [
        ["moderator", "nobody@example.org"],
        ["moderator", "{user}", "--organization", "nothing"],
        ["king", "{user}"],
    ],
    "import-requests": [
        ["{folder}"],
        ["{folder}/nothing.csv"],
        ["{empty}"],
        ["{binary}"],
        ["{text}", "--encoding", "klingon"],
        ["{text}", "--mapping", "a=b"],
        ["{text}", "--mapping", "="],
    ],
    "import-responses": [
        ["nothing", "{text}", "--mapping", "{text}"],
        ["{consultation}", "{text}", "--mapping", "{folder}"],
        ["{consultation}", "{text}", "--mapping", "{empty}"],
        ["{consultation}", "{text}", "--mapping", "{binary}"],
        ["{consultation}", "{text}", "--mapping", "{list}"],
        ["{consultation}", "{binary}", "--mapping", "{mapping}"],
        ["{consultation}", "{empty}", "--mapping", "{mapping}"],
        ["{consultation}", "{text}", "--mapping", "{mapping}", "--encoding", "klingon"],
    ],
    "adopt": [[], ["nothing", "nothing"], ["0" * 24, "nothing"], ["x" * 5000, "y", "--undo"]],
    "audit-consultation": [[], ["nothing"], ["{consultation}"], ["x" * 5000]],
    "info": [["more"]],
    "init": [["more"]],
    "maintain": [["more"]],
    "publish-results": [[], ["nothing"], ["{consultation}"], ["\0"], ["x" * 5000]],
    "recount": [["more"]],
    "requeue": [["more"]],
    "revoke": [["moderator", "nobody@example.org"], ["king", "{user}"]],
    "unmet": [["more"]],
}

FILES = {
    "empty": b"",
    "binary": bytes(range(256)),
    "text": b"a;b\n1;2\n",
    "list.json": b"[1, [2]]",
    "mapping.toml": b'id = "a"\n[answers]\nnothing = "b"\n',
}


class MistakesTest(ConsultationCase):
    """A mistake is told in a line, with what is wrong; a traceback is for faults of ours."""

    @pytest.fixture(autouse=True)
    def scene(self, plugin: None, instance_path: Path, tmp_path: Path) -> None:
        for name, content in FILES.items():
            (tmp_path / name).write_bytes(content)
        with freeze_time(BEFORE):
            consultation = self.make()["slug"]
        self.names = {name.split(".")[0]: str(tmp_path / name) for name in FILES} | {
            "folder": str(tmp_path),
            "user": UserFactory().email,
            "consultation": consultation,
        }

    def test_every_command_is_tried(self):
        from udata_culture_feedback.app.commands import cli

        assert set(MISTAKES) == set(cli.commands)

    @pytest.mark.parametrize("command", MISTAKES)
    def test_a_mistake_is_told_in_words(self, command: str):
        for arguments in MISTAKES[command]:
            typed = [one.format(**self.names) for one in arguments]
            with freeze_time(DURING):
                ran = self.cli("feedback", command, *typed, expect_error=True)
            assert isinstance(ran.exception, SystemExit), (typed, ran.exception)
            assert ran.exit_code in (1, 2), typed
            assert "Error: " in ran.output, typed
            assert "Traceback" not in ran.output, typed

    @pytest.mark.parametrize("command", ["info", "unmet", "requeue"])
    def test_a_database_that_is_away_is_told_in_words(self, command: str, monkeypatch):
        def away(*_: object, **__: object) -> None:
            raise ServerSelectionTimeoutError("nobody listens")

        monkeypatch.setattr(pymongo.collection.Collection, "find", away)
        monkeypatch.setattr(pymongo.collection.Collection, "update_many", away)
        monkeypatch.setattr(pymongo.collection.Collection, "estimated_document_count", away)
        ran = self.cli("feedback", command, expect_error=True)
        assert ran.exit_code == 1
        assert "Error: The database does not answer: nobody listens" in ran.output


CHECKOUT = Path(__file__).parents[2]


class InfoTest(PluginTestCase):
    def test_it_tells_versions_and_how_much_is_stored(self):
        self.give(UserFactory(), Producer().dataset)
        said = self.cli("feedback info").output
        assert f"udata-culture-feedback {__version__}, udata 17." in said
        assert "MongoDB " in said
        assert "culture_feedback_feedback: 1 documents" in said
        assert "Feedback with something due: 0" in said

    def test_it_looks_at_the_schedule_and_at_what_beat_has_sent(self):
        missing = 'Not on the schedule: udata job schedule "0 5 * * *" culture-feedback-publish'
        assert missing in self.cli("feedback info").output
        self.cli('job schedule "0 5 * * *" culture-feedback-publish')
        said = self.cli("feedback info").output
        assert missing not in said
        assert "culture-feedback-publish: sent by beat never, ended never" in said
        sent = datetime(2026, 11, 30, 5)
        PeriodicTask.objects(task="culture-feedback-publish").update(set__last_run_at=sent)
        said = self.cli("feedback info").output
        assert "culture-feedback-publish: sent by beat 2026-11-30 05:00:00" in said

    def test_it_says_how_to_log_requests_without_tokens(self):
        said = self.cli("feedback info").output
        written = (CHECKOUT / "integrations/systemd/udata.service").read_text()
        assert LOG_OF_GUNICORN in said
        assert LOG_OF_GUNICORN.split("'")[1] in written.replace("%%", "%")
        assert (CHECKOUT / LOG_OF_NGINX).exists()

    @pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
    def test_it_says_where_the_law_leads(self):
        assert "appeals go to https://www.cada.fr/" in self.cli("feedback info").output

    @pytest.mark.options(CULTURE_FEEDBACK_FORMAL_REQUESTS=True)
    def test_it_asks_for_the_service_in_charge_where_a_delay_may_not_run(self):
        museum = OrganizationFactory(name="Musée de Bretagne")
        wish = {"title": "Les entrées", "description": "Par mois.", "kind": "new"}
        asked = wish | {"organization": str(museum.id)}
        assert self.ask("POST", "/requests/", asked, UserFactory()).status_code == 201
        assert "Musée de Bretagne" not in self.cli("feedback info").output  # no public service
        museum.add_badge(PUBLIC_SERVICE)
        said = self.cli("feedback info").output
        assert "Musée de Bretagne do not name the service in charge" in said
        has_service(museum)
        assert "Musée de Bretagne" not in self.cli("feedback info").output

    def test_it_warns_of_settings_that_people_would_notice(self):
        said = self.cli("feedback info").output
        for setting in ("LEGAL", "PRIVACY", "ACCESSIBILITY", "PAGES"):
            assert f"CULTURE_FEEDBACK_{setting}_URL is empty" in said

    @pytest.mark.options(
        CDATA_BASE_URL="https://portal.test",
        CULTURE_FEEDBACK_PAGES_URL="https://portal.test/avis",
        CULTURE_FEEDBACK_LEGAL_URL="https://portal.test/legal",
        CULTURE_FEEDBACK_PRIVACY_URL="https://portal.test/privacy",
        CULTURE_FEEDBACK_ACCESSIBILITY_URL="https://portal.test/accessibility",
        CULTURE_FEEDBACK_CONTROLLER={"en": "The portal"},
        **KEYS,
    )
    def test_it_says_nothing_of_a_portal_that_has_them_all(self):
        assert "is empty" not in self.cli("feedback info").output


class RecountTest(PluginTestCase):
    def test_figures_that_are_right_are_left_alone(self):
        dataset = Producer().dataset
        self.give(UserFactory(), dataset, fitness="yes")
        before = summaries().find_one({"_id": dataset_summary(dataset.id)})
        assert "Every figure is right" in self.cli("feedback recount --check").output
        assert "Every figure is right" in self.cli("feedback recount").output
        assert summaries().find_one({"_id": dataset_summary(dataset.id)}) == before

    def test_a_wrong_figure_is_told_then_mended_everywhere(self):
        dataset = Producer().dataset
        self.give(UserFactory(), dataset, fitness="yes")
        wrong = {"_id": dataset_summary(dataset.id)}
        summaries().update_one(wrong, {"$inc": {"totals.total": 4, "totals.fitness:no": 1}})
        check = self.cli("feedback recount --check", expect_error=True)
        assert check.exit_code == 1
        assert f"dataset:{dataset.id} total: 5, should be 1" in check.output
        assert f"dataset:{dataset.id} fitness:no: 1, should be 0" in check.output
        assert summaries().find_one(wrong)["totals"]["total"] == 5

        assert "1 summaries mended" in self.cli("feedback recount").output
        for of in (dataset, dataset.organization, None):
            assert self.summary(of)["total"] == 1
            assert self.summary(of)["fitness"] == {"yes": 1, "partly": 0, "no": 0}
        dataset.reload()
        assert dataset.metrics["feedback"] == 1
        assert self.cli("feedback recount --check").exit_code == 0

    def test_the_metric_of_requests_is_written_again_too(self):
        producer = Producer()
        for title in ("Les entrées par mois", "Les prêts par an"):
            wish = {"title": title, "description": "x", "kind": "new"}
            wish["dataset"] = str(producer.dataset.id)
            assert self.ask("POST", "/requests/", wish, UserFactory()).status_code == 201
        for of in (producer.dataset, producer.organization):
            of.reload()
            assert of.metrics["requests"] == 2
            type(of).objects(id=of.id).update(set__metrics__requests=7)
        figures().update_one({"_id": "site"}, {"$inc": {"totals.total": 3}})
        figures().update_one(
            {"_id": dataset_summary(producer.dataset.id)}, {"$inc": {"totals.total": 5}}
        )
        assert "2 summaries mended" in self.cli("feedback recount").output
        for of in (producer.dataset, producer.organization):
            of.reload()
            assert of.metrics["requests"] == 2

    def test_what_was_left_due_is_counted(self):
        dataset = Producer().dataset
        given = self.give(UserFactory(), dataset, fitness="yes")
        feedbacks().update_one(
            {"_id": self.stored(given["id"])["_id"]},
            {
                "$set": {"live.fitness:no": 1},
                "$unset": {"live.fitness:yes": ""},
                "$inc": {"v": 1},
                "$addToSet": {"due": dataset_summary(dataset.id)},
            },
        )
        self.cli("feedback recount")
        assert self.summary(dataset)["fitness"] == {"yes": 0, "partly": 0, "no": 1}
        assert self.summary()["fitness"] == {"yes": 0, "partly": 0, "no": 1}
