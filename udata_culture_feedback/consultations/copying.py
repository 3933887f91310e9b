"""Starting a consultation from another one, or from a model shipped with the package."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from udata.i18n import lazy_gettext as _

from ..people.viewer import Viewer, must_be_known
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals
from ..web.moments import iso, local_day, midnight, portal_zone
from ..web.payload import Payload
from . import actions, permissions
from .models import Consultation
from .repository import readable
from .wording import FORM_LANGUAGES

#: The models shipped with the package: `<name>_model.toml`.
MODELS = ("culture",)

#: Fields that a copy takes from the original.
COPIED = (
    *("title", "introduction", "outcome", "controller", "dpo", "retention", "contact"),
    *("steps", "questions", "mode", "show_participation"),
)


def copy(viewer: Viewer, reference: Any, payload: Payload) -> Consultation:
    """Create a draft with the texts, scope and questions of another consultation; `payload`
    replaces fields. Unless `opens_at` and `closes_at` are given it opens the next day, for as long
    as the original was open. Raise what `actions.create` raises, NotFound."""
    must_be_known(viewer)
    if not permissions.is_team(viewer):
        raise refusals.Forbidden(_("Only the team of consultations may do this."))
    original = readable(viewer, reference)
    copied = {field: original.get(field) for field in COPIED if original.get(field) is not None}
    copied |= {"organization": str(original["organization"]), "scope": _scope_of(original)}
    copied |= _dates_of(original)
    return actions.create(viewer, copied | payload)


def from_model(payload: Payload) -> Payload:
    """Complete a payload with the `model` it names, if any. Raise Invalid for an unknown one."""
    name = payload.get("model")
    if name is None:
        return payload
    if name not in MODELS:
        message = _("Choose one of: %(ids)s.", ids=", ".join(MODELS))
        raise refusals.Invalid(message, {"model": message})
    return model(name) | {field: value for field, value in payload.items() if value}


@cache
def model(name: str) -> Payload:
    """Read a shipped model: texts, steps and questions."""
    path = Path(__file__).with_name(f"{name}_model.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def typed_model(name: str) -> dict[str, str]:
    """Return the texts of a model as the form of a consultation shows them."""
    found = model(name)
    typed = {
        f"{field}.{language}": found[field].get(language, "")
        for field in ("title", "introduction", "outcome", "retention")
        for language in FORM_LANGUAGES
    }
    for language in FORM_LANGUAGES:
        typed[f"steps.{language}"] = "\n".join(step[language] for step in found["steps"])
    return typed


def _scope_of(original: Consultation) -> dict[str, list[str]]:
    """Return the scope of a consultation, without organizations and datasets deleted since."""
    scope = original["scope"]
    organizations = catalogue.organizations_by_id(scope.get("organizations") or ())
    datasets = catalogue.datasets_by_id(scope.get("datasets") or ())
    return {
        "organizations": [str(one.id) for one in organizations.values() if not one.deleted],
        "datasets": [str(one.id) for one in datasets.values() if not one.deleted],
        "tags": list(scope.get("tags") or ()),
    }


def _dates_of(original: Consultation) -> dict[str, str | None]:
    """Return the dates of a copy: from the next local day on, for as long as the original."""
    zone = portal_zone()
    opens_at = midnight(local_day(now(), zone) + timedelta(days=1), zone)
    closes_at = opens_at + (original["closes_at"] - original["opens_at"])
    return {"opens_at": iso(opens_at), "closes_at": iso(closes_at)}
