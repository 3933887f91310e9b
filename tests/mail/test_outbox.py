"""Mails of ours: one for each event, in the reader's language, at their rhythm, never lost."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from bson import ObjectId
from freezegun import freeze_time
from udata import settings as udata_settings
from udata.core.user.factories import UserFactory
from udata.core.user.models import User
from udata.features.notifications.constants import MailCadence
from udata.mail import mail_sent
from udata.tests.helpers import capture_mails as mails

from tests.cases import PluginTestCase
from tests.processes import Workers
from udata_culture_feedback.mail import digest, mailing, outbox, unsubscribe
from udata_culture_feedback.mail.models import (
    LEASE,
    CultureFeedbackOutbox,
    Outcome,
    claim,
    new_entry,
)
from udata_culture_feedback.mail.models import insert as insert_entries
from udata_culture_feedback.mail.models import outbox as stored

from . import senders
from .smtp import ACCEPT, SmtpServer

LYON = {"town": "Lyon"}
SCOPE = "town:lyon"


def reader(**facts: Any) -> User:
    return UserFactory(first_name="Camille", **facts)


def post(to: User, event: str = "weather:1", builder: str = "test-weather", **params: Any) -> bool:
    return outbox.post(event, to.id, builder, params or LYON, SCOPE)


def entry_of(event: str, to: User) -> dict[str, Any]:
    found = stored().find_one({"_id": f"{event}:user:{to.id}"})
    assert found is not None
    return found


def put(to: User, event: str = "weather:1", **params: Any) -> dict[str, Any]:
    """Stores an event, and lets nobody send it yet."""
    entry = new_entry(f"{event}:user:{to.id}", to.id, "test-weather", params or LYON, SCOPE)
    assert insert_entries([entry]) == 1
    return entry


def later(delay: timedelta) -> Any:
    return freeze_time(datetime.now(UTC) + delay)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(senders.__name__, udata_settings.Testing.MONGODB_HOST_TEST) as workers:
        yield workers


class OneEventOneMailTest(PluginTestCase):
    def test_an_event_is_mailed_once_however_often_it_is_posted(self):
        camille = reader()
        with mails() as sent:
            assert post(camille)
            assert not post(camille)
            assert post(camille, "weather:2")
        assert [mail.recipients for mail in sent] == [[camille.email]] * 2
        assert len({mail.msgId for mail in sent}) == 2

    def test_twelve_who_post_the_same_at_once_send_one_mail(self):
        camille, start = reader(), Barrier(12)

        def one(_: int) -> bool:
            with self.app.app_context():
                start.wait()
                return post(camille)

        with mails() as sent, ThreadPoolExecutor(12) as threads:
            new = list(threads.map(one, range(12)))
        assert sorted(new) == [False] * 11 + [True]
        assert len(sent) == 1
        assert stored().count_documents({}) == 1

    def test_many_who_deliver_at_once_send_each_mail_once(self):
        for n in range(20):
            put(reader(), f"weather:{n}")
        start = Barrier(6)

        def one(_: int) -> int:
            with self.app.app_context():
                start.wait()
                return outbox.deliver_all()

        with mails() as sent, ThreadPoolExecutor(6) as threads:
            counts = list(threads.map(one, range(6)))
        assert sum(counts) == len(sent) == 20
        assert len({mail.recipients[0] for mail in sent}) == 20

    def test_telling_many_again_tells_only_the_new(self):
        people = [reader().id for _ in range(5)]
        unsubscribe.stop(unsubscribe.Way(people[0], SCOPE))
        unsubscribe.stop(unsubscribe.Way(people[1], "town:paris"))
        with mails() as sent:
            told = outbox.post_to_each("weather:1", iter(people[:4]), "test-weather", LYON, SCOPE)
            again = outbox.post_to_each("weather:1", iter(people), "test-weather", LYON, SCOPE)
        assert (told, again) == (3, 1)
        assert len(sent) == 4

    def test_who_is_told_is_read_by_batches(self):
        people = [ObjectId() for _ in range(unsubscribe.BATCH * 2 + 1)]
        for out in (people[3], people[-1]):
            unsubscribe.stop(unsubscribe.Way(out, "*"))
        seen = []
        rest = unsubscribe.subscribed((seen.append(id) or id for id in people), SCOPE)
        assert next(rest) == people[0]
        assert len(seen) == unsubscribe.BATCH
        assert [people[0], *rest] == [id for id in people if id not in (people[3], people[-1])]

    def test_only_plain_parameters_are_stored(self):
        camille = reader()
        with pytest.raises(TypeError, match="to of test-weather is a User"):
            outbox.post("weather:1", camille.id, "test-weather", {"to": camille})

    def test_what_is_stored_has_neither_address_nor_words(self):
        camille = reader()
        with mails():
            post(camille)
        entry = entry_of("weather:1", camille)
        assert camille.email not in str(entry)
        assert "params" not in entry
        assert "due_at" not in entry
        assert entry["outcome"] == Outcome.SENT
        assert entry["expires_at"] - entry["sent_at"] == timedelta(days=30)

    def test_mongodb_forgets_by_itself(self):
        indexes = stored().index_information()
        assert indexes["expires_at_1"]["expireAfterSeconds"] == 0
        assert CultureFeedbackOutbox._get_collection_name() == "culture_feedback_outbox"


class WordsTest(PluginTestCase):
    def test_a_mail_speaks_the_language_of_its_reader(self):
        french, english = reader(prefered_language="fr"), reader(prefered_language="en")
        other = reader(prefered_language="xx")
        with mails() as sent:
            for somebody in (french, english, other):
                post(somebody)
        subjects = [mail.subject for mail in sent]
        assert subjects == ["Avis sur Lyon", "Feedback on Lyon", "Avis sur Lyon"]
        assert "Bonjour Camille" in sent[0].body
        assert "Hi Camille" in sent[1].body
        assert "Accueil: https://weather.test/20" in sent[0].body
        assert '<a href="https://weather.test/20"' in sent[1].html

    def test_a_french_mail_has_the_spaces_of_french(self):
        with mails() as sent:
            for language in ("fr", "en"):
                post(reader(prefered_language=language), town="Lyon ?")
        assert [mail.subject[-3:] for mail in sent] == ["n\u00a0?", "n ?"]

    def test_sending_within_somebodys_request_leaves_its_language_alone(self):
        from flask import g
        from flask_babel import get_locale

        from udata_culture_feedback.web.languages import speaking

        english = reader(prefered_language="en")
        with self.app.test_request_context("/"), speaking("fr"), mails() as sent:
            post(english)
            assert g.lang_code == "fr"
            assert str(get_locale()) == "fr"
        assert sent[0].subject == "Feedback on Lyon"

    def test_a_mail_is_built_with_the_rights_of_its_reader(self):
        from udata.auth import current_user

        seen = []
        camille = reader()
        with mailing.speaking_to(camille):
            seen.append(current_user.id)
        assert seen == [camille.id]
        assert current_user.is_anonymous

    def test_what_people_typed_is_text_and_nothing_else(self):
        town = '<img src=x onerror="x">\nBcc: eve@evil.test'
        with mails() as sent:
            post(reader(prefered_language="en", last_name="<b>"), town=town)
        (mail,) = sent
        assert mail.subject == 'Feedback on <img src=x onerror="x"> Bcc: eve@evil.test'
        assert "<img" not in mail.html.replace('<img width="186"', "")
        assert "&lt;img src=x" in mail.html
        assert mail.html.count("&lt;img src=x") == 3  # title, paragraph, footer

    def test_what_no_longer_may_be_said_is_not(self):
        camille = reader()
        with mails() as sent:
            post(camille, town=senders.SECRET)
        assert sent == []
        entry = entry_of("weather:1", camille)
        assert (entry["outcome"], entry["why"]) == (Outcome.SKIPPED, "nothing to say")

    def test_two_mails_cannot_have_one_name(self):
        with pytest.raises(ValueError, match="test-weather"):
            mailing.mail("test-weather")(senders.weather)


class ReadersTest(PluginTestCase):
    @pytest.mark.parametrize(
        ("facts", "why"),
        [
            ({"deleted": datetime(2020, 1, 1)}, "no account"),
            ({"active": False}, "no account"),
            ({"notifications_paused": True}, "paused"),
        ],
    )
    def test_who_is_not_to_be_written_to_is_not(self, facts, why):
        somebody = reader(**facts)
        with mails() as sent:
            post(somebody)
        assert sent == []
        entry = entry_of("weather:1", somebody)
        assert (entry["outcome"], entry["why"]) == (Outcome.SKIPPED, why)

    def test_an_account_that_is_gone_gets_nothing(self):
        somebody = reader()
        put(somebody)
        User._get_collection().delete_one({"_id": somebody.id})
        assert outbox.deliver_due() == {"skipped": 1}

    def test_who_changed_address_meanwhile_is_written_to_there(self):
        camille = reader()
        put(camille)
        User._get_collection().update_one({"_id": camille.id}, {"$set": {"email": "c@new.test"}})
        with mails() as sent:
            outbox.deliver_all()
        assert sent[0].recipients == ["c@new.test"]

    def test_who_refused_the_subject_gets_nothing_of_it(self):
        camille = reader()
        unsubscribe.stop(unsubscribe.Way(camille.id, SCOPE))
        with mails() as sent:
            post(camille)
            outbox.post("weather:1", camille.id, "test-storm", LYON, "town:paris")
            outbox.post("storm:1", camille.id, "test-storm", LYON, "town:paris")
        assert len(sent) == 1

    def test_a_receipt_reaches_whoever_asked_for_it_and_has_no_way_out(self):
        camille = reader(notifications_paused=True, mail_cadence=MailCadence.WEEKLY)
        unsubscribe.stop(unsubscribe.Way(camille.id, "*"))
        with mails() as sent:
            post(camille, builder="test-receipt")
        (mail,) = sent
        assert mail.extra_headers == {"Auto-Submitted": "auto-generated"}
        assert "unsubscribe" not in mail.body

    def test_who_has_left_leaves_nothing_behind(self):
        camille = reader()
        unsubscribe.stop(unsubscribe.Way(camille.id, SCOPE))
        put(camille)
        outbox.forget(camille.id)
        assert stored().count_documents({}) == 0
        assert unsubscribe.unsubscribed().count_documents({}) == 0


class DigestTest(PluginTestCase):
    """Fridays in Lyon; the day turns at 23:00 UTC in winter, at 22:00 in summer."""

    def at(self, moment: str) -> list[Any]:
        """What leaves at a moment."""
        with freeze_time(moment), mails() as sent:
            outbox.deliver_due()
        return sent

    def test_a_daily_reader_gets_one_mail_a_day(self):
        camille = reader(mail_cadence=MailCadence.DAILY, prefered_language="en")
        other = reader(mail_cadence=MailCadence.DAILY)
        with freeze_time("2030-02-01 09:00"), mails() as sent:
            post(camille, "weather:1", town="Lyon", degrees=1)
            post(camille, "weather:2", town="Lyon", degrees=2)
            outbox.post("weather:3", camille.id, "test-weather", {"town": "Nice"}, "town:nice")
            outbox.post("w:4", camille.id, "test-weather", {"town": senders.SECRET}, "town:x")
            post(other)
        assert sent == []
        assert self.at("2030-02-01 22:59:59") == []
        both = self.at("2030-02-01 23:00:00")
        assert {mail.recipients[0] for mail in both} == {camille.email, other.email}
        (mail,) = (mail for mail in both if mail.recipients == [camille.email])
        assert mail.subject == "3 pieces of news of what you follow"
        lines = [line for line in mail.body.splitlines() if line.strip()]
        start = lines.index("Here is what has happened to what you follow.")
        assert lines[start + 1 : start + 6] == [
            "Feedback on Lyon",
            "Feedback on Lyon",
            "Home: https://weather.test/2",  # the latest of each subject
            "Feedback on Nice",
            "Home: https://weather.test/20",
        ]
        assert "List-Unsubscribe" in mail.extra_headers
        assert self.at("2030-02-02 00:30") == self.at("2030-02-03 23:30") == []
        outcomes = {entry["_id"][:9]: entry["outcome"] for entry in stored().find()}
        assert outcomes["weather:1"] == outcomes["weather:3"] == Outcome.SENT
        assert stored().count_documents({"why": "nothing to say"}) == 1

    def test_a_weekly_reader_gets_one_mail_on_monday(self):
        camille = reader(mail_cadence=MailCadence.WEEKLY)
        with freeze_time("2030-07-05 09:00"), mails() as sent:
            post(camille, "weather:1")
        with freeze_time("2030-07-07 21:59"), mails() as sent:
            post(camille, "weather:2")
            outbox.deliver_due()
        assert sent == []
        (mail,) = self.at("2030-07-07 22:00")
        assert mail.body.count("Avis sur Lyon") == 2
        with freeze_time("2030-07-07 22:01"), mails() as sent:
            post(camille, "weather:3")
        assert sent == []
        assert self.at("2030-07-14 21:59") == []
        assert len(self.at("2030-07-14 22:01")) == 1

    @pytest.mark.options(CULTURE_FEEDBACK_MAILS_AT_ONCE=3)
    def test_beyond_three_mails_in_a_quarter_of_an_hour_the_rest_is_one(self):
        camille, other = reader(prefered_language="en"), reader()
        with freeze_time("2030-02-01 09:00"), mails() as sent:
            for number in range(58):
                outbox.post(f"w:{number}", camille.id, "test-weather", LYON, f"town:{number}")
            post(other)
        to = [mail.recipients[0] for mail in sent]
        assert (to.count(camille.email), to.count(other.email)) == (3, 1)
        assert self.at("2030-02-01 09:14:59") == []
        (digest,) = self.at("2030-02-01 09:15:00")
        assert digest.subject == "55 pieces of news of what you follow"
        assert "within a few minutes" in digest.body
        assert "as you chose" not in digest.body
        assert self.at("2030-02-01 10:30") == []
        # The digest is one mail of the next quarter of an hour.
        with freeze_time("2030-02-01 09:16"), mails() as sent:
            for number in range(58, 62):
                outbox.post(f"w:{number}", camille.id, "test-weather", LYON, f"town:{number}")
        assert len(sent) == 2
        assert len(self.at("2030-02-01 09:30")) == 1

    @pytest.mark.options(CULTURE_FEEDBACK_MAILS_AT_ONCE=3)
    def test_what_is_urgent_does_not_wait_for_the_end_of_a_burst(self):
        camille = reader()
        with freeze_time("2030-02-01 09:00"), mails() as sent:
            for number in range(5):
                post(camille, f"weather:{number}")
            post(camille, "storm:1", builder="test-storm")
        assert len(sent) == 4

    def test_what_cannot_wait_does_not(self):
        camille = reader(mail_cadence=MailCadence.WEEKLY)
        with mails() as sent:
            post(camille, builder="test-storm")
        assert len(sent) == 1

    @pytest.mark.parametrize("cadence", [MailCadence.DAILY, MailCadence.IMMEDIATE])
    def test_who_no_longer_wants_to_wait_a_week_waits_until_tomorrow(self, cadence):
        camille = reader(mail_cadence=MailCadence.WEEKLY)
        with freeze_time("2030-02-01 09:00"):
            post(camille)
        User._get_collection().update_one({"_id": camille.id}, {"$set": {"mail_cadence": cadence}})
        assert len(self.at("2030-02-01 23:30")) == 1

    def test_who_pauses_or_refuses_meanwhile_gets_no_digest(self):
        paused, refusing = (reader(mail_cadence=MailCadence.DAILY) for _ in range(2))
        with freeze_time("2030-02-01 09:00"):
            post(paused)
            post(refusing)
        User._get_collection().update_one(
            {"_id": paused.id}, {"$set": {"notifications_paused": True}}
        )
        unsubscribe.stop(unsubscribe.Way(refusing.id, SCOPE))
        assert self.at("2030-02-01 23:30") == []
        assert entry_of("weather:1", paused)["why"] == "paused"
        assert entry_of("weather:1", refusing)["why"] == "nothing to say"
        assert stored().count_documents({"due_at": {"$exists": True}}) == 0

    def test_one_that_fails_does_not_keep_the_others_and_leaves_on_its_own(self):
        camille = reader(mail_cadence=MailCadence.DAILY)
        with freeze_time("2030-02-01 09:00"):
            post(camille, "weather:1")
            post(camille, "weather:2", town="Broken")
        (mail,) = self.at("2030-02-01 23:30")
        assert "Broken" not in mail.body
        stored().update_one(
            {"_id": f"weather:2:user:{camille.id}"}, {"$set": {"params": {"town": "Mended"}}}
        )
        (mail,) = self.at("2030-02-02 00:30")
        assert mail.subject == "Avis sur Mended"

    def test_many_subjects_are_spelled_out_and_the_rest_counted(self):
        camille = reader(mail_cadence=MailCadence.DAILY, prefered_language="en")
        with freeze_time("2030-02-01 09:00"):
            for n in range(digest.SPELLED_OUT + 2):
                put(camille, f"weather:{n}", town=f"Town {n}")
                stored().update_one(
                    {"_id": f"weather:{n}:user:{camille.id}"}, {"$set": {"scope": f"town:{n}"}}
                )
            outbox.deliver_due()
        (mail,) = self.at("2030-02-01 23:30")
        assert mail.body.count("Feedback on Town") == digest.SPELLED_OUT
        assert "And 2 more." in mail.body
        assert self.at("2030-02-02 23:30") == []

    def test_two_who_deliver_at_the_turn_send_one_digest(self):
        camille = reader(mail_cadence=MailCadence.DAILY)
        with freeze_time("2030-02-01 09:00"):
            for n in range(8):
                post(camille, f"weather:{n}")
        start = Barrier(4)

        def one(_: int) -> None:
            with self.app.app_context():
                start.wait()
                outbox.deliver_due()

        with freeze_time("2030-02-02 00:10"), mails() as sent, ThreadPoolExecutor(4) as threads:
            list(threads.map(one, range(4)))
        assert len(sent) == 1
        assert stored().count_documents({"outcome": Outcome.SENT}) == 9

    def test_a_digest_that_leaves_takes_what_somebody_else_has_just_claimed(self):
        camille = reader(mail_cadence=MailCadence.DAILY)
        with freeze_time("2030-02-01 09:00"):
            post(camille, "weather:1")
        with freeze_time("2030-02-02 00:10"), mails() as sent:
            (waiting,) = [entry["_id"] for entry in stored().find({"digest": {"$exists": True}})]
            stored().update_one({"_id": waiting}, {"$set": {"due_at": datetime(2030, 1, 1)}})
            claimed = claim()
            assert claimed["_id"] == waiting
            outbox.deliver_due()
            outbox._deliver(claimed)
        assert len(sent) == 1
        assert stored().count_documents({"outcome": Outcome.SENT}) == 2

    def test_the_zone_of_the_portal_says_when_a_day_turns(self):
        turn = digest.next_turn
        friday = datetime(2030, 3, 29, 9)
        assert turn(friday, MailCadence.DAILY) == datetime(2030, 3, 29, 23)
        assert turn(friday, MailCadence.WEEKLY) == datetime(2030, 3, 31, 22)  # summer time
        assert turn(datetime(2030, 3, 29, 23), MailCadence.DAILY) == datetime(2030, 3, 30, 23)
        self.app.config["CULTURE_FEEDBACK_TIMEZONE"] = "Pacific/Noumea"
        assert turn(friday, MailCadence.DAILY) == datetime(2030, 3, 29, 13)


class SmtpTest(PluginTestCase):
    """Through a real SMTP server."""

    def test_headers_arrive_as_they_are(self):
        camille = reader(prefered_language="en")
        with SmtpServer() as server:
            senders.by_smtp(self.app, server.port)
            post(camille)
        (mail,) = server.accepted
        address = unsubscribe.address(camille.id, SCOPE)
        assert re.fullmatch(
            r"http://local\.test/api/1/culture-feedback/unsubscribe/\?token=[\w.-]{60,200}", address
        )
        head = server.raw[0].partition(b"\r\n\r\n")[0].decode("ascii")
        lines = head.split("\r\n")
        assert f"List-Unsubscribe: <{address}>" in lines
        assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
        assert "Auto-Submitted: auto-generated" in lines
        assert f"To: {camille.email}" in lines
        assert "Subject: Feedback on Lyon" in lines
        assert "From: webmaster@udata" in lines
        (message_id,) = (line for line in lines if line.startswith("Message-ID:"))
        assert re.fullmatch(r"Message-ID: <culture-feedback\.[0-9a-f]{32}@udata>", message_id)
        assert camille.email not in head.replace(f"To: {camille.email}", "")
        assert str(camille.id) not in head
        kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
        assert kinds == ["text/plain", "text/html"]

    def test_accents_and_long_paragraphs_arrive_whole(self):
        town = "Là-bas " + "é" * 3000
        with SmtpServer() as server:
            senders.by_smtp(self.app, server.port)
            post(reader(), town=town)
        (mail,) = server.accepted
        assert all(len(line) < 998 for line in server.raw[0].split(b"\r\n"))
        assert server.raw[0].isascii()
        assert mail["Subject"].startswith("Avis sur Là-bas é")
        for kind in "plain", "html":
            body = mail.get_body((kind,))
            assert body is not None
            assert town in body.get_content()

    def test_the_way_out_is_in_the_text_and_in_the_page(self):
        self.app.config["CDATA_BASE_URL"] = "https://portal.test"
        camille = reader(prefered_language="en")
        with mails() as sent:
            post(camille)
        address = unsubscribe.address(camille.id, SCOPE)
        assert f"Stop receiving these messages: {address}" in sent[0].body
        assert f'<a href="{address}"' in sent[0].html
        assert "https://portal.test/admin/me/notifications" in sent[0].body
        assert "because you follow Lyon" in sent[0].body

    def test_a_mail_that_is_refused_is_sent_again_and_the_others_leave(self, caplog):
        camille, other = reader(), reader()

        def answer(mail: EmailMessage) -> str:
            refused = mail["To"] == camille.email and len(server.refused) < 2
            return f"451 not now, {camille.email}" if refused else ACCEPT

        with SmtpServer(answer) as server:
            senders.by_smtp(self.app, server.port)
            post(camille)
            post(other)
            assert [mail["To"] for mail in server.accepted] == [other.email]
            entry = entry_of("weather:1", camille)
            assert entry["last_error"] == "SMTPDataError"
            assert outbox.deliver_due() == {}
            with later(timedelta(minutes=5, seconds=1)):
                assert outbox.deliver_due() == {"delayed": 1}
                with later(timedelta(minutes=14)):
                    assert outbox.deliver_due() == {}
                with later(timedelta(minutes=15, seconds=1)):
                    assert outbox.deliver_due() == {"sent": 1}
        ids = {mail["Message-ID"] for mail in server.refused + server.accepted[1:]}
        assert len(ids) == 1
        assert camille.email not in caplog.text
        assert "SMTPDataError" in caplog.text

    def test_a_mail_that_is_refused_for_days_fails_and_can_be_sent_again(self):
        camille = reader()
        put(camille)
        with SmtpServer(lambda mail: "550 never") as server:
            senders.by_smtp(self.app, server.port)
            moments, ended = [], []
            while waiting := stored().find_one({"due_at": {"$exists": True}}):
                moments.append(waiting["due_at"])
                with freeze_time(waiting["due_at"]):
                    ended.append(dict(outbox.deliver_due()))
            assert ended == [{"delayed": 1}] * len(outbox.DELAYS) + [{"failed": 1}]
            assert timedelta(days=4) < moments[-1] - moments[0] < timedelta(days=5)
            entry = entry_of("weather:1", camille)
            assert (entry["outcome"], entry["params"]) == (Outcome.FAILED, LYON)
            server.answer = lambda mail: ACCEPT
            assert outbox.requeue_failed() == 1
            assert len(server.accepted) == 1
        assert server.accepted[0]["Message-ID"] == server.refused[0]["Message-ID"]

    def test_a_server_that_is_down_is_tried_once_and_loses_nothing(self):
        with SmtpServer() as server:
            port = server.port
        senders.by_smtp(self.app, port)
        people = [reader() for _ in range(3)]
        for somebody in people:
            put(somebody)
        assert outbox.deliver_due() == {"delayed": 1}
        assert stored().count_documents({"attempts": 0}) == 2
        assert stored().find_one({"attempts": 1})["last_error"] == "ConnectionRefusedError"
        with SmtpServer() as server, later(timedelta(minutes=6)):
            senders.by_smtp(self.app, server.port)
            assert outbox.deliver_all() == 3

    def test_a_server_that_hangs_up_after_accepting_has_accepted(self):
        with SmtpServer() as server:
            server.hangs_up = True
            senders.by_smtp(self.app, server.port)
            post(reader())
            with later(timedelta(days=1)):
                assert outbox.deliver_due() == {}
        assert len(server.accepted) == 1

    def test_a_mail_whose_builder_fails_says_where_and_nothing_of_whom(self, caplog):
        camille, other = reader(), reader()
        put(camille, town="Broken")
        put(other)
        with mails() as sent:
            assert outbox.deliver_due() == {"delayed": 1, "sent": 1}
        assert [mail.recipients for mail in sent] == [[other.email]]
        assert "senders.py" in caplog.text
        assert "ValueError" in caplog.text
        assert camille.email not in caplog.text

    def test_a_mail_of_a_newer_version_waits_for_it(self):
        outbox.post("weather:1", reader().id, "test-of-tomorrow", {})
        assert stored().find_one()["last_error"] == "KeyError"

    def test_nothing_is_logged_of_mails_that_leave(self, caplog):
        caplog.set_level(logging.DEBUG)
        camille = reader()
        with SmtpServer() as server:
            senders.by_smtp(self.app, server.port)
            post(camille)
        assert len(server.accepted) == 1
        ours = [r.getMessage() for r in caplog.records if "culture" in r.name]
        assert not any(camille.email in text for text in ours)


class CrashTest(PluginTestCase):
    def test_whatever_fails_after_sending_repeats_the_same_mail(self):
        camille = reader()
        put(camille)
        failing = [True]

        def crash(mail: Any) -> None:
            if failing:
                failing.clear()
                raise MemoryError

        with mail_sent.connected_to(crash), mails() as sent:
            outbox.deliver_due()
            with later(timedelta(hours=1)):
                outbox.deliver_due()
                outbox.deliver_due()
        assert len({mail.msgId for mail in sent}) == 1
        assert len(sent) <= 2
        assert entry_of("weather:1", camille)["outcome"] == Outcome.SENT

    @pytest.mark.parametrize("moment", ["started", "succeeded"])
    @pytest.mark.parametrize("cadence", [MailCadence.IMMEDIATE, MailCadence.DAILY])
    def test_who_is_killed_at_any_command_loses_nothing(self, workers, moment, cadence):
        """Every time, two mails wait; a process dies while it sends them; another one comes after
        the lease."""
        people = [reader(mail_cadence=cadence) for _ in range(2)]
        with SmtpServer() as server:
            for n in count(1):
                stored().delete_many({})
                server.accepted.clear()
                for somebody in people:
                    put(somebody)
                if cadence is MailCadence.DAILY:
                    outbox.deliver_due()  # they wait for the day to turn
                    stored().update_many({}, {"$set": {"due_at": datetime(2020, 1, 1)}})
                    stored().update_many(
                        {"builder": "test-weather"}, {"$set": {"due_at": datetime(2090, 1, 1)}}
                    )
                died = workers.dies("deliver", n, moment, port=server.port)
                self._somebody_else_delivers(server)
                ids = [mail["Message-ID"] for mail in server.accepted]
                assert len(set(ids)) == 2
                assert len(ids) <= 3
                assert {mail["To"] for mail in server.accepted} == {p.email for p in people}
                assert stored().count_documents({"due_at": {"$exists": True}}) == 0
                if not died:
                    assert n > 8  # it was killed at each of these
                    assert len(ids) == 2
                    break

    def test_who_is_killed_while_telling_many_can_start_again(self, workers):
        people = [reader() for _ in range(2)]
        told = [str(somebody.id) for somebody in people]
        with SmtpServer() as server:
            for n in count(1):
                stored().delete_many({})
                server.accepted.clear()
                died = workers.dies("post", n, port=server.port, people=told)
                senders.post(self.app, server.port, told)
                self._somebody_else_delivers(server)
                assert {mail["To"] for mail in server.accepted} == {p.email for p in people}
                assert len({mail["Message-ID"] for mail in server.accepted}) == 2
                assert len(server.accepted) <= 3
                if not died:
                    break

    def _somebody_else_delivers(self, server: SmtpServer) -> None:
        senders.by_smtp(self.app, server.port)
        with later(LEASE + timedelta(seconds=1)):
            outbox.deliver_due()

    def test_a_mail_that_kills_whoever_sends_it_is_given_up(self):
        camille = reader()
        put(camille)
        stored().update_one({}, {"$set": {"attempts": len(outbox.DELAYS) + 1}})
        assert outbox.deliver_due() == {"failed": 1}
        assert entry_of("weather:1", camille)["why"] == "interrupted"
