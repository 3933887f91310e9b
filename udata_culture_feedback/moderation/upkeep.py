"""Nightly upkeep of moderation: erase hidden words, record what a crash left unwritten. Each step
is idempotent and may run at any time, twice at once, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..contributions import kinds
from ..contributions.embedded_texts import EmbeddedText
from ..contributions.moderated import Item, Moderated
from ..contributions.review_rules import Visibility, forget_original
from ..portal.collections import now
from . import appeals, bulk, flags, journal, mails

#: What stands in the place of hidden words once they are erased.
ERASED = "…"


def apply_decisions() -> int:
    """Apply decisions to embedded texts where they were not applied yet; return how many."""
    return sum(one.apply_all() for one in _embedded())


def forget_orphans() -> int:
    """Delete the references of embedded texts whose parent is gone; return how many."""
    return sum(one.forget_orphans() for one in _embedded())


def write_journal() -> int:
    """Record the decisions that a crash kept out of the journal; return how many."""
    return sum(journal.catch_up(moderated) for moderated in kinds.moderated().values())


def erase_hidden_words() -> int:
    """Erase hidden and blacked-out words whose time in the settings is over; return how many."""
    return sum(_erase(moderated) for moderated in kinds.moderated().values())


#: For `maintenance.STEPS`.
STEPS: dict[str, Callable[[], int]] = {
    "bulks_finished": bulk.go_on,
    "decisions_done": apply_decisions,
    "moderated_words_forgotten": forget_orphans,
    "decisions_written": write_journal,
    "hidden_words_erased": erase_hidden_words,
    "appeals_forgotten": appeals.erase_texts,
    "moderators_told": mails.tell_moderators,
}


def _embedded() -> Iterator[EmbeddedText]:
    return (one for one in kinds.moderated().values() if isinstance(one, EmbeddedText))


def _erase(moderated: Moderated) -> int:
    over = {"words_until": {"$lt": now()}}
    ids = [item["_id"] for item in moderated.collection().find(over, {"_id": 1})]

    def erased(item: Item) -> Item | None:
        if not item.get("words_until") or item["words_until"] >= now():
            return None
        changed = dict(item)
        if item["visibility"] == Visibility.HIDDEN:
            texts = dict.fromkeys(moderated.texts(item), ERASED)
            changed = moderated.with_texts(changed, texts)
        changed.pop("words_until")
        forget_original(changed)
        return changed

    written = [pair for id in ids if (pair := moderated.change(id, erased))]
    for _before, after in written:
        if after["visibility"] == Visibility.HIDDEN:
            flags.forget([after["_id"]])
    moderated.announce(written)
    return len(written)
