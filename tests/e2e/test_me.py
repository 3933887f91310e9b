"""What each person controls of what they said, in a browser: without an account by the link of a
mail, with one by logging in; without JavaScript, on a phone, without barriers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from .test_accessibility import PHONE, SCROLLS_SIDEWAYS
from .test_without_account import link_of_latest_mail
from .visitor import PAGES, Visitor

#: A dataset that no other test looks at.
ELSEWHERE = "frequentation-des-monuments-nationaux"

Come = Callable[..., Visitor]

TOKEN = re.compile(r"http\S+/me/open\?token=\S+")


def link_of(state_dir: Path, to: str) -> str:
    """The link to what somebody said, in the latest mail that the demo wrote for this address."""
    for mail in sorted((state_dir / "mails").glob("*.txt"), reverse=True):
        text = mail.read_text(encoding="utf-8")
        if f"To: {to}" in text and (found := TOKEN.search(text)):
            return found[0]
    raise AssertionError(f"no link to {to}")


def confirms_an_answer(somebody: Visitor, email: str, words: str) -> None:
    """Takes part by e-mail, as one does without JavaScript."""
    somebody.goes_to_whole_page(ELSEWHERE)
    somebody.place.get_by_role("button", name="En partie", exact=True).click()
    somebody.comments_that(words)
    somebody.page.fill("#cf-email", email)
    somebody.place.locator("form .cf-primary").first.click()
    somebody.page.goto(link_of_latest_mail(somebody.portal.state_dir, email))
    somebody.place.locator("form .cf-primary").click()


def opens_the_link(somebody: Visitor, email: str) -> None:
    somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/")
    somebody.page.fill("#cf-email", email)
    somebody.place.locator("form .cf-primary").click()
    expect(somebody.place.locator("#cf-done")).to_be_visible()
    somebody.page.goto(link_of(somebody.portal.state_dir, email))
    somebody.place.locator("form .cf-primary").click()


def test_without_account_nor_javascript_one_corrects_exports_and_erases(
    visitor: Come, tmp_path: Path
) -> None:
    email = "controle@demo.test"
    somebody = visitor(java_script_enabled=False, accept_downloads=True)
    confirms_an_answer(somebody, email, "Il manque les jardins d'outre-mer.")
    opens_the_link(somebody, email)
    assert somebody.page.url.endswith("/pages/me/")
    mine = somebody.place.locator(".cf-comments > li")
    expect(mine).to_have_count(1)
    expect(mine).to_contain_text("Il manque les jardins d'outre-mer.")

    mine.locator("form button").click()
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value(
        "Il manque les jardins d'outre-mer."
    )
    somebody.comments_that("Il manque les parcs d'outre-mer.")
    somebody.saves()
    somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/")
    expect(mine).to_contain_text("Il manque les parcs d'outre-mer.")

    with somebody.page.expect_download() as downloading:
        somebody.place.locator("a[download]").click()
    file = tmp_path / "file.json"
    downloading.value.save_as(file)
    [feedback] = json.loads(file.read_text(encoding="utf-8"))["feedback"]
    assert feedback["comment"] == "Il manque les parcs d'outre-mer."

    before = total(visitor())
    somebody.place.locator("a[href$='/me/erase']").click()
    somebody.place.locator("form .cf-primary").click()
    expect(somebody.place.locator("#cf-done")).to_be_visible()
    expect(mine).to_have_count(0)
    assert total(visitor()) == before - 1


def test_it_is_not_me_forgets_who_came_by_a_link(visitor: Come) -> None:
    email = "pasmoi@demo.test"
    somebody = visitor(java_script_enabled=False)
    confirms_an_answer(somebody, email, "Utile pour nos visites.")
    opens_the_link(somebody, email)
    assert [c["path"] for c in somebody.context.cookies() if c["name"] == "culture-feedback-me"]
    somebody.place.locator("form[action*='/me/leave'] button").click()
    expect(somebody.place.locator("#cf-email")).to_be_visible()
    assert not [c for c in somebody.context.cookies() if c["name"] == "culture-feedback-me"]
    somebody.page.go_back()
    expect(somebody.place).not_to_contain_text("Utile pour nos visites.")


def test_an_account_erases_one_thing(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to_whole_page(ELSEWHERE)
    before = somebody.total()
    somebody.answers("Non")
    somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/?kind=feedback")
    about = "Fréquentation des monuments nationaux"
    mine = somebody.place.locator(".cf-comments > li", has_text=about)
    mine.locator("a[href*='/me/erase']").click()
    somebody.place.locator("form .cf-primary").click()
    expect(somebody.place.locator("#cf-done")).to_be_focused()
    assert total(somebody) == before


def test_nothing_bars_anybody_there(visitor: Come, newcomer: str) -> None:
    found: dict[str, object] = {}

    def looks(somebody: Visitor, name: str) -> None:
        found[name] = somebody.barriers()
        found[f"{name}, sideways"] = somebody.page.evaluate(SCROLLS_SIDEWAYS)

    for screen, scheme in (({}, "light"), (PHONE, "dark")):
        email = f"barrieres.{scheme}@demo.test"
        somebody = visitor(color_scheme=scheme, **screen)
        somebody.expects("400")
        somebody.expects("410")
        somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/")
        looks(somebody, f"{scheme}: nobody")
        somebody.page.evaluate("document.querySelector('form').noValidate = true")
        somebody.page.fill("#cf-email", "x")
        somebody.place.locator("form .cf-primary").click()
        expect(somebody.place.locator("#cf-errors")).to_be_focused()
        looks(somebody, f"{scheme}: a wrong address")
        by_mail = visitor(java_script_enabled=False)
        confirms_an_answer(by_mail, email, "Il manque les jardins d'outre-mer.")
        somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/")
        somebody.page.fill("#cf-email", email)
        somebody.place.locator("form .cf-primary").click()
        expect(somebody.place.locator("#cf-done")).to_be_focused()
        looks(somebody, f"{scheme}: sent")
        link = link_of(somebody.portal.state_dir, email)
        somebody.page.goto(link)
        looks(somebody, f"{scheme}: the link")
        somebody.place.locator("form .cf-primary").click()
        expect(somebody.place.locator(".cf-comments > li")).to_have_count(1)
        looks(somebody, f"{scheme}: what was said")
        somebody.place.locator("a[href*='erase?kind=']").first.click()
        looks(somebody, f"{scheme}: erasing one thing")
        somebody.page.goto(f"{somebody.portal.url}{PAGES}/me/erase")
        looks(somebody, f"{scheme}: erasing everything")
        somebody.place.locator("form .cf-primary").click()
        expect(somebody.place.locator("#cf-done")).to_be_focused()
        looks(somebody, f"{scheme}: erased")
        somebody.page.goto(link)
        looks(somebody, f"{scheme}: a link that was used")

    asker = visitor("citoyenne@demo.test", **PHONE)
    asker.page.goto(f"{asker.portal.url}{PAGES}/me/")
    looks(asker, "an account with much")
    asker.place.locator("a[href*='/me/requests/']").first.click()
    looks(asker, "correcting a request")
    assert found == {name: False if name.endswith("sideways") else [] for name in found}


def total(somebody: Visitor) -> int:
    """How many have answered about the dataset."""
    return somebody.goes_to_whole_page(ELSEWHERE).total()
