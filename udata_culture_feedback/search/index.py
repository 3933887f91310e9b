"""Index datasets and requests by their words, for `similar` to find them.

An *entry* is what we keep of one public dataset or request: the stems of its title, tags, holder,
file formats and description, each apart. It is found by its *terms*: the stems of its title and
tags, the others prefixed with `~`, and since a single stem is not enough at 100,000 entries, where
"musees" alone has thousands, the pairs of words of its title ("frequent+muse") and the whole title
("=…").

*Words* are stored separately, one document for each, with how many entries have it, the keys under
which a typo or its beginning finds it, and what an acronym in brackets stands for.

Both are derived: `backfill` and `recount_words` rebuild them at any time. Only what everybody may
see has an entry, but an entry may be stale for an instant: check again before showing a result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any, NamedTuple, TypedDict

from bson import ObjectId
from mongoengine.fields import (
    BooleanField,
    DictField,
    IntField,
    ListField,
    ObjectIdField,
    StringField,
)
from pymongo import DeleteOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.collection import Collection
from udata.core.dataset.models import Dataset
from udata.mongo.document import UDataDocument as Document

from ..portal import catalogue
from ..portal.collections import collection_of
from ..web.untyped import Query
from .terms import root, sound, stems
from .terms import words as words_of
from .vocabulary import Vocabulary, vocabulary

#: A document as stored, or the part of it that was read.
Raw = Mapping[str, Any]

KINDS = ("dataset", "request")

#: How much of a text is read: characters, then significant words.
MAX_TEXT = 1000
MAX_WORDS = 12
#: Words of a title from which pairs are made, and words of a description that are indexed.
PAIRED_WORDS = 8
DESCRIBED_WORDS = 60
MAX_TAGS = 30
#: Letters of the shortest word in which a typo is forgiven; lengths of the indexed beginnings.
MIN_LETTERS = 5
SHORTEST_BEGINNING, LONGEST_BEGINNING = 3, 8
#: The version of the keys of a word: keys of another version are rebuilt.
VERSION = 2
#: An acronym, or a name containing capitals, in brackets: « (BASILIC) », « (FranceTerme) ».
ACRONYM = re.compile(r"\((\w*[A-Z]\w*[A-Z]\w*)\)")
BATCH = 500
#: Attempts at a document that others keep changing, before leaving it to their own tasks.
ATTEMPTS = 5
#: Prefix of the ids of the documents that remember how far an interrupted `backfill` went.
POSITION = "backfill"


class CultureFeedbackTerms(Document):
    """An entry. `id`: `dataset:<id>` or `request:<id>`. `title`: its words, folded; `stems`: those
    of each of these words; `tags`, `aside`, `rest`: the stems of tags; of the holder, formats and
    tags of several words; of the description. `words`: those counted in the collection of words.
    `terms`: what is searched. `learnt`: a word, and the roots of what it stands for."""

    id = StringField(primary_key=True)
    kind = StringField(choices=KINDS)
    object = ObjectIdField()
    open = BooleanField()
    title = StringField()
    stems = ListField(ListField(StringField()))
    tags = ListField(StringField())
    words = ListField(StringField())
    terms = ListField(StringField())
    aside = ListField(StringField())
    rest = ListField(StringField())
    learnt = DictField()

    meta = {"strict": False, "indexes": [["kind", "terms"]]}


class CultureFeedbackWord(Document):
    """A word that `n` entries have. `keys`: `=<stem>`, `~<slip>` for what a typo shares,
    `@<sound>`, and `^<beginning>`. `means`: the roots of what an acronym stands for. `v`: the
    version of the keys."""

    id = StringField(primary_key=True)
    n = IntField()
    keys = ListField(StringField())
    means = ListField(StringField())
    v = IntField()

    meta = {"strict": False, "indexes": [["keys", "-n"]]}


class Learnt(TypedDict):
    """An acronym, and the roots of what it stands for."""

    word: str
    means: list[str]


class Entry(TypedDict, total=False):
    """An entry as stored (see `CultureFeedbackTerms`)."""

    _id: str
    kind: str
    object: ObjectId
    open: bool
    title: str
    stems: list[list[str]]
    tags: list[str]
    aside: list[str]
    rest: list[str]
    words: list[str]
    terms: list[str]
    learnt: Learnt


def entries() -> Collection:
    """Return the collection of entries; they can be rebuilt, so writes need no majority."""
    return collection_of(CultureFeedbackTerms)


def words() -> Collection:
    return collection_of(CultureFeedbackWord)


class Texts(NamedTuple):
    """The texts of a document that are indexed. `formats`: of its files. `learnt`: an acronym that
    it explains."""

    title: str
    tags: Iterable[str]
    formats: Iterable[str]
    is_open: bool = False
    learnt: Learnt | None = None


@dataclass(frozen=True)
class Source:
    """A collection whose documents are indexed. `shown_by`: the fields that `is_shown` reads."""

    kind: str
    collection: Callable[[], Collection]
    fields: Mapping[str, Any]
    shown_by: tuple[str, ...]
    is_shown: Callable[[Raw], bool]
    texts: Callable[[Raw], Texts]

    def read(self, id: ObjectId) -> Raw | None:
        found: Raw | None = self.collection().find_one({"_id": id}, self.fields)
        return found


def fields_read(*names: str) -> Query:
    """Return the projection for building an entry. Only the beginning of a description is sent,
    which may be a book."""
    description = {"$substrCP": [{"$ifNull": ["$description", ""]}, 0, MAX_TEXT]}
    return dict.fromkeys(names, 1) | {"description": description}


def is_listed(raw: Raw) -> bool:
    """Return whether a dataset may be suggested: everybody may see it, and it is not archived."""
    return not (raw.get("private") or raw.get("deleted") or raw.get("archived"))


def full_title(dataset: Raw) -> str:
    return f"{dataset.get('title') or ''} {dataset.get('acronym') or ''}"


def _texts_of_dataset(raw: Raw) -> Texts:
    files = (one for one in raw.get("resources") or () if isinstance(one, dict))
    return Texts(
        full_title(raw),
        raw.get("tags") or (),
        {one.get("format") or "" for one in files},
        learnt=_learnt(raw.get("title") or "", raw.get("acronym") or ""),
    )


HIDDEN_BY = ("private", "deleted", "archived")
DATASETS = Source(
    "dataset",
    Dataset._get_collection,
    fields_read("title", "acronym", "tags", "organization", "resources.format", *HIDDEN_BY),
    HIDDEN_BY,
    is_listed,
    _texts_of_dataset,
)


def index(source: Source, raw: Raw) -> None:
    """Write the entry of a document from `raw` (which has the fields of its source at least), or
    remove it where not everybody may see the document."""
    if source.is_shown(raw):
        _write(_entry(source, raw, _holders([raw])))
    else:
        remove(source.kind, raw["_id"])


def refresh(source: Source, id: ObjectId) -> None:
    """Read a document and index it, or remove its entry where the document is gone. Call after each
    change: it reads again after writing, so that of two concurrent runs the last one is right."""
    raw = source.read(id)
    for _attempt in range(ATTEMPTS):
        if raw is None:
            remove(source.kind, id)
        else:
            index(source, raw)
        indexed, raw = raw, source.read(id)
        if raw == indexed:
            return


def remove(kind: str, id: ObjectId) -> None:
    """Remove a dataset or a request from the index."""
    before = entries().find_one_and_delete({"_id": f"{kind}:{id}"}, {"words": 1})
    _count_words([], before)


def backfill(
    progress: Callable[[int, int], None] | None = None,
    source: Source = DATASETS,
    *,
    recount: bool = True,
) -> int:
    """Bring all entries of a source in line with its documents; return how many changed.

    Safe at any time. Interrupted, it resumes where it was; run again, it writes only differences.
    `progress`: called with how many documents are done, of how many. `recount`: words too.
    """
    collection, position = source.collection(), f"{POSITION}:{source.kind}"
    total, done, changed = collection.estimated_document_count(), 0, 0
    reached = entries().find_one({"_id": position})
    after = reached["after"] if reached else None
    if after:
        done = collection.count_documents({"_id": {"$lte": after}})
    while True:
        where = {"_id": {"$gt": after}} if after else {}
        batch = list(collection.find(where, source.fields).sort("_id", 1).limit(BATCH))
        until = batch[-1]["_id"] if len(batch) == BATCH else None
        holders = _holders(batch)
        shown = [_entry(source, raw, holders) for raw in batch if source.is_shown(raw)]
        changed += _write_differing(shown) + _forget_others(source, after, until)
        done += len(batch)
        if progress:
            progress(min(done, total), total)
        if until is None:
            break
        after = until
        entries().update_one({"_id": position}, {"$set": {"after": after}}, upsert=True)
    if recount:
        recount_words()
    entries().delete_one({"_id": position})
    return changed


def recount_words() -> int:
    """Recount how many entries have each word; return how many were wrong: a process that died
    between an entry and its words leaves some."""
    # Read before counting: a word that changes meanwhile is left as it is, which is newer.
    stored = {word["_id"]: word for word in words().find({}, {"n": 1, "v": 1, "means": 1})}
    acronyms = {
        entry["learnt"]["word"]: entry["learnt"]["means"]
        for entry in entries().find({"learnt": {"$exists": True}}, {"learnt": 1})
    }
    steps: list[Any] = [
        {"$unwind": "$words"},
        {"$group": {"_id": "$words", "n": {"$sum": 1}}},
    ]
    changes: list[UpdateOne | DeleteOne] = []
    for counted in entries().aggregate(steps, allowDiskUse=True):
        word, n = counted["_id"], counted["n"]
        before = stored.pop(word, None)
        right = {"_id": word, "n": n, "v": VERSION}
        if word in acronyms:
            right["means"] = acronyms[word]
        if before is None:
            new = {"$setOnInsert": right | {"keys": keys_of(word)}}
            changes.append(UpdateOne({"_id": word}, new, upsert=True))
        elif before != right:
            unchanged = {"_id": word, "n": before["n"]}
            changes.append(UpdateOne(unchanged, {"$set": right | {"keys": keys_of(word)}}))
    changes += [DeleteOne({"_id": word, "n": left["n"]}) for word, left in stored.items()]
    for start in range(0, len(changes), BATCH):
        words().bulk_write(changes[start : start + BATCH], ordered=False)
    return len(changes)


def _write_differing(made: list[Entry]) -> int:
    """Write the entries that differ from what is stored; return how many did. Their words are
    counted afterwards, all at once."""
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


def _forget_others(source: Source, after: ObjectId | None, until: ObjectId | None) -> int:
    """Remove the entries between two ids whose documents are gone or no longer public; return how
    many. Reads after the writes, so that what was hidden meanwhile does not stay."""
    # ";" follows ":": all that begins with "dataset:". Hexadecimal ids sort as the ids do.
    kind = source.kind
    span = _between(f"{kind}:{after or ''}", f"{kind}:{until}" if until else f"{kind};")
    indexed = [entry["_id"] for entry in entries().find({"_id": span}, {"_id": 1})]
    between = _between(after, until)
    found = source.collection().find(
        {"_id": between} if between else {}, dict.fromkeys(source.shown_by, 1)
    )
    kept = {f"{kind}:{raw['_id']}" for raw in found if source.is_shown(raw)}
    gone = [id for id in indexed if id not in kept]
    if gone:
        entries().delete_many({"_id": {"$in": gone}})
    return len(gone)


def _between(after: Any, until: Any) -> Query:
    return {op: bound for op, bound in (("$gt", after), ("$lte", until)) if bound is not None}


def _holders(raws: Iterable[Raw]) -> dict[ObjectId, str]:
    """Map organizations of these documents to their names and acronyms."""
    found = catalogue.organizations_by_id(_organization(raw) for raw in raws)
    return {id: f"{facts.name} {facts.acronym or ''}" for id, facts in found.items()}


def _organization(raw: Raw) -> Any:
    organization = raw.get("organization")
    return getattr(organization, "id", organization)  # a DBRef, in old versions of udata


def _entry(source: Source, raw: Raw, holders: Mapping[Any, str]) -> Entry:
    """Build an entry. A tag of several words says less with each of them than a tag of one word:
    they are `aside`, with the holder and the formats."""
    texts, known = source.texts(raw), vocabulary()
    titled = known.telling(texts.title[:MAX_TEXT])
    beside = " ".join([holders.get(_organization(raw), ""), *texts.formats])
    aside, tagged = known.telling(beside[:MAX_TEXT]), dict[str, str]()
    for tag in islice(texts.tags, MAX_TAGS):
        of_tag = known.telling(tag[:MAX_TEXT])
        (tagged if len(of_tag) == 1 else aside).update(of_tag)
    told = known.telling((raw.get("description") or "")[:MAX_TEXT])
    told = dict(islice(told.items(), DESCRIBED_WORDS))
    first = stems_of(titled) | stems_of(tagged)
    second = stems_of(aside) - first
    third = stems_of(told) - first - second
    made: Entry = {
        "_id": f"{source.kind}:{raw['_id']}",
        "kind": source.kind,
        "object": raw["_id"],
        "open": texts.is_open,
        "title": " ".join(titled),
        "stems": [sorted(stems_of({word: joined})) for word, joined in titled.items()],
        "tags": sorted(stems_of(tagged)),
        "aside": sorted(second),
        "words": sorted(set().union(*map(_counted, (titled, tagged, aside, told)))),
        "terms": sorted(first | {f"~{stem}" for stem in second | third} | _combined(titled, known)),
        "rest": sorted(third),
    }
    if texts.learnt:
        made["learnt"] = texts.learnt
    return made


def stems_of(of: Iterable[str] | Mapping[str, str]) -> set[str]:
    """Return the stems of words, and of their joined forms (`terms.words`)."""
    joined = filter(None, of.values()) if isinstance(of, Mapping) else ()
    return {stem for word in (*of, *joined) for stem in stems(word)}


def _counted(of: Mapping[str, str]) -> set[str]:
    return {word for word in (*of, *of.values()) if len(word) > 1}


def _learnt(title: str, acronym: str) -> Learnt | None:
    """Return what an acronym stands for, where the title has it in brackets or the dataset has
    one."""
    if not acronym and (found := ACRONYM.search(title)):
        acronym, title = found[1], title.replace(found[0], " ")
    known = vocabulary()
    means = list(dict.fromkeys(root(w) for w in known.telling(title) if not known.is_weak(w)))
    name = "".join(words_of(acronym))
    return {"word": name, "means": means[:PAIRED_WORDS]} if name and means else None


def _combined(titled: Iterable[str], known: Vocabulary) -> set[str]:
    """Return the terms of a title as a whole: the pairs of its words, and all of them together."""
    roots = list(dict.fromkeys(root(word) for word in titled if word not in known.weak))
    pairs = {pair(a, b) for a, b in combinations(roots[:PAIRED_WORDS], 2)}
    return pairs | {whole(roots)} if pairs else pairs


def pair(a: str, b: str) -> str:
    return f"{min(a, b)}+{max(a, b)}"


def whole(roots: Iterable[str]) -> str:
    return "=" + "+".join(sorted(set(roots))[:MAX_WORDS])


def keys_of(word: str) -> list[str]:
    """Return the keys under which a word is found: by its stems, with a typo, by sound, by its
    beginning."""
    begins = {f"^{word[:length]}" for length in range(SHORTEST_BEGINNING, LONGEST_BEGINNING + 1)}
    heard = [f"@{sound(word)}"] if sound(word) else []
    return [
        *(f"={stem}" for stem in stems(word)),
        *(f"~{slip}" for slip in slips(word)),
        *heard,
        *sorted(begins),
    ]


def singular(word: str) -> str:
    """Strip the plural mark of a word, so that a typo in a plural is one typo."""
    return word[:-1] if len(word) > MIN_LETTERS and word[-1] in "sx" else word


def slips(word: str) -> list[str]:
    """Return the keys that two words share when one edit (a letter missing, added, changed, or two
    swapped) turns one into the other: the word, and the word without each of its letters. Empty for
    short words, which are too often one letter away from another word."""
    if len(word) < MIN_LETTERS or any(map(str.isdigit, word)):
        return []
    word = singular(word)
    return sorted({word, *(word[:i] + word[i + 1 :] for i in range(len(word)))})


def _write(entry: Entry) -> None:
    before = entries().find_one_and_replace(
        {"_id": entry["_id"]},
        entry,
        {"words": 1},
        upsert=True,
        return_document=ReturnDocument.BEFORE,
    )
    _count_words(entry["words"], before)
    if learnt := entry.get("learnt"):
        words().update_one({"_id": learnt["word"]}, {"$set": {"means": learnt["means"]}})


def _count_words(now: Iterable[str], before: Mapping[str, Any] | None) -> None:
    """Count the words that an entry gained and lost; delete those that no entry has. A loss may be
    counted before the gain it undoes: a negative count stays until the gain comes."""
    old, new = set(before["words"] if before else ()), set(now)
    gained, lost = sorted(new - old), sorted(old - new)
    changes = [
        UpdateOne(
            {"_id": word},
            {"$inc": {"n": step}, "$setOnInsert": {"keys": keys_of(word), "v": VERSION}},
            upsert=True,
        )
        for changed, step in ((gained, 1), (lost, -1))
        for word in changed
    ]
    if changes:
        words().bulk_write(changes, ordered=False)
        words().delete_many({"_id": {"$in": gained + lost}, "n": 0})
