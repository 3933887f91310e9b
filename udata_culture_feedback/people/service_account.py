"""Speak in native discussions: as a user, or as the service account for contributors without a
name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, g
from flask_principal import AnonymousIdentity, Identity, identity_loaded
from mongoengine.errors import NotUniqueError
from udata.core.user.models import User

#: The reserved top-level domain `.invalid` (RFC 2606): no mail can ever leave for it.
SERVICE_EMAIL = "usager-sans-compte@culture-feedback.invalid"


def service_account() -> User:
    """Return the account « Usager sans compte », which cannot log in and receives no notification;
    create it on first use.

    udata needs an author for every message (a discussion without one answers 500 everywhere).
    """
    account = User.objects(email=SERVICE_EMAIL).first()
    if account is None:
        try:
            account = User(
                email=SERVICE_EMAIL,
                first_name="Usager",
                last_name="sans compte",
                active=False,
                notifications_paused=True,
            ).save()
        except NotUniqueError:  # created meanwhile by another process
            account = User.objects.get(email=SERVICE_EMAIL)
    return account


@contextmanager
def acting_as(user: User | None) -> Iterator[None]:
    """Run code as a user, or as an anonymous visitor (None).

    udata's receivers and permissions read flask_login's `current_user` and flask_principal's
    `identity`, which need a request. `g` is shared with an outer application context, hence the
    restoring.
    """
    with current_app.test_request_context("/"):
        before = {name: g.get(name) for name in ("_login_user", "identity")}
        if user is None:
            g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]
            g.identity = AnonymousIdentity()
        else:
            g._login_user = user
            g.identity = Identity(user.fs_uniquifier)
        application = current_app._get_current_object()  # type: ignore[attr-defined]
        identity_loaded.send(application, identity=g.identity)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    g.pop(name, None)
                else:
                    setattr(g, name, value)
