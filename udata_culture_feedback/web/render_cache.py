"""What was rendered for everybody, kept in this process while what it shows stays as it is.

Nothing depends on it: what is kept is found by a key that says all that is in it (the ids and
versions of what is shown, the language, where its links lead), read from the database each time.
Only names of people and of organizations may be older, by `CULTURE_FEEDBACK_RENDERED_SECONDS`: no
more than in any cache on the way, since anonymous answers may be kept for a minute.
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

#: Parts kept in a process: some megabytes.
MOST = 500

T = TypeVar("T")

_kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
_lock = threading.Lock()


def kept(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """What `make` answers, or what it answered in the last seconds for the same key, in the same
    language and at the same address. Never to be changed by who receives it."""
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
    """The part of a key that stands for what is shown, as it was read: plain values, dataclasses,
    lists of documents (as BSON, which is quicker)."""
    digest = hashlib.blake2b(digest_size=16)
    for part in shown:
        if isinstance(part, list):
            digest.update(bson.encode({"": part}))
        else:
            digest.update(repr(part).encode("utf-8", "replace"))
        digest.update(b"\0")
    return digest.digest()
