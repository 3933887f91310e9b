"""Being told of a request without supporting it: with an account, or by a confirmed address."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from udata.core.user.factories import UserFactory
from udata.tests.helpers import capture_mails

from udata_culture_feedback.data_requests import actions, following, upkeep
from udata_culture_feedback.data_requests.models import follows, supports
from udata_culture_feedback.people.contacts import contacts as addresses

from ..cases import P
from ..data_requests.asking import moderator, move
from .test_requests_without_account import EMAIL, Mailbox, RequestsTestCase, later


class FollowingTest(RequestsTestCase):
    def path(self, request: Any) -> str:
        return f"/requests/{request['id']}/follow/"

    def by_mail(self, request: Any, email: str = EMAIL) -> Any:
        with Mailbox() as mailbox:
            sent = self.ask("POST", self.path(request), {"email": email})
        assert sent.status_code == 202, sent.json
        return self.confirm(mailbox.token())

    def told_of(self, request: Any, to: str = "acknowledged") -> list[str]:
        with capture_mails() as sent:
            move(moderator(), request["id"], to)
        return [recipient for mail in sent for recipient in mail.recipients]

    def test_an_account_follows_at_once_and_stops(self):
        request, reader = self.asked(), UserFactory()
        for _time in range(2):
            assert self.ask("POST", self.path(request), user=reader).status_code == 200
        assert follows().count_documents({}) == 1
        assert supports().count_documents({}) == 0
        assert reader.email in self.told_of(request)
        for _time in range(2):
            assert self.ask("DELETE", self.path(request), user=reader).status_code == 200
        assert reader.email not in self.told_of(request, "accepted")

    def test_an_address_is_told_once_it_is_confirmed_and_nobody_supports(self):
        request = self.asked()
        with Mailbox() as mailbox:
            self.ask("POST", self.path(request), {"email": EMAIL})
        assert EMAIL not in self.told_of(request)
        assert self.confirm(mailbox.token()).status_code == 200
        assert self.told_of(request, "accepted").count(EMAIL) == 1
        assert supports().count_documents({}) == 0

    def test_a_second_address_of_the_same_mailbox_takes_the_place_of_the_first(self):
        request = self.asked()
        self.by_mail(request)
        self.by_mail(request, EMAIL.replace("@", "+encore@"))
        assert addresses().count_documents({}) == 1
        assert len([to for to in self.told_of(request) if "@example.org" in to]) == 1

    def test_who_stops_is_forgotten(self):
        request = self.asked()
        token = self.by_mail(request).json["contributor_token"]
        header = {"X-Culture-Feedback-Token": token}
        assert self.ask("DELETE", self.path(request), headers=header).status_code == 200
        assert follows().count_documents({}) == addresses().count_documents({}) == 0

    def test_nobody_unknown_follows_and_the_ways_are_said(self):
        refused = self.ask("POST", self.path(self.asked()))
        assert (refused.status_code, refused.json["ways"]) == (401, ["account", "email"])
        wrong = self.ask("POST", self.path(self.asked()), {"email": "camille"})
        assert (wrong.status_code, list(wrong.json["errors"])) == (400, ["email"])

    def test_an_address_is_kept_while_the_request_is_open_and_goes_after(self):
        request = self.asked()
        self.by_mail(request)
        with later(timedelta(days=80)):
            upkeep.STEPS["followers_kept"]()
        with later(timedelta(days=160)):
            assert following.keep_addresses() == 1
            move(moderator(), request["id"], "declined")
        with later(timedelta(days=260)):
            assert following.keep_addresses() == 0
            assert follows().count_documents({}) == 0

    def test_who_follows_a_merged_request_hears_of_the_one_that_carries_it(self):
        one, into, reader = self.asked(), self.asked(title="La même"), UserFactory()
        self.ask("POST", self.path(one), user=reader)
        move(moderator(), one["id"], "duplicate", duplicate_of=into["id"])
        assert reader.email in self.told_of(into)

    def test_the_page_follows_without_javascript(self):
        request = self.asked()
        page = f"{P}/pages/requests/{request['slug']}/"
        shown = self.visit("GET", page).get_data(as_text=True)
        assert f'action="{page}follow"' in shown
        wrong = self.visit("POST", f"{page}follow", data={"email": "camille"})
        assert wrong.status_code == 400
        assert 'value="camille"' in wrong.get_data(as_text=True)
        with Mailbox() as mailbox:
            sent = self.visit("POST", f"{page}follow", data={"email": EMAIL})
        assert sent.status_code == 303
        self.visit("POST", f"{P}/pages/confirm/", data={"token": mailbox.token()})
        assert EMAIL in self.told_of(request)

    def test_a_request_that_goes_takes_its_followers_along(self):
        request = self.asked()
        self.by_mail(request)
        actions.remove(actions.fresh(actions.find(request["id"])["_id"]))
        upkeep.bury_removed()
        assert follows().count_documents({}) == addresses().count_documents({}) == 0
