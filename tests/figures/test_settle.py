"""The settle protocol: figures stay exact whoever writes at once, and whoever dies at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database
from udata import settings as udata_settings

from udata_culture_feedback.figures.settle import (
    BATCH,
    becomes_due,
    heard,
    recount,
    settle,
    settle_and_read,
    settle_some,
)

from ..ballots import TOWN, Election
from ..killing import Actor, DiesAt, Killed, interleave
from ..processes import Workers

NORTH, SOUTH = "box:north", "box:south"


@pytest.fixture(scope="module")
def uri() -> str:
    return udata_settings.Testing.MONGODB_HOST_TEST


@pytest.fixture(scope="module")
def database(uri: str) -> Iterator[Database]:
    with MongoClient(uri) as client:
        database = client.get_default_database()
        election = Election(database)
        for collection in (election.ballots, election.counts):
            collection.create_index("due", partialFilterExpression={"due": {"$exists": True}})
        yield database
        for collection in (election.ballots, election.counts):
            collection.drop()


@pytest.fixture(scope="module")
def workers(uri: str) -> Iterator[Workers]:
    with Workers("tests.ballots", uri) as workers:
        yield workers


@pytest.fixture
def election(database: Database) -> Election:
    election = Election(database)
    election.open(NORTH, SOUTH)
    return election


def assert_exact(election: Election) -> None:
    """Every figure is what the ballots say, everything has heard of everything, and whoever checks
    finds nothing."""
    assert election.figures() == election.truth()
    for collection in (election.ballots, election.counts):
        assert collection.find_one({"due": {"$exists": True}}) is None
    assert election.recount_all(check=True) == {}


def assert_exact_in(election: Election, box: str) -> None:
    assert election.figures()[box] == election.truth()[box]
    assert not election.waiting(box)


# Many at once.


def test_twelve_people_who_write_at_once_are_all_counted(
    election: Election, workers: Workers
) -> None:
    left = workers.run(*(("vote", {"voter": voter, "times": 25}) for voter in range(12)))
    election.settle_all()
    assert_exact(election)
    # Whatever was torn is gone or goes: it is not what is left that counts it.
    assert election.ballots.count_documents({"live": {"$ne": {}}}) == sum(left)


def test_a_recount_while_people_write_finds_nothing_and_breaks_nothing(
    election: Election, workers: Workers
) -> None:
    *_left, found, found_too = workers.run(
        *(("vote", {"voter": voter, "times": 25}) for voter in range(4)),
        *[("recount_again_and_again", {"times": 8})] * 2,
    )
    assert found == found_too == {}
    election.settle_all()
    assert_exact(election)


# Death at any moment. Two ballots are there and counted; then somebody does one of `DEEDS`, and
# dies at the first, second, … command; then comes one of `SEQUELS`.

BEFORE = [["cast", "anna", NORTH, {"yes": 2}], ["cast", "ben", NORTH, {"no": 1}], ["settle_all"]]

DEEDS: dict[str, list[list[Any]]] = {
    "a first ballot": [["cast", "carla", SOUTH, {"yes": 1}]],
    "one more, the box known": [["post", "carla", NORTH, {"yes": 1}]],
    "one more, the box answered": [["send", "carla", NORTH, {"yes": 1}]],
    "two, the box known": [
        ["post", "carla", NORTH, {"yes": 1}],
        ["post", "dora", NORTH, {"no": 1}],
    ],
    "a change": [["change", "anna", {"no": 3}]],
    "a move": [["change", "anna", SOUTH, {"yes": 1}]],
    "a removal": [["tear", "anna"]],
    "a change of two": [["change", "anna", {"no": 3}], ["change", "ben", SOUTH, {"no": 2}]],
}

SEQUELS: dict[str, list[list[Any]]] = {
    "the same ballot changes": [["change", "anna", {"yes": 7}]],
    "the same ballot is as before": [["change", "anna", NORTH, {"yes": 2}]],
    "the same ballot is removed": [["tear", "anna"]],
    "another ballot comes first": [["cast", "dora", NORTH, {"yes": 5}], ["settle", NORTH]],
    "the town is settled first": [["settle_town"]],
    "everything is settled twice": [["settle_all"], ["settle_all"]],
    "a recount comes first": [["recount_all"]],
}


@pytest.mark.parametrize("moment", ["started", "succeeded"])
@pytest.mark.parametrize("deed", DEEDS)
def test_a_process_killed_at_any_command_loses_nothing_and_counts_nothing_twice(
    election: Election, workers: Workers, deed: str, moment: str
) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        died = workers.dies("do", n, moment, steps=[*DEEDS[deed], ["settle_all"]])
        election.settle_all()
        assert_exact(election)
        if not died:
            assert n > 10  # it was killed at each of these
            break


def dies(election: Election, steps: list[list[Any]], at: int, *, applied: bool = False) -> bool:
    """Does this in this very process, up to the n-th command. False when there are fewer."""
    try:
        election.seen_by(DiesAt(at, applied=applied).through).do(*steps)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("sequel", SEQUELS)
@pytest.mark.parametrize(
    "deed", ["a first ballot", "two, the box known", "a change", "a move", "a removal"]
)
def test_after_a_death_at_any_command_figures_are_exact_whatever_comes_next(
    election: Election, deed: str, sequel: str
) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        died = dies(election, [*DEEDS[deed], ["settle_all"]], n, applied=True)
        election.do(*SEQUELS[sequel])
        election.settle_all()
        assert_exact(election)
        if not died:
            break


def test_two_who_die_one_after_the_other_leave_exact_figures(election: Election) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    first_died = True
    for first in count(1):
        if not first_died:
            break
        for second in count(1):
            election.put_back(counted)
            first_died = dies(election, [["change", "anna", {"no": 3}], ["settle", NORTH]], first)
            second_died = dies(election, [["settle", NORTH]], second, applied=True)
            election.change("anna", SOUTH, yes=first)
            election.settle_all()
            assert_exact(election)
            if not second_died:
                break


def test_a_ballot_that_goes_back_while_its_change_is_being_counted_is_right(
    election: Election,
) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        died = dies(election, [["change", "anna", {"no": 1}], ["settle", NORTH]], n, applied=True)
        election.change("anna", yes=2)
        election.settle_all()
        assert election.figures()[NORTH] == {"yes": 2, "no": 1}
        assert_exact(election)
        if not died:
            break


def test_a_removal_that_is_not_counted_yet_keeps_its_ballot(
    election: Election,
) -> None:
    election.do(*BEFORE)
    election.change("anna")  # says nothing any more
    bury = {"_id": "anna", "live": {}, "due": {"$exists": False}}
    assert not election.ballots.delete_one(bury).deleted_count
    election.settle(NORTH)
    assert election.ballots.delete_one(bury).deleted_count
    election.settle_all()
    assert election.figures() == {NORTH: {"no": 1}, SOUTH: {}, TOWN: {"no": 1}}


# Several at once, one command at a time.


def test_who_removes_a_ballot_that_somebody_else_is_counting_hears_of_it(
    election: Election,
) -> None:
    election.cast("anna", NORTH, yes=1)

    def count(actor: Actor) -> None:
        election.seen_by(actor.through).settle(NORTH)

    def remove(actor: Actor) -> None:
        election.seen_by(actor.through).tear("anna")

    # One looks at the box and at the ballot; the other one removes it and looks at the box; the
    # first counts what it saw; the other looks at the ballot: "nothing counted, nothing to say".
    interleave([count, remove], [0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])
    election.settle_all()
    assert_exact(election)
    assert election.figures()[NORTH] == {}


def something(ballots: int) -> st.SearchStrategy[list[Any]]:
    """Anything that somebody may do."""
    ballot, box = st.integers(0, ballots), st.sampled_from((NORTH, SOUTH))
    says = st.fixed_dictionaries({}, optional={"yes": st.just(1), "no": st.integers(1, 3)})
    return st.one_of(
        st.tuples(st.sampled_from(("cast", "post", "send")), ballot, box, says),
        st.tuples(st.just("change"), ballot, says),
        st.tuples(st.just("change"), ballot, box, says),
        st.tuples(st.sampled_from(("tear", "annotate")), ballot),
        st.tuples(st.just("settle"), box),
        st.sampled_from((("settle_town",), ("recount_all",))),
    ).map(list)


exhaustive = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(exhaustive, max_examples=120)
@given(
    scenes=st.lists(st.lists(something(2), min_size=1, max_size=2), min_size=2, max_size=3),
    order=st.lists(st.integers(0, 2), max_size=80),
    deaths=st.dictionaries(st.integers(0, 2), st.integers(0, 25), max_size=2),
)
def test_whatever_the_order_of_their_commands_the_figures_are_exact(
    election: Election,
    scenes: list[list[list[Any]]],
    order: list[int],
    deaths: dict[int, int],
) -> None:
    def scene(steps: list[list[Any]]) -> Callable[[Actor], None]:
        settled = [each for step in steps for each in (step, ["settle", NORTH])]
        return lambda actor: election.seen_by(actor.through).do(*settled)

    election.open(NORTH, SOUTH)
    election.do(["cast", 0, NORTH, {"yes": 1}], ["settle", NORTH], ["cast", 1, NORTH, {"no": 1}])
    interleave([scene(steps) for steps in scenes], order, deaths)
    if not any(election.waiting(place) for place in (NORTH, SOUTH, TOWN)):
        # Nobody has a reason to settle: what people see is right as it is.
        assert election.figures() == election.truth()
    election.settle_all()
    assert_exact(election)


@settings(exhaustive, max_examples=120)
@given(
    history=st.lists(
        st.tuples(something(5), st.none() | st.integers(1, 15), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
def test_whatever_people_do_and_wherever_they_die_the_figures_are_exact(
    election: Election, history: list[tuple[list[Any], int | None, bool]]
) -> None:
    election.open(NORTH, SOUTH)
    for step, dies_at, applied in history:
        if dies_at is None:
            election.do(step)
        else:
            dies(election, [step, ["settle", NORTH]], dies_at, applied=applied)
    election.settle_all()
    assert_exact(election)


# Settling.


def test_settling_twice_is_settling_once(election: Election) -> None:
    election.do(*BEFORE, *DEEDS["a change of two"], ["settle_all"])
    settled = election.contents()
    election.settle_all()
    assert election.contents() == settled


def test_a_thousand_ballots_are_counted_a_batch_at_a_time(
    election: Election,
) -> None:
    ballots = range(2 * BATCH + 20)
    for dies_at in (5, 6, BATCH // 2, BATCH + 3, BATCH + 8, BATCH + 30, 2 * BATCH + 10):
        election.open(NORTH, SOUTH)
        for ballot in ballots:
            election.cast(ballot, NORTH, yes=1)
        assert dies(election, [["settle", NORTH]], dies_at)
        election.change(BATCH - 1, no=1)
        assert election.settle(NORTH)
        assert election.figures()[NORTH] == {"yes": len(ballots) - 1, "no": 1}
        assert len(election.counts.find_one({"_id": NORTH})["last"]) <= BATCH
        election.settle_all()
        assert_exact(election)


def test_a_change_that_no_figure_shows_is_counted_as_nothing(election: Election) -> None:
    election.do(*BEFORE)
    counted = election.ballots.find_one({"_id": "anna"})["counted"]
    last = election.counts.find_one({"_id": NORTH})["last"]
    election.annotate("anna")
    election.settle(NORTH)
    ballot = election.ballots.find_one({"_id": "anna"})
    assert "due" not in ballot
    assert ballot["counted"] == counted
    assert election.counts.find_one({"_id": NORTH})["last"] == last
    assert not election.waiting(TOWN)
    assert_exact(election)


def test_a_change_taken_back_before_anybody_counted_it_is_counted_as_nothing(
    election: Election,
) -> None:
    election.do(*BEFORE)
    election.change("anna", no=9)
    election.change("anna", yes=2)
    election.settle(NORTH)
    assert not election.waiting(NORTH)
    assert not election.waiting(TOWN)
    assert_exact(election)


def test_who_is_too_busy_leaves_the_rest_to_the_next(election: Election) -> None:
    for ballot in range(BATCH + 1):
        election.cast(ballot, NORTH, yes=1)
    assert settle(election.into_box, NORTH, rounds=1) is False
    assert election.figures()[NORTH] == {"yes": BATCH}
    assert election.waiting(NORTH)
    assert election.settle(NORTH) is True
    assert election.figures()[NORTH] == {"yes": BATCH + 1}


def test_a_reader_settles_what_waits_and_otherwise_only_looks_whether_something_does(
    election: Election,
) -> None:
    commands: list[int] = []

    class Counted(DiesAt):
        def __call__(self, call: Any) -> Any:
            commands.append(1)
            return call()

    reader = election.seen_by(Counted(0).through)
    election.do(*BEFORE)
    settle_some(reader.into_box, NORTH)
    assert len(commands) == 1
    election.change("anna", yes=4)
    settle_some(reader.into_box, NORTH)
    assert election.figures()[NORTH] == {"yes": 4, "no": 1}


def test_who_has_counted_all_that_was_due_does_not_look_again(election: Election) -> None:
    commands: list[int] = []

    class Counted(DiesAt):
        def __call__(self, call: Any) -> Any:
            commands.append(1)
            return call()

    writer = election.seen_by(Counted(0).through)
    election.do(*BEFORE)
    election.change("anna", yes=4)
    assert settle(writer.into_box, NORTH)
    # Reads the box, what is due; counts; says so. To look again takes two more.
    assert len(commands) == 4
    assert not election.waiting(NORTH)
    known = election.counts.find_one({"_id": NORTH})
    election.change("ben", no=4)
    commands.clear()
    assert settle(writer.into_box, NORTH, known=known)
    assert len(commands) == 3
    assert_exact_in(election, NORTH)


def test_who_settles_a_box_and_reads_it_sees_what_was_counted(election: Election) -> None:
    election.do(*BEFORE)
    known = election.counts.find_one({"_id": NORTH})
    for voter in ("carla", "dora"):  # the second time, what is known is old
        election.cast(voter, NORTH, yes=1)
        read = settle_and_read(election.into_box, known)
        assert read == election.counts.find_one({"_id": NORTH})
        assert read["totals"] == election.truth()[NORTH]
    assert settle_and_read(election.into_box, read) == read
    for n in range(BATCH + 5):
        election.cast(1000 + n, NORTH, yes=1)
    assert settle_and_read(election.into_box, read)["totals"] == election.truth()[NORTH]
    election.counts.delete_one({"_id": NORTH})
    election.change("ben", no=1)
    assert settle_and_read(election.into_box, read) is None


def test_a_box_that_was_read_before_others_counted_is_read_again(election: Election) -> None:
    election.do(*BEFORE)
    known = election.counts.find_one({"_id": NORTH})
    election.do(*DEEDS["a change"], ["settle", NORTH], ["cast", "carla", NORTH, {"yes": 1}])
    assert settle(election.into_box, NORTH, known=known)
    assert election.figures()[NORTH] == {"no": 4, "yes": 1}
    election.settle_all()
    assert_exact(election)


def test_more_than_a_batch_behind_somebody_who_died_is_counted_once(election: Election) -> None:
    election.do(*BEFORE)
    for n in range(BATCH + 5):
        election.cast(n, NORTH, yes=1)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        died = dies(election, [["settle", NORTH]], n, applied=True)
        election.change(0, yes=3)
        election.post("carla", NORTH, yes=1)
        election.settle_all()
        assert_exact(election)
        if not died or n > BATCH:
            break


def test_what_is_due_to_a_place_that_is_not_there_harms_nobody(election: Election) -> None:
    election.cast("anna", "box:nowhere", yes=1)
    assert settle(election.into_box, "box:nowhere") is True
    assert recount(election.into_box, "box:nowhere") == {}
    election.settle_all()
    assert election.figures() == {NORTH: {}, SOUTH: {}, TOWN: {}}


def test_a_ballot_deleted_after_it_was_counted_is_not_asked_again(
    election: Election,
) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        died = dies(election, [["tear", "anna"]], n, applied=True)
        # The count still remembers, in `last`, a ballot that is no more.
        election.tear("anna")
        assert election.ballots.find_one({"_id": "anna"}) is None
        election.do(["cast", "anna", NORTH, {"yes": 4}], ["settle_all"])
        assert election.figures()[NORTH] == {"yes": 4, "no": 1}
        assert_exact(election)
        if not died:
            break


def test_due_goes_with_its_last_element_so_that_its_index_holds_only_what_waits(
    election: Election,
) -> None:
    election.do(*BEFORE)
    assert election.ballots.count_documents({"due": {"$exists": True}}) == 0
    election.change("anna", SOUTH, yes=1)
    assert sorted(election.ballots.find_one({"_id": "anna"})["due"]) == [NORTH, SOUTH]
    election.settle(SOUTH)
    assert election.ballots.find_one({"_id": "anna"})["due"] == [NORTH]
    election.settle(NORTH)
    assert "due" not in election.ballots.find_one({"_id": "anna"})
    plan = election.ballots.find({"due": NORTH}).explain()["queryPlanner"]["winningPlan"]
    assert plan["inputStage"]["indexName"] == "due_1"


def test_a_listener_that_counts_nothing_is_dropped_unless_the_ballot_has_changed(
    election: Election,
) -> None:
    election.do(*BEFORE)
    listened = {"_id": "anna"}
    election.ballots.update_one(listened, becomes_due(["press", NORTH]))
    read = election.ballots.find_one(listened)
    election.change("anna", yes=3)
    heard(election.ballots, read, "press")
    assert "press" in election.ballots.find_one(listened)["due"]
    heard(election.ballots, election.ballots.find_one(listened), "press")
    assert election.ballots.find_one(listened)["due"] == [NORTH]
    election.settle_all()
    assert_exact(election)


# Recounting.

CORRUPTIONS: dict[str, tuple[dict[str, int], dict[str, tuple[int, int]]]] = {
    "a wrong figure": ({"yes": 40, "no": 1}, {"yes": (40, 2)}),
    "a missing one": ({"yes": 2}, {"no": (0, 1)}),
    "one too many": ({"yes": 2, "no": 1, "maybe": 3}, {"maybe": (3, 0)}),
    "all of it": ({}, {"yes": (0, 2), "no": (0, 1)}),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_recount_mends_whatever_was_corrupted(election: Election, corruption: str) -> None:
    totals, wrong = CORRUPTIONS[corruption]
    election.do(*BEFORE)
    election.counts.update_one({"_id": NORTH}, {"$set": {"totals": totals}})
    assert recount(election.into_box, NORTH) == wrong
    election.settle_all()
    assert_exact(election)
    assert recount(election.into_box, NORTH) == {}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_check_says_what_is_wrong_and_changes_nothing(
    election: Election, corruption: str
) -> None:
    totals, wrong = CORRUPTIONS[corruption]
    election.do(*BEFORE)
    election.counts.update_one({"_id": NORTH}, {"$set": {"totals": totals}})
    corrupted = election.contents()
    assert recount(election.into_box, NORTH, check=True) == wrong
    assert election.contents() == corrupted


def test_a_check_counts_what_was_waiting_and_finds_nothing_wrong_with_it(
    election: Election,
) -> None:
    election.do(*BEFORE, *DEEDS["a change"])
    assert recount(election.into_box, NORTH, check=True) == {}
    assert election.figures()[NORTH] == {"no": 4}


def test_a_recount_makes_a_ballot_heard_that_a_restored_backup_left_unheard(
    election: Election,
) -> None:
    election.do(*BEFORE)
    election.ballots.update_one({"_id": "anna"}, {"$set": {"live": {"yes": 5}}, "$inc": {"v": 1}})
    wrong = {"yes": (2, 5)}
    before = election.contents()
    assert recount(election.into_box, NORTH, check=True) == wrong
    assert election.contents() == before
    assert recount(election.into_box, NORTH) == wrong
    election.settle_all()
    assert_exact(election)


def test_a_recount_forgets_entries_that_a_restored_backup_made_wrong(election: Election) -> None:
    election.do(*BEFORE)
    old = election.ballots.find_one({"_id": "anna"})
    election.do(*DEEDS["a change"], ["settle_all"])
    # The counts are of after the change, the ballot of before it.
    election.ballots.replace_one({"_id": "anna"}, old)
    assert recount(election.into_box, NORTH) == {"no": (4, 1), "yes": (0, 2)}
    election.change("anna", no=2)
    election.settle_all()
    assert_exact(election)
    assert election.figures()[NORTH] == {"no": 3}


def test_a_recount_that_dies_at_any_step_leaves_what_the_next_one_mends(
    election: Election,
) -> None:
    election.do(*BEFORE)
    counted = election.contents()
    for n in count(1):
        election.put_back(counted)
        election.counts.update_one({"_id": NORTH}, {"$set": {"totals.yes": 40}})
        election.ballots.update_one({"_id": "ben"}, {"$set": {"live": {"no": 2}}, "$inc": {"v": 1}})
        mortal = election.seen_by(DiesAt(n, applied=True).through)
        died = False
        try:
            recount(mortal.into_box, NORTH)
        except Killed:
            died = True
        election.cast("carla", NORTH, yes=1)
        election.settle(NORTH)
        recount(election.into_box, NORTH)
        election.settle_all()
        assert election.figures()[NORTH] == {"yes": 3, "no": 2}
        assert_exact(election)
        if not died:
            break
