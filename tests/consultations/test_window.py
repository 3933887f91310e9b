"""Windows: half-open, to the second, by the server's clock, whatever clocks do in the portal's
zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import assume, given
from hypothesis import strategies as st
from udata.core.user.factories import UserFactory

from udata_culture_feedback.consultations.window import (
    State,
    Window,
    is_ambiguous,
    read_moment,
    to_local,
    to_utc,
    typed_moment,
)
from udata_culture_feedback.web.refusals import Invalid

from .consulting import (
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    stored,
    team_member,
    utc,
)

PARIS = ZoneInfo("Europe/Paris")
ZONES = st.sampled_from(
    [
        "Europe/Paris",
        "America/Cayenne",
        "America/New_York",
        "Australia/Lord_Howe",  # half an hour
        "Pacific/Noumea",
        "America/St_Johns",
        "Africa/Casablanca",
        "Pacific/Apia",  # a day that was left out
    ]
).map(ZoneInfo)
LOCAL = st.datetimes(datetime(1995, 1, 1), datetime(2036, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2036, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)

app = Flask(__name__)
app.config["CULTURE_FEEDBACK_CONSULTATION_GRACE"] = 15
app.config["CULTURE_FEEDBACK_TIMEZONE"] = "Europe/Paris"


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """By walking from the other side: some moment is called that."""
    near = local.replace(tzinfo=UTC)
    return any(
        (near + timedelta(minutes=15 * quarter)).astimezone(zone).replace(tzinfo=None, fold=0)
        == local
        for quarter in range(-100, 101)
    )


@given(LOCAL, ZONES)
def test_a_local_time_is_kept_or_refused_and_never_moved(local: datetime, zone: ZoneInfo) -> None:
    for closing in (False, True):
        try:
            moment = to_utc(local, zone, closing=closing)
        except Invalid as refusal:
            assert not exists(local, zone)
            proposed = str(refusal.message).split("choose ")[1][:5]
            later = local.replace(hour=int(proposed[:2]), minute=int(proposed[3:]))
            if later > local:
                to_utc(later, zone)  # what is proposed does exist
        else:
            assert to_local(moment, zone).replace(tzinfo=None, fold=0) == local


@given(MOMENTS, ZONES)
def test_every_moment_can_be_typed_and_read_back_but_for_the_hour_that_comes_twice(
    moment: datetime, zone: ZoneInfo
) -> None:
    typed = typed_moment(moment, zone)
    local = datetime.fromisoformat(typed)
    opening = read_moment(typed, zone)
    closing = read_moment(typed, zone, closing=True)
    assert opening <= moment <= closing
    if is_ambiguous(local, zone):
        assert closing - opening <= timedelta(hours=1)
        assert moment in (opening, closing)
    else:
        assert opening == moment == closing


@given(MOMENTS, ZONES)
def test_an_offset_says_it_all(moment: datetime, zone: ZoneInfo) -> None:
    aware = to_local(moment, zone)
    if aware.utcoffset() % timedelta(minutes=1) == timedelta():  # type: ignore[operator]
        assert read_moment(aware.isoformat(), ZoneInfo("Asia/Tokyo")) == moment


@given(MOMENTS, st.integers(1, 10**7), st.integers(-(10**7), 2 * 10**7))
def test_a_window_is_open_from_its_first_second_until_before_its_end(
    opens_at: datetime, length: int, when: int
) -> None:
    window = Window(opens_at, opens_at + timedelta(seconds=length))
    state = window.state(opens_at + timedelta(seconds=when))
    assert state is (State.SCHEDULED if when < 0 else State.OPEN if when < length else State.CLOSED)
    assert Window(opens_at, window.closes_at, published=False).state(opens_at) is State.DRAFT


@given(MOMENTS, st.integers(1, 10**6), st.integers(-100, 2 * 10**6), st.integers(-100, 2 * 10**6))
def test_who_began_in_time_may_end_within_the_grace_and_nobody_else(
    opens_at: datetime, length: int, began: int, sent: int
) -> None:
    window = Window(opens_at, opens_at + timedelta(seconds=length))
    with app.app_context():
        accepted = window.accepts(
            opens_at + timedelta(seconds=sent), opens_at + timedelta(seconds=began)
        )
        without = window.accepts(opens_at + timedelta(seconds=sent), None)
        sealed = window.sealed(opens_at + timedelta(seconds=sent))
    in_time = 0 <= sent < length
    assert without is in_time
    assert accepted is (in_time or (0 <= began < length <= sent < length + 900))
    # The seal holds for as long as anybody may answer.
    assert sealed or not accepted
    assert sealed is (sent < length + 900)


@given(LOCAL, st.integers(1, 60 * 24 * 90), st.integers(-3000, 60 * 24 * 92), ZONES)
def test_whenever_the_clock_on_the_wall_says_that_it_is_open_it_is(
    opening: datetime, length: int, when: int, zone: ZoneInfo
) -> None:
    """Whatever clocks do meanwhile: the window is never shorter than it was announced."""
    closing = opening + timedelta(minutes=length)
    assume(exists(opening, zone))
    assume(exists(closing, zone))
    window = Window(to_utc(opening, zone), to_utc(closing, zone, closing=True))
    moment = window.opens_at + timedelta(minutes=when)
    wall = to_local(moment, zone).replace(tzinfo=None, fold=0)
    if opening <= wall < closing:
        assert window.is_open(moment)
    if window.is_open(moment):
        # Nor longer, but for the hour that comes twice.
        assert opening - timedelta(hours=1) <= wall < closing + timedelta(hours=1)


@given(MOMENTS, st.integers(1, 60 * 24 * 40), st.integers(0, 10**6), ZONES)
def test_days_left_count_down_to_nought_on_the_last_day(
    opens_at: datetime, length: int, when: int, zone: ZoneInfo
) -> None:
    window = Window(opens_at, opens_at + timedelta(minutes=length))
    moment = opens_at + timedelta(minutes=when % length)
    last = to_local(window.closes_at - timedelta(microseconds=1), zone).date()
    left = window.days_left(moment, zone)
    assert left >= 0
    assert (left == 0) is (to_local(moment, zone).date() == last)


def test_the_hours_that_do_not_exist_or_exist_twice_in_paris() -> None:
    with pytest.raises(Invalid, match="03:30"):
        to_utc(datetime(2023, 3, 26, 2, 30), PARIS)
    twice = datetime(2023, 10, 29, 2, 30)
    assert is_ambiguous(twice, PARIS)
    assert to_utc(twice, PARIS) == datetime(2023, 10, 29, 0, 30)
    assert to_utc(twice, PARIS, closing=True) == datetime(2023, 10, 29, 1, 30)


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2023-02-04T12:00:00", 2),
        ("2023-02-05T22:59:59", 1),  # still the 5th in Paris
        ("2023-02-05T23:00:00", 0),  # the last day has begun there
        ("2023-02-06T22:59:59", 0),
    ],
)
def test_days_left_are_local_days(moment: str, days: int) -> None:
    window = Window(datetime(2022, 12, 5, 23), datetime(2023, 2, 6, 23))
    assert window.days_left(utc(moment), PARIS) == days


@pytest.mark.options(**UNLIMITED)
class WindowEdgesTest(ConsultationCase):
    def test_it_opens_and_closes_to_the_second_in_the_portals_zone(self):
        with freeze_time("2022-12-01"):
            made = self.make()
        assert stored(made)["opens_at"] == utc("2022-12-05T23:00:00")  # midnight in Paris
        assert stored(made)["closes_at"] == utc("2023-02-06T23:00:00")
        for moment, state, status in (
            ("2022-12-05 22:59:59.999", "scheduled", 409),
            ("2022-12-05 23:00:00", "open", 201),
            ("2023-02-06 22:59:59.999", "open", 201),
            ("2023-02-06 23:00:00", "closed", 410),
        ):
            with freeze_time(moment):
                assert self.shown(made)["state"] == state
                response = self.answer(made, UserFactory())
                assert response.status_code == status, moment
                if status in (409, 410):
                    assert response.json["closes_at"] == "2023-02-06T23:00:00+00:00"

    def test_a_form_opened_in_time_is_accepted_until_the_end_of_the_grace(self):
        camille, dominique, late = UserFactory(), UserFactory(), UserFactory()
        with freeze_time("2022-12-01"):
            made = self.make()
        path = f"/consultations/{made['id']}/responses/"
        with freeze_time("2023-02-06 22:59:59"):
            opening = self.ask("GET", path, user=camille).json["opening"]
            other = self.ask("GET", path, user=dominique).json["opening"]
        with freeze_time("2023-02-06 23:00:00"):
            too_late = self.ask("GET", path, user=late).json["opening"]
        with freeze_time("2023-02-06 23:14:59"):
            assert self.answer(made, late, opening=too_late).status_code == 410
            assert self.answer(made, late, opening=opening).status_code == 410  # somebody else's
            assert self.answer(made, late, opening="forged").status_code == 410
            assert self.answer(made, camille, opening=opening).status_code == 201
            change = {"answers": {"use": "no"}, "opening": opening}
            assert self.ask("PUT", path, change, camille).status_code == 200
        with freeze_time("2023-02-06 23:15:00"):
            assert self.answer(made, dominique, opening=other).status_code == 410
            assert self.ask("PUT", path, change, camille).status_code == 410

    def test_a_token_of_another_consultation_opens_nothing(self):
        camille = UserFactory()
        with freeze_time("2022-12-01"):
            made, other = self.make(), self.make(closes_at="2024-01-01T00:00")
        with freeze_time("2023-01-01"):
            opening = self.ask("GET", f"/consultations/{other['id']}/responses/", user=camille)
        with freeze_time("2023-02-06 23:00:01"):
            refused = self.answer(made, camille, opening=opening.json["opening"])
            assert refused.status_code == 410

    def test_a_window_over_the_change_of_clocks_closes_when_it_said(self):
        with freeze_time("2023-03-01"):
            made = self.make(opens_at="2023-03-20T09:00", closes_at="2023-03-27T09:00")
        assert stored(made)["opens_at"] == utc("2023-03-20T08:00:00")
        assert stored(made)["closes_at"] == utc("2023-03-27T07:00:00")

    def test_a_time_that_does_not_exist_is_named(self):
        with freeze_time("2023-03-01"):
            team = self.body(opens_at="2023-03-26T02:30", closes_at="2023-04-26T02:30")
            refused = self.ask("POST", "/consultations/?lang=en", team, team_member())
        assert refused.status_code == 400
        assert "03:30" in refused.json["errors"]["opens_at"]

    @pytest.mark.parametrize("wrong", ["tomorrow", "2023-02-30T09:00", 12, None, "2023-02-20", ""])
    def test_what_is_no_date_is_named(self, wrong):
        body = self.body(closes_at=wrong)
        refused = self.ask("POST", "/consultations/", body, team_member())
        assert refused.status_code == 400
        assert "closes_at" in refused.json["errors"]
