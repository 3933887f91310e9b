"""Give our collections to any process and thread: indexes first, durable writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TypeVar

from pymongo.collection import Collection
from pymongo.write_concern import WriteConcern
from udata.mongo.document import UDataDocument

from ..web.untyped import Document, Query

__all__ = [
    "Document",
    "Indexed",
    "Query",
    "acknowledged",
    "as_of",
    "collection_of",
    "confirmed",
    "lookup",
    "now",
]

#: Milliseconds within which a majority must acknowledge a write.
CONFIRMED_WITHIN = 10_000

#: A document, of the type of its collection.
D = TypeVar("D", bound=Mapping[str, Any])

_building = threading.Lock()
#: The collections whose indexes this process has built. mongoengine hands a collection to other
#: threads before it has built them: two threads could then store what a unique index refuses.
_built: set[tuple[type, int]] = set()


class Indexed(UDataDocument):
    """A collection of ours and its indexes. Documents are read and written as stored; their fields
    are declared by a `TypedDict` beside the class, and nowhere else."""

    _dynamic = True  # an index may name any field
    meta: Any = {"abstract": True, "strict": False}


def collection_of(model: Any) -> Collection:
    """Return the collection of a document class, its indexes built before its first use."""
    known = (model, id(model._collection)) in _built
    if known and model._collection is not None:
        return model._get_collection()
    with _building:
        collection = model._get_collection()
        _built.add((model, id(model._collection)))
        return collection


def acknowledged(model: Any) -> Collection:
    """Return the collection of a document class, with writes that survive the loss of a primary. On
    a standalone server "majority" is that server. A write that no majority acknowledges in time
    raises: nobody is told that it is stored, nobody waits for ever."""
    concern = WriteConcern(w="majority", wtimeout=CONFIRMED_WITHIN)
    return collection_of(model).with_options(write_concern=concern)


def confirmed(collection: Collection, document: D | None) -> D | None:
    """Return a document read from an `acknowledged` collection once a majority has it: the primary
    that was read may be ahead of the others, and lose it. The update changes nothing; MongoDB still
    waits for all that came before it."""
    if document is not None:
        collection.update_one({"_id": document["_id"]}, {"$setOnInsert": {"v": 1}})
    return document


def lookup(name: str, of: Collection, here: str, there: str, stages: Sequence[Query]) -> Query:
    """Return a `$lookup` stage: what `stages` find among the documents `of` a collection whose
    field `there` is (or contains) the field `here` of each document, as the list `name`."""
    return {
        "$lookup": {
            "from": of.name,
            "localField": here,
            "foreignField": there,
            "pipeline": list(stages),
            "as": name,
        }
    }


#: The moment that `as_of` sets for the code within; None: the real one.
_moment: ContextVar[datetime | None] = ContextVar("culture-feedback-moment", default=None)


def now() -> datetime:
    """Return the current time as MongoDB will return it: naive UTC, whole milliseconds."""
    moment = _moment.get() or datetime.now(UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@contextmanager
def as_of(moment: datetime) -> Iterator[None]:
    """Run code as if it was `moment` (naive UTC), so that every date it records follows: for events
    recorded afterwards, as in the sample data of the demo. Never for what people do now."""
    before = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(before)
