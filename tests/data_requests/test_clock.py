"""The service date, against a reference that counts in another way, and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import bson
import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.cases import PluginTestCase
from udata_culture_feedback.data_requests.clock import Clock, add_months, explanation, overdue_bound
from udata_culture_feedback.web.languages import speaking
from udata_culture_feedback.web.moments import end_of_day, local_day, local_days

PARIS = ZoneInfo("Europe/Paris")
SECOND = timedelta(seconds=1)

#: Where the portal may be, and where clocks change.
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Paris",
        "Indian/Reunion",
        "America/Martinique",
        "Pacific/Noumea",
        "Pacific/Auckland",
    )
]
#: Where they change at midnight, or jump over it.
MIDNIGHT_ZONES = [ZoneInfo(name) for name in ("America/Havana", "America/Nuuk", "Asia/Beirut")]
zones = st.sampled_from(ZONES + MIDNIGHT_ZONES)

milliseconds = st.integers(0, 999).map(lambda n: timedelta(milliseconds=n))
anytime = st.builds(
    lambda at, rest: at.replace(microsecond=0) + rest,
    st.datetimes(datetime(2019, 1, 1), datetime(2036, 1, 1)),
    milliseconds,
)
#: The days on which months and hours are irregular.
odd_days = st.sampled_from(
    [
        date(year, month, day)
        for year in (2023, 2024, 2026, 2028)
        for month, day in [
            *((1, 28), (1, 29), (1, 30), (1, 31), (2, 28), (3, 31), (12, 31)),
            *((5, 31), (8, 31), (10, 31)),
        ]
    ]
    + [date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 9, 27)]  # DST
    + [date(2024, 2, 29), date(2024, 3, 30), date(2026, 3, 28), date(2026, 11, 1)]
)
around_midnight = st.integers(-3, 3).map(lambda seconds: timedelta(seconds=seconds))


def utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


@st.composite
def moments(draw: st.DrawFn, zone: ZoneInfo) -> datetime:
    """Naive UTC: anything, or just before and after midnight of an odd day of `zone`."""
    if draw(st.booleans()):
        return draw(anytime)
    day = draw(odd_days)
    midnight = utc(datetime(day.year, day.month, day.day), zone)
    return midnight + draw(around_midnight) + draw(milliseconds)


zone_and_moment = zones.flatmap(lambda zone: st.tuples(st.just(zone), moments(zone)))


# --- The reference: no folds, no calendar module --------------------------------------------------


def day_of(at: datetime, zone: ZoneInfo) -> date:
    return zone.fromutc(at.replace(tzinfo=zone)).date()


def last_second(day: date, zone: ZoneInfo) -> datetime:
    """Walks back from far in the next day, by quarters of an hour: offsets are multiples of it."""
    at = datetime(day.year, day.month, day.day) + timedelta(days=2, hours=14)
    while day_of(at, zone) > day:
        at -= timedelta(minutes=15)
    return at + timedelta(minutes=15) - SECOND


def midnights(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Counts the local days touched, hour after hour."""
    days, at = {day_of(start, zone)}, start
    while at < end:
        at = min(at + timedelta(hours=1), end)
        days.add(day_of(at, zone))
    return len(days) - 1


def reference(started_at: datetime, months: int, days: int, zone: ZoneInfo) -> datetime:
    month = relativedelta(months=months)
    return last_second(day_of(started_at, zone) + month + timedelta(days=days), zone)


# --- Days -----------------------------------------------------------------------------------------


