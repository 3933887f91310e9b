"""A whole consultation, run by a member of the team who reads no code: made, looked at, opened,
answered by everybody who may, put off, closed, concluded, published. Nothing is done to the
database but to let time pass."""

from __future__ import annotations

import csv
import io
import re
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pymongo import MongoClient
from pymongo.database import Database

from demo.background import RunningPortal

from .test_without_account import link_of_latest_mail
from .visitor import PAGES, Visitor

Come = Callable[..., Visitor]

TEAM = "consultation@demo.test"
TITLE = "Quels horaires ouvrir ?"
LATE_WORDS = "J’ai mis une heure à écrire ceci."


@pytest.fixture
def stored(mongodb: str, worker_id: str) -> Iterator[Database]:
    with MongoClient(mongodb) as client:
        yield client[f"culture-feedback-e2e-{worker_id}"]


def test_a_member_of_the_team_runs_a_whole_consultation(
    visitor: Come, portal: RunningPortal, stored: Database
) -> None:
    team = visitor(TEAM)
    page = team.page
    slug = make(page, portal)
    address = f"{portal.url}{PAGES}/consultations/{slug}/"
    try:
        add_questions(page)
        look_at_it_and_publish(team, page)
        answer_with_an_account(visitor("citoyenne@demo.test"), address)
        answer_as_a_producer(visitor("cnc@demo.test"), address)
        answer_by_email(visitor(java_script_enabled=False), address)
        answer_by_a_proof(visitor(), address)
        enter_a_call(team, page)
        import_a_file(team, page, address)
        put_off(team, page, address, visitor())
        late = begin(visitor(), address)
        time_passes(stored, slug)
        come_too_late(late)
        conclude(team, page, address)
        publish(team, page)
        compare_with_the_files(visitor(), page, address, portal)
    finally:
        stored.culture_feedback_consultation.delete_one({"slug": slug})


# --- The team -------------------------------------------------------------------------------------


def make(page: Page, portal: RunningPortal) -> str:
    page.goto(f"{portal.url}{PAGES}/consultations/?lang=en")
    page.get_by_role("link", name="Make a consultation").click()
    page.goto(page.url + ("&" if "?" in page.url else "?") + "lang=en")
    page.get_by_label("Title in French").fill(TITLE)
    page.get_by_label("Title in English").fill("Which opening hours should be opened?")
    search = page.get_by_role("combobox", name="Search for an organization").first
    search.fill("Ministère de la Culture")
    opens = datetime.now(UTC) - timedelta(days=1)
    page.get_by_label("It opens at").fill(f"{opens:%Y-%m-%dT00:00:00}")
    page.get_by_label("It closes at").fill(f"{opens + timedelta(days=6):%Y-%m-%dT00:00:00}")
    page.get_by_label("Titles of the steps in English").fill("You\nWhat you expect")
    page.get_by_text("Personal data and contact").click()
    page.get_by_label("Who is responsible for the answers in English").fill("The ministry")
    page.get_by_role("button", name="Make the consultation").click()
    expect(page.get_by_role("status").first).to_contain_text("The consultation is made")
    return page.url.split("/consultations/")[1].split("/")[0]


def add_questions(page: Page) -> None:
    ask(page, "Do you use opening hours?", "single", answers="Yes\nNo", required=True)
    ask(page, "Are they right?", "scale", answers="Never\nSometimes\nAlways", step=2)
    ask(page, "What should change?", "text", step=2)


def ask(page: Page, text: str, kind: str, *, answers: str = "", step: int = 1, **more: Any) -> None:
    page.goto(in_english(page.url))
    page.get_by_text("Add a question", exact=True).click()
    form = page.locator("li.cf-new form")
    form.get_by_label("Question in English").fill(text)
    form.get_by_label("What it asks for").select_option(kind)
    form.get_by_label("Step", exact=True).select_option(str(step))
    if answers:
        form.get_by_label(
            "Answers to choose among or to rank, or steps of the scale in English"
        ).fill(answers)
    if more.get("required"):
        form.get_by_label("An answer is required").check()
    form.get_by_role("button", name="Add the question").click()
    expect(page.get_by_role("status").first).to_be_visible()


def look_at_it_and_publish(team: Visitor, page: Page) -> None:
    page.goto(in_english(page.url))
    page.get_by_role("link", name="Preview").click()
    expect(page.get_by_text("What should change?")).to_be_visible()
    assert team.barriers() == [], "preview"
    page.go_back()
    page.get_by_role("button", name="Publish the consultation").click()
    expect(page.get_by_role("status").first).to_be_visible()


def enter_a_call(team: Visitor, page: Page) -> None:
    page.goto(in_english(page.url))
    page.get_by_role("link", name="Answers on paper").click()
    page.goto(in_english(page.url))
    page.get_by_label("on the phone").check()
    page.get_by_label("Reference of the letter or the call").fill("Appel du 12")
    page.get_by_label("No", exact=True).check()
    page.get_by_label("Sometimes").check()
    assert team.barriers() == [], "entering"
    page.get_by_role("button", name="Enter this answer").click()
    expect(page.get_by_role("status").first).to_be_visible()


