"""Declare what pages need to know of the person behind a request; `people.viewer` finds it out."""

from __future__ import annotations

from typing import Protocol

from flask import current_app
from udata.i18n import lazy_gettext as _

from . import refusals


class Reader(Protocol):
    """The person behind a request. `key` is None for somebody of whom nothing is known."""

    @property
    def key(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...

    @property
    def known(self) -> bool: ...

    @property
    def account(self) -> bool: ...

    @property
    def sysadmin(self) -> bool: ...


def must_have_account(reader: Reader) -> None:
    """Raise Unauthenticated for an anonymous viewer, ReadOnly while the portal is read-only."""
    if not reader.account:
        raise refusals.Unauthenticated(_("Log in to take part."))
    must_be_writable(reader)


def must_be_writable(reader: Reader) -> None:
    """Raise ReadOnly while the portal is read-only, except for its administrators."""
    if current_app.config["READ_ONLY_MODE"] and not reader.sysadmin:
        raise refusals.ReadOnly(_("This portal is read-only for the moment. Please come back."))
