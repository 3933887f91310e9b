"""The element on somebody else's page: how it loads, what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .visitor import COMMENTED, EMPTY, OUTDATED, Visitor

Come = Callable[..., Visitor]


def fragments(somebody: Visitor) -> list[str]:
    return [request for request in somebody.requests if "as=fragment" in request]


def test_a_page_loads_the_widget_in_two_requests(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    ours = [request for request in somebody.requests if "/culture-feedback/" in request]
    first, rest = ours[:2], {request.rpartition("/")[2] for request in ours[2:]}
    assert ["embed.js" in each or "as=fragment" in each for each in first] == [True, True]
    assert rest <= {"tokens.css", "widget.css"}, "how the figures below the question look"
    assert len(fragments(somebody)) == 1


def test_it_is_loaded_once_however_it_is_put_there(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    somebody.requests.clear()
    somebody.page.evaluate(
        """dataset => {
          const element = document.createElement('culture-feedback')
          element.id = 'second'
          element.setAttribute('dataset-id', 'something-else')
          document.querySelector('main').append(element)
          element.setAttribute('dataset-id', dataset)
          element.setAttribute('lang', 'en')
          element.setAttribute('heading-level', '3')
          document.body.prepend(element)
        }""",
        somebody.portal.ids[EMPTY],
    )
    second = somebody.page.locator("#second")
    expect(second.locator("h3#cf-title")).to_have_text("Your feedback on these data")
    somebody.page.evaluate("document.querySelector('main').append(document.all.second)")
    expect(second.locator("h3#cf-title")).to_be_visible()
    assert len(fragments(somebody)) == 1


def test_it_follows_its_attributes(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)

    def change(name: str, value: str) -> None:
        somebody.widget.evaluate(
            "(it, [name, value]) => it.setAttribute(name, value)", [name, value]
        )

    change("dataset-id", somebody.portal.ids[EMPTY])
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")
    change("lang", "en")
    expect(somebody.widget).to_contain_text("Nobody has given an opinion on these data yet.")
    for level in range(1, 7):
        change("heading-level", str(level))
        expect(somebody.widget.locator(f"h{level}#cf-title")).to_be_visible()
        expect(somebody.widget.locator(f"h{min(level + 1, 6)}#cf-summary")).to_be_visible()


def test_what_is_asked_last_is_shown(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    somebody.page.evaluate(
        """async datasets => {
          const element = document.querySelector('culture-feedback')
          for (const dataset of datasets) {
            element.setAttribute('dataset-id', dataset)
            await new Promise((done) => setTimeout(done))
          }
        }""",
        [somebody.portal.ids[OUTDATED], somebody.portal.ids[COMMENTED], somebody.portal.ids[EMPTY]],
    )
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")
    somebody.page.wait_for_load_state("networkidle")
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")


@pytest.mark.parametrize("dataset", ["000000000000000000000000", "../../../../datasets"])
def test_the_link_of_the_host_stays_where_there_is_nothing(visitor: Come, dataset: str) -> None:
    somebody = visitor().goes_to(COMMENTED)
    somebody.expects("404")
    with somebody.page.expect_response(lambda response: response.status == 404):
        somebody.widget.evaluate("(it, id) => it.setAttribute('dataset-id', id)", dataset)
    link = somebody.page.get_by_role("link", name="Donner mon avis sur ces données")
    expect(link).to_be_visible()
    expect(somebody.widget.locator("#cf-title")).to_have_count(0)


def test_the_link_of_the_host_stays_without_a_network(visitor: Come) -> None:
    somebody = visitor().goes_to(COMMENTED)
    somebody.expects("ERR_INTERNET_DISCONNECTED")
    somebody.context.set_offline(True)
    somebody.widget.evaluate(
        "(it, id) => it.setAttribute('dataset-id', id)", somebody.portal.ids[EMPTY]
    )
    link = somebody.page.get_by_role("link", name="Donner mon avis sur ces données")
    expect(link).to_be_visible()


def test_reading_sends_no_header_that_would_need_leave(visitor: Come) -> None:
    """A page of another origin would otherwise ask first (a preflight)."""
    somebody = visitor()
    with somebody.page.expect_request(lambda request: "as=fragment" in request.url) as asked:
        somebody.goes_to(COMMENTED)
    assert "x-culture-feedback" not in asked.value.all_headers()
    assert asked.value.all_headers()["accept"] == "*/*"


def test_another_site_shows_it_as_to_somebody_unknown(visitor: Come, newcomer: str) -> None:
    """127.0.0.1 is not localhost to a browser: another origin, which the portal does not trust."""
    somebody = visitor(newcomer)
    somebody.expects("404")  # of the only page there that has nothing of ours
    somebody.page.goto(f"{somebody.portal.url.replace('localhost', '127.0.0.1')}/nothing")
    dataset = somebody.portal.ids[COMMENTED]
    somebody.page.set_content(
        f'<html lang="fr"><h1>Un blog</h1><culture-feedback dataset-id="{dataset}">'
        f'</culture-feedback><script type="module" '
        f'src="{somebody.portal.url}/api/1/culture-feedback/embed.js"></script>'
    )
    expect(somebody.widget.locator("[data-login]")).to_be_visible()
    before = somebody.total()
    somebody.answers("Oui")  # under a proof of work
    assert somebody.total() == before + 1


def test_it_is_shown_anew_after_logging_in_elsewhere(visitor: Come, newcomer: str) -> None:
    somebody = visitor().goes_to(COMMENTED)
    expect(somebody.widget.locator("[data-login]")).to_be_visible()
    somebody.has_logged_in(newcomer)
    somebody.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(somebody.widget.locator("[data-login]")).to_have_count(0)
    expect(somebody.place.get_by_role("button", name="En partie")).to_be_visible()

    somebody.answers("Oui")
    somebody.comments_that("Encore en train d’écrire.")
    somebody.loses_the_session()
    somebody.requests.clear()
    somebody.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    comment = somebody.place.get_by_label("Que manque-t-il")
    expect(comment).to_have_value("Encore en train d’écrire.")
    assert fragments(somebody) == []


def test_turning_the_pages_of_comments_keeps_the_rest_as_it_is(
    visitor: Come, newcomer: str
) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.answers("Oui")
    somebody.comments_that("Une phrase commencée")
    first = somebody.comments.first.inner_text()
    somebody.place.get_by_role("link", name="Page suivante").click()
    expect(somebody.comments.first).not_to_have_text(first)
    assert somebody.focused() == "h3 Commentaires"
    somebody.place.get_by_role("link", name="Page précédente").click()
    # What comes first may begin alike on both pages.
    expect(somebody.place.get_by_role("link", name="Page précédente")).to_have_count(0)
    expect(somebody.comments.first).to_contain_text(first.split("\n")[0])
    assert somebody.focused() == "h3 Commentaires"
    expect(somebody.place.get_by_label("Que manque-t-il")).to_have_value("Une phrase commencée")


def test_a_host_hears_that_something_changed(visitor: Come, newcomer: str) -> None:
    somebody = visitor(newcomer).goes_to(COMMENTED)
    somebody.page.evaluate(
        "document.addEventListener('culture-feedback-change', () => { document.title = 'changed' })"
    )
    somebody.answers("Oui")
    expect(somebody.page).to_have_title("changed")