def import_a_file(team: Visitor, page: Page, address: str) -> None:
    """What another form has collected, as a spreadsheet saves it: a word of its own, a mistake."""
    answers = (
        "sep=;\r\nN°;Reçu le;Do you use opening hours?;Are they right?;What should change?;;\r\n"
        f"1;{datetime.now(UTC):%d/%m/%Y};Yes;Always;Écrit sur papier.;;\r\n"
        "2;;Jamais;;;;\r\n"
        "3;;Yes;Perhaps;;;\r\n"
    )
    page.goto(in_english(page.url))
    page.get_by_role("link", name="Import answers").click()
    page.goto(in_english(page.url))
    file = {"name": "papier.csv", "mimeType": "text/csv", "buffer": answers.encode("cp1252")}
    page.get_by_label("File", exact=True).set_input_files(file)  # type: ignore[arg-type]
    assert team.barriers() == [], "sending a file"
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_role("cell", name="Écrit sur papier.")).to_be_visible()
    expect(page.get_by_label("Identifier of the line")).to_have_value("N°")
    assert team.barriers() == [], "choosing columns"
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("row", name="“Perhaps”")).to_be_visible()
    page.get_by_label("“Jamais”").select_option("No")
    page.get_by_role("button", name="Check the file").click()
    assert team.barriers() == [], "what importing would do"
    page.get_by_role("button", name="Import 2 lines").click()
    expect(page.get_by_role("status").first).to_contain_text("2 lines are imported.")
    # A second file was the wrong one: it is taken back.
    wrong = {"name": "faux.csv", "mimeType": "text/csv", "buffer": answers.replace("\n1;", "\n9;")}
    wrong["buffer"] = wrong["buffer"].encode("utf-8")  # type: ignore[attr-defined]
    page.goto(f"{address}import?lang=en")
    page.get_by_label("File", exact=True).set_input_files(wrong)  # type: ignore[arg-type]
    page.get_by_role("button", name="Send the file").click()
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name="Import 1 line").click()
    page.get_by_text("Undo this import").first.click()
    page.get_by_role("button", name="Undo this import").click()
    expect(page.get_by_role("status").first).to_contain_text("1 line is removed.")


def put_off(team: Visitor, page: Page, address: str, somebody: Visitor) -> None:
    """The closing goes forward, and everybody sees that it did."""
    page.goto(f"{address}edit?lang=en")
    page.get_by_text("What it is", exact=True).click()
    closes = datetime.now(UTC) + timedelta(days=9)
    page.get_by_label("It closes at").fill(f"{closes:%Y-%m-%dT00:00:00}")
    page.get_by_role("button", name="Save the consultation").click()
    expect(page.get_by_role("status").first).to_be_visible()
    somebody.page.goto(f"{address}?lang=en")
    somebody.page.get_by_text("What has changed since it was published").click()
    expect(somebody.page.get_by_text("put off: open")).to_be_visible()


def time_passes(stored: Database, slug: str) -> None:
    """Nobody can wait for a closing: it was an hour ago."""
    an_hour_ago = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(hours=1)
    stored.culture_feedback_consultation.update_one(
        {"slug": slug}, {"$set": {"closes_at": an_hour_ago}}
    )


def conclude(team: Visitor, page: Page, address: str) -> None:
    page.goto(f"{address}results/?lang=en")
    page.get_by_role("link", name="Moderate the texts").click()
    page.goto(in_english(page.url))
    for _one in range(4):
        page.get_by_role("button", name="Publish this text").first.click()
        expect(page.get_by_role("status").first).to_be_visible()
        page.goto(in_english(page.url))
    page.goto(f"{address}synthesis?lang=en")
    page.get_by_label(re.compile("^in English")).fill("We shall **open** them.")
    page.get_by_label("Commitment 1 in English").fill("Opening hours of museums")
    page.get_by_text("The request or the dataset that tells where it stands").first.click()
    page.locator('[name="commitments.0.request_q"]').fill(
        "horaires-et-jours-de-fermeture-des-musees"
    )
    assert team.barriers() == [], "synthesis"
    page.get_by_role("button", name="Save and publish the synthesis").click()
    expect(page.get_by_role("status").first).to_be_visible()


def publish(team: Visitor, page: Page) -> None:
    page.goto(re.sub(r"synthesis.*", "results/?lang=en", page.url))
    expect(page.get_by_role("heading", name="Synthesis", exact=True)).to_be_visible()
    page.get_by_role("button", name="Publish the results as a dataset").click()
    expect(page.get_by_role("status").first).to_be_visible()
    assert team.barriers() == [], "results, for the team"


# --- The public -----------------------------------------------------------------------------------


def answer_with_an_account(somebody: Visitor, address: str) -> None:
    page = somebody.page
    first_step(page, address, "Yes")
    page.get_by_label("Always").check()
    page.get_by_label("What should change?").fill("Les jours fériés manquent.")
    go(page, "Go on")
    send(page)


