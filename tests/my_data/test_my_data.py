"""What each person controls of what they said: the list, corrections, the file, erasing; by an
account, by the link of a mail, by the token of a browser."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from bson import ObjectId
from flask import json
from freezegun import freeze_time
from mongoengine.connection import get_db
from pymongo import monitoring
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from tests.cases import CommandCounter, sysadmin
from tests.consultations.consulting import ConsultationCase
from tests.moderation.people import HELD, ModerationTestCase
from udata_culture_feedback.app import maintenance
from udata_culture_feedback.consultations.models import responses
from udata_culture_feedback.data_requests.models import requests
from udata_culture_feedback.feedback.models import feedbacks
from udata_culture_feedback.mail.models import outbox
from udata_culture_feedback.my_data import access_link
from udata_culture_feedback.my_data.api import COOKIE
from udata_culture_feedback.people import contacts, tokens

from ..people.without_account import Browser, Mailbox, P, WithoutAccountTestCase
from .test_erasure import link_token

EMAIL = "camille.martin@example.org"
SECTIONS = {
    *("feedback", "requests", "supports", "follows"),
    *("messages", "responses", "unconfirmed"),
}
#: What only we may know: keys of people, and what they are made of.
PRIVATE = re.compile(r"(user|mail|token|gone):[0-9a-f]{24,}|\b[0-9a-f]{32,}\b")

counter = CommandCounter()
monitoring.register(counter)


def later(**delay: int) -> Any:
    return freeze_time(datetime.now(UTC) + timedelta(**delay), ignore=["pymongo"])


class Case(ModerationTestCase, WithoutAccountTestCase):
    def mine(self, user: User | None = None, query: str = "", **options: Any) -> Any:
        response = self.ask("GET", f"/me/{query}", user=user, **options)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json

    def asks(self, who: User, **fields: Any) -> Any:
        body = {"title": "La fréquentation", "description": "Par mois.", "kind": "new"} | fields
        response = self.ask("POST", "/requests/", body, who)
        assert response.status_code == 201, response.get_data(as_text=True)
        return response.json

    def confirmed(self, email: str = EMAIL, **answer: Any) -> Any:
        """What somebody has said about a dataset by confirming an address."""
        with Mailbox() as mailbox:
            self.by_email(DatasetFactory(), email, **answer)
        return self.confirm(mailbox.token()).json["contribution"]

    def sent_link(self, email: str = EMAIL) -> str:
        with Mailbox() as mailbox:
            assert self.ask("POST", "/me/", {"email": email}).status_code == 202
        [message] = mailbox.messages
        return link_token(message)

    def visit_of(self, email: str = EMAIL) -> str:
        response = self.ask("POST", "/me/", {"token": self.sent_link(email)})
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.json["visit"]

    def by_visit(self, visit: str) -> dict[str, str]:
        return {"X-Culture-Feedback-Visit": visit}


class ListingTest(Case):
    def test_one_sees_all_kinds_of_things_one_said_and_nobody_elses(self):
        author, dataset = UserFactory(), DatasetFactory()
        self.give(author, dataset, comment="Utile")
        self.give(UserFactory(), dataset, comment="D'une autre personne")
        self.asks(author)
        other = self.asks(UserFactory(), title="Les musées")
        self.ask("POST", f"/requests/{other['id']}/support/", user=author)
        self.ask("POST", f"/requests/{other['id']}/follow/", user=author)
        self.ask("POST", f"/requests/{other['id']}/messages/", {"message": "Moi aussi"}, author)
        listed = self.mine(author)
        assert set(listed) == SECTIONS | {"subscriptions"}
        totals = {name: listed[name]["total"] for name in SECTIONS}
        assert totals == {
            "feedback": 1, "requests": 1, "supports": 1, "follows": 1, "messages": 1,
            "responses": 0, "unconfirmed": 0,
        }  # fmt: skip
        [feedback], [support] = listed["feedback"]["data"], listed["supports"]["data"]
        assert feedback["comment"] == "Utile"
        assert feedback["dataset"]["title"] == dataset.title
        assert support["request"]["title"] == "Les musées"
        assert "D'une autre personne" not in json.dumps(listed, ensure_ascii=False)

    def test_words_that_wait_or_are_hidden_are_shown_with_the_reason(self):
        author, dataset = UserFactory(), DatasetFactory()
        held = self.held(dataset, author)
        [shown] = self.mine(author)["feedback"]["data"]
        assert (shown["visibility"], shown["comment"]) == ("pending", HELD)
        self.decided(sysadmin(), held, "reject", "personal_data")
        [shown] = self.mine(author)["feedback"]["data"]
        assert (shown["visibility"], shown["hidden_reason"]) == ("hidden", "personal_data")
        assert shown["decision"]["decision"] == "reject"
        address = shown["decision"]["contest_url"]
        path = address[address.index("/api/1") :]
        said = self.visit("POST", path, data={"text": "C'est une adresse inventée."})
        assert said.status_code == 303
        [shown] = self.mine(author)["feedback"]["data"]
        assert shown["decision"]["contest_url"] is None
        assert shown["decision"]["appeal"]["text"] == "C'est une adresse inventée."
        assert shown["decision"]["appeal"]["outcome"] == "open"

    def test_of_data_that_turned_private_not_even_the_title_is_said(self):
        author, dataset = UserFactory(), DatasetFactory(title="Le plan secret")
        self.give(author, dataset, comment="Utile")
        dataset.private = True
        dataset.save()
        [shown] = self.mine(author)["feedback"]["data"]
        assert shown["dataset"] is None
        assert shown["comment"] == "Utile"

    def test_pages_of_one_kind(self):
        author = UserFactory()
        for _time in range(3):
            self.give(author, DatasetFactory())
        first = self.mine(author, "?page_size=2")
        assert len(first["feedback"]["data"]) == 2
        second = self.mine(author, first["feedback"]["next_page"].partition("/me/")[2])
        assert set(second) == {"feedback"}
        assert len(second["feedback"]["data"]) == 1
        assert second["feedback"]["next_page"] is None
        assert self.ask("GET", "/me/?kind=nothing", user=author).status_code == 400
        assert self.ask("GET", "/me/?page=100000", user=author).status_code == 404

    def test_a_list_costs_the_same_whatever_its_length(self, app: Any):
        app.config["CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR"] = None
        author = UserFactory()

        def cost() -> int:
            self.mine(author)
            with counter.count() as commands:
                self.mine(author)
            return len(commands)

        def more() -> None:
            self.give(author, DatasetFactory(), comment="Utile")
            self.held(DatasetFactory(), author)
            self.asks(author)
            other = self.asks(UserFactory())
            self.ask("POST", f"/requests/{other['id']}/support/", user=author)
            self.ask("POST", f"/requests/{other['id']}/messages/", {"message": "Oui"}, author)

        more()
        before = cost()
        for _time in range(3):
            more()
        assert cost() == before < 50

    def test_every_query_has_an_index(self):
        author = UserFactory()
        self.give(author, DatasetFactory())
        self.asks(author)
        key = f"user:{author.id}"
        for name, where in (
            ("culture_feedback_feedback", {"contributor.key": {"$in": [key]}}),
            ("culture_feedback_request", {"contributor.key": {"$in": [key]}}),
            ("culture_feedback_request_message", {"contributor.key": {"$in": [key]}}),
            ("culture_feedback_support", {"key": {"$in": [key]}}),
            ("culture_feedback_response", {"contributor.key": {"$in": [key]}}),
            ("culture_feedback_unconfirmed", {"contact": {"$in": [ObjectId()]}}),
            ("culture_feedback_contact", {"person": "mail:x"}),
            ("culture_feedback_visit", {"visit": "x"}),
            ("culture_feedback_flag", {"key": {"$in": ["x"]}}),
        ):
            plan = get_db()[name].find(where).explain()
            assert "COLLSCAN" not in json.dumps(plan["queryPlanner"]["winningPlan"], default=str), (
                name
            )

    def test_nobody_keeps_it(self):
        author = UserFactory()
        for path in ("/me/", "/me/export/", "/pages/me/"):
            response = self.ask("GET", path, user=author)
            assert response.headers["Cache-Control"] == "no-store", path
            assert "ETag" not in response.headers

    def test_nobody_in_particular_is_told_the_ways(self):
        for path in ("/me/", "/me/export/"):
            refused = self.ask("GET", path)
            assert refused.status_code == 401
            assert refused.json["ways"] == ["account", "email", "contributor_token"]
        for verb in ("PUT", "DELETE"):
            assert self.ask(verb, "/me/", {"everything": True}).status_code == 401

    def test_what_an_account_hears_of(self):
        author, other = UserFactory(), UserFactory()
        asked = self.asks(other, title="Les musées")
        from udata_culture_feedback.mail import unsubscribe

        unsubscribe.stop(unsubscribe.Way(author.id, f"request:{asked['id']}"))
        listed = self.mine(author)["subscriptions"]["unsubscribed"]
        assert listed == [{"scope": f"request:{asked['id']}", "name": "Les musées"}]


class ConsultedTest(Case, ConsultationCase):
    def test_a_text_of_an_answer_that_was_refused_is_contested_too(self):
        author, day = UserFactory(), timedelta(days=1)
        opens, closes = (f"{datetime.now(UTC) + shift:%Y-%m-%dT%H:%M}" for shift in (-day, day))
        consultation = self.make(opens_at=opens, closes_at=closes)
        self.answered(consultation, author)
        [response] = self.mine(author)["responses"]["data"]
        assert response["consultation"]["id"] == consultation["id"]
        [text] = response["texts"]
        assert (text["text"], text["state"], text["decision"]) == ("Parce que.", "pending", None)
        with later(days=2):
            maintenance.maintain()
            [id] = [one["id"] for one in responses().find_one()["texts"]]
            self.decided(sysadmin(), str(id), "reject", "abuse")
            [text] = self.mine(author)["responses"]["data"][0]["texts"]
            assert (text["state"], text["decision"]["reason"]) == ("hidden", "abuse")
            address = text["decision"]["contest_url"]
            page = self.visit("GET", address[address.index("/api/1") :])
            assert page.status_code == 200


class CorrectingTest(Case):
    def test_each_kind_is_corrected_by_the_rules_of_its_own_address(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.give(author, dataset, comment="Utile")
        body = {"kind": "feedback", "id": given["id"], "fitness": "no", "comment": "Inutile"}
        changed = self.ask("PUT", "/me/", body, author)
        assert (changed.status_code, changed.json["comment"]) == (200, "Inutile")
        assert self.summary(dataset)["fitness"]["no"] == 1
        asked = self.asks(author)
        body = {"kind": "request", "id": asked["id"], "title": "Les entrées des musées"}
        assert self.ask("PUT", "/me/", body, author).json["title"] == "Les entrées des musées"
        wrong = {"kind": "request", "id": asked["id"], "title": ""}
        assert list(self.ask("PUT", "/me/", wrong, author).json["errors"]) == ["title"]

    def test_what_can_only_be_erased_is_a_conflict(self):
        author, asked = UserFactory(), self.asks(UserFactory())
        self.ask("POST", f"/requests/{asked['id']}/support/", user=author)
        [support] = self.mine(author)["supports"]["data"]
        body = {"kind": "support", "id": support["id"]}
        assert self.ask("PUT", "/me/", body, author).status_code == 409

    @pytest.mark.parametrize(
        "named",
        [
            {},
            {"kind": "feedback"},
            {"kind": "nothing", "id": "x"},
            {"kind": "feedback", "id": "0" * 24},
            {"kind": ["x"], "id": {"$ne": 1}},
        ],
    )
    def test_what_is_none_of_ones_own_does_not_exist(self, named: Any):
        given = self.give(UserFactory(), DatasetFactory())
        somebody = UserFactory()
        assert self.ask("PUT", "/me/", named, somebody).status_code == 404
        theirs = {"kind": "feedback", "id": given["id"]}
        assert self.ask("PUT", "/me/", theirs | {"fitness": "no"}, somebody).status_code == 404
        assert self.ask("DELETE", "/me/", {"items": [theirs]}, somebody).status_code == 404
        assert self.stored(given["id"])["fitness"] == "partly"


class ErasingTest(Case):
    def test_one_says_what_to_erase(self):
        author = UserFactory()
        self.give(author, DatasetFactory())
        for body in ({}, {"everything": "yes"}, {"items": []}, {"items": "x"}, {"items": ["x"]}):
            refused = self.ask("DELETE", "/me/", body, author)
            assert refused.status_code == 400, body
            assert "items" in refused.json["errors"]
        assert feedbacks().count_documents({}) == 1

    def test_nothing_is_erased_where_one_of_them_is_somebody_elses(self):
        author = UserFactory()
        mine = self.give(author, DatasetFactory())["id"]
        theirs = self.give(UserFactory(), DatasetFactory())["id"]
        items = [{"kind": "feedback", "id": mine}, {"kind": "feedback", "id": theirs}]
        assert self.ask("DELETE", "/me/", {"items": items}, author).status_code == 404
        assert feedbacks().count_documents({}) == 2

    def test_a_read_only_portal_erases_nothing(self, app: Any):
        author = UserFactory()
        self.give(author, DatasetFactory())
        app.config["READ_ONLY_MODE"] = True
        try:
            refused = self.ask("DELETE", "/me/", {"everything": True}, author)
        finally:
            app.config["READ_ONLY_MODE"] = False
        assert refused.status_code == 423

    def test_very_much_is_erased_in_several_times(self, monkeypatch: Any):
        from udata_culture_feedback.my_data import actions

        monkeypatch.setattr(actions, "MOST", 2)
        author = UserFactory()
        for _time in range(3):
            self.give(author, DatasetFactory())
        everything = {"everything": True}
        first = self.ask("DELETE", "/me/", everything, author).json
        assert first == {"erased": 2, "detached": 0, "left": 1}
        assert self.ask("DELETE", "/me/", everything, author).json["left"] == 0
        assert self.ask("DELETE", "/me/", everything, author).json["erased"] == 0


class ExportTest(Case):
    def test_all_of_it_is_in_the_file_and_nothing_of_anybody_else(self):
        author, dataset = UserFactory(), DatasetFactory()
        given = self.said(dataset, author, "Il manque des mois.")
        other = UserFactory(first_name="Zénobie")
        asked = self.asks(author, dataset=str(dataset.id))
        self.ask("POST", f"/requests/{asked['id']}/messages/", {"message": "Moi aussi"}, other)
        elsewhere = self.said(DatasetFactory(), other, "Un avis d'ailleurs")
        flag = {"reason": "spam", "message": "De la publicité"}
        self.ask("POST", f"/feedback/{elsewhere}/flag/", flag, author)
        response = self.ask("GET", "/me/export/", user=author)
        assert response.headers["Content-Type"] == "application/json"
        assert response.headers["Content-Disposition"].startswith("attachment; filename=")
        text = response.get_data(as_text=True)
        file = json.loads(text)
        assert file["feedback"][0]["id"] == given
        assert file["feedback"][0]["comment"] == "Il manque des mois."
        assert file["requests"][0]["title"] == "La fréquentation"
        assert file["flags"][0]["message"] == "De la publicité"
        for word in ("Moi aussi", "Zénobie", "Un avis d'ailleurs", str(other.id)):
            assert word not in text
        assert PRIVATE.findall(re.sub(r"\?token=\S+", "", text)) == []
        for moment in re.findall(r'"\w+_at": "([^"]+)"', text):
            assert datetime.fromisoformat(moment).tzinfo is not None

    def test_a_long_one_is_whole(self, monkeypatch: Any):
        from udata_culture_feedback.my_data import actions

        monkeypatch.setattr(actions, "BATCH", 2)
        author = UserFactory()
        ids = {self.give(author, DatasetFactory())["id"] for _time in range(5)}
        file = self.ask("GET", "/me/export/", user=author).json
        assert {one["id"] for one in file["feedback"]} == ids

    def test_words_are_not_in_that_of_a_browser(self):
        browser = self.browser()
        browser.gives(DatasetFactory(), comment="Très utile", name="Camille")
        headers = {"X-Culture-Feedback-Token": browser.token}
        text = self.ask("GET", "/me/export/", headers=headers).get_data(as_text=True)
        assert json.loads(text)["feedback"][0]["fitness"] == "partly"
        assert "Très utile" not in text
        assert "Camille" not in text


class LinkTest(Case):
    def test_the_answer_is_the_same_for_known_and_unknown_addresses(self):
        self.confirmed()
        UserFactory(email="known@example.org")
        with Mailbox() as mailbox:
            answers = [
                self.ask("POST", "/me/", {"email": email})
                for email in (EMAIL, "known@example.org", "nobody@example.org")
            ]
        assert len({(a.status_code, a.get_data()) for a in answers}) == 1
        assert [message.recipients for message in mailbox.messages] == [[EMAIL]]

    def test_the_same_is_done_for_known_and_unknown_addresses(self):
        self.confirmed()
        costs = []
        for email in (EMAIL, "nobody@example.org"):
            self.ask("POST", "/me/", {"email": "warm@example.org"})
            with counter.count() as commands, stopped():
                self.ask("POST", "/me/", {"email": email})
            costs.append(commands.copy())
        assert costs[0] == costs[1]

    def test_an_address_receives_three_mails_a_day_and_nobody_is_told(self):
        self.confirmed()
        with Mailbox() as mailbox:
            answers = [self.ask("POST", "/me/", {"email": email}) for email in [EMAIL] * 4]
        assert {answer.status_code for answer in answers} == {202}
        assert len(mailbox.messages) == 3

    @pytest.mark.parametrize("email", [None, "", "x", 3, ["a@example.org"], {"$ne": 1}])
    def test_an_address_has_to_be_one(self, email: Any):
        refused = self.ask("POST", "/me/", {"email": email})
        assert refused.status_code == 400
        assert list(refused.json["errors"]) == ["email"]

    def test_it_opens_once(self):
        self.confirmed()
        token = self.sent_link()
        assert self.ask("POST", "/me/", {"token": token}).status_code == 200
        assert self.ask("POST", "/me/", {"token": token}).status_code == 410
        page = self.visit("GET", f"{P}/pages/me/open?token={token}")
        assert page.status_code == 410

    def test_it_is_good_for_an_hour(self):
        self.confirmed()
        token = self.sent_link()
        with later(minutes=61):
            assert self.ask("POST", "/me/", {"token": token}).status_code == 410

    def test_a_visit_lasts_an_hour(self):
        self.confirmed()
        visit = self.visit_of()
        assert self.mine(headers=self.by_visit(visit))["feedback"]["total"] == 1
        with later(minutes=61):
            assert self.ask("GET", "/me/", headers=self.by_visit(visit)).status_code == 401

    def test_a_changed_link_or_one_for_something_else_is_refused(self):
        self.confirmed()
        token = self.sent_link()
        id = access_link.visits().find_one()["_id"]
        other = tokens.signer("confirm").dumps(str(id))
        for wrong in (token[:-2], token + "A", other, "", None, 3, "é", "A" * 3000, {"$ne": 1}):
            assert self.ask("POST", "/me/", {"token": wrong}).status_code == 400, wrong
        for wrong in ("", "x" * 70, "é"):
            headers = {"X-Culture-Feedback-Visit": wrong.encode().decode("latin-1")}
            assert self.ask("GET", "/me/", headers=headers).status_code == 401

    def test_nothing_in_the_database_opens_anything(self):
        self.confirmed()
        token = self.sent_link()
        assert token not in self.everything_stored()
        visit = self.ask("POST", "/me/", {"token": token}).json["visit"]
        stored = self.everything_stored()
        assert visit not in stored
        assert EMAIL not in stored
        assert contacts.contacts().count_documents({}) == 0

    def test_the_mail_is_a_link_and_none_of_the_words(self):
        self.confirmed(comment="Achetez mes montres", name="Montres SA")
        with Mailbox() as mailbox:
            self.ask("POST", "/me/", {"email": EMAIL})
        [message] = mailbox.messages
        assert "ontres" not in message.body + message.html
        assert "/pages/me/open?token=" in message.body

    def test_it_is_who_owns_the_address_whatever_its_spelling(self):
        self.confirmed()
        with Mailbox() as mailbox:
            self.ask("POST", "/me/", {"email": "Camille.Martin+moi@EXAMPLE.org"})
        assert len(mailbox.messages) == 1

    def test_nobody_gets_a_link_where_everybody_has_an_account(self, app: Any):
        app.config["CULTURE_FEEDBACK_EMAIL_HASH_KEY"] = None
        assert self.ask("POST", "/me/", {"email": EMAIL}).status_code == 401
        assert outbox().count_documents({}) == 0

    def test_one_sees_and_changes_what_one_said_though_nobody_may_say_more(self, app: Any):
        given = self.confirmed(comment="Utile")
        visit = self.by_visit(self.visit_of())
        app.config["CULTURE_FEEDBACK_WITHOUT_ACCOUNT"] = {"feedback": "off"}
        assert self.mine(headers=visit)["feedback"]["data"][0]["comment"] == "Utile"
        items = [{"kind": "feedback", "id": given["id"]}]
        assert self.ask("DELETE", "/me/", {"items": items}, headers=visit).status_code == 200


class PagesTest(Case):
    def page(
        self, path: str = "", client: Any = None, user: User | None = None, **more: Any
    ) -> Any:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        response = self.visit("GET", f"{P}/pages/me/{path}", client=client, headers=headers, **more)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        return response

    def post(self, path: str = "", client: Any = None, **form: Any) -> Any:
        return self.visit("POST", f"{P}/pages/me/{path}", client=client, data=form)

    def came_by_link(self) -> Any:
        client = self.app.test_client()
        opened = self.post("open", client=client, token=self.sent_link())
        assert opened.status_code == 303, opened.get_data(as_text=True)
        return client

    def test_opening_the_link_changes_nothing_and_its_button_sets_a_narrow_cookie(self):
        self.confirmed()
        token = self.sent_link()
        for _time in range(2):  # a mail scanner, then the person
            page = self.page(f"open?token={token}")
            assert page.status_code == 200
            assert "Set-Cookie" not in page.headers
        opened = self.post("open", token=token)
        assert opened.headers["Location"].endswith("/pages/me/")
        cookies = opened.headers.getlist("Set-Cookie")
        assert len(cookies) == 2
        assert {re.search(r"Path=([^;]+)", one)[1] for one in cookies} == {
            f"{P}/pages/me/",
            f"{P}/me/",
        }
        for one in cookies:
            assert one.startswith(f"{COOKIE}=")
            assert {"HttpOnly", "SameSite=Lax", "Max-Age=3600"} <= set(one.split("; "))
        secure = self.visit(
            "POST",
            f"{P}/pages/me/open",
            data={"token": self.sent_link()},
            base_url="https://localhost",
        )
        assert all("Secure" in one for one in secure.headers.getlist("Set-Cookie"))

    def test_one_sees_corrects_and_erases_by_the_link(self):
        given = self.confirmed(comment="Il manque des mois", name="Camille")
        client = self.came_by_link()
        page = parsed(self.page(client=client))
        assert "Il manque des mois" in page.get_text()
        correct = page.select_one("form[action*='/datasets/'] ")
        fields = {one["name"]: one["value"] for one in correct.select("input")}
        form = self.visit("POST", correct["action"], data=fields)
        assert parsed(form).select_one("#cf-comment").get_text(strip=True) == "Il manque des mois"
        erase = page.select_one("a[href*='erase?kind=feedback']")["href"]
        asked = parsed(self.visit("GET", erase, client=client))
        assert self.stored(given["id"])
        fields = {one["name"]: one["value"] for one in asked.select("form input")}
        done = self.post("erase", client=client, **fields)
        assert done.status_code == 303
        assert feedbacks().count_documents({}) == 0
        assert "Il manque des mois" not in self.page(client=client).get_data(as_text=True)

    def test_the_file_is_had_by_the_link(self):
        self.confirmed(comment="Il manque des mois")
        client = self.came_by_link()
        file = self.page("export", client=client)
        assert file.json["feedback"][0]["comment"] == "Il manque des mois"
        api = self.visit("GET", f"{P}/me/export/", client=client)
        assert api.json["feedback"] == file.json["feedback"]

    def test_another_site_cannot_send_these_forms(self):
        self.confirmed()
        client = self.came_by_link()
        for form in ({}, {"visit_guard": ""}, {"visit_guard": "x"}, {"visit_guard": "é"}):
            refused = self.post("erase", client=client, **form)
            assert refused.status_code == 403, form
        body = json.dumps({"everything": True})
        kind = "application/json"
        api = self.visit("DELETE", f"{P}/me/", client=client, data=body, content_type=kind)
        assert api.status_code == 403
        assert feedbacks().count_documents({}) == 1
        ours = {"X-Culture-Feedback": "1"}
        api = self.visit(
            "DELETE", f"{P}/me/", client=client, data=body, content_type=kind, headers=ours
        )
        assert api.status_code == 200

    def test_the_form_of_somebody_elses_visit_is_refused(self):
        self.confirmed()
        self.confirmed("other@example.org")
        client = self.came_by_link()
        with_guard = parsed(self.page("erase", client=client))
        guard = with_guard.select_one("[name=visit_guard]")["value"]
        other = self.app.test_client()
        self.post("open", client=other, token=self.sent_link("other@example.org"))
        assert self.post("erase", client=other, visit_guard=guard).status_code == 403

    def test_an_account_needs_the_token_of_its_session(self):
        author = UserFactory()
        self.give(author, DatasetFactory())
        client = self.logged_in(author)
        assert self.post("erase", client=client).status_code == 403
        page = parsed(self.page("erase", client=client))
        token = page.select_one("[name=csrf_token]")["value"]
        assert self.post("erase", client=client, csrf_token=token).status_code == 303
        assert feedbacks().count_documents({}) == 0

    def logged_in(self, user: User) -> Any:
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = user.fs_uniquifier
            session["_fresh"] = True
        return client

    def test_it_is_not_me_ends_the_visit(self):
        self.confirmed(comment="Il manque des mois")
        client = self.came_by_link()
        left = self.post("leave", client=client)
        assert left.status_code == 303
        assert all("Max-Age=0" in one for one in left.headers.getlist("Set-Cookie"))
        assert access_link.visits().count_documents({}) == 0
        assert "Il manque des mois" not in self.page(client=client).get_data(as_text=True)

    def test_the_form_answers_the_same_whatever_the_address(self):
        self.confirmed()
        answers = [self.post(email=email) for email in (EMAIL, "nobody@example.org")]
        assert [(a.status_code, a.headers["Location"]) for a in answers] == [
            (303, f"{P}/pages/me/?done=sent#cf-done")
        ] * 2
        wrong = self.post(email="x")
        assert wrong.status_code == 400
        assert parsed(wrong).select_one("#cf-errors a[href='#cf-email']")

    def test_a_request_is_corrected_in_a_form(self):
        author = UserFactory()
        asked = self.asks(author)
        client = self.logged_in(author)
        page = parsed(self.page(f"requests/{asked['id']}", client=client))
        form = {one["name"]: one.get("value", "") for one in page.select("form [name]")}
        form |= {"title": "Les entrées des musées", "description": "Par jour."}
        done = self.post(f"requests/{asked['id']}", client=client, **form)
        assert done.status_code == 303, done.get_data(as_text=True)
        stored = requests().find_one({"_id": ObjectId(asked["id"])})
        assert (stored["title"], stored["description"]) == ("Les entrées des musées", "Par jour.")
        wrong = self.post(f"requests/{asked['id']}", client=client, **form | {"title": ""})
        assert wrong.status_code == 400
        assert parsed(wrong).select_one("#cf-errors a[href='#cf-title-field']")
        other = self.logged_in(UserFactory())
        assert (
            self.visit("GET", f"{P}/pages/me/requests/{asked['id']}", client=other).status_code
            == 404
        )

    def test_one_contests_from_there(self):
        author = UserFactory()
        held = self.held(DatasetFactory(), author)
        self.decided(sysadmin(), held, "reject", "personal_data")
        page = parsed(self.page(user=author))
        [contest] = page.select("a[href*='/appeal']")
        assert self.visit("GET", contest["href"]).status_code == 200

    def test_of_words_sent_under_a_proof_nothing_is_shown_again(self):
        browser = Browser(self)
        given = browser.gives(DatasetFactory(), comment="Très utile", name="Camille")
        headers = {"X-Culture-Feedback-Token": browser.token}
        page = self.visit("GET", f"{P}/pages/me/?as=fragment", headers=headers)
        text = page.get_data(as_text=True)
        assert "Très utile" not in text
        assert "Camille" not in text
        assert f"id={given['id']}" in text

    def test_what_one_wrote_is_escaped(self):
        author = UserFactory()
        self.give(author, DatasetFactory(), comment="<script>alert(1)</script>")
        self.asks(author, title="<img src=x onerror=alert(1)>")
        page = self.page(user=author)
        assert "<script>alert" not in page.get_data(as_text=True)
        assert "<img" not in page.get_data(as_text=True)

    def test_a_fragment_is_the_content_alone(self):
        author = UserFactory()
        self.give(author, DatasetFactory(), comment="Utile")
        fragment = self.page("?as=fragment", user=author)
        assert fragment.headers["X-Culture-Feedback"] == "fragment"
        assert "<main" not in fragment.get_data(as_text=True)

    def test_every_page_leads_there(self):
        page = parsed(self.visit("GET", f"{P}/pages/requests/"))
        assert page.select_one(f"header a[href='{P}/pages/me/']")


def stopped() -> Any:
    from tests.feedback.background import stopped_workers

    return stopped_workers()


def parsed(response: Any) -> BeautifulSoup:
    return BeautifulSoup(response.get_data(as_text=True), "html.parser")
