"""How files are written: as Python's csv module would, formulas made texts, in no memory."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from udata.core.csv import get_writer

from udata_culture_feedback.web.csv import (
    FORMULAS,
    REMEMBERED,
    ROWS,
    SHORT,
    Cells,
    Heading,
    cell,
    spreadsheet,
    written,
)
from udata_culture_feedback.web.languages import speaking

from ..cases import PluginTestCase

#: What means something to a spreadsheet or in a file comes often.
texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from([*sorted(FORMULAS), *'";\0'])
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    texts.map(lambda text: text * (SHORT + 1)),
    st.datetimes(),
    st.lists(texts, max_size=3),
    st.binary(max_size=8),
)


def by_the_module(rows: list[list[Any]]) -> str:
    """What udata's writer makes of cells."""
    out = io.StringIO()
    writer = get_writer(out)
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return out.getvalue()


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(values, min_size=1, max_size=6), max_size=6))
def test_files_are_those_of_udata_s_writer_to_the_byte(rows: list[list[Any]]) -> None:
    # Twice each: what is remembered is written as it was the first time.
    rows = [*rows, *rows]
    assert "".join(written(["a", "b;"], rows)) == by_the_module([["a", "b;"], *rows])


@settings(max_examples=200, deadline=None)
@given(texts)
def test_no_text_begins_like_a_formula(text: str) -> None:
    [[told]] = read(Cells().line([text])) or [[""]]
    assert told[:1] not in FORMULAS
    assert told in (text.replace("\0", ""), "'" + text.replace("\0", ""))


def test_what_is_true_is_not_one() -> None:
    cells = Cells()
    row = [1, True, "1", "true", 1.0, 0, False, None, ""]
    line = '1;"true";"1";"true";1.0;0;"false";"";""\r\n'
    assert [cells.line(row), cells.line(row[::-1]), cells.line(row)][::2] == [line, line]


def test_a_moment_is_told_in_utc_and_an_id_in_hexadecimal() -> None:
    row = [datetime(2026, 1, 2, 3, 4, 5, 6), b"\x00\xff"]
    assert Cells().line(row) == '"2026-01-02T03:04:05Z";"00ff"\r\n'


def test_rows_are_sent_some_at_a_time_and_none_is_lost() -> None:
    for number in (0, 1, ROWS - 2, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS):
        rows = [[n, f"row {n}"] for n in range(number)]
        parts = list(written(["n", "text"], rows))
        assert "".join(parts) == by_the_module([["n", "text"], *rows])
        assert max(part.count("\r\n") for part in parts) <= ROWS


def test_no_more_is_remembered_however_many_texts_there_are() -> None:
    cells = Cells()
    for n in range(REMEMBERED + 10):
        cells.line([f"text {n}", "x" * (SHORT + 1), n, n.to_bytes(8)])
    assert len(cells) == REMEMBERED
    assert max(map(len, cells)) <= SHORT
    assert cells.line(["=new"]) == '"\'=new"\r\n'


class SpreadsheetTest(PluginTestCase):
    def test_numbers_and_dates_are_those_of_its_language_and_only_texts_are_made_safe(self):
        headings = [
            None,
            Heading("=Titre"),
            Heading("Thèmes", {"a": "Art", "b": "Été"}, several=True),
            *(Heading(name) for name in ("Part", "Écart", "Fait", "Le")),
        ]
        row = [b"drawn", "+33; 1", "a,b,z", 0.25, -3, True, datetime(2026, 1, 31, 23, 30)]
        expected = {
            "fr": """\ufeff'=Titre;Thèmes;Part;Écart;Fait;Le\r
"'+33; 1";"Art; Été; z";0,25;-3;Oui;2026-02-01 00:30:00\r
""",
            "en": """\ufeff'=Titre,Thèmes,Part,Écart,Fait,Le\r
'+33; 1,Art; Été; z,0.25,-3,Yes,2026-02-01 00:30:00\r
""",
        }
        for lang, text in expected.items():
            with self.app.test_request_context(), speaking(lang):
                assert "".join(spreadsheet(headings, [row])) == text
