"""A database that does not answer is a 503 at our addresses; a fault of ours stays a 500. The real
thing, a mongod that dies or has no room, is in `tests/faults`."""

from __future__ import annotations

import mongoengine
import mongoengine.errors
import pytest
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DuplicateKeyError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteError,
    WTimeoutError,
)

from udata_culture_feedback.web.database_down import is_passing

from ..cases import P, PluginTestCase, Producer
from ..feedback.citizens import subclasses

NO_ROOM = 14031


def wrapped(error: Exception) -> Exception:
    """As mongoengine raises it again."""
    try:
        try:
            raise error
        except Exception as cause:
            raise mongoengine.errors.OperationError(str(cause))  # noqa: B904
    except mongoengine.errors.OperationError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("closed"),
        NotPrimaryError("stepped down"),
        NetworkTimeout("slow"),
        ServerSelectionTimeoutError("nobody"),
        WTimeoutError("no majority", 64),
        WriteError("disk", NO_ROOM),
        OperationFailure("stepping down", 189),
        BulkWriteError({"writeErrors": [{"code": NO_ROOM}]}),
        wrapped(OperationFailure("disk", NO_ROOM)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_is_no_fault_of_ours(error):
    assert is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("unknown operator", 2),
        DuplicateKeyError("twice", 11000),
        mongoengine.errors.ValidationError("not a date"),
        wrapped(OperationFailure("bad query", 2)),
        KeyError("fitness"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_pass_is(error):
    assert not is_passing(error)


def forget_collections() -> None:
    """Each model looks up again where it is stored."""
    for model in subclasses(mongoengine.Document):
        model._collection = None


class NobodyAnswersTest(PluginTestCase):
    """An application whose database is not there: nobody listens at its address."""

    @pytest.fixture(autouse=True)
    def nobody(self, plugin: None, monkeypatch: pytest.MonkeyPatch):
        from mongoengine import connection

        self.producer = Producer()
        self.page = f"{P}/pages/datasets/{self.producer.dataset.slug}/"
        client = MongoClient("mongodb://127.0.0.1:9", serverSelectionTimeoutMS=1)
        monkeypatch.setitem(connection._dbs, "default", client["nowhere"])
        forget_collections()
        yield
        forget_collections()
        client.close()

    def test_the_api_says_so_in_json(self):
        for verb, path, body in (
            ("GET", f"/datasets/{self.producer.dataset.id}/summary/", None),
            ("POST", "/feedback/", {"dataset": str(self.producer.dataset.id), "fitness": "yes"}),
            ("GET", "/requests/", None),
        ):
            # Who asks is looked up first: that fails too.
            key = {"X-API-KEY": "some key"} if body else None
            answer = self.ask(verb, path, body, headers=key)
            assert answer.status_code == 503, (path, answer.text)
            assert answer.json["message"]
            assert answer.headers["Retry-After"] == "10"
            assert answer.headers["Cache-Control"] == "no-store"

    def test_health_says_so_too(self):
        answer = self.ask("GET", "/health/")
        assert answer.status_code == 503
        assert [problem["check"] for problem in answer.json["problems"]] == ["database"]

    def test_a_page_gives_back_what_was_typed(self):
        words = 'Il manque "tout" </textarea><script>alert(1)</script>\nvraiment'
        answer = self.visit(
            "POST", self.page, data={"comment": words, "fitness": "no", "details": "1"}
        )
        assert answer.status_code == 503
        assert answer.mimetype == "text/html"
        assert "<script>alert" not in answer.text
        assert "vraiment</textarea>" in answer.text
        assert '<input type="hidden" name="fitness" value="no">' in answer.text
        assert f'action="{self.page}"' in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_a_fragment_is_left_to_the_loader_which_keeps_the_form(self):
        answer = self.visit("POST", f"{self.page}?as=fragment", data={"comment": "x"})
        assert answer.status_code == 503
        assert "X-Culture-Feedback" not in answer.headers

    def test_a_page_that_is_read_says_to_try_again(self):
        answer = self.visit("GET", f"{self.page}?lang=fr")
        assert answer.status_code == 503
        assert '<html lang="fr"' in answer.text
        assert "<form" not in answer.text

    def test_udata_itself_answers_as_it_always_did(self):
        assert self.visit("GET", "/api/1/datasets/").status_code == 500
