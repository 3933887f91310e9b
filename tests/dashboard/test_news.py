"""What producers hear: subscriptions, contact points, the digest of the week, what waits too
long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata.core.contact_point.models import ContactPoint
from udata.core.dataset.factories import DatasetFactory
from udata.core.dataset.models import Dataset
from udata.core.organization.factories import OrganizationFactory
from udata.core.organization.models import Member
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.models import Notification
from udata.features.notifications.settings import NotificationSetting
from udata.tests.helpers import capture_mails

from udata_culture_feedback.app import maintenance
from udata_culture_feedback.contributions.organization_settings import organization_settings
from udata_culture_feedback.dashboard import producer_alerts
from udata_culture_feedback.dashboard.subscriptions import subscriptions
from udata_culture_feedback.feedback.models import feedbacks

from ..cases import P, PluginTestCase, Producer, sysadmin

WORDS = "Il manque les musées d’outre-mer."


class NewsTestCase(PluginTestCase):
    def subscribe(self, user: User, of: Any, verb: str = "POST", expected: int = 200) -> Any:
        kind = "datasets" if isinstance(of, Dataset) else "organizations"
        response = self.ask(verb, f"/{kind}/{of.id}/subscription/", user=user)
        assert response.status_code == expected, response.get_data(as_text=True)
        return response.json

    def wish(self, producer: Producer, expected: int = 200, **settings: Any) -> Any:
        path = f"/organizations/{producer.organization.id}/settings/"
        response = self.ask("PUT", path, settings, producer.admin)
        assert response.status_code == expected, response.json
        return response.json

    def comment(self, producer: Producer, **answer: Any) -> Any:
        answer = {"comment": WORDS, "wants_answer": True} | answer
        return self.give(UserFactory(), producer.dataset, **answer)

    def request(self, producer: Producer, **fields: Any) -> Any:
        body = {
            "title": "La fréquentation des musées par mois",
            "description": "Pour comparer les saisons.",
            "kind": "new",
            "organization": str(producer.organization.id),
        } | fields
        response = self.ask("POST", "/requests/", body, UserFactory())
        assert response.status_code == 201, response.json
        return response.json

    def age(self, feedback: Any, days: float) -> None:
        moment = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
        feedbacks().update_one({"_id": ObjectId(feedback["id"])}, {"$set": {"created_at": moment}})

    def mails_to(self, address: str, mails: list[Any]) -> list[Any]:
        return [mail for mail in mails if mail.recipients == [address]]


class SubscriptionTest(NewsTestCase):
    def test_an_editor_who_subscribed_hears_of_comments_by_udata_once(self):
        producer = Producer()
        assert self.subscribe(producer.editor, producer.organization) == {"subscribed": True}
        with capture_mails() as mails:
            self.comment(producer)
        assert len(self.mails_to(producer.editor.email, mails)) == 1
        assert Notification.objects(user=producer.editor).count() == 1
        self.subscribe(producer.editor, producer.organization, "DELETE")
        with capture_mails() as mails:
            self.comment(producer)
        assert not self.mails_to(producer.editor.email, mails)

    def test_one_may_follow_a_single_dataset(self):
        producer = Producer()
        other = DatasetFactory(organization=producer.organization)
        self.subscribe(producer.editor, producer.dataset)
        with capture_mails() as mails:
            self.comment(producer)
            self.give(UserFactory(), other, comment=WORDS)
        assert len(self.mails_to(producer.editor.email, mails)) == 1

    def test_a_request_reaches_who_subscribed_and_administrators_have_one_mail(self):
        producer = Producer()
        for user in (producer.editor, producer.admin):
            self.subscribe(user, producer.organization)
        with capture_mails() as mails:
            self.request(producer)
        for user in (producer.editor, producer.admin):
            (mail,) = self.mails_to(user.email, mails)
            assert "La fréquentation des musées par mois" in mail.subject

    def test_a_request_that_udata_tells_of_is_told_once(self):
        producer = Producer()
        self.subscribe(producer.editor, producer.organization)
        with capture_mails() as mails:
            self.request(producer, dataset=str(producer.dataset.id), kind="enrichment")
        assert len(self.mails_to(producer.editor.email, mails)) == 1

    def test_each_role_may_or_may_not(self):
        producer = Producer()
        roles = {
            None: (401, 401),
            UserFactory(): (403, 403),
            Producer().admin: (403, 403),
            producer.partial_editor: (403, 403),
            producer.assigned: (403, 200),
            producer.editor: (200, 200),
            producer.admin: (200, 200),
            sysadmin(): (200, 200),
        }
        for user, (of_organization, of_dataset) in roles.items():
            self.subscribe(user, producer.organization, expected=of_organization)
            self.subscribe(user, producer.dataset, expected=of_dataset)
        missing = f"/organizations/{ObjectId()}/subscription/"
        assert self.ask("POST", missing, user=producer.admin).status_code == 404

    def test_who_is_no_member_any_more_may_still_leave_and_hears_no_request(self):
        producer = Producer()
        self.subscribe(producer.editor, producer.organization)
        organization = producer.organization
        organization.reload()
        organization.members = [m for m in organization.members if m.user != producer.editor]
        organization.save()
        self.subscribe(producer.editor, organization, "DELETE")
        assert subscriptions().count_documents({}) == 0
        assert NotificationSetting.objects(user=producer.editor, enabled=True).count() == 0

    def test_subscribing_twice_is_subscribing_once(self):
        producer = Producer()
        for _ in range(2):
            self.subscribe(producer.editor, producer.organization)
        assert subscriptions().count_documents({}) == 1
        assert self.subscribe(producer.editor, producer.organization, "GET")["subscribed"]

    def test_what_is_gone_leaves_no_subscription_behind(self):
        producer = Producer()
        self.subscribe(producer.editor, producer.organization)
        self.subscribe(producer.admin, producer.dataset)
        producer.dataset.delete()
        assert subscriptions().count_documents({}) == 1
        User.objects.get(id=producer.editor.id).mark_as_deleted(notify=False)
        assert subscriptions().count_documents({}) == 0


class ContactPointTest(NewsTestCase):
    def producer(self, **contact: Any) -> Producer:
        producer = Producer()
        point = ContactPoint(
            **{
                "name": "Musée de Cayenne",
                "email": "contact@musee.example",
                "role": "contact",
                "organization": producer.organization,
            }
            | contact
        ).save()
        producer.dataset.contact_points = [point]
        producer.dataset.save()
        return producer

    def test_the_contact_point_hears_of_comments_where_the_organization_wishes(self):
        producer = self.producer()
        with capture_mails() as mails:
            self.comment(producer)
        assert not self.mails_to("contact@musee.example", mails)
        self.wish(producer, notify_contact_point=True)
        with capture_mails() as mails:
            feedback = self.comment(producer)
            maintenance.maintain()
            path = f"/feedback/{feedback['id']}/treatment/"
            self.ask("PUT", path, {"status": "planned"}, producer.editor)
        (mail,) = self.mails_to("contact@musee.example", mails)
        assert WORDS in mail.body
        assert "unsubscribe" in mail.body

    def test_it_hears_of_requests_about_its_dataset(self):
        producer = self.producer()
        self.wish(producer, notify_contact_point=True)
        with capture_mails() as mails:
            self.request(producer, dataset=str(producer.dataset.id), kind="enrichment")
            self.request(producer, title="Autre chose encore")
        (mail,) = self.mails_to("contact@musee.example", mails)
        assert "La fréquentation des musées" in mail.subject

    def test_other_addresses_and_other_words_are_left_alone(self):
        producer = self.producer(role="publisher")
        self.wish(producer, notify_contact_point=True)
        with capture_mails() as mails:
            self.comment(producer)
        assert not self.mails_to("contact@musee.example", mails)
        producer = self.producer(email="autre@musee.example")
        self.wish(producer, notify_contact_point=True)
        with capture_mails() as mails:
            self.comment(producer, comment=None)
            self.give(producer.editor, producer.dataset, comment="Entre nous")
        assert not self.mails_to("autre@musee.example", mails)

    def test_it_can_leave_by_the_link_of_the_mail(self):
        producer = self.producer()
        self.wish(producer, notify_contact_point=True)
        with capture_mails() as mails:
            self.comment(producer)
        (mail,) = self.mails_to("contact@musee.example", mails)
        address = mail.extra_headers["List-Unsubscribe"].strip("<>")
        path = address[address.index("/api/1") :]
        one_click = {"List-Unsubscribe": "One-Click"}
        assert self.visit("POST", path, data=one_click).status_code == 200
        with capture_mails() as mails:
            self.comment(producer)
        assert not self.mails_to("contact@musee.example", mails)


class DigestTest(NewsTestCase):
    def test_a_week_goes_from_monday_to_monday_where_the_portal_is(self):
        # Sunday 29 March 2026, 23:30 in Paris: summer time has begun that morning.
        start, end = producer_alerts.week_before(datetime(2026, 3, 29, 21, 30))
        assert (start, end) == (datetime(2026, 3, 15, 23), datetime(2026, 3, 22, 23))
        start, end = producer_alerts.week_before(datetime(2026, 3, 29, 22, 30))
        assert (start, end) == (datetime(2026, 3, 22, 23), datetime(2026, 3, 29, 22))

    def test_what_is_new_and_what_waits_is_told_once_a_week(self):
        producer = Producer()
        self.subscribe(producer.editor, producer.organization)
        for user in (producer.admin, producer.editor):
            user.prefered_language = "en"
            user.save()
        self.age(self.comment(producer), 60)
        self.comment(producer)
        self.give(UserFactory(), producer.dataset)
        self.request(producer)
        later = datetime.now(UTC) + timedelta(days=7)
        with capture_mails() as mails, freeze_time(later):
            for _ in range(3):
                assert producer_alerts.tell_weekly() in (0, 2)
        for user in (producer.admin, producer.editor):
            (mail,) = self.mails_to(user.email, mails)
            assert producer.organization.name in mail.subject
            for line in (
                "2 opinions came in.",
                "1 with a comment.",
                "2 comments wait for your answer.",
                "1 request for data came in.",
            ):
                assert line in mail.body
            asked = "because you asked to be told about these data" in mail.body
            assert asked == (user == producer.editor)
        assert not self.mails_to(producer.assigned.email, mails)

    def test_who_owns_datasets_without_an_organization_hears_the_same(self):
        owner = UserFactory(prefered_language="en")
        dataset = DatasetFactory(owner=owner, organization=None)
        answer = {"comment": WORDS, "wants_answer": True}
        self.give(UserFactory(), dataset, **answer)
        with capture_mails() as mails, freeze_time(datetime.now(UTC) + timedelta(days=7)):
            assert [producer_alerts.tell_weekly(), producer_alerts.tell_weekly()] == [1, 0]
        (mail,) = self.mails_to(owner.email, mails)
        for line in ("1 opinion came in.", "1 comment waits for your answer."):
            assert line in mail.body
        assert "/pages/dashboard/me/" in mail.body

    def test_where_nothing_happens_nothing_is_said(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset)
        OrganizationFactory(admins=[UserFactory()])
        with capture_mails() as mails, freeze_time(datetime.now(UTC) + timedelta(days=30)):
            producer_alerts.tell_weekly()
        assert not mails

    def test_an_organization_may_do_without(self):
        producer = Producer()
        self.comment(producer)
        self.wish(producer, weekly_digest=False)
        with capture_mails() as mails, freeze_time(datetime.now(UTC) + timedelta(days=7)):
            producer_alerts.tell_weekly()
        assert not self.mails_to(producer.admin.email, mails)


class EscalationTest(NewsTestCase):
    def test_what_waits_too_long_is_pointed_out_once_to_administrators(self):
        producer = Producer(title="Musées")
        late, recent, answered = (self.comment(producer) for _ in range(3))
        for feedback in (late, answered):
            self.age(feedback, 31)
        path = f"/feedback/{answered['id']}/treatment/"
        self.ask("PUT", path, {"status": "planned"}, producer.editor)
        with capture_mails() as mails:
            assert [producer_alerts.escalate(), producer_alerts.escalate()] == [1, 0]
        (mail,) = self.mails_to(producer.admin.email, mails)
        assert f"dashboard/feedback/{late['id']}" in mail.body
        assert f"dashboard/feedback/{recent['id']}" not in mail.body
        assert f"dashboard/feedback/{answered['id']}" not in mail.body
        # It is written down where it happened.
        path = f"/feedback/{late['id']}/treatment/"
        file = self.ask("GET", path, user=producer.editor).json
        assert set(file["pointed_out"]) == {"admins"}
        page = self.ask("GET", f"/pages/dashboard/feedback/{late['id']}", user=producer.editor)
        assert page.status_code == 200

    @pytest.mark.options(CULTURE_FEEDBACK_ESCALATE_DESK_DAYS=60)
    def test_then_once_to_the_desk(self):
        producer, portal = Producer(), sysadmin()
        feedback = self.comment(producer)
        self.age(feedback, 61)
        with capture_mails() as mails:
            assert producer_alerts.escalate() == 2
            assert producer_alerts.escalate() == 0
        assert len(self.mails_to(producer.admin.email, mails)) == 1
        assert len(self.mails_to(portal.email, mails)) == 1
        assert set(self.stored(feedback["id"])["escalated"]) == {"admins", "desk"}

    def test_many_texts_of_one_day_are_one_mail(self):
        producer = Producer()
        for _ in range(25):
            self.age(self.comment(producer), 31)
        with capture_mails() as mails:
            assert producer_alerts.escalate() == 25
        (mail,) = self.mails_to(producer.admin.email, mails)
        assert mail.body.count("/pages/dashboard/feedback/") == 20

    def test_an_organization_chooses_the_days_and_may_do_without(self):
        producer = Producer()
        self.age(self.comment(producer), 10)
        assert producer_alerts.escalate() == 0
        assert self.wish(producer, escalate_after_days=9)["escalate_after_days"] == 9
        assert producer_alerts.escalate() == 1
        self.wish(producer, escalate_after_days=0)
        self.age(self.comment(producer), 400)
        assert producer_alerts.escalate() == 0

    @pytest.mark.options(CULTURE_FEEDBACK_ESCALATE_DAYS=None)
    def test_a_portal_may_do_without(self):
        producer = Producer()
        self.age(self.comment(producer), 400)
        assert producer_alerts.escalate() == 0

    def test_what_a_crash_left_unposted_is_posted_the_next_day(self):
        producer = Producer()
        feedback = self.comment(producer)
        self.age(feedback, 31)
        producer_alerts._claim(
            producer.organization.id, producer_alerts.ADMINS, 30
        )  # and then the process died
        with capture_mails() as mails, freeze_time(datetime.now(UTC) + timedelta(days=1)):
            assert producer_alerts.escalate() == 0
        assert len(self.mails_to(producer.admin.email, mails)) == 1

    def test_an_edit_of_the_author_does_not_have_it_pointed_out_again(self):
        producer, author = Producer(), UserFactory()
        feedback = self.give(author, producer.dataset, comment=WORDS, wants_answer=True)
        self.age(feedback, 31)
        assert producer_alerts.escalate() == 1
        body = {"comment": WORDS + " Et de Corse."}
        assert self.ask("PUT", f"/feedback/{feedback['id']}/", body, author).status_code == 200
        assert producer_alerts.escalate() == 0


class SettingsTest(NewsTestCase):
    def test_administrators_see_and_change_what_their_organization_wishes(self):
        producer = Producer()
        path = f"/organizations/{producer.organization.id}/settings/"
        assert self.ask("GET", path, user=producer.admin).json == {
            "notify_contact_point": False,
            "weekly_digest": True,
            "escalate_after_days": 30,
            "service_name": "",
            "service_address": "",
            "service_email": "",
            "service_phone": "",
        }
        service = {"service_name": "Accueil", "service_address": "1 rue\n35000 Rennes"}
        assert self.wish(producer, **service)["service_address"] == "1 rue\n35000 Rennes"
        for field, wrong in (
            ("service_email", "x"),
            ("service_phone", 3),
            ("service_name", "x" * 201),
        ):
            assert set(self.wish(producer, 400, **{field: wrong})["errors"]) == {field}
        assert self.wish(producer, notify_contact_point=True)["notify_contact_point"] is True
        for wrong in (-1, 366, "9", 1.5, True, None):
            refused = self.wish(producer, 400, escalate_after_days=wrong)
            assert "escalate_after_days" in refused["errors"]
        roles = {None: 401, UserFactory(): 403, producer.editor: 403, sysadmin(): 200}
        for user, expected in roles.items():
            assert self.ask("GET", path, user=user).status_code == expected
            assert self.ask("PUT", path, {}, user).status_code == expected

    def test_the_page_says_what_each_person_receives(self):
        producer = Producer()
        self.subscribe(producer.editor, producer.organization)
        other = UserFactory()
        producer.organization.members.append(Member(user=other, role="editor"))
        producer.organization.save()
        path = f"/pages/dashboard/organizations/{producer.organization.slug}/settings?lang=en"
        weekly, asked = "receive its weekly summary.", "You have not asked"

        def read(user):
            return self.ask("GET", path, user=user).get_data(as_text=True)

        page = read(producer.admin)
        assert "As an administrator of this organization you are told" in page
        assert weekly in page
        assert asked not in page
        assert 'value="start" class="cf-primary"' not in page
        page = read(producer.editor)
        assert "You are told about new comments and requests" in page
        assert weekly in page
        page = read(other)
        assert asked in page
        assert 'value="start" class="cf-primary"' in page
        self.wish(producer, weekly_digest=False)
        for user in (producer.admin, producer.editor):
            page = read(user)
            assert "told about new comments and requests" in page
            assert weekly not in page

    def test_the_page_saves_them_and_subscribes(self):
        producer = Producer()
        path = f"/pages/dashboard/organizations/{producer.organization.slug}/settings"
        self.comment(producer)
        for user, expected in (
            (None, 401),
            (UserFactory(), 403),
            (producer.assigned, 200),
            (producer.editor, 200),
            (producer.admin, 200),
        ):
            response = self.ask("GET", path, user=user)
            assert response.status_code == expected
            shown = 'name="escalate_after_days"' in response.get_data(as_text=True)
            assert shown == (user == producer.admin)
        sent = self.send(
            path,
            producer.admin,
            notify_contact_point="1",
            escalate_after_days="12",
            service_phone="02 99 00 00 00",
        )
        assert sent.status_code == 303
        stored = organization_settings().find_one({"_id": producer.organization.id}) or {}
        assert (stored["notify_contact_point"], stored["weekly_digest"]) == (True, False)
        assert stored["escalate_after_days"] == 12
        assert stored["service_phone"] == "02 99 00 00 00"
        refused = self.send(path, producer.admin, escalate_after_days="bientôt")
        assert refused.status_code == 400
        assert "bientôt" in refused.get_data(as_text=True)
        assert self.send(path, producer.editor, escalate_after_days="1").status_code == 403
        for dataset in ({}, {"dataset": str(producer.dataset.id)}):
            for wish, count in (("start", 1), ("stop", 0)):
                sent = self.send(path, producer.editor, subscription=wish, **dataset)
                assert sent.status_code == 303
                assert subscriptions().count_documents({}) == count

    def send(self, path: str, user: User, **form: Any) -> Any:
        headers = {"X-API-KEY": self.key_of(user), "X-Culture-Feedback": "1"}
        return self.visit("POST", P + path, headers=headers, data=form)
