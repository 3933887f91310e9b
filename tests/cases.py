"""What tests build upon: udata's own test cases with the plugin on, and people in their roles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

import pytest
from bson import ObjectId
from flask import json
from mongoengine.connection import get_db
from pymongo.database import Database
from pymongo.monitoring import CommandListener
from udata.app import UDataApp
from udata.core.api_token.models import ApiToken
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.assignment import Assignment
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Organization
from udata.core.user.factories import AdminFactory, UserFactory
from udata.core.user.models import User
from udata.tests.api import PytestOnlyAPITestCase

from udata_culture_feedback.feedback.models import feedbacks, summaries

from .kept import KeptApplication

P = "/api/1/culture-feedback"


class PluginTestCase(PytestOnlyAPITestCase):
    """An application with the plugin, an empty database, and a client that asks as somebody."""

    @pytest.fixture(autouse=True, name="app")
    def _app(self, kept_application: KeptApplication) -> UDataApp:
        self.app = kept_application.as_made()
        return self.app

    def drop_db(self, app: UDataApp) -> None:
        """Empty the collections that have something: one look at all of them instead of a deletion
        in each. Collections and indexes stay."""
        database = get_db()
        names = database.list_collection_names(filter={"type": "collection"})
        for name, number in sizes(database, names):
            if number:
                database[name].delete_many({})

    @pytest.fixture(autouse=True)
    def load_api_routes(self) -> None:
        """Do nothing: the application that is kept has them."""

    @pytest.fixture(autouse=True)
    def plugin(self, app: UDataApp, kept_application: KeptApplication) -> None:
        """The plugin reads its settings, those of the test among them."""
        kept_application.read_settings()

    def ask(
        self,
        verb: str,
        path: str,
        body: Any = None,
        user: User | None = None,
        headers: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> Any:
        """A call of the API by a key of `user` (or by nobody), each with a client of its own: udata
        would otherwise let the session of an earlier call win."""
        headers = dict(headers or {})
        if user:
            headers["X-API-KEY"] = self.key_of(user)
        if body is not None:
            kwargs |= {"data": json.dumps(body), "content_type": "application/json"}
        return self.visit(verb, P + path, headers=headers, **kwargs)

    def visit(self, verb: str, path: str, client: Any = None, **kwargs: Any) -> Any:
        """A request in a context of its own: pytest-flask keeps one open, whose `g` (and with it
        whoever is logged in) would otherwise be shared by all requests of a test."""
        client = client or self.app.test_client()
        return Context().run(lambda: client.open(path, method=verb, **kwargs))

    def key_of(self, user: User) -> str:
        if not hasattr(self, "_keys"):
            self._keys: dict[ObjectId, str] = {}
        if user.id not in self._keys:
            _token, self._keys[user.id] = ApiToken.generate(user)
        return self._keys[user.id]

    def give(self, user: User, dataset: Dataset, **answer: Any) -> Any:
        """One person's answer about a dataset, as JSON; must be accepted."""
        body = {"dataset": str(dataset.id), "fitness": "partly"} | answer
        response = self.ask("POST", "/feedback/", body, user)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def summary(self, of: Any = None) -> Any:
        path = {Dataset: "datasets", Organization: "organizations"}
        where = f"/{path[type(of)]}/{of.id}" if of is not None else "/site"
        response = self.ask("GET", f"{where}/summary/")
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def stored(self, id: Any) -> dict[str, Any]:
        found = feedbacks().find_one({"_id": ObjectId(id)})
        assert found is not None
        return found


class Producer:
    """An organization with one person in each role, and a dataset of theirs."""

    def __init__(self, **dataset: Any):
        self.admin = UserFactory()
        self.editor = UserFactory()
        self.partial_editor = UserFactory()
        self.assigned = UserFactory()
        self.organization = OrganizationFactory(
            admins=[self.admin],
            editors=[self.editor],
            partial_editors=[self.partial_editor, self.assigned],
        )
        self.dataset = DatasetFactory(organization=self.organization, **dataset)
        Assignment(user=self.assigned, organization=self.organization, subject=self.dataset).save()


def sizes(database: Database[Any], names: list[str]) -> Iterator[tuple[str, int]]:
    """Collections and how many documents each has, in one command."""
    count: list[dict[str, Any]] = [{"$collStats": {"count": {}}}]
    if names:
        others = [{"$unionWith": {"coll": name, "pipeline": count}} for name in names[1:]]
        for found in database[names[0]].aggregate(count + others):
            yield found["ns"].removeprefix(f"{database.name}."), found["count"]


def sysadmin() -> User:
    return AdminFactory()


def everything_is_settled() -> bool:
    """Nothing is due to any summary: every figure shown is what contributions say."""
    waiting = {"due": {"$regex": "^(dataset:|organization:|site)"}}
    return not (feedbacks().find_one(waiting) or summaries().find_one(waiting))


class CommandCounter(CommandListener):
    """Counts what is asked of MongoDB, by command."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.counting = False

    def started(self, event: Any) -> None:
        if self.counting and event.command_name not in ("hello", "ping", "endSessions"):
            self.commands.append(event.command_name)

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass

    @contextmanager
    def count(self) -> Iterator[list[str]]:
        self.commands = []
        self.counting = True
        try:
            yield self.commands
        finally:
            self.counting = False


def lookups(command: dict[str, Any]) -> list[dict[str, Any]]:
    """What each `$lookup` of an aggregation has read, as MongoDB explains it: `collectionScans`,
    `totalDocsExamined`."""
    asked = {"aggregate": command["aggregate"], "pipeline": command["pipeline"], "cursor": {}}
    explained = get_db().command("explain", asked, verbosity="executionStats")
    return [stage for stage in explained["stages"] if "$lookup" in stage]
