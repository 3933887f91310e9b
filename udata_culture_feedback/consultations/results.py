"""The results of a consultation, as the API and the pages show them: read from figures counted as
answers came in, without small groups."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from udata.i18n import lazy_gettext as _
from udata.i18n import lazy_pgettext as _p

from .. import vocabulary
from ..contributions.neighbours import requests_asked
from ..figures.settle import Totals
from ..opendata.suppression import LEAST_FOR_CROSSES, LEAST_FOR_MEANS, mean, share, shown_groups
from ..portal import catalogue
from ..web import refusals
from ..web.moments import iso
from . import figures, permissions, published_themes, results_collection
from .figures import Way
from .models import (
    Channel,
    Commitment,
    CommitmentStatus,
    Consultation,
    Named,
    Question,
    Results,
    Since,
)
from .questions import BINNED, COUNTED, GRIDS, Kind, bin_label, labels, rows_of
from .signals import on_results_wanted
from .window import Window, in_words
from .wording import Words, said

#: A part of what the API shows.
Shown = dict[str, Any]

#: Respondents who are known (or whose answer the team has on paper), and those who are not.
GROUPS = ("verified", "unverified")
#: Most feedback that a reader's request collects itself; more is left to a task.
AT_ONCE = 1000
#: Where a commitment stands that no request tracks, in words.
COMMITMENT_STATUSES = {
    CommitmentStatus.TO_DO: _("To do"),
    CommitmentStatus.DOING: _p("commitment", "In progress"),
    CommitmentStatus.DONE: _p("commitment", "Done"),
    CommitmentStatus.DROPPED: _("Given up"),
}
#: A quote in a synthesis, on a line of its own; and the signs that Markdown would read in one.
QUOTE = re.compile(r"^\{\{quote:([0-9a-f]{24})\}\}$", re.MULTILINE)
MARKUP = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~]")
#: Most requests that the results name.
REQUESTS = 20


def read(consultation: Consultation) -> Shown:
    """Return the whole results but the free texts. Raise NotFound while the seal holds, and while
    they are being collected."""
    must_be_there(consultation)
    answered, given = figures.read(consultation["_id"])
    totals: Totals = answered.get("totals") or {}
    return {
        "responses": {
            "total": totals.get("total", 0),
            "channels": {c.value: totals.get(f"channel:{c}", 0) for c in Channel},
            "by_contributor": by_contributor(totals),
            "profiles": _profiles(totals),
            "weeks": _weeks(totals) if consultation.get("show_participation") else [],
        },
        "questions": [
            _question(question, totals, answered.get("named") or {})
            for question in consultation["questions"]
        ],
        "themes": published_themes.published(consultation, totals),
        "feedback": _feedback(given),
        "requests": _requests(consultation),
        "method": {
            "least_for_means": LEAST_FOR_MEANS,
            "least_for_crosses": LEAST_FOR_CROSSES,
        },
    }


def must_be_there(consultation: Consultation) -> None:
    """Raise NotFound where there are no results to see yet."""
    if not permissions.may_see_results(consultation):
        window = Window.of(consultation)
        raise refusals.NotFound(
            _(
                "The results will be there once the consultation has closed, on %(moment)s.",
                moment=in_words(window.unsealed_at),
            ),
            sealed_until=iso(window.unsealed_at),
        )
    if not results_collection.collect(consultation, AT_ONCE):
        on_results_wanted.send(consultation["_id"])
        raise refusals.NotFound(_("The results are being prepared. Please come back in a while."))


def by_contributor(totals: Totals) -> Totals:
    """Count online respondents: with an account, with a confirmed address, with neither."""
    return {
        way.value: totals.get(f"way:{way}", 0)
        for way in (Way.ACCOUNT, Way.VERIFIED, Way.UNVERIFIED)
    }


def _profiles(totals: Totals) -> list[Shown]:
    lists = vocabulary.vocabularies()
    return [
        {"id": term.id, "label": str(term.label), "count": totals[f"profile:{term.id}"]}
        for term in lists["profiles"]
        if totals.get(f"profile:{term.id}")
    ]


def _weeks(totals: Totals) -> list[Shown]:
    """Count answers by week (its Monday), where the team shows participation: weeks in which too
    few answered are counted with those after them, the last with those before."""
    counts: dict[date, int] = {}
    for key, n in totals.items():
        if key.startswith("day:"):
            day = date.fromisoformat(key.removeprefix("day:"))
            monday = day - timedelta(days=day.weekday())
            counts[monday] = counts.get(monday, 0) + n
    found: list[Shown] = []
    waiting: Shown | None = None
    for monday, n in sorted(counts.items()):
        waiting = waiting or {"week": monday.isoformat(), "count": 0}
        waiting["count"] += n
        if waiting["count"] >= LEAST_FOR_CROSSES:
            found.append(waiting)
            waiting = None
    if waiting and found:
        found[-1]["count"] += waiting["count"]
    return found


def of_profile(found: Shown, profile: str) -> Shown:
    """Return results with the figures of one profile for each question: those that are shown of it
    anyway. A question of which they are not has `too_few`."""
    return found | {"questions": [_of_profile(one, profile) for one in found["questions"]]}


def _of_profile(question: Shown, profile: str) -> Shown:
    alone = {field: question[field] for field in ("id", "kind", "text")}
    for group in question.get("profiles") or ():
        if group["profile"] == profile:
            return {**alone, **group, "profiles": []}
    return alone | {"answered": 0, "too_few": True}


def _question(question: Question, totals: Totals, named: dict[str, list[Named]]) -> Shown:
    id, kind = question["id"], Kind(question["kind"])
    answered = totals.get(f"answered:{id}", 0)
    shown: Shown = {
        "id": id,
        "kind": question["kind"],
        "text": said(question["text"]),
        "answered": answered,
    }
    if kind in (*COUNTED, *BINNED, *GRIDS):
        shown |= _counts(question, totals, answered)
        shown["profiles"] = _crosses(question, totals)
        shown["by_contributor"] = _by_contributor(question, totals)
    if kind is Kind.DATASET:
        shown["datasets"] = _named(named.get(id) or [])
    return shown


def _counts(question: Question, totals: Totals, answered: int, cross: str = "") -> Shown:
    """Count the answers to a question, of everybody or of one profile (`cross`)."""
    id, kind = question["id"], Kind(question["kind"])
    prefix = f"{cross}option:{id}:"
    if kind in GRIDS:
        rows = [
            _row(question, row, label, totals, f"{prefix}{row}:")
            for row, label in rows_of(question)
        ]
        if kind is Kind.RANKING:  # the best mean first; items that too few ranked last
            rows.sort(key=lambda row: (row["mean"] is None, row["mean"] or 0, -row["answered"]))
        return {"rows": rows}
    listed = labels(question)
    if kind in BINNED:
        listed = _ranges(question, totals)
    counts = {one: totals.get(f"{prefix}{one}", 0) for one, _label in listed}
    shown: Shown = {
        "options": [
            {"id": one, "label": label, "count": counts[one], "share": share(counts[one], answered)}
            for one, label in listed
        ]
    }
    if kind is Kind.SCALE:
        shown["mean"] = mean(counts)
    if kind in BINNED:
        shown["median"] = _median(shown["options"])
    return shown


def _row(question: Question, row: str, label: str, totals: Totals, prefix: str) -> Shown:
    """Count the answers on one row of a matrix, or the places of one ranked item."""
    counts = {one: totals.get(f"{prefix}{one}", 0) for one, _label in labels(question)}
    given = sum(counts.values())
    return {
        "id": row,
        "label": label,
        "answered": given,
        "mean": mean(counts),
        "options": [
            {"id": one, "label": said_, "count": counts[one], "share": share(counts[one], given)}
            for one, said_ in labels(question)
        ],
    }


def _ranges(question: Question, totals: Totals) -> list[tuple[Any, str]]:
    """List the ranges of a number or a date that have answers, in order."""
    prefix = f"option:{question['id']}:"
    found = sorted(
        int(key.removeprefix(prefix)) for key, n in totals.items() if key.startswith(prefix) and n
    )
    return [(str(one), bin_label(question, str(one))) for one in found]


def _median(options: list[Shown]) -> str | None:
    """Return the label of the range that contains the median; None below `LEAST_FOR_MEANS`."""
    everybody = sum(one["count"] for one in options)
    if everybody < LEAST_FOR_MEANS:
        return None
    reached = 0
    for one in options:
        reached += one["count"]
        if reached * 2 >= everybody:
            return str(one["label"])
    return None


def _crosses(question: Question, totals: Totals) -> list[Shown]:
    """Return the answers of each profile large enough to be shown, the largest first."""
    id = question["id"]
    lists = vocabulary.vocabularies()
    profiles = set(lists.ids("profiles"))
    known = {
        key.split(":", 2)[1]
        for key in totals
        if key.startswith("cross:") and key.endswith(f":answered:{id}")
    }
    sizes = {profile: totals.get(f"cross:{profile}:answered:{id}", 0) for profile in known}
    shown = shown_groups(sizes, never=known.difference(profiles))
    return [
        {
            "profile": profile,
            "label": lists.label("profiles", profile),
            "answered": sizes[profile],
            **_counts(question, totals, sizes[profile], f"cross:{profile}:"),
        }
        for profile in sorted(shown, key=lambda one: (-sizes[one], one))
    ]


def _by_contributor(question: Question, totals: Totals) -> list[Shown]:
    """Return the answers of known and of unknown respondents, where both groups are large enough to
    be shown."""
    id = question["id"]
    sizes = {one: totals.get(f"by:{one}:answered:{id}", 0) for one in GROUPS}
    if sum(sizes.values()) != totals.get(f"answered:{id}", 0):
        return []  # some answers are older than these counters
    shown = shown_groups(sizes)
    return [
        {
            "group": one,
            "answered": sizes[one],
            **_counts(question, totals, sizes[one], f"by:{one}:"),
        }
        for one in GROUPS
        if one in shown and len(shown) == len(GROUPS)
    ]


def _named(named: list[Named]) -> list[Shown]:
    """Show the datasets that answers name, as far as they are public now."""
    found = catalogue.datasets_by_id(one["dataset"] for one in named)
    return [
        found[one["dataset"]].as_json() | {"count": one["count"]}
        for one in named
        if one["dataset"] in found and found[one["dataset"]].listed
    ]


def _feedback(given: Results) -> Shown:
    """Show the ratings of datasets given during the consultation, and those given since to datasets
    whose data changed."""
    totals: Totals = given.get("totals") or {}
    since: Since = given.get("since") or {}
    later_totals: Totals = since.get("totals") or {}
    lists = vocabulary.vocabularies()
    return {
        "total": totals.get("total", 0),
        "fitness": {id: totals.get(f"fitness:{id}", 0) for id in lists.ids("fitness")},
        "axes": {
            id: {"during": _axis(id, totals), "since": _axis(id, later_totals)}
            for id in lists.ids("axes")
        },
        "changed_datasets": since.get("datasets", 0),
    }


def _axis(id: str, totals: Totals) -> Shown:
    counts = {step: totals.get(f"axis:{id}:{step}", 0) for step in vocabulary.STEPS}
    return {
        "count": sum(counts.values()),
        "mean": mean(counts),
        "distribution": list(counts.values()),
    }


def _requests(consultation: Consultation) -> list[Shown]:
    """Show the requests made during the consultation, the most supported first, with their current
    status."""
    found = requests_asked().public_requests({"consultation": consultation["_id"]})
    supported = found.sort([("totals.supports", -1), ("_id", -1)]).limit(REQUESTS)
    return [_request(request) for request in supported]


def _request(request: Shown) -> Shown:
    requests = requests_asked()
    return {
        "id": str(request["_id"]),
        "title": request["title"],
        "status": request["status"],
        "status_label": requests.status_label(request),
        "partial": bool(request.get("partial")),
        "people": requests.people(request),
        "last_modified": iso(request["last_modified"]),
        **requests.addresses(request),
    }


def synthesis(consultation: Consultation) -> Shown | None:
    """Show the synthesis, with the current status of the request behind each commitment; None until
    it is published."""
    stored = consultation.get("synthesis") or {}
    if not stored.get("published_at"):
        return None
    text = said(stored.get("text"))
    return {
        "text": Words(with_quotes(consultation, text), text.lang),
        "published_at": iso(stored["published_at"]),
        "commitments": commitments(stored.get("commitments") or []),
    }


def published_commitments(consultation: Consultation) -> list[Commitment]:
    """Return the commitments as they are stored. Raise NotFound until they are published."""
    stored = consultation.get("synthesis") or {}
    if not (permissions.may_see_results(consultation) and stored.get("published_at")):
        raise refusals.NotFound(_("There is no synthesis yet."))
    return stored.get("commitments") or []


def with_quotes(consultation: Consultation, text: str) -> str:
    """Return a text of the team with the texts it quotes (`{{quote:id}}` on a line) as quotes; one
    that may not be shown any longer leaves nothing."""
    if not QUOTE.search(text):
        return text
    picked = published_themes.picked(consultation)

    def quoted(found: re.Match[str]) -> str:
        words = picked[found[1]]["text"] if found[1] in picked else ""
        return "\n".join(f"> {MARKUP.sub(_escaped, line)}" for line in words.splitlines())

    return QUOTE.sub(quoted, text)


def _escaped(sign: re.Match[str]) -> str:
    return f"\\{sign[0]}"


def commitments(stored: list[Commitment]) -> list[Shown]:
    """Show commitments: with the request or the dataset behind each, as they are now. The status of
    a request says where its commitment stands; otherwise the team does."""
    ids = [one["request"] for one in stored if one.get("request")]
    found = requests_asked().public_requests({"_id": {"$in": ids}}) if ids else ()
    standing = {request["_id"]: _request(request) for request in found}
    named = catalogue.datasets_by_id(one["dataset"] for one in stored if one.get("dataset"))
    return [_commitment(one, standing, named) for one in stored]


def _commitment(one: Commitment, standing: dict[Any, Shown], named: dict[Any, Any]) -> Shown:
    dataset = named.get(one.get("dataset"))
    status = one.get("status")
    changed = one.get("changed_at")
    return {
        "text": said(one["text"]),
        "owner": one.get("owner"),
        "status": status,
        "status_label": str(COMMITMENT_STATUSES[CommitmentStatus(status)]) if status else None,
        "due": one.get("due"),
        "request": standing.get(one.get("request")),
        "dataset": dataset.as_json() if dataset and dataset.listed else None,
        "changed_at": iso(changed) if changed else None,
    }
