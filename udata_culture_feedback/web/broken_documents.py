"""Show a list although one of its documents is broken: half restored, or edited by hand."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

from .log_line import tell

log = logging.getLogger(__name__)

#: What reading a document raises when a field is missing or of the wrong type.
BROKEN = (AttributeError, IndexError, KeyError, TypeError, ValueError)

Viewer = TypeVar("Viewer")
Document = TypeVar("Document")
Item = TypeVar("Item")
More = ParamSpec("More")

Show = Callable[Concatenate[Viewer, Iterable[Document], More], list[Item]]


def left_out(show: Show[Viewer, Document, More, Item]) -> Show[Viewer, Document, More, Item]:
    """Have a function that shows a list leave out what it cannot show, and log the ids of that.
    Documents are shown all at once, and one by one only where that fails."""

    @functools.wraps(show)
    def careful(
        viewer: Viewer,
        documents: Iterable[Document],
        /,
        *args: More.args,
        **kwargs: More.kwargs,
    ) -> list[Item]:
        documents = list(documents)
        try:
            return show(viewer, documents, *args, **kwargs)
        except BROKEN:
            shown: list[Item] = []
        for one in documents:
            try:
                shown += show(viewer, [one], *args, **kwargs)
            except BROKEN as error:
                _tell(one, error)
        return shown

    return careful


def _tell(document: Any, error: Exception) -> None:
    tell(log, logging.ERROR, "document broken", id=document.get("_id"), error=type(error).__name__)
