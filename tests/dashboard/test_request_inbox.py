"""The inbox of requests: what is due first, views that agree with their counts, and what a holder
does without leaving it."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.mail.models import outbox
from udata_culture_feedback.portal.collections import now

from ..cases import P, Producer
from ..data_requests.asking import UNLIMITED, moderator, move, somebody, stored, wish
from .producing import DashboardCase, of
from .test_pages import text_of


@pytest.mark.options(**UNLIMITED)
class RequestInboxTest(DashboardCase):
    def asked(self, producer: Producer, title: str, due_in: int = 20) -> ObjectId:
        id = wish(somebody(), title=title, dataset=str(producer.dataset.id))
        due = now() + timedelta(days=due_in)
        requests().update_one({"_id": id}, {"$set": {"clock.due_at": due}})
        return id

    def inbox(self, producer: Producer, query: str = "", user: User | None = None) -> str:
        path = of(producer.organization, f"requests/?lang=en&{query}")
        return self.see(path, user or producer.editor)

    def send(self, producer: Producer, query: str, user: User | None = None, **form: Any) -> Any:
        path = f"{P}/pages/" + of(producer.organization, f"requests/?lang=en&{query}")
        headers = {"X-API-KEY": self.key_of(user or producer.editor), "X-Culture-Feedback": "1"}
        return self.visit("POST", path, headers=headers, data=form)

    @staticmethod
    def titles(page: str) -> list[str]:
        return [html.unescape(t) for t in re.findall(r"data-open dir=\"auto\">([^<]+)</a>", page)]

    def test_what_is_late_comes_first_and_the_first_is_open(self) -> None:
        producer = Producer()
        self.asked(producer, "Plus tard", 20)
        self.asked(producer, "Très en retard", -9)
        self.asked(producer, "Cette semaine", 3)
        self.asked(producer, "En retard", -2)
        page = self.inbox(producer)
        assert self.titles(page) == ["Très en retard", "En retard", "Cette semaine", "Plus tard"]
        words = text_of(page)
        assert "9 days late" in words
        assert words.index("Overdue") < words.index("This week") < words.index("Later")
        pane = text_of(page[page.index('id="cf-reading"') :])
        assert pane.index("1 / 4") < pane.index("Très en retard")

    def test_each_view_shows_as_many_as_it_says(self) -> None:
        producer, boss = Producer(), moderator()
        self.asked(producer, "À décider")
        self.asked(producer, "En retard", -3)
        for title, to, more in (
            ("Question", "needs_clarification", {}),
            ("Acceptée", "accepted", {}),
            ("En partie", "published", {"partial": True}),
            ("Refusée", "declined", {}),
        ):
            id = wish(somebody(), title=title, dataset=str(producer.dataset.id))
            move(boss, id, to, **more)
        self.asked(Producer(), "Chez un autre")
        self.send(producer, f"read={self.asked(producer, 'À moi')}&act=assign",
                  assignee=str(producer.editor.id))  # fmt: skip
        page = self.inbox(producer)
        nav = page[page.index('aria-label="Saved views"') :].split("</nav>")[0]
        links = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', nav, re.S)
        shown = {
            text_of(label): len(
                self.titles(self.see(html.unescape(url).split("/pages/")[1], producer.editor))
            )
            for url, label in links
        }
        assert shown == {
            "To decide 3": 3,
            "Overdue 1": 1,
            "Waiting for the requester 1": 1,
            "In preparation 1": 1,
            "Published in part 1": 1,
            "Assigned to me 1": 1,
            "All that are open 5": 5,
            "Closed 2": 2,
        }
        assert self.titles(self.inbox(producer, "q=retard")) == ["En retard"]

    def test_a_view_that_is_gone_falls_back_with_a_notice(self) -> None:
        producer = Producer()
        self.asked(producer, "À décider")
        page = self.inbox(producer, "view=of-old")
        assert "no longer exists; this is: To decide" in text_of(page)
        assert self.titles(page) == ["À décider"]
        assert "no longer exists" not in self.inbox(producer, "view=")

    def test_those_asked_from_one_dataset_are_shown_and_counted_alone(self) -> None:
        producer = Producer(title="Musées")
        self.asked(producer, "Des musées")
        other = DatasetFactory(organization=producer.organization)
        wish(somebody(), title="D’ailleurs", dataset=str(other.id))
        path = of(producer.organization, f"datasets/{producer.dataset.slug}/?lang=en")
        link = re.search(
            r'href="([^"]+/requests/[^"]*dataset=[^"]*)"', self.see(path, producer.editor)
        )
        assert link
        page = self.see(html.unescape(link[1]).split("/pages/")[1], producer.editor)
        assert self.titles(page) == ["Des musées"]
        assert "All that are open 1" in text_of(page)
        assert "Asked from: Musées" in text_of(page)
        assert len(self.titles(self.inbox(producer, "view=open"))) == 2
        assert len(self.titles(self.inbox(producer, "view=open&dataset=x"))) == 2
        assert self.titles(self.inbox(producer, f"view=open&dataset={ObjectId()}")) == []

    def test_a_refusal_from_the_inbox_leads_to_the_next_one(self) -> None:
        producer = Producer()
        first = self.asked(producer, "Première", 2)
        second = self.asked(producer, "Deuxième", 4)
        page = self.inbox(producer)
        [action] = {html.unescape(a) for a in re.findall(r'action="([^"]+act=move[^"]*)"', page)}
        query = action.partition("?")[2]
        answer = self.send(
            producer, query, to="declined", reason="not_existing", message="Rien de tel.",
            **{"from": "submitted"},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        assert stored(first)["status"] == "declined"
        after = self.see(answer.location.split("/pages/")[1].partition("#")[0], producer.editor)
        assert self.titles(after) == ["Deuxième"]
        assert f'id="request-{second}" class="cf-current"' in after
        assert "“Première”" in text_of(after)

    def test_what_is_refused_keeps_what_was_typed_and_names_its_field(self) -> None:
        producer = Producer()
        id = self.asked(producer, "Première")
        answer = self.send(
            producer, f"read={id}&act=move", to="declined", message="Mon texte.",
            **{"from": "submitted"},
        )  # fmt: skip
        assert answer.status_code == 400
        assert "Mon texte." in answer.text
        assert 'href="#cf-reason"' in answer.text
        assert self.titles(answer.text) == ["Première"]
        late = self.send(producer, f"read={id}&act=move", to="accepted", **{"from": "acknowledged"})
        assert late.status_code == 409
        assert self.send(producer, f"read={id}&act=explode").status_code == 400
        assert stored(id)["status"] == "submitted"

    def test_an_extension_reads_as_one(self) -> None:
        producer = Producer()
        id = self.asked(producer, "Première")
        answer = self.send(
            producer, f"read={id}&act=extend", days="10", extension_reason="Les congés."
        )
        assert answer.status_code == 303
        history = text_of(self.inbox(producer, f"read={id}"))
        assert "Date extended by 10 days" in history
        again = self.send(producer, f"read={id}&act=extend", days="10", extension_reason="Encore.")
        assert again.status_code == 409

    def test_a_member_looks_after_it_and_is_told(self) -> None:
        producer = Producer()
        id = self.asked(producer, "Première")
        answer = self.send(producer, f"read={id}&act=assign", assignee=str(producer.admin.id))
        assert answer.status_code == 303
        name = html.unescape(producer.admin.fullname)
        assert f"Looked after by {name}" in text_of(self.inbox(producer))
        assert self.titles(self.inbox(producer, "view=mine", producer.admin)) == ["Première"]
        [mail] = outbox().find({"builder": "request-assigned"})
        assert mail["user"] == producer.admin.id
        for nobody in (str(UserFactory().id), "x"):
            refused = self.send(producer, f"read={id}&act=assign", assignee=nobody)
            assert refused.status_code == 400
        assert stored(id)["assignee"] == producer.admin.id
        assert str(producer.admin.id) not in self.ask("GET", f"/requests/{id}/").text

    def test_a_move_leaves_who_looks_after_it(self) -> None:
        producer = Producer()
        id = self.asked(producer, "Première")
        self.send(producer, f"read={id}&act=assign", assignee=str(producer.admin.id))
        self.send(producer, f"read={id}&act=move", to="acknowledged", **{"from": "submitted"})
        assert stored(id)["status"] == "acknowledged"
        assert stored(id)["assignee"] == producer.admin.id

    def test_an_address_that_makes_no_sense_shows_what_is_to_decide(self) -> None:
        producer = Producer()
        self.asked(producer, "Première")
        for query in ("view=x&sort=y", f"read={ObjectId()}", "read=x", "page=1"):
            assert self.titles(self.inbox(producer, query)) == ["Première"]

    def test_owners_see_what_is_asked_from_their_own_datasets(self) -> None:
        owner = UserFactory()
        dataset = DatasetFactory(owner=owner)
        id = wish(somebody(), title="La suite", dataset=str(dataset.id))
        page = self.see("dashboard/me/requests/?lang=en&view=open", owner)
        assert self.titles(page) == ["La suite"]
        assert 'name="to"' not in page  # nobody else's to decide
        headers = {"X-API-KEY": self.key_of(owner), "X-Culture-Feedback": "1"}
        refused = self.visit(
            "POST", f"{P}/pages/dashboard/me/requests/?read={id}&act=move", headers=headers,
            data={"to": "accepted", "from": "submitted"},
        )  # fmt: skip
        assert refused.status_code in (403, 409)
        assert stored(id)["status"] == "submitted"
