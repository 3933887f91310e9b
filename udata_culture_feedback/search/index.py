"""The index of datasets and requests by their terms, from which `similar` answers.

An *entry* is what we keep of one public dataset or request: its terms (see `search`), and its title
in words. Single terms are not enough at 100,000 entries, where "musees" alone has thousands: pairs
of words of a title are terms too ("frequent+muse"), and so is the whole title ("=…"), so that what
shares two words with a text is reached without reading all that shares one.

The *words* of titles, tags and organizations are kept apart, one document for each, with how many
entries have it and the keys under which a word with a typo meets it (`search.slips`).

Both are derived: `backfill` and `recount_words` rebuild them at any time. Only what anybody may see
has an entry, but an entry may be late by an instant: whoever shows an answer checks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

from bson import ObjectId
from mongoengine.fields import BooleanField, IntField, ListField, ObjectIdField, StringField
from pymongo import DeleteOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.collection import Collection
from udata.core.dataset.models import Dataset
from udata.mongo.document import UDataDocument as Document

from ..contributions.review_rules import Visibility
from ..data_requests.models import requests
from ..data_requests.workflow import OPEN, Status
from ..portal import catalogue
from ..portal.collections import collection_of
from . import terms as search

KINDS = ("dataset", "request")

#: What is read of a text: its first characters, and that many words that say something.
MAX_TEXT = 1000
MAX_WORDS = 12
#: Words of a title from which pairs are made, and words of a description that are indexed.
PAIRED_WORDS = 8
DESCRIBED_WORDS = 60
BATCH = 500
#: The document that remembers how far an interrupted `backfill` went.
POSITION = "backfill"


class CultureFeedbackTerms(Document):
    """An entry. `id`: `dataset:<id>` or `request:<id>`. `title`: its words, folded; `stems`: those
    of each of these words; `tags`: the stems of tags. `words`: those counted among the words.
    `terms`: what is searched. `rest`: the stems of the description and of the organization, which
    are only compared: alone they never suffice, and would make the index four times as large."""

    id = StringField(primary_key=True)
    kind = StringField(choices=KINDS)
    object = ObjectIdField()
    open = BooleanField()
    title = StringField()
    stems = ListField(ListField(StringField()))
    tags = ListField(StringField())
    words = ListField(StringField())
    terms = ListField(StringField())
    rest = ListField(StringField())

    meta = {"strict": False, "indexes": [["kind", "terms"]]}


class CultureFeedbackWord(Document):
    """A word that `n` entries have. `keys`: `=<stem>`, and `~<slip>` for what a typo shares."""

    id = StringField(primary_key=True)
    n = IntField()
    keys = ListField(StringField())

    meta = {"strict": False, "indexes": ["keys"]}


def entries() -> Collection:
    """The entries; they can be rebuilt, so their writes need no majority."""
    return collection_of(CultureFeedbackTerms)


def words() -> Collection:
    return collection_of(CultureFeedbackWord)


#: The fields of a dataset and of a request that an entry is made of. Of a description, which may be
#: a book, only the beginning is sent.
DATASET_FIELDS: dict[str, Any] = {
    field: 1
    for field in ("title", "acronym", "tags", "organization", "private", "deleted", "archived")
} | {"description": {"$substrCP": [{"$ifNull": ["$description", ""]}, 0, MAX_TEXT]}}
REQUEST_FIELDS = ("title", "description", "themes", "organization", "visibility", "status")


def index_dataset(raw: Mapping[str, Any]) -> None:
    """Makes the entry of a dataset say what `raw` (with DATASET_FIELDS at least) says. A dataset
    that is private, deleted or archived has none."""
    if is_listed(raw):
        _write(_dataset_entry(raw, _organization_names([raw])))
    else:
        remove("dataset", raw["_id"])


def refresh_dataset(id: ObjectId) -> None:
    """Reads a dataset and indexes it, or forgets it where it is gone. To be called after each
    change: it reads again after it wrote, so that of two that run at once the last one is right."""
    raw = _read_dataset(id)
    for _attempt in range(5):
        if raw is None:
            remove("dataset", id)
        else:
            index_dataset(raw)
        indexed, raw = raw, _read_dataset(id)
        if raw == indexed:
            return


def index_request(raw: Mapping[str, Any]) -> None:
    """Makes the entry of a request say what `raw` (with REQUEST_FIELDS at least) says. One that is
    not public, was withdrawn, or is a duplicate of another has none."""
    if is_shown(raw):
        _write(_request_entry(raw, _organization_names([raw])))
    else:
        remove("request", raw["_id"])


def remove(kind: str, id: ObjectId) -> None:
    """Forgets a dataset or a request."""
    before = entries().find_one_and_delete({"_id": f"{kind}:{id}"}, {"words": 1})
    _count_words([], before)


def backfill(progress: Callable[[int, int], None] | None = None) -> int:
    """Brings the entries of all datasets in line with the catalogue, and answers how many changed.

    Safe at any time. Interrupted, it goes on where it was; run again, it writes only what differs.
    `progress` is told the datasets done so far and their number.
    """
    datasets = Dataset._get_collection()
    total, done, changed = datasets.estimated_document_count(), 0, 0
    position = entries().find_one({"_id": POSITION})
    after = position["after"] if position else None
    if after:
        done = datasets.count_documents({"_id": {"$lte": after}})
    while True:
        batch = _datasets_after(after)
        until = batch[-1]["_id"] if len(batch) == BATCH else None
        changed += _write_all(batch) + _forget_others(after, until)
        done += len(batch)
        if progress:
            progress(min(done, total), total)
        if until is None:
            break
        after = until
        entries().update_one({"_id": POSITION}, {"$set": {"after": after}}, upsert=True)
    recount_words()
    entries().delete_one({"_id": POSITION})
    return changed


def backfill_requests(progress: Callable[[int, int], None] | None = None) -> int:
    """The same for all requests, which are fewer; their words are counted by the next `backfill` or
    `recount_words`."""
    total, done, changed = requests().estimated_document_count(), 0, 0
    after: ObjectId | None = None
    while True:
        where = {"_id": {"$gt": after}} if after else {}
        found = requests().find(where, dict.fromkeys(REQUEST_FIELDS, 1))
        batch = list(found.sort("_id", 1).limit(BATCH))
        until = batch[-1]["_id"] if len(batch) == BATCH else None
        names = _organization_names(batch)
        changed += _write_differing([_request_entry(r, names) for r in batch if is_shown(r)])
        # Read after the writes, so that what was hidden meanwhile does not stay.
        span = _between(f"request:{after or ''}", f"request:{until}" if until else "request;")
        indexed = [entry["_id"] for entry in entries().find({"_id": span}, {"_id": 1})]
        between = {"_id": bounds} if (bounds := _between(after, until)) else {}
        now = requests().find(between, {"status": 1, "visibility": 1})
        changed += _forget(indexed, {f"request:{raw['_id']}" for raw in now if is_shown(raw)})
        done += len(batch)
        if progress:
            progress(min(done, total), total)
        if until is None:
            return changed
        after = until


def recount_words() -> int:
    """Counts again how many entries have each word, and answers how many figures were wrong: a
    process that died between an entry and its words leaves some behind."""
    # Read before counting: a word that changes meanwhile is left as it is, which is newer.
    stored = {word["_id"]: word["n"] for word in words().find({}, {"n": 1})}
    steps: list[Any] = [
        {"$unwind": "$words"},
        {"$group": {"_id": "$words", "n": {"$sum": 1}}},
    ]
    changes: list[UpdateOne | DeleteOne] = []
    for counted in entries().aggregate(steps, allowDiskUse=True):
        word, n = counted["_id"], counted["n"]
        before = stored.pop(word, None)
        if before is None:
            new = {"$setOnInsert": {"n": n, "keys": keys_of(word)}}
            changes.append(UpdateOne({"_id": word}, new, upsert=True))
        elif before != n:
            changes.append(UpdateOne({"_id": word, "n": before}, {"$set": {"n": n}}))
    changes += [DeleteOne({"_id": word, "n": n}) for word, n in stored.items()]
    for start in range(0, len(changes), BATCH):
        words().bulk_write(changes[start : start + BATCH], ordered=False)
    return len(changes)


def _read_dataset(id: ObjectId) -> dict[str, Any] | None:
    return Dataset._get_collection().find_one({"_id": id}, DATASET_FIELDS)


def _datasets_after(after: ObjectId | None) -> list[dict[str, Any]]:
    where = {"_id": {"$gt": after}} if after else {}
    found = Dataset._get_collection().find(where, DATASET_FIELDS)
    return list(found.sort("_id", 1).limit(BATCH))


def _write_all(datasets: list[dict[str, Any]]) -> int:
    """Writes the entries that differ from what these datasets say, and answers how many did. Their
    words are counted afterwards, all at once."""
    names = _organization_names(datasets)
    return _write_differing([_dataset_entry(raw, names) for raw in datasets if is_listed(raw)])


def _write_differing(made: list[dict[str, Any]]) -> int:
    ids = [entry["_id"] for entry in made]
    stored = {entry["_id"]: entry for entry in entries().find({"_id": {"$in": ids}})}
    writes: list[Any] = [
        ReplaceOne({"_id": entry["_id"]}, entry, upsert=True)
        for entry in made
        if stored.get(entry["_id"]) != entry
    ]
    if writes:
        entries().bulk_write(writes, ordered=False)
    return len(writes)


def _forget_others(after: ObjectId | None, until: ObjectId | None) -> int:
    """Removes the entries of datasets between two ids that are gone or that not everybody may see,
    and answers how many there were. Reads after the writes, so that what turned private meanwhile
    does not stay."""
    # ";" follows ":": all that begins with "dataset:". Hexadecimal ids sort as the ids do.
    span = _between(f"dataset:{after or ''}", f"dataset:{until}" if until else "dataset;")
    indexed = [entry["_id"] for entry in entries().find({"_id": span}, {"_id": 1})]
    where: dict[str, Any] = {"private": {"$ne": True}, "deleted": None, "archived": None}
    if between := _between(after, until):
        where["_id"] = between
    listed = Dataset._get_collection().find(where, {"_id": 1}).hint("_id_")
    kept = {f"dataset:{raw['_id']}" for raw in listed}
    return _forget(indexed, kept)


def _forget(indexed: Iterable[str], kept: set[str]) -> int:
    gone = [id for id in indexed if id not in kept]
    if gone:
        entries().delete_many({"_id": {"$in": gone}})
    return len(gone)


def _between(after: Any, until: Any) -> dict[str, Any]:
    return {op: bound for op, bound in (("$gt", after), ("$lte", until)) if bound is not None}


def is_listed(raw: Mapping[str, Any]) -> bool:
    """Whether a dataset is proposed: everybody may see it, and it is not kept as an archive."""
    return not (raw.get("private") or raw.get("deleted") or raw.get("archived"))


def _organization_names(raws: Iterable[Mapping[str, Any]]) -> dict[ObjectId, str]:
    found = catalogue.organizations_by_id(_organization(raw) for raw in raws)
    return {id: facts.name for id, facts in found.items()}


def _organization(raw: Mapping[str, Any]) -> Any:
    organization = raw.get("organization")
    return getattr(organization, "id", organization)  # a DBRef, in old versions of udata


def is_shown(raw: Mapping[str, Any]) -> bool:
    """Whether a request is proposed: everybody may see it, and it can be supported or looked at."""
    gone = raw["status"] in (Status.DUPLICATE, Status.WITHDRAWN)
    return not gone and raw["visibility"] == Visibility.PUBLIC


def full_title(dataset: Mapping[str, Any]) -> str:
    return f"{dataset.get('title') or ''} {dataset.get('acronym') or ''}"


def _dataset_entry(raw: Mapping[str, Any], organizations: Mapping[Any, str]) -> dict[str, Any]:
    holder = organizations.get(_organization(raw), "")
    return _entry("dataset", raw, full_title(raw), raw.get("tags") or (), holder, open=False)


def _request_entry(raw: Mapping[str, Any], organizations: Mapping[Any, str]) -> dict[str, Any]:
    holder = organizations.get(_organization(raw), "")
    is_open = raw["status"] in OPEN
    return _entry("request", raw, raw["title"], raw.get("themes") or (), holder, open=is_open)


def _entry(
    kind: str,
    raw: Mapping[str, Any],
    title: str,
    tags: Iterable[str],
    organization: str,
    *,
    open: bool,
) -> dict[str, Any]:
    titled = search.content_words(title[:MAX_TEXT])
    tagged = search.content_words(" ".join(tags)[:MAX_TEXT])
    holder = search.content_words(organization[:MAX_TEXT])
    described = search.content_words((raw.get("description") or "")[:MAX_TEXT])[:DESCRIBED_WORDS]
    searched = stems_of([*titled, *tagged])
    strong = filter(search.is_strong, {*titled, *tagged, *holder})
    return {
        "_id": f"{kind}:{raw['_id']}",
        "kind": kind,
        "object": raw["_id"],
        "open": open,
        "title": " ".join(titled),
        "stems": [list(search.stems(word)) for word in titled],
        "tags": sorted(stems_of(tagged)),
        "words": sorted(word for word in strong if len(word) > 2),
        "terms": sorted(searched | _combined(titled)),
        "rest": sorted(stems_of([*holder, *described]) - searched),
    }


def stems_of(of: Iterable[str]) -> set[str]:
    return {stem for word in of for stem in search.stems(word)}


def _combined(titled: Iterable[str]) -> set[str]:
    """The pairs of words of a title, and the whole of it, as terms."""
    roots = list(dict.fromkeys(search.root(word) for word in titled if search.is_strong(word)))
    pairs = {pair(a, b) for a, b in combinations(roots[:PAIRED_WORDS], 2)}
    return pairs | {whole(roots)} if pairs else pairs


def pair(a: str, b: str) -> str:
    return f"{min(a, b)}+{max(a, b)}"


def whole(roots: Iterable[str]) -> str:
    return "=" + "+".join(sorted(set(roots))[:MAX_WORDS])


def keys_of(word: str) -> list[str]:
    return [f"={stem}" for stem in search.stems(word)] + [f"~{slip}" for slip in search.slips(word)]


def _write(entry: dict[str, Any]) -> None:
    before = entries().find_one_and_replace(
        {"_id": entry["_id"]},
        entry,
        {"words": 1},
        upsert=True,
        return_document=ReturnDocument.BEFORE,
    )
    _count_words(entry["words"], before)


def _count_words(now: Iterable[str], before: Mapping[str, Any] | None) -> None:
    """Counts the words that an entry gained and lost; one that no entry has is forgotten. A loss
    may be counted before the gain it undoes: a figure below zero stays until it comes."""
    old, new = set(before["words"] if before else ()), set(now)
    gained, lost = sorted(new - old), sorted(old - new)
    changes = [
        UpdateOne(
            {"_id": word},
            {"$inc": {"n": step}, "$setOnInsert": {"keys": keys_of(word)}},
            upsert=True,
        )
        for changed, step in ((gained, 1), (lost, -1))
        for word in changed
    ]
    if changes:
        words().bulk_write(changes, ordered=False)
        words().delete_many({"_id": {"$in": gained + lost}, "n": 0})
