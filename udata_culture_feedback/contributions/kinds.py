"""Register the kinds of contributions: each is described once, by its domain, and whatever serves
all of them (moderation, "my data", confirmation by e-mail, erasure of accounts, the nightly
maintenance) iterates over the registry.

`app` registers the kinds of the domains in the order in which pages and the API list them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from ..email_confirmation import confirmation
from ..people.access_modes import Action
from ..people.viewer import Viewer
from ..web.privacy import Facts
from . import imports
from .imports import ImportKind
from .moderated import Item, Moderated
from .owned import Owned, Person, Shown


@dataclass(frozen=True)
class Flagged:
    """Words that a reader reports: what they are, for moderators (`kind`, `item`) and for the form
    (`words`, where they stand, the way back); and on which `action` on which `target` an anonymous
    reader spends a proof of work."""

    kind: str
    item: Item
    words: str | None
    where: str
    back: str
    action: Action
    target: ObjectId


#: Finds what a reader reports by its reference and, for a part of it, `about`. Raises
#: NotFound for what they may not see.
Flaggable = Callable[[Viewer, str, Any], Flagged]


@dataclass(frozen=True)
class Following:
    """How contributions about a dataset follow it when it comes back under another id. All are
    given the former dataset; `count` also a bound, `carry` and `give_back` the other dataset and
    the id of the adoption. They are idempotent, and leave every figure exact."""

    count: Callable[[ObjectId, int | None], int]
    carry: Callable[[ObjectId, ObjectId, ObjectId], None]
    give_back: Callable[[ObjectId, ObjectId, ObjectId], None]


@dataclass(frozen=True)
class Kind:
    """One kind of contribution. What does not apply stays None.

    `moderated`: where its words are, how they change, who is told, how it is discussed; `owned`:
    how its author sees, corrects, exports and erases it; `by_email`: how it is made by confirming
    an address; `flagged`: how a reader reports it; `titles`: how public ones are named, by id;
    `forget_account`: removes a deleted account from it (idempotent) and returns how much that
    changed; `following`: how it follows a dataset; `imports`: how a file of them is imported in the
    browser; `privacy`: returns who is
    responsible for the data given about something, its title and its slug; `upkeep`: the steps of
    the nightly maintenance.
    """

    id: str
    moderated: Moderated | None = None
    owned: Owned | None = None
    by_email: confirmation.Contribution | None = None
    flagged: Flaggable | None = None
    titles: Callable[[Iterable[ObjectId]], dict[ObjectId, Shown]] | None = None
    forget_account: Callable[[ObjectId], int] | None = None
    following: Following | None = None
    imports: ImportKind | None = None
    privacy: Callable[[str], tuple[Facts, str, str] | None] | None = None
    upkeep: Mapping[str, Callable[[], int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """Data kept about a person besides their contributions: `shown` to them under `name`, in a
    section or, without one, only in the file they download; `forget`: called when they erase
    everything. An item with a `scope` of mails is shown with its name too."""

    name: str
    shown: Callable[[Person], list[Shown]]
    forget: Callable[[Person], None] | None = None
    section: str | None = None


#: The section of subjects that a person receives mails about.
SUBSCRIPTIONS = "subscriptions"

KINDS: dict[str, Kind] = {}
TRACES: dict[str, Trace] = {}


def register(kind: Kind) -> None:
    """Add a kind. Idempotent."""
    KINDS[kind.id] = kind
    if kind.by_email:
        confirmation.offer(kind.by_email)
    if kind.imports:
        imports.KINDS[kind.id] = kind.imports


def register_trace(trace: Trace) -> None:
    """Add a kind of data kept about people. Idempotent."""
    TRACES[trace.name] = trace


def moderated() -> dict[str, Moderated]:
    """Return the moderation of each kind that has one."""
    return {kind.id: kind.moderated for kind in KINDS.values() if kind.moderated}


def owned() -> dict[str, Owned]:
    """Return, by kind, how people control their own contributions."""
    return {kind.id: kind.owned for kind in KINDS.values() if kind.owned}


def find(ids: Iterable[ObjectId]) -> dict[ObjectId, tuple[Moderated, Item]]:
    """Find contributions of any kind by id, in as many queries as there are kinds."""
    ids = list(ids)
    return {id: (one, item) for one in moderated().values() for id, item in one.find(ids).items()}


def discussed(discussion_id: ObjectId, message_id: str | None) -> tuple[Moderated, ObjectId] | None:
    """Find the contribution behind a native discussion, or behind one message of it."""
    for one in moderated().values():
        found = one.discussed(discussion_id, message_id)
        if found:
            return one, found
    return None


def forget_account(user_id: ObjectId) -> int:
    """Remove a deleted account from every kind; return how much changed."""
    return sum(kind.forget_account(user_id) for kind in KINDS.values() if kind.forget_account)


def rename_person(_scope: str, former: str, key: str) -> None:
    """Replace a person's former key by their current one, in every kind."""
    for kind in owned().values():
        kind.rename(former, key)


def upkeep() -> dict[str, Callable[[], int]]:
    """Return the steps of the nightly maintenance of every kind, in their order."""
    return {name: step for kind in KINDS.values() for name, step in kind.upkeep.items()}
