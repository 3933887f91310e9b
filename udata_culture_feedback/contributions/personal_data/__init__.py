"""Find personal data in a text, by exact rules: no guess by resemblance, nothing stored, nothing
sent.

Each kind has a module with a function that yields findings. All read the same normalised text
(`reading`), and ask `context` whose details these are: what an institution publishes about itself
is a soft finding, a hint that holds nothing back.
"""

from __future__ import annotations

from .reading import Finding, Reading

#: The ids of the checks.
KINDS = ("email", "phone", "nir", "iban", "payment_card", "postal_address")


def find(text: str) -> list[Finding]:
    """Return the possible personal data in a text, in its order."""
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
