"""Read and check what moderators and readers send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from udata.i18n import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ..contributions.moderated import Decision
from ..contributions.review_rules import Visibility
from ..web import refusals
from ..web.untyped import Payload
from . import redaction
from .actions import MOST, Wanted
from .redaction import SHORTEST, Choice

#: Gestures that are not decisions: they claim and release contributions.
CLAIM, RELEASE = "claim", "release"
#: A gesture of the page alone: reject or hide, by visibility.
REFUSE = "refuse"
GESTURES = (*(str(decision) for decision in Decision), CLAIM, RELEASE)


def read_gesture(payload: Payload) -> str:
    """Read the gesture: a decision, `claim` or `release`. Raise Invalid naming `decision`."""
    gesture = payload.get("decision")
    if gesture not in GESTURES:
        message = _("Choose one of: %(ids)s.", ids=", ".join(GESTURES))
        raise refusals.Invalid(message, {"decision": message})
    found: str = gesture
    return found


def read_items(payload: Payload) -> list[Wanted]:
    """Read the contributions, without repetition: ids, or {id, version}. Raise Invalid naming
    `items`."""
    items = payload.get("items")
    if not isinstance(items, list):
        message = _("A list of ids.")
        raise refusals.Invalid(message, {"items": message})
    if len(items) > MOST:
        message = _("%(n)d contributions at most.", n=MOST)
        raise refusals.Invalid(message, {"items": message})
    wanted = [_wanted(item) for item in items]
    return list({one.id: one for one in wanted}.values())


def read_reason(payload: Payload) -> str | None:
    reason = payload.get("reason")
    if reason is not None and not isinstance(reason, str):
        message = _("A text.")
        raise refusals.Invalid(message, {"reason": message})
    return reason


def read_moment(value: str | None) -> datetime:
    """Read when a page was shown, as its form says (naive UTC). Raise Invalid naming `scope`."""
    try:
        moment = datetime.fromisoformat(value or "")
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        message = _("Not a date.")
        raise refusals.Invalid(message, {"scope": message}) from None


def gesture_of_form(form: MultiDict[str, str]) -> Payload:
    """Build the payload of a JSON body from the form of the queue.

    One form contains the whole queue. `shown` is what the moderator saw of each row:
    "<id>.<version>.<visibility>". `one`, the button of a row, has the value "<decision>:<id>", or
    "<decision>:<reason>:<id>" where one click decides; otherwise `decision` and `reason` apply to
    the checked rows (`items`), or to all rows (`scope`). `refuse` removes rows, public or pending:
    the lists `pending` and `public` say which are rejected and which are hidden.
    """
    shown = {row.partition(".")[0]: row.split(".") for row in form.getlist("shown")}
    reason: str | None
    one = form.get("one")
    if one:
        decision, _colon, rest = one.partition(":")
        given, _colon, id = rest.rpartition(":")
        ids, reason = [id], given or None
    else:
        decision, reason = form.get("decision", ""), form.get("reason") or None
        ids = list(shown) if form.get("scope") == "all" else form.getlist("items")
    seen = {id: _seen(id, shown.get(id, [])) for id in dict.fromkeys(ids)}
    payload: Payload = {"decision": decision, "items": list(seen.values())}
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


def choice_of(payload: Payload) -> Choice | None:
    """Read what to black out from a body whose decision is `redact`; None otherwise."""
    return redaction.read(payload) if payload.get("decision") == Decision.REDACT else None


def _seen(id: str, row: list[str]) -> Payload | str:
    """Return the item of a row, with the version that the moderator saw."""
    return {"id": id, "version": row[1]} if len(row) == 3 else id


def _lines(text: str | None) -> list[str]:
    """Split what a moderator typed into strings, one a line, without those too short to be
    meant."""
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
