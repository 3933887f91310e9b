"""Read what people send, field by field: valid values are kept, invalid ones are named. For JSON
bodies and forms of every domain."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from udata.i18n import lazy_gettext as _

from . import refusals
from .text_cleaning import clean, is_invisible
from .untyped import Payload

#: A submission's id, chosen by the client (a UUID, say), so that a retry is stored once.
SUBMISSION_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


#: Longest slug or id, in characters.
REFERENCE_LENGTH = 300


class Reading:
    """The values and errors of one payload. Each method reads one field and leaves its name in
    `values` or in `errors`."""

    def __init__(self, payload: Payload):
        self.payload = payload
        self.values: Payload = {}
        self.errors: refusals.Errors = {}

    def has(self, field: str) -> bool:
        return field in self.payload

    def checked(self) -> Payload:
        """Return the values. Raise Invalid with one error for each invalid field."""
        if self.errors:
            raise refusals.Invalid(_("Some answers need another look."), self.errors)
        return self.values

    def choice(self, field: str, ids: Collection[str], *, required: bool = False) -> None:
        """Read one of the ids, or None."""
        value = self.payload.get(field)
        if value in (None, ""):
            if required:
                self.errors[field] = _("Choose one answer.")
            else:
                self.values[field] = None
        elif isinstance(value, str) and value in ids:
            self.values[field] = value
        else:
            self.errors[field] = _("Choose one of: %(ids)s.", ids=", ".join(ids))

    def choices(self, field: str, ids: Collection[str]) -> None:
        """Read some of the ids, each once."""
        value = self.payload.get(field) or []
        if isinstance(value, list) and all(isinstance(v, str) and v in ids for v in value):
            self.values[field] = list(dict.fromkeys(value))
        else:
            self.errors[field] = _("A list of some of: %(ids)s.", ids=", ".join(ids))

    def text(
        self,
        field: str,
        longest: int | None = None,
        *,
        required: bool = False,
        one_line: bool = False,
        too_long: Callable[[int, int], Any] | None = None,
    ) -> None:
        """Read a text, cleaned, or None; refuse an invisible one. `longest`: None for the bound of
        comments, over which the whole payload is refused: raise TooLong. `too_long`: makes the
        message, from how many characters there are and how many there may be."""
        value = self.payload.get(field)
        if value is not None and not isinstance(value, str):
            self.errors[field] = _("A text.")
            return
        if is_invisible(value or ""):
            self.errors[field] = _("Nothing of this text can be seen.")
            return
        value = clean(value or "")
        if one_line:
            value = " ".join(value.split())
        bound = longest or current_app.config["CULTURE_FEEDBACK_COMMENT_MAX_LENGTH"]
        if len(value) > bound:
            message = (too_long or _too_long)(len(value), bound)
            if longest is None:
                raise refusals.TooLong(message, {field: message})
            self.errors[field] = message
        elif required and not value:
            self.errors[field] = _("This cannot be empty.")
        else:
            self.values[field] = value or None

    def reference(self, field: str, longest: int = REFERENCE_LENGTH) -> None:
        """Read an id or a slug, given alone or as the `id` of an object, or None."""
        value = self.payload.get(field)
        if isinstance(value, dict):
            value = value.get("id")
        if value in (None, ""):
            self.values[field] = None
        elif isinstance(value, str) and len(value) <= longest and clean(value):
            self.values[field] = clean(value)
        else:
            self.errors[field] = _("An id or a slug.")

    def texts(self, field: str, most: int, longest: int = 2000) -> None:
        """Read some short texts, each once."""
        value = self.payload.get(field) or []
        if (
            isinstance(value, list)
            and len(value) <= most
            and all(isinstance(text, str) and len(text) <= longest for text in value)
        ):
            cleaned = dict.fromkeys(clean(text) for text in value)
            self.values[field] = [text for text in cleaned if text]
        else:
            self.errors[field] = _("A list of %(n)d texts at most.", n=most)

    def boolean(self, field: str) -> None:
        """Read true or false; null is false."""
        value = self.payload.get(field)
        if isinstance(value, bool) or value is None:
            self.values[field] = bool(value)
        else:
            self.errors[field] = _("True or false.")

    def submission(self) -> None:
        """Read `submission_id`, where one was sent."""
        sent = self.payload.get("submission_id")
        if sent is None:
            return
        if isinstance(sent, str) and SUBMISSION_ID.fullmatch(sent):
            self.values["submission_id"] = sent
        else:
            self.errors["submission_id"] = _(
                "8 to 64 letters, digits, dots, colons, dashes or underscores."
            )


def _too_long(length: int, longest: int) -> Any:
    return _("%(length)d characters: %(longest)d at most.", length=length, longest=longest)


def is_web_address(text: str) -> bool:
    """Return whether a text is an http(s) address without secrets: no user or password in it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not re.search(r"\s", text)
    )


def is_date(text: str) -> bool:
    """Return whether a text is a day like `2026-12-31`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
