"""The page of an organization, that everybody sees."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from udata.core.dataset.factories import DatasetFactory
from udata.core.organization.factories import OrganizationFactory

from ..cases import P, Producer
from .producing import DashboardCase, answered, say
from .test_pages import text_of

SINCE = datetime(2026, 1, 5, 12)


class PublicTest(DashboardCase):
    def read(self, producer: Producer, query: str = "lang=en") -> str:
        return self.see(f"organizations/{producer.organization.slug}/?{query}")

    def test_the_last_five_texts_that_were_handled_are_shown_with_their_answers(self) -> None:
        producer = Producer()
        for days in (4, 1, 6, 2, 5, 3):
            handled = answered(days, SINCE) | {"answer": f"Corrigé le jour {days}."}
            say(producer.dataset, comment=f"Texte {days}", treatment=handled)
        page = text_of(self.read(producer))
        assert re.findall(r"Texte (\d)", page) == ["6", "5", "4", "3", "2"]
        assert re.findall(r"Corrigé le jour (\d)", page) == ["6", "5", "4", "3", "2"]

    def test_only_what_is_handled_public_and_not_contradicted_is_there(self) -> None:
        producer = Producer()
        for title, fields in {
            "planned": {"treatment": answered(1, SINCE) | {"status": "planned"}},
            "unanswered": {"treatment": {"status": "resolved"}},
            "pending": {"visibility": "pending"},
            "hidden": {"visibility": "hidden", "hidden_reason": "abuse"},
            "spam": {"visibility": "hidden", "hidden_reason": "spam"},
            "agent": {"agent": True},
            "no better": {"confirmed": {"answer": "no", "at": SINCE}},
        }.items():
            say(
                producer.dataset,
                comment=f"Non : {title}",
                **{"treatment": answered(1, SINCE)} | fields,
            )
        say(
            producer.dataset, comment="Mieux maintenant", treatment=answered(1, SINCE),
            confirmed={"answer": "yes", "at": SINCE},
        )  # fmt: skip
        page = text_of(self.read(producer))
        assert "Non:" not in page
        assert "Mieux maintenant" in page
        assert "Its author confirms" in page

    @pytest.mark.parametrize("change", [{"private": True}, {"deleted": datetime(2026, 1, 1)}])
    def test_a_dataset_that_is_not_public_leaks_nothing(self, change: dict) -> None:
        producer = Producer(title="Public")
        say(producer.dataset, 2, fitness="yes")
        before = self.read(producer)
        secret = DatasetFactory(organization=producer.organization, title="Secret")
        say(secret, 12, comment="Texte secret", wants_answer=True, created_at=SINCE,
            treatment=answered(1, SINCE), fitness="no", ratings={"completeness": 1})  # fmt: skip
        assert "Texte secret" in self.read(producer)
        for field, value in change.items():
            setattr(secret, field, value)
        secret.save()
        assert self.read(producer) == before

    @pytest.mark.parametrize(("number", "shown"), [(9, False), (10, True)])
    def test_the_rate_and_the_median_are_shown_from_ten_answers_on(
        self, number: int, shown: bool
    ) -> None:
        producer = Producer()
        asked = {"comment": "Quand ?", "wants_answer": True, "created_at": SINCE}
        for days in range(number):
            say(producer.dataset, treatment=answered(days, SINCE), **asked)
        say(producer.dataset, 10, **asked)
        page = text_of(self.read(producer))
        assert ("wants an answer 50%" in page) == shown
        assert ("came within 4 days" in page) == shown
        assert "Texts answered" in page if shown else "Texts answered" not in page

    def test_it_is_cached_as_other_public_pages(self) -> None:
        producer = Producer()
        address = f"{P}/pages/organizations/{producer.organization.id}/"
        answer = self.visit("GET", address)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        again = self.visit("GET", address, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
        assert "Set-Cookie" not in answer.headers
        known = self.visit("GET", address, client=self.browser_of(producer.admin))
        assert known.headers["Cache-Control"] == "private, no-cache"

    def test_a_fragment_has_the_level_that_the_host_decides(self) -> None:
        producer = Producer()
        say(
            producer.dataset,
            comment="Texte",
            treatment=answered(1, SINCE),
            ratings={"completeness": 2},
        )
        fragment = self.read(producer, "as=fragment&level=3")
        assert "<html" not in fragment
        assert re.findall(r"<h(\d)", fragment) == ["3", "4"]

    def test_an_organization_that_is_not_there_is_404(self) -> None:
        gone = OrganizationFactory(deleted=datetime(2026, 1, 1))
        self.see("organizations/nothing/", status=404)
        self.see(f"organizations/{gone.id}/", status=404)

    def test_internal_notes_and_assignees_are_never_public(self) -> None:
        producer = Producer()
        internal = {"note": "Note interne", "assignee": producer.editor.id}
        say(producer.dataset, comment="Texte", treatment=answered(1, SINCE) | internal)
        page = self.read(producer)
        assert "Texte" in page
        assert "Note interne" not in page
        assert str(producer.editor.id) not in page

    def test_old_texts_do_not_hide_new_ones(self) -> None:
        """Sorted by when they were answered, not by when they were written."""
        producer = Producer()
        for n in range(6):
            written = SINCE - timedelta(days=100 * n)
            say(producer.dataset, comment=f"Texte {n}", created_at=written,
                treatment=answered(n, SINCE))  # fmt: skip
        assert re.findall(r"Texte (\d)", text_of(self.read(producer))) == ["5", "4", "3", "2", "1"]
