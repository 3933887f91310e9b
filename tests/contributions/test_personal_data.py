"""How much of the personal data in labelled texts is found and wholly blacked out, and how little
else: on the texts that the rules were made with, and on others of the same kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel

from udata_culture_feedback import settings
from udata_culture_feedback.contributions import text_checks
from udata_culture_feedback.moderation import redaction
from udata_culture_feedback.web.refusals import Invalid

HERE = Path(__file__).parent
FILES = ("personal-data.jsonl", "personal-data-unseen.jsonl")
#: In no text: it stands for what was blacked out.
MARK = "\ue000"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    app = Flask(__name__)
    app.config.from_object(settings)
    app.config |= {"CULTURE_FEEDBACK_CHECKS": list(text_checks.PERSONAL), "SPAM_WORDS": []}
    Babel(app)
    monkeypatch.setattr(redaction, "placeholder", lambda: MARK)
    with app.test_request_context():
        yield


@dataclass
class Score:
    spans: int = 0
    wholly: int = 0
    partly: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    def add(self, line: dict[str, Any]) -> None:
        text = line["text"]
        if line["public"]:
            self.held += [text] * bool(text_checks.inspect(text))
            return
        ranges = blacked_out(text)
        gone = {at for one in ranges for at in range(*one)}
        # Nobody promises to find names.
        spans = [one for one in line["spans"] if one["kind"] != "name?"]
        for span in spans:
            self._add_span(text, {at for at in range(span["start"], span["end"])}, gone)
        for start, end in ranges:
            if any(one["start"] < end and start < one["end"] for one in line["spans"]):
                self.right += 1
            else:
                self.wrong.append(text[start:end])

    def _add_span(self, text: str, span: set[int], gone: set[int]) -> None:
        self.spans += 1
        wanted = {at for at in span if text[at].isalnum()}
        left = wanted - gone
        if not left:
            self.wholly += 1
        else:
            (self.missed if left == wanted else self.partly).append(text)


def blacked_out(text: str) -> list[tuple[int, int]]:
    """Where words went, once what is found is blacked out."""
    try:
        redacted = redaction.black_out({"words": text}, redaction.Choice(found=True))
    except Invalid:  # nothing is found
        return []
    ranges, position = [], 0
    for kept, gone in zip(redacted.texts["words"].split(MARK), redacted.strings, strict=False):
        position += len(kept)
        ranges.append((position, position + len(gone)))
        position += len(gone)
    return ranges


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_what_is_personal_is_wholly_blacked_out_and_little_else(name):
    score = Score()
    for line in lines(name):
        score.add(line)
    assert score.wholly / score.spans >= 0.92, score.missed
    assert score.right / (score.right + len(score.wrong)) >= 0.95, score.wrong
    assert score.partly == []
    assert score.held == []


@pytest.mark.parametrize("name", FILES)
def test_findings_are_in_the_text_in_their_order_and_black_out_what_they_say(name):
    for line in lines(name):
        found = text_checks.personal_data(line["text"])
        assert found == sorted(found)
        assert all(0 <= one.start < one.end <= len(line["text"]) for one in found)
        same = [one for one in pairwise(found) if one[0].check == one[1].check]
        assert all(one.start != other.start for one, other in same), line["text"]


@pytest.mark.parametrize(
    ("text", "kind", "soft"),
    [
        ("Le standard du musée est le 01 99 00 12 00.", "phone", True),
        ("Le gardien du musée est au 01 99 00 12 00.", "phone", False),
        ("Le musée répond au 06 39 98 12 00.", "phone", False),
        ("Le musée répond au Zéro-six 39 98 12 00.", "phone", False),
        ("Le standard du musée est le zéro un 99 00 12 00.", "phone", True),
        ("Écrire à contact@theatre.example", "email", True),
        ("Écrivez-moi : contact@pif.example", "email", False),
        ("Musée de la Mine, 4 rue Haute, 67000 Strasbourg", "postal_address", True),
        ("J'habite 4 rue Haute, 67000 Strasbourg, près du musée", "postal_address", False),
    ],
)
def test_an_institutions_own_details_are_but_a_hint(text, kind, soft):
    [found] = text_checks.personal_data(text)
    assert (found.check, found.soft) == (kind, soft)
    assert (text_checks.inspect(text) == []) is soft
    assert text_checks.findings(text) == [found]


@pytest.mark.parametrize("typed", ["zéro six 12 34 56 78", "ZÉRO SEPT 12.34.56.78"])
def test_a_number_that_begins_in_words_is_wholly_blacked_out(typed):
    text = f"Appelez Zoé au {typed} le soir"
    start = text.index(typed)
    assert blacked_out(text) == [(start, start + len(typed))]
    assert text_checks.inspect(text) != []
    assert not text_checks.findings("De zéro six fois sur dix, 12 34 56 78 notices")
