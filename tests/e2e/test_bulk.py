"""Ten texts answered at once with the keyboard, and what the public sees of it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import expect

from udata_culture_feedback.feedback.pending_answers import DELAY

from .visitor import PAGES, Visitor

Come = Callable[..., Visitor]

LIST = f"{PAGES}/dashboard/organizations/ministere-de-la-culture/inbox/?words=1&lang=en"
ANSWER = "Thank you: the next version of these data takes it into account."


def tabs_until(visitor: Visitor, reached: str) -> None:
    """Goes on with the keyboard until `reached` (JavaScript, of the focused element) holds."""
    for _key in range(200):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate(f"(one => {reached})(document.activeElement)"):
            return
    raise AssertionError(f"{reached} cannot be reached with the keyboard")


def test_ten_texts_are_answered_at_once_by_keyboard_and_everybody_sees_it(visitor: Come) -> None:
    producer = visitor("editrice@demo.test")
    producer.page.goto(producer.portal.url + LIST)
    keyboard = producer.page.keyboard
    boxes = producer.page.locator(".cf-rows input[type=checkbox]")
    assert boxes.count() >= 10
    chosen = []
    for _box in range(10):
        tabs_until(producer, "one.matches('.cf-rows input[type=checkbox]')")
        keyboard.press("Space")
        chosen.append(producer.page.evaluate("document.activeElement.value"))
    assert len(set(chosen)) == 10
    tabs_until(producer, "one.matches('#cf-bulk input[name=status]')")
    planned = "one.value == 'planned'"
    while not producer.page.evaluate(f"(one => {planned})(document.activeElement)"):
        keyboard.press("ArrowDown")
    tabs_until(producer, "one.matches('#cf-bulk textarea[name=answer]')")
    keyboard.type(ANSWER)
    tabs_until(producer, "one.matches('#cf-bulk button[data-send]')")
    keyboard.press("Enter")
    expect(producer.page.locator(".cf-notice-box")).to_contain_text("10 answers leave in")
    assert "words=1" in urlsplit(producer.page.url).query, "back to the same list"
    producer.page.wait_for_timeout(DELAY.total_seconds() * 1000)
    producer.page.reload()
    expect(producer.page.locator(".cf-notice-box")).to_have_count(0)
    public = visitor()
    for feedback in (chosen[0], chosen[-1]):
        said = public.page.request.get(
            f"{public.portal.url}/api/1/culture-feedback/feedback/{feedback}/"
        ).json()
        assert said["treatment"]["status"] == "planned"
        assert said["treatment"]["answer"] == ANSWER
        public.page.goto(f"{said['self_web_url']}".split("#")[0])
        expect(public.page.get_by_text(ANSWER).first).to_be_visible()
