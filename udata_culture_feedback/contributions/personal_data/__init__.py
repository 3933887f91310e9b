"""Find personal data in a text: exact rules, which never guess by resemblance, store or ask
anything.

Each kind has a module with a function that yields findings. All read the same normalised text
(`reading`), and ask `context` whose details these are: what an institution publishes about itself
is found softly, as a hint, and holds nothing back.
"""

from __future__ import annotations

from .reading import Finding, Reading

#: The ids of the checks.
KINDS = ("email", "phone", "nir", "iban", "payment_card", "postal_address")


def find(text: str) -> list[Finding]:
    """Return what in a text may be somebody's, in the order of the text."""
    # Late: compiling their patterns takes 0.2 s, which every process would pay at its start.
    from . import addresses, emails, numbers, phones

    reading = Reading.of(text)
    found = {
        *emails.emails(reading),
        *phones.phones(reading),
        *numbers.nirs(reading),
        *numbers.ibans(reading),
        *numbers.payment_cards(reading),
        *addresses.postal_addresses(reading),
    }
    return sorted(found)