class DaysTest:
    @given(zone_and_moment)
    def test_the_last_second_of_a_day_is_followed_by_another_day(self, drawn) -> None:
        zone, at = drawn
        day = local_day(at, zone)
        end = end_of_day(day, zone)
        assert end == last_second(day, zone)
        assert at < end + SECOND
        assert local_day(end, zone) == day < local_day(end + SECOND, zone)

    def test_midnight_twice_or_never(self) -> None:
        havana, nuuk, apia = map(ZoneInfo, ("America/Havana", "America/Nuuk", "Pacific/Apia"))
        # 00:00 to 01:00 comes twice on 1 November: the day before ends once.
        assert end_of_day(date(2026, 10, 31), havana) == datetime(2026, 11, 1, 3, 59, 59)
        assert end_of_day(date(2026, 11, 1), havana) == datetime(2026, 11, 2, 4, 59, 59)
        # At 23:00 on 28 March it is 29 March: the day has no 23:59:59.
        assert end_of_day(date(2026, 3, 28), nuuk) == datetime(2026, 3, 29, 0, 59, 59)
        # 30 December 2011 did not exist.
        assert end_of_day(date(2011, 12, 29), apia) == end_of_day(date(2011, 12, 30), apia)

    @given(st.dates(date(2019, 1, 1), date(2040, 1, 1)), st.integers(1, 30))
    def test_months_are_clipped_to_their_end(self, day: date, months: int) -> None:
        assert add_months(day, months) == day + relativedelta(months=months)

    @given(zone_and_moment, st.integers(0, 24 * 40), milliseconds)
    def test_days_are_the_midnights_crossed(self, drawn, hours: int, rest: timedelta) -> None:
        zone, start = drawn
        end = start + timedelta(hours=hours) + rest
        assert local_days(start, end, zone) == midnights(start, end, zone)
        assert local_days(end, start, zone) == 0

    @given(zone_and_moment, st.integers(0, 10**7), st.integers(0, 10**7))
    def test_days_add_up(self, drawn, first: int, second: int) -> None:
        zone, start = drawn
        middle = start + timedelta(seconds=first)
        end = middle + timedelta(seconds=second)
        parts = local_days(start, middle, zone) + local_days(middle, end, zone)
        assert parts == local_days(start, end, zone)


# --- One clock ------------------------------------------------------------------------------------


class ServiceDateTest:
    @given(zone_and_moment, st.integers(1, 14))
    def test_it_is_the_last_second_of_the_day_months_later(self, drawn, months: int) -> None:
        zone, at = drawn
        clock = Clock.start(at, months, zone)
        assert clock.due_at == reference(at, months, 0, zone)
        if zone in ZONES:
            local = clock.due_at.replace(tzinfo=UTC).astimezone(zone)
            assert (local.hour, local.minute, local.second) == (23, 59, 59)

    @given(zone_and_moment, st.timedeltas(timedelta(0), timedelta(days=70)), st.integers(1, 6))
    def test_who_asks_later_is_never_answered_earlier(self, drawn, later, months: int) -> None:
        zone, at = drawn
        first = Clock.start(at, months, zone).due_at
        assert first <= Clock.start(at + later, months, zone).due_at
        assert first < Clock.start(at, months + 1, zone).due_at

    @given(zone_and_moment)
    def test_it_is_late_exactly_one_second_after(self, drawn) -> None:
        zone, at = drawn
        clock = Clock.start(at, 1, zone)
        assert not clock.is_overdue(clock.due_at)
        assert not clock.is_overdue(clock.due_at + timedelta(milliseconds=999))
        assert clock.is_overdue(clock.due_at + SECOND)
        # A query with the same bound agrees.
        for now in (
            clock.due_at,
            clock.due_at + timedelta(milliseconds=999),
            clock.due_at + SECOND,
        ):
            assert clock.is_overdue(now) == (clock.due_at < overdue_bound(now))

    def test_real_dates(self) -> None:
        # 31 January 2026, 23:30 in Paris is still 31 January; in Nouméa it is 1 February.
        at = datetime(2026, 1, 31, 22, 30)
        assert Clock.start(at, 1, PARIS).due_at == datetime(2026, 2, 28, 22, 59, 59)
        noumea = Clock.start(at, 1, ZoneInfo("Pacific/Noumea"))
        assert noumea.due_at == datetime(2026, 3, 1, 12, 59, 59)
        # Over the change to summer time: the end of the day is an hour earlier in UTC.
        assert Clock.start(datetime(2026, 3, 15), 1, PARIS).due_at == datetime(
            2026, 4, 15, 21, 59, 59
        )
        leap = Clock.start(datetime(2024, 1, 31, 12), 1, PARIS)
        assert leap.due_day(PARIS) == date(2024, 2, 29)

    def test_nonsense_is_refused(self) -> None:
        at = datetime(2026, 1, 31)
        with pytest.raises(ValueError, match="month"):
            Clock.start(at, 0, PARIS)
        with pytest.raises(ValueError, match="naive"):
            Clock.start(at.replace(tzinfo=UTC), 1, PARIS)
        clock = Clock.start(at, 1, PARIS)
        with pytest.raises(ValueError, match="day"):
            clock.pause(at, 0, PARIS)
        with pytest.raises(ValueError, match="month"):
            clock.recompute(0, at, PARIS)


