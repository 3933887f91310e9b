"""The wave of spam that moderators of the demo clear: texts that wait, in figures that add up."""

from __future__ import annotations

from typing import Any

import pytest

from demo import accounts, catalogue
from demo.wave import WAVES_ON, appoint, load_wave
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import everything_is_settled
from ..people.without_account import WithoutAccountTestCase

TEXTS = 24
#: Two texts in five have three links: without an account, their ratings wait with them.
HELD = 10


class WaveTest(WithoutAccountTestCase):
    @pytest.fixture(autouse=True)
    def portal(self, keys: None, instance_path: Any) -> None:
        accounts.load_accounts()
        catalogue.load_catalogue()

    def test_every_text_waits_and_ratings_count_but_those_beside_many_links(self):
        assert appoint() == 1
        assert load_wave(TEXTS) == TEXTS
        assert load_wave(TEXTS) == 0
        waiting = {"visibility": "pending", "review.since": {"$exists": True}}
        assert feedbacks().count_documents(waiting) == TEXTS
        assert everything_is_settled()
        assert self.summary()["total"] == TEXTS - HELD
        assert self.summary()["commented"] == 0
        judged = feedbacks().distinct("dataset")
        assert len(judged) == WAVES_ON
        who = accounts.find(accounts.MODERATOR)
        assert self.ask("GET", "/moderation/", user=who).json["total"] == TEXTS
