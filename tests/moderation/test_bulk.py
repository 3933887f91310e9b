"""A wave is cleared at once: all that a filter keeps, in groups, with a search; and undone as a
whole."""

from __future__ import annotations

import re
from contextvars import Context
from datetime import datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import P, Producer, everything_is_settled
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.moderation import bulk
from udata_culture_feedback.moderation.models import bulks, journal
from udata_culture_feedback.moderation.upkeep import STEPS

from .people import ModerationTestCase, moderator

PAGE = f"{P}/pages/moderation/"
SPAM = "Venez au casino en ligne, code {}."
PAST = datetime(2020, 1, 1)


@pytest.mark.options(SPAM_WORDS=["casino en ligne"])
class WholeFilterTest(ModerationTestCase):
    @pytest.fixture(autouse=True)
    def behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What would run in a worker runs once the request is over, without its time limit."""
        self.queued: list[ObjectId] = []
        later = lambda _task, id: self.queued.append(ObjectId(id))  # noqa: E731
        monkeypatch.setattr(bulk, "later", later)

    def work(self) -> None:
        while self.queued:
            Context().run(self._run, self.queued.pop())

    def _run(self, id: ObjectId) -> None:
        with self.app.app_context():
            bulk.run(id)

    def wave(self, number: int, dataset: Any = None) -> list[str]:
        """The ids of as many texts, of as many people, that are nearly the same."""
        dataset = dataset or DatasetFactory()
        given = self.give(UserFactory(), dataset, comment=SPAM.format(0))
        if number > 1:
            self.crowd(given["id"], number - 1)
        feedbacks().update_many({"dataset": dataset.id}, {"$set": {"review.since": PAST}})
        return [str(one["_id"]) for one in feedbacks().find({"dataset": dataset.id}, {"_id": 1})]

    def page(self, who: User, query: str = "") -> BeautifulSoup:
        response = self.visit("GET", PAGE + query, headers={"X-API-KEY": self.key_of(who)})
        assert response.status_code == 200, response.text
        return BeautifulSoup(response.text, "html.parser")

    def decides(self, who: User, query: str, *, wait: bool = False, **form: Any) -> Any:
        """What the buttons of the whole filter do, once they are on the page."""
        page = self.page(who, query)
        box = page.select_one("input[name=scope][value=filter]")
        assert box, "the whole filter is not offered"
        data = {"scope": "filter", "seen_at": page.select_one("[name=seen_at]")["value"]} | form
        headers = {"X-API-KEY": self.key_of(who)}
        answer = self.visit("POST", PAGE + query, headers=headers, data=data)
        if not wait:
            self.work()
        return answer

    def standing(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in feedbacks().find({}, {"visibility": 1}):
            found[one["visibility"]] = found.get(one["visibility"], 0) + 1
        return found

    def test_all_of_a_filter_is_refused_at_once_and_undone_as_a_whole(self):
        chief = moderator()
        self.wave(230)
        other = self.held(DatasetFactory())
        done = self.decides(
            chief, "?q=casino", wait=True, decision="refuse", reason="spam", number="230"
        )
        assert done.status_code == 303
        assert "0 of 230 texts are decided" in self.page(chief, "?lang=en").text
        self.work()
        assert "of 230 texts" not in self.page(chief, "?lang=en").text
        assert self.standing() == {"hidden": 230, "pending": 1}
        [one] = bulks().find({})
        assert (one["total"], one["done"], one["refused"]) == (230, 230, 0)
        assert self.stored(other)["visibility"] == "pending"
        page = self.page(chief)
        [gesture] = page.select(".cf-gestures li")
        assert "230" in gesture.text
        assert "casino" in gesture.text
        batch = gesture.select_one("[name=batch]")["value"]
        headers = {"X-API-KEY": self.key_of(chief)}
        undone = self.visit("POST", f"{PAGE}undo", headers=headers, data={"batch": batch})
        assert undone.status_code == 303
        self.work()
        assert self.standing() == {"pending": 231}
        assert everything_is_settled()

    def test_many_ask_to_type_their_number(self):
        chief = moderator()
        self.wave(101)
        for number in ("", "100", "abc"):
            refused = self.decides(
                chief, "?q=casino", decision="refuse", reason="spam", number=number
            )
            assert refused.status_code == 400
            assert 'aria-describedby="cf-number-error' in refused.text
        assert self.standing() == {"pending": 101}
        self.decides(chief, "?q=casino", decision="refuse", reason="spam", number="101")
        assert self.standing() == {"hidden": 101}

    def test_without_a_filter_it_is_not_offered_and_refused(self):
        chief = moderator()
        self.wave(3)
        assert not self.page(chief).select("input[name=scope][value=filter]")
        data = {"scope": "filter", "seen_at": "2099-01-01T00:00:00+00:00", "decision": "publish"}
        headers = {"X-API-KEY": self.key_of(chief)}
        assert self.visit("POST", PAGE, headers=headers, data=data).status_code == 400
        assert self.standing() == {"pending": 3}

    def test_what_came_after_the_page_was_shown_is_left_alone(self):
        chief = moderator()
        self.wave(2)
        seen_at = self.page(chief, "?q=casino").select_one("[name=seen_at]")["value"]
        later = self.give(UserFactory(), DatasetFactory(), comment=SPAM.format(9))["id"]
        data = {"scope": "filter", "seen_at": seen_at, "decision": "refuse", "reason": "spam"}
        headers = {"X-API-KEY": self.key_of(chief)}
        self.visit("POST", f"{PAGE}?q=casino", headers=headers, data=data)
        self.work()
        assert self.stored(later)["visibility"] == "pending"
        assert self.standing() == {"hidden": 2, "pending": 1}

    def test_two_moderators_at_once_decide_each_text_once(self):
        one, other = moderator(), moderator()
        ids = self.wave(4)
        self.decided(other, ids[:2], "publish")
        self.decides(one, "?reason=spam_words", decision="refuse", reason="spam")
        assert self.standing() == {"public": 2, "hidden": 2}
        assert journal().count_documents({"decision": "reject"}) == 2

    def test_a_limited_moderator_decides_within_their_remit(self):
        producer = Producer()
        limited = moderator(producer.organization)
        self.wave(2, producer.dataset)
        self.wave(2)
        self.decides(limited, "?q=casino", decision="refuse", reason="spam")
        assert self.standing() == {"hidden": 2, "pending": 2}

    def test_what_was_interrupted_goes_on_by_night(self):
        chief = moderator()
        self.wave(2)
        self.decides(chief, "?q=casino", decision="publish")
        self.wave(2)
        bulks().update_one({}, {"$unset": {"finished_at": ""}, "$set": {"started_at": PAST}})
        assert STEPS["bulks_finished"]() == 1
        assert STEPS["bulks_finished"]() == 0

    def test_nearly_the_same_texts_go_together_and_lead_to_their_filter(self):
        chief = moderator()
        for number in range(3):
            self.give(UserFactory(), DatasetFactory(), comment=SPAM.format(number))
        self.held(DatasetFactory())
        page = self.page(chief, "?group=text")
        [group] = page.select(".cf-groups a")
        assert "3 text" in group.text
        query = "?" + re.split(r"[?#]", group["href"])[1]
        assert len(self.page(chief, query).select("[data-item]")) == 3
        self.decides(chief, query, decision="refuse", reason="spam")
        assert self.standing() == {"hidden": 3, "pending": 1}

    def test_several_groups_are_decided_about_at_once_and_others_stay(self):
        chief = moderator()
        for text in (SPAM, "Gagnez {} euros par jour au casino en ligne, sans rien faire."):
            for number in range(3):
                self.give(UserFactory(), DatasetFactory(), comment=text.format(number))
        alike = "Écrivez à zoe@example.org, il manque les musées numéro {}."
        kept = [self.held(DatasetFactory(), comment=alike.format(n)) for n in range(2)]
        page = self.page(chief, "?group=text")
        casino = [
            box["value"]
            for box in page.select(".cf-groups input[name=group]")
            if "casino" in box.parent.text
        ]
        assert len(casino) == 2
        data = {
            "scope": "groups",
            "group": casino,
            "every_group": [one["value"] for one in page.select("[name=every_group]")],
            "seen_at": page.select_one("[name=seen_at]")["value"],
            "decision": "refuse",
            "reason": "spam",
        }
        headers = {"X-API-KEY": self.key_of(chief)}
        none = self.visit("POST", PAGE, headers=headers, data=data | {"group": []})
        assert none.status_code == 400
        assert self.visit("POST", PAGE, headers=headers, data=data).status_code == 303
        self.work()
        assert self.standing() == {"hidden": 6, "pending": 2}
        data |= {"scope": "all_groups", "decision": "publish"}
        done = self.visit("POST", PAGE, headers=headers, data=data)
        assert done.status_code == 303, done.text
        self.work()
        assert {self.stored(id)["visibility"] for id in kept} == {"public"}

    def test_those_of_one_author_and_of_one_check_go_together(self):
        chief, author = moderator(), UserFactory()
        for number in range(2):
            self.give(author, DatasetFactory(), comment=SPAM.format(number * 1111))
        self.give(UserFactory(), DatasetFactory(), comment="Le casino en ligne, autrement dit.")
        page = self.page(chief, "?group=author")
        [group] = page.select(".cf-groups a")
        assert "2 text" in group.text
        assert f"user:{author.id}" not in page.decode()
        query = "?" + re.split(r"[?#]", group["href"])[1]
        assert len(self.page(chief, query).select("[data-item]")) == 2
        assert "3 text" in self.page(chief, "?group=check").select_one(".cf-groups a").text

    def test_it_is_searched_without_case_and_accents(self):
        chief = moderator()
        id = self.held(DatasetFactory(), comment="Écrivez à zoe@example.org : Musées fermés")
        self.held(DatasetFactory())
        assert self.waiting(chief, q="MUSEES fermes") == [id]
        assert self.waiting(chief, q="rien de tel") == []

    def test_an_organization_is_chosen_by_its_name(self):
        producer, chief = Producer(), moderator()
        producer.organization.name = "Bibliothèque de Rouen"
        producer.organization.save()
        self.held(producer.dataset)
        self.held(DatasetFactory())
        page = self.page(chief, "?organization_q=Bibliothèque+de+Rouen")
        assert len(page.select("[data-item]")) == 1

    def test_what_else_an_author_said_and_what_was_decided_stand_beside(self):
        chief, author = moderator(), UserFactory()
        earlier = self.held(DatasetFactory(), author, comment="Écrivez à zoe@example.org.")
        self.decided(chief, earlier, "reject", "personal_data")
        self.give(author, DatasetFactory(), comment=SPAM.format(1))
        page = self.page(chief, "?lang=en")
        [of_the_first] = page.select("aside[aria-labelledby=cf-author]")
        link = page.select_one("[data-beside]")
        headers = {"X-API-KEY": self.key_of(chief)}
        alone = self.visit("GET", link["href"].partition("#")[0], headers=headers).text
        for beside in (of_the_first, BeautifulSoup(alone, "html.parser").select_one("aside")):
            assert "zoe@example.org" in beside.text
            assert "hidden" in beside.text
            assert "Reject" in beside.text
            waiting = beside.select_one("a[href*='author=']")["href"]
            assert str(author.id) not in waiting
            query = "?" + re.split(r"[?#]", waiting)[1]
            assert len(self.page(chief, query).select("[data-item]")) == 1

    def test_what_was_decided_meanwhile_is_said_beside_too(self):
        one, other = moderator(), moderator()
        self.wave(1)
        link = self.page(one, "?lang=en").select_one("[data-beside]")["href"].partition("#")[0]
        headers = {"X-API-KEY": self.key_of(one)}
        assert not BeautifulSoup(
            self.visit("GET", link, headers=headers).text, "html.parser"
        ).select(".cf-stale")
        self.decided(other, link.split("/")[-2], "publish")
        page = BeautifulSoup(self.visit("GET", link, headers=headers).text, "html.parser")
        assert other.fullname in page.select_one(".cf-stale").text
        nobody = {"X-API-KEY": self.key_of(UserFactory())}
        assert self.visit("GET", link, headers=nobody).status_code == 403
        elsewhere = moderator(Producer().organization)
        foreign = {"X-API-KEY": self.key_of(elsewhere)}
        assert self.visit("GET", link, headers=foreign).status_code == 404
