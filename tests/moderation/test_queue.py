"""What moderators see: the queue, its filters, who has taken what."""

from __future__ import annotations

import re
import threading
from contextvars import Context
from datetime import timedelta
from typing import Any

import pymongo.monitoring
import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from tests.cases import CommandCounter, Producer, sysadmin
from tests.data_requests.asking import somebody
from udata_culture_feedback.contributions.moderated import Decision
from udata_culture_feedback.data_requests import actions as requests
from udata_culture_feedback.mail import outbox, unsubscribe
from udata_culture_feedback.moderation import actions, upkeep
from udata_culture_feedback.moderation.actions import Wanted
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import viewer_of
from udata_culture_feedback.portal.collections import now

from .people import HELD, ModerationTestCase, moderator

# Clients listen to what is registered when they are made, which is after tests are collected.
COUNTER = CommandCounter()
pymongo.monitoring.register(COUNTER)


class ListTest(ModerationTestCase):
    def test_a_row_says_what_a_moderator_needs(self):
        producer, author, who = Producer(), UserFactory(), moderator()
        id = self.held(producer.dataset, author)
        [row] = self.queue(who)["data"]
        assert row["id"] == id
        assert row["class"] == "feedback"
        assert row["words"] == {"comment": HELD}
        start = HELD.index("camille")
        assert row["findings"] == [
            {"field": "comment", "check": "email", "start": start, "end": start + 26}
        ]
        assert row["why"] == ["email"]
        assert row["dataset"]["id"] == str(producer.dataset.id)
        assert row["organization"]["id"] == str(producer.organization.id)
        assert row["contributor"]["name"] == author.fullname
        assert row["decisions"] == ["publish", "reject", "redact"]
        assert row["claimed"] is None

    def test_all_classes_are_in_one_list_the_oldest_first(self):
        who, asker = moderator(), somebody()
        found, _new = requests.ask(asker, {"title": "Sons", "description": HELD, "kind": "new"})
        feedback = self.held(DatasetFactory())
        public, _new = requests.ask(asker, {"title": "Sons", "description": "Tous", "kind": "new"})
        message, _request, _new = requests.answer(somebody(), str(public["_id"]), {"message": HELD})
        ids = [str(found["_id"]), feedback, str(message["_id"])]
        assert self.waiting(who) == ids
        kinds = [row["class"] for row in self.queue(who)["data"]]
        assert kinds == ["request", "feedback", "message"]
        one_by_one, follow = [], "/moderation/?page_size=1"
        while follow:
            page = self.ask("GET", follow, user=who).json
            one_by_one += [row["id"] for row in page["data"]]
            follow = (page["next_page"] or "").partition("/api/1/culture-feedback")[2]
        assert one_by_one == ids

    def test_what_waits_is_counted_up_to_500_in_all_classes(self):
        who, asker = moderator(), somebody()
        requests.ask(asker, {"title": "Sons", "description": HELD, "kind": "new"})
        self.crowd(self.held(DatasetFactory()), 498)
        page = self.queue(who)
        assert (page["total"], page["total_is_capped"]) == (500, False)
        self.held(DatasetFactory())
        page = self.queue(who)
        assert (page["total"], page["total_is_capped"]) == (500, True)
        assert page["next_page"]
        assert self.queue(who, **{"class": "request"})["total"] == 1

    def test_a_page_takes_as_many_commands_however_much_waits(self):
        who = moderator()
        counts = []
        for n in (1, 9):
            for _ in range(n):
                self.held(DatasetFactory(organization=Producer().organization))
            self.queue(who, page_size=50)
            with COUNTER.count() as commands:
                assert len(self.queue(who, page_size=50)["data"]) >= n
                counts.append(len(commands))
        assert counts[0] == counts[1], counts

    def test_the_list_goes_on_with_a_cursor(self):
        who, dataset = moderator(), DatasetFactory()
        with freeze_time(now()):  # all at the same instant
            ids = [self.held(dataset) for _ in range(5)]
        first = self.queue(who, page_size=2)
        assert first["total"] == 5
        seen, follow = [one["id"] for one in first["data"]], first["next_page"]
        while follow:
            path = follow.partition("/api/1/culture-feedback")[2]
            page = self.ask("GET", path, user=who).json
            seen += [one["id"] for one in page["data"]]
            follow = page["next_page"]
        assert seen == ids

    def test_filters(self):
        who, producer = moderator(), Producer()
        with freeze_time(now() - timedelta(days=4)):
            old = self.held(producer.dataset)
        phone = self.held(DatasetFactory(), comment="06 12 34 56 78")
        public = self.said(DatasetFactory())
        flag = {"reason": "abuse"}
        assert self.ask("POST", f"/feedback/{public}/flag/", flag, UserFactory()).status_code == 201
        organization = str(producer.organization.id)
        for query, expected in (
            ({}, [old, phone, public]),
            ({"organization": organization}, [old]),
            ({"reason": "phone"}, [phone]),
            ({"reason": "flag"}, [public]),
            ({"older": 3}, [old]),
            ({"class": "request"}, []),
            ({"visibility": "public"}, [public]),
            ({"visibility": "pending", "reason": "email"}, [old]),
        ):
            assert self.waiting(who, **query) == expected, query
            assert self.queue(who, **query)["total"] == len(expected)

    @pytest.mark.parametrize(
        "query",
        [{"class": "x"}, {"reason": "x"}, {"older": "x"}, {"older": "0"}, {"claimed": "x"}],
    )
    def test_a_filter_that_is_none_is_refused(self, query):
        response = self.ask("GET", "/moderation/", user=moderator(), query_string=query)
        assert response.status_code == 400
        assert list(response.json["errors"]) == list(query)

    def test_nobody_keeps_what_moderators_see(self):
        response = self.ask("GET", "/moderation/", user=moderator())
        assert response.headers["Cache-Control"] == "no-store"

    def test_only_moderators_see_it(self):
        assert self.ask("GET", "/moderation/").status_code == 401
        assert self.ask("GET", "/moderation/", user=UserFactory()).status_code == 403
        assert self.ask("GET", "/moderation/", user=Producer().admin).status_code == 403
        assert self.ask("GET", "/moderation/", user=sysadmin()).status_code == 200

    def test_a_moderator_of_organizations_sees_what_concerns_them(self):
        one, other = Producer(), Producer()
        who = moderator(one.organization)
        mine = self.held(one.dataset)
        self.held(other.dataset)
        asker = somebody()
        public, _new = requests.ask(
            asker,
            {
                "title": "Sons",
                "description": "Tous",
                "kind": "new",
                "organization": str(one.organization.id),
            },
        )
        message, _request, _new = requests.answer(somebody(), str(public["_id"]), {"message": HELD})
        assert self.waiting(who) == [mine, str(message["_id"])]
        assert self.waiting(who, organization=str(other.organization.id)) == []

    def test_messages_follow_their_request_to_another_holder(self):
        one, other = Producer(), Producer()
        public, _new = requests.ask(
            somebody(),
            {
                "title": "Sons",
                "description": "Tous",
                "kind": "new",
                "organization": str(one.organization.id),
            },
        )
        message, _request, _new = requests.answer(somebody(), str(public["_id"]), {"message": HELD})
        sent = {"organization": str(other.organization.id), "message": "À vous."}
        path = f"/requests/{public['_id']}/transfer/"
        assert self.ask("POST", path, sent, one.admin).status_code == 200
        assert self.waiting(moderator(other.organization)) == [str(message["_id"])]
        assert self.waiting(moderator(one.organization)) == []