class PauseTest:
    @given(zone_and_moment, st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 60))
    def test_it_ends_with_the_answer_or_the_deadline(
        self, drawn, before: int, during: int, days: int
    ) -> None:
        zone, at = drawn
        asked = at + timedelta(seconds=before)
        given_at = asked + timedelta(seconds=during)
        paused = Clock.start(at, 1, zone).pause(asked, days, zone)
        assert paused.paused
        assert paused.due_at is None
        assert not paused.is_overdue(datetime(2100, 1, 1))
        assert paused.clarify_by == last_second(day_of(asked, zone) + timedelta(days), zone)
        assert paused.next_deadline == paused.clarify_by

        resumed = paused.resume(given_at, zone)
        counted = min(days, midnights(asked, given_at, zone))
        assert resumed.due_at == reference(at, 1, counted, zone) == resumed.next_deadline
        assert resumed.paused_days == counted
        # The task that ends it later, however late, finds the same date.
        if given_at > paused.clarify_by:
            assert resumed == paused.resume(given_at + timedelta(days=400), zone)

    @given(zone_and_moment, st.integers(0, 10**7), st.integers(0, 10**6), st.integers(1, 60))
    def test_a_longer_pause_never_shortens(self, drawn, length: int, more: int, days: int) -> None:
        zone, at = drawn
        paused = Clock.start(at, 1, zone).pause(at, days, zone)
        short = paused.resume(at + timedelta(seconds=length), zone)
        long = paused.resume(at + timedelta(seconds=length + more), zone)
        longer = Clock.start(at, 1, zone).pause(at, days + 1, zone)
        assert Clock.start(at, 1, zone).due_at <= short.due_at <= long.due_at
        assert long.due_at <= longer.resume(at + timedelta(seconds=length + more), zone).due_at

    def test_one_second_over_midnight_is_a_day_and_a_day_without_midnight_is_none(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1, 8), 1, PARIS)
        over = clock.pause(datetime(2026, 6, 10, 21, 59, 59), 15, PARIS)
        assert over.resume(datetime(2026, 6, 10, 22, 0, 0), PARIS).paused_days == 1
        within = clock.pause(datetime(2026, 6, 9, 22, 0, 0), 15, PARIS)
        again = within.resume(datetime(2026, 6, 10, 21, 59, 59), PARIS)
        assert again == replace(clock, clarify_by=within.clarify_by)

    def test_days_are_local_when_clocks_change(self) -> None:
        # 29 March 2026 has 23 hours in Paris, 25 October 25: both are one day.
        for month, day in ((3, 28), (10, 24)):
            clock = Clock.start(datetime(2026, month, 1), 1, PARIS)
            paused = clock.pause(utc(datetime(2026, month, day, 12), PARIS), 15, PARIS)
            again = utc(datetime(2026, month, day + 1, 12), PARIS)
            assert paused.resume(again, PARIS).paused_days == 1

    def test_asking_twice_or_resuming_twice_changes_nothing(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1), 1, PARIS)
        assert clock.resume(datetime(2026, 6, 2), PARIS) == clock
        paused = clock.pause(datetime(2026, 6, 3), 15, PARIS)
        assert paused.pause(datetime(2026, 6, 5), 30, PARIS) == paused
        resumed = paused.resume(datetime(2026, 6, 6), PARIS)
        assert resumed.resume(datetime(2026, 6, 9), PARIS) == resumed

    def test_asking_again_after_the_deadline_counts_what_was_not_noticed(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1), 1, PARIS)
        first = clock.pause(datetime(2026, 6, 3), 5, PARIS).remind()
        second = first.pause(datetime(2026, 6, 20), 5, PARIS)
        assert second.paused_days == 5
        assert not second.reminded
        assert second.resume(datetime(2026, 6, 22), PARIS).paused_days == 7

    def test_the_deadline_stays_known_after_it_passed(self) -> None:
        paused = Clock.start(datetime(2026, 6, 1), 1, PARIS).pause(datetime(2026, 6, 3), 5, PARIS)
        lapsed = paused.resume(datetime(2026, 7, 30), PARIS)
        assert lapsed.clarify_by == paused.clarify_by
        assert lapsed.next_deadline == lapsed.due_at


