"""Web workers, tasks, the broker, the mail server, clocks.

What dies between any two writes is killed, write by write, in `tests/feedback/test_counting.py`,
`tests/data_requests/test_discussions.py` and `tests/mail/test_outbox.py`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import uuid
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bson import ObjectId

from .load import Load
from .patience import wait_until

DAY = timedelta(days=1)
REFUSED = "451 come back later"
ACCEPTED = "250 accepted"


def test_web_workers_are_killed_while_people_write(standing, nothing_is_lost):
    portal = standing.portal
    killed = 0
    with Load(portal, standing.seed, standing.datasets(3)) as load:
        for share in (0.1, 0.25, 0.4, 0.55, 0.7):
            load.until(share)
            for pid in portal.children(portal.web):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    assert load.statuses["ConnectionError"], load.statuses
    nothing_is_lost(f"web workers are killed (`kill -9`) while they write, {killed} times", load)


def test_redis_is_away_and_everything_is_caught_up(standing, nothing_is_lost):
    portal, seed = standing.portal, standing.seed
    datasets = standing.datasets(2)
    standing.redis.stop()
    try:
        with Load(portal, seed, datasets, words=True) as load:
            pass
        asked = [ask(standing, datasets[0], who) for who in seed.people[:5]]
        assert set(load.statuses) == {201}
    finally:
        standing.redis.start()
    assert discussed(standing, datasets) == Counter()
    before = len(standing.smtp.accepted)
    worker = portal.work()
    portal.udata("feedback", "maintain")
    there = discussed(standing, datasets)
    assert there == Counter(load.acknowledged.values())
    wait_until(lambda: not waiting_mails(standing), "mails")
    receipts = [m for m in standing.smtp.accepted[before:] if "faults.test" in str(m["To"])]
    assert len(receipts) >= len(asked)
    assert ids_of(standing) == Counter(set(ids_of(standing)))
    wait_until(lambda: not queued(standing), "tasks")
    portal.stop(worker)
    nothing_is_lost(
        "Redis is stopped while people write; back: `maintain` makes discussions and mails", load
    )


def test_redis_is_frozen_and_nobody_waits_for_it(standing, nothing_is_lost):
    portal = standing.portal
    few = replace(standing.seed, people=standing.seed.people[:4])
    datasets = standing.datasets()
    standing.redis.freeze()
    try:
        with Load(portal, few, datasets, words=True) as load:
            pass
    finally:
        standing.redis.thaw()
    assert set(load.statuses) == {201}  # a worker that hangs would have been killed
    portal.udata("feedback", "maintain")
    assert discussed(standing, datasets) == Counter(load.acknowledged.values())
    nothing_is_lost("Redis is frozen: it takes connections and answers nothing", load)


def test_tasks_come_twice_and_in_any_order(standing, nothing_is_lost):
    portal, seed = standing.portal, standing.seed
    [dataset] = standing.datasets()
    with Load(portal, seed, [dataset], words=True) as load:
        pass
    people = {body["submission_id"]: who for who, body in load.answers}
    for round in range(2):
        for submission, id in load.acknowledged.items():
            words = {"comment": f"Il manque {submission} ({round})."}
            edited = portal.send("PUT", f"/feedback/{id}/", people[submission], json=words)
            assert edited.status_code == 200, edited.text
    again = shuffle_and_double(standing)
    assert again > len(load.acknowledged)
    worker = portal.work()
    wait_until(lambda: not queued(standing), "tasks")
    portal.stop(worker)
    assert discussed(standing, [dataset]) == Counter(load.acknowledged.values())
    for submission, id in load.acknowledged.items():
        [discussion] = discussions(standing, {"_id": discussion_of(standing, id)})
        [message] = discussion["discussion"]
        assert f"{submission} (1)" in message["content"]
    nothing_is_lost("tasks arrive twice and in any order", load)


def test_a_mail_server_that_refuses_then_accepts(standing, line):
    portal = standing.portal
    [dataset] = standing.datasets()
    deliver_all(standing)
    standing.smtp.answer = lambda mail: REFUSED
    before, ids = len(standing.smtp.accepted), set(ids_of(standing))
    asked = [ask(standing, dataset, who) for who in standing.seed.people[5:15]]
    worker = portal.work()
    wait_until(lambda: not queued(standing), "tasks")
    portal.stop(worker)
    assert len(standing.smtp.accepted) == before
    refused = waiting_mails(standing)
    assert refused >= len(asked)
    standing.smtp.answer = lambda mail: ACCEPTED
    portal.udata("feedback", "maintain", clock=timedelta(minutes=10))
    sent = Counter(id for id in ids_of(standing) if id not in ids)
    line(
        "the mail server refuses, then accepts (mails)",
        refused, len(sent), sum(sent.values()) - len(sent), "–",
    )  # fmt: skip
    assert len(sent) == sum(sent.values()) == refused
    assert waiting_mails(standing) == 0


def test_clocks_a_day_ahead_and_a_day_behind(standing, nothing_is_lost):
    portal, seed = standing.portal, standing.seed
    datasets = standing.datasets()
    ids = set(ids_of(standing))
    wrong = [portal.serve(workers=1, clock=clock) for clock in (DAY, -DAY)]
    with Load(portal, seed, datasets) as load:
        pass
    asked = [ask(standing, datasets[0], who) for who in seed.people[15:21]]
    for process in wrong:
        portal.kill(process)
    days = {f["created_at"].date() for f in of(standing, datasets)}
    assert len(days) >= 2, "every answer came from one process"
    for clock in (-DAY, DAY, None):
        portal.udata("feedback", "maintain", clock=clock)
    worker = portal.work()
    wait_until(lambda: not queued(standing), "tasks")
    portal.stop(worker)
    sent = Counter(id for id in ids_of(standing) if id not in ids)
    assert len(sent) == sum(sent.values())
    assert len(sent) >= len(asked)
    assert waiting_mails(standing) == 0
    assert not [f for f in of(standing, datasets) if f.get("due")]
    nothing_is_lost("nodes and jobs whose clocks are a day behind and a day ahead", load)


def ask(standing: Any, dataset: str, who: dict[str, str]) -> str:
    wish = {
        "title": f"Les entrées par mois ({uuid.uuid4().hex})",
        "description": "Par musée.",
        "kind": "new",
        "dataset": dataset,
    }
    answer = standing.portal.send("POST", "/requests/", who, json=wish)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def of(standing: Any, datasets: list[str]) -> list[dict[str, Any]]:
    where = {"dataset": {"$in": [ObjectId(one) for one in datasets]}}
    return list(standing.portal.db["culture_feedback_feedback"].find(where))


def discussions(standing: Any, where: dict[str, Any]) -> list[dict[str, Any]]:
    return list(standing.portal.db["discussion"].find(where))


def discussion_of(standing: Any, feedback: str) -> ObjectId:
    found = standing.portal.db["culture_feedback_feedback"].find_one({"_id": ObjectId(feedback)})
    return found["discussion"]


def discussed(standing: Any, datasets: list[str]) -> Counter[str]:
    """How many discussions there are of each feedback with words about some datasets."""
    ours = {f["discussion"]: str(f["_id"]) for f in of(standing, datasets) if "discussion" in f}
    where = {"subject": {"$exists": True}, "_id": {"$in": list(ours)}}
    return Counter(ours[one["_id"]] for one in discussions(standing, where))


def waiting_mails(standing: Any) -> int:
    """Mails that are to leave by themselves (digests have their day)."""
    where = {"due_at": {"$exists": True}, "digest": {"$exists": False}}
    return standing.portal.db["culture_feedback_outbox"].count_documents(where)


def ids_of(standing: Any) -> Counter[str]:
    """The Message-IDs of ours that the server has accepted, each as often as it did."""
    found = (str(mail["Message-ID"]) for mail in standing.smtp.accepted)
    return Counter(id for id in found if "culture-feedback" in id)


def deliver_all(standing: Any) -> None:
    standing.portal.udata("feedback", "maintain")
    assert waiting_mails(standing) == 0


#: The queues of udata, as Redis has them.
QUEUES = ("high", "default", "low")


def queued(standing: Any) -> int:
    """Tasks that wait, or that a worker has not finished; not what it keeps for a later hour."""
    with standing.redis.client() as redis:
        taken = [json.loads(one)[0] for one in redis.hvals("unacked")]
        now = [one for one in taken if one["headers"].get("eta") is None]
        return sum(redis.llen(name) for name in QUEUES) + len(now)


def shuffle_and_double(standing: Any) -> int:
    """Puts each task that waits in its queue twice, in an order that nobody meant."""
    chance = random.Random(8)
    doubled = 0
    with standing.redis.client() as redis:
        for name in QUEUES:
            tasks = redis.lrange(name, 0, -1)
            if not tasks:
                continue
            again = []
            for task in tasks:
                envelope = json.loads(task)
                envelope["properties"]["delivery_tag"] = str(uuid.uuid4())
                again.append(json.dumps(envelope).encode())
            everything = tasks + again
            chance.shuffle(everything)
            redis.delete(name)
            redis.rpush(name, *everything)
            doubled += len(tasks)
    return doubled
