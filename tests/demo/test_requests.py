"""The sample requests are ones that people could make, and everything about them adds up."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from demo import accounts, catalogue
from demo.requests import SHOWCASE, SUBMISSION, record_requests, sample_requests, showcase
from udata_culture_feedback import vocabulary
from udata_culture_feedback.data_requests import actions, deadlines_shown
from udata_culture_feedback.data_requests.clock import Clock
from udata_culture_feedback.data_requests.models import requests, supports
from udata_culture_feedback.data_requests.supports import distinct_people
from udata_culture_feedback.portal.collections import now

from ..cases import PluginTestCase
from ..data_requests.asking import as_user, assert_exact

SAMPLE = sample_requests()
STATUSES = {term.id for term in vocabulary.REQUEST_STATUSES} - {"overdue"}


def test_there_are_forty_of_them_the_same_each_time() -> None:
    assert len({entry["key"] for entry in SAMPLE}) == len(SAMPLE) == 40
    sample_requests.cache_clear()
    assert sample_requests() == SAMPLE


def test_they_come_from_several_people_about_the_catalogue() -> None:
    people = {account.email for account in (*accounts.NAMED, *accounts.AUTHORS)}
    assert {entry["author"] for entry in SAMPLE} <= people
    assert len({entry["author"] for entry in SAMPLE}) > 30
    assert len({entry["profile"] for entry in SAMPLE}) >= 10
    assert {e["holder"] for e in SAMPLE if "holder" in e} <= set(catalogue.organization_names())
    assert {e["dataset"] for e in SAMPLE if "dataset" in e} <= set(catalogue.remote_ids())


def test_what_happens_to_them_happens_in_order() -> None:
    for entry in SAMPLE:
        days = [entry["ago"], *(step["ago"] for step in entry.get("steps", ()))]
        assert days == sorted(days, reverse=True), entry["key"]
        assert days[-1] > 0


@pytest.mark.options(
    CULTURE_FEEDBACK_FORMAL_REQUESTS=True, CULTURE_FEEDBACK_DESK="ministere-de-la-culture"
)
class RecordedTest(PluginTestCase):
    """All of it at once: loading the demo takes a while."""

    def one(self, key: str) -> dict[str, Any]:
        found = requests().find_one({"submission_id": SUBMISSION + key})
        assert found is not None
        return found

    def test_they_are_recorded_as_people_would(self) -> None:
        accounts.load_accounts()
        catalogue.load_catalogue()
        assert record_requests() == 40

        counts = Counter(one["status"] for one in requests().find())
        assert set(counts) == STATUSES
        late = [one for one in requests().find() if Clock.of(one["clock"]).is_overdue(now())]
        assert len(late) >= 5
        assert sum(bool(one.get("partial")) for one in requests().find()) >= 1
        histories = [entry for one in requests().find() for entry in one["history"]]
        for sign in ("transferred_to", "extended"):
            assert [entry for entry in histories if entry.get(sign)]
        assert [one for one in requests().find() if one.get("reopened")]
        assert [one for one in requests().find() if one.get("confirmed_at")]
        for one in requests().find():
            dates = [one["created_at"], *(entry["at"] for entry in one["history"]), now()]
            assert dates == sorted(dates), one["title"]
            assert one["last_modified"] < now() - timedelta(hours=2)
        clarified = self.one("horaires-des-bibliotheques")["clock"]
        assert clarified["paused_at"] < now() < clarified["clarify_by"]

        # Some people are behind both of two requests that were merged, and count once.
        target = self.one("entrees-par-mois")
        merged = list(requests().find({"duplicate_of": target["_id"]}))
        both = [s for s in supports().find({"target": target["_id"], "direct": True}) if s["via"]]
        assert len(merged) == 2
        assert both
        assert distinct_people([target]) == 1 + target["totals"]["supports"]
        assert_exact()
        assert "Every figure is right" in self.cli("feedback recount --check").output

        with self.app.test_request_context():
            assert deadlines_shown.may_appeal(self.one(SHOWCASE))
        assert showcase() == self.one(SHOWCASE)["slug"]

        # A second start changes nothing, also where somebody has tried the demo meanwhile.
        camille = accounts.find(accounts.CITIZEN)
        as_user(self.app, camille, lambda v: actions.delete(v, str(self.one(SHOWCASE)["_id"])))
        before = {one["_id"]: one["version"] for one in requests().find()}
        assert record_requests() == 0
        assert {one["_id"]: one["version"] for one in requests().find()} == before