def answer_as_a_producer(somebody: Visitor, address: str) -> None:
    """Who publishes data here uses other people's, too."""
    page = somebody.page
    first_step(page, address, "Yes")
    page.get_by_label("Sometimes").check()
    page.get_by_label("What should change?").fill("Un format commun à tous.")
    go(page, "Go on")
    send(page)


def answer_by_email(somebody: Visitor, address: str) -> None:
    """Without an account and without a script."""
    page = somebody.page
    first_step(page, address, "No")
    go(page, "Go on")
    go(page, "Send my answer")
    page.get_by_label("Your e-mail address").fill("consultee@demo.test")
    go(page, "Send my answer")
    expect(page.get_by_role("status").first).to_be_visible()
    page.goto(link_of_latest_mail(somebody.portal.state_dir, "consultee@demo.test"))
    page.locator("form .cf-primary").click()
    expect(page.get_by_role("status").first).to_be_visible()


def answer_by_a_proof(somebody: Visitor, address: str) -> None:
    page = somebody.page
    first_step(page, address, "Yes")
    page.get_by_label("Always").check()
    page.get_by_label("What should change?").fill("Rien : bravo.")
    go(page, "Go on")
    expect(page.get_by_text("Rien : bravo.")).to_be_visible()
    assert somebody.barriers() == [], "looking over, without an account"
    send(page)


def begin(somebody: Visitor, address: str) -> Page:
    first_step(somebody.page, address, "Yes")
    somebody.page.get_by_label("What should change?").fill(LATE_WORDS)
    somebody.expects("410")
    return somebody.page


def come_too_late(page: Page) -> None:
    """What was typed is given back, and nothing else is lost."""
    go(page, "Go on")
    expect(page.locator("#cf-errors")).to_be_focused()
    expect(page.get_by_text("Your answer came too late to be counted.")).to_be_visible()
    expect(page.get_by_text(LATE_WORDS)).to_be_visible()
    page.get_by_role("link", name="See the results").click()


def compare_with_the_files(
    somebody: Visitor, team: Page, address: str, portal: RunningPortal
) -> None:
    """Everybody reads the results; their numbers are those of the published files."""
    page = somebody.page
    page.goto(f"{address}results/?lang=en")
    expect(page.get_by_text("We shall open them.")).to_be_visible()
    expect(page.get_by_text("Opening hours of museums")).to_be_visible()
    totals = page.locator(".cf-tiles li").first
    expect(totals).to_contain_text("7 people answered")
    assert somebody.barriers() == [], "results"
    used = page.locator("figure").first
    used.get_by_text("See the table").click()
    shown = {
        row.locator("th").inner_text().strip(): int(row.locator("td").first.inner_text())
        for row in used.locator("tbody tr").all()
    }
    assert shown == {"Yes": 4, "No": 3}

    page.get_by_role("link", name="Read the texts").click()
    expect(page.get_by_label("Question", exact=True)).to_have_value("what-should-change")
    page.go_back()

    files = published_files(page, portal)
    told = files["Résultats, question par question"]
    lines = [row for row in told if row["question"] == "do-you-use-opening-hours"]
    assert {row["answer_label"]: int(row["count"]) for row in lines} == shown
    # Seven people are too few for a line each: no file and no link has their answers one by one.
    assert not any("Réponses" in title for title in files)
    expect(page.get_by_role("link", name="Download the answers")).to_have_count(0)
    words = {word for rows in files.values() for row in rows for word in row.values()}
    assert not any("Rien : bravo." in str(word) for word in words)  # nobody agreed to it
    assert not any("consultee@demo.test" in str(word) for word in words)


def published_files(page: Page, portal: RunningPortal) -> dict[str, list[dict[str, str]]]:
    """The CSV files of the dataset that the page of results leads to, by title."""
    link = page.locator("#cf-open-data ~ p a").first.get_attribute("href") or ""
    slug = link.rstrip("/").rsplit("/", 1)[-1]
    dataset = page.context.request.get(f"{portal.url}/api/1/datasets/{slug}/").json()
    found = {}
    for resource in dataset["resources"]:
        if resource["format"] == "csv":
            with urllib.request.urlopen(resource["url"], timeout=30) as response:
                text = response.read().decode("utf-8-sig")
            found[resource["title"]] = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert found
    return found


# --- What they share ------------------------------------------------------------------------------


def first_step(page: Page, address: str, answer: str) -> None:
    page.goto(f"{address}?lang=en")
    page.get_by_label(answer, exact=True).check()
    go(page, "Go on")
    expect(page.get_by_label("What should change?")).to_be_visible()


def go(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def send(page: Page) -> None:
    go(page, "Send my answer")
    expect(page.get_by_role("status").first).to_contain_text("your answer is recorded")


def in_english(url: str) -> str:
    """The same page, whatever the last form led to."""
    path = re.sub(r"[?#].*", "", url)
    state = re.search(r"state=\w+", url)
    return f"{path}?{state[0]}&lang=en" if state else f"{path}?lang=en"
