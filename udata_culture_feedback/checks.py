"""The checks of texts, under the name by which evaluations from outside import them."""

from __future__ import annotations

from .contributions.text_checks import PERSONAL, inspect, personal_data

__all__ = ["PERSONAL", "inspect", "personal_data"]
