"""The results of a consultation, as the API and the pages show them: read from figures that were
counted as answers came in, with what must not be shown left out."""

from __future__ import annotations

from typing import Any

from udata.i18n import lazy_gettext as _

from .. import vocabulary
from ..contributions.neighbours import requests_asked
from ..figures.settle import Totals
from ..opendata.suppression import LEAST_FOR_CROSSES, LEAST_FOR_MEANS, mean, share, shown_groups
from ..portal import catalogue
from ..web import refusals
from ..web.moments import iso
from . import figures, permissions, results_collection
from .models import Channel, Consultation, Named, Question, Results, Since
from .questions import COUNTED, Kind, possible
from .signals import on_results_wanted
from .window import Window, in_words
from .wording import said

#: Feedback that a reader may wait for while it is collected; more is left to the task.
AT_ONCE = 1000
#: Requests that the results name.
REQUESTS = 20


def read(consultation: Consultation) -> dict[str, Any]:
    """Everything but the free texts. Raises NotFound while the seal holds, and for the moment that
    collecting takes."""
    must_be_there(consultation)
    answered, given = figures.read(consultation["_id"])
    totals: Totals = answered.get("totals") or {}
    return {
        "responses": {
            "total": totals.get("total", 0),
            "channels": {c.value: totals.get(f"channel:{c}", 0) for c in Channel},
            "profiles": _profiles(totals),
        },
        "questions": [
            _question(question, totals, answered.get("named") or {})
            for question in consultation["questions"]
        ],
        "feedback": _feedback(given),
        "requests": _requests(consultation),
        "method": {
            "least_for_means": LEAST_FOR_MEANS,
            "least_for_crosses": LEAST_FOR_CROSSES,
        },
    }


def must_be_there(consultation: Consultation) -> None:
    """Raises NotFound where there are no results to see yet."""
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


def _profiles(totals: Totals) -> list[dict[str, Any]]:
    lists = vocabulary.vocabularies()
    return [
        {"id": term.id, "label": str(term.label), "count": totals[f"profile:{term.id}"]}
        for term in lists["profiles"]
        if totals.get(f"profile:{term.id}")
    ]


def _question(question: Question, totals: Totals, named: dict[str, list[Named]]) -> dict[str, Any]:
    id, kind = question["id"], Kind(question["kind"])
    answered = totals.get(f"answered:{id}", 0)
    shown: dict[str, Any] = {
        "id": id,
        "kind": question["kind"],
        "text": said(question["text"]),
        "answered": answered,
    }
    if kind in COUNTED:
        counts = {one: totals.get(f"option:{id}:{one}", 0) for one in possible(question)}
        shown["options"] = [
            {"id": one, "label": label, "count": counts[one], "share": share(counts[one], answered)}
            for one, label in labels(question)
        ]
        if kind is Kind.SCALE:
            shown["mean"] = mean(counts)
        shown["profiles"] = _crosses(question, totals)
    if kind is Kind.DATASET:
        shown["datasets"] = _named(named.get(id) or [])
    return shown


def labels(question: Question) -> list[tuple[Any, str]]:
    """Each possible answer with its label."""
    if question["kind"] == Kind.SCALE:
        return [(step, said(label)) for step, label in enumerate(question["scale"], 1)]
    return [(option["id"], said(option["label"])) for option in question["options"]]


def _crosses(question: Question, totals: Totals) -> list[dict[str, Any]]:
    """The answers of each profile that may be shown on its own, most people first."""
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
    rows = []
    for profile in sorted(shown, key=lambda one: (-sizes[one], one)):
        counts = {
            one: totals.get(f"cross:{profile}:option:{id}:{one}", 0) for one in possible(question)
        }
        row: dict[str, Any] = {
            "profile": profile,
            "label": lists.label("profiles", profile),
            "answered": sizes[profile],
            "options": [
                {"id": one, "count": n, "share": share(n, sizes[profile])}
                for one, n in counts.items()
            ],
        }
        if question["kind"] == Kind.SCALE:
            row["mean"] = mean(counts)
        rows.append(row)
    return rows


def _named(named: list[Named]) -> list[dict[str, Any]]:
    """The datasets that were named, as far as anybody may see them now."""
    found = catalogue.datasets_by_id(one["dataset"] for one in named)
    return [
        found[one["dataset"]].as_json() | {"count": one["count"]}
        for one in named
        if one["dataset"] in found and found[one["dataset"]].listed
    ]


def _feedback(given: Results) -> dict[str, Any]:
    """What was said of datasets during the consultation and, of those whose data changed after,
    what is said since."""
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


def _axis(id: str, totals: Totals) -> dict[str, Any]:
    counts = {step: totals.get(f"axis:{id}:{step}", 0) for step in vocabulary.STEPS}
    return {
        "count": sum(counts.values()),
        "mean": mean(counts),
        "distribution": list(counts.values()),
    }


def _requests(consultation: Consultation) -> list[dict[str, Any]]:
    """The requests that were made during it, the most supported first, as they stand today."""
    found = requests_asked().public_requests({"consultation": consultation["_id"]})
    supported = found.sort([("totals.supports", -1), ("_id", -1)]).limit(REQUESTS)
    return [_request(request) for request in supported]


def _request(request: dict[str, Any]) -> dict[str, Any]:
    requests = requests_asked()
    return {
        "id": str(request["_id"]),
        "title": request["title"],
        "status": request["status"],
        "status_label": requests.status_label(request),
        "partial": bool(request.get("partial")),
        "people": requests.people(request),
        **requests.addresses(request),
    }


def synthesis(consultation: Consultation) -> dict[str, Any] | None:
    """What the team concluded, and where each commitment stands today: its request's status. None
    until it is published."""
    stored = consultation.get("synthesis") or {}
    if not stored.get("published_at"):
        return None
    ids = [one["request"] for one in stored.get("commitments") or () if one.get("request")]
    found = requests_asked().public_requests({"_id": {"$in": ids}})
    standing = {request["_id"]: _request(request) for request in found} if ids else {}
    return {
        "text": said(stored.get("text")),
        "published_at": iso(stored["published_at"]),
        "commitments": [
            {"text": said(one["text"]), "request": standing.get(one.get("request"))}
            for one in stored.get("commitments") or ()
        ],
    }
