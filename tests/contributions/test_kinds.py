"""A new kind of contribution is one file: `postcard`, below, is registered, and moderation, "my
data", confirmation by e-mail, the deletion of an account and the
nightly maintenance work for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import sysadmin
from tests.moderation.people import ModerationTestCase, moderator
from tests.people.without_account import Mailbox, WithoutAccountTestCase
from udata_culture_feedback.app.maintenance import maintain
from udata_culture_feedback.contributions import kinds, owned, review_rules
from udata_culture_feedback.contributions.embedded_texts import CultureFeedbackWords
from udata_culture_feedback.contributions.kinds import Kind
from udata_culture_feedback.contributions.moderated import Item, Moderated, named
from udata_culture_feedback.contributions.owned import Contested, Entry, Owned, Person, Row, Shown
from udata_culture_feedback.contributions.review_rules import Visibility
from udata_culture_feedback.email_confirmation import confirmation
from udata_culture_feedback.email_confirmation.confirmation import Outcome, Preview
from udata_culture_feedback.people.contacts import Contact
from udata_culture_feedback.people.models import gone_key
from udata_culture_feedback.people.viewer import Viewer
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.web.moments import iso

# --- The kind -------------------------------------------------------------------------------------


def postcards() -> Any:
    return CultureFeedbackWords._get_collection().database["toy_postcards"]


def send(contributor: dict[str, Any], text: str) -> Item:
    made: Item = {
        "_id": ObjectId(),
        "contributor": contributor,
        "text": text,
        "created_at": now(),
        "last_modified": now(),
        "v": 1,
    }
    review_rules.await_moderation(made, ["without_account"])
    postcards().insert_one(made)
    return made


class ModeratedPostcard(Moderated):
    kind = "postcard"
    label = "Postcard"

    def collection(self) -> Any:
        return postcards()

    def texts(self, item: Item) -> dict[str, str]:
        return {"text": item["text"]}

    def with_texts(self, item: Item, texts: dict[str, str]) -> Item:
        return named(item, texts) | texts

    def announce(self, changes: list[tuple[Item, Item]]) -> None:
        """Nobody counts postcards."""


class OwnPostcard(Owned):
    kind = "postcard"
    section = "postcards"
    label = "Postcard"
    many = "Postcards"

    def collection(self) -> Any:
        return postcards()

    def shown(self, person: Person, rows: list[Row]) -> list[Shown]:
        contested = Contested.of(person, rows)
        return [
            {
                "kind": self.kind,
                "id": str(row["_id"]),
                "text": row["text"],
                **owned.moderation(row, contested),
                "created_at": iso(row["created_at"]),
            }
            for row in rows
        ]

    def entries(self, person: Person, items: list[Shown]) -> list[Entry]:
        return [owned.entry(item, title="Postcard", words=[("", item["text"])]) for item in items]

    def correct(self, person: Person, row: Row, payload: dict[str, Any]) -> None:
        postcards().update_one({"_id": row["_id"]}, {"$set": payload, "$inc": {"v": 1}})

    def erase(self, person: Person, row: Row) -> None:
        postcards().delete_one({"_id": row["_id"]})


class PostcardByEmail:
    action = "postcard"
    scope = "postcard"
    of: str | None = None

    def target(self, reference: str) -> str:
        return reference

    def check(self, payload: dict[str, Any]) -> dict[str, Any]:
        return {"text": payload["text"]}

    def preview(self, payload: dict[str, Any]) -> Preview | None:
        return Preview(subject="your postcard", page="datasets/", words=payload["text"])

    def carry_out(self, viewer: Viewer, payload: dict[str, Any], contact: Contact) -> Outcome:
        made = send(viewer.signature("none"), payload["text"])
        return Outcome({"id": str(made["_id"])}, "datasets/", created=True)


def forget_account(user_id: ObjectId) -> int:
    theirs = {"contributor.user": user_id}
    nobody = {"$set": {"contributor": {"kind": "user", "key": gone_key()}}}
    return postcards().update_many(theirs, nobody).modified_count


POSTCARD = Kind(
    "postcard",
    moderated=ModeratedPostcard(),
    owned=OwnPostcard(),
    by_email=PostcardByEmail(),
    forget_account=forget_account,
    upkeep={"postcards_counted": lambda: postcards().count_documents({})},
)

# --- What works for it ----------------------------------------------------------------------------


class ToyKindTest(ModerationTestCase, WithoutAccountTestCase):
    @pytest.fixture(autouse=True)
    def postcard(self, app: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(kinds, "KINDS", dict(kinds.KINDS))
        monkeypatch.setattr(confirmation, "_CONTRIBUTIONS", dict(confirmation._CONTRIBUTIONS))
        kinds.register(POSTCARD)
        yield
        postcards().drop()

    def sent(self, author: User, text: str = "Bons baisers de Quimper") -> str:
        contributor = {"kind": "user", "key": f"user:{author.id}", "user": author.id}
        return str(send(contributor, text)["_id"])

    def stored(self, id: Any) -> Item:
        found = postcards().find_one({"_id": ObjectId(id)})
        assert found is not None
        return found

    def test_moderators_publish_hide_and_undo(self):
        card, chief = self.sent(UserFactory()), moderator()
        assert self.waiting(chief, **{"class": "postcard"}) == [card]
        self.decided(chief, card, "publish")
        assert self.waiting(chief) == []
        assert self.stored(card)["visibility"] == Visibility.PUBLIC
        batch = self.decided(chief, card, "hide", "abuse")["batch"]
        assert self.stored(card)["hidden_reason"] == "abuse"
        undone = self.ask("POST", "/moderation/", {"batch": batch, "decision": "restore"}, chief)
        assert undone.json["done"] == 1
        assert self.stored(card)["visibility"] == Visibility.PUBLIC
        assert [line["decision"] for line in self.lines(card)] == ["publish", "hide", "restore"]

    def test_moderators_black_words_out(self):
        card, chief = self.sent(UserFactory(), "Appelez Camille"), moderator()
        self.decided(chief, card, "redact", strings=["Camille"])
        assert "Camille" not in self.stored(card)["text"]

    def test_its_author_sees_corrects_takes_along_and_erases_it(self):
        author = UserFactory()
        card = self.sent(author)
        listed = self.ask("GET", "/me/?kind=postcard", user=author).json
        assert [one["id"] for one in listed["postcards"]["data"]] == [card]
        corrected = {"kind": "postcard", "id": card, "text": "Bons baisers de Brest"}
        assert self.ask("PUT", "/me/", corrected, author).json["text"] == "Bons baisers de Brest"
        page = self.visit("GET", "/api/1/culture-feedback/pages/me/", headers=self.key(author))
        assert "Bons baisers de Brest" in page.get_data(as_text=True)
        file = self.ask("GET", "/me/export/", user=author).json
        assert [one["text"] for one in file["postcards"]] == ["Bons baisers de Brest"]
        erased = self.ask("DELETE", "/me/", {"items": [{"kind": "postcard", "id": card}]}, author)
        assert erased.json["erased"] == 1
        assert postcards().count_documents({}) == 0

    def test_its_author_learns_why_it_is_hidden_and_contests_that(self):
        author = UserFactory()
        card = self.sent(author)
        self.decided(sysadmin(), card, "reject", "off_topic")
        [shown] = self.ask("GET", "/me/?kind=postcard", user=author).json["postcards"]["data"]
        assert shown["decision"]["reason"] == "off_topic"
        assert "/appeal?token=" in shown["decision"]["contest_url"]

    def test_it_is_made_by_confirming_an_address(self):
        with Mailbox() as mailbox:
            body = {"text": "Bonjour", "email": "camille@example.org"}
            confirmation.ask("postcard", body)
        assert postcards().count_documents({}) == 0
        confirmed = self.confirm(mailbox.token())
        assert confirmed.status_code == 201
        assert self.stored(confirmed.json["contribution"]["id"])["text"] == "Bonjour"

    def test_a_deleted_account_is_recognised_nowhere(self):
        author = UserFactory()
        card = self.sent(author)
        author.mark_as_deleted(notify=False)
        assert str(author.id) not in str(self.stored(card))

    def test_the_nightly_maintenance_does_its_steps(self):
        self.sent(UserFactory())
        done = maintain()
        assert done["postcards_counted"] == 1

    def test_the_night_erases_words_that_were_hidden_long_enough(self):
        card = self.sent(UserFactory())
        self.decided(sysadmin(), card, "reject", "abuse")
        postcards().update_one({}, {"$set": {"words_until": now().replace(year=2000)}})
        maintain()
        assert "Quimper" not in str(self.stored(card))

    def key(self, user: User) -> dict[str, str]:
        return {"X-API-KEY": self.key_of(user)}
