"""Charts say the same in their picture, in words and in their table, whoever reads them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udata_culture_feedback.web import charts
from udata_culture_feedback.web.charts import Bar, Chart, Criterion, Event, Line

from ..cases import PluginTestCase

SVG = "{http://www.w3.org/2000/svg}"
STEPS = ("very patchy", "large gaps", "some gaps", "nearly complete", "complete")
MONTHS = [f"month {n}" for n in range(12)]

numbers = st.integers(0, 10**6)
shares = st.none() | st.floats(0, 1)


def parsed(chart: Chart) -> ElementTree.Element:
    """As XML, as an image alone is read."""
    return ElementTree.fromstring(str(chart.svg))


def width(element: ElementTree.Element) -> float:
    return float(element.attrib["width"].removesuffix("%"))


class ChartsTest(PluginTestCase):
    def every_chart(self, hostile: str = "") -> list[Chart]:
        return [
            charts.steps("a", "Title" + hostile, STEPS, [Bar("Ours" + hostile, [1, 0, 2, 3, 4])]),
            charts.criteria("d", "T" + hostile, [Criterion("C" + hostile, STEPS, [1, 0, 2, 3, 4])]),
            charts.answers("e", "Title" + hostile, ("Yes" + hostile, "Partly", "No"), [5, 3, 2]),
            charts.ranked("f", "Title" + hostile, [("One" + hostile, 5), ("Two", 3)], 8),
            charts.lines("b", "Title" + hostile, MONTHS, [Line("Ours" + hostile, [0.5] * 12)]),
            charts.bars("c", "Title" + hostile, MONTHS, list(range(12)), "Answers" + hostile),
        ]

    def test_each_has_a_name_and_a_description_of_its_own(self) -> None:
        for chart in self.every_chart():
            root = parsed(chart)
            assert root.attrib["role"] == "img"
            ids = [root.attrib[name] for name in ("aria-labelledby", "aria-describedby")]
            named = [root.find(f"./*[@id='{id}']") for id in ids]
            assert [element.tag for element in named] == [f"{SVG}title", f"{SVG}desc"]
            assert all(element.text for element in named)

    def test_nothing_is_inline_and_no_script_is_needed(self) -> None:
        for chart in self.every_chart():
            assert not re.search(r"<script|<style|\s(style|on\w+)\s*=|href", str(chart.svg))

    def test_what_people_typed_stays_text(self) -> None:
        for chart in self.every_chart(hostile='"><script>alert(1)</script>'):
            assert "<script" not in str(chart.svg)
            parsed(chart)

    def test_the_parts_of_a_bar_are_as_wide_as_their_shares_the_best_first(self) -> None:
        @given(st.lists(numbers, min_size=5, max_size=5))
        def check(counts: list[int]) -> None:
            chart = charts.steps("x", "T", STEPS, [Bar("Ours", counts)])
            parts = parsed(chart).findall(f"./{SVG}svg/{SVG}svg")
            if not sum(counts):
                assert not parts
                return
            drawn = {
                part.find(f"./{SVG}rect").attrib["class"]: width(part)  # type: ignore[union-attr]
                for part in parts
            }
            expected = {
                f"k-s{5 - place}": 100 * count / sum(counts)
                for place, count in enumerate(counts)
                if count
            }
            assert drawn == pytest.approx(expected, abs=0.06)
            starts = [float(part.attrib["x"].removesuffix("%")) for part in parts]
            assert starts == sorted(starts)
            assert [row[1].split(" ")[0] for row in chart.table.rows] == list(map(str, counts))

        check()

    def test_it_can_be_taken_along_with_its_colours(self) -> None:
        for chart in self.every_chart():
            root = parsed(chart)
            assert root.tag == f"{SVG}svg"
            for shape in (*root.iter(f"{SVG}rect"), *root.iter(f"{SVG}text")):
                assert re.fullmatch(r"#[0-9a-f]{6}", shape.attrib["fill"]), chart.table.caption

    def test_values_stand_on_the_bars_and_few_people_are_not_in_percent(self) -> None:
        with self.app.test_request_context("/?lang=en"):
            many = charts.answers("x", "T", ("Yes", "Partly", "No"), [10, 6, 4])
            few = charts.answers("x", "T", ("Yes", "Partly", "No"), [2, 1, 1])
        said = {(text.text or "").replace("\xa0", "") for text in parsed(many).iter(f"{SVG}text")}
        assert {"50%", "30%", "20%"} <= said
        assert "%" not in "".join(parsed(few).itertext())
        assert [row[1] for row in few.table.rows] == ["2", "1", "1"]

    def test_an_event_is_marked_where_it_happened_and_said_below(self) -> None:
        line = [Line("Ours", [0.5] * 12)]
        chart = charts.lines("x", "T", MONTHS, line, [Event(3, "The data were updated")])
        texts = [text.text for text in parsed(chart).iter(f"{SVG}text")]
        assert "1. The data were updated" in texts
        assert "month 3: The data were updated" in parsed(chart).find(f"{SVG}desc").text  # type: ignore[union-attr, operator]

    def test_a_line_passes_through_its_values_and_leaves_gaps(self) -> None:
        @given(st.lists(shares, min_size=2, max_size=12))
        def check(values: list[float | None]) -> None:
            columns = MONTHS[: len(values)]
            chart = charts.lines("x", "T", columns, [Line("Ours", values)])
            root = parsed(chart)
            known = [share for share in values if share is not None]
            heights = [float(mark.attrib["cy"]) for mark in root.iter(f"{SVG}circle")]
            assert heights == pytest.approx(
                [charts.TOP + charts.HEIGHT * (1 - share) for share in known], abs=0.006
            )
            points = " ".join(line.attrib["points"] for line in root.iter(f"{SVG}polyline")).split()
            joined = [float(point.split(",")[0]) - 0.5 for point in points]
            together = [
                n
                for n, share in enumerate(values)
                if share is not None
                and any(0 <= m < len(values) and values[m] is not None for m in (n - 1, n + 1))
            ]
            assert joined == together
            assert [row[0] for row in chart.table.rows] == columns
            assert [row[1] == "–" for row in chart.table.rows] == [v is None for v in values]

        check()

    def test_the_second_line_is_told_apart_without_colour(self) -> None:
        chart = charts.lines("x", "T", MONTHS, [Line("A", [0.1] * 12), Line("B", [0.2] * 12)])
        first, second = (
            parsed(chart).find(f"./{SVG}g[@class='k-line-{number}']") for number in (1, 2)
        )
        assert {element.tag for element in first} == {f"{SVG}svg", f"{SVG}circle"}
        assert len(second.findall(f"./{SVG}svg/{SVG}rect")) == 12

    def test_bars_are_as_high_as_their_counts(self) -> None:
        @given(st.lists(numbers, min_size=1, max_size=12))
        def check(values: list[int]) -> None:
            chart = charts.bars("x", "T", MONTHS[: len(values)], values, "Answers")
            drawn = [float(rect.attrib["height"]) for rect in parsed(chart).iter(f"{SVG}rect")]
            most = max(values)
            expected = [charts.HEIGHT * value / most for value in values if value]
            assert drawn == pytest.approx(expected, abs=0.006)
            assert [row[1] for row in chart.table.rows] == list(map(str, values))

        check()

    def test_a_chart_of_nothing_says_so(self) -> None:
        empty = [
            charts.steps("a", "T", STEPS, [Bar("Ours", [0] * 5)]),
            charts.lines("b", "T", MONTHS, [Line("Ours", [None] * 12)]),
        ]
        with self.app.test_request_context("/?lang=en"):
            for chart in empty:
                assert parsed(chart).find(f"{SVG}desc").text
        parsed(charts.bars("c", "T", [], [], "Answers"))
