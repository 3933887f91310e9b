"""What people looked for in vain is counted, and nobody can be found in it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from freezegun import freeze_time

from udata_culture_feedback.data_requests.indexing import STEPS
from udata_culture_feedback.portal.collections import now
from udata_culture_feedback.search import unmet_searches
from udata_culture_feedback.search.unmet_searches import (
    FORGOTTEN_AFTER,
    SHOWN_FROM,
    CultureFeedbackUnmet,
    Unmet,
    shown,
)

from ..cases import PluginTestCase

PEOPLE = count()


def record(text: str, who: str = "") -> bool:
    """Record a search of somebody else each time."""
    return unmet_searches.record(text, who or f"person {next(PEOPLE)}")


class UnmetTest(PluginTestCase):
    def stored(self) -> list[dict]:
        return list(CultureFeedbackUnmet._get_collection().find())

    def test_a_search_is_kept_as_words_without_their_order(self):
        before = now()
        assert record("La fréquentation des piscines de Rennes en 2023 ?")
        [search] = self.stored()
        assert search["terms"] == ["frequentation", "piscines", "rennes"]
        assert search["seen"] == 1
        assert before <= search["first_seen"] == search["last_seen"] <= now()
        assert set(search) == {"_id", "terms", "seen", "day", "by", "first_seen", "last_seen"}

    def test_one_person_counts_once_a_day_and_six_are_six(self):
        with freeze_time("2026-03-01 10:00"):
            for _click in range(3):
                for who in ("a", "b", "c", "d", "e", "f"):
                    record("horaires des piscines", who)
        assert shown() == [Unmet(["horaires", "piscines"], 6)]
        with freeze_time("2026-03-02 10:00"):
            for _click in range(3):
                record("horaires des piscines", "a")
        [search] = self.stored()
        assert search["seen"] == 7
        assert search["by"] == ["a"]

    def test_the_same_search_otherwise_written_is_counted_not_stored_again(self):
        record("Musée breton")
        record("les MUSÉES bretons")
        record("bretons, musées !")
        [search] = self.stored()
        assert search["seen"] == 3
        assert search["terms"] == ["breton", "musee"]
        assert search["last_seen"] >= search["first_seen"]

    def test_it_is_shown_from_the_fifth_time(self):
        for _time in range(SHOWN_FROM - 1):
            record("horaires des piscines")
        assert shown() == []
        record("horaire piscine")
        assert shown() == [Unmet(["horaires", "piscines"], 5)]

    def test_the_most_wanted_comes_first(self):
        for times, text in ((5, "horaires des piscines"), (7, "prix du pain"), (4, "marées")):
            for _time in range(times):
                record(text)
        assert [one.seen for one in shown()] == [7, 5]
        assert [one.seen for one in shown(limit=1)] == [7]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "?",
            "de la",
            "2023",
            "liste des données",
            "camille.martin@example.org",
            "dossier de camille @ musee",
            "piscine 06 12 34 56 78",
            "piscine +33 6.12.34.56.78",
            "piscine (0)6-12-34-56-78",
            "dossier 1 85 05 78 006 084 36",
            "je suis la directrice du musée et je cherche des chiffres",
            "a" * 300,
            "un/deux/trois/quatre/cinq/six/sept/huit/neuf/dix",
        ],
    )
    def test_what_says_nothing_or_might_say_who_asks_is_not_kept(self, text: str):
        assert not record(text)
        assert self.stored() == []

    def test_a_span_of_years_is_no_telephone(self):
        assert record("budget des théâtres 2019-2024")
        [search] = self.stored()
        assert search["terms"] == ["budget", "theatres"]

    def test_mongodb_forgets_what_is_not_seen_five_times_in_thirty_days(self):
        record("horaires des piscines")
        indexes = CultureFeedbackUnmet._get_collection().index_information()
        [forgetting] = [index for index in indexes.values() if "expireAfterSeconds" in index]
        assert timedelta(seconds=FORGOTTEN_AFTER) == timedelta(days=30)
        assert forgetting["expireAfterSeconds"] == FORGOTTEN_AFTER
        assert forgetting["key"] == [("first_seen", 1)]
        assert forgetting["partialFilterExpression"] == {"seen": {"$lt": SHOWN_FROM}}

    def searched(self, day: str, text: str, times: int = 1) -> None:
        with freeze_time(f"{day} 10:00"):
            for _time in range(times):
                record(text)

    def maintained(self, day: str) -> int:
        with freeze_time(f"{day} 10:00"):
            return STEPS["searches_forgotten"]()

    def test_what_many_looked_for_is_forgotten_once_nobody_has_for_180_days(self):
        self.searched("2026-01-01", "horaires des piscines", SHOWN_FROM)
        self.searched("2026-01-01", "prix du pain", SHOWN_FROM)
        self.searched("2026-06-01", "horaires des piscines")
        assert self.maintained("2026-06-30") == 0
        assert self.maintained("2026-07-01") == 1
        assert shown() == [Unmet(["horaires", "piscines"], 6)]
        assert self.maintained("2026-12-01") == 1
        assert self.stored() == []

    @pytest.mark.options(CULTURE_FEEDBACK_UNMET_DAYS=10)
    def test_a_portal_may_keep_it_for_less(self):
        self.searched("2026-01-01", "horaires des piscines", SHOWN_FROM)
        assert self.maintained("2026-01-12") == 1
