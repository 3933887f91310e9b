"""The sample consultations (``consultations.toml``), recorded through the actions of real users:
the one of 2022-23 with its answers, its synthesis and its published results, and one that is open
now. Answers and their dates are drawn at random from a fixed seed."""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

from udata.core.organization.models import Organization
from udata.core.user.models import Role, User

from udata_culture_feedback.consultations import (
    actions,
    answering,
    coded_texts,
    figures,
    permissions,
    published_themes,
    publishing,
    results_collection,
    themes,
)
from udata_culture_feedback.consultations.coded_texts import Filters
from udata_culture_feedback.consultations.models import (
    Channel,
    Consultation,
    TextState,
    consultations,
    responses,
)
from udata_culture_feedback.consultations.repository import fresh
from udata_culture_feedback.consultations.signals import on_response_changed
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback import actions as feedback
from udata_culture_feedback.people.models import Kind
from udata_culture_feedback.people.service_account import acting_as
from udata_culture_feedback.people.viewer import Viewer, viewer_of
from udata_culture_feedback.portal.collections import as_of, now
from udata_culture_feedback.web.moments import portal_zone, to_local
from udata_culture_feedback.web.refusals import Conflict

from . import catalogue
from .accounts import AUTHORS, CONSULTER, find
from .requests import SUBMISSION, record_requests

CONSULTATIONS = Path(__file__).with_name("consultations.toml")
SEED = 2022

ACCOUNTS = 60
"""How many of the answers to the past one come from accounts."""
BY_TEAM = 26
"""How many were received by post or on the phone."""
ON_PAPER = 17
"""How many of these by post."""
BY_EMAIL = 0.42
"""How often somebody without an account has confirmed an address."""
OPEN_DATA = 0.55
"""How often who writes lets the words be published as open data."""
RATED = 0.7
"""How often an opinion rates a given criterion."""
ADDS_ALONE, ADDS_PRIVATE = 0.2, 0.03
"""How often a text stands for itself, and is somebody's own matter."""

COLLECTED_AFTER = timedelta(minutes=20)
PUBLISHED_AFTER = timedelta(days=7)
SYNTHESIS_AFTER = timedelta(days=65)

#: Fields of a question in the file that describe its answers, not the question.
DRAWN = ("weights", "by_profile", "answered")
TEXTS = ("title", "introduction", "outcome", "controller", "dpo", "retention")

