"""Whatever people do in whatever order, a request shows how many distinct persons are behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mongoengine.connection import get_db
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.data_requests import (
    actions,
    figures,
    lifecycle,
    merging,
    models,
    repository,
    supports,
    upkeep,
)
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.data_requests.workflow import OPEN
from udata_culture_feedback.people.viewer import Viewer, viewer_of

from ..cases import PluginTestCase
from ..killing import Actor, DiesAt, Killed, Stepwise, interleave
from .asking import (
    UNLIMITED,
    assert_exact,
    merge,
    moderator,
    move,
    refused,
    shown_supports,
    somebody,
    stored,
    unmerge,
    wish,
)

PEOPLE, REQUESTS = 4, 4
BY_THE_MODERATOR = ("merge", "unmerge", "published", "declined", "acknowledged")
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


class Book:
    """The model: what each person did, in sets, without any of our code.

    Behind a request are those who support it, and those who asked for or support the requests
    merged into it; who asked for it is counted apart. Withdrawing takes back the support of a
    request and of those merged into it, never what one asked for. A merge takes along what was
    merged before; an unmerge gives back that request alone.
    """

    def __init__(self) -> None:
        self.asker: dict[int, int | None] = {}
        self.status: dict[int, str] = {}
        self.former: dict[int, str] = {}
        self.into: dict[int, int] = {}
        self.direct: dict[int, set[int]] = {}

    def behind(self, request: int) -> set[int]:
        found = set(self.direct[request])
        for merged in self.merged(request):
            found |= self.direct[merged] | ({self.asker[merged]} - {None})
        return found - {self.asker[request]}

    def merged(self, request: int) -> list[int]:
        return [one for one, into in self.into.items() if into == request]

    def is_open(self, request: int) -> bool:
        return self.status[request] in OPEN

    def ask(self, person: int, request: int) -> bool:
        if request in self.asker:
            return False
        self.asker[request], self.status[request], self.direct[request] = person, "submitted", set()
        return True

    def support(self, person: int, request: int) -> bool:
        target = self.into.get(request, request)
        if not self.is_open(target):
            return False
        self.direct[target].add(person)
        return True

    def take_back(self, person: int, request: int) -> bool:
        target = self.into.get(request, request)
        for one in (target, *self.merged(target)):
            self.direct[one].discard(person)
        return True

    def merge(self, request: int, into: int) -> bool:
        may = self.is_open(request) and request != into
        if not may or not (self.is_open(into) or self.status[into] == "published"):
            return False
        for chained in self.merged(request):
            self.into[chained] = into
        self.former[request], self.status[request] = self.status[request], "duplicate"
        self.into[request] = into
        return True

    def unmerge(self, request: int) -> bool:
        if request not in self.into:
            return False
        self.status[request] = self.former.pop(request)
        del self.into[request]
        return True

    def leave(self, person: int, request: int, *, delete: bool) -> bool:
        if self.asker[request] != person or not (delete or self.is_open(request)):
            return False
        for one in (request, *self.merged(request)):
            self.direct[one].discard(person)
        if self.behind(request):
            self.asker[request] = None
        elif not delete:
            self.status[request] = "withdrawn"
        else:
            for chained in self.merged(request):
                self.unmerge(chained)
            for facts in (self.asker, self.status, self.direct, self.into, self.former):
                facts.pop(request, None)
        return True

    def resubmit(self, person: int, request: int) -> bool:
        if self.asker[request] != person or self.status[request] != "withdrawn":
            return False
        self.status[request] = "submitted"
        return True

    def decide(self, request: int, to: str) -> bool:
        if to == "acknowledged":
            may = self.status[request] in ("published", "declined")
        else:
            may = self.is_open(request)
        if may:
            self.status[request] = to
        return may


STEP = st.tuples(
    st.sampled_from(
        ["support"] * 4
        + ["merge"] * 3
        + ["ask", "ask", "unmerge", "take_back", "take_back", "delete", "withdraw", "resubmit"]
        + ["published", "declined", "acknowledged", "forget"]
    ),
    st.integers(0, PEOPLE - 1),
    st.integers(0, REQUESTS - 1),
    st.integers(0, REQUESTS - 1),
)


class Life:
    """The same, lived on a real database."""

    def __init__(self) -> None:
        for model in (
            models.CultureFeedbackRequest,
            models.CultureFeedbackSupport,
            models.CultureFeedbackRequestFigures,
        ):
            model._get_collection().delete_many({})
        self.book = Book()
        self.people: list[Viewer] = [somebody() for _ in range(PEOPLE)]
        self.gone: set[int] = set()
        self.ids: dict[int, ObjectId] = {}
        self.moderator = moderator()

    def step(self, what: str, person: int, request: int, other: int) -> None:
        book, ids = self.book, self.ids
        if what == "forget":
            # No document of udata says that this account exists: it is deleted.
            lifecycle.forget_account(self.people[person].user_id)
            self.gone.add(person)
            return
        if what == "ask":
            if person not in self.gone and book.ask(person, request):
                ids[request] = wish(self.people[person], title=f"Demande {request}")
            return
        if request not in ids or request not in book.asker:
            return
        who, id = self.people[person], ids[request]
        calls: dict[str, tuple[Callable[[], bool], Callable[[], Any]]] = {
            "support": (
                lambda: book.support(person, request),
                lambda: actions.support(who, id),
            ),
            "take_back": (
                lambda: book.take_back(person, request),
                lambda: actions.withdraw_support(who, id),
            ),
            "unmerge": (
                lambda: book.unmerge(request),
                lambda: (
                    unmerge(self.moderator, id)
                    if "merged_from" in stored(id)
                    else move(self.moderator, id, "submitted")
                ),
            ),
            "delete": (
                lambda: book.leave(person, request, delete=True),
                lambda: actions.delete(who, id),
            ),
            "withdraw": (
                lambda: book.leave(person, request, delete=False),
                lambda: move(who, id, "withdrawn"),
            ),
            "resubmit": (
                lambda: book.resubmit(person, request),
                lambda: move(who, id, "submitted"),
            ),
        }
        if what == "merge":
            if other not in book.asker:
                return
            calls["merge"] = (
                lambda: book.merge(request, other),
                lambda: merge(self.moderator, id, ids[other]),
            )
        if what in ("published", "declined", "acknowledged"):
            if what == "acknowledged" and book.status[request] not in ("published", "declined"):
                return  # another move of the table, of no matter here
            calls[what] = (
                lambda: book.decide(request, what),
                lambda: move(self.moderator, id, what),
            )
        if person in self.gone and what not in BY_THE_MODERATOR:
            return
        in_the_book, in_life = calls[what]
        may = in_the_book()
        assert refused(in_life) != may, (what, person, request, other)

    def agrees(self) -> None:
        for request in self.book.asker:
            found = stored(self.ids[request])
            assert found["status"] == self.book.status[request]
            assert shown_supports(found["_id"]) == len(self.book.behind(request)), request
        assert requests().count_documents({}) == len(self.book.asker)
        assert_exact()


@pytest.mark.options(**UNLIMITED)
class MergingTest(PluginTestCase):
    def test_any_sequence_of_what_people_do_keeps_every_count(self):
        @settings(max_examples=15, deadline=None, suppress_health_check=SLOW, database=None)
        @given(st.lists(STEP, min_size=10, max_size=30))
        def lived(steps: list[tuple[str, int, int, int]]) -> None:
            life = Life()
            for request in range(3):
                life.step("ask", request % PEOPLE, request, 0)
            for step in steps:
                life.step(*step)
                life.agrees()

        lived()

    def test_an_unmerge_gives_back_the_status_the_clock_and_its_own_people(self):
        chief, asker, other = moderator(), somebody(), somebody()
        one, into = wish(asker), wish(other, title="La fréquentation mensuelle")
        common, mine = somebody(), somebody()
        for who, request in ((common, one), (common, into), (mine, one)):
            actions.support(who, request)
        move(chief, one, "acknowledged")
        before = stored(one)
        merge(chief, one, into)
        assert shown_supports(into) == 3  # common, mine, asker
        late = somebody()
        actions.support(late, one)  # through its old address: it is the other one's
        assert (shown_supports(one), shown_supports(into)) == (2, 4)
        unmerge(chief, one)
        after = stored(one)
        assert (after["status"], after["clock"]) == ("acknowledged", before["clock"])
        assert (shown_supports(one), shown_supports(into)) == (2, 2)
        assert_exact()

    def test_merges_in_a_row_never_make_a_chain(self):
        chief = moderator()
        first, second, third = (wish(somebody(), title=f"Demande {i}") for i in range(3))
        merge(chief, first, second)
        merge(chief, second, third)
        assert stored(first)["duplicate_of"] == stored(second)["duplicate_of"] == third
        assert shown_supports(third) == 2
        unmerge(chief, second)
        assert stored(first)["duplicate_of"] == third
        assert shown_supports(third) == 1
        assert_exact()

    def test_the_api_shows_where_a_merged_request_went(self):
        chief = moderator()
        one, into = wish(somebody()), wish(somebody(), title="La même")
        merge(chief, one, into)
        shown = self.ask("GET", f"/requests/{one}/")
        assert (shown.status_code, shown.json["duplicate_of"]) == (200, str(into))
        reader = UserFactory()
        assert self.ask("POST", f"/requests/{one}/support/", user=reader).status_code == 200
        assert self.ask("GET", f"/requests/{into}/", user=reader).json["supported"] is True
        assert self.ask("GET", f"/requests/{into}/").json["people"] == 3

    def test_a_deleted_target_gives_back_what_was_merged_into_it(self):
        chief, asker = moderator(), somebody()
        one, into = wish(asker), wish(asker, title="La même")
        merge(chief, one, into)
        assert actions.delete(asker, into) is True
        assert stored(one)["status"] == "submitted"
        assert_exact()


#: Where our code takes its collections from.
_ROOMS = (actions, figures, merging, repository, supports, lifecycle)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Any] | None], None]:
    """Puts something between the code and its collections (None: nothing any more)."""
    real = {name: getattr(models, name) for name in ("requests", "supports")}

    def through(what: Callable[[Any], Any] | None) -> None:
        for room in _ROOMS:
            for name, collection in real.items():
                if hasattr(room, name) and not hasattr(getattr(room, name), "__path__"):
                    if getattr(room, name) is supports:
                        continue  # the module of that name
                    taken = (lambda c=collection: what(c())) if what else collection
                    monkeypatch.setattr(room, name, taken)

    return through


class Writes(Stepwise):
    """A collection of which only the writes go through `step`: a death before a read is one after
    the write before it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("insert", "update", "delete", "replace")):
            return super().__getattr__(name)
        return getattr(self._collection, name)


