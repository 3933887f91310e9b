"""Write the notice in place of words that moderation has hidden: since when, and why."""

from __future__ import annotations

from datetime import datetime

from udata.i18n import lazy_gettext as _

from ..vocabulary import MODERATION_REASONS, find
from ..web.moments import in_words as day_in_words
from ..web.untyped import Shown

SENTENCES = {
    "answer": _("Answer hidden by moderation on %(date)s: %(reason)s."),
    "message": _("Message hidden by moderation on %(date)s: %(reason)s."),
    "text": _("Text hidden by moderation on %(date)s: %(reason)s."),
}


def stub(what: str, shown: Shown) -> str | None:
    """Return the notice for something as the API shows it (`shown`), with `hidden_reason` and
    `hidden_at` where its words are hidden; None where they are not. `what`: a key of
    `SENTENCES`."""
    if not shown.get("hidden_reason") or not shown.get("hidden_at"):
        return None
    day = day_in_words(datetime.fromisoformat(shown["hidden_at"]))
    reason = find(MODERATION_REASONS, shown["hidden_reason"]).label
    return str(SENTENCES[what]) % {"date": day, "reason": reason}
