"""The search finds what it should, on labelled queries: bounds a little under what it reaches."""

from __future__ import annotations

import pytest

from ..cases import PluginTestCase
from .scoring import Query, ask, load_catalogue, read_queries, score


class ScoreTest(PluginTestCase):
    @pytest.fixture(autouse=True)
    def asked(self, plugin: None) -> None:
        self.queries = read_queries()
        ask(self.queries, load_catalogue())

    def of(self, name: str) -> list[Query]:
        return [query for query in self.queries if query.set == name]

    def test_what_is_asked_is_found_and_little_else(self):
        for name, false_alarms in (("first", 1), ("second", 6), ("third", 1)):
            reached = score(self.of(name))
            assert reached.recall >= 0.9, reached
            assert reached.precision >= 0.88, reached
            assert reached.mrr >= 0.9, reached
            assert reached.false_alarms <= false_alarms, reached

    def test_no_kind_of_query_is_left_out(self):
        asked = [query for query in self.queries if not query.is_nothing]
        for kind in {query.kind for query in asked}:
            reached = score([query for query in asked if query.kind == kind])
            assert reached.recall >= 0.75, (kind, reached)
