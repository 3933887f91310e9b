"""Who may do what with a consultation: the one place where it is decided.

| action | who |
|---|---|
| read | everybody once it is published; its team before |
| make, edit, publish, extend, write the synthesis | the team: role `ROLE`, or sysadmin |
| answer, change, take back one's answer | whom the mode for responses lets |
| enter answers received by phone or post | the team |
| see results | everybody once the seal is broken; nobody before, team and sysadmins included |
| moderate free texts | the team and moderators, once the seal is broken |
| moderate them under the seal | moderators, in the queue, without answer, author and date |
"""

from __future__ import annotations

from ..people import access_modes, roles
from ..people.viewer import Viewer
from ..portal.collections import now
from .models import Consultation, Mode
from .window import State, Window

ROLE = roles.CONSULTATION

#: The access mode of the portal that each mode of a consultation corresponds to.
ASKED = {
    Mode.OPEN: access_modes.Mode.PROOF,
    Mode.EMAIL: access_modes.Mode.EMAIL,
    Mode.ACCOUNT: access_modes.Mode.OFF,
}


def is_team(viewer: Viewer) -> bool:
    return viewer.account and (viewer.sysadmin or ROLE in viewer.roles)


def may_read(viewer: Viewer, consultation: Consultation) -> bool:
    return bool(consultation.get("published")) or is_team(viewer)


def access_mode(consultation: Consultation) -> access_modes.Mode:
    """Return what a respondent without an account has to prove: the stricter demand of consultation
    and portal."""
    wished = ASKED[Mode(consultation.get("mode") or Mode.OPEN)]
    return access_modes.stricter(wished, access_modes.mode_of(access_modes.Action.RESPONSE))


def may_edit(viewer: Viewer, consultation: Consultation) -> bool:
    return is_team(viewer)


def may_delete(viewer: Viewer, consultation: Consultation) -> bool:
    """Check whether a consultation may be deleted: only before it is published."""
    return is_team(viewer) and not consultation.get("published")


def may_enter(viewer: Viewer, consultation: Consultation) -> bool:
    return is_team(viewer)


def may_see_results(consultation: Consultation) -> bool:
    return not Window.of(consultation).sealed(now())


def may_moderate(viewer: Viewer, consultation: Consultation) -> bool:
    """Check whether a person may moderate texts, which nobody reads while they are sealed."""
    judges = is_team(viewer) or viewer.moderates_everything
    return judges and may_see_results(consultation)


def as_json(viewer: Viewer, consultation: Consultation) -> dict[str, bool]:
    state = Window.of(consultation).state(now())
    return {
        "edit": may_edit(viewer, consultation),
        "delete": may_delete(viewer, consultation),
        "answer": state is State.OPEN and not consultation.get("read_only"),
        "enter": may_enter(viewer, consultation) and state is State.OPEN,
        "results": may_see_results(consultation),
        "moderate": may_moderate(viewer, consultation),
    }