class MergeTest:
    @given(zone_and_moment, st.integers(0, 10**7), st.integers(0, 10**7))
    def test_the_days_merged_count_as_paused(self, drawn, before: int, during: int) -> None:
        zone, at = drawn
        merged = at + timedelta(seconds=before)
        unmerged = merged + timedelta(seconds=during)
        clock = Clock.start(at, 1, zone)
        stopped = clock.stop(merged)
        assert stopped.paused
        assert stopped.due_at is None
        assert stopped.next_deadline is None
        assert stopped.stop(unmerged) == stopped
        assert stopped.resume(unmerged, zone) == stopped
        assert stopped.pause(unmerged, 15, zone) == stopped
        again = stopped.unmerge(unmerged, zone)
        assert again.due_at == reference(at, 1, midnights(merged, unmerged, zone), zone)
        assert again.unmerge(unmerged + timedelta(days=9), zone) == again

    def test_a_clarification_awaited_when_merged_keeps_its_days_and_counts_them_once(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1, 10), 1, PARIS)
        paused = clock.pause(datetime(2026, 6, 3, 10), 15, PARIS)
        unmerged = paused.stop(datetime(2026, 6, 8, 10)).unmerge(datetime(2026, 6, 28, 10), PARIS)
        assert unmerged.paused_at == paused.paused_at
        assert local_day(unmerged.clarify_by, PARIS) == date(2026, 7, 8)  # 18 June + 20 days
        assert unmerged.resume(datetime(2026, 6, 30, 10), PARIS).paused_days == 27
        assert unmerged.resume(datetime(2026, 9, 30, 10), PARIS).paused_days == 15 + 20

    def test_a_deadline_that_passed_before_merging_ended_the_pause(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1, 10), 1, PARIS)
        paused = clock.pause(datetime(2026, 6, 3, 10), 5, PARIS)
        unmerged = paused.stop(datetime(2026, 6, 20, 10)).unmerge(datetime(2026, 6, 25, 10), PARIS)
        assert not unmerged.paused
        assert unmerged.paused_days == 5 + 5