@pytest.mark.options(**UNLIMITED)
class CrashTest(PluginTestCase):
    """A process that dies after any write leaves what maintenance, and who tries again, put
    right."""

    @pytest.mark.parametrize(
        "what", ["merge", "unmerge", "delete", "withdraw", "support", "take_back", "forget"]
    )
    def test_a_crash_anywhere_is_put_right(self, faulty: Any, what: str):
        life, before = _tangle(), _snapshot()
        for at in range(1, 100):
            _restore(before)
            dying = DiesAt(at, applied=True)
            faulty(lambda collection, step=dying: Writes(collection, step))
            try:
                _do(what, life)
                survived = True
            except Killed:
                survived = False
            faulty(None)
            if at % 2:  # sometimes somebody tries again before the night
                refused(_do, what, life)
            if what == "forget":
                maintenance.forget_accounts()
            for step in upkeep.STEPS.values():
                step()
            assert_exact()
            if what == "forget":
                assert not supports_of(life["asker"])
            if survived:
                break
        assert survived
        assert at > 2


COLLECTIONS = ("request", "support", "request_figures")


def _snapshot() -> dict[str, list[dict[str, Any]]]:
    return {name: list(get_db()[f"culture_feedback_{name}"].find()) for name in COLLECTIONS}


def _restore(before: dict[str, list[dict[str, Any]]]) -> None:
    for name, documents in before.items():
        get_db()[f"culture_feedback_{name}"].delete_many({})
        get_db()[f"culture_feedback_{name}"].insert_many(documents)


