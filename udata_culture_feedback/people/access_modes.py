"""Say, action by action, how people without an account take part: with a proof of work, with an
e-mail address that they confirm, or not at all."""

from __future__ import annotations

from enum import StrEnum

from flask import current_app

from . import keys

SETTING = "CULTURE_FEEDBACK_WITHOUT_ACCOUNT"


class Mode(StrEnum):
    """What an action asks of people without an account."""

    OFF = "off"  # log in first
    EMAIL = "email"  # confirm an e-mail address
    PROOF = "proof"  # a proof of work, or a confirmed e-mail address instead


class Action(StrEnum):
    """An action that people without an account may take."""

    FEEDBACK = "feedback"
    SUPPORT = "support"
    REQUEST = "request"  # somebody must be answerable for it: never by a proof of work
    RESPONSE = "response"
    FOLLOW = "follow"  # needs an address to write to: never by a proof of work


#: The mode of an action that the setting does not name.
DEFAULTS: dict[str, Mode] = {
    Action.FEEDBACK: Mode.PROOF,
    Action.SUPPORT: Mode.PROOF,
    Action.REQUEST: Mode.EMAIL,
    Action.RESPONSE: Mode.PROOF,
    Action.FOLLOW: Mode.EMAIL,
}


def mode_of(action: str) -> Mode:
    """Return the mode of an action on this portal: what it asks of people without an account."""
    if keys.problems():
        return Mode.OFF
    return _wished(action)


def stricter(one: Mode, other: Mode) -> Mode:
    """Return the mode that asks for more."""
    order = (Mode.OFF, Mode.EMAIL, Mode.PROOF)
    return min(one, other, key=order.index)


def problems() -> list[str]:
    """Return, for the operator, what keeps the portal from doing what its settings ask for."""
    wished = current_app.config[SETTING]
    found = [f"{SETTING} names no action {name!r}" for name in wished if name not in set(Action)]
    for action in Action:
        if action in wished and wished[action] not in set(Mode):
            found.append(f"{SETTING}[{action.value!r}] is none of off, email, proof: it is off")
    if wished.get(Action.REQUEST) == Mode.PROOF:
        found.append(f"{SETTING}: requests need an e-mail address at least, not a proof of work")
    if any(_wished(action) is not Mode.OFF for action in Action):
        found += [f"Nobody takes part without an account: {one}" for one in keys.problems()]
    return found


def _wished(action: str) -> Mode:
    try:
        mode = Mode(current_app.config[SETTING].get(action, DEFAULTS.get(action, Mode.EMAIL)))
    except ValueError:
        return Mode.OFF
    if action in (Action.REQUEST, Action.FOLLOW) and mode is Mode.PROOF:
        return Mode.EMAIL
    return mode
