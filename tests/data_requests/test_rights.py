"""Which refusal the months to appeal run from, as requests live: reopened, merged, asked again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.organization.constants import PUBLIC_SERVICE
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.data_requests import actions, deadlines_shown
from udata_culture_feedback.data_requests.appeal import AppealWindow, Refusal
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.web.moments import local_day

from ..cases import PluginTestCase, sysadmin
from .asking import UNLIMITED, WISH, as_user, has_service, stored
from .test_clock import PARIS

NO = {"to": "declined", "reason": "not_existing", "message": "Nous ne les avons pas."}


class RightsTest(PluginTestCase):
    """Asked on 31 January 2026: silence is a refusal at the end of 28 February, the CADA can be
    asked until 28 April."""

    @pytest.fixture(autouse=True)
    def people(self, plugin: None) -> None:
        self.app.config.update(UNLIMITED | {"CULTURE_FEEDBACK_FORMAL_REQUESTS": True})
        self.admin, self.camille, self.chief = UserFactory(), UserFactory(), sysadmin()
        self.museum = OrganizationFactory(name="Musée de Bretagne", admins=[self.admin])
        self.museum.add_badge(PUBLIC_SERVICE)
        has_service(self.museum)
        with self.on("2026-01-31"):
            self.request = self.ask(self.camille)

    def ask(self, who: User, **fields: Any) -> ObjectId:
        body = WISH | {"organization": str(self.museum.id)} | fields
        return self.does(who, lambda viewer: actions.ask(viewer, body))[0]["_id"]

    def does(self, who: User, what: Any) -> Any:
        done = as_user(self.app, who, what)
        if isinstance(done, Exception):
            raise done
        return done

    @contextmanager
    def on(self, day: str) -> Iterator[None]:
        with freeze_time(f"{day} 12:00"):
            yield

    def moves(self, day: str, who: User, to: str, **more: Any) -> None:
        request = more.pop("request", self.request)
        with self.on(day):
            self.does(who, lambda v: actions.move(v, request, NO | {"to": to} | more))

    def window(self, request: ObjectId | None = None) -> AppealWindow:
        with self.app.test_request_context():
            found = deadlines_shown.window_of(stored(request or self.request))
        assert found is not None
        return found

    def until(self, request: ObjectId | None = None) -> date:
        return local_day(self.window(request).until, PARIS)

    def may_appeal(self, day: str, request: ObjectId | None = None) -> bool:
        with self.on(day), self.app.test_request_context():
            return deadlines_shown.may_appeal(stored(request or self.request))

    def test_silence_can_be_contested_from_the_day_after_until_the_last(self):
        days = ("2026-02-28", "2026-03-01", "2026-04-27", "2026-04-28")
        assert [self.may_appeal(day) for day in days] == [False, True, True, False]

    def test_without_a_receipt_that_says_all_the_months_may_not_run(self):
        requests().update_many({}, {"$unset": {"appeal_told": 1}})
        assert self.may_appeal("2026-04-28")
        self.moves("2026-04-20", self.admin, "declined")
        assert not self.may_appeal("2026-06-20")  # whose mail has said it

    def test_no_appeal_is_said_where_it_is_known_alone(self):
        def told(**fields: Any) -> str:
            with self.on("2026-01-31"):
                one = self.ask(self.camille, **fields)
            with self.app.test_request_context():
                return " ".join(deadlines_shown.in_words(stored(one)))

        assert "n’ouvre pas de recours" in told(kind="update")
        other = OrganizationFactory(name="Archives")
        assert "Selon le statut de cet organisme" in told(organization=str(other.id))

    def test_a_refusal_within_two_months_of_silence_opens_two_new_ones(self):
        self.moves("2026-04-20", self.admin, "declined")
        assert self.window().kind is Refusal.EXPLICIT
        assert self.until() == date(2026, 6, 19)
        assert self.may_appeal("2026-06-19")

    def test_one_that_comes_later_only_confirms(self):
        self.moves("2026-05-02", self.admin, "declined")
        assert self.window().kind is Refusal.IMPLICIT
        assert self.until() == date(2026, 4, 27)
        assert not self.may_appeal("2026-05-03")

    def test_asking_the_holder_again_does_not_stop_the_months(self):
        self.moves("2026-02-10", self.admin, "declined")
        self.moves("2026-02-15", self.camille, "acknowledged")
        assert self.until() == date(2026, 4, 9)
        self.moves("2026-03-20", self.admin, "declined")
        assert self.window().refusal_at == datetime(2026, 2, 10, 12)
        assert self.until() == date(2026, 4, 9)

    def test_a_refusal_that_its_author_took_back_counts_no_more(self):
        self.moves("2026-02-10", self.admin, "declined")
        self.moves("2026-02-15", self.admin, "acknowledged")
        assert self.window().kind is Refusal.IMPLICIT
        self.moves("2026-09-01", self.admin, "declined")
        assert self.until() == date(2026, 10, 31)

    def test_a_refusal_of_what_had_been_accepted_is_a_new_decision(self):
        self.moves("2026-02-10", self.admin, "accepted")
        self.moves("2026-09-01", self.admin, "declined")
        assert self.window().kind is Refusal.EXPLICIT
        assert self.until() == date(2026, 10, 31)

    def test_what_is_published_or_withdrawn_is_refused_to_nobody(self):
        self.moves("2026-03-10", self.admin, "published", urls=["https://example.org/"])
        assert not self.may_appeal("2026-03-11")
        self.moves("2026-03-12", self.camille, "acknowledged")
        assert self.may_appeal("2026-03-13")
        self.moves("2026-03-14", self.camille, "withdrawn")
        assert not self.may_appeal("2026-03-15")

    def test_a_request_withdrawn_and_asked_again_is_another_one(self):
        self.moves("2026-02-10", self.admin, "declined")
        self.moves("2026-02-15", self.camille, "acknowledged")
        self.moves("2026-02-16", self.camille, "withdrawn")
        self.moves("2026-06-10", self.camille, "submitted")
        assert self.window().kind is Refusal.IMPLICIT
        assert self.until() == date(2026, 9, 9)

    def test_merging_a_request_takes_nothing_away_from_who_made_it(self):
        with self.on("2026-02-20"):
            other = self.ask(UserFactory(), title="Les entrées de chaque mois")
        self.moves("2026-02-21", self.chief, "duplicate", duplicate_of=str(other))
        assert self.until() == date(2026, 4, 27)
        assert self.may_appeal("2026-03-01")
        assert not self.may_appeal("2026-03-01", other)
        self.moves("2026-03-05", self.admin, "declined", request=other)
        assert self.until() == self.until(other) == date(2026, 5, 4)
        self.moves("2026-03-06", self.admin, "acknowledged", request=other)
        self.moves("2026-03-07", self.admin, "published", request=other, urls=["https://e.org/"])
        assert not self.may_appeal("2026-03-08")

    def test_a_transfer_and_a_pause_move_nothing(self):
        other = OrganizationFactory(name="Archives")
        other.add_badge(PUBLIC_SERVICE)
        self.moves("2026-02-05", self.admin, "needs_clarification", message="Quelle année ?")
        payload = {"organization": str(other.id), "message": "C'est à eux."}
        with self.on("2026-02-20"):
            self.does(self.admin, lambda v: actions.transfer(v, self.request, payload))
        assert self.until() == date(2026, 4, 27)

    def test_both_dates_are_told_until_the_data_are_there(self):
        with self.on("2026-02-01"), self.app.test_request_context():
            assert len(deadlines_shown.in_words(stored(self.request))) == 2
        self.moves("2026-02-03", self.admin, "published", urls=["https://example.org/"])
        with self.on("2026-02-04"), self.app.test_request_context():
            [told] = deadlines_shown.in_words(stored(self.request))
        assert "31 janvier 2026" in told
        assert "CADA" not in told
        assert "recours" not in told
