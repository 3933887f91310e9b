"""While something waits, or once it is hidden, it is nowhere: channel by channel."""

from __future__ import annotations

from typing import Any

from freezegun import freeze_time
from mongoengine.connection import get_db
from udata.core.discussions.models import Discussion
from udata.core.user.factories import UserFactory
from udata.features.notifications.models import Notification
from udata.tests.helpers import capture_mails

from tests.cases import P, Producer
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.mail import outbox
from udata_culture_feedback.portal.collections import now

from .people import ModerationTestCase, moderator

#: A word nobody else uses, beside what makes it wait.
SECRET = "quetzalcoatl"
WORDS = f"Le fichier {SECRET} est vide : camille@example.org"


class FeedbackChannelsTest(ModerationTestCase):
    def everything_public(self, producer: Producer) -> dict[str, str]:
        """What anybody, and the producer, gets of a dataset."""
        dataset, organization = producer.dataset, producer.organization.id
        page = f"{P}/pages/datasets/{dataset.id}/"
        producers = {"X-API-KEY": self.key_of(producer.admin)}
        dashboard = f"{P}/pages/dashboard/organizations/{producer.organization.id}/"
        addresses = {
            "list": f"{P}/feedback/?dataset={dataset.id}",
            "list of the site": f"{P}/feedback/",
            "list of the organization": f"{P}/feedback/?organization={producer.organization.id}",
            "search": f"{P}/feedback/?q={SECRET}",
            "page": page,
            "fragment": f"{page}?as=fragment",
            "native discussions": f"/api/1/discussions/?for={dataset.id}",
            "native search": f"/api/1/discussions/?q={SECRET}",
            "activity": f"/api/1/activity/?related_to={dataset.id}",
            "summary": f"{P}/datasets/{dataset.id}/summary/",
            "metrics": f"/api/1/datasets/{dataset.id}/",
            "native rdf": f"/api/1/datasets/{dataset.id}/rdf.ttl",
            "rdf": f"{P}/datasets/{dataset.id}/feedback.ttl",
            "file of the site": f"{P}/site/feedback.csv",
            "file of the organization": f"{P}/organizations/{organization}/feedback.csv",
            "atom": f"{P}/requests/feed.atom",
            "page of the organization": (f"{P}/pages/organizations/{organization}/"),
        }
        got = {name: self.visit("GET", path, buffered=True) for name, path in addresses.items()}
        got |= {
            f"{name} of the producer": self.visit("GET", path, headers=producers, buffered=True)
            for name, path in {
                "page": page,
                "list": f"{P}/feedback/?dataset={dataset.id}",
                "dashboard": dashboard,
                "dashboard list": f"{dashboard}inbox/?words=1",
                "bell": "/api/1/notifications/",
                "file": f"{P}/organizations/{producer.organization.id}/feedback.csv",
                "board file": f"{dashboard}feedback.csv",
            }.items()
        }
        assert {name for name, answer in got.items() if answer.status_code != 200} == set()
        return {name: answer.get_data(as_text=True) for name, answer in got.items()}

    def leaks(self, producer: Producer) -> list[str]:
        return [name for name, text in self.everything_public(producer).items() if SECRET in text]

    def test_words_that_wait_are_nowhere_then_everywhere_then_nowhere(self):
        producer, who = Producer(), moderator()
        with capture_mails() as mails:
            id = self.held(producer.dataset, comment=WORDS)
            outbox.deliver_due()
        assert self.leaks(producer) == []
        assert mails == []
        assert Notification.objects.count() == 0
        assert self.summary(producer.dataset)["commented"] == 0
        assert SECRET not in repr([d.to_mongo() for d in Discussion.objects])
        assert self.ask("GET", f"/feedback/?q={SECRET}").json["total"] == 0
        self.decided(who, id, "publish")
        found = self.leaks(producer)
        for channel in ("list", "search", "page", "fragment", "native discussions"):
            assert channel in found
        assert self.summary(producer.dataset)["commented"] == 1
        self.decided(who, id, "hide", "abuse")
        assert self.leaks(producer) == []
        assert self.summary(producer.dataset)["commented"] == 0

    def test_a_stub_stays_where_public_words_were_hidden(self):
        producer, who = Producer(), moderator()
        id = self.said(producer.dataset)
        with freeze_time("2026-03-12"):
            self.decided(who, id, "hide", "abuse")
        page = self.visit("GET", f"{P}/pages/datasets/{producer.dataset.id}/?lang=en")
        text = page.get_data(as_text=True)
        assert "Comment hidden by moderation on 12 March 2026: Insult, personal attack." in text

    def test_no_stub_of_what_never_was_public_nor_of_spam(self):
        producer, who = Producer(), moderator()
        self.decided(who, self.held(producer.dataset), "reject", "abuse")
        self.decided(who, self.said(producer.dataset), "hide", "spam")
        page = self.visit("GET", f"{P}/pages/datasets/{producer.dataset.id}/?lang=en")
        assert "hidden by moderation" not in page.get_data(as_text=True)


