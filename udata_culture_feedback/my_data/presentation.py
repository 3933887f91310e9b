"""One person's contributions as the page shows them: in words, with what may be done with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from udata.i18n import gettext as _
from udata.i18n import ngettext

from ..contributions import kinds
from ..contributions.owned import Entry, Person
from ..web.pages import page_address
from ..web.untyped import Document


@dataclass(frozen=True)
class Section:
    """A person's contributions of one kind."""

    kind: str
    label: Any
    entries: list[Entry]
    total: int
    page: int
    last: int

    def address(self, page: int) -> str:
        return page_address("me/", kind=self.kind, page=page)


def sections(person: Person, listed: Document) -> list[Section]:
    """Build the sections of what `actions.listed` returns, without empty kinds."""
    return [
        Section(
            kind=kind.kind,
            label=kind.many,
            entries=kind.entries(person, listed[kind.section]["data"]),
            total=listed[kind.section]["total"],
            page=listed[kind.section]["page"],
            last=-(-listed[kind.section]["total"] // listed[kind.section]["page_size"]),
        )
        for kind in kinds.owned().values()
        if kind.section in listed and listed[kind.section]["total"]
    ]


def told(erased: int, detached: int, left: int) -> str:
    """Return the message about what was erased."""
    said = []
    if erased:
        said.append(
            ngettext("%(num)d contribution is erased.", "%(num)d contributions are erased.", erased)
        )
    if detached:
        said.append(
            ngettext(
                "%(num)d request that others carry stays, without your name.",
                "%(num)d requests that others carry stay, without your name.",
                detached,
            )
        )
    if left:
        said.append(_("There is more: erase everything once more."))
    return " ".join(said) or _("There was nothing to erase.")
