"""What moderators and readers send, read and checked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ..contributions.moderated import Decision
from ..contributions.review_rules import Visibility
from ..web import refusals
from . import redaction
from .actions import MOST, Wanted
from .redaction import SHORTEST, Choice

#: Not decisions: who is looking at what.
CLAIM, RELEASE = "claim", "release"
#: Of the page alone: reject or hide, whichever fits.
REFUSE = "refuse"
GESTURES = (*(str(decision) for decision in Decision), CLAIM, RELEASE)


def read_gesture(payload: dict[str, Any]) -> str:
    """What is done: a decision, `claim` or `release`. Raises Invalid naming `decision`."""
    gesture = payload.get("decision")
    if gesture not in GESTURES:
        message = _("Choose one of: %(ids)s.", ids=", ".join(GESTURES))
        raise refusals.Invalid(message, {"decision": message})
    found: str = gesture
    return found


def read_items(payload: dict[str, Any]) -> list[Wanted]:
    """The contributions, each once: ids, or {id, version}. Raises Invalid naming `items`."""
    items = payload.get("items")
    if not isinstance(items, list):
        message = _("A list of ids.")
        raise refusals.Invalid(message, {"items": message})
    if len(items) > MOST:
        message = _("%(n)d contributions at most.", n=MOST)
        raise refusals.Invalid(message, {"items": message})
    wanted = [_wanted(item) for item in items]
    return list({one.id: one for one in wanted}.values())


def read_reason(payload: dict[str, Any]) -> str | None:
    reason = payload.get("reason")
    if reason is not None and not isinstance(reason, str):
        message = _("A text.")
        raise refusals.Invalid(message, {"reason": message})
    return reason


def read_moment(value: str | None) -> datetime:
    """Read when a page was shown, as its form says (naive UTC). Raise Invalid naming `seen_at`."""
    try:
        moment = datetime.fromisoformat(value or "")
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        message = _("Not a date.")
        raise refusals.Invalid(message, {"scope": message}) from None


def gesture_of_form(form: MultiDict[str, str]) -> dict[str, Any]:
    """The same payload as a JSON body, from the page of the queue.

    One form holds the whole queue. `shown` is what the moderator has seen of each row:
    "<id>.<version>.<visibility>". `one`, the button of a row, says "<decision>:<id>", or
    "<decision>:<reason>:<id>" for what takes one gesture; otherwise `decision` and `reason` are
    about the rows that are checked (`items`), or about all of them (`scope`). `refuse` takes rows
    away, whether they are public or wait: `pending` and `public` say which do what.
    """
    shown = {row.partition(".")[0]: row.split(".") for row in form.getlist("shown")}
    reason: str | None
    one = form.get("one")
    if one:
        decision, _colon, rest = one.partition(":")
        given, _colon, id = rest.rpartition(":")
        ids, reason = [id], given or form.get(f"reason:{id}") or None
    else:
        decision, reason = form.get("decision", ""), form.get("reason") or None
        ids = list(shown) if form.get("scope") == "all" else form.getlist("items")
    seen = {id: _seen(id, shown.get(id, [])) for id in dict.fromkeys(ids)}
    payload: dict[str, Any] = {"decision": decision, "items": list(seen.values())}
    if decision == Decision.REDACT:
        strings = [*form.getlist(f"found:{ids[0]}"), *_lines(form.get(f"strings:{ids[0]}"))]
        payload["strings"] = list(dict.fromkeys(strings))
    elif decision in (Decision.REJECT, Decision.HIDE, REFUSE):
        payload["reason"] = reason
    if decision == REFUSE:
        for visibility in (Visibility.PENDING, Visibility.PUBLIC):
            payload[visibility.value] = [
                seen[id] for id in seen if shown.get(id, [])[2:] == [visibility.value]
            ]
    return payload


def choice_of(payload: dict[str, Any]) -> Choice | None:
    """What to black out, from a body that decides that."""
    return redaction.read(payload) if payload.get("decision") == Decision.REDACT else None


def _seen(id: str, row: list[str]) -> dict[str, Any] | str:
    """A row, with the version that was seen of it."""
    return {"id": id, "version": row[1]} if len(row) == 3 else id


def _lines(text: str | None) -> list[str]:
    """What a moderator types, one string a line; what is too short to be meant is left out."""
    lines = (line.strip() for line in (text or "").splitlines())
    return [line for line in lines if len(line) >= SHORTEST]


def _wanted(item: Any) -> Wanted:
    version = None
    if isinstance(item, dict):
        item, version = item.get("id"), item.get("version")
    if (
        isinstance(item, str)
        and ObjectId.is_valid(item)
        and (version is None or isinstance(version, str))
    ):
        return Wanted(ObjectId(item), version)
    message = _("A list of ids.")
    raise refusals.Invalid(message, {"items": message})