class RequestChannelsTest(ModerationTestCase):
    def asked(self, asker: Any, producer: Producer) -> dict[str, Any]:
        body = {
            "title": f"Les archives {SECRET}",
            "description": WORDS,
            "kind": "new",
            "dataset": str(producer.dataset.id),
            "organization": str(producer.organization.id),
            "open_data": True,
        }
        response = self.ask("POST", "/requests/", body, asker)
        assert response.status_code == 201, response.json
        return response.json

    def leaks(self, producer: Producer, found: dict[str, Any]) -> list[str]:
        producers = {"X-API-KEY": self.key_of(producer.admin)}
        dashboard = f"{P}/pages/dashboard/organizations/{producer.organization.id}/"
        addresses = {
            "list": f"{P}/requests/",
            "search": f"{P}/requests/?q={SECRET}",
            "similar": f"{P}/requests/similar/?q={SECRET}",
            "feed": f"{P}/requests/feed.atom",
            "file": f"{P}/site/requests.csv",
            "pages": f"{P}/pages/requests/",
            "page of the dataset": f"{P}/pages/datasets/{producer.dataset.id}/",
            "native": f"/api/1/discussions/?for={producer.dataset.id}",
            "json": f"{P}/requests/{found['id']}/",
            "page": f"{P}/pages/requests/{found['slug']}/",
        }
        got = {name: self.visit("GET", path, buffered=True) for name, path in addresses.items()}
        got |= {
            f"{name} of the producer": self.visit("GET", path, headers=producers, buffered=True)
            for name, path in {
                "json": f"{P}/requests/{found['id']}/",
                "dashboard": dashboard,
                "list": f"{P}/requests/?organization={producer.organization.id}",
            }.items()
        }
        return [name for name, one in got.items() if SECRET in one.get_data(as_text=True)]

    def test_a_request_that_waits_is_nowhere_then_everywhere_then_nowhere(self):
        producer, who, asker = Producer(), moderator(), UserFactory()
        with capture_mails() as mails:
            found = self.asked(asker, producer)
            outbox.deliver_due()
        assert found["visibility"] == "pending"
        # « similar » repeats what is searched for nowhere in its answer.
        assert self.leaks(producer, found) == []
        # Who asked has a receipt; nobody else is written to.
        assert {to for mail in mails for to in mail.recipients} <= {asker.email}
        assert Discussion.objects.count() == 0
        assert self.summary()["requests"] == {"open": 0, "published": 0}
        terms = get_db()["culture_feedback_terms"]
        assert terms.count_documents({"kind": "request"}) == 0
        mine = self.ask("GET", f"/requests/{found['id']}/", user=asker)
        assert mine.json["description"] == WORDS
        with capture_mails() as mails:
            self.decided(who, found["id"], "publish")
            outbox.deliver_due()
        told = {address for mail in mails for address in mail.recipients}
        assert producer.admin.email in told
        assert asker.email in told
        for channel in ("list", "search", "similar", "feed", "file", "json", "page", "native"):
            assert channel in self.leaks(producer, found), channel
        assert self.summary()["requests"]["open"] == 1
        self.decided(who, found["id"], "hide", "abuse")
        assert self.leaks(producer, found) == []
        assert self.summary()["requests"]["open"] == 0
        assert terms.count_documents({"kind": "request"}) == 0

    def test_a_rejected_request_that_is_published_after_all_is_told_then(self):
        producer, who, asker = Producer(), moderator(), UserFactory()
        found = self.asked(asker, producer)
        self.decided(who, found["id"], "reject", "off_topic")
        assert self.leaks(producer, found) == []
        self.decided(who, found["id"], "restore")
        with capture_mails() as mails, freeze_time(now()):
            self.decided(who, found["id"], "publish")
            outbox.deliver_due()
        assert producer.admin.email in {a for mail in mails for a in mail.recipients}

    def test_blacking_out_a_title_changes_its_address_too(self):
        producer, who, asker = Producer(), moderator(), UserFactory()
        found = self.asked(asker, producer)
        self.decided(who, found["id"], "redact", strings=[SECRET, "camille@example.org"])
        after = self.ask("GET", f"/requests/{found['id']}/").json
        assert SECRET not in repr(after)
        assert self.visit("GET", f"{P}/pages/requests/{found['slug']}/").status_code == 404
        stored = requests().find_one({"slug": after["slug"]}) or {}
        stored.pop("moderated")
        assert SECRET not in repr(stored)
