"""Keep every counter exact by the settle protocol, without transactions and without aggregating
contributions on reads.

A *contribution* (a feedback; the summary of a dataset) counts in *summaries* (of the dataset; of
the organization and of the site). Three fields do it:

- `v`, of both: increased by every change of the document;
- `due`, of the contribution: ids of the summaries that have not counted its latest version;
- `counted`, of the contribution: per summary, exactly what that summary includes of it, and `step`,
  how many times that was changed.

`settle` may be called by any process, at any time, any number of times, and may die anywhere:

1. read the summary: its `v`, and in `last` the entries that its latest update counted;
2. read the contributions that are due. Those of `last` whose `counted` is still one step behind are
   finished first: write what was counted, drop the summary from `due` unless the contribution has
   changed since, and read again;
3. add up the differences (live − counted); update the summary where `v` is unchanged, with the
   entries as the new `last`; not modified → from 1;
4. finish as in 2; drop the summary from `due` of contributions that do not differ from what was
   counted, unless they have changed since. These too need the update of 3: it refuses a process
   that is about to count an older version of them.

A summary can thus never be updated twice for one step, and no step is lost: the update that counts
a difference is the very one that remembers it. A contribution may be edited while it is due,
because what was counted is written in the entry, not read again from the contribution.

One read finds what is due and what of `last` is unfinished, since an entry is due until it is
finished. Step 1 may be skipped too: a summary read earlier (`known`) serves as long as `v` is
unchanged, and otherwise the update of 3 fails.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.collection import Collection

Document = dict[str, Any]
Totals = dict[str, int]

#: Contributions settled by one update of a summary.
BATCH = 50
#: A listener that is no summary: the native discussion lacks the latest words.
DISCUSSION = "discussion"
#: Rounds before giving up under contention for a summary: what is due stays, for the next.
ROUNDS = 60


class Flow:
    """A pair of collections: what counts into what. A domain subclasses this once for each pair;
    the collections are looked up when needed, never at import."""

    #: Fields of a contribution that `snapshot` needs, besides `v` and `counted`.
    fields: tuple[str, ...] = ()

    @property
    def contributions(self) -> Collection[Any]:
        raise NotImplementedError

    @property
    def summaries(self) -> Collection[Any]:
        raise NotImplementedError

    def snapshot(self, contribution: Document, summary_id: Any) -> Document:
        """Return what the contribution now says to that summary: `totals`, and whatever else
        `effect` needs. Stored unchanged in `counted`."""
        raise NotImplementedError

    def effect(self, snapshot: Document, summary: Document) -> Totals:
        """Return how a snapshot counts in a summary in its current state."""
        found: Totals = snapshot["totals"]
        return found

    def upwards(self, summary: Document) -> list[Any]:
        """Return the ids of the summaries in which this summary counts in turn."""
        return []

    def besides(self, summary: Document, entries: list[Document]) -> Document:
        """Return more fields to set on the summary with the counters (the date of the latest…)."""
        return {}

    def derived(self, totals: Totals) -> Document:
        """Return the fields of a summary that follow from its totals: set by every update that
        changes them, so that lists can be sorted by them."""
        return {}

    def population(self, summary_id: Any) -> Document:
        """Select every contribution that counts, or ever counted, in a summary."""
        return {f"counted.{summary_id}": {"$exists": True}}


def becomes_due(summary_ids: Iterable[Any]) -> Document:
    """Return the part of an update that marks a contribution as changed. It belongs in the very
    update that changes it."""
    return {"$inc": {"v": 1}, **_adds_due(summary_ids)}


def settle(
    flow: Flow, summary_id: Any, rounds: int = ROUNDS, *, known: Document | None = None
) -> bool:
    """Count whatever is due to a summary. Return False if concurrent writers kept changing it for
    `rounds` rounds: nothing is lost, what is due stays. `known`: the whole summary, as read before
    or after what is due was written."""
    for attempt in range(rounds):
        summary, known = known or flow.summaries.find_one({"_id": summary_id}), None
        if summary is None:
            return True
        due = _due(flow, summary)
        if not due:
            return True
        entries, unchanged = _compare(flow, summary, due)
        if not _count(flow, summary, entries):
            # Another process settled meanwhile, perhaps our dues too. Back off for a moment.
            time.sleep(random.uniform(0, min(0.001 * 2**attempt, 0.05)))
            continue
        _write_counted(flow, summary_id, entries)
        _forget(flow, summary_id, unchanged)
        if len(due) < BATCH:
            # Later writers settle too: not looking again saves three reads.
            return True
    return False


def settle_and_read(flow: Flow, known: Document) -> Document | None:
    """Settle a summary that has just been read (`known`, whole), and return it as it is then; None
    where it is gone. Mostly without reading it again: the update that counts returns it."""
    due = _due(flow, known)
    if not due:
        return known
    entries, unchanged = _compare(flow, known, due)
    unmoved, change = _counting(flow, known, entries)
    counted: Document | None = flow.summaries.find_one_and_update(
        unmoved, change, return_document=ReturnDocument.AFTER
    )
    if counted:
        _write_counted(flow, known["_id"], entries)
        _forget(flow, known["_id"], unchanged)
    if counted is None or len(due) == BATCH:
        settle(flow, known["_id"])
        return flow.summaries.find_one({"_id": known["_id"]})
    return counted


def settle_some(flow: Flow, summary_id: Any) -> None:
    """Settle for a reader, with bounded effort: readers must not wait for writers."""
    if flow.contributions.find_one({"due": summary_id}, {"_id": 1}):
        settle(flow, summary_id, rounds=3)


def recount(flow: Flow, summary_id: Any, *, check: bool = False) -> dict[str, tuple[int, int]]:
    """Compare a summary with the sum of its contributions, and repair it unless `check`. Return the
    counters that differed: {counter: (in the summary, recounted)}.

    Writers may go on: a summary that changed while it was summed is summed again, and what is due
    is settled as always, by a check too.
    """
    mended: dict[str, tuple[int, int]] = {}
    while True:
        settle(flow, summary_id)
        summary = flow.summaries.find_one({"_id": summary_id})
        if summary is None:
            return mended
        total, strays = summed(flow, summary), []
        if not (check and flow.contributions.name == flow.summaries.name):
            # Summaries that count in turn have a check of their own.
            for stray, difference in _strays(flow, summary):
                strays.append(stray)
                total.update(difference)
        stored = summary.get("totals") or {}
        wrong = {
            key: (stored.get(key, 0), total[key])
            for key in sorted({*stored, *total})
            if stored.get(key, 0) != total[key]
        }
        unmoved = {"_id": summary_id, "v": summary["v"]}
        if check or strays or not wrong:
            if not flow.summaries.find_one(unmoved, {"_id": 1}):
                continue
            mended = wrong | mended
            if check or not strays:
                return mended
            _reopen(flow, summary_id, strays)
            continue
        change = _upwards(flow, summary)
        mended_totals = {k: n for k, n in total.items() if n}
        change["$set"] = {"totals": mended_totals, "last": []} | flow.derived(mended_totals)
        change["$inc"] = {"v": 1}
        if flow.summaries.update_one(unmoved, change).modified_count:
            return wrong | mended


def summed(flow: Flow, summary: Document) -> Counter[str]:
    """Return the sum of what was counted in a summary, valid as long as it does not change. With a
    summary that is not stored (`summary | {"field": value}`), return what its sum would be."""
    _finish(flow, summary)
    total: Counter[str] = Counter()
    for _contribution, counted in _population(flow, summary):
        total.update(counted)
    return total


def _strays(flow: Flow, summary: Document) -> Iterator[tuple[Document, Totals]]:
    """Yield the contributions that differ from what was counted though they are not due, with the
    difference. The protocol leaves none behind, but a restored backup may."""
    for contribution, counted in _population(flow, summary):
        if summary["_id"] not in contribution.get("due", []):
            difference = Counter(flow.effect(flow.snapshot(contribution, summary["_id"]), summary))
            difference.subtract(counted)
            if any(difference.values()):
                yield contribution, difference


def _population(flow: Flow, summary: Document) -> Iterator[tuple[Document, Totals]]:
    """Yield each contribution that counts in a summary, with what was counted of it."""
    summary_id = summary["_id"]
    fields = (*flow.fields, "v", "due", f"counted.{summary_id}")
    for contribution in flow.contributions.find(
        flow.population(summary_id), {field: 1 for field in fields}, batch_size=1000
    ):
        counted = contribution.get("counted", {}).get(str(summary_id))
        yield contribution, flow.effect(counted, summary) if counted else {}


def _reopen(flow: Flow, summary_id: Any, strays: list[Document]) -> None:
    """Make strays due, for `settle` to count them."""
    flow.contributions.bulk_write(
        [UpdateOne({"_id": c["_id"], "v": c["v"]}, _adds_due([summary_id])) for c in strays]
    )


def _compare(
    flow: Flow, summary: Document, due: list[Document]
) -> tuple[list[Document], list[Document]]:
    """Return the entries to count, and the due contributions that do not differ from what was
    counted."""
    entries, unchanged = [], []
    for contribution in due:
        counted = contribution.get("counted", {}).get(str(summary["_id"]))
        snapshot = flow.snapshot(contribution, summary["_id"])
        before = {k: x for k, x in counted.items() if k != "step"} if counted else None
        if snapshot == before or (before is None and not snapshot["totals"]):
            unchanged.append(contribution)
            continue
        entries.append(
            {
                "id": contribution["_id"],
                "v": contribution["v"],
                "step": (counted or {}).get("step", 0) + 1,
                "snapshot": snapshot,
                "before": before,
            }
        )
    return entries, unchanged


def _count(flow: Flow, summary: Document, entries: list[Document]) -> bool:
    """Do step 3. Return False if the summary was changed concurrently."""
    unmoved, change = _counting(flow, summary, entries)
    return bool(flow.summaries.update_one(unmoved, change).modified_count)


def _counting(flow: Flow, summary: Document, entries: list[Document]) -> tuple[Document, Document]:
    """Return the filter and the one update that count entries and remember them, where the summary
    has not changed; without entries, the update only increases its version."""
    unmoved = {"_id": summary["_id"], "v": summary["v"]}
    if not entries:
        return unmoved, {"$inc": {"v": 1}}
    difference: Counter[str] = Counter()
    for entry in entries:
        difference.update(flow.effect(entry["snapshot"], summary))
        if entry["before"]:
            difference.subtract(flow.effect(entry["before"], summary))
    change = _upwards(flow, summary)
    change["$inc"] = {"v": 1} | {f"totals.{k}": n for k, n in difference.items() if n}
    difference.update(summary.get("totals") or {})
    change["$set"] = (
        flow.besides(summary, entries)
        | flow.derived(difference)
        | {"last": [{k: entry[k] for k in ("id", "v", "step", "snapshot")} for entry in entries]}
    )
    return unmoved, change


def _upwards(flow: Flow, summary: Document) -> Document:
    return _adds_due(flow.upwards(summary))


def _adds_due(summary_ids: Iterable[Any]) -> Document:
    ids = list(summary_ids)
    return {"$addToSet": {"due": {"$each": ids}}} if ids else {}


def _due(flow: Flow, summary: Document) -> list[Document]:
    """Do step 2: return what is due to a summary, a batch at most, once `last` is finished."""
    due = _read_due(flow, summary["_id"])
    if len(due) < BATCH:  # all of it: entries of `last` that are not among these are finished
        counted = {c["_id"]: c.get("counted", {}).get(str(summary["_id"]), {}) for c in due}
        unfinished = [
            entry
            for entry in summary.get("last") or []
            if entry["id"] in counted and counted[entry["id"]].get("step", 0) < entry["step"]
        ]
        if not unfinished:
            return due
        _write_counted(flow, summary["_id"], unfinished)
    else:
        _finish(flow, summary)
    return _read_due(flow, summary["_id"])


def _read_due(flow: Flow, summary_id: Any) -> list[Document]:
    where = {"due": summary_id}
    return list(flow.contributions.find(where, _projection(flow.fields)).limit(BATCH))


def _finish(flow: Flow, summary: Document) -> None:
    """Finish `last`. A finished entry costs a read and no write: until it is finished, its
    contribution is due."""
    last = summary.get("last") or []
    if not last:
        return
    pending = {
        c["_id"]
        for c in flow.contributions.find(
            {"_id": {"$in": [entry["id"] for entry in last]}, "due": summary["_id"]}, {"_id": 1}
        )
    }
    _write_counted(flow, summary["_id"], [entry for entry in last if entry["id"] in pending])


def _write_counted(flow: Flow, summary_id: Any, entries: list[Document]) -> None:
    writes = [_counted(summary_id, entry) for entry in entries]
    if len(writes) == 1:
        flow.contributions.update_one(*writes[0])
    elif writes:
        flow.contributions.bulk_write([UpdateOne(*write) for write in writes])


def _counted(summary_id: Any, entry: Document) -> tuple[Document, list[Document]]:
    """Return the update that records on a contribution what was counted of it, unless that was
    done."""
    slot = f"counted.{summary_id}"
    behind = entry["step"] - 1 if entry["step"] > 1 else None
    told = {
        slot: {"$literal": entry["snapshot"] | {"step": entry["step"]}},
        "due": _without(summary_id, at=entry["v"]),
    }
    return {"_id": entry["id"], f"{slot}.step": behind}, [{"$set": told}]


def _forget(flow: Flow, summary_id: Any, contributions: list[Document]) -> None:
    """Drop a summary from the dues of contributions that have nothing to tell it."""
    if contributions:
        flow.contributions.bulk_write(
            [
                UpdateOne(
                    {"_id": c["_id"], "v": c["v"]},
                    [{"$set": {"due": _without(summary_id, at=c["v"])}}],
                )
                for c in contributions
            ]
        )


def heard(collection: Collection[Any], contribution: Mapping[str, Any], listener: Any) -> None:
    """Drop a listener that is no summary (the discussion) from the dues of a contribution, unless
    the contribution has changed since it was read."""
    collection.update_one(
        {"_id": contribution["_id"], "v": contribution["v"]},
        [{"$set": {"due": _without(listener, at=contribution["v"])}}],
    )


def _without(summary_id: Any, at: int) -> Document:
    """Return an aggregation expression: `due` without that summary if the version is still `at`.
    The field is removed with its last element, so that the partial index on it stays small."""
    rest = {"$setDifference": [{"$ifNull": ["$due", []]}, [summary_id]]}
    return {
        "$cond": [
            {"$ne": ["$v", at]},
            "$due",
            {"$cond": [{"$eq": [rest, []]}, "$$REMOVE", rest]},
        ]
    }


def _projection(fields: Iterable[str]) -> Mapping[str, int]:
    return {field: 1 for field in (*fields, "v", "counted")}
