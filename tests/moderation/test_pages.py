"""The pages: the queue without JavaScript, reporting, the team, charter, transparency, warnings."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pymongo.monitoring
import pytest
from bs4 import BeautifulSoup
from freezegun import freeze_time
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory
from udata.core.user.factories import UserFactory

from tests.cases import CommandCounter, P, Producer, sysadmin
from udata_culture_feedback.moderation.models import past_months
from udata_culture_feedback.people import roles
from udata_culture_feedback.portal.collections import now

from .people import CLEAN, HELD, ModerationTestCase, moderator

PAGE = f"{P}/pages/moderation/"

# Clients listen to what is registered when they are made, which is after tests are collected.
COUNTER = CommandCounter()
pymongo.monitoring.register(COUNTER)


class PageTestCase(ModerationTestCase):
    def get(self, path: str, who: Any = None) -> Any:
        headers = {"X-API-KEY": self.key_of(who)} if who else {}
        return self.visit("GET", path, headers=headers)

    def post(self, path: str, who: Any, **form: Any) -> Any:
        headers = {"X-API-KEY": self.key_of(who)}
        return self.visit("POST", path, headers=headers, data=form)

    def text(self, path: str, who: Any = None) -> str:
        response = self.get(path, who)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_data(as_text=True)

    def shown(self, page: str) -> list[str]:
        """What the form sends back of each row."""
        return re.findall(r'name="shown" value="([^"]+)"', page)


class QueuePageTest(PageTestCase):
    def test_a_row_is_published_by_one_button(self):
        who, id = moderator(), self.held(DatasetFactory())
        page = self.text(PAGE, who)
        assert f'value="publish:{id}"' in page
        answer = self.post(PAGE, who, shown=self.shown(page), one=f"publish:{id}")
        assert answer.status_code == 303
        assert "done=publish.1" in answer.headers["Location"]
        assert self.stored(id)["visibility"] == "public"

    def test_spam_is_one_button_too(self):
        who, id = moderator(), self.held(DatasetFactory())
        shown = self.shown(self.text(PAGE, who))
        self.post(PAGE, who, shown=shown, one=f"reject:spam:{id}")
        assert self.stored(id)["hidden_reason"] == "spam"

    def test_another_reason_is_chosen_in_the_row(self):
        who, id = moderator(), self.held(DatasetFactory())
        page = self.text(PAGE, who)
        assert f'value="reject:off_topic:{id}"' in page
        self.post(PAGE, who, shown=self.shown(page), one=f"reject:off_topic:{id}")
        assert self.stored(id)["hidden_reason"] == "off_topic"

    def test_what_the_checks_found_is_blacked_out_by_its_box(self):
        who, id = moderator(), self.held(DatasetFactory())
        page = self.text(PAGE, who)
        assert "<mark>camille.martin@example.org" in page
        form = {
            "one": f"redact:{id}",
            f"found:{id}": "camille.martin@example.org",
            f"strings:{id}": "je vous dirai\n\nx",
        }
        self.post(PAGE, who, shown=self.shown(page), **form)
        comment = self.stored(id)["comment"]
        assert "camille" not in comment
        assert "je vous dirai" not in comment

    def test_some_are_checked_and_refused_whether_they_wait_or_not(self):
        who = moderator()
        waits, public, other = (
            self.held(DatasetFactory()),
            self.said(DatasetFactory()),
            self.held(DatasetFactory()),
        )
        self.ask("POST", f"/feedback/{public}/flag/", {"reason": "abuse"}, UserFactory())
        page = self.text(PAGE, who)
        self.post(
            PAGE,
            who,
            shown=self.shown(page),
            scope="checked",
            items=[waits, public],
            decision="refuse",
            reason="abuse",
        )
        assert [self.stored(id)["visibility"] for id in (waits, public, other)] == [
            "hidden",
            "hidden",
            "pending",
        ]
        assert [self.lines(id)[0]["decision"] for id in (waits, public)] == ["reject", "hide"]
        [batch] = {self.lines(id)[0]["batch"] for id in (waits, public)}
        undone = self.post(f"{PAGE}undo", who, batch=str(batch))
        assert undone.status_code == 303
        assert set(self.waiting(who)) == {waits, public, other}

    def test_all_of_the_page_without_a_single_box(self):
        who = moderator()
        ids = [self.held(DatasetFactory()) for _ in range(3)]
        page = self.text(PAGE, who)
        self.post(PAGE, who, shown=self.shown(page), scope="all", decision="refuse", reason="spam")
        assert {self.stored(id)["hidden_reason"] for id in ids} == {"spam"}
        assert self.text(PAGE, who).count('name="batch"') == 1

    def test_what_its_author_has_changed_meanwhile_is_left_and_said(self):
        who, author = moderator(), UserFactory()
        id = self.held(DatasetFactory(), author)
        page = self.text(PAGE, who)
        self.ask("PUT", f"/feedback/{id}/", {"comment": "06 12 34 56 78"}, author)
        answer = self.post(PAGE, who, shown=self.shown(page), one=f"publish:{id}")
        assert answer.status_code == 200
        assert 'id="cf-refused"' in answer.get_data(as_text=True)
        assert self.stored(id)["visibility"] == "pending"

    def test_what_somebody_else_has_decided_meanwhile_says_so_where_it_stood(self):
        one, other = moderator(), moderator()
        ids = [self.held(DatasetFactory()) for _n in range(4)]
        shown = self.shown(self.text(PAGE, one))
        self.decided(other, ids[1], "reject", "abuse")
        form = {"shown": shown, "scope": "checked", "items": ids[:2], "decision": "publish"}
        answer = self.post(f"{PAGE}?lang=en", one, **form)
        assert answer.status_code == 200
        assert self.stored(ids[0])["visibility"] == "public"
        assert self.stored(ids[1])["hidden_reason"] == "abuse"
        page = BeautifulSoup(answer.text, "html.parser")
        rows = [row["id"] for row in page.select(".cf-queue > li")]
        assert rows == [f"item-{id}" for id in ids[1:]]
        stale = page.select_one(f"#item-{ids[1]}")
        assert f"{other.fullname} has decided" in stale.text
        assert "Insult" in stale.text
        assert not stale.select("button, input")
        assert page.select_one("#cf-refused a")["href"] == f"#item-{ids[1]}"

    def test_nothing_checked_is_said(self):
        who = moderator()
        self.held(DatasetFactory())
        shown = self.shown(self.text(PAGE, who))
        answer = self.post(PAGE, who, shown=shown, scope="checked", decision="publish")
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "one", ["x", "publish:x", "hide:nothing:x", "claim:", ":::", "redact:"]
    )
    def test_a_form_that_was_tampered_with_is_refused(self, one):
        who = moderator()
        self.held(DatasetFactory())
        assert self.post(PAGE, who, one=one).status_code == 400

    def test_filters_are_in_the_address_and_stay_after_a_gesture(self):
        who, producer = moderator(), Producer()
        self.held(DatasetFactory())
        id = self.held(producer.dataset)
        address = f"{PAGE}?organization={producer.organization.slug}&reason=email"
        page = self.text(address, who)
        assert [one.partition(".")[0] for one in self.shown(page)] == [id]
        answer = self.post(address, who, shown=self.shown(page), one=f"publish:{id}")
        assert f"organization={producer.organization.slug}" in answer.headers["Location"]
        assert self.get(f"{PAGE}?reason=nonsense", who).status_code == 400

    def test_taken_rows_say_by_whom(self):
        one, other = moderator(), moderator()
        id = self.held(DatasetFactory())
        self.post(PAGE, one, shown=self.shown(self.text(PAGE, one)), scope="all", decision="claim")
        assert one.fullname in self.text(PAGE, other)
        assert self.refused(other, id, "publish") == 409

    def test_only_moderators_see_it_and_nobody_keeps_it(self):
        assert self.get(PAGE).status_code == 401
        assert self.get(PAGE, UserFactory()).status_code == 403
        answer = self.get(PAGE, moderator())
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers

    def test_a_form_of_another_site_decides_nothing(self):
        who, id = moderator(), self.held(DatasetFactory())
        client = self.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = who.fs_uniquifier
            session["_fresh"] = True
        answer = self.visit("POST", PAGE, client=client, data={"one": f"publish:{id}"})
        assert answer.status_code == 403
        assert self.stored(id)["visibility"] == "pending"

    def test_it_is_a_fragment_too(self):
        who = moderator()
        self.held(DatasetFactory())
        answer = self.get(f"{PAGE}?as=fragment", who)
        assert answer.headers["X-Culture-Feedback"] == "fragment"
        assert "<html" not in answer.get_data(as_text=True)

    def test_a_page_takes_as_many_commands_however_much_waits(self):
        who = moderator()
        counts = []
        for n in (1, 6):
            for _ in range(n):
                self.held(DatasetFactory(organization=Producer().organization))
            self.text(PAGE, who)
            with COUNTER.count() as commands:
                self.text(PAGE, who)
                counts.append(len(commands))
        assert counts[0] == counts[1], counts

    def test_its_title_says_how_much_waits_up_to_500(self):
        who, id = moderator(), self.held(DatasetFactory())
        assert "What waits (1)" in self.text(f"{PAGE}?lang=en", who)
        self.crowd(id, 500)
        assert "What waits (more than 500)" in self.text(f"{PAGE}?lang=en", who)


class WarningTest(PageTestCase):
    def test_personal_data_is_shown_to_its_author_who_decides(self):
        dataset, author = DatasetFactory(), UserFactory()
        path = f"{P}/pages/datasets/{dataset.id}/?lang=en"
        form = {"fitness": "no", "details": "1", "comment": HELD}
        answer = self.post(path, author, **form)
        assert answer.status_code == 400
        page = answer.get_data(as_text=True)
        assert "camille.martin@example.org" in page
        field = page[page.index('id="cf-comment-error"') :]
        assert field.index('id="cf-read_again"') < field.index('id="cf-comment"')
        assert page.index('href="#cf-read_again"') < page.index('id="cf-comment-error"')
        assert "je vous dirai ce qui manque." in page
        answer = self.post(path, author, read_again="1", **form)
        assert answer.status_code == 303
        assert "done=waiting" in answer.headers["Location"]

    def test_all_that_is_found_is_said_in_one_sentence(self):
        form = {"fitness": "no", "details": "1"}
        said = "a.pif@boite.example, b.paf@boite.example, 06 39 98 12 47"
        for lang, sentence in (
            (
                "en",
                "There seems to be an e-mail address and a telephone number: "
                "“a.pif@boite.example”, “b.paf@boite.example”, and “06 39 98 12 47”.",
            ),
            (
                "fr",
                "Ce texte semble contenir une adresse électronique et un numéro de téléphone : "
                "« a.pif@boite.example », « b.paf@boite.example » et « 06 39 98 12 47 ».",
            ),
        ):
            path = f"{P}/pages/datasets/{DatasetFactory().id}/?lang={lang}"
            answer = self.post(path, UserFactory(), comment=said, **form)
            page = html.unescape(answer.get_data(as_text=True)).replace("\xa0", " ")
            assert sentence in page.replace("\u202f", " ")

    def test_who_takes_it_out_is_asked_nothing(self):
        dataset, author = DatasetFactory(), UserFactory()
        path = f"{P}/pages/datasets/{dataset.id}/"
        self.post(path, author, fitness="no", details="1", comment=HELD)
        answer = self.post(path, author, fitness="no", details="1", comment=CLEAN)
        assert answer.status_code == 303
        assert "done=detailed" in answer.headers["Location"]

    def test_so_it_is_with_requests_and_messages(self):
        author = UserFactory()
        form = {
            "title": "Les archives sonores",
            "description": HELD,
            "kind": "new",
            "checked": "1",
        }
        path = f"{P}/pages/requests/new"
        answer = self.post(path, author, **form)
        assert answer.status_code == 400
        assert 'name="read_again"' in answer.get_data(as_text=True)
        answer = self.post(path, author, read_again="1", **form)
        assert answer.status_code == 303
        own = self.visit(
            "GET", answer.headers["Location"], headers={"X-API-KEY": self.key_of(author)}
        )
        assert own.status_code == 200
        asked = self.post(path, author, **(form | {"description": "Toutes."}))
        page = asked.headers["Location"].partition("?")[0]
        answer = self.post(f"{page}message", author, message=HELD)
        assert answer.status_code == 400
        answer = self.post(f"{page}message", author, message=HELD, read_again="1")
        assert "done=waits" in answer.headers["Location"]


class FlagPageTest(PageTestCase):
    def test_each_comment_has_a_link_to_a_form(self):
        dataset, reader, who = DatasetFactory(), UserFactory(), moderator()
        id = self.said(dataset)
        page = self.text(f"{P}/pages/datasets/{dataset.id}/")
        path = f"{P}/pages/feedback/{id}/flag"
        assert f'href="{path}"' in page
        assert "musées d’outre-mer" in self.text(path, reader)
        assert self.post(path, reader).status_code == 400
        assert self.post(path, reader, reason="abuse", message="Voyez.").status_code == 303
        assert self.waiting(who) == [id]

    def test_who_is_not_known_logs_in_first(self):
        id = self.said(DatasetFactory())
        page = self.text(f"{P}/pages/feedback/{id}/flag")
        assert "data-login" in page
        assert "<textarea" not in page

    def test_what_is_not_public_has_no_form(self):
        id = self.held(DatasetFactory())
        assert self.get(f"{P}/pages/feedback/{id}/flag", UserFactory()).status_code == 404
        assert self.get(f"{P}/pages/feedback/nothing/flag").status_code == 404

    def test_a_report_comes_back_with_its_words_once_the_session_has_ended(self):
        id = self.said(DatasetFactory())
        answer = self.visit(
            "POST", f"{P}/pages/feedback/{id}/flag?lang=en",
            headers={"X-Culture-Feedback": "form"},
            data={"reason": "abuse", "message": "Il me vise.", "signed_in": "1"},
        )  # fmt: skip
        assert answer.status_code == 401
        assert "\nIl me vise.</textarea>" in answer.text
        assert re.search(r'value="abuse"[^>]* checked', answer.text)

    def test_a_request_too(self):
        body = {"title": "Sons", "description": "Tous", "kind": "new"}
        found = self.ask("POST", "/requests/", body, UserFactory()).json
        reader, who = UserFactory(), moderator()
        path = f"{P}/pages/requests/{found['slug']}/flag"
        assert f'href="{path}"' in self.text(f"{P}/pages/requests/{found['slug']}/")
        assert self.post(path, reader, reason="spam").status_code == 303
        assert self.waiting(who) == [found["id"]]


class TeamTest(PageTestCase):
    TEAM = f"{PAGE}team/"

    def test_an_administrator_gives_the_role_and_takes_it_back(self):
        admin, user, organization = sysadmin(), UserFactory(), OrganizationFactory()
        answer = self.post(
            self.TEAM, admin, email=user.email.upper(), organizations=organization.slug
        )
        assert answer.status_code == 303
        assert roles.remit_of(user.reload()) == roles.Remit(frozenset([organization.id]))
        page = self.text(self.TEAM, admin)
        assert user.fullname in page
        assert organization.name in page
        self.post(self.TEAM, admin, revoke=str(user.id))
        assert roles.remit_of(user.reload()) is None
        assert user.fullname not in self.text(self.TEAM, admin)

    def test_an_administrator_gives_the_role_of_consultations_and_takes_it_back(self):
        admin, user, moderating = sysadmin(), UserFactory(), moderator()
        given = {"role": roles.CONSULTATION}
        answer = self.post(self.TEAM, admin, email=user.email, **given)
        assert answer.status_code == 303
        assert [role.name for role in user.reload().roles] == [roles.CONSULTATION]
        assert roles.remit_of(user) is None
        assert user.fullname in self.text(self.TEAM, admin)
        assert self.get(f"{P}/pages/consultations/new", user).status_code == 200
        self.post(self.TEAM, admin, email=moderating.email, **given)
        self.post(self.TEAM, admin, revoke=str(moderating.id), **given)
        assert roles.remit_of(moderating.reload()) == roles.Remit()  # each role by itself
        self.post(self.TEAM, admin, revoke=str(user.id), **given)
        assert user.reload().roles == []
        assert user.fullname not in self.text(self.TEAM, admin)
        assert self.get(f"{P}/pages/consultations/new", user).status_code == 404

    def test_what_is_wrong_is_said_at_its_field(self):
        admin, user, organization = sysadmin(), UserFactory(), OrganizationFactory()
        everywhere = {"role": roles.CONSULTATION, "organizations": organization.slug}
        for form, field in (
            ({"email": "nobody@example.org"}, "email"),
            ({"email": user.email, "organizations": "nothing"}, "organizations"),
            ({"email": user.email, "role": "admin"}, "role"),
            ({"email": user.email} | everywhere, "organizations"),
        ):
            answer = self.post(self.TEAM, admin, **form)
            assert answer.status_code == 400
            assert f'id="cf-{field}-error"' in answer.get_data(as_text=True)
        assert user.reload().roles == []

    def test_moderators_do_not_choose_moderators(self):
        who, user = moderator(), UserFactory()
        assert self.get(self.TEAM, who).status_code == 403
        assert self.post(self.TEAM, who, email=user.email).status_code == 403
        assert roles.remit_of(user.reload()) is None

    def test_the_role_goes_with_the_account(self):
        who = moderator()
        assert len(roles.team()) == 1
        who.mark_as_deleted()
        assert roles.team() == []


class CommandTest(PageTestCase):
    def test_grant_and_revoke(self, app):
        user, organization = UserFactory(), OrganizationFactory()
        done = self.cli("feedback", "grant", "moderator", user.email)
        assert "everything" in done.output
        assert roles.remit_of(user.reload()) == roles.Remit()
        self.cli("feedback", "grant", "moderator", user.email, "--organization", organization.slug)
        assert roles.remit_of(user.reload()) == roles.Remit(frozenset([organization.id]))
        self.cli("feedback", "revoke", "moderator", user.email)
        assert roles.remit_of(user.reload()) is None

    @pytest.mark.parametrize("role", ["consultation", "culture-feedback-consultation"])
    def test_grant_and_revoke_the_role_of_consultations(self, role):
        user, organization = UserFactory(), OrganizationFactory()
        grant = ("feedback", "grant", role, user.email.upper())
        limited = self.cli(*grant, "--organization", organization.slug, expect_error=True)
        assert limited.exit_code == 2
        assert user.reload().roles == []  # rather than a role without the limit
        assert "is now in the team" in self.cli(*grant).output
        assert "was already in the team" in self.cli(*grant).output
        assert [one.name for one in user.reload().roles] == [roles.CONSULTATION]
        revoke = ("feedback", "revoke", role, user.email)
        assert "no longer in the team" in self.cli(*revoke).output
        assert "was not in" in self.cli(*revoke).output
        assert user.reload().roles == []

    def test_what_is_nobodys_is_refused(self):
        user = UserFactory()
        for wrong in (
            ("moderator", "nobody@example.org"),
            ("moderator", user.email, "--organization", "nothing"),
            ("king", user.email),
        ):
            assert self.cli("feedback", "grant", *wrong, expect_error=True).exit_code != 0
        assert roles.remit_of(user.reload()) is None


class CharterTest(PageTestCase):
    def test_every_form_leads_to_it(self):
        author, dataset = UserFactory(), DatasetFactory()
        self.give(author, dataset)
        page = self.text(f"{P}/pages/datasets/{dataset.id}/?edit=1", author)
        assert f'href="{P}/pages/charter/"' in page
        assert f'href="{P}/pages/charter/"' in self.text(f"{P}/pages/requests/new", author)

    def test_in_both_languages(self):
        english = self.text(f"{P}/pages/charter/?lang=en")
        assert "A person decides, never a program." in english
        assert "Insult, personal attack" in english

    @pytest.mark.options(CULTURE_FEEDBACK_CHARTER_URL="https://portal.example/charte")
    def test_a_portal_has_its_own(self):
        answer = self.get(f"{P}/pages/charter/")
        assert answer.status_code == 302
        assert answer.headers["Location"] == "https://portal.example/charte"


class TransparencyTest(PageTestCase):
    def months(self) -> Any:
        answer = self.ask("GET", "/transparency/")
        assert answer.status_code == 200
        return answer.json["months"]

    def test_decisions_are_counted_by_month_and_reason(self):
        who = moderator()
        with freeze_time("2026-01-20"):
            for _ in range(2):
                self.decided(who, self.said(DatasetFactory()), "hide", "abuse")
        with freeze_time("2026-03-03"):
            self.decided(who, self.held(DatasetFactory()), "publish")
            months = self.months()
        assert [month["month"] for month in months] == ["2026-03", "2026-01"]
        assert months[1]["decisions"] == [{"decision": "hide", "reason": "abuse", "count": 2}]
        assert months[0]["total"] == 1

    def test_a_month_that_is_over_is_counted_once_and_for_all(self):
        who = moderator()
        with freeze_time("2026-01-20"):
            self.decided(who, self.said(DatasetFactory()), "hide", "abuse")
            self.months()
            assert past_months().count_documents({}) == 0
        with freeze_time("2026-02-01"):
            self.months()
            assert past_months().count_documents({}) == 0  # it may still change
        with freeze_time("2026-02-04"):
            first = self.months()
            assert past_months().count_documents({}) == 1
            with COUNTER.count() as commands:
                assert self.months() == first
        assert commands.count("aggregate") == 2  # the current month, and appeals

    def test_everybody_reads_it_in_words(self):
        who = moderator()
        self.decided(who, self.said(DatasetFactory()), "hide", "abuse")
        page = self.text(f"{P}/pages/transparency/?lang=en")
        assert "Insult, personal attack" in page
        assert "1 decision" in page
        assert who.fullname not in page

    def test_an_undo_is_no_decision(self):
        who = moderator()
        id = self.said(DatasetFactory())
        self.decided(who, id, "hide", "abuse")
        with freeze_time(now() + timedelta(minutes=1)):
            self.decided(who, id, "restore")
        [month] = self.months()
        assert (month["total"], month["undone"]) == (1, 1)

    def test_delays_and_bulk_decisions_are_told_and_a_file_has_the_rest(self):
        who = moderator()
        with freeze_time("2026-03-02 08:00"):
            held = [self.held(DatasetFactory()) for _n in range(5)]
        with freeze_time("2026-03-02 13:30"):
            self.decided(who, held, "publish")
            self.decided(who, self.said(DatasetFactory()), "hide", "abuse")
            [month] = self.months()
            page = self.text(f"{P}/pages/transparency/?lang=en")
            file = self.ask("GET", "/transparency.csv", buffered=True)
        assert (month["median_hours"], month["in_bulk"], month["total"]) == (5, 5, 6)
        assert "Half of the texts were decided within 6 hours." in page
        assert "Nine out of ten within 6 hours." in page
        assert month["noticed"] == {"check": 5}
        assert "5 held back by an automatic check" in page
        groups = BeautifulSoup(page, "html.parser").select("th[scope=rowgroup]")
        assert [group.text for group in groups] == ["Against the charter", "Nothing was wrong"]
        assert "5 texts were decided together with others." in page
        lines = file.get_data(as_text=True).split("\r\n")
        assert lines[1:3] == [
            '"2026-03";"hide";"abuse";"charter";1',
            '"2026-03";"publish";"ok";"";5',
        ]
