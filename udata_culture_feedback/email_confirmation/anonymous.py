"""Take part without an account: what each contribution has to give, and which ways are open.

Nothing here blocks an honest person for good. Whoever cannot give a proof of work confirms an
e-mail address; whoever fell into the trap for robots sends the form again; words that came
suspiciously fast wait for a moderator like all others, with a note.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from udata.i18n import lazy_gettext as _

from ..people import captcha, limits, proof
from ..people.access_modes import Action, Mode
from ..people.viewer import Viewer, must_be_known
from ..web import refusals
from ..web.untyped import Payload, Shown
from ..web.urls import api_url
from . import confirmation

NOBODY = Viewer(key=None)

#: An invisible field of our forms, which robots fill in.
TRAP = "website"

#: Fewer seconds than anybody needs to type a text.
QUICK = 3


@dataclass(frozen=True)
class Ways:
    """The ways open to a person without an account. `proof`: the path of a challenge, below our
    API; None where a proof of work does not suffice. `email`: whether confirming an address
    does."""

    proof: str | None = None
    email: bool = False

    @property
    def open(self) -> bool:
        """Whether any way without an account is open."""
        return self.email

    def as_json(self) -> Shown:
        """Return the ways as JSON, for a client that has sent nothing to be known by."""
        ways = ["account", *(["proof"] if self.proof else []), *(["email"] if self.email else [])]
        return {"ways": ways} | ({"proof_url": api_url(self.proof)} if self.proof else {})


def ways(viewer: Viewer, action: Action, target: object) -> Ways:
    """Return the ways without an account that are open to a person; none for accounts. `target`: id
    or slug of what they are about to contribute to."""
    mode = Mode.OFF if viewer.account else confirmation.mode_for(action, target)
    asked = urlencode({"action": action.value, "target": str(target or "")})
    return Ways(
        proof=f"proof/?{asked}" if mode is Mode.PROOF else None,
        email=mode is not Mode.OFF,
    )


def must_take_part(viewer: Viewer, action: Action, target: object) -> None:
    """Raise Unauthenticated for an unknown viewer, saying which ways are open; ReadOnly while the
    portal is."""
    try:
        once = confirmation.counts_once(viewer, action, target)
        must_be_known(viewer if once else NOBODY, action)
        if not viewer.account:
            _must_be_enough(viewer, confirmation.mode_for(action, target))
    except refusals.Unauthenticated as refusal:
        open_to_them = ways(viewer, action, target)
        if not open_to_them.open:
            raise
        message = _("Log in, or take part without an account.")
        raise refusals.Unauthenticated(message, **open_to_them.as_json()) from refusal


def _must_be_enough(viewer: Viewer, mode: Mode) -> None:
    """Raise Unauthenticated where the target asks for more than this person gives."""
    if mode is Mode.OFF or (viewer.by_token and mode is not Mode.PROOF):
        raise refusals.Unauthenticated(_("Log in to take part."))


def admit(
    viewer: Viewer, action: Action, target: str, payload: Payload, *, about: str = ""
) -> list[str]:
    """Accept the proof of a new contribution without an account, and return notes for moderators
    (`quick`). Call once everything else is valid.

    `payload`: `proof` (or `captcha`), and `submission_id` by which a retry is recognised. `about`:
    what it is about within the target, so that only a retry about the same thing passes. Raise
    Unproven, TooMany.
    """
    if not viewer.by_token:
        return []
    submission = payload.get("submission_id") or secrets.token_hex(16)
    what_for = f"{viewer.key}\n{action}\n{target}\n{submission}\n{about}"
    seconds = QUICK
    if captcha.is_offered() and payload.get("captcha") and not payload.get("proof"):
        captcha.spend(payload["captcha"], what_for)
    else:
        seconds = proof.spend(payload.get("proof"), action, target, what_for)
    limits.spend_without_account(f"{action}:{target}")
    return ["quick"] if seconds < QUICK and payload.get("comment") else []


def needs_another_way(refusal: refusals.Refusal) -> bool:
    """Return whether a person who was refused despite a proof of work had better confirm an
    address."""
    proof = refusal.details.get("proof")
    return isinstance(refusal, refusals.TooMany) or proof not in (None, "trap")


def avoid_trap(sent: Any) -> None:
    """Raise Unproven for a form whose trap was filled in: it is shown again, with the trap empty,
    and may be resent."""
    if sent.get(TRAP):
        raise refusals.Unproven(
            _(
                "A field that should stay empty was filled in, perhaps by your browser. It is "
                "empty again: please send the form once more."
            ),
            "trap",
        )
