"""The seal: before the closing nothing tells what was answered, by whom, how many did, or what was
given on dataset pages meanwhile. Every route of the application is asked, as people in each role,
with and without what the seal covers: the answers must be the same to the letter."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bson import ObjectId
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.tests.helpers import capture_mails

from udata_culture_feedback.consultations import answering, figures, upkeep
from udata_culture_feedback.consultations.models import collected, responses, results
from udata_culture_feedback.contributors.outbox_models import outbox
from udata_culture_feedback.contributors.viewer import Viewer
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks

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
#: Values in pages that are new each time.
FRESH = re.compile(
    r'(name="(?:csrf_token|submission_id|opening)" value=")[^"]*'
    r'|("opening": ")[^"]*'
)
#: Headers that say when, not what.
IGNORED = ("Date", "Set-Cookie", "Content-Length")

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
)


@pytest.mark.options(**UNLIMITED)
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
        self.people: dict[str, User | None] = {
            "anonymous": None,
            "citizen": UserFactory(),
            "author": author,
            "producer": self.producer.admin,
            "team": self.team,
            "sysadmin": sysadmin(),
        }
        for user in self.people.values():
            if user:
                self.key_of(user)

    def paths(self) -> list[str]:
        """The map of the application, its parameters filled in with what there is."""
        found = []
        for rule in self.app.url_map.iter_rules():
            if not rule.rule.startswith(P) or "GET" not in (rule.methods or ()):
                continue
            path = rule.rule.removeprefix(P)
            if path.startswith("/static/"):
                continue
            found.append(
                re.sub(r"<(?:\w+:)?(\w+)>", lambda m, path=path: self.value(path, m.group(1)), path)
            )
        return found

    def value(self, path: str, name: str) -> str:
        if name == "dataset":
            return str(self.producer.dataset.id)
        if name in ("org", "organization"):
            return str(self.producer.organization.id)
        if "consultations/" in path:
            return self.made["slug"]
        if "requests/" in path:
            return self.request["slug"]
        return self.feedback["id"]

    def seen(self, roles: tuple[str, ...]) -> dict[tuple[str, str], Any]:
        """What these people are answered everywhere."""
        names = {
            "consultation": self.made["id"],
            "slug": self.made["slug"],
            "dataset": str(self.producer.dataset.id),
        }
        asked = [*self.paths(), *(query.format(**names) for query in QUERIES)]
        seen = {}
        for path in asked:
            if path.startswith(AT_RANDOM):
                continue
            for role in roles:
                response = self.ask("GET", path, user=self.people[role], buffered=True)
                text = response.get_data(as_text=True)
                body = FRESH.sub(r"\1\2", text)
                headers = {k: v for k, v in response.headers if k not in IGNORED}
                if body != text:
                    headers.pop("ETag", None)
                seen[path, role] = (response.status_code, headers, body)
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
        return [key for key in without if without[key] != having[key]]

    def test_the_map_has_every_channel(self):
        paths = self.paths()
        for channel in ("/results/", ".csv", "feed.atom", "/summary/", "/pages/dashboard/"):
            assert [path for path in paths if channel in path], channel
        assert len(paths) > 40

    def test_before_the_closing_no_route_tells_anything(self):
        assert self.differences(DURING, *self.people) == []
        assert self.leaks == []

    def test_nor_as_long_as_an_answer_may_still_come(self):
        assert self.differences("2023-02-06 23:14:59") == []
        assert self.leaks == []

    def test_and_after_it_the_same_look_would_have_found_it(self):
        """The look above is not blind: what it did not find is there once the seal is broken."""
        found = {path for path, _role in self.differences(AFTER)}
        feedback, slug = self.feedback["id"], self.made["slug"]
        for path in (
            f"/feedback/{feedback}/",
            "/feedback/",
            f"/feedback/?consultation={slug}",
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
