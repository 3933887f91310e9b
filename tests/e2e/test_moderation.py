"""A wave of spam in front of a moderator: cleared by keyboard, undone, without a barrier."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from demo.accounts import ADMINISTRATOR, CITIZEN, MODERATOR
from demo.background import RunningPortal

from .hosts.pages import settle_in
from .visitor import COMMENTED, PAGES, Visitor

WAVE = 200

#: How the texts of the wave begin.
OF_THE_WAVE = re.compile("Gagnez de|Crédit imm|Great post|Voyance|Votre colis")

#: For fifty decisions with all that follows, which the demo does within the request.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def wave(mongodb: str, worker_id: str, portal: RunningPortal) -> int:
    """Two hundred texts that wait."""
    subprocess.run(
        [
            *(sys.executable, "-m", "demo.wave"),
            *("--mongodb", mongodb, "--database", f"culture-feedback-e2e-{worker_id}"),
            *("--texts", str(WAVE)),
        ],
        check=True,
        timeout=240,
    )
    return WAVE


@pytest.fixture
def moderator(visitor: Callable[..., Visitor], wave: int) -> Visitor:
    return visitor(MODERATOR.email)


def opens(visitor: Visitor, path: str) -> Page:
    visitor.page.goto(f"{visitor.portal.url}{PAGES}/{path}")
    return visitor.page


def waiting(page: Page) -> int:
    """How many the page says that wait."""
    found = re.search(r"\((\d+)\)", page.locator("#cf-title").inner_text())
    assert found
    return int(found[1])


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def has_focus(page: Page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.dataset.undo")


def goes_by_keyboard_to(page: Page, selector: str, most: int = 600) -> None:
    """Presses Tab until something has the focus."""
    for _ in range(most):
        if page.evaluate("one => document.activeElement.matches(one)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def test_a_wave_of_two_hundred_is_cleared_by_keyboard_and_undone(moderator: Visitor):
    page = opens(moderator, "moderation/?page_size=50")
    assert waiting(page) >= WAVE
    before = waiting(page)
    goes_by_keyboard_to(page, "[data-toggle]")
    press(page, "Space")
    goes_by_keyboard_to(page, "[data-item]")
    for _ in range(WAVE // 50):
        left = waiting(page)
        press(page, "a", "s")
        expect(page.locator("#cf-title")).not_to_contain_text(f"({left})", timeout=PATIENCE)
        expect(page.locator("#cf-done")).to_be_visible()
        if waiting(page):
            expect(page.locator("[data-item]:focus")).to_have_count(1)
    assert waiting(page) == before - WAVE
    for _ in range(WAVE // 50):
        left = waiting(page)
        goes_by_keyboard_to(page, "[data-undo]")
        press(page, "Enter")
        expect(page.locator("#cf-title")).not_to_contain_text(f"({left})", timeout=PATIENCE)
    assert waiting(page) == before


def test_shortcuts_are_off_until_somebody_wants_them(moderator: Visitor):
    page = opens(moderator, "moderation/")
    before = waiting(page)
    expect(page.locator("[data-toggle]")).not_to_be_checked()
    page.locator("[data-check]").first.focus()
    press(page, "p", "s", "a", "u")
    assert page.locator("[data-check]:checked").count() == 0
    assert waiting(page) == before
    page.locator("[data-toggle]").check()
    page.locator("main summary").first.click()
    page.locator("[name=q]").focus()
    press(page, "s", "a", "1")  # somebody types
    assert page.locator("[name=q]").input_value() == "sa1"
    assert page.locator("[data-check]:checked").count() == 0
    page.locator("main summary").first.focus()  # anywhere else: the first text is active
    press(page, "j", "j", "k", "x")
    second = page.locator("[data-item]").nth(1)
    expect(second).to_be_focused()
    expect(second.locator("[data-check]")).to_be_checked()
    assert waiting(page) == before


def test_one_text_is_decided_by_one_key_and_the_next_has_the_focus(moderator: Visitor):
    page = opens(moderator, "moderation/")
    page.locator("[data-toggle]").check()
    page.locator("[data-item]").first.focus()
    first = has_focus(page)
    before = waiting(page)
    press(page, "s")
    expect(page.locator("#cf-title")).to_contain_text(f"({before - 1})")
    expect(page.locator("[data-item]:focus")).to_have_count(1)
    assert has_focus(page) != first
    press(page, "u")
    expect(page.locator("#cf-title")).to_contain_text(f"({before})")


def test_a_text_that_somebody_else_decides_says_so_where_it_stands(
    visitor: Callable[..., Visitor], moderator: Visitor
):
    page = opens(moderator, "moderation/?reason=links")
    page.locator("[data-toggle]").check()
    second = page.locator("[data-item]").nth(1)
    id = second.get_attribute("id")
    other = opens(visitor(ADMINISTRATOR.email), "moderation/?reason=links")
    other.locator(f"#{id} [data-key=s]").click()
    expect(other.locator("#cf-done")).to_be_visible()
    press(page, "j")
    stale = page.locator(f"#{id}")
    expect(stale).to_contain_text("a décidé de ce texte : Spam")
    expect(stale).to_be_focused()
    expect(stale.locator("button, input")).to_have_count(0)
    press(page, "j")
    expect(page.locator("[data-item]:focus")).to_have_count(1)
    other.locator("[data-undo]").first.click()
    expect(other.locator("#cf-done")).to_be_visible()


def test_each_reason_has_a_key(moderator: Visitor):
    page = opens(moderator, "moderation/")
    page.locator("[data-toggle]").check()
    before = waiting(page)
    label = page.locator(".cf-keys div", has=page.get_by_text("1", exact=True)).inner_text()
    press(page, "1")
    expect(page.locator("#cf-done")).to_be_visible()
    assert waiting(page) == before - 1
    expect(page.locator(".cf-gestures li").first).to_contain_text(label.partition("1")[2].strip())
    press(page, "u")
    expect(page.locator("#cf-title")).to_contain_text(f"({before})")


def test_texts_that_say_nearly_the_same_are_cleared_in_four_clicks(moderator: Visitor):
    page = opens(moderator, "moderation/")
    before = waiting(page)
    clicks = Clicks(page)
    clicks.on("a[href*='group=text']")
    clicks.on(".cf-groups a")
    wave = waiting(page)
    assert wave >= WAVE // 5  # the wave has five texts
    clicks.on("input[name=scope][value=filter]")
    clicks.on("button[data-bulk=refuse]")
    expect(page.locator("#cf-done")).to_be_visible(timeout=PATIENCE)
    assert clicks.made == 4
    page.goto(f"{moderator.portal.url}{PAGES}/moderation/")
    assert waiting(page) == before - wave
    page.locator("[data-undo]").click()
    expect(page.locator("#cf-done")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{moderator.portal.url}{PAGES}/moderation/")
    assert waiting(page) == before


def test_the_whole_wave_is_cleared_in_six_clicks_on_the_page(moderator: Visitor):
    page = opens(moderator, "moderation/")
    clears_the_wave(page, page.locator("main"))


def test_and_in_the_panel_of_the_administration(visitor: Callable[..., Visitor], wave: int):
    admin = in_the_administration(visitor)
    clears_the_wave(admin.page, admin.page.locator("culture-feedback-panel"))


def test_keys_act_in_the_panel_while_the_focus_is_in_it(visitor: Callable[..., Visitor], wave: int):
    page = in_the_administration(visitor).page
    panel = page.locator("culture-feedback-panel")
    before = waiting(page)
    panel.locator("[data-toggle]").check()
    expect(panel.locator("[data-item]").first).to_have_attribute("data-active", "")
    page.locator("body").evaluate("document.activeElement.blur()")
    press(page, "x", "s")  # of the host
    expect(panel.locator("[data-check]:checked")).to_have_count(0)
    panel.locator("[data-toggle]").focus()
    press(page, "j", "k")
    author = panel.locator("aside [href*='author=']")
    press(page, "j", "j", "j", "j")
    expect(author).to_have_count(1)
    press(page, "6")
    expect(panel.locator("#cf-title")).to_contain_text(f"({before - 1})", timeout=PATIENCE)
    expect(panel.locator("[data-item]:focus")).to_have_count(1)
    press(page, "u")
    expect(panel.locator("#cf-title")).to_contain_text(f"({before})", timeout=PATIENCE)
    panel.locator("summary", has_text="Filtres").click()
    panel.locator("[name=q]").press_sequentially("as1")
    expect(panel.locator("[name=q]")).to_have_value("as1")
    assert waiting(page) == before


def in_the_administration(visitor: Callable[..., Visitor]) -> Visitor:
    """Where moderators are who administer a portal that has cdata for its front-end."""
    admin = visitor(ADMINISTRATOR.email)
    settle_in(admin, "cdata")
    admin.page.goto(f"{admin.portal.url}/admin/site/moderation")
    expect(admin.page.locator("culture-feedback-panel [data-shortcuts]")).to_be_visible()
    return admin


class Clicks:
    """Clicks somewhere, and counts them."""

    def __init__(self, place: Page | Locator):
        self.place = place
        self.made = 0

    def on(self, selector: str) -> None:
        self.place.locator(selector).first.click()
        self.made += 1


def clears_the_wave(page: Page, place: Locator) -> None:
    """All that is alike but what other people say alike, refused at once; then undone."""
    before, clicks = waiting(page), Clicks(place)
    clicks.on("a[href*='group=text']")
    expect(place.locator("input[name=group]").first).to_be_visible()
    clicks.on("[data-all]")
    others = place.locator(".cf-groups li").filter(has_not_text=OF_THE_WAVE)
    expect(others).to_have_count(1)  # a text that two people have sent to a consultation
    others.locator("input[name=group]").click()
    clicks.made += 1
    expect(place.locator("[data-sum]")).to_have_text(str(WAVE))
    clicks.on("input[name=number]")
    page.keyboard.type(str(WAVE))
    clicks.on("button[data-bulk=refuse]")
    expect(place.locator(".cf-gestures li").first).to_contain_text(str(WAVE), timeout=PATIENCE)
    assert clicks.made <= 6
    place.locator("[data-undo]").click()
    expect(place.locator("#cf-title")).to_contain_text(f"({before})", timeout=PATIENCE)


def test_what_will_remain_is_seen_before_it_is_published(moderator: Visitor):
    page = opens(moderator, "moderation/?reason=email")
    before = waiting(page)
    page.locator("[data-toggle]").check()
    item = page.locator("[data-item]").first
    item.focus()
    press(page, "o")
    remains = item.locator("[data-remains] .cf-words").first
    expect(remains).to_contain_text("[donnée personnelle occultée]")
    email = item.locator("input[name^=found]").first
    assert email.input_value() not in remains.inner_text()
    email.uncheck()
    expect(remains).to_contain_text(email.input_value())
    item.locator("textarea[name^=strings]").fill(email.input_value())
    expect(remains).not_to_contain_text(email.input_value())
    expect(page.locator("#cf-title")).to_contain_text(f"({before})")
    item.focus()
    press(page, "o")
    expect(page.locator("#cf-title")).to_contain_text(f"({before - 1})")
    press(page, "u")
    page.wait_for_url("**done=restore*")
    assert waiting(opens(moderator, "moderation/?reason=email")) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 320])
def test_the_queue_has_no_barrier(
    visitor: Callable[..., Visitor], wave: int, width: int, scheme: str
):
    options: dict[str, Any] = {
        "viewport": {"width": width, "height": 900},
        "color_scheme": scheme,
    }
    one = visitor(MODERATOR.email, **options)
    page = opens(one, "moderation/?page_size=5&reason=email")
    assert one.barriers() == []
    for summary in page.locator("main summary").all():
        summary.click()
    page.locator("[data-toggle]").check()
    assert one.barriers() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("[data-item] button").first.click()
    expect(page.locator("#cf-done")).to_be_visible()
    assert one.barriers() == []
    page.locator("[data-undo]").click()
    expect(page.locator("#cf-done")).to_be_visible()


def test_other_pages_have_no_barrier(visitor: Callable[..., Visitor], wave: int):
    admin = visitor(ADMINISTRATOR.email)
    for path in (
        "moderation/",
        "moderation/team/",
        "moderation/appeals/",
        "charter/",
        "transparency/",
    ):
        opens(admin, path)
        assert admin.barriers() == [], path
    page = opens(admin, "moderation/team/")
    page.get_by_role("textbox").first.fill("nobody@demo.test")
    page.locator("button.cf-primary").click()
    admin.expects("400")
    expect(page.locator("#cf-errors")).to_be_visible()
    assert admin.barriers() == []


def test_the_journal_fits_a_telephone(visitor: Callable[..., Visitor], wave: int):
    one = visitor(MODERATOR.email, viewport={"width": 390, "height": 900})
    page = opens(one, "moderation/?page_size=5&reason=email")
    page.locator("[data-item] button").first.click()
    expect(page.locator("#cf-done")).to_be_visible()
    page = opens(one, "moderation/journal/")
    assert one.barriers() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("tbody form button").first.click()
    expect(page.locator("#cf-done")).to_be_visible()


def test_it_works_without_javascript(visitor: Callable[..., Visitor], wave: int):
    one = visitor(MODERATOR.email, java_script_enabled=False)
    page = opens(one, "moderation/?page_size=5")
    expect(page.locator("[data-shortcuts]")).to_be_hidden()
    before = waiting(page)
    page.locator("[data-key='s']").first.click()
    assert waiting(page) == before - 1
    page.locator("input[name=scope][value=all]").check()
    page.locator("[data-bulk=refuse]").click()
    assert waiting(page) == before - 6
    page.locator("[data-undo]").click()
    page.locator("[data-undo]").click()
    assert waiting(page) == before


def test_a_reader_points_a_comment_out_and_a_moderator_leaves_it(
    visitor: Callable[..., Visitor], moderator: Visitor
):
    reader = visitor(CITIZEN.email)
    reader.goes_to_whole_page(COMMENTED)
    link = reader.page.locator(".cf-comments a[href*='/flag']").first
    link.click()
    assert reader.barriers() == []
    reader.page.locator("input[name=reason][value=off_topic]").check()
    reader.page.locator("button.cf-primary").click()
    expect(reader.status).to_be_visible()
    page = opens(moderator, "moderation/?reason=flag")
    assert waiting(page) == 1
    page.locator("[data-key='p']").first.click()
    expect(page.locator("#cf-title")).to_contain_text("(0)")


def test_personal_data_is_shown_to_its_author_who_decides(
    visitor: Callable[..., Visitor], newcomer: str
):
    one = visitor(newcomer)
    one.goes_to_whole_page(COMMENTED)
    one.answers("En partie")
    one.comments_that("Écrivez-moi à camille@demo.example")
    one.expects("400")
    one.saves()
    box = one.page.locator("input[name=read_again]")
    expect(box).to_be_visible()
    assert "camille@demo.example" in one.page.locator("#cf-errors").inner_text()
    assert one.barriers() == []
    box.check()
    one.saves()
    expect(one.status).to_be_visible()
    assert "camille@demo.example" not in "".join(one.comments.all_inner_texts())
