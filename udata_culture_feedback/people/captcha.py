"""Check CaptchEtat answers instead of proofs of work, where udata has CaptchEtat configured.

udata's own check accepts everything while the service is down, and waits for it without a timeout.
Ours waits a few seconds, then refuses: there are other ways to take part.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import requests
from flask import current_app
from udata.app import cache
from udata.i18n import lazy_gettext as _

from ..portal.collections import now
from ..web import refusals
from .proof import mark

log = logging.getLogger(__name__)

#: Timeouts of the service, in seconds: to accept a connection, to answer.
PATIENCE = (3, 5)
#: How long an accepted answer is remembered: longer than the service remembers it itself.
REMEMBERED = timedelta(days=1)
LONGEST = 100


def is_offered() -> bool:
    """Return whether this portal accepts answers to CaptchEtat."""
    config = current_app.config
    return bool(config["CULTURE_FEEDBACK_CAPTCHETAT"] and config["CAPTCHETAT_BASE_URL"])


def spend(captcha: object, what_for: str) -> None:
    """Have the service check an answer, `{uuid, code}`, and spend it on one contribution.

    Raise Unproven for a wrong or spent answer, and when the service cannot be reached.
    """
    if not isinstance(captcha, dict):
        raise _wrong()
    uuid, code = captcha.get("uuid"), captcha.get("code")
    if not all(isinstance(one, str) and 0 < len(one) <= LONGEST for one in (uuid, code)):
        raise _wrong()
    try:
        right = _check(uuid, code)
    except (requests.RequestException, ValueError, KeyError):
        log.exception("CaptchEtat does not answer")
        raise refusals.Unproven(
            _("The verification does not answer. Please confirm an e-mail address, or log in."),
            "unavailable",
        ) from None
    if not right:
        raise _wrong()
    mark(f"captcha:{uuid}", what_for, now() + REMEMBERED)


def _check(uuid: Any, code: Any) -> bool:
    answer = requests.post(
        f"{current_app.config['CAPTCHETAT_BASE_URL']}/valider-captcha",
        headers={"Authorization": f"Bearer {_token()}"},
        json={"uuid": uuid, "code": code},
        timeout=PATIENCE,
    )
    answer.raise_for_status()
    return answer.text.strip() == "true"


def _token() -> str:
    """Return the access token, from udata's own cache, or a new one."""
    config = current_app.config
    known = cache.get(config["CAPTCHETAT_TOKEN_CACHE_KEY"])
    if known:
        return known
    answer = requests.post(
        f"{config['CAPTCHETAT_OAUTH_BASE_URL']}/api/oauth/token",
        data={
            "grant_type": "client_credentials",
            "scope": "piste.captchetat",
            "client_id": config["CAPTCHETAT_CLIENT_ID"],
            "client_secret": config["CAPTCHETAT_CLIENT_SECRET"],
        },
        timeout=PATIENCE,
    )
    answer.raise_for_status()
    body = answer.json()
    token = body["access_token"]
    cache.set(config["CAPTCHETAT_TOKEN_CACHE_KEY"], token, timeout=body.get("expires_in", 0))
    return token


def _wrong() -> refusals.Unproven:
    return refusals.Unproven(_("That is not what the picture or the sound says."), "invalid")
