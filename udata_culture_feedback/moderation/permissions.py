"""Who may decide what about which contribution: the one place where it is decided.

| decision | of what |
|---|---|
| publish | what is pending; what is public and was pointed out (it stays public) |
| reject | what is pending |
| hide | what is public |
| redact | what is pending or public |
| restore | what was decided within the time to undo; after that sysadmins only |

Moderators decide within their remit, which is everything or some organizations; sysadmins about
everything. Nobody but sysadmins decides about what they wrote themselves. What is about an
organization one belongs to (or about one's own dataset) is taken away for personal data, illegal
content, abuse or spam only: a producer does not hide bad opinions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from flask import current_app
from udata.i18n import lazy_gettext as _

from ..contributions.moderated import AGAINST, Decision, Item, Moderated
from ..contributions.review_rules import Visibility
from ..people.viewer import Viewer
from ..portal import catalogue
from ..portal.collections import now
from ..web import refusals

#: Reasons for which a moderator may act against contributions about their own organization.
OWN_REASONS = ("personal_data", "illegal_content", "abuse", "spam")
#: The reason of publishing and undoing.
OK = "ok"

#: The states from which each decision is possible; for `restore` see `_is_possible`.
STATES: dict[Decision, frozenset[Visibility]] = {
    Decision.PUBLISH: frozenset((Visibility.PENDING, Visibility.PUBLIC)),
    Decision.REJECT: frozenset((Visibility.PENDING,)),
    Decision.HIDE: frozenset((Visibility.PUBLIC,)),
    Decision.REDACT: frozenset((Visibility.PENDING, Visibility.PUBLIC)),
}


@dataclass(frozen=True)
class Case:
    """The facts that a permission depends on. `own`: the contribution is about an organization the
    moderator belongs to, or about their own dataset; `queued`: it is in the queue; `decided_at`:
    time of the latest decision that can be undone; `worded`: it has words."""

    visibility: Visibility
    organization: ObjectId | None
    author: bool = False
    own: bool = False
    queued: bool = False
    worded: bool = True
    decided_at: datetime | None = None


def case_of(
    viewer: Viewer, moderated: Moderated, item: Item, dataset: catalogue.DatasetFacts | None
) -> Case:
    """Build the case of a contribution; `dataset`: the one it is about, if any."""
    organization = moderated.organization(item)
    own = bool(organization and catalogue.belongs_to(organization))
    decision = item.get("moderated") or {}
    undoable = decision.get("decision") not in (None, Decision.RESTORE)
    return Case(
        visibility=Visibility(item["visibility"]),
        organization=organization,
        author=viewer.known and item["contributor"]["key"] == viewer.key,
        own=own or bool(dataset and catalogue.produces(dataset)),
        queued=bool(item.get("review")),
        worded=bool(moderated.texts(item)),
        decided_at=decision["at"] if undoable else None,
    )


def must_moderate(viewer: Viewer) -> None:
    """Raise Unauthenticated, or Forbidden for someone who moderates nothing."""
    if not viewer.known:
        raise refusals.Unauthenticated(_("Log in to moderate."))
    if not viewer.moderator:
        raise refusals.Forbidden(_("Only moderators may do that."))


def must_administer(viewer: Viewer) -> None:
    """Raise Unauthenticated, or Forbidden for someone who does not administer the portal."""
    if not viewer.known:
        raise refusals.Unauthenticated(_("Log in to moderate."))
    if not viewer.sysadmin:
        raise refusals.Forbidden(_("Only administrators of the portal may do that."))


def refusal(viewer: Viewer, case: Case, decision: Decision, reason: str) -> refusals.Refusal | None:
    """Return why a moderator may not make a decision; None where they may."""
    if not viewer.moderator:
        return refusals.Forbidden(_("Only moderators may do that."))
    if not viewer.moderates(case.organization):
        if case.visibility is Visibility.PUBLIC:
            return refusals.Forbidden(_("You moderate for other organizations."))
        return refusals.NotFound(_("There is no such contribution."))
    if case.author and not viewer.sysadmin:
        return refusals.Forbidden(_("Somebody else decides about what you wrote."))
    if case.own and not viewer.sysadmin and decision in AGAINST and reason not in OWN_REASONS:
        return refusals.Forbidden(_("Members of the organization cannot give this reason."))
    if not _is_possible(viewer, case, decision, reason):
        return refusals.Conflict(
            _("This is not possible as things stand now."),
            visibility=case.visibility,
            decisions=[str(one) for one in possible(viewer, case)],
        )
    return None


def possible(viewer: Viewer, case: Case) -> list[Decision]:
    """List the decisions that a moderator may make about a contribution, for one reason at
    least."""
    if not viewer.moderates(case.organization) or (case.author and not viewer.sysadmin):
        return []
    return [one for one in Decision if _is_possible(viewer, case, one, OWN_REASONS[0])]


def reasons_against(viewer: Viewer, case: Case, known: list[str]) -> list[str]:
    """Filter known reasons to those for which a moderator may act against a contribution."""
    if case.own and not viewer.sysadmin:
        known = [reason for reason in known if reason in OWN_REASONS]
    return [reason for reason in known if reason != OK]


def undo_ends(decided_at: datetime) -> datetime:
    """Return until when moderators can undo a decision (naive UTC)."""
    return decided_at + timedelta(minutes=current_app.config["CULTURE_FEEDBACK_UNDO_MINUTES"])


def _is_possible(viewer: Viewer, case: Case, decision: Decision, reason: str) -> bool:
    if decision is Decision.RESTORE:
        if case.decided_at is None:
            return False
        return viewer.sysadmin or now() < undo_ends(case.decided_at)
    if case.visibility not in STATES[decision]:
        return False
    if decision is Decision.PUBLISH:
        return case.visibility is Visibility.PENDING or case.queued
    if decision is Decision.REDACT:
        return case.worded
    # Ratings without words are hidden as spam only.
    return case.worded or reason == "spam"
