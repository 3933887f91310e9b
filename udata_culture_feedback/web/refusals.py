"""Refuse an action: one exception per HTTP status, raised by actions and rendered once by the JSON
API and once by the pages."""

from __future__ import annotations

from typing import Any

from .untyped import Shown

#: Field → what is wrong with it, possibly a lazy translation.
Errors = dict[str, Any]


class Refusal(Exception):
    """The refusal of an action. `errors` names the invalid fields, `details` goes into the
    response."""

    status = 400

    def __init__(self, message: Any, errors: Errors | None = None, **details: Any):
        super().__init__(str(message))
        # Plain texts: templates take lazy translations for safe HTML, what people typed included.
        self.message = str(message)
        self.errors = {field: str(text) for field, text in (errors or {}).items()}
        self.details = details

    def as_json(self) -> Shown:
        body: Shown = {"message": str(self.message), **self.details}
        if self.errors:
            body["errors"] = {field: str(text) for field, text in self.errors.items()}
        return body

    @property
    def headers(self) -> dict[str, str]:
        return {}


class Invalid(Refusal):
    """What was sent is invalid; `errors` says which fields."""

    status = 400


class Unauthenticated(Refusal):
    """Nobody is identified."""

    status = 401


class Forbidden(Refusal):
    """The viewer may see it, but not do that."""

    status = 403


class Unproven(Forbidden):
    """An anonymous contribution lacks a valid proof of work; `why` goes into the response, so that
    a client knows whether to try another."""

    def __init__(self, message: Any, why: str):
        super().__init__(message, {"proof": message}, proof=why)


class NotFound(Refusal):
    """It does not exist, or the viewer may not know that it does."""

    status = 404


class Conflict(Refusal):
    """Somebody (perhaps the viewer) was there before; `details` says where it is."""

    status = 409


class Gone(Refusal):
    """It has been deleted."""

    status = 410


class TooLong(Refusal):
    """A text or a body over its bound."""

    status = 413


class ReadOnly(Refusal):
    """The portal is in read-only mode (`READ_ONLY_MODE` of udata, which responds 423 too)."""

    status = 423


class TooMany(Refusal):
    """Over a limit; `retry_after` is in seconds."""

    status = 429

    def __init__(self, message: Any, retry_after: int):
        super().__init__(message)
        self.retry_after = max(1, retry_after)

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}
