"""The seal: before the closing nothing tells what was answered, by whom, how many did, or what was
given on dataset pages meanwhile. Every route of the application is asked, as people in each role,
with and without what the seal covers: the answers must be the same to the letter."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.consultations import answering, figures, upkeep
from udata_culture_feedback.consultations.kind import TEXTS
from udata_culture_feedback.consultations.models import (
    collected,
    consultations,
    of_responses,
    responses,
    results,
)
from udata_culture_feedback.contributions.embedded_texts import words
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail.models import outbox
from udata_culture_feedback.opendata.tables import ROW
from udata_culture_feedback.people import roles
from udata_culture_feedback.people.viewer import Viewer

from ..cases import P, Producer, sysadmin
from .consulting import (
    AFTER,
    ANSWERS,
    BEFORE,
    DURING,
    UNLIMITED,
    ConsultationCase,
    freeze_time,
    team_member,
    utc,
)

#: Asked at random, or good for one moment: the same thing is never answered twice.
AT_RANDOM = ("/proof/",)
#: What stands for each parameter of a route: by the route's beginning where one name means several
#: things. A route with another parameter fails `test_every_route_is_really_asked`.
PARAMETERS = {
    ("", "dataset"): "dataset",
    ("", "org"): "organization",
    ("", "organization"): "organization",
    ("", "extension"): "extension",
    ("/consultations/", "id"): "slug",
    ("/pages/consultations/", "reference"): "slug",
    ("/feedback/", "id"): "feedback",
    ("/pages/feedback/", "id"): "feedback",
    ("/pages/better/", "id"): "feedback",
    ("/pages/dashboard/feedback/", "id"): "feedback",
    ("/requests/", "id"): "request",
    ("/pages/requests/", "reference"): "request",
    ("/pages/me/requests/", "id"): "request",
    ("/pages/moderation/decisions/", "id"): "decision",
    ("/pages/moderation/<", "id"): "feedback",
    ("/pages/imports/", "import_id"): "import",
}

#: What a route has to be told besides, to show something.
ARGUMENTS = {"/pages/requests/pick": "?kind=dataset&q=Mus"}

#: Routes that show nobody of this world anything, and why.
SILENT = {
    "/pages/requests/recorded": "needs a token of a mail",
    "/pages/dashboard/me/datasets/<string:dataset>/": "nobody here owns a dataset",
    "/pages/consultations/<string:reference>/my-answer.html": "nobody here has sent an answer",
    "/pages/consultations/<string:reference>/my-answer.json": "nobody here has sent an answer",
    "/confirm/": "needs a token of a mail",
    "/unsubscribe/": "needs a token of a mail",
    "/pages/confirm/": "needs a token of a mail",
    "/pages/unsubscribe/": "needs a token of a mail",
    "/pages/me/open": "needs a token of a mail",
    "/pages/me/requests/<string:id>": "needs a session by a mail",
    "/pages/consultations/<string:reference>/resume": "needs a signed link",
    "/pages/better/<string:id>": "needs data that have changed",
    "/pages/moderation/decisions/<string:id>/appeal": "nothing was moderated",
    "/pages/requests/interested": "needs a token of a mail",
    "/pages/requests/answer": "needs a token of a mail",
    "/pages/remote/": "leads to the page of a harvested dataset: none here",
    "/pages/frame/remote/": "leads to the page of a harvested dataset: none here",
    "/pages/requests/<string:reference>/appeal": "the law gives no appeal here",
}

#: A portal without a worker or a schedule says so of itself: an answer like any other.
ANSWERED = (200, 302, 303)
UNWELL = {"/health/": 503}

#: By which a program reads our metrics.
SCRAPER = "a token for metrics"

#: Routes of udata that show what we write into its own documents.
OF_UDATA = (
    "/api/1/datasets/{dataset}/",
    "/api/2/datasets/{dataset}/",
    "/api/1/organizations/{organization}/",
    "/api/1/discussions/?for={dataset}",
    "/api/1/site/",
    "/api/1/datasets/{dataset}/rdf.json",
)

#: Values in pages that are new each time.
FRESH = re.compile(
    r'(name="(?:csrf_token|submission_id|opening)" value=")[^"]*'
    r'|("opening": ")[^"]*'
)
#: The rows of a file have ids and an order of their own each time.
ROWS = re.compile(r"(?<=\r\n)\"[0-9a-f]{16}\";")
#: Headers that say when, not what.
IGNORED = ("Date", "Set-Cookie", "Content-Length")

#: Refused to everybody before the closing.
SEALED = ("/results/", "/results/texts/", "/responses.csv", "/receipts.txt", "/commitments.atom")

#: How many take part is no opinion: its team sees it.
PARTICIPATION = ("/participation/", "/participation")
OF_THE_TEAM = ("team", "sysadmin")

SECRET = "Un secret dans une réponse"

#: What else is asked of lists: filters, sorts, pages.
QUERIES = (
    "/feedback/?page_size=1&page=2",
    "/feedback/?q=mots",
    "/feedback/?consultation={consultation}",
    "/feedback/?consultation={slug}",
    "/feedback/?consultation={slug}&dataset={dataset}",
    "/requests/?consultation={consultation}",
    "/requests/?sort=-supports&page_size=1",
    "/requests/?dataset={dataset}",
    "/summaries/?dataset={dataset}",
    "/consultations/?state=open",
    "/consultations/{slug}/?lang=fr",
    "/consultations/{consultation}/results/texts/?q=secret",
    "/pages/datasets/{dataset}/?as=fragment",
    "/pages/consultations/{slug}/?as=fragment",
    "/pages/consultations/{slug}/?step=2",
    "/pages/consultations/{slug}/results/?lang=en",
    "/pages/consultations/{slug}/results/texts?state=pending",
    "/pages/consultations/{slug}/results/texts?q=secret",
    "/pages/consultations/{slug}/results/themes?q=secret",
    "/pages/consultations/{slug}/results/themes?theme=none",
)


@pytest.mark.options(CULTURE_FEEDBACK_METRICS_TOKEN=SCRAPER, **UNLIMITED)
class SealTest(ConsultationCase):
    @pytest.fixture(autouse=True)
    def world(self, plugin: Any, instance_path: Any) -> None:
        self.producer = Producer(title="Musées")
        self.team = team_member()
        with freeze_time(BEFORE):
            self.made = self.make(
                self.team, scope={"organizations": [str(self.producer.organization.id)]}
            )
        author = UserFactory()
        with freeze_time(DURING):
            self.feedback = self.give(
                author, self.producer.dataset, comment="Des mots", ratings={"completeness": 2}
            )
            self.give(UserFactory(), self.producer.dataset, fitness="no")
            wish = {"title": "Les entrées", "description": "x", "kind": "new"}
            asked = wish | {"dataset": str(self.producer.dataset.id)}
            self.request = self.ask("POST", "/requests/", asked, author).json
            file = {"file": (BytesIO(b"id;use\n1;yes\n"), "answers.csv")}
            path = f"{P}/pages/consultations/{self.made['slug']}/import"
            headers = {"X-API-KEY": self.key_of(self.team)}
            sent = self.visit("POST", path, data=file, headers=headers)
            self.imported = sent.location.rpartition("/")[2]
        self.decision = str(ObjectId())
        moderator = UserFactory()
        roles.grant(moderator.id)
        moderator.reload()
        self.people: dict[str, User | None] = {
            "anonymous": None,
            "citizen": UserFactory(),
            "author": author,
            "producer": self.producer.admin,
            "moderator": moderator,
            "team": self.team,
            "sysadmin": sysadmin(),
        }
        for user in self.people.values():
            if user:
                self.key_of(user)

    def rules(self) -> list[str]:
        """Every route of ours that answers GET, without the prefix."""
        return [
            rule.rule.removeprefix(P)
            for rule in self.app.url_map.iter_rules()
            if rule.rule.startswith(P)
            and "GET" in (rule.methods or ())
            and not rule.rule.startswith(f"{P}/static/")
        ]

    def path(self, rule: str) -> str:
        """A route, its parameters filled in with what there is. Raises KeyError for one that
        `PARAMETERS` does not know."""
        named = re.sub(
            r"<(?:\w+:)?(\w+)>", lambda found: self.names()[_stands_for(rule, found[1])], rule
        )
        return named + ARGUMENTS.get(rule, "")

    def paths(self) -> list[str]:
        return [self.path(rule) for rule in self.rules()]

    def names(self) -> dict[str, str]:
        return {
            "consultation": self.made["id"],
            "slug": self.made["slug"],
            "dataset": str(self.producer.dataset.id),
            "organization": str(self.producer.organization.id),
            "feedback": self.feedback["id"],
            "request": self.request["slug"],
            "decision": self.decision,
            "import": str(self.imported),
            "extension": "ttl",
        }

    def seen(self, roles: tuple[str, ...]) -> dict[tuple[str, str], Any]:
        """What these people are answered everywhere."""
        queries = [query.format(**self.names()) for query in QUERIES]
        ours = [P + path for path in (*self.paths(), *queries) if not path.startswith(AT_RANDOM)]
        theirs = [path.format(**self.names()) for path in OF_UDATA]
        seen = {}
        for path in (*ours, *theirs):
            for role in roles:
                user = self.people[role]
                headers = {"X-API-KEY": self.key_of(user)} if user else {}
                if path == f"{P}/metrics":
                    headers = {"Authorization": f"Bearer {SCRAPER}"}
                response = self.visit("GET", path, headers=headers, buffered=True)
                text = response.get_data(as_text=True)
                if path.endswith(".csv"):
                    text = "\r\n".join(sorted(ROWS.sub("", text).split("\r\n")))
                body = settled(path, FRESH.sub(r"\1\2", text))
                shown = {k: v for k, v in response.headers if k not in IGNORED}
                if body != text:
                    shown.pop("ETag", None)
                seen[path.removeprefix(P), role] = (response.status_code, shown, body)
        return seen

    def unsealed_facts(self) -> None:
        """What the seal covers, taken out."""
        for contributions in (feedbacks(), requests()):
            contributions.update_many({}, {"$unset": {"consultation": ""}})
        for collection in (responses(), collected(), results()):
            collection.delete_many({})

    def sealed_facts(self) -> None:
        """And put in: stamps, answers, drafts, texts, figures."""
        stamp = {"$set": {"consultation": ObjectId(self.made["id"])}}
        for contributions in (feedbacks(), requests()):
            contributions.update_many({}, stamp)
        for number in range(12):
            id = ObjectId()
            who = Viewer(key=f"user:{id}", user_id=id)
            answers = ANSWERS | {
                "why": f"{SECRET} {number}",
                "best": str(self.producer.dataset.id),
                "lacking": {"title": SECRET},
            }
            payload = {"answers": answers, "profile": "student"}
            with self.app.test_request_context("/"):
                answering.submit(who, self.made["id"], payload, at=utc(DURING), asking=False)
        figures.settle_all(self.made["id"])

    def differences(self, moment: str, *roles: str) -> list[Any]:
        """The answers that the sealed facts change; `leaks`: those that have a secret in them."""
        asking = roles or ("anonymous", "team")
        with freeze_time(moment):
            self.unsealed_facts()
            without = self.seen(asking)
            self.sealed_facts()
            having = self.seen(asking)
            self.leaks = [key for key, answer in having.items() if SECRET in answer[2]]
        return told(without, having)

    def test_the_map_has_every_channel(self):
        paths = self.paths()
        for channel in ("/results/", ".csv", ".ttl", "feed.atom", "/summary/", "/pages/dashboard/"):
            assert [path for path in paths if channel in path], channel
        assert len(paths) > 40

    def test_every_route_is_really_asked(self):
        """A route that nobody can read here is one that the seal is not tried on."""
        with freeze_time(DURING):
            seen = self.seen(tuple(self.people))
        unread = {
            rule
            for rule in self.rules()
            if not rule.startswith(AT_RANDOM)
            and not any(
                seen[self.path(rule), role][0] in (*ANSWERED, UNWELL.get(rule))
                for role in self.people
            )
        }
        sealed = {rule for rule in unread if rule.endswith(SEALED)}
        said = {rule: {seen[self.path(rule), role][0] for role in self.people} for rule in unread}
        assert {rule: said[rule] for rule in unread - sealed - SILENT.keys()} == {}

    def test_before_the_closing_no_route_tells_anything(self):
        found = self.differences(DURING, *self.people)
        assert sorted({path for path, _role in found}) == []
        assert self.leaks == []

    def test_nor_whatever_was_answered(self):
        """Not only that nobody has: other answers, more of them, other words."""
        with freeze_time(DURING):
            self.sealed_facts()
            some = self.seen(("anonymous", "producer", "team"))
            responses().update_many(
                {}, {"$set": {"answers.use": "no", "profile": "other", "texts.0.text": SECRET}}
            )
            self.answered(self.made, UserFactory())
            self.sealed_facts()
            others = self.seen(("anonymous", "producer", "team"))
        assert told(some, others) == []

    def test_participation_tells_how_many_and_nothing_of_what_they_say(self):
        path = f"/consultations/{self.made['id']}/participation/"
        with freeze_time(DURING):
            self.sealed_facts()
            before = self.ask("GET", path, user=self.team).json
            questions = consultations().find_one({"_id": ObjectId(self.made["id"])})["questions"]
            for response in list(responses().find({})):
                response["answers"] = {"use": "no"}
                live = figures.live_totals(questions, response)
                due = [of_responses(self.made["id"])]
                change = {"$set": {"answers": {"use": "no"}, "live": live, "due": due}}
                responses().update_one({"_id": response["_id"]}, change | {"$inc": {"v": 1}})
            figures.settle_all(self.made["id"])
            assert self.ask("GET", path, user=self.team).json == before
            assert before["total"] == 12
            for role, user in self.people.items():
                if role not in OF_THE_TEAM:
                    assert self.ask("GET", path, user=user).status_code == 404, role

    def test_nor_as_long_as_an_answer_may_still_come(self):
        assert self.differences("2023-02-06 23:14:59") == []
        assert self.leaks == []

    def test_and_after_it_the_same_look_would_have_found_it(self):
        """The look above is not blind: what it did not find is there once the seal is broken."""
        differences = self.differences(AFTER, "anonymous", "team", "producer")
        found = {path for path, _role in differences}
        feedback, slug = self.feedback["id"], self.made["slug"]
        # Two people gave feedback: its consultation would tell them apart to everybody.
        assert (f"/feedback/{feedback}/", "anonymous") not in differences
        assert (f"/feedback/{feedback}/", "producer") in differences
        for path in (
            f"/feedback/{feedback}/",
            "/feedback/",
            f"/feedback/?consultation={slug}&dataset={self.producer.dataset.id}",
            f"/consultations/{slug}/results/",
            f"/pages/consultations/{slug}/results/",
        ):
            assert path in found, path
        assert {role for _path, role in self.leaks} <= {"team", "sysadmin"}  # not moderated yet

    def test_results_are_there_for_nobody_before_the_closing(self):
        with freeze_time(DURING):
            self.sealed_facts()
            for path in ("results/", "results/texts/"):
                for role, user in self.people.items():
                    response = self.ask(
                        "GET", f"/consultations/{self.made['id']}/{path}", user=user
                    )
                    assert response.status_code == 404, (path, role)

    def test_the_link_is_neither_shown_nor_filtered_by(self):
        with freeze_time(DURING):
            assert self.feedback["consultation"] is None
            assert self.stored(self.feedback["id"])["consultation"] == ObjectId(self.made["id"])
            for name in (self.made["id"], self.made["slug"]):
                refused = self.ask("GET", f"/feedback/?consultation={name}", user=sysadmin())
                assert refused.status_code == 400
                assert list(refused.json["errors"]) == ["consultation"]
            draft = self.make(self.team, publish=False)
            unknown = self.ask("GET", f"/feedback/?consultation={draft['id']}")
            assert (unknown.status_code, unknown.json["total"]) == (200, 0)

    def test_nobody_moderates_or_reports_before_the_closing(self):
        with freeze_time(DURING):
            self.sealed_facts()
            text = responses().find_one({})["texts"][0]
            for user in (self.team, sysadmin()):
                path = f"/pages/consultations/{self.made['slug']}/results/texts"
                data = {"text": str(text["id"]), "decision": "publish"}
                response = self.ask("POST", path, user=user, data=data)
                assert SECRET not in response.get_data(as_text=True)
                written = self.change(self.made, user, synthesis={"text": "x", "publish": True})
                assert written.status_code == 409
        assert responses().find_one({})["texts"][0]["state"] == "pending"

    def test_moderators_read_texts_in_no_order_and_learn_neither_who_nor_when(self):
        with freeze_time(DURING):
            self.sealed_facts()
        with freeze_time(AFTER):
            upkeep.collect()
            TEXTS.queue_all()
        with freeze_time(AFTER):
            moderator = self.people["moderator"]
            query = {"class": "text", "page_size": 100}
            texts = self.ask("GET", "/moderation/", user=moderator, query_string=query).json["data"]
            for field in ("contributor", "author", "created_at", "since"):
                assert {text[field] for text in texts} == {None}, field
            numbered = [re.search(r"\d+$", text["words"]["text"]) for text in texts]
            numbers = [int(number[0]) for number in numbered if number]
            assert sorted(numbers) == list(range(12))
            assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))
            by_id = [
                int(n[0])
                for _id, n in sorted(zip([t["id"] for t in texts], numbered, strict=True))
                if n
            ]
            assert by_id not in (sorted(numbers), sorted(numbers, reverse=True))
            page = self.moderation(moderator, "?class=text&page_size=50")
            assert page.select("[data-item]")
            assert not page.select("aside, [data-beside]")
            assert not [row for row in page.select("[data-item]") if "2023" in row.text]
            assert not page.select("a[href*='author=']")
            for grouped in ("author", "check"):
                assert not self.moderation(moderator, f"?class=text&group={grouped}").select(
                    ".cf-groups a"
                )
            [equal] = self.moderation(moderator, "?class=text&group=text").select(
                ".cf-groups label"
            )
            assert equal.text.strip() == SECRET
            alone = self.ask("GET", f"/pages/moderation/{texts[0]['id']}/author", user=moderator)
            assert alone.status_code == 404

    def test_under_seal_moderators_read_texts_and_nobody_else_learns_of_it(self):
        others = ("anonymous", "author", "producer", "team")
        with freeze_time(DURING):
            self.sealed_facts()
            before = self.seen(others)
            totals = results().find_one({"_id": of_responses(self.made["id"])})
            assert TEXTS.queue_all() == 24
            # The operator sees how many texts wait for moderators.
            assert {path for path, _role in told(before, self.seen(others))} == {"/metrics"}
            moderator = self.people["moderator"]
            query = {"class": "text", "page_size": 100}
            texts = self.ask("GET", "/moderation/", user=moderator, query_string=query).json["data"]
            assert len(texts) == 24
            for field in ("contributor", "author", "created_at", "since"):
                assert {text[field] for text in texts} == {None}, field
            row = responses().find_one({"texts.1": {"$exists": True}})
            shown = str(texts) + self.moderation(moderator, "?class=text&page_size=50").decode()
            for secret in (str(row["_id"]), str(row["contributor"]["user"]), "student"):
                assert secret not in shown
            assert self.made["slug"] not in shown  # there is no page of texts yet
            gesture = {"items": [texts[0]["id"]], "decision": "publish"}
            assert self.ask("POST", "/moderation/", gesture, moderator).status_code == 200
            gesture = {"items": [texts[1]["id"]], "decision": "reject", "reason": "abuse"}
            assert self.ask("POST", "/moderation/", gesture, moderator).status_code == 200
            after = self.seen(others)
            assert [key for key, answer in after.items() if SECRET in answer[2]] == []
            # How many decisions a month has, of any kind.
            counted = ("/metrics", "/transparency", "/pages/transparency")
            found = {path for path, _role in told(before, after)}
            assert {path for path in found if not path.startswith(counted)} == set()
            assert results().find_one({"_id": of_responses(self.made["id"])}) == totals
            self.results_of(self.made, 404)
        with freeze_time(AFTER):
            states = [text["state"] for one in responses().find() for text in one["texts"]]
            assert sorted(set(states)) == ["hidden", "pending", "public"]

    def test_under_seal_few_texts_wait_until_they_are_ten(self):
        with freeze_time(DURING):
            for _one in range(9):
                self.answered(self.made, UserFactory())
            assert TEXTS.queue_all() == 0
            self.answered(self.made, UserFactory())
            assert TEXTS.queue_all() == 10
            path = f"/consultations/{self.made['id']}/responses/"
            first = responses().find_one({})
            author = User.objects.get(id=first["contributor"]["user"])
            corrected = {"answers": ANSWERS | {"why": "Autrement."}}
            assert self.ask("PUT", path, corrected, author).status_code == 200
            marks = words().count_documents({"kind": "text"})
            assert marks == 9  # what is no longer said waits for nobody

    def moderation(self, user: User | None, query: str) -> BeautifulSoup:
        page = self.ask("GET", f"/pages/moderation/{query}", user=user)
        return BeautifulSoup(page.text, "html.parser")

    def test_no_mail_tells_anything(self):
        with freeze_time(DURING), capture_mails() as mails:
            before = outbox().count_documents({})
            self.sealed_facts()
            self.answered(self.made, UserFactory())
            assert outbox().count_documents({}) == before
        with freeze_time("2023-02-05"), capture_mails() as mails:
            for step in upkeep.STEPS.values():
                step()
        assert mails == []

    def test_an_extension_keeps_the_seal(self):
        with freeze_time(DURING):
            self.change(self.made, self.team, closes_at="2023-03-01T00:00")
        assert self.differences(AFTER) == []
        assert collected().count_documents({}) == 0
        with freeze_time(AFTER):
            assert upkeep.collect() == 0


def told(some: dict[tuple[str, str], Any], others: dict[tuple[str, str], Any]) -> list[Any]:
    """Where two looks differ, but for how many take part, which the team may see."""
    return [
        (path, role)
        for path, role in some
        if some[path, role] != others[path, role]
        and not (path.endswith(PARTICIPATION) and role in OF_THE_TEAM)
    ]


def settled(path: str, text: str) -> str:
    """What does not change from one look to the next: rows of public files have ids and an order
    that are drawn at random each time."""
    head, _line, rows = text.partition("\n")
    if ".csv" not in path or f'"{ROW}"' not in head:
        return text
    return "\n".join([head, *sorted(row.partition(";")[2] for row in rows.splitlines())])


def _stands_for(rule: str, name: str) -> str:
    known = [
        what for (start, one), what in PARAMETERS.items() if one == name and rule.startswith(start)
    ]
    if len(known) != 1:
        raise KeyError(f"What stands for {name} in {rule}?")
    return known[0]
