"""Why an action is refused: one exception per HTTP status, raised by actions and rendered once by
the JSON API and once by the pages."""

from __future__ import annotations

from typing import Any

from .untyped import Shown

#: Field → what is wrong with it, perhaps a lazy translation.
Errors = dict[str, Any]


class Refusal(Exception):
    """An action says no. `errors` names the fields at fault, `details` goes into the answer."""

    status = 400

    def __init__(self, message: Any, errors: Errors | None = None, **details: Any):
        super().__init__(str(message))
        # Plain texts: templates take a lazy translation for HTML, with what people typed in it.
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
    """What was sent is not right; `errors` says which fields."""

    status = 400


class Unauthenticated(Refusal):
    """Nobody is identified."""

    status = 401


class Forbidden(Refusal):
    """One sees it, but may not do that."""

    status = 403


class Unproven(Forbidden):
    """Somebody without an account has to give a proof of work, and this is none (any more); `why`
    goes into the answer, so that a client knows whether to try another."""

    def __init__(self, message: Any, why: str):
        super().__init__(message, {"proof": message}, proof=why)


class NotFound(Refusal):
    """It does not exist, or one may not know that it does."""

    status = 404


class Conflict(Refusal):
    """Somebody (perhaps oneself) was there before; `details` says where it is."""

    status = 409


class Gone(Refusal):
    """It was there and has been deleted."""

    status = 410


class TooLong(Refusal):
    """A text or a body over its bound."""

    status = 413


class ReadOnly(Refusal):
    """The portal is in read-only mode (`READ_ONLY_MODE` of udata, which answers 423 too)."""

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
