"""The law's window to appeal against a refusal, which no pause or extension moves.

Kept apart from the service date because it is not ours to shape: in France silence is a refusal
after a month (code des relations entre le public et l'administration, « CRPA », R.311-12 and
R.311-13), and the CADA may be asked during two more (R.343-1). Durations and sentences are
settings, for other countries and for the portal's lawyer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from udata.core.organization.constants import LOCAL_AUTHORITY, PUBLIC_SERVICE
from udata.i18n import get_locale
from udata.i18n import lazy_gettext as _

from ..people.models import Kind
from ..web.moments import end_of_day, in_words, local_day
from .clock import add_months, months_in_words, overdue_bound

#: Holders that the right of access binds (CRPA L.300-2), as udata's badges know them.
BOUND = frozenset({PUBLIC_SERVICE, LOCAL_AUTHORITY})
#: Kinds of requests that ask for something not communicated yet; the others ask for better data.
COVERED = frozenset({"new", "access"})
#: Kinds of contributors who can be answered: an account, or a confirmed address.
IDENTIFIED = frozenset({Kind.USER, Kind.ORGANIZATION, Kind.CONFIRMED})

# TRANSLATORS: CRPA and CADA are French institutions: keep the articles as they are.
_SENTENCES: Mapping[str, Any] = {
    "no_appeal": _("This deadline is a service commitment; this request opens no right of appeal."),
    "depends": _(
        "This deadline is a service commitment. Depending on the status of this organization, the "
        "law may give a right of appeal."
    ),
    "implicit": _(
        "By law, silence until the end of %(refusal)s, %(silence)s after the reception "
        "(%(received)s), is a refusal (CRPA, articles R.311-12 and R.311-13). The CADA can then be "
        "asked within %(appeal)s: safely until %(until)s (CRPA, article R.343-1)."
    ),
    "explicit": _(
        "Refused on %(refusal)s. By law, the CADA can be asked within %(appeal)s: safely until "
        "%(until)s (CRPA, article R.343-1)."
    ),
    "first": _(
        "The CADA has to be asked before a court is (CRPA, article L.412-3). How to reach it: "
        "%(cada)s."
    ),
    "service": _("Service in charge of this request: %(service)s."),
    "fact_submitted": _("Request submitted"),
    "fact_received": _("Request received by %(holder)s"),
    "fact_received_first": _("Request received by the organization it was first sent to"),
    "fact_implicit": _("Refusal by silence (CRPA, articles R.311-12 and R.311-13)"),
    "fact_explicit": _("Refusal by %(holder)s"),
    "fact_until": _("Last safe day to ask the CADA (CRPA, article R.343-1)"),
    "page_title": _("Prepare my appeal to the CADA"),
    "page_open": _("The CADA can safely be asked until %(until)s (CRPA, article R.343-1)."),
    "page_untold": _(
        "Counted from the refusal, the safe date was %(until)s. But no message has told you of the "
        "service in charge, of the dates and of the ways to appeal: the delay may not run (CRPA, "
        "article L.112-6). You can still send the letter below; it is for the CADA to decide."
    ),
    "page_closed": _(
        "The safe date to ask the CADA was %(until)s (CRPA, article R.343-1): it has passed. The "
        "dated history below remains a proof of what happened."
    ),
    "page_form": _("Ask the CADA on its own site"),
    "letter_recipient": _("Commission on access to administrative documents (CADA)"),
    "letter_subject": _("Request for an opinion on the refusal to communicate “%(title)s”"),
    "letter_request": _(
        "On %(submitted)s I asked for the following documents: “%(title)s” (%(address)s). They are "
        "held by: %(holder)s. My request was received on %(received)s."
    ),
    "letter_implicit": _(
        "By the end of %(refusal)s, %(silence)s after it was received, these documents had not "
        "been given to me, which is a refusal (CRPA, articles R.311-12 and R.311-13)."
    ),
    "letter_explicit": _(
        "This request was refused on %(refusal)s, on the following ground: %(reason)s"
    ),
    "letter_asks": _(
        "I therefore ask the commission for its opinion (CRPA, articles L.342-1 and R.343-1). A "
        "copy of my request and its dated history are attached."
    ),
}
#: Placeholders that a sentence may use; none is required.
_PLACEHOLDERS = dict.fromkeys(
    (
        *("received", "refusal", "until", "silence", "appeal"),  # of the window
        *("submitted", "holder", "title", "address", "reason", "service"),  # of the request
        "cada",
    ),
    "",
)


@dataclass(frozen=True)
class Law:
    """How long silence lasts before it is a refusal, and a refusal before it is final.

    `texts` replaces sentences: name (one of `_SENTENCES`) → language → text, with the placeholders
    of ours. Raise ValueError for an unknown name or placeholder, or a duration under a month, so
    that a mistake in the settings shows at start-up.
    """

    silence_months: int = 1
    appeal_months: int = 2
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: How to reach who is asked: a postal address and a form, in one line; empty where unknown.
    cada: str = ""

    def __post_init__(self) -> None:
        if self.silence_months < 1 or self.appeal_months < 1:
            raise ValueError("CULTURE_FEEDBACK_APPEAL_…_MONTHS: at least one month")
        for name, texts in self.texts.items():
            if name not in _SENTENCES:
                raise ValueError(f"CULTURE_FEEDBACK_APPEAL_TEXTS: unknown sentence {name!r}")
            for language, text in texts.items():
                try:
                    _filled(text)
                except (KeyError, TypeError, ValueError) as error:
                    raise ValueError(
                        f"CULTURE_FEEDBACK_APPEAL_TEXTS: {name!r} in {language!r}: {error}"
                    ) from error

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Law:
        """Read the law from the settings of an application."""
        return cls(
            silence_months=config["CULTURE_FEEDBACK_APPEAL_SILENCE_MONTHS"],
            appeal_months=config["CULTURE_FEEDBACK_APPEAL_MONTHS"],
            texts=config["CULTURE_FEEDBACK_APPEAL_TEXTS"],
            cada=", ".join(
                [
                    *(config["CULTURE_FEEDBACK_APPEAL_ADDRESS"] or "").split("\n"),
                    config["CULTURE_FEEDBACK_APPEAL_FORM_URL"] or "",
                ]
            ).strip(", "),
        )

    def sentence(self, name: str, **values: str) -> str:
        """Return a sentence with its placeholders filled, in the reader's language where the
        settings have it."""
        texts = self.texts.get(name) or {}
        text = texts.get(str(get_locale())) or next(iter(texts.values()), None)
        return _filled(text or str(_SENTENCES[name]), **values)


def _filled(text: str, **values: str) -> str:
    return text % (_PLACEHOLDERS | values)


FRANCE = Law()


class Refusal(StrEnum):
    IMPLICIT = "implicit"  # silence
    EXPLICIT = "explicit"  # a decision, with its reason


class State(StrEnum):
    AHEAD = "ahead"  # nothing is refused yet
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class AppealWindow:
    """When a request is or will be refused, and until when that can be contested.

    Moments are naive UTC. An implicit refusal exists once `refusal_at`, the last second of the
    silence, is over; `until` is the last second of the last local day.
    """

    received_at: datetime
    refusal_at: datetime
    until: datetime
    kind: Refusal
    zone: ZoneInfo
    law: Law = FRANCE

    def state(self, now: datetime) -> State:
        if self.until < overdue_bound(now):
            return State.CLOSED
        implicit = self.kind is Refusal.IMPLICIT
        ahead = overdue_bound(now) <= self.refusal_at if implicit else now < self.refusal_at
        return State.AHEAD if ahead else State.OPEN

    def words(self) -> dict[str, str]:
        """Return its dates and durations in the language of the reader."""
        return {
            "received": in_words(local_day(self.received_at, self.zone)),
            "refusal": in_words(local_day(self.refusal_at, self.zone)),
            "until": in_words(local_day(self.until, self.zone)),
            "silence": months_in_words(self.law.silence_months),
            "appeal": months_in_words(self.law.appeal_months),
            "cada": self.law.cada,
        }


def applies(
    *,
    holder_badges: Collection[str] | None,
    kind: str,
    contributor_kind: str,
    received_at: datetime | None,
    formal: bool,
) -> bool:
    """Return whether the law gives an appeal at all.

    holder_badges: kinds of the badges of the organization; None while the holder is unknown. kind:
    of the request. contributor_kind: how its author is known. received_at: dated delivery to the
    holder. formal: `CULTURE_FEEDBACK_FORMAL_REQUESTS`.
    """
    return (
        formal
        and received_at is not None
        and holder_badges is not None
        and not BOUND.isdisjoint(holder_badges)
        and kind in COVERED
        and contributor_kind in IDENTIFIED
    )


def window(
    received_at: datetime,
    zone: ZoneInfo,
    *,
    refused_at: datetime | None = None,
    anew: bool = False,
    law: Law = FRANCE,
) -> AppealWindow:
    """Compute the window of a request delivered at `received_at` and, if it was declined, refused
    at `refused_at`: the first refusal that stands, see `Standing`.

    A decision before the end of the window starts the months at its date, also after silence was a
    refusal (R.343-1 counts from the notification; compare code de justice administrative R.421-2).
    A later one only confirms, and opens nothing, unless it is new (`anew`): nothing stood refused
    before it. A period may be counted with or without its first and its last day: we give the
    earliest date of all (silence from 15 March: the CADA until 14 June), and whoever keeps to it is
    never late.
    """
    silence = add_months(local_day(received_at, zone), law.silence_months)
    refusal_at = end_of_day(silence, zone)
    last = add_months(silence, law.appeal_months)
    kind = Refusal.IMPLICIT
    if refused_at is not None and (anew or overdue_bound(refused_at) <= end_of_day(last, zone)):
        refusal_at, kind = refused_at, Refusal.EXPLICIT
        last = add_months(local_day(refused_at, zone), law.appeal_months)
    until = end_of_day(last - timedelta(days=1), zone)
    return AppealWindow(received_at, refusal_at, until, kind, zone, law)


@dataclass(frozen=True)
class Standing:
    """The refusal that stands after a holder's decisions, applied one after the other.

    `refused_at`: the refusal from which the months run. Another one on the same request only
    confirms it, and asking again meanwhile does not stop them (CRPA L.412-4). `anew`: before it the
    holder had granted the request, or taken an earlier refusal back, so that this one is a new
    decision whenever it comes. See docs/decisions/requests.md.
    """

    refused_at: datetime | None = None
    anew: bool = False

    def refused(self, at: datetime) -> Standing:
        return self if self.refused_at else replace(self, refused_at=at)

    def granted(self) -> Standing:
        """Forget the refusal: the request was accepted or published, or the holder took the refusal
        back."""
        return Standing(anew=True)


def explanation(window: AppealWindow) -> str:
    """Explain how the window is computed and who is asked, with the articles, in the language of
    the reader."""
    law, words = window.law, window.words()
    first = law.sentence("first", **words) if law.cada else ""
    return f"{law.sentence(window.kind, **words)} {first}".rstrip()


# --- The proof and the letter ---------------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """A dated line of the proof: `words` of ours, then what was `said` at the time. `at` is naive
    UTC."""

    at: datetime
    words: str
    said: tuple[str, ...] = ()

    def day(self, zone: ZoneInfo) -> date:
        return local_day(self.at, zone)


def facts(
    window: AppealWindow,
    *,
    submitted_at: datetime,
    holder: str,
    receiver: str | None,
    history: Iterable[Fact] = (),
    refusal: tuple[str, ...] = (),
) -> tuple[Fact, ...]:
    """List the facts of the printable proof, oldest first.

    `receiver`: the name of the organization that received it, None where it is no longer known;
    `holder`: the one that has it now. `history`: other facts, without the refusal itself, whose
    text is `refusal`.
    """
    law = window.law
    received = "fact_received" if receiver else "fact_received_first"
    explicit = window.kind is Refusal.EXPLICIT
    dated = [
        Fact(submitted_at, law.sentence("fact_submitted")),
        Fact(window.received_at, law.sentence(received, holder=receiver or "")),
        *history,
        Fact(
            window.refusal_at,
            law.sentence(f"fact_{window.kind}", holder=holder),
            refusal if explicit else (),
        ),
        Fact(window.until, law.sentence("fact_until")),
    ]
    # Stable: facts of the same moment stay in this order.
    return tuple(sorted(dated, key=lambda fact: fact.at))


@dataclass(frozen=True)
class Letter:
    """A letter of appeal, which the requester reads over, signs and sends."""

    recipient: str
    subject: str
    paragraphs: tuple[str, ...]


def letter(
    window: AppealWindow,
    *,
    submitted_at: datetime,
    holder: str,
    title: str,
    address: str,
    reason: str = "",
) -> Letter:
    """Write the pre-filled letter. `address`: of the request's page; `reason`: of an explicit
    refusal. Raise ValueError when such a refusal has none."""
    if window.kind is Refusal.EXPLICIT and not reason:
        raise ValueError("An explicit refusal has a reason.")
    values = window.words() | {
        "submitted": in_words(local_day(submitted_at, window.zone)),
        "holder": holder,
        "title": title,
        "address": address,
        "reason": reason,
    }

    def say(name: str) -> str:
        return window.law.sentence(f"letter_{name}", **values)

    return Letter(
        recipient=say("recipient"),
        subject=say("subject"),
        paragraphs=(say("request"), say(window.kind), say("asks")),
    )
