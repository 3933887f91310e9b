"""Cache, in this process, what was rendered for everybody while what it shows has not changed.

Correctness does not depend on it: the key contains all that is shown (ids and versions, the
language, where links lead), read from the database each time. Only names of people and
organizations may be stale, by `CULTURE_FEEDBACK_RENDERED_SECONDS`: no more than in any cache on the
way, since anonymous responses may be cached for a minute.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import bson
from flask import current_app, g, request

#: Entries kept in a process: some megabytes.
MOST = 500

T = TypeVar("T")

_kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
_lock = threading.Lock()


def kept(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """Return what `make` returns, or its cached result for this key, language and address, while it
    is fresh. Callers must not change it."""
    seconds = current_app.config["CULTURE_FEEDBACK_RENDERED_SECONDS"]
    if not seconds:
        return make()
    place = (id(current_app._get_current_object()), request.root_url, g.get("lang_code"), *key)  # type: ignore[attr-defined]
    moment = time.monotonic()
    with _lock:
        found = _kept.get(place)
        if found and found[0] > moment:
            _kept.move_to_end(place)
            return found[1]
    made = make()
    with _lock:
        _kept[place] = (moment + seconds, made)
        _kept.move_to_end(place)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return made


def fingerprint(*shown: Any) -> bytes:
    """Return the part of a cache key for what is shown, as it was read: plain values, dataclasses,
    lists of documents (as BSON, which is quicker)."""
    digest = hashlib.blake2b(digest_size=16)
    for part in shown:
        if isinstance(part, list):
            digest.update(bson.encode({"": part}))
        else:
            digest.update(repr(part).encode("utf-8", "replace"))
        digest.update(b"\0")
    return digest.digest()