class AnswerTest:
    AT = datetime(2026, 6, 1, 10)

    def test_an_answer_stops_everything_and_the_first_counts(self) -> None:
        paused = Clock.start(self.AT, 1, PARIS).pause(datetime(2026, 6, 3), 15, PARIS)
        answered = paused.answer(datetime(2026, 6, 7), PARIS)
        assert answered.due_at is None
        assert not answered.paused
        assert answered.paused_days == 4
        assert answered.due_day(PARIS) == date(2026, 7, 5)
        later = datetime(2026, 8, 1)
        assert answered.answer(later, PARIS) == answered
        assert answered.pause(later, 15, PARIS) == answered
        assert answered.resume(later, PARIS) == answered
        assert answered.stop(later) == answered
        assert answered.unmerge(later, PARIS) == answered
        assert answered.recompute(3, later, PARIS) == answered
        assert not answered.is_overdue(later)

    @given(zone_and_moment, st.integers(0, 10**8), st.integers(1, 3))
    def test_reopening_starts_again_from_nothing(self, drawn, later: int, months: int) -> None:
        zone, at = drawn
        again = at + timedelta(seconds=later)
        old = Clock.start(at, 1, zone).extend(9, "congés", zone).tell_overdue()
        new = old.answer(at, zone).reopen(again, zone, months)
        assert new.due_at == Clock.start(again, months, zone).due_at
        assert (new.paused_days, new.extended_days, new.told_overdue) == (0, 0, False)
        assert new.reopen(again + timedelta(days=3), zone) == new
        assert old.stop(at).reopen(again, zone).due_at == Clock.start(again, 1, zone).due_at


class ExtensionTest:
    @given(zone_and_moment, st.integers(1, 90), st.integers(0, 10**6))
    def test_it_adds_local_days_in_any_order(self, drawn, days: int, seconds: int) -> None:
        zone, at = drawn
        end = at + timedelta(seconds=seconds)
        clock = Clock.start(at, 1, zone)
        first = clock.extend(days, "vacances", zone).pause(at, 15, zone).resume(end, zone)
        during = clock.pause(at, 15, zone).extend(days, "vacances", zone).resume(end, zone)
        after = clock.pause(at, 15, zone).resume(end, zone).extend(days, "vacances", zone)
        assert first == during == after
        counted = min(15, midnights(at, end, zone))
        assert after.due_at == reference(at, 1, counted + days, zone)

    def test_once_and_for_a_reason(self) -> None:
        clock = Clock.start(datetime(2026, 6, 1), 1, PARIS)
        for days, reason in ((5, "  "), (0, "congés"), (-5, "congés")):
            with pytest.raises(ValueError, match="reason"):
                clock.extend(days, reason, PARIS)
        extended = clock.extend(5, " congés ", PARIS)
        assert extended.extension_reason == "congés"
        with pytest.raises(ValueError, match="once"):
            extended.extend(5, "encore", PARIS)
        for over in (clock.answer(clock.started_at, PARIS), clock.stop(clock.started_at)):
            with pytest.raises(ValueError, match="running"):
                over.extend(5, "congés", PARIS)


class SettingsTest:
    AT = datetime(2026, 1, 10, 10)

    def test_open_requests_follow_and_nobody_gets_a_mail_for_the_past(self) -> None:
        clock = Clock.start(self.AT, 3, PARIS)
        now = datetime(2026, 3, 1)
        shorter = clock.recompute(1, now, PARIS)
        assert shorter.is_overdue(now)
        assert shorter.told_overdue
        assert not clock.recompute(2, now, PARIS).told_overdue
        assert clock.recompute(3, now, PARIS) == clock
        assert shorter.recompute(1, now, PARIS) == shorter

    def test_who_was_late_already_is_still_told(self) -> None:
        late = Clock.start(self.AT, 2, PARIS)
        now = datetime(2026, 4, 1)
        assert late.is_overdue(now)
        assert not late.recompute(1, now, PARIS).told_overdue

    def test_a_paused_one_that_would_resume_in_the_past_is_not_mailed_either(self) -> None:
        paused = Clock.start(self.AT, 3, PARIS).pause(datetime(2026, 3, 1), 15, PARIS)
        shorter = paused.recompute(1, datetime(2026, 3, 3), PARIS)
        assert shorter.due_at is None
        assert shorter.told_overdue
        assert shorter.resume(datetime(2026, 3, 4), PARIS).is_overdue(datetime(2026, 3, 4))

    @given(zone_and_moment, zones, st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**7))
    def test_it_is_as_if_the_setting_had_always_been_so(
        self, drawn, other: ZoneInfo, months: int, new: int, later: int
    ) -> None:
        zone, at = drawn
        now = at + timedelta(seconds=later)
        changed = Clock.start(at, months, zone).recompute(new, now, other)
        assert changed.due_at == Clock.start(at, new, other).due_at
        old = Clock.start(at, months, zone)
        assert changed.told_overdue == (changed.is_overdue(now) and not old.is_overdue(now))


