"""The loader in front-ends that know nothing of it: one element, mounted once, and not a word in
the console, whatever the front-end does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Response, Route, expect
from pymongo import MongoClient

from udata_culture_feedback.web.embed.assets import STATIC

from .hosts.pages import settle_in
from .visitor import COMMENTED, EMPTY, OUTDATED, PAGES, Visitor

Come = Callable[..., Visitor]

FLAVOURS = ("cdata", "front-kit")
#: The one of the element, and that it is the same that was marked before.
MARK = "it => { it.marked = true }"
IS_MARKED = "it => it.marked === true"


@pytest.fixture
def arrive(visitor: Come) -> Callable[..., Visitor]:
    """`arrive("cdata", "/datasets/…")`: somebody on a page of such a front-end."""

    def come(flavour: str, path: str, *, email: str | None = None, script: str = "") -> Visitor:
        somebody = visitor(email)
        settle_in(somebody, flavour, script)
        somebody.page.goto(somebody.portal.url + path.format(**of(somebody)))
        return somebody

    return come


def of(somebody: Visitor) -> dict[str, str]:
    return {"one": somebody.portal.slugs[COMMENTED], "two": somebody.portal.slugs[EMPTY]}


def go(somebody: Visitor, path: str) -> None:
    """By the links of the front-end itself."""
    somebody.page.locator(f'[data-go="{path.format(**of(somebody))}"]').click()


def fragments(somebody: Visitor) -> list[str]:
    return [one for one in somebody.requests if "as=fragment" in one and "pages/datasets" in one]


def shown(somebody: Visitor) -> None:
    somebody.widget.evaluate("it => it.scrollIntoView()")
    expect(somebody.widget.locator("#cf-title")).to_be_visible()


# --- The section of a dataset ---------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_there_once_after_a_cold_load(arrive: Callable[..., Visitor], flavour: str) -> None:
    somebody = arrive(flavour, "/datasets/{one}")
    expect(somebody.widget).to_have_count(1)
    shown(somebody)
    assert len(fragments(somebody)) == 1
    if flavour == "cdata":
        where = "it => it.nextElementSibling.matches('footer[role=contentinfo]')"
    else:
        where = "it => it.parentElement.matches('main') && !it.nextElementSibling"
    assert somebody.widget.evaluate(where)


def test_it_waits_for_a_late_hydration(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}?wait")
    somebody.page.wait_for_load_state("networkidle")
    expect(somebody.widget).to_have_count(0)
    somebody.page.evaluate("window.hydrate()")
    expect(somebody.widget).to_have_count(1)
    shown(somebody)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_is_the_same_element_through_every_navigation(
    arrive: Callable[..., Visitor], flavour: str
) -> None:
    somebody = arrive(flavour, "/datasets/{one}")
    shown(somebody)
    somebody.widget.evaluate(MARK)

    go(somebody, "/datasets/search")
    expect(somebody.widget).to_be_hidden()
    expect(somebody.widget).to_have_count(1)
    go(somebody, "/datasets/{one}")
    expect(somebody.widget).to_be_visible()
    assert len(fragments(somebody)) <= 2  # perhaps somebody has logged in meanwhile
    go(somebody, "/datasets/{two}")
    expect(somebody.widget).to_have_attribute("dataset-id", of(somebody)["two"])
    shown(somebody)
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")
    somebody.page.go_back()
    expect(somebody.widget).to_have_attribute("dataset-id", of(somebody)["one"])
    somebody.page.go_forward()
    expect(somebody.widget).to_have_attribute("dataset-id", of(somebody)["two"])
    go(somebody, "/posts")
    expect(somebody.widget).to_be_hidden()
    go(somebody, "/datasets/{one}")
    expect(somebody.widget).to_be_visible()

    expect(somebody.widget).to_have_count(1)
    assert somebody.widget.evaluate(IS_MARKED)


def test_turning_the_tabs_asks_for_nothing_again(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}")
    shown(somebody)
    somebody.requests.clear()
    for tab in ("Discussions", "Informations", "Fichiers"):
        link = somebody.page.locator(".bar a", has_text=tab)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")
        expect(somebody.widget).to_be_visible()
    expect(somebody.widget).to_have_count(1)
    assert fragments(somebody) == []


def test_it_comes_back_from_the_administration(arrive: Callable[..., Visitor]) -> None:
    """Whose layout has neither its footer nor its place."""
    somebody = arrive("cdata", "/datasets/{one}", email="producteur@demo.test")
    shown(somebody)
    somebody.widget.evaluate(MARK)
    go(somebody, "/admin/me/datasets")
    expect(somebody.widget).to_have_count(0)
    go(somebody, "/datasets/{one}")
    shown(somebody)
    expect(somebody.widget).to_have_count(1)
    assert somebody.widget.evaluate(IS_MARKED)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_knows_that_somebody_has_logged_in_and_out(
    arrive: Callable[..., Visitor], newcomer: str, flavour: str
) -> None:
    somebody = arrive(flavour, "/datasets/{one}")
    shown(somebody)
    expect(somebody.widget.locator("[data-login]")).to_be_visible()
    go(somebody, "/login")
    expect(somebody.widget).to_be_hidden()
    somebody.has_logged_in(newcomer)
    go(somebody, "/datasets/{one}")
    shown(somebody)
    expect(somebody.widget.locator("[data-login]")).to_have_count(0)
    go(somebody, "/login")
    somebody.loses_the_session()
    go(somebody, "/datasets/{one}")
    shown(somebody)
    expect(somebody.widget.locator("[data-login]")).to_be_visible()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_dataset_that_does_not_exist_shows_nothing(
    arrive: Callable[..., Visitor], flavour: str
) -> None:
    somebody = arrive(flavour, "/datasets/unknown")
    expect(somebody.page.locator("h1")).to_have_text("Page introuvable")
    somebody.page.wait_for_load_state("networkidle")
    expect(somebody.widget).to_have_count(0)
    assert fragments(somebody) == []
    go(somebody, "/datasets/{one}")
    shown(somebody)


@pytest.mark.parametrize("path", ["/posts", "/datasets/search", "/login"])
def test_a_page_without_placement_is_left_alone(arrive: Callable[..., Visitor], path: str) -> None:
    somebody = arrive("cdata", path)
    somebody.page.wait_for_load_state("networkidle")
    ours = [one for one in somebody.requests if "culture-feedback" in one]
    assert [one.rpartition("/")[2] for one in ours] == ["embed.js"]
    expect(somebody.page.locator("culture-feedback, culture-feedback-panel")).to_have_count(0)


def test_a_front_end_that_places_it_itself_switches_this_off(
    arrive: Callable[..., Visitor],
) -> None:
    somebody = arrive("cdata", "/datasets/{one}", script="data-manual")
    somebody.page.wait_for_load_state("networkidle")
    expect(somebody.widget).to_have_count(0)
    expect(somebody.page.locator(".bar h2")).to_have_count(3)


def test_an_element_of_the_front_end_is_enough(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}?wait")
    somebody.page.evaluate(
        """dataset => {
          const element = document.createElement('culture-feedback')
          element.setAttribute('dataset-id', dataset)
          document.body.append(element)
          element.scrollIntoView()
          window.useNuxtApp().isHydrating = false
        }""",
        of(somebody)["one"],
    )
    expect(somebody.page.locator("[data-culture-feedback] a")).to_be_visible()
    expect(somebody.widget).to_have_count(1)


def test_nothing_is_fetched_far_from_what_is_seen(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}")
    expect(somebody.page.locator("[data-culture-feedback] a")).to_contain_text("(")
    assert fragments(somebody) == []
    shown(somebody)
    assert len(fragments(somebody)) == 1


def test_nothing_moves_above_the_fold(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}?wait")
    somebody.page.evaluate(
        """() => {
          window.shifts = 0
          new PerformanceObserver((list) => {
            for (const shift of list.getEntries()) window.shifts += shift.value
          }).observe({ type: 'layout-shift', buffered: true })
        }"""
    )
    before = somebody.page.evaluate("window.shifts")
    somebody.page.evaluate("window.hydrate()")
    expect(somebody.page.locator("[data-culture-feedback] a")).to_contain_text("(")
    assert somebody.page.evaluate("window.shifts") - before == 0


# --- What is beside it ----------------------------------------------------------------------------


def test_a_link_among_the_tabs_says_how_many_have_answered(
    arrive: Callable[..., Visitor], newcomer: str
) -> None:
    somebody = arrive("cdata", "/datasets/{one}", email=newcomer)
    tab = somebody.page.locator("[data-culture-feedback] a")
    expect(tab).to_contain_text("Avis (")
    shown(somebody)
    total = somebody.total()
    expect(tab).to_have_text(f"Avis ({total})")
    expect(tab).to_have_attribute("aria-label", f"Avis ({total} avis)")
    assert tab.evaluate("it => it.parentElement.localName") == "h2"

    somebody.answers("Oui")
    expect(tab).to_have_text(f"Avis ({total + 1})")

    somebody.page.locator(".bar a", has_text="Discussions").click()
    expect(somebody.page.locator("[data-culture-feedback]")).to_have_count(1)
    tab.click()
    assert somebody.focused().startswith("h2 ")
    assert "#" not in somebody.page.url
    go(somebody, "/datasets/{two}")
    expect(tab).to_have_text("Avis (0)")
    expect(somebody.page.locator("[data-culture-feedback]")).to_have_count(1)


def test_the_link_brings_to_what_was_not_fetched_yet(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}")
    somebody.page.locator("[data-culture-feedback] a").click()
    expect(somebody.widget.locator("#cf-title")).to_be_focused()
    expect(somebody.widget.locator("#cf-title")).to_be_in_viewport()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_question_is_about_the_file_that_was_downloaded(
    arrive: Callable[..., Visitor], flavour: str
) -> None:
    somebody = arrive(flavour, "/datasets/{one}")
    shown(somebody)
    expect(somebody.widget.locator("legend")).to_have_text(
        "Ces données répondent-elles à votre besoin ?"
    )
    somebody.page.wait_for_load_state("networkidle")
    with somebody.page.expect_download():
        somebody.page.get_by_role("link", name="Télécharger").click()
    legend = somebody.widget.locator("[data-downloaded]")
    expect(legend).to_contain_text("musees-2026.csv")
    go(somebody, "/datasets/{two}")
    shown(somebody)
    expect(legend).not_to_contain_text("musees-2026.csv")


# --- Other placements -----------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_data_are_asked_for_on_the_page_of_an_organization(
    arrive: Callable[..., Visitor], flavour: str
) -> None:
    somebody = arrive(flavour, "/organizations/ministere-de-la-culture")
    panel = somebody.page.locator("culture-feedback-panel")
    expect(panel).to_have_count(1)
    panel.evaluate("it => it.scrollIntoView()")
    panel.get_by_role("link", name="Demander des données").click()
    expect(panel.locator("#cf-ask-form")).to_be_visible()
    chosen = panel.get_by_role("radio", name="Ministère de la Culture", exact=False)
    expect(chosen.first).to_be_checked()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_a_search_has_not_found_can_be_asked_for(
    arrive: Callable[..., Visitor], flavour: str
) -> None:
    somebody = arrive(flavour, "/datasets/search?q=rien")
    panel = somebody.page.locator(".search-results culture-feedback-panel")
    # The page has asked already: the panel does so once, about what was looked for.
    expect(panel.locator("#cf-title")).to_contain_text("rien")
    expect(panel).not_to_contain_text("Des données manquent")
    panel.get_by_role("link", name="Demander des données").click()
    expect(panel.get_by_label("Titre", exact=False).first).to_have_value("rien")


def test_a_list_says_how_many_have_answered_in_one_request(
    arrive: Callable[..., Visitor],
) -> None:
    somebody = arrive("cdata", "/datasets/search", script='data-counts="on"')
    expect(somebody.page.locator("[data-culture-feedback-count]")).to_have_count(1)
    asked = [one for one in somebody.requests if "/summaries/" in one]
    assert len(asked) == 1
    assert asked[0].count("dataset=") == 2


def test_a_placement_is_switched_off_by_an_attribute(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}", script='data-tab="off"')
    shown(somebody)
    expect(somebody.page.locator("[data-culture-feedback]")).to_have_count(0)


def test_after_logging_in_one_is_on_the_page_of_ours_that_asked_for_it(
    arrive: Callable[..., Visitor],
) -> None:
    """cdata navigates inside itself, where our pages do not exist."""
    somebody = arrive("cdata", f"/login?next={PAGES}/me/")
    somebody.page.wait_for_function("() => !useNuxtApp().isHydrating")
    somebody.page.wait_for_load_state("networkidle")
    somebody.page.locator("#enter").click()
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Mes contributions")
    assert somebody.page.url.endswith(f"{PAGES}/me/")


def test_after_logging_in_one_is_on_the_pretty_page_of_ours(
    arrive: Callable[..., Visitor],
) -> None:
    """As `CULTURE_FEEDBACK_PAGES_URL` has it; the edge leads it to us."""
    somebody = arrive("cdata", "/posts")
    pretty = f"{somebody.portal.url}/voix/"

    def changed(route: Route) -> None:
        answer = route.fetch()
        body = answer.text().replace('"pages":null', f'"pages":"{pretty}"', 1)
        route.fulfill(response=answer, body=body)

    def edge(route: Route) -> None:
        if route.request.is_navigation_request():
            route.fulfill(body="<h1>Mes contributions</h1>", content_type="text/html")
        else:
            route.fallback()

    somebody.context.route("**/embed.js", changed)
    somebody.context.route(re.compile("//[^/]+/voix/"), edge)
    somebody.page.goto(f"{somebody.portal.url}/login?next=/voix/me/")
    somebody.page.wait_for_function("() => !useNuxtApp().isHydrating")
    somebody.page.wait_for_load_state("networkidle")
    somebody.page.locator("#enter").click()
    expect(somebody.page.get_by_role("heading", level=1)).to_have_text("Mes contributions")


def test_a_host_says_where_one_logs_in(visitor: Come) -> None:
    """udata-front-kit logs in by itself: the page of udata would know nothing of its token."""
    somebody = visitor()
    settle_in(somebody, "front-kit")
    somebody.page.add_init_script("window.cultureFeedback = { login: '/connexion?by=oauth' }")
    path = f"/datasets/{of(somebody)['one']}"
    somebody.page.goto(somebody.portal.url + path)
    shown(somebody)
    link = somebody.widget.locator("[data-login]").first
    address = link.evaluate("it => it.href").removeprefix(somebody.portal.url)
    assert unquote(address) == f"/connexion?by=oauth&next={path}#culture-feedback"


def test_what_is_about_another_dataset_is_dimmed_until_the_new_one_is_there(
    arrive: Callable[..., Visitor],
) -> None:
    somebody = arrive("front-kit", "/datasets/{one}#culture-feedback")
    shown(somebody)
    held: list[Route] = []
    somebody.page.route(re.compile("pages/datasets/.*as=fragment"), lambda one: held.append(one))
    go(somebody, "/datasets/{two}")
    expect(somebody.widget.locator("[aria-busy]").first).to_have_css("opacity", "0.7")
    somebody.widget.evaluate("it => it.scrollIntoView()")
    while not held:
        somebody.page.wait_for_timeout(50)
    held[0].continue_()
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")
    expect(somebody.widget.locator("[aria-busy]")).to_have_count(0)


def test_the_next_dataset_is_asked_for_while_the_page_of_the_last_one_stands(
    arrive: Callable[..., Visitor],
) -> None:
    """As in cdata, which shows the page that is left until the next one has its data."""
    somebody = arrive("cdata", "/datasets/{one}#culture-feedback")
    shown(somebody)
    somebody.page.evaluate("window.held = true")
    slug = of(somebody)["two"]
    with somebody.page.expect_response(re.compile(f"pages/datasets/{slug}/.*as=fragment")):
        # By a link of the page, without going up to it.
        somebody.page.locator(f'[data-go="/datasets/{slug}"]').evaluate("it => it.click()")
        expect(somebody.widget).to_be_visible()
    expect(somebody.page.locator("h1")).to_have_text(of(somebody)["one"])
    expect(somebody.widget).to_contain_text("Personne n’a encore donné son avis")
    somebody.page.evaluate("window.held = false; window.release()")
    expect(somebody.page.locator("h1")).to_have_text(slug)
    expect(somebody.widget).to_be_visible()
    assert sum(slug in one for one in fragments(somebody)) == 1


def test_what_is_about_the_last_dataset_goes_with_its_page(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/datasets/{one}#culture-feedback")
    shown(somebody)
    somebody.page.evaluate("window.held = true")
    go(somebody, "/datasets/unknown")
    expect(somebody.widget.locator("[aria-busy]").first).to_have_css("opacity", "0.7")
    somebody.page.evaluate("window.release()")
    expect(somebody.widget).to_be_hidden()
    somebody.expects("404")


@pytest.mark.parametrize("width", [700, 1100, 1280, 1600])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_begins_where_the_page_around_begins(
    arrive: Callable[..., Visitor], flavour: str, width: int
) -> None:
    somebody = arrive(flavour, "/datasets/{one}")
    somebody.page.set_viewport_size({"width": width, "height": 900})
    shown(somebody)
    left = "it => Math.round(it.getBoundingClientRect().left)"
    title = somebody.widget.locator("#cf-title")
    assert title.evaluate(left) == somebody.page.locator("h1").evaluate(left)


def test_a_producer_finds_their_dashboard_in_the_administration(
    arrive: Callable[..., Visitor],
) -> None:
    email = "producteur@demo.test"
    somebody = arrive(
        "cdata", "/admin/organizations/ministere-de-la-culture/discussions", email=email
    )
    panel = somebody.page.locator("culture-feedback-panel")
    expect(panel.locator("#cf-dashboard")).to_be_visible()
    expect(panel.locator("#cf-dashboard")).to_be_in_viewport()  # not below the table
    panel.get_by_role("link", name="Jeux de données", exact=True).click()
    expect(panel.locator("table").first).to_be_visible()
    go(somebody, "/datasets/{one}")
    expect(panel).to_have_count(0)
    shown(somebody)
    go(somebody, "/admin/me/datasets")
    expect(panel.locator("#cf-dashboard")).to_be_visible()
    expect(panel).to_have_count(1)


def test_a_producer_finds_what_waits_about_one_dataset(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/admin/datasets/{one}/discussions", email="producteur@demo.test")
    panel = somebody.page.locator("culture-feedback-panel")
    expect(panel.locator("#cf-dashboard")).to_be_visible()


def test_moderators_find_what_waits_in_the_administration(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("cdata", "/admin/site/moderation", email="admin@demo.test")
    panel = somebody.page.locator("culture-feedback-panel")
    expect(panel.locator("#cf-title")).to_contain_text("En attente")
    expect(panel.locator("#cf-title")).to_be_in_viewport()


# --- Who is using it ------------------------------------------------------------------------------


def elsewhere(somebody: Visitor) -> None:
    """A site that the portal does not trust: 127.0.0.1 is not localhost to a browser."""
    somebody.expects("404")  # of the only page there that has nothing of ours
    somebody.page.goto(f"{somebody.portal.url.replace('localhost', '127.0.0.1')}/nothing")
    somebody.page.set_content(
        '<html lang="fr"><h1>Un portail</h1><culture-feedback dataset-id='
        f'"{of(somebody)["one"]}"></culture-feedback><script type="module" '
        f'src="{somebody.portal.url}/api/1/culture-feedback/embed.js"></script>'
    )
    expect(somebody.widget.locator("#cf-title")).to_be_visible()


def test_a_site_that_is_not_trusted_does_not_know_who_visits_it(visitor: Come) -> None:
    somebody = visitor("citoyenne@demo.test")
    with somebody.page.expect_request(lambda one: "as=fragment" in one.url) as asked:
        elsewhere(somebody)
    assert "cookie" not in asked.value.all_headers()
    expect(somebody.widget.locator("[data-login]")).to_be_visible()
    read = somebody.page.evaluate(
        """address => fetch(address, { credentials: 'include', method: 'POST',
          headers: { 'X-Culture-Feedback': 'form' } }).then(() => 'read', () => 'refused')""",
        f"{somebody.portal.url}{PAGES}/datasets/{of(somebody)['one']}/",
    )
    assert read == "refused"
    somebody.said = [one for one in somebody.said if "CORS policy" not in one]
    somebody.expects("ERR_FAILED")


def test_a_host_with_tokens_of_its_own_is_trusted_by_them(
    visitor: Come, newcomer: str, mongodb: str, worker_id: str
) -> None:
    """As udata-front-kit, which logs in with OAuth: also where no cookie would be accepted."""
    somebody = visitor()
    database = MongoClient(mongodb)[f"culture-feedback-e2e-{worker_id}"]
    user = database.user.find_one({"email": newcomer})
    assert user
    client = database.oauth2_client.insert_one({"name": "Un portail", "owner": user["_id"]})
    token = newcomer.replace("@", ".")
    database.oauth2_token.insert_one(
        {
            "client": client.inserted_id,
            "user": user["_id"],
            "access_token": token,
            "refresh_token": f"{token}.again",
            "token_type": "Bearer",
            "scope": "default",
            "created_at": datetime.now(UTC),
            "expires_in": 3600,
            "revoked": False,
        }
    )
    hook = "window.cultureFeedback = { getToken: async () => 'TOKEN' }".replace("TOKEN", token)
    somebody.page.add_init_script(hook)
    with somebody.page.expect_request(lambda one: "as=fragment" in one.url) as asked:
        elsewhere(somebody)
    assert asked.value.all_headers()["authorization"].startswith("Bearer ")
    assert "cookie" not in asked.value.all_headers()
    expect(somebody.widget.locator("[data-login]")).to_have_count(0)
    before = somebody.total()
    somebody.answers("Oui")
    assert somebody.total() == before + 1


def test_a_token_that_has_ended_leaves_a_visitor(visitor: Come) -> None:
    somebody = visitor()
    somebody.page.add_init_script("window.cultureFeedback = { getToken: async () => 'ended' }")
    elsewhere(somebody)
    expect(somebody.widget.locator("[data-login]")).to_be_visible()


# --- What is fetched, and when --------------------------------------------------------------------


DOCUMENTED = Path(__file__).parents[2] / "docs" / "embedding.md"


def documented_tag(somebody: Visitor) -> str:
    """What docs/embedding.md tells who makes the pages of datasets to write."""
    found = re.search(r"```html\n(<script[^`]*<link [^`]*)```", DOCUMENTED.read_text("utf-8"))
    assert found
    return found[1].replace("ID OR SLUG", of(somebody)["one"])


def test_a_hint_has_the_fragment_fetched_once_beside_the_script(visitor: Come) -> None:
    somebody = visitor()
    tag = documented_tag(somebody)
    settle_in(somebody, "", page=f'<!doctype html><html lang="fr"><title>Site</title>{tag}</html>')
    somebody.page.goto(f"{somebody.portal.url}/a-page")
    expect(somebody.widget.get_by_role("button", name="Oui")).to_be_visible()
    assert len(fragments(somebody)) == 1
    timing = "address => performance.getEntriesByName(address)[0].initiatorType"
    address = fragments(somebody)[0].removeprefix("GET ")
    assert somebody.page.evaluate(timing, address) == "link"


def test_what_a_hint_has_fetched_is_not_shown_to_who_is_known(visitor: Come) -> None:
    """It was fetched for nobody in particular, and this tab has sent something before."""
    somebody = visitor()
    somebody.page.add_init_script("sessionStorage.setItem('culture-feedback:token', 'it 0')")
    tag = documented_tag(somebody)
    settle_in(somebody, "", page=f'<!doctype html><html lang="fr"><title>Site</title>{tag}</html>')
    with somebody.page.expect_request(lambda one: one.url.endswith("&own")) as asked:
        somebody.page.goto(f"{somebody.portal.url}/a-page")
    assert asked.value.headers["x-culture-feedback-token"] == "it"
    expect(somebody.widget.get_by_role("button", name="Oui")).to_be_visible()


def test_parts_come_only_when_they_are_needed(arrive: Callable[..., Visitor]) -> None:
    somebody = arrive("front-kit", "/datasets/{one}", script='data-download="off"')

    def parts() -> set[str]:
        return {one.rpartition("/")[2] for one in somebody.requests if "/static/" in one}

    shown(somebody)
    somebody.page.wait_for_load_state("networkidle")
    below = {"tokens.css", "widget.css"}  # how the figures below the question look
    assert parts() == below
    with somebody.page.expect_response("**/proof.js"):
        somebody.widget.get_by_role("button", name="Oui").hover()
    assert parts() == below | {"sending.js", "proof.js"}
    somebody.answers("Oui")
    assert parts() == below | {"sending.js", "proof.js", "forms.js", "forms.css"}


def test_the_settings_of_the_portal_change_what_is_placed(
    arrive: Callable[..., Visitor],
) -> None:
    """`CULTURE_FEEDBACK_PLACEMENTS` is in the script, as tests/web holds; here, what it does."""
    somebody = arrive("cdata", "/posts")

    def changed(route: Route) -> None:
        answer = route.fetch()
        before, after = answer.text().split('"placements":{', 1)
        own = '"news":{"on":{"^/posts$":"pages/requests/"},"at":{"footer":"beforebegin"}},'
        off = after.replace('"tab":{', '"tab":{"off":true,', 1)
        route.fulfill(response=answer, body=f'{before}"placements":{{{own}{off}')

    somebody.context.route("**/embed.js", changed)
    somebody.page.goto(f"{somebody.portal.url}/posts")
    panel = somebody.page.locator("culture-feedback-panel")
    expect(panel.get_by_role("link", name="Demander des données")).to_be_visible()
    go(somebody, "/datasets/{one}")
    expect(panel).to_be_hidden()
    shown(somebody)
    expect(somebody.page.locator("[data-culture-feedback]")).to_have_count(0)


# --- How it looks there ---------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_resets_of_the_host_change_nothing(arrive: Callable[..., Visitor], flavour: str) -> None:
    """Those of hosts.css, which mean no well; nor is its Content-Security-Policy broken, or the
    console would say so."""
    somebody = arrive(flavour, "/datasets/{one}")
    shown(somebody)
    looks = somebody.widget.evaluate(
        """it => {
          const look = (selector, ...names) => {
            const style = getComputedStyle(it.shadowRoot.querySelector(selector))
            return names.map(name => style[name])
          }
          return {
            text: look('.cf', 'fontStyle', 'textAlign', 'textIndent', 'textTransform', 'color'),
            button: look('form button', 'borderTopStyle', 'cursor', 'display'),
            inside: it.shadowRoot.querySelector('.cf').getBoundingClientRect().left >= 0,
          }
        }"""
    )
    assert looks == {
        "text": ["normal", "start", "0px", "none", "rgb(58, 58, 58)"],
        "button": ["solid", "pointer", "block"],
        "inside": True,
    }


BEYOND = """it => {
  const room = it.getBoundingClientRect()
  return [...it.shadowRoot.querySelectorAll('*')].filter(one => {
    const { left, right, width } = one.getBoundingClientRect()
    return width && !one.closest('.cf-hidden') && (left < room.left - 1 || right > room.right + 1)
  }).map(one => one.outerHTML.slice(0, 100))
}"""


@pytest.mark.parametrize("width", [320, 1100])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_long_words_go_beyond_nothing_in_either_direction(
    arrive: Callable[..., Visitor], newcomer: str, direction: str, width: int
) -> None:
    somebody = arrive("front-kit", "/datasets/{one}", email=newcomer)
    somebody.page.set_viewport_size({"width": width, "height": 800})
    somebody.page.evaluate("direction => { document.documentElement.dir = direction }", direction)
    shown(somebody)
    somebody.answers("Non")
    somebody.comments_that("https://exemple.test/" + "Donaudampfschifffahrtsgesellschaft" * 12)
    somebody.unfolds_everything()
    assert somebody.widget.evaluate(BEYOND) == []
    # Names, titles and words of people are anything; labels of criteria are the portal's.
    somebody.widget.evaluate(
        """it => {
          for (const text of it.shadowRoot.querySelectorAll(
            'h2, h3, h4, p, a, td, li, label, legend, button, strong, summary'
          )) for (const node of text.childNodes) {
            if (node.nodeType === 3 && node.data.trim()) node.data = 'Interministeriell'.repeat(9)
          }
        }"""
    )
    assert somebody.widget.evaluate(BEYOND) == []
    assert somebody.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_style_of_ours_knows_left_from_right() -> None:
    """Logical properties turn with the direction of the text."""
    for sheet in sorted(Path(str(STATIC)).glob("*.css")):
        rules = sheet.read_text("utf-8")
        assert not re.search(r"\b(?:left|right)\b|\bfloat:", rules), sheet.name


def test_a_consultation_is_said_apart_with_its_link(visitor: Come) -> None:
    """What is said once, after something was done, is another thing."""
    somebody = visitor().goes_to(OUTDATED)
    notice = somebody.widget.get_by_role("complementary", name="Consultation publique")
    expect(notice.get_by_role("link")).to_be_visible()
    expect(notice.locator("p")).to_have_count(2)
    expect(somebody.status).to_have_text("")


# --- Budget ---------------------------------------------------------------------------------------


def test_the_first_field_costs_two_requests_and_ten_kilobytes(visitor: Come) -> None:
    """As the browser received them: the loader with the style, the fragment."""
    somebody = visitor()
    settle_in(somebody, "front-kit")
    answers: list[Response] = []
    somebody.page.on("response", lambda answer: answers.append(answer))
    path = f"/datasets/{of(somebody)['one']}#culture-feedback"
    somebody.page.goto(somebody.portal.url + path)
    expect(somebody.widget.get_by_role("button", name="Oui")).to_be_visible()
    ours = [one for one in answers if "/culture-feedback/" in one.url][:2]
    late = [one.url for one in answers if "/culture-feedback/" in one.url][2:]
    # What the question does not need: what is around, and how the figures below it look.
    assert all(re.search(r"around|summar|/(tokens|widget)\.css$", one) for one in late), late
    sizes = [one.request.sizes()["responseBodySize"] for one in ours]
    assert sum(sizes) <= 10 * 1024, sizes
    assert {one.all_headers().get("content-encoding") for one in ours} == {"br"}
