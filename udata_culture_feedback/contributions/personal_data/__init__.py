"""Finding personal data in a text: exact rules, which never guess by resemblance, store or ask
anything.

Each kind has a module with a function that yields findings. All read the same normalised text
(`reading`), and ask `context` whose details these are: what an institution publishes about itself
is found softly, as a hint, and holds nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from . import addresses, emails, numbers, phones
from .reading import Finding, Reading

#: How each kind is found, by the id of its check.
FINDERS: dict[str, Callable[[Reading], Iterator[Finding]]] = {
    "email": emails.emails,
    "phone": phones.phones,
    "nir": numbers.nirs,
    "iban": numbers.ibans,
    "payment_card": numbers.payment_cards,
    "postal_address": addresses.postal_addresses,
}


def find(text: str) -> list[Finding]:
    """Return what in a text may be somebody's, in the order of the text."""
    reading = Reading.of(text)
    return sorted({finding for finder in FINDERS.values() for finding in finder(reading)})
