"""What the producer of a dataset sees of an answer, in our widget and in udata itself."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .visitor import COMMENTED, OUTDATED, Visitor

Come = Callable[..., Visitor]

WORDS = "Il nous faudrait le code Insee de chaque musée, merci d’avance."


def waiting(text: str) -> int:
    found = re.search(r"(\d+) retours? atten", text)
    return int(found[1]) if found else 0


def test_the_producer_finds_a_comment_in_the_widget_the_bell_the_mail_and_the_api(
    visitor: Come,
) -> None:
    producer = visitor("producteur@demo.test").goes_to(OUTDATED)
    before = waiting(producer.text)
    expect(producer.place.get_by_role("button")).to_have_count(0)

    citizen = visitor("citoyenne@demo.test").goes_to(OUTDATED)
    citizen.answers("En partie")
    citizen.comments_that(WORDS)
    citizen.place.get_by_label("J’attends une réponse du producteur").check()
    citizen.place.get_by_label("Publier sous").select_option(label="Camille Martin")
    citizen.saves()
    expect(citizen.comments.first).to_contain_text(WORDS)

    producer.goes_to(OUTDATED)
    expect(producer.widget).to_contain_text(f"{before + 1} retours attendent votre réponse.")
    expect(producer.comments.first).to_contain_text("En attente d’une réponse")
    producer.page.goto(f"{producer.portal.url}/notifications")
    bell = producer.page.locator(".card").first
    expect(bell).to_contain_text("[Retour] En partie · « Il nous faudrait le code Insee")
    bell.get_by_role("link").click()
    expect(producer.page.locator(".card", has_text=WORDS)).to_contain_text("Camille Martin")

    mails = [
        text
        for mail in (producer.portal.state_dir / "mails").glob("*.txt")
        if WORDS in (text := mail.read_text(encoding="utf-8"))
    ]
    assert any("To: producteur@demo.test" in mail for mail in mails)

    dataset = producer.portal.ids[OUTDATED]
    found = producer.context.request.get(
        f"{producer.portal.url}/api/1/discussions/?for={dataset}&sort=-created"
    ).json()["data"][0]
    assert found["title"].startswith("[Retour] En partie")
    assert found["discussion"][0]["content"] == WORDS
    assert found["user"]["last_name"] == "Martin"


def test_the_link_of_a_comment_leads_to_its_native_discussion(visitor: Come) -> None:
    reader = visitor().goes_to(COMMENTED)
    link = reader.page.get_by_role("link", name=re.compile("Lire la discussion"))
    comment = reader.comments.filter(has=link).first
    words = comment.locator(".cf-words").first.inner_text()[:60]
    comment.get_by_role("link", name=re.compile("Lire la discussion")).click()
    expect(reader.page).to_have_url(re.compile(r"/discussions\?discussion_id=\w{24}$"))
    shown = reader.page.url.rsplit("=", 1)[1]
    thread = reader.page.locator(f"#discussion-{shown}")
    expect(thread).to_contain_text(words)
    expect(thread).to_be_in_viewport()


@pytest.mark.parametrize("somebody", [None, "cnc@demo.test", "moderation@demo.test"])
def test_others_are_not_told_what_waits(visitor: Come, somebody: str | None) -> None:
    reader = visitor(somebody).goes_to(OUTDATED)
    expect(reader.widget).not_to_contain_text("votre réponse")


def test_an_opinion_on_older_data_says_so(visitor: Come) -> None:
    reader = visitor().goes_to(OUTDATED)
    expect(reader.widget).to_contain_text("donnés avant la dernière mise à jour des données")