def _tangle() -> dict[str, Any]:
    """A request with supporters, one merged into it, and one that will be."""
    account = UserFactory()
    chief, asker, fan = moderator(), viewer_of(account), somebody()
    before, one, into = (
        wish(asker, title="Avant"),
        wish(asker, title="Demande"),
        wish(somebody(), title="La même"),
    )
    actions.support(fan, one)
    actions.support(asker, before)
    actions.support(asker, into)
    actions.support(somebody(), before)
    merge(chief, before, one)
    return {
        "chief": chief,
        "asker": asker,
        "one": one,
        "into": into,
        "before": before,
        "newcomer": somebody(),
        "fan": fan,
    }


def _do(what: str, life: dict[str, Any]) -> None:
    if what == "merge":
        merge(life["chief"], life["one"], life["into"])
    elif what == "unmerge":
        unmerge(life["chief"], life["before"])
    elif what == "delete":
        actions.delete(life["asker"], life["before"])
    elif what == "withdraw":
        move(life["asker"], life["one"], "withdrawn")
    elif what == "support":
        actions.support(life["newcomer"], life["before"])
    elif what == "take_back":
        actions.withdraw_support(life["fan"], life["before"])
    else:
        account = {"_id": life["asker"].user_id}
        User._get_collection().update_one(account, {"$set": {"deleted": datetime.now()}})
        lifecycle.forget_account(life["asker"].user_id)