Record = dict[str, Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SampleAnswer:
    """The answers of one person to a consultation, `at` a moment (naive UTC). `who`: the address of
    an account, or a number. `kind`: how they are known; None for what the team enters."""

    number: int
    at: datetime
    who: str
    kind: Kind | None
    answers: dict[str, Any]
    profile: str | None
    open_data: bool


@cache
def samples() -> Record:
    """Read the file as it is written."""
    return tomllib.loads(CONSULTATIONS.read_text(encoding="utf-8"))


def record_consultations(progress: Progress = lambda done, of: None) -> int:
    """Record whatever is missing. Return how many answers are new. Needs an application context,
    the catalogue, the accounts and the sample requests. `progress` is called with the number of
    answers done, and their total."""
    team = appoint()
    entries = [(samples()["past"], _past(team)), (samples()["open"], _open(team))]
    of = sum(entry["responses"] for entry, _made in entries)
    before = responses().count_documents({})
    done = 0
    for entry, made in entries:
        if not _is_complete(entry, made):
            _record_answers(entry, made, team, partial(_ahead, progress, done, of))
        done += entry["responses"]
    past = fresh(entries[0][1]["_id"])
    if not (past.get("synthesis") or {}).get("published_at"):
        _conclude(past, team)
    return responses().count_documents({}) - before


def _ahead(progress: Progress, before: int, of: int, done: int) -> None:
    progress(before + done, of)


def appoint() -> User:
    """Give the role of the team to the account meant for it. Return the account."""
    user = find(CONSULTER)
    if not user.has_role(permissions.ROLE):
        user.roles = [*user.roles, Role.objects.get_or_create(name=permissions.ROLE)[0]]
        user.save()
    return user


def addresses() -> dict[str, str]:
    """Return the slugs of both consultations, by their names in the file, unless somebody deleted
    them."""
    found = {}
    for name in ("past", "open"):
        made = _known(samples()[name])
        if made:
            found[name] = made["slug"]
    return found


# --- What is asked --------------------------------------------------------------------------------


def _past(team: User) -> Consultation:
    entry = samples()["past"]
    made = _known(entry)
    if made is None:
        opens_at = datetime.fromisoformat(entry["opens_at"])
        with as_of(opens_at - timedelta(days=8)):
            made = _make(entry, team, entry["opens_at"], entry["closes_at"])
    moments = _moments(entry)
    if not requests().find_one({"submission_id": SUBMISSION + moments[-1]["key"]}):
        record_requests(entries=moments)
        _record_opinions(entry, made)
    return made


def _open(team: User) -> Consultation:
    """Return the open consultation: a new one, once the previous has closed."""
    entry = samples()["open"]
    made = _known(entry)
    if made is not None and made["closes_at"] > now():
        return made
    today = datetime.combine(to_local(now(), portal_zone()).date(), time())
    opens_at = today - timedelta(days=entry["opened_ago"])
    with as_of(opens_at - timedelta(days=5)):
        return _make(
            entry, team, opens_at.isoformat(), (today + timedelta(entry["closes_in"])).isoformat()
        )


def _known(entry: Record) -> Consultation | None:
    """Find the latest consultation of this title, which is stored with plain spaces."""
    title = " ".join(entry["title"]["fr"].split())
    return consultations().find_one(
        {"title.fr": title, "published": {"$ne": None}}, sort=[("closes_at", -1)]
    )


def _make(entry: Record, team: User, opens_at: str, closes_at: str) -> Consultation:
    """Create and publish a consultation as the team; `opens_at`, `closes_at`: local times of the
    portal."""
    organizations = _organizations()
    scope = entry["scope"]
    payload = {field: entry[field] for field in (*TEXTS, "contact", "steps")} | {
        "organization": organizations[entry["organization"]],
        "opens_at": opens_at,
        "closes_at": closes_at,
        "scope": scope | {"organizations": [organizations[id] for id in scope["organizations"]]},
        "questions": [
            {field: value for field, value in question.items() if field not in DRAWN}
            for question in entry["questions"]
        ],
    }
    with acting_as(team):
        viewer = viewer_of(team)
        return actions.publish(viewer, actions.create(viewer, payload)["_id"])


def _organizations() -> dict[str, str]:
    """Return the ids of the organizations, by their ids in the file of the catalogue."""
    names = catalogue.organization_names()
    there = {one.name: str(one.id) for one in Organization.objects.only("name")}
    return {id: there[name] for id, name in names.items()}


# --- Who answers what -----------------------------------------------------------------------------


def sample_answers(entry: Record, opens_at: datetime, until: datetime) -> list[SampleAnswer]:
    """Draw the answers to one consultation, oldest first, given from `opens_at` until before
    `until`; the result never varies. Datasets are named by the remote ids of the catalogue."""
    chance = random.Random(SEED)
    accounts = chance.sample([author.email for author in AUTHORS], ACCOUNTS)
    past = entry is samples()["past"]
    drawn = []
    for number in range(entry["responses"]):
        profile = _profile(chance)
        kind: Kind | None = Kind.CONFIRMED if chance.random() < BY_EMAIL else Kind.UNVERIFIED
        who = f"demo {entry['title']['fr']} {number}"
        if past and number < ACCOUNTS:
            kind, who = Kind.USER, accounts[number]
        elif past and number < ACCOUNTS + BY_TEAM:
            kind = None
        answers = dict(_answers(entry["questions"], profile, chance))
        writes = any(isinstance(one, (str, dict)) for one in answers.values())
        open_data = writes and chance.random() < OPEN_DATA
        at = _moment(opens_at, until, chance)
        drawn.append(SampleAnswer(number, at, who, kind, answers, profile, open_data))
    return sorted(drawn, key=lambda one: one.at)


def _profile(chance: random.Random) -> str | None:
    people = samples()["people"]
    rest = 100 - sum(people.values())
    return chance.choices([*people, None], [*people.values(), rest])[0]


def _answers(
    questions: list[Record], profile: str | None, chance: random.Random
) -> Iterator[tuple[str, Any]]:
    said: dict[str, Any] = {}
    for question in questions:
        condition = question.get("shown_if")
        if condition and said.get(condition["question"]) not in condition["answers"]:
            continue
        if chance.random() >= question.get("answered", 1):
            continue
        answer = _answer(question, profile, chance)
        if answer is not None:
            said[question["id"]] = answer
            yield question["id"], answer


def _answer(question: Record, profile: str | None, chance: random.Random) -> Any:
    words = samples()["words"]
    weights = question.get("by_profile", {}).get(profile) or question.get("weights", [])
    match question["kind"]:
        case "single":
            ids = [option["id"] for option in question["options"]]
            return chance.choices(ids, weights)[0]
        case "multiple":
            pairs = zip(question["options"], weights, strict=True)
            return [o["id"] for o, weight in pairs if chance.random() * 100 < weight] or None
        case "scale":
            return 1 + chance.choices(range(len(weights)), weights)[0]
        case "dataset":
            return chance.choices(list(words["used"]), list(words["used"].values()))[0]
        case "missing_dataset":
            wishes = words["lacking"]
            wish = chance.choices(wishes, [one["weight"] for one in wishes])[0]
            says_more = wish["description"] if chance.random() < 0.5 else ""
            return {"title": wish["title"], "description": says_more or None, "ask": False}
    return _text(profile, chance)


def _text(profile: str | None, chance: random.Random) -> str:
    words, draw = samples()["words"], chance.random()
    if draw < ADDS_PRIVATE:
        return str(chance.choice(words["private"]))
    if draw < ADDS_PRIVATE + ADDS_ALONE:
        return str(chance.choice(words["alone"]))
    use = chance.choice(words["uses"][profile or "other"])
    need, remark = chance.choice(words["needs"]), chance.choice(words["remarks"])
    return f"Pour {use}, il me faudrait {need}. {remark}".strip()


def _moment(opens_at: datetime, until: datetime, chance: random.Random) -> datetime:
    """Draw a moment: many come at the opening and before the closing, and in the evening."""
    days = (until - opens_at).days
    part = chance.random()
    first, last = (0, days // 6) if part < 0.35 else (days - days // 6, days - 1)
    if 0.35 <= part < 0.7:
        first, last = 0, days - 1
    day = datetime.combine((opens_at + timedelta(days=chance.randint(first, last))).date(), time())
    at = day + timedelta(hours=chance.triangular(7, 22.5, 18))
    return min(max(at, opens_at + timedelta(minutes=7)), until - timedelta(minutes=9)).replace(
        microsecond=0
    )


# --- Recording it ---------------------------------------------------------------------------------


def _is_complete(entry: Record, made: Consultation) -> bool:
    """Return whether every answer is there; one that was deleted since comes back only at the next
    reset."""
    return responses().count_documents({"consultation": made["_id"]}) >= entry["responses"]


def _record_answers(
    entry: Record, made: Consultation, team: User, done: Callable[[int], None]
) -> None:
    """Record each answer through the action that the pages call, on its day. Figures are settled at
    the end, in batches, not after each."""
    until = min(made["closes_at"], now())
    drawn = sample_answers(entry, made["opens_at"], until)
    datasets = {id: str(dataset.id) for id, dataset in catalogue.find_datasets().items()}
    wanted = [one.who for one in drawn if one.kind is Kind.USER]
    accounts = {user.email: viewer_of(user) for user in User.objects(email__in=wanted)}
    in_datasets = {q["id"] for q in entry["questions"] if q["kind"] == "dataset"}
    with on_response_changed.muted(), acting_as(team):
        manager = viewer_of(team)
        for number, one in enumerate(drawn, 1):
            answers = {
                id: datasets[answer] if id in in_datasets else answer
                for id, answer in one.answers.items()
            }
            payload = {"answers": answers, "profile": one.profile, "open_data": one.open_data}
            with as_of(one.at), suppress(Conflict):  # an interrupted load goes on
                if one.kind is None:
                    answering.enter(manager, made["_id"], payload | _received(one))
                else:
                    viewer = accounts.get(one.who) or _somebody(one.who, one.kind)
                    payload["submission_id"] = f"demo-{made['_id']}-{one.number}"
                    answering.submit(viewer, made["_id"], payload, at=one.at, asking=False)
            done(number)
    figures.settle_all(made["_id"])


def _received(one: SampleAnswer) -> dict[str, str]:
    number = one.number - ACCOUNTS
    if number < ON_PAPER:
        return {"channel": Channel.POST.value, "reference": f"Courrier {number + 101}"}
    return {"channel": Channel.PHONE.value, "reference": f"Appel {number - ON_PAPER + 1}"}


def _somebody(secret: str, kind: Kind) -> Viewer:
    """Return an anonymous contributor, the same for the same secret."""
    prefix = "mail" if kind is Kind.CONFIRMED else "token"
    return Viewer(key=f"{prefix}:{hashlib.sha256(secret.encode()).hexdigest()}", kind=kind)


def _record_opinions(entry: Record, made: Consultation) -> None:
    """Record what people said on the pages of datasets while it was open, without words."""
    chance = random.Random(SEED)
    datasets = catalogue.find_datasets()
    for about in entry["opinions"]:
        for number in range(about["answers"]):
            fitness = chance.choices(("yes", "partly", "no"), about["fitness"])[0]
            mood = {"yes": 0.5, "partly": 0.0, "no": -0.5}[fitness]
            payload = {
                "dataset": str(datasets[about["dataset"]].id),
                "fitness": fitness,
                "ratings": {
                    axis: min(5, max(1, round(chance.gauss(mean + mood, 0.8))))
                    for axis, mean in about["ratings"].items()
                    if chance.random() < RATED
                },
                "profile": _profile(chance),
            }
            who = _somebody(f"demo opinion {about['dataset']} {number}", Kind.CONFIRMED)
            at = _moment(made["opens_at"], made["closes_at"], chance)
            with as_of(at), acting_as(None), suppress(Conflict):
                feedback.submit(who, payload, at=at)


def _moments(entry: Record) -> Sequence[Record]:
    """Return the requests made while it was open, as `record_requests` takes them."""
    chance = random.Random(SEED)
    first_start = now()
    made = []
    for one in entry["requests"]:
        at = datetime.combine(one["on"], time(9, 30))
        ago = (first_start - at) / timedelta(days=1)
        people = chance.sample([author.email for author in AUTHORS], one["supports"] + 1)
        steps = [step | {"ago": ago - step["after"]} for step in one["steps"]]
        made.append(
            one | {"ago": ago, "author": people[0], "supporters": people[1:], "steps": steps}
        )
    return made


def _conclude(made: Consultation, team: User) -> None:
    """Carry out what happened after the closing: results, texts, synthesis."""
    _moderate(made, team)  # texts left over then wait in the queue of moderators
    with as_of(made["closes_at"] + COLLECTED_AFTER):
        results_collection.collect(made)
    with as_of(made["closes_at"] + PUBLISHED_AFTER), acting_as(team):
        publishing.publish(made["_id"])
    entry = samples()["past"]
    keys = [SUBMISSION + one["request"] for one in entry["commitments"] if "request" in one]
    found = requests().find({"submission_id": {"$in": keys}}, {"submission_id": 1})
    known = {one["submission_id"].removeprefix(SUBMISSION): str(one["_id"]) for one in found}
    commitments = [
        {
            "text": {"fr": one["fr"], "en": one["en"]},
            "request": known.get(one.get("request", "")),
            "owner": one.get("owner"),
            "status": one.get("status"),
            "due": one.get("due"),
        }
        for one in entry["commitments"]
    ]
    viewer = viewer_of(team)
    with as_of(made["closes_at"] + PUBLISHED_AFTER), acting_as(team):
        _tag(made, viewer, entry["themes"])
    with as_of(made["closes_at"] + SYNTHESIS_AFTER), acting_as(team):
        written = {"text": entry["synthesis"], "commitments": commitments}
        actions.write_synthesis(viewer, made["_id"], written)
        actions.publish_synthesis(viewer, made["_id"])


def _tag(made: Consultation, viewer: Viewer, entries: list[Record]) -> None:
    """Give the texts their themes, quote the first that may be of each, and publish both."""
    for entry in entries:
        words = entry["words"]
        theme = {"label": entry["label"], "colour": entry["colour"]}
        theme["definition"] = entry.get("definition")
        made = themes.write_theme(viewer, made["_id"], theme)
        id = published_themes.themes_of(made)[-1]["id"]
        found = [
            one
            for some in words
            for one in coded_texts.read(made, Filters(words=some), grouped=False).entries
        ]
        texts = {one.id for one in found}
        themes.tag(viewer, made["_id"], texts, add=id, number=len(texts))
        if quotable := [one for one in found if one.quotable and not one.quoted]:
            themes.quote(viewer, made["_id"], quotable[-1].id, quoted=True)
    themes.publish_themes(viewer, made["_id"], public=True)
    figures.settle_everything(made["_id"])


def _moderate(made: Consultation, team: User) -> None:
    """Publish texts, but hide those that disclose private matters; one kind of these still waits,
    for visitors to try."""
    private = samples()["words"]["private"]
    read = made["closes_at"] + timedelta(days=6)
    for state, which in (
        (TextState.PUBLIC, {"$nin": private}),
        (TextState.HIDDEN, {"$in": private[:-1]}),
    ):
        responses().update_many(
            {"consultation": made["_id"], "texts.id": {"$exists": True}},
            {
                "$set": {
                    "texts.$[one].state": state.value,
                    "texts.$[one].moderated_at": read,
                    "texts.$[one].moderated_by": team.id,
                },
                "$inc": {"v": 1},
            },
            array_filters=[{"one.state": TextState.PENDING.value, "one.text": which}],
        )
