"""The plugin was there, and is removed: udata goes on with the database that it leaves behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from udata.core.dataset.models import Dataset
from udata.core.discussions.models import Discussion
from udata.core.reports.models import Report
from udata.core.user.factories import UserFactory
from udata.features.notifications.models import Notification
from udata.features.notifications.settings import NotificationSetting

from tools.uninstalled import packages, surroundings
from udata_culture_feedback.app import maintenance
from udata_culture_feedback.people import roles
from udata_culture_feedback.web.embed import advertise

from ..cases import PluginTestCase, Producer, sysadmin

WISH = {"title": "Les entrées par mois", "description": "Pour suivre la saison.", "kind": "new"}

#: udata alone: asks what it is told to, as each of these people (None: nobody), and runs commands.
PORTAL = """
import json, sys
from importlib.util import find_spec
from udata.app import create_app, standalone
from udata.settings import Defaults, Testing

asked = json.load(sys.stdin)
assert find_spec("udata_culture_feedback") is None

class Settings(Testing):
    MONGODB_HOST = MONGODB_HOST_TEST = asked["database"]
    SERVER_NAME = None

app = standalone(create_app(Defaults, override=Settings))
assert "culture-feedback" not in app.extensions
said = {}
for who, key in asked["keys"].items():
    for path in asked["paths"]:
        headers = {"X-API-KEY": key} if key else {}
        answer = app.test_client().get(path, headers=headers)
        said[f"{who} {path}"] = [answer.status_code, answer.get_data(as_text=True)]
for what, (path, key, body) in asked["posts"].items():
    answer = app.test_client().post(path, json=body, headers={"X-API-KEY": key})
    said[what] = [answer.status_code, answer.get_data(as_text=True)]
for command in asked["commands"]:
    from udata.commands import cli
    result = app.test_cli_runner().invoke(cli, command.split())
    said[command] = [result.exit_code, result.output + repr(result.exception)]
print("\\n" + json.dumps(said))
"""


class UninstalledTest(PluginTestCase):
    """Everything that reaches udata's own collections is there: discussions, messages, bells,
    activities, reports, metrics, extras, subscriptions, roles, the service account."""

    def leave(self) -> Producer:
        producer = Producer(title="Fréquentation des musées")
        citizen, other = UserFactory(), UserFactory()
        id = self.give(citizen, producer.dataset, comment="Il manque une colonne.")["id"]
        self.give(other, producer.dataset, comment="Très utile.", display="anonymous")
        treated = {"status": "planned", "answer": "En mai."}
        self.done("PUT", f"/feedback/{id}/treatment/", treated, producer.admin)
        wish = WISH | {"dataset": str(producer.dataset.id)}
        request = self.done("POST", "/requests/", wish, citizen)
        self.done("POST", f"/requests/{request['id']}/support/", {}, other)
        move = {"to": "acknowledged"}
        self.done("POST", f"/requests/{request['id']}/transitions/", move, producer.admin)
        self.done("POST", f"/datasets/{producer.dataset.id}/subscription/", {}, producer.editor)
        self.done("POST", f"/feedback/{id}/flag/", {"reason": "spam", "message": "Pub."}, other)
        roles.grant(UserFactory().id, None)
        advertise.advertise({"_id": producer.dataset.id})
        thread = Discussion.objects.first()
        Report(subject=thread, reason="spam", message="Publicité.", by=other).save()
        maintenance.maintain()
        return producer

    def done(self, verb, path, body, user):
        response = self.ask(verb, path, body, user)
        assert response.status_code < 300, (path, response.get_data(as_text=True))
        return response.json

    def test_udata_works_on_the_same_database_without_the_plugin(self, tmp_path: Path):
        producer = self.leave()
        for model in (Discussion, Notification, Report, NotificationSetting):
            assert model.objects.count(), f"nothing to look at: no {model.__name__}"
        dataset = Dataset.objects.get(id=producer.dataset.id)
        assert dataset.metrics["feedback"] == 2
        id, holder = dataset.id, producer.organization.id
        thread = Discussion.objects.first().id
        admin = sysadmin()
        asked = {
            "database": self.app.config["MONGODB_HOST"],
            "keys": {
                "nobody": None,
                "producer": self.key_of(producer.admin),
                "administrator": self.key_of(admin),
            },
            "paths": [
                "/api/1/discussions/",
                f"/api/1/discussions/?for={id}",
                f"/api/1/discussions/{thread}/",
                "/api/1/datasets/",
                f"/api/1/datasets/{id}/",
                f"/api/2/datasets/{id}/",
                "/api/2/datasets/search/",
                "/api/1/organizations/",
                f"/api/1/organizations/{holder}/",
                f"/api/1/organizations/{holder}/discussions/",
                f"/api/1/organizations/{holder}/datasets/",
                "/api/1/activity/",
                f"/api/1/activity/?organization={holder}",
                "/api/1/site/",
                "/api/1/swagger.json",
                f"/api/1/datasets/{id}/rdf.json",
                f"/api/1/organizations/{holder}/datasets.csv",
                f"/api/1/organizations/{holder}/discussions.csv",
            ],
            "posts": {
                "a reply to a discussion": [
                    f"/api/1/discussions/{thread}/",
                    self.key_of(producer.admin),
                    {"comment": "Nous répondons encore."},
                ],
                "another discussion": [
                    "/api/1/discussions/",
                    self.key_of(UserFactory()),
                    {
                        "title": "Encore",
                        "comment": "Sans le greffon.",
                        "subject": {"class": "Dataset", "id": str(id)},
                    },
                ],
            },
            "commands": ["db status", "job list", "metrics update", "purge"],
        }
        said = self.start(asked, tmp_path)
        good = (0, 200, 201)  # 0: of a command
        assert {what: answer for what, answer in said.items() if answer[0] not in good} == {}

    def test_bells_reports_and_settings_answer_too(self, tmp_path: Path):
        producer = self.leave()
        asked = {
            "database": self.app.config["MONGODB_HOST"],
            "keys": {
                "producer": self.key_of(producer.admin),
                "editor": self.key_of(producer.editor),
                "administrator": self.key_of(sysadmin()),
            },
            "paths": [
                "/api/1/notifications/",
                "/api/1/me/",
                "/api/1/me/org_discussions/",
                "/api/1/me/org_datasets/",
            ],
            "posts": {},
            "commands": [],
        }
        said = self.start(asked, tmp_path)
        assert {what: answer[1] for what, answer in said.items() if answer[0] != 200} == {}
        bell = json.loads(said["producer /api/1/notifications/"][1])
        assert bell["total"]
        administrator = {"administrator": asked["keys"]["administrator"]}
        lists = ["/api/1/reports/", "/api/1/users/"]
        found = self.start(asked | {"keys": administrator, "paths": lists}, tmp_path / "again")
        for path in lists:
            status, listed = found[f"administrator {path}"]
            assert status == 200
            assert json.loads(listed)["total"]

    def start(self, asked: dict, folder: Path) -> dict[str, tuple[int, str]]:
        """What udata says in a process that has everything installed but the plugin."""
        there = packages(folder / "packages")
        run = subprocess.run(
            [sys.executable, "-S", "-W", "ignore", "-c", PORTAL],
            cwd=folder,
            env=surroundings(there),
            input=json.dumps(asked),
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout.splitlines()[-1])
