"""What older versions stored: read, counted, changed and told like what this one stores.

`tests/older/<state>.json` was written by the code of that time: the documents of a small portal,
ours and those of udata that they speak of, and the indexes that our collections had.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId, json_util
from mongoengine.connection import get_db
from udata.core.user.models import User

from udata_culture_feedback.app import maintenance, migrations
from udata_culture_feedback.app.documents import DOCUMENTS
from udata_culture_feedback.data_requests.models import messages, requests
from udata_culture_feedback.feedback.models import feedbacks, summaries
from udata_culture_feedback.people import contacts
from udata_culture_feedback.portal.collections import now

from ..cases import P, PluginTestCase
from ..people.without_account import SETTINGS

OLDER = Path(__file__).parents[1] / "older"
STATES = sorted(path.stem for path in OLDER.glob("*.json"))
RIGHT = "Every figure is right\n"

#: Keys under which the older documents were written.
THEN: dict[str, Any] = SETTINGS | {
    "CULTURE_FEEDBACK_TOKEN_KEY": "a key for tokens, of forty characters ...",
    "CULTURE_FEEDBACK_EMAIL_HASH_KEY": "a key for fingerprints, of forty chars ..",
    "CULTURE_FEEDBACK_EMAIL_KEYS": ["a2V5IG9mIHRlc3RzLCBvZiAzMiBieXRlcyBleGFjdGw="],
}

every_state = pytest.mark.parametrize("state", STATES)


class UpgradeTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def indexes_as_they_are_now(self, plugin: None) -> Iterator[None]:
        yield
        get_db().migrations.delete_many({"filename": {"$regex": f"^{migrations.PREFIX}"}})
        for model in DOCUMENTS:
            model.ensure_indexes()

    def restore(self, state: str) -> None:
        """Makes the database what it was then."""
        stored = json_util.loads((OLDER / f"{state}.json").read_text())
        database = get_db()
        for name in database.list_collection_names(filter={"name": {"$regex": "^culture_feed"}}):
            database.drop_collection(name)
        for name, indexes in stored["indexes"].items():
            database.create_collection(name)
            for index in indexes:
                database[name].create_index(list(map(tuple, index.pop("key"))), **index)
        for name, documents in stored["documents"].items():
            for document in documents:
                if "expires_at" in document:  # it was there then
                    document["expires_at"] = now() + timedelta(days=1)
            database[name].insert_many(documents)

    def upgrade(self, state: str) -> str:
        self.restore(state)
        return self.cli("feedback init").output

    def author(self, contribution: dict[str, Any]) -> User:
        return User.objects.get(id=contribution["contributor"]["user"])

    @every_state
    def test_init_brings_everything_in_line_once(self, state):
        said = self.upgrade(state)
        assert all(f"Migration {name}: " in said for name in migrations.MIGRATIONS)
        assert not migrations.pending()
        assert self.cli("feedback recount --check").output == RIGHT
        assert "Migration" not in self.cli("feedback init").output

    def test_what_is_counted_since_is_counted_of_older_contributions_too(self):
        self.restore("feedback")
        [site] = summaries().find({"_id": "site"})
        assert not [name for name in site["totals"] if name.startswith("rated:")]
        self.cli("feedback init")
        [site] = summaries().find({"_id": "site"})
        assert [n for name, n in site["totals"].items() if name.startswith("rated:")] == [1]
        assert site["totals"]["awaited"] == 1
        assert site["totals"]["total"] == 3

    @every_state
    @pytest.mark.options(**THEN)
    def test_nothing_that_was_given_is_lost_and_everything_is_shown(self, state):
        before = self.upgrade(state) and feedbacks().count_documents({})
        done = maintenance.maintain()
        assert not [name for name in done if name.endswith("_failed")]
        assert feedbacks().count_documents({}) == before
        [dataset] = feedbacks().distinct("dataset")
        listed = self.ask("GET", f"/feedback/?dataset={dataset}")
        worded = {"comment": {"$exists": True}, "visibility": "public"}
        assert listed.json["total"] == feedbacks().count_documents(worded)
        assert any(one["comment"] for one in listed.json["data"])
        seen = list(requests().find({"visibility": "public"}))
        for path in (
            f"/datasets/{dataset}/summary/",
            "/site/summary/",
            "/requests/",
            f"/pages/datasets/{dataset}/",
            f"/pages/datasets/{dataset}/?as=fragment",
            "/pages/requests/",
            "/health/?check=indexes",
            "/consultations/",
            *(f"/requests/{one['_id']}/" for one in seen),
            *(f"/requests/{one['_id']}/messages/" for one in seen),
            *(f"/pages/requests/{one['_id']}/" for one in seen),
        ):
            answer = self.visit("GET", P + path, follow_redirects=True)
            assert answer.status_code == 200, (path, answer.get_data(as_text=True)[:300])

    @every_state
    def test_lists_of_datasets_can_be_sorted(self, state):
        self.upgrade(state)
        of_datasets = list(summaries().find({"dataset": {"$exists": True}}))
        assert of_datasets
        assert all("score" in one["attention"] for one in of_datasets)

    @every_state
    def test_who_wrote_it_changes_and_deletes_it(self, state):
        self.upgrade(state)
        one, other, *_ = feedbacks().find({"contributor.kind": "user"})
        changed = self.ask("PUT", f"/feedback/{one['_id']}/", {"fitness": "yes"}, self.author(one))
        assert changed.status_code == 200, changed.json
        gone = self.ask("DELETE", f"/feedback/{other['_id']}/", user=self.author(other))
        assert gone.status_code == 204
        assert self.cli("feedback recount --check").output == RIGHT

    @pytest.mark.parametrize("state", [state for state in STATES if state != "feedback"])
    def test_what_was_written_about_a_request_is_told_in_its_discussion_once(self, state):
        self.upgrade(state)
        named = [one["message_id"] for one in messages().find()]
        assert len(named) == len(set(named)) > 0
        request = requests().find_one({"title": "Les entrées des musées par mois"})
        assert request is not None
        path = f"/requests/{request['_id']}/messages/"
        before = self.ask("GET", path).json["total"]
        written = self.ask("POST", path, {"message": "Et par département."}, self.author(request))
        assert written.status_code == 201, written.json
        maintenance.maintain()
        said = [one["text"] for one in self.ask("GET", path).json["data"]]
        assert len(said) == before + 1
        assert said.count("Mensuel suffirait.") == said.count("Et par département.") == 1

    def test_feedback_of_an_account_that_has_left_no_longer_says_whose_it_was(self):
        self.restore(STATES[0])
        one = feedbacks().find_one({"contributor.user": {"$exists": True}})
        assert one
        left = {"_id": one["_id"]}
        feedbacks().update_one(left, {"$set": {"contributor.key": "gone:as it was"}})
        before = feedbacks().count_documents({"contributor.user": {"$exists": True}})
        migrations.run("0005-forget-who-has-left")
        after = feedbacks().find_one(left)
        assert after
        assert "user" not in after["contributor"]
        assert feedbacks().count_documents({"contributor.user": {"$exists": True}}) == before - 1

    @pytest.mark.options(**THEN)
    def test_an_address_kept_by_an_older_version_is_found_by_its_owner(self):
        self.upgrade("consultations")
        [kept] = contacts.contacts().find()
        assert kept["person"] == contacts.fingerprint("morgan@example.org", contacts.SCOPE)

    @pytest.mark.options(**SETTINGS)
    def test_an_address_that_cannot_be_read_any_more_is_left_alone(self):
        id = contacts.keep("camille@example.org", "fr", now() + timedelta(days=1))
        known = contacts.contacts().find_one_and_update({"_id": id}, {"$unset": {"person": ""}})
        unreadable = {"_id": ObjectId(), "address": b"x", "expires_at": now() + timedelta(days=1)}
        contacts.contacts().insert_one(unreadable)
        said = migrations.run("0003-recognise-contacts")
        assert said == "1 addresses can be found by their owners"
        there = contacts.contacts().find_one({"_id": id})
        assert known
        assert there
        assert there["person"] == known["person"]

    def test_without_the_keys_addresses_are_left_alone(self):
        assert migrations.run("0003-recognise-contacts") == "the keys are not set"
