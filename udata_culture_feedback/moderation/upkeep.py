"""What time brings to the moderation: hidden words are erased, and what a crash left unwritten is
written down. Each step may run at any time, twice at once, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..contributions import kinds
from ..contributions.embedded_texts import EmbeddedText
from ..contributions.moderated import Item, Moderated
from ..contributions.review_rules import Visibility, forget_original
from ..portal.collections import now
from . import appeals, bulk, flags, journal

#: What stands in the place of hidden words once they are erased.
ERASED = "…"


def apply_decisions() -> int:
    """Do what was decided about words that are part of something else, and not yet done there."""
    return sum(one.apply_all() for one in _embedded())


def forget_orphans() -> int:
    """Forget where words stand that are gone with what they were part of."""
    return sum(one.forget_orphans() for one in _embedded())


def write_journal() -> int:
    """Decisions that a crash kept from the journal."""
    return sum(journal.catch_up(moderated) for moderated in kinds.moderated().values())


def erase_hidden_words() -> int:
    """Words that have been hidden, or blacked out, for as long as the settings keep them."""
    return sum(_erase(moderated) for moderated in kinds.moderated().values())


#: For `maintenance.STEPS`.
STEPS: dict[str, Callable[[], int]] = {
    "bulks_finished": bulk.go_on,
    "decisions_done": apply_decisions,
    "moderated_words_forgotten": forget_orphans,
    "decisions_written": write_journal,
    "hidden_words_erased": erase_hidden_words,
    "appeals_forgotten": appeals.erase_texts,
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