# --- Any life -------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.sampled_from(["pause", "resume", "stop", "unmerge", "extend", "nothing"]),
        st.integers(0, 15 * 24 * 60),  # minutes before it
    ),
    max_size=12,
)


class Reference:
    """The same life told by a person with a wall calendar: each day that somebody else held."""

    def __init__(self, at: datetime, zone: ZoneInfo):
        self.at, self.zone, self.days, self.extended = at, zone, 0, 0
        self.asked: date | None = None  # since when a clarification is awaited
        self.left = 0  # days it may still take
        self.merged = False

    def night(self, day_before: date) -> None:
        """A midnight passes."""
        if self.merged:
            self.days += 1
        elif self.asked and self.left:
            self.days += 1
            self.left -= 1
        elif self.asked:
            self.asked = None  # the deadline was the end of `day_before`

    def do(self, what: str, at: datetime) -> None:
        if what == "pause" and not self.merged and not self.asked:
            self.asked, self.left = day_of(at, self.zone), 6
        elif what == "resume" and not self.merged:
            self.asked = None
        elif what == "stop":
            self.merged = True
        elif what == "unmerge":
            self.merged = False
        elif what == "extend" and not self.merged and not self.extended:
            self.extended = 7


class LifeTest:
    @settings(max_examples=300)
    @given(zone_and_moment, steps)
    @example(
        (PARIS, datetime(2026, 1, 31, 22, 59, 59)), [("pause", 1), ("stop", 1), ("unmerge", 1)]
    )
    def test_any_sequence_agrees_with_the_wall_calendar(self, drawn, steps) -> None:
        zone, at = drawn
        assume(zone in ZONES)  # a calendar whose midnights come once
        clock, told = Clock.start(at, 1, zone), Reference(at, zone)
        now = at
        for what, minutes in steps:
            before, now = day_of(now, zone), now + timedelta(minutes=minutes)
            while before < day_of(now, zone):
                told.night(before)
                before += timedelta(days=1)
            told.do(what, now)
            clock = self._do(clock, what, now, zone)
            self._holds(clock, zone)
        end = clock.unmerge(now, zone).resume(now, zone)
        assert end.due_at == reference(at, 1, told.days + told.extended, zone)

    def _do(self, clock: Clock, what: str, now: datetime, zone: ZoneInfo) -> Clock:
        if what == "pause":
            return clock.pause(now, 6, zone)
        if what == "stop":
            return clock.stop(now)
        if what == "extend":
            try:
                return clock.extend(7, "congés", zone)
            except ValueError:
                return clock
        return getattr(clock, what)(now, zone) if what != "nothing" else clock

    def _holds(self, clock: Clock, zone: ZoneInfo) -> None:
        """What is true of every clock."""
        assert (clock.due_at is None) == clock.paused
        if clock.due_at:
            local = clock.due_at.replace(tzinfo=UTC).astimezone(zone)
            assert (local.hour, local.minute, local.second) == (23, 59, 59)
            assert local.date() == clock.due_day(zone)
        assert Clock.of(clock.to_mongo()) == clock
        assert Clock.of(bson.decode(bson.encode(clock.to_mongo()))) == clock

    def test_a_document_of_another_version_is_read(self) -> None:
        clock = Clock.start(datetime(2026, 1, 31), 1, PARIS)
        stored = clock.to_mongo() | {"from_the_future": 1}
        del stored["reopened"], stored["stopped_at"]
        assert Clock.of(stored) == clock

    def test_microseconds_do_not_outlive_the_database(self) -> None:
        clock = Clock.start(datetime(2026, 1, 31, 10, 0, 0, 123456), 1, PARIS)
        assert Clock.of(bson.decode(bson.encode(clock.to_mongo()))) == clock


