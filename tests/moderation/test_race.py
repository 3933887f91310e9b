"""Two moderators decide about the same filter at the same moment, on a real MongoDB: each text is
decided about once, and nobody's decision is taken back by who made another."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import P, everything_is_settled
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.moderation import bulk, queue
from udata_culture_feedback.moderation.models import Bulk, bulks, journal

from .people import ModerationTestCase, moderator

PAGE = f"{P}/pages/moderation/"
QUERY = "?q=casino"
SPAM = "Venez au casino en ligne, code {}."
#: Enough for chunks that overlap: texts that two decide about, and how many at once.
TEXTS, CHUNK = 24, 5


@pytest.mark.options(SPAM_WORDS=["casino en ligne"])
class RaceTest(ModerationTestCase):
    @pytest.fixture(autouse=True)
    def behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What would run in workers runs when the test says so, in chunks of a few texts."""
        self.queued: list[ObjectId] = []
        monkeypatch.setattr(bulk, "later", lambda _task, id: self.queued.append(ObjectId(id)))
        monkeypatch.setattr(bulk, "MOST", CHUNK)
        self.monkeypatch = monkeypatch

    def wave(self) -> list[ObjectId]:
        self.dataset = DatasetFactory()
        said = [SPAM.format(n) for n in range(TEXTS)]
        given = [self.give(UserFactory(), self.dataset, comment=text) for text in said]
        return [ObjectId(one["id"]) for one in given]

    def ask_for(self, who: User, **form: Any) -> None:
        """What the buttons of the whole filter ask for; nothing is decided yet."""
        headers = {"X-API-KEY": self.key_of(who)}
        page = BeautifulSoup(self.visit("GET", PAGE + QUERY, headers=headers).text, "html.parser")
        data = {"scope": "filter", "seen_at": page.select_one("[name=seen_at]")["value"]} | form
        answer = self.visit("POST", PAGE + QUERY, headers=headers, data=data)
        assert answer.status_code == 303, answer.text

    def work(self) -> None:
        """As many workers as there are tasks, all at once."""
        ids, self.queued = self.queued, []
        failed: list[BaseException] = []

        def run(id: ObjectId) -> None:
            try:
                with self.app.app_context():
                    bulk.run(id)
            except BaseException as error:
                failed.append(error)

        workers = [threading.Thread(target=run, args=(id,)) for id in ids]
        for one in workers:
            one.start()
        for one in workers:
            one.join(60)
        assert failed == []
        assert not any(one.is_alive() for one in workers)

    def read_together(self, number: int) -> None:
        """Nobody decides before everybody has read what the filter keeps."""
        all_of, everybody = queue.all_of, threading.Barrier(number)

        def together(*args: Any) -> list[queue.Entry]:
            found = all_of(*args)
            everybody.wait(30)
            return found

        self.monkeypatch.setattr(queue, "all_of", together)

    def bulk_of(self, who: User) -> Bulk:
        [one] = bulks().find({"by": who.id, "undoes": {"$exists": False}})
        return one

    def undo(self, who: User) -> None:
        headers, batch = {"X-API-KEY": self.key_of(who)}, self.bulk_of(who)["batch"]
        answer = self.visit("POST", f"{PAGE}undo", headers=headers, data={"batch": str(batch)})
        assert answer.status_code in (200, 303), answer.text
        self.work()

    def standing(self, ids: list[ObjectId]) -> dict[ObjectId, str]:
        found = feedbacks().find({"_id": {"$in": ids}}, {"visibility": 1})
        return {one["_id"]: one["visibility"] for one in found}

    def is_exact(self) -> bool:
        assert everything_is_settled()
        return "Every figure is right" in self.cli("feedback recount --check").output

    def test_each_text_is_decided_about_once(self):
        one, other = moderator(), moderator()
        ids = self.wave()
        self.ask_for(one, decision="refuse", reason="spam")
        self.ask_for(other, decision="publish", reason="spam")  # which the form always has
        self.read_together(2)
        self.work()
        lines = list(journal().find({"item": {"$in": ids}}))
        assert Counter(line["item"] for line in lines) == dict.fromkeys(ids, 1)
        mine, theirs = self.bulk_of(one), self.bulk_of(other)
        assert mine["done"] + theirs["done"] == TEXTS
        assert (mine["refused"], theirs["refused"]) == (theirs["done"], mine["done"])
        by = {line["item"]: line["by"] for line in lines}
        assert self.standing(ids) == {id: "hidden" if by[id] == one.id else "public" for id in ids}
        assert self.summary(self.dataset)["total"] == theirs["done"]
        assert self.is_exact()

    def test_who_undoes_takes_back_nobody_elses_decision(self):
        one, other = moderator(), moderator()
        ids = self.wave()
        self.ask_for(one, decision="publish")
        self.work()
        self.decided(other, [str(id) for id in ids[:3]], "hide", "spam")
        kept = feedbacks().find_one({"_id": ids[3]})
        author = User.objects.get(id=kept["contributor"]["user"])
        changed = {"comment": "Il manque les musées d’outre-mer."}
        answer = self.ask("PUT", f"/feedback/{ids[3]}/", changed, author)
        assert answer.status_code == 200, answer.text
        self.undo(one)
        standing = self.standing(ids)
        assert {standing[id] for id in ids[:3]} == {"hidden"}
        assert standing[ids[3]] == "public"
        assert {standing[id] for id in ids[4:]} == {"pending"}
        assert self.is_exact()

    def test_two_who_undo_the_same_take_it_back_once(self):
        one = moderator()
        ids = self.wave()
        self.ask_for(one, decision="refuse", reason="spam")
        self.work()
        headers, batch = {"X-API-KEY": self.key_of(one)}, str(self.bulk_of(one)["batch"])
        for _twice in range(2):
            self.visit("POST", f"{PAGE}undo", headers=headers, data={"batch": batch})
        assert len(self.queued) == 2
        self.work()
        assert set(self.standing(ids).values()) == {"pending"}
        assert journal().count_documents({"decision": "restore"}) == TEXTS
        assert self.is_exact()
