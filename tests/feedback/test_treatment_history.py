"""The state of a treatment follows from dates, whatever the order in which they are heard of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from udata_culture_feedback.feedback.models import Treatment
from udata_culture_feedback.feedback.treatment_history import (
    HISTORY,
    Said,
    Thread,
    caught_up,
    decided,
    essence,
    new_treatment,
    own_answer,
    without_comment,
    written,
)

NOON = datetime(2026, 3, 12, 12)
THREAD, EDITOR = ObjectId(), ObjectId()


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def said(minutes: int, text: str = "Merci !") -> Said:
    return Said(f"message-{minutes}", text, at(minutes), EDITOR)


def thread(*replies: Said, closed: int | None = None, **kwargs: Any) -> Thread:
    closing = Said("", "", at(closed), EDITOR) if closed is not None else None
    return Thread(THREAD, replies=replies, closed=closing, **kwargs)


def test_a_reply_is_an_answer_and_says_that_it_was_read():
    treatment = caught_up(new_treatment(), thread(said(5)))
    assert treatment["status"] == "acknowledged"
    assert (treatment["answer"], treatment["answered_at"]) == ("Merci !", at(5))
    assert treatment["first_answered_at"] == at(5)
    assert [step["to"] for step in treatment["history"]] == ["acknowledged"]


def test_closing_resolves_what_is_open_and_leaves_what_was_declined():
    for status in ("new", "acknowledged", "planned"):
        treatment = new_treatment()
        if status != "new":
            treatment = decided(treatment, status, at(0), EDITOR)
        assert caught_up(treatment, thread(closed=5))["status"] == "resolved"
    declined = decided(new_treatment(), "declined", at(0), EDITOR, answer="Hors sujet.")
    assert caught_up(declined, thread(closed=5))["status"] == "declined"
    assert caught_up(declined, thread(closed=5))["history"] == declined["history"]


def test_a_decision_taken_after_the_closing_stands():
    closed = caught_up(new_treatment(), thread(closed=5))
    planned = decided(closed, "planned", at(9), EDITOR)
    assert planned["status"] == "planned"
    assert caught_up(planned, thread(closed=5))["status"] == "planned"
    # Heard of only afterwards: the same.
    late = decided(new_treatment(), "planned", at(9), EDITOR)
    assert essence(caught_up(late, thread(closed=5))) == essence(planned)


def test_a_decision_comes_after_what_was_seen_whatever_the_clocks_say():
    ahead = caught_up(new_treatment(), thread(closed=60))
    assert decided(ahead, "planned", at(2), EDITOR)["status"] == "planned"


def test_the_latest_answer_is_shown_wherever_it_was_given():
    treatment = decided(new_treatment(), "planned", at(2), EDITOR, answer="En avril.", worded=True)
    later = caught_up(treatment, thread(said(1, "Bonjour"), said(7, "C’est fait.")))
    assert later["answer"] == "C’est fait."
    assert later["first_answered_at"] == at(1)
    assert own_answer(later) == "En avril."
    again = decided(later, "resolved", at(9), EDITOR, answer="Corrigé en avril.")
    assert again["answer"] == "Corrigé en avril."


def test_an_answer_keeps_the_id_of_its_comment():
    first = decided(new_treatment(), "planned", at(1), EDITOR, answer="En avril.", worded=True)
    second = decided(first, "planned", at(2), EDITOR, answer="En mai.", worded=True)
    assert first["message"] == second["message"]
    assert written(second)["answer"] == "En mai."


def test_without_words_an_answer_belongs_in_no_discussion():
    treatment = decided(new_treatment(), "resolved", at(1), EDITOR, answer="Corrigé.")
    assert written(treatment) is None
    assert treatment["answer"] == own_answer(treatment) == "Corrigé."


def test_a_comment_that_is_deleted_there_is_not_said_here_any_more():
    treatment = decided(new_treatment(), "planned", at(1), EDITOR, answer="Oups", worded=True)
    deleted = without_comment(treatment, at(2))
    assert "answer" not in deleted
    assert deleted["status"] == "planned"
    assert deleted["first_answered_at"] == at(1)
    again = decided(deleted, "planned", at(3), EDITOR, answer="En mai.", worded=True)
    assert again["answer"] == "En mai."
    assert again["message"] != treatment["message"]


def test_a_comment_rewritten_there_is_what_is_said():
    treatment = decided(new_treatment(), "planned", at(1), EDITOR, answer="En avril.", worded=True)
    edited = Said(treatment["message"], "En juin.", at(4), EDITOR)
    rewritten = caught_up(treatment, thread(rewritten=edited))
    assert rewritten["answer"] == own_answer(rewritten) == "En juin."
    later = decided(rewritten, "planned", at(5), EDITOR, answer="En mai.", worded=True)
    assert caught_up(later, thread(rewritten=edited))["answer"] == "En mai."


def test_a_reply_that_is_deleted_leaves_the_feedback_waiting_again():
    replied = caught_up(new_treatment(), thread(said(5)))
    deleted = caught_up(replied, thread())
    assert deleted["status"] == "new"
    assert "answer" not in deleted
    assert deleted["first_answered_at"] == at(5)


def test_the_history_is_bounded_and_goes_on_from_where_it_was_cut():
    treatment = new_treatment()
    for minute in range(HISTORY * 2):
        status = "planned" if minute % 2 else "acknowledged"
        treatment = decided(treatment, status, at(minute), EDITOR)
    assert len(treatment["history"]) == HISTORY
    before = essence(treatment)
    # What happened before the cut cannot be told apart any more: it changes nothing.
    assert caught_up(treatment, thread(said(-5)))["status"] == before["status"]
    assert caught_up(treatment, thread(closed=HISTORY * 3))["status"] == "resolved"


# At the same millisecond, nothing says which came first: decisions have odd minutes.
moments = st.integers(0, 500).map(lambda n: 2 * n)
decisions = st.lists(
    st.tuples(
        moments.map(lambda n: n + 1),
        st.sampled_from(("acknowledged", "planned", "resolved", "declined")),
    ),
    max_size=4,
    unique_by=lambda decision: decision[0],
)
replies = st.lists(moments, max_size=4, unique=True)


@given(decisions, replies, st.none() | moments, st.data())
def test_whatever_the_order_of_deliveries_the_end_is_the_same(taken, minutes, closed, data):
    """A decision is delivered when it is taken; the discussion may be read at any time, as often as
    one likes, and each time as it was then or later."""
    taken = sorted(taken)
    everything = thread(*(said(minute) for minute in sorted(minutes)), closed=closed)

    def seen(minute: int) -> Thread:
        heard = [one for one in everything.replies if one.at <= at(minute)]
        shut = closed if closed is not None and closed <= minute else None
        return thread(*heard, closed=shut)

    treatment = new_treatment()
    for minute, status in taken:
        if data.draw(st.booleans()):
            # Whatever was read before the decision had happened before it.
            treatment = caught_up(treatment, seen(minute))
        treatment = decided(treatment, status, at(minute), EDITOR, answer=f"{status} {minute}")
        if data.draw(st.booleans()):
            treatment = caught_up(treatment, seen(minute))
    for _again in range(data.draw(st.integers(1, 3))):
        treatment = caught_up(treatment, everything)

    expected = new_treatment()
    for minute, status in taken:
        expected = decided(expected, status, at(minute), EDITOR, answer=f"{status} {minute}")
    expected = caught_up(expected, everything)
    assert treatment["status"] == independently(taken, minutes, closed)
    ended = ("status", "answer", "first_answered_at", "replies")
    assert {k: treatment.get(k) for k in ended} == {k: expected.get(k) for k in ended}


def independently(taken: list[tuple[int, str]], minutes: list[int], closed: int | None) -> str:
    """The status by the rule, told again: the last decision, unless somebody closed it since; a
    reply only says that it was read."""
    if taken:
        minute, status = max(taken)
        shut = closed is not None and closed >= minute and status != Treatment.DECLINED
        return "resolved" if shut else status
    if closed is not None:
        return "resolved"
    return "acknowledged" if minutes else "new"