def supports_of(who: Viewer) -> bool:
    """Whether somebody is still recognised."""
    mine = {"$or": [{"key": who.key}, {"user": who.user_id}]}
    return bool(
        models.supports().find_one(mine) or requests().find_one({"contributor.key": who.key})
    )


@pytest.mark.options(**UNLIMITED)
class AtOnceTest(PluginTestCase):
    """Several people act on the same requests, one command at a time, in any order."""

    @pytest.fixture
    def at_once(self, faulty: Any) -> Callable[..., None]:
        def stepping(collection: Any) -> Any:
            me = threading.current_thread()
            return me.through(collection) if isinstance(me, Actor) else collection

        def run(order: list[int], *works: Callable[[], Any]) -> None:
            def working(work: Callable[[], Any]) -> Callable[[Actor], None]:
                def run_it(_actor: Actor) -> None:
                    with self.app.test_request_context("/"):
                        refused(work)

                return run_it

            faulty(stepping)
            interleave([working(work) for work in works], order)
            faulty(None)

        return run

    @pytest.mark.parametrize("scene", ["both ways", "round", "chain", "deleted", "withdrawn"])
    def test_whoever_is_first_it_ends_straight(self, at_once: Any, scene: str):
        @settings(max_examples=12, deadline=None, suppress_health_check=SLOW, database=None)
        @given(st.lists(st.integers(0, 2), max_size=60))
        def acted(order: list[int]) -> None:
            life = Life()
            chief, fan, asker = life.moderator, somebody(), somebody()
            a, b, c = (wish(asker if i == 1 else somebody(), title=f"{i}") for i in range(3))
            actions.support(fan, a)
            late = somebody()
            scenes: dict[str, tuple[Callable[[], Any], ...]] = {
                "both ways": (
                    lambda: merge(chief, a, b),
                    lambda: merge(chief, b, a),
                    lambda: actions.support(late, a),
                ),
                "round": (
                    lambda: merge(chief, a, b),
                    lambda: merge(chief, b, c),
                    lambda: merge(chief, c, a),
                ),
                "chain": (
                    lambda: merge(chief, a, b),
                    lambda: merge(chief, b, c),
                    lambda: actions.withdraw_support(fan, a),
                ),
                "deleted": (
                    lambda: merge(chief, a, b),
                    lambda: actions.delete(asker, b),
                    lambda: actions.support(late, b),
                ),
                "withdrawn": (
                    lambda: move(asker, b, "withdrawn"),
                    lambda: actions.support(late, b),
                    lambda: actions.support(fan, b),
                ),
            }
            at_once(order, *scenes[scene])
            assert not [r for r in requests().find({"status": "duplicate"}) if _is_tangled(r)]
            for step in upkeep.STEPS.values():
                step()
            assert_exact()
            if scene == "withdrawn" and stored(b)["status"] == "withdrawn":
                assert shown_supports(b) == 0

        acted()


def _is_tangled(request: dict[str, Any]) -> bool:
    target = requests().find_one({"_id": request["duplicate_of"]})
    return target is None or target["status"] == "duplicate"
