"""With udata's own moderation: reports and deletions there, decisions here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from udata.core.discussions.models import Discussion
from udata.core.reports.models import Report
from udata.core.user.factories import UserFactory
from udata.features.notifications.models import Notification

from tests.cases import Producer, sysadmin
from udata_culture_feedback.data_requests import actions as requests
from udata_culture_feedback.moderation.models import journal

from .people import CLEAN, ModerationTestCase, moderator


class ReportTestCase(ModerationTestCase):
    def native(self, verb: str, path: str, body: Any = None, user: Any = None) -> Any:
        headers = {"X-API-KEY": self.key_of(user)} if user else {}
        response = self.visit(verb, f"/api/1{path}", headers=headers, json=body)
        assert response.status_code < 300, response.get_data(as_text=True)
        return response

    def report(self, discussion: Discussion, message: str | None = None, **fields: Any) -> Report:
        subject = {"class": "Discussion", "id": str(discussion.id)}
        body = {"subject": subject, "reason": "explicit_content"} | fields
        if message:
            body["subject_embed_id"] = message
        self.native("POST", "/reports/", body, UserFactory())
        return Report.objects.order_by("-id").first()


class FeedbackReportTest(ReportTestCase):
    def test_a_report_there_is_in_the_queue_here(self):
        id, who = self.said(Producer().dataset), moderator()
        self.report(Discussion.objects.get())
        [row] = self.queue(who)["data"]
        assert (row["id"], row["why"], row["visibility"]) == (id, ["report"], "public")

    def test_once_it_is_answered_there_it_leaves_the_queue(self):
        who = moderator()
        self.said(Producer().dataset)
        report = self.report(Discussion.objects.get())
        now = datetime.now(UTC).isoformat()
        self.native("PATCH", f"/reports/{report.id}/", {"dismissed_at": now}, sysadmin())
        assert self.waiting(who) == []

    def test_leaving_it_here_answers_the_report_there(self):
        id, who = self.said(Producer().dataset), moderator()
        report = self.report(Discussion.objects.get())
        self.decided(who, id, "publish")
        report.reload()
        assert report.dismissed_at
        assert report.dismissed_by == who
        assert self.waiting(who) == []

    def test_hiding_here_deletes_there_which_answers_the_report(self):
        id, who = self.said(Producer().dataset), moderator()
        report = self.report(Discussion.objects.get())
        self.decided(who, id, "hide", "explicit_content")
        report.reload()
        assert report.subject_deleted_at
        assert Discussion.objects.count() == 0
        assert self.waiting(who) == []

    def test_a_report_of_what_somebody_else_said_there_is_udatas(self):
        producer, who = Producer(), moderator()
        self.said(producer.dataset)
        discussion = Discussion.objects.get()
        self.native("POST", f"/discussions/{discussion.id}/", {"comment": "Non."}, producer.editor)
        discussion.reload()
        self.report(discussion, str(discussion.discussion[1].id))
        assert self.waiting(who) == []

    def test_a_report_of_anything_else_concerns_nobody_here(self):
        producer, who = Producer(), moderator()
        subject = {"class": "Dataset", "id": str(producer.dataset.id)}
        body = {"subject": subject, "reason": "spam"}
        self.native("POST", "/reports/", body, UserFactory())
        assert self.waiting(who) == []

    def test_a_deletion_there_hides_the_words_here_and_they_are_gone_from_both(self):
        author = UserFactory()
        id = self.said(Producer().dataset, author)
        discussion = Discussion.objects.get()
        self.native("DELETE", f"/discussions/{discussion.id}/", None, sysadmin())
        shown = self.ask("GET", f"/feedback/{id}/").json
        assert (shown["comment"], shown["hidden_reason"]) == (None, "removed")
        assert shown["hidden_at"]
        assert Discussion.objects.count() == 0

    @pytest.mark.options(SPAM_WORDS=["cialis"], SPAM_ALLOWED_LANGS=["fr"])
    @pytest.mark.parametrize(
        "comment",
        [
            "Un spécialiste du cirque manque dans la liste.",
            "Mankout a ra mirdioù Breizh e-barzh ar roll-mañ, ha re gozh eo ar roadennoù.",
        ],
    )
    def test_what_udata_alone_takes_for_spam_is_no_report(self, comment):
        producer = Producer()
        self.said(producer.dataset, comment=comment)
        [report] = Report.objects
        assert report.dismissed_at
        assert Notification.objects(user=producer.admin).count() == 1
        assert self.waiting(moderator()) == []

    @pytest.mark.options(SPAM_WORDS=["casino"])
    def test_words_of_spam_wait_here_and_once_published_are_announced_there(self):
        producer, who = Producer(), moderator()
        id = self.held(producer.dataset, comment="Un casino bien décrit.")
        assert Discussion.objects.count() == 0
        self.decided(who, id, "publish")
        assert Discussion.objects.count() == 1
        assert Notification.objects(user=producer.admin).count() == 1
        assert Report.objects.unhandled().count() == 0
        assert self.waiting(who) == []


class RequestReportTest(ReportTestCase):
    def test_a_request_and_a_message_about_it(self):
        producer, who, asker = Producer(), moderator(), UserFactory()
        body = {
            "title": "Sons",
            "description": "Tous",
            "kind": "new",
            "dataset": str(producer.dataset.id),
        }
        found = self.ask("POST", "/requests/", body, asker).json
        said = self.ask(
            "POST", f"/requests/{found['id']}/messages/", {"message": "Oui."}, UserFactory()
        ).json
        discussion = Discussion.objects.get()
        assert [m.content for m in discussion.discussion][1:] == ["Oui."]
        self.report(discussion)
        self.report(discussion, str(discussion.discussion[1].id))
        assert self.waiting(who) == [found["id"], said["id"]]
        self.decided(who, said["id"], "hide", "abuse")
        discussion.reload()
        assert "Oui." not in repr([m.content for m in discussion.discussion])
        shown = self.ask("GET", f"/requests/{found['id']}/messages/").json["data"]
        assert [(one["text"], one["hidden_reason"]) for one in shown] == [(None, "abuse")]
        self.decided(who, said["id"], "restore")
        discussion.reload()
        assert discussion.discussion[1].content == "Oui."
        self.decided(who, found["id"], "hide", "abuse")
        assert self.ask("GET", f"/requests/{found['id']}/").status_code == 404
        assert "Tous" not in repr([d.to_mongo() for d in Discussion.objects])

    def test_a_message_that_waits_answers_a_question_once_it_is_published(self):
        producer, who, asker = Producer(), moderator(), UserFactory()
        body = {
            "title": "Sons",
            "description": "Tous",
            "kind": "new",
            "dataset": str(producer.dataset.id),
        }
        found = self.ask("POST", "/requests/", body, asker).json
        path = f"/requests/{found['id']}/"
        question = {"to": "needs_clarification", "from": "submitted", "message": "Lesquels ?"}
        asked = self.ask("POST", f"{path}transitions/", question, producer.admin)
        assert asked.status_code == 200, asked.json
        held = {"message": "Voyez avec camille@example.org"}
        said = self.ask("POST", f"{path}messages/", held, asker).json
        assert self.ask("GET", path).json["status"] == "needs_clarification"
        assert self.ask("GET", f"{path}messages/").json["total"] == 0
        assert "camille" not in repr([d.to_mongo() for d in Discussion.objects])
        self.decided(who, said["id"], "publish")
        assert self.ask("GET", path).json["status"] == "acknowledged"
        shown = self.ask("GET", f"{path}messages/").json["data"]
        assert [one["text"] for one in shown] == [held["message"]]
        assert requests.find(found["id"])["history"][-1]["to"] == "acknowledged"
        assert journal().count_documents({}) == 1
        assert CLEAN not in repr(said)