def plain(words: str) -> str:
    """With ordinary spaces, which is how they are typed here."""
    return words.replace("\N{NO-BREAK SPACE}", " ")


# --- In words -------------------------------------------------------------------------------------


class WordsTest(PluginTestCase):
    CLOCK = Clock.start(datetime(2026, 1, 31, 10), 1, PARIS)

    def say(self, clock: Clock, lang: str, **kwargs) -> str:
        with self.app.test_request_context(), speaking(lang):
            return plain(explanation(clock, PARIS, **kwargs))

    def paused(self) -> Clock:
        paused = self.CLOCK.pause(datetime(2026, 2, 10, 10), 15, PARIS)
        return paused.resume(datetime(2026, 2, 13, 10), PARIS)

    def test_a_citizen_can_check_the_computation(self) -> None:
        assert self.say(self.paused(), "fr") == (
            "Reçue le 31 janvier 2026 ; un mois : jusqu’à la fin du 28 février 2026 ; "
            "3 jours de suspension : 3 mars 2026."
        )
        assert self.say(self.paused(), "en") == (
            "Received on 31 January 2026; one month: until the end of 28 February 2026; "
            "3 days of suspension: 3 March 2026."
        )

    def test_a_note_may_follow(self) -> None:
        assert self.say(self.CLOCK, "en", note="Ask us.").endswith("28 February 2026. Ask us.")
        assert self.say(self.CLOCK, "en", note="").endswith("28 February 2026.")

    def test_an_extension_gives_its_reason(self) -> None:
        extended = self.paused().extend(15, "100 % des salles sont fermées", PARIS)
        assert self.say(extended, "fr").endswith(
            "; 3 jours de suspension : 3 mars 2026 ; "
            "prolongation de 15 jours (100 % des salles sont fermées) : 18 mars 2026."
        )

    def test_what_holds_the_clock_is_said(self) -> None:
        paused = self.CLOCK.pause(datetime(2026, 2, 10, 10), 15, PARIS)
        assert self.say(paused, "fr").endswith(
            "28 février 2026 ; délai suspendu depuis le 10 février 2026, dans l’attente de "
            "précisions, au plus tard jusqu’à la fin du 25 février 2026."
        )
        stopped = self.CLOCK.stop(datetime(2026, 2, 10, 10))
        assert self.say(stopped, "fr").endswith("; délai arrêté depuis le 10 février 2026.")
        answered = self.CLOCK.answer(datetime(2026, 2, 10, 23, 30), PARIS)  # 00:30 in Paris
        assert self.say(answered, "fr").endswith("; réponse donnée le 11 février 2026.")
        again = answered.reopen(datetime(2026, 3, 2, 10), PARIS, 2)
        assert self.say(again, "fr") == (
            "Rouverte le 2 mars 2026 ; 2 mois : jusqu’à la fin du 2 mai 2026."
        )

    def test_every_state_is_said_in_english(self) -> None:
        paused = self.CLOCK.pause(datetime(2026, 2, 10, 10), 15, PARIS)
        assert self.say(paused, "en").endswith(
            "; suspended since 10 February 2026, until details are given, "
            "on 25 February 2026 at the latest."
        )
        one = self.CLOCK.extend(1, "strike", PARIS).answer(datetime(2026, 3, 1, 10), PARIS)
        assert self.say(one, "en").endswith(
            "; extended by 1 day (strike): 1 March 2026; answered on 1 March 2026."
        )
