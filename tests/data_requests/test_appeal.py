"""The law's window: dates against another computation, and the words that a citizen signs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from tests.cases import PluginTestCase
from tests.data_requests.test_clock import (
    PARIS,
    SECOND,
    day_of,
    last_second,
    plain,
    zone_and_moment,
)
from udata_culture_feedback.data_requests.appeal import (
    FRANCE,
    Fact,
    Law,
    Refusal,
    Standing,
    State,
    applies,
    explanation,
    facts,
    letter,
    window,
)
from udata_culture_feedback.web.languages import speaking

RECEIVED = datetime(2026, 1, 31, 10)


class WindowTest:
    @given(zone_and_moment)
    def test_a_month_of_silence_then_two_months(self, drawn) -> None:
        zone, received = drawn
        silent = window(received, zone)
        refused = day_of(received, zone) + relativedelta(months=1)
        assert silent.kind is Refusal.IMPLICIT
        assert silent.refusal_at == last_second(refused, zone)
        day = refused + relativedelta(months=2, days=-1)
        assert silent.until == last_second(day, zone)

    @given(zone_and_moment, st.timedeltas(timedelta(0), timedelta(days=150)))
    def test_a_decision_starts_two_months_unless_it_comes_too_late(self, drawn, after) -> None:
        zone, received = drawn
        refused_at = received + after
        silent, told = window(received, zone), window(received, zone, refused_at=refused_at)
        if day_of(refused_at, zone) <= day_of(silent.until, zone) + timedelta(days=1):
            assert told.kind is Refusal.EXPLICIT
            assert told.refusal_at == refused_at
            day = day_of(refused_at, zone) + relativedelta(months=2, days=-1)
            assert told.until == last_second(day, zone)
        else:
            assert told == silent

    @given(zone_and_moment)
    def test_it_opens_and_closes_to_the_second(self, drawn) -> None:
        zone, received = drawn
        silent = window(received, zone)
        assert silent.state(received) is State.AHEAD
        assert silent.state(silent.refusal_at) is State.AHEAD
        assert silent.state(silent.refusal_at + SECOND) is State.OPEN
        assert silent.state(silent.until + timedelta(milliseconds=999)) is State.OPEN
        assert silent.state(silent.until + SECOND) is State.CLOSED
        told = window(received, zone, refused_at=received + timedelta(days=3))
        assert told.state(received) is State.AHEAD
        assert told.state(told.refusal_at) is State.OPEN

    def test_real_dates(self) -> None:
        silent = window(RECEIVED, PARIS)
        assert silent.refusal_at == datetime(2026, 2, 28, 22, 59, 59)
        assert silent.until == datetime(2026, 4, 27, 21, 59, 59)  # summer time since 29 March
        # Counted in any of the ways there are, it is not too late.
        assert window(datetime(2026, 3, 15, 10), PARIS).until == datetime(2026, 6, 14, 21, 59, 59)
        # 15 h in Nouméa on 1 March is still 28 February in Paris.
        noumea = window(datetime(2026, 2, 28, 20), ZoneInfo("Pacific/Noumea"))
        assert day_of(noumea.until, noumea.zone) == date(2026, 5, 31)
        told = window(RECEIVED, PARIS, refused_at=datetime(2026, 12, 31))
        assert told == silent  # it only confirms
        last = silent.until + timedelta(days=1, milliseconds=999)  # counted in the latest way
        assert window(RECEIVED, PARIS, refused_at=last).kind is Refusal.EXPLICIT
        assert window(RECEIVED, PARIS, refused_at=silent.until + timedelta(1, 1)) == silent

    def test_a_new_decision_opens_the_months_whenever_it_comes(self) -> None:
        late = datetime(2026, 12, 31)
        told = window(RECEIVED, PARIS, refused_at=late, anew=True)
        assert told.kind is Refusal.EXPLICIT
        assert day_of(told.until, PARIS) == date(2027, 2, 27)

    def test_another_country_has_other_months(self) -> None:
        law = Law(silence_months=2, appeal_months=1)
        assert window(RECEIVED, PARIS, law=law).refusal_at == datetime(2026, 3, 31, 21, 59, 59)
        assert window(RECEIVED, PARIS, law=law).until == datetime(2026, 4, 29, 21, 59, 59)


class StandingTest:
    FIRST, SECOND = datetime(2026, 2, 10), datetime(2026, 3, 10)

    def test_a_second_refusal_only_confirms_the_first(self) -> None:
        both = Standing().refused(self.FIRST).refused(self.SECOND)
        assert both == Standing().refused(self.FIRST) == Standing(self.FIRST, anew=False)

    def test_one_that_follows_a_favourable_decision_is_new(self) -> None:
        assert Standing().refused(self.FIRST).granted() == Standing(None, anew=True)
        again = Standing().refused(self.FIRST).granted().refused(self.SECOND)
        assert again == Standing(self.SECOND, anew=True)


GOOD = {
    "holder_badges": ["certified", "public-service"],
    "kind": "new",
    "contributor_kind": "user",
    "received_at": RECEIVED,
    "formal": True,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"holder_badges": {"local-authority"}}, True),
        ({"kind": "access"}, True),
        ({"contributor_kind": "confirmed"}, True),
        ({"contributor_kind": "organization"}, True),
        ({"holder_badges": ["company", "association", "certified"]}, False),
        ({"holder_badges": []}, False),
        ({"holder_badges": None}, False),
        ({"kind": "update"}, False),
        ({"kind": "enrichment"}, False),
        ({"contributor_kind": "unverified"}, False),
        ({"received_at": None}, False),
        ({"formal": False}, False),
    ],
)
def test_an_appeal_exists_only_where_the_law_gives_one(change, expected) -> None:
    assert applies(**(GOOD | change)) is expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"silence_months": 0},
        {"appeal_months": 0},
        {"texts": {"implicite": {"fr": "…"}}},
        {"texts": {"implicit": {"fr": "Reçue le %(recieved)s"}}},
        {"texts": {"implicit": {"fr": "à 100 %"}}},
        {"texts": {"implicit": {"fr": "%(received)d"}}},
    ],
)
def test_a_mistake_in_the_settings_shows_at_start_up(wrong) -> None:
    with pytest.raises(ValueError, match="CULTURE_FEEDBACK_APPEAL_"):
        Law(**wrong)


class WordsTest(PluginTestCase):
    HOLDER = "Musée d’Orsay"

    def in_language(self, lang, words, *args, **kwargs):
        with self.app.test_request_context(), speaking(lang):
            return words(*args, **kwargs)

    def test_silence_in_words(self) -> None:
        silent = window(RECEIVED, PARIS)
        assert plain(self.in_language("fr", explanation, silent)) == (
            "Selon la loi, le silence jusqu’à la fin du 28 février 2026, un mois après la "
            "réception (31 janvier 2026), vaut refus (CRPA, articles R.311-12 et R.311-13). La "
            "CADA peut ensuite être saisie pendant 2 mois : de façon sûre jusqu’au 27 avril 2026 "
            "(CRPA, article R.343-1)."
        )
        assert self.in_language("en", explanation, silent) == (
            "By law, silence until the end of 28 February 2026, one month after the reception "
            "(31 January 2026), is a refusal (CRPA, articles R.311-12 and R.311-13). The CADA can "
            "then be asked within 2 months: safely until 27 April 2026 (CRPA, article R.343-1)."
        )

    def test_a_decision_in_words(self) -> None:
        told = window(RECEIVED, PARIS, refused_at=datetime(2026, 2, 10, 10))
        assert plain(self.in_language("fr", explanation, told)) == (
            "Refusée le 10 février 2026. Selon la loi, la CADA peut être saisie pendant 2 mois : "
            "de façon sûre jusqu’au 9 avril 2026 (CRPA, article R.343-1)."
        )

    def test_it_comes_before_the_judge_and_has_an_address(self) -> None:
        silent = window(RECEIVED, PARIS, law=Law(cada="TSA 50730, 75334 Paris Cedex 07"))
        assert plain(self.in_language("fr", explanation, silent)).endswith(
            "La CADA doit être saisie avant tout recours devant le juge (CRPA, article L.412-3). "
            "Pour la saisir : TSA 50730, 75334 Paris Cedex 07."
        )

    def test_the_portal_may_say_it_otherwise(self) -> None:
        law = Law(texts={"implicit": {"fr": "Refus le %(refusal)s, jusqu’au %(until)s."}})
        silent = window(RECEIVED, PARIS, law=law)
        expected = "Refus le 28 février 2026, jusqu’au 27 avril 2026."
        assert self.in_language("fr", explanation, silent) == expected
        # A language that the setting forgot has that text too, rather than another rule.
        assert self.in_language("en", explanation, silent).startswith("Refus le 28 February 2026")

    def test_the_settings_of_an_application(self) -> None:
        law = Law.of(
            {
                "CULTURE_FEEDBACK_APPEAL_SILENCE_MONTHS": 1,
                "CULTURE_FEEDBACK_APPEAL_MONTHS": 2,
                "CULTURE_FEEDBACK_APPEAL_TEXTS": {},
                "CULTURE_FEEDBACK_APPEAL_ADDRESS": None,
                "CULTURE_FEEDBACK_APPEAL_FORM_URL": None,
            }
        )
        assert law == FRANCE

    def test_the_proof_lists_the_dates_in_order(self) -> None:
        lines = self.in_language(
            "fr",
            facts,
            window(RECEIVED, PARIS),
            submitted_at=datetime(2026, 1, 29, 23, 30),
            holder=self.HOLDER,
            receiver=self.HOLDER,
            history=[
                Fact(datetime(2026, 3, 2, 9), "Relance", ("Toujours rien ?",)),
                Fact(datetime(2026, 2, 3, 9), "Prise en compte"),
            ],
        )
        assert [(f"{line.day(PARIS):%d/%m}", plain(line.words)) for line in lines] == [
            ("30/01", "Demande déposée"),
            ("31/01", "Demande reçue par : Musée d’Orsay"),
            ("03/02", "Prise en compte"),
            ("28/02", "Refus par silence (CRPA, articles R.311-12 et R.311-13)"),
            ("02/03", "Relance"),
            ("27/04", "Dernier jour sûr pour saisir la CADA (CRPA, article R.343-1)"),
        ]
        assert [line.said for line in lines if line.said] == [("Toujours rien ?",)]

    def test_the_proof_has_the_refusal_in_full_and_who_received_the_request(self) -> None:
        told = window(RECEIVED, PARIS, refused_at=datetime(2026, 2, 10, 10))
        for receiver, received in (
            ("Archives", "Request received by Archives"),
            (None, "Request received by the organization it was first sent to"),
        ):
            lines = self.in_language(
                "en",
                facts,
                told,
                submitted_at=RECEIVED,
                holder=self.HOLDER,
                receiver=receiver,
                refusal=("Privacy", "These are names."),
            )
            assert [(line.words, line.said) for line in lines[1:3]] == [
                (received, ()),
                ("Refusal by Musée d’Orsay", ("Privacy", "These are names.")),
            ]

    def write(self, lang: str, **kwargs):
        return self.in_language(
            lang,
            letter,
            window(RECEIVED, PARIS, refused_at=kwargs.pop("refused_at", None)),
            submitted_at=RECEIVED,
            holder=self.HOLDER,
            title="Fréquentation 100 % mesurée",
            address="https://exemple.fr/r/1",
            **kwargs,
        )

    def test_the_letter_after_silence(self) -> None:
        written = self.write("fr")
        assert written.recipient == "Commission d’accès aux documents administratifs (CADA)"
        assert plain(written.subject) == (
            "Demande d’avis sur le refus de communication de « Fréquentation 100 % mesurée »"
        )
        assert tuple(map(plain, written.paragraphs)) == (
            "Le 31 janvier 2026, j’ai demandé communication des documents suivants : "
            "« Fréquentation 100 % mesurée » (https://exemple.fr/r/1). Détenteur : Musée d’Orsay. "
            "Ma demande a été reçue le 31 janvier 2026.",
            "À la fin du 28 février 2026, un mois après sa réception, ces documents ne m’avaient "
            "pas été communiqués, ce qui vaut refus (CRPA, articles R.311-12 et R.311-13).",
            "Je saisis donc la commission pour avis (CRPA, articles L.342-1 et R.343-1). La copie "
            "de ma demande et son historique daté sont joints.",
        )

    def test_the_letter_after_a_decision(self) -> None:
        written = self.write("en", refused_at=datetime(2026, 2, 10, 10), reason="Privacy")
        assert written.paragraphs[1] == (
            "This request was refused on 10 February 2026, on the following ground: Privacy"
        )
        with pytest.raises(ValueError, match="reason"):
            self.write("fr", refused_at=datetime(2026, 2, 10, 10))