class ClaimTest(ModerationTestCase):
    def test_who_has_taken_something_keeps_others_from_deciding(self):
        one, other = moderator(), moderator()
        id = self.held(DatasetFactory())
        self.decided(one, id, "claim")
        [row] = self.queue(other)["data"]
        assert row["claimed"]["by"] == {"id": str(one.id), "name": one.fullname}
        assert self.refused(other, id, "publish") == 409
        assert self.refused(other, id, "claim") == 409
        assert self.waiting(other, claimed="others") == [id]
        assert self.waiting(other, claimed="nobody") == []
        assert self.waiting(one, claimed="mine") == [id]
        self.decided(one, id, "publish")

    def test_what_is_put_back_is_free(self):
        one, other = moderator(), moderator()
        id = self.held(DatasetFactory())
        self.decided(one, id, "claim")
        self.decided(other, id, "release")  # not theirs: nothing happens
        assert self.refused(other, id, "claim") == 409
        self.decided(one, id, "release")
        self.decided(other, id, "claim")

    def test_after_some_minutes_it_is_free(self):
        one, other = moderator(), moderator()
        id = self.held(DatasetFactory())
        self.decided(one, id, "claim")
        with freeze_time(now() + timedelta(minutes=11)):
            assert self.queue(other)["data"][0]["claimed"] is None
            self.decided(other, id, "claim")
            assert self.refused(one, id, "publish") == 409

    def test_taking_two_hundred_leaves_out_what_others_have(self):
        one, other = moderator(), moderator()
        ids = [self.held(DatasetFactory()) for _ in range(3)]
        self.decided(one, ids[1], "claim")
        outcome = self.decide(other, ids, "claim").json
        assert (outcome["done"], outcome["refused"]) == (2, 1)
        assert self.waiting(other, claimed="mine") == [ids[0], ids[2]]


