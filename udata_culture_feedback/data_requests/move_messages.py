"""The words of the moves of a request: the messages of its history, moderated one by one."""

from __future__ import annotations

from bson import ObjectId

from ..contributions.embedded_texts import Hidden
from . import discussion
from .models import Request
from .repository import change, find


def said_with(request: Request, number: int) -> str | None:
    """Return the message of an entry of the history, from 1; None where there is none."""
    history = request["history"]
    return history[number - 1].get("message") if 0 < number <= len(history) else None


def moderate(request_id: ObjectId, number: int, text: str, hidden: Hidden | None) -> bool:
    """Set the message of an entry to `text`, here and in the native discussion; `hidden`: reason
    and date, where that replaces hidden words. Idempotent. Return False where there is no such
    message."""
    request = find(request_id)
    if request is None or said_with(request, number) is None:
        return False

    def moderated(one: Request) -> Request | None:
        entry = one["history"][number - 1].copy()
        entry.pop("hidden", None)
        entry["message"] = text
        if hidden:
            entry["hidden"] = hidden
        if entry == one["history"][number - 1]:
            return None
        history = list(one["history"])
        history[number - 1] = entry
        return one | {"history": history}

    changed = change(request, moderated) or find(request_id)
    if changed:
        discussion.rewrite_move(changed, number)
    return True
