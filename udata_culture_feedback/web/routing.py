"""The rules of our addresses, added to udata's. Werkzeug writes and compiles two functions for each
rule, which build its address: a fifth of what the plugin would add to the start of each process.
Ours are made when the first address of a rule is built; most never are, since `addresses.py` and
`pages.page_address` write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from werkzeug.routing import Rule


class LateRule(Rule):
    """A rule that learns to build its address when it is first asked to. A version of Werkzeug
    that does not call this method makes what it makes of any rule."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = super()._compile_builder
        name = "_build_unknown" if append_unknown else "_build"

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            builder = compiled(append_unknown).__get__(rule, None)
            setattr(rule, name, builder)
            return builder(**values)

        return build


@contextmanager
def late_rules(app: Flask) -> Iterator[None]:
    """The rules that are added to the application meanwhile are late ones."""
    usual = app.url_rule_class
    app.url_rule_class = LateRule
    try:
        yield
    finally:
        app.url_rule_class = usual
