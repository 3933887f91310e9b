"""Tell people about their data, in one place: who is responsible for them, how long each is kept,
to whom to complain. Notices beside forms, the page, and the operator's register agree by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app
from udata.i18n import get_locale, ngettext
from udata.i18n import lazy_gettext as _


@dataclass(frozen=True)
class Kept:
    """How long something is kept. `setting` names the number of days, which the operator decides;
    without it `hours` is fixed, and without either `until` alone says when it ends."""

    what: Any
    until: Any
    setting: str | None = None
    hours: int | None = None

    @property
    def days(self) -> int | None:
        return current_app.config[self.setting] if self.setting else None

    def length(self) -> str | None:
        """Write the duration: « 90 jours », « 24 heures »."""
        if self.days is not None:
            return ngettext("%(num)d day", "%(num)d days", self.days)
        return ngettext("%(num)d hour", "%(num)d hours", self.hours) if self.hours else None


#: All personal data, in the order of the page. A test compares it with
#: `docs/privacy.md`.
RETENTION: tuple[Kept, ...] = (
    Kept(
        _("Ratings, comments, requests, messages and answers"),
        _("until their author deletes them"),
    ),
    Kept(
        _("What was sent with an e-mail address, and that address"),
        _("until it is confirmed, at most"),
        hours=24,
    ),
    Kept(
        _("The e-mail address of people who ask for data without an account"),
        _("once the request is closed"),
        "CULTURE_FEEDBACK_REQUEST_EMAIL_DAYS",
    ),
    Kept(
        _("The e-mail address of people who give feedback and ask to be told"),
        _("from the day it is confirmed"),
        "CULTURE_FEEDBACK_FEEDBACK_EMAIL_DAYS",
    ),
    Kept(
        _("People who ask for the synthesis of a consultation, with their address"),
        _("once the synthesis is published"),
        "CULTURE_FEEDBACK_CONSULTATION_EMAIL_DAYS",
    ),
    Kept(
        _("The fingerprint by which nobody answers twice"),
        _("as long as the contribution it belongs to"),
    ),
    Kept(
        _("The secret that makes the fingerprints of a consultation"),
        _("once the consultation is closed"),
        "CULTURE_FEEDBACK_CONSULTATION_FINGERPRINT_DAYS",
    ),
    Kept(
        _("Answers to a consultation that were begun and not sent"),
        _("once the consultation is closed"),
        "CULTURE_FEEDBACK_CONSULTATION_DRAFT_DAYS",
    ),
    Kept(
        _("The address to which the link to an unfinished answer was sent"),
        _("until the consultation closes"),
    ),
    Kept(
        _("A file sent to be imported"),
        _("until it is imported, at most"),
        hours=72,
    ),
    Kept(
        _("Feedback on a dataset that the portal has removed, seen by nobody else"),
        _("from the removal"),
        "CULTURE_FEEDBACK_PURGED_DAYS",
    ),
    Kept(
        _("Words that moderation has hidden or blacked out, reports and objections"),
        _("from the decision, the report or the objection"),
        "CULTURE_FEEDBACK_HIDDEN_WORDS_DAYS",
    ),
    Kept(
        _("The mark that something was deleted (a hash)"),
        _("from the deletion"),
        "CULTURE_FEEDBACK_DELETED_SUBMISSION_DAYS",
    ),
    Kept(
        _("What was searched before asking for data, without identity"),
        _("from the last time it was searched"),
        "CULTURE_FEEDBACK_UNMET_DAYS",
    ),
    Kept(
        _("The journal of moderation, without words"),
        _("without end, as a proof of what was decided"),
    ),
)


@dataclass(frozen=True)
class Facts:
    """Who is responsible for the data that people give, and to whom to complain. None: not said."""

    controller: str | None
    dpo: str | None
    authority: str
    authority_url: str | None
    retention: str | None = None


def facts(consultation: Mapping[str, Any] | None = None) -> Facts:
    """Return the facts of the portal, or of a consultation, which may override them."""
    config = current_app.config
    if consultation is None:
        said = {
            "controller": config["CULTURE_FEEDBACK_CONTROLLER"],
            "dpo": config["CULTURE_FEEDBACK_DPO"],
        }
    else:
        fields = ("controller", "dpo", "retention")
        said = {field: consultation.get(field) or by_default(field) for field in fields}
    return Facts(
        controller=in_language(said["controller"]),
        dpo=in_language(said["dpo"]),
        authority=in_language(config["CULTURE_FEEDBACK_AUTHORITY"])
        or str(_("the data protection authority")),
        authority_url=config["CULTURE_FEEDBACK_AUTHORITY_URL"],
        retention=in_language(said.get("retention")),
    )


def by_default(field: str) -> dict[str, str]:
    """Return what applies to consultations that do not say it themselves: the setting for
    consultations, otherwise the portal's. `field`: `controller`, `dpo`, `retention`."""
    config = current_app.config
    of_consultations = config[f"CULTURE_FEEDBACK_CONSULTATION_{field.upper()}"]
    return of_consultations or config.get(f"CULTURE_FEEDBACK_{field.upper()}") or {}


def in_language(texts: Mapping[str, str] | None) -> str | None:
    """Return a text in the language of the request, otherwise in the portal's, otherwise in any."""
    texts = texts or {}
    for language in (get_locale(), current_app.config["DEFAULT_LANGUAGE"]):
        if texts.get(language):
            return texts[language]
    return next((text for text in texts.values() if text), None)
