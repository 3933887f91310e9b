"""Build what surrounds whole pages: the menu, who is logged in, the languages.

What waits at each place is counted by rooms above this one: `app` registers a provider.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request, url_for
from udata.uris import cdata_url

from ..vocabulary import LANGUAGES
from .reader import Reader
from .urls import PREFIX, login_url

#: Names of languages as their speakers write them.
NAMES = {"fr": "Français", "en": "English"}


@dataclass(frozen=True)
class Place:
    """An entry of the menu. `path`: below our pages, or a whole address of the front-end.
    `waiting`: how much waits there for this person, None where nothing is counted. `work`: for
    people who look after data or texts, apart from what everybody sees."""

    label: str
    path: str
    waiting: int | None = None
    work: bool = False

    @property
    def address(self) -> str:
        if "://" in self.path:
            return self.path
        # In a panel the loader asks the server it comes from.
        alone = request.args.get("as") != "fragment"
        pretty = current_app.config["CULTURE_FEEDBACK_PAGES_URL"] if alone else None
        base = pretty.rstrip("/") if pretty else f"{request.script_root}{PREFIX}/pages"
        return f"{base}/{self.path}"

    @property
    def own(self) -> str:
        """The path of its page on udata."""
        return f"{PREFIX}/pages/{self.path}"


#: Takes the viewer, as `people.viewer` found them.
Provider = Callable[[Any], Sequence[Place]]

_providers: list[Provider] = []


def provide(provider: Provider) -> None:
    """Register the provider of the menu; the last one counts."""
    _providers[:] = [provider]


class Frame:
    """The layout around one page; its places are looked up when it is rendered."""

    def __init__(self, viewer: Reader):
        self.viewer = viewer

    @cached_property
    def places(self) -> list[Place]:
        return [place for provider in _providers for place in provider(self.viewer)]

    def current(self, place: Place) -> str:
        """Return the value of `aria-current`: "page" on the page itself, "true" on one below it and
        below no nearer place, else nothing. Every page is below the home, which says nothing of
        where one is: it is current only on itself."""
        around = [one for one in self.places if one.path and request.path.startswith(one.own)]
        if not place.path:
            return "page" if request.path == place.own else ""
        if not around or place is not max(around, key=lambda one: len(one.path)):
            return ""
        return "page" if request.path == place.own else "true"

    @property
    def waiting(self) -> int:
        """How much waits for this person in all places together."""
        return sum(place.waiting or 0 for place in self.places)

    @property
    def languages(self) -> list[tuple[str, str, str]]:
        """Code, name and address that chooses it, of each language."""
        offered = [code for code in LANGUAGES if code in current_app.config["LANGUAGES"]]
        choose = url_for("culture-feedback.choose_language")
        return [
            (code, NAMES.get(code, code), f"{choose}?{urlencode({'to': code, 'next': here()})}")
            for code in offered
        ]

    @property
    def datasets(self) -> str | None:
        """The front-end's list of datasets, if its address is known."""
        return cdata_url("/datasets")

    @property
    def login(self) -> str:
        return login_url(here())

    @property
    def logout(self) -> str:
        return url_for("security.logout")

    @property
    def logo(self) -> str | None:
        return current_app.config["CULTURE_FEEDBACK_LOGO_URL"]


def here() -> str:
    """Return the address of this page without its language, to come back to."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return request.path + (f"?{urlencode(kept)}" if kept else "")