class TwoAtOnceTest(ModerationTestCase):
    """Two moderators at the same moment, each in a thread of their own."""

    def at_once(self, *calls: Any) -> list[Any]:
        barrier = threading.Barrier(len(calls))
        results: list[Any] = [None] * len(calls)

        def run(n: int) -> None:
            with self.app.app_context(), acting_as(calls[n][0]):
                viewer = viewer_of(calls[n][0])
                barrier.wait()
                results[n] = calls[n][1](viewer)

        threads = [
            threading.Thread(target=lambda n=n: Context().run(run, n)) for n in range(len(calls))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def test_one_takes_each_text(self):
        one, other = moderator(), moderator()
        ids = [self.held(DatasetFactory()) for _ in range(8)]
        wanted = [Wanted(ObjectId(id)) for id in ids]
        outcomes = self.at_once(
            (one, lambda viewer: actions.claim(viewer, wanted)),
            (other, lambda viewer: actions.claim(viewer, wanted[::-1])),
        )
        taken = [set(outcome.done) for outcome in outcomes]
        assert taken[0] | taken[1] == {one.id for one in wanted}
        assert taken[0] & taken[1] == set()

    def test_one_decides_about_each_text_and_the_journal_has_one_line(self):
        one, other = moderator(), moderator()
        ids = [self.held(DatasetFactory()) for _ in range(6)]
        wanted = [Wanted(ObjectId(id)) for id in ids]
        outcomes = self.at_once(
            (one, lambda viewer: actions.decide(viewer, wanted, Decision.PUBLISH)),
            (other, lambda viewer: actions.decide(viewer, wanted, Decision.REJECT, "abuse")),
        )
        decided = [set(outcome.done) for outcome in outcomes]
        assert decided[0] | decided[1] == {one.id for one in wanted}
        assert decided[0] & decided[1] == set()
        for id in ids:
            [line] = self.lines(id)
            public = self.stored(id)["visibility"] == "public"
            assert line["decision"] == ("publish" if public else "reject")
            assert self.ask("GET", f"/feedback/{id}/").json["comment"] == (HELD if public else None)


class WayThereTest(ModerationTestCase):
    """Moderators who are no administrators are shown nothing by the front-end's administration."""

    def told(self) -> list[Any]:
        with capture_mails() as mails:
            upkeep.STEPS["moderators_told"]()
            outbox.deliver_due()
        return mails

    def test_a_moderator_hears_once_a_day_of_what_has_come(self):
        producer, who, administrator = Producer(), moderator(), sysadmin()
        elsewhere = moderator(OrganizationFactory())
        assert self.told() == []
        self.held(producer.dataset)
        [mail] = self.told()
        assert mail.recipients == [who.email]
        assert mail.subject == "1 texte attend la modération"
        assert "/pages/moderation/" in mail.body
        assert HELD not in mail.body
        assert self.told() == []
        with freeze_time(now() + timedelta(days=2)):
            assert self.told() == []  # nothing new
        del administrator, elsewhere

    def test_who_wants_no_such_mail_has_none(self):
        who = moderator()
        self.held(Producer().dataset)
        unsubscribe.stop(unsubscribe.Way(who.id, "moderation:waiting"))
        assert self.told() == []
        assert unsubscribe.name_of("moderation:waiting") == "Ce qui attend la modération"

    def test_the_panel_of_the_administration_leads_there(self):
        """Where cdata shows the datasets of somebody who has none."""
        page = self.ask("GET", "/pages/dashboard/me/?lang=en&as=fragment", user=moderator())
        assert "/pages/moderation/" in page.get_data(as_text=True)
        nobody = self.ask("GET", "/pages/dashboard/me/?lang=en&as=fragment", user=UserFactory())
        assert "/pages/moderation/" not in nobody.get_data(as_text=True)

    def test_so_does_the_page_of_ones_own_contributions(self):
        self.held(Producer().dataset)
        page = self.ask("GET", "/pages/me/?lang=en", user=moderator()).get_data(as_text=True)
        assert re.search(r'pages/moderation/">Moderation <span class="cf-count">1<', page)
