"""A consultation from its making to its results, in a browser: without a barrier, with a keyboard,
with and without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from playwright.sync_api import Page, expect
from pymongo import MongoClient
from pymongo.database import Database

from demo.background import RunningPortal

from .visitor import COMMENTED, EMPTY, OUTDATED, PAGES, Visitor

Come = Callable[..., Visitor]

ADMIN = "admin@demo.test"
#: Where screenshots are left, for who wants to look.
SHOTS = Path(os.environ["SHOTS"]) if "SHOTS" in os.environ else None

#: As the server completes what a form leaves out.
WHOLE = {"required": False, "step": 1, "help": {}}
QUESTIONS: list[dict[str, Any]] = [
    {
        "id": "use",
        "kind": "single",
        "text": {
            "fr": "Utilisez-vous des données culturelles ?",
            "en": "Do you use cultural data?",
        },
        "required": True,
        "options": [{"id": "yes", "label": {"en": "Yes"}}, {"id": "no", "label": {"en": "No"}}],
    },
    {
        "id": "themes",
        "kind": "multiple",
        "text": {"en": "On which themes?"},
        "help": {"en": "As many as you wish."},
        "step": 2,
        "options": [{"id": id, "label": {"en": id.title()}} for id in ("museums", "archives")],
        "shown_if": {"question": "use", "answers": ["yes"]},
    },
    {
        "id": "satisfied",
        "kind": "scale",
        "text": {"en": "Are you satisfied?"},
        "step": 2,
        "scale": [{"en": label} for label in ("Not at all", "A little", "Rather", "Fully")],
    },
    {"id": "why", "kind": "text", "text": {"en": "Why?"}, "step": 2},
    {"id": "best", "kind": "dataset", "text": {"en": "Which dataset do you use most?"}, "step": 3},
    {
        "id": "lacking",
        "kind": "missing_dataset",
        "text": {"en": "Which dataset is missing?"},
        "step": 3,
    },
]


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


@pytest.fixture
def stored(mongodb: str, worker_id: str) -> Iterator[Database]:
    """What the portal has stored: nobody can wait for a closing."""
    with MongoClient(mongodb) as client:
        yield client[f"culture-feedback-e2e-{worker_id}"]


@pytest.fixture
def about(portal: RunningPortal) -> str:
    """A dataset that no other test looks at."""
    return next(name for name in sorted(portal.slugs) if name not in (COMMENTED, EMPTY, OUTDATED))


@pytest.fixture
def address(visitor: Come, portal: RunningPortal, stored: Database, about: str) -> Iterator[str]:
    """Of a consultation that a member of the team makes, looks at and opens in these pages."""
    admin = visitor(ADMIN)
    page = admin.page
    page.goto(f"{portal.url}{PAGES}/consultations/new?lang=en")
    page.get_by_label("Title in French").fill("Ouvrir les données culturelles")
    page.get_by_label("Title in English").fill("Opening cultural data")
    page.get_by_role("combobox", name="Search for an organization").first.fill(
        "Ministère de la Culture"
    )
    opens = datetime.now(UTC) - timedelta(days=1)
    page.get_by_label("It opens at").fill(f"{opens:%Y-%m-%dT00:00:00}")
    page.get_by_label("It closes at").fill(f"{opens + timedelta(days=11):%Y-%m-%dT00:00:00}")
    page.get_by_label("Introduction in English").fill("**Tell us** what to open first.")
    page.get_by_label("Titles of the steps in English").fill("You\nYour uses\nThe data")
    page.get_by_text("Scope: the dataset pages").click()
    page.get_by_role("combobox", name="Search for a dataset").fill(portal.slugs[about])
    page.get_by_text("Personal data and contact").click()
    page.get_by_label("Who is responsible for the answers in English").fill("The ministry")
    assert admin.barriers() == [], "making"
    shot(page, "new")
    page.get_by_role("button", name="Make the consultation").click()
    expect(page.get_by_role("status").first).to_contain_text("The consultation is made")
    slug = page.url.split("/consultations/")[1].split("/")[0]
    stored.culture_feedback_consultation.update_one(
        {"slug": slug}, {"$set": {"questions": [WHOLE | question for question in QUESTIONS]}}
    )
    page.goto(f"{portal.url}{PAGES}/consultations/{slug}/edit?lang=en")
    page.get_by_text("Do you use cultural data?").first.click()
    assert admin.barriers() == [], "editing"
    shot(page, "edit")
    page.get_by_role("link", name="Preview").click()
    expect(
        page.get_by_text("Asked only of those who answer “Yes” to “Do you use cultural data?”.")
    ).to_be_visible()
    assert admin.barriers() == [], "preview"
    shot(page, "preview")
    page.go_back()
    page.get_by_role("button", name="Publish the consultation").click()
    expect(page.get_by_role("status").first).to_contain_text("is published")
    yield f"{portal.url}{PAGES}/consultations/{slug}/?lang=en"
    stored.culture_feedback_consultation.delete_one({"slug": slug})


def go(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_one_answers_in_steps_leaves_resumes_and_changes_it(
    visitor: Come, portal: RunningPortal, address: str, about: str
) -> None:
    somebody = visitor("citoyenne@demo.test")
    page = somebody.page
    page.goto(f"{portal.url}{PAGES}/datasets/{portal.slugs[about]}/?lang=en")
    shot(page, "banner")
    assert somebody.barriers() == [], "the banner"
    page.get_by_role("link", name="Opening cultural data").click()
    expect(page.get_by_role("heading", name="Step 1 of 4: You")).to_be_visible()
    somebody.page.goto(address)
    go(page, "Go on")  # the browser itself says what is missing
    expect(page.get_by_role("heading", name="Step 1 of 4: You")).to_be_visible()
    page.get_by_label("Yes", exact=True).check()
    shot(page, "step-1")
    assert somebody.barriers() == [], "the first step"
    go(page, "Go on")
    page.get_by_label("Archives").check()
    page.get_by_label("Rather").check()
    page.get_by_label("Why?").fill("Les horaires manquent.")
    assert somebody.barriers() == [], "the second step"
    shot(page, "step-2")
    go(page, "Save for later")
    expect(page.get_by_role("status").first).to_contain_text("What you have begun is saved.")
    link = page.get_by_role("link", name="Link to my answer").get_attribute("href") or ""

    phone = visitor(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    phone.page.goto(f"{portal.url}{link}" if link.startswith("/") else link)
    go(phone.page, "Go on with this answer")
    phone.page.goto(address)
    expect(phone.page.get_by_role("heading", name="Step 2 of 4: Your uses")).to_be_visible()
    expect(phone.page.get_by_label("Archives")).to_be_checked()
    go(phone.page, "Go on")
    shot(phone.page, "phone")
    go(phone.page, "Go back")
    phone.context.close()

    page.goto(address)
    go(page, "Go on")
    go(page, "Go on")
    expect(page.get_by_text("Les horaires manquent.")).to_be_visible()
    assert somebody.barriers() == [], "the last step"
    shot(page, "review")
    page.get_by_label("My profile").select_option("student")
    go(page, "Send my answer")
    expect(page.get_by_role("status").first).to_contain_text("your answer is recorded")
    assert somebody.barriers() == [], "one's own answer"
    shot(page, "sent")
    page.get_by_role("link", name="Change my answer").click()
    page.get_by_label("No", exact=True).check()
    go(page, "Go on")
    expect(page.get_by_text("On which themes?")).to_have_count(0)


def test_what_is_wrong_takes_the_focus_and_dark_pages_have_no_barrier(
    visitor: Come, address: str
) -> None:
    somebody = visitor("citoyen@demo.test", java_script_enabled=True, color_scheme="dark")
    page = somebody.page
    page.goto(address)
    page.locator("form[data-form]").first.evaluate("form => form.noValidate = true")
    somebody.expects("400")
    go(page, "Go on")
    expect(page.locator("#cf-errors")).to_be_focused()
    expect(page.locator("#cf-errors")).to_contain_text("This question needs an answer.")
    assert somebody.barriers() == [], "errors, dark"
    shot(page, "errors-dark")
    page.locator("#cf-errors").get_by_role("link").click()
    assert page.evaluate("location.hash") == "#cf-answers-use"


def test_once_it_has_closed_everybody_reads_the_results(
    visitor: Come, portal: RunningPortal, address: str, stored: Database, about: str
) -> None:
    somebody = visitor("citoyenne@demo.test")
    page = somebody.page
    page.goto(address.replace("/?", "/results/?"))
    expect(page.get_by_text("The results will be there once")).to_be_visible()
    assert somebody.barriers() == [], "sealed"
    fill(stored, address)
    page.goto(address.replace("/?", "/results/?"))
    expect(page.locator(".cf-tiles li", has_text="people answered").first).to_be_visible()
    assert somebody.barriers() == [], "results"
    shot(page, "results")
    page.emulate_media(media="print")
    shot(page, "results-print")
    page.emulate_media(media="screen", color_scheme="dark")
    assert somebody.barriers() == [], "results, dark"
    page.goto(address.replace("/?", "/results/texts?"))
    expect(page.get_by_text("Les horaires manquent.").first).to_be_visible()
    assert somebody.barriers() == [], "texts"
    page.goto(address)
    expect(page.get_by_role("link", name="See the results")).to_be_visible()
    assert somebody.barriers() == [], "closed"
    page.goto(f"{portal.url}{PAGES}/consultations/?lang=en")
    assert somebody.barriers() == [], "the list"
    shot(page, "list")
    assert about


def fill(stored: Database, address: str) -> None:
    """Forty answers, and the closing an hour ago."""
    slug = address.split("/consultations/")[1].split("/")[0]
    moment = datetime.now(UTC).replace(tzinfo=None)
    made = stored.culture_feedback_consultation.find_one_and_update(
        {"slug": slug}, {"$set": {"closes_at": moment - timedelta(hours=1)}}
    )
    stored.culture_feedback_results.insert_one(
        {"_id": f"responses:{made['_id']}", "v": 1, "totals": {}}
    )
    for number in range(40):
        profile = "student" if number < 15 else "researcher" if number < 30 else None
        answers = {"use": "yes" if number % 3 else "no", "satisfied": 1 + number % 4}
        answers |= {"themes": ["museums"], "why": "Les horaires manquent."}
        live = {"total": 1, "channel:web": 1, f"profile:{profile or '-'}": 1}
        for id, answer in answers.items():
            live[f"answered:{id}"] = 1
            if id != "why":
                one = answer[0] if isinstance(answer, list) else answer
                live[f"option:{id}:{one}"] = 1
        text = {"id": ObjectId(), "question": "why", "text": answers["why"], "terms": []}
        response = {
            "consultation": made["_id"],
            "contributor": {"kind": "user", "key": f"user:{ObjectId()}"},
            "channel": "web",
            "answers": answers,
            "texts": [text | {"state": "public"}],
            "live": live,
            "due": [f"responses:{made['_id']}"],
            "v": 1,
            "created_at": moment,
            "last_modified": moment,
            "sent_at": moment - timedelta(hours=2),
        }
        if profile:
            response["profile"] = profile
        stored.culture_feedback_response.insert_one(response)
