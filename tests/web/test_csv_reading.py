"""Files of spreadsheets and forms are read as they come: their marks, delimiters, quotes, dates."""

from __future__ import annotations

import codecs
from datetime import date
from pathlib import Path

import pytest

from udata_culture_feedback.web.csv_reading import Line, Unreadable, read_day, records


def read(path: Path, content: str | bytes, encoding: str = "utf-8-sig") -> list[Line]:
    path = path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(records(path, encoding, lambda header: header))


def why_not(path: Path, content: str) -> str:
    with pytest.raises(Unreadable) as refused:
        read(path, content)
    return str(refused.value)


def test_excel_s_separator_line_is_not_the_header(tmp_path: Path) -> None:
    rows = [(3, {"id": "1", "title": "a, b"})]
    for first in ("sep=;", "SEP=;", '"sep=;"', "sep=;;;"):
        assert read(tmp_path, f"{first}\r\nid;title\r\n1;a, b\r\n") == rows
    assert read(tmp_path, "sep=|\nid|title\n1|a, b\n") == rows
    assert read(tmp_path, "sep=\t\nid\ttitle\n1\ta, b\n") == rows


def test_a_byte_order_mark_of_any_kind_says_the_encoding(tmp_path: Path) -> None:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ):
        for chosen in ("utf-8-sig", "cp1252"):
            content = mark + "sep=;\nid;été\n1;œuvre\n".encode(encoding)
            assert read(tmp_path, content, chosen) == [(3, {"id": "1", "été": "œuvre"})]
    assert read(tmp_path, "id;été\n1;œuvre\n".encode("cp1252"), "cp1252")[0][1]["été"] == "œuvre"


def test_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"not utf-8-sig.*--encoding"):
        read(tmp_path, "id;été\n".encode("cp1252"))
    with pytest.raises(Unreadable, match=r"not cp9999.*--encoding"):
        read(tmp_path, "id\n", "cp9999")


def test_surplus_cells_may_be_empty_only(tmp_path: Path) -> None:
    assert read(tmp_path, "a;b\n1;2;;; \n") == [(2, {"a": "1", "b": "2"})]
    assert why_not(tmp_path, "a;b\n1;2\n\n3;4;;5\n") == "line 4: more cells than the header has"


def test_quotes_that_end_early_or_never_name_their_line(tmp_path: Path) -> None:
    early = why_not(tmp_path, 'a;b\n"two\nlines";2\n"the "best" one";3\n')
    assert early.startswith("line 4: a quote ends before its cell does")
    assert why_not(tmp_path, 'sep=;\na;b\n1;"never\n').startswith("line 3: a quote that is opened")
    assert why_not(tmp_path, '"a" x;b\n1;2\n').startswith("line 1: ")


def test_the_delimiter_is_not_that_of_a_quoted_header(tmp_path: Path) -> None:
    assert read(tmp_path, '"Title; subtitle; both",Date\nx,y\n') == [
        (2, {"Title; subtitle; both": "x", "Date": "y"})
    ]
    content = '"With ""quotes"";\nand; lines",b\nx,"y;z"\n'
    assert read(tmp_path, content)[0] == (3, {'With "quotes";\nand; lines': "x", "b": "y;z"})
    # A quote within a cell opens nothing.
    assert read(tmp_path, 'a 3" disk;b\n1,5;2\n') == [(2, {'a 3" disk': "1,5", "b": "2"})]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    for content in ("", "\n\n", "sep=;\n", codecs.BOM_UTF16_LE):
        assert read(tmp_path, content) == []


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-01-31", date(2026, 1, 31)),
        ("31/01/2026", date(2026, 1, 31)),
        ("1/2/2026", date(2026, 2, 1)),
        ("31/01/2026 00:00", date(2026, 1, 31)),
        ("31/1/2026 0:00:00", date(2026, 1, 31)),
        ("2026-01-31T00:00:00.000", date(2026, 1, 31)),
        ("31/01/2026 09:30", None),
        ("31/02/2026", None),
        ("0/1/2026", None),
        ("1/2/26", None),
        ("12-31-2026", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_spreadsheets_write_it(written: str, day: date | None) -> None:
    assert read_day(written) == day
