"""The inbox of comments: the list and the comment that is read, one answer after the other."""

from __future__ import annotations

import html
import re
from typing import Any

from bson import ObjectId
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.dashboard.saved_views import MOST, saved_views
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import P, Producer
from ..feedback.test_two_ways import WORDS, TwoWaysTestCase
from .producing import DashboardCase, of, say
from .test_pages import text_of


class InboxCase(DashboardCase):
    def inbox(self, producer: Producer, query: str = "", status: int = 200) -> str:
        path = of(producer.organization, f"inbox/?lang=en&{query}")
        return self.see(path, producer.editor, status)

    def send(self, producer: Producer, query: str, user: User | None = None, **form: Any) -> Any:
        """The form of the comment that is read."""
        path = f"{P}/pages/" + of(producer.organization, f"inbox/?lang=en&{query}")
        headers = {"X-API-KEY": self.key_of(user or producer.editor), "X-Culture-Feedback": "1"}
        return self.visit("POST", path, headers=headers, data=form)

    def treatment(self, id: Any) -> dict[str, Any]:
        found = feedbacks().find_one({"_id": ObjectId(id)})
        assert found
        return found["treatment"]


def pane_of(page: str) -> str:
    return page[page.index('id="cf-reading"') :]


def value_of(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', pane_of(page))
    assert found, name
    return html.unescape(found[1])


class ReadingTest(InboxCase):
    def test_the_oldest_that_waits_is_read_and_the_next_one_follows(self) -> None:
        producer = Producer()
        ids = [
            say(producer.dataset, comment=f"Texte {n}", wants_answer=True, days_ago=10 - n)[0]
            for n in range(3)
        ]
        say(producer.dataset, comment="N’attend rien")
        page = self.inbox(producer)
        assert "1 / 3" in text_of(page)
        assert "Texte 0" in text_of(pane_of(page))
        assert "N’attend rien" not in page
        answer = self.send(
            producer, f"waiting=1&read={ids[0]}", status="planned", answer="En juin.",
            next=value_of(page, "next"), **{"from": "new"},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        assert f"read={ids[1]}" in answer.location
        assert "waiting=1" in answer.location
        assert self.treatment(ids[0])["answer"] == "En juin."
        after = self.inbox(producer, f"waiting=1&read={ids[1]}&done=treated")
        assert "1 / 2" in text_of(after)
        assert "Texte 1" in text_of(pane_of(after))
        assert "Your response is saved." in text_of(after)

    def test_one_comment_leads_to_those_beside_it_on_whatever_page(self) -> None:
        producer = Producer()
        ids = say(producer.dataset, 60, comment="Texte", wants_answer=True)
        ids.reverse()  # the oldest first
        page = self.inbox(producer, f"waiting=1&read={ids[24]}")
        assert "25 / 60" in text_of(page)
        links = re.findall(r"read=(\w+)[^>]* data-(before|after)", page)
        assert dict((way, id) for id, way in links) == {
            "before": str(ids[23]),
            "after": str(ids[25]),
        }
        following = self.inbox(producer, f"waiting=1&read={ids[25]}")
        assert f'id="feedback-{ids[25]}" class="cf-current"' in following
        assert f'id="feedback-{ids[24]}"' not in following
        last = self.inbox(producer, f"waiting=1&read={ids[59]}")
        assert "60 / 60" in text_of(last)
        assert "data-after" not in last

    def test_views_are_links_and_each_has_its_own(self) -> None:
        producer = Producer()
        asked: dict[str, Any] = {"comment": "Texte", "wants_answer": True}
        [old] = say(producer.dataset, days_ago=40, **asked)
        [new] = say(producer.dataset, days_ago=2, **asked)
        mine = {"status": "acknowledged", "assignee": producer.editor.id, "history": []}
        [taken] = say(producer.dataset, treatment=mine, **asked)
        page = self.inbox(producer)
        nav = page[page.index('aria-label="Saved views"') :].split("</nav>")[0]
        views = dict(
            (text_of(label), html.unescape(address).split("/pages/")[1])
            for address, label in re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', nav, re.S)
        )
        shown = {
            label: set(re.findall(r'<li id="feedback-(\w+)"', self.see(address, producer.editor)))
            for label, address in views.items()
        }
        assert shown == {
            "To answer 2": {str(old), str(new)},
            "Waiting for more than 30 days": {str(old)},
            "Assigned to me": {str(taken)},
            "Answered": set(),
            "All 3": {str(old), str(new), str(taken)},
        }

    def test_the_address_of_before_leads_there_with_what_was_asked(self) -> None:
        producer = Producer()
        path = f"{P}/pages/" + of(producer.organization, "feedback/?waiting=1&q=a%20b&path=x")
        answer = self.visit("GET", path, client=self.browser_of(producer.editor))
        assert answer.status_code == 302
        assert answer.location.endswith("/inbox/?waiting=1&q=a+b&path=x")

    def test_what_is_refused_keeps_the_place_and_all_that_was_chosen(self) -> None:
        producer = Producer()
        [id] = say(producer.dataset, comment="Texte", wants_answer=True)
        answer = self.send(
            producer, f"waiting=1&q=texte&read={id}", status="planned", answer="Mon texte" * 2000,
            assignee=str(producer.admin.id), note="À voir.", **{"from": "new"},
        )  # fmt: skip
        assert answer.status_code == 413
        page = answer.text
        assert "Mon texteMon texte" in page
        assert f'<option value="{producer.admin.id}" selected>' in pane_of(page)
        assert 'value="texte"' in page
        assert "1 / 1" in text_of(page)

    def test_a_comment_of_somebody_else_is_not_read_here(self) -> None:
        producer, other = Producer(), Producer()
        [theirs] = say(other.dataset, comment="Chez eux", wants_answer=True)
        say(DatasetFactory(organization=producer.organization), comment="Ici", wants_answer=True)
        for id in (theirs, ObjectId(), "x"):
            page = self.inbox(producer, f"read={id}")
            assert "Chez eux" not in page
            assert "is no longer here" in page
            assert self.send(producer, f"read={id}", status="planned").status_code in (403, 404)

    def test_one_s_own_datasets_have_an_inbox_too(self) -> None:
        owner = UserFactory()
        [id] = say(DatasetFactory(owner=owner), comment="À moi", wants_answer=True)
        page = self.see("dashboard/me/inbox/?lang=en", owner)
        assert "À moi" in text_of(pane_of(page))
        headers = {"X-API-KEY": self.key_of(owner), "X-Culture-Feedback": "1"}
        answer = self.visit(
            "POST", f"{P}/pages/dashboard/me/inbox/?read={id}", headers=headers,
            data={"status": "planned", "answer": "Oui.", "from": "new"},
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        assert self.treatment(id)["answer"] == "Oui."


class SavedViewsTest(InboxCase):
    NAV = re.compile(r'aria-label="Saved views">.*?</nav>', re.S)

    def views(self, page: str) -> dict[str, str]:
        [nav] = self.NAV.findall(page)
        links = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', nav, re.S)
        return {text_of(label): html.unescape(address) for address, label in links}

    def save(self, producer: Producer, name: str, user: User | None = None) -> Any:
        return self.send(producer, "waiting=1&fitness=no", user, save_view="1", view_name=name)

    def test_filters_are_saved_under_a_name_and_deleted_again(self) -> None:
        producer = Producer()
        say(producer.dataset, comment="En partie", wants_answer=True)
        [no] = say(producer.dataset, comment="Non", fitness="no", wants_answer=True)
        saved = self.save(producer, "  Mes <b>non</b> ")
        assert saved.status_code == 303, saved.text
        assert "The view is saved" in self.see(
            saved.location.split("/pages/")[1].split("#")[0] + "&lang=en", producer.editor
        )
        page = self.inbox(producer)
        assert "<b>non" not in page
        views = self.views(page)
        assert list(views)[:2] == ["To answer 2", "Waiting for more than 30 days"]
        address = views["Mes <b>non</b>"].split("/pages/")[1]
        shown = self.see(f"{address}&lang=en", producer.editor)
        assert re.findall(r'<li id="feedback-(\w+)"', shown) == [str(no)]
        assert "&lt;b&gt;non" not in self.see(of(producer.organization, "inbox/"), producer.admin)
        id = re.search(r'name="remove_view" value="(\w+)"', shown)
        assert id
        query = address.partition("?")[2]
        theirs = self.send(producer, query, producer.admin, remove_view=id[1])
        assert theirs.status_code == 303
        assert "&lt;b&gt;non" in self.inbox(producer)
        assert self.send(producer, query, remove_view=id[1]).status_code == 303
        assert "&lt;b&gt;non" not in self.inbox(producer)

    def test_a_name_that_will_not_do_is_refused_by_its_field_and_kept(self) -> None:
        producer = Producer()
        say(producer.dataset, comment="Texte", wants_answer=True)
        self.save(producer, "Mes non")
        for name in ("", "x" * 61, "Mes non"):
            refused = self.save(producer, name)
            assert refused.status_code == 400
            assert 'href="#cf-view_name"' in refused.text
            assert f'name="view_name" value="{name}"' in refused.text
        for number in range(MOST - 1):
            assert self.save(producer, f"Vue {number}").status_code == 303
        refused = self.save(producer, "Une de trop")
        assert refused.status_code == 400
        assert f"{MOST} views at most" in refused.text
        assert self.save(producer, "Mes non", producer.admin).status_code == 303

    def test_they_are_in_the_file_of_their_person_and_go_with_the_account(self) -> None:
        producer = Producer()
        self.save(producer, "Mes non")
        file = self.ask("GET", "/me/export/", user=producer.editor).json
        [view] = file["saved_views"]
        assert view["name"] == "Mes non"
        assert view["filters"] == {"waiting": "1", "fitness": "no", "sort": "created_at"}
        producer.editor.mark_as_deleted()
        assert saved_views().count_documents({}) == 0


class TogetherTest(InboxCase):
    def test_the_second_of_two_sees_what_the_first_did_and_keeps_the_text(self) -> None:
        producer = Producer()
        [id] = say(producer.dataset, comment="Texte", wants_answer=True)
        shown = {"from": "new", "had_answer": ""}
        first = self.send(
            producer, f"read={id}", producer.admin, status="planned", answer="En juin.", **shown
        )
        assert first.status_code == 303
        second = self.send(producer, f"read={id}", status="resolved", answer="Mon texte.", **shown)
        assert second.status_code == 409
        page = text_of(second.text)
        assert html.unescape(producer.admin.fullname) in page
        assert "En juin." in page
        assert "Mon texte." in page
        assert self.treatment(id)["answer"] == "En juin."

    def test_an_answer_that_was_only_rewritten_is_noticed_too(self) -> None:
        producer = Producer()
        [id] = say(producer.dataset, comment="Texte", wants_answer=True)
        self.send(producer, f"read={id}", status="planned", answer="En juin.")
        shown = self.inbox(producer, f"words=1&read={id}")
        kept = {name: value_of(shown, name) for name in ("from", "had_answer")}
        self.send(producer, f"read={id}", producer.admin, status="planned", answer="En mai.")
        second = self.send(producer, f"read={id}", status="planned", answer="En août.", **kept)
        assert second.status_code == 409
        assert self.treatment(id)["answer"] == "En mai."


class WithdrawingTest(InboxCase, TwoWaysTestCase):
    def answered(self, status: str = "planned") -> tuple[Producer, str, dict[str, str]]:
        producer = Producer()
        feedback = self.given(producer)
        body = {"status": status, "answer": "En avril."}
        self.treat(feedback, producer.editor, **body)
        shown = self.inbox(producer, f"words=1&read={feedback['id']}")
        kept = {name: value_of(shown, name) for name in ("from", "had_answer")}
        return producer, feedback["id"], kept | {"status": status, "answer": ""}

    def test_clearing_the_answer_asks_first(self) -> None:
        producer, id, form = self.answered()
        asked = self.send(producer, f"words=1&read={id}", **form)
        assert asked.status_code == 200
        assert "Withdraw the public answer?" in text_of(asked.text)
        assert self.treatment(id)["answer"] == "En avril."

    def test_it_is_withdrawn_here_and_in_the_discussion_and_stays_in_the_history(self) -> None:
        producer, id, form = self.answered()
        done = self.send(producer, f"words=1&read={id}", withdraw="1", **form)
        assert done.status_code == 303, done.text
        assert self.said({"id": id})[1].startswith("[")
        public = self.ask("GET", f"/feedback/{id}/").json["treatment"]
        assert public["answer"] is None
        assert public["answered_at"] is None
        assert public["status"] == "planned"
        page = self.inbox(producer, f"words=1&read={id}")
        history = text_of(page[page.index('aria-labelledby="cf-history"') :])
        assert "En avril." in history
        assert "answer withdrawn" in history
        dataset = self.see(f"datasets/{producer.dataset.id}/")
        assert "En avril." not in dataset

    def test_another_answer_afterwards_is_another_comment(self) -> None:
        producer, id, form = self.answered()
        self.send(producer, f"words=1&read={id}", withdraw="1", **form)
        self.treat({"id": id}, producer.admin, status="resolved", answer="C’est fait.")
        said = self.said({"id": id})
        assert said[0] == WORDS
        assert said[2] == "C’est fait."
        assert self.treatment(id)["answer"] == "C’est fait."
        assert self.treatment(id)["status"] == "resolved"

    def test_a_refusal_keeps_its_reason_and_says_why(self) -> None:
        producer, id, form = self.answered("declined")
        refused = self.send(producer, f"words=1&read={id}", withdraw="1", **form)
        assert refused.status_code == 400
        assert "A refusal keeps its reason" in text_of(refused.text)
        assert self.treatment(id)["answer"] == "En avril."

    def test_it_is_withdrawn_by_the_api(self) -> None:
        producer, id, _form = self.answered()
        self.treat({"id": id}, producer.editor, withdraw_answer=True)
        assert self.treatment(id).get("answer") is None
