"""Tables: what a file says of itself, and which profiles its rows may tell."""

from __future__ import annotations

import csv
import io
import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from udata_culture_feedback.opendata.tables import (
    Column,
    Table,
    definitions,
    dictionary,
    told_profiles,
)

from ..cases import PluginTestCase
from ..frictionless import errors, needs_frictionless

TABLE = Table(
    "things",
    "Things",
    "One row for each thing.",
    (
        Column("text", "Text", lambda one: one.get("text")),
        Column("n", "Number", lambda one: one.get("n"), type="integer", least=0),
        Column("month", "Month", lambda one: one.get("month"), type="yearmonth"),
        Column(
            "kind",
            "Kind",
            lambda one: one.get("kind"),
            values=(("a", "First"), ("b-2", "Second")),
        ),
        Column(
            "kinds",
            "Kinds",
            lambda one: one.get("kinds"),
            values=(("a", "First"), ("b-2", "Second")),
            many=True,
        ),
        Column("yes", "Yes", lambda one: one.get("yes"), type="boolean"),
    ),
)

things = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40),
        "n": st.integers(0, 2**53),
        "month": st.dates().map(lambda day: f"{day:%Y-%m}"),
        "kind": st.sampled_from(["a", "b-2"]),
        "kinds": st.lists(st.sampled_from(["a", "b-2"]), unique=True),
        "yes": st.booleans(),
    },
)


def test_ten_rows_share_each_value_of_the_column_or_it_is_empty() -> None:
    """Every way in which up to three profiles and silence can be spread, around the bound."""
    sizes = (0, 1, 4, 5, 9, 10, 11, 20)
    for people in product(sizes, repeat=4):
        *spoken, silent = people
        groups = dict(zip("abc", spoken, strict=True))
        told = told_profiles(groups, sum(people))
        assert all(groups[one] >= 10 for one in told), groups
        empty = sum(people) - sum(groups[one] for one in told)
        # Who is behind an empty cell cannot be worked out from the figures of each profile.
        assert empty == 0 or empty >= 10 or not told, (groups, silent)


def test_nothing_is_hidden_for_nothing() -> None:
    assert told_profiles({"a": 10, "b": 12}, 22) == {"a", "b"}
    assert told_profiles({"a": 10, "b": 9}, 29) == {"a"}
    assert told_profiles({"a": 10, "b": 9}, 19) == set()
    assert told_profiles({"a": 9}, 9) == set()


class TablesTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def folder(self, plugin: None, tmp_path: Path) -> None:
        self.path = tmp_path

    def write(self, things: list[dict[str, Any]], name: str = "things.csv") -> Any:
        return TABLE.write(self.path / name, things)

    def read(self, name: str = "things.csv") -> list[dict[str, str]]:
        text = (self.path / name).read_bytes().decode()
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))

    def test_the_order_and_the_ids_of_rows_are_not_what_it_says(self):
        some = [{"text": "a"}, {"text": "b"}, {"text": "b"}]
        first, second = self.write(some), self.write(some[::-1], "again.csv")
        assert first == second
        assert (self.path / "things.csv").read_text() != (self.path / "again.csv").read_text()
        assert not {row["row"] for row in self.read()} & {
            row["row"] for row in self.read("again.csv")
        }

    def test_anything_else_is(self):
        some = [{"text": "a", "n": 1}, {"text": "b", "n": 2}]
        said = {
            self.write(others).digest
            for others in (
                some,
                some[:1],
                [*some, some[0]],
                [{"text": "a", "n": 2}, {"text": "b", "n": 1}],
                [{"text": "a", "n": 1}, {"text": "b"}],
                [],
            )
        }
        assert len(said) == 6

    def test_a_formula_becomes_a_text(self):
        self.write([{"text": "=1+1"}, {"text": "@A1"}, {"text": "-2"}])
        assert sorted(row["text"] for row in self.read()) == ["'-2", "'=1+1", "'@A1"]

    def test_it_reads_back_as_it_was_written(self):
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(things, max_size=5))
        def check(some: list[dict[str, Any]]) -> None:
            self.write(some)
            read = self.read()
            assert [row["n"] for row in read] == [str(one.get("n", "")) for one in some]
            assert [row["kinds"] for row in read] == [
                ",".join(one.get("kinds", [])) for one in some
            ]
            for row, one in zip(read, some, strict=True):
                text = one.get("text", "").replace("\0", "")
                assert row["text"] in (text, f"'{text}")

        check()

    def test_the_schema_names_the_columns_in_their_order(self):
        schema = TABLE.schema()
        assert [field["name"] for field in schema["fields"]] == TABLE.header
        assert schema["primaryKey"] == ["row"]
        by_name = {field["name"]: field for field in schema["fields"]}
        assert by_name["kind"]["constraints"]["enum"] == ["a", "b-2"]
        assert by_name["n"]["constraints"] == {"minimum": 0}

    def test_the_dictionary_tells_every_column_and_every_value(self):
        rows = list(definitions([TABLE, dictionary()]))
        assert {(row[0], row[1]) for row in rows} == {
            *(("things.csv", name) for name in TABLE.header),
            *(("dictionary.csv", name) for name in dictionary().header),
        }
        assert [row[5:] for row in rows if row[1] == "kind" and row[5]] == [
            ["a", "First"],
            ["b-2", "Second"],
        ]

    @needs_frictionless
    def test_frictionless_finds_nothing_wrong(self):
        self.write(
            [
                {"text": '=1;\n« deux »"', "n": 3, "month": "2023-01", "kind": "a", "yes": True},
                {"kinds": ["a", "b-2"], "yes": False},
            ]
        )
        schema = self.path / "things.schema.json"
        schema.write_text(json.dumps(TABLE.schema()))
        assert errors(self.path / "things.csv", schema) == []

    @needs_frictionless
    def test_and_finds_what_is(self):
        self.write([{"kind": "c", "kinds": ["a", "c"], "n": -1, "month": "January"}])
        schema = self.path / "things.schema.json"
        schema.write_text(json.dumps(TABLE.schema()))
        found = {error["fieldName"] for error in errors(self.path / "things.csv", schema)}
        assert found == {"kind", "kinds", "n", "month"}
