"""The page of a dataset and its fragment, as any HTTP client sees them; browsers are in `e2e`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from udata.api.oauth2 import OAuth2Client, OAuth2Token
from udata.core.dataset.factories import DatasetFactory
from udata.core.user.factories import UserFactory
from udata.core.user.models import User

from udata_culture_feedback.feedback.models import feedbacks

from ..cases import P, PluginTestCase, Producer
from ..languages import english_in, french_in

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</textarea><svg onload=alert(1)>",
    "{{ config }}{% raw %}",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
)

#: What no HTML of ours has: it would need an exception in the Content-Security-Policy.
INLINE = re.compile(
    r'<script(?! type="module" src="/[\w./-]+"></script>)|<style|<[^>]*\s(style|on\w+)\s*=',
    re.IGNORECASE,
)


class PagesCase(PluginTestCase):
    def page_of(self, dataset: Any, query: str = "") -> str:
        return f"{P}/pages/datasets/{dataset.slug}/{query}"

    def browser_of(self, user: User | None) -> Any:
        """A browser, with the session of somebody who has logged in."""
        client = self.app.test_client()
        if user:
            with client.session_transaction() as session:
                session |= {"_user_id": user.fs_uniquifier, "_fresh": True}
        return client

    def read(self, dataset: Any, query: str = "", user: User | None = None) -> Any:
        client = self.browser_of(user)
        answer = self.visit("GET", self.page_of(dataset, query), client=client)
        assert answer.status_code == 200, answer.text
        return answer

    def send(self, dataset: Any, client: Any, query: str = "", **form: Any) -> Any:
        """Posts the form of the whole page as a browser does, its token read from the page."""
        shown = self.visit("GET", self.page_of(dataset, "?edit=1"), client=client).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
        assert token, shown
        return self.visit(
            "POST", self.page_of(dataset, query), client=client,
            data={"csrf_token": token[1]} | form, content_type="multipart/form-data",
        )  # fmt: skip

    def states(self, dataset: Any, author: User, reader: User, producer: User) -> Iterator[Any]:
        """The page in each of its states: of nobody, of somebody who has not answered, of an
        author, of a producer, with an error."""
        for kind in ("", "?as=fragment"):
            also = kind + ("&" if kind else "?")
            for user in (None, reader, author, producer):
                yield self.read(dataset, kind, user)
            yield self.read(dataset, f"{also}edit=1", author)
            yield self.read(dataset, f"{also}page=2")
            yield self.visit(
                "POST",
                self.page_of(dataset, kind),
                client=self.browser_of(author),
                headers={"X-Culture-Feedback": "form"},
                data={"details": "1", "fitness": "perhaps", "comment": "x"},
            )


class PagesTest(PagesCase):
    def test_every_answer_has_its_security_headers(self):
        producer, author = Producer(), UserFactory()
        self.give(author, producer.dataset, comment="Bien.")
        answers = list(self.states(producer.dataset, author, UserFactory(), producer.admin))
        answers.append(self.visit("GET", f"{P}/pages/datasets/nothing/"))
        answers.append(self.visit("GET", f"{P}/embed.js"))
        for answer in answers:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "style-src 'self';" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'self'" in policy
            assert "base-uri 'none'" in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"

    @pytest.mark.options(CULTURE_FEEDBACK_FRAME_ANCESTORS=["https://portal.example"])
    def test_the_operator_says_who_may_frame_the_pages(self):
        policy = self.read(DatasetFactory()).headers["Content-Security-Policy"]
        assert "frame-ancestors https://portal.example" in policy

    def test_nothing_is_inline(self):
        producer, author = Producer(), UserFactory()
        self.give(author, producer.dataset, comment="Bien.", ratings={"completeness": 2})
        for answer in self.states(producer.dataset, author, UserFactory(), producer.admin):
            assert not INLINE.search(answer.text)

    def test_a_fragment_says_that_it_is_one(self):
        dataset = DatasetFactory()
        fragment = self.read(dataset, "?as=fragment")
        assert fragment.headers["X-Culture-Feedback"] == "fragment"
        assert fragment.headers["Access-Control-Expose-Headers"] == "X-Culture-Feedback"
        assert "<html" not in self.read(dataset, "?as=fragment").text
        whole = self.read(dataset)
        assert "X-Culture-Feedback" not in whole.headers
        assert "<html" in whole.text

    def test_a_missing_page_is_not_a_fragment(self):
        answer = self.visit("GET", f"{P}/pages/datasets/nothing/?as=fragment")
        assert answer.status_code == 404
        assert "X-Culture-Feedback" not in answer.headers

    @pytest.mark.parametrize("level", range(1, 7))
    def test_the_host_decides_the_level_of_headings(self, level):
        dataset = DatasetFactory()
        self.give(UserFactory(), dataset, comment="Bien.", ratings={"completeness": 3})
        found = re.findall(r"<h(\d)", self.read(dataset, f"?as=fragment&level={level}").text)
        assert [int(h) for h in found][:2] == [level, min(level + 1, 6)]
        assert set(map(int, found)) <= set(range(level, 7))

    @pytest.mark.parametrize("level", ["0", "7", "x", ""])
    def test_another_level_is_ignored(self, level):
        assert (
            '<h2 id="cf-title"' in self.read(DatasetFactory(), f"?as=fragment&level={level}").text
        )

    def test_the_page_is_found_by_id_slug_and_old_slug(self):
        dataset = DatasetFactory(title="Premier titre")
        old = dataset.slug
        dataset.title, dataset.slug = "Second titre", "second-titre"
        dataset.save()
        for reference in (dataset.id, "second-titre", old):
            answer = self.visit("GET", f"{P}/pages/datasets/{reference}/")
            assert answer.status_code == 200
            assert "Second titre" in answer.text

    @pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999"])
    def test_a_page_of_comments_that_makes_no_sense_breaks_nothing(self, page):
        answer = self.visit("GET", self.page_of(DatasetFactory(), f"?page={page}"))
        assert answer.status_code in (200, 404)

    def test_a_long_comment_unfolds(self):
        dataset = DatasetFactory()
        words = "Il manque une commune. " * 100
        self.give(UserFactory(), dataset, comment=words)
        text = self.read(dataset).text
        beginning, rest = re.findall(r'<p class="cf-words"[^>]*>(.*?)</p>', text, re.DOTALL)
        assert len(beginning) <= 702
        assert f"{beginning.removesuffix(' …')} {rest}" == words.strip()

    def test_beside_a_rating_stands_the_short_question_that_it_answers(self):
        dataset = DatasetFactory()
        ratings = {"update_frequency": 2, "georeferencing": 3}
        self.give(UserFactory(), dataset, comment="Late.", ratings=ratings)
        page = self.read(dataset, "?lang=fr").text
        [opinions] = re.findall(r'<ul class="cf-line cf-hint" role="list">(.*?)</ul>', page, re.S)
        said = re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", "", opinions))).strip()
        assert said == "À jour ? souvent en retard Localisées ? partiellement"

    @pytest.mark.parametrize(
        ("people", "documented", "title"),
        [
            (10, 5, "The update frequency disappoints, the documentation convinces"),
            (9, 5, "Opinions by criterion"),
            (10, 3, "Opinions by criterion"),
        ],
    )
    def test_criteria_are_compared_where_enough_people_tell_them_apart(
        self, people, documented, title
    ):
        dataset = DatasetFactory()
        for _person in range(people):
            ratings = {"update_frequency": 2, "contextualisation": documented}
            self.give(UserFactory(), dataset, ratings=ratings)
        page = self.read(dataset, "?lang=en").text
        assert [title] == re.findall(r"<figcaption>(The update[^<]*|Opinions by[^<]*)<", page)

    @pytest.mark.options(CULTURE_FEEDBACK_PAGES_URL="https://portal.example/avis/")
    def test_whole_pages_have_the_address_that_the_operator_gave(self):
        dataset, user = DatasetFactory(), UserFactory()
        pretty = f"https://portal.example/avis/datasets/{dataset.slug}/"
        client = self.browser_of(user)
        assert f'action="{pretty}"' in self.visit("GET", self.page_of(dataset), client).text
        answer = self.send(dataset, client, fitness="yes")
        assert answer.location == f"{pretty}?done=answered#cf-done"
        # The loader can only ask the server it comes from.
        fragment = self.read(dataset, "?as=fragment&edit=1", user).text
        assert "portal.example/avis" not in fragment
        assert f'action="{self.page_of(dataset)}"' in fragment

    def test_a_machine_finds_the_same_as_rdf(self):
        dataset = Producer().dataset
        head = self.read(dataset).text.partition("</head>")[0]
        found = re.findall(r'<link rel="alternate" type="([^"]+)" href="([^"]+)">', head)
        assert [type for type, _address in found] == [
            "text/turtle",
            "application/ld+json",
            "application/rdf+xml",
        ]
        for type, address in found:
            answer = self.visit("GET", address)
            assert (answer.status_code, answer.mimetype) == (200, type)
        assert 'rel="alternate"' not in self.read(dataset, "?as=fragment").text

    @pytest.mark.options(
        CULTURE_FEEDBACK_PORTAL_NAME="Le portail",
        CULTURE_FEEDBACK_HOME_URL="https://portal.example/",
        CULTURE_FEEDBACK_LEGAL_URL="https://portal.example/mentions",
        CULTURE_FEEDBACK_PRIVACY_URL="https://portal.example/donnees",
        CULTURE_FEEDBACK_ACCESSIBILITY_URL="https://portal.example/accessibilite",
    )
    def test_a_whole_page_has_a_home(self):
        dataset = DatasetFactory()
        text = self.read(dataset).text
        for address in ("", "mentions", "donnees", "accessibilite"):
            assert f'href="https://portal.example/{address}"' in text
        assert " — Le portail</title>" in text
        assert '<a class="cf-skip" href="#main">' in text
        assert '<main id="main"' in text


class LanguageTest(PagesCase):
    def texts(self, lang: str) -> str:
        """What is read on all states of the page."""
        producer, author = Producer(title="T"), UserFactory(first_name="Q", last_name="Z")
        self.give(author, producer.dataset, comment="…", wants_answer=True, ratings=dict.fromkeys(
            ("update_frequency", "completeness", "contextualisation", "georeferencing"), 1
        ))  # fmt: skip
        pages = [
            self.read(producer.dataset, f"?lang={lang}{query}", user).text
            for query in ("", "&edit=1", "&done=answered", "&page=2")
            for user in (None, author, UserFactory(first_name="Q", last_name="Z"), producer.admin)
        ]
        assert all(f'lang="{lang}"' in page for page in pages)
        return html.unescape(re.sub(r"<[^>]*>", "\n", "\n".join(pages)))

    def test_the_french_page_has_no_english(self):
        text = self.texts("fr")
        assert "Ces données répondent-elles à votre besoin\u00a0?" in text
        assert english_in(text) == []

    def test_the_english_page_has_no_french(self):
        text = self.texts("en")
        assert "Do these data meet your need?" in text
        assert french_in(text) == []

    @pytest.mark.parametrize("lang", ["xx", "", "fr'; --", "../fr", "klingon"])
    def test_an_unknown_language_is_ignored(self, lang):
        dataset = DatasetFactory()
        answer = self.visit("GET", self.page_of(dataset), query_string={"lang": lang})
        assert answer.status_code == 200
        assert re.search(r'<html lang="(en|fr)"', answer.text)

    def test_a_region_is_no_matter(self):
        assert '<html lang="fr"' in self.read(DatasetFactory(), "?lang=fr-CA").text


class EscapingTest(PagesCase):
    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_what_people_and_producers_write_is_shown_as_text(self, hostile):
        producer, author = Producer(), UserFactory()
        User.objects(id=author.id).update(set__first_name=hostile, set__last_name="")
        producer.organization.name = hostile
        producer.organization.save()
        producer.dataset.title = hostile
        producer.dataset.save()
        author.reload()
        self.give(author, producer.dataset, comment=hostile)
        for answer in self.states(producer.dataset, author, producer.editor, producer.admin):
            assert not INLINE.search(answer.text)
            assert hostile not in answer.text or hostile == html.escape(hostile)
            assert "<img" not in answer.text
        shown = html.unescape(self.read(producer.dataset).text)
        assert shown.count(hostile) >= 4  # title, heading, breadcrumb, name, words

    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_what_was_refused_is_shown_as_text(self, hostile):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.send(
            dataset, self.browser_of(user), details="1", fitness=hostile, comment=hostile,
            usages=hostile, profile=hostile, signature=hostile, rating_completeness=hostile,
        )  # fmt: skip
        assert answer.status_code == 400
        assert not INLINE.search(answer.text)
        assert hostile in html.unescape(answer.text)

    def test_an_address_of_ours_is_no_door(self):
        dataset = DatasetFactory()
        text = self.read(dataset, "?lang=fr%22%3E%3Cscript%3E&done=%3Cscript%3E").text
        assert not INLINE.search(text)


class GuardTest(PagesCase):
    def test_a_form_of_another_site_is_refused_and_its_text_kept(self):
        dataset, user = DatasetFactory(), UserFactory()
        client = self.browser_of(user)
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "IjEi.forged"}):
            answer = self.visit(
                "POST", self.page_of(dataset), client=client,
                data={"details": "1", "fitness": "no", "comment": "Mon texte"} | token,
            )  # fmt: skip
            assert answer.status_code == 403
            assert "\nMon texte</textarea>" in answer.text
            assert 'value="no" required checked' in answer.text
            assert re.search(r'name="csrf_token" value="[^"]{20,}"', answer.text), "a new token"
            assert feedbacks().count_documents({}) == 0

    def test_nothing_is_deleted_either(self):
        dataset, user = DatasetFactory(), UserFactory()
        self.give(user, dataset)
        answer = self.visit(
            "POST", f"{self.page_of(dataset)}erase", client=self.browser_of(user), data={}
        )
        assert answer.status_code == 403
        assert feedbacks().count_documents({}) == 1

    def test_the_token_of_somebody_else_is_no_use(self):
        dataset, user = DatasetFactory(), UserFactory()
        shown = self.visit("GET", self.page_of(dataset), self.browser_of(UserFactory())).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown)[1]
        answer = self.visit(
            "POST", self.page_of(dataset), client=self.browser_of(user),
            data={"fitness": "no", "csrf_token": token},
        )  # fmt: skip
        assert answer.status_code == 403

    def test_the_token_of_the_page_is_accepted(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.send(dataset, self.browser_of(user), fitness="no")
        assert answer.status_code == 303
        assert answer.location == f"{self.page_of(dataset)}?done=answered#cf-done"
        assert feedbacks().find_one({})["contributor"]["user"] == user.id

    def test_the_header_of_the_loader_is_accepted(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.visit(
            "POST", self.page_of(dataset, "?as=fragment"), client=self.browser_of(user),
            headers={"X-Culture-Feedback": "form"}, data={"fitness": "no"},
        )  # fmt: skip
        assert answer.status_code == 200
        assert answer.headers["X-Culture-Feedback"] == "fragment"
        assert feedbacks().count_documents({}) == 1

    def test_a_key_without_session_is_accepted(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.visit(
            "POST", self.page_of(dataset),
            headers={"X-API-KEY": self.key_of(user)}, data={"fitness": "no"},
        )  # fmt: skip
        assert answer.status_code == 303
        assert "Set-Cookie" not in answer.headers
        assert feedbacks().count_documents({}) == 1

    def test_a_bearer_without_session_is_accepted(self):
        dataset, user = DatasetFactory(), UserFactory()
        client = OAuth2Client.objects.create(name="An application", owner=user)
        OAuth2Token.objects.create(client=client, user=user, access_token="tok", scope="default")
        answer = self.visit(
            "POST", self.page_of(dataset),
            headers={"Authorization": "Bearer tok"}, data={"fitness": "no"},
        )  # fmt: skip
        assert answer.status_code == 303
        assert "Set-Cookie" not in answer.headers
        assert feedbacks().count_documents({}) == 1

    def test_a_key_beside_a_session_does_not_replace_the_token(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.visit(
            "POST", self.page_of(dataset), client=self.browser_of(user),
            headers={"X-API-KEY": "anything"}, data={"fitness": "no"},
        )  # fmt: skip
        assert answer.status_code in (401, 403)
        assert feedbacks().count_documents({}) == 0

    def test_a_session_that_has_ended_keeps_the_text_and_says_to_log_in(self):
        dataset = DatasetFactory()
        for headers in ({}, {"X-Culture-Feedback": "form"}):
            answer = self.visit(
                "POST", self.page_of(dataset), headers=headers,
                data={"details": "1", "fitness": "no", "comment": "Mon texte"},
            )  # fmt: skip
            assert answer.status_code == 401
            assert "\nMon texte</textarea>" in answer.text
            assert "/login?next=" in answer.text
            assert "Set-Cookie" not in answer.headers
        assert feedbacks().count_documents({}) == 0

    @pytest.mark.options(READ_ONLY_MODE=True)
    def test_a_portal_that_is_read_only_keeps_the_text(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.send(
            dataset, self.browser_of(user), details="1", fitness="no", comment="Mon texte"
        )
        assert answer.status_code == 423
        assert "\nMon texte</textarea>" in answer.text
        assert feedbacks().count_documents({}) == 0

    def test_a_text_over_the_bound_is_kept(self):
        dataset, user = DatasetFactory(), UserFactory()
        answer = self.send(
            dataset, self.browser_of(user), details="1", fitness="no", comment="é" * 15_001
        )
        assert answer.status_code == 413
        assert f"\n{'é' * 15_001}</textarea>" in answer.text
        assert (
            'aria-describedby="cf-comment-hint cf-comment-error" aria-invalid="true"' in answer.text
        )

    def test_a_text_within_the_bound_fits_in_any_script(self):
        dataset, user = DatasetFactory(), UserFactory()
        page = self.read(dataset, "", user).text
        assert 'enctype="multipart/form-data"' in page
        answer = self.send(
            dataset, self.browser_of(user), details="1", fitness="no", comment="博" * 15_000,
        )  # fmt: skip
        assert answer.status_code == 303

    @pytest.mark.options(CULTURE_FEEDBACK_BODY_MAX_BYTES=2_000)
    def test_a_body_over_the_bound_is_refused_with_the_form(self):
        dataset, user = DatasetFactory(), UserFactory()
        for headers in ({}, {"X-Culture-Feedback": "form"}):
            answer = self.visit(
                "POST", self.page_of(dataset, "?lang=fr"), client=self.browser_of(user),
                headers=headers, data={"fitness": "no", "comment": "x" * 3_000},
            )  # fmt: skip
            assert answer.status_code == 413
            assert "2000 octets au plus" in answer.text
            assert "<textarea" in answer.text
        assert feedbacks().count_documents({}) == 0

    @pytest.mark.options(CULTURE_FEEDBACK_LIMIT_CONTRIBUTOR="1 per 10 minutes")
    def test_too_much_at_once_says_when_to_come_back(self):
        dataset, user = DatasetFactory(), UserFactory()
        client = self.browser_of(user)
        self.send(dataset, client, fitness="no")
        answer = self.send(dataset, client, details="1", fitness="no", comment="Mon texte")
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "\nMon texte</textarea>" in answer.text

    def test_a_bare_click_publishes_no_name(self):
        """Whose it is stays known to the portal, and to nobody else."""
        dataset, user = DatasetFactory(), UserFactory(first_name="Ada", last_name="Blanc")
        client = self.browser_of(user)
        self.send(dataset, client, fitness="no")
        stored = feedbacks().find_one({})
        assert stored["contributor"] == {"kind": "user", "key": stored["contributor"]["key"],
                                         "user": user.id}  # fmt: skip
        shown = self.ask("GET", f"/feedback/{stored['_id']}/", client=client).json
        assert shown["contributor"] == {"kind": "user", "name": None}
        form = self.read(dataset, "?edit=1", user).text
        assert '<option value="none" selected>' in form
        self.send(dataset, client, details="1", fitness="no", comment="Vide.", signature="name")
        assert "Ada Blanc" in self.read(dataset).text
        assert '<option value="name" selected>' in self.read(dataset, "?edit=1", user).text

    def test_a_second_click_from_an_old_tab_keeps_the_name_that_was_chosen(self):
        dataset, user = DatasetFactory(), UserFactory(first_name="Ada", last_name="Blanc")
        self.give(user, dataset, fitness="no", comment="Vide.")
        self.send(dataset, self.browser_of(user), fitness="yes")
        assert "Ada Blanc" in self.read(dataset).text

    def test_who_waits_for_an_answer_says_something(self):
        dataset, user = DatasetFactory(), UserFactory()
        client = self.browser_of(user)
        asked = {"details": "1", "fitness": "no", "wants_answer": "1"}
        for comment in ("", "  "):
            answer = self.send(dataset, client, comment=comment, **asked)
            assert answer.status_code == 400
            assert 'id="cf-wants_answer-error"' in answer.text
            assert feedbacks().count_documents({}) == 0
        assert self.send(dataset, client, comment="Quand ?", **asked).status_code == 303

    def test_thanks_without_an_answer_are_not_said(self):
        """An address that somebody has copied."""
        assert 'id="cf-done"' not in self.read(DatasetFactory(), "?done=answered").text

    def test_comments_are_sorted_and_filtered(self):
        dataset = DatasetFactory()
        for fitness in ("yes", "no", "yes"):
            self.give(UserFactory(), dataset, fitness=fitness, comment=f"Texte {fitness}")
        first, second, third = (str(one["_id"]) for one in feedbacks().find().sort("created_at"))

        def listed(query: str) -> list[str]:
            return re.findall(r'<li id="feedback-(\w+)"', self.read(dataset, query).text)

        assert listed("") == listed("?sort=x&answer=perhaps") == [third, second, first]
        assert listed("?sort=oldest") == [first, second, third]
        assert listed("?answer=yes&sort=oldest") == [first, third]
        assert listed("?answer=partly") == []
        assert "There is no comment" in self.read(dataset, "?answer=partly&lang=en").text
        nav = self.read(dataset, "?answer=no&lang=en").text
        assert re.search(r'answer=no&amp;lang=en#cf-comments"[^>]* aria-current="true">No<', nav)

    def test_ones_own_comment_is_changed_and_not_reported(self):
        dataset, user = DatasetFactory(), UserFactory()
        self.give(user, dataset, comment="Le mien.")
        self.give(UserFactory(), dataset, comment="Un autre.")
        text = self.read(dataset, "?lang=en", user).text
        assert text.count(">Report<") == 1
        assert text.count(">Change<") == 1
        assert self.read(dataset, "?lang=en").text.count(">Report<") == 2

    def test_what_was_emptied_and_refused_stays_empty(self):
        dataset, user = DatasetFactory(), UserFactory()
        self.give(user, dataset, comment="Ancien texte", wants_answer=True, usages=["research"])
        answer = self.send(
            dataset, self.browser_of(user), details="1", fitness="perhaps", comment=""
        )
        assert answer.status_code == 400
        assert "\n</textarea>" in answer.text
        assert 'name="wants_answer" value="1">' in answer.text
        assert 'value="research">' in answer.text


class CachingTest(PagesCase):
    def test_the_page_of_nobody_is_public_and_sets_no_cookie(self):
        dataset = DatasetFactory()
        for query in ("", "?as=fragment"):
            answer = self.read(dataset, query)
            assert answer.headers["Cache-Control"] == "public, max-age=60"
            assert "Set-Cookie" not in answer.headers
            if query:
                assert set(answer.vary) == {"Origin", "Accept-Encoding"}
            else:
                assert set(answer.vary) >= {"Origin", "Cookie", "Authorization", "X-API-KEY"}
            again = self.visit(
                "GET", self.page_of(dataset, query),
                headers={"If-None-Match": answer.headers["ETag"]},
            )  # fmt: skip
            assert again.status_code == 304
            assert again.headers.get("X-Culture-Feedback") == ("fragment" if query else None)

    def test_the_page_of_somebody_is_private(self):
        dataset, user = DatasetFactory(), UserFactory()
        for query in ("", "?as=fragment"):
            answer = self.read(dataset, query, user)
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert answer.headers["ETag"]

    def test_ones_own_answer_is_read_once(self):
        dataset, user = DatasetFactory(), UserFactory()
        self.give(user, dataset)
        answer = self.read(dataset, "?as=fragment", user)
        again = self.visit(
            "GET", self.page_of(dataset, "?as=fragment"), client=self.browser_of(user),
            headers={"If-None-Match": answer.headers["ETag"]},
        )  # fmt: skip
        assert again.status_code == 304

    def test_a_key_sets_no_cookie(self):
        dataset, user = DatasetFactory(), UserFactory()
        for query in ("", "?as=fragment"):
            answer = self.visit(
                "GET", self.page_of(dataset, query), headers={"X-API-KEY": self.key_of(user)}
            )
            assert "Set-Cookie" not in answer.headers
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert "En partie" in answer.text or "Partly" in answer.text

    def test_the_answer_to_a_form_is_not_stored(self):
        answer = self.send(DatasetFactory(), self.browser_of(UserFactory()), fitness="maybe")
        assert answer.headers["Cache-Control"] == "no-store"


class WhoReadsTest(PagesCase):
    @pytest.mark.parametrize("hidden", ["private", "deleted"])
    def test_a_dataset_that_is_not_public_is_there_for_its_members_only(self, hidden):
        producer = Producer()
        if hidden == "private":
            producer.dataset.private = True
        else:
            producer.dataset.deleted = producer.dataset.created_at_internal
        producer.dataset.save()
        for query in ("", "?as=fragment"):
            address = self.page_of(producer.dataset, query)
            for user in (None, UserFactory()):
                for verb in ("GET", "POST"):
                    answer = self.visit(
                        verb, address, client=self.browser_of(user),
                        headers={"X-Culture-Feedback": "form"},
                    )  # fmt: skip
                    assert answer.status_code == 404
                    assert producer.dataset.title not in answer.text
            for user in (producer.admin, producer.editor, producer.partial_editor):
                answer = self.visit("GET", address, client=self.browser_of(user))
                assert answer.status_code == 200
                assert answer.headers["Cache-Control"] == "private, no-cache"

    def test_who_edits_the_dataset_sees_what_waits_instead_of_a_form(self):
        producer = Producer()
        self.give(UserFactory(), producer.dataset, comment="Quand ?", wants_answer=True)
        for user in (producer.admin, producer.editor, producer.assigned):
            text = self.read(producer.dataset, "?lang=fr", user).text
            assert "1 retour attend votre réponse." in text
            assert "<form" not in text.partition("<main")[2]
        text = self.read(producer.dataset, "?lang=fr", producer.partial_editor).text
        assert "votre réponse" not in text
        assert "<form" in text

    def test_the_name_of_who_signs_without_it_is_nowhere(self):
        dataset = DatasetFactory()
        author = UserFactory(first_name="Apolline", last_name="Quenneville")
        self.give(author, dataset, comment="Bien.", signature="none")
        for user in (None, UserFactory()):
            for query in ("", "?as=fragment"):
                text = self.read(dataset, query, user).text
                assert "Apolline" not in text
                assert "Quenneville" not in text
                assert str(author.id) not in text

    def test_only_its_author_changes_an_answer(self):
        dataset, author = DatasetFactory(), UserFactory()
        self.give(author, dataset, comment="À moi.")
        self.send(dataset, self.browser_of(UserFactory()), fitness="no")
        found = {f["contributor"]["user"]: f["fitness"] for f in feedbacks().find({})}
        assert found[author.id] == "partly"
        assert len(found) == 2
