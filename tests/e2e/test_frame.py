"""The widget in a frame, on a site that accepts nothing else, and by remote ids."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from .visitor import COMMENTED, Visitor

Come = Callable[..., Visitor]

DOCUMENTED = Path(__file__).parents[2] / "docs" / "embedding.md"


def snippet(dataset: str) -> str:
    """What docs/embedding.md tells sites to paste."""
    found = re.search(r"```html\n(<iframe.*?)```", DOCUMENTED.read_text(), flags=re.S)
    assert found
    return found[1].replace("https://UDATA", "").replace("ID OR SLUG", dataset)


def test_a_frame_is_as_high_as_what_it_shows(visitor: Come) -> None:
    somebody = visitor()
    portal = somebody.portal
    body = f"<!doctype html><title>Site</title><main>{snippet(portal.ids[COMMENTED])}</main>"
    somebody.page.route("**/a-site", lambda it: it.fulfill(body=body, content_type="text/html"))
    somebody.page.goto(f"{portal.url}/a-site")
    frame = somebody.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    fits = """iframe => {
      const shown = iframe.contentDocument.querySelector('main').getBoundingClientRect().height
      return Math.abs(iframe.getBoundingClientRect().height - shown) < 20
    }"""
    iframe = somebody.page.locator("iframe")
    somebody.page.wait_for_function(f"({fits})(document.querySelector('iframe'))")
    before = iframe.evaluate("it => it.getBoundingClientRect().height")
    frame.get_by_text(re.compile("See the table|Voir le tableau")).last.click()
    somebody.page.wait_for_function(
        "before => document.querySelector('iframe').getBoundingClientRect().height > before",
        arg=before,
    )
    assert frame.locator("base").get_attribute("target") == "_blank"


def test_an_element_names_its_dataset_as_its_own_portal_does(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    text = somebody.widget.locator("h2").first.inner_text()
    somebody.page.evaluate(
        """remote => {
          const element = document.createElement('culture-feedback')
          element.id = 'second'
          element.setAttribute('remote-id', remote)
          document.querySelector('main').prepend(element)
        }""",
        COMMENTED,
    )
    expect(somebody.page.locator("#second").locator("h2").first).to_have_text(text)
