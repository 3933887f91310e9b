"""Charts say the same in their picture, in words and in their table, whoever reads them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udata_culture_feedback.web import charts
from udata_culture_feedback.web.charts import Bar, Chart, Line

from ..cases import PluginTestCase

SVG = "{http://www.w3.org/2000/svg}"
STEPS = ("very patchy", "large gaps", "some gaps", "nearly complete", "complete")
MONTHS = [f"month {n}" for n in range(12)]

numbers = st.integers(0, 10**6)
shares = st.none() | st.floats(0, 1)


def parsed(chart: Chart) -> ElementTree.Element:
    """As XML, which is stricter than HTML."""
    text = str(chart.svg).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return ElementTree.fromstring(text)


def width(element: ElementTree.Element) -> float:
    return float(element.attrib["width"].removesuffix("%"))


class ChartsTest(PluginTestCase):
    def every_chart(self, hostile: str = "") -> list[Chart]:
        return [
            charts.stacked("a", "Title" + hostile, STEPS, [Bar("Ours" + hostile, [1, 0, 2, 3, 4])]),
            charts.lines("b", "Title" + hostile, MONTHS, [Line("Ours" + hostile, [0.5] * 12)]),
            charts.bars("c", "Title" + hostile, MONTHS, list(range(12)), "Answers" + hostile),
        ]

    def test_each_has_a_name_and_a_description_of_its_own(self) -> None:
        for chart in self.every_chart():
            root = parsed(chart)
            assert root.attrib["role"] == "img"
            named = [root.find(f"./*[@id='{id}']") for id in root.attrib["aria-labelledby"].split()]
            assert [element.tag for element in named] == [f"{SVG}title", f"{SVG}desc"]
            assert all(element.text for element in named)

    def test_nothing_is_inline_and_no_script_is_needed(self) -> None:
        for chart in self.every_chart():
            assert not re.search(r"<script|<style|\s(style|on\w+)\s*=|href", str(chart.svg))

    def test_what_people_typed_stays_text(self) -> None:
        for chart in self.every_chart(hostile='"><script>alert(1)</script>'):
            assert "<script" not in str(chart.svg)
            parsed(chart)

    def test_the_parts_of_a_bar_are_as_wide_as_their_shares(self) -> None:
        @given(st.lists(numbers, min_size=5, max_size=5))
        def check(counts: list[int]) -> None:
            chart = charts.stacked("x", "T", STEPS, [Bar("Ours", counts)])
            parts = parsed(chart).findall(f"./{SVG}g/{SVG}rect")
            if not sum(counts):
                assert [part.attrib["class"] for part in parts] == ["cf-nothing"]
                return
            drawn = {part.attrib["fill"]: width(part) for part in parts}
            expected = {
                f"url(#x-{step})": 100 * count / sum(counts)
                for step, count in enumerate(counts, 1)
                if count
            }
            assert drawn == pytest.approx(expected, abs=0.006)
            assert [row[1].split(" ")[0] for row in chart.table.rows] == list(map(str, counts))

        check()

    def test_each_step_has_a_pattern_of_its_own(self) -> None:
        root = parsed(charts.stacked("x", "T", STEPS, [Bar("Ours", [1] * 5)]))
        patterns = root.findall(f".//{SVG}pattern")
        assert [pattern.attrib["id"] for pattern in patterns] == [f"x-{n}" for n in range(1, 6)]
        drawn = {ElementTree.tostring(p).split(b">", 1)[1] for p in patterns}
        assert len(drawn) == 5
        assert "#x-3" in str(charts.key(3, "x"))

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
            parsed(chart).find(f"./{SVG}g[@class='cf-line-{number}']") for number in (1, 2)
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
            charts.stacked("a", "T", STEPS, [Bar("Ours", [0] * 5)]),
            charts.lines("b", "T", MONTHS, [Line("Ours", [None] * 12)]),
        ]
        with self.app.test_request_context("/?lang=en"):
            for chart in empty:
                assert parsed(chart).find(f"{SVG}desc").text
        parsed(charts.bars("c", "T", [], [], "Answers"))
