"""Supporting a request: one per person, exact however many click at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from typing import Any

import pytest
from bson import ObjectId
from udata.core.user.factories import UserFactory

from udata_culture_feedback.app import migrations
from udata_culture_feedback.data_requests import actions, lifecycle
from udata_culture_feedback.data_requests import supports as supports_module
from udata_culture_feedback.data_requests.figures import settle_supports
from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.figures.settle import recount
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.people.viewer import Viewer

from ..cases import P, PluginTestCase
from .asking import (
    UNLIMITED,
    assert_exact,
    merge,
    moderator,
    move,
    shown_supports,
    somebody,
    stored,
    wish,
)


class SupportTest(PluginTestCase):
    def test_a_person_counts_once_however_often_they_click(self):
        request = wish(somebody())
        fan = UserFactory()
        path = f"/requests/{request}/support/"
        for _time in range(3):
            shown = self.ask("POST", path, user=fan)
            assert shown.status_code == 200
            assert (shown.json["supports"], shown.json["people"]) == (1, 2)
            assert shown.json["supported"] is True
        for _time in range(2):
            shown = self.ask("DELETE", path, user=fan)
            assert (shown.status_code, shown.json["supports"]) == (200, 0)
            assert shown.json["supported"] is False
        assert supports().count_documents({}) == 0

    def test_who_asks_is_counted_apart(self):
        asker = somebody()
        request = wish(asker)
        actions.support(asker, request)
        assert shown_supports(request) == 0
        assert self.ask("GET", f"/requests/{request}/").json["people"] == 1

    def test_nobody_unknown_supports_and_nothing_hidden_is_supported(self):
        request = wish(somebody())
        path = f"/requests/{request}/support/"
        assert self.ask("POST", path).status_code == 401
        assert self.ask("DELETE", path).status_code == 401
        requests().update_one({"_id": request}, {"$set": {"visibility": "pending"}})
        assert self.ask("POST", path, user=UserFactory()).status_code == 404
        assert self.ask("POST", "/requests/nothing/support/", user=UserFactory()).status_code == 404

    @pytest.mark.parametrize("status", ["published", "declined", "withdrawn"])
    def test_what_is_closed_is_not_supported_any_more(self, status: str):
        asker = somebody()
        request = wish(asker)
        move(asker if status == "withdrawn" else moderator(), request, status)
        response = self.ask("POST", f"/requests/{request}/support/", user=UserFactory())
        assert (response.status_code, response.json["status"]) == (409, status)

    def test_nor_is_what_was_merged_into_something_closed(self):
        chief = moderator()
        one, into = wish(somebody()), wish(somebody(), title="La même")
        merge(chief, one, into)
        move(chief, into, "published")
        response = self.ask("POST", f"/requests/{one}/support/", user=UserFactory())
        assert response.status_code == 409

    def test_one_person_cannot_undo_what_others_carry(self):
        asker, others = somebody(), [somebody() for _ in range(3)]
        request = wish(asker, signature="name")
        for other in (asker, *others):
            actions.support(other, request)
        stays = move(asker, request, "withdrawn")
        assert (stays["status"], shown_supports(request)) == ("submitted", 3)
        shown = self.ask("GET", f"/requests/{request}/").json
        assert (shown["contributor"]["name"], shown["people"]) == (None, 3)
        assert shown["history"][-1]["detached"] is True
        assert_exact()

    def test_deleting_leaves_what_others_carry(self):
        asker = UserFactory()
        request = self.ask(
            "POST", "/requests/", {"title": "T", "description": "D", "kind": "new"}, asker
        ).json
        path = f"/requests/{request['id']}/"
        self.ask("POST", path + "support/", user=UserFactory())
        stays = self.ask("DELETE", path, user=asker)
        assert (stays.status_code, stays.json["people"]) == (200, 1)
        assert stays.json["permissions"]["delete"] is False
        assert self.ask("DELETE", path, user=asker).status_code == 403
        assert_exact()

    def test_who_comes_back_after_leaving_counts_as_a_supporter(self):
        asker, other = somebody(), somebody()
        request = wish(asker)
        actions.support(other, request)
        actions.delete(asker, request)
        actions.support(asker, request)
        assert shown_supports(request) == 2
        assert_exact()

    def test_the_bound_on_writes_counts_supports_too(self):
        self.app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = "2 per minute"
        path = f"/requests/{wish(somebody())}/support/"
        fan = UserFactory()
        told = [self.ask("POST", path, user=fan) for _ in range(3)]
        assert [response.status_code for response in told] == [200, 200, 429]
        assert int(told[-1].headers["Retry-After"]) > 0


class SplitTest(PluginTestCase):
    """Verified supports and those of browsers are told apart, wherever they are counted."""

    def split(self, request: Any) -> dict[str, int]:
        return self.ask("GET", f"/requests/{request}/").json["supports_by_contributor"]

    def carried_by(self, request: Any, accounts: int = 0, mails: int = 0, browsers: int = 0) -> Any:
        people = [somebody() for _ in range(accounts)]
        people += [Viewer(key=f"mail:{ObjectId()}", kind=Kind.CONFIRMED) for _ in range(mails)]
        people += [Viewer(key=f"token:{ObjectId()}", kind=Kind.UNVERIFIED) for _ in range(browsers)]
        for one in people:
            give_support(one, request)
        return people

    def test_the_split_is_given_beside_the_total(self):
        request = wish(somebody())
        self.carried_by(request, accounts=2, mails=1, browsers=4)
        shown = self.ask("GET", f"/requests/{request}/").json
        assert shown["supports"] == 7
        assert shown["supports_by_contributor"] == {"account": 2, "verified": 1, "unverified": 4}
        assert shown["people"] == 4  # with who asked; browsers are not said to be people
        assert_exact()

    def test_browsers_do_not_lift_a_request_above_one_that_people_asked_for(self):
        loud, wanted = wish(somebody(), title="Bruyante"), wish(somebody(), title="Voulue")
        self.carried_by(loud, browsers=5)
        self.carried_by(wanted, accounts=1)
        listed = self.ask("GET", "/requests/?sort=-supports").json["data"]
        assert [one["title"] for one in listed] == ["Voulue", "Bruyante"]

    def test_pages_and_the_file_say_how_many_are_verified(self):
        request = wish(somebody())
        self.carried_by(request, accounts=1, browsers=2)
        slug = stored(request)["slug"]
        for path in ("requests/", f"requests/{slug}/"):
            page = self.client.get(f"{P}/pages/{path}?lang=en").get_data(as_text=True)
            read = " ".join(re.sub(r"<[^>]+>", "", page).split())
            assert "3 supports, 1 of them verified" in read
        text = self.client.get(f"{P}/site/requests.csv").get_data(as_text=True)
        [row] = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
        assert (row["supports"], row["supports_verified"], row["people"]) == ("3", "1", "2")

    def test_who_is_merged_along_or_leaves_keeps_how_they_were_known(self):
        one, into = wish(somebody()), wish(somebody(), title="La même")
        [leaving, *_others] = self.carried_by(one, accounts=1, mails=1, browsers=1)
        merge(moderator(), one, into)
        # With who asked for the one that was merged.
        assert self.split(into) == {"account": 2, "verified": 1, "unverified": 1}
        lifecycle.forget_account(leaving.user_id)
        assert self.split(into) == {"account": 2, "verified": 1, "unverified": 1}
        assert_exact()

    def test_supports_of_the_version_before_are_told_apart_after_the_migration(self):
        request = wish(somebody())
        self.carried_by(request, accounts=1, mails=2, browsers=3)
        supports().update_many({}, {"$unset": {"kind": ""}})
        supports().update_many({}, {"$set": {f"counted.{request}.totals": {"supports": 1}}})
        requests().update_one({"_id": request}, {"$set": {"totals": {"supports": 6}}})
        migrations.run("0004-count-verified-supports")
        assert self.split(request) == {"account": 1, "verified": 2, "unverified": 3}
        assert_exact()


def give_support(person: Viewer, request: Any) -> None:
    """A support as the action stores it, without what somebody without an account has to prove."""
    supports_module.support(person, stored(request))
    settle_supports(request)


@pytest.mark.options(**UNLIMITED)
class AtOnceTest(PluginTestCase):
    def together(self, *works: Callable[[], Any]) -> None:
        """Everybody at the same moment, each in a context of their own."""

        def run(work: Callable[[], Any]) -> None:
            with self.app.test_request_context("/"):
                work()

        with ThreadPoolExecutor(len(works)) as pool:
            for ended in [pool.submit(Context().run, run, work) for work in works]:
                ended.result()

    def test_fifty_people_click_at_once(self):
        request = wish(somebody())
        fans = [somebody() for _ in range(50)]
        self.together(*(lambda fan=fan: actions.support(fan, request) for fan in fans))
        assert shown_supports(request) == 50
        assert_exact()

    def test_one_person_clicks_fifty_times_at_once(self):
        request, fan = wish(somebody()), somebody()
        self.together(*(lambda: actions.support(fan, request) for _ in range(50)))
        assert shown_supports(request) == 1
        assert supports().count_documents({}) == 1
        assert_exact()

    def test_some_come_while_others_leave_and_requests_are_merged(self):
        chief = moderator()
        one, into = wish(somebody()), wish(somebody(), title="La même")
        leaving, coming = [somebody() for _ in range(12)], [somebody() for _ in range(12)]
        for who in leaving:
            actions.support(who, one)
        self.together(
            *(lambda who=who: actions.withdraw_support(who, one) for who in leaving),
            *(lambda who=who: actions.support(who, one) for who in coming),
            lambda: merge(chief, one, into),
        )
        assert stored(one)["status"] == "duplicate"
        assert shown_supports(into) == 13
        assert_exact()

    def test_a_recount_finds_nothing_to_mend(self):
        from udata_culture_feedback.data_requests.figures import SUPPORTS

        request = wish(somebody())
        fans = [somebody() for _ in range(5)]
        for fan in fans:
            actions.support(fan, request)
        actions.withdraw_support(fans[0], request)
        assert recount(SUPPORTS, request, check=True) == {}
        requests().update_one({"_id": request}, {"$set": {"totals.supports": 9}})
        assert recount(SUPPORTS, request) == {"supports": (9, 4)}
        assert_exact()
